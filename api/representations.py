"""RDF in the form that a client likes best, with the headers that linked data needs: for documents, vocabulary, catalogue alike.

References
----------
RFC 9110 §12 (content negotiation), §13 (conditional requests); RFC 8288 (Link); Fetch Standard §3.2 (CORS).
"""

import hashlib
from collections.abc import Iterable, Sequence

import pyoxigraph as ox
from flask import Blueprint, Response, abort, request
from pyoxigraph import Quad, Triple
from rdflib.namespace import VOID

from api.languages import _
from kg.prefixes import prefixes
from sparql import negotiation

HTML = "text/html"
TRIPLES = {
    negotiation.TURTLE: ox.RdfFormat.TURTLE,
    "application/ld+json": ox.RdfFormat.JSON_LD,
    "application/n-triples": ox.RdfFormat.N_TRIPLES,
    "application/rdf+xml": ox.RdfFormat.RDF_XML,
}
QUADS = {"application/trig": ox.RdfFormat.TRIG, "application/n-quads": ox.RdfFormat.N_QUADS}
FORMATS = {**TRIPLES, **QUADS}
NAMES = {  # `?format=` → media type
    "ttl": negotiation.TURTLE,
    "turtle": negotiation.TURTLE,
    "jsonld": "application/ld+json",
    "nt": "application/n-triples",
    "rdf": "application/rdf+xml",
    "trig": "application/trig",
    "nq": "application/n-quads",
    "html": HTML,
}
LINKED = ("ttl", "jsonld", "nt", "rdf")  # what a document names as its other forms


def wanted(offered: Sequence[str]) -> str:
    """Choose the media type of the answer: `?format=` says, else the Accept header; 406 if nothing fits.

    Parameters
    ----------
    offered
        Media types; the first is given to a client that takes anything.
    """
    short = request.args.get("format", "")
    if short:
        if NAMES.get(short) not in offered:
            names = ", ".join(name for name, of in NAMES.items() if of in offered)
            abort(406, _("There is no format %(text)s here; choose from %(names)s", text=repr(short), names=names))
        return NAMES[short]
    chosen = negotiation.choose(request.headers.get("Accept", ""), offered)
    if chosen is None:
        abort(406, _("%(asked)s can't be given here; ask for %(offered)s", asked=request.headers.get("Accept"), offered=", ".join(offered)))
    return chosen


def rdf(quads: Iterable[Quad], media_type: str) -> Response:
    """Spell statements in one of `FORMATS`; where the format has no named graphs, each triple once."""
    return Response(spelt(quads, media_type), content_type=content_type(media_type))


def spelt(quads: Iterable[Quad], media_type: str) -> bytes:
    """Spell statements in one of `FORMATS`, with the prefixes that they use and no others."""
    given: list[Quad] | list[Triple] = list(quads) if media_type in QUADS else list(dict.fromkeys(quad.triple for quad in quads))
    text = "\n".join(map(str, given))
    used = {prefix: namespace for prefix, namespace in {**prefixes(), "void": str(VOID)}.items() if f"<{namespace}" in text}
    return ox.serialize(given, format=FORMATS[media_type], prefixes=used) or b""


def content_type(media_type: str) -> str:
    """The media type with its charset: all that is served here is UTF-8."""
    return f"{media_type}; charset=utf-8"


def finish(answer: Response, *, shared: bool = False, about: str = "", forms: Iterable[str] = LINKED) -> Response:
    """Add validators and links to an answer, and make it a 304 if the client has it already.

    Parameters
    ----------
    shared
        Whether everybody gets the same; otherwise caches of many people must not keep it.
    about
        IRI of the thing that the document describes.
    forms
        Keys of `NAMES` in which the document is to be had, too.
    """
    answer.vary.update(("Accept", "Accept-Language"))
    if not shared:
        answer.vary.update(("Authorization", "Cookie"))
    answer.headers.setdefault("Cache-Control", "public, max-age=60" if shared else "private, no-cache")
    if about:
        answer.headers.add("Link", f'<{about}>; rel="describes"')
    for name in forms:
        answer.headers.add("Link", f'<{request.path}?format={name}>; rel="alternate"; type="{NAMES[name]}"')
    answer.set_etag(hashlib.sha256(answer.get_data()).hexdigest()[:32])
    answer.make_conditional(request)
    return answer


def open_to_pages(blueprint: Blueprint) -> None:
    """Let pages of other sites read a blueprint's answers, as long as they bring no cookie of ours."""

    @blueprint.after_request
    def _cors(answer: Response) -> Response:
        if not request.cookies:
            answer.headers.setdefault("Access-Control-Allow-Origin", "*")
            answer.headers.setdefault("Access-Control-Expose-Headers", "ETag, Link, Location, Last-Modified, Content-Range")
            if request.method == "OPTIONS":
                answer.headers["Access-Control-Allow-Methods"] = "GET, HEAD, OPTIONS"
                answer.headers["Access-Control-Allow-Headers"] = "Accept, Accept-Language, Authorization, If-None-Match, Range"
                answer.headers["Access-Control-Max-Age"] = "86400"
        return answer
