"""Work that takes longer than a page may: it runs beside the requests, says how far it is, and can be stopped."""

import logging
import secrets
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field

from api.languages import _
from telemetry.jobs import JobStoppedError

log = logging.getLogger("flexcoop.api")
Told = Callable[[int, int], None]
MOST_AT_ONCE = 6
# Of what has ended: so many pieces, of so much weight together, for so long since somebody looked at them.
MOST_KEPT, MOST_WEIGHT, KEPT_S = 30, 12_000, 3600.0


class BusyError(RuntimeError):
    """So much is under way that nothing more is begun."""


@dataclass
class Work:
    """One piece of work.

    Attributes
    ----------
    key : that nobody guesses
    name : what it is; while it is under way, whoever wants the same finds it
    owner : key of the principal who wanted it; empty: it is for everybody who may see such work
    about : what pages want to keep beside it
    weight : how much its result keeps in memory, in rows of a sheet (30 kB each where they are homes)
    """

    key: str
    name: str
    owner: str
    about: object = None
    weight: int = 0
    done: int = 0
    total: int = 0
    result: object = None
    error: Exception | None = None
    stopped: bool = False
    ended: threading.Event = field(default_factory=threading.Event, repr=False)
    seen: float = 0.0
    _stop: threading.Event = field(default_factory=threading.Event, repr=False)

    def stop(self) -> None:
        """Ask it to end; what is done stays done."""
        self._stop.set()

    def told(self, done: int, total: int) -> None:
        """Hear how far it is.

        Raises
        ------
        JobStoppedError
            If it was asked to stop.
        """
        self.done, self.total = done, total
        if self._stop.is_set():
            raise JobStoppedError(f"{self.name} was stopped after {done} of {total}")

    def wait(self, seconds: float) -> bool:
        """Whether it ends within so many seconds."""
        return self.ended.wait(seconds)


class Background:
    """Runs work in threads of its own; what has ended is kept for a while, so that its page can be opened again.

    Parameters
    ----------
    clock
        Seconds that only go on.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._works: OrderedDict[str, Work] = OrderedDict()
        self._turn = threading.Lock()
        self._clock = clock

    def start(self, name: str, owner: str, run: Callable[[Told], object], about: object = None, weight: int = 0) -> Work:
        """Begin something, or find what is under way by the same name.

        Raises
        ------
        BusyError
            If as much is under way as runs at once.
        """
        with self._turn:
            under_way = [work for work in self._works.values() if not work.ended.is_set()]
            known = next((work for work in under_way if work.name == name), None)
            if known is not None:
                return known
            together = weight + sum(work.weight for work in under_way)
            if len(under_way) >= MOST_AT_ONCE or (under_way and together > MOST_WEIGHT):
                raise BusyError(_("Others have begun so much that nothing more is taken up just now; begin it again in a few minutes"))
            work = Work(secrets.token_urlsafe(12), name, owner, about, weight, seen=self._clock())
            self._works[work.key] = work
            self._clear()
        threading.Thread(target=self._run, args=(work, run), name=f"work {name}", daemon=True).start()
        return work

    def find(self, key: str, owner: str) -> Work | None:
        """A piece of work by its key, for whoever wanted it."""
        with self._turn:
            self._clear()
            work = self._works.get(key)
            if work is None or work.owner not in ("", owner):
                return None
            work.seen = self._clock()
            self._works.move_to_end(key)
            return work

    def last(self, name: str) -> Work | None:
        """The last piece of work by a name that is known, whoever wanted it."""
        with self._turn:
            return next((work for work in reversed(self._works.values()) if work.name == name), None)

    def under_way(self, name: str) -> Work | None:
        """What runs by a name, whoever wanted it."""
        work = self.last(name)
        return work if work is not None and not work.ended.is_set() else None

    def forget(self, key: str) -> None:
        """Keep what has ended no longer."""
        with self._turn:
            self._works.pop(key, None)

    def _clear(self) -> None:
        """Let go of what was not looked at for longest, until the rest is within its limits."""
        ended = [work for work in self._works.values() if work.ended.is_set()]
        count, weight = len(ended), sum(work.weight for work in ended)
        for work in ended:
            last = work is ended[-1]  # what was just made is shown once, however large
            if work.seen < self._clock() - KEPT_S or (not last and (count > MOST_KEPT or weight > MOST_WEIGHT)):
                del self._works[work.key]
                count, weight = count - 1, weight - work.weight

    def _run(self, work: Work, run: Callable[[Told], object]) -> None:
        try:
            work.result = run(work.told)
        except JobStoppedError:
            work.stopped = True
        except Exception as error:  # whoever waits for it is told, on the page
            if not isinstance(error, ValueError):
                log.exception("%s failed", work.name)
            work.error = error
        finally:
            with self._turn:
                work.seen = self._clock()
                work.ended.set()
