"""Quarter-hours of channels, kept in memory by month: what years of a home are added up from, which hardly ever changes."""

import threading
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, timedelta

import numpy as np
from flask import current_app
from numpy.typing import NDArray

from api.services import services
from kg.embedded import EmbeddedStore
from kg.store import Store
from telemetry.channels import Channel
from telemetry.readings import Readings

STEP = timedelta(minutes=15)
MOST = 1500  # months of one channel that are kept, 24 kB each
Floats = NDArray[np.float64]
_ALL = "everything"


class QuarterHours:
    """Reads windows month by month; a month is read again once its graph was written to, by which a correction shows at once.

    A store that tells nobody of writes by others is read each time.
    """

    def __init__(self, store: Store, readings: Readings) -> None:
        self._readings = readings
        self._turn = threading.Lock()
        self._kept: OrderedDict[str, dict[Channel, Floats]] = OrderedDict()  # by the month's graph, the one asked for last at the end
        self._count = 0
        self._written: list[set[str]] = []  # graphs that were written to, one set for each reading that is under way
        self._told = isinstance(store, EmbeddedStore)
        if isinstance(store, EmbeddedStore):
            store.watch(self._touched)

    def values(self, channels: Sequence[Channel], begin: datetime, end: datetime) -> Floats:
        """Values by channel and quarter-hour.

        Parameters
        ----------
        begin, end
            Where the first quarter-hour begins and the last ends (UTC).

        Returns
        -------
        One row a channel in its unit, as `Readings.frame` has it; NaN where missing.
        """
        months, count = _months(begin, end), max(0, -(-(end - begin) // STEP))
        if not channels or not count:
            return np.full((len(channels), count), np.nan)
        found = self._look_up(channels, months)
        lacking = [month for month in months if any((channel, month) not in found for channel in channels)]
        if lacking:
            found |= self._read(channels, lacking[0], _after(lacking[-1]))
        first = (begin - _midnight(months[0])) // STEP
        rows = [np.concatenate([found[channel, month] for month in months]) for channel in channels]
        return np.array(rows)[:, first : first + count]

    def _look_up(self, channels: Sequence[Channel], months: Sequence[date]) -> dict[tuple[Channel, date], Floats]:
        found = {}
        with self._turn:
            for month in months:
                for channel in channels:
                    graph = channel.month_graph(month)
                    values = self._kept.get(graph, {}).get(channel)
                    if values is not None:
                        self._kept.move_to_end(graph)
                        found[channel, month] = values
        return found

    def _read(self, channels: Sequence[Channel], first: date, after: date) -> dict[tuple[Channel, date], Floats]:
        written: set[str] = set()
        with self._turn:
            self._written.append(written)
        try:
            begin, end = _midnight(first), _midnight(after)
            table = self._readings.frame([channel.iri for channel in channels], begin, end, STEP).to_numpy(dtype=np.float64).T
            found = {}
            for month in _months(begin, end):
                place = slice((_midnight(month) - begin) // STEP, (_midnight(_after(month)) - begin) // STEP)
                for channel, row in zip(channels, table, strict=True):
                    found[channel, month] = np.ascontiguousarray(row[place])
            if self._told:
                self._keep(found, written)  # before nobody notes for us any more what is written
            return found
        finally:
            with self._turn:
                self._written = [each for each in self._written if each is not written]

    def _keep(self, found: dict[tuple[Channel, date], Floats], written: set[str]) -> None:
        with self._turn:
            for (channel, month), values in found.items():
                graph = channel.month_graph(month)
                if graph not in written and _ALL not in written:
                    there = self._kept.setdefault(graph, {})
                    self._count += channel not in there
                    there[channel] = values
            while self._count > MOST:
                _, oldest = self._kept.popitem(last=False)
                self._count -= len(oldest)

    def _touched(self, graphs: Iterable[str] | None) -> None:
        with self._turn:
            gone = list(self._kept) if graphs is None else list(graphs)
            for graph in gone:
                self._count -= len(self._kept.pop(graph, {}))
            for each in self._written:
                each.update({_ALL} if graphs is None else gone)


def quarter_hours() -> QuarterHours:
    """What this application keeps."""
    found = current_app.extensions.get("flexcoop.quarter_hours")
    if found is None:
        known = services()
        found = current_app.extensions.setdefault("flexcoop.quarter_hours", QuarterHours(known.store, known.readings))
    made: QuarterHours = found
    return made


def _months(begin: datetime, end: datetime) -> list[date]:
    """First days of the UTC months that a window touches."""
    month, found = begin.date().replace(day=1), []
    while _midnight(month) < end:
        found.append(month)
        month = _after(month)
    return found


def _after(month: date) -> date:
    return (month + timedelta(days=31)).replace(day=1)


def _midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)
