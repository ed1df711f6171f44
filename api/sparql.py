"""`/sparql`: the SPARQL 1.1 Protocol's query operation, read-only, within a deadline and caps, and what there is to know of it.

References
----------
SPARQL 1.1 Protocol §2.1 (query by GET, by POST with a form, by POST as body); SPARQL 1.1 Service Description §2.
"""

from dataclasses import dataclass
from typing import Any

from flask import Blueprint, Response, request

from access.principal import Role
from api import query_page
from api.guard import principal, rule, scope
from api.protocol import client, found, gone, is_utf8, options, refuse, shared, too_long, whole
from api.services import services
from sparql import description
from sparql.negotiation import GRAPHS, SOLUTIONS, choose

pages = Blueprint("sparql", __name__)
ACCEPTED = "GET, HEAD, POST, OPTIONS"
MOST_TEXT = 1 << 20
FORM, DIRECT = "application/x-www-form-urlencoded", "application/sparql-query"
_NO_QUERY = f"No query was given; send it as `query=` (GET or form), or as the body with Content-Type: {DIRECT}"
_NO_UPDATES = "This address answers queries only; updates are for operators, at /update"


@dataclass(frozen=True)
class Asked:
    """What a request asks: the query, the form of the answer, and the dataset where it names one."""

    query: str
    accept: str
    default_graphs: tuple[str, ...] | None
    named_graphs: tuple[str, ...] | None


@pages.route("/sparql", methods=["GET", "POST"], provide_automatic_options=False, strict_slashes=False)
@rule.anybody
def query() -> Response:
    """Answer a query; without one, show the form to a browser, and the Service Description to anybody else."""
    asked = _asked()
    if isinstance(asked, Response):
        return asked
    if asked is None:
        return _described()
    answer = services().endpoint.run(
        asked.query,
        asked.accept,
        scope=scope(),
        client=client(),
        default_graphs=asked.default_graphs,
        named_graphs=asked.named_graphs,
        gone=gone(),
    )
    return found(answer)


@pages.route("/sparql", methods=["OPTIONS"], strict_slashes=False)
@rule.anybody
def query_options() -> Response:
    """Say what this address takes."""
    return options(ACCEPTED)


def _asked() -> Asked | Response | None:
    if request.method != "POST" and "show" in request.args:
        return None  # the page alone, with the query in it
    accept = request.args.get("format") or request.headers.get("Accept") or "*/*"
    kind = request.mimetype
    if "update" in request.args:
        return refuse(400, _NO_UPDATES)
    if request.method != "POST":
        return _one(request.args.getlist("query"), accept, request.args)
    if refused := too_long(MOST_TEXT):
        return refused
    if kind == "application/sparql-update":
        return refuse(400, _NO_UPDATES)
    if kind not in (FORM, DIRECT):
        return refuse(415, f"A query can't be sent as {kind or 'nothing'}; use {DIRECT} or a form")
    if not is_utf8():
        return refuse(415, "The query is not in UTF-8; encode it so, and say so")
    if kind == FORM:
        if "update" in request.form:
            return refuse(400, _NO_UPDATES)
        asked = _one(request.form.getlist("query"), request.form.get("format") or accept, request.values)
    else:
        try:
            text = request.get_data().decode("utf-8")
        except UnicodeDecodeError:
            return refuse(400, "The query is not UTF-8; encode it so")
        asked = _one([text, *request.args.getlist("query")], accept, request.args)
    return asked or refuse(400, _NO_QUERY)


def _one(queries: list[str], accept: str, given: Any) -> Asked | Response | None:  # noqa: ANN401 - a MultiDict
    if len(queries) > 1:
        return refuse(400, f"{len(queries)} queries were given; send exactly one")
    if not queries:
        return None
    if len(queries[0]) > MOST_TEXT:
        return refuse(413, f"The query has {len(queries[0])} characters, more than the {MOST_TEXT} that are read; shorten it")
    default, named = given.getlist("default-graph-uri"), given.getlist("named-graph-uri")
    stated = bool(default or named)  # one of them makes a dataset, in which the other is empty
    return Asked(queries[0], accept, tuple(default) if stated else None, tuple(named) if stated else None)


def _described() -> Response:
    """Answer a request without query."""
    offered = (*GRAPHS, "text/html")
    accept = request.args.get("format") or request.headers.get("Accept") or "*/*"
    media = choose(accept, offered)
    if media == "text/html":
        return shared(query_page.page())
    if media is None and choose(accept, SOLUTIONS) is not None:
        return refuse(400, _NO_QUERY)
    if media is None:
        return refuse(406, f"Without a query this address describes itself, as {', '.join(offered)}, but {accept} was asked for")
    known = services()
    visible = [graph for graph in known.store.graphs() if scope().allows(graph)]
    updatable = known.updates is not None and principal().role is Role.OPERATOR
    body = description.written(description.of(known.iris.base, visible, updates=updatable), media)
    return whole(body, f"{media}; charset=utf-8" if media.startswith("text/") else media)
