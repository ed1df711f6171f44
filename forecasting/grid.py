"""Steps and instants: where a forecast's past and future lie on one equidistant grid."""

import math
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
import pandas as pd

from forecasting.errors import ForecastError
from forecasting.window import Array, Window

_DAY = timedelta(days=1)


@dataclass(frozen=True)
class Grid:
    """Step 0 begins at `begin`; steps before `known` were over at the issue time.

    Parameters
    ----------
    begin
        Beginning of step 0, UTC.
    known, first, steps
        As in `Window`.
    """

    begin: datetime
    step: timedelta
    known: int
    first: int
    steps: int

    @classmethod
    def of(cls, issued: datetime, start: datetime, steps: int, step: timedelta, history_days: int) -> "Grid":
        """Lay a grid through `start`, back over `history_days` before `issued`.

        Raises
        ------
        ForecastError
            If the forecast would begin before it is made, is empty, or the step does not divide a day.
        """
        if start < issued:
            raise ForecastError(
                f"a forecast from {start.isoformat()} issued {issued.isoformat()} would begin in its own past; ask for a later start"
            )
        if steps < 1 or history_days < 1 or _DAY % step:
            raise ForecastError(
                f"{steps} steps of {step} from {history_days} days can't be forecast; ask for at least one step and one day, and a step that divides a day"
            )
        first = math.ceil((start - issued + history_days * _DAY) / step)
        begin = start - first * step
        return cls(begin, step, math.floor((issued - begin) / step), first, steps)

    @property
    def window(self) -> Window:
        """The forecast's place on the grid."""
        return Window(self.known, self.first, self.steps, _DAY // self.step)

    def at(self, index: int) -> datetime:
        """The instant at which a step begins."""
        return self.begin + index * self.step

    def calendar(self, zone: str) -> Array:
        """Local hour in the middle of each step and weekend flag (2, first + steps), in an IANA time zone."""
        index = pd.date_range(self.begin, periods=self.first + self.steps, freq=self.step) + self.step / 2
        local = index.tz_convert(zone)
        hour = local.hour + local.minute / 60
        return np.array([hour, local.day_of_week >= 5], dtype=np.float64)
