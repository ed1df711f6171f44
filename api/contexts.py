"""The JSON-LD contexts at addresses that never change: a new meaning gets a new version, so each may be kept for ever."""

from importlib.resources import files

from flask import Blueprint, Response

from api import representations
from api.errors import NotFoundError
from api.guard import rule
from api.representations import open_to_pages

pages = Blueprint("contexts", __name__)
open_to_pages(pages)
FOR_EVER = "public, max-age=31536000, immutable"


def names() -> list[str]:
    """The contexts that are bundled: `v1.jsonld` …, the oldest first."""
    return sorted(file.name for file in files("mappers").joinpath("contexts").iterdir() if file.name.endswith(".jsonld"))


@pages.get("/context/<name>")
@rule.anybody
def context(name: str) -> Response:
    """One context; https://w3id.org/flexcoop/context/{name} leads here."""
    if name not in names():
        raise NotFoundError(f"There is no context {name!r}; there are {', '.join(names())}")
    answer = Response(files("mappers").joinpath("contexts", name).read_bytes(), content_type="application/ld+json")
    answer.headers["Cache-Control"] = FOR_EVER
    return representations.finish(answer, shared=True, forms=())
