"""Read JSON-LD messages: telemetry into series, announcements into triples.

A message in the bundled context and its plain form is walked as it stands (`mappers.plain`); whatever else is valid JSON-LD is
expanded to triples and read from those (`mappers.expanded`). Both ways give the same answer.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass

from pyoxigraph import BlankNode, DefaultGraph, Literal, NamedNode, RdfFormat, Triple, parse

from mappers import expanded, plain
from mappers.document import Number, decode, with_bundled_contexts
from mappers.errors import MappingError
from mappers.expanded import Node, Statement
from mappers.lexical import decimal_text
from mappers.records import Message, RefusedError
from ontology.names import FC, RDF, SAREF, XSD

RELATIVE = "relative:/"  # stands in for a base that the payload didn't name, so that relative IRIs are seen and refused
_NUMERIC = {str(kind) for kind in (XSD.decimal, XSD.double, XSD.float)}


@dataclass(frozen=True)
class Announcement:
    """What a box says of itself: the id of the message, the box, and the triples about the box, its devices and channels."""

    id: str
    made_by: str
    triples: tuple[Triple, ...]


def lift(payload: bytes) -> Message:
    """Read a telemetry message.

    Raises
    ------
    MappingError
        If nothing of it can be used. A bad reading in a good message is in `Message.refused` instead.
    """
    message = plain.quick(payload)
    if message is not None:
        return message
    document = decode(payload)
    message = plain.read(document)
    return message if message is not None else expanded.read(_statements(json.dumps(with_bundled_contexts(document))), RELATIVE)


def announcement(payload: bytes) -> Announcement:
    """Read what a box announces: a graph with one `Message` node that names the sender.

    Numbers become plain `xsd:decimal`; the triples of the message node itself are left out.

    Raises
    ------
    MappingError
        If it can't be used: a part without IRI, a relative IRI without base, a named graph, a number that is none, no message id.
    """
    document = with_bundled_contexts(decode(payload))
    statements = [_checked(statement) for statement in _statements(json.dumps(_bare(document)))]
    message = expanded.one_message(dict.fromkeys(s.subject for s in statements if _is_message(s)), RELATIVE)
    made_by = [s.object.value for s in statements if s.subject == message and s.predicate == str(SAREF.madeBy)]
    if len(made_by) != 1:
        raise MappingError(f"{message.value} names {len(made_by)} senders, where one is needed; say madeBy once")
    triples = [Triple(s.subject, NamedNode(s.predicate), s.object) for s in statements if s.subject != message]
    return Announcement(message.value, made_by[0], tuple(dict.fromkeys(triples)))


def describe(payload: bytes) -> list[Triple]:
    """Return the triples of an announcement; see `announcement`."""
    return list(announcement(payload).triples)


def _is_message(statement: Statement) -> bool:
    return statement.predicate == str(RDF.type) and statement.object == NamedNode(str(FC.Message))


def _statements(text: str) -> Iterator[Statement]:
    try:
        for quad in parse(text, RdfFormat.JSON_LD, base_iri=RELATIVE):
            if isinstance(quad.subject, Triple) or isinstance(quad.object, Triple):
                raise MappingError(f"the payload makes a statement about the statement {quad}; say it of a node instead")
            yield Statement(quad.subject, quad.predicate.value, quad.object, quad.graph_name)
    except (SyntaxError, ValueError) as error:
        if isinstance(error, MappingError):
            raise
        raise MappingError(f"the payload is not valid JSON-LD ({error}); correct it and send it again") from error


def _bare(node: object) -> object:
    if isinstance(node, dict):
        return {key: _bare(value) for key, value in node.items()}
    if isinstance(node, list):
        return [_bare(item) for item in node]
    if isinstance(node, Number):
        return int(node) if len(node) < 16 and node.lstrip("-").isdigit() else float(node)
    return node


def _checked(statement: Statement) -> Statement:
    subject, predicate, value, graph = statement
    if graph != DefaultGraph():
        raise MappingError(f"the announcement puts triples into the graph {graph}, and a box has only its own; leave @graph's @id out")
    for term in (subject, value):
        if isinstance(term, BlankNode):
            raise MappingError(f"a part beside {predicate} has no @id, so it can't be named again; give every part an IRI")
        if isinstance(term, NamedNode) and term.value.startswith(RELATIVE):
            raise MappingError(
                f'{term.value.removeprefix(RELATIVE)!r} is a relative IRI, and the payload names no base; add {{"@base": …}}'
            )
    if isinstance(value, Literal) and value.datatype.value in _NUMERIC:
        return statement._replace(object=_plain_number(subject, predicate, value.value))
    return statement


def _plain_number(subject: Node, predicate: str, text: str) -> Literal:
    try:
        return Literal(decimal_text(text), datatype=NamedNode(str(XSD.decimal)))
    except RefusedError as error:
        raise MappingError(f"{predicate} of {subject.value}: {error}") from error
