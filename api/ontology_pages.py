"""The vocabulary and the shapes for people and programs: pages made from the Turtle, and the Turtle itself.

Our terms are named https://w3id.org/flexcoop/…, on a host of redirects; these addresses are where the redirects lead
(docs/linked-data.md has the rules).
"""

from collections.abc import Iterable, Sequence

from flask import Blueprint, Response, render_template
from pyoxigraph import DefaultGraph, Quad

from api import representations
from api.errors import NotFoundError
from api.guard import rule
from api.languages import _, language
from api.linked_data import link
from api.representations import HTML, TRIPLES, open_to_pages
from api.shape_tables import shape_files
from api.terms import ALTOGETHER, NS, Module, Term, curie, vocabulary

pages = Blueprint("ontology_pages", __name__)
open_to_pages(pages)
OFFERED = (*TRIPLES, HTML)
AN_HOUR = "public, max-age=3600"


@pages.get("/ontology")
@rule.anybody
def ontology() -> Response:
    """All modules together: as RDF, or as a page with the terms in the namespace of the platform."""
    return _whole()


@pages.get("/ontology/<name>")
@rule.anybody
def module(name: str) -> Response:
    """One module (`core`, `vocab` …), or the whole by its version (`0.1.0`)."""
    if name == vocabulary().version:
        return _whole()
    return _one(_module(name))


@pages.get("/ontology/<version>/<name>")
@rule.anybody
def module_of_version(version: str, name: str) -> Response:
    """One module by its version: `/ontology/0.1.0/core`, and as its version IRI has it, `/ontology/core/0.1.0`."""
    if version in vocabulary().modules:
        version, name = name, version
    found = _module(name)
    if found.version != version:
        raise NotFoundError(
            _(
                "Version %(version)s of the module %(name)s is not kept here; this platform has %(there)s",
                version=version,
                name=name,
                there=found.version,
            )
        )
    return _one(found)


@pages.get("/shapes")
@rule.anybody
def shapes() -> Response:
    """All shapes: as RDF, or as tables."""
    files = shape_files()
    if (media_type := representations.wanted(OFFERED)) != HTML:
        return _rdf([quad for each in files.values() for quad in each.quads], media_type)
    return _page("shapes.html", files=list(files.values()), one=None)


@pages.get("/shapes/<name>")
@rule.anybody
def shapes_of(name: str) -> Response:
    """The shapes of one thing."""
    found = shape_files().get(name)
    if found is None:
        raise NotFoundError(_("There are no shapes for %(text)s; all of them are at /shapes", text=repr(name)))
    if (media_type := representations.wanted(OFFERED)) != HTML:
        return _source(found.source) if media_type == "text/turtle" else _rdf(found.quads, media_type)
    return _page("shapes.html", files=[found], one=found)


def _module(name: str) -> Module:
    found = vocabulary().modules.get(name)
    if found is None:
        known = ", ".join(vocabulary().modules)
        raise NotFoundError(
            _(
                "There is no module or version %(text)s of the ontology here; there are %(known)s in %(version)s",
                text=repr(name),
                known=known,
                version=vocabulary().version,
            )
        )
    return found


def _whole() -> Response:
    media_type = representations.wanted(OFFERED)
    if media_type != HTML:
        return _rdf([quad for each in vocabulary().modules.values() for quad in each.quads], media_type)
    terms = [term for name in vocabulary().modules for term in vocabulary().of(name) if term.iri.startswith(NS)]
    lists = [term for term in vocabulary().of("vocab") if term.kind == "List"]
    return _page("ontology.html", module=vocabulary().modules[ALTOGETHER], groups=_groups(terms), lists=lists, whole=True)


def _one(found: Module) -> Response:
    media_type = representations.wanted(OFFERED)
    if media_type != HTML:
        return _source(found.source) if media_type == "text/turtle" else _rdf(found.quads, media_type)
    return _page("ontology.html", module=found, groups=_groups(vocabulary().of(found.name)), lists=[], whole=False)


def _groups(terms: Iterable[Term]) -> dict[str, list[Term]]:
    grouped: dict[str, list[Term]] = {}
    for term in sorted(terms, key=lambda each: each.anchor.lower()):
        grouped.setdefault(term.kind, []).append(term)
    order = ("Class", "Object property", "Datatype property", "Property", "Annotation property", "List", "Concept")
    return {kind: grouped[kind] for kind in sorted(grouped, key=lambda kind: order.index(kind) if kind in order else len(order))}


def _rdf(quads: Sequence[Quad], media_type: str) -> Response:
    """Triples without the graph that nobody named."""
    plain = [Quad(quad.subject, quad.predicate, quad.object, DefaultGraph()) for quad in quads]
    return _shared(representations.rdf(plain, media_type))


def _source(text: bytes) -> Response:
    """The file as it was written, with its comments and order."""
    return _shared(Response(text, content_type=representations.content_type("text/turtle")))


def _page(template: str, **data: object) -> Response:
    known = vocabulary()
    text = render_template(template, vocabulary=known, link=link, curie=curie, **data)
    answer = Response(text, content_type=representations.content_type(HTML))
    answer.headers["Content-Language"] = language()
    return representations.finish(answer)  # the page's head may name the reader: not for everybody's cache


def _shared(answer: Response) -> Response:
    answer.headers["Cache-Control"] = AN_HOUR
    return representations.finish(answer, shared=True)
