"""The Flask application: blueprints, headers, one error form."""

from urllib.parse import urlsplit

from flask import Flask, Response, abort, request

from api import charts, commands, enrolment, errors, health, introspection, linked_data, member, operator, refused, sparql
from api.present import install_filters
from api.services import ApiSettings, Services

POLICY = "default-src 'self'; img-src 'self' data:; style-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'"
LOOPBACK = {"127.0.0.1", "localhost", "[::1]"}


def create_app(settings: ApiSettings, services: Services) -> Flask:
    """Assemble the faces over the given services; reads nothing and starts nothing."""
    app = Flask("api", static_folder="static", template_folder="templates")
    app.config["MAX_CONTENT_LENGTH"] = settings.max_body_bytes
    app.extensions["flexcoop"] = services
    app.extensions["flexcoop.settings"] = settings
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
    for module in (operator, member, charts, sparql, linked_data, introspection, commands, enrolment, health, refused):
        app.register_blueprint(module.pages)
    install_filters(app)
    errors.install(app)
    app.before_request(_only_from_here)
    app.after_request(_headers)
    return app


def _only_from_here() -> None:
    """Refuse what a foreign page or a rebound DNS name would send to this loopback address."""
    host = urlsplit(f"//{request.host}").hostname or ""
    if host not in LOOPBACK and f"[{host}]" not in LOOPBACK:
        abort(403, f"This platform answers on loopback only, not as {request.host}; open it as http://127.0.0.1")
    if request.method not in ("GET", "HEAD", "OPTIONS") and request.endpoint != "sparql.query":
        origin = request.headers.get("Origin")
        if (origin and urlsplit(origin).netloc != request.host) or request.headers.get("Sec-Fetch-Site") in ("cross-site", "same-site"):
            abort(403, f"A form of {origin or 'another site'} may not change anything here; use the form on this platform's own page")


def _headers(answer: Response) -> Response:
    answer.headers.setdefault("Content-Security-Policy", POLICY)
    answer.headers.setdefault("X-Content-Type-Options", "nosniff")
    answer.headers.setdefault("Referrer-Policy", "same-origin")  # with no-referrer a browser sends its own forms as from nowhere
    return answer
