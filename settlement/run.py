"""Settle a campaign: read by query, compute on arrays, write all of it in one transaction."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta

import numpy as np

from kg.iris import Iris
from kg.store import Store
from kg.terms import instant
from ontology.names import FCV
from settlement import records
from settlement.baselines.method import Array
from settlement.calls import WEATHER_METHOD, Call, calls, case, read, tables
from settlement.days import same_hours
from settlement.errors import NotYetError, SettlementError
from settlement.findings import (
    FEW_PLACEBO_DAYS,
    FLAGGED_READINGS,
    MISSING_READINGS,
    NEGATIVE_SHARE,
    SHORT_HISTORY,
    Finding,
)
from settlement.records import Campaign
from settlement.remuneration import ZERO, energy, pay, share
from settlement.summary import SettlementSummary, summary
from settlement.tables import Readout, Tables
from settlement.verification import (
    MIN_PLACEBO_DAYS,
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
FINISHED, SETTLED = str(FCV.CampaignFinished), str(FCV.CampaignSettled)


@dataclass(frozen=True)
class _Measured:
    """A call with what was measured; no interval means that nothing can be said of it."""

    call: Call
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
    called, idle = calls(store, found)
    readout, weather = read(store, iris, channels, readings, found, called)
    _refuse_while_missing(found, called, readout, at, grace)
    measured = _measure(found, called, tables(readout, weather), holidays)
    doubts = [finding for each in idle for finding in each.findings]
    books = _books(found, measured, doubts, _Lineage(iris, readings, found, weather))
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


def _refuse_while_missing(campaign: Campaign, called: Sequence[Call], readout: Readout, at: datetime, grace: timedelta) -> None:
    missing = {call.event.channel: int(np.isnan(_metered(call, readout)[call.inside.counts]).sum()) for call in called}
    late = {channel: count for channel, count in missing.items() if count}
    if late and at < campaign.end + grace:
        raise NotYetError(
            f"{campaign.iri} lacks {sum(late.values())} readings of its event (of {', '.join(sorted(late))}); they are waited for until "
            f"{instant(campaign.end + grace)}, and then count as not delivered"
        )


def _metered(call: Call, readout: Readout) -> Array:
    return readout.pick(readout.rows(call.slots), [call.event.channel])[:, 0]


def _measure(campaign: Campaign, called: Sequence[Call], days: Tables, holidays: frozenset[date]) -> list[_Measured]:
    measured = []
    for call in called:
        site = measure(case(call, days, holidays))
        missing = int(np.isnan(site.metered_kw[call.inside.counts]).sum())
        measured.append(_Measured(call, site, site_interval(site, campaign.hours), missing))
    return measured


@dataclass(frozen=True)
class _Lineage:
    """Finds the days of readings that a figure rests on."""

    iris: Iris
    readings: Readings
    campaign: Campaign
    weather: Sequence[str]

    def of_event(self, call: Call) -> tuple[UsedDay, ...]:
        return self._nodes(call.event.channel, call.slots)

    def of_baseline(self, call: Call, days: Sequence[int]) -> tuple[UsedDay, ...]:
        today = call.slots[0].astimezone(call.event.zone).date().toordinal()
        hours = (*call.before, *call.slots)
        times = [moved for day in days for moved in same_hours(hours, call.event.zone, day - today) if moved is not None]
        nodes = self._nodes(call.event.channel, [*times, *call.before])
        if call.contract.baseline_method != WEATHER_METHOD:
            return nodes
        return nodes + tuple(node for channel in self.weather for node in self._nodes(channel, [*times, *call.slots]))

    def flagged(self, call: Call) -> int:
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
