"""A simulated meter that answers GET with its document and takes set-points by PUT."""

from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

from devices.simulators.wire.documents import Documents
from devices.simulators.wire.faults import Faults
from devices.simulators.wire.relay import LOOPBACK
from mappers import flat

LONGEST_BODY = 64 * 1024


class HttpServer:
    """Serves one path on loopback until `close`."""

    def __init__(self, documents: Documents, faults: Faults, path: str) -> None:
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                if faults.exception:
                    self._answer(503)
                elif self.path != path:
                    self._answer(404)
                else:
                    self._answer(200, flat.dump(documents.now()))

            def do_PUT(self) -> None:
                body = self.rfile.read(min(int(self.headers.get("content-length", 0)), LONGEST_BODY))
                self._answer(503 if faults.exception else 200 if documents.tell(self.path, body) else 400)

            def log_message(self, *_: object) -> None:
                """Say nothing."""

            def _answer(self, status: int, body: bytes = b"") -> None:
                self.send_response(status)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

        self._server = ThreadingHTTPServer((LOOPBACK, 0), Handler)
        self.port: int = self._server.server_address[1]
        self._thread = Thread(target=self._server.serve_forever, args=(0.05,), name="http device", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop listening and wait until the thread has ended."""
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
