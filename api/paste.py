"""RDF that experts paste: what it would change is shown thing by thing, and written when that is confirmed."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass

from flask import Blueprint, Response, make_response, redirect, render_template, request
from pyoxigraph import BlankNode, DefaultGraph, NamedNode, Quad
from werkzeug.wrappers import Response as BaseResponse

from api import look_up
from api.guard import principal, rule
from api.languages import _, language
from api.services import services
from kg.terms import canonical, iri
from registry.edits import Delta
from registry.errors import RefusedEditError
from registry.gate import Gate
from shapes import sentences
from sparql.intake import Intake, RefusedRdfError

pages = Blueprint("paste", __name__)
SYNTAXES = {
    "text/turtle": "Turtle",
    "application/trig": "TriG",
    "application/ld+json": "JSON-LD",
    "application/n-quads": "N-Quads",
}
DATASETS = ("application/trig", "application/n-quads")
ADD, REPLACE = "add", "replace"
LONGEST = 1 << 20
MOST_SHOWN = 400


@dataclass(frozen=True)
class Part:
    """What changes of one thing in one graph."""

    thing: str
    graph: str
    removed: tuple[Quad, ...]
    added: tuple[Quad, ...]


@dataclass(frozen=True)
class Sent:
    """What was pasted, as it was sent."""

    text: str = ""
    syntax: str = "text/turtle"
    graph: str = "registry"
    mode: str = ADD
    why: str = ""


@pages.get("/registry/paste")
@rule.operator
def ask() -> Response:
    """Ask for RDF, the graph it belongs to, and whether it is added or takes the place of what is said."""
    return _page(Sent())


@pages.post("/registry/paste")
@rule.operator
def paste() -> BaseResponse:
    """Show what pasted RDF would change; with the tag of what was shown, write it."""
    sent = _sent()
    known = services()
    if known.gate is None or known.intake is None:
        return _page(sent, error=_("This platform only reads; start it with `flex serve`."))
    try:
        delta = _delta(sent, known.gate, known.intake)
    except (RefusedRdfError, RefusedEditError, ValueError) as error:
        return _page(sent, error=str(error))
    tag = _tag(delta)
    if request.form.get("tag", "") != tag or not (delta.delete or delta.insert):
        changed = _("Something has changed since this was shown; look at it again.") if request.form.get("tag") else ""
        return _page(sent, delta, tag, error=changed)
    try:
        receipt = known.gate.apply(delta, by=principal().key, why=sent.why or "pasted RDF")
    except RefusedEditError as error:
        told = [sentences.for_people(each, language()) for each in error.findings] or list(error.sentences)
        return _page(sent, delta, tag, told=told)
    return redirect(f"/registry/paste?written={receipt.inserted}&removed={receipt.deleted}", code=303)


def _sent() -> Sent:
    form = request.form
    syntax, mode = form.get("syntax", ""), form.get("mode", "")
    return Sent(
        form.get("text", "").replace("\r\n", "\n")[: LONGEST + 1],
        syntax if syntax in SYNTAXES else "text/turtle",
        form.get("graph", "").strip().strip("/")[:300] or "registry",
        mode if mode in (ADD, REPLACE) else ADD,
        form.get("why", "").strip()[:500],
    )


def _delta(sent: Sent, gate: Gate, intake: Intake) -> Delta:
    """What changes if this is written.

    Raises
    ------
    RefusedRdfError
        If it can't be read.
    RefusedEditError
        If it is for a graph that is not edited.
    ValueError
        If the graph's name is none.
    """
    known = services()
    if len(sent.text) > LONGEST:
        raise RefusedRdfError(413, _("The text is longer than is taken at once; send it in parts, or as a file to /rdf-graph-store."))
    quads = intake.read(sent.text.encode(), sent.syntax, base=f"{known.iris.base}/id/")
    place = iri(sent.graph if sent.graph.startswith(("http://", "https://")) else known.iris.graph(sent.graph))
    wanted = {_spelt(quad, place) for quad in quads}
    refused = [told for graph in sorted({_name(quad) for quad in wanted}) if (told := gate.refusal(graph))]
    if refused:
        raise RefusedEditError(refused)
    there = {
        Quad(each.subject, each.predicate, each.object, NamedNode(graph))
        for graph in {_name(quad) for quad in wanted}
        for each in known.store.graph(graph)
    }
    about = {(_thing(quad), _name(quad)) for quad in wanted}
    gone = {quad for quad in there - wanted if (_thing(quad), _name(quad)) in about} if sent.mode == REPLACE else set()
    return Delta(frozenset(gone), frozenset(wanted - there))


def _spelt(quad: Quad, place: NamedNode) -> Quad:
    graph = place if isinstance(quad.graph_name, DefaultGraph) else quad.graph_name
    return Quad(quad.subject, quad.predicate, canonical(quad.object), graph)  # type: ignore[arg-type]  # the intake lets no quoted triples in


def _name(quad: Quad) -> str:
    return str(getattr(quad.graph_name, "value", ""))


def _thing(quad: Quad) -> str:
    """What a statement is about; of a part the whole."""
    return quad.subject.value.partition("#")[0] if isinstance(quad.subject, NamedNode) else "_:"


def _tag(delta: Delta) -> str:
    """Name a change; blank nodes are named anew each time that they are read, so their names don't count."""
    found = hashlib.sha256()
    for sign, quads in (("-", delta.delete), ("+", delta.insert)):
        for line in sorted(" ".join("_:" if isinstance(term, BlankNode) else str(term) for term in _terms(quad)) for quad in quads):
            found.update(f"{sign}{line}\n".encode())
    return found.hexdigest()[:32]


def _terms(quad: Quad) -> tuple[object, ...]:
    return quad.subject, quad.predicate, quad.object, quad.graph_name


def _parts(delta: Delta) -> list[Part]:
    names = sorted({(_thing(quad), _name(quad)) for quad in delta.delete | delta.insert})

    def of(quads: Iterable[Quad], name: tuple[str, str]) -> tuple[Quad, ...]:
        return tuple(sorted((quad for quad in quads if (_thing(quad), _name(quad)) == name), key=str))

    return [Part(*name, of(delta.delete, name), of(delta.insert, name)) for name in names[:MOST_SHOWN]]


def _page(sent: Sent, delta: Delta | None = None, tag: str = "", error: str = "", told: Iterable[str] = ()) -> Response:
    page = render_template(
        "paste.html",
        sent=sent,
        syntaxes=SYNTAXES,
        delta=delta,
        parts=_parts(delta) if delta is not None else [],
        tag=tag,
        error=error,
        told=list(told),
        written=request.args.get("written", type=int),
        removed=request.args.get("removed", type=int),
        part_of=lambda quad: quad.subject.value.partition("#")[2] if isinstance(quad.subject, NamedNode) else "",
        zone=look_up.zone(),
    )
    return make_response(page, 422 if error or told else 200)
