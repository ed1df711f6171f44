"""Warm workers: forked and with the newest checkpoint open before anybody asks for one."""

import collections
import contextlib
import json
import os
import pickle
import signal
import socket
import threading
import time

from kg.errors import StoreError
from sparql.checkpoints import Checkpoint, Checkpoints
from sparql.frames import LENGTH
from sparql.lanes import cpu_s
from sparql.nursery import Nursery
from sparql.worker import Request

_FOREVER_S = 10.0
_KEEPER_S = 0.25


class Worker:
    """One worker process, as the platform sees it."""

    def __init__(self, nursery: Nursery) -> None:
        self._nursery = nursery
        self.pid, self._line = nursery.fork()

    def send(self, content: bytes) -> None:
        """Send a frame; a worker that is dead is found out by `receive`."""
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            self._line.settimeout(_FOREVER_S)
            self._line.sendall(LENGTH.pack(len(content)) + content)

    def receive(self, until: float) -> tuple[dict[str, object], list[int]]:
        """Wait for the head of an answer until then (`time.monotonic`), and the descriptor that may come along.

        Raises
        ------
        TimeoutError
            If there is none yet.
        EOFError
            If the worker died.
        """
        self._line.settimeout(max(until - time.monotonic(), 0.0001))
        try:
            message, files, _, _ = socket.recv_fds(self._line, LENGTH.size, 1)
        except ConnectionResetError:
            message, files = b"", []
        try:
            head = message + self.read(LENGTH.size - len(message), until + 1.0) if message else b""
            if not head:
                raise EOFError
            told: dict[str, object] = json.loads(self.read(LENGTH.unpack(head)[0], until + 1.0))
        except BaseException:
            for file in files:
                os.close(file)
            raise
        return told, files

    def read(self, count: int, until: float) -> bytes:
        """Read so many bytes that are on their way.

        Raises
        ------
        TimeoutError, EOFError
            As above.
        """
        parts = []
        while count:
            self._line.settimeout(max(until - time.monotonic(), 0.0001))
            part = self._line.recv(min(count, 1 << 20))
            if not part:
                raise EOFError
            parts.append(part)
            count -= len(part)
        return b"".join(parts)

    def is_alive(self) -> bool:
        """Tell whether an idle one is still there."""
        self._line.settimeout(0)
        try:
            return bool(self._line.recv(1, socket.MSG_PEEK))
        except BlockingIOError:
            return True
        except OSError:
            return False

    def cpu_s(self) -> float:
        """Processor time that it has used [s]: a worker that had to wait for the processor is not slow."""
        return cpu_s(self.pid)

    def kill(self) -> None:
        """End it, whatever it does."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)  # its number is its own until it is buried
        self._nursery.bury(self.pid)
        self._line.close()


class Stock:
    """The warm workers, and a thread that sees to it that there are enough.

    Parameters
    ----------
    checkpoints
        What they read.
    places
        How many may be at work in the quick lane; there is a warm worker for each.
    spare
        How many warm ones there are beyond that.
    memory_mb
        What a query may take beyond a worker at rest [MiB].
    """

    def __init__(self, checkpoints: Checkpoints, *, places: int, spare: int, memory_mb: int) -> None:
        self._checkpoints = checkpoints
        self._places = places
        self._spare = spare
        self._nursery = Nursery(memory_mb)
        self._idle: collections.deque[Worker] = collections.deque()
        self._out: set[Worker] = set()
        self._quick = 0
        self._changed = threading.Condition()
        self._needed = threading.Event()
        self._needed.set()
        self.closed = False
        self._keeper = threading.Thread(target=self._keep, name="query-workers", daemon=True)
        self._keeper.start()

    @property
    def pids(self) -> tuple[int, ...]:
        """Process numbers of all workers, warm and at work."""
        with self._changed:
            return tuple(worker.pid for worker in (*self._idle, *self._out))

    def take(self, until: float, *, modest: bool) -> Worker | None:
        """Take a warm worker, or `None` if there is none in time (`time.monotonic`).

        Parameters
        ----------
        modest
            Leave as many as there are free places for others.
        """

        def ready() -> bool:
            return self.closed or len(self._idle) > (self._places - self._quick if modest else 0)

        with self._changed:
            while True:
                if not self._changed.wait_for(ready, max(until - time.monotonic(), 0.0)) or self.closed:
                    return None
                worker = self._idle.pop()
                if worker.is_alive():
                    self._out.add(worker)
                    self._quick += 1
                    return worker
                worker.kill()
                self._needed.set()

    def replace(self) -> None:
        """Make another one warm for one that is at work, and will be so for long."""
        with self._changed:
            self._quick -= 1
        self._needed.set()

    def give_back(self, worker: Worker, *, usable: bool, replaced: bool) -> None:
        """Give one back: to be used again, or to be ended."""
        with self._changed:
            self._out.discard(worker)
            if not replaced:
                self._quick -= 1
            kept = usable and not self.closed
            if kept:
                self._idle.append(worker)
                self._changed.notify_all()
        if not kept:
            worker.kill()
            self._needed.set()

    def close(self) -> None:
        """End all of them."""
        with self._changed:
            self.closed = True
            for worker in self._out:  # whoever waits for one of these sees it end, and gives it back
                with contextlib.suppress(ProcessLookupError):
                    os.kill(worker.pid, signal.SIGKILL)
            self._changed.notify_all()
        self._needed.set()
        self._keeper.join()
        while self._idle:
            self._idle.pop().kill()
        self._nursery.close()

    def _keep(self) -> None:
        while not self.closed:
            self._needed.wait(_KEEPER_S)
            self._needed.clear()
            with contextlib.suppress(OSError, EOFError, StoreError):  # what is wrong here is told to whoever asks next
                while not self.closed and (count := self._missing()) > 0:
                    self._hatch(count)
                if (fresh := self._checkpoints.renew()) is not None:
                    self._refresh(fresh)

    def _missing(self) -> int:
        with self._changed:
            return self._places + self._spare - len(self._idle) - self._quick

    def _hatch(self, count: int) -> None:
        """Make some warm, all at the same time."""
        with self._checkpoints.reading() as checkpoint, contextlib.ExitStack() as left:
            fresh = []
            for _ in range(count):
                fresh.append(Worker(self._nursery))
                left.callback(fresh[-1].kill)
                self._open(fresh[-1], checkpoint)
            until = time.monotonic() + _FOREVER_S
            for worker in fresh:
                worker.receive(until)
            left.pop_all()
            with self._changed:
                self._idle.extendleft(fresh)
                self._changed.notify_all()

    def _refresh(self, checkpoint: Checkpoint) -> None:
        """Let those that are idle open a checkpoint, one at a time, so that no query has to wait for that."""
        for _ in range(self._places + self._spare):
            with self._changed:
                if not self._idle:
                    return
                worker = self._idle.popleft()
                self._out.add(worker)
                self._quick += 1
            usable = False
            try:
                self._open(worker, checkpoint)
                worker.receive(time.monotonic() + _FOREVER_S)
                usable = True
            finally:
                self.give_back(worker, usable=usable, replaced=False)

    def _open(self, worker: Worker, checkpoint: Checkpoint) -> None:
        request = Request(path=str(checkpoint.path), is_dump=self._checkpoints.is_dump, query=None, deadline_s=_FOREVER_S)
        worker.send(pickle.dumps(request, pickle.HIGHEST_PROTOCOL))
