"""Whole datasets as files: `/dumps/{dataset}.{nq|trig|ttl|nt|csv}[.gz]`, for whoever may see them, as far as they may.

A file is made graph by graph, each as it was at one moment, and kept for the next who may see exactly the same graphs: as long as the
store is not written to, and for a minute otherwise. Few are made at a time, and the directory keeps to its bound.
"""

import atexit
import csv
import gzip
import hashlib
import io
import shutil
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime
from functools import cache
from pathlib import Path
from typing import IO

import numpy as np
import pandas as pd
import pyoxigraph as ox
from flask import Blueprint, Response, abort, send_file
from pyoxigraph import NamedNode, Quad

from api import visible
from api.datasets import shown
from api.dcat import ENDINGS
from api.errors import NotFoundError, problem
from api.guard import rule
from api.languages import _
from api.representations import open_to_pages
from api.services import services
from api.terms import curie
from kg.prefixes import prefixes
from kg.terms import instant, plain
from telemetry.channels import Channel

pages = Blueprint("dumps", __name__)
open_to_pages(pages)
FRESH_S = 60.0
MOST_BYTES = 4 << 30  # of one file, before it is packed
ROOM_BYTES = 8 << 30  # of all files together
PATIENCE_S = 20.0
_FORMATS = {
    "nq": ox.RdfFormat.N_QUADS,
    "trig": ox.RdfFormat.TRIG,
    "ttl": ox.RdfFormat.TURTLE,
    "nt": ox.RdfFormat.N_TRIPLES,
}
_PACKED = "application/gzip"
_MAKING = threading.Semaphore(2)
_MADE: dict[Path, tuple[int | None, float]] = {}  # file → writes of the store before it was made, and when


@pages.get("/dumps/<name>")
@rule.anybody
def dump(name: str) -> Response:
    """Give a dataset as a file: resumable, and 304 to those who have it."""
    key, _dot, ending = name.partition(".")
    plain_ending, _dot, packed = ending.partition(".")
    if plain_ending not in ENDINGS or packed not in ("", "gz"):
        raise NotFoundError(
            _(
                "There is no dump %(text)s; dumps end in %(endings)s, or in one of those and .gz",
                text=repr(name),
                endings=", ".join(ENDINGS),
            )
        )
    graphs = _graphs(key)
    if not graphs:
        raise NotFoundError(
            _("There is no dataset %(text)s of which you may see anything; those that you may see are at /catalogue", text=repr(key))
        )
    path = _path(key, graphs, ending)
    if not _fresh(path):
        if not _MAKING.acquire(timeout=PATIENCE_S):
            answer = problem(503, _("Other dumps are being made just now; ask again in half a minute"))
            answer.headers["Retry-After"] = "30"
            return answer
        try:
            if not _fresh(path):
                _make(path, graphs, plain_ending, packed=bool(packed))
        finally:
            _MAKING.release()
    media_type = _PACKED if packed else ENDINGS[plain_ending][0] + "; charset=utf-8"
    answer = send_file(
        path, media_type, as_attachment=True, download_name=name, conditional=True, etag=path.stem.split("-")[-1] + _stamp(path)
    )
    answer.headers["Cache-Control"] = "private, no-cache"
    answer.vary.update(("Authorization", "Cookie"))
    answer.headers.add("Link", '</catalogue>; rel="describedby"')
    return answer


def sizes(key: str, graphs: Sequence[str]) -> dict[str, int]:
    """Find how large the files are that have been made of these graphs and still hold: ending → bytes."""
    found = {}
    for ending in (f"{each}{packed}" for each in ENDINGS for packed in ("", ".gz")):
        path = _path(key, graphs, ending)
        if _fresh(path):
            found[ending] = path.stat().st_size
    return found


def forget(folder: Path | None = None) -> None:
    """Remove every file that was made: what was erased from the graph must not be found here either."""
    where = folder or _folder()
    for path in where.glob("dump-*"):
        path.unlink(missing_ok=True)
    _MADE.clear()


def _graphs(key: str) -> list[str]:
    pair = shown(services().iris, visible.graphs()).get(key)
    return pair[1] if pair else []


def _folder() -> Path:
    return _cleared(services().dumps or _own_folder())


@cache
def _cleared(folder: Path) -> Path:
    """Make the directory, or remove what another process has left in it: nobody knows any more whether that still holds."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    for path in folder.glob("dump-*"):
        path.unlink(missing_ok=True)
    return folder


@cache
def _own_folder() -> Path:
    made = Path(tempfile.mkdtemp(prefix="flexcoop-dumps-"))
    atexit.register(shutil.rmtree, made, ignore_errors=True)
    return made


def _path(key: str, graphs: Sequence[str], ending: str) -> Path:
    """The file for these graphs and no others: whoever may see one graph less gets another file."""
    digest = hashlib.sha256("\n".join((services().iris.base, str(id(services().store)), key, *graphs)).encode()).hexdigest()[:24]
    return _folder() / f"dump-{digest}.{ending}"


def _stamp(path: Path) -> str:
    return f"-{path.stat().st_mtime_ns:x}"


def _fresh(path: Path) -> bool:
    edits, at = _MADE.get(path, (None, -FRESH_S))
    current = visible.changes(services().store)
    unchanged = path in _MADE and edits is not None and edits == current
    return (unchanged or time.monotonic() - at < FRESH_S) and path in _MADE and path.exists()


def _make(path: Path, graphs: Sequence[str], ending: str, *, packed: bool) -> None:
    edits, at = visible.changes(services().store), time.monotonic()
    _make_room(path.parent)
    part = path.with_name(f"{path.name}.{threading.get_ident()}.part")
    try:
        with part.open("wb") as raw:
            if packed:
                with gzip.GzipFile(filename="", mode="wb", fileobj=raw, compresslevel=6, mtime=0) as file:
                    _write(_Bounded(file), graphs, ending)
            else:
                _write(_Bounded(raw), graphs, ending)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
    _MADE[path] = (edits, at)


def _make_room(folder: Path) -> None:
    """Remove the oldest files until there is room for one more."""
    files = sorted((path.stat().st_mtime, path.stat().st_size, path) for path in folder.glob("dump-*") if not path.name.endswith(".part"))
    total = sum(size for _used, size, _path in files)
    for _used, size, path in files:
        if total <= ROOM_BYTES - MOST_BYTES:
            return
        path.unlink(missing_ok=True)
        _MADE.pop(path, None)
        total -= size


class _Bounded:
    """A file that refuses to become too large."""

    def __init__(self, file: IO[bytes] | gzip.GzipFile) -> None:
        self._file, self._left = file, MOST_BYTES

    def write(self, data: bytes) -> int:
        self._left -= len(data)
        if self._left < 0:
            abort(413, f"This dataset is larger than a dump may be ({MOST_BYTES >> 30} GiB); ask for its graphs one by one, or query it")
        return self._file.write(data)


def _write(file: _Bounded, graphs: Sequence[str], ending: str) -> None:
    if ending == "csv":
        for line in _lines(graphs):
            file.write(line.encode())
        return
    used = dict(prefixes()) if ending in ("ttl", "trig") else None
    for graph in graphs:
        name = NamedNode(graph)
        triples = services().store.graph(graph)
        given = triples if ending in ("ttl", "nt") else [Quad(t.subject, t.predicate, t.object, name) for t in triples]
        file.write(ox.serialize(given, format=_FORMATS[ending], prefixes=used) or b"")


def _lines(graphs: Sequence[str]) -> Iterator[str]:
    """Readings, as `flex load` takes them: channel, beginning of the interval, value, unit."""
    months = {graph for graph in graphs if "/telemetry/" in graph}
    yield "channel,timestamp,value,unit\r\n"
    for graph in sorted(months):
        prefix, _, month = graph.rpartition("/")
        for channel in services().channels.all():
            if channel.telemetry_prefix == prefix:
                yield _month(channel, date.fromisoformat(f"{month}-01"))


def _month(channel: Channel, first: date) -> str:
    start = datetime(first.year, first.month, 1, tzinfo=UTC)
    end = datetime(first.year + first.month // 12, first.month % 12 + 1, 1, tzinfo=UTC)
    values = services().readings.frame([channel.iri], start, end)[channel.iri]
    text, unit = io.StringIO(), curie(channel.unit)
    rows = csv.writer(text)
    for at, value in zip(pd.DatetimeIndex(values.index).to_pydatetime(), values.to_numpy(dtype=float), strict=True):
        if np.isfinite(value):
            rows.writerow((channel.iri, instant(at), plain(float(value)), unit))
    return text.getvalue()
