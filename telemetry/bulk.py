"""Whole days of readings into the graph at bulk speed.

Days that are past, clean and not stored yet are packed as they come, hundreds in a transaction. Everything else (a doubtful value, a day
that is stored already with other values, today, an unknown channel, another unit) goes the way of a fresh message through
`ReadingWriter.write`, so that checks, flags and sentences are the same ones.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import cache, partial

import numpy as np
import orjson
from numpy.typing import NDArray
from pyoxigraph import Literal, NamedNode, Quad

from kg.iris import Iris
from kg.store import Store
from kg.terms import XSD, duration
from mappers import columns, csv
from mappers.columns import DAY_US, Columns, Integers, Mask, Names, instant_of
from mappers.records import Refusal, Series
from ontology.names import FC, S4ENER
from telemetry import days
from telemetry.channels import Channel, Channels
from telemetry.days import Day
from telemetry.quality import Limits
from telemetry.writer import Outcome, ReadingWriter

BUFFER_READINGS = 1_000_000
DAYS_A_TRANSACTION = 500
STRICT_READINGS = 20_000
_LARGEST = 1e15
_ODD_NUMBER = re.compile(rb"e|\.\d{19}")
_EPOCH_DAY = date(1970, 1, 1)
_FOR_PROPERTY, _DAY, _RESOLUTION = (NamedNode(str(term)) for term in (FC.forProperty, FC.day, S4ENER.hasTemporalResolution))
_DATE_TYPE, _DURATION_TYPE = NamedNode(XSD + "date"), NamedNode(XSD + "dayTimeDuration")
Key = tuple[str, date]


@dataclass(frozen=True)
class RefusedReadings:
    """What the writer refused, and the readings of the channel-days it stood in: channel, time, value, unit."""

    refused: Sequence[Refusal]
    readings: Sequence[tuple[str, datetime, str, str | None]]


@dataclass
class Bulk:
    """Takes the readings of one file, in any order, and stores them by whole days.

    Parameters
    ----------
    store, iris, channels, writer
        Where they go.
    names, units
        The file's numbering of channels and units.
    received
        Now.
    on_refused
        Told what the writer refused.
    """

    store: Store
    iris: Iris
    channels: Channels
    writer: ReadingWriter
    names: Names
    units: Names
    received: datetime
    on_refused: Callable[[RefusedReadings], None]
    touched: set[Key] = field(default_factory=set)
    limits: Limits = field(default_factory=Limits)
    _waiting: list[Columns] = field(default_factory=list)
    _size: int = 0
    _ordered: bool = True
    _last: dict[int, int] = field(default_factory=dict)

    def add(self, readings: Columns) -> Iterator[Outcome]:
        """Take readings in; yields what became of those that were stored meanwhile, a transaction at a time."""
        if len(readings):
            self._waiting.append(readings)
            self._size += len(readings)
        if self._size >= BUFFER_READINGS:
            yield from self._flush(final=False)

    def finish(self) -> Iterator[Outcome]:
        """Store what still waits."""
        if self._waiting:
            yield from self._flush(final=True)

    def _flush(self, *, final: bool) -> Iterator[Outcome]:
        found = columns.concat(self._waiting)
        found = found.take(np.lexsort((found.at, found.channel)))
        self._waiting, self._size = [], 0
        self._ordered = self._ordered and self._in_order(found)
        groups = _Groups.of(found, self._rules(), self.received, self.limits)
        held = np.zeros(len(groups.first), dtype=bool)
        if not final:
            held = groups.newest & ~groups.complete
            if groups.size[held].sum() > BUFFER_READINGS // 2:  # a file of very many channels: what waits must not take all memory
                held[:] = False
        # an incomplete day is packed only where nothing more of it can come
        packable = groups.clean & (groups.complete | (self._ordered & (final | ~groups.newest)))
        if held.any():
            kept = found.take(np.repeat(held, groups.size))
            self._waiting, self._size = [kept], len(kept)
        texts = None if found.text is None else found.text.to_pylist()
        yield from self._packed(found, groups, np.flatnonzero(packable & ~held), texts)
        yield from self._strict(found, groups, np.flatnonzero(~packable & ~held), texts)

    def _in_order(self, found: Columns) -> bool:
        """Whether the times of each channel have only risen through the file so far."""
        same = np.diff(found.channel) == 0
        ordered = bool(np.all(np.diff(found.row)[same] > 0))
        edges = np.flatnonzero(np.concatenate([[True], ~same]))
        ends = np.concatenate([edges[1:], [len(found)]]) - 1
        for first, last in zip(edges, ends, strict=True):
            code = int(found.channel[first])
            ordered = ordered and found.at[first] >= self._last.get(code, found.at[first])
            self._last[code] = max(int(found.at[last]), self._last.get(code, int(found.at[last])))
        return ordered

    def _rules(self) -> "_Rules":
        known = [self.channels.get(iri) if iri is not None else None for iri in self.names.iris]
        units = [-1 if one is None else self.units.of_iri(one.unit) for one in known]
        return _Rules(known, np.array(units, dtype=np.int64))

    def _packed(self, found: Columns, groups: "_Groups", chosen: Integers, texts: list[str] | None) -> Iterator[Outcome]:
        for start in range(0, len(chosen), DAYS_A_TRANSACTION):
            part = chosen[start : start + DAYS_A_TRANSACTION]
            fresh = [self._day(found, groups, group, texts) for group in part]
            stored: dict[str, str] = {}
            change = partial(self._insert, fresh, stored)
            self.writer.behind_its_back(change, before=self.received.astimezone(UTC).date())
            counts = groups.size[part]
            same = np.array([stored[day.iri] == "same" for day in fresh])
            other = np.array([stored[day.iri] == "other" for day in fresh])
            yield Outcome(accepted=int(counts[~same & ~other].sum()), duplicates=int(counts[same].sum()))
            if other.any():
                yield from self._strict(found, groups, part[other], texts)

    def _day(self, found: Columns, groups: "_Groups", group: int, texts: list[str] | None) -> Day:
        first = int(groups.first[group])
        last = first + int(groups.size[group])
        channel = groups.rules.channels[found.channel[first]]
        assert channel is not None  # noqa: S101  (a clean group has a known channel)
        day = days.empty(self.iris, channel, _EPOCH_DAY + timedelta(days=int(groups.day[group])))
        places = None if groups.complete[group] else (found.at[first:last] % DAY_US) // (channel.step_s * 1_000_000)
        day.array = _array(found.number[first:last], None if texts is None else texts[first:last], places, channel.slots)
        return day

    def _insert(self, fresh: Sequence[Day], state: dict[str, str]) -> None:
        """Pack days that are not there; notes of each whether it is `new`, the `same` as stored, or stored as something `other`."""
        arrays = {row["day"].value: row["values"].value for row in days.select(self.store, "day_values", fresh)}
        unpacked = [day for day in fresh if day.iri not in arrays]
        opened = {row["day"].value for row in days.select(self.store, "days_existing", unpacked)}
        new = [day for day in unpacked if day.iri not in opened]
        quads = [quad for day in new for quad in (*_header(day), day.array_quad(day.array or ""))]
        if quads:
            self.store.apply(insert=quads)
        for day in {day.channel.iri: day for day in new}.values():  # each channel's newest, as the days are sorted
            self._offer(day)
        state.update({day.iri: "same" if arrays.get(day.iri) == day.array else "other" for day in fresh})
        state.update({day.iri: "new" for day in new})

    def _offer(self, day: Day) -> None:
        values = days.unpack(day.array or "")
        last = max(values)
        midnight = datetime(day.date.year, day.date.month, day.date.day, tzinfo=UTC)
        self.channels.latest.offer(day.channel.iri, midnight + timedelta(seconds=last), float(values[last]))

    def _strict(self, found: Columns, groups: "_Groups", chosen: Integers, texts: list[str] | None) -> Iterator[Outcome]:
        series: list[Series] = []
        size = 0
        for group in chosen:
            parts = self._readings(found, groups, int(group), texts)
            made = [one for part in parts for one in csv.series_of(part)]
            self.touched.update((one.channel, one.start.date()) for one in made)
            series += made
            size += sum(len(one.values) for one in made)
            if size >= STRICT_READINGS:
                yield self._write(series)
                series, size = [], 0
        if series:
            yield self._write(series)

    def _write(self, series: list[Series]) -> Outcome:
        found: list[Outcome] = []
        today = self.received.astimezone(UTC).date()
        self.writer.behind_its_back(lambda: found.append(self._write_after_the_day_before(series)), before=today)
        (outcome,) = found
        if outcome.refused:
            spoilt = {point for refusal in outcome.refused for point in [refusal.point.partition(" at ")[0]]}
            readings = [
                (one.channel, one.start + (one.step or timedelta()) * place, value, one.unit)
                for one in series
                if one.channel in spoilt
                for place, value in enumerate(one.values)
                if value is not None
            ]
            self.on_refused(RefusedReadings(outcome.refused, readings))
        return outcome

    def _write_after_the_day_before(self, series: list[Series]) -> Outcome:
        """Write, and let the writer see what the first readings of a day are judged by: the last one of the day before, which is stored."""
        channels = {
            one.channel: channel for one in series if (channel := self.channels.get(one.channel)) is not None and channel.sequential
        }
        here = {(one.channel, one.start.date()) for one in series if one.channel in channels}
        before = {(name, day - timedelta(days=1)) for name, day in here} - here
        stored = days.read(self.store, self.iris, [(channels[name], day) for name, day in sorted(before)])
        known = [one for day in stored.values() if (one := _last(day)) is not None]
        outcome = self.writer.write([*known, *series], received=self.received)
        return replace(outcome, duplicates=outcome.duplicates - len(known))

    def _readings(self, found: Columns, groups: "_Groups", group: int, texts: list[str] | None) -> list[csv.DayOfReadings]:
        """A group as the row-wise reader would have collected it: in the order of the file, anew where the unit changes."""
        first = int(groups.first[group])
        last = first + int(groups.size[group])
        channel, day = str(self.names.iris[found.channel[first]]), instant_of(found.at[first]).date()
        made: list[csv.DayOfReadings] = []
        for place in first + np.argsort(found.row[first:last], kind="stable"):
            unit = self.units.iris[found.unit[place]]
            if not made or made[-1].unit != unit:
                made.append(csv.DayOfReadings(channel, day, unit))
            made[-1].add(instant_of(found.at[place]), _text(float(found.number[place])) if texts is None else texts[place])
        return made


@dataclass(frozen=True)
class _Rules:
    """What the channels of a file demand, by their numbers."""

    channels: Sequence[Channel | None]
    units: Integers

    def each(self, rule: Callable[[Channel], float | None], otherwise: float) -> NDArray[np.float64]:
        values = [otherwise if one is None or (value := rule(one)) is None else value for one in self.channels]
        return np.array(values, dtype=np.float64)


@dataclass(frozen=True)
class _Groups:
    """Sorted readings, parted by channel and UTC day.

    Attributes
    ----------
    first, size, day
        Where each begins, how many readings it has, its day since 1970.
    complete, clean, newest
        Whether it fills its day; whether nothing about it is doubtful, so that it may be packed as it is; whether it is the channel's last.
    """

    rules: _Rules
    first: Integers
    size: Integers
    day: Integers
    complete: Mask
    clean: Mask
    newest: Mask

    @classmethod
    def of(cls, found: Columns, rules: _Rules, received: datetime, limits: Limits) -> "_Groups":
        day = found.at // DAY_US
        change = np.ones(len(found), dtype=bool)
        change[1:] = (np.diff(found.channel) != 0) | (np.diff(day) != 0)
        first = np.flatnonzero(change)
        size = np.diff(np.append(first, len(found)))
        channel = found.channel[first]
        step = rules.each(lambda one: one.step_s * 1e6, DAY_US).astype(np.int64)
        slots = DAY_US // step[channel]
        today = received.astimezone(UTC).date()
        past = (day[first] < (today - _EPOCH_DAY).days) & (day[first] >= (limits.earliest.date() - _EPOCH_DAY).days + 1)
        known = np.array([one is not None for one in rules.channels], dtype=bool)[channel]
        doubtful = _doubtful(found, rules, step, change)
        clean = past & known & ~np.logical_or.reduceat(doubtful, first)
        complete = size == slots
        gaps = np.full(len(found), DAY_US, dtype=np.int64)
        gaps[1:] = np.where(change[1:], DAY_US, np.diff(found.at))
        clean &= complete | (np.minimum.reduceat(gaps, first) == step[channel])  # at another step they are not readings of this channel
        newest = np.append(channel[1:] != channel[:-1], True)
        # what is stored of the day after may have to be judged anew
        clean &= ~(newest & (rules.each(lambda one: float(one.sequential), 0.0)[channel] > 0))
        return cls(rules, first, size, day[first], complete, clean, newest)


def _doubtful(found: Columns, rules: _Rules, step: Integers, change: Mask) -> Mask:
    """Readings that must be looked at one by one: in another unit, off the grid, out of range, twice at one time, or odd beside the one before."""
    code, number = found.channel, found.number
    low, high = rules.each(lambda one: one.minimum, -np.inf), rules.each(lambda one: one.maximum, np.inf)
    doubtful: Mask = (found.unit != rules.units[code]) | ((found.at % DAY_US) % step[code] != 0)
    doubtful |= ~((number >= low[code]) & (number <= high[code]) & (np.abs(number) < _LARGEST))
    doubtful[1:] |= ~change[1:] & (np.diff(found.at) == 0)
    doubtful |= _odd_beside_the_last(found, rules, step)
    return doubtful


def _odd_beside_the_last(found: Columns, rules: _Rules, step: Integers) -> Mask:
    """Readings that change too fast, don't change for too long, or count backwards; the first of a channel where that can't be told."""
    code, number = found.channel, found.number
    largest = rules.each(lambda one: one.maximum_change, np.inf)[code]
    stuck = rules.each(_stuck_after_us, np.inf)[code]
    counts = rules.each(lambda one: float(one.counter), 0.0)[code] > 0
    first = np.ones(len(found), dtype=bool)
    first[1:] = np.diff(code) != 0
    change = np.diff(number, prepend=number[:1])
    place = np.arange(len(found))
    starts = np.maximum.accumulate(np.where(first | (change != 0), place, 0))
    since_before = starts == np.maximum.accumulate(np.where(first, place, 0))  # how long it had stood already is not known here
    odd: Mask = first & ((largest < np.inf) | (stuck < np.inf) | counts)
    odd |= ~first & ((np.abs(change) > largest) | (counts & (change < 0)))
    odd |= (number != 0) & (stuck < np.inf) & (since_before | (found.at - found.at[starts] + step[code] >= stuck))
    return odd


def _last(day: Day) -> Series | None:
    """The last reading of a stored day as it would come again; `None` where it could not."""
    if not day.values or day.step_s > day.channel.step_s:
        return None
    offset = max(day.values)
    at = datetime(day.date.year, day.date.month, day.date.day, tzinfo=UTC) + timedelta(seconds=offset)
    return Series(day.channel.iri, at, None, (day.values[offset],), day.channel.unit) if offset % day.channel.step_s == 0 else None


def _stuck_after_us(channel: Channel) -> float | None:
    return None if channel.stuck_after is None else channel.stuck_after / timedelta(microseconds=1)


def _header(day: Day) -> Iterator[Quad]:
    """The same as `Day.header`, ten times as fast: with a day in a transaction of its own that does not matter, with hundreds it does."""
    subject, graph = NamedNode(day.iri), NamedNode(day.graph)
    yield Quad(subject, _FOR_PROPERTY, NamedNode(day.channel.iri), graph)
    yield Quad(subject, _DAY, Literal(day.date.isoformat(), datatype=_DATE_TYPE), graph)
    yield Quad(subject, _RESOLUTION, _step_literal(day.channel.step), graph)


@cache
def _step_literal(step: timedelta) -> Literal:
    return Literal(duration(step), datatype=_DURATION_TYPE)


def _array(number: columns.Floats, texts: list[str] | None, places: Integers | None, slots: int) -> str:
    """The JSON array of a packed day."""
    if texts is not None:
        if places is None:
            return f"[{','.join(texts)}]"
        spelt = ["null"] * slots
        for place, text in zip(places, texts, strict=True):
            spelt[place] = text
        return f"[{','.join(spelt)}]"
    if places is not None:
        whole = np.full(slots, np.nan)
        whole[places] = number
        number = whole
    body = orjson.dumps(np.ascontiguousarray(number) + 0.0, option=orjson.OPT_SERIALIZE_NUMPY)  # + 0.0: zero has no sign
    if _ODD_NUMBER.search(body):
        return f"[{','.join(['null' if value != value else _text(value) for value in number.tolist()])}]"
    return body.replace(b".0,", b",").replace(b".0]", b"]").decode()


def _text(number: float) -> str:
    """The shortest decimal that gives a number back, without exponent; one that is too large for a reading, too: the writer refuses it."""
    return days.canonical(repr(number)) if abs(number) < _LARGEST else format(Decimal(repr(number)), "f")
