"""The verbs that every triplestore behind the platform understands."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Protocol

from pyoxigraph import BlankNode, Literal, NamedNode, Quad, Triple

Term = NamedNode | BlankNode | Literal
Row = dict[str, Term]


class Store(Protocol):
    """A SPARQL 1.1 dataset with named graphs.

    Every write is one transaction: all of it is durable when the call returns, or, if it raises, none of it has happened.
    Failures of the store itself raise `kg.errors.StoreError`; a malformed query raises `kg.errors.QueryError`.
    """

    def select(self, query: str) -> list[Row]:
        """Answer a SELECT: one dictionary a solution, unbound variables absent."""
        ...

    def ask(self, query: str) -> bool:
        """Answer an ASK."""
        ...

    def construct(self, query: str) -> list[Triple]:
        """Answer a CONSTRUCT or DESCRIBE."""
        ...

    def update(self, update: str) -> None:
        """Run a SPARQL Update, all its operations in one transaction."""
        ...

    def apply(self, *, delete: Iterable[Quad] = (), insert: Iterable[Quad] = ()) -> None:
        """Delete and insert quads in one transaction; deletions come first. Quads must not hold blank nodes."""
        ...

    def replace_graph(self, graph: str, triples: Iterable[Triple]) -> None:
        """Replace everything in a named graph, in one transaction."""
        ...

    def graph(self, graph: str) -> list[Triple]:
        """Return every triple of a named graph."""
        ...

    def drop(self, graphs: Sequence[str]) -> None:
        """Remove whole named graphs, in one transaction; those that don't exist are passed over."""
        ...

    def graphs(self) -> list[str]:
        """Return the IRIs of the named graphs that hold anything, sorted."""
        ...

    def count(self) -> int:
        """Return the number of triples over all graphs."""
        ...

    def backup(self, target: Path) -> None:
        """Write all quads to `target` as N-Quads; the file appears whole or not at all."""
        ...

    def restore(self, source: Path) -> None:
        """Replace the whole dataset by the N-Quads in `source`."""
        ...

    def tidy(self) -> None:
        """Give back what can be given back at once, such as a long log; cheap to call when there is nothing to do."""
        ...

    def close(self) -> None:
        """Release the store; later calls raise."""
        ...
