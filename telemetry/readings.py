"""Reading back: windows of many channels into pandas, their energy, the latest of each, what is missing and what was used."""

import math
from collections.abc import Callable, Sequence
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd

from kg.iris import Iris
from kg.store import Store
from telemetry import counters, days, energy, localdays, resampling, windows
from telemetry.channels import Channel, Channels
from telemetry.days import Day, Flag
from telemetry.energy import Energy
from telemetry.gaps import Gap, Reason, gaps
from telemetry.localdays import Periods
from telemetry.resampling import Floats
from telemetry.used import UsedDay, used
from telemetry.windows import Window, Windows, utc

__all__ = ["Energy", "Gap", "Periods", "Readings", "UsedDay"]

_QUARTER = timedelta(minutes=15)
_DAY = timedelta(days=1)


class Readings:
    """Stored readings by channel and window; windows are half-open `[start, end)`, all times aware."""

    def __init__(self, store: Store, iris: Iris, channels: Channels) -> None:
        self._store = store
        self._iris = iris
        self._channels = channels
        self._windows = Windows(store, iris)

    def frame(self, channels: Sequence[str], start: datetime, end: datetime, step: timedelta | None = None) -> pd.DataFrame:
        """Return readings as a table.

        Parameters
        ----------
        channels
            IRIs; each becomes a column, in this order.
        start, end
            Window of the intervals' beginnings.
        step
            Length of the rows' intervals, a multiple of every channel's step; the coarsest of the channels' steps if not given.
            How a longer interval is made of its parts is the channel's kind's to say (`telemetry.resampling`): power, price and other
            intensities are averaged, energies summed, a state of charge is the last one, a counter's reading the first; an interval
            of which a part is missing is missing.

        Returns
        -------
        Rows by the beginning of the interval (UTC `DatetimeIndex`), float columns in each channel's unit, NaN where missing.

        Raises
        ------
        UnknownChannelError
            If nobody has described one of the channels.
        TelemetryError
            If a time has no offset, or the step is not a multiple of a channel's.
        """

        def values(group: Sequence[Channel], window: Window, wanted: timedelta) -> Floats:
            return self._windows.values(group, window, wanted)

        return self._table(channels, start, end, step, values)

    def energies(self, channels: Sequence[str], start: datetime, end: datetime, step: timedelta | None = None) -> pd.DataFrame:
        """Return the energy of each interval [kWh], whatever the channel measures: power, energy, or a counter's readings.

        Nothing is spread: an interval in a counter's gap is NaN, though `energy` of the whole window counts what passed over it; so is
        one within which the counter was reset or swapped.

        Parameters and errors as of `frame`.

        Raises
        ------
        TelemetryError
            If a channel's unit is neither one of power nor one of energy, too.
        """
        return self._table(channels, start, end, step, self._energies)

    def latest(self, channels: Sequence[str]) -> dict[str, tuple[datetime, float]]:
        """Return beginning and value, in the channel's unit, of the last reading of each channel that has any.

        Raises
        ------
        UnknownChannelError
            If nobody has described one of the channels.
        """
        return self._channels.latest.of([self._channels.known(iri) for iri in channels])

    def energy(self, channel: str, start: datetime, end: datetime) -> Energy:
        """Sum a channel of power, energy or a counter over a window, and say what the sum rests on.

        Raises
        ------
        UnknownChannelError
            If nobody has described the channel.
        TelemetryError
            If its unit is neither one of power nor one of energy.
        """
        known = self._channels.known(channel)
        window = Window(utc(start), utc(end), known.step)
        flagged = len(self._flagged_slots(known, window))
        if not known.counter:
            return energy.of_values(known, self._windows.parts([known], window)[0], flagged)
        return energy.of_register(known, self._windows.values([known], _one_more(window), known.step)[0], flagged)

    def local_days(self, channels: Sequence[str], first: date, last: date, zone: ZoneInfo) -> Periods:
        """Return figures of local days, from `first` to `last`, both included.

        A day has 92, 96 or 100 quarter-hours. What exists is averaged or summed, and the counts say how much that is.

        Raises
        ------
        UnknownChannelError
            If nobody has described one of the channels.
        TelemetryError
            If `last` comes before `first`.
        """
        return self._periods(channels, localdays.day_edges(first, last), zone)

    def local_months(self, channels: Sequence[str], first: date, last: date, zone: ZoneInfo) -> Periods:
        """Return figures of the local months from that of `first` to that of `last`, both included; otherwise as `local_days`."""
        return self._periods(channels, localdays.month_edges(first, last), zone)

    def gaps(self, channels: Sequence[str], start: datetime, end: datetime) -> list[Gap]:
        """Return the runs of slots without a reading, by channel and time, each with its reason where a flag tells it.

        Raises
        ------
        UnknownChannelError
            If nobody has described one of the channels.
        """
        begin, stop = utc(start), utc(end)
        found: dict[str, list[Gap]] = {}
        known = [self._channels.known(iri) for iri in dict.fromkeys(channels)]
        for step, group in localdays.groups(known):
            reasons = self._reasons(group, begin, stop)
            matrix = self._windows.parts(group, Window(begin, stop, step))
            first = windows.ceil(begin, step)
            for channel, row in zip(group, matrix, strict=True):
                found[channel.iri] = gaps(channel.iri, row, first, step, reasons.get(channel.iri, ()))
        return [gap for channel in known for gap in found[channel.iri]]

    def used(self, channels: Sequence[str], start: datetime, end: datetime) -> list[UsedDay]:
        """Name exactly which readings a computation over this window rests on: each UTC day that holds any, its revision and digest.

        Ask before the computation reads; `settlement` writes it beside its results, so that a later change shows.

        Raises
        ------
        UnknownChannelError
            If nobody has described one of the channels.
        """
        known = [self._channels.known(iri) for iri in dict.fromkeys(channels)]
        return used(self._store, self._iris, self._nodes(known, utc(start), utc(end)))

    def days(self, channel: str, start: datetime, end: datetime) -> list[str]:
        """Return the IRIs of the day nodes that hold readings of a channel in the UTC days of a window, in order of time."""
        nodes = self._nodes([self._channels.known(channel)], utc(start), utc(end))
        return [row["day"].value for row in days.select(self._store, "days_existing", nodes)]

    def flags(self, channel: str, start: datetime, end: datetime) -> list[tuple[datetime, Flag]]:
        """Return the quality flags that touch a window, each with the beginning of its first interval."""
        begin, stop = utc(start), utc(end)
        known = self._channels.known(channel)
        return [(at, flag) for at, flag in self._flags([known], begin, stop).get(known.iri, ()) if _touches(known, at, flag, begin, stop)]

    def _flags(self, channels: Sequence[Channel], begin: datetime, stop: datetime) -> dict[str, list[tuple[datetime, Flag]]]:
        """All flags of the days of a window, by channel."""
        by_iri = {node.iri: node for node in self._nodes(channels, begin, stop)}
        found: dict[str, list[tuple[datetime, Flag]]] = {}
        for row in days.select(self._store, "day_flags", by_iri.values()):
            node, flag = by_iri[row["day"].value], days.flag(row)
            at = windows.midnight(node.date) + timedelta(seconds=flag.offset)
            found.setdefault(node.channel.iri, []).append((at, flag))
        return found

    def _flagged_slots(self, channel: Channel, window: Window) -> set[int]:
        """Numbers of the window's slots that carry a flag."""
        slots: set[int] = set()
        begin = windows.ceil(window.begin, channel.step)
        for at, flag in self.flags(channel.iri, begin, window.stop):
            until = min(at + _length(channel, flag), window.stop)
            first, last = (at - begin) // channel.step, -((begin - until) // channel.step)
            slots.update(range(max(0, first), last))
        return slots

    def _reasons(self, channels: Sequence[Channel], begin: datetime, stop: datetime) -> dict[str, list[Reason]]:
        by_iri = {channel.iri: channel for channel in channels}
        return {
            iri: [Reason(at, at + _length(by_iri[iri], flag), flag.reason, flag.comment) for at, flag in found]
            for iri, found in self._flags(channels, begin, stop).items()
        }

    def _nodes(self, channels: Sequence[Channel], begin: datetime, stop: datetime) -> list[Day]:
        """The day nodes that a window can touch, existing or not."""
        return [days.empty(self._iris, channel, day) for channel in channels for day in windows.dates(begin, stop)]

    def _table(
        self,
        channels: Sequence[str],
        start: datetime,
        end: datetime,
        step: timedelta | None,
        values: Callable[[Sequence[Channel], Window, timedelta], Floats],
    ) -> pd.DataFrame:
        known = [self._channels.known(iri) for iri in dict.fromkeys(channels)]
        coarsest = max((channel.step for channel in known), default=_QUARTER)
        wanted = step or coarsest
        begin, stop = windows.ceil(utc(start), coarsest), utc(end)
        rows = max(0, math.ceil((stop - begin) / wanted))
        place = {channel.iri: n for n, channel in enumerate(known)}
        table = np.full((len(known), rows), np.nan)
        for native, group in localdays.groups(known):
            resampling.parts(native, wanted, group[0].iri)
            found = values(group, Window(begin, stop, native), wanted)[:, :rows]
            if len(group) == len(known) and found.shape == table.shape:
                table = found
            else:
                table[[place[channel.iri] for channel in group], : found.shape[1]] = found
        index = pd.DatetimeIndex(pd.date_range(begin, periods=rows, freq=wanted, name="start"))
        if len(known) != len(channels):
            table = table[[place[iri] for iri in channels]]
        return pd.DataFrame(table.T, index=index, columns=list(channels))

    def _energies(self, group: Sequence[Channel], window: Window, wanted: timedelta) -> Floats:
        """Energy by channel and interval [kWh]."""
        count = wanted // window.step
        registers = [channel for channel in group if channel.counter]
        others = [channel for channel in group if not channel.counter]
        first, last = window.bounds
        found = np.full((len(group), -(-(last - first) // count)), np.nan)
        place = {channel.iri: n for n, channel in enumerate(group)}
        if others:
            factors = np.array([energy.kwh_per_value(channel, wanted) for channel in others])
            found[[place[channel.iri] for channel in others]] = self._windows.values(others, window, wanted) * factors[:, None]
        if registers:
            more = self._windows.values(registers, _one_more(window), window.step)
            for channel, row in zip(registers, more, strict=True):
                own = counters.intervals(row, energy.counter(channel), count) * energy.kwh_per_value(channel)
                found[place[channel.iri], : len(own)] = own
        return found

    def _periods(self, channels: Sequence[str], dates: Sequence[date], zone: ZoneInfo) -> Periods:
        known = [self._channels.known(iri) for iri in dict.fromkeys(channels)]
        edges = [localdays.begin(day, zone) for day in dates]
        sheet = localdays.Sheet(known, dates[:-1])
        for step, group in localdays.groups(known):
            slots = localdays.slots_between(edges, step)
            matrix = self._windows.parts(group, _one_more(Window(edges[0], edges[-1], step)), slots)
            rules = [resampling.rule(channel) for channel in group]
            sheet.fill(group, rules, matrix, slots)
        return sheet.periods()


def _one_more(window: Window) -> Window:
    """With the reading that ends a counter's last interval."""
    return Window(window.begin, windows.ceil(window.stop, window.step) + window.step, window.step)


def _length(channel: Channel, flag: Flag) -> timedelta:
    """How long a flag reaches: one slot, or to the end that it states."""
    return channel.step if flag.end is None else timedelta(seconds=flag.end - flag.offset)


def _touches(channel: Channel, at: datetime, flag: Flag, begin: datetime, stop: datetime) -> bool:
    return begin <= at < stop or (flag.end is not None and at < begin < at + _length(channel, flag))
