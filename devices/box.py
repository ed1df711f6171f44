"""A live box as a process: `flex osb --config box.toml`. Assembles configuration, profiles, device threads, MQTT and the box, and runs them."""

import fcntl
import logging
import os
import sqlite3
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from queue import Empty, SimpleQueue

from devices import box_config, enrol
from devices.aggregation import plain
from devices.box_config import Box
from devices.clock import Clock
from devices.errors import ConfigError, DeviceError, DeviceReadError, EnrolmentError
from devices.inventory import Inventory
from devices.live import LiveBox
from devices.mqtt import Delivery, MqttLoop
from devices.outbox import Outbox
from devices.polling import DeviceThread, Lift, Polled, Wait, Written
from devices.transports import Device, lift, open_device
from mappers.errors import MappingError
from mappers.kinds import short
from mappers.points import Profile
from mappers.profile import registry

log = logging.getLogger(__name__)

TURN_S = 0.5
CHORES_S = 1.0
RENEW_EVERY_S = 3600.0
LARGEST_ANNOUNCEMENT = 110_000  # bytes; it isn't parted, and the broker cuts the connection somewhere above
Open = Callable[[Profile, Mapping[str, object]], Device]


@dataclass(frozen=True)
class Environment:
    """What a box gets from outside: the clocks, ids that nobody has used, how devices are reached and read, and how their threads wait."""

    wall: Callable[[], datetime]
    monotonic: Callable[[], float]
    mint: Callable[[], str]
    open: Open = open_device
    lift: Lift = lift
    wait: Wait = threading.Condition.wait


def inventory(path: Path) -> Inventory:
    """Read a configuration with the profiles that it names.

    Raises
    ------
    ConfigError
        If it doesn't fit, or a profile is broken.
    """
    box = box_config.load(path)
    try:
        profiles = registry(box.profiles)
    except (MappingError, OSError) as error:
        raise ConfigError(f"the profiles in {box.profiles} can't be read: {error}") from error
    found = Inventory(box, box_config.fitted(box, profiles))
    channels = found.channels()  # refuses what is measured twice
    if (size := len(found.announcement("0" * 32).payload)) > LARGEST_ANNOUNCEMENT:
        raise ConfigError(
            f"{path}: {len(box.devices)} devices with {len(channels)} channels make an announcement of {size} bytes, and the broker takes "
            f"{LARGEST_ANNOUNCEMENT}; share them among several boxes"
        )
    return found


class BoxProcess:
    """One live box with its threads and its connection; `run` works until `stop`."""

    def __init__(self, found: Inventory, environment: Environment) -> None:
        self._box, self._environment = found.box, environment
        self._clock = Clock(environment.wall, environment.monotonic)
        self._found: SimpleQueue[Polled | Written] = SimpleQueue()
        self._stopping = threading.Event()
        self._next_chores, self._next_renewal, self._next_look = 0.0, 0.0, 0.0
        self._lock = _locked(found.box.state)
        try:
            self._outbox, lost = _opened(found.box.state)
        except ConfigError:
            os.close(self._lock)
            raise
        opened = {device.name: environment.open(found.profiles[device.name], device.address) for device in found.box.devices}
        self._loop = MqttLoop(found.box.broker)
        self._threads = {
            device.name: DeviceThread(
                device.name,
                found.profiles[device.name],
                opened[device.name],
                environment.lift,
                device.poll,
                self._clock,
                self._report,
                environment.wait,
            )
            for device in found.box.devices
        }
        me = found.me
        self._gateway = self._loop.gateway(me.osb, tuple(me.topic(verb) for verb in ("dispatch", "comfort", "ack", "certificate")))
        self.live = LiveBox(found, self._threads, self._gateway, self._outbox, self._clock, environment.mint)
        self._me = me
        if lost:
            self.live.dispatcher.suspect()

    def run(self) -> None:
        """Work until `stop`; then bring every device to rest, and leave what wasn't acknowledged for the next time."""
        for thread in self._threads.values():
            thread.start()
        try:
            while not self._stopping.is_set():
                self.work(TURN_S)
            self._rest()
        finally:
            self._loop.close()
            self._outbox.close()
            os.close(self._lock)

    def stop(self) -> None:
        """End `run`; may be called from a signal handler or another thread."""
        self._stopping.set()
        self._loop.wake()

    def work(self, timeout_s: float) -> None:
        """Wait for devices, platform or time, and react."""
        self._loop.poll(timeout_s)
        self._take_found()
        if deliveries := self._gateway.take():
            certificates = [one for one in deliveries if one.topic == self._me.topic("certificate")]
            for one in certificates:
                self._renewed(one)
            self.live.receive([one for one in deliveries if one not in certificates])
        if self._gateway.just_connected:
            self._gateway.just_connected = False
            self.live.connected()
        if self._clock.monotonic() >= self._next_chores:
            self._next_chores = self._clock.monotonic() + CHORES_S
            self.live.work()
            self._say_if_expired()
            self._renew()

    def _report(self, found: Polled | Written) -> None:
        self._found.put(found)
        self._loop.wake()

    def _take_found(self) -> None:
        while True:
            try:
                found = self._found.get_nowait()
            except Empty:
                return
            try:
                self.live.take(found)
            except Exception:  # one device must not end the box
                log.exception("%s: what the device said can't be taken in; dropped", found.device)

    def _rest(self) -> None:
        self._take_found()
        self.live.release()
        for thread in self._threads.values():
            thread.stop()
        until = self._clock.monotonic() + self._box.limits.stop_patience.total_seconds()
        for thread in self._threads.values():
            if not thread.join(until - self._clock.monotonic()):
                log.error(
                    "%s: the device doesn't answer, and may still hold a set-point; it is told when the box starts again", thread.name
                )
        self._take_found()  # what became of the last writes
        self.live.keep()

    # --- the certificate
    def _renew(self) -> None:
        certificate, now_s = self._box.broker.certificate, self._clock.monotonic()
        if certificate is None or self._box.broker.key is None or now_s < self._next_renewal or not self._gateway.connected:
            return
        self._next_renewal = now_s + RENEW_EVERY_S
        try:
            if enrol.renewal_due(certificate, self._clock.now()):
                request = enrol.request(enrol.private_key(self._box.broker.key), self._me.osb)
                self._gateway.publish(self._me.topic("renew"), request.encode())
        except (EnrolmentError, OSError) as error:
            log.error("%s: the certificate can't be renewed: %s", self._me.osb, error)

    def _say_if_expired(self) -> None:
        certificate, now_s = self._box.broker.certificate, self._clock.monotonic()
        if certificate is None or now_s < self._next_look or self._gateway.connected:
            return
        self._next_look = now_s + RENEW_EVERY_S
        if (ended := enrol.expired(certificate, self._clock.now())) is not None:
            log.error(
                "%s: the certificate ended at %s, and by this box's clock it is %s: if that is right, the broker lets it in no more; "
                "get a new one with --enrol and a new claim code; readings are kept meanwhile",
                self._me.osb,
                ended,
                self._clock.now(),
            )

    def _renewed(self, delivery: Delivery) -> None:
        certificate, key = self._box.broker.certificate, self._box.broker.key
        try:
            if certificate is not None and key is not None:
                answer = delivery.payload.decode("utf-8", "replace")
                if enrol.renew(certificate, enrol.private_key(key), self._me.osb, answer):
                    log.warning("%s: the certificate is renewed; the next connection uses it", self._me.osb)
        except (ValueError, OSError) as error:  # an EnrolmentError is a ValueError; a letter beyond ASCII is another
            log.error("%s: the certificate is not renewed, the old one counts until its end: %s", self._me.osb, error)
        delivery.confirm()


def _locked(state: Path) -> int:
    """Keep any other box off a state file, until the process ends or the handle is closed."""
    try:
        state.parent.mkdir(parents=True, exist_ok=True)
        lock = os.open(state.with_name(state.name + ".lock"), os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise ConfigError(
            f"the state file {state} can't be written ({error}); name a folder of this box's own, on a disk that works"
        ) from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(lock)
        raise ConfigError(f"another box is working with {state}; end that one first, or give each a state file of its own") from error
    return lock


def _opened(state: Path) -> tuple[Outbox, bool]:
    """The outbox in a file, and whether it had to be begun anew because the file was broken; that one is set aside."""
    try:
        outbox = Outbox(state)
        if (fault := outbox.fault()) is None:
            return outbox, False
        outbox.close()
    except sqlite3.OperationalError as error:
        raise ConfigError(f"the state file {state} can't be opened ({error}); check the disk and who may write there") from error
    except sqlite3.DatabaseError as error:
        fault = str(error)
    aside = state.with_name(state.name + ".broken")
    state.replace(aside)
    for tail in ("-wal", "-shm"):
        state.with_name(state.name + tail).unlink(missing_ok=True)
    log.error(
        "the state file %s is broken (%s) and was set aside as %s: readings that waited in it are lost to the platform, and devices that may "
        "have been left with a limit are brought to rest; check the card",
        state,
        fault,
        aside,
    )
    return Outbox(state), True


def check(found: Inventory, environment: Environment) -> list[dict[str, str]]:
    """Read each device once; one row a point (device, point, value, unit), with the reason where there is no value."""
    rows = []
    for device in found.box.devices:
        profile = found.profiles[device.name]
        with _closing(environment.open(profile, device.address)) as opened:
            rows += list(_rows(device.name, profile, opened, environment.lift))
    return rows


def table(rows: list[dict[str, str]]) -> list[str]:
    """The rows of `check` as lines, in columns."""
    columns = ("device", "point", "value", "unit", "reason")
    lines = [dict(zip(columns, columns, strict=True)), *rows]
    widths = {name: max(len(line[name]) for line in lines) for name in columns}
    return ["  ".join(line[name].ljust(widths[name]) for name in columns).rstrip() for line in lines]


def request_certificate(box: Box, code: str) -> dict[str, str]:
    """Enrol a box with its claim code; says where the files are and what the configuration must name as broker."""
    broker = enrol.enrol(box.base, box.osb, code, box.broker)
    said = {"certificate": str(broker.certificate), "key": str(broker.key), "ca": str(broker.ca)}
    if (broker.host, broker.port) != (box.broker.host, box.broker.port):
        said["remedy"] = f'the platform\'s broker is another; write host = "{broker.host}" and port = {broker.port} into [broker]'
    return said


def _rows(name: str, profile: Profile, device: Device, lifted: Lift) -> Iterator[dict[str, str]]:
    empty = {"device": name, "point": "", "value": "", "unit": "", "reason": ""}
    units = {point.name: short(point.unit) for point in profile.points}
    try:
        for sample in lifted(profile, device.read()):
            why = f"{short(sample.reason)}: {sample.comment}" if sample.reason else ""
            value = "" if sample.value is None else sample.value
            yield empty | {"point": sample.point, "value": value, "unit": units.get(sample.point, ""), "reason": why}
        for command in profile.commands:
            held = device.read_back(command.name)
            value = "" if held is None else plain(Decimal(held))
            yield empty | {"point": f"{command.name} (set)", "value": value, "unit": short(command.unit)}
    except DeviceReadError as error:
        yield empty | {"reason": f"{short(error.reason)}: {error.sentence}"}
    except (DeviceError, MappingError) as error:
        yield empty | {"reason": str(error)}


@contextmanager
def _closing(device: Device) -> Iterator[Device]:
    try:
        yield device
    finally:
        device.close()
