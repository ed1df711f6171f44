"""Write what a query found, within caps, or say why not: shared by the worker and the remote store's reader."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

import pyoxigraph as ox
from pyoxigraph import BlankNode, Literal, NamedNode, Triple

from sparql.negotiation import GRAPHS, SOLUTIONS, choose

Found = ox.QuerySolutions | ox.QueryBoolean | ox.QueryTriples | Iterable[Triple]
PROBLEM = "text/plain; charset=utf-8"
_XSD_STRING = "http://www.w3.org/2001/XMLSchema#string"
_RESULTS = {
    "application/sparql-results+json": ox.QueryResultsFormat.JSON,
    "application/json": ox.QueryResultsFormat.JSON,
    "application/sparql-results+xml": ox.QueryResultsFormat.XML,
    "text/csv": ox.QueryResultsFormat.CSV,
    "text/tab-separated-values": ox.QueryResultsFormat.TSV,
}
_RDF = {
    "text/turtle": ox.RdfFormat.TURTLE,
    "application/n-triples": ox.RdfFormat.N_TRIPLES,
    "application/ld+json": ox.RdfFormat.JSON_LD,
    "application/rdf+xml": ox.RdfFormat.RDF_XML,
}


@dataclass(frozen=True)
class Answer:
    """What goes back to whoever asked.

    Attributes
    ----------
    status : HTTP status; 200, 400 (wrong or refused), 406 (no such form), 413 (too much), 503 (too long, too hungry), 502
    media_type : of the body
    body : the results; when the status is not 200, the reason as plain text
    as_of : when the content was last brought up to date; `None` where nobody gave a clock, or it is live
    """

    status: int
    media_type: str
    body: bytes
    as_of: datetime | None = None


@dataclass(frozen=True)
class Caps:
    """The most that one answer may hold."""

    rows: int
    bytes: int


class CapExceededError(Exception):
    """An answer would be longer than its caps."""


def problem(status: int, sentence: str) -> Answer:
    """Refuse, with the reason."""
    return Answer(status, PROBLEM, sentence.encode("utf-8", "replace"))


def written(found: Found, accept: str, caps: Caps, prefixes: Mapping[str, str]) -> Answer:
    """Write solutions, a truth or triples in the form that the client likes best."""
    tabular = isinstance(found, (ox.QuerySolutions, ox.QueryBoolean))
    offered = SOLUTIONS if tabular else GRAPHS
    media = choose(accept, offered)
    if media is None:
        return problem(406, f"this query can be answered as {', '.join(offered)}, but {accept} was asked for")
    try:
        if isinstance(found, ox.QueryBoolean):
            body = found.serialize(format=_RESULTS[media])
        elif isinstance(found, ox.QuerySolutions):
            body = _table(found, media, caps)
        else:
            body = _graph(found, media, caps, prefixes)
    except CapExceededError as error:
        return problem(413, str(error))
    charset = "; charset=utf-8" if media.startswith("text/") else ""
    return Answer(200, media + charset, body)  # type: ignore[arg-type]


def _table(solutions: ox.QuerySolutions, media: str, caps: Caps) -> bytes:
    """Write JSON row by row, so that rows are counted; the other forms are made of it by pyoxigraph."""
    names = [variable.value for variable in solutions.variables]
    rows: list[str] = []
    size = 0
    for solution in solutions:
        bound = {name: _json(term) for name in names if (term := solution[name]) is not None}
        rows.append(json.dumps(bound, ensure_ascii=False, separators=(",", ":")))
        size += len(rows[-1])
        _check(len(rows), size, caps)
    head = json.dumps({"vars": names}, ensure_ascii=False)
    body = f'{{"head":{head},"results":{{"bindings":[{",".join(rows)}]}}}}'.encode()
    if _RESULTS[media] != ox.QueryResultsFormat.JSON:
        again = ox.parse_query_results(body, format=ox.QueryResultsFormat.JSON)
        body = again.serialize(format=_RESULTS[media])  # type: ignore[assignment]
    _check(len(rows), len(body), caps)
    return body


def _graph(triples: Iterable[Triple], media: str, caps: Caps, prefixes: Mapping[str, str]) -> bytes:
    kept: list[Triple] = []
    for triple in triples:
        kept.append(triple)
        _check(len(kept), 0, caps)
    body: bytes = ox.serialize(kept, format=_RDF[media], prefixes=dict(prefixes))  # type: ignore[assignment]
    _check(len(kept), len(body), caps)
    return body


def _check(rows: int, size: int, caps: Caps) -> None:
    if rows > caps.rows:
        raise CapExceededError(
            f"the answer has more than {caps.rows} rows, the most that is given at once; add LIMIT and OFFSET with ORDER BY, or aggregate"
        )
    if size > caps.bytes:
        raise CapExceededError(
            f"the answer is longer than {caps.bytes} bytes, the most that is given at once; ask for fewer columns or rows"
        )


def _json(term: NamedNode | BlankNode | Literal | Triple) -> dict[str, object]:
    match term:
        case NamedNode():
            return {"type": "uri", "value": term.value}
        case BlankNode():
            return {"type": "bnode", "value": term.value}
        case Literal():
            return {"type": "literal", "value": term.value, **_kind(term)}
    parts = {"subject": term.subject, "predicate": term.predicate, "object": term.object}
    return {"type": "triple", "value": {name: _json(part) for name, part in parts.items()}}


def _kind(term: Literal) -> dict[str, object]:
    if term.language is not None:
        return {"xml:lang": term.language}
    return {} if term.datatype.value == _XSD_STRING else {"datatype": term.datatype.value}
