"""The store inside the platform's own process: pyoxigraph, on disk or in memory."""

import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path

import pyoxigraph as ox
from pyoxigraph import NamedNode, Quad, Triple

from kg.errors import QueryError, StoreError
from kg.store import Row


class EmbeddedStore:
    """A pyoxigraph store; `path=None` keeps it in memory. Only one process may open a path for writing.

    Raises
    ------
    StoreError
        If the directory can't be opened, for example because another process holds it.
    """

    def __init__(self, path: Path | None = None) -> None:
        self.path = path
        try:
            if path is not None:
                path.parent.mkdir(parents=True, exist_ok=True)
            self._ox = ox.Store(str(path)) if path is not None else ox.Store()
        except OSError as error:
            raise StoreError(f"the store in {path} can't be opened ({error}); is another platform running on it? Stop that one first") from error

    def select(self, query: str) -> list[Row]:
        """See `Store.select`."""
        solutions = self._query(query)
        if not isinstance(solutions, ox.QuerySolutions):
            raise QueryError("select() was given a query that is no SELECT; use ask() or construct()")
        names = [variable.value for variable in solutions.variables]
        return [{name: term for name in names if (term := solution[name]) is not None} for solution in solutions]  # type: ignore[misc]

    def ask(self, query: str) -> bool:
        """See `Store.ask`."""
        return bool(self._query(query))

    def construct(self, query: str) -> list[Triple]:
        """See `Store.construct`."""
        triples = self._query(query)
        if not isinstance(triples, ox.QueryTriples):
            raise QueryError("construct() was given a query that is no CONSTRUCT or DESCRIBE; use select() or ask()")
        return list(triples)

    def update(self, update: str) -> None:
        """See `Store.update`."""
        try:
            self._ox.update(update)
        except SyntaxError as error:
            raise QueryError(f"malformed SPARQL Update: {error}") from error
        except OSError as error:
            raise StoreError(f"the store refused a write: {error}") from error

    def apply(self, *, delete: Iterable[Quad] = (), insert: Iterable[Quad] = ()) -> None:
        """See `Store.apply`."""
        removed, added = list(delete), list(insert)
        try:
            if not removed:
                self._ox.extend(added)  # one transaction, and no text to parse
            else:
                self.update(change_text(removed, added))
        except OSError as error:
            raise StoreError(f"the store refused a write: {error}") from error

    def replace_graph(self, graph: str, triples: Iterable[Triple]) -> None:
        """See `Store.replace_graph`."""
        body = "\n".join(f"{triple} ." for triple in triples)
        self.update(f"DROP SILENT GRAPH <{graph}> ; INSERT DATA {{ GRAPH <{graph}> {{\n{body}\n}} }}")

    def graph(self, graph: str) -> list[Triple]:
        """See `Store.graph`."""
        return [quad.triple for quad in self._ox.quads_for_pattern(None, None, None, NamedNode(graph))]

    def drop(self, graphs: Sequence[str]) -> None:
        """See `Store.drop`."""
        if graphs:
            self.update(" ; ".join(f"DROP SILENT GRAPH <{graph}>" for graph in graphs))

    def graphs(self) -> list[str]:
        """See `Store.graphs`."""
        names = [graph for graph in self._ox.named_graphs() if isinstance(graph, NamedNode)]
        return sorted(graph.value for graph in names if next(iter(self._ox.quads_for_pattern(None, None, None, graph)), None))

    def count(self) -> int:
        """See `Store.count`."""
        return len(self._ox)

    def backup(self, target: Path) -> None:
        """See `Store.backup`."""
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=target.parent, suffix=".part", delete=False) as part:
            self._ox.dump(part, format=ox.RdfFormat.N_QUADS)
        Path(part.name).replace(target)

    def restore(self, source: Path) -> None:
        """See `Store.restore`."""
        self._ox.clear()
        self._ox.bulk_load(path=str(source), format=ox.RdfFormat.N_QUADS)

    def checkpoint(self, target: Path) -> None:
        """Make a copy that another process may open read-only: hard links, milliseconds."""
        self._ox.backup(str(target))

    def close(self) -> None:
        """See `Store.close`."""
        self._ox.flush()
        del self._ox

    def _query(self, query: str) -> ox.QuerySolutions | ox.QueryBoolean | ox.QueryTriples:
        try:
            return self._ox.query(query)
        except SyntaxError as error:
            raise QueryError(f"malformed SPARQL query: {error}") from error
        except OSError as error:
            raise StoreError(f"the store can't be read: {error}") from error


def change_text(delete: Sequence[Quad], insert: Sequence[Quad]) -> str:
    """Spell one change as a SPARQL Update, a transaction on every store."""
    parts = [f"{verb} DATA {{ {_by_graph(quads)} }}" for verb, quads in (("DELETE", delete), ("INSERT", insert)) if quads]
    return " ;\n".join(parts)


def _by_graph(quads: Sequence[Quad]) -> str:
    graphs: dict[str, list[str]] = {}
    for quad in quads:
        graphs.setdefault(str(quad.graph_name), []).append(f"{quad.triple} .")
    return "\n".join(f"GRAPH {graph} {{ {' '.join(lines)} }}" for graph, lines in graphs.items())
