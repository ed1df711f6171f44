"""A device in memory, a time that passes when told to, and a platform on the other side of a recording gateway."""

import gzip
import json
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import count
from pathlib import Path

from devices import box_config
from devices.config import Broker
from devices.errors import DeviceReadError
from devices.inventory import Inventory
from devices.messages import parse_instant
from mappers import jsonld
from mappers.kinds import iri
from mappers.points import Command, Point, Profile, Register, Sample
from ontology.names import FCV


class FakeTime:
    """True time, a system clock that is wrong by something, and a monotonic clock that drifts against the true one."""

    def __init__(self, true: datetime, wrong: timedelta = timedelta(0), drift: float = 0.0) -> None:
        self.true, self._wrong, self._drift, self._monotonic = true, wrong, drift, 1000.0

    def wall(self) -> datetime:
        return self.true + self._wrong

    def monotonic(self) -> float:
        return self._monotonic

    def pass_(self, seconds: float) -> None:
        self.true += timedelta(seconds=seconds)
        self._monotonic += seconds * (1 + self._drift)

    def set_wall(self, change: timedelta) -> None:
        self._wrong += change


def point(name: str, kind: str, unit: str = "unit:KiloW", of: str = "device", sign: str = "fcv:ConsumptionPositive") -> Point:
    register = Register("holding", 0, "int16")
    return Point(name, of, str(getattr(FCV, kind)), iri(sign), iri(unit), iri(unit), register)


def command(name: str, unit: str = "unit:KiloW", least: int = -5, most: int = 5, restore: int = 5) -> Command:
    return Command(name, iri(unit), Register("holding", 9, "int16"), Decimal(least), Decimal(most), Decimal(restore))


POWER = point("activePower", "ActivePower")
METER = (
    point("activePower", "ActivePower", of="connection", sign="fcv:ImportPositive"),
    point("importedEnergy", "EnergyRegister", "unit:KiloW-HR", of="connection", sign="fcv:ImportPositive"),
)


def profile(name: str, device_class: str, points: tuple[Point, ...], *commands: Command) -> Profile:
    rated = {"ratedPower": iri("unit:KiloW")} if commands else {}
    return Profile(
        id=name,
        label=name,
        device_class=iri(device_class),
        control_type=iri("fcv:PEBC") if commands else None,
        manufacturer="Test",
        model=name,
        transport="modbus",
        points=points,
        commands=commands,
        ratings=rated,
        identity=(),
        folder=Path(),
        topics={},
    )


PROFILES = {
    "battery": profile("battery", "fc:BatterySystem", (POWER,), command("powerLimit")),
    "meter": profile("meter", "fc:SmartMeter", METER),
    "heatpump": profile(
        "heatpump",
        "fc:HeatPump",
        (POWER, point("airTemperature", "AirTemperature", "unit:DEG_C", "zone", "fcv:Signed")),
        command("sgReady", "unit:UNITLESS", 1, 4, 2),
    ),
    "plug": profile("plug", "fc:SmartPlug", (POWER,), command("switch", "unit:UNITLESS", 0, 1, 1)),
}


def inventory(folder: Path, *devices: box_config.Device, port: int = 1883, **limits: object) -> Inventory:
    box = box_config.Box(
        base="http://127.0.0.1:8080",
        osb="osb-h01",
        key="h01",
        state=folder / "box.sqlite",
        broker=Broker(port=port),
        site="h01",
        connection="h01",
        zone="h01-living",
        devices=devices,
        limits=box_config.Limits(**limits),  # type: ignore[arg-type]
    )
    return Inventory(box, {device.name: PROFILES[device.profile] for device in devices})


def lift(_: Profile, raw: dict[str, str]) -> list[Sample]:
    return [Sample(name, value) for name, value in raw.items()]


class MemoryDevice:
    """Holds what its commands are told; says what `says` returns, or hangs until `let_go`."""

    def __init__(self, says: Callable[[], dict[str, str]], **held: Decimal) -> None:
        self.says, self.held, self.log = says, dict(held), []
        self.hanging = threading.Event()
        self.let_go = threading.Event()
        self.reads, self.closed = 0, False

    def read(self) -> dict[str, str]:
        if self.hanging.is_set():
            self.let_go.wait()
            raise DeviceReadError(str(FCV.DeviceUnreachable), "no answer")
        self.reads += 1
        return self.says()

    def write(self, name: str, value: Decimal) -> None:
        self.log.append((name, value))
        self.held[name] = value

    def restore(self, name: str) -> None:
        self.write(name, Decimal(5))

    def read_back(self, name: str) -> Decimal | None:
        return self.held.get(name)

    def close(self) -> None:
        self.closed = True


@dataclass
class Platform:
    """Acknowledges what a recording gateway was given, with its own true times, when asked to."""

    time: FakeTime
    base: str = "http://127.0.0.1:8080/id/"
    connected: bool = False
    sent: list[tuple[float, str, bytes]] = field(default_factory=list)
    answered: int = 0
    knows_time: bool = True

    def publish(self, topic: str, payload: bytes) -> None:
        self.sent.append((self.time.monotonic(), topic, payload))

    def answers(self) -> list[dict]:
        """Acknowledgements of what came since the last time."""
        fresh, self.answered = self.sent[self.answered :], len(self.sent)
        times = {"received": self.time.true.isoformat(), "sent": self.time.true.isoformat()} if self.knows_time else {}
        return [{"message": message_id(payload), "accepted": 1, "refused": []} | times for _, _, payload in fresh]

    def bodies(self, verb: str) -> list[dict]:
        return [body(payload) for _, topic, payload in self.sent if topic.endswith("/" + verb)]

    def slots(self) -> dict[tuple[str, datetime], str]:
        """What was received, by channel and begin of interval."""
        found: dict[tuple[str, datetime], str] = {}
        for _, topic, payload in self.sent:
            if topic.endswith("/telemetry"):
                for one in jsonld.lift(unzipped(payload)).series:
                    step = one.step or timedelta(0)
                    for number, value in enumerate(one.values):
                        if value is not None:
                            found[one.channel.removeprefix(self.base), one.start + number * step] = value
        return found

    def flags(self) -> list[tuple[str, str, datetime, datetime, str]]:
        """Flags received: channel, reason, begin, end, comment."""
        return [
            (one["observes"], one["reason"], parse_instant(one["at"]), parse_instant(one["until"]), one["comment"])
            for message in self.bodies("telemetry")
            for one in message["readings"]
            if one["@type"] == "QualityFlag"
        ]


def unzipped(payload: bytes) -> bytes:
    return gzip.decompress(payload) if payload[:2] == b"\x1f\x8b" else payload


def body(payload: bytes) -> dict:
    return json.loads(unzipped(payload))


def message_id(payload: bytes) -> str:
    said = body(payload)
    return said.get("message") or said.get("@id") or said["@graph"][0]["@id"]


def minting() -> Callable[[], str]:
    numbers = count(1)
    return lambda: f"n{next(numbers)}"
