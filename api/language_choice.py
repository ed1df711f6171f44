"""The switch of the language, which this browser keeps."""

from flask import Blueprint, redirect, request
from werkzeug.wrappers import Response as BaseResponse

from api.guard import is_https, local_path, rule
from api.languages import COOKIE, LANGUAGES

pages = Blueprint("languages", __name__)
_A_YEAR_S = 365 * 24 * 3600


@pages.get("/language/<code>")
@rule.anybody
def choose(code: str) -> BaseResponse:
    """Keep a language for this browser, and go back to where it was chosen."""
    answer = redirect(local_path(request.args.get("next")), code=303)
    if code in LANGUAGES:
        answer.set_cookie(COOKIE, code, max_age=_A_YEAR_S, secure=is_https(), httponly=True, samesite="Lax")
    return answer
