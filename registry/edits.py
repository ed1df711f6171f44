"""A change of the dataset as data: what goes, what comes."""

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property

from pyoxigraph import BlankNode, NamedNode, Quad, Triple

from kg.iris import Iris
from kg.store import Term


@dataclass(frozen=True)
class Delta:
    """Quads that go and quads that come; a quad in both stays."""

    delete: frozenset[Quad] = frozenset()
    insert: frozenset[Quad] = frozenset()

    @property
    def graphs(self) -> list[str]:
        """The graphs it touches, sorted; the default graph is the empty text."""
        return sorted({getattr(quad.graph_name, "value", "") for quad in self.delete | self.insert})

    def within(self, graph: str) -> tuple[set[Triple], set[Triple]]:
        """What goes and what comes in one graph."""
        goes, comes = self._by_graph
        return set(goes.get(graph, ())), set(comes.get(graph, ()))

    @cached_property
    def _by_graph(self) -> tuple[dict[str, set[Triple]], dict[str, set[Triple]]]:
        return _grouped(self.delete), _grouped(self.insert)


def _grouped(quads: Iterable[Quad]) -> dict[str, set[Triple]]:
    found: dict[str, set[Triple]] = {}
    for quad in quads:
        found.setdefault(getattr(quad.graph_name, "value", ""), set()).add(quad.triple)
    return found


@dataclass(frozen=True)
class Seen:
    """What somebody saw before they edited it.

    Attributes
    ----------
    graph : IRI
    tag : `etag` of what they saw
    subject : IRI of the one thing they saw; `None`: the whole graph
    """

    graph: str
    tag: str
    subject: str | None = None


@dataclass(frozen=True)
class Receipt:
    """What an edit came to.

    Attributes
    ----------
    activity : IRI of the activity in graph `audit`; `None` where there was nothing to change
    at : when
    deleted, inserted : numbers of triples
    tags : graph → the tag of its content now
    """

    activity: str | None
    at: datetime
    deleted: int
    inserted: int
    tags: dict[str, str] = field(default_factory=dict)


def etag(triples: Iterable[Triple]) -> str:
    """Name a content: the same for the same triples in any order."""
    found = hashlib.sha256()
    for line in sorted(map(str, triples)):
        found.update(line.encode())
        found.update(b"\n")
    return found.hexdigest()[:32]


# --- blank nodes ----------------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Skolem:
    """Gives blank nodes IRIs when they come in, and takes them off again when they go out as a graph.

    The store holds no blank nodes, because nothing could find them again to change them.

    References
    ----------
    RDF 1.1 Concepts §3.5, Replacing Blank Nodes with IRIs.
    """

    iris: Iris

    @property
    def prefix(self) -> str:
        """What such IRIs begin with."""
        return f"{self.iris.base}/.well-known/genid/"

    def named(self, quads: Iterable[Quad], mint: Callable[[], str]) -> list[Quad]:
        """Put IRIs in the place of blank nodes, the same for the same node, and new ones each time that it is called."""
        batch = mint()
        known: dict[str, NamedNode] = {}

        def name(node: BlankNode) -> NamedNode:
            return known.setdefault(node.value, NamedNode(f"{self.prefix}{batch}-{len(known)}"))

        def spelt(quad: Quad) -> Quad:
            subject = name(quad.subject) if isinstance(quad.subject, BlankNode) else quad.subject
            thing = name(quad.object) if isinstance(quad.object, BlankNode) else quad.object
            return Quad(subject, quad.predicate, thing, quad.graph_name)

        return [spelt(quad) for quad in quads]

    def blank(self, triples: Iterable[Triple]) -> list[Triple]:
        """Put blank nodes back in the place of such IRIs."""

        def node(term: Term) -> Term:
            if not isinstance(term, NamedNode) or not term.value.startswith(self.prefix):
                return term
            return BlankNode("b" + term.value[len(self.prefix) :].replace("-", "n"))

        return [
            Triple(node(triple.subject), triple.predicate, triple.object if isinstance(triple.object, Triple) else node(triple.object))  # type: ignore[arg-type]
            for triple in triples
        ]
