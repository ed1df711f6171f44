"""Do one thing at a time in a child process that has no network and little memory, and is killed when it takes too long.

What parses or evaluates a stranger's text may run for ever, take all memory or abort its process (a hundred thousand open brackets do):
then only the child is lost, and the next one is warm before it is needed.

A request is a frame of JSON and the body in parts, each part a frame that begins with its mark; an answer is a frame of JSON and a
frame with its content. A child reads a request to its end before it answers, so that neither side waits for the other.
"""

import contextlib
import json
import os
import select
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import IO, Any, BinaryIO

from sparql.frames import LENGTH, read_frame, write_frame
from sparql.isolation import limit_memory, no_network

Head = Mapping[str, Any]
Handler = Callable[[Head, Iterator[bytes]], tuple[Head, bytes]]
_PART, _END, _GIVEN_UP = b"p", b"e", b"x"
_GRACE_S = 1.0
_MOST_WRITTEN = 1 << 16


class LateError(Exception):
    """There was no answer in time."""


class BrokenError(Exception):
    """The child broke down before it had answered."""


class BusyError(Exception):
    """Others were before, for too long."""


class Errand:
    """One child process, kept warm, that runs `python -m {module} MEMORY_MB` and does what is asked of it.

    Parameters
    ----------
    module
        Where `serve` is called.
    memory_mb
        What it may take beyond its memory at rest [MiB].
    """

    def __init__(self, module: str, memory_mb: int) -> None:
        self._module = module
        self._memory_mb = memory_mb
        self._lock = threading.Lock()
        self._child: subprocess.Popen[bytes] | None = self._start()

    def ask(self, head: Head, parts: Iterable[bytes], deadline_s: float) -> tuple[dict[str, Any], bytes]:
        """Send a request, wait for its answer.

        What `parts` raises ends the request, and the child goes on to the next.

        Raises
        ------
        BusyError, LateError, BrokenError
            If others were before for as long as the deadline [s]; if the child was killed at its deadline; if it broke down.
        """
        if not self._lock.acquire(timeout=deadline_s):
            raise BusyError
        try:
            if self._child is None:
                raise BrokenError
            try:
                answer, content, trouble = self._asked(self._child, head, parts, deadline_s)
            except BaseException:
                self._replace()
                raise
        finally:
            self._lock.release()
        if trouble is not None:
            raise trouble
        return answer, content

    def close(self) -> None:
        """End the child."""
        with self._lock:
            self._kill()

    def _asked(
        self, child: subprocess.Popen[bytes], head: Head, parts: Iterable[bytes], deadline_s: float
    ) -> tuple[dict[str, Any], bytes, Exception | None]:
        assert child.stdin is not None  # noqa: S101 - for mypy: both were given as pipes
        assert child.stdout is not None  # noqa: S101
        until = time.monotonic() + deadline_s
        self._send(child.stdin, json.dumps({**head, "deadline_s": deadline_s}).encode(), until)
        trouble: Exception | None = None
        try:
            for part in parts:
                self._send(child.stdin, _PART + part, until)
            self._send(child.stdin, _END, until)
        except (LateError, BrokenError):
            raise
        except Exception as error:  # noqa: BLE001 - of the sender: the child is told so, and it is raised when the child is free again
            trouble = error
            self._send(child.stdin, _GIVEN_UP, until)
        told, content = self._frame(child.stdout, until), self._frame(child.stdout, until)
        answer: dict[str, Any] = json.loads(told)
        return answer, content, trouble

    def _start(self) -> subprocess.Popen[bytes]:
        package = Path(__file__).parents[1]
        environment = {"PATH": os.environ.get("PATH", ""), "PYTHONPATH": str(package), "MALLOC_ARENA_MAX": "2"}
        child = subprocess.Popen(  # noqa: S603 - our own module
            [sys.executable, "-m", self._module, str(self._memory_mb)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=environment,
            cwd=package,
            bufsize=0,
        )
        assert child.stdin is not None  # noqa: S101
        os.set_blocking(child.stdin.fileno(), False)  # so that a child that does not read can't hold the writer beyond its deadline
        return child

    def _replace(self) -> None:
        self._kill()
        self._child = self._start()

    def _kill(self) -> None:
        child, self._child = self._child, None
        if child is None:
            return
        child.kill()
        child.wait()
        for stream in (child.stdin, child.stdout):
            if stream is not None:
                with contextlib.suppress(BrokenPipeError):
                    stream.close()

    @staticmethod
    def _send(sink: IO[bytes], content: bytes, until: float) -> None:
        waiting = memoryview(LENGTH.pack(len(content)) + content)
        while waiting:
            left = until - time.monotonic()
            if left <= 0 or not select.select([], [sink], [], left)[1]:
                raise LateError
            try:
                waiting = waiting[os.write(sink.fileno(), waiting[:_MOST_WRITTEN]) :]
            except BrokenPipeError as error:
                raise BrokenError from error

    @staticmethod
    def _frame(source: IO[bytes], until: float) -> bytes:
        def exactly(count: int) -> bytes:
            parts: list[bytes] = []
            while count:
                left = until - time.monotonic()
                if left <= 0 or not select.select([source], [], [], left)[0]:
                    raise LateError
                part = os.read(source.fileno(), min(count, 1 << 20))
                if not part:
                    raise BrokenError
                parts.append(part)
                count -= len(part)
            return b"".join(parts)

        return exactly(LENGTH.unpack(exactly(LENGTH.size))[0])


def serve(handle: Handler) -> None:
    """Answer requests until the input ends: the child's side.

    A handler that needs no more of the body may return early; what comes still is thrown away.
    """
    no_network()
    limit_memory(int(sys.argv[1]))
    source, sink = sys.stdin.buffer, sys.stdout.buffer
    while (frame := read_frame(source)) is not None:
        head = json.loads(frame)
        signal.setitimer(signal.ITIMER_REAL, float(head["deadline_s"]) + _GRACE_S)  # should nobody be left to kill it
        parts = _parts(source)
        try:
            answer, content = handle(head, parts)
        except MemoryError:
            answer, content = {"status": 413, "sentence": "it needs more memory than it is given; send it in parts"}, b""
        for _ in parts:
            pass
        signal.setitimer(signal.ITIMER_REAL, 0)
        write_frame(sink, json.dumps(answer).encode())
        write_frame(sink, content)


def _parts(source: BinaryIO) -> Iterator[bytes]:
    while (frame := read_frame(source)) is not None and frame[:1] == _PART:
        yield frame[1:]
