"""The processes that `bench.kill` kills: `python -m bench._lives platform|box JOB.json`.

Both run on a clock that is `speed` times as fast as the wall's, so that the minutes of a channel are seconds of the benchmark. The box is
the product itself with two devices in memory: their power and their counter rise with the true time, so that a value says when it was
measured. What the box has taken over durably, and what the platform has acknowledged, it writes into a file that outlives it.
"""

import contextlib
import json
import signal
import sys
import threading
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from devices import box_config
from devices.aggregation import Reading
from devices.backlog import Batch
from devices.box import BoxProcess, Environment
from devices.config import Broker
from devices.inventory import Inventory
from mappers.kinds import iri
from mappers.points import Point, Profile, Register, Sample
from ontology.names import FCV

BASE = "http://127.0.0.1:8080"
MINUTE = timedelta(minutes=1)
POLL = timedelta(seconds=10)
PER_MINUTE = Decimal("0.001")  # kW and kWh by which the values rise


@dataclass(frozen=True)
class Job:
    """What a process of the benchmark is told: its folder, the broker, and the fast clock's begin [s since 1970] and speed."""

    folder: Path
    port: int
    epoch: float
    speed: float

    @classmethod
    def read(cls, file: Path) -> "Job":
        """Read the file that `write` has written."""
        found = json.loads(file.read_text(encoding="utf-8"))
        return cls(Path(found["folder"]), found["port"], found["epoch"], found["speed"])

    def write(self, file: Path) -> None:
        """Write it for a process."""
        given = {"folder": str(self.folder), "port": self.port, "epoch": self.epoch, "speed": self.speed}
        file.write_text(json.dumps(given), encoding="utf-8")

    def seconds(self) -> float:
        """The fast clock, which never goes back [s since its begin]."""
        return (time.time() - self.epoch) * self.speed

    def now(self) -> datetime:
        """The true time of the benchmark's world."""
        return self.at_begin() + timedelta(seconds=self.seconds())

    def at_begin(self) -> datetime:
        """When the fast clock began."""
        return datetime.fromtimestamp(self.epoch, UTC)

    @property
    def record(self) -> Path:
        """Where the box notes what it has taken over."""
        return self.folder / "record.jsonl"

    @property
    def wrong(self) -> Path:
        """Holds the seconds by which the box's system clock is wrong."""
        return self.folder / "wrong"

    @property
    def state(self) -> Path:
        """The box's file."""
        return self.folder / "box.sqlite"


def rising(job: Job, at: datetime) -> Decimal:
    """What the devices' values have risen to at a true time."""
    return Decimal((at - job.at_begin()) // timedelta(microseconds=1)) / 60_000_000 * PER_MINUTE


# --- the platform
def platform(job: Job) -> None:
    """Run the platform's services, without its pages and its forecasts, until it is killed; days are packed as they end."""
    import settings as settings_module  # here, as the box starts in a fraction of the time without all this
    from service import Platform

    chosen = settings_module.load(
        {
            "FLEX_BASE": BASE,
            "FLEX_DATA_DIR": str(job.folder / "platform"),
            "FLEX_BROKER": f"127.0.0.1:{job.port}",
            "FLEX_LOG_LEVEL": "ERROR",
        }
    )
    running = Platform(chosen, job.now)
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    running.connect()
    print("ready", flush=True)
    with contextlib.closing(running):
        while not stop.wait(1.0):
            running.advance(running.now(), planning=False)


# --- the box
def _point(name: str, kind: str, of: str, sign: str, unit: str) -> Point:
    return Point(name, of, str(getattr(FCV, kind)), iri(sign), iri(unit), iri(unit), Register("holding", 0, "int16"))


def _profile(name: str, device_class: str, points: Sequence[Point], **ratings: str) -> Profile:
    control = iri("fcv:PEBC") if ratings else None
    return Profile(name, name, iri(device_class), control, "bench", name, "modbus", tuple(points), (), ratings, (), Path(), {})


METER = _profile(
    "meter",
    "fc:SmartMeter",
    [
        _point("activePower", "ActivePower", "connection", "fcv:ImportPositive", "unit:KiloW"),
        _point("importedEnergy", "EnergyRegister", "connection", "fcv:ImportPositive", "unit:KiloW-HR"),
    ],
)
PV = _profile(
    "pv",
    "fc:PVSystem",
    [
        _point("activePower", "ActivePower", "device", "fcv:ProductionPositive", "unit:KiloW"),
        _point("producedEnergy", "EnergyRegister", "device", "fcv:ProductionPositive", "unit:KiloW-HR"),
    ],
    ratedPower=iri("unit:KiloW"),
)
CHANNELS = (
    "connection/h01#activePower",
    "connection/h01#importedEnergy",
    "device/h01-pv#activePower",
    "device/h01-pv#producedEnergy",
)


class Rising:
    """A device whose values rise with the true time."""

    def __init__(self, job: Job, profile: Profile) -> None:
        self._job, self._names = job, [point.name for point in profile.points]

    def read(self) -> dict[str, str]:
        """Say what it measures now."""
        value = f"{rising(self._job, self._job.now()):.6f}"
        return dict.fromkeys(self._names, value)

    def write(self, command: str, value: Decimal) -> None:
        """Take no set-point: it has none."""

    def restore(self, command: str) -> None:
        """Have nothing to restore."""

    def read_back(self, command: str) -> Decimal | None:
        """Hold nothing."""

    def close(self) -> None:
        """Have nothing to close."""


def lift(_: Profile, raw: Any) -> list[Sample]:  # noqa: ANN401 - what `Rising.read` gave
    """Make samples of what a device said."""
    return [Sample(name, value) for name, value in raw.items()]


def inventory(job: Job) -> Inventory:
    """The box's configuration."""
    devices = tuple(
        box_config.Device(name, name, {"device": name}, ratings=ratings, poll=POLL, step=MINUTE)
        for name, ratings in (("meter", {}), ("pv", {"ratedPower": Decimal(5)}))
    )
    limits = box_config.Limits(
        clock_patience=timedelta(days=3), platform_silence=timedelta(days=3), backlog_bytes_per_second=Decimal(200_000)
    )
    found = box_config.Box(
        base=BASE,
        osb="osb-h01",
        key="h01",
        state=job.state,
        broker=Broker(port=job.port),
        site="h01",
        connection="h01",
        zone="h01-living",
        devices=devices,
        limits=limits,
    )
    return Inventory(found, {"meter": METER, "pv": PV})


def environment(job: Job) -> Environment:
    """Clocks and devices of the box; its system clock is wrong by what the file says."""

    def wall() -> datetime:
        wrong = float(job.wrong.read_text()) if job.wrong.exists() else 0.0
        return job.now() + timedelta(seconds=wrong)

    def reach(profile: Profile, _: Mapping[str, object]) -> Rising:
        return Rising(job, profile)

    def wait(condition: threading.Condition, seconds: float) -> object:
        return condition.wait(seconds / job.speed)

    return Environment(wall, job.seconds, lambda: uuid.uuid4().hex, reach, lift, wait)


def box(job: Job) -> None:
    """Run the box until it is told to stop, or killed."""
    process = BoxProcess(inventory(job), environment(job))
    with job.record.open("a", encoding="utf-8") as record:

        def say(said: dict[str, Any]) -> None:
            record.write(json.dumps(said) + "\n")
            record.flush()

        _note(process, say)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: process.stop())
        print("ready", flush=True)
        process.run()


def _note(process: BoxProcess, say: Callable[[dict[str, Any]], None]) -> None:
    """Note each reading once it is in the outbox for good, and each message once it is acknowledged."""
    add, acknowledged = process.live.backlog.add, process.live.courier.acknowledged

    def add_and_note(readings: Sequence[Reading], *, synchronised: bool) -> Batch:
        batch = add(readings, synchronised=synchronised)
        if batch.seq >= 0:
            say({"readings": [[one.channel, one.start.isoformat(), one.value] for one in readings if one.value is not None]})
        return batch

    def acknowledge_and_note(body: Mapping[str, Any], arrived_s: float) -> bool:
        known = acknowledged(body, arrived_s)
        if known:
            say({"acknowledged": body["message"], "refused": len(body.get("refused") or ())})
        return known

    vars(process.live.backlog)["add"] = add_and_note
    vars(process.live.courier)["acknowledged"] = acknowledge_and_note


if __name__ == "__main__":
    {"platform": platform, "box": box}[sys.argv[1]](Job.read(Path(sys.argv[2])))
