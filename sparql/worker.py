"""What a worker does: open a checkpoint, answer one query after the other, each within its caps (`sparql.nursery` forks it).

A request is a pickled `Request` (it comes from the platform, which is trusted); an answer is a frame of JSON with status, media type and
length, then the body, or, if that is long, the descriptor of a file that holds it. The platform never unpickles what a worker says.
"""

import json
import pickle
import resource
import signal
import socket
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from kg.prefixes import prefixes
from sparql.answers import Answer, Caps, problem, written
from sparql.errors import SparqlError
from sparql.execution import Content
from sparql.frames import LENGTH, read_frame
from sparql.scope import Scope

_GRACE_S = 1.0
_SCOPES = 32
_GROWN_KB = 96 << 10


@dataclass(frozen=True, slots=True)
class Request:
    """One query for a worker.

    Attributes
    ----------
    path : of the checkpoint
    is_dump : whether that is a file of N-Quads
    query : the pickled tree (`nodes.Query`); `None` only opens the checkpoint
    accept : media types that the client takes
    scope : digest of the scope; the worker asks for the scope itself if it has not seen it
    base : of the platform's IRIs
    rows, bytes : caps
    deadline_s : time that is left [s]
    folder : for long answers
    default_graphs, named_graphs : the dataset of the protocol
    """

    path: str
    is_dump: bool
    query: bytes | None
    deadline_s: float
    accept: str = ""
    scope: str = ""
    base: str = ""
    rows: int = 0
    bytes: int = 0
    folder: str = ""
    default_graphs: tuple[str, ...] | None = None
    named_graphs: tuple[str, ...] | None = None


class Scopes:
    """The scopes that came lately, by digest: one of 10,000 graphs comes once to each worker, not with each query."""

    def __init__(self) -> None:
        self._known: OrderedDict[str, Scope] = OrderedDict()

    def get(self, digest: str) -> Scope | None:
        """Find one."""
        if digest in self._known:
            self._known.move_to_end(digest)
        return self._known.get(digest)

    def add(self, scope: Scope) -> None:
        """Keep one, and forget the one not asked for longest."""
        self._known[scope.digest] = scope
        while len(self._known) > _SCOPES:
            self._known.popitem(last=False)


def answer(content: Content, request: Request, scope: Scope) -> Answer:
    """Run one query and write what it found."""
    caps = Caps(rows=request.rows, bytes=request.bytes)
    assert request.query is not None  # noqa: S101 - for mypy: only asked with one
    try:
        found = content.found(request.query, scope, request.base, request.default_graphs, request.named_graphs, request.rows)
        return written(found, request.accept, caps, prefixes(), Path(request.folder))
    except SparqlError as error:
        return problem(400, str(error))
    except SyntaxError as error:
        return problem(400, f"this is not SPARQL 1.1: {error}; correct the query")
    except (ValueError, RuntimeError) as error:
        return problem(400, f"this query can't be evaluated: {error}; correct the query")
    except OSError as error:
        return problem(503, f"this query can't be answered now: {error}; try again in a moment")
    except MemoryError:
        return problem(503, "this query needs more memory than it is given; ask for less at once")


def serve(line: socket.socket) -> None:
    """Answer until the platform is gone; end by itself one second after a query's deadline, should nobody be left to do so."""
    content, scopes = Content(), Scopes()
    rest = _peak_kb()
    with line, line.makefile("rb") as source:
        while (frame := read_frame(source)) is not None:
            request: Request = pickle.loads(frame)  # noqa: S301 - from the platform
            signal.setitimer(signal.ITIMER_REAL, request.deadline_s + _GRACE_S)
            if (scope := scopes.get(request.scope)) is None and request.query is not None:
                _tell(line, {"wants": "scope"})
                if (frame := read_frame(source)) is None:
                    return
                scope = pickle.loads(frame)  # noqa: S301 - from the platform
                scopes.add(scope)
            done = _done(content, request, scope)
            signal.setitimer(signal.ITIMER_REAL, 0)
            _send(line, done, spent=_peak_kb() - rest > _GROWN_KB)
            done.close()


def _done(content: Content, request: Request, scope: Scope | None) -> Answer:
    try:
        content.open(request.path, request.is_dump)
    except OSError as error:
        return problem(503, f"this query can't be answered now: {error}; try again in a moment")
    if request.query is None or scope is None:
        return Answer(200, "", b"")
    return answer(content, request, scope)


def _send(line: socket.socket, done: Answer, *, spent: bool) -> None:
    head = {"status": done.status, "media": done.media_type, "length": done.length, "spent": spent}
    if isinstance(done.content, bytes):
        _tell(line, head, done.content)
    else:
        _tell(line, {**head, "file": True}, file=done.content)


def _tell(line: socket.socket, head: dict[str, object], body: bytes = b"", file: BinaryIO | None = None) -> None:
    text = json.dumps(head).encode()
    message = LENGTH.pack(len(text)) + text
    if file is not None:
        socket.send_fds(line, [message], [file.fileno()])
    else:
        line.sendall(message + body)


def _peak_kb() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
