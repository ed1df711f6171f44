"""Linked data: every IRI that the platform mints dereferences, 303 to its document, as RDF or as a page.

Whoever asks is told what they may see (`api.guard.scope`) and nothing else: of a thing that lies in graphs they may not see,
there is no document, in the same words as of one that does not exist.

References
----------
Cool URIs for the Semantic Web, W3C Interest Group Note, §4.2 (303 redirects to the document).
"""

from typing import Any
from urllib.parse import quote, urlencode

from flask import Blueprint, Response, redirect, render_template, request
from pyoxigraph import Literal, NamedNode, Quad
from werkzeug.wrappers import Response as BaseResponse

from api import about, observed, representations, visible
from api.charts import chart
from api.errors import NotFoundError
from api.guard import rule
from api.history_of import History, history
from api.languages import _, language
from api.representations import HTML, QUADS, TRIPLES, open_to_pages
from api.services import services
from api.terms import NS, SHAPES, SLOTS, VOCAB, curie, vocabulary
from kg.terms import iri as checked_iri
from ontology.names import FC, RDFS, SKOS, SLOT

pages = Blueprint("linked_data", __name__)
open_to_pages(pages)
OFFERED = (*TRIPLES, *QUADS, HTML)
SHOWN_SUBJECTS = 100
_LABEL = (str(RDFS.label), str(SKOS.prefLabel))


@pages.get("/id/<path:local>")
@rule.anybody
def thing(local: str) -> BaseResponse:
    """Send on from a thing to the document about it, whether or not there is one."""
    return redirect(f"/doc/{quote(local)}{_question()}", code=303)


@pages.get("/graph/<path:local>")
@rule.anybody
def named_graph(local: str) -> BaseResponse:
    """Send on from a named graph to its content, or to a page about it."""
    iri = _seen_graph(local)
    if representations.wanted(OFFERED) == HTML:
        return redirect(f"/doc/graph/{quote(local)}", code=303)
    return redirect(f"/rdf-graph-store?{urlencode({'graph': iri})}", code=303)


@pages.get("/doc/graph/<path:local>")
@rule.anybody
def graph_document(local: str) -> BaseResponse:
    """Show what a named graph holds: how much, of which classes, about which things."""
    iri = _seen_graph(local)
    if representations.wanted(OFFERED) != HTML:
        return redirect(f"/rdf-graph-store?{urlencode({'graph': iri})}", code=303)
    classes = visible.rows("graph_classes", graph=iri)
    subjects = visible.rows("graph_subjects", graph=iri)
    named = {row["class"] for row in classes} | {row["subject"] for row in subjects}
    return _finished(
        render_template(
            "graph.html",
            iri=iri,
            classes=classes,
            triples=sum(row["count"] for row in visible.rows("graph_size", graph=iri)),
            subjects=subjects[:SHOWN_SUBJECTS],
            more=len(subjects) > SHOWN_SUBJECTS,
            labels=about.labels(named, language()),
            store="/rdf-graph-store?" + urlencode({"graph": iri}),
            link=link,
        )
    )


@pages.get("/doc/<path:local>")
@rule.anybody
def document(local: str) -> Response:
    """Give the document about a thing, in the format asked for."""
    # who can read triples at all gets them: with the names of our graphs, a client's default graph would be empty
    named = any(each in request.headers.get("Accept", "") for each in TRIPLES)
    media_type = representations.wanted((*TRIPLES, HTML) if named and "format" not in request.args else OFFERED)
    iri = _minted(local)
    if local.startswith("obs/"):
        quads, links, more = observed.observation(local), list[about.Reference](), False
    else:
        quads = about.statements(iri)
        links, more = about.references(iri, _parts(iri, quads)) if media_type == HTML or not quads else ([], False)
    if not quads and not links:
        raise NotFoundError(_("The graph says nothing about <%(iri)s>", iri=iri))
    if media_type == HTML:
        answer = _page(local, iri, quads, links, more=more)
    else:  # of a thing that is only ever referred to, that is what is known
        answer = representations.rdf(quads or [each.quad for each in links], media_type)
    return representations.finish(answer, about=iri)


@pages.get("/api/days/<path:local>")
@rule.anybody
def day_series(local: str) -> Response:
    """The readings of one day, for its chart: `connection/h01/activePower/20160812`."""
    day = observed.day(f"series/{local}")
    if day is None:
        raise NotFoundError(
            _("There are no readings under %(local)s; a day is named like connection/h01/activePower/20160812", local=local)
        )
    values = [None if value != value else float(value) for value in day.values]
    label = curie(day.channel.kind).partition(":")[2]
    unit = unit_name(day.unit)
    return chart("UTC", day.values.index, [{"label": label, "unit": unit, "values": values}])


def unit_name(iri: str) -> str:
    """A unit in a word: its label, else the last part of its IRI."""
    known = vocabulary().terms.get(iri)
    return (known.label(language()) if known else "") or curie(iri).partition(":")[2]


def link(iri: str) -> str:
    """Where a page links to for an IRI: our things and terms on this host; nothing for what is no web address."""
    base = services().iris.base
    if iri.startswith(f"{base}/"):
        return iri[len(base) :]
    if iri.startswith((NS, VOCAB)):
        term = vocabulary().terms.get(iri)
        return term.page if term else "/ontology"
    if iri.startswith(SLOTS):
        return "/ontology#slotValue"
    if iri.startswith(SHAPES):
        return f"/shapes#{iri[len(SHAPES) :]}"
    return iri if iri.startswith(("http://", "https://")) else ""


def _question() -> str:
    return f"?{request.query_string.decode('ascii', 'replace')}" if request.query_string else ""


def _minted(local: str) -> str:
    """The IRI of which `/doc/{local}` is the document; 404 if none is spelt so."""
    try:
        return checked_iri(f"{services().iris.base}/id/{local}").value
    except ValueError as error:
        raise NotFoundError(_("No IRI of this platform is spelt %(text)s", text=repr(local))) from error


def _seen_graph(local: str) -> str:
    """The IRI of a graph, if it holds anything and may be seen."""
    iri = f"{services().iris.base}/graph/{local}"
    if iri not in visible.graphs() and not visible.rows("graph_size", graph=_checked(iri)):
        raise NotFoundError(_("There is no graph <%(iri)s> that you may see", iri=iri))
    return iri


def _checked(iri: str) -> str:
    try:
        return checked_iri(iri).value
    except ValueError as error:
        raise NotFoundError(_("No graph of this platform is named %(text)s", text=repr(iri))) from error


def _parts(iri: str, quads: list[Quad]) -> set[str]:
    return {quad.subject.value for quad in quads if quad.subject.value != iri}  # type: ignore[union-attr]


def _page(local: str, iri: str, quads: list[Quad], links: list[about.Reference], *, more: bool) -> Response:
    day = observed.day(local) if local.startswith("series/") else None
    page = max(1, request.args.get("page", 1, type=int))
    shown = links[(page - 1) * about.PAGE : page * about.PAGE]
    past = (
        History()
        if local.startswith("obs/")
        else history(iri, _parts(iri, quads), {quad.graph_name.value for quad in quads if isinstance(quad.graph_name, NamedNode)})
    )
    named = about.mentioned(quads, shown) | past.iris()
    subject = NamedNode(iri)
    own = [q.object for q in quads if q.subject == subject and q.predicate.value in _LABEL and isinstance(q.object, Literal)]
    data: dict[str, Any] = {
        "iri": iri,
        "title": visible.literal_in(language(), own),
        "sections": about.sections(iri, quads, str(SLOT) if day else ""),
        "incoming": shown,
        "page": page,
        "pages": -(-len(links) // about.PAGE),
        "count": len(links),
        "more": more,
        "history": past,
        "labels": about.labels(named, language()),
        "day": day,
        "chart": f"/api/days/{quote(local.removeprefix('series/'))}" if day else "",
        "hidden": {str(FC["values"])} if day else set(),
    }
    return _html(render_template("resource.html", link=link, unit_name=unit_name, **data))


def _html(text: str) -> Response:
    answer = Response(text, content_type=representations.content_type(HTML))
    answer.headers["Content-Language"] = language()
    return answer


def _finished(text: str) -> Response:
    return representations.finish(_html(text), forms=())
