"""`/update`: SPARQL 1.1 Update for operators' tools, where `FLEX_UPDATE` is on, through the one gate of all edits.

References
----------
SPARQL 1.1 Protocol §2.2 (update by POST with a form, by POST as body).
"""

from flask import Blueprint, Response, jsonify, request

from api.errors import problem
from api.guard import principal, rule
from api.protocol import is_utf8, options, refuse, shared, too_long
from api.services import services
from kg.terms import instant
from registry.errors import RefusedEditError, UpdateError
from registry.updates import MOST_TEXT

pages = Blueprint("update", __name__)
ACCEPTED = "POST, OPTIONS"
FORM, DIRECT = "application/x-www-form-urlencoded", "application/sparql-update"


@pages.route("/update", methods=["POST"], provide_automatic_options=False, strict_slashes=False)
@rule.operator
def update() -> Response:
    """Carry out an Update: all of it, with who, when and why, or nothing."""
    known = services()
    if known.updates is None:
        return refuse(403, "Updates are switched off here; set FLEX_UPDATE=on, or edit graphs at /rdf-graph-store")
    if principal().via == "session":
        return refuse(403, "Updates are for tools, which send a token of an operator; sign-in with a browser is not enough")
    text = _given()
    if isinstance(text, Response):
        return text
    try:
        receipt = known.updates.run(
            text,
            by=principal().key,
            why=request.args.get("why") or "SPARQL Update",
            using=request.values.getlist("using-graph-uri"),
            using_named=request.values.getlist("using-named-graph-uri"),
        )
    except UpdateError as error:
        return refuse(error.status, str(error))
    except RefusedEditError as error:
        return problem(422, "The update would leave the graph wrong, so nothing was written.", sentences=list(error.sentences))
    answer = jsonify({"activity": receipt.activity, "at": instant(receipt.at), "deleted": receipt.deleted, "inserted": receipt.inserted})
    return shared(answer)


@pages.route("/update", methods=["OPTIONS"], strict_slashes=False)
@rule.anybody
def update_options() -> Response:
    """Say what this address takes."""
    return options(ACCEPTED)


def _given() -> str | Response:
    kind = request.mimetype
    if refused := too_long(MOST_TEXT):
        return refused
    if kind not in (FORM, DIRECT):
        return refuse(415, f"An update can't be sent as {kind or 'nothing'}; use {DIRECT} or a form")
    if not is_utf8():
        return refuse(415, "The update is not in UTF-8; encode it so, and say so")
    if kind == FORM:
        found = request.form.getlist("update")
        if len(found) != 1:
            return refuse(400, f"{len(found)} updates were given; send exactly one, as `update=`")
        return found[0]
    try:
        return request.get_data().decode("utf-8")
    except UnicodeDecodeError:
        return refuse(400, "The update is not UTF-8; encode it so")
