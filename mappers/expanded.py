"""Read a message from the triples of any JSON-LD: lean and full SAREF observations, and series."""

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

from pyoxigraph import BlankNode, DefaultGraph, Literal, NamedNode

from mappers import readings
from mappers.document import Number
from mappers.errors import MappingError
from mappers.records import Message, Refusal, RefusedError, Series
from ontology.names import FC, QUDT, RDF, S4ENER, SAREF, SOSA

Node = NamedNode | BlankNode
Term = NamedNode | BlankNode | Literal

_TYPE = str(RDF.type)
_MESSAGE, _OBSERVATION, _SERIES = (NamedNode(str(kind)) for kind in (FC.Message, SAREF.Observation, S4ENER.TimeSeries))


class Statement(NamedTuple):
    """A quad without the triple terms of RDF 1.2, which JSON-LD doesn't have."""

    subject: Node
    predicate: str
    object: Term
    graph: Node | DefaultGraph


@dataclass
class _Graph:
    """The triples by subject, in the order in which they came."""

    relative: str
    properties: dict[Node, dict[str, list[Term]]] = field(default_factory=dict)

    def of_type(self, kind: NamedNode) -> list[Node]:
        return [node for node, about in self.properties.items() if kind in about.get(_TYPE, [])]

    def one(self, node: Node, predicate: str, word: str) -> Term:
        """The only value of a property."""
        found = self.properties.get(node, {}).get(predicate, [])
        if len(found) != 1:
            values = ", ".join(term.value for term in found)
            raise RefusedError(values or word, f"is not one {word} but {len(found)}", f"give the reading exactly one valid {word}")
        return found[0]

    def iri(self, node: Node, predicate: str, word: str) -> str:
        term = self.one(node, predicate, word)
        if not isinstance(term, NamedNode):
            raise RefusedError(term.value, f"is no IRI, as {word} must be", "send an IRI (typed @id in the context)")
        return self.absolute(term)

    def absolute(self, term: Term) -> str:
        if term.value.startswith(self.relative):
            short = term.value.removeprefix(self.relative)
            raise RefusedError(short, "is a relative IRI, and the payload names no base", 'write it whole, or add {"@base": …}')
        return term.value

    def text(self, node: Node, predicate: str, word: str) -> str:
        term = self.one(node, predicate, word)
        if not isinstance(term, Literal):
            raise RefusedError(term.value, f"is no literal, as {word} must be", f"send {word} as a value, not as a node")
        return term.value

    def maybe_iri(self, node: Node, predicate: str, word: str) -> str | None:
        return self.iri(node, predicate, word) if self.properties.get(node, {}).get(predicate) else None


def read(statements: Iterable[Statement], relative: str) -> Message:
    """Read a message; `relative` is the base that marks IRIs which the payload left relative.

    Raises
    ------
    MappingError
        If there isn't one message with an IRI and a sender.
    """
    graph = _Graph(relative)
    for subject, predicate, value, _ in statements:
        values = graph.properties.setdefault(subject, {}).setdefault(predicate, [])
        if value not in values:
            values.append(value)
    message = one_message(graph.of_type(_MESSAGE), relative)
    series: list[Series] = []
    refused: list[Refusal] = []
    for node in graph.properties:
        one, bad = _reading(graph, node)
        series += [one] if one else []
        refused += bad
    sent, bad_time = readings.sent(message.value, _sent(graph, message))
    return Message(message.value, _sender(graph, message), sent, tuple(series), tuple(bad_time + refused))


def one_message(found: Iterable[Term], relative: str) -> NamedNode:
    """The one message node of a payload.

    Raises
    ------
    MappingError
        If there is none, more than one, or one without an absolute IRI.
    """
    nodes = list(found)
    if len(nodes) != 1:
        raise MappingError(f"the payload holds {len(nodes)} nodes of the type {FC.Message}, where one is needed; put all readings into one")
    node = nodes[0]
    if not isinstance(node, NamedNode) or node.value.startswith(relative):
        raise MappingError('the message has no id, so it can\'t be acknowledged; give it an "@id" that is absolute or below an "@base"')
    return node


def _sender(graph: _Graph, message: NamedNode) -> str:
    try:
        return graph.iri(message, str(SAREF.madeBy), "sender")
    except RefusedError as error:
        raise MappingError(f"{message.value} has no sender that can be named: {error}") from error


def _sent(graph: _Graph, message: NamedNode) -> str | None:
    found = graph.properties[message].get(str(S4ENER.hasCreationTime), [])
    return found[0].value if found else None


def _reading(graph: _Graph, node: Node) -> readings.Found:
    kinds = graph.properties[node].get(_TYPE, [])
    try:
        if _OBSERVATION in kinds:
            return _observation(graph, node)
        if _SERIES in kinds:
            return _series(graph, node)
    except RefusedError as error:
        return None, [error.at(_point(graph, node))]
    return None, []


def _observation(graph: _Graph, node: Node) -> readings.Found:
    channel = graph.iri(node, str(SAREF.observes), "observed channel (observes)")
    at = graph.text(node, str(SAREF.hasTimestamp), "timestamp (at)")
    if str(SAREF.hasResult) not in graph.properties[node]:
        value = graph.text(node, str(SOSA.hasSimpleResult), "result (value)")
        return readings.observation(channel, at, value, graph.maybe_iri(node, str(QUDT.hasUnit), "unit"))
    result = graph.one(node, str(SAREF.hasResult), "result (saref:hasResult)")
    if isinstance(result, Literal):
        raise RefusedError(result.value, "is no node, as saref:hasResult needs", "send a saref:PropertyValue with saref:hasValue")
    value = graph.text(result, str(SAREF.hasValue), "result (saref:hasValue)")
    return readings.observation(channel, at, value, graph.maybe_iri(result, str(SAREF.isMeasuredIn), "unit"))


def _series(graph: _Graph, node: Node) -> readings.Found:
    channel = graph.iri(node, str(SAREF.observes), "observed channel (observes)")
    start = graph.text(node, str(FC.start), "begin (start)")
    step = graph.text(node, str(S4ENER.hasTemporalResolution), "step")
    values = _array(graph.text(node, str(FC["values"]), "array of values (values, typed @json)"))
    return readings.series(channel, start, step, values, graph.maybe_iri(node, str(QUDT.hasUnit), "unit"))


def _array(text: str) -> list[object]:
    try:
        values = json.loads(text, parse_float=Number, parse_int=Number, parse_constant=Number)
    except ValueError:
        values = None
    if not isinstance(values, list):
        raise RefusedError(text, "is no JSON array of numbers", "send values as one array, typed @json in the context")
    return values


def _point(graph: _Graph, node: Node) -> str:
    """The best name of a reading that lacks something: its channel and time as far as they are known."""
    about = graph.properties[node]
    channel = next((t.value for t in about.get(str(SAREF.observes), [])), None)
    time = next((t.value for p in (SAREF.hasTimestamp, FC.start) for t in about.get(str(p), [])), None)
    named = node.value if isinstance(node, NamedNode) else "a reading without id"
    return " at ".join(part for part in ((channel or named).removeprefix(graph.relative), time) if part)
