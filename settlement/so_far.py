"""What a campaign has delivered up to now: an estimate by the code that settles it, which the settlement replaces.

The same calls, baselines, caps and shares as in `settlement.run`, over the slots that are over and the readings that have come. A baseline
needs the days before the event only, so it is computed once for a home and its slots; again, once a slot, where readings of its own were
missing. A regression on the weather needs the event's own: it is computed for the slots whose weather has come, anew with each of them.
"""

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import Decimal

import numpy as np

from kg.iris import Iris
from kg.store import Store
from market.contracts import Contract
from settlement import calls, records
from settlement.baselines.method import Array
from settlement.calls import WEATHER_METHOD, Call, Idle, called_kw
from settlement.findings import MISSING_WEATHER, SHORT_HISTORY, Finding
from settlement.inside import agreed
from settlement.records import Campaign
from settlement.remuneration import ZERO, energy, share
from settlement.tables import Readout
from settlement.verification import Interval, Measure, delivered, measure, portfolio_interval, portfolio_reduction
from telemetry.channels import Channels
from telemetry.readings import Readings


@dataclass(frozen=True)
class HomeSoFar:
    """One home that was called; arrays over the campaign's slots, NaN where there is nothing to say.

    Attributes
    ----------
    baseline_kw, metered_kw : mean power at the grid connection [kW], import positive
    due : its slots that count and are over
    come : of these, those with a baseline and a reading
    measured_kwh : Σ baseline − metered over `come`
    share_kwh : its part of what the portfolio has delivered
    newest : end of its newest reading; `None` without any
    doubt : code of the finding for which nothing can be measured; empty if there is none
    """

    event: str
    member: str
    baseline_kw: Array
    metered_kw: Array
    due: int
    come: int
    measured_kwh: Decimal
    share_kwh: Decimal
    newest: datetime | None
    doubt: str


@dataclass(frozen=True)
class SoFar:
    """A campaign up to `at`; arrays over its slots [kW].

    Attributes
    ----------
    over : how many slots are over
    called_kw : what boxes have accepted to reduce, in all slots
    reduction_kw : Σ baseline − metered; NaN where no reading has come
    delivered_kw : what of it counts: not below zero, not above what was asked
    due, come : homes whose slot counts and is over, and those of them with a reading
    homes : by IRI of the event
    delivered_kwh : what counts so far
    bounds : between which it lies in four of five cases [kWh]; `None` without days to tell the baseline's error from
    """

    campaign: Campaign
    at: datetime
    over: int
    called_kw: Array
    reduction_kw: Array
    delivered_kw: Array
    due: tuple[int, ...]
    come: tuple[int, ...]
    homes: Mapping[str, HomeSoFar]
    delivered_kwh: Decimal
    bounds: tuple[Decimal, Decimal] | None

    @property
    def silent(self) -> tuple[HomeSoFar, ...]:
        """Homes of which readings are due and none has come."""
        return tuple(home for home in self.homes.values() if home.due and not home.come and not home.doubt)

    @property
    def behind(self) -> tuple[HomeSoFar, ...]:
        """Homes of which some of the readings that are due have not come."""
        return tuple(home for home in self.homes.values() if 0 < home.come < home.due)

    @property
    def unmeasured(self) -> tuple[HomeSoFar, ...]:
        """Homes of which nothing can be measured, whatever comes."""
        return tuple(home for home in self.homes.values() if home.doubt)

    @property
    def newest(self) -> datetime | None:
        """End of the newest reading of its homes."""
        return max((home.newest for home in self.homes.values() if home.newest), default=None)


_Key = tuple[str, str, tuple[datetime, ...], tuple[datetime, ...], frozenset[date]]


class Running:
    """One campaign while it runs: remembers contracts and baselines from one estimate to the next."""

    def __init__(self, store: Store, iris: Iris, channels: Channels, readings: Readings, campaign: str) -> None:
        self._store, self._iris, self._channels, self._readings, self._campaign = store, iris, channels, readings, campaign
        self._contracts: dict[str, tuple[Contract | None, tuple[Finding, ...]]] = {}
        self._known: dict[_Key, tuple[int, Measure]] = {}
        self._turn = threading.Lock()

    def so_far(self, at: datetime) -> SoFar:
        """Estimate what was delivered in the slots that are over at an instant.

        Raises
        ------
        SettlementError
            If the graph has no such campaign with a request.
        """
        with self._turn:
            return self._estimate(at)

    def _estimate(self, at: datetime) -> SoFar:
        campaign = records.campaign(self._store, self._campaign)
        slots = len(campaign.asked_kw)
        over = min(max((at - campaign.start) // campaign.step, 0), slots)
        called, idle = calls.calls(self._store, campaign, self._agreed)
        event, weather = self._event(campaign, called, over)
        cut = {call.event.iri: _until(call, weather) for call in called}
        self._remember(campaign, [call for call in cut.values() if call.slots], over)
        sites = {iri: _held_against(event, call, self._known[_key(call)][1]) for iri, call in cut.items() if call.slots}
        measured = {iri: site for iri, site in sites.items() if site.placebo_kw and site.counted.any()}
        reduction_kw = portfolio_reduction(list(measured.values()), slots)
        delivered_kwh, shares = _shares(campaign, cut, measured, reduction_kw)
        latest = self._latest(called)
        homes = [
            _home(call, sites.get(call.event.iri), event, (over, slots), latest.get(call.event.channel), shares.get(call.event.iri))
            for call in called
        ]
        homes += [_unmeasured(each, slots) for each in idle]
        due, come = _counts(called, measured, {home.event for home in homes if home.doubt}, over, slots)
        none = np.array(come) == 0
        return SoFar(
            campaign,
            at,
            over,
            called_kw(self._store, campaign),
            np.where(none, np.nan, reduction_kw),
            np.where(none, np.nan, delivered(reduction_kw, campaign.asked_kw)),
            due,
            come,
            {home.event: home for home in homes},
            delivered_kwh,
            _bounds(campaign, over, portfolio_interval(list(measured.values()), campaign.hours), delivered_kwh),
        )

    def _agreed(self, store: Store, contract: str) -> tuple[Contract | None, tuple[Finding, ...]]:
        if contract not in self._contracts:
            self._contracts[contract] = agreed(store, contract)
        return self._contracts[contract]

    def _event(self, campaign: Campaign, called: Sequence[Call], over: int) -> tuple[Readout, int]:
        """Read the slots that are over, and tell up to which of them the weather has come."""
        weather = calls.weather_of(self._store, self._iris, self._channels, called)
        wanted = tuple(dict.fromkeys([*(call.event.channel for call in called), *weather]))
        values = np.full((len(campaign.asked_kw), len(wanted)), np.nan)
        known = [channel for channel in wanted if self._channels.get(channel)]
        if over and known:
            frame = self._readings.frame(known, campaign.start, campaign.start + campaign.step * over, campaign.step)
            values[:over, [wanted.index(channel) for channel in known]] = frame.to_numpy()
        missing = np.isnan(values[:, [wanted.index(channel) for channel in weather]]).any(axis=1)
        return Readout(campaign.start, campaign.step, wanted, values), int(np.argmax(missing)) if missing.any() else len(missing)

    def _remember(self, campaign: Campaign, called: Sequence[Call], over: int) -> None:
        """Compute the baselines that are not known yet, or were short of readings a slot ago."""
        wanted = [call for call in called if self._wanting(call, over)]
        if not wanted:
            return
        until = campaign.start + campaign.step * over
        readout, weather = calls.read(self._store, self._iris, self._channels, self._readings, campaign, wanted, until=until)
        days = calls.tables(readout, weather)
        for call in wanted:
            self._known[_key(call)] = (over, measure(calls.case(call, days)))

    def _wanting(self, call: Call, over: int) -> bool:
        found = self._known.get(_key(call))
        if found is None:
            return True
        when, site = found
        return when < over and bool(site.baseline.findings or not site.placebo_kw)

    def _latest(self, called: Sequence[Call]) -> dict[str, datetime]:
        """End of the newest reading of each connection."""
        known = {call.event.channel: found for call in called if (found := self._channels.get(call.event.channel))}
        return {iri: at + known[iri].step for iri, (at, _value) in self._readings.latest(list(known)).items()}


def _key(call: Call) -> _Key:
    return (call.event.iri, call.contract.baseline_method, call.slots, call.before, call.excluded)


def _until(call: Call, weather: int) -> Call:
    """Cut a call whose baseline needs the weather to the campaign's first slots, whose weather has come."""
    if call.contract.baseline_method != WEATHER_METHOD:
        return call
    own = max(weather - call.first, 0)
    within = replace(call.inside, counts=call.inside.counts[:own], instructed_kw=call.inside.instructed_kw[:own])
    return replace(call, slots=call.slots[:own], inside=within)


def _metered(event: Readout, call: Call) -> Array:
    """What was metered in a call's slots; outside the contract nothing is counted."""
    metered_kw = event.pick(event.rows(call.slots), [call.event.channel])[:, 0]
    metered_kw[~call.inside.counts] = np.nan
    return metered_kw


def _held_against(event: Readout, call: Call, site: Measure) -> Measure:
    """Put what has been metered by now beside a baseline that was computed before."""
    metered_kw = _metered(event, call)
    return replace(site, metered_kw=metered_kw, reduction_kw=site.baseline.kw - metered_kw)


def _shares(
    campaign: Campaign, cut: Mapping[str, Call], measured: Mapping[str, Measure], reduction_kw: Array
) -> tuple[Decimal, dict[str, tuple[Decimal, Decimal]]]:
    """What counts of the portfolio's reduction, and by event: measured and its share [kWh]."""
    hours = campaign.hours
    own, instructed = [], []
    for iri, site in measured.items():
        baseline_kwh = energy(float(site.baseline.kw[site.counted].sum()) * hours)
        own.append(baseline_kwh - energy(float(site.metered_kw[site.counted].sum()) * hours))
        instructed.append(energy(float(cut[iri].inside.instructed_kw[site.counted].sum()) * hours))
    shares = share(energy(float(delivered(reduction_kw, campaign.asked_kw).sum()) * hours), own, instructed)
    return shares.delivered, dict(zip(measured, zip(own, shares.members, strict=True), strict=True))


def _bounds(campaign: Campaign, over: int, interval: Interval | None, delivered_kwh: Decimal) -> tuple[Decimal, Decimal] | None:
    """Cap an interval at what was asked so far, and stretch it to hold what counts as delivered."""
    if interval is None:
        return None
    asked = float(campaign.asked_kw[:over].sum()) * campaign.hours
    lower, upper = (energy(min(each, asked)) for each in (interval.lower, interval.upper))
    return min(lower, delivered_kwh), max(upper, delivered_kwh)


def _home(
    call: Call,
    site: Measure | None,
    event: Readout,
    far: tuple[int, int],
    newest: datetime | None,
    shared: tuple[Decimal, Decimal] | None,
) -> HomeSoFar:
    over, slots = far
    baseline_kw, metered_kw = np.full(slots, np.nan), np.full(slots, np.nan)
    metered_kw[call.first : call.first + len(call.slots)] = _metered(event, call)
    if site is not None:
        baseline_kw[call.first : call.first + len(site.baseline.kw)] = site.baseline.kw
    due = int(call.inside.counts[: max(over - call.first, 0)].sum())
    own, part = shared or (ZERO, ZERO)
    come = int(site.counted.sum()) if site is not None and shared is not None else 0
    doubt = _doubt(site) if due else ""
    return HomeSoFar(call.event.iri, call.event.member, baseline_kw, metered_kw, due, come, own, part, newest, doubt)


def _doubt(site: Measure | None) -> str:
    if site is None:
        return MISSING_WEATHER
    if site.baseline.disqualified:
        return site.baseline.findings[0].code
    return "" if site.placebo_kw else SHORT_HISTORY


def _unmeasured(idle: Idle, slots: int) -> HomeSoFar:
    nothing = np.full(slots, np.nan)
    return HomeSoFar(idle.event.iri, idle.event.member, nothing, nothing, 0, 0, ZERO, ZERO, None, idle.findings[0].code)


def _counts(
    called: Sequence[Call], measured: Mapping[str, Measure], without: set[str], over: int, slots: int
) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """By slot: homes of which a reading is due, and of which one has come."""
    due, come = np.zeros(slots, dtype=np.int64), np.zeros(slots, dtype=np.int64)
    for call in called:
        if call.event.iri not in without:
            due[call.first : call.first + len(call.slots)] += call.inside.counts
    due[over:] = 0
    for site in measured.values():
        come[site.first : site.first + len(site.counted)] += site.counted
    return tuple(due.tolist()), tuple(come.tolist())
