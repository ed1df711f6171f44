"""What a command of the line works with, and how it reaches the platform."""

import argparse
import contextlib
import signal
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from commands.arguments import Arguments, Verbs
from commands.site import running
from service import Platform
from settings import Settings

Ask = Callable[[str, Arguments], dict[str, Any]]  # a verb's name and arguments → its result


@dataclass(frozen=True)
class Context:
    """What a command gets from outside.

    Attributes
    ----------
    settings : where things are
    wall : the time, aware
    since_boot : a clock that is never set and goes on while the machine is suspended [s]
    verbs : every verb, bound to a platform
    """

    settings: Settings
    wall: Callable[[], datetime]
    since_boot: Callable[[], float]
    verbs: Callable[[Platform], Verbs]

    @contextlib.contextmanager
    def reached(self) -> Iterator[Ask]:
        """Give the verbs of the platform that runs on the same data directory; of one over the store itself where none runs."""
        site = running(self.settings.data_dir)
        if site:
            yield site.post
            return
        with contextlib.closing(Platform(self.settings, self.wall)) as platform:
            verbs = self.verbs(platform)
            yield lambda name, arguments: verbs[name](arguments)

    def ask(self, name: str, arguments: Arguments) -> dict[str, Any]:
        """Run one verb there."""
        with self.reached() as ask:
            return ask(name, arguments)


Run = Callable[[Context, argparse.Namespace], dict[str, Any] | None]  # `None`: there is nothing to say


def until_told(stop: Callable[[], object]) -> None:
    """Call something when the process is told to end, instead of ending it."""
    for name in (signal.SIGINT, signal.SIGTERM):
        signal.signal(name, lambda *_: stop())


def told_to_stop() -> threading.Event:
    """Return what is set when the process is told to end."""
    stop = threading.Event()
    until_told(stop.set)
    return stop
