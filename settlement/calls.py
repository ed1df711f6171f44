"""Who was called in a campaign, for which slots, by which contract, and the days that each is held against."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta

import numpy as np

from kg.iris import Iris
from kg.store import Store
from market.contracts import Contract
from ontology.names import FCV
from settlement import records
from settlement.baselines import METHODS
from settlement.baselines.method import Array
from settlement.days import HISTORY, before_event
from settlement.findings import NOT_ACCEPTED, SHORT_HISTORY, Finding
from settlement.inside import Inside, agreed, inside
from settlement.records import Campaign, Event
from settlement.tables import Readout, Tables
from settlement.verification import Case
from telemetry.channels import Channels
from telemetry.readings import Readings

PLACEBO_SPAN = timedelta(days=30)
WEATHER_METHOD = str(FCV.WeatherRegression)
SCHEDULED = str(FCV.EventScheduled)
Agreed = Callable[[Store, str], tuple[Contract | None, tuple[Finding, ...]]]


@dataclass(frozen=True)
class Call:
    """One site that was called: its slots from activation to release, and what its contract says of them."""

    event: Event
    contract: Contract
    slots: tuple[datetime, ...]
    before: tuple[datetime, ...]
    first: int
    inside: Inside
    signed: bool
    findings: tuple[Finding, ...]
    excluded: frozenset[date]


@dataclass(frozen=True)
class Idle:
    """One site that was called and of which nothing can be measured, with the reasons."""

    event: Event
    findings: tuple[Finding, ...]


def calls(store: Store, campaign: Campaign, agreed: Agreed = agreed) -> tuple[list[Call], list[Idle]]:
    """Find who was called, and what is to be said of those for whom nothing can be measured.

    Parameters
    ----------
    agreed
        Reads a contract and holds it against its signatures.
    """
    events = [event for event in records.events(store, campaign.iri) if event.activated is not None]
    given = records.instructions(store, campaign.iri)
    called = records.activations(store, [event.site for event in events])
    found: list[Call] = []
    idle: list[Idle] = []
    for event in events:
        contract, findings = agreed(store, event.contract)
        slots = own_slots(campaign, event)
        told_kw = records.instructed_kw(given.get(event.iri, ()), slots, campaign.step)
        if contract is None or contract.baseline_method not in METHODS:
            method = "no contract" if contract is None else contract.baseline_method
            unread = Finding(SHORT_HISTORY, f"{event.iri}: no baseline method for {method}; nothing is measured")
            idle.append(Idle(event, findings or (unread,)))
            continue
        if not told_kw.any():
            sentence = f"{event.iri}: no instruction was accepted for any slot that counts, so nothing counts as delivered"
            idle.append(Idle(event, (Finding(NOT_ACCEPTED, sentence),)))
            continue
        others = [each.start for each in called[event.site] if each.begun and each.event != event.iri]
        within = inside(contract, event, slots, campaign.step, told_kw, others)
        within = replace(within, counts=within.counts & np.array([slot not in campaign.paused for slot in slots], bool))
        found.append(
            Call(
                event,
                contract,
                tuple(slots),
                tuple(before_event(slots[0], event.notified, event.zone, campaign.step)),
                (slots[0] - campaign.start) // campaign.step,
                within,
                not findings,
                findings + within.findings,
                records.event_days(called[event.site], event.zone),
            )
        )
    return found, idle


def called_kw(store: Store, campaign: Campaign) -> Array:
    """Add up what boxes have accepted to reduce while their homes take part, also those whose turn is still to come: by slot [kW]."""
    total = np.zeros(len(campaign.asked_kw))
    given = records.instructions(store, campaign.iri)
    for event in records.events(store, campaign.iri):
        if event.activated is None and event.status != SCHEDULED:
            continue
        if own := own_slots(campaign, event):
            first = (own[0] - campaign.start) // campaign.step
            total[first : first + len(own)] += records.instructed_kw(given.get(event.iri, ()), own, campaign.step)
    return total


def own_slots(campaign: Campaign, event: Event) -> list[datetime]:
    """List the campaign's slots that lie whole between activation and release."""
    all_slots = [campaign.start + campaign.step * n for n in range(len(campaign.asked_kw))]
    begun = event.activated or event.start
    return [slot for slot in all_slots if begun <= slot and slot + campaign.step <= event.released]


def read(
    store: Store,
    iris: Iris,
    channels: Channels,
    readings: Readings,
    campaign: Campaign,
    calls: Sequence[Call],
    *,
    until: datetime | None = None,
) -> tuple[Readout, list[str]]:
    """Read grid connections and, where a contract needs it, weather, for all days that are looked at.

    Parameters
    ----------
    until
        Where reading ends; the campaign's end if not given.
    """
    weather = weather_of(store, iris, channels, calls)
    wanted = tuple(dict.fromkeys([*(call.event.channel for call in calls), *weather]))
    start, end = campaign.start - HISTORY - PLACEBO_SPAN - timedelta(days=1), until or campaign.end
    known = [channel for channel in wanted if channels.get(channel)]
    values = np.full(((end - start) // campaign.step, len(wanted)), np.nan)
    if known:
        frame = readings.frame(known, start, end, campaign.step)
        values[:, [wanted.index(channel) for channel in known]] = frame.to_numpy()
    return Readout(start, campaign.step, wanted, values), weather


def weather_of(store: Store, iris: Iris, channels: Channels, calls: Sequence[Call]) -> list[str]:
    """List the weather's channels where a contract needs them: temperature first."""
    if all(call.contract.baseline_method != WEATHER_METHOD for call in calls):
        return []
    return [channel for channel in records.weather_channels(store, iris) if channels.get(channel)]


def tables(readout: Readout, weather: Sequence[str]) -> Tables:
    """Cut the days that baselines and their errors are made of out of what was read."""
    return Tables(readout, weather, (HISTORY + PLACEBO_SPAN).days)


def case(call: Call, tables: Tables, holidays: frozenset[date] = frozenset()) -> Case:
    """Lay a call out as arrays; outside the contract nothing is counted."""
    table = tables.of(call.event.channel, call.slots, call.before, call.event.zone)
    window_kw = table.window_kw.copy()
    window_kw[0, ~call.inside.counts] = np.nan
    method = METHODS[call.contract.baseline_method]
    return Case(call.event.member, method, replace(table, window_kw=window_kw), int(table.days[0]), call.first, call.excluded, holidays)
