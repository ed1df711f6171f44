"""What the ontology says that forms need: classes above and below, concepts of a list, names, symbols of units."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import pyoxigraph as ox
import rdflib
from rdflib import RDF, RDFS, SKOS
from rdflib.term import Node

import ontology
from ontology.names import QUDT
from shapes.convert import to_graph

_UNITLESS = "1"  # QUDT's symbol of what has no unit, which says nothing to a reader


@dataclass(frozen=True)
class Vocabulary:
    """The ontology, asked by term; read it, don't change it."""

    graph: rdflib.Graph = field(repr=False)

    def above(self, cls: Node) -> tuple[Node, ...]:
        """A class and its super-classes, nearest first."""
        return self._closure(cls, lambda each: self.graph.objects(each, RDFS.subClassOf))

    def below(self, cls: Node) -> tuple[Node, ...]:
        """A class and its sub-classes, nearest first."""
        return self._closure(cls, lambda each: self.graph.subjects(RDFS.subClassOf, each))

    @staticmethod
    def _closure(start: Node, near: Callable[[Node], Iterable[Node]]) -> tuple[Node, ...]:
        found = [start]
        for each in found:
            found += sorted((other for other in set(near(each)) if other not in found and isinstance(other, rdflib.URIRef)), key=str)
        return tuple(found)

    def is_scheme(self, term: Node) -> bool:
        """Tell a list of concepts from a class."""
        return (term, RDF.type, SKOS.ConceptScheme) in self.graph

    def concepts(self, scheme: Node) -> tuple[Node, ...]:
        """The concepts of a list, in the order of their IRIs."""
        return tuple(sorted(self.graph.subjects(SKOS.inScheme, scheme), key=str))

    def names(self, term: Node) -> Mapping[str, str]:
        """What a term is called, by language."""
        return texts(self.graph, term, SKOS.prefLabel) or texts(self.graph, term, RDFS.label)

    def help(self, term: Node) -> Mapping[str, str]:
        """What a term means, by language."""
        return texts(self.graph, term, RDFS.comment)

    def symbol(self, unit: Node) -> Mapping[str, str]:
        """How a unit is written, by language: the symbol, else its name; nothing where there is no unit."""
        symbol = self.graph.value(unit, QUDT.symbol)
        if symbol is None:
            return self.names(unit)
        return {} if str(symbol) == _UNITLESS else dict.fromkeys(("en", "es", "nl"), str(symbol))

    def domains(self, property_: Node) -> frozenset[Node]:
        """The classes that a property says its subjects are of."""
        return frozenset(self.graph.objects(property_, RDFS.domain))


def texts(graph: rdflib.Graph, subject: Node, predicate: Node) -> dict[str, str]:
    """The texts of a property by language; `en` where none is stated."""
    found = sorted(text for text in graph.objects(subject, predicate) if isinstance(text, rdflib.Literal))
    return {text.language or "en": str(text) for text in found}


def read(paths: Iterable[Path]) -> Vocabulary:
    """Read Turtle files."""
    return Vocabulary(to_graph(quad.triple for path in paths for quad in ox.parse(path=str(path), rename_blank_nodes=True)))


@cache
def vocabulary() -> Vocabulary:
    """The ontology of the platform, read once a process."""
    return read(sorted(Path(str(ontology.__file__)).parent.glob("*.ttl")))
