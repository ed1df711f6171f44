"""By how many kW all devices together can go down or up in the next quarter-hour, by class and by grid node, as last computed."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import orjson

from api import kept
from api.services import services
from forecasting.series import flexibility_iri
from kg import queries
from ontology.names import FC, FCV

STEP = timedelta(minutes=15)
TYPES = tuple(str(kind) for kind in (FC.BatterySystem, FC.EVCharger, FC.HeatPump, FC.PVSystem))
_ROLES = {str(FCV.BaselinePower): "baseline", str(FCV.LoadReduction): "down", str(FCV.LoadIncrease): "up"}
_ONLY_OFF = frozenset(TYPES[1:3])  # what can give back only what it takes: a car's charger, a heat pump
_PV = TYPES[3]
_ASKED = 12  # devices that are asked when it was computed last
_AT_ONCE = 500


@dataclass
class Range:
    """A sum over devices [kW]: what was computed, and the same if all of them take as little or as much as in one of ten cases."""

    kw: float = 0.0
    low: float = 0.0
    high: float = 0.0

    def add(self, kw: float, low: float, high: float) -> None:
        """Add a device."""
        self.kw, self.low, self.high = self.kw + kw, self.low + low, self.high + high


@dataclass
class Group:
    """Devices of one class or behind one node: how many were computed, how many there are, and by how much they can go down and up."""

    name: str
    there: int = 0
    computed: int = 0
    down: Range = field(default_factory=Range)
    up: Range = field(default_factory=Range)


@dataclass(frozen=True)
class Flexible:
    """What is known for one quarter-hour; `issued` is `None` where nothing was computed for it."""

    slot: datetime
    issued: datetime | None
    total: Group
    by_type: tuple[Group, ...]
    by_node: tuple[Group, ...]


def next_slot(now: datetime) -> datetime:
    """The first quarter-hour that can still be changed."""
    return now + (datetime.min.replace(tzinfo=UTC) - now) % STEP


_kept: dict[tuple[int, datetime, datetime | None, int], Flexible] = {}


def flexible(now: datetime) -> Flexible:
    """Sum up what was computed last for the next quarter-hour; the sums of a run are kept, as nothing of it changes."""
    known, slot = services(), next_slot(now)
    devices = kept.rows("flexible_devices", type=TYPES)
    issued = _issued(devices, now, slot)
    key = (id(known.store), slot, issued, hash(tuple(row["der"] for row in devices)))
    if key not in _kept:
        _kept.clear()
        _kept[key] = _sum(devices, issued, slot)
    return _kept[key]


def _issued(devices: Sequence[Mapping[str, Any]], now: datetime, slot: datetime) -> datetime | None:
    """When flexibility was computed last that covers the slot: all devices are computed at once, so some of them tell."""
    some = [str(row["der"]) for row in devices[:: max(len(devices) // _ASKED, 1)]][: _ASKED + 1]
    if not some:
        return None
    rows = queries.rows(services().store, queries.load("api", "flexibility_since"), der=some, at=now, start=slot)
    covering = [row["issued"] for row in rows if slot < row["begins"] + row["step"] * len(orjson.loads(row["values"]))]
    return max(covering, default=None)


def _sum(devices: Sequence[Mapping[str, Any]], issued: datetime | None, slot: datetime) -> Flexible:
    known, total = services(), Group("")
    types: dict[str, Group] = {}
    nodes: dict[str, Group] = {}
    found = _series({flexibility_iri(known.iris, str(row["der"]), issued): str(row["der"]) for row in devices} if issued else {}, slot)
    bands = _bands([str(row["der"]) for row in devices if str(row["der"]) in found], issued, slot)
    for row in devices:
        der, kind = str(row["der"]), str(row["type"])
        groups = (
            total,
            types.setdefault(kind, Group(kind)),
            nodes.setdefault(str(row.get("node", "")), Group(str(row.get("node", "")))),
        )
        down, up = _ranges(kind, found.get(der), bands.get(der))
        for group in groups:
            group.there += 1
            if der in found:
                group.computed += 1
                group.down.add(*down)
                group.up.add(*up)
    return Flexible(slot, issued, total, tuple(types[key] for key in sorted(types)), tuple(nodes[key] for key in sorted(nodes)))


_Three = tuple[float, float, float]


def _ranges(kind: str, part: Mapping[str, float] | None, band: tuple[float, float] | None) -> tuple[_Three, _Three]:
    """By how much one device can go down and up: computed, at least, at most.

    What only can be switched off gives less where it takes less than expected; what produces can be held back by what it produces. A
    battery's part follows from what is stored, which was taken on its careful side already.
    """
    if part is None:
        return (0.0,) * 3, (0.0,) * 3
    down, up, expected = part.get("down", 0.0), part.get("up", 0.0), part.get("baseline", 0.0)
    low, high = band or (expected, expected)
    less, more = max(expected - low, 0.0), max(high - expected, 0.0)
    if kind in _ONLY_OFF:
        return (down, max(down - less, 0.0), down + more), (up, max(up - more, 0.0), up + less)
    if kind == _PV:
        return (down, down, down), (up, max(up - less, 0.0), up + more)
    return (down, down, down), (up, up, up)


def _series(named: Mapping[str, str], slot: datetime) -> dict[str, dict[str, float]]:
    """By device: expected power, and by how much it can go down and up in the slot [kW]."""
    found: dict[str, dict[str, float]] = {}
    for part in _parts(list(named)):
        for row in queries.rows(services().store, queries.load("api", "flexibility_part"), flexibility=part):
            value = _at(row, slot)
            if value is not None and row["role"] in _ROLES:
                found.setdefault(named[row["flexibility"]], {})[_ROLES[row["role"]]] = value
    return found


def _bands(devices: Iterable[str], issued: datetime | None, slot: datetime) -> dict[str, tuple[float, float]]:
    """By device: the 10 % and the 90 % quantile of its power in the slot [kW], of the forecast that the computation rests on."""
    if issued is None:
        return {}
    named = {services().iris.forecast(f"{der}#activePower", issued): der for der in devices}
    found: dict[str, dict[float, float]] = {}
    for part in _parts(list(named)):
        for row in queries.rows(services().store, queries.load("api", "forecast_band"), forecast=part):
            if (value := _at(row, slot)) is not None:
                found.setdefault(named[row["forecast"]], {})[float(row["quantile"])] = value
    return {der: (min(levels.values()), max(levels.values())) for der, levels in found.items() if len(levels) > 1}


def _at(row: Mapping[str, Any], slot: datetime) -> float | None:
    values = orjson.loads(row["values"])
    place = (slot - row["begins"]) // STEP
    if not 0 <= place < len(values) or values[place] is None or not np.isfinite(values[place]):
        return None
    return float(values[place])


def _parts(iris: Sequence[str]) -> Iterable[list[str]]:
    return (list(iris[at : at + _AT_ONCE]) for at in range(0, len(iris), _AT_ONCE))
