"""The shapes as they lie in the Turtle files, read once, and which of them a graph needs."""

from collections import defaultdict
from collections.abc import Generator, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pyoxigraph as ox
import rdflib
from pyshacl.constraints import ALL_CONSTRAINT_PARAMETERS
from pyshacl.shapes_graph import ShapesGraph
from rdflib import RDF, SH
from rdflib.term import Node

from shapes.convert import to_graph
from shapes.registers import spell_out

FOLDER = Path(__file__).parent
_ALWAYS = {"groups", "fields"}


def files() -> tuple[Path, ...]:
    """Return the Turtle files, sorted by name; the name without ending is the thing's (`battery_system`)."""
    return tuple(sorted(FOLDER.glob("*.ttl")))


@cache
def graph() -> rdflib.Graph:
    """Read all shapes, with the names of registers as `sh:in`. The graph is shared: read it, don't change it."""
    return spell_out(_read(files()))


def _read(paths: Iterable[Path]) -> rdflib.Graph:
    quads = (quad for path in paths for quad in ox.parse(path=str(path), rename_blank_nodes=True))
    return to_graph(quad.triple for quad in quads)


class _Lists(rdflib.Graph):
    """The shapes for pyshacl; remembers the members of its lists, which pyshacl would walk along again for every focus node."""

    def __init__(self) -> None:
        super().__init__("SimpleMemory", bind_namespaces="none")
        self._items: dict[Node, tuple[Node, ...]] = {}

    def items(self, list: Node) -> Generator[Node, None, None]:
        """Give the members of a list."""
        if list not in self._items:
            self._items[list] = tuple(super().items(list))
        yield from self._items[list]


class _Shapes(ShapesGraph):  # type: ignore[misc]
    """pyshacl's shapes; remembers which constraints a shape has, which pyshacl would look up again for every focus node."""

    def __init__(self, everything: rdflib.Graph) -> None:
        super().__init__(everything)
        self._constraints: dict[Node, list[tuple[Node, Node]]] = {}
        self._parameters = frozenset(ALL_CONSTRAINT_PARAMETERS)

    def predicate_objects(self, s: Node) -> list[tuple[Node, Node]]:
        """Return what a shape states as constraints; names, groups and messages are left out."""
        if s not in self._constraints:
            self._constraints[s] = [pair for pair in self.graph.predicate_objects(s) if pair[0] in self._parameters]
        return self._constraints[s]


@dataclass(frozen=True)
class Catalogue:
    """The shapes, ready to be run, with an index from what they target to themselves.

    Attributes
    ----------
    shapes
        pyshacl's parsed shapes.
    things
        The node shapes that each file defines, by its name without ending.
    classes, subjects_of, objects_of, nodes
        Node shapes by `sh:targetClass`, `sh:targetSubjectsOf`, `sh:targetObjectsOf` and `sh:targetNode`.
    """

    shapes: ShapesGraph
    things: Mapping[str, frozenset[Node]]
    classes: Mapping[Node, tuple[Node, ...]]
    subjects_of: Mapping[Node, tuple[Node, ...]]
    objects_of: Mapping[Node, tuple[Node, ...]]
    nodes: Mapping[Node, tuple[Node, ...]]

    def focus_nodes(self, facts: rdflib.Graph, only: Sequence[str] | None) -> dict[Node, set[Node]]:
        """Find the nodes that each shape has to look at: only shapes whose target occurs are touched.

        Raises
        ------
        ValueError
            If `only` names a thing that has no file.
        """
        chosen = None if only is None else frozenset().union(*(self._of_thing(name) for name in only))
        found: dict[Node, set[Node]] = defaultdict(set)
        for subject, predicate, object_ in facts:
            for shape in self.subjects_of.get(predicate, ()):
                found[shape].add(subject)
            for shape in self.objects_of.get(predicate, ()):
                found[shape].add(object_)
            for shape in self.nodes.get(object_, ()):
                found[shape].add(object_)
            if predicate == RDF.type:
                for shape in self.classes.get(object_, ()):
                    found[shape].add(subject)
        return {shape: nodes for shape, nodes in found.items() if chosen is None or shape in chosen}

    def _of_thing(self, name: str) -> frozenset[Node]:
        if name not in self.things:
            raise ValueError(f"there are no shapes for {name!r}; choose from {', '.join(sorted(self.things))}")
        return self.things[name]


@cache
def catalogue() -> Catalogue:
    """Read the shapes and index them, once a process."""
    everything = _Lists()  # a copy of its own: pyshacl adds triples to it
    everything += graph()
    shapes = _Shapes(everything)
    _ = shapes.shapes  # pyshacl parses them on first access
    return Catalogue(
        shapes,
        {path.stem: frozenset(_read([path]).subjects(RDF.type, SH.NodeShape)) for path in files() if path.stem not in _ALWAYS},
        _index(everything, SH.targetClass),
        _index(everything, SH.targetSubjectsOf),
        _index(everything, SH.targetObjectsOf),
        _index(everything, SH.targetNode),
    )


def _index(shapes: rdflib.Graph, target: rdflib.URIRef) -> dict[Node, tuple[Node, ...]]:
    found: dict[Node, list[Node]] = defaultdict(list)
    for shape, value in shapes.subject_objects(target):
        found[value].append(shape)
    return {value: tuple(sorted(shape_nodes, key=str)) for value, shape_nodes in found.items()}
