"""Workers for untrusted queries: quick ones never wait behind slow ones, and no client behind another that asks much.

A query takes a place in the quick lane (`turns.Line`) and a warm worker. If it does not end soon, it gives its place to the next,
moves to the slow lane (`lanes.SlowLane`), and a new worker is made warm in the background; whoever went through the slow lane is not
used again, as an unprivileged process can't get its priority back. Each query ends at its own deadline, counted from when it came.
"""

import os
import pickle
import time
from dataclasses import dataclass, replace
from typing import BinaryIO

from kg.errors import StoreError
from sparql.answers import Answer, problem
from sparql.checkpoints import Checkpoints
from sparql.lanes import Slow, SlowLane
from sparql.scope import Scope
from sparql.stock import Stock, Worker
from sparql.turns import POLL_S, FullError, Gone, GoneError, LateError, Line
from sparql.worker import Request

LATE = "the query ran longer than {:g} s and was ended; ask for less at once, or narrow its patterns"
BUSY = "all places for queries were taken for {:g} s; try again in a moment"
_DIED = "the query's worker broke down, most likely because it needed more than {} MB of memory; ask for less at once"
_CLOSED = "the platform is being shut down; try again when it is up"
GONE = "whoever asked has hung up, and the query was ended"
_RETRY_S = 2
_SUSPECT_S, _MOST_SUSPECTS = 10.0, 1000
_SLEEPS_S = 1.0  # a query that waits for the disk is slow too


@dataclass(frozen=True)
class Limits:
    """How many and how much.

    Attributes
    ----------
    quick : places in the quick lane
    per_client : of these for one client at once
    spare : warm workers beyond them
    quick_s : a query that has used the processor for so long is a slow one, if others wait [s] …
    patient_s : … and if nobody waits [s]
    slow_running : slow queries that run at a time
    slow_most : slow queries that there may be
    waiting : queries that may wait
    memory_mb : for one query beyond a worker at rest [MiB]
    slow_memory_mb : for all slow ones together [MiB]
    """

    quick: int
    per_client: int
    memory_mb: int
    slow_memory_mb: int
    spare: int = 3
    quick_s: float = 0.03
    patient_s: float = 0.25
    slow_running: int = 2
    slow_most: int = 16
    waiting: int = 256


class Pool:
    """The workers, and who gets one.

    Parameters
    ----------
    checkpoints
        What they read.
    limits
        How many and how much.
    deadline_s
        Longest time of a query, from when it came to its answer [s].
    """

    def __init__(self, checkpoints: Checkpoints, limits: Limits, deadline_s: float) -> None:
        self._checkpoints = checkpoints
        self._limits = limits
        self._deadline_s = deadline_s
        self._line = Line(places=limits.quick, per_client=limits.per_client, longest=limits.waiting)
        self._lane = SlowLane(running=limits.slow_running, most=limits.slow_most, memory_mb=limits.slow_memory_mb)
        self._suspects = _Suspects()
        self._stock = Stock(checkpoints, places=limits.quick, spare=limits.spare, memory_mb=limits.memory_mb)

    def run(self, request: Request, scope: Scope, *, client: str, until: float, gone: Gone | None) -> Answer:
        """Answer one query, or say why not.

        Parameters
        ----------
        request
            What is asked; its checkpoint and time are filled in here.
        until
            Its deadline (`time.monotonic`).
        gone
            Tells whether whoever asked has hung up.
        """
        if self._stock.closed:
            return problem(503, _CLOSED, _RETRY_S)
        place = _Place(self._line, client, suspect=self._suspects.holds(client))
        try:
            place.enter(until, gone)
        except FullError as error:
            return problem(503, error.sentence, _RETRY_S)
        except LateError:
            return problem(503, BUSY.format(self._deadline_s), _RETRY_S)
        except GoneError:
            return problem(503, GONE)
        try:
            return self._placed(request, scope, place, until, gone)
        except StoreError as error:
            return problem(503, f"the graph can't be read now: {error}", _RETRY_S)
        finally:
            place.leave()

    def close(self) -> None:
        """End the workers; queries that still run are answered 503."""
        self._stock.close()

    @property
    def workers(self) -> tuple[int, ...]:
        """Process numbers of all workers, warm and at work."""
        return self._stock.pids

    def _placed(self, request: Request, scope: Scope, place: "_Place", until: float, gone: Gone | None) -> Answer:
        with self._checkpoints.reading() as checkpoint:
            worker = self._stock.take(until, modest=place.suspect)
            if worker is None:
                return problem(503, _CLOSED if self._stock.closed else BUSY.format(self._deadline_s), _RETRY_S)
            age_s = self._checkpoints.age_s(checkpoint)
            left = until - time.monotonic()
            task = _Task(worker, scope, until, gone, used_s=worker.cpu_s())
            usable = False
            try:
                if place.suspect:
                    self._slowed(task, place)
                worker.send(pickle.dumps(replace(request, path=str(checkpoint.path), deadline_s=left), pickle.HIGHEST_PROTOCOL))
                done, usable = self._awaited(task, place)
            except TimeoutError:
                return problem(503, LATE.format(self._deadline_s))
            except EOFError:
                return self._died(task)
            except GoneError:
                return problem(503, GONE)
            finally:
                self._end(task, usable)
        return replace(done, as_of=checkpoint.as_of, age_s=age_s)

    def _awaited(self, task: "_Task", place: "_Place") -> tuple[Answer, bool]:
        """Wait for the answer, and meanwhile see to the lanes."""
        began = time.monotonic()
        slow_at = began + self._limits.quick_s
        while True:
            now = time.monotonic()
            if now >= task.until:
                raise TimeoutError
            if task.slow is None and now >= slow_at:
                allowed = self._limits.quick_s if self._line.waiting else self._limits.patient_s
                if task.worker.cpu_s() - task.used_s >= allowed or now - began >= _SLEEPS_S:
                    self._slowed(task, place)
                    self._suspects.add(place.client)
                slow_at = now + self._limits.quick_s
            if task.slow is not None:
                self._lane.turn()
            if task.gone is not None and task.gone():
                raise GoneError("whoever asked has hung up")
            try:
                told, files = task.worker.receive(min(task.until, slow_at if task.slow is None else now + POLL_S))
            except TimeoutError:
                continue
            if told.get("wants") == "scope":
                task.worker.send(pickle.dumps(task.scope, pickle.HIGHEST_PROTOCOL))
                continue
            if place.suspect and task.worker.cpu_s() - task.used_s < self._limits.quick_s:
                self._suspects.clear(place.client)
            return _answer(task, told, files), not told["spent"] and task.slow is None

    def _slowed(self, task: "_Task", place: "_Place") -> None:
        """Move a query to the slow lane."""
        task.slow = self._lane.enter(task.worker.pid, place.client)
        self._stock.replace()
        place.leave()

    def _end(self, task: "_Task", usable: bool) -> None:
        if task.slow is not None:
            self._lane.leave(task.slow)  # before its number is given up
        self._stock.give_back(task.worker, usable=usable, replaced=task.slow is not None)

    def _died(self, task: "_Task") -> Answer:
        if self._stock.closed:
            return problem(503, _CLOSED, _RETRY_S)
        if task.slow is not None and task.slow.evicted:
            return problem(503, task.slow.evicted, _RETRY_S)
        return problem(503, _DIED.format(self._limits.memory_mb))


@dataclass
class _Task:
    worker: Worker
    scope: Scope
    until: float
    gone: Gone | None
    used_s: float = 0.0
    slow: Slow | None = None


class _Place:
    """A place in the quick lane, given back once; a suspect has none."""

    def __init__(self, line: Line, client: str, *, suspect: bool) -> None:
        self._line = line
        self._held = False
        self.client = client
        self.suspect = suspect

    def enter(self, until: float, gone: Gone | None) -> None:
        if not self.suspect:
            self._line.enter(self.client, until, gone)
            self._held = True

    def leave(self) -> None:
        if self._held:
            self._held = False
            self._line.leave(self.client)


class _Suspects:
    """Clients whose last query was a slow one: for a while theirs begin in the slow lane, until one of them proves to be quick."""

    def __init__(self) -> None:
        self._until: dict[str, float] = {}

    def holds(self, client: str) -> bool:
        return self._until.get(client, 0.0) > time.monotonic()

    def add(self, client: str) -> None:
        now = time.monotonic()
        if len(self._until) > _MOST_SUSPECTS:
            self._until = {each: until for each, until in self._until.items() if until > now}
        self._until[client] = now + _SUSPECT_S

    def clear(self, client: str) -> None:
        self._until.pop(client, None)


def _answer(task: _Task, told: dict[str, object], files: list[int]) -> Answer:
    status, media, length = int(str(told["status"])), str(told["media"]), int(str(told["length"]))
    content: bytes | BinaryIO
    content = os.fdopen(files[0], "rb") if told.get("file") else task.worker.read(length, task.until)
    return Answer(status, media, content, retry_after_s=_RETRY_S if status == 503 else None)
