"""Measure what a campaign delivered, on the portfolio, with the uncertainty that days without an event show.

Symbols: site i, slot t, placebo day k, h = length of a slot [h], b baseline, m metered, q asked [kW].

    r_it = b_it − m_it                      in the slots that count; not a number where a reading is missing
    delivered_t = clip(Σ_i r_it, 0, q_t)    kW; what is missing is not delivered
    e_k = h · Σ_i Σ_t (b_itk − m_itk)       kWh; the same method, the same hours, a similar day on which nobody was called
    interval = h · Σ_it r_it − quantile(e, ½ ± confidence/2)

The quantiles are the conformal order statistics ⌈(n+1)p⌉ and ⌊(n+1)(1−p)⌋, which keep what they promise on few days.

References
----------
IPMVP Core Concepts 2022, option C (avoided energy use); Lei, G'Sell, Rinaldo, Tibshirani, Wasserman (2018),
doi:10.1080/01621459.2017.1307116 (conformal quantiles).
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta

import numpy as np

from settlement.baselines import Baseline, History, Method, Today
from settlement.baselines.method import Array, Day
from settlement.days import HISTORY, similar_rows

CONFIDENCE = 0.8
PLACEBO_DAYS = 20
MIN_PLACEBO_DAYS = 9  # fewer, and a conformal interval of 80 % has no end


@dataclass(frozen=True)
class Case:
    """One site in one campaign, as arrays.

    Parameters
    ----------
    key
        Names the site in results.
    method
        Baseline method of its contract.
    table
        All days that are at hand, the event's among them, in the hours of the site's own slots.
    day
        The event's local day, an ordinal.
    first
        Position of the site's first slot in the campaign's slots.
    excluded
        Local days on which this site was called, and so no days like any other.
    holidays
        Working days that count as weekend.
    """

    key: str
    method: Method
    table: History
    day: Day
    first: int
    excluded: frozenset[date] = frozenset()
    holidays: frozenset[date] = frozenset()


@dataclass(frozen=True)
class Measure:
    """What was measured at one site: arrays over its own slots [kW], placebo errors by day."""

    key: str
    first: int
    baseline: Baseline
    metered_kw: Array
    reduction_kw: Array = field(repr=False)
    placebo_kw: Mapping[Day, Array] = field(repr=False)

    @property
    def counted(self) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
        """Slots with both a baseline and a reading."""
        return ~np.isnan(self.reduction_kw)


@dataclass(frozen=True)
class Interval:
    """Where the true reduction lies with the given confidence [kWh], and how far the method was off on placebo days."""

    lower: float
    upper: float
    bias: float
    days: int
    confidence: float = CONFIDENCE


def baseline_on(case: Case, day: Day) -> Baseline:
    """Compute a site's baseline for a day of its table from the similar days before it."""
    rows = similar_rows(case.table.days, day, HISTORY, case.excluded, case.holidays)
    at = int(np.flatnonzero(case.table.days == day)[0])
    return case.method(case.table.take(rows), Today(case.table.before_kw[at], case.table.weather[at]))


def measure(case: Case, *, placebo_days: int = PLACEBO_DAYS) -> Measure:
    """Compute baseline, reduction and placebo errors of one site."""
    baseline = baseline_on(case, case.day)
    metered_kw = case.table.window_kw[int(np.flatnonzero(case.table.days == case.day)[0])]
    return Measure(
        case.key,
        case.first,
        baseline,
        metered_kw,
        baseline.kw - metered_kw,
        placebo_errors(case, placebo_days) if not baseline.disqualified else {},
    )


def placebo_errors(case: Case, count: int) -> dict[Day, Array]:
    """Apply the method to the most recent similar days without an event: baseline − metered [kW] by day."""
    errors: dict[Day, Array] = {}
    span = timedelta(days=case.day - int(case.table.days.min()))
    for row in similar_rows(case.table.days, case.day, span, case.excluded, case.holidays):
        if len(errors) == count:
            break
        if np.isnan(case.table.window_kw[row]).any():
            continue
        earlier = int(case.table.days[row])
        baseline = baseline_on(case, earlier)
        if not baseline.disqualified:
            errors[earlier] = baseline.kw - case.table.window_kw[row]
    return errors


def interval(reduction: float, errors: Sequence[float], confidence: float = CONFIDENCE) -> Interval | None:
    """Put an interval about a measured reduction; `None` without a single placebo day.

    Parameters
    ----------
    reduction
        Measured [kWh].
    errors
        Baseline − metered on placebo days [kWh].
    confidence
        Share of cases in which the interval is to hold the truth.
    """
    if not errors:
        return None
    ordered, n = sorted(errors), len(errors)
    p = 0.5 + confidence / 2
    high = ordered[min(n, math.ceil((n + 1) * p - 1e-9)) - 1]
    low = ordered[max(1, math.floor((n + 1) * (1 - p) + 1e-9)) - 1]
    return Interval(reduction - high, reduction - low, float(np.mean(ordered)), n, confidence)


def site_interval(site: Measure, hours: float) -> Interval | None:
    """Put an interval about one site's measured reduction [kWh]."""
    errors = [float(error[site.counted].sum()) * hours for error in site.placebo_kw.values()]
    return interval(float(site.reduction_kw[site.counted].sum()) * hours, errors)


def portfolio_reduction(sites: Sequence[Measure], slots: int) -> Array:
    """Add the sites' reductions slot by slot [kW]; what is missing adds nothing."""
    total = np.zeros(slots)
    for site in sites:
        total[site.first : site.first + len(site.reduction_kw)] += np.nan_to_num(site.reduction_kw)
    return total


def delivered(reduction_kw: Array, asked_kw: Array) -> Array:
    """Keep what counts as delivered in each slot: not below zero, not above what was asked [kW]."""
    return np.clip(reduction_kw, 0.0, asked_kw)


def portfolio_interval(sites: Sequence[Measure], hours: float) -> Interval | None:
    """Put an interval about the sum of the sites' reductions [kWh], from days on which every site has a placebo."""
    measured = [site for site in sites if not site.baseline.disqualified]
    if not measured:
        return None
    common = set.intersection(*(set(site.placebo_kw) for site in measured))
    errors = [hours * sum(float(site.placebo_kw[day][site.counted].sum()) for site in measured) for day in sorted(common)]
    reduction = hours * sum(float(site.reduction_kw[site.counted].sum()) for site in measured)
    return interval(reduction, errors)
