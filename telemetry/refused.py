"""Dead letters: what could not become readings, kept for an operator to read, mend and replay."""

import hashlib
import logging
import sqlite3
import threading
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from kg.terms import instant
from telemetry.errors import TelemetryError

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
) strict;
create table if not exists mending (
    id integer primary key,
    letter integer not null references letter (id) on delete cascade,
    at text not null,
    payload blob,
    accepted integer not null,
    sentence text not null
) strict;
create index if not exists mending_letter on mending (letter);
"""
# columns that a list made by an earlier version lacks
_ADDED = (
    ("reasons", "text not null default ''"),
    ("last", "text not null default ''"),
    ("state", "text not null default 'open'"),
)
OPEN, MENDED, DROPPED = "open", "mended", "dropped"
STATES = (OPEN, MENDED, DROPPED)

# What a refusal says → a word for it, for filters and counts; the first that is found counts.
_REASONS = (
    ("is not a channel that any OSB has described", "unknown-channel"),
    ("is a channel of another OSB", "foreign-channel"),
    ("it says it was made by", "foreign-sender"),
    ("claimed it, so its data belong", "unclaimed-box"),
    ("can't be converted to", "wrong-unit"),
    ("has no unit", "no-unit"),
    ("is not the step of the channel", "wrong-step"),
    ("is off the grid of the channel", "off-grid"),
    ("as if the clock had been reset", "time-too-early"),
    ("ahead of", "time-too-late"),
    ("has no offset", "no-offset"),
    ("is not an instant", "not-a-time"),
    ("date and time of the calendar", "not-a-time"),
    ("is not a finite decimal number", "not-a-number"),
    ("is not a number", "not-a-number"),
    ("10²⁰ or more", "not-a-number"),
    ("is below 10⁻¹⁸", "not-a-number"),
    ("context", "foreign-context"),
    ("columns, not", "wrong-columns"),
    ("is described in", "described-elsewhere"),
    ("could not be processed", "our-own-fault"),
    ("not valid JSON", "not-readable"),
    ("payload", "not-readable"),
)
OTHER = "other"


def reason_of(sentence: str) -> str:
    """A word for why something was refused, from its sentence; `other` where the sentence is of no known form."""
    return next((word for phrase, word in _REASONS if phrase in sentence), OTHER)


@dataclass(frozen=True)
class Mending:
    """One attempt to replay a letter.

    Parameters
    ----------
    at
        When (UTC).
    payload
        What was replayed; `None` where it was the letter's own payload.
    accepted
        Readings that the store took or had already.
    sentence
        What was still refused, a line each; empty where everything was accepted.
    """

    at: datetime
    payload: bytes | None
    accepted: int
    sentence: str


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
        As it came; mending never changes it.
    sentence
        What is wrong, why and what to do; several are on lines of their own.
    detail
        JSON array of the refused points, or an empty text.
    times
        How often the same was refused for the same reason.
    last
        When it was refused last (UTC).
    reasons
        Words for what is wrong (`reason_of`), for filters and counts.
    state
        `open`, `mended` (everything in it has been accepted since) or `dropped` (an operator set it aside).
    mendings
        Attempts to replay it, in order of time.
    """

    id: int
    at: datetime
    source: str
    payload: bytes
    sentence: str
    detail: str
    times: int
    last: datetime
    reasons: tuple[str, ...] = ()
    state: str = OPEN
    mendings: tuple[Mending, ...] = ()

    @property
    def latest_payload(self) -> bytes:
        """What an operator goes on mending: the last payload that was tried, or the letter's own."""
        return next((one.payload for one in reversed(self.mendings) if one.payload is not None), self.payload)


class DeadLetters:
    """The list, in an SQLite file of its own; safe from every thread.

    Parameters
    ----------
    path
        The file; it is made if it does not exist.
    limit
        Letters kept; beyond that the oldest are dropped, those first that are no longer open.
    """

    def __init__(self, path: Path, limit: int = 100_000) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._limit = limit
        self._lock = threading.Lock()
        self._db = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.execute("PRAGMA synchronous=FULL")
        self._db.execute("PRAGMA foreign_keys=ON")
        self._db.executescript(_SCHEMA)
        self._migrate()
        self._kept = int(self._db.execute("select count(*) from letter").fetchone()[0])

    def add(self, at: datetime, source: str, payload: bytes, sentence: str, detail: str = "") -> int:
        """Keep a letter, durably; the same payload refused again for the same reason only counts up, and is open again.

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
                "insert into letter (digest, at, source, payload, sentence, detail, reasons, last) values (?, ?, ?, ?, ?, ?, ?, ?)"
                " on conflict (digest) do update set times = times + 1, last = excluded.last, state = 'open' returning id, times",
                (digest, instant(at), source, payload, sentence, detail, _reasons(sentence), instant(at)),
            ).fetchone()
            if row[1] == 1:
                self._kept += 1
                self._make_room()
        return int(row[0])

    def list(
        self,
        limit: int = 100,
        *,
        source: str = "",
        reason: str = "",
        since: datetime | None = None,
        until: datetime | None = None,
        state: str = OPEN,
        before: int | None = None,
    ) -> "list[DeadLetter]":
        """Return the newest letters, newest first.

        Parameters
        ----------
        limit
            How many at most.
        source
            Part of the topic or file name.
        reason
            One of the words of `reason_of`, or part of the sentence.
        since, until
            When it was refused last, half-open.
        state
            One of `STATES`, or an empty text for all.
        before
            Number of a letter: only older ones.
        """
        where = (
            "instr(source, :source) and (:reason = '' or instr(reasons, ',' || :reason || ',') or instr(sentence, :reason))"
            " and last >= :since and (:until = '' or last < :until) and (:state = '' or state = :state) and (:before is null or id < :before)"
        )
        asked = {
            "source": source,
            "reason": reason,
            "since": "" if since is None else instant(since),
            "until": "" if until is None else instant(until),
            "state": state,
            "before": before,
            "limit": limit,
        }
        with self._lock:
            rows = self._db.execute(f"{_COLUMNS} where {where} order by id desc limit :limit", asked).fetchall()
            return [self._letter(row) for row in rows]

    def get(self, number: int) -> DeadLetter | None:
        """Return one letter in whatever state, or `None`."""
        with self._lock:
            row = self._db.execute(f"{_COLUMNS} where id = ?", (number,)).fetchone()
            return None if row is None else self._letter(row)

    def known(self, number: int) -> DeadLetter:
        """Return one letter in whatever state.

        Raises
        ------
        UnknownLetterError
            If there is none with this number.
        """
        found = self.get(number)
        if found is None:
            raise UnknownLetterError(f"there is no dead letter {number}; the list is at /-/refused and in `flex refused`")
        return found

    def record(self, number: int, mending: Mending) -> None:
        """Keep what came of a replay; the letter leaves the open list if nothing was refused any more."""
        state = OPEN if mending.sentence else MENDED
        with self._lock:
            self._db.execute("begin immediate")
            self._db.execute(
                "insert into mending (letter, at, payload, accepted, sentence) values (?, ?, ?, ?, ?)",
                (number, instant(mending.at), mending.payload, mending.accepted, mending.sentence),
            )
            self._db.execute("update letter set state = ? where id = ?", (state, number))
            self._db.execute("commit")

    def drop(self, number: int) -> bool:
        """Set a letter aside: it leaves the open list and is kept while there is room; tells whether it was open."""
        with self._lock:
            return self._db.execute("update letter set state = 'dropped' where id = ? and state = 'open'", (number,)).rowcount > 0

    def remove(self, number: int) -> bool:
        """Erase a letter and every attempt to mend it; tells whether it was there."""
        with self._lock:
            gone = self._db.execute("delete from letter where id = ?", (number,)).rowcount
            self._kept -= gone
        return gone > 0

    def of_boxes(self, boxes: Iterable[str]) -> Sequence[DeadLetter]:
        """Every letter of these boxes, open or not: their topics are `…/{identifier}/…`."""
        with self._lock:
            numbers = [
                int(row[0])
                for each in boxes
                for row in self._db.execute("select id from letter where source = ? or instr(source, ?) order by id", (each, f"/{each}/"))
            ]
        return tuple(self.known(number) for number in numbers)

    def forget(self, boxes: Iterable[str]) -> int:
        """Erase every letter of these boxes, overwriting their place in the file; returns how many there were."""
        letters = self.of_boxes(boxes)
        with self._lock:
            self._db.execute("PRAGMA secure_delete=ON")
        for letter in letters:
            self.remove(letter.id)
        with self._lock:
            self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        return len(letters)

    def count(self, state: str = OPEN) -> int:
        """How many letters are in a state."""
        with self._lock:
            return int(self._db.execute("select count(*) from letter where state = ?", (state,)).fetchone()[0])

    def reasons(self) -> dict[str, int]:
        """How many open letters there are of each reason (`reason_of`); a letter may have several."""
        with self._lock:
            rows = self._db.execute("select reasons, count(*) from letter where state = 'open' group by reasons").fetchall()
        found: Counter[str] = Counter()
        for words, number in rows:
            for word in _words(words):
                found[word] += number
        return dict(sorted(found.items()))

    def sources(self) -> dict[str, int]:
        """How many open letters there are of each source."""
        with self._lock:
            return dict(
                self._db.execute("select source, count(*) from letter where state = 'open' group by source order by source").fetchall()
            )

    def close(self) -> None:
        """Release the file."""
        with self._lock:
            self._db.close()

    def _migrate(self) -> None:
        present = {row[1] for row in self._db.execute("pragma table_info(letter)")}
        for name, kind in _ADDED:
            if name not in present:
                self._db.execute(f"alter table letter add column {name} {kind}")
        self._db.execute("create index if not exists letter_state on letter (state, id)")
        for number, at, sentence in self._db.execute("select id, at, sentence from letter where last = ''").fetchall():
            self._db.execute("update letter set last = ?, reasons = ? where id = ?", (at, _reasons(sentence), number))

    def _make_room(self) -> None:
        if self._kept <= self._limit:
            return
        room = "delete from letter where id in (select id from letter order by state = 'open', id limit ?) returning state"
        gone = [row[0] for row in self._db.execute(room, (self._kept - self._limit,)).fetchall()]
        self._kept -= len(gone)
        if OPEN in gone:
            _LOG.warning("the list of dead letters is full (%d): the oldest was dropped; replay or drop some", self._limit)

    def _letter(self, row: tuple[int, str, str, bytes, str, str, int, str, str, str]) -> DeadLetter:
        number, at, source, payload, sentence, detail, times, last, reasons, state = row
        mendings = self._db.execute(
            "select at, payload, accepted, sentence from mending where letter = ? order by id", (number,)
        ).fetchall()
        return DeadLetter(
            number,
            datetime.fromisoformat(at),
            source,
            bytes(payload),
            sentence,
            detail,
            times,
            datetime.fromisoformat(last),
            tuple(_words(reasons)),
            state,
            tuple(
                Mending(datetime.fromisoformat(when), None if body is None else bytes(body), taken, why)
                for when, body, taken, why in mendings
            ),
        )


_COLUMNS = "select id, at, source, payload, sentence, detail, times, last, reasons, state from letter"


class UnknownLetterError(TelemetryError, LookupError):
    """There is no dead letter with this number."""


def _reasons(sentence: str) -> str:
    found = dict.fromkeys(reason_of(line) for line in sentence.splitlines() if not line.startswith("… and "))
    return f",{','.join(found)}," if found else ""


def _words(text: str) -> Iterable[str]:
    return (word for word in text.split(",") if word)
