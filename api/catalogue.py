"""The catalogue at `/catalogue` and `/.well-known/void`: which datasets there are for whoever asks, and how large they are."""

from collections.abc import Callable
from datetime import datetime
from functools import partial
from math import inf

from flask import Blueprint, Response, render_template
from pyoxigraph import Triple

from access import layout
from access.principal import PUBLIC, Principal
from api import dumps, representations, visible
from api.datasets import shown
from api.dcat import Entry, catalogue, is_public
from api.figures import Counts, Figures, counts
from api.guard import principal, rule
from api.languages import language
from api.linked_data import link
from api.representations import HTML, QUADS, TRIPLES, open_to_pages
from api.services import Services, services
from api.terms import curie, vocabulary
from kg import queries
from kg.iris import Iris
from kg.store import Store

pages = Blueprint("catalogue", __name__)
open_to_pages(pages)
SHOWN_CLASSES = 8
Count = Callable[[Store, list[str], datetime], Figures]


@pages.get("/catalogue")
@rule.anybody
def page() -> Response:
    """List the datasets that whoever asks may see, for people or for programs."""
    offered = (*TRIPLES, *QUADS, HTML)
    if (media_type := representations.wanted(offered)) != HTML:
        return _rdf(media_type)
    data = {"entries": _entries(services()), "base": services().iris.base, "shown": SHOWN_CLASSES}
    text = render_template("catalogue.html", link=link, curie=curie, terms=vocabulary().terms, **data)
    answer = Response(text, content_type=representations.content_type(HTML))
    answer.headers["Content-Language"] = language()
    return representations.finish(answer)


@pages.get("/.well-known/void")
@rule.anybody
def void() -> Response:
    """Describe the datasets for programs (VoID and DCAT-AP): always RDF, Turtle unless asked otherwise."""
    return _rdf(representations.wanted((*TRIPLES, *QUADS)))


def publish(store: Store, iris: Iris, now: datetime) -> int:
    """Write what everybody may know into the graph `catalogue`, for those who ask by SPARQL; returns the number of triples.

    Everything is counted now, however long it takes, so that equal data make an equal catalogue.

    Raises
    ------
    StoreError
        If the store refuses it; the former catalogue stays.
    """
    allows = layout.public(iris).allows
    seen = [graph for graph in store.graphs() if allows(graph)]
    entries = [each for each in described(store, iris, seen, now, PUBLIC, partial(Counts().of, spent_s=inf)) if is_public(each)]
    triples: list[Triple] = [quad.triple for quad in catalogue(iris, entries, now)]
    store.replace_graph(iris.graph("catalogue"), triples)
    return len(triples)


def described(store: Store, iris: Iris, seen: list[str], now: datetime, to: Principal, count: Count | None = None) -> list[Entry]:
    """The datasets that there are for somebody who may see these named graphs; counted as far as is quick, unless another way is given."""
    count = count or counts(store).of
    stated = {row["dataset"]: row["licence"] for row in queries.rows(store, queries.load("api", "licences"), graph=iris.graph("registry"))}
    found = []
    for dataset, graphs in shown(iris, seen).values():
        figures = count(store, graphs, now)
        licence = stated.get(dataset.iri(iris), dataset.licence)
        found.append(Entry(dataset, dataset.titled(to), tuple(graphs), figures, licence, _example(store, graphs), {}))
    return found


def _entries(known: Services) -> list[Entry]:
    found = described(known.store, known.iris, visible.graphs(), known.now(), principal())
    return [Entry(**{**vars(each), "sizes": dumps.sizes(each.dataset.key, each.graphs)}) for each in found]


def _example(store: Store, graphs: list[str]) -> str | None:
    rows = queries.rows(store, queries.load("api", "example_thing"), graph=graphs[0]) if graphs else []
    return str(rows[0]["thing"]) if rows else None


def _rdf(media_type: str) -> Response:
    known = services()
    return representations.finish(representations.rdf(catalogue(known.iris, _entries(known), known.now()), media_type))
