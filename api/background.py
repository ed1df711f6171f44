"""Work that takes longer than a page may: it runs beside the requests, says how far it is, and can be stopped."""

import logging
import secrets
import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field

from telemetry.jobs import JobStoppedError

log = logging.getLogger("flexcoop.api")
Told = Callable[[int, int], None]
MOST_KEPT = 30


@dataclass
class Work:
    """One piece of work.

    Attributes
    ----------
    key : that nobody guesses
    name : what it is; while it is under way, whoever wants the same finds it
    owner : key of the principal who wanted it; empty: it is for everybody who may see such work
    about : what pages want to keep beside it
    """

    key: str
    name: str
    owner: str
    about: object = None
    done: int = 0
    total: int = 0
    result: object = None
    error: Exception | None = None
    stopped: bool = False
    ended: threading.Event = field(default_factory=threading.Event, repr=False)
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
            raise JobStoppedError(f"{self.name} was stopped after {done} of {total}; nothing of it was written")

    def wait(self, seconds: float) -> bool:
        """Whether it ends within so many seconds."""
        return self.ended.wait(seconds)


class Background:
    """Runs work in threads of its own; the last pieces are kept for a while, so that their pages can be opened again."""

    def __init__(self) -> None:
        self._works: OrderedDict[str, Work] = OrderedDict()
        self._turn = threading.Lock()

    def start(self, name: str, owner: str, run: Callable[[Told], object], about: object = None) -> Work:
        """Begin something, or find what is under way by the same name."""
        with self._turn:
            known = next((work for work in self._works.values() if work.name == name and not work.ended.is_set()), None)
            if known is not None:
                return known
            work = Work(secrets.token_urlsafe(12), name, owner, about)
            self._works[work.key] = work
            ended = [key for key, each in self._works.items() if each.ended.is_set()]
            for key in ended[: max(0, len(self._works) - MOST_KEPT)]:
                del self._works[key]
        threading.Thread(target=_run, args=(work, run), name=f"work {name}", daemon=True).start()
        return work

    def find(self, key: str, owner: str) -> Work | None:
        """A piece of work by its key, for whoever wanted it."""
        with self._turn:
            work = self._works.get(key)
        return work if work is not None and work.owner in ("", owner) else None


def _run(work: Work, run: Callable[[Told], object]) -> None:
    try:
        work.result = run(work.told)
    except JobStoppedError:
        work.stopped = True
    except Exception as error:  # whoever waits for it is told, on the page
        if not isinstance(error, ValueError):
            log.exception("%s failed", work.name)
        work.error = error
    finally:
        work.ended.set()
