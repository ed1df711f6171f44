"""Forecast models over arrays, batched over series: they see numbers, never the graph.

Each model answers `predict(data, windows)`: forecasts for several windows (rolling origins) at once, each made only from what was known
at its own issue time. `MODELS` lists them by their IRI.

Sources: the seasonal naive and the 7-day mean are the usual references of day-ahead load forecasting (Hyndman and Athanasopoulos,
Forecasting: Principles and Practice, 3rd ed., ch. 5.2); ridge regression by normal equations after Hoerl and Kennard (1970),
doi:10.1080/00401706.1970.10488634.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from rdflib import URIRef

from forecasting.window import Array, Window, mean_known, recent_days
from ontology.names import FCV

_CHUNK = 64  # series at a time: bounds the design matrix to some 25 MB
_LEAST_DAYS = 4  # of training, below which a regression is not fitted


@dataclass(frozen=True)
class Data:
    """What models may use, on one grid of steps.

    Parameters
    ----------
    values
        Measured values (series, T) [kW], NaN where missing.
    calendar
        Local hour of day and weekend flag (2, T + what is forecast) [h; 0 or 1].
    weather
        Measured weather (variables, T): air temperature [°C], direct and diffuse irradiance [W/m²]; may have no rows.
    foreseen
        For a window, the weather as it was known at the window's issue time (variables, steps).
    """

    values: Array
    calendar: Array
    weather: Array
    foreseen: Mapping[Window, Array]

    def only(self, rows: Sequence[int] | slice) -> "Data":
        """The same for some of the series."""
        return Data(self.values[rows], self.calendar, self.weather, self.foreseen)


class Model(Protocol):
    """A way to forecast many series at once."""

    @property
    def iri(self) -> URIRef:
        """Its individual in the vocabulary."""
        ...

    def predict(self, data: Data, windows: Sequence[Window]) -> Array:
        """Forecast (series, windows, steps) [kW]; NaN where too little is known."""
        ...


@dataclass(frozen=True)
class SeasonalNaive:
    """The same step of the most recent known day; the reference of MASE."""

    iri: URIRef = field(default_factory=lambda: FCV.SeasonalNaive)

    def predict(self, data: Data, windows: Sequence[Window]) -> Array:
        """See `Model.predict`."""
        return np.stack([recent_days(data.values, window, 1)[:, 0] for window in windows], axis=1)


@dataclass(frozen=True)
class SevenDayMean:
    """The mean of the same step over the last seven days known at issue time; missing days are left out, not filled."""

    iri: URIRef = field(default_factory=lambda: FCV.SevenDayMean)

    def predict(self, data: Data, windows: Sequence[Window]) -> Array:
        """See `Model.predict`."""
        return np.stack([mean_known(recent_days(data.values, window), axis=1) for window in windows], axis=1)


@dataclass(frozen=True)
class Moments:
    """Sums that a least-squares fit needs, of one past window (series, …); they add up over windows."""

    gram: Array
    cross: Array

    @property
    def samples(self) -> Array:
        """How many steps went in, by series."""
        return self.gram[:, 0, 0]


@dataclass(frozen=True)
class RidgeRegression:
    """Ridge regression of the departure from the 7-day mean, all series at once.

    y − m = β·x, where m is the 7-day mean and x holds: Fourier terms of the local hour, weekend and its Fourier terms, the latest two
    known days and the day a week before as departures from m, the level of the last 24 h, m itself, and weather as
    departure from its own 7-day mean, each also times the first Fourier pair. Features are standardised by series, so that one
    penalty fits all; with a large one the forecast becomes the 7-day mean. A lag that is missing counts as m, weather that is missing
    as usual weather. Training takes measured weather, prediction the weather as known at issue time.
    """

    penalty: float = 0.3
    iri: URIRef = field(default_factory=lambda: FCV.RidgeRegression)

    def predict(self, data: Data, windows: Sequence[Window]) -> Array:
        """See `Model.predict`; fits for each window on the earlier windows that were all measured by its issue time."""
        series = data.values.shape[0]
        parts = [self._predict(data.only(slice(at, at + _CHUNK)), windows) for at in range(0, series, _CHUNK)]
        return np.concatenate(parts) if parts else np.empty((0, len(windows), windows[0].steps))

    def fit(self, moments: Sequence[Moments]) -> tuple[Array, Array]:
        """Solve the normal equations.

        Returns
        -------
        tuple
            Intercepts (series,) and coefficients (series, features); NaN where fewer than four days of samples are known.
        """
        gram = np.sum([part.gram for part in moments], axis=0)
        cross = np.sum([part.cross for part in moments], axis=0)
        count = np.maximum(gram[:, 0, 0], 1.0)
        mean, mean_y = gram[:, 0, 1:] / count[:, None], cross[:, 0] / count
        spread = gram[:, 1:, 1:] / count[:, None, None] - mean[:, :, None] * mean[:, None, :]
        scale = np.sqrt(np.maximum(np.einsum("hff->hf", spread), 0.0))
        scale = np.where(scale > 1e-6, scale, np.inf)  # a feature that never varies says nothing
        system = spread / scale[:, :, None] / scale[:, None, :] + self.penalty * np.eye(mean.shape[1])
        right = (cross[:, 1:] / count[:, None] - mean * mean_y[:, None]) / scale
        slopes = np.linalg.solve(system, right[:, :, None])[:, :, 0] / scale
        return mean_y - (slopes * mean).sum(axis=1), slopes

    def _predict(self, data: Data, windows: Sequence[Window]) -> Array:
        past: dict[Window, Moments] = {}
        out = []
        for window in windows:
            training = [past.setdefault(w, moments(data, w)) if w not in past else past[w] for w in _earlier(window)]
            features, base = design(data, window, data.foreseen[window])
            if not training:
                out.append(np.full(base.shape, np.nan))
                continue
            intercept, slopes = self.fit(training)
            enough = sum(part.samples for part in training) >= _LEAST_DAYS * min(window.steps, window.per_day)
            predicted = base + intercept[:, None] + np.matmul(features[:, :, 1:], slopes[:, :, None])[:, :, 0]
            out.append(np.where(np.asarray(enough)[:, None], predicted, np.nan))
        return np.stack(out, axis=1)


def _earlier(window: Window) -> list[Window]:
    """Windows like this one, all of whose steps were measured when it was issued, and which have a day of history themselves."""
    days = range(window.settled_after, window.known // window.per_day)
    return [window.back(day) for day in days]


def moments(data: Data, window: Window) -> Moments:
    """Sum up one past window, with measured weather; steps whose value or 7-day mean is missing don't count."""
    targets = window.targets
    features, base = design(data, window, data.weather[:, targets])
    wanted = data.values[:, targets] - base
    counts = np.isfinite(wanted)
    features = np.where(counts[:, :, None], features, 0.0)
    transposed = features.transpose(0, 2, 1)
    wanted = np.where(counts, wanted, 0.0)
    return Moments(np.matmul(transposed, features), np.matmul(transposed, wanted[:, :, None])[:, :, 0])


def design(data: Data, window: Window, weather: Array) -> tuple[Array, Array]:
    """Lay out the regression's features, from nothing later than the window's issue time but the weather that is given.

    Returns
    -------
    tuple
        Features (series, steps, features), the first of which is 1, and the 7-day mean (series, steps).
    """
    days = recent_days(data.values, window)
    base = mean_known(days, axis=1)
    own = [_or_zero(days[:, lag] - base) for lag in (0, 1, 6)]
    level = mean_known(data.values[:, max(window.known - window.per_day, 0) : window.known], axis=1)
    usual = mean_known(data.values[:, max(window.known - 7 * window.per_day, 0) : window.known], axis=1)
    own += [np.broadcast_to(_or_zero(level - usual)[:, None], base.shape), _or_zero(base)]
    shared = _shared(data, window, weather)
    block = np.broadcast_to(shared, (base.shape[0], *shared.shape))
    return np.concatenate([block, np.stack(own, axis=2)], axis=2), base


def _shared(data: Data, window: Window, weather: Array) -> Array:
    hour, weekend = data.calendar[:, window.targets]
    waves = [wave(2 * np.pi * k * hour / 24) for k in (1, 2, 3) for wave in (np.sin, np.cos)]
    columns = [np.ones(window.steps), *waves, weekend, *(weekend * wave for wave in waves[:4])]
    if weather.shape[0]:
        usual = mean_known(recent_days(data.weather, window), axis=1)
        unusual = _or_zero(weather - usual)
        columns += [row * wave for row in unusual for wave in (np.ones(window.steps), *waves[:2])]
    return np.stack(columns, axis=1)


def _or_zero(values: Array) -> Array:
    return np.where(np.isfinite(values), values, 0.0)


MODELS: dict[URIRef, Model] = {model.iri: model for model in (SeasonalNaive(), SevenDayMean(), RidgeRegression())}
