"""The shapes as tables: what a thing must and may have, read from the Turtle files."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache

import pyoxigraph as ox
import rdflib
from pyoxigraph import Quad
from rdflib import RDF, RDFS, SH
from rdflib.collection import Collection
from rdflib.term import BNode, Literal, Node

import shapes.catalogue
from api.languages import _, language
from api.terms import curie, sources
from ontology.names import FCSH

_BOUNDS = (
    (SH.minInclusive, "≥"),
    (SH.minExclusive, ">"),
    (SH.maxInclusive, "≤"),
    (SH.maxExclusive, "<"),
    (SH.pattern, "~"),
)


@dataclass(frozen=True)
class Row:
    """One property that a shape speaks of."""

    anchor: str
    path: str
    names: dict[str, str]
    count: str
    value: str
    messages: dict[str, str]


@dataclass(frozen=True)
class NodeShape:
    """One shape of things."""

    anchor: str
    names: dict[str, str]
    targets: tuple[str, ...]
    rows: tuple[Row, ...]
    messages: dict[str, str]


@dataclass(frozen=True)
class ShapeFile:
    """One Turtle file of shapes."""

    name: str
    source: bytes = field(repr=False)
    quads: tuple[Quad, ...] = field(repr=False)
    shapes: tuple[NodeShape, ...]


def shape_files() -> dict[str, ShapeFile]:
    """Read all files, once a process and language."""
    return _files(language())


@cache
def _files(_code: str) -> dict[str, ShapeFile]:
    """Read them with what stands between the terms in the language of the page, which is `_code`."""
    everything = shapes.catalogue.graph()
    found = {}
    for name, source in sources("shapes").items():
        quads = tuple(ox.parse(source, format=ox.RdfFormat.TURTLE, rename_blank_nodes=True))
        nodes = [quad.subject.value for quad in quads if quad.predicate.value == str(RDF.type) and quad.object.value == str(SH.NodeShape)]
        named = {rdflib.URIRef(node) for node in nodes if node.startswith("http")}
        ordered = sorted(named, key=lambda node: (not any(_targets(everything, node)), node))  # what holds by itself comes first
        found[name] = ShapeFile(name, source, quads, tuple(_node(everything, node) for node in ordered))
    return found


def _node(graph: rdflib.Graph, node: rdflib.URIRef) -> NodeShape:
    return NodeShape(
        _anchor(node),
        _texts(graph, node, RDFS.label),
        tuple(sorted(map(str, _targets(graph, node)))),
        tuple(_rows(graph, node)),
        _texts(graph, node, SH.message),
    )


def _targets(graph: rdflib.Graph, node: Node) -> Iterator[Node]:
    for kind in (SH.targetClass, SH.targetSubjectsOf, SH.targetObjectsOf):
        yield from graph.objects(node, kind)


def _rows(graph: rdflib.Graph, node: Node) -> Iterator[Row]:
    for _order, _iri, shape in sorted((order, str(shape), shape) for order, shape in _properties(graph, node)):
        yield _row(graph, shape)


def _properties(graph: rdflib.Graph, node: Node) -> Iterator[tuple[float, Node]]:
    for shape in graph.objects(node, SH.property):
        order = graph.value(shape, SH.order)
        yield (float(str(order)) if order is not None else 1e9), shape


def _row(graph: rdflib.Graph, shape: Node) -> Row:
    least, most = graph.value(shape, SH.minCount), graph.value(shape, SH.maxCount)
    count = f"{least or 0}" if least is not None and str(least) == str(most) else f"{least or 0} … {most if most is not None else _('any')}"
    return Row(
        _anchor(shape),
        _path(graph, graph.value(shape, SH.path)),
        _texts(graph, shape, SH.name),
        count,
        ", ".join(_values(graph, shape)),
        _texts(graph, shape, SH.message),
    )


def _values(graph: rdflib.Graph, shape: Node) -> Iterator[str]:
    for kind in (SH.datatype, SH["class"], SH.nodeKind):
        for value in graph.objects(shape, kind):
            yield curie(str(value)).removeprefix("sh:")
    for inner in (SH.node, SH.qualifiedValueShape):
        for value in graph.objects(shape, inner):
            if not isinstance(value, BNode):
                yield _("as %(shape)s", shape=curie(str(value)))
    for value in graph.objects(shape, SH.hasValue):
        yield _("is %(value)s", value=_short(value))
    register = graph.value(shape, FCSH.register)  # of hundreds of names, as they are known here
    for list_ in graph.objects(shape, SH["in"]):
        named = [register] if register is not None else Collection(graph, list_)
        yield _("one of %(values)s", values=", ".join(map(_short, named)))
    for kind, sign in _BOUNDS:
        for value in graph.objects(shape, kind):
            yield f"{sign} {value}"


def _path(graph: rdflib.Graph, path: Node | None) -> str:
    """A path as in SPARQL."""
    if path is None:
        return ""
    if not isinstance(path, BNode):
        return curie(str(path))
    if (inverse := graph.value(path, SH.inversePath)) is not None:
        return f"^{_path(graph, inverse)}"
    if (either := graph.value(path, SH.alternativePath)) is not None:
        return " | ".join(_path(graph, each) for each in Collection(graph, either))
    for kind, sign in ((SH.zeroOrMorePath, "*"), (SH.oneOrMorePath, "+"), (SH.zeroOrOnePath, "?")):
        if (inner := graph.value(path, kind)) is not None:
            return _path(graph, inner) + sign
    return " / ".join(_path(graph, each) for each in Collection(graph, path))


def _short(value: Node) -> str:
    return str(value) if isinstance(value, Literal) else curie(str(value))


def _anchor(node: Node) -> str:
    return "" if isinstance(node, BNode) else str(node).rpartition("#")[2]


def _texts(graph: rdflib.Graph, node: Node, name: Node) -> dict[str, str]:
    return {text.language or "en": str(text) for text in graph.objects(node, name) if isinstance(text, Literal)}
