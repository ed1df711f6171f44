"""The store inside the platform's own process: pyoxigraph, on disk or in memory."""

import os
import shutil
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pyoxigraph as ox
from pyoxigraph import NamedNode, Quad, Triple

from kg import directories
from kg.changes import drop_text, graph_name, quads_text, refuse_blank_nodes, replacement_text
from kg.directories import Watch
from kg.errors import QueryError, StoreError
from kg.gate import Gate
from kg.store import Row

Written = Callable[[frozenset[str] | None], None]
_ROOM = 16 << 20
_PATIENCE_S = 2.0
_LONG_LOG = 128 << 20


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
        self._told: list[Written] = []
        self._broken = False
        self._lock = threading.Lock()
        self._gate = Gate()  # writers together, an exchange alone
        self._readers = Gate()  # readers together, a change of directories alone: one that is still read can't be opened again
        if path is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
            directories.finish_swap(path)
        self._open: ox.Store | None = _open(path)
        if path is not None:
            directories.clear_away(path)

    @property
    def changes(self) -> int:
        """How many writes this object has made: differs whenever the content may differ."""
        return self._changes

    def watch(self, told: Written) -> None:
        """Tell somebody of every write, before the call that made it returns.

        Parameters
        ----------
        told
            Given the IRIs of the named graphs that were written to, or `None` where that is not known: after an update in words, an
            exchange of everything, or a write that failed.
        """
        self._told.append(told)

    def select(self, query: str) -> list[Row]:
        """See `Store.select`."""
        with self._reading() as store:
            solutions = store.query(query)
            if not isinstance(solutions, ox.QuerySolutions):
                raise QueryError("select() was given a query that is no SELECT; use ask() or construct()")
            names = [variable.value for variable in solutions.variables]
            return [{name: term for name in names if (term := solution[name]) is not None} for solution in solutions]

    def ask(self, query: str) -> bool:
        """See `Store.ask`."""
        with self._reading() as store:
            answer = store.query(query)
            if not isinstance(answer, ox.QueryBoolean):
                raise QueryError("ask() was given a query that is no ASK; use select() or construct()")
            return bool(answer)

    def construct(self, query: str) -> list[Triple]:
        """See `Store.construct`."""
        with self._reading() as store:
            triples = store.query(query)
            if not isinstance(triples, ox.QueryTriples):
                raise QueryError("construct() was given no CONSTRUCT or DESCRIBE; use select() or ask()")
            return list(triples)

    def update(self, update: str) -> None:
        """See `Store.update`."""
        self._update(update, None)

    def _update(self, update: str, touched: frozenset[str] | None) -> None:
        with self._writing(touched=touched):
            self._ox.update(update)

    def apply(self, *, delete: Iterable[Quad] = (), insert: Iterable[Quad] = ()) -> None:
        """See `Store.apply`."""
        removed, added = list(delete), list(insert)
        refuse_blank_nodes((*removed, *added))
        touched = _graphs((*removed, *added)) if self._told else None
        with self._writing(touched=touched):
            if removed:
                self._ox.update(quads_text(removed, added))
            elif added:
                self._ox.extend(added)  # one transaction too, and no text to parse

    def replace_graph(self, graph: str, triples: Iterable[Triple]) -> None:
        """See `Store.replace_graph`."""
        self._update(replacement_text(graph, triples), frozenset({graph}))

    def graph(self, graph: str) -> list[Triple]:
        """See `Store.graph`."""
        name = graph_name(graph)
        with self._reading() as store:
            return [quad.triple for quad in store.quads_for_pattern(None, None, None, name)]

    def drop(self, graphs: Sequence[str]) -> None:
        """See `Store.drop`."""
        if graphs:
            self._update(drop_text(graphs), frozenset(graphs))

    def graphs(self) -> list[str]:
        """See `Store.graphs`."""
        with self._reading() as store:
            names = [graph for graph in store.named_graphs() if isinstance(graph, NamedNode)]
            return sorted(graph.value for graph in names if next(store.quads_for_pattern(None, None, None, graph), None))

    def count(self) -> int:
        """See `Store.count`."""
        with self._reading() as store:
            return len(store)

    def backup(self, target: Path) -> None:
        """See `Store.backup`."""
        target.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=target.parent, prefix=target.name, suffix=".part")
        part = Path(name)
        try:
            with self._gate.shared(), self._reading() as store, os.fdopen(handle, "wb") as file:
                store.dump(file, format=ox.RdfFormat.N_QUADS)
                file.flush()
                os.fsync(file.fileno())
            part.replace(target)
        finally:
            part.unlink(missing_ok=True)

    def restore(self, source: Path) -> None:
        """See `Store.restore`.

        The new content is loaded aside and takes the place of the old when it is whole; on disk that is a change of
        directories, which waits for queries under way while new ones wait for it. It gives back the room that dropped data had kept.
        """
        with self._writing(alone=True):
            self._exchange(lambda fresh: _load(fresh, source))

    def rebuild(self, watch: Watch | None = None) -> None:
        """Write everything anew, which gives back the room that dropped data had kept; the content stays the same.

        Reading goes on, writers wait. A kill at any moment leaves the old content or the new, which are equal.

        Parameters
        ----------
        watch
            Told the phase, `dump` or `load`, and how many bytes of it are done; what it raises ends the rebuild, and nothing has
            changed then.

        Raises
        ------
        StoreError
            If there is no room on the disk, or what was loaded is not as much as there was.
        """
        if self.path is None:
            return  # memory is given back as it is
        dump = directories.dump(self.path)
        with self._writing(alone=True):
            try:
                with dump.open("wb") as file:
                    self._ox.dump(directories.Watched(file, "dump", watch), format=ox.RdfFormat.N_QUADS)  # type: ignore[arg-type]
                expected = len(self._ox)
                with dump.open("rb") as file:
                    watched = directories.Watched(file, "load", watch)
                    self._exchange(lambda fresh: fresh.bulk_load(watched, format=ox.RdfFormat.N_QUADS), expected)  # type: ignore[arg-type]
            finally:
                dump.unlink(missing_ok=True)

    def _exchange(self, fill: Callable[[ox.Store], None], expected: int | None = None) -> None:
        """Fill a store aside and put it in the place of this one."""
        if self.path is None:
            fresh = ox.Store()
            fill(fresh)
            self._open = fresh
            return
        aside = directories.aside(self.path)
        shutil.rmtree(aside, ignore_errors=True)
        try:
            loaded = ox.Store(str(aside))
            fill(loaded)
            loaded.flush()
            if expected is not None and len(loaded) != expected:
                raise StoreError(f"{len(loaded)} triples were loaded instead of {expected}; the store is as it was, look at the disk")
            del loaded
            with self._readers.alone():
                self._ox.flush()
                self._open = None
                try:
                    directories.swap(aside, self.path)
                finally:
                    self._open_again(self.path)
        finally:
            shutil.rmtree(aside, ignore_errors=True)

    def checkpoint(self, target: Path) -> None:
        """Make a copy that another process may open read-only: hard links, milliseconds.

        Raises
        ------
        StoreError
            If the store is in memory (`backup` it instead), or the directory exists.
        """
        if self.path is None:
            raise StoreError("a store in memory has no files to link; write it with backup() instead")
        with self._reading() as store:
            store.backup(str(target))

    def tidy(self) -> None:
        """See `Store.tidy`: once the log is long, what it holds is written to the tables, beside everything else.

        RocksDB keeps a log for as long as a single table has not been written since, and the small ones hardly ever are: without
        this it grows to some gigabytes before RocksDB sees to it by itself.
        """
        if self.path is None or self._broken or directories.log_size(self.path) < _LONG_LOG:
            return
        with self._writing():
            self._ox.flush()

    def close(self) -> None:
        """See `Store.close`."""
        if self._open is not None:
            if not self._broken:
                self._open.flush()
            self._open = None

    @property
    def _ox(self) -> ox.Store:
        opened = self._open
        if opened is None:
            raise StoreError(f"the store in {self.path or 'memory'} is closed; open it again with EmbeddedStore(…)")
        return opened

    @contextmanager
    def _reading(self) -> Iterator[ox.Store]:
        try:
            with self._readers.shared():
                yield self._ox
        except SyntaxError as error:
            raise QueryError(f"malformed SPARQL query: {error}") from error
        except (OSError, RuntimeError) as error:
            if isinstance(error, StoreError):
                raise
            raise StoreError(f"the store can't be read: {error}") from error

    @contextmanager
    def _writing(self, *, alone: bool = False, touched: frozenset[str] | None = None) -> Iterator[None]:
        if self._broken:
            self._reopen()
        known = None
        try:
            with self._gate.alone() if alone else self._gate.shared():
                yield
            known = touched
        except SyntaxError as error:
            raise QueryError(f"malformed SPARQL Update: {error}") from error
        except (OSError, RuntimeError) as error:
            if isinstance(error, StoreError):
                raise
            if not alone:  # an exchange fails beside the store, and says so itself where it can't open it again
                self._broken = self.path is not None
            raise StoreError(f"the store in {self.path or 'memory'} refused a write: {error}") from error
        finally:
            with self._lock:
                self._changes += 1
                for told in self._told:
                    told(known)

    def _reopen(self) -> None:
        """Open the store anew after a failed write: RocksDB takes no more writes then, even when the disk has room again.

        What was committed is in its log. It can be read all the while, so it is not closed before there is room to open it.
        """
        with self._gate.alone(), self._readers.alone():
            if not self._broken or self.path is None:
                return
            free = shutil.disk_usage(self.path).free
            if free < _ROOM:
                raise StoreError(
                    f"the store in {self.path} has refused a write, and needs {_ROOM >> 20} MiB of room to go on, "
                    f"but only {free >> 20} are free; make room"
                )
            self._open = None
            self._open_again(self.path)

    def _open_again(self, path: Path) -> None:
        """Open what was just closed; where that fails, the next write tries again."""
        self._broken = True
        deadline = time.monotonic() + _PATIENCE_S
        while self._broken:
            try:
                self._open = _open(path)
                self._broken = False
            except StoreError:  # an error that somebody keeps may hold the one that was closed
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.02)


def _open(path: Path | None) -> ox.Store:
    try:
        return ox.Store(str(path)) if path is not None else ox.Store()
    except OSError as error:
        raise StoreError(
            f"the store in {path} can't be opened ({error}); is another platform running on it? Stop that one first"
        ) from error


def _graphs(quads: Iterable[Quad]) -> frozenset[str]:
    return frozenset(graph.value for graph in {quad.graph_name for quad in quads} if isinstance(graph, NamedNode))


def _load(store: ox.Store, source: Path) -> None:
    try:
        store.bulk_load(path=str(source), format=ox.RdfFormat.N_QUADS)
    except SyntaxError as error:
        raise StoreError(f"{source} is no N-Quads file ({error}); nothing was changed") from error
