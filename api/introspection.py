"""What this platform is made of: versions, settings, queries, shapes, and whether it works."""

import sys
from importlib import metadata
from pathlib import Path
from typing import Any

from flask import Blueprint, Response, current_app, jsonify, render_template, request

from access.principal import Role
from api.guard import principal, rule
from api.languages import _
from api.services import ApiSettings, services

pages = Blueprint("introspection", __name__)
PACKAGES = ("ontology", "access", "telemetry", "forecasting", "market", "optimiser", "settlement", "api")
LIBRARIES = ("pyoxigraph", "rdflib", "pyshacl", "flask", "highspy", "statsmodels", "pandas", "paho-mqtt")
ROOT = Path(__file__).resolve().parent.parent


def _shown(template: str, data: Any, **more: Any) -> Response:  # noqa: ANN401  (JSON)
    if request.accept_mimetypes.best_match(["application/json", "text/html"]) == "application/json":
        return jsonify(data)
    return Response(render_template(template, data=data, **more))


@pages.get("/-/")
@rule.operator
def index() -> Response:
    """List these pages."""
    rules = sorted({rule.rule for rule in current_app.url_map.iter_rules() if rule.rule.startswith("/-/") and not rule.arguments})
    return _shown("introspection.html", rules)


@pages.get("/-/versions")
@rule.operator
def versions() -> Response:
    """Show the versions of platform, Python and libraries."""
    found = {"flexcoop": metadata.version("flexcoop"), "python": sys.version.split()[0]}
    return _shown("table.html", found | {name: metadata.version(name) for name in LIBRARIES}, title=_("Versions"))


@pages.get("/-/settings")
@rule.operator
def settings() -> Response:
    """Show every setting, its value and what it does; secrets are hidden."""
    table: ApiSettings = current_app.extensions["flexcoop.settings"]
    rows = [{"name": name, "value": value, "default": default, "help": text} for name, value, default, text in table.shown_settings]
    return _shown("settings.html", rows)


@pages.get("/health")
@rule.anybody
def health() -> Response:
    """Say whether the platform works; to the operator, too, how its parts are and how far behind it is."""
    state = services().status()
    if principal().role is not Role.OPERATOR:
        state = {"ok": bool(state.get("ok", True))}
    answer = jsonify(state)
    answer.status_code = 200 if state.get("ok", True) else 503
    return answer
