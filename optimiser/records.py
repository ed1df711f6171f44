"""What the optimiser reads of a campaign, as frozen records, and the queries behind them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import numpy as np
import orjson

from kg import queries
from kg.store import Store
from optimiser.errors import CampaignError
from optimiser.solve import Floats


@dataclass(frozen=True)
class Campaign:
    """A campaign and what its request asks for: `asked_kw` of shape (T,), one value a slot of `[start, end)`; `price` in EUR/kWh."""

    iri: str
    request: str
    cooperative: str
    status: str
    start: datetime
    end: datetime
    step: timedelta
    asked_kw: Floats
    price: Decimal
    direction: str
    promised_kw: Floats | None
    sentence: str

    @property
    def slots(self) -> list[datetime]:
        """Begin of each slot."""
        return [self.start + n * self.step for n in range(len(self.asked_kw))]

    def slot(self, at: datetime) -> datetime:
        """Begin of the slot that holds an instant, inside or outside the window."""
        return self.start + (at - self.start) // self.step * self.step

    def next_slot(self, at: datetime) -> datetime:
        """First slot boundary that isn't before an instant."""
        return self.start - (self.start - at) // self.step * self.step


@dataclass(frozen=True)
class Pause:
    """A time in which a campaign asked nothing of anybody; `resumed` is `None` while it lasts."""

    iri: str
    paused: datetime
    resumed: datetime | None


@dataclass(frozen=True)
class Event:
    """One site's part in a campaign; `graph` holds it."""

    iri: str
    graph: str
    site: str
    contract: str
    role: str
    status: str
    start: datetime
    end: datetime
    notified: datetime
    activated: datetime | None
    released: datetime | None


@dataclass(frozen=True)
class Instruction:
    """A limit for one device [kW, what it may consume at most] and what it promises against the forecast [kW, ≥ 0], one value a slot.

    `identifier` names the box that manages the device; it is empty while no box says that it does.
    """

    iri: str
    graph: str
    event: str
    der: str
    identifier: str
    start: datetime
    end: datetime
    not_after: datetime
    step: timedelta
    status: str
    limit_kw: Floats
    reduction_kw: Floats


@dataclass(frozen=True)
class Device:
    """A device that its owner lets take part, with the flexibility known of it over the slots asked for."""

    iri: str
    member: str
    site: str
    zone: str
    control: str
    flexibility: str
    baseline_kw: Floats
    reduction_kw: Floats
    energy_kwh: float


@dataclass(frozen=True)
class Known:
    """One latest series: its IRI, its rows over the window by name, and its energy [kWh] where it has one."""

    iri: str
    rows: Mapping[str, Floats]
    energy_kwh: float


def utc(value: datetime) -> datetime:
    """Bring an instant of the graph to UTC."""
    return value.astimezone(UTC)


def array(text: str) -> Floats:
    """Unpack a series; missing is NaN."""
    return np.array([np.nan if one is None else float(one) for one in orjson.loads(text)], dtype=np.float64)


def campaigns(store: Store, campaign: str | None = None) -> list[Campaign]:
    """Read one campaign, or all, ordered by IRI."""
    return [
        Campaign(
            iri=row["campaign"],
            request=row["request"],
            cooperative=row["cooperative"],
            status=row["status"],
            start=utc(row["start"]),
            end=utc(row["end"]),
            step=row["step"],
            asked_kw=array(row["asked"]),
            price=row["price"],
            direction=row["direction"],
            promised_kw=array(row["promised"]) if "promised" in row else None,
            sentence=row.get("sentence", ""),
        )
        for row in queries.rows(store, queries.load("optimiser", "campaigns"), campaign=campaign)
    ]


def one_campaign(store: Store, campaign: str) -> Campaign:
    """Read a campaign that must exist.

    Raises
    ------
    CampaignError
        If it doesn't.
    """
    found = campaigns(store, campaign)
    if not found:
        raise CampaignError(f"there is no campaign {campaign}; ask for one first (flex campaign), or see /-/ for those there are")
    return found[0]


def one_event(store: Store, event: str) -> tuple[Campaign, Event]:
    """Read an event that must exist, and its campaign.

    Raises
    ------
    CampaignError
        If it doesn't.
    """
    rows = queries.rows(store, queries.load("optimiser", "event_boxes"), event=event)
    if not rows:
        raise CampaignError(f"there is no event {event}; events are named event/{{campaign}}-{{site}}, see the operator's page")
    campaign = one_campaign(store, rows[0]["campaign"])
    return campaign, next(one for one in events(store, campaign.iri) if one.iri == event)


def pauses(store: Store, campaign: str) -> list[Pause]:
    """Read when a campaign was paused, in order of time."""
    return [
        Pause(row["pause"], utc(row["paused"]), utc(row["resumed"]) if "resumed" in row else None)
        for row in queries.rows(store, queries.load("optimiser", "campaign_pauses"), campaign=campaign)
    ]


def events(store: Store, campaign: str) -> list[Event]:
    """Read a campaign's events, ordered by IRI."""
    return [
        Event(
            iri=row["event"],
            graph=row["graph"],
            site=row["site"],
            contract=row["contract"],
            role=row["role"],
            status=row["status"],
            start=utc(row["start"]),
            end=utc(row["end"]),
            notified=utc(row["notified"]),
            activated=utc(row["activated"]) if "activated" in row else None,
            released=utc(row["released"]) if "released" in row else None,
        )
        for row in queries.rows(store, queries.load("optimiser", "events"), campaign=campaign)
    ]


def instructions(store: Store, campaign: str) -> list[Instruction]:
    """Read a campaign's instructions, ordered by IRI."""
    return [
        Instruction(
            iri=row["instruction"],
            graph=row["graph"],
            event=row["event"],
            der=row["der"],
            identifier=row.get("identifier", ""),
            start=utc(row["start"]),
            end=utc(row["end"]),
            not_after=utc(row["notAfter"]),
            step=row["step"],
            status=row["status"],
            limit_kw=array(row["limit"]),
            reduction_kw=array(row["reduction"]),
        )
        for row in queries.rows(store, queries.load("optimiser", "instructions"), campaign=campaign)
    ]


def available(store: Store, cooperative: str) -> list[dict[str, Any]]:
    """Read the devices whose owners let them take part, one row for each consent."""
    return queries.rows(store, queries.load("optimiser", "available_ders"), cooperative=cooperative)


def site_events(store: Store, sites: Sequence[str]) -> list[dict[str, Any]]:
    """Read every event of some sites."""
    return queries.rows(store, queries.load("optimiser", "site_events"), site=sites) if sites else []


def connection_limits(store: Store, sites: Sequence[str]) -> list[dict[str, Any]]:
    """Read the export limits [kW] of some sites and the channels of their connections."""
    return queries.rows(store, queries.load("optimiser", "connection_limits"), site=sites) if sites else []


def latest(
    store: Store, kind: str, about: Sequence[str], *, known: datetime, start: datetime, slots: int, step: timedelta
) -> dict[str, Known]:
    """Read, for each thing, the newest series known at a time that covers a window.

    Parameters
    ----------
    kind
        `flexibility` or `forecast`: which pair of queries.
    about
        IRIs of devices or channels.
    """
    issues = queries.rows(store, queries.load("optimiser", f"{kind}_issues"), about=about, known=known, start=start) if about else []
    waiting: dict[str, list[str]] = {}
    for row in issues:
        waiting.setdefault(row["about"], []).append(row["series"])
    found: dict[str, Known] = {}
    while waiting:
        newest = {series.pop(0): thing for thing, series in waiting.items()}
        for row in queries.rows(store, queries.load("optimiser", f"{kind}_series"), series=list(newest)):
            if (cut := _cut(row, start, slots, step)) is not None:
                found[newest[row["series"]]] = cut
        waiting = {thing: series for thing, series in waiting.items() if series and thing not in found}
    return found


def _cut(row: Mapping[str, Any], start: datetime, slots: int, step: timedelta) -> Known | None:
    """The part of a series that lies in the window; `None` if it doesn't cover it whole."""
    if row["step"] != step or (start - utc(row["start"])) % step:
        return None
    first = (start - utc(row["start"])) // step
    rows = {name: array(row[name])[first : first + slots] for name in ("baseline", "reduction") if name in row}
    if any(len(values) < slots for values in rows.values()):
        return None
    return Known(row["series"], rows, float(row.get("energy", np.inf)))


def consents(row: Mapping[str, Any], day: date) -> bool:
    """Tell whether a row's consent holds on a local date."""
    return bool(row["consentFrom"] <= day <= row["consentTo"])
