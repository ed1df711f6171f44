"""Regression with weather: ordinary least squares of the window's load on slot of the day, degrees and irradiance.

    load_dt = Σ_s β_s·[t = s] + γ_h·max(0, 18 °C − T_dt) + γ_c·max(0, T_dt − 18 °C) + Σ_q δ_q·irradiance_qdt + ε_dt    [kW]

over all similar days of the history (up to 45 calendar days), evaluated at the event's weather. A column that says nothing new
(no heating degrees in summer) is left out. The day is described by its weather, so there is no same-day adjustment and nothing to game before an event.

References
----------
IPMVP Core Concepts 2022, option C; ASHRAE Guideline 14-2014, annex D (change-point models with heating and cooling degrees).
"""

import numpy as np
import statsmodels.api as sm

from ontology.names import FCV
from settlement.baselines.method import (
    Array,
    Baseline,
    History,
    Today,
    baseline_method,
    complete_days,
    disqualified,
    too_short,
)
from settlement.findings import MISSING_WEATHER

BALANCE_DEGC = 18.0
SAME = 1e-6  # below this, two columns are one
MIN_RESIDUAL_DF = 10  # rows beyond the number of coefficients


@baseline_method(FCV.WeatherRegression)
def weather_regression(history: History, today: Today) -> Baseline:
    """Fit one home's load to the weather of similar days and evaluate it at the event's weather."""
    slots = history.window_kw.shape[1]
    if today.weather.shape[-1] == 0 or np.isnan(today.weather).any():
        sentence = "the weather during the event is not in the graph, and the contract's baseline is a regression on it"
        return disqualified(slots, sentence, MISSING_WEATHER)
    recent = complete_days(history)
    recent = recent.take(np.flatnonzero(~np.isnan(recent.weather).any(axis=(1, 2))))
    if refusal := too_short(recent):
        return refusal
    rows, wanted = _design(recent.weather), _design(today.weather[np.newaxis])
    columns = [*range(slots), *_independent(rows, slots)]
    if len(rows) - len(columns) < MIN_RESIDUAL_DF:
        sentence = (
            f"{len(rows)} readings of similar days are too few for a regression with {len(columns)} coefficients; "
            f"{len(columns) + MIN_RESIDUAL_DF} are needed"
        )
        return disqualified(slots, sentence)
    fit = sm.OLS(recent.window_kw.ravel(), rows[:, columns]).fit()
    days_used = tuple(int(day) for day in recent.days)
    return Baseline(np.asarray(fit.predict(wanted[:, columns])), days_used, 0.0, ())


def _independent(rows: Array, slots: int) -> list[int]:
    """List the weather columns that say something beyond the slot of the day and the columns before them."""
    weather = rows[:, slots:].reshape(-1, slots, rows.shape[1] - slots)
    beyond = (weather - weather.mean(axis=0)).reshape(len(rows), -1)
    kept: list[int] = []
    for column in np.flatnonzero(np.abs(beyond).max(axis=0) > SAME):
        tried = [*kept, int(column)]
        scaled = beyond[:, tried] / np.linalg.norm(beyond[:, tried], axis=0)
        if np.linalg.matrix_rank(scaled, tol=SAME) == len(tried):
            kept = tried
    return [slots + column for column in kept]


def _design(weather: Array) -> Array:
    """Lay out the regressors, shape (days · slots, slots + 2 + irradiances)."""
    days, slots, quantities = weather.shape
    degrees = weather[:, :, 0].ravel()
    return np.column_stack(
        [
            np.tile(np.eye(slots), (days, 1)),
            np.maximum(BALANCE_DEGC - degrees, 0.0),
            np.maximum(degrees - BALANCE_DEGC, 0.0),
            weather[:, :, 1:].reshape(days * slots, quantities - 1),
        ]
    )
