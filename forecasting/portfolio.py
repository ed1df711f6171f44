"""Quantile regression of the portfolio's sum: the one place where a model per quantile pays.

References
----------
Koenker and Bassett (1978), Regression quantiles, doi:10.2307/1913643; fitted by `statsmodels.regression.quantile_regression.QuantReg`.
"""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from rdflib import URIRef
from statsmodels.regression.quantile_regression import QuantReg
from statsmodels.tools.sm_exceptions import IterationLimitWarning

from forecasting.backtest import measured, origins
from forecasting.intervals import LEVELS, coverage, pinball
from forecasting.models import Data
from forecasting.window import Array, Window, mean_known, recent_days
from ontology.names import FCV

_LEAST_ROWS = 96  # hours: four days, below which nothing is fitted


@dataclass(frozen=True)
class QuantileRegression:
    """p10, p50, p90 of one series, each a linear function of hour, weekend, 7-day mean, recent level and temperature.

    Trained on one step an hour: neighbouring quarter-hours say nearly the same, and the fit costs four times less.
    """

    iri: URIRef = field(default_factory=lambda: FCV.QuantileRegression)

    def quantiles(self, data: Data, windows: Sequence[Window]) -> Array:
        """Forecast (levels, windows, steps) [kW] of the first series, rising over levels; NaN where too little is known."""
        past = {earlier: _rows(data, earlier) for window in windows for earlier in _training(window)}
        return np.stack([self._window(data, window, past) for window in windows], axis=1)

    def _window(self, data: Data, window: Window, past: dict[Window, tuple[Array, Array]]) -> Array:
        rows = [past[earlier] for earlier in _training(window)]
        features = np.concatenate([row[0] for row in rows]) if rows else np.empty((0, 0))
        if len(features) < _LEAST_ROWS:
            return np.full((len(LEVELS), window.steps), np.nan)
        wanted = np.concatenate([row[1] for row in rows])
        asked = _features(data, window, data.foreseen[window])
        return np.sort([asked @ _coefficients(wanted, features, level) for level in LEVELS], axis=0)


@dataclass(frozen=True)
class QuantileTrial:
    """How quantile regression did on the past days.

    Parameters
    ----------
    widen_kw
        By how much p10 and p90 are moved outwards so that four in five past steps lie between them [kW].
    pinball_kw, coverage
        Mean quantile loss and share inside p10 … p90, each day judged with a widening found without it.
    rmse_kw
        Of the median.
    """

    widen_kw: float
    pinball_kw: float
    rmse_kw: float
    coverage: float
    steps: int


def trial(data: Data, window: Window) -> QuantileTrial:
    """Judge quantile regression by the same rolling origins as the other models."""
    past = origins(window)
    truth = measured(data, past, window.known)[0]
    found = QuantileRegression().quantiles(data, past)
    outside = np.maximum(found[0] - truth, truth - found[-1])
    held = np.array([_widening(np.delete(outside, at, axis=0)) for at in range(len(past))])
    wide = widened(found, held[:, None])
    miss = truth - found[1]
    judged = np.isfinite(miss)
    rmse = float(np.sqrt((miss[judged] ** 2).mean())) if judged.any() else float("nan")
    return QuantileTrial(_widening(outside), pinball(truth, wide), rmse, coverage(truth, wide), int(judged.sum()))


def widened(quantiles: Array, by_kw: Array | float) -> Array:
    """Move the lowest quantile down and the highest up; never past the median.

    References
    ----------
    Romano, Patterson, Candès (2019), Conformalized quantile regression, arXiv:1905.03222, eq. 5 and 8.
    """
    low, middle, high = quantiles
    return np.stack([np.minimum(low - by_kw, middle), middle, np.maximum(high + by_kw, middle)])


def _widening(outside: Array) -> float:
    known = np.sort(outside[np.isfinite(outside)])
    if not known.size:
        return float("nan")
    rank = int(np.ceil((known.size + 1) * (LEVELS[-1] - LEVELS[0])))
    return float(known[min(rank, known.size) - 1])


def _training(window: Window) -> list[Window]:
    return [window.back(day) for day in range(window.settled_after, window.known // window.per_day)]


def _rows(data: Data, window: Window) -> tuple[Array, Array]:
    features = _features(data, window, data.weather[:, window.targets])
    wanted = data.values[0, window.targets]
    hourly = np.arange(0, window.steps, max(window.per_day // 24, 1))
    usable = hourly[np.isfinite(features[hourly]).all(axis=1) & np.isfinite(wanted[hourly])]
    return features[usable], wanted[usable]


def _features(data: Data, window: Window, weather: Array) -> Array:
    hour, weekend = data.calendar[:, window.targets]
    waves = [wave(2 * np.pi * k * hour / 24) for k in (1, 2) for wave in (np.sin, np.cos)]
    one = Data(data.values[:1], data.calendar, data.weather, data.foreseen)
    base = mean_known(recent_days(one.values, window), axis=1)[0]
    level = mean_known(one.values[:, max(window.known - window.per_day, 0) : window.known], axis=1)
    columns = [np.ones(window.steps), *waves, weekend, base, np.full(window.steps, level[0])]
    if weather.shape[0]:  # the first row is air temperature
        unusual = weather[0] - mean_known(recent_days(data.weather[:1], window), axis=1)[0]
        columns.append(np.where(np.isfinite(unusual), unusual, 0.0))
    return np.stack(columns, axis=1)


def _coefficients(wanted: Array, features: Array, level: float) -> Array:
    # the last iterate is still judged by the backtest; standard errors, which a flat series makes infinite, are not used
    with warnings.catch_warnings(), np.errstate(divide="ignore", invalid="ignore"):
        warnings.simplefilter("ignore", IterationLimitWarning)
        found = QuantReg(wanted, features).fit(q=level, max_iter=200, p_tol=1e-4)  # kW a unit of the feature
    return np.asarray(found.params, dtype=float)
