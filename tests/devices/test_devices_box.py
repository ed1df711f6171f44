"""The live box as a process, on a real broker: threads, connection, restart. Time runs 30 times as fast: a minute takes two seconds."""

import sys
import threading
import time
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from devices_box_child import FastTime, battery
from devices_memory import MemoryDevice, inventory
from devices_platform import FakePlatform, mosquitto
from patience import PATIENCE_S
from servers import Child, start

from devices import box_config
from devices.box import BoxProcess
from devices.messages import instant, parse_instant

MINUTE = timedelta(minutes=1)
SPEED = 30.0
BASE = "http://127.0.0.1:8080/id/"


@pytest.fixture
def fast() -> FastTime:
    return FastTime(SPEED, time.time() - 3600 / SPEED)


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[tuple[Child, int]]:
    child, port = mosquitto(tmp_path)
    yield child, port
    child.stop()


@pytest.fixture
def platform(broker, fast: FastTime) -> Iterator[FakePlatform]:
    made = FakePlatform(broker[1], clock=fast.wall)
    yield made
    made.close()


class Running:
    """A box on a thread of its own, which opened its files."""

    def __init__(self, found, environment) -> None:
        self.process: BoxProcess | None = None
        self.thread = threading.Thread(target=self._run, args=(found, environment))
        self.thread.start()

    def _run(self, found, environment) -> None:
        self.process = BoxProcess(found, environment)
        self.process.run()

    def stop(self) -> None:
        while self.process is None and self.thread.is_alive():
            time.sleep(0.01)
        assert self.process is not None
        self.process.stop()
        self.thread.join(PATIENCE_S)
        assert not self.thread.is_alive()


@pytest.fixture
def run() -> Iterator[Callable[..., Running]]:
    running: list[Running] = []

    def start_it(found, environment) -> Running:
        running.append(Running(found, environment))
        return running[-1]

    yield start_it
    for one in running:
        if one.thread.is_alive():
            one.stop()


class Heard:
    """What the platform has heard, by channel and minute, and how often."""

    def __init__(self, platform: FakePlatform) -> None:
        self.platform = platform
        self.values: dict[tuple[str, datetime], list[str]] = {}
        self.flags: list[dict] = []
        self.reports: list[str] = []
        self.verbs: list[str] = []

    def until(self, done: Callable[[], bool]) -> None:
        end = time.monotonic() + PATIENCE_S
        while not done():
            _, verb, _, said = self.platform.heard.get(timeout=max(end - time.monotonic(), 0.01))
            self.verbs.append(verb)
            self.reports += [said["status"]] if "status" in said else []
            for one in said.get("readings", ()):
                self.take(one)

    def take(self, one: dict) -> None:
        if one["@type"] == "QualityFlag":
            self.flags.append(one)
        elif one["@type"] == "Observation":
            self.values.setdefault((one["observes"], parse_instant(one["at"])), []).append(one["value"])
        else:
            for number, value in enumerate(one["values"]):
                at = parse_instant(one["start"]) + number * MINUTE
                self.values.setdefault((one["observes"], at), []).append(str(value))

    def minutes(self, channel: str) -> list[datetime]:
        """Those with a value. It may be doubted: a machine that is busy with something else leaves samples out, and the box says so."""
        return sorted(at for name, at in self.values if name == channel)

    def whole(self, channel: str) -> list[datetime]:
        doubted = {(one["observes"], parse_instant(one["at"])) for one in self.flags}
        return sorted(at for name, at in self.values if name == channel and (name, at) not in doubted)


POWER = "device/h01-battery#activePower"


def test_a_box_announces_measures_obeys_and_leaves_its_devices_at_rest(tmp_path, broker, platform, fast, run) -> None:
    device = MemoryDevice(lambda: {"activePower": "1.5"}, powerLimit=Decimal(5))
    heard = Heard(platform)
    box = run(inventory(tmp_path, battery(), port=broker[1]), fast.environment(device))
    heard.until(lambda: len(heard.whole(POWER)) >= 2)

    begin = fast.wall() + timedelta(seconds=30)
    platform.say(
        "flexcoop/osb/osb-h01/dispatch",
        {
            "instruction": BASE + "instruction/i1",
            "event": BASE + "event/e1",
            "device": BASE + "device/h01-battery",
            "start": instant(begin),
            "end": instant(begin + timedelta(hours=1)),
            "step": "PT15M",
            "notAfter": instant(begin + timedelta(hours=1)),
            "limit": [-2.0] * 4,
        },
    )
    heard.until(lambda: heard.reports == ["Accepted", "Started"])
    while device.held["powerLimit"] != Decimal("-2.0"):
        time.sleep(0.01)
    box.stop()

    assert device.closed
    assert heard.verbs[0] == "announce"
    assert set(value for values in heard.values.values() for value in values) == {"1.5"}
    assert device.log == [("powerLimit", Decimal("-2.0")), ("powerLimit", Decimal(5))]


def test_a_hanging_device_holds_up_no_other(tmp_path, broker, platform, fast, run) -> None:
    good, bad = MemoryDevice(lambda: {"activePower": "1.5"}), MemoryDevice(lambda: {"activePower": "0", "importedEnergy": "7"})
    bad.hanging.set()
    meter = box_config.Device("meter", "meter", {}, step=MINUTE)
    heard = Heard(platform)
    run(inventory(tmp_path, battery(), meter, port=broker[1]), fast.environment(good, bad))
    heard.until(lambda: len(heard.whole(POWER)) >= 2 and bool(heard.flags))
    minutes = heard.minutes(POWER)

    silent = [one for one in heard.flags if one["observes"] == "connection/h01#activePower"]
    assert {one["reason"] for one in silent} == {"fcv:DeviceUnreachable"}
    assert minutes == _every_minute(minutes)
    assert [name for name, _ in heard.values if name != POWER] == []
    bad.hanging.clear()
    bad.let_go.set()
    heard.until(lambda: bool(heard.whole("connection/h01#activePower")))  # and it comes back by itself


def test_kill_9_of_box_and_of_broker_loses_no_minute_of_a_life(tmp_path, broker, platform, fast) -> None:
    child_file = Path(__file__).with_name("devices_box_child.py")
    command = [sys.executable, child_file, tmp_path, broker[1], SPEED, fast.epoch]
    paths = {"PYTHONPATH": ":".join(sys.path)}
    heard = Heard(platform)
    first = start([str(part) for part in command], env=paths)
    heard.until(lambda: len(heard.whole(POWER)) >= 2)
    platform.acking = False
    seen = len(heard.values)
    heard.until(lambda: len(heard.values) >= seen + 2)  # sent, and not acknowledged
    first.kill()
    broker[0].kill()

    platform.acking = True
    again, _ = mosquitto(tmp_path, broker[1])
    killed = fast.wall()
    second = start([str(part) for part in command], env=paths)
    heard.until(lambda: len([at for at in heard.whole(POWER) if at > killed]) >= 2)
    second.stop()

    before = [at for at in heard.minutes(POWER) if at < killed]
    after = [at for at in heard.minutes(POWER) if at > killed]
    for life in (before, after):
        assert life == _every_minute(life)
    assert all(set(values) == {"1.5"} for values in heard.values.values())  # sent twice, but never twice different
    assert second.process.returncode == 0, second.output
    again.stop()


def _every_minute(life: list[datetime]) -> list[datetime]:
    """Those from its first to its last, without a gap."""
    return [life[0] + number * MINUTE for number in range((life[-1] - life[0]) // MINUTE + 1)]


def test_check_reads_every_device_once_without_a_broker(tmp_path, fast) -> None:
    from devices import box

    good = MemoryDevice(lambda: {"activePower": "1.5"}, powerLimit=Decimal(5))
    bad = MemoryDevice(lambda: {})
    bad.hanging.set()
    bad.let_go.set()
    meter = box_config.Device("meter", "meter", {})

    rows = box.check(inventory(tmp_path, battery(), meter), fast.environment(good, bad))

    assert box.table(rows) == [
        "device   point             value  unit        reason",
        "battery  activePower       1.5    unit:KiloW",
        "battery  powerLimit (set)  5      unit:KiloW",
        "meter                                         fcv:DeviceUnreachable: no answer",
    ]
    assert good.closed
    assert bad.closed
    assert good.log == []
    assert not (tmp_path / "box.sqlite").exists()
