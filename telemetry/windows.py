"""Windows of stored days as arrays: open and closed days merged, all channels of one step in one question."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

import numpy as np
import orjson

from kg import queries
from kg.iris import Iris
from kg.queries import Query
from kg.store import Row, Store
from telemetry import resampling
from telemetry.channels import Channel
from telemetry.days import slot_texts
from telemetry.errors import TelemetryError
from telemetry.resampling import Floats, Rule

_DAY = timedelta(days=1)
_DAY_S = 86400
_ROWS_A_QUERY = 4000


@dataclass(frozen=True)
class Window:
    """The times of a window on the grid of one step, and the UTC days it touches.

    Parameters
    ----------
    begin, stop
        Half-open, UTC; `begin` need not lie on the grid, whose first time is the next one.
    step
        Of the grid, which begins at midnight.
    """

    begin: datetime
    stop: datetime
    step: timedelta

    @property
    def dates(self) -> list[date]:
        """The UTC days, in order."""
        return dates(self.begin, self.stop)

    @property
    def bounds(self) -> tuple[int, int]:
        """First slot and the one after the last, counted from the midnight before `begin`."""
        midnight = self.begin.replace(hour=0, minute=0, second=0, microsecond=0)
        first, last = math.ceil((self.begin - midnight) / self.step), math.ceil((self.stop - midnight) / self.step)
        return first, max(first, last)


@dataclass(frozen=True)
class Places:
    """The day nodes of channels × dates by their number; IRIs are spelt without asking anybody."""

    graphs: list[str]
    nodes: list[str]

    def bind(self, query: Query, wanted: Sequence[int]) -> str:
        """Fill one of the window queries in."""
        return query.bind_columns(graph=[self.graphs[n] for n in wanted], day=[self.nodes[n] for n in wanted], place=wanted)


class Windows:
    """Reads windows; every answer is one consistent picture of each day, open or closed."""

    def __init__(self, store: Store, iris: Iris) -> None:
        self._store = store
        self._iris = iris

    def values(self, channels: Sequence[Channel], window: Window, wanted: timedelta) -> Floats:
        """Values by channel and interval of `wanted`, the first one beginning at the window's first time on the grid.

        Parameters
        ----------
        channels
            All of the window's step.
        wanted
            A multiple of it.

        Returns
        -------
        One row a channel in its unit; NaN where missing, and where a day is kept at a longer step than can answer.
        """
        rules = [resampling.rule(channel) for channel in channels]
        matrix, coarse = self._native(channels, window, rules)
        count = wanted // window.step
        result = _by_rule(matrix, rules, count)
        _take_away(result, coarse, rules, window, wanted)
        return result

    def parts(self, channels: Sequence[Channel], window: Window, edges: Sequence[int] = ()) -> Floats:
        """Values at the window's step, to be summed or averaged from edge to edge.

        A mean or sum that is kept at a longer step only is laid out as its parts, which together give it back; where the window or one
        of the `edges` (slots, counted from the midnight before its begin) cuts it, its parts can't be told and are NaN.
        """
        rules = [resampling.rule(channel) for channel in channels]
        matrix, coarse = self._native(channels, window, rules)
        first, last = window.bounds
        slots = _DAY // window.step
        for day in coarse:
            if rules[day.channel] in (Rule.MEAN, Rule.SUM):
                count = slots * day.step_s // _DAY_S
                for edge in (first, *edges, last):
                    if edge % count and day.date * slots <= edge < (day.date + 1) * slots:
                        begin = edge - edge % count - first
                        matrix[day.channel, max(0, begin) : begin + count] = np.nan
        return matrix

    def _native(self, channels: Sequence[Channel], window: Window, rules: Sequence[Rule]) -> "tuple[Floats, list[_Coarse]]":
        days = window.dates
        slots = int(_DAY / window.step)
        matrix = np.full((len(channels) * len(days), slots), np.nan)
        places = self._places(channels, days)
        numbers = list(range(len(matrix)))
        found, coarse = self._fill_closed(matrix, places, numbers, rules, len(days))
        missing = sorted(set(numbers) - found)
        if missing:
            opened = self._fill_open(matrix, places, missing, rules, len(days))
            again = [n for n in missing if n not in opened]  # closed between the two questions
            coarse += self._fill_closed(matrix, places, again, rules, len(days))[1]
        first, last = window.bounds
        return matrix.reshape(len(channels), len(days) * slots)[:, first:last], coarse

    def _places(self, channels: Sequence[Channel], days: Sequence[date]) -> Places:
        """Number the nodes channel by channel; a thousand are spelt in a millisecond."""
        spelt = [(f"{day:%Y%m%d}", f"{day:%Y-%m}") for day in days]
        base = self._iris.base
        graphs: list[str] = []
        nodes: list[str] = []
        for channel in channels:
            path = f"{base}/id/series/{self._iris.channel_path(channel.iri)}/"
            prefix = f"{channel.telemetry_prefix}/"
            nodes += [path + day for day, _ in spelt]
            graphs += [prefix + month for _, month in spelt]
        return Places(graphs, nodes)

    def _fill_closed(
        self, matrix: Floats, places: Places, wanted: Sequence[int], rules: Sequence[Rule], dates_a_channel: int
    ) -> "tuple[set[int], list[_Coarse]]":
        """Decode packed days, all texts in one go; returns which were there, and which of them are kept at a longer step."""
        found = [(int(row["place"].value), row["values"].value) for row in self._select("window_values", places, wanted)]
        arrays = orjson.loads(f"[{','.join([text for _, text in found])}]")
        slots = matrix.shape[1]
        coarse = []
        if set(map(len, arrays)) <= {slots}:
            if arrays:
                matrix[[n for n, _ in found]] = np.array(arrays, dtype=np.float64)
        else:
            for (n, _), array in zip(found, arrays, strict=True):
                channel, day = divmod(n, dates_a_channel)
                matrix[n] = _regrid(np.array(array, dtype=np.float64), slots, rules[channel])
                if len(array) < slots:
                    coarse.append(_Coarse(channel, day, _DAY_S // len(array)))
        return {n for n, _ in found}, coarse

    def _fill_open(self, matrix: Floats, places: Places, wanted: Sequence[int], rules: Sequence[Rule], dates_a_channel: int) -> set[int]:
        step_s = _DAY_S // matrix.shape[1]
        opened = set()
        for row in self._select("window_slots", places, wanted):
            place = int(row["place"].value)
            opened.add(place)
            values = {offset: float(text) for offset, text in slot_texts(row)}
            own_s = math.gcd(step_s, *values)  # finer where the channel's step has become longer since: as the day is packed
            laid = matrix[place] if own_s == step_s else np.full(_DAY_S // own_s, np.nan)
            laid[[offset // own_s for offset in values]] = list(values.values())
            if own_s != step_s:
                matrix[place] = _regrid(laid, matrix.shape[1], rules[place // dates_a_channel])
        return opened

    def _select(self, name: str, places: Places, wanted: Sequence[int]) -> Iterator[Row]:
        query = queries.load("telemetry", name)
        for first in range(0, len(wanted), _ROWS_A_QUERY):
            yield from self._store.select(places.bind(query, wanted[first : first + _ROWS_A_QUERY]))


@dataclass(frozen=True)
class _Coarse:
    """A day that is kept at a longer step than its channel has: which channel, which date, and that step [s]."""

    channel: int
    date: int
    step_s: int


def utc(at: datetime) -> datetime:
    """An aware time in UTC.

    Raises
    ------
    TelemetryError
        If it has no offset.
    """
    if at.tzinfo is None:
        raise TelemetryError(f"{at.isoformat()} has no offset, so it names no instant; give it a time zone")
    return at.astimezone(UTC)


def midnight(day: date) -> datetime:
    """The instant at which a UTC day begins."""
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


def dates(begin: datetime, stop: datetime) -> list[date]:
    """The UTC days that a window touches."""
    count = max(0, math.ceil((stop - midnight(begin.date())) / _DAY))
    return [begin.date() + n * _DAY for n in range(count)]


def ceil(at: datetime, step: timedelta) -> datetime:
    """The first time on a grid from midnight that is not before `at`."""
    begin = midnight(at.date())
    return begin + step * math.ceil((at - begin) / step)


def _regrid(values: Floats, slots: int, how: Rule) -> Floats:
    """A day that is stored at another step than the channel has now."""
    if len(values) % slots == 0:
        whole: Floats = resampling.resample(values[None, :], len(values) // slots, how)[0]
        return whole
    if slots % len(values) == 0:
        return resampling.expand(values, slots // len(values), how)
    return np.full(slots, np.nan)


def _by_rule(matrix: Floats, rules: Sequence[Rule], count: int) -> Floats:
    if count == 1:
        return matrix
    if len(set(rules)) == 1:
        return resampling.resample(matrix, count, rules[0])
    result = np.empty((len(matrix), -(-matrix.shape[1] // count)))
    for how in set(rules):
        chosen = [n for n, each in enumerate(rules) if each is how]
        result[chosen] = resampling.resample(matrix[chosen], count, how)
    return result


def _take_away(result: Floats, coarse: Sequence[_Coarse], rules: Sequence[Rule], window: Window, wanted: timedelta) -> None:
    """Blank the intervals of which a day that is kept at a longer step can't tell the mean or sum."""
    step_s, wanted_s = int(window.step.total_seconds()), int(wanted.total_seconds())
    starts = window.bounds[0] * step_s + wanted_s * np.arange(result.shape[1])
    for day in coarse:
        if rules[day.channel] in (Rule.MEAN, Rule.SUM):
            touched = (starts < (day.date + 1) * _DAY_S) & (starts + wanted_s > day.date * _DAY_S)
            halved = (starts % day.step_s != 0) | ((starts + wanted_s) % day.step_s != 0)
            result[day.channel, touched & halved] = np.nan
