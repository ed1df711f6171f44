"""`/sparql`: the SPARQL 1.1 Protocol's query operation, read-only, within a deadline and caps.

References
----------
SPARQL 1.1 Protocol §2.1 (GET, POST with a form, POST with the query as body).
"""

from email.utils import format_datetime

from flask import Blueprint, Response, make_response, render_template, request

from api.errors import problem
from api.introspection import published_queries
from api.services import services

pages = Blueprint("sparql", __name__)
ACCEPTED = "GET, HEAD, POST, OPTIONS"


@pages.route("/sparql", methods=["GET", "POST"])
def query() -> Response:
    """Answer a query, or show the form to a browser that brings none."""
    for name in ("default-graph-uri", "named-graph-uri"):
        if name in request.args or name in request.form:
            return _cors(problem(400, f"{name} is not supported yet; name the dataset in the query, with FROM or GRAPH"))
    given = _given_query()
    if isinstance(given, Response):
        return given
    text, asked = given
    if text is None:
        if request.method == "GET" and "text/html" in request.headers.get("Accept", ""):
            return make_response(render_template("sparql.html", queries=published_queries()))
        return problem(
            400, "No query was given; send it as `query=` (GET or form), or as the body with Content-Type: application/sparql-query"
        )
    answer = services().endpoint.run(text, asked)
    if answer.status != 200:
        return _cors(problem(answer.status, answer.body.decode()))
    reply = Response(answer.body, 200, content_type=answer.media_type)
    if answer.as_of is not None:
        reply.headers["Last-Modified"] = format_datetime(answer.as_of, usegmt=True)
    reply.headers["Vary"] = "Accept"
    return _cors(reply)


def _given_query() -> tuple[str | None, str] | Response:
    """Find the query text and the wanted media type, or the refusal."""
    accept = request.args.get("format") or request.headers.get("Accept") or "*/*"
    if request.method != "POST":
        many = request.args.getlist("query")
        if "update" in request.args:
            return problem(400, "This address answers queries only; it takes no update")
        if len(many) > 1:
            return problem(400, f"{len(many)} queries were given; send exactly one")
        return (many[0] if many else None), accept
    kind = request.mimetype
    if kind == "application/x-www-form-urlencoded":
        if "update" in request.form:
            return problem(400, "This address answers queries only; it takes no update")
        many = request.form.getlist("query")
        if len(many) > 1:
            return problem(400, f"{len(many)} queries were given; send exactly one")
        return (many[0] if many else None), request.form.get("format") or accept
    if kind == "application/sparql-query":
        try:
            return request.get_data().decode("utf-8"), accept
        except UnicodeDecodeError:
            return problem(400, "The query is not UTF-8; encode it so")
    if kind == "application/sparql-update":
        return problem(400, "This address answers queries only; it takes no update")
    return problem(415, f"A query can't be sent as {kind or 'nothing'}; use application/sparql-query or a form")


def _cors(answer: Response) -> Response:
    """Let pages of partners read answers; there are no cookies that a foreign page could borrow."""
    answer.headers["Access-Control-Allow-Origin"] = "*"
    return answer
