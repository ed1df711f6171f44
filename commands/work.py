"""Verbs that take long: how far they have come, and how they are stopped."""

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from commands.arguments import ArgumentError

log = logging.getLogger("flexcoop")
_TOLD_EVERY = 20  # transactions between two lines in the log


@dataclass(frozen=True)
class Step:
    """How far a long verb has come: a share where it is known, and a sentence."""

    share: float | None
    sentence: str


Tell = Callable[[Step], None]
Stop = Callable[[], bool]
Done = TypeVar("Done")


class Work:
    """Long verbs that are under way, by a key that whoever started one has chosen; safe from every thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._stops: dict[str, threading.Event] = {}
        self._steps: dict[str, Step] = {}

    def run(self, key: str, name: str, task: Callable[[Tell, Stop], Done]) -> Done:
        """Do something long and return what came of it; meanwhile others may ask how far it is, and stop it."""
        stop = threading.Event()
        with self._lock:
            if key in self._stops:
                raise ArgumentError(f"something with the key {key!r} is under way already; choose another key")
            self._stops[key] = stop
        try:
            return task(self._told(name, key), stop.is_set)
        finally:
            with self._lock:
                del self._stops[key]
                self._steps.pop(key, None)

    def progress(self, key: str) -> dict[str, Any]:
        """How far a verb has come; `under_way` is false once it is done."""
        with self._lock:
            found = self._steps.get(key, Step(None, "beginning")) if key in self._stops else None
        return {"under_way": False} if found is None else {"under_way": True, "share": found.share, "sentence": found.sentence}

    def stop(self, key: str) -> dict[str, Any]:
        """Let a verb end after the portion at hand."""
        with self._lock:
            found = self._stops.get(key)
        if found is not None:
            found.set()
        return {"stopping": found is not None}

    def _told(self, name: str, key: str) -> Tell:
        steps = [0]

        def told(step: Step) -> None:
            with self._lock:
                self._steps[key] = step
            steps[0] += 1
            if steps[0] % _TOLD_EVERY == 0:
                log.info("%s: %s", name, step.sentence)

        return told
