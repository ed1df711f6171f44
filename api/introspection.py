"""What this platform is made of: versions, settings, queries, shapes, and whether it works."""

import sys
from dataclasses import dataclass
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

from flask import Blueprint, Response, current_app, jsonify, render_template, request

import kg.queries
from api.errors import NotFoundError
from api.services import ApiSettings, services

pages = Blueprint("introspection", __name__)
PACKAGES = ("ontology", "telemetry", "forecasting", "market", "optimiser", "settlement", "api")
LIBRARIES = ("pyoxigraph", "rdflib", "pyshacl", "flask", "highspy", "statsmodels", "pandas", "paho-mqtt")
ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class Published:
    """A query file that people may read and run."""

    name: str
    summary: str
    text: str


@cache
def published_queries() -> tuple[Published, ...]:
    """Every `.rq` file of the platform, by package."""
    found = []
    for package in PACKAGES:
        for file in sorted((ROOT / package / "queries").glob("*.rq")):
            query = kg.queries.load(package, file.stem)
            summary = query.header.partition("summary:")[2].splitlines()
            found.append(Published(query.name, summary[0].strip() if summary else "", query.text))
    return tuple(found)


def _shown(template: str, data: Any, **more: Any) -> Response:  # noqa: ANN401  (JSON)
    if request.accept_mimetypes.best_match(["application/json", "text/html"]) == "application/json":
        return jsonify(data)
    return Response(render_template(template, data=data, **more))


@pages.get("/-/")
def index() -> Response:
    """List these pages."""
    rules = sorted({rule.rule for rule in current_app.url_map.iter_rules() if rule.rule.startswith("/-/") and not rule.arguments})
    return _shown("introspection.html", rules)


@pages.get("/-/versions")
def versions() -> Response:
    """Show the versions of platform, Python and libraries."""
    found = {"flexcoop": metadata.version("flexcoop"), "python": sys.version.split()[0]}
    return _shown("table.html", found | {name: metadata.version(name) for name in LIBRARIES}, title="Versions")


@pages.get("/-/settings")
def settings() -> Response:
    """Show every setting, its value and what it does; secrets are hidden."""
    table: ApiSettings = current_app.extensions["flexcoop.settings"]
    rows = [{"name": name, "value": value, "default": default, "help": text} for name, value, default, text in table.shown_settings]
    return _shown("settings.html", rows)


@pages.get("/-/queries")
def queries() -> Response:
    """List the published queries."""
    return _shown("queries.html", [{"name": query.name, "summary": query.summary, "text": query.text} for query in published_queries()])


@pages.get("/-/queries/<package>/<name>")
def query(package: str, name: str) -> Response:
    """Give one query's text, ready to be sent to the endpoint."""
    for found in published_queries():
        if found.name == f"{package}/{name}":
            return Response(found.text, content_type="application/sparql-query; charset=utf-8")
    raise NotFoundError(f"There is no query {package}/{name}; the list is at /-/queries")


@pages.get("/health")
def health() -> Response:
    """Say whether the platform works: its parts and how far behind it is."""
    state = services().status()
    answer = jsonify(state)
    answer.status_code = 200 if state.get("ok", True) else 503
    return answer
