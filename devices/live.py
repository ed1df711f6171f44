"""The live Open Smart Box: what its devices' threads bring becomes readings on the clock's grid, what the platform says becomes set-points.

Everything here happens on one thread. The devices' threads hand over through a queue; time, connection and devices come in as arguments.
"""

import json
import logging
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Protocol

from devices.aggregation import Aggregator, Reading, Rule, grid, rule
from devices.backlog import Backlog, Bounds
from devices.box_config import comfort_source
from devices.clock import Clock
from devices.comfort import Rooms
from devices.control import Comfort, Control, steered
from devices.courier import Courier, Pace
from devices.dispatching import Dispatcher, Moment
from devices.gateway import Gateway
from devices.inventory import Inventory, LiveChannel
from devices.mqtt import Delivery
from devices.outbox import Outbox, Outgoing
from devices.polling import Polled, Written
from mappers.kinds import short
from ontology.names import FCV

log = logging.getLogger(__name__)

KILOWATTS = {"unit:KiloW": Decimal(1), "unit:W": Decimal("0.001"), "unit:MegaW": Decimal(1000)}
JUMP = timedelta(seconds=30)  # a correction beyond begins new intervals; a smaller one shifts the open ones
POWER = str(FCV.ActivePower)
OPEN = "#open"  # after the box's name: where its open intervals are kept
SAVE_OPEN_S = 60.0


class DeviceHandle(Protocol):
    """What the box tells a device's thread; `devices.polling.DeviceThread` does it."""

    def write(self, command: str, value: Decimal) -> None:
        """Have a set-point written."""
        ...

    def watch(self, command: str | None) -> None:
        """Have a command read back at each poll."""
        ...


@dataclass(frozen=True)
class _Measured:
    """A channel and its open interval."""

    channel: LiveChannel
    aggregator: Aggregator


class LiveBox:
    """One live box.

    Parameters
    ----------
    inventory
        What it has.
    handles
        The threads of its devices by name.
    gateway, outbox
        Its way to the platform, and where it keeps what must not be lost.
    clock
        Its time.
    mint
        Makes parts of ids that nobody has used before.
    """

    def __init__(
        self,
        inventory: Inventory,
        handles: Mapping[str, DeviceHandle],
        gateway: Gateway,
        outbox: Outbox,
        clock: Clock,
        mint: Callable[[], str],
    ) -> None:
        self.me, self._inventory, self._outbox, self._clock = inventory.me, inventory, outbox, clock
        limits = inventory.box.limits
        self._patience_until_s = clock.monotonic() + limits.clock_patience.total_seconds()
        self._early: list[Polled] = []  # before the clock is known, or given up waiting for
        self._synchronised, self._begun = False, False
        self._channels = inventory.channels()
        self._measured: dict[tuple[str, str], _Measured] = {}
        self._latest: dict[tuple[str, str], tuple[float, Decimal]] = {}
        self._heard_s = clock.monotonic()
        self._unsaved: list[Delivery] = []
        self._saved, self._unwritten = "", False
        self._save_open_s = clock.monotonic() + SAVE_OPEN_S
        registers = [one.path for one in self._channels if rule(one.point.kind) is Rule.FIRST]
        bounds = Bounds(int(limits.outbox_megabytes * 2**20), int(limits.memory_megabytes * 2**20), limits.outbox_age)
        self.backlog = Backlog(outbox, self.me.osb, bounds, registers)
        pace = Pace(float(limits.backlog_bytes_per_second), limits.messages_in_flight)
        self.courier = Courier(self.me, gateway, outbox, self.backlog, clock, inventory.announcement, mint, self._corrected, pace)
        self._controls = {inventory.iri(name): control for name, control in _controls(inventory, handles, self._alarm)}
        self.dispatcher = Dispatcher(self.me, self._controls, self._report, self._latest, limits.platform_silence, clock.monotonic())
        self._rooms = Rooms(inventory, self._controls, outbox)
        if (state := outbox.load(self.me.osb)) is not None:
            self.dispatcher.restore(state)

    @property
    def topics(self) -> tuple[str, ...]:
        """What it listens to."""
        return (self.me.topic("dispatch"), self.me.topic("comfort"), self.me.topic("ack"))

    @property
    def gathering(self) -> bool:
        """Whether samples still wait for the clock to be compared before they become readings."""
        return not self._begun

    def take(self, found: Polled | Written) -> None:
        """Take in what a device's thread has found."""
        control = self._controls.get(self._inventory.iri(found.device))
        if isinstance(found, Written):
            if control is not None and control.command.name == found.command:
                control.written(found.value, found.before, found.error, found.shown)
            return
        self._note_latest(found)
        if control is not None:
            control.found(found.held, self._clock.monotonic())
        if self.gathering:
            self._early.append(found)
        else:
            self._aggregate(found)

    def receive(self, deliveries: Sequence[Delivery]) -> None:
        """Take in what the platform said; the broker is told once it is written down."""
        for delivery in deliveries:
            self._heard_s = self._clock.monotonic()
            try:
                self._take_in(delivery)
            except Exception:  # a message that nobody can take in must not end the box, for the broker would bring it again
                log.exception("%s: a message on %s can't be taken in; dropped: %.200r", self.me.osb, delivery.topic, delivery.payload)
            if delivery.topic == self.me.topic("ack"):
                delivery.confirm()  # the broker lets only so many wait, and nothing of it needs to be kept
            else:
                self._unsaved.append(delivery)
        self.courier.work()
        self.keep()

    def connected(self) -> None:
        """Begin a connection."""
        self.courier.connected()

    def work(self) -> None:
        """Let time pass: close intervals, hold set-points, send what is due; call it every second or so."""
        if (moved := self._clock.check()) is not None and self.gathering:
            self._clock.follow(moved)
        now = self._clock.now()
        if self.gathering and self._clock.monotonic() >= self._patience_until_s:
            log.warning("%s: the platform could not be asked for the time; the system clock counts until then", self.me.osb)
            self._begin()
        self._close(now)
        if self.courier.gateway.connected and not self.courier.waits_for_answer:
            self._heard_s = self._clock.monotonic()  # nothing was asked of the platform, so its silence says nothing
        if not self.gathering:
            self._rooms.apply(now, self._latest)
            self.dispatcher.work(self._moment())
        decided = not self.gathering or self.dispatcher.timeless(self._clock.monotonic())
        self.keep()
        if decided:
            self.dispatcher.act(self._clock.monotonic())
        if self._clock.measured:
            self.courier.expire(now)  # a wrong clock must not call everything old
        self.courier.work()
        if self._clock.monotonic() >= self._save_open_s:
            self._save_open(whole=False)

    def release(self) -> None:
        """Have every device go back to rest, because the box stops; open intervals go on when it starts again."""
        if self.gathering:
            self._begin()  # what was measured is kept
        self._close(self._clock.now())
        if not self._save_open(whole=True):
            self._say([one for measured in self._measured.values() for one in _cut(measured.aggregator, self._clock.now())])
        self.dispatcher.release(self._clock.monotonic())
        self.keep()

    def _take_in(self, delivery: Delivery) -> None:
        try:
            body = json.loads(delivery.payload)
        except (ValueError, RecursionError) as error:
            log.warning("%s: a message on %s is not JSON (%s); dropped", self.me.osb, delivery.topic, error)
            return
        if not isinstance(body, dict):
            log.warning("%s: a message on %s is not for a box; dropped", self.me.osb, delivery.topic)
        elif delivery.topic == self.me.topic("ack"):
            self.courier.acknowledged(body, self._clock.monotonic())
            self._synchronise()
        elif delivery.topic == self.me.topic("comfort"):
            self._rooms.receive(body)
        elif self.gathering:
            self.dispatcher.wait(body)
        else:
            self.dispatcher.receive(body, self._moment())

    # --- readings
    def _begin(self) -> None:
        """Make intervals, from the first sample on; the samples so far are stamped by what is known of the clock now."""
        early, self._early, self._begun = self._early, [], True
        begin = min((self._clock.at(found.at_s) for found in early), default=self._clock.now())
        polls = {device.name: device.poll for device in self._inventory.box.devices}
        for one in self._channels:
            aggregator = Aggregator(one.path, one.point.unit, one.point.kind, one.step, polls[one.device], begin)
            self._measured[one.device, one.point.name] = _Measured(one, aggregator)
        self._resume_open()
        for found in early:
            self._aggregate(found)

    def _aggregate(self, found: Polled) -> None:
        at = self._clock.at(found.at_s)
        samples = {sample.point: sample for sample in found.samples}
        for (device, point), measured in self._measured.items():
            if device != found.device:
                continue
            sample = samples.get(point)
            if found.fault is not None:
                measured.aggregator.fault(at, *found.fault)
            elif sample is None:
                measured.aggregator.fault(at, str(FCV.DeviceFault), f"the device said nothing of {point}")
            elif sample.value is None:
                measured.aggregator.fault(at, sample.reason or str(FCV.DeviceFault), sample.comment)
            else:
                measured.aggregator.take(at, Decimal(sample.value))

    def _close(self, now: datetime) -> None:
        self._say([one for measured in self._measured.values() for one in self._closed(measured, now)])

    def _closed(self, measured: _Measured, now: datetime) -> list[Reading]:
        closed = measured.aggregator.close(now)
        if measured.channel.point.kind == POWER and measured.channel.point.of == "device":
            for one in closed:
                self._judge(measured.channel, one)
        return closed

    def _judge(self, channel: LiveChannel, reading: Reading) -> None:
        factor = KILOWATTS.get(short(channel.point.unit))
        mean = None if reading.value is None or factor is None else Decimal(reading.value) * factor
        self.dispatcher.slot_over(self._inventory.iri(channel.device), reading.start, reading.start + reading.step, mean)

    def _say(self, readings: list[Reading]) -> None:
        if readings:
            self.courier.readings(sorted(readings, key=lambda one: one.start), synchronised=self._synchronised)

    def _note_latest(self, found: Polled) -> None:
        for sample in found.samples:
            if sample.value is not None:
                self._latest[found.device, sample.point] = (found.at_s, Decimal(sample.value))

    # --- time
    def _corrected(self, change: timedelta) -> None:
        if self._measured and abs(change) > JUMP and self._synchronised:
            for measured in self._measured.values():
                measured.aggregator.jump(self._clock.now())

    def _synchronise(self) -> None:
        """The clock is known for the first time: stamp what was gathered, and what an unmeasured clock had stamped, once."""
        if self._synchronised or not self._clock.measured:
            return
        shift = self._clock.applied
        if self._measured and abs(shift) > JUMP:
            self._close(self._clock.now() - shift)
            for measured in self._measured.values():
                self._say(_cut(measured.aggregator, self._clock.now()))
        self._synchronised = True
        if moved := self.backlog.restamp(shift):
            log.warning("%s: %d batches of readings were moved by %s, as the clock had not been compared", self.me.osb, moved, shift)
        if self.gathering:
            self._begin()

    def _moment(self) -> Moment:
        now_s = self._clock.monotonic()
        return Moment(self._clock.now(), now_s, timedelta(seconds=now_s - self._heard_s))

    # --- what is kept
    def _report(self, message: Outgoing) -> None:
        self.courier.report(message)

    def _save_open(self, *, whole: bool) -> bool:
        """Keep the open intervals; False if that can't be, or their times aren't known to be right."""
        self._save_open_s = self._clock.monotonic() + SAVE_OPEN_S
        if not self._synchronised or self.backlog.disk_full:
            return False
        now = self._clock.now()
        kept = {measured.channel.path: measured.aggregator.save(now) for measured in self._measured.values()}
        try:
            self._outbox.save(self.me.osb + OPEN, {"whole": whole, "intervals": kept})
        except sqlite3.OperationalError:
            return False  # said when the readings can't be written
        return True

    def _resume_open(self) -> None:
        """Go on with the intervals that were open when the box ended; a second end must not find them again."""
        saved = self._outbox.load(self.me.osb + OPEN) if self._synchronised else None
        if saved is None:
            return
        for measured in self._measured.values():
            if (interval := saved["intervals"].get(measured.channel.path)) is not None:
                measured.aggregator.resume(interval, whole=saved["whole"])
        self._say([one for measured in self._measured.values() for one in measured.aggregator.close(self._clock.now())])
        self._save_open(whole=False)

    def _alarm(self, device: str, reason: str, sentence: str) -> None:
        """Flag the open interval of what a device draws."""
        for (name, _), measured in self._measured.items():
            if name == device and measured.channel.point.of == "device" and measured.channel.point.kind == POWER:
                measured.aggregator.doubt(reason, sentence)

    def keep(self) -> None:
        """Write the state down if it has changed, and tell the broker what need not be kept there."""
        state = self.dispatcher.save()
        text = json.dumps(state)
        if text != self._saved:
            try:
                self._outbox.save(self.me.osb, state)
            except sqlite3.OperationalError as error:
                if not self._unwritten:
                    log.error("%s: the state can't be written (%s); it is kept in memory; make room on the disk", self.me.osb, error)
                self._unwritten = True
                return
            self._saved, self._unwritten = text, False
        for delivery in self._unsaved:
            delivery.confirm()
        self._unsaved = []


def _controls(
    inventory: Inventory, handles: Mapping[str, DeviceHandle], alarm: Callable[[str, str, str], None]
) -> list[tuple[str, Control]]:
    made = []
    for device in inventory.box.devices:
        command = steered(inventory.profiles[device.name])
        if command is None:
            continue
        band = Comfort(device.comfort.minimum, device.comfort.maximum, *comfort_source(device)) if device.comfort else None
        handle = handles[device.name]

        def flag(reason: str, sentence: str, name: str = device.name) -> None:
            alarm(name, reason, sentence)

        made.append((device.name, Control(device.name, command, device.ratings.get("ratedPower"), band, handle.write, handle.watch, flag)))
    return made


def _cut(aggregator: Aggregator, now: datetime) -> list[Reading]:
    """End the open interval early."""
    aggregator.jump(grid(now, aggregator.step))
    return aggregator.close(now)
