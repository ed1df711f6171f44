"""Dead letters: what could not become readings, kept for an operator to read, mend and replay."""

import hashlib
import logging
import sqlite3
import threading
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from kg.terms import instant

_LOG = logging.getLogger(__name__)
_SCHEMA = """
create table if not exists letter (
    id integer primary key,
    digest text not null unique,
    at text not null,
    source text not null,
    payload blob not null,
    sentence text not null,
    detail text not null,
    times integer not null default 1
) strict
"""


@dataclass(frozen=True)
class DeadLetter:
    """One refused message, or a message some of whose readings were refused.

    Parameters
    ----------
    id
        Number in the list.
    at
        When it was refused first (UTC).
    source
        Topic or file it came from.
    payload
        As it came.
    sentence
        What is wrong, why and what to do; several are on lines of their own.
    detail
        JSON array of the refused points, or an empty text.
    times
        How often the same was refused for the same reason.
    """

    id: int
    at: datetime
    source: str
    payload: bytes
    sentence: str
    detail: str
    times: int


class DeadLetters:
    """The list, in an SQLite file of its own; safe from every thread.

    Parameters
    ----------
    path
        The file; it is made if it does not exist.
    limit
        Letters kept; beyond that the oldest are dropped, which is logged.
    """

    def __init__(self, path: Path, limit: int = 100_000) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._limit = limit
        self._lock = threading.Lock()
        self._db = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.execute("PRAGMA synchronous=FULL")
        self._db.execute(_SCHEMA)

    def add(self, at: datetime, source: str, payload: bytes, sentence: str, detail: str = "") -> int:
        """Keep a letter, durably; the same payload refused again for the same reason only counts up.

        Returns
        -------
        Its number in the list.

        Raises
        ------
        sqlite3.Error
            If it can't be written; then the message must not be acknowledged.
        """
        digest = hashlib.sha256(b"\0".join((source.encode(), sentence.encode(), payload))).hexdigest()
        with self._lock:
            row = self._db.execute(
                "insert into letter (digest, at, source, payload, sentence, detail) values (?, ?, ?, ?, ?, ?)"
                " on conflict (digest) do update set times = times + 1 returning id, times",
                (digest, instant(at), source, payload, sentence, detail),
            ).fetchone()
            if row[1] == 1:
                self._drop_oldest(row[0])
        return int(row[0])

    def list(self, limit: int = 100) -> "list[DeadLetter]":
        """Return the newest letters, newest first."""
        with self._lock:
            rows = self._db.execute(f"{_COLUMNS} order by id desc limit ?", (limit,)).fetchall()
        return [_letter(row) for row in rows]

    def get(self, number: int) -> DeadLetter | None:
        """Return one letter, or `None`."""
        with self._lock:
            row = self._db.execute(f"{_COLUMNS} where id = ?", (number,)).fetchone()
        return None if row is None else _letter(row)

    def remove(self, number: int) -> bool:
        """Take a letter off the list; tells whether it was there."""
        with self._lock:
            return self._db.execute("delete from letter where id = ?", (number,)).rowcount > 0

    def count(self) -> int:
        """How many letters are kept."""
        with self._lock:
            return int(self._db.execute("select count(*) from letter").fetchone()[0])

    def close(self) -> None:
        """Release the file."""
        with self._lock:
            self._db.close()

    def _drop_oldest(self, newest: int) -> None:
        dropped = self._db.execute("delete from letter where id <= ?", (newest - self._limit,)).rowcount
        if dropped:
            _LOG.warning("the list of dead letters is full (%d): the oldest was dropped; replay or remove some", self._limit)


_COLUMNS = "select id, at, source, payload, sentence, detail, times from letter"


def _letter(row: tuple[int, str, str, bytes, str, str, int]) -> DeadLetter:
    number, at, source, payload, sentence, detail, times = row
    return DeadLetter(number, datetime.fromisoformat(at), source, bytes(payload), sentence, detail, times)
