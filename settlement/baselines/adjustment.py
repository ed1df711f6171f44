"""Same-day adjustment: how much this day differed from the days of the baseline before anyone knew of the event.

For days D, slots t of the window and slots u before it:

    adjustment = clip(mean_u(today_u) − mean_{d∈D,u}(history_du), ±CAP · mean_t |b_t|)    [kW]
    baseline_t = b_t + adjustment

Additive, because net load behind PV may be zero or negative, where a ratio explodes or turns the sign. The cap bounds what a home
gains by switching things on before an event.

References
----------
CAISO tariff 4.13.4.1 (10-in-10, adjustment from the hours before the event without the last one, ±20 %);
Coughlin, Piette, Goldman, Kiliccote (2008): Estimating Demand Response Load Impacts, LBNL-63728 (additive against scalar).
"""

import numpy as np

from settlement.baselines.method import Array, Baseline, History, Today
from settlement.findings import NO_ADJUSTMENT, Finding

CAP = 0.20


def same_day(plain: Array, used: History, today: Today) -> tuple[float, tuple[Finding, ...]]:
    """Compute the capped additive adjustment.

    Parameters
    ----------
    plain
        The baseline before adjustment [kW], shape (slots,).
    used
        The days that the baseline is made of.
    today
        The event's day.

    Returns
    -------
    tuple
        Adjustment [kW] and what is to be said of it; 0 with a finding if readings before the event are missing.
    """
    if today.before_kw.size == 0:
        return 0.0, ()
    complete = ~np.isnan(used.before_kw).any(axis=1)
    if np.isnan(today.before_kw).any() or not complete.any():
        sentence = "readings before the event are missing, so the baseline was not adjusted to the day"
        return 0.0, (Finding(NO_ADJUSTMENT, sentence),)
    shift = float(today.before_kw.mean() - used.before_kw[complete].mean())
    bound = CAP * float(np.abs(plain).mean())
    return float(np.clip(shift, -bound, bound)), ()


def adjusted_mean(used: History, today: Today) -> Baseline:
    """Average the given days slot by slot and adjust to the day."""
    plain = used.window_kw.mean(axis=0)
    adjustment_kw, findings = same_day(plain, used, today)
    return Baseline(plain + adjustment_kw, tuple(int(day) for day in used.days), adjustment_kw, findings)
