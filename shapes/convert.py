"""pyoxigraph's triples to rdflib's, for pyshacl: lexical forms stay as they were sent, broken literals stay visible.

rdflib rewrites `Z` to `+00:00`, takes `NaN` and `1e5` for decimals, and logs a traceback for what it can't read. So a literal whose text
is not in the lexical space of its datatype becomes a string here: it keeps its text and fails its shape's `sh:datatype`.

References
----------
XML Schema 1.1 Part 2, the lexical spaces of the datatypes below.
"""

import re
from collections.abc import Callable, Iterable
from datetime import date, datetime, time
from functools import lru_cache

import pyoxigraph as ox
import rdflib
from rdflib import RDF, XSD

_DECIMAL = re.compile(r"[+-]?([0-9]{1,40}(\.[0-9]{0,40})?|\.[0-9]{1,40})")
_INTEGER = re.compile(r"[+-]?[0-9]{1,40}")
_DURATION = re.compile(r"-?P(?=[0-9T])([0-9]{1,9}D)?(T(?=[0-9])([0-9]{1,9}H)?([0-9]{1,9}M)?([0-9]{1,9}(\.[0-9]{1,9})?S)?)?")
_DATETIME = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,9})?(Z|[+-][0-9]{2}:[0-9]{2})?")
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}(Z|[+-][0-9]{2}:[0-9]{2})?")
_TIME = re.compile(r"[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,9})?(Z|[+-][0-9]{2}:[0-9]{2})?")
_BOOLEAN = re.compile(r"true|false|0|1")


def _day(text: str) -> date:
    return date.fromisoformat(text[:10])


_FORMS: dict[str, tuple[re.Pattern[str], Callable[[str], object] | None]] = {
    str(XSD.decimal): (_DECIMAL, None),
    str(XSD.integer): (_INTEGER, None),
    str(XSD.boolean): (_BOOLEAN, None),
    str(XSD.dayTimeDuration): (_DURATION, None),
    str(XSD.dateTime): (_DATETIME, datetime.fromisoformat),
    str(XSD.date): (_DATE, _day),
    str(XSD.time): (_TIME, time.fromisoformat),
}
# datatypes that are compared by their text alone; any other one no shape asks for, and rdflib need not try to read it
_TEXTS = {str(XSD.string), str(XSD.anyURI), str(RDF.JSON)}


def to_graph(triples: Iterable[ox.Triple]) -> rdflib.Graph:
    """Make an rdflib graph."""
    graph = rdflib.Graph("SimpleMemory", bind_namespaces="none")
    for triple in triples:
        graph.add((to_node(triple.subject), to_iri(triple.predicate.value), to_term(triple.object)))
    return graph


@lru_cache(maxsize=4096)
def to_iri(text: str) -> rdflib.URIRef:
    """Make an rdflib IRI; the same text gives the same object."""
    return rdflib.URIRef(text)


def to_node(node: "ox.NamedNode | ox.BlankNode | ox.Triple") -> rdflib.URIRef | rdflib.BNode:
    """Make an rdflib node.

    Raises
    ------
    TypeError
        If the node is a quoted triple, which no shape describes.
    """
    match node:
        case ox.NamedNode():
            return to_iri(node.value)
        case ox.BlankNode():
            return rdflib.BNode(node.value)
    raise TypeError(f"{node} is a quoted triple, which the platform does not keep; state the facts without RDF-star")


def to_term(term: "ox.NamedNode | ox.BlankNode | ox.Literal | ox.Triple") -> rdflib.URIRef | rdflib.BNode | rdflib.Literal:
    """Make an rdflib term; a literal that its datatype does not allow becomes a string with the same text."""
    if not isinstance(term, ox.Literal):
        return to_node(term)
    if term.language is not None:
        return rdflib.Literal(term.value, lang=term.language)
    datatype = term.datatype.value
    if datatype in _FORMS and _is_allowed(term.value, datatype):
        return rdflib.Literal(term.value, datatype=to_iri(datatype), normalize=False)
    if datatype in _TEXTS and datatype != str(XSD.string):
        return rdflib.Literal(term.value, datatype=to_iri(datatype), normalize=False)
    return rdflib.Literal(term.value, datatype=XSD.string)


def _is_allowed(text: str, datatype: str) -> bool:
    form, read = _FORMS[datatype]
    if not form.fullmatch(text):
        return False
    try:
        if read is not None:
            read(text)
    except ValueError:  # a 30th of February
        return False
    return True
