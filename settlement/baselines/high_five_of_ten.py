"""High 5 of 10: the mean of the five days with the highest load among the ten most recent similar days, adjusted to the day.

It was made for large sites whose low days are holidays. On single homes it overstates the load (docs/settlement.md has figures): here
because contracts elsewhere name it, and to show by how much it pays for nothing.

References
----------
NYISO Installed Capacity Manual, average day customer baseline load ("5 highest of the last 10").
"""

import numpy as np

from ontology.names import FCV
from settlement.baselines.adjustment import adjusted_mean
from settlement.baselines.method import (
    TEN_DAYS,
    Baseline,
    History,
    Today,
    baseline_method,
    complete_days,
    too_short,
)

HIGHEST = 5


@baseline_method(FCV.HighFiveOfTen)
def high_five_of_ten(history: History, today: Today) -> Baseline:
    """Average the five days with the highest mean load in the window; of equal days the later one counts."""
    recent = complete_days(history)
    if refusal := too_short(recent):
        return refusal
    ten = recent.take(slice(TEN_DAYS))
    highest = np.argsort(-ten.window_kw.mean(axis=1), kind="stable")[:HIGHEST]
    return adjusted_mean(ten.take(np.sort(highest)), today)
