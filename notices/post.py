"""The outbox: every notice that was decided on, what became of it, and the letters that still wait, in one SQLite file.

A letter is written down before anybody tries to send it, and struck out when the mail server has taken it. Where the server got the text and
no answer came back (the platform was killed, the line broke), nobody knows whether it was taken: the letter is sent once more with the same
Message-ID, and never a third time. After the event has begun nobody is written to any more: the notice is noted as missed, which operators see.
"""

import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any

from kg.terms import instant
from notices.database import Database
from notices.due import Kind, Notice, Phase, State, Told
from notices.smtp import BusyLetterError, RefusedLetterError, Server, Session

log = logging.getLogger(__name__)

FIRST_PAUSE, LONGEST_PAUSE = timedelta(seconds=30), timedelta(minutes=5)
AT_ONCE = 200  # letters that are sent over one connection
MOST_HANDED = 2  # times that a server gets a letter without answering to it: at most one of them is one too many
_COLUMNS = "id, event, member, kind, phase, begins, ends, by, until, noted, status, changed, attempts, trouble, subject"


class Status(StrEnum):
    """What became of a notice."""

    WAITING = "waiting"  # for the mail server
    SENT = "sent"
    MISSED = "missed"  # not told in time
    UNSURE = "unsure"  # the server got it and never said whether it took it
    REFUSED = "refused"  # the server takes no letter to that mailbox
    KEPT = "kept"  # there is no mail server: it would have been sent
    UNADDRESSED = "unaddressed"  # the member gave no mailbox; their page and calendar tell them
    UNWANTED = "unwanted"  # the member wants no letter of this
    WITHDRAWN = "withdrawn"  # something newer was to be said before it had left
    NEEDLESS = "needless"  # nobody had heard of what it takes back


HEARD = (Status.SENT, Status.KEPT, Status.UNSURE)


@dataclass(frozen=True)
class Entry:
    """A notice and what became of it.

    Attributes
    ----------
    id : number in the outbox
    event, member : IRIs
    kind, state : what it says
    by : when the contract promises that the member knows; `None` where it promises nothing
    until : after which it is no use
    noted, changed : when it was decided on, and when its status became what it is (the platform's time)
    attempts, trouble : how often it was tried in vain, and why the last time
    subject : of the letter; empty where none was written
    """

    id: int
    event: str
    member: str
    kind: Kind
    state: State
    by: datetime | None
    until: datetime
    noted: datetime
    status: Status
    changed: datetime
    attempts: int
    trouble: str
    subject: str

    @property
    def late(self) -> bool:
        """Whether the member was told, but later than the contract promises."""
        return self.status is Status.SENT and self.by is not None and self.changed > self.by


@dataclass(frozen=True)
class New:
    """A notice that is to be noted; of one that waits, the address and the letter."""

    notice: Notice
    status: Status
    subject: str = ""
    address: str = ""
    letter: bytes | None = None


class Post:
    """The outbox; every method may be called from any thread."""

    def __init__(self, database: Database) -> None:
        self._database, self._lock, self._db = database, database.lock, database.db

    # --- what was noted --------------------------------------------------------------------------------------------------------------

    def told(self, since: datetime) -> dict[str, Told]:
        """What was noted last of each event that ends after a time, by its IRI."""
        found: dict[str, Told] = {}
        with self._lock:
            rows = self._db.execute(
                "select event, kind, phase, begins, ends, status, id in (select notice from handed) from notice where ends > ? order by id",
                (instant(since),),
            ).fetchall()
        for event, kind, phase, begins, ends, status, handed in rows:
            before = found.get(event)
            heard = Status(status) in HEARD or bool(handed) or (before is not None and before.heard)
            if Kind(kind) is Kind.SETTLED:
                if before is not None:
                    found[event] = Told(before.state, before.heard, settled=True)
                else:
                    found[event] = Told(State(Phase(phase), _at(begins), _at(ends)), heard, settled=True)
                continue
            found[event] = Told(State(Phase(phase), _at(begins), _at(ends)), heard, settled=before is not None and before.settled)
        return found

    def number(self, event: str) -> int:
        """How many notices there are of an event."""
        with self._lock:
            (count,) = self._db.execute("select count(*) from notice where event = ?", (event,)).fetchone()
        return int(count)

    def note(self, new: Iterable[New], now: datetime) -> int:
        """Note notices, in one transaction; what still waits of the same events is withdrawn, as it is no longer so. Returns how many."""
        at, count = instant(now), 0
        with self._database.transaction():
            for each in new:
                notice, state = each.notice, each.notice.state
                self._db.execute(
                    "update notice set status = ?, changed = ?, letter = null, address = '' where event = ? and status = ?",
                    (Status.WITHDRAWN, at, notice.part.event, Status.WAITING),
                )
                self._db.execute(
                    "insert into notice (event, member, kind, phase, begins, ends, by, until, noted, status, changed, subject, address, letter)"
                    " values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                    (
                        *(notice.part.event, notice.part.member, notice.kind, state.phase, instant(state.begin), instant(state.end)),
                        *(None if notice.by is None else instant(notice.by), instant(notice.until), at, each.status, at),
                        *(each.subject, each.address, each.letter),
                    ),
                )
                count += 1
        return count

    # --- sending ---------------------------------------------------------------------------------------------------------------------

    def deliver(self, server: Server, now: datetime, wall: datetime, stop: Callable[[], bool] = lambda: False) -> int:
        """Send what waits and is due for a try; returns how many letters the server took.

        Parameters
        ----------
        now
            The platform's time, by which letters are too late.
        wall
            The time on the wall, by which they are tried again.
        stop
            Asked before each letter whether to leave the rest for later.
        """
        self.expire(now)
        waiting = self._due(wall)
        if not waiting:
            return 0
        taken, left = 0, list(waiting)
        try:
            with server.session() as session:
                for id_, address, letter in waiting:
                    if stop():
                        return taken
                    if self._waits(id_):
                        taken += self._send(session, id_, address, letter, now, wall)
                    left.remove((id_, address, letter))
        except (OSError, ValueError) as error:  # also every SMTPException, and a password that SMTP has no letters for
            log.warning("%d letters could not be sent (%s: %s); they are tried again", len(left), type(error).__name__, error)
            self._postpone([id_ for id_, _, _ in left], wall, f"{type(error).__name__}: {error}")
        return taken

    def _send(self, session: Session, id_: int, address: str, letter: bytes, now: datetime, wall: datetime) -> int:
        """Send one letter; returns how many were taken. What `OSError` leaves open stays counted as handed over."""
        handed = False

        def handing() -> None:
            nonlocal handed
            handed = True
            self._hand(id_, 1)

        try:
            session.send(address, letter, handing)
        except (RefusedLetterError, BusyLetterError) as answer:
            if handed:
                self._hand(id_, -1)
            if isinstance(answer, BusyLetterError):
                self._postpone([id_], wall, str(answer))
            else:
                self._became(id_, Status.REFUSED, now, str(answer))
            return 0
        self._became(id_, Status.SENT, now, "")
        return 1

    def expire(self, now: datetime) -> int:
        """Note what waits and is no use any more as missed, and what a server got often enough as unsure; returns how many."""
        with self._database.transaction() as db:
            unsure = db.execute(
                "update notice set status = ?, changed = ?, letter = null, address = '' where status = ? and exists"
                " (select 1 from handed where notice = id and (times >= ? or until <= ?))",
                (Status.UNSURE, instant(now), Status.WAITING, MOST_HANDED, instant(now)),
            ).rowcount
            missed = db.execute(
                "update notice set status = ?, changed = ?, letter = null, address = '' where status = ? and until <= ?",
                (Status.MISSED, instant(now), Status.WAITING, instant(now)),
            ).rowcount
        return unsure + missed

    def _hand(self, id_: int, times: int) -> None:
        """Count that a server gets a letter, before it does; or that it has said that it does not have it."""
        with self._database.transaction() as db:
            db.execute(
                "insert into handed select id, ? from notice where id = ? on conflict (notice) do update set times = times + excluded.times",
                (times, id_),
            )
            db.execute("delete from handed where notice = ? and times <= 0", (id_,))

    def _due(self, wall: datetime) -> list[tuple[int, str, bytes]]:
        with self._lock:
            return self._db.execute(
                "select id, address, letter from notice where status = ? and (again is null or again <= ?) order by until, id limit ?",
                (Status.WAITING, instant(wall), AT_ONCE),
            ).fetchall()

    def _waits(self, id_: int) -> bool:
        with self._lock:
            row = self._db.execute("select status from notice where id = ?", (id_,)).fetchone()
        return row is not None and row[0] == Status.WAITING

    def _became(self, id_: int, status: Status, now: datetime, trouble: str) -> None:
        """Strike a letter out; what takes it back and was found needless while it was on its way is decided on once more."""
        with self._database.transaction():
            self._db.execute(
                "update notice set status = ?, changed = ?, trouble = ?, letter = null, address = '' where id = ?",
                (status, instant(now), trouble, id_),
            )
            if status is Status.SENT:
                self._db.execute("delete from handed where notice = ?", (id_,))
                self._db.execute(
                    "delete from notice where status = ? and id > ? and event = (select event from notice where id = ?)",
                    (Status.NEEDLESS, id_, id_),
                )

    def _postpone(self, ids: Sequence[int], wall: datetime, trouble: str) -> None:
        with self._database.transaction():
            for id_ in ids:
                (attempts,) = self._db.execute("select attempts from notice where id = ?", (id_,)).fetchone() or (0,)
                pause = min(FIRST_PAUSE * 2 ** min(attempts, 10), LONGEST_PAUSE)
                self._db.execute(
                    "update notice set attempts = attempts + 1, again = ?, trouble = ? where id = ? and status = ?",
                    (instant(wall + pause), trouble[:500], id_, Status.WAITING),
                )

    # --- who looks -------------------------------------------------------------------------------------------------------------------

    def of_member(self, member: str, most: int = 50) -> list[Entry]:
        """A member's notices, newest first."""
        return self._entries("where member = ? order by id desc limit ?", (member, most))

    def with_status(self, statuses: Iterable[Status], most: int = 200) -> list[Entry]:
        """The notices that became this, newest first: for operators, who want to know who was not told in time."""
        wanted = list(statuses)
        marks = ", ".join("?" * len(wanted))
        return self._entries(f"where status in ({marks}) order by id desc limit ?", (*wanted, most))

    def counts(self, since: datetime) -> dict[Status, int]:
        """How many notices that were decided on after a time became what."""
        with self._lock:
            rows = self._db.execute("select status, count(*) from notice where noted > ? group by status", (instant(since),)).fetchall()
        return {Status(status): int(count) for status, count in rows}

    def _entries(self, where: str, values: tuple[Any, ...]) -> list[Entry]:
        with self._lock:
            rows = self._db.execute(f"select {_COLUMNS} from notice {where}", values).fetchall()  # noqa: S608  (texts of ours)
        return [_entry(row) for row in rows]

    # --- personal data ---------------------------------------------------------------------------------------------------------------

    def held(self, member: str) -> list[dict[str, str]]:
        """Everything that is held of a member, for their export."""
        with self._lock:
            rows = self._db.execute(
                "select event, kind, phase, status, noted, changed, subject, address from notice where member = ? order by id", (member,)
            ).fetchall()
        names = ("event", "kind", "phase", "status", "noted", "changed", "subject", "address")
        return [dict(zip(names, row, strict=True)) for row in rows]


def _entry(row: tuple[Any, ...]) -> Entry:
    id_, event, member, kind, phase, begins, ends, by, until, noted, status, changed, attempts, trouble, subject = row
    return Entry(
        id=int(id_),
        event=event,
        member=member,
        kind=Kind(kind),
        state=State(Phase(phase), _at(begins), _at(ends)),
        by=None if by is None else _at(by),
        until=_at(until),
        noted=_at(noted),
        status=Status(status),
        changed=_at(changed),
        attempts=int(attempts),
        trouble=trouble,
        subject=subject,
    )


def _at(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)
