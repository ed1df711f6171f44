"""Rolling-origin backtest: every candidate forecasts the last days from what was known then; the better one is chosen."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from rdflib import URIRef

from forecasting.intervals import bands, coverage, left_out_bands, pinball
from forecasting.models import Data, Model, RidgeRegression, SeasonalNaive, SevenDayMean
from forecasting.window import Array, Window

CANDIDATES: tuple[Model, ...] = (SevenDayMean(), RidgeRegression())
_ENOUGH_TO_POOL = 100  # residuals of one step, from which neighbouring steps need not be asked


@dataclass(frozen=True)
class Score:
    """How one model did for one kind of channel over the same past steps as its rivals.

    Parameters
    ----------
    rmse_kw
        Root of the mean squared error over all series of the kind [kW].
    mase
        Mean absolute error over that of the seasonal naive on the same steps; below 1 is better than naive.
    steps
        How many measured steps it was judged on.
    """

    kind: str
    model: URIRef
    rmse_kw: float
    mase: float
    steps: int


@dataclass(frozen=True)
class Backtest:
    """The outcome for one kind of channel.

    Parameters
    ----------
    chosen
        The candidate with the smallest RMSE.
    scores
        Of the seasonal naive (the reference, never chosen) and each candidate.
    offsets
        What turns a forecast into p10, p50, p90 (3, series, steps) [kW].
    coverage
        Share of steps inside p10 … p90, each judged by bands made without its own day.
    pinball_kw
        Mean quantile loss of the same bands [kW].
    """

    chosen: Model
    scores: tuple[Score, ...]
    offsets: Array
    coverage: float
    pinball_kw: float


def origins(window: Window, most: int = 14) -> list[Window]:
    """List the windows of the last days that have at least a week of history, the latest first."""
    possible = (window.known - 7 * window.per_day) // window.per_day
    return [window.back(day) for day in range(1, max(min(most, possible), 1) + 1)]


def measured(data: Data, windows: Sequence[Window], known: int) -> Array:
    """What was measured in each window (series, windows, steps); NaN for what `known` does not cover yet."""
    padded = np.pad(data.values[:, :known], ((0, 0), (0, windows[0].steps + windows[0].first)), constant_values=np.nan)
    return np.stack([padded[:, window.targets] for window in windows], axis=1)


def backtest(kind: str, data: Data, window: Window, *, floor: float = -np.inf, candidates: Sequence[Model] = CANDIDATES) -> Backtest:
    """Compare the candidates on the days before a window.

    Parameters
    ----------
    floor
        The least that a value can be [kW]: 0 for what can't change its sign.
    """
    past = origins(window)
    truth = measured(data, past, window.known)
    models = [SeasonalNaive(), *candidates]
    errors = [truth - np.maximum(model.predict(data, past), floor) for model in models]
    usable = [error for error in errors if np.isfinite(error).any()]
    common = np.isfinite(usable).all(axis=0) if usable else np.isfinite(truth)
    scores = tuple(_score(kind, model, error[common], errors[0][common]) for model, error in zip(models, errors, strict=True))
    best = min(range(1, len(models)), key=lambda at: scores[at].rmse_kw if np.isfinite(scores[at].rmse_kw) else np.inf)
    residuals = errors[best]
    reach = neighbours(residuals, window)
    held = left_out_bands(residuals, reach)
    return Backtest(models[best], scores, bands(residuals, reach), coverage(residuals, held), pinball(residuals, held))


def neighbours(residuals: Array, window: Window) -> int:
    """Steps on either side to pool: an hour's worth where series and days alone are too few."""
    return 0 if residuals.shape[0] * residuals.shape[1] >= _ENOUGH_TO_POOL else max(window.per_day // 24, 1)


def _score(kind: str, model: Model, error: Array, naive: Array) -> Score:
    if not error.size or not np.isfinite(error).all():
        return Score(kind, model.iri, float("nan"), float("nan"), 0)
    scale = np.abs(naive).mean()
    mase = float(np.abs(error).mean() / scale) if scale > 0 else float("nan")
    return Score(kind, model.iri, float(np.sqrt((error**2).mean())), mase, error.size)
