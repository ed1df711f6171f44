"""A process that has imported everything and does nothing but fork workers: `python -m sparql.nursery MEMORY_MB FD`.

The platform is threaded and must not fork; starting Python anew for each worker takes 100 ms, forking here takes a few. The nursery has
no network, and what it forks inherits that. It takes three commands over a socket: fork a worker that talks through the socket that
comes along, bury one that was killed (until then its number can't be given to another process), and, by the end of the socket, end.
"""

import contextlib
import gc
import os
import signal
import socket
import struct
import subprocess
import sys
import threading
from pathlib import Path

from sparql.isolation import end_with_parent, limit_memory, no_network

_COMMAND = struct.Struct(">ci")


class Nursery:
    """The platform's side: starts the process when it is first needed, and again should it be gone."""

    def __init__(self, memory_mb: int) -> None:
        self._memory_mb = memory_mb
        self._lock = threading.Lock()
        self._sending = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._socket: socket.socket | None = None
        self._closed = False

    def fork(self) -> tuple[int, socket.socket]:
        """Fork a worker.

        Returns
        -------
        tuple
            Its process number, and the socket that it listens on.

        Raises
        ------
        OSError
            If the nursery can't be started or does not answer, or is closed.
        """
        ours, theirs = socket.socketpair()
        with self._lock, theirs:
            try:
                line = self._started()
                with self._sending:
                    socket.send_fds(line, [_COMMAND.pack(b"F", 0)], [theirs.fileno()])
                said = line.recv(_COMMAND.size)
                if len(said) < _COMMAND.size:
                    raise ConnectionResetError("the process that forks workers has ended; it is started again with the next query")
            except OSError:
                ours.close()
                self._end()
                raise
        return _COMMAND.unpack(said)[1], ours

    def bury(self, pid: int) -> None:
        """Forget a worker that was killed."""
        with self._sending, contextlib.suppress(OSError):  # whoever is being answered does not wait for a fork
            if self._socket is not None:
                self._socket.send(_COMMAND.pack(b"B", pid))

    def close(self) -> None:
        """End the nursery, and with it every worker that is left."""
        with self._lock:
            self._closed = True
            self._end()

    @property
    def pid(self) -> int | None:
        """Its process number while it runs."""
        return self._process.pid if self._process is not None else None

    def _started(self) -> socket.socket:
        if self._closed:
            raise ConnectionAbortedError("this endpoint is closed")
        if self._socket is None:
            ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            package = Path(__file__).parents[1]
            environment = {
                "PATH": os.environ.get("PATH", ""),
                "PYTHONPATH": str(package),
                "MALLOC_ARENA_MAX": "2",  # address space is what is limited: no arena for each thread
            }
            with theirs:
                self._process = subprocess.Popen(  # noqa: S603 - our own module
                    [sys.executable, "-m", "sparql.nursery", str(self._memory_mb), str(theirs.fileno())],
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,
                    env=environment,
                    cwd=package,
                    pass_fds=[theirs.fileno()],
                )
            ours.settimeout(30.0)
            self._socket = ours
        return self._socket

    def _end(self) -> None:
        with self._sending:
            if self._socket is not None:
                self._socket.close()
                self._socket = None
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None


def main() -> None:
    """Fork until the platform is gone."""
    from sparql import worker  # what all workers need, imported once

    memory_mb, line = int(sys.argv[1]), socket.socket(fileno=int(sys.argv[2]))
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the platform's business
    no_network()
    gc.collect()
    gc.freeze()  # collecting would write to pages that are shared
    dying: list[int] = []  # one that had much memory takes a while
    while True:
        message, given, _, _ = socket.recv_fds(line, _COMMAND.size, 1)
        if len(message) < _COMMAND.size:
            os._exit(0)
        command, pid = _COMMAND.unpack(message)
        dying = [each for each in dying if not _buried(each)]
        if command == b"B":
            dying += [] if _buried(pid) else [pid]
            continue
        child = os.fork()
        if child == 0:
            line.close()
            end_with_parent()
            limit_memory(memory_mb)
            worker.serve(socket.socket(fileno=given[0]))
            os._exit(0)
        os.close(given[0])
        line.send(_COMMAND.pack(b"F", child))


def _buried(pid: int) -> bool:
    try:
        return os.waitpid(pid, os.WNOHANG)[0] == pid
    except ChildProcessError:
        return True


if __name__ == "__main__":
    main()
