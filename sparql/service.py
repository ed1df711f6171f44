"""Answer untrusted SPARQL, always outside the process that owns the store (docs/decisions/untrusted-queries.md)."""

import os
import pickle
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from functools import lru_cache
from pathlib import Path

from kg.embedded import EmbeddedStore
from kg.errors import QueryError, StoreError, StoreTimeoutError
from kg.prefixes import prefixes
from kg.remote import RemoteStore
from sparql import printer
from sparql.answers import Answer, Caps, problem, written
from sparql.checkpoints import Checkpoints
from sparql.errors import SparqlError
from sparql.execution import Graphs, bounded
from sparql.negotiation import GRAPHS, SOLUTIONS, choose
from sparql.nodes import Call, Iri, Query
from sparql.observation_terms import FUNCTIONS
from sparql.observations import face
from sparql.parser import parse
from sparql.pool import BUSY, GONE, LATE, Limits, Pool
from sparql.scope import EVERYTHING, Scope
from sparql.scoping import ALLOWED, for_remote
from sparql.turns import FullError, Gone, GoneError, LateError, Line
from sparql.variables import walk
from sparql.worker import Request

__all__ = ["Answer", "QueryService"]

_BASE = "http://127.0.0.1:8080"
_RETRY_S = 2
_SHORT = 4096
_OWN = (ALLOWED, FUNCTIONS)  # functions that the rewriting calls
_SERVER_PLACES = 4
_LONGEST = 256


class QueryService:
    """Run untrusted queries within a deadline and caps.

    On an embedded store, a query runs in a worker process on a checkpoint no older than `staleness_s` when the store has
    changed; the worker has no network and limited memory, and is killed at the deadline. A store in memory has no files to
    link: its workers load a dump, which takes about 1 s for a million triples. On a remote store the server gets the
    query with a time limit, and the answer is read within the same caps; isolation is then the server's matter.

    Parameters
    ----------
    store
        The platform's store.
    cache_dir
        Folder for checkpoints and long answers, on the same file system as the store so that checkpoints are hard links. Emptied at start.
    deadline_s
        Longest time from when a query comes to its answer [s], waiting included.
    max_rows, max_bytes
        Most solutions (or triples) and bytes of one answer.
    memory_mb
        What a query may take beyond the worker at rest [MiB]; the long ones together may take twice that.
    staleness_s
        How old a checkpoint may be [s].
    workers
        How many quick queries run at the same time; one for each processor, and one, unless given. One place is for another client.
    now
        Tells `Answer.as_of`; without it that stays empty.
    base
        Beginning of the platform's IRIs.
    """

    def __init__(
        self,
        store: EmbeddedStore | RemoteStore,
        cache_dir: Path,
        *,
        deadline_s: float,
        max_rows: int,
        max_bytes: int,
        memory_mb: int,
        staleness_s: float = 5.0,
        workers: int | None = None,
        now: Callable[[], datetime] | None = None,
        base: str = _BASE,
    ) -> None:
        self._deadline_s = deadline_s
        self._caps = Caps(rows=max_rows, bytes=max_bytes)
        self._base = base
        processors = len(os.sched_getaffinity(0))
        places = workers or processors + 1
        self._engine: Embedded | Server
        if isinstance(store, RemoteStore):
            cache_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._engine = Server(store, deadline_s, self._caps, workers or _SERVER_PLACES, base, staleness_s, cache_dir)
        else:
            limits = Limits(
                quick=places,
                per_client=max(1, places - 1),
                memory_mb=memory_mb,
                slow_memory_mb=2 * memory_mb,
                slow_running=max(1, processors),
            )
            checkpoints = Checkpoints(store, cache_dir, staleness_s, now)
            self._engine = Embedded(checkpoints, limits, deadline_s, self._caps, base, cache_dir)

    def run(
        self,
        query: str,
        accept: str,
        *,
        scope: Scope = EVERYTHING,
        client: str = "",
        default_graphs: tuple[str, ...] | None = None,
        named_graphs: tuple[str, ...] | None = None,
        gone: Gone | None = None,
    ) -> Answer:
        """Answer one query.

        Parameters
        ----------
        query
            SELECT, ASK, CONSTRUCT or DESCRIBE; the project's prefixes need not be declared. Its default graph is the
            union of all named graphs that may be seen, unless it says FROM. A triple that stands in two graphs counts twice in that
            union on pyoxigraph and once on Fuseki: count with DISTINCT.
        accept
            The media types that the client takes (`Accept` header), or a short name such as `csv`.
        scope
            What the client may see.
        client
            Who asks: clients take turns.
        default_graphs, named_graphs
            The dataset of the protocol; if either is given, FROM and FROM NAMED in the query count for nothing.
        gone
            Tells whether the client has hung up; asked some twenty times a second, from the thread that called `run`.

        Returns
        -------
        Answer
            Never a part of the answer: all of it with 200, or a reason with 400, 406, 413, 502 or 503.
        """
        until = time.monotonic() + self._deadline_s
        try:
            read = _remembered(query, self._base) if len(query) <= _SHORT else _read(query, self._base)
        except SparqlError as error:
            return problem(400, str(error))
        form = read.tree.form
        offered = SOLUTIONS if form in ("SELECT", "ASK") else GRAPHS
        if choose(accept, offered) is None:
            return problem(406, f"{form} can be answered as {', '.join(offered)}, but {accept} was asked for")
        asked = replace(read, default_graphs=default_graphs, named_graphs=named_graphs)
        return self._engine.run(asked, accept, scope=scope, client=client, until=until, gone=gone)

    @property
    def workers(self) -> tuple[int, ...]:
        """Process numbers of the workers that there are now."""
        return self._engine.workers

    def forget(self) -> None:
        """Let go of the checkpoint that is there, as something in it was erased; the next query makes a new one."""
        self._engine.forget()

    def close(self) -> None:
        """End the workers and remove the checkpoints."""
        self._engine.close()


@dataclass(frozen=True)
class Asked:
    """A query that was read: its tree, also pickled, and the dataset of the protocol."""

    tree: Query
    pickled: bytes
    default_graphs: tuple[str, ...] | None = None
    named_graphs: tuple[str, ...] | None = None


def _read(text: str, base: str) -> Asked:
    tree = parse(text, prefixes=prefixes(), base=f"{base}/")
    for node in walk(tree):
        if isinstance(node, Call) and isinstance(node.function, Iri) and node.function.value.startswith(_OWN):
            raise SparqlError(f"<{node.function.value}> is a function of the endpoint itself, not for queries; leave it out")
    return Asked(tree, pickle.dumps(tree, pickle.HIGHEST_PROTOCOL))


_remembered = lru_cache(maxsize=256)(_read)  # dashboards ask the same again and again


class Embedded:
    """Worker processes on checkpoints of the platform's own store."""

    def __init__(self, checkpoints: Checkpoints, limits: Limits, deadline_s: float, caps: Caps, base: str, folder: Path) -> None:
        self._checkpoints = checkpoints
        self._pool = Pool(checkpoints, limits, deadline_s)
        self._blank = Request(
            path="",
            is_dump=checkpoints.is_dump,
            query=None,
            deadline_s=deadline_s,
            base=base,
            rows=caps.rows,
            bytes=caps.bytes,
            folder=str(folder),
        )

    def run(self, asked: Asked, accept: str, *, scope: Scope, client: str, until: float, gone: Gone | None) -> Answer:
        """Answer in a worker."""
        request = replace(
            self._blank,
            query=asked.pickled,
            accept=accept,
            scope=scope.digest,
            default_graphs=asked.default_graphs,
            named_graphs=asked.named_graphs,
        )
        return self._pool.run(request, scope, client=client, until=until, gone=gone)

    def forget(self) -> None:
        """See `QueryService.forget`."""
        self._checkpoints.forget()

    @property
    def workers(self) -> tuple[int, ...]:
        """Process numbers."""
        return self._pool.workers

    def close(self) -> None:
        """End the workers and remove the checkpoints."""
        self._pool.close()
        self._checkpoints.close()


class Server:
    """A SPARQL server, which gets the query with a time limit."""

    def __init__(self, store: RemoteStore, deadline_s: float, caps: Caps, places: int, base: str, staleness_s: float, folder: Path) -> None:
        self._store = store
        self._deadline_s = deadline_s
        self._caps = caps
        self._base = base
        self._folder = folder
        self._staleness_s = staleness_s
        self._listed, self._graphs = 0.0, Graphs(lambda: iter(store.graphs()))
        self._line = Line(places=places, per_client=max(1, places - 1), longest=_LONGEST)

    def run(self, asked: Asked, accept: str, *, scope: Scope, client: str, until: float, gone: Gone | None) -> Answer:
        """Answer by the server, as soon as there is a place."""
        try:
            self._line.enter(client, until, gone)
        except FullError as error:
            return problem(503, error.sentence, _RETRY_S)
        except LateError:
            return problem(503, BUSY.format(self._deadline_s), _RETRY_S)
        except GoneError:
            return problem(503, GONE)
        try:
            return self._answered(asked, accept, scope, until)
        finally:
            self._line.leave(client)

    def forget(self) -> None:
        """See `QueryService.forget`: the server keeps no copies of ours."""

    @property
    def workers(self) -> tuple[int, ...]:
        """None here."""
        return ()

    def close(self) -> None:
        """Leave the store to its owner."""

    def _named(self) -> Graphs:
        """The server's named graphs, asked for again when that was too long ago."""
        if time.monotonic() - self._listed > self._staleness_s:
            self._listed, self._graphs = time.monotonic(), Graphs(lambda: iter(self._store.graphs()))
        return self._graphs

    def _answered(self, asked: Asked, accept: str, scope: Scope, until: float) -> Answer:
        try:
            faced = face(asked.tree, iris_base=self._base, engine="standard")
            query = for_remote(faced, scope, asked.default_graphs, asked.named_graphs, self._named())
            found = self._store.untrusted(
                printer.text(bounded(query, self._caps.rows)),
                tabular=query.form in ("SELECT", "ASK"),
                has_dataset=query.default_graphs is not None or query.named_graphs is not None,
                deadline_s=max(until - time.monotonic(), 0.001),
                max_bytes=4 * self._caps.bytes,  # the server's JSON is wordier than what may come of it
            )
            return written(found, accept, self._caps, prefixes(), self._folder)
        except SparqlError as error:
            return problem(400, str(error))
        except QueryError as error:
            return problem(400, str(error))
        except StoreTimeoutError:
            return problem(503, LATE.format(self._deadline_s))
        except OverflowError as error:
            return problem(413, str(error))
        except StoreError as error:
            return problem(502, f"the store's server does not answer: {error}", _RETRY_S)
