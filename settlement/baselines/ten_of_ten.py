"""10 of 10: the mean of the ten most recent similar days, adjusted to the day.

References
----------
CAISO tariff 4.13.4.1, customer load baseline "10 in 10".
"""

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


@baseline_method(FCV.TenOfTen)
def ten_of_ten(history: History, today: Today) -> Baseline:
    """Average all of the (up to) ten most recent similar days."""
    recent = complete_days(history)
    return too_short(recent) or adjusted_mean(recent.take(slice(TEN_DAYS)), today)
