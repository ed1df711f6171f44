"""From what the graph knows to a selection problem, and from a selection to what each site is asked for."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np

from kg.iris import Iris
from kg.store import Store
from market import contracts
from market.contracts import Contract
from market.rules import breaches
from ontology.names import FCV
from optimiser import records
from optimiser.errors import OptimiserError
from optimiser.records import Campaign, Device, Event
from optimiser.selection import Bools, Problem, Selection, select
from optimiser.solve import Floats, Limits
from optimiser.states import OPEN_EVENTS
from optimiser.verify import violations

_NOT_OF_A_SLOT = frozenset({"minimum duration", "maximum duration", "capacity"})  # the model keeps these
_NEVER_HAPPENED = frozenset({str(FCV.EventCancelled), str(FCV.EventOptedOut)})
SHORTFALL_FACTOR = 10  # what a missing kWh costs, in prices of the request


@dataclass(frozen=True)
class Candidate:
    """A site that may be asked: its contract, its devices, when its member was told, when it was activated before, when it may be."""

    site: str
    member: str
    contract: Contract
    devices: tuple[Device, ...]
    notified: datetime
    earlier: tuple[datetime, ...]
    allowed: Bools
    headroom_kw: Floats


@dataclass(frozen=True)
class Share:
    """What one site is asked for: slots `[first, last)` of the window, and each device's limit and reduction in them [kW]."""

    candidate: Candidate
    first: int
    last: int
    limits: Mapping[str, Floats]
    reductions: Mapping[str, Floats]


@dataclass(frozen=True)
class Plan:
    """Shares of the sites, what is still missing in each slot [kW], and which rules cause it."""

    shares: tuple[Share, ...]
    shortfall_kw: Floats
    binding: tuple[str, ...]
    gap: float

    def promised_kw(self) -> Floats:
        """Sum of all shares over the window, shape (T,) [kW]."""
        total = np.zeros_like(self.shortfall_kw)
        for share in self.shares:
            for reduction in share.reductions.values():
                total[share.first : share.last] += reduction
        return total


def candidates(
    store: Store, iris: Iris, campaign: Campaign, start: datetime, at: datetime, events: Sequence[Event], without: Collection[str] = ()
) -> list[Candidate]:
    """Find the sites that may be asked from `start` to the campaign's end, as known at `at`.

    A site needs a contract in force, a consent, an owner who lets at least one covered device take part, flexibility known of it, and no
    other event at that time. Sites with an event in this campaign count as told when that event was notified, others as told at `at`.
    """
    slots = (campaign.end - start) // campaign.step
    rows = [row for row in records.available(store, campaign.cooperative) if row["site"] not in without]
    rows = [row for row in rows if records.consents(row, start.astimezone(ZoneInfo(row["zone"])).date())]
    held = {device: contract for contract in reversed(contracts.active(store, iris, start)) for device in contract.covers}
    under = {row["der"]: row for row in rows if row["der"] in held and held[row["der"]].member == row["member"]}
    known = records.latest(store, "flexibility", list(under), known=at, start=start, slots=slots, step=campaign.step)
    by_site: dict[str, list[Device]] = {}
    for der, row in under.items():
        if der in known and not np.isnan(known[der].rows["baseline"]).any():
            by_site.setdefault(row["site"], []).append(_device(row, known[der]))
    headroom = _headroom(store, campaign, list(by_site), start, slots, at)
    past = _past(store, campaign, list(by_site))
    told = {event.site: event.notified for event in events}
    found = []
    for site, devices in by_site.items():
        starts, booked = past.get(site, ((), False))
        contract = held[devices[0].iri]
        if booked:
            continue
        own = tuple(device for device in devices if held[device.iri] == contract)
        notified = told.get(site, at)
        allowed = _allowed(contract, devices[0].zone, campaign, start, slots, notified, starts)
        found.append(
            Candidate(site, devices[0].member, contract, own, notified, starts, allowed, headroom.get(site, np.full(slots, np.inf)))
        )
    return found


def _device(row: Mapping[str, str], known: records.Known) -> Device:
    return Device(
        iri=row["der"],
        member=row["member"],
        site=row["site"],
        zone=row["zone"],
        control=row.get("control", ""),
        flexibility=known.iri,
        baseline_kw=known.rows["baseline"],
        reduction_kw=np.maximum(np.nan_to_num(known.rows["reduction"], nan=0.0), 0.0),
        energy_kwh=known.energy_kwh,
    )


def _headroom(store: Store, campaign: Campaign, sites: Sequence[str], start: datetime, slots: int, at: datetime) -> dict[str, Floats]:
    """How much each connection's import may fall before the export limit, in each slot [kW]."""
    limits = {row["channel"]: row for row in records.connection_limits(store, sites)}
    expected = records.latest(store, "forecast", list(limits), known=at, start=start, slots=slots, step=campaign.step)
    found = {}
    for channel, row in limits.items():
        if channel in expected:
            import_kw = np.nan_to_num(expected[channel].rows["baseline"], nan=np.inf)
            found[row["site"]] = np.maximum(import_kw + float(row["export"]), 0.0)
    return found


def _past(store: Store, campaign: Campaign, sites: Sequence[str]) -> dict[str, tuple[tuple[datetime, ...], bool]]:
    """Per site: when other campaigns activated it (or may), and whether one of them has it at the same time."""
    found: dict[str, tuple[tuple[datetime, ...], bool]] = {}
    for row in records.site_events(store, sites):
        if row["campaign"] == campaign.iri or (row["status"] in _NEVER_HAPPENED and "activated" not in row):
            continue
        starts, booked = found.get(row["site"], ((), False))
        overlaps = row["status"] in OPEN_EVENTS and records.utc(row["start"]) < campaign.end and campaign.start < records.utc(row["end"])
        found[row["site"]] = ((*starts, records.utc(row.get("activated", row["start"]))), booked or overlaps)
    return found


def _allowed(
    contract: Contract, zone: str, campaign: Campaign, start: datetime, slots: int, notified: datetime, earlier: Sequence[datetime]
) -> Bools:
    """Slots that no rule of the contract forbids, asked slot by slot."""
    allowed = np.zeros(slots, dtype=bool)
    for slot in range(slots):
        begin = start + slot * campaign.step
        found = breaches(
            contract,
            start=begin,
            end=begin + campaign.step,
            kw=0.0,
            notified=notified,
            site_zone=zone,
            earlier_activations=earlier,
            direction=campaign.direction,
        )
        allowed[slot] = not {breach.rule for breach in found} - _NOT_OF_A_SLOT
    return allowed


def problem(candidates: Sequence[Candidate], target_kw: Floats, step: timedelta, price: float) -> Problem:
    """Put candidates into arrays; devices in the order of candidates, then of their devices."""
    slots = len(target_kw)
    devices = [(row, device) for row, candidate in enumerate(candidates) for device in candidate.devices]
    prices = np.array([float(one.contract.price_eur_per_kwh) for one in candidates], dtype=np.float64)
    return Problem(
        target_kw=target_kw,
        step_hours=step / timedelta(hours=1),
        reduction_kw=np.array([device.reduction_kw for _, device in devices], dtype=np.float64).reshape(-1, slots),
        energy_kwh=np.array([max(device.energy_kwh, 0.0) for _, device in devices], dtype=np.float64),
        site=np.array([row for row, _ in devices], dtype=np.int64),
        capacity_kw=np.array([one.contract.capacity_kw for one in candidates], dtype=np.float64),
        price_eur_per_kwh=prices,
        min_slots=np.array([-(-one.contract.min_duration // step) for one in candidates], dtype=np.int64),
        max_slots=np.array([one.contract.max_duration // step for one in candidates], dtype=np.int64),
        activations=np.array([len(one.earlier) for one in candidates], dtype=np.float64),
        allowed=np.array([one.allowed for one in candidates], dtype=bool).reshape(-1, slots),
        headroom_kw=np.array([one.headroom_kw for one in candidates], dtype=np.float64).reshape(-1, slots),
        shortfall_eur_per_kwh=SHORTFALL_FACTOR * max(price, float(prices.max(initial=0.0)), 0.1),
    )


def plan(
    candidates: Sequence[Candidate], target_kw: Floats, step: timedelta, price: float, limits: Limits, *, explain: bool = True
) -> Plan:
    """Choose among candidates and check the choice.

    Raises
    ------
    OptimiserError
        If the choice breaks a rule, by the verifier's or the contract's account: then nobody is asked and the model is wrong.
    """
    given = problem(candidates, target_kw, step, price)
    chosen = select(given, limits, explain=explain)
    if found := violations(given, chosen):
        raise OptimiserError(f"the selection breaks its own rules ({'; '.join(found[:3])}), so nobody was asked; report this as a bug")
    shares = [share for row, one in enumerate(candidates) if (share := _share(one, row, given, chosen)) is not None]
    return Plan(tuple(shares), chosen.shortfall_kw, chosen.binding, chosen.gap)


def _share(candidate: Candidate, row: int, given: Problem, chosen: Selection) -> Share | None:
    slots = np.flatnonzero(chosen.on[row])
    if not len(slots):
        return None
    first, last = int(slots[0]), int(slots[-1]) + 1
    asked = zip(candidate.devices, chosen.kw[given.site == row], strict=True)
    reductions = {device.iri: kw[first:last] for device, kw in asked if kw.any() or _would_undo(device, first, last)}
    baselines = {device.iri: device.baseline_kw[first:last] for device in candidate.devices}
    return Share(candidate, first, last, {der: baselines[der] - kw for der, kw in reductions.items()}, reductions)


def _would_undo(device: Device, first: int, last: int) -> bool:
    """Tell whether a device without a part of its own must be held to its forecast.

    A battery that covers the home's load discharges less when another device takes less, so that nothing is seen at the connection.
    """
    return device.control == str(FCV.FRBC) and bool((device.baseline_kw[first:last] < 0).any())
