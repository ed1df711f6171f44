"""Read a message from the triples of any JSON-LD: lean and full SAREF observations, SOSA observations, series and flags."""

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

from pyoxigraph import BlankNode, DefaultGraph, Literal, NamedNode

from mappers import readings
from mappers.document import Number, prefixes
from mappers.errors import MappingError
from mappers.records import Message, Refusal, RefusedError, ReportedFlag, Series
from ontology.names import FC, QUDT, RDF, RDFS, S4ENER, SAREF, SOSA, TIME

Node = NamedNode | BlankNode
Term = NamedNode | BlankNode | Literal

_TYPE = str(RDF.type)
_MESSAGE, _SERIES, _FLAG = (NamedNode(str(kind)) for kind in (FC.Message, S4ENER.TimeSeries, FC.QualityFlag))


def _sosa(name: str) -> str:
    return prefixes()["sosa"] + name


def _qudt(name: str) -> str:
    return prefixes()["qudt"] + name


@dataclass(frozen=True)
class _Form:
    """How a vocabulary says an observation: alternatives in order, each with the words for who sends something else."""

    channel: tuple[str, str]
    times: tuple[tuple[str, str], ...]
    simple: tuple[str, str]
    simple_units: tuple[str, ...]
    result: tuple[str, str]  # a node with number and unit
    number: tuple[str, str]
    units: tuple[str, ...]


_FORMS = {
    NamedNode(str(SAREF.Observation)): _Form(
        channel=(str(SAREF.observes), "observed channel (observes)"),
        times=((str(SAREF.hasTimestamp), "timestamp (at)"),),
        simple=(str(SOSA.hasSimpleResult), "result (value)"),
        simple_units=(str(QUDT.hasUnit),),
        result=(str(SAREF.hasResult), "saref:hasResult"),
        number=(str(SAREF.hasValue), "saref:hasValue"),
        units=(str(SAREF.isMeasuredIn),),
    ),
    NamedNode(str(SOSA.Observation)): _Form(
        channel=(_sosa("observedProperty"), "observed channel (sosa:observedProperty)"),
        times=((_sosa("phenomenonTime"), "timestamp (sosa:phenomenonTime)"), (_sosa("resultTime"), "timestamp (sosa:resultTime)")),
        simple=(str(SOSA.hasSimpleResult), "result (sosa:hasSimpleResult)"),
        simple_units=(str(QUDT.hasUnit), _qudt("unit")),
        result=(_sosa("hasResult"), "sosa:hasResult"),
        number=(_qudt("numericValue"), "qudt:numericValue"),
        units=(_qudt("unit"), str(QUDT.hasUnit)),
    ),
}
_INSTANTS = (str(TIME.inXSDDateTimeStamp), str(TIME.inXSDDateTime))  # where a SOSA time is a node, its literal
_CHANNELS = tuple(form.channel[0] for form in _FORMS.values())
_TIMES = (*(time for form in _FORMS.values() for time, _ in form.times), str(FC.start))


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

    def has(self, node: Node, predicate: str) -> bool:
        return bool(self.properties.get(node, {}).get(predicate))

    def maybe_iri(self, node: Node, predicates: Iterable[str], word: str) -> str | None:
        return next((self.iri(node, predicate, word) for predicate in predicates if self.has(node, predicate)), None)

    def maybe_text(self, node: Node, predicate: str, word: str) -> str | None:
        return self.text(node, predicate, word) if self.has(node, predicate) else None


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
    found = [_reading(graph, node) for node in graph.properties]
    sent, bad_time = readings.sent(message.value, _first(graph, message, str(S4ENER.hasCreationTime)))
    offset, bad_offset = readings.clock_offset(message.value, _first(graph, message, str(FC.clockOffset)))
    return Message(
        message.value,
        _sender(graph, message),
        sent,
        tuple([one for one, _ in found if isinstance(one, Series)]),
        tuple(bad_time + bad_offset + [bad for _, many in found for bad in many]),
        tuple([one for one, _ in found if isinstance(one, ReportedFlag)]),
        offset,
    )


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


def _first(graph: _Graph, message: NamedNode, predicate: str) -> str | None:
    found = graph.properties[message].get(predicate, [])
    return found[0].value if found else None


def _reading(graph: _Graph, node: Node) -> tuple[Series | ReportedFlag | None, list[Refusal]]:
    kinds = graph.properties[node].get(_TYPE, [])
    try:
        for kind, form in _FORMS.items():
            if kind in kinds:
                return _observation(graph, node, form)
        if _SERIES in kinds:
            return _series(graph, node)
        if _FLAG in kinds:
            return _flag(graph, node)
    except RefusedError as error:
        return None, [error.at(_point(graph, node))]
    return None, []


def _observation(graph: _Graph, node: Node, form: _Form) -> readings.Found:
    channel = graph.iri(node, *form.channel)
    at = _time(graph, node, form)
    if not graph.has(node, form.result[0]):
        value = graph.text(node, *form.simple)
        return readings.observation(channel, at, value, graph.maybe_iri(node, form.simple_units, "unit"))
    result = graph.one(node, form.result[0], f"result ({form.result[1]})")
    if isinstance(result, Literal):
        raise RefusedError(result.value, f"is no node, as {form.result[1]} needs", f"send a node with {form.number[1]}")
    value = graph.text(result, form.number[0], f"result ({form.number[1]})")
    return readings.observation(channel, at, value, graph.maybe_iri(result, form.units, "unit"))


def _time(graph: _Graph, node: Node, form: _Form) -> str:
    predicate, word = next(((time, word) for time, word in form.times if graph.has(node, time)), form.times[-1])
    term = graph.one(node, predicate, word)
    if isinstance(term, Literal):
        return term.value
    instant = next((inner for inner in _INSTANTS if graph.has(term, inner)), None)
    if instant is None:
        raise RefusedError(term.value, f"is no instant, as {word} must be", "send it as an xsd:dateTime with offset")
    return graph.text(term, instant, word)


def _flag(graph: _Graph, node: Node) -> tuple[ReportedFlag | None, list[Refusal]]:
    return readings.flag(
        graph.iri(node, str(SAREF.observes), "flagged channel (observes)"),
        graph.text(node, str(SAREF.hasTimestamp), "begin (at)"),
        graph.maybe_text(node, str(FC.end), "end (until)"),
        graph.iri(node, str(FC.reason), "reason"),
        graph.maybe_text(node, str(RDFS.comment), "comment") or "",
    )


def _series(graph: _Graph, node: Node) -> readings.Found:
    channel = graph.iri(node, str(SAREF.observes), "observed channel (observes)")
    start = graph.text(node, str(FC.start), "begin (start)")
    step = graph.text(node, str(S4ENER.hasTemporalResolution), "step")
    values = _array(graph.text(node, str(FC["values"]), "array of values (values, typed @json)"))
    return readings.series(channel, start, step, values, graph.maybe_iri(node, (str(QUDT.hasUnit),), "unit"))


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
    channel = next((term.value for predicate in _CHANNELS for term in about.get(predicate, [])), None)
    time = next((term.value for predicate in _TIMES for term in about.get(predicate, [])), None)
    named = node.value if isinstance(node, NamedNode) else "a reading without id"
    return " at ".join(part for part in ((channel or named).removeprefix(graph.relative), time) if part)
