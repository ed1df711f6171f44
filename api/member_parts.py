"""A member's part in demand-response events, as records: why, when, what the devices are told, what came of it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import orjson

from api import look_up
from api.guard import scope
from api.member_devices import Device, devices
from api.member_page import names
from api.services import services
from kg import queries
from ontology.names import FCV, S4ENER

SCHEDULED, STANDBY, ACTIVE, LEFT, DONE, CANCELLED = (
    str(FCV[f"Event{name}"]) for name in ("Scheduled", "Standby", "Active", "OptedOut", "Completed", "Cancelled")
)
OPEN = frozenset({SCHEDULED, STANDBY, ACTIVE})
_LIMIT, _REDUCTION = str(FCV.PowerLimit), str(FCV.LoadReduction)
_PAUSED = str(FCV.CampaignPaused)
_NEVER_DONE = frozenset({str(S4ENER.Rejected)})
Row = Mapping[str, Any]


@dataclass(frozen=True)
class Action:
    """What one device is told: how much it may take at most in the steps of `[start, end)`.

    Attributes
    ----------
    least, most : smallest and largest of those limits [kW] in the sign of the device's own channel; negative: it gives at least so much
    """

    device: str
    kind: str
    label: str
    start: datetime
    end: datetime
    least: float
    most: float
    status: str


@dataclass(frozen=True)
class Part:
    """One event of one home.

    Attributes
    ----------
    status, role, direction, reason : IRIs; `reason` is why the home left
    requester : who asked, in the reader's language
    price : EUR/kWh by the contract
    asked_kwh : what the home was asked to take less [kWh], by its instructions; `None` where it has none yet
    delivered_kwh, amount : as settled; `None` before
    paused : whether the whole campaign rests, so that nothing is asked of anybody right now
    left_at : when the home left
    """

    iri: str
    key: str
    campaign: str
    status: str
    role: str
    start: datetime
    end: datetime
    activated: datetime | None
    released: datetime | None
    notified: datetime | None
    direction: str | None
    requester: str
    price: Decimal | None
    asked_kwh: float | None
    actions: tuple[Action, ...]
    paused: bool
    left_at: datetime | None
    reason: str | None
    delivered_kwh: Decimal | None
    amount: Decimal | None

    @property
    def open(self) -> bool:
        """Whether the home can still leave it."""
        return self.status in OPEN

    @property
    def standby(self) -> bool:
        """Whether the home only waits in case that another drops out."""
        return self.status == STANDBY

    @property
    def running(self) -> bool:
        """Whether the home takes part right now."""
        return self.status == ACTIVE

    @property
    def left(self) -> bool:
        """Whether the home left it."""
        return self.status == LEFT

    @property
    def expected_eur(self) -> float | None:
        """What it brings if all that was asked for is delivered [EUR]."""
        return None if self.price is None or self.asked_kwh is None else float(self.price) * self.asked_kwh


def rows(key: str) -> list[dict[str, Any]]:
    """A member's events, newest first, with what was delivered and paid where they are settled."""
    found = look_up.of_member("member_parts", key, "facts", "events")
    allows = scope().allows
    paid = {
        row["event"]: row
        for row in (_of("member_part_payments", [row["event"] for row in found]) if found else ())
        if allows(row["statements"])
    }
    return [row | {name: paid[row["event"]][name] for name in ("delivered", "amount") if row["event"] in paid} for row in found]


def parts(key: str, found: Sequence[Row]) -> list[Part]:
    """Fill in what stands behind events that `rows` found, in their order."""
    if not found:
        return []
    asked = [row["event"] for row in found]
    reasons = {row["event"]: row for row in _of("member_event_reasons", asked)}
    ends = {row["event"]: row for row in _of("member_event_ends", asked)}
    told: dict[str, list[Row]] = {}
    for row in _of("member_event_actions", asked):
        told.setdefault(row["event"], []).append(row)
    calls = names(row["requester"] for row in reasons.values() if "requester" in row)
    own = {each.iri: each for each in devices(key)}
    return [_part(row, reasons.get(row["event"], {}), ends.get(row["event"], {}), told.get(row["event"], ()), calls, own) for row in found]


def next_part(key: str, now: datetime) -> Part | None:
    """The event that runs, or else the one that comes next."""
    coming = [row for row in rows(key) if row["status"] in OPEN and row["end"] > now]
    first = min(coming, key=lambda row: (row["status"] != ACTIVE, row["start"], row["event"]), default=None)
    return parts(key, [first])[0] if first else None


def last_left(key: str, now: datetime) -> Part | None:
    """An event that the home has left and that is not over yet."""
    found = next((row for row in rows(key) if row["status"] == LEFT and row["start"] <= now < row["end"]), None)
    return parts(key, [found])[0] if found else None


def replaced_by(event: str) -> int:
    """How many homes were called in the place of the one that left."""
    known = services()
    run = known.iris.id("run", f"redispatch-{known.iris.key(event)}")
    found = queries.rows(known.store, queries.load("api", "member_replaced"), run=run)
    return int(found[0]["homes"]) if found else 0


def _of(query: str, events: Iterable[str]) -> list[dict[str, Any]]:
    return queries.rows(services().store, queries.load("api", query), event=list(events))


def _part(row: Row, reason: Row, end: Row, told: Iterable[Row], calls: Mapping[str, str], own: Mapping[str, Device]) -> Part:
    iris = services().iris
    told = list(told)
    return Part(
        iri=row["event"],
        key=iris.key(row["event"]),
        campaign=iris.key(row["campaign"]),
        status=row["status"],
        role=row["role"],
        start=row["start"],
        end=row["end"],
        activated=row.get("activated"),
        released=row.get("released"),
        notified=row.get("notified"),
        direction=reason.get("direction"),
        requester=calls.get(reason.get("requester", ""), ""),
        price=reason.get("price"),
        asked_kwh=_asked_kwh(told),
        actions=tuple(_actions(told, own)),
        paused=reason.get("state") == _PAUSED,
        left_at=end.get("at"),
        reason=end.get("reason"),
        delivered_kwh=row.get("delivered"),
        amount=row.get("amount"),
    )


def _asked_kwh(told: Iterable[Row]) -> float | None:
    """Sum of the promised reductions; of several instructions to a device, the latest counts in each step."""
    steps: dict[tuple[str, datetime], float] = {}
    for row in told:
        if row["role"] == _REDUCTION and row["status"] not in _NEVER_DONE:
            hours = row["step"] / timedelta(hours=1)
            for number, kw in enumerate(orjson.loads(row["values"])):
                steps[row["device"], row["start"] + number * row["step"]] = (kw or 0.0) * hours
    return sum(steps.values()) if steps else None


def _actions(told: Iterable[Row], own: Mapping[str, Device]) -> Iterable[Action]:
    for row in told:
        limits = [value for value in orjson.loads(row["values"]) if value is not None] if row["role"] == _LIMIT else []
        if limits:
            device = own.get(row["device"])
            yield Action(
                device=row["device"],
                kind=device.kind if device else "",
                label=device.label if device else services().iris.key(row["device"]),
                start=row["start"],
                end=row["start"] + row["step"] * len(orjson.loads(row["values"])),
                least=min(limits),
                most=max(limits),
                status=row["status"],
            )
