"""What a baseline method gets and gives, and the registry that it enters itself in."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from settlement.findings import SHORT_HISTORY, Finding

Array = NDArray[np.float64]
Day = int  # proleptic Gregorian ordinal of a local day: `date.toordinal()`
MIN_DAYS = 5  # fewer similar days than this are no basis for money
TEN_DAYS = 10


@dataclass(frozen=True)
class History:
    """Similar days before the event: same kind of day, no event at this site.

    Parameters
    ----------
    days
        Local days, as ordinals, in any order.
    window_kw
        Mean power in the slots of the event's local hours [kW], shape (days, slots); NaN where missing.
    before_kw
        The same for the hours that the adjustment looks at, shape (days, slots before).
    weather
        Air temperature [°C] and irradiances [W/m²] in the window, shape (days, slots, quantities), temperature first;
        no quantities if there is no weather.
    """

    days: NDArray[np.int64]
    window_kw: Array
    before_kw: Array
    weather: Array

    def take(self, rows: NDArray[np.int64] | slice) -> "History":
        """Choose days by their rows."""
        return History(self.days[rows], self.window_kw[rows], self.before_kw[rows], self.weather[rows])


@dataclass(frozen=True)
class Today:
    """What is known of the event's day apart from what was metered in the event: shapes as in `History`, without days."""

    before_kw: Array
    weather: Array


@dataclass(frozen=True)
class Baseline:
    """What a site would have drawn without the event [kW], import positive; all NaN if the method is disqualified."""

    kw: Array
    days_used: tuple[Day, ...]
    adjustment_kw: float
    findings: tuple[Finding, ...]

    @property
    def disqualified(self) -> bool:
        """Whether the method gave no number at all."""
        return bool(np.isnan(self.kw).all())


Method = Callable[[History, Today], Baseline]
METHODS: dict[str, Method] = {}
"""Every baseline method by the IRI of its concept (`fcv:TenOfTen`, …)."""


def baseline_method(iri: str) -> Callable[[Method], Method]:
    """Register a method under the IRI of its concept in `ontology/`."""

    def register(method: Method) -> Method:
        METHODS[str(iri)] = method
        return method

    return register


def complete_days(history: History) -> History:
    """Keep the days whose window has every reading, most recent first."""
    complete = np.flatnonzero(~np.isnan(history.window_kw).any(axis=1))
    order = complete[np.argsort(-history.days[complete], kind="stable")]
    return history.take(order)


def disqualified(slots: int, sentence: str, code: str = SHORT_HISTORY) -> Baseline:
    """Give no number, and say why."""
    return Baseline(np.full(slots, np.nan), (), 0.0, (Finding(code, sentence),))


def too_short(history: History) -> Baseline | None:
    """Disqualify a history of fewer than `MIN_DAYS` complete days."""
    days, slots = history.window_kw.shape
    if days >= MIN_DAYS:
        return None
    return disqualified(
        slots,
        f"only {days} similar days with complete readings, but a baseline needs {MIN_DAYS}: "
        "no reduction is measured; settle again by hand once there are more",
    )
