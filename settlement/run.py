"""Settle a campaign: read by query, compute on arrays, write all of it in one transaction."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta

import numpy as np

from kg.iris import Iris
from kg.store import Store
from kg.terms import instant
from market.contracts import Contract
from ontology.names import FCV
from settlement import records
from settlement.baselines import METHODS
from settlement.baselines.method import Array
from settlement.days import HISTORY, before_event, same_hours
from settlement.errors import NotYetError, SettlementError
from settlement.findings import (
    FEW_PLACEBO_DAYS,
    FLAGGED_READINGS,
    MISSING_READINGS,
    NEGATIVE_SHARE,
    NOT_ACCEPTED,
    SHORT_HISTORY,
    Finding,
)
from settlement.inside import Inside, agreed, inside
from settlement.records import Campaign, Event
from settlement.remuneration import ZERO, energy, pay, share
from settlement.summary import SettlementSummary, summary
from settlement.tables import Readout, Tables
from settlement.verification import (
    MIN_PLACEBO_DAYS,
    Case,
    Interval,
    Measure,
    delivered,
    measure,
    portfolio_interval,
    portfolio_reduction,
    site_interval,
)
from settlement.writing import Books, MemberBooks, Scribe, status_change
from telemetry.channels import Channels
from telemetry.readings import Readings
from telemetry.used import UsedDay

GRACE = timedelta(hours=24)
PLACEBO_SPAN = timedelta(days=30)
WEATHER_METHOD = str(FCV.WeatherRegression)
FINISHED, SETTLED = str(FCV.CampaignFinished), str(FCV.CampaignSettled)


@dataclass(frozen=True)
class _Call:
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
class _Measured:
    """A call with what was measured; no interval means that nothing can be said of it."""

    call: _Call
    measure: Measure
    interval: Interval | None
    missing: int


def settle(
    store: Store,
    iris: Iris,
    channels: Channels,
    readings: Readings,
    campaign: str,
    at: datetime,
    *,
    grace: timedelta = GRACE,
    holidays: frozenset[date] = frozenset(),
) -> SettlementSummary:
    """Settle a finished campaign; one that is settled already is only read.

    Parameters
    ----------
    channels
        Registry of channels; channels that it does not know have no readings.
    campaign
        IRI of the campaign.
    at
        When it is settled: the creation time of baselines.
    grace
        How long after the campaign's end missing readings are waited for; later, slots without readings count as not delivered.
    holidays
        Working days that count as weekend.

    Returns
    -------
    SettlementSummary
        As read back from the graph, the same at every call.

    Raises
    ------
    NotYetError
        If the campaign is not finished, or readings of it are still missing within the grace.
    SettlementError
        If the graph has no such campaign, or it was aborted.
    """
    found = records.campaign(store, campaign)
    if found.status == SETTLED:
        return summary(store, campaign)
    _refuse_unless_finished(found, at)
    calls, idle = _calls(store, found)
    readout, weather = _read(store, iris, channels, readings, found, calls)
    _refuse_while_missing(found, calls, readout, at, grace)
    measured = _measure(found, calls, Tables(readout, weather, (HISTORY + PLACEBO_SPAN).days), holidays)
    books = _books(found, measured, idle, _Lineage(iris, readings, found, weather))
    removed, added = status_change(iris, found)
    store.apply(delete=removed, insert=Scribe(iris, books, at).quads() + added)
    return summary(store, campaign)


def _refuse_unless_finished(campaign: Campaign, at: datetime) -> None:
    name = campaign.status.rsplit("/", 1)[-1]
    if campaign.status == str(FCV.CampaignAborted):
        raise SettlementError(f"{campaign.iri} was aborted, so nothing was delivered under it; there is nothing to settle")
    if campaign.status != FINISHED or at < campaign.end:
        raise NotYetError(
            f"{campaign.iri} is {name} and ends at {instant(campaign.end)}, but it is {instant(at)}; settle it once it has finished"
        )


def _calls(store: Store, campaign: Campaign) -> tuple[list[_Call], list[Finding]]:
    """Find who was called, and what is to be said of those for whom nothing can be measured."""
    events = [event for event in records.events(store, campaign.iri) if event.activated is not None]
    given = records.instructions(store, campaign.iri)
    called = records.activations(store, [event.site for event in events])
    calls: list[_Call] = []
    idle: list[Finding] = []
    for event in events:
        contract, findings = agreed(store, event.contract)
        slots = _slots(campaign, event)
        told_kw = records.instructed_kw(given.get(event.iri, ()), slots, campaign.step)
        if contract is None or contract.baseline_method not in METHODS:
            method = "no contract" if contract is None else contract.baseline_method
            idle += findings or (Finding(SHORT_HISTORY, f"{event.iri}: no baseline method for {method}; nothing is measured"),)
            continue
        if not told_kw.any():
            sentence = f"{event.iri}: no instruction was accepted for any slot that counts, so nothing counts as delivered"
            idle.append(Finding(NOT_ACCEPTED, sentence))
            continue
        others = [each.start for each in called[event.site] if each.begun and each.event != event.iri]
        within = inside(contract, event, slots, campaign.step, told_kw, others)
        within = replace(within, counts=within.counts & np.array([slot not in campaign.paused for slot in slots], bool))
        calls.append(
            _Call(
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
    return calls, idle


def _slots(campaign: Campaign, event: Event) -> list[datetime]:
    """List the campaign's slots that lie whole between activation and release."""
    all_slots = [campaign.start + campaign.step * n for n in range(len(campaign.asked_kw))]
    begun = event.activated or event.start
    return [slot for slot in all_slots if begun <= slot and slot + campaign.step <= event.released]


def _read(
    store: Store, iris: Iris, channels: Channels, readings: Readings, campaign: Campaign, calls: Sequence[_Call]
) -> tuple[Readout, list[str]]:
    """Read grid connections and, where a contract needs it, weather, for all days that are looked at."""
    regress = any(call.contract.baseline_method == WEATHER_METHOD for call in calls)
    weather = [channel for channel in records.weather_channels(store, iris) if channels.get(channel)] if regress else []
    wanted = tuple(dict.fromkeys([*(call.event.channel for call in calls), *weather]))
    start = campaign.start - HISTORY - PLACEBO_SPAN - timedelta(days=1)
    known = [channel for channel in wanted if channels.get(channel)]
    steps = (campaign.end - start) // campaign.step
    values = np.full((steps, len(wanted)), np.nan)
    if known:
        frame = readings.frame(known, start, campaign.end, campaign.step)
        values[:, [wanted.index(channel) for channel in known]] = frame.to_numpy()
    return Readout(start, campaign.step, wanted, values), weather


def _refuse_while_missing(campaign: Campaign, calls: Sequence[_Call], readout: Readout, at: datetime, grace: timedelta) -> None:
    missing = {call.event.channel: int(np.isnan(_metered(call, readout)[call.inside.counts]).sum()) for call in calls}
    late = {channel: count for channel, count in missing.items() if count}
    if late and at < campaign.end + grace:
        raise NotYetError(
            f"{campaign.iri} lacks {sum(late.values())} readings of its event (of {', '.join(sorted(late))}); they are waited for until "
            f"{instant(campaign.end + grace)}, and then count as not delivered"
        )


def _metered(call: _Call, readout: Readout) -> Array:
    return readout.pick(readout.rows(call.slots), [call.event.channel])[:, 0]


def _measure(campaign: Campaign, calls: Sequence[_Call], tables: Tables, holidays: frozenset[date]) -> list[_Measured]:
    measured = []
    for call in calls:
        table = tables.of(call.event.channel, call.slots, call.before, call.event.zone)
        missing = int(np.isnan(table.window_kw[0][call.inside.counts]).sum())
        window_kw = table.window_kw.copy()
        window_kw[0, ~call.inside.counts] = np.nan  # outside the contract nothing is counted
        day = int(table.days[0])
        method = METHODS[call.contract.baseline_method]
        site = measure(Case(call.event.member, method, replace(table, window_kw=window_kw), day, call.first, call.excluded, holidays))
        measured.append(_Measured(call, site, site_interval(site, campaign.hours), missing))
    return measured


@dataclass(frozen=True)
class _Lineage:
    """Finds the days of readings that a figure rests on."""

    iris: Iris
    readings: Readings
    campaign: Campaign
    weather: Sequence[str]

    def of_event(self, call: _Call) -> tuple[UsedDay, ...]:
        return self._nodes(call.event.channel, call.slots)

    def of_baseline(self, call: _Call, days: Sequence[int]) -> tuple[UsedDay, ...]:
        today = call.slots[0].astimezone(call.event.zone).date().toordinal()
        hours = (*call.before, *call.slots)
        times = [moved for day in days for moved in same_hours(hours, call.event.zone, day - today) if moved is not None]
        nodes = self._nodes(call.event.channel, [*times, *call.before])
        if call.contract.baseline_method != WEATHER_METHOD:
            return nodes
        return nodes + tuple(node for channel in self.weather for node in self._nodes(channel, [*times, *call.slots]))

    def flagged(self, call: _Call) -> int:
        flags = self.readings.flags(call.event.channel, call.slots[0], call.slots[-1] + self.campaign.step)
        return len({at for at, _ in flags})

    def _nodes(self, channel: str, times: Sequence[datetime]) -> tuple[UsedDay, ...]:
        wanted = {self.iris.day(channel, time.date()) for time in times}
        return tuple(day for day in self.readings.used([channel], min(times), max(times) + timedelta(seconds=1)) if day.iri in wanted)


def _books(campaign: Campaign, measured: Sequence[_Measured], idle: Sequence[Finding], lineage: _Lineage) -> Books:
    """Do the sums: measured sites into members' books, the portfolio's energy into shares, shares into money."""
    sites = [site for site in measured if site.interval is not None and site.measure.counted.any()]
    findings = [*idle, *(_unmeasured(site) for site in measured if site not in sites)]
    members = tuple(_member(campaign, site, lineage) for site in sites)
    reduction_kw = portfolio_reduction([site.measure for site in sites], len(campaign.asked_kw))
    portfolio_kwh = energy(float(delivered(reduction_kw, campaign.asked_kw).sum()) * campaign.hours)
    shares = share(portfolio_kwh, [m.measured_kwh for m in members], [m.instructed_kwh for m in members])
    money = pay(shares.delivered, campaign.price, shares.members, [m.price for m in members])
    if money.cooperative < 0:
        findings.append(
            Finding(
                NEGATIVE_SHARE,
                f"the members are paid {money.paid} EUR, but the market pays {money.income} EUR: the cooperative pays {-money.cooperative} EUR; "
                "see the prices of contracts and request",
            )
        )
    promised = campaign.promised_kw
    promised_kwh = (
        sum((m.instructed_kwh for m in members), ZERO) if promised is None else energy(float(np.nansum(promised)) * campaign.hours)
    )
    interval = _portfolio_interval(campaign, sites)
    if sites and interval.days < MIN_PLACEBO_DAYS:
        findings.append(_few_days("the portfolio", interval.days))
    return Books(campaign, members, promised_kwh, interval, shares, money, tuple(findings))


def _member(campaign: Campaign, site: _Measured, lineage: _Lineage) -> MemberBooks:
    call, counted, hours = site.call, site.measure.counted, campaign.hours
    interval = site.interval or Interval(0.0, 0.0, 0.0, 0)
    paid = call.signed and call.inside.paid
    return MemberBooks(
        event=call.event,
        start=call.slots[0],
        method=call.contract.baseline_method,
        baseline_kw=site.measure.baseline.kw,
        adjustment_kw=site.measure.baseline.adjustment_kw,
        baseline_days=lineage.of_baseline(call, site.measure.baseline.days_used),
        event_days=lineage.of_event(call),
        baseline_kwh=energy(float(site.measure.baseline.kw[counted].sum()) * hours),
        metered_kwh=energy(float(site.measure.metered_kw[counted].sum()) * hours),
        instructed_kwh=energy(float(call.inside.instructed_kw[counted].sum()) * hours),
        interval=interval,
        price=call.contract.price_eur_per_kwh if paid else ZERO,
        findings=_site_findings(site, interval, lineage.flagged(call)),
    )


def _site_findings(site: _Measured, interval: Interval, flagged: int) -> tuple[Finding, ...]:
    found = [*site.call.findings, *site.measure.baseline.findings]
    if site.missing:
        found.append(Finding(MISSING_READINGS, f"{site.missing} slots of the event have no reading; they count as not delivered"))
    if flagged:
        found.append(Finding(FLAGGED_READINGS, f"{flagged} readings of the event carry a quality flag; they count as they stand"))
    if interval.days < MIN_PLACEBO_DAYS:
        found.append(_few_days(site.call.event.site, interval.days))
    return tuple(found)


def _few_days(what: str, days: int) -> Finding:
    return Finding(
        FEW_PLACEBO_DAYS,
        f"the interval of {what} rests on {days} days without an event; with fewer than {MIN_PLACEBO_DAYS} it may be too narrow",
    )


def _unmeasured(site: _Measured) -> Finding:
    event = site.call.event.iri
    if site.measure.baseline.findings and site.measure.baseline.disqualified:
        first = site.measure.baseline.findings[0]
        return Finding(first.code, f"{event}: {first.sentence}")
    if site.interval is None:
        return Finding(SHORT_HISTORY, f"{event}: no day without an event to tell the baseline's error from, so nothing is measured")
    return Finding(MISSING_READINGS, f"{event}: no slot that counts has a reading, so nothing counts as delivered")


def _portfolio_interval(campaign: Campaign, sites: Sequence[_Measured]) -> Interval:
    """Put the interval about the portfolio's reduction, capped at what was asked; without a common placebo day, add the sites' bounds."""
    asked = float(campaign.asked_kw.sum()) * campaign.hours
    own = [site.interval for site in sites if site.interval is not None]
    interval = portfolio_interval([site.measure for site in sites], campaign.hours) or Interval(
        sum(each.lower for each in own), sum(each.upper for each in own), sum(each.bias for each in own), 0
    )
    return replace(interval, lower=min(interval.lower, asked), upper=min(interval.upper, asked))
