"""Read a CSV file of readings, one a row, without holding it in memory.

Columns, in any order: `channel` (IRI, or path below the base), `timestamp` (begin of the interval, with offset), `value`, and if
wanted `unit` (IRI or `unit:KiloW`). An empty value is a missing one and is passed over.
"""

import csv
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from itertools import pairwise
from typing import TextIO

from mappers import lexical
from mappers.document import prefixes
from mappers.errors import MappingError
from mappers.records import Refusal, RefusedError, Series

REQUIRED = ("channel", "timestamp", "value")
OPTIONAL = ("unit",)


@dataclass
class DayOfReadings:
    """The readings of one channel and UTC day, in one unit, as they come."""

    channel: str
    day: date
    unit: str | None
    readings: dict[datetime, str] = field(default_factory=dict)
    again: list[tuple[datetime, str]] = field(default_factory=list)

    def add(self, at: datetime, value: str) -> None:
        """Take one reading in; a second, different one of the same time comes after the first."""
        if at not in self.readings:
            self.readings[at] = value
        elif self.readings[at] != value:
            self.again.append((at, value))  # a second, different value supersedes the first: that is for the store to say


def lift(file: TextIO, *, base: str) -> Iterator[Series | Refusal]:
    """Read rows and yield what they make, each channel and UTC day together: a series where they are equidistant, else observations.

    Parameters
    ----------
    file
        Opened with `newline=""` and UTF-8.
    base
        What stands before a channel that is no absolute IRI, with its last slash: `http://127.0.0.1:8080/id/`.

    Raises
    ------
    MappingError
        If the header lacks a column or names an unknown one, or the file isn't CSV at all.
    """
    rows = csv.reader(file, strict=True)
    columns = header(rows)
    open_days: dict[str, DayOfReadings] = {}
    for row in _rows(rows):
        try:
            read = read_row(row, columns, base)
        except RefusedError as error:
            yield error.at(f"row {rows.line_num}")
            continue
        if read is None:
            continue
        channel, at, value, unit = read
        day = open_days.get(channel)
        if day is not None and (day.day, day.unit) != (at.date(), unit):
            yield from series_of(day)
            day = None
        if day is None:
            day = open_days[channel] = DayOfReadings(channel, at.date(), unit)
        day.add(at, value)
    for day in open_days.values():
        yield from series_of(day)


def header(rows: Iterator[list[str]]) -> dict[str, int]:
    """Read the first row and return the place of each column.

    Raises
    ------
    MappingError
        If a column is missing, unknown or named twice.
    """
    names = [name.strip().removeprefix("\ufeff") for name in next(_rows(rows), [])]
    missing = [name for name in REQUIRED if name not in names]
    unknown = [name for name in names if name not in REQUIRED + OPTIONAL]
    if missing or unknown or len(set(names)) != len(names):
        raise MappingError(
            f"the file's first row is {','.join(names)!r}, which isn't a header of readings; "
            "write the columns channel,timestamp,value,unit, separated by commas (unit may be left out)"
        )
    return {name: index for index, name in enumerate(names)}


def _rows(rows: Iterator[list[str]]) -> Iterator[list[str]]:
    try:
        yield from (row for row in rows if row)
    except (csv.Error, UnicodeDecodeError) as error:
        line = getattr(rows, "line_num", 0)
        raise MappingError(f"the file can't be read as CSV after row {line} ({error}); save it as UTF-8 with commas") from error


def read_row(row: Sequence[str], columns: dict[str, int], base: str) -> tuple[str, datetime, str, str | None] | None:
    """Read one row: channel, begin of the interval, plain decimal, unit; `None` where the value is missing.

    Raises
    ------
    RefusedError
        If it can't be a reading.
    """
    if len(row) != len(columns):
        raise RefusedError(",".join(row), f"has {len(row)} columns, not {len(columns)}", "give each column of the header one value")
    cells = {name: row[index].strip() for name, index in columns.items()}
    channel = lexical.absolute_iri(cells["channel"], base)
    at = lexical.instant(cells["timestamp"])
    unit = unit_iri(cells.get("unit", ""))
    return (channel, at, lexical.decimal_text(cells["value"]), unit) if cells["value"] else None


def unit_iri(text: str) -> str | None:
    """Read the IRI of a unit, whole or with a known prefix (`unit:KiloW`); `None` where none is named.

    Raises
    ------
    RefusedError
        If it is no IRI.
    """
    prefix, _, rest = text.partition(":")
    return lexical.absolute_iri(prefixes()[prefix] + rest if prefix in prefixes() else text) if text else None


def series_of(day: DayOfReadings) -> Iterator[Series]:
    """Make what one channel and day hold: a series where the readings are equidistant, else observations."""
    times = sorted(day.readings)
    step = _step(times)
    if step is None:
        yield from (Series(day.channel, at, None, (day.readings[at],), day.unit) for at in times)
    else:
        count = (times[-1] - times[0]) // step + 1
        values = tuple(day.readings.get(times[0] + index * step) for index in range(count))
        yield Series(day.channel, times[0], step, values, day.unit)
    yield from (Series(day.channel, at, None, (value,), day.unit) for at, value in day.again)


def _step(times: Sequence[datetime]) -> timedelta | None:
    """The distance of the readings where most of them leave no doubt; a gap must not pass for a step."""
    gaps = Counter(later - earlier for earlier, later in pairwise(times))
    if not gaps:
        return None
    step = min(gaps)
    sure = gaps[step] >= 2 and 2 * gaps[step] >= gaps.total()
    return step if sure and not any(gap % step for gap in gaps) else None
