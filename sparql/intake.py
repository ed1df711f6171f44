"""Read RDF that somebody sent, in a process that may break: whole and checked, or refused with a sentence.

References
----------
RFC 9110 §8.4 (Content-Encoding); JSON-LD 1.1 §9.4 (remote contexts: none is fetched); RFC 7303 and OWASP on DTDs.
"""

from collections.abc import Iterator
from typing import BinaryIO

import pyoxigraph as ox
from pyoxigraph import Quad

from sparql.errands import BrokenError, BusyError, Errand, LateError

READABLE = ("text/turtle", "application/n-triples", "application/ld+json", "application/rdf+xml")
READABLE_DATASETS = ("application/trig", "application/n-quads")
ENCODINGS = ("", "identity", "gzip", "x-gzip")
_PART = 1 << 16


class RefusedRdfError(ValueError):
    """What was sent is not taken.

    Attributes
    ----------
    status : as HTTP has it: 400 (wrong), 413 (too much), 415 (another format), 503 (not now)
    """

    def __init__(self, status: int, sentence: str) -> None:
        super().__init__(sentence)
        self.status = status


class Intake:
    """Reads untrusted RDF in a killable child without network.

    Refused: bodies beyond the cap, also once unpacked; DTDs in RDF/XML; contexts of JSON-LD other than the bundled ones; deep nesting;
    literals whose text does not fit their datatype; relative IRIs without base; statements about statements.

    Parameters
    ----------
    max_bytes
        Longest body, packed and unpacked [B].
    deadline_s
        Longest time of one body [s].
    memory_mb
        What the child may take beyond itself at rest [MiB].
    """

    def __init__(self, *, max_bytes: int = 8 << 20, deadline_s: float = 10.0, memory_mb: int = 768) -> None:
        self.max_bytes = max_bytes
        self._deadline_s = deadline_s
        self._memory_mb = memory_mb
        self._errand = Errand("sparql.intake_worker", memory_mb)

    def read(self, source: bytes | BinaryIO, media_type: str, *, base: str | None = None, encoding: str = "") -> list[Quad]:
        """Read one body.

        Parameters
        ----------
        source
            The body, or where it can be read from.
        media_type
            One of `READABLE` or `READABLE_DATASETS`, without parameters.
        base
            What relative IRIs are relative to; without it they are refused.
        encoding
            The `Content-Encoding`: nothing or gzip.

        Raises
        ------
        RefusedRdfError
            With a sentence, if it is not taken.
        """
        if media_type not in (*READABLE, *READABLE_DATASETS):
            raise RefusedRdfError(415, f"RDF can't be read as {media_type or 'nothing'}; send it as {', '.join(READABLE)}")
        if encoding.strip().lower() not in ENCODINGS:
            raise RefusedRdfError(415, f"The body is packed as {encoding}, which is not unpacked here; send it plain or as gzip")
        head = {"media_type": media_type, "base": base, "packed": "gzip" in encoding.lower(), "max_bytes": self.max_bytes}
        try:
            told, content = self._errand.ask(head, self._parts(source), self._deadline_s)
        except BusyError as error:
            raise RefusedRdfError(503, f"Other bodies were being read for {self._deadline_s:g} s; try again in a moment") from error
        except LateError as error:
            raise RefusedRdfError(413, f"Reading the body took longer than {self._deadline_s:g} s; send it in parts") from error
        except BrokenError as error:
            sentence = f"Reading the body broke its reader: it nests too deep, or needs more than {self._memory_mb} MB; make it plainer"
            raise RefusedRdfError(400, sentence) from error
        if told["status"] != 200:
            raise RefusedRdfError(int(told["status"]), str(told["sentence"]))
        return list(ox.parse(content, format=ox.RdfFormat.N_QUADS))

    def close(self) -> None:
        """End the child."""
        self._errand.close()

    def _parts(self, source: bytes | BinaryIO) -> Iterator[bytes]:
        length = 0
        for part in _pieces(source):
            length += len(part)
            if length > self.max_bytes:
                raise RefusedRdfError(
                    413, f"The body is longer than {self.max_bytes} bytes, the most that is read at once; send it in parts"
                )
            yield part


def _pieces(source: bytes | BinaryIO) -> Iterator[bytes]:
    if isinstance(source, bytes):
        yield from (source[start : start + _PART] for start in range(0, len(source), _PART))
        return
    while part := source.read(_PART):
        yield part
