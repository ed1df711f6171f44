"""Linked data: every IRI that the platform mints dereferences, 303 to its document, as Turtle, JSON-LD, N-Triples or a page.

References
----------
Cool URIs for the Semantic Web, W3C Interest Group Note, §4.2 (303 redirects to the document).
"""

from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pyoxigraph as ox
from flask import Blueprint, Response, redirect, render_template, request
from pyoxigraph import NamedNode, Triple
from werkzeug.wrappers import Response as BaseResponse

import ontology
from api.errors import NotFoundError
from api.services import services
from kg import queries
from kg.store import Term
from kg.terms import describe
from ontology.names import QUDT, RDF, RDFS, SAREF, SOSA

pages = Blueprint("linked_data", __name__)
FORMATS = {
    "text/turtle": ox.RdfFormat.TURTLE,
    "application/ld+json": ox.RdfFormat.JSON_LD,
    "application/n-triples": ox.RdfFormat.N_TRIPLES,
    "application/rdf+xml": ox.RdfFormat.RDF_XML,
}
SHORTHANDS = {
    "ttl": "text/turtle",
    "jsonld": "application/ld+json",
    "nt": "application/n-triples",
    "rdf": "application/rdf+xml",
    "html": "text/html",
}
MOST_INCOMING = 100
LAST_YEAR = 2200


@cache
def _prefixes() -> dict[str, str]:
    file = Path(str(ontology.__file__)).parent / "prefixes.ttl"
    with file.open("rb") as text:
        parser = ox.parse(text, format=ox.RdfFormat.TURTLE)
        list(parser)
        return dict(parser.prefixes)


PREFIXES = _prefixes()


@pages.get("/id/<path:local>")
def thing(local: str) -> BaseResponse:
    """Send on from a thing to the document about it."""
    return redirect(f"/doc/{local}", code=303)


@pages.get("/doc/<path:local>")
def document(local: str) -> Response:
    """Give the document about a thing, in the format asked for."""
    known = services()
    iri = known.iris.id(*local.split("/", 1)) if "/" in local else f"{known.iris.base}/id/{local}"
    triples = _observation(local) if local.startswith("obs/") else _about(iri)
    if not triples:
        raise NotFoundError(f"The graph says nothing about <{iri}>")
    asked = SHORTHANDS.get(request.args.get("format", ""), "")
    media_type = asked or request.accept_mimetypes.best_match(["text/html", *FORMATS], default="text/turtle") or "text/turtle"
    answer = _page(iri, triples) if media_type == "text/html" else _rdf(triples, media_type)
    answer.headers["Vary"] = "Accept"
    answer.headers.add("Link", f'<{iri}>; rel="describes"')
    return answer


def _about(iri: str) -> list[Triple]:
    """What is said of a thing and of its parts (its fragments)."""
    rows = services().store.select(queries.load("api", "resource").bind(resource=iri))
    unique = dict.fromkeys((str(row["subject"]), str(row["property"]), str(row["value"])) for row in rows)
    terms = {str(term): term for row in rows for term in row.values()}
    return [Triple(terms[s], terms[p], terms[o]) for s, p, o in unique]  # type: ignore[arg-type]


def _observation(local: str) -> list[Triple]:
    """One reading as a `saref:Observation`, computed from the day that holds it."""
    known = services()
    kind, key, name, stamp = (*local.removeprefix("obs/").split("/"), "", "", "", "")[:4]
    try:
        at = datetime.strptime(stamp, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    except ValueError:
        return []
    if at.year > LAST_YEAR:
        return []
    channel = known.channels.get(known.iris.id(kind, f"{key}#{name}"))
    if channel is None:
        return []
    frame = known.readings.frame([channel.iri], at, at + channel.step)
    values = frame.to_numpy(dtype=float)
    if not values.size or not np.isfinite(values[0, 0]):
        return []
    quads = describe(
        known.iris.graph("computed"),
        known.iris.observation(channel.iri, at),
        {
            RDF.type: SAREF.Observation,
            SAREF.observes: NamedNode(channel.iri),
            SAREF.hasTimestamp: at,
            SOSA.hasSimpleResult: float(values[0, 0]),
            QUDT.hasUnit: NamedNode(channel.unit),
        },
    )
    return [quad.triple for quad in quads]


def _rdf(triples: list[Triple], media_type: str) -> Response:
    used = {prefix: namespace for prefix, namespace in PREFIXES.items() if any(namespace in str(triple) for triple in triples)}
    body = ox.serialize(triples, format=FORMATS[media_type], prefixes=used)
    return Response(body, content_type=f"{media_type}; charset=utf-8")


def _page(iri: str, triples: list[Triple]) -> Response:
    known = services()
    subjects: dict[str, list[tuple[str, Term]]] = {}
    for triple in triples:
        subjects.setdefault(triple.subject.value, []).append((triple.predicate.value, triple.object))  # type: ignore[union-attr, arg-type]
    incoming = queries.rows(known.store, queries.load("api", "incoming"), resource=iri)
    labels = _labels({term.value for triple in triples for term in (triple.predicate, triple.object) if isinstance(term, NamedNode)})
    own = [value.value for predicate, value in subjects.get(iri, []) if predicate == str(RDFS.label)]
    data: dict[str, Any] = {
        "iri": iri,
        "title": own[0] if own else None,
        "subjects": subjects,
        "incoming": incoming[:MOST_INCOMING],
        "labels": labels,
    }
    return Response(render_template("resource.html", more=len(incoming) > MOST_INCOMING, NamedNode=NamedNode, **data))


def _labels(iris: set[str]) -> dict[str, str]:
    if not iris:
        return {}
    rows = queries.rows(services().store, queries.load("api", "labels"), resource=sorted(iris))
    return {row["resource"]: row["label"] for row in rows}
