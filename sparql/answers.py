"""Write what a query found, within caps, or say why not: shared by the worker and the remote store's reader."""

import io
import json
import os
import re
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import BinaryIO

import pyoxigraph as ox
from pyoxigraph import Triple

from sparql.negotiation import GRAPHS, SOLUTIONS, choose

Found = ox.QuerySolutions | ox.QueryBoolean | ox.QueryTriples | Iterable[Triple]
PROBLEM = "text/plain; charset=utf-8"
SMALL = 1 << 20
_CHUNK = 1 << 16
_QUOTED = re.compile(rb'"[^"]*"')
_RESULTS = {
    "application/sparql-results+json": ox.QueryResultsFormat.JSON,
    "application/json": ox.QueryResultsFormat.JSON,
    "application/sparql-results+xml": ox.QueryResultsFormat.XML,
    "text/csv": ox.QueryResultsFormat.CSV,
    "text/tab-separated-values": ox.QueryResultsFormat.TSV,
}
_RDF = {
    "text/turtle": ox.RdfFormat.TURTLE,
    "application/n-triples": ox.RdfFormat.N_TRIPLES,
    "application/ld+json": ox.RdfFormat.JSON_LD,
    "application/rdf+xml": ox.RdfFormat.RDF_XML,
}


@dataclass(frozen=True)
class Answer:
    """What goes back to whoever asked.

    Attributes
    ----------
    status : HTTP status; 200, 400 (wrong or refused), 406 (no such form), 413 (too much), 503 (too long, too hungry, too busy), 502
    media_type : of the body
    content : the results, as bytes or, if they are long, as an open file without a name; when the status is not 200, the reason as plain text
    as_of : when the content was last brought up to date; `None` where nobody gave a clock, or it is live
    age_s : how far the content may be behind the store [s]; 0 if nothing was written since, or it is live
    retry_after_s : when it makes sense to try again [s]; `None` where the query itself is at fault
    """

    status: int
    media_type: str
    content: bytes | BinaryIO
    as_of: datetime | None = None
    age_s: float = 0.0
    retry_after_s: int | None = None

    @property
    def body(self) -> bytes:
        """The whole content."""
        return self.content if isinstance(self.content, bytes) else b"".join(self.chunks())

    @property
    def length(self) -> int:
        """Bytes of the content."""
        return len(self.content) if isinstance(self.content, bytes) else os.fstat(self.content.fileno()).st_size

    def chunks(self) -> Iterator[bytes]:
        """Give the content bit by bit, so that a long one never stands in memory; may be asked for again until `close`."""
        if isinstance(self.content, bytes):
            yield self.content
            return
        at = 0
        while part := os.pread(self.content.fileno(), _CHUNK, at):
            at += len(part)
            yield part

    def close(self) -> None:
        """Let go of the file; one that nobody closes goes with the answer itself."""
        if not isinstance(self.content, bytes):
            self.content.close()


@dataclass(frozen=True)
class Caps:
    """The most that one answer may hold."""

    rows: int
    bytes: int


class CapExceededError(Exception):
    """An answer would be longer than its caps."""


class Spool(io.RawIOBase):
    """Takes an answer while it is written: in memory, and in a file without a name once it is long.

    Parameters
    ----------
    folder
        Where the file goes.
    most
        Bytes beyond which it raises `CapExceededError`.
    """

    def __init__(self, folder: Path | None, most: int) -> None:
        super().__init__()
        self._folder = folder
        self._most = most
        self._file: BinaryIO = io.BytesIO()
        self._is_file = False
        self.size = 0

    def writable(self) -> bool:
        """Tell that this is for writing."""
        return True

    def write(self, part: bytes) -> int:  # type: ignore[override]  # pyoxigraph gives bytes
        """Take a part.

        Raises
        ------
        CapExceededError
            If it is too much.
        """
        self.size += len(part)
        if self.size > self._most:
            raise CapExceededError(
                f"the answer is longer than {self._most} bytes, the most that is given at once; ask for fewer columns or rows"
            )
        if self.size > SMALL and not self._is_file:
            file: BinaryIO = tempfile.TemporaryFile(dir=self._folder)  # noqa: SIM115 - goes with the answer
            file.write(self._file.getvalue())  # type: ignore[attr-defined]
            self._file, self._is_file = file, True
        return self._file.write(part)

    def content(self) -> bytes | BinaryIO:
        """What was written."""
        if self._is_file:
            self._file.flush()
            return self._file
        whole: bytes = self._file.getvalue()  # type: ignore[attr-defined]
        return whole


def problem(status: int, sentence: str, retry_after_s: int | None = None) -> Answer:
    """Refuse, with the reason."""
    return Answer(status, PROBLEM, sentence.encode("utf-8", "replace"), retry_after_s=retry_after_s)


def written(found: Found, accept: str, caps: Caps, prefixes: Mapping[str, str], folder: Path | None = None) -> Answer:
    """Write solutions, a truth or triples in the form that the client likes best; what is long goes to a file in `folder`."""
    tabular = isinstance(found, (ox.QuerySolutions, ox.QueryBoolean))
    offered = SOLUTIONS if tabular else GRAPHS
    media = choose(accept, offered)
    if media is None:
        return problem(406, f"this query can be answered as {', '.join(offered)}, but {accept} was asked for")
    spool = Spool(folder, caps.bytes)
    try:
        if isinstance(found, ox.QueryBoolean):
            spool.write(found.serialize(format=_RESULTS[media]) or b"")
        elif isinstance(found, ox.QuerySolutions):
            found.serialize(spool, format=_RESULTS[media])  # type: ignore[arg-type]
            _check(_rows(spool.content(), media, caps.rows), caps)
        else:
            ox.serialize(_counted(found, caps), spool, format=_RDF[media], prefixes=dict(prefixes))  # type: ignore[arg-type]
    except CapExceededError as error:
        return problem(413, str(error))
    charset = "; charset=utf-8" if media.startswith("text/") else ""
    return Answer(200, media + charset, spool.content())


def _counted(triples: Iterable[Triple], caps: Caps) -> Iterator[Triple]:
    """Give each triple once, as a graph holds it: one that stands in two graphs is found twice."""
    seen: set[Triple] = set()
    for triple in triples:
        if triple not in seen:
            seen.add(triple)
            _check(len(seen), caps)
            yield triple


def _rows(content: bytes | BinaryIO, media: str, most: int) -> int:
    """Count the solutions in a text that pyoxigraph has written: quicker than making a Python object of each.

    In JSON a bare quote never stands inside a string, in XML a bare `<` never inside a text, and in TSV no line break inside a value;
    only what looks like too many is looked at closely.
    """
    if not isinstance(content, bytes):
        with open(os.dup(content.fileno()), "rb") as again:  # noqa: PTH123 - a file without a name
            again.seek(0)
            content = again.read()
    form = _RESULTS[media]
    if form == ox.QueryResultsFormat.XML:
        return content.count(b"<result>")
    if form == ox.QueryResultsFormat.TSV:
        return content.count(b"\n") - 1
    if form == ox.QueryResultsFormat.CSV:
        lines = content.count(b"\n") - 1
        return lines if lines <= most else _QUOTED.sub(b"", content).count(b"\n") - 1
    least, seeming = content.count(b'"}},{"') + 1, content.count(b"},{") + 1
    return least if least > most or seeming <= most else len(json.loads(content)["results"]["bindings"])


def _check(rows: int, caps: Caps) -> None:
    if rows > caps.rows:
        raise CapExceededError(
            f"the answer has more than {caps.rows} rows, the most that is given at once; add LIMIT and OFFSET with ORDER BY, or aggregate"
        )
