"""The slow lane: queries that turned out to be long, of which a few run at a time, at a low priority, clients taking turns.

A long query is not wrong, so it is not refused; but it must not be in the way. Its process gives way to others, and to every other of
the machine once it is very long; those for which there is no turn are stopped (`SIGSTOP`) while their clocks run. Whoever has had least
of the processor goes first, so that a query of a second ends soon even among those that would never end.
"""

import contextlib
import os
import signal
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

_SLICE_S = 0.2
_NICE = 10
_CPUCLOCK_SCHED = 2  # Linux: the clock of a process is named by its number
_VERY_LONG_S = 1.5
_PAGE = os.sysconf("SC_PAGE_SIZE")
_CROWDED = "{} long queries run already, and no more are taken; try again in some seconds, or ask for less at once"
_HEAVY = "the long queries together needed more than {} MB of memory, and this one needed most; ask for less at once"


@dataclass
class Slow:
    """One query in the lane.

    Attributes
    ----------
    pid : of its process
    client : who asks
    first_s : processor time that it had used when it came in [s]
    used_s : … and when it was looked at last [s]
    running : whether it has a turn
    last : whether it runs only when nobody else wants to
    evicted : why it was killed; empty if it was not
    """

    pid: int
    client: str
    first_s: float = 0.0
    used_s: float = 0.0
    running: bool = True
    last: bool = False
    evicted: str = field(default="")


class SlowLane:
    """Those queries; every thread that waits for one calls `turn` now and then, which is what makes turns pass.

    Parameters
    ----------
    running
        How many run at a time.
    most
        How many there may be.
    memory_mb
        How much memory they may take together [MiB].
    """

    def __init__(self, *, running: int, most: int, memory_mb: int) -> None:
        self._places = running
        self._most = most
        self._memory_mb = memory_mb
        self._lock = threading.Lock()
        self._inside: list[Slow] = []
        self._used: dict[str, float] = {}
        self._turned = 0.0

    def enter(self, pid: int, client: str) -> Slow:
        """Take a process in, at a low priority; if that is one too many, the last of the greediest client is ended."""
        used = cpu_s(pid)
        slow = Slow(pid, client, used, used)
        with contextlib.suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, pid, _NICE)
        with self._lock:
            self._used.setdefault(client, 0.0)
            self._inside.append(slow)
            if len(self._inside) > self._most:
                counts = Counter(each.client for each in self._inside)
                greediest = max(counts.values())
                self._evict([each for each in self._inside if counts[each.client] == greediest][-1], _CROWDED.format(self._most))
            self._share(time.monotonic())
        return slow

    def leave(self, slow: Slow) -> None:
        """Let one go: it has ended, or is to be ended, which should not take long."""
        if slow.last:
            with contextlib.suppress(OSError):
                os.sched_setscheduler(slow.pid, os.SCHED_OTHER, os.sched_param(0))
        with self._lock:
            if slow in self._inside:
                self._inside.remove(slow)
            self._forget()
            self._share(time.monotonic())

    def turn(self) -> None:
        """Give the next ones a turn if it is time, and see to the memory."""
        now = time.monotonic()
        if now - self._turned < _SLICE_S or not self._lock.acquire(blocking=False):
            return
        try:
            sizes = {each.pid: _resident_mb(each.pid) for each in self._inside}
            if sum(sizes.values()) > self._memory_mb:
                self._evict(max(self._inside, key=lambda each: sizes[each.pid]), _HEAVY.format(self._memory_mb))
            self._share(now)
        finally:
            self._lock.release()

    @property
    def count(self) -> int:
        """How many are in the lane."""
        return len(self._inside)

    def _share(self, now: float) -> None:
        """Choose who runs: the client that has had least, and of it the query that has had least."""
        self._turned = now
        for each in self._inside:
            used = cpu_s(each.pid)
            self._used[each.client] += max(used - each.used_s, 0.0)
            each.used_s = used
            if used - each.first_s > _VERY_LONG_S and not each.last:
                each.last = True
                with contextlib.suppress(OSError):
                    os.sched_setscheduler(each.pid, os.SCHED_IDLE, os.sched_param(0))
        wanted: list[Slow] = []
        counted = dict(self._used)
        rest = list(self._inside)
        while rest and len(wanted) < self._places:
            chosen = min(rest, key=lambda each: (counted[each.client], each.used_s - each.first_s))
            counted[chosen.client] += _SLICE_S
            rest.remove(chosen)
            wanted.append(chosen)
        for each in self._inside:
            _let(each, each in wanted)

    def _evict(self, slow: Slow, why: str) -> None:
        slow.evicted = why
        self._inside.remove(slow)
        self._forget()
        with contextlib.suppress(ProcessLookupError):
            os.kill(slow.pid, signal.SIGKILL)

    def _forget(self) -> None:
        present = {each.client for each in self._inside}
        self._used = {client: used for client, used in self._used.items() if client in present}


def cpu_s(pid: int) -> float:
    """Processor time that a process has used [s]; 0 if it has ended."""
    try:
        return time.clock_gettime(~pid << 3 | _CPUCLOCK_SCHED)
    except OSError:
        return 0.0


def _let(slow: Slow, run: bool) -> None:
    if slow.running != run:
        slow.running = run
        with contextlib.suppress(ProcessLookupError):
            os.kill(slow.pid, signal.SIGCONT if run else signal.SIGSTOP)


def _resident_mb(pid: int) -> float:
    try:
        return int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1]) * _PAGE / (1 << 20)
    except (OSError, IndexError):
        return 0.0
