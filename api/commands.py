"""`/api/commands/{verb}`: the same functions that the `flex` commands call, for a platform that runs already."""

from flask import Blueprint, Response, jsonify, request

from api.errors import NotFoundError, problem
from api.guard import principal, rule
from api.services import services

pages = Blueprint("commands", __name__)


@pages.get("/api/commands")
@rule.operator
def verbs() -> Response:
    """List the verbs."""
    return jsonify(sorted(services().commands))


@pages.post("/api/commands/<verb>")
@rule.operator
def run(verb: str) -> Response:
    """Run one verb with the JSON object in the body as its arguments, and `by`: the key of whoever asks, for the record of what it edits."""
    command = services().commands.get(verb)
    if command is None:
        raise NotFoundError(f"There is no command {verb!r}; there are {', '.join(sorted(services().commands))}")
    arguments = request.get_json(silent=True) if request.data else {}
    if not isinstance(arguments, dict):
        return problem(400, "The arguments of a command are one JSON object, sent with Content-Type: application/json")
    return jsonify(command({**arguments, "by": principal().key}))
