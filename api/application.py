"""The Flask application: blueprints, headers, one error form."""

from flask import Flask, Response

from api import (
    audited,
    campaigns,
    catalogue,
    charts,
    commands,
    compression,
    consents,
    contexts,
    dumps,
    enrolment,
    errors,
    graph_store,
    guard,
    health,
    imports,
    introspection,
    language_choice,
    languages,
    linked_data,
    map,
    member,
    member_comfort,
    member_data,
    member_history,
    member_home,
    member_money,
    member_notices,
    notices,
    oauth,
    onboarding_signing,
    ontology_pages,
    operator,
    outlook,
    paste,
    privacy,
    query_library,
    refused,
    registry_pages,
    settlements,
    sign_in,
    sparql,
    tables,
    things,
    update,
)
from api.present import install_filters
from api.services import ApiSettings, Services

POLICY = "default-src 'self'; img-src 'self' data:; style-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'"


def create_app(settings: ApiSettings, services: Services) -> Flask:
    """Assemble the faces over the given services; reads nothing and starts nothing."""
    app = Flask("api", static_folder="static", template_folder="templates")
    app.config["MAX_CONTENT_LENGTH"] = settings.max_body_bytes
    app.extensions["flexcoop"] = services
    app.extensions["flexcoop.settings"] = settings
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
    for module in (
        operator,
        campaigns,
        map,
        outlook,
        settlements,
        member,
        member_comfort,
        member_data,
        member_history,
        member_home,
        member_money,
        member_notices,
        notices,
        privacy,
        charts,
        sparql,
        query_library,
        linked_data,
        introspection,
        commands,
        enrolment,
        health,
        refused,
        graph_store,
        update,
        catalogue,
        contexts,
        dumps,
        ontology_pages,
        sign_in,
        oauth,
        audited,
        consents,
        language_choice,
        tables,
        registry_pages,
        imports,
        paste,
        things,
        onboarding_signing,
    ):
        app.register_blueprint(module.pages)
    install_filters(app)
    errors.install(app)
    compression.install(app)
    guard.install(app)
    languages.install(app)
    audited.install(app)
    app.after_request(_headers)
    return app


def _headers(answer: Response) -> Response:
    answer.headers.setdefault("Content-Security-Policy", POLICY)
    answer.headers.setdefault("X-Content-Type-Options", "nosniff")
    answer.headers.setdefault("Referrer-Policy", "same-origin")  # with no-referrer a browser sends its own forms as from nowhere
    return answer
