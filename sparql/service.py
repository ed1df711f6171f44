"""Answer untrusted SPARQL, always outside the process that owns the store (docs/decisions/untrusted-queries.md)."""

import contextlib
import json
import os
import queue
import select
import shutil
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import IO

from kg.embedded import EmbeddedStore
from kg.errors import QueryError, StoreError, StoreTimeoutError
from kg.prefixes import prefixes
from kg.remote import RemoteStore
from sparql.answers import Answer, Caps, problem, written
from sparql.negotiation import GRAPHS, SOLUTIONS, choose
from sparql.screen import Screened, screen
from sparql.worker import LENGTH, write_frame

__all__ = ["Answer", "QueryService"]

_LATE = "the query ran longer than {:g} s and was ended; ask for less at once, or narrow its patterns"
_BUSY = "all {} places for queries were taken for {:g} s; try again in a moment"
_DIED = "the query's worker broke down, most likely because it needed more than {} MB of memory; ask for less at once"


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
        Folder for checkpoints, on the same file system as the store so that they are hard links. Emptied at start.
    deadline_s
        Longest time of one query [s]; waiting for a place may take as long again, and a new checkpoint its milliseconds.
    max_rows, max_bytes
        Most solutions (or triples) and bytes of one answer.
    memory_mb
        What a query may take beyond the worker at rest [MiB].
    staleness_s
        How old a checkpoint may be [s].
    workers
        How many queries run at the same time.
    now
        Tells `Answer.as_of`; without it that stays empty.
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
        workers: int = 2,
        now: Callable[[], datetime] | None = None,
    ) -> None:
        self._deadline_s = deadline_s
        self._caps = Caps(rows=max_rows, bytes=max_bytes)
        self._engine: _Workers | _Server
        if isinstance(store, RemoteStore):
            self._engine = _Server(store, deadline_s, self._caps)
        else:
            checkpoints = _Checkpoints(store, cache_dir, staleness_s, now)
            self._engine = _Workers(checkpoints, workers, memory_mb, deadline_s, self._caps)

    def run(self, query: str, accept: str) -> Answer:
        """Answer one query.

        Parameters
        ----------
        query
            SELECT, ASK, CONSTRUCT or DESCRIBE; the project's prefixes need not be declared. Its default graph is the
            union of all named graphs, unless it says FROM. A triple that stands in two graphs counts twice in that
            union on pyoxigraph and once on Fuseki: count with DISTINCT.
        accept
            The media types that the client takes (`Accept` header), or a short name such as `csv`.

        Returns
        -------
        Answer
            Never a part of the answer: all of it with 200, or a reason with 400, 406, 413, 502 or 503.
        """
        seen = screen(query)
        if seen.refusal is not None:
            return problem(400, seen.refusal)
        offered = SOLUTIONS if seen.form in ("SELECT", "ASK") else GRAPHS
        if choose(accept, offered) is None:
            return problem(406, f"{seen.form} can be answered as {', '.join(offered)}, but {accept} was asked for")
        return self._engine.run(query, accept, seen)

    def close(self) -> None:
        """End the workers and remove the checkpoints."""
        self._engine.close()


@dataclass(frozen=True)
class _Checkpoint:
    path: Path
    changes: int
    made: float
    as_of: datetime | None


class _Checkpoints:
    """Copies of the store that workers may open; the newest is kept, and older ones while somebody reads them."""

    def __init__(self, store: EmbeddedStore, folder: Path, staleness_s: float, now: Callable[[], datetime] | None) -> None:
        self._store = store
        self._folder = folder
        self._staleness_s = staleness_s
        self._now = now
        self._lock = threading.Lock()
        self._number = 0
        self._newest: _Checkpoint | None = None
        self._readers: Counter[Path] = Counter()
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True, mode=0o700)

    @property
    def is_dump(self) -> bool:
        return self._store.path is None

    @contextmanager
    def reading(self) -> Iterator[_Checkpoint]:
        """Lend the newest checkpoint, made anew if it is too old and the store has changed."""
        with self._lock:
            lent = self._fresh()
            self._readers[lent.path] += 1
        try:
            yield lent
        finally:
            with self._lock:
                self._readers[lent.path] -= 1
                self._sweep()

    def close(self) -> None:
        shutil.rmtree(self._folder, ignore_errors=True)

    def _fresh(self) -> _Checkpoint:
        newest = self._newest
        if newest is not None and (newest.changes == self._store.changes or time.monotonic() - newest.made < self._staleness_s):
            return newest
        self._number += 1
        path = self._folder / f"checkpoint-{self._number}"
        changes = self._store.changes
        made = _Checkpoint(path, changes, time.monotonic(), self._now() if self._now else None)
        if self.is_dump:
            self._store.backup(path)
        else:
            self._store.checkpoint(path)
        self._newest = made
        self._sweep()
        return made

    def _sweep(self) -> None:
        for path in self._folder.iterdir():
            if self._readers[path] == 0 and (self._newest is None or path != self._newest.path):
                del self._readers[path]
                if path.is_dir():
                    shutil.rmtree(path, ignore_errors=True)
                else:
                    path.unlink(missing_ok=True)


class _Worker:
    """One worker process."""

    def __init__(self, memory_mb: int) -> None:
        package = Path(__file__).parents[1]
        environment = {
            "PATH": os.environ.get("PATH", ""),
            "PYTHONPATH": str(package),
            "MALLOC_ARENA_MAX": "2",  # address space is what is limited: no arena for each thread
        }
        self._process = subprocess.Popen(  # noqa: S603 - our own module
            [sys.executable, "-m", "sparql.worker", str(memory_mb)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=environment,
            cwd=package,
        )

    @property
    def pid(self) -> int:
        return self._process.pid

    def ask(self, request: dict[str, object], until: float) -> tuple[int, str, bytes] | None:
        """Send a request, wait for its answer; `None` if the worker died.

        Raises
        ------
        StoreTimeoutError
            If there is no whole answer in time; the worker is then of no more use.
        """
        assert self._process.stdin is not None  # noqa: S101 - for mypy: both were given as pipes
        assert self._process.stdout is not None  # noqa: S101
        try:
            write_frame(self._process.stdin, json.dumps(request).encode())  # type: ignore[arg-type]
            head = self._frame(self._process.stdout, until)
            body = self._frame(self._process.stdout, until) if head is not None else None
        except BrokenPipeError:
            return None
        if head is None or body is None:
            return None
        told = json.loads(head)
        return int(told["status"]), str(told["media_type"]), body

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                with contextlib.suppress(BrokenPipeError):
                    stream.close()

    def _frame(self, source: IO[bytes], until: float) -> bytes | None:
        head = self._bytes(source, LENGTH.size, until)
        return None if head is None else self._bytes(source, LENGTH.unpack(head)[0], until)

    @staticmethod
    def _bytes(source: IO[bytes], count: int, until: float) -> bytes | None:
        parts: list[bytes] = []
        while count:
            left = until - time.monotonic()
            if left <= 0 or not select.select([source], [], [], left)[0]:
                raise StoreTimeoutError("the worker did not answer in time; it is to be killed")
            part = os.read(source.fileno(), min(count, 1 << 20))
            if not part:
                return None
            parts.append(part)
            count -= len(part)
        return b"".join(parts)


class _Workers:
    """A few warm workers; one that was killed is replaced at once."""

    def __init__(self, checkpoints: _Checkpoints, count: int, memory_mb: int, deadline_s: float, caps: Caps) -> None:
        self._checkpoints = checkpoints
        self._count = count
        self._memory_mb = memory_mb
        self._deadline_s = deadline_s
        self._caps = caps
        self._idle: queue.Queue[_Worker] = queue.Queue()  # oldest first: a replacement has time to warm up
        for _ in range(count):
            self._idle.put(_Worker(memory_mb))

    def run(self, query: str, accept: str, seen: Screened) -> Answer:
        try:
            worker = self._idle.get(timeout=self._deadline_s)
        except queue.Empty:
            return problem(503, _BUSY.format(self._count, self._deadline_s))
        usable = False
        try:
            with self._checkpoints.reading() as checkpoint:
                request = self._request(query, accept, seen, checkpoint)
                answered = worker.ask(request, time.monotonic() + self._deadline_s)
            usable = answered is not None
        except StoreTimeoutError:
            return problem(503, _LATE.format(self._deadline_s))
        except StoreError as error:
            return problem(503, f"the graph can't be read now: {error}")
        finally:
            if not usable:
                worker.kill()
                worker = _Worker(self._memory_mb)
            self._idle.put(worker)
        if answered is None:
            return problem(503, _DIED.format(self._memory_mb))
        return Answer(*answered, as_of=checkpoint.as_of)

    def close(self) -> None:
        for _ in range(self._count):
            with contextlib.suppress(queue.Empty):
                self._idle.get(timeout=self._deadline_s + 1).kill()
        self._checkpoints.close()

    def _request(self, query: str, accept: str, seen: Screened, checkpoint: _Checkpoint) -> dict[str, object]:
        return {
            "path": str(checkpoint.path),
            "is_dump": self._checkpoints.is_dump,
            "query": query,
            "accept": accept,
            "has_dataset": seen.has_dataset,
            "prefixes": dict(prefixes()),
            "rows": self._caps.rows,
            "bytes": self._caps.bytes,
            "deadline_s": self._deadline_s,
        }


class _Server:
    """A SPARQL server, which gets the query with a time limit."""

    def __init__(self, store: RemoteStore, deadline_s: float, caps: Caps) -> None:
        self._store = store
        self._deadline_s = deadline_s
        self._caps = caps

    def run(self, query: str, accept: str, seen: Screened) -> Answer:
        known = prefixes()
        declared = " ".join(f"PREFIX {name}: <{space}>" for name, space in known.items())
        try:
            found = self._store.untrusted(
                f"{declared} {query}",
                tabular=seen.form in ("SELECT", "ASK"),
                has_dataset=seen.has_dataset,
                deadline_s=self._deadline_s,
                max_bytes=4 * self._caps.bytes,  # the server's JSON is wordier than what may come of it
            )
            return written(found, accept, self._caps, known)
        except QueryError as error:
            return problem(400, str(error))
        except StoreTimeoutError:
            return problem(503, _LATE.format(self._deadline_s))
        except OverflowError as error:
            return problem(413, str(error))
        except StoreError as error:
            return problem(502, f"the store's server does not answer: {error}")

    def close(self) -> None:
        """Leave the store to its owner."""
