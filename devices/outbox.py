"""What a box must not lose: its messages until the platform acknowledged them, and its state, in one SQLite file.

A message and the state that it came from are committed together. Many boxes may share a file; each sees only its own rows.
"""

import json
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from devices.model import State

_SCHEMA = """
CREATE TABLE IF NOT EXISTS message (
  seq INTEGER PRIMARY KEY AUTOINCREMENT, osb TEXT NOT NULL, id TEXT NOT NULL, topic TEXT NOT NULL, payload BLOB NOT NULL,
  acked INTEGER NOT NULL DEFAULT 0, UNIQUE (osb, id));
CREATE INDEX IF NOT EXISTS message_waiting ON message (osb, acked, seq);
CREATE TABLE IF NOT EXISTS state (osb TEXT PRIMARY KEY, json TEXT NOT NULL);
"""


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A message on its way: the id by which it is acknowledged, and what goes over the wire."""

    id: str
    topic: str
    payload: bytes


class Outbox:
    """The SQLite file; use it from the thread that opened it.

    Parameters
    ----------
    path
        The file; it and its folder are made when missing.
    durable
        True: a commit survives a power cut (a box of its own). False: it survives the end of the process, and is much faster.
    """

    def __init__(self, path: Path, *, durable: bool = True) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._db = sqlite3.connect(path, isolation_level=None)
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute(f"PRAGMA synchronous = {'FULL' if durable else 'NORMAL'}")
        self._db.executescript(_SCHEMA)

    def fault(self) -> str | None:
        """What is wrong with the file, or `None`; looks at every page, which takes a second or so on a slow card."""
        (found,) = self._db.execute("PRAGMA quick_check(1)").fetchone()
        return None if found == "ok" else str(found)

    @property
    def connection(self) -> sqlite3.Connection:
        """The open file, for what else must be committed together with messages."""
        return self._db

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Commit everything inside at once, or nothing if it raises; one within another is undone alone and committed with it."""
        if self._db.in_transaction:
            begin, undo, end = "SAVEPOINT part", "ROLLBACK TO part", "RELEASE part"
        else:
            begin, undo, end = "BEGIN IMMEDIATE", "ROLLBACK", "COMMIT"
        self._db.execute(begin)
        try:
            yield
            self._db.execute(end)
        except BaseException:
            if self._db.in_transaction:  # a full disk may have undone it already
                self._db.execute(undo)
            raise

    def add(self, osb: str, message: Outgoing, *, again: bool = False) -> None:
        """Keep a message until it is acknowledged; a known id adds nothing, unless it is to be sent `again` with new content."""
        conflict = "UPDATE SET acked = 0, topic = excluded.topic, payload = excluded.payload" if again else "NOTHING"
        self._db.execute(
            f"INSERT INTO message (osb, id, topic, payload) VALUES (?, ?, ?, ?) ON CONFLICT (osb, id) DO {conflict}",  # noqa: S608 - two fixed texts
            (osb, message.id, message.topic, message.payload),
        )

    def acknowledge(self, osb: str, id: str) -> bool:
        """Note the platform's acknowledgement; False if no such message waits.

        The last acknowledged message of each topic stays, so that `recall` can send it once more.
        """
        row = self._db.execute("SELECT seq, topic FROM message WHERE osb = ? AND id = ? AND acked = 0", (osb, id)).fetchone()
        if row is None:
            return False
        with self.transaction():
            self._db.execute("UPDATE message SET acked = 1 WHERE seq = ?", (row[0],))
            self._db.execute("DELETE FROM message WHERE osb = ? AND acked = 1 AND topic = ? AND seq < ?", (osb, row[1], row[0]))
        return True

    def recall(self, osb: str, id: str) -> bool:
        """Make an acknowledged message wait again; False if it is no longer there."""
        return self._db.execute("UPDATE message SET acked = 0 WHERE osb = ? AND id = ?", (osb, id)).rowcount > 0

    def waiting(self, osb: str) -> list[Outgoing]:
        """The messages that no acknowledgement has come for, oldest first."""
        rows = self._db.execute("SELECT id, topic, payload FROM message WHERE osb = ? AND acked = 0 ORDER BY seq", (osb,))
        return [Outgoing(*row) for row in rows]

    def save(self, osb: str, state: State) -> None:
        """Keep the state of a box."""
        self._db.execute(
            "INSERT INTO state (osb, json) VALUES (?, ?) ON CONFLICT (osb) DO UPDATE SET json = excluded.json",
            (osb, json.dumps(state)),
        )

    def load(self, osb: str) -> State | None:
        """The kept state of a box, or `None`."""
        row = self._db.execute("SELECT json FROM state WHERE osb = ?", (osb,)).fetchone()
        state: State | None = json.loads(row[0]) if row else None
        return state

    def close(self) -> None:
        """Close the file."""
        self._db.close()
