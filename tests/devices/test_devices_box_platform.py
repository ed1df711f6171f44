"""From simulated devices on real wires through the box and a real broker into the platform's store; and the command that runs it."""

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from devices_box_child import FastTime
from devices_platform import FakePlatform, mosquitto
from patience import PATIENCE_S, wait_for
from servers import ROOT, start
from test_devices_box import Running, run

from devices import box
from devices.box import Environment
from devices.messages import instant
from devices.simulators.wire import WireDevice
from kg.embedded import EmbeddedStore
from kg.iris import Iris
from kg.terms import describe, iri
from mappers.profile import load
from ontology.names import FC
from telemetry import Channels, DeadLetters, Readings, ReadingWriter
from telemetry.ingest import Ingest

PROFILES = ROOT / "devices" / "profiles"
BASE = "http://127.0.0.1:8080"
MINUTE = timedelta(minutes=1)
SPEED = 60.0
__all__ = ["run"]


@pytest.fixture
def meter() -> Iterator[WireDevice]:
    with WireDevice(load(PROFILES / "eastron_sdm630")) as made:
        yield made


@pytest.fixture
def battery() -> Iterator[WireDevice]:
    with WireDevice(load(PROFILES / "sunspec_battery"), rated_kw=Decimal(5)) as made:
        yield made


def toml(address: dict[str, object]) -> str:
    return "{ " + ", ".join(f"{key} = {json.dumps(value)}" for key, value in address.items()) + " }"


def configuration(folder: Path, port: int, meter: WireDevice, battery: WireDevice) -> Path:
    path = folder / "box.toml"
    path.write_text(
        f"""
base = "{BASE}"
osb = "osb-h01"
key = "h01"
site = "h01"
connection = "h01"
state = "box.sqlite"
[broker]
port = {port}
[[devices]]
name = "meter"
profile = "eastron_sdm630"
address = {toml(meter.address)}
step = "PT1M"
[[devices]]
name = "battery"
profile = "sunspec_battery"
address = {toml(battery.address)}
step = "PT1M"
ratings = {{ ratedPower = 5, storageCapacity = 10, roundTripEfficiency = 0.9, minimumStateOfCharge = 10 }}
"""
    )
    return path


class Platform:
    """The platform's own ingest on its own store, with one claimed box."""

    def __init__(self, port: int, folder: Path, clock: FastTime) -> None:
        iris = Iris(BASE)
        self.store = EmbeddedStore()
        self.store.apply(
            insert=describe(iris.graph("member", "h01", "facts"), iris.id("osb", "h01"), {FC.claimedBy: iri(iris.id("member", "h01"))})
        )
        self.channels = Channels(self.store, iris)
        self.readings = Readings(self.store, iris, self.channels)
        self.letters = DeadLetters(folder / "dead.sqlite")
        self.reports: list[dict] = []
        self.ingest = Ingest(
            "127.0.0.1",
            port,
            iris,
            self.store,
            ReadingWriter(self.store, iris, self.channels),
            self.letters,
            channels=self.channels,
            clock=clock.wall,
            on_report=lambda _, report: self.reports.append(report),
        )
        self.ingest.start()

    def close(self) -> None:
        self.ingest.stop()
        self.letters.close()
        self.store.close()


@pytest.fixture
def clock() -> FastTime:
    return FastTime(SPEED, time.time() - 86400 * 40 / SPEED)


def test_devices_on_wires_end_in_the_store_though_the_clock_is_a_day_wrong(tmp_path, meter, battery, clock, run) -> None:
    child, port = mosquitto(tmp_path)
    platform = Platform(port, tmp_path, clock)
    fast = clock.environment()
    environment = Environment(lambda: clock.wall() - timedelta(days=1), clock.monotonic, fast.mint, wait=fast.wait)
    begun = clock.wall()
    found = box.inventory(configuration(tmp_path, port, meter, battery))
    running: Running = run(found, environment)
    power, counter = f"{BASE}/id/connection/h01#activePower", f"{BASE}/id/connection/h01#importedEnergy"
    steered = f"{BASE}/id/device/h01-battery#activePower"

    def stored(channel: str) -> int:
        if platform.channels.get(channel) is None:
            return 0
        frame = platform.readings.frame([channel], begun - timedelta(days=3), begun + timedelta(days=3))
        assert frame.dropna().empty or frame.dropna().index[0] >= begun - 2 * MINUTE  # a day too early is where a wrong clock would put it
        return int(frame[channel].count())

    wait_for(lambda: all(stored(channel) >= 3 for channel in (power, counter, steered)), "three minutes of readings")
    begin = clock.wall() + timedelta(seconds=30)
    platform.ingest.dispatch(
        "osb-h01",
        {
            "instruction": f"{BASE}/id/instruction/i1",
            "event": f"{BASE}/id/event/e1",
            "device": f"{BASE}/id/device/h01-battery",
            "start": instant(begin),
            "end": instant(begin + timedelta(hours=2)),
            "step": "PT15M",
            "notAfter": instant(begin + timedelta(hours=2)),
            "limit": [0.0] * 8,
        },
    )
    wait_for(lambda: [report["status"] for report in platform.reports] == ["Accepted", "Started"], "the instruction")
    running.stop()

    assert platform.ingest.metrics()["refused"] == 0
    platform.close()
    child.stop()


def flex(*arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "app.py", *map(str, arguments)], capture_output=True, text=True, cwd=ROOT, check=False, timeout=PATIENCE_S
    )


def test_check_shows_an_installer_what_each_device_says(tmp_path, meter, battery) -> None:
    path = configuration(tmp_path, 1883, meter, battery)

    seen = flex("osb", "--config", path, "--check", "--json")
    battery.close()
    missing = flex("osb", "--config", path, "--check")

    rows = json.loads(seen.stdout)["rows"]
    assert seen.returncode == 0, seen.stdout + seen.stderr
    assert {row["device"] for row in rows} == {"meter", "battery"}
    (frequency,) = [row for row in rows if (row["device"], row["point"]) == ("meter", "frequency")]
    assert 45 <= float(frequency["value"]) <= 65
    assert frequency["unit"] == "unit:HZ"
    assert missing.returncode == 1
    assert "fcv:DeviceUnreachable" in missing.stdout
    assert "frequency" in missing.stdout


def test_the_command_runs_until_it_is_told_to_stop(tmp_path, meter, battery) -> None:
    broker, port = mosquitto(tmp_path)
    platform = FakePlatform(port)
    child = start([sys.executable, "app.py", "osb", "--config", configuration(tmp_path, port, meter, battery)])
    ((osb, verb, _, _),) = platform.hear(1)
    assert (osb, verb) == ("osb-h01", "announce")
    child.stop()
    platform.close()

    assert child.process.returncode == 0, child.output
    assert "Traceback" not in child.output
    broker.stop()


def test_a_configuration_that_does_not_fit_is_a_sentence_and_exit_code_1(tmp_path) -> None:
    path = tmp_path / "box.toml"
    path.write_text('base = "http://x"')

    refused = flex("osb", "--config", path)

    assert refused.returncode == 1
    assert refused.stderr.startswith(f"flex: {path}: ")
    assert "osb is missing" in refused.stderr
