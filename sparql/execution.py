"""Run a tree on a checkpoint: face of the history, confinement to the scope, our own text of it, pyoxigraph."""

import pickle
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import overload

import pyoxigraph as ox

from sparql import functions, printer
from sparql.answers import Found
from sparql.nodes import Query
from sparql.observations import face
from sparql.scope import Scope
from sparql.scoping import ALLOWED, Confined, confined

_ALLOWED = ox.NamedNode(ALLOWED)
_YES, _NO = ox.Literal(True), ox.Literal(False)
_REMEMBERED = 128
Term = ox.NamedNode | ox.BlankNode | ox.Literal | ox.Triple


class Graphs(Sequence[str]):
    """The named graphs of a checkpoint, listed when somebody looks: 10,000 take 40 ms, and most queries do not ask."""

    def __init__(self, source: Callable[[], Iterator[str]]) -> None:
        self._source = source
        self._listed: tuple[str, ...] | None = None

    @property
    def are_listed(self) -> bool:
        """Whether somebody has looked."""
        return self._listed is not None

    def list(self) -> tuple[str, ...]:
        """List them."""
        if self._listed is None:
            self._listed = tuple(self._source())
        return self._listed

    @overload
    def __getitem__(self, index: int) -> str: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[str, ...]: ...
    def __getitem__(self, index: int | slice) -> str | tuple[str, ...]:
        """Give one or some."""
        return self.list()[index]

    def __iter__(self) -> Iterator[str]:
        """Give one after the other."""
        return iter(self.list())

    def __len__(self) -> int:
        """How many."""
        return len(self.list())


class Content:
    """The checkpoint or dump that is open now, and what was worked out on it."""

    def __init__(self) -> None:
        self._path: str | None = None
        self._store = ox.Store()
        self._ready: OrderedDict[tuple[object, ...], tuple[str, Confined]] = OrderedDict()
        self._functions = functions.custom()
        self.graphs = Graphs(self._names)

    def open(self, path: str, is_dump: bool) -> None:
        """Open what lies there, unless it is open already.

        Raises
        ------
        OSError
            If it can't be read.
        """
        if path == self._path:
            return
        self._path = None
        self._ready.clear()
        if is_dump:
            self._store = ox.Store()
            self._store.bulk_load(path=path, format=ox.RdfFormat.N_QUADS)
        else:
            self._store = ox.Store.read_only(path)
        self._path = path
        wanted, self.graphs = self.graphs.are_listed, Graphs(self._names)
        if wanted:
            self.graphs.list()  # now, as most often nobody waits for this

    def found(
        self,
        pickled: bytes,
        scope: Scope,
        base: str,
        default_graphs: tuple[str, ...] | None,
        named_graphs: tuple[str, ...] | None,
        rows: int,
    ) -> Found:
        """Answer a query from what a scope allows.

        Parameters
        ----------
        pickled
            The tree, from the platform.
        base
            Beginning of our IRIs.
        default_graphs, named_graphs
            The dataset of the protocol.
        rows
            Of the solutions of a SELECT, at most one more than this is given.

        Raises
        ------
        SparqlError
            If it can't be rewritten.
        OSError, ValueError, RuntimeError, MemoryError
            If it can't be evaluated.
        """
        key = (pickled, scope.digest, default_graphs, named_graphs, rows)
        ready = self._ready.get(key)
        if ready is None:
            query: Query = pickle.loads(pickled)  # noqa: S301 - from the platform
            within = confined(
                face(query, iris_base=base), scope, default_graphs=default_graphs, named_graphs=named_graphs, graphs=self.graphs
            )
            ready = self._ready[key] = printer.text(bounded(within.query, rows)), within
            while len(self._ready) > _REMEMBERED:
                self._ready.popitem(last=False)
        text, within = ready
        return self._store.query(
            text,
            use_default_graph_as_union=within.union,
            default_graph=None if within.default_graph is None else list(map(ox.NamedNode, within.default_graph)),
            named_graphs=None if within.named_graphs is None else list(map(ox.NamedNode, within.named_graphs)),
            custom_functions={**self._functions, _ALLOWED: _allowing(within.allowed)},
        )

    def _names(self) -> Iterator[str]:
        return (graph.value for graph in self._store.named_graphs() if isinstance(graph, ox.NamedNode))


def bounded(query: Query, rows: int) -> Query:
    """Ask for no more solutions than are needed to see that there are too many."""
    if query.form != "SELECT":
        return query
    return replace(query, limit=rows + 1 if query.limit is None else min(query.limit, rows + 1))


def _allowing(allowed: Callable[[str], bool] | None) -> Callable[[Term], ox.Literal]:
    def tell(graph: Term) -> ox.Literal:
        return _YES if allowed is not None and isinstance(graph, ox.NamedNode) and allowed(graph.value) else _NO

    return tell
