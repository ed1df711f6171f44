"""One SQLite file for what must not lie in the graph: accounts, sessions, tokens, clients, keys."""

import contextlib
import os
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

# Step n brings a file of version n-1 to version n. A step is never changed once it was released; a change is a new step.
_STEPS = (
    """
create table account (
    name text primary key,
    role text not null,
    subject text,
    password text,
    disabled integer not null default 0,
    demo integer not null default 0,
    created integer not null
) strict;
create table link (
    issuer text not null,
    sub text not null,
    account text not null references account (name) on delete cascade,
    primary key (issuer, sub)
) strict, without rowid;
create table session (
    hash text primary key,
    account text not null references account (name) on delete cascade,
    created integer not null,
    seen integer not null,
    agent text not null
) strict, without rowid;
create index session_account on session (account);
create table token (
    id integer primary key,
    hash text not null unique,
    name text not null,
    account text references account (name) on delete cascade,
    role text not null,
    subject text,
    created integer not null,
    expires integer not null,
    used integer,
    revoked integer
) strict;
create table client (
    id text primary key,
    role text not null,
    subject text not null,
    secret text,
    jwks text,
    created integer not null,
    expires integer,
    revoked integer
) strict, without rowid;
create table assertion (
    client text not null,
    jti text not null,
    expires integer not null,
    primary key (client, jti)
) strict, without rowid;
create table signing_key (
    kid text primary key,
    jwk text not null,
    created integer not null,
    retired integer
) strict, without rowid;
create table attempt (
    kind text not null,
    key text not null,
    count integer not null,
    since integer not null,
    until integer not null,
    primary key (kind, key)
) strict, without rowid;
create table journey (
    hash text primary key,
    state text not null,
    nonce text not null,
    verifier text not null,
    next text not null,
    expires integer not null
) strict, without rowid;
""",
)


class Database:
    """The file, safe from every thread and beside other processes.

    Parameters
    ----------
    path
        The file; it is made, readable by its owner only, if it does not exist.
    """

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
        path.chmod(0o600)  # SQLite gives -wal and -shm the same
        self._lock = threading.RLock()
        self._db = sqlite3.connect(path, check_same_thread=False, isolation_level=None, timeout=10)
        self._db.row_factory = sqlite3.Row
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.execute("PRAGMA synchronous=FULL")  # a revocation that was acknowledged holds after a power cut
        self._db.execute("PRAGMA foreign_keys=ON")
        self._db.execute("PRAGMA secure_delete=ON")
        self._migrate()

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._db.close()

    def rows(self, sql: str, *values: Any) -> list[sqlite3.Row]:  # noqa: ANN401  (what SQLite stores)
        """Run one statement and return its rows."""
        with self._lock:
            return self._db.execute(sql, values).fetchall()

    def row(self, sql: str, *values: Any) -> sqlite3.Row | None:  # noqa: ANN401
        """Run one statement and return its first row, if it has one."""
        with self._lock:
            found: sqlite3.Row | None = self._db.execute(sql, values).fetchone()
            return found

    def change(self, sql: str, *values: Any) -> int:  # noqa: ANN401
        """Run one statement and return how many rows it changed."""
        with self._lock:
            return self._db.execute(sql, values).rowcount

    @contextlib.contextmanager
    def transaction(self) -> Iterator[None]:
        """All of it or nothing, with nobody else's write in between."""
        with self._lock:
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield
            except BaseException:
                self._db.execute("ROLLBACK")
                raise
            self._db.execute("COMMIT")

    def _migrate(self) -> None:
        with self.transaction():
            version = int(self._db.execute("PRAGMA user_version").fetchone()[0])
            if version > len(_STEPS):
                raise ValueError(
                    f"access.sqlite is of version {version}, and this program knows versions up to {len(_STEPS)}; use the newer program"
                )
            for step in _STEPS[version:]:
                for statement in _statements(step):
                    self._db.execute(statement)
            self._db.execute(f"PRAGMA user_version={len(_STEPS)}")


def _statements(script: str) -> Sequence[str]:
    return [part for part in script.split(";") if part.strip()]


def seconds(at: datetime) -> int:
    """An instant as the file keeps it: whole seconds since 1970."""
    return int(at.timestamp())


def instant(kept: int | None) -> datetime | None:
    """An instant from the file."""
    return None if kept is None else datetime.fromtimestamp(kept, UTC)
