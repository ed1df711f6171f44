"""Readings that wait for the platform's acknowledgement, interval by interval, in the box's SQLite file; bounded, and safe from a full disk.

What doesn't fit is given up in this order: of the oldest intervals everything but the counters' readings, which alone still say how much
energy it was; when only those are left, the oldest altogether. Announcements and reports are never given up: they lie in the outbox.
What was given up is remembered, and told to the platform as flags once there is room.
"""

import logging
import sqlite3
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from devices.aggregation import PARTIAL, Reading
from devices.outbox import Outbox
from devices.packing import doubted, joined, moved, pack, time_of, unpack, window

log = logging.getLogger(__name__)

_SCHEMA = """
CREATE TABLE IF NOT EXISTS batch (
  seq INTEGER PRIMARY KEY AUTOINCREMENT, osb TEXT NOT NULL, start INTEGER NOT NULL, end INTEGER NOT NULL,
  synchronised INTEGER NOT NULL, thin INTEGER NOT NULL DEFAULT 0, body BLOB NOT NULL);
CREATE INDEX IF NOT EXISTS batch_order ON batch (osb, thin, seq);
CREATE TABLE IF NOT EXISTS lost (
  osb TEXT NOT NULL, channel TEXT NOT NULL, unit TEXT NOT NULL, step INTEGER NOT NULL, start INTEGER NOT NULL, end INTEGER NOT NULL,
  PRIMARY KEY (osb, channel, start));
"""
ROW_BYTES = 64  # what a row costs beside its body
ROOM, CALM = 0.95, 0.75  # of the bound: what giving up makes room for; where it is over and is told
AT_ONCE = 50
PROBE = 16_384  # bytes


@dataclass(frozen=True, slots=True)
class Bounds:
    """How much may wait: bytes in the file, bytes in memory while the disk is full, and age."""

    file_bytes: int = 64 << 20
    memory_bytes: int = 8 << 20
    age: timedelta = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class Batch:
    """The readings of intervals that were closed together, and their place in the order; below zero while they are only in memory."""

    seq: int
    readings: tuple[Reading, ...]


class Backlog:
    """The waiting readings of one box; use it from the thread that opened the outbox.

    Parameters
    ----------
    outbox
        Whose file is used.
    osb
        The box.
    bounds
        How much may wait.
    registers
        Paths of the channels that are counters: given up last.
    """

    def __init__(self, outbox: Outbox, osb: str, bounds: Bounds, registers: Iterable[str]) -> None:
        self._outbox, self._osb, self._bounds, self._registers = outbox, osb, bounds, frozenset(registers)
        self._db = outbox.connection
        self._db.executescript(_SCHEMA)
        self._memory: OrderedDict[int, tuple[Batch, int]] = OrderedDict()
        self._memory_bytes, self._next_memory = 0, -(1 << 40)
        self._unmeasured: set[int] = set()  # those in memory that an unmeasured clock has stamped
        self._due: timedelta | None = None  # by how much readings in the file are still to be moved
        self._undeleted: set[int] = set()  # acknowledged while the disk was full
        self._lost: list[tuple[Reading, datetime]] = []  # not yet noted in the file
        self._full = False
        count, size = self._db.execute("SELECT COUNT(*), SUM(LENGTH(body)) FROM batch WHERE osb = ?", (osb,)).fetchone()
        self._count, self._bytes = int(count), int(size or 0) + ROW_BYTES * int(count)
        newest = "SELECT MAX(seq) FROM batch WHERE osb = ? AND synchronised = 0"
        self._of_earlier_start = int(
            self._db.execute(newest, (osb,)).fetchone()[0] or 0
        )  # stamped by a clock that was wrong in its own way

    def __len__(self) -> int:
        return self._count + len(self._memory) - len(self._undeleted)

    @property
    def size(self) -> int:
        """How much waits, in the file and in memory [bytes]."""
        return self._bytes + self._memory_bytes

    @property
    def disk_full(self) -> bool:
        """Whether the last attempt to write failed."""
        return self._full

    def add(self, readings: Sequence[Reading], *, synchronised: bool) -> Batch:
        """Keep readings; when the file can't be written they are kept in memory."""
        body = pack(readings)
        if not self._full:
            untold = list(self._lost)
            try:
                with self._outbox.transaction():
                    seq = self._insert(readings, body, synchronised)
                    freed, gone = self._give_up(len(body) + ROW_BYTES)
            except sqlite3.OperationalError as error:
                self._lost = untold
                self.trouble(error)
            else:
                self._bytes, self._count = self._bytes + len(body) + ROW_BYTES - freed, self._count + 1 - gone
                return Batch(seq, tuple(readings))
        if not synchronised:
            self._unmeasured.add(self._next_memory)
        return self._hold(Batch(self._next_memory, tuple(readings)), len(body) + ROW_BYTES)

    def after(self, seq: int | None, most: int) -> list[Batch]:
        """The oldest batches behind one (`None`: from the begin), at most so many; those in memory are younger than those in the file."""
        found: list[Batch] = []
        if seq is None or seq >= 0:
            rows = self._db.execute(
                "SELECT seq, synchronised, body FROM batch WHERE osb = ? AND seq > ? ORDER BY seq LIMIT ?",
                (self._osb, -1 if seq is None else seq, most + len(self._undeleted)),
            ).fetchall()
            found = [Batch(row[0], tuple(self._stamped(*row))) for row in rows if row[0] not in self._undeleted]
        begin = -(1 << 62) if seq is None or seq >= 0 else seq
        found += [batch for number, (batch, _) in self._memory.items() if number > begin]
        return found[:most]

    def acknowledge(self, seqs: Iterable[int]) -> None:
        """Forget batches that the platform has."""
        for seq in seqs:
            if seq < 0:
                _, size = self._memory.pop(seq, (None, 0))
                self._memory_bytes -= size
            else:
                self._undeleted.add(seq)
        self._delete()

    def settle(self) -> None:
        """Try to bring into the file what couldn't be written; call it now and then."""
        if self._full and not self._room():
            return
        self._delete()
        try:
            while self._memory or self._lost:
                self._write_oldest_of_memory()
                self._shrink_journal()
        except sqlite3.OperationalError as error:
            self.trouble(error)
            return
        self._unmeasured &= self._memory.keys()
        if self._due is not None:
            self.restamp(self._due)
        if self._full:
            self._full = False
            log.warning("%s: the disk has room again; what was kept in memory is in the file now", self._osb)

    def expire(self, now: datetime) -> None:
        """Give up what is older than the bound."""
        oldest = int((now - self._bounds.age).timestamp())
        if self._count == 0 or self._full:
            return
        query = "SELECT seq, body FROM batch WHERE osb = ? AND end <= ? ORDER BY seq LIMIT ?"
        if rows := self._db.execute(query, (self._osb, oldest, 10 * AT_ONCE)).fetchall():
            untold = list(self._lost)
            try:
                with self._outbox.transaction():
                    freed, gone = self._drop(rows)
                    self._note_lost()
            except sqlite3.OperationalError as error:
                self._lost = untold
                self.trouble(error)
            else:
                self._lost = []
                self._bytes, self._count = self._bytes - freed, self._count - gone
                log.warning(
                    "%s: readings older than %s days were given up without having reached the platform", self._osb, self._bounds.age.days
                )

    def restamp(self, shift: timedelta) -> int:
        """Move the readings that were stamped by an unmeasured clock, once, to the nearest interval; returns how many batches that were.

        Those of an earlier start stay where they are, flagged if the clock is wrong now: by how much it was wrong then nobody knows.
        """
        moved_ones = self._restamp_memory(shift)
        self._due = shift  # until the file is written, what it holds is moved whenever it is read
        query = "SELECT seq, synchronised, body FROM batch WHERE osb = ? AND synchronised = 0 ORDER BY seq"
        try:
            rows = self._db.execute(query, (self._osb,)).fetchall()
            sizes = 0
            with self._outbox.transaction():
                for seq, synchronised, body in rows:
                    shifted = list(self._stamped(seq, synchronised, body))
                    packed = pack(shifted)
                    self._db.execute(
                        "UPDATE batch SET synchronised = 1, start = ?, end = ?, body = ? WHERE seq = ?", (*window(shifted), packed, seq)
                    )
                    sizes += len(packed) - len(body)
        except sqlite3.OperationalError as error:
            self.trouble(error)
            return moved_ones
        self._due, self._bytes = None, self._bytes + sizes
        return moved_ones + len(rows)

    def _stamped(self, seq: int, synchronised: int, body: bytes) -> Iterator[Reading]:
        """The readings of a row at the times that are known to be theirs by now."""
        for one in unpack(body):
            if synchronised or self._due is None:
                yield one
            else:
                yield from (doubted if seq <= self._of_earlier_start else moved)(one, self._due)

    def _restamp_memory(self, shift: timedelta) -> int:
        count = len(self._unmeasured & self._memory.keys())
        for seq in self._unmeasured & self._memory.keys():
            batch, size = self._memory[seq]
            self._memory[seq] = (Batch(seq, tuple(part for one in batch.readings for part in moved(one, shift))), size)
        self._unmeasured.clear()
        return count

    def lost(self) -> list[Reading]:
        """What was given up and not told yet, as readings without value; `told` forgets it."""
        rows = self._db.execute("SELECT channel, unit, step, start, end FROM lost WHERE osb = ? ORDER BY start, channel", (self._osb,))
        comment = "the box had no room to keep these readings until the platform could be reached"
        return [
            Reading(channel, unit, time_of(start), timedelta(seconds=step), None, PARTIAL, comment, until=time_of(end))
            for channel, unit, step, start, end in rows
        ]

    def tell_lost(self) -> None:
        """Put what was given up among the waiting readings, as flags, if there is room."""
        flags = self.lost()
        if not flags or self._full:
            return
        body = pack(flags)
        if self._bytes + len(body) > CALM * self._bounds.file_bytes:
            return
        try:
            with self._outbox.transaction():
                self._insert(flags, body, synchronised=True)
                self._db.execute("DELETE FROM lost WHERE osb = ?", (self._osb,))
        except sqlite3.OperationalError as error:
            self.trouble(error)
        else:
            self._bytes, self._count = self._bytes + len(body) + ROW_BYTES, self._count + 1

    # --- room
    def _insert(self, readings: Sequence[Reading], body: bytes, synchronised: bool) -> int:
        cursor = self._db.execute(
            "INSERT INTO batch (osb, start, end, synchronised, body) VALUES (?, ?, ?, ?, ?)",
            (self._osb, *window(readings), int(synchronised), body),
        )
        return int(cursor.lastrowid or 0)

    def _give_up(self, added: int) -> tuple[int, int]:
        """Make room inside the transaction; returns the bytes and the batches that are gone."""
        freed, gone = 0, 0
        if self._bytes + added <= self._bounds.file_bytes:
            return freed, gone
        while self._bytes + added - freed > ROOM * self._bounds.file_bytes:
            rows = self._oldest(thin=0)
            (size, count) = self._thin(rows) if rows else self._drop(self._oldest(thin=1))
            if not size:
                break
            freed, gone = freed + size, gone + count
        self._note_lost()
        self._lost = []
        log.warning(
            "%s: %d bytes of the oldest waiting readings were given up: the outbox is full (%d bytes)", self._osb, freed, self._bytes
        )
        return freed, gone

    def _oldest(self, thin: int) -> list[tuple[int, bytes]]:
        rows = self._db.execute("SELECT seq, body FROM batch WHERE osb = ? AND thin = ? ORDER BY seq LIMIT ?", (self._osb, thin, AT_ONCE))
        return rows.fetchall()

    def _thin(self, rows: list[tuple[int, bytes]]) -> tuple[int, int]:
        freed, gone = 0, 0
        for seq, body in rows:
            readings = list(unpack(body))
            kept = [one for one in readings if one.channel in self._registers]
            self._lose(one for one in readings if one.channel not in self._registers)
            if kept:
                packed = pack(kept)
                self._db.execute("UPDATE batch SET thin = 1, body = ? WHERE seq = ?", (packed, seq))
                freed += len(body) - len(packed)
            else:
                self._db.execute("DELETE FROM batch WHERE seq = ?", (seq,))
                freed, gone = freed + len(body) + ROW_BYTES, gone + 1
        return max(freed, 1), gone  # counters alone free nothing, and the caller goes on

    def _drop(self, rows: list[tuple[int, bytes]]) -> tuple[int, int]:
        for seq, body in rows:
            self._lose(unpack(body))
            self._db.execute("DELETE FROM batch WHERE seq = ?", (seq,))
        return sum(len(body) + ROW_BYTES for _, body in rows), len(rows)

    def _lose(self, readings: Iterable[Reading]) -> None:
        self._lost += [(one, one.until or one.start + one.step) for one in readings]

    def _note_lost(self) -> None:
        """Write down what was given up, in runs."""
        for one, until in self._lost:
            start, end = int(one.start.timestamp()), int(until.timestamp())
            grown = self._db.execute(
                "UPDATE lost SET end = ? WHERE osb = ? AND channel = ? AND start <= ? AND end >= ? AND end <= ?",
                (end, self._osb, one.channel, start, start, end),
            ).rowcount
            if not grown:
                self._db.execute(
                    "INSERT OR IGNORE INTO lost VALUES (?, ?, ?, ?, ?, ?)",
                    (self._osb, one.channel, one.unit, int(one.step.total_seconds()), start, end),
                )

    # --- the disk is full
    def _hold(self, batch: Batch, size: int) -> Batch:
        self._next_memory += 1
        self._memory[batch.seq] = (batch, size)
        self._memory_bytes += size
        while self._memory_bytes > self._bounds.memory_bytes and len(self._memory) > 1:
            _, (oldest, freed) = self._memory.popitem(last=False)
            self._memory_bytes -= freed
            self._lose(oldest.readings)
            self._lost = joined(self._lost)
        return batch

    def _write_oldest_of_memory(self) -> None:
        part = list(self._memory.items())[:AT_ONCE]
        with self._outbox.transaction():
            for _, (batch, _) in part:
                self._insert(batch.readings, pack(batch.readings), synchronised=batch.seq not in self._unmeasured)
            self._note_lost()
        self._lost = []
        for seq, (_, size) in part:
            del self._memory[seq]
            self._memory_bytes, self._bytes, self._count = self._memory_bytes - size, self._bytes + size, self._count + 1

    def _shrink_journal(self) -> None:
        """On a small disk the journal itself may be what fills it."""
        if self._full and not self._db.in_transaction:
            self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()

    def _room(self) -> bool:
        """Whether something can be written."""
        try:
            self._shrink_journal()
            with self._outbox.transaction():
                self._db.execute("CREATE TABLE room (probe BLOB)")
                self._db.execute("INSERT INTO room VALUES (zeroblob(?))", (PROBE,))
                self._db.execute("DROP TABLE room")
        except sqlite3.OperationalError:
            return False
        return True

    def trouble(self, error: sqlite3.OperationalError) -> None:
        """Note that the file can't be used; readings are kept in memory from now on."""
        if not self._full:
            log.error(
                "%s: the outbox can't be written (%s); readings are kept in memory, up to %d bytes; make room on the disk",
                self._osb,
                error,
                self._bounds.memory_bytes,
            )
        self._full = True

    def _delete(self) -> None:
        if not self._undeleted:
            return
        marks = [(seq,) for seq in self._undeleted]
        try:
            with self._outbox.transaction():
                sizes = [self._db.execute("SELECT LENGTH(body) FROM batch WHERE seq = ?", mark).fetchone() for mark in marks]
                self._db.executemany("DELETE FROM batch WHERE seq = ?", marks)
        except sqlite3.OperationalError as error:
            self.trouble(error)
            return
        there = [size[0] + ROW_BYTES for size in sizes if size]
        self._bytes, self._count = self._bytes - sum(there), self._count - len(there)
        self._undeleted.clear()
