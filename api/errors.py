"""One answer form for everything that goes wrong: `application/problem+json`, or the same words as a page.

References
----------
RFC 9457, Problem Details for HTTP APIs.
"""

import logging
import uuid
from typing import Any

from flask import Flask, Response, jsonify, render_template, request
from werkzeug.exceptions import HTTPException

from api.interpreted import interpreted
from api.languages import _, language, later
from kg.errors import QueryError, StoreError, StoreTimeoutError

log = logging.getLogger("flexcoop.api")

TITLES = {
    400: later("The request can't be understood"),
    401: later("Sign in first"),
    403: later("Not allowed"),
    404: later("There is no such thing here"),
    405: later("This address does not take that method"),
    406: later("None of the asked formats is available"),
    409: later("That can't be done in the present state"),
    410: later("It is gone"),
    412: later("Somebody else has changed it"),
    413: later("The answer or the request is too large"),
    415: later("This media type is not understood"),
    422: later("The data don't fit"),
    428: later("Say which version you saw"),
    429: later("Too often"),
    500: later("Something went wrong here"),
    501: later("That is not offered here"),
    503: later("Not possible right now"),
}
GENERAL = {  # what is said where nothing more is known
    400: later("The request can't be read; correct it and send it again"),
    404: later("There is nothing at this address; check how it is spelt"),
    405: later("This address takes other methods; they are named in the Allow header"),
    413: later("What was sent is larger than is taken at once; send it in parts"),
    415: later("What was sent is of a media type that is not taken here"),
}
# exception → status; the first that fits. ValueErrors of our packages carry sentences made for people.
STATUS: tuple[tuple[type[Exception], int], ...] = (
    (StoreTimeoutError, 503),
    (StoreError, 503),
    (QueryError, 400),
    (LookupError, 404),
    (ValueError, 422),
    (RuntimeError, 409),
)


OURS = frozenset(
    {
        "api",
        "kg",
        "sparql",
        "access",
        "registry",
        "forms",
        "notices",
        "privacy",
        "shapes",
        "mappers",
        "telemetry",
        "forecasting",
        "market",
        "optimiser",
        "settlement",
        "scenario",
        "commands",
        "service",
        "clockwork",
        "opening",
        "forgetting",
        "settings",
        "web",
    }
)


class NotFoundError(LookupError):
    """A page was asked for something the graph does not hold."""

    def __str__(self) -> str:
        """Show the sentence without the quotes that a KeyError adds."""
        return str(self.args[0]) if self.args else ""


def problem(status: int, detail: str, **more: Any) -> Response:  # noqa: ANN401  (extension members of RFC 9457 are any JSON)
    """Make the one form of an error: JSON, or a page for a browser. `instance` is also in the log."""
    instance = f"urn:uuid:{uuid.uuid4()}"
    log.info("%s %s → %s %s %s", request.method, request.path, status, instance, detail)
    title = _(TITLES.get(status, "Error"))
    wants_page = request.accept_mimetypes.best_match(["application/problem+json", "application/json", "text/html"]) == "text/html"
    if wants_page:
        page = Response(render_template("problem.html", status=status, title=title, detail=detail, instance=instance, more=more), status)
        page.headers["Vary"] = "Accept, Accept-Language, Cookie"
        return page
    answer = jsonify({"type": "about:blank", "title": title, "status": status, "detail": detail, "instance": instance, **more})
    answer.status_code, answer.mimetype = status, "application/problem+json"
    answer.headers["Vary"], answer.headers["Content-Language"] = "Accept, Accept-Language, Cookie", language()
    return answer


def install(app: Flask) -> None:
    """Answer every exception in the one form; internal text is logged, never shown."""

    @app.errorhandler(HTTPException)
    def _http(error: HTTPException) -> Response:
        answer = problem(error.code or 500, _reason(error))
        for name, value in error.get_headers():
            if name in ("Allow", "Retry-After"):
                answer.headers[name] = value
        return answer

    @app.errorhandler(Exception)
    def _any(error: Exception) -> Response:
        for kind, status in STATUS:
            if isinstance(error, kind) and _is_ours(error):
                return problem(status, interpreted(str(error)).text)
        log.error("unexpected error on %s", request.path, exc_info=error)
        return problem(500, _("The platform met an error it did not expect. It is in the log under the reference below."))


def _reason(error: HTTPException) -> str:
    """Say why in our own words where the framework says something general, as it does that in English."""
    general = error.description == type(error).description
    return _(GENERAL[error.code]) if general and error.code in GENERAL else error.description or ""


def _is_ours(error: Exception) -> bool:
    """Tell sentences of our packages from texts of libraries and of Python."""
    module = type(error).__module__.split(".")[0]
    return module in OURS
