"""Many at once, or one alone: writers share the store, and wait while it is exchanged."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager


class Gate:
    """A lock that is held by many in common or by one alone; whoever wants to be alone goes before those who come later."""

    def __init__(self) -> None:
        self._news = threading.Condition()
        self._within = 0
        self._alone = False

    @contextmanager
    def shared(self) -> Iterator[None]:
        """Be within with others."""
        with self._news:
            self._news.wait_for(lambda: not self._alone)
            self._within += 1
        try:
            yield
        finally:
            with self._news:
                self._within -= 1
                self._news.notify_all()

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Be within alone."""
        with self._news:
            self._news.wait_for(lambda: not self._alone)
            self._alone = True
        try:
            with self._news:
                self._news.wait_for(lambda: not self._within)
            yield
        finally:
            with self._news:
                self._alone = False
                self._news.notify_all()
