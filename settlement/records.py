"""What settlement reads from the graph, as records: the campaign, who was called when, what was instructed, when sites were called."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import numpy as np
import orjson

from kg import queries
from kg.iris import Iris
from kg.store import Store
from ontology.names import FCV, S4ENER
from settlement.baselines.method import Array
from settlement.days import local_day
from settlement.errors import SettlementError

NOT_CALLED = frozenset({str(FCV.EventStandby), str(FCV.EventCancelled), str(FCV.EventScheduled)})
OPTED_OUT = str(FCV.EventOptedOut)
NOT_OBEYED = frozenset({str(S4ENER.New), str(S4ENER.Rejected)})


@dataclass(frozen=True)
class Campaign:
    """A campaign and its request; arrays are kW a slot of `[start, end)`, and zero in slots that a pause touched: nothing was asked in them."""

    iri: str
    status: str
    start: datetime
    end: datetime
    step: timedelta
    asked_kw: Array
    promised_kw: Array | None
    price: Decimal
    cooperative: str
    paused: frozenset[datetime] = frozenset()

    @property
    def hours(self) -> float:
        """Length of a slot [h]."""
        return self.step / timedelta(hours=1)


@dataclass(frozen=True)
class Event:
    """A site's event; `activated` and `released` bound the slots that count, `activated` is `None` if it was never called."""

    iri: str
    site: str
    member: str
    contract: str
    role: str
    status: str
    start: datetime
    end: datetime
    notified: datetime | None
    activated: datetime | None
    released: datetime
    zone: ZoneInfo
    channel: str


@dataclass(frozen=True)
class Instruction:
    """The reduction that one device was told to make [kW a slot from `start`]."""

    device: str
    start: datetime
    step: timedelta
    kw: Array
    obeyed: bool


def campaign(store: Store, iri: str) -> Campaign:
    """Read a campaign.

    Raises
    ------
    SettlementError
        If the graph has no such campaign with a request, or what was asked does not fit its window.
    """
    found = queries.rows(store, queries.load("settlement", "campaign"), campaign=iri)
    if len(found) != 1:
        raise SettlementError(
            f"{iri} has {len(found)} requests with a price in the graph, but settling needs exactly one; check the campaign's IRI"
        )
    row = found[0]
    asked_kw = _array(row["asked"])
    slots = (row["end"] - row["start"]) / row["step"]
    if len(asked_kw) != slots:
        raise SettlementError(f"{row['request']} asks for {len(asked_kw)} slots, but its window has {slots:g}; correct the request")
    promised_kw = _array(row["promised"]) if "promised" in row else None
    paused = _paused(store, iri, [row["start"] + row["step"] * n for n in range(len(asked_kw))], row["step"])
    for n in paused:
        asked_kw[n] = 0.0
        if promised_kw is not None:
            promised_kw[n] = 0.0
    left_out = frozenset(row["start"] + row["step"] * n for n in paused)
    return Campaign(
        iri, row["status"], row["start"], row["end"], row["step"], asked_kw, promised_kw, row["price"], row["cooperative"], left_out
    )


def _paused(store: Store, iri: str, slots: Sequence[datetime], step: timedelta) -> list[int]:
    """Number the slots of which a part was paused."""
    pauses = queries.rows(store, queries.load("settlement", "campaign_pauses"), campaign=iri)
    return [
        n
        for n, slot in enumerate(slots)
        if any(each["paused"] < slot + step and ("resumed" not in each or slot < each["resumed"]) for each in pauses)
    ]


def events(store: Store, iri: str) -> list[Event]:
    """Read a campaign's events, ordered by member; called or not."""
    return [
        Event(
            row["event"],
            row["site"],
            row["member"],
            row["contract"],
            row["role"],
            row["status"],
            row["start"],
            row["end"],
            row.get("notified"),
            _activated(row["status"], row.get("activated"), row["start"]),
            row.get("released", row["end"]),
            ZoneInfo(row["zone"]),
            row["channel"],
        )
        for row in queries.rows(store, queries.load("settlement", "campaign_events"), campaign=iri)
    ]


def _activated(status: str, activated: datetime | None, start: datetime) -> datetime | None:
    """A member who opted out before being activated, and a backup never called, did nothing."""
    if status in NOT_CALLED:
        return None
    return activated if activated is not None or status == OPTED_OUT else start


def instructions(store: Store, iri: str) -> dict[str, list[Instruction]]:
    """Read a campaign's instructions by event, oldest first."""
    found: dict[str, list[Instruction]] = {}
    for row in queries.rows(store, queries.load("settlement", "campaign_instructions"), campaign=iri):
        obeyed = row["status"] not in NOT_OBEYED
        each = Instruction(row["device"], row["start"], row["step"], _array(row["values"]), obeyed)
        found.setdefault(row["event"], []).append(each)
    return found


def instructed_kw(given: Iterable[Instruction], slots: Sequence[datetime], step: timedelta) -> Array:
    """Add up what the devices of a site were told [kW a slot]; of several instructions to a device, the latest counts.

    One that was not obeyed is none: it takes the place of an earlier one with zero.
    """
    by_device: dict[str, Array] = {}
    for instruction in given:
        told = by_device.setdefault(instruction.device, np.zeros(len(slots)))
        for n, slot in enumerate(slots):
            at = (slot - instruction.start) // instruction.step
            if 0 <= at < len(instruction.kw) and step <= instruction.step:
                told[n] = np.nan_to_num(instruction.kw[at]) if instruction.obeyed else 0.0
    return sum(by_device.values(), np.zeros(len(slots)))


@dataclass(frozen=True)
class Activation:
    """That a site was called, in any campaign; `begun` unless it left before it was activated."""

    event: str
    start: datetime
    end: datetime
    begun: bool


def activations(store: Store, sites: Sequence[str]) -> dict[str, list[Activation]]:
    """Read when sites were called, by site, in order of time."""
    found: dict[str, list[Activation]] = {}
    if sites:
        for row in queries.rows(store, queries.load("settlement", "site_events"), site=list(sites)):
            each = Activation(
                row["event"], row.get("activated", row["start"]), row["end"], "activated" in row or row["status"] != OPTED_OUT
            )
            found.setdefault(row["site"], []).append(each)
    return found


def event_days(called: Iterable[Activation], zone: ZoneInfo) -> frozenset[date]:
    """List the local days on which a site was called."""
    return frozenset(local_day(at, zone) for each in called for at in (each.start, each.end - timedelta(microseconds=1)))


def weather_channels(store: Store, iris: Iris) -> list[str]:
    """List the weather station's channels: air temperature, then irradiances; none without a temperature."""
    rows = queries.rows(store, queries.load("settlement", "weather_channels"), graph=iris.graph("feed", "osb", "feed"))
    temperatures = [row["channel"] for row in rows if row["kind"] == str(FCV.AirTemperature)]
    irradiances = [row["channel"] for row in rows if row["kind"] == str(FCV.Irradiance)]
    return temperatures[:1] + irradiances if temperatures else []


def _array(text: str) -> Array:
    return np.array(orjson.loads(text), dtype=np.float64)
