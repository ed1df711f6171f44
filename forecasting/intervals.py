"""Quantiles from a backtest's residuals: conformal prediction by step of the day.

References
----------
Lei, G'Sell, Rinaldo, Tibshirani, Wasserman (2018), Distribution-free predictive inference for regression, JASA 113:1094,
doi:10.1080/01621459.2017.1307116: the (n + 1) ranks. Barber, Candès, Ramdas, Tibshirani (2021), Predictive inference with the jackknife+, doi:10.1214/20-AOS1965:
residuals of days that were left out.
"""

import numpy as np
from numpy.typing import NDArray

from forecasting.window import Array, mean_known

LEVELS = (0.1, 0.5, 0.9)


def bands(residuals: Array, reach: int, levels: tuple[float, ...] = LEVELS) -> Array:
    """Find the offsets that turn forecasts into their quantiles.

    Residuals are divided by the scale of their series and step, pooled over series of one kind and neighbouring steps, and the
    quantiles scaled back: one home's fortnight is too short to know its own tails (measured on 17 homes: docs/forecasting.md).

    Parameters
    ----------
    residuals
        Measured minus forecast (series, origins, steps) [kW]; NaN where unknown.
    reach
        Neighbouring steps on either side whose residuals count as well.

    Returns
    -------
    Array
        (levels, series, steps) [kW], rising over levels; NaN where no residual is known.
    """
    scale = _scale(residuals)
    pooled = np.sort(_pool(residuals / scale[:, None], reach), axis=0)  # NaN sort to the end
    count = np.isfinite(pooled).sum(axis=0)
    return np.stack([_at_rank(pooled, count, level) * scale for level in levels])


def left_out_bands(residuals: Array, reach: int, levels: tuple[float, ...] = LEVELS) -> Array:
    """Make each origin's bands from the other origins alone, to judge bands by days that they have not seen.

    Returns
    -------
    Array
        (levels, series, origins, steps) [kW]; NaN with fewer than two origins.
    """
    origins = residuals.shape[1]
    if origins < 2:
        return np.full((len(levels), *residuals.shape), np.nan)
    others = [bands(np.delete(residuals, origin, axis=1), reach, levels) for origin in range(origins)]
    return np.stack(others, axis=2)


def coverage(residuals: Array, offsets: Array) -> float:
    """Tell which share of residuals lies between the lowest and the highest offset (levels, …), 0 … 1; NaN if none is known."""
    judged = np.isfinite(residuals) & np.isfinite(offsets[0]) & np.isfinite(offsets[-1])
    inside = judged & (residuals >= offsets[0]) & (residuals <= offsets[-1])
    return float(inside.sum() / judged.sum()) if judged.any() else float("nan")


def pinball(measured: Array, quantiles: Array, levels: tuple[float, ...] = LEVELS) -> float:
    """Average the quantile loss of forecasts (levels, …) of what was measured (…) [kW]; lower is better.

    References
    ----------
    Koenker and Bassett (1978), Regression quantiles, doi:10.2307/1913643.
    """
    level = np.reshape(levels, (len(levels), *(1,) * measured.ndim))
    miss = measured[None] - quantiles
    loss = np.maximum(level * miss, (level - 1) * miss)
    judged = np.isfinite(loss).all(axis=0)
    return float(loss[:, judged].mean()) if judged.any() else float("nan")


def _scale(residuals: Array) -> Array:
    """Half the step's own spread, half the series': (series, steps), never zero."""
    by_step = np.sqrt(mean_known(residuals**2, axis=1))
    by_series = np.sqrt(mean_known((residuals**2).reshape(residuals.shape[0], -1), axis=1))[:, None]
    return np.maximum((by_step + by_series) / 2, 1e-9)


def _pool(residuals: Array, reach: int) -> Array:
    """(series, origins, steps) → (residuals that count, steps)."""
    steps = residuals.shape[2]
    padded = np.pad(residuals, ((0, 0), (0, 0), (reach, reach)), constant_values=np.nan)
    return np.concatenate([padded[:, :, at : at + steps].reshape(-1, steps) for at in range(2 * reach + 1)])


def _at_rank(ordered: Array, count: NDArray[np.intp], level: float) -> Array:
    # a new value takes one of n + 1 places: the tails are pushed outwards, never inwards
    place = (count + 1) * level
    rank = np.floor(place) if level < 0.5 else np.ceil(place) if level > 0.5 else place
    rank = np.clip(rank, 1, np.maximum(count, 1))
    below, above = np.floor(rank).astype(int) - 1, np.ceil(rank).astype(int) - 1
    low, high = (np.take_along_axis(ordered, at[None], axis=0)[0] for at in (below, above))
    return np.where(count > 0, (low + high) / 2, np.nan)
