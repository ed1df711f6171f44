"""Reading back: windows of many channels into numpy, open and closed days merged."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np
import orjson
import pandas as pd
from numpy.typing import NDArray

from kg.iris import Iris
from kg.store import Store
from ontology.names import FCV, UNIT
from telemetry import days, quality
from telemetry.channels import Channel, Channels
from telemetry.days import Day, Flag
from telemetry.errors import TelemetryError

_DAY = timedelta(days=1)
_SUMMED = frozenset({str(UNIT["KiloW-HR"]), str(UNIT["W-HR"]), str(UNIT["MegaW-HR"])})
_AT_END = str(FCV.StateOfCharge)
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Energy:
    """Energy over a window, with what it rests on.

    Parameters
    ----------
    kwh
        Sum over the readings that exist [kWh], in the sign of the channel; 0 where there are none: look at `count`.
    count, expected
        Readings that exist, and that a window without gaps would have.
    flagged
        Slots of the window with any quality flag.
    """

    kwh: float
    count: int
    expected: int
    flagged: int

    @property
    def complete(self) -> bool:
        """Whether no reading is missing."""
        return self.count == self.expected


class Readings:
    """Stored readings by channel and window; windows are half-open `[start, end)`, all times aware."""

    def __init__(self, store: Store, iris: Iris, channels: Channels) -> None:
        self._store = store
        self._iris = iris
        self._channels = channels

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
            Power, price and other intensities are averaged, energies summed, a state of charge is the last one; an interval
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
        known = [self._channels.known(iri) for iri in dict.fromkeys(channels)]
        coarsest = max((channel.step for channel in known), default=timedelta(minutes=15))
        wanted = step or coarsest
        begin, stop = _ceil(_utc(start), coarsest), _utc(end)
        columns: dict[str, Floats] = {}
        for native in sorted({channel.step for channel in known}):
            group = [channel for channel in known if channel.step == native]
            matrix = self._matrix(group, native, begin, stop)
            for channel, column in zip(group, matrix, strict=True):
                columns[channel.iri] = _resample(channel, column, native, wanted)
        rows = max(0, math.ceil((stop - begin) / wanted))
        index = pd.DatetimeIndex(pd.date_range(begin, periods=rows, freq=wanted, name="start"))
        data = {iri: _fit(columns[iri], rows) for iri in channels}
        return pd.DataFrame(data, index=index)

    def latest(self, channels: Sequence[str]) -> dict[str, tuple[datetime, float]]:
        """Return beginning and value, in the channel's unit, of the last reading of each channel that has any.

        Raises
        ------
        UnknownChannelError
            If nobody has described one of the channels.
        """
        return self._channels.latest.of([self._channels.known(iri) for iri in channels])

    def energy(self, channel: str, start: datetime, end: datetime) -> Energy:
        """Sum a channel of power or energy over a window.

        Raises
        ------
        UnknownChannelError
            If nobody has described the channel.
        TelemetryError
            If its unit is neither one of power nor one of energy.
        """
        known = self._channels.known(channel)
        begin, stop = _utc(start), _utc(end)
        (values,) = self._matrix([known], known.step, begin, stop)
        present = values[~np.isnan(values)]
        flagged = {at for at, _ in self.flags(channel, start, end)}
        return Energy(float(present.sum()) * _kwh_per_value(known), len(present), len(values), len(flagged))

    def days(self, channel: str, start: datetime, end: datetime) -> list[str]:
        """Return the IRIs of the day nodes that hold readings of a channel in the UTC days of a window, in order of time."""
        nodes = self._nodes([self._channels.known(channel)], _utc(start), _utc(end))
        return [row["day"].value for row in days.select(self._store, "days_existing", nodes)]

    def flags(self, channel: str, start: datetime, end: datetime) -> list[tuple[datetime, Flag]]:
        """Return the quality flags of a channel within a window, each with the beginning of its interval."""
        begin, stop = _utc(start), _utc(end)
        by_iri = {node.iri: node for node in self._nodes([self._channels.known(channel)], begin, stop)}
        found = [(by_iri[row["day"].value], days.flag(row)) for row in days.select(self._store, "day_flags", by_iri.values())]
        timed = [(_midnight(node) + timedelta(seconds=flag.offset), flag) for node, flag in found]
        return [(at, flag) for at, flag in timed if begin <= at < stop]

    def _nodes(self, channels: Sequence[Channel], begin: datetime, stop: datetime) -> list[Day]:
        """The day nodes that a window can touch, existing or not."""
        dates = []
        day = begin.date()
        while datetime(day.year, day.month, day.day, tzinfo=UTC) < stop:
            dates.append(day)
            day += _DAY
        return [days.empty(self._iris, channel, day) for channel in channels for day in dates]

    def _matrix(self, channels: Sequence[Channel], step: timedelta, begin: datetime, stop: datetime) -> Floats:
        """Values by channel and step of the window, whose first row is the first grid time not before `begin`."""
        nodes = self._nodes(channels, begin, stop)
        slots = int(_DAY / step)
        dates = len(nodes) // len(channels) if channels else 0
        matrix = np.full((len(nodes), slots), np.nan)
        place = {node.iri: row for row, node in enumerate(nodes)}
        missing = self._fill_closed(matrix, place, nodes)
        if missing:
            opened = self._fill_open(matrix, place, missing)
            self._fill_closed(matrix, place, [node for node in missing if node.iri not in opened])  # closed between the two questions
        midnight = begin.replace(hour=0, minute=0, second=0, microsecond=0)
        first, last = math.ceil((begin - midnight) / step), math.ceil((stop - midnight) / step)
        return matrix.reshape(len(channels), dates * slots)[:, first : max(first, last)]

    def _fill_closed(self, matrix: Floats, place: dict[str, int], nodes: Sequence[Day]) -> list[Day]:
        """Decode packed days, all texts in one go; returns the days that are not closed."""
        found = [(row["day"].value, row["values"].value) for row in days.select(self._store, "day_values", nodes)]
        arrays = orjson.loads(f"[{','.join([text for _, text in found])}]")
        slots = matrix.shape[1]
        if all(len(array) == slots for array in arrays):
            if arrays:
                matrix[[place[iri] for iri, _ in found]] = np.array(arrays, dtype=np.float64)
        else:
            for (iri, _), array in zip(found, arrays, strict=True):
                matrix[place[iri]] = _regrid(np.array(array, dtype=np.float64), slots)
        closed = {iri for iri, _ in found}
        return [node for node in nodes if node.iri not in closed]

    def _fill_open(self, matrix: Floats, place: dict[str, int], nodes: Sequence[Day]) -> set[str]:
        step_s = 86400 // matrix.shape[1]
        opened = set()
        for row in days.select(self._store, "day_slots", nodes):
            iri = row["day"].value
            opened.add(iri)
            for offset, text in days.slot_texts(row):
                if offset % step_s == 0:
                    matrix[place[iri], offset // step_s] = float(text)
        return opened


def _utc(at: datetime) -> datetime:
    if at.tzinfo is None:
        raise TelemetryError(f"{at.isoformat()} has no offset, so it names no instant; give it a time zone")
    return at.astimezone(UTC)


def _ceil(at: datetime, step: timedelta) -> datetime:
    midnight = at.replace(hour=0, minute=0, second=0, microsecond=0)
    return midnight + step * math.ceil((at - midnight) / step)


def _midnight(node: Day) -> datetime:
    return datetime(node.date.year, node.date.month, node.date.day, tzinfo=UTC)


def _regrid(values: Floats, slots: int) -> Floats:
    """A day stored at another step than the channel has now: the values at the beginnings of the channel's intervals."""
    if len(values) % slots == 0:
        return values[:: len(values) // slots]
    spread = np.full(slots, np.nan)
    if slots % len(values) == 0:
        spread[:: slots // len(values)] = values
    return spread


def _resample(channel: Channel, values: Floats, native: timedelta, wanted: timedelta) -> Floats:
    if wanted == native:
        return values
    if wanted < native or wanted % native:
        raise TelemetryError(
            f"{wanted} is not a multiple of {native}, the step of {channel.iri}, so its readings can't be resampled; ask for a multiple"
        )
    parts = wanted // native
    padded = np.pad(values, (0, -len(values) % parts), constant_values=np.nan).reshape(-1, parts)
    if channel.kind == _AT_END:
        return padded[:, -1]
    means: Floats = padded.mean(axis=1)
    return means * parts if channel.unit in _SUMMED else means


def _fit(values: Floats, rows: int) -> Floats:
    """Cut or fill to the number of rows: windows that don't begin or end on a channel's grid differ by one."""
    return values[:rows] if len(values) >= rows else np.pad(values, (0, rows - len(values)), constant_values=np.nan)


def _kwh_per_value(channel: Channel) -> float:
    """Energy that one reading of 1 in the channel's unit stands for [kWh]."""
    for unit, hours in ((UNIT.KiloW, channel.step_s / 3600), (UNIT["KiloW-HR"], 1.0)):
        convert = quality.factor(channel.unit, str(unit))
        if convert is not None:
            return convert * hours
    raise TelemetryError(f"{channel.iri} is in {channel.unit}, neither a power nor an energy, so it has no sum in kWh; ask for frame()")
