"""How well forecasts that were issued did, against what was measured: error measures over any set of steps, by day and by horizon."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise

import numpy as np

from forecasting.intervals import LEVELS, coverage, pinball
from forecasting.series import Forecast
from forecasting.window import Array

BINS_H = (0, 6, 12, 24, 36, 48)


@dataclass(frozen=True)
class Accuracy:
    """Error measures over the steps that were both forecast and measured; NaN where none was.

    Attributes
    ----------
    steps : how many those are
    mae_kw : mean absolute error of the expectation [kW]
    nrmse : root of the mean squared error over the mean of |measured|; not finite where that is zero
    bias_kw : mean of measured − expected [kW]; positive: more was measured than expected
    pinball_kw : mean quantile loss of 10 %, 50 % and 90 % [kW]
    coverage : share of steps within 10 % … 90 %; the aim is 0.8
    """

    steps: int
    mae_kw: float
    nrmse: float
    bias_kw: float
    pinball_kw: float
    coverage: float


def accuracy(measured: Array, expected: Array, quantiles: Array) -> Accuracy:
    """Hold forecasts against what was measured.

    Parameters
    ----------
    measured, expected
        (steps,) [kW]; NaN where there is none.
    quantiles
        (levels, steps) [kW]: 10 %, 50 %, 90 %.

    References
    ----------
    Hyndman and Koehler (2006), Another look at measures of forecast accuracy, doi:10.1016/j.ijforecast.2006.03.001.
    """
    miss = measured - expected
    judged = np.isfinite(miss)
    if not judged.any():
        return Accuracy(0, *(float("nan"),) * 5)
    scale = float(np.abs(measured[judged]).mean())
    rmse = float(np.sqrt((miss[judged] ** 2).mean()))
    return Accuracy(
        int(judged.sum()),
        float(np.abs(miss[judged]).mean()),
        rmse / scale if scale > 0 else float("nan"),
        float(miss[judged].mean()),
        pinball(measured, quantiles),
        coverage(measured, quantiles),
    )


def by_horizon(
    forecasts: Sequence[Forecast], measured: Array, start: datetime, step: timedelta, bins_h: Sequence[int] = BINS_H
) -> list[tuple[int, int, Accuracy]]:
    """Judge every issued forecast by how far ahead of its issue time a step lies: (from [h], to [h], measures), bins without steps left out.

    Parameters
    ----------
    forecasts
        Of one channel; each step of each of them counts once.
    measured
        (steps,) from `start` on [kW].
    """
    found: list[tuple[int, int, Accuracy]] = []
    parts = [part for part in (_laid(forecast, measured, start, step) for forecast in forecasts) if part is not None]
    if not parts:
        return found
    hours, truth, expected = (np.concatenate([part[n] for part in parts]) for n in range(3))
    quantiles = np.concatenate([part[3] for part in parts], axis=1)
    for low, high in pairwise(bins_h):
        inside = (hours >= low) & (hours < high)
        judged = accuracy(truth[inside], expected[inside], quantiles[:, inside]) if inside.any() else None
        if judged is not None and judged.steps:
            found.append((low, high, judged))
    return found


def _laid(forecast: Forecast, measured: Array, start: datetime, step: timedelta) -> tuple[Array, Array, Array, Array] | None:
    """The steps of a forecast that lie in the window: hours ahead, measured, expected, quantiles."""
    if forecast.step != step or (forecast.start - start) % step:
        return None
    first = (forecast.start - start) // step
    own = np.arange(len(forecast.values))
    inside = own[(own + first >= 0) & (own + first < len(measured))]
    hours = (forecast.start - forecast.issued) / timedelta(hours=1) + inside * (step / timedelta(hours=1))
    missing = np.full(len(forecast.values), np.nan)
    levels = np.stack([forecast.quantiles.get(level, missing) for level in LEVELS])
    return np.asarray(hours, dtype=float), measured[inside + first], forecast.values[inside], levels[:, inside]
