"""Made-up days for the tests of baselines."""

from datetime import date, timedelta

import numpy as np

from settlement.baselines import History, Today

SLOTS, BEFORE = 8, 12
EVENT = date(2016, 8, 31)
SHAPE = np.linspace(1.0, 2.4, SLOTS)


def history(rng: np.random.Generator, days: int = 14, noise: float = 0.0) -> History:
    """Days of one shape with noise; weather that varies but, unless noise says so, does nothing."""
    ordinals = np.array([(EVENT - timedelta(days=n + 1)).toordinal() for n in range(days)], dtype=np.int64)
    weather = np.stack([rng.uniform(12, 30, (days, SLOTS)), rng.uniform(0, 600, (days, SLOTS))], axis=2)
    window = SHAPE + noise * rng.standard_normal((days, SLOTS))
    before = 0.8 + noise * rng.standard_normal((days, BEFORE))
    return History(ordinals, window, before, weather)


def today(rng: np.random.Generator, before_kw: float = 0.8) -> Today:
    """A day whose hours before the event are flat."""
    weather = np.stack([rng.uniform(14, 28, SLOTS), rng.uniform(0, 500, SLOTS)], axis=1)
    return Today(np.full(BEFORE, before_kw), weather)
