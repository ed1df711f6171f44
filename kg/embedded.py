"""The store inside the platform's own process: pyoxigraph, on disk or in memory."""

import os
import shutil
import tempfile
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pyoxigraph as ox
from pyoxigraph import NamedNode, Quad, Triple

from kg.changes import drop_text, graph_name, quads_text, refuse_blank_nodes, replacement_text
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
        self._changes = 0
        self._lock = threading.Lock()
        if path is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
            _finish_swap(path)
        self._open: ox.Store | None = _open(path)

    @property
    def changes(self) -> int:
        """How many writes this object has made: differs whenever the content may differ."""
        return self._changes

    def select(self, query: str) -> list[Row]:
        """See `Store.select`."""
        with _reading():
            solutions = self._ox.query(query)
            if not isinstance(solutions, ox.QuerySolutions):
                raise QueryError("select() was given a query that is no SELECT; use ask() or construct()")
            names = [variable.value for variable in solutions.variables]
            return [{name: term for name in names if (term := solution[name]) is not None} for solution in solutions]

    def ask(self, query: str) -> bool:
        """See `Store.ask`."""
        with _reading():
            answer = self._ox.query(query)
            if not isinstance(answer, ox.QueryBoolean):
                raise QueryError("ask() was given a query that is no ASK; use select() or construct()")
            return bool(answer)

    def construct(self, query: str) -> list[Triple]:
        """See `Store.construct`."""
        with _reading():
            triples = self._ox.query(query)
            if not isinstance(triples, ox.QueryTriples):
                raise QueryError("construct() was given no CONSTRUCT or DESCRIBE; use select() or ask()")
            return list(triples)

    def update(self, update: str) -> None:
        """See `Store.update`."""
        with self._writing():
            self._ox.update(update)

    def apply(self, *, delete: Iterable[Quad] = (), insert: Iterable[Quad] = ()) -> None:
        """See `Store.apply`."""
        removed, added = list(delete), list(insert)
        refuse_blank_nodes((*removed, *added))
        with self._writing():
            if removed:
                self._ox.update(quads_text(removed, added))
            elif added:
                self._ox.extend(added)  # one transaction too, and no text to parse

    def replace_graph(self, graph: str, triples: Iterable[Triple]) -> None:
        """See `Store.replace_graph`."""
        self.update(replacement_text(graph, triples))

    def graph(self, graph: str) -> list[Triple]:
        """See `Store.graph`."""
        name = graph_name(graph)
        with _reading():
            return [quad.triple for quad in self._ox.quads_for_pattern(None, None, None, name)]

    def drop(self, graphs: Sequence[str]) -> None:
        """See `Store.drop`."""
        if graphs:
            self.update(drop_text(graphs))

    def graphs(self) -> list[str]:
        """See `Store.graphs`."""
        with _reading():
            store = self._ox
            names = [graph for graph in store.named_graphs() if isinstance(graph, NamedNode)]
            return sorted(graph.value for graph in names if next(store.quads_for_pattern(None, None, None, graph), None))

    def count(self) -> int:
        """See `Store.count`."""
        with _reading():
            return len(self._ox)

    def backup(self, target: Path) -> None:
        """See `Store.backup`."""
        target.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=target.parent, prefix=target.name, suffix=".part")
        part = Path(name)
        try:
            with _reading(), os.fdopen(handle, "wb") as file:
                self._ox.dump(file, format=ox.RdfFormat.N_QUADS)
                file.flush()
                os.fsync(file.fileno())
            part.replace(target)
        finally:
            part.unlink(missing_ok=True)

    def restore(self, source: Path) -> None:
        """See `Store.restore`.

        The new content is loaded aside and takes the place of the old when it is whole; on disk that is a change of
        directories, so nobody else may be reading meanwhile. It gives back the room that dropped data had kept.
        """
        if self.path is None:
            fresh = ox.Store()
            with self._writing():
                _load(fresh, source)
                self._open = fresh
            return
        aside = self.path.with_name(self.path.name + ".restoring")
        shutil.rmtree(aside, ignore_errors=True)
        with self._writing():
            try:
                loaded = ox.Store(str(aside))
                _load(loaded, source)
                loaded.flush()
                del loaded
                self._ox.flush()
                self._open = None
                _swap(aside, self.path)
            finally:
                shutil.rmtree(aside, ignore_errors=True)
                if self._open is None:
                    self._open = _open(self.path)

    def checkpoint(self, target: Path) -> None:
        """Make a copy that another process may open read-only: hard links, milliseconds.

        Raises
        ------
        StoreError
            If the store is in memory (`backup` it instead), or the directory exists.
        """
        if self.path is None:
            raise StoreError("a store in memory has no files to link; write it with backup() instead")
        with _reading():
            self._ox.backup(str(target))

    def close(self) -> None:
        """See `Store.close`."""
        if self._open is not None:
            self._open.flush()
            self._open = None

    @property
    def _ox(self) -> ox.Store:
        if self._open is None:
            raise StoreError(f"the store in {self.path or 'memory'} is closed; open it again with EmbeddedStore(…)")
        return self._open

    @contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            yield
        except SyntaxError as error:
            raise QueryError(f"malformed SPARQL Update: {error}") from error
        except (OSError, RuntimeError) as error:
            if isinstance(error, StoreError):
                raise
            raise StoreError(f"the store in {self.path or 'memory'} refused a write: {error}") from error
        finally:
            with self._lock:
                self._changes += 1


@contextmanager
def _reading() -> Iterator[None]:
    try:
        yield
    except SyntaxError as error:
        raise QueryError(f"malformed SPARQL query: {error}") from error
    except (OSError, RuntimeError) as error:
        if isinstance(error, StoreError):
            raise
        raise StoreError(f"the store can't be read: {error}") from error


def _open(path: Path | None) -> ox.Store:
    try:
        return ox.Store(str(path)) if path is not None else ox.Store()
    except OSError as error:
        raise StoreError(
            f"the store in {path} can't be opened ({error}); is another platform running on it? Stop that one first"
        ) from error


def _load(store: ox.Store, source: Path) -> None:
    try:
        store.bulk_load(path=str(source), format=ox.RdfFormat.N_QUADS)
    except SyntaxError as error:
        raise StoreError(f"{source} is no N-Quads file ({error}); nothing was changed") from error


def _before(path: Path) -> Path:
    return path.with_name(path.name + ".before")


def _swap(fresh: Path, path: Path) -> None:
    """Put one directory in the place of another; `_finish_swap` mends what a kill in between leaves."""
    old = _before(path)
    shutil.rmtree(old, ignore_errors=True)
    path.rename(old)
    fresh.rename(path)
    shutil.rmtree(old, ignore_errors=True)


def _finish_swap(path: Path) -> None:
    if not path.exists() and _before(path).exists():
        _before(path).rename(path)
