"""The way of a live box's words to the platform: who speaks first, then what happened, then what is measured now, then what was missed.

Announcements and reports wait in the outbox, readings in the backlog, both until the platform's own acknowledgement. Readings flow once the
platform has accepted the announcement of this connection, whose acknowledgement also compares the clocks. Live readings leave at once; the
backlog follows from its oldest on, whole stretches in one message, at a bounded rate and with few messages unacknowledged at a time.
"""

import logging
import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from devices import messages
from devices.aggregation import Reading
from devices.backlog import Backlog, Batch
from devices.clock import Clock
from devices.gateway import Gateway
from devices.messages import Identity, parse_instant
from devices.outbox import Outbox, Outgoing

log = logging.getLogger(__name__)

RETRY_S = 30.0  # what had no acknowledgement for this long is sent again
ANNOUNCE_AGAIN_S = 300.0  # a refused box asks again: its owner may have claimed it
BATCHES_A_MESSAGE = 2000
READINGS_A_MESSAGE = 6000
READINGS_A_BATCH = 1000  # a batch isn't parted on its way, so it must fit a message whatever it holds
LARGEST_PAYLOAD = 60_000  # bytes; the broker refuses packets somewhere above


@dataclass(frozen=True, slots=True)
class Pace:
    """How fast the backlog goes out: bytes a second, and messages without acknowledgement at a time (live ones: `live_in_flight`)."""

    bytes_per_s: float = 20_000.0
    in_flight: int = 4
    live_in_flight: int = 8


@dataclass(slots=True)
class _Flight:
    """One message on its way: the batches in it, and when it was sent."""

    message: Outgoing
    seqs: tuple[int, ...]
    live: bool
    sent_s: float
    times_sent: int = 1


@dataclass
class Courier:
    """What one box sends, and what it makes of the acknowledgements.

    Parameters
    ----------
    announcement
        Makes the box's announcement with a given id part: a new one for each connection, so that no old acknowledgement fits it.
    mint
        Makes parts of ids that nobody has used before.
    on_corrected
        Called with the change when the clock was corrected.
    """

    me: Identity
    gateway: Gateway
    outbox: Outbox
    backlog: Backlog
    clock: Clock
    announcement: Callable[[str], Outgoing]
    mint: Callable[[], str]
    on_corrected: Callable[[timedelta], None]
    pace: Pace = field(default_factory=Pace)

    def __post_init__(self) -> None:
        self._announced = False
        self._announcing: tuple[str, float, int] | None = None  # id, when sent, how often
        self._flights: dict[str, _Flight] = {}
        self._cursor: int | None = None
        self._purse, self._purse_s = self.pace.bytes_per_s, self.clock.monotonic()
        self._reports: dict[str, float] = {}  # id → when sent
        self._unwritten: dict[str, Outgoing] = {}
        self._forgotten: set[str] = set()  # acknowledged while the disk was full

    @property
    def announced(self) -> bool:
        """Whether the platform has accepted this connection's announcement, so that it takes readings."""
        return self._announced and self.gateway.connected

    @property
    def waits_for_answer(self) -> bool:
        """Whether something is on its way that the platform must answer."""
        return bool(self._flights or self._announcing or self._reports)

    def connected(self) -> None:
        """Begin a connection: announce; what was on its way in the last one belongs to the backlog."""
        self._announced, self._cursor = False, None
        self._flights.clear()
        self._reports.clear()
        self._announce()

    def report(self, message: Outgoing) -> None:
        """Keep a report until it is acknowledged, and send it; a disk that is full doesn't hold it up."""
        try:
            self.outbox.add(self.me.osb, message)
        except sqlite3.OperationalError as error:
            log.error("%s: a report can't be written (%s); it is kept in memory", self.me.osb, error)
            self._unwritten[message.id] = message
        if self.announced:
            self._send_report(message)

    def readings(self, given: Sequence[Reading], *, synchronised: bool) -> None:
        """Keep readings; they leave at once if the platform listens and keeps up."""
        for first in range(0, len(given), READINGS_A_BATCH):
            self._keep(given[first : first + READINGS_A_BATCH], synchronised=synchronised)

    def _keep(self, given: Sequence[Reading], *, synchronised: bool) -> None:
        batch = self.backlog.add(given, synchronised=synchronised)
        live = sum(flight.live for flight in self._flights.values())
        stamped = synchronised or not self.clock.measured  # else they are about to be moved
        if self.announced and stamped and live < self.pace.live_in_flight:
            self._fly([batch], live=True)

    def work(self) -> None:
        """Send what is due: reports, then the backlog as far as the pace allows, and again what had no answer; call it every second or so."""
        with self._unreadable():
            self._work()

    def expire(self, now: datetime) -> None:
        """Give up readings that are older than the bound."""
        with self._unreadable():
            self.backlog.expire(now)

    @contextmanager
    def _unreadable(self) -> Iterator[None]:
        """Live through a card that can't be read any more; what is measured from now on still leaves, from memory."""
        try:
            yield
        except sqlite3.OperationalError as error:
            self.backlog.trouble(error)

    def _work(self) -> None:
        self.backlog.settle()
        if self._cursor is not None and self._cursor < 0 and not self.backlog.disk_full:
            self._cursor = None  # what lay in memory lies in the file now, in other places
        self._write_reports()
        self._fill_purse()
        if not self.gateway.connected:
            return
        now_s = self.clock.monotonic()
        self._ask_again(now_s)
        if not self.announced:
            return
        for message in self._waiting_reports():
            if now_s - self._reports.get(message.id, -RETRY_S) >= RETRY_S:
                self._send_report(message)
        for flight in self._flights.values():
            if now_s - flight.sent_s >= RETRY_S:
                flight.sent_s, flight.times_sent = now_s, flight.times_sent + 1
                self.gateway.publish(flight.message.topic, flight.message.payload)
        self.backlog.tell_lost()
        while self._purse > 0 and self._slots() and (batches := self._next()):
            self._fly(batches, live=False)

    def acknowledged(self, body: Mapping[str, Any], arrived_s: float) -> bool:
        """Take an acknowledgement in; returns whether it was for something that waited."""
        id = body.get("message")
        if not isinstance(id, str):
            return False
        refused = body.get("refused")
        refused = refused if isinstance(refused, list) else []
        if self._announcing and id == self._announcing[0]:
            self._announcement_answered(body, refused, arrived_s)
            return True
        if refused:  # one line, however many: a card is small
            log.warning("%s: the platform refused %d points of %s, first %s", self.me.osb, len(refused), id, refused[:3])
        if flight := self._flights.pop(id, None):
            self.backlog.acknowledge(flight.seqs)
            if flight.times_sent == 1:
                self._compare(body, flight.sent_s, arrived_s)
            return True
        self._reports.pop(id, None)
        if self._unwritten.pop(id, None):
            return True
        try:
            return self.outbox.acknowledge(self.me.osb, id)
        except sqlite3.OperationalError:
            self._forgotten.add(id)
            return True

    # --- who speaks
    def _announce(self) -> None:
        message = self.announcement(self.mint())
        self._announcing = (message.id, self.clock.monotonic(), 1)
        self.gateway.publish(message.topic, message.payload)

    def _announcement_answered(self, body: Mapping[str, Any], refused: Sequence[Any], arrived_s: float) -> None:
        _, sent_s, _ = self._announcing or ("", arrived_s, 0)
        self._compare(body, sent_s, arrived_s)
        if refused:
            log.error("%s: the platform doesn't accept this box; its readings are kept: %s", self.me.osb, refused)
            self._announcing = ("", arrived_s, 0)  # asked again later
            return
        self._announcing, self._announced = None, True

    def _ask_again(self, now_s: float) -> None:
        if self._announcing and now_s - self._announcing[1] >= (RETRY_S if self._announcing[2] else ANNOUNCE_AGAIN_S):
            self._announce()

    def _compare(self, body: Mapping[str, Any], sent_s: float, arrived_s: float) -> None:
        try:
            received, replied = parse_instant(body["received"]), parse_instant(body["sent"])
        except (KeyError, ValueError):
            return  # a platform that states no times
        change = self.clock.measure(sent_s, received, replied, arrived_s)
        if change is not None:
            self.on_corrected(change)

    # --- reports
    def _waiting_reports(self) -> list[Outgoing]:
        topic = self.me.topic("report")
        kept = [one for one in self.outbox.waiting(self.me.osb) if one.topic == topic and one.id not in self._forgotten]
        return kept + list(self._unwritten.values())

    def _send_report(self, message: Outgoing) -> None:
        self._reports[message.id] = self.clock.monotonic()
        self.gateway.publish(message.topic, message.payload)

    def _write_reports(self) -> None:
        if not (self._unwritten or self._forgotten) or self.backlog.disk_full:
            return
        try:
            with self.outbox.transaction():
                for message in self._unwritten.values():
                    self.outbox.add(self.me.osb, message)
                for id in self._forgotten:
                    self.outbox.acknowledge(self.me.osb, id)
        except sqlite3.OperationalError:
            return  # said already when it began
        self._unwritten.clear()
        self._forgotten.clear()

    # --- readings
    def _fill_purse(self) -> None:
        now_s = self.clock.monotonic()
        earned = (now_s - self._purse_s) * self.pace.bytes_per_s
        self._purse, self._purse_s = min(self._purse + earned, self.pace.bytes_per_s), now_s

    def _slots(self) -> int:
        return self.pace.in_flight - sum(not flight.live for flight in self._flights.values())

    def _next(self) -> list[Batch]:
        """The oldest batches that aren't on their way, of one UTC day, as many as fit a message."""
        flying = {seq for flight in self._flights.values() for seq in flight.seqs}
        taken: list[Batch] = []
        count = 0
        day = None
        for batch in self.backlog.after(self._cursor, BATCHES_A_MESSAGE):
            if batch.seq in flying:
                continue
            count += len(batch.readings)
            begins = min(one.start for one in batch.readings).date()
            if taken and (count > READINGS_A_MESSAGE or begins != day):
                break
            day = begins
            taken.append(batch)
        return taken

    def _fly(self, batches: list[Batch], *, live: bool) -> None:
        message = self._spelt(batches)
        while len(message.payload) > LARGEST_PAYLOAD and len(batches) > 1:
            batches = batches[: len(batches) // 2]
            message = self._spelt(batches)
        if not live:
            self._cursor = batches[-1].seq
            self._purse -= len(message.payload)
        seqs = tuple(batch.seq for batch in batches)
        self._flights[message.id] = _Flight(message, seqs, live, self.clock.monotonic())
        self.gateway.publish(message.topic, message.payload)

    def _spelt(self, batches: Sequence[Batch]) -> Outgoing:
        given = [one for batch in batches for one in batch.readings]
        end: datetime = max(one.until or one.start + one.step for one in given)
        name = f"{messages.stamp(end)}-{self.mint()}"
        return messages.readings(self.me, name, self.clock.now(), given, self.clock.offset_text)
