"""The process in which untrusted queries run: `python -m sparql.worker MEMORY_MB`, spoken to through its standard streams.

Each message is a frame: four bytes of length, then the content. A request is one frame of JSON; an answer is a frame of JSON
(status, media type) and a frame with the body. The process ends when its input ends, and it ends itself one second after a
query's deadline, should nobody be left to kill it.
"""

import json
import signal
import struct
import sys
from collections.abc import Mapping
from typing import BinaryIO

import pyoxigraph as ox

from sparql.answers import Answer, Caps, problem, written
from sparql.isolation import limit_memory, no_network

LENGTH = struct.Struct(">I")
_GRACE_S = 1.0


def write_frame(stream: BinaryIO, content: bytes) -> None:
    """Send one frame."""
    stream.write(LENGTH.pack(len(content)) + content)
    stream.flush()


def read_frame(stream: BinaryIO) -> bytes | None:
    """Receive one frame; `None` when the other side is gone."""
    head = stream.read(LENGTH.size)
    if len(head) < LENGTH.size:
        return None
    (length,) = LENGTH.unpack(head)
    return stream.read(length)


class Content:
    """The checkpoint or dump that is open now."""

    def __init__(self) -> None:
        self._path: str | None = None
        self._store = ox.Store()

    def at(self, path: str, is_dump: bool) -> ox.Store:
        """Open what lies there, unless it is open already."""
        if path != self._path:
            self._path = None
            if is_dump:
                self._store = ox.Store()
                self._store.bulk_load(path=path, format=ox.RdfFormat.N_QUADS)
            else:
                self._store = ox.Store.read_only(path)
            self._path = path
        return self._store


def answer(content: Content, request: Mapping[str, object]) -> Answer:
    """Run one query and write what it found."""
    store = content.at(str(request["path"]), bool(request["is_dump"]))
    prefixes: dict[str, str] = request["prefixes"]  # type: ignore[assignment]
    caps = Caps(rows=int(str(request["rows"])), bytes=int(str(request["bytes"])))
    try:
        found = store.query(
            str(request["query"]),
            prefixes=prefixes,
            use_default_graph_as_union=not request["has_dataset"],  # with the flag, pyoxigraph would ignore FROM
        )
        return written(found, str(request["accept"]), caps, prefixes)
    except SyntaxError as error:
        return problem(400, f"this is not SPARQL 1.1: {error}; correct the query")
    except (ValueError, RuntimeError) as error:
        return problem(400, f"this query can't be evaluated: {error}; correct the query")
    except OSError as error:
        return problem(503, f"this query can't be answered now: {error}; try again in a moment")
    except MemoryError:
        return problem(503, "this query needs more memory than it is given; ask for less at once")


def main() -> None:
    """Answer until the input ends."""
    no_network()
    limit_memory(int(sys.argv[1]))
    content = Content()
    source, sink = sys.stdin.buffer, sys.stdout.buffer
    while (frame := read_frame(source)) is not None:
        request = json.loads(frame)
        signal.setitimer(signal.ITIMER_REAL, float(request["deadline_s"]) + _GRACE_S)
        done = answer(content, request)
        signal.setitimer(signal.ITIMER_REAL, 0)
        write_frame(sink, json.dumps({"status": done.status, "media_type": done.media_type}).encode())
        write_frame(sink, done.body)


if __name__ == "__main__":
    main()
