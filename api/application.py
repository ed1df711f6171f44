"""The Flask application: blueprints, headers, one error form."""

from importlib import import_module

from flask import Flask, Response

from api import audited, compression, errors, guard, interpreted, languages
from api.present import install_filters
from api.services import ApiSettings, Services

FACES = (  # modules whose blueprint `pages` is part of the application
    "audited",
    "campaigns",
    "catalogue",
    "charts",
    "commands",
    "consents",
    "contexts",
    "dumps",
    "enrolment",
    "graph_store",
    "health",
    "imports",
    "introspection",
    "language_choice",
    "linked_data",
    "map",
    "member",
    "member_comfort",
    "member_data",
    "member_history",
    "member_home",
    "member_money",
    "member_notices",
    "notices",
    "oauth",
    "onboarding_signing",
    "ontology_pages",
    "operator",
    "outlook",
    "paste",
    "privacy",
    "query_library",
    "refused",
    "registry_pages",
    "settlements",
    "sign_in",
    "sparql",
    "tables",
    "things",
    "update",
)
POLICY = "default-src 'self'; img-src 'self' data:; style-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'"


def create_app(settings: ApiSettings, services: Services) -> Flask:
    """Assemble the faces over the given services; reads nothing and starts nothing."""
    app = Flask("api", static_folder="static", template_folder="templates")
    app.config["MAX_CONTENT_LENGTH"] = settings.max_body_bytes
    app.extensions["flexcoop"] = services
    app.extensions["flexcoop.settings"] = settings
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
    for face in FACES:
        app.register_blueprint(import_module(f"api.{face}").pages)
    install_filters(app)
    errors.install(app)
    compression.install(app)
    guard.install(app)
    languages.install(app)
    interpreted.install(app)
    audited.install(app)
    app.after_request(_headers)
    return app


def _headers(answer: Response) -> Response:
    answer.headers.setdefault("Content-Security-Policy", POLICY)
    answer.headers.setdefault("X-Content-Type-Options", "nosniff")
    answer.headers.setdefault("Referrer-Policy", "same-origin")  # with no-referrer a browser sends its own forms as from nowhere
    return answer
