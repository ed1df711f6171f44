"""A member's rights over their data: everything in one file, and being forgotten (docs/privacy.md)."""

import tempfile
from typing import BinaryIO

from flask import Blueprint, Response, jsonify, render_template, request, send_file

from api import look_up
from api.audited import unseen
from api.errors import problem
from api.guard import rule
from api.languages import _
from api.representations import wanted
from api.services import services

pages = Blueprint("privacy", __name__)


@pages.get("/members/<key>/export")
@rule.member("key")
def export(key: str) -> Response:
    """Give everything that is held about a member, as a ZIP."""
    rights = services().rights
    if rights is None:
        return problem(409, _("This platform can't export members"))
    file: BinaryIO = tempfile.TemporaryFile()  # noqa: SIM115  (send_file closes it)
    rights.export(key, file)
    file.seek(0)
    answer = send_file(file, mimetype="application/zip", as_attachment=True, download_name=f"{key}.zip")
    answer.headers["Cache-Control"] = "no-store"
    return answer


@pages.get("/members/<key>/erase")
@rule.member("key")
def ask(key: str) -> Response:
    """Say what being forgotten means, and ask for the key as confirmation."""
    unseen()
    look_up.home(key)
    return Response(render_template("erase.html", key=key))


@pages.post("/members/<key>/erase")
@rule.member("key")
def erase(key: str) -> Response:
    """Forget a member; `confirm` is the key once more."""
    unseen()  # else the record would name again whom it was made to forget
    rights = services().rights
    if rights is None:
        return problem(409, _("This platform can't erase members"))
    given = request.get_json(silent=True) if request.is_json else request.form
    done = rights.erase(key, str((given or {}).get("confirm", "")))
    if wanted(("application/json", "text/html")) == "text/html":
        return Response(render_template("erased.html", key=key, done=done))
    return jsonify(done)
