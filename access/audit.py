"""Who looked at what about whom: an append-only record beside the graph, `{data_dir}/audit.sqlite` (docs/policy.md).

A look is handed over and written a moment later by a thread of its own, so that no request waits for the disk. `close` writes what is
left. A kill −9 may lose the looks of the last second, no more.
"""

import contextlib
import hashlib
import logging
import os
import queue
import re
import sqlite3
import threading
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

EVERYBODY = "*"
LONGEST = 4000
_BATCH = 1000
_PAUSE_S = 0.5
_LOG = logging.getLogger(__name__)
_SCHEMA = """
CREATE TABLE IF NOT EXISTS look (
    id INTEGER PRIMARY KEY, at INTEGER NOT NULL, principal TEXT NOT NULL, role TEXT NOT NULL, via TEXT NOT NULL, action TEXT NOT NULL,
    resource TEXT NOT NULL, digest TEXT NOT NULL, query TEXT NOT NULL, reach TEXT NOT NULL, within INTEGER NOT NULL, purpose TEXT NOT NULL,
    status INTEGER NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS concerned (look INTEGER NOT NULL, member TEXT NOT NULL, PRIMARY KEY (member, look)) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS reach (digest TEXT NOT NULL, member TEXT NOT NULL, PRIMARY KEY (member, digest)) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS kept (since INTEGER NOT NULL) STRICT;
CREATE INDEX IF NOT EXISTS look_principal ON look (principal, id);
CREATE INDEX IF NOT EXISTS look_reach ON look (reach, id);
INSERT INTO kept SELECT 0 WHERE NOT EXISTS (SELECT 1 FROM kept);
"""
_GUARDS = (
    "CREATE TRIGGER IF NOT EXISTS look_stays BEFORE UPDATE ON look"
    " BEGIN SELECT RAISE(ABORT, 'what was looked at stays as it was written'); END",
    "CREATE TRIGGER IF NOT EXISTS look_is_kept BEFORE DELETE ON look WHEN OLD.at >= (SELECT MAX(since) FROM kept)"
    " BEGIN SELECT RAISE(ABORT, 'this look is younger than the retention'); END",
)


@dataclass(frozen=True)
class Look:
    """Somebody read something.

    Attributes
    ----------
    at : when, aware
    principal, role, via : who, as what, recognised how
    action : method and route, like `GET /members/<key>`
    resource : the address that was asked, without its query
    members : keys of the members whose data it was, where they are known
    reach : a name for all the members whose data could be in the answer: a scope's digest, or `*` for everybody's; empty if `members` tells
    within : how many they were
    purpose : what for, as granted or stated
    status : what was answered
    query : the text of a query
    """

    at: datetime
    principal: str
    role: str
    via: str
    action: str
    resource: str
    status: int
    members: tuple[str, ...] = ()
    reach: str = ""
    within: int = 0
    purpose: str = ""
    query: str = ""


class AuditLog:
    """The record, safe from every thread.

    Parameters
    ----------
    path
        The file; it is made, readable by its owner only, if it does not exist.
    """

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
        self._db = sqlite3.connect(path, check_same_thread=False, isolation_level=None, timeout=10)
        self._lock = threading.Lock()
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.execute("PRAGMA secure_delete=ON")
        self._db.executescript(_SCHEMA)
        for guard in _GUARDS:
            self._db.execute(guard)
        self._known = {row[0] for row in self._db.execute("SELECT DISTINCT digest FROM reach")}
        self._waiting: queue.SimpleQueue[tuple[Look, tuple[str, ...]] | None] = queue.SimpleQueue()
        self._closed = False
        self._pending = 0  # handed over, not written yet
        self._counted = threading.Condition()
        self._writer = threading.Thread(target=self._write, name="audit", daemon=True)
        self._writer.start()

    def note(self, look: Look, reached: Iterable[str] = ()) -> None:
        """Hand a look over; returns at once.

        Parameters
        ----------
        reached
            The members that `look.reach` stands for; needed once for each new name.
        """
        if self._closed:
            raise RuntimeError("the audit is closed, so nothing may be read any more")
        with self._counted:
            self._pending += 1
        self._waiting.put((look, tuple(reached)))

    def knows(self, reach: str) -> bool:
        """Tell whether the members behind a name are on record already."""
        return reach in self._known

    def about(self, member: str, limit: int = 100) -> list[Look]:
        """Who looked at a member's data, or could have met it in an answer, newest first."""
        return self._rows(
            "SELECT * FROM look WHERE id IN (SELECT look FROM concerned WHERE member = :key) OR reach = '*' "
            "OR reach IN (SELECT digest FROM reach WHERE member = :key) ORDER BY id DESC LIMIT :limit",
            key=member,
            limit=limit,
        )

    def by(self, principal: str = "", limit: int = 100) -> list[Look]:
        """What somebody looked at, newest first; without a name, everybody."""
        return self._rows(
            "SELECT * FROM look WHERE :key = '' OR principal = :key ORDER BY id DESC LIMIT :limit",
            key=principal,
            limit=limit,
        )

    def prune(self, before: datetime) -> int:
        """Remove looks older than the retention allows; returns how many."""
        return self._remove(before)

    def forget(self, member: str, names: Iterable[str] = ()) -> None:
        """Remove what leads to a member who is erased: that looks were about them, their own looks, and addresses and queries that name them.

        That somebody looked, and when, stays on record.

        Parameters
        ----------
        names
            Accounts and tokens that acted for the member.
        """
        self.flush()
        named = re.compile(rf"(?<![A-Za-z0-9_.~]){re.escape(member)}(?![A-Za-z0-9_~])")
        with self._lock, self._transaction():
            self._db.execute("DELETE FROM concerned WHERE member = ?", (member,))
            self._db.execute("DELETE FROM reach WHERE member = ?", (member,))
            for name in ("look_stays", "look_is_kept"):  # the one exception, within this transaction
                self._db.execute(f"DROP TRIGGER {name}")
            for each in {member, *names}:
                self._db.execute("DELETE FROM look WHERE principal = ?", (each,))
            rows = self._db.execute("SELECT id, resource, query FROM look WHERE instr(resource || ' ' || query, ?)", (member,)).fetchall()
            for number, resource, query in rows:
                if named.search(f"{resource} {query}"):
                    self._db.execute("UPDATE look SET resource = '', query = '' WHERE id = ?", (number,))
            for guard in _GUARDS:
                self._db.execute(guard)
        with self._lock:
            self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def flush(self, patience_s: float = 10.0) -> None:
        """Wait until everything handed over so far is written."""
        with self._counted:
            self._counted.wait_for(lambda: not self._pending, patience_s)

    def close(self) -> None:
        """Write what is left, and end."""
        if not self._closed:
            self._closed = True
            self._waiting.put(None)
            self._writer.join()
            self._db.close()

    def _write(self) -> None:
        ends = False
        while not ends:
            batch, ends = self._taken(self._waiting.get())
            with self._lock:
                self._store(batch)
            with self._counted:
                self._pending -= len(batch)
                self._counted.notify_all()

    def _taken(self, first: tuple[Look, tuple[str, ...]] | None) -> tuple[list[tuple[Look, tuple[str, ...]]], bool]:
        batch: list[tuple[Look, tuple[str, ...]]] = []
        item = first
        while item is not None and len(batch) < _BATCH:
            batch.append(item)
            try:
                item = self._waiting.get_nowait()
            except queue.Empty:
                return batch, False
        if item is not None:  # one too many was taken
            batch.append(item)
        return batch, item is None

    def _store(self, batch: list[tuple[Look, tuple[str, ...]]]) -> None:
        while batch:
            try:
                with self._transaction():
                    for look, reached in batch:
                        self._insert(look, reached)
                self._known.update(look.reach for look, reached in batch if reached)  # only what was committed
            except sqlite3.OperationalError as error:  # a full disk passes; what was looked at must not be lost for it
                _LOG.error("the audit can't be written (%s): %d looks wait", error, len(batch))
                if self._closed:
                    return
                time.sleep(_PAUSE_S)
            else:
                return

    def _insert(self, look: Look, reached: tuple[str, ...]) -> None:
        digest = hashlib.sha256(look.query.encode()).hexdigest() if look.query else ""
        values = (_ms(look.at), look.principal, look.role, look.via, look.action, look.resource, digest, look.query[:LONGEST])
        more = (look.reach, look.within or len(look.members), look.purpose, look.status)
        number = self._db.execute("INSERT INTO look VALUES (NULL,?,?,?,?,?,?,?,?,?,?,?,?)", (*values, *more)).lastrowid
        self._db.executemany("INSERT OR IGNORE INTO concerned VALUES (?,?)", ((number, member) for member in look.members))
        if look.reach not in ("", EVERYBODY) and look.reach not in self._known:
            self._db.executemany("INSERT OR IGNORE INTO reach VALUES (?,?)", ((look.reach, member) for member in reached))

    def _remove(self, before: datetime) -> int:
        self.flush()
        with self._lock, self._transaction():
            self._db.execute("UPDATE kept SET since = ?", (_ms(before),))
            count = self._db.execute("DELETE FROM look WHERE at < ?", (_ms(before),)).rowcount
            self._db.execute("DELETE FROM concerned WHERE look NOT IN (SELECT id FROM look)")
            self._db.execute("DELETE FROM reach WHERE digest NOT IN (SELECT reach FROM look)")
            self._known = {row[0] for row in self._db.execute("SELECT DISTINCT digest FROM reach")}
        return count

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[None]:
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._db.execute("ROLLBACK")
            raise
        self._db.execute("COMMIT")

    def _rows(self, sql: str, **values: str | int) -> list[Look]:
        self.flush()
        with self._lock:
            found = self._db.execute(sql, values).fetchall()
            members = {row[0]: self._members(row[0]) for row in found}
        return [
            Look(
                at=datetime.fromtimestamp(row[1] / 1000, UTC),
                principal=row[2],
                role=row[3],
                via=row[4],
                action=row[5],
                resource=row[6],
                query=row[8],
                reach=row[9],
                within=0 if members[row[0]] else row[10],
                purpose=row[11],
                status=row[12],
                members=members[row[0]],
            )
            for row in found
        ]

    def _members(self, look: int) -> tuple[str, ...]:
        return tuple(row[0] for row in self._db.execute("SELECT member FROM concerned WHERE look = ? ORDER BY member", (look,)))


def retention(now: datetime, days: int) -> datetime:
    """Before which instant looks are to be removed, for `AuditLog.prune`."""
    return now - timedelta(days=days)


def _ms(at: datetime) -> int:
    return int(at.timestamp() * 1000)
