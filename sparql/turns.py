"""A waiting line that is fair between clients: whoever asks much waits for himself, not in front of the others."""

import threading
import time
from collections import Counter, OrderedDict, deque
from collections.abc import Callable

POLL_S = 0.05
Gone = Callable[[], bool]


class LineError(Exception):
    """There is no place; `sentence` says why."""

    def __init__(self, sentence: str) -> None:
        super().__init__(sentence)
        self.sentence = sentence


class FullError(LineError):
    """Too many wait already."""


class LateError(LineError):
    """No place came free in time."""


class GoneError(LineError):
    """Whoever asked has hung up."""


class _Ticket:
    def __init__(self, client: str) -> None:
        self.client = client
        self.called = threading.Event()


class Line:
    """Some places, and those who wait for them: clients take turns, and within a client the first comes first.

    Parameters
    ----------
    places
        How many may be inside at once.
    per_client
        How many of one client may be inside at once.
    longest
        How many may wait; half of them at most for one client.
    """

    def __init__(self, *, places: int, per_client: int, longest: int) -> None:
        self.places = places
        self._per_client = per_client
        self._longest = longest
        self._lock = threading.Lock()
        self._free = places
        self._inside: Counter[str] = Counter()
        self._waiting: OrderedDict[str, deque[_Ticket]] = OrderedDict()  # whose turn is next comes first
        self._length = 0

    def enter(self, client: str, until: float, gone: Gone | None = None) -> None:
        """Wait for a place; `leave` gives it back.

        Parameters
        ----------
        until
            When to give up (`time.monotonic`).
        gone
            Tells whether whoever asked has hung up; asked while waiting.

        Raises
        ------
        FullError, LateError, GoneError
            When there is none.
        """
        ticket = _Ticket(client)
        with self._lock:
            if self._free and not self._waiting and self._inside[client] < self._per_client:
                self._admit(client)
                return
            self._queue(ticket)
            self._call()
        try:
            _await(ticket, until, gone)
        except LineError:
            self._withdraw(ticket)
            raise

    def leave(self, client: str) -> None:
        """Give a place back."""
        with self._lock:
            self._free += 1
            self._inside[client] -= 1
            if not self._inside[client]:
                del self._inside[client]
            self._call()

    @property
    def waiting(self) -> int:
        """How many wait."""
        return self._length

    def _admit(self, client: str) -> None:
        self._free -= 1
        self._inside[client] += 1

    def _queue(self, ticket: _Ticket) -> None:
        own = self._waiting.get(ticket.client, ())
        if self._length >= self._longest or len(own) >= max(1, self._longest // 2):
            raise FullError(
                f"{self._length} queries wait already, {len(own)} of them from this client, and no more are taken; try again in some seconds"
            )
        self._waiting.setdefault(ticket.client, deque()).append(ticket)
        self._length += 1

    def _call(self) -> None:
        """Let in whose turn it is, as long as there are places."""
        for client in list(self._waiting):
            if not self._free:
                return
            if self._inside[client] < self._per_client:
                ticket = self._next(client)
                self._admit(client)
                ticket.called.set()

    def _next(self, client: str) -> _Ticket:
        queue = self._waiting[client]
        ticket = queue.popleft()
        self._length -= 1
        if queue:
            self._waiting.move_to_end(client)
        else:
            del self._waiting[client]
        return ticket

    def _withdraw(self, ticket: _Ticket) -> None:
        with self._lock:
            if not ticket.called.is_set():
                queue = self._waiting[ticket.client]
                queue.remove(ticket)
                self._length -= 1
                if not queue:
                    del self._waiting[ticket.client]
                return
        self.leave(ticket.client)  # called at the very moment when it gave up


def _await(ticket: _Ticket, until: float, gone: Gone | None) -> None:
    while True:
        left = until - time.monotonic()
        if left <= 0:
            raise LateError("no place for a query came free in time; try again in a moment")
        if ticket.called.wait(left if gone is None else min(left, POLL_S)):
            return
        if gone is not None and gone():
            raise GoneError("whoever asked has hung up")
