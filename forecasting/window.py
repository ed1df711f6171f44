"""Which steps a forecast is about, and which were known when it was made: the one guard against looking ahead."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Window:
    """A forecast's place on an equidistant grid of steps 0, 1, 2, …

    Parameters
    ----------
    known
        Steps 0 … known−1 were over when the forecast was made; nothing later may be read.
    first
        The first step that is forecast; not before `known`.
    steps
        How many steps are forecast.
    per_day
        Steps in 24 h.

    Raises
    ------
    ValueError
        If the forecast would begin before its own issue time, or is empty.
    """

    known: int
    first: int
    steps: int
    per_day: int

    def __post_init__(self) -> None:
        if self.first < self.known:
            raise ValueError(
                f"a forecast from step {self.first} was asked for when steps up to {self.known} are already measured; "
                "let it start at or after its issue time"
            )
        if self.steps < 1 or self.per_day < 1:
            raise ValueError(f"{self.steps} steps at {self.per_day} a day is no forecast; ask for one step or more")

    def back(self, days: int) -> "Window":
        """The same window that many days earlier."""
        return replace(self, known=self.known - days * self.per_day, first=self.first - days * self.per_day)

    @property
    def targets(self) -> NDArray[np.intp]:
        """Grid indices of the steps that are forecast (steps,)."""
        return np.arange(self.first, self.first + self.steps)

    @property
    def settled_after(self) -> int:
        """Days until every step of a window like this one has been measured."""
        return -((self.known - self.first - self.steps) // self.per_day)


def recent_days(history: Array, window: Window, days: int = 7) -> Array:
    """Take the same step of the last days that are known for it.

    At a gate of 12:00 the most recent known day of an evening step is two days before it, of a morning step one.

    Parameters
    ----------
    history
        Values by series and step (series, T); what lies at or after `window.known` is not read.

    Returns
    -------
    Array
        (series, days, steps), the most recent day first, NaN where history does not reach back.
    """
    latest = (window.targets - window.known) // window.per_day + 1
    indices = window.targets - (latest + np.arange(days)[:, None]) * window.per_day
    taken = history[:, np.clip(indices, 0, None)]
    return np.where(indices >= 0, taken, np.nan)


def mean_known(values: Array, axis: int) -> Array:
    """Average what is known along an axis; NaN where nothing is."""
    there = np.isfinite(values)
    count = there.sum(axis=axis)
    total = np.where(there, values, 0.0).sum(axis=axis)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)
