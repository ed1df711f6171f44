"""A server that answers whatever it is told to, byte for byte."""

import socket
from collections.abc import Callable
from threading import Thread

Answer = Callable[[bytes], bytes]


class Parrot:
    """Takes one request a connection on loopback, answers `answer(request)`, and hangs up."""

    def __init__(self, answer: Answer = lambda _: b"") -> None:
        self.answer = answer
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._thread = Thread(target=self._serve, daemon=True)
        self._thread.start()

    def __enter__(self) -> "Parrot":
        return self

    def __exit__(self, *_) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            with connection:
                try:
                    connection.sendall(self.answer(connection.recv(65_536)))
                    connection.shutdown(socket.SHUT_WR)
                    while connection.recv(65_536):
                        pass
                except OSError:
                    continue
