"""The SQLite file of notices: what was decided and sent, and what calendars have shown; never in the graph."""

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_SCHEMA = """
create table if not exists notice (
    id integer primary key,
    event text not null,
    member text not null,
    kind text not null,
    phase text not null,
    begins text not null,
    ends text not null,
    by text,
    until text not null,
    noted text not null,
    status text not null,
    changed text not null,
    attempts integer not null default 0,
    again text,
    trouble text not null default '',
    subject text not null default '',
    address text not null default '',
    letter blob
) strict;
create index if not exists notice_event on notice (event, id);
create index if not exists notice_member on notice (member, id);
create index if not exists notice_status on notice (status, until);
-- how often the text of a letter was handed to a mail server without an answer to it
create table if not exists handed (notice integer primary key references notice (id) on delete cascade, times integer not null) strict;
create table if not exists feed (member text primary key, digest text not null, renewed text not null) strict;
-- what calendars show of an event: a digest of it, how often it has changed, and when it did last
create table if not exists shown (
    event text primary key, member text not null, facts text not null, sequence integer not null, changed text not null
) strict;
create index if not exists shown_member on shown (member);
create table if not exists secret (name text primary key, value text not null) strict;
"""


class Database:
    """The file, for one thread at a time: whoever reads or writes it holds `lock`.

    Parameters
    ----------
    file
        It and its folder are made when missing.
    """

    def __init__(self, file: Path) -> None:
        file.parent.mkdir(parents=True, exist_ok=True)
        self.lock = threading.RLock()
        self.db = sqlite3.connect(file, isolation_level=None, check_same_thread=False)
        self.db.execute("pragma journal_mode = wal")
        self.db.execute("pragma synchronous = full")
        self.db.execute("pragma secure_delete = on")
        self.db.execute("pragma foreign_keys = on")
        self.db.executescript(_SCHEMA)

    def close(self) -> None:
        """Close the file."""
        with self.lock:
            self.db.close()

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """All or nothing."""
        with self.lock:
            self.db.execute("begin immediate")
            try:
                yield self.db
            except BaseException:
                self.db.execute("rollback")
                raise
            self.db.execute("commit")

    def forget(self, member: str) -> int:
        """Forget a member (IRI): their notices, letters, mailbox and calendar; returns how many notices there were."""
        with self.lock:
            with self.transaction() as db:
                db.execute("delete from feed where member = ?", (member,))
                db.execute("delete from shown where member = ?", (member,))
                count = db.execute("delete from notice where member = ?", (member,)).rowcount
            self.db.execute("pragma wal_checkpoint(truncate)")
        return count
