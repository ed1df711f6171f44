"""Days and months as people count them: local, of 92, 96 or 100 quarter-hours where the clocks change."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from telemetry import energy
from telemetry.channels import Channel
from telemetry.errors import TelemetryError
from telemetry.resampling import Floats, Rule

_ONE = timedelta(days=1)
Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Periods:
    """Figures of local days or months: one row a period, by its first date, one column a channel.

    Parameters
    ----------
    values
        In the channel's unit, from the readings that exist: mean of power, price and the like, sum of energies, first reading of a
        counter, last of a state of charge. NaN where there is no reading.
    energy
        [kWh] of the readings that exist; NaN where there is none, and for channels that are neither power nor energy.
    counts
        Readings that exist; of a counter, intervals whose energy is known, those of bridged gaps included.
    expected
        Readings of a period without gaps: 92, 96 or 100 quarter-hours a day.
    """

    values: pd.DataFrame
    energy: pd.DataFrame
    counts: pd.DataFrame
    expected: pd.DataFrame


def begin(day: date, zone: ZoneInfo) -> datetime:
    """The instant at which a local day begins."""
    return datetime(day.year, day.month, day.day, tzinfo=zone).astimezone(UTC)


def day_edges(first: date, last: date) -> list[date]:
    """First dates of the days from `first` to `last`, both included, and the date after."""
    _refuse_backwards(first, last)
    return [first + n * _ONE for n in range((last - first).days + 2)]


def month_edges(first: date, last: date) -> list[date]:
    """First dates of the months from that of `first` to that of `last`, both included, and of the month after."""
    _refuse_backwards(first, last)
    months = range(first.year * 12 + first.month - 1, last.year * 12 + last.month + 1)
    return [date(month // 12, month % 12 + 1, 1) for month in months]


def slots_between(edges: Sequence[datetime], step: timedelta) -> list[int]:
    """Number of the first slot of each period, counted from the first edge's UTC midnight: a slot belongs to where it begins."""
    midnight = edges[0].replace(hour=0, minute=0, second=0, microsecond=0)
    return [-(-(edge - midnight) // step) for edge in edges]


@dataclass
class Sheet:
    """The tables while they are filled: rows periods, columns channels."""

    channels: Sequence[Channel]
    dates: Sequence[date]

    def __post_init__(self) -> None:
        shape = (len(self.dates), len(self.channels))
        self.values, self.energy = np.full(shape, np.nan), np.full(shape, np.nan)
        self.counts, self.expected = np.zeros(shape, np.int64), np.zeros(shape, np.int64)
        self._column = {channel.iri: n for n, channel in enumerate(self.channels)}

    def fill(self, channels: Sequence[Channel], rules: Sequence[Rule], readings: Floats, edges: Sequence[int]) -> None:
        """Enter channels of one step.

        Parameters
        ----------
        readings
            One row a channel, one column a slot from the first edge on; one slot more than the last edge, which ends a counter's last
            interval.
        edges
            Slot numbers, the first one being that of the first column.
        """
        columns = [self._column[channel.iri] for channel in channels]
        for row, (first, last) in enumerate(pairwise(edges)):
            part = readings[:, first - edges[0] : last - edges[0] + 1]
            self.expected[row, columns] = last - first
            for channel, how, column, own in zip(channels, rules, columns, part, strict=True):
                self._enter(row, column, channel, how, own)

    def _enter(self, row: int, column: int, channel: Channel, how: Rule, own: Floats) -> None:
        present = own[:-1][~np.isnan(own[:-1])]
        if len(present):
            self.values[row, column] = _figure(present, how)
        if channel.counter:
            found = energy.of_register(channel, own, 0)
            self.counts[row, column] = found.count + found.over_gaps
            if found.count or found.over_gaps or found.resets:
                self.energy[row, column] = found.kwh
            return
        self.counts[row, column] = len(present)
        if len(present) and (factor := _factor(channel)) is not None:
            self.energy[row, column] = float(present.sum()) * factor

    def periods(self) -> Periods:
        """The tables, whole."""
        index = pd.Index(self.dates, name="date")
        names = [channel.iri for channel in self.channels]
        tables = (self.values, self.energy, self.counts, self.expected)
        return Periods(*(pd.DataFrame(table, index=index, columns=names) for table in tables))


def groups(channels: Sequence[Channel]) -> Iterator[tuple[timedelta, list[Channel]]]:
    """Channels by their step."""
    for step in sorted({channel.step for channel in channels}):
        yield step, [channel for channel in channels if channel.step == step]


def _figure(present: Floats, how: Rule) -> float:
    match how:
        case Rule.SUM:
            return float(present.sum())
        case Rule.FIRST:
            return float(present[0])
        case Rule.LAST:
            return float(present[-1])
    return float(present.mean())


def _factor(channel: Channel) -> float | None:
    try:
        return energy.kwh_per_value(channel)
    except TelemetryError:
        return None


def _refuse_backwards(first: date, last: date) -> None:
    if last < first:
        raise TelemetryError(f"{first} to {last} is no span of days: its last day comes before its first; swap them")
