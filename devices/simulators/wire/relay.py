"""The piece of wire before a simulated device: it passes bytes on, or loses, delays and cuts them.

The server behind it is the real one of its protocol; what happens on the way happens here, for every protocol alike.
"""

import contextlib
import os
import select
import socket
import tty
from collections.abc import Callable
from threading import Event, Thread

from devices.simulators.wire.faults import Faults

PIECE = 65_536
LOOPBACK = "127.0.0.1"


class Relay:
    """Threads that pass bytes on until `close`."""

    def __init__(self, faults: Faults) -> None:
        self._faults = faults
        self._stopped = Event()
        self._bell, self._ear = socket.socketpair()
        self._threads: list[Thread] = []

    def close(self) -> None:
        """Cut everything and wait until the threads have ended."""
        self._stopped.set()
        self._bell.send(b"!")
        for thread in self._threads:
            thread.join()
        self._bell.close()
        self._ear.close()

    def _run(self, name: str, target: Callable[..., None], *args: object) -> None:
        thread = Thread(target=target, args=args, name=name, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _waits_for(self, source: int) -> bool:
        """Wait until something comes; false when it is time to end."""
        readable, _, _ = select.select([source, self._ear.fileno()], [], [])
        return source in readable and not self._stopped.is_set()

    def _pass_on(self, source: int, sink: int, answering: bool) -> None:
        with contextlib.suppress(OSError):  # the other side has gone
            while self._waits_for(source):
                piece = os.read(source, PIECE)
                if not piece or (self._faults.drop and not answering):
                    return
                if answering and self._faults.hang:
                    continue
                self._send(sink, piece, answering)

    def _send(self, sink: int, piece: bytes, answering: bool) -> None:
        if not (answering and self._faults.slow):
            while piece:
                piece = piece[os.write(sink, piece) :]
            return
        for at in range(len(piece)):
            os.write(sink, piece[at : at + 1])
            if self._stopped.wait(self._faults.slow):
                return


class TcpRelay(Relay):
    """Listens on loopback and passes each connection on to a server there."""

    def __init__(self, faults: Faults, port: int, inner_port: int) -> None:
        self._listener = socket.create_server((LOOPBACK, port))  # first: where the port is taken, nothing else is open
        super().__init__(faults)
        self._inner_port = inner_port
        self.port: int = self._listener.getsockname()[1]
        self._run("relay", self._accept)

    def close(self) -> None:
        """Cut all connections and stop listening."""
        super().close()
        self._listener.close()

    def _accept(self) -> None:
        while self._waits_for(self._listener.fileno()):
            client, _ = self._listener.accept()
            self._run("relay connection", self._connection, client)

    def _connection(self, client: socket.socket) -> None:
        with client, contextlib.suppress(OSError), socket.create_connection((LOOPBACK, self._inner_port)) as server:
            answers = Thread(target=self._answers, args=(server, client), name="relay answers", daemon=True)
            answers.start()
            self._pass_on(client.fileno(), server.fileno(), answering=False)
            _end(client, server)
            answers.join()

    def _answers(self, server: socket.socket, client: socket.socket) -> None:
        self._pass_on(server.fileno(), client.fileno(), answering=True)
        _end(client, server)


class SerialRelay(Relay):
    """Two pseudo-terminals whose far ends are tied together: a cable between two serial ports."""

    def __init__(self, faults: Faults) -> None:
        super().__init__(faults)
        self._masters, self._slaves = zip(
            *(os.openpty() for _ in range(2)), strict=True
        )  # the slaves stay open: a port that nobody has open fails
        for slave in self._slaves:
            tty.setraw(slave)
        self.path, self.inner_path = (os.ttyname(slave) for slave in self._slaves)
        self._run("relay requests", self._pass_on, self._masters[0], self._masters[1], False)
        self._run("relay answers", self._pass_on, self._masters[1], self._masters[0], True)

    def close(self) -> None:
        """Cut the cable."""
        super().close()
        for end in (*self._masters, *self._slaves):
            os.close(end)


def _end(*connections: socket.socket) -> None:
    for connection in connections:
        with contextlib.suppress(OSError):
            connection.shutdown(socket.SHUT_RDWR)
