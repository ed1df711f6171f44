"""The days of a site in the hours of its event, cut out of one reading of all channels."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from settlement.baselines import History
from settlement.baselines.method import Array
from settlement.days import local_day, same_hours

Rows = NDArray[np.int64]


@dataclass(frozen=True)
class Readout:
    """Equidistant values of several channels from `start`: shape (steps, channels), NaN missing; columns by channel."""

    start: datetime
    step: timedelta
    channels: tuple[str, ...]
    values: Array

    def rows(self, slots: Sequence[datetime | None]) -> Rows:
        """Find the rows of slots; −1 for what lies outside or is `None`."""
        found = np.array([-1 if slot is None else (slot - self.start) // self.step for slot in slots], dtype=np.int64)
        return np.where((found >= 0) & (found < len(self.values)), found, -1)

    def pick(self, rows: Rows, channels: Sequence[str]) -> Array:
        """Take channels at rows: shape (*rows, channels); NaN where the row is −1."""
        columns = [self.channels.index(channel) for channel in channels]
        picked = self.values[np.maximum(rows, 0)[..., np.newaxis], columns]
        return np.where((rows < 0)[..., np.newaxis], np.nan, picked)


@dataclass(frozen=True)
class _Hours:
    ordinals: NDArray[np.int64]
    window: Rows
    before: Rows


class Tables:
    """Makes each site's table; sites with the same hours in the same zone share the search for rows."""

    def __init__(self, readout: Readout, weather: Sequence[str], days: int) -> None:
        self._readout, self._weather, self._days = readout, list(weather), days
        self._known: dict[tuple[object, ...], _Hours] = {}

    def of(self, channel: str, slots: Sequence[datetime], before: Sequence[datetime], zone: ZoneInfo) -> History:
        """Lay out the event's day and the days before it that have any reading; the event's day is the first row."""
        key = (zone.key, *slots, *before)
        if key not in self._known:
            self._known[key] = self._hours(slots, before, zone)
        hours = self._known[key]
        window_kw = self._readout.pick(hours.window, [channel])[..., 0]
        return History(
            hours.ordinals,
            window_kw,
            self._readout.pick(hours.before, [channel])[..., 0],
            self._readout.pick(hours.window, self._weather),
        ).take(np.flatnonzero((np.arange(len(window_kw)) == 0) | ~np.isnan(window_kw).all(axis=1)))

    def _hours(self, slots: Sequence[datetime], before: Sequence[datetime], zone: ZoneInfo) -> _Hours:
        today = local_day(slots[0], zone).toordinal()
        earlier = range(self._days + 1)
        return _Hours(
            np.array([today - n for n in earlier], dtype=np.int64),
            np.array([self._readout.rows(same_hours(slots, zone, -n)) for n in earlier]),
            np.array([self._readout.rows(same_hours(before, zone, -n)) for n in earlier]).reshape(len(earlier), len(before)),
        )
