"""Read a Parquet file of readings in portions: columns channel, timestamp, value and, if wanted, unit."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from mappers import columns, csv, lexical
from mappers.columns import EARLIEST_US, LATEST_US, Columns, Integers, Mask, Names, Portion, RefusedRow, Rows
from mappers.errors import MappingError
from mappers.records import Refusal

ROWS = 262_144
SMALLEST, LARGEST = 1e-18, 1e15  # beyond these a float is read as the text of a CSV file is
_PER_US = {"s": 1_000_000, "ms": 1_000, "us": 1}
_REMEDY = "write the columns channel (string), timestamp (with zone), value (number) and unit (string)"


class ParquetFile:
    """A Parquet file of readings.

    A null value is a missing reading and is passed over; NaN and infinity are refused. 64-bit floating-point values are spelt as the
    shortest decimal that gives them back.

    Parameters
    ----------
    path
        The file.
    base
        What stands before a channel that is no absolute IRI, with its last slash.
    """

    def __init__(self, path: Path, *, base: str) -> None:
        self._path = path
        self._base = base
        self.channels = Names(lambda text: lexical.absolute_iri(text, base))
        self.units = Names(csv.unit_iri)

    def portions(self) -> Iterator[Portion]:
        """Read the file from its beginning.

        Raises
        ------
        MappingError
            If it is no Parquet file, or its columns aren't those of readings.
        """
        try:
            with pq.ParquetFile(self._path, pre_buffer=False) as file:
                _refuse_unless_readings(file.schema_arrow)
                total, done = max(1, file.metadata.num_rows), 0
                for batch in file.iter_batches(ROWS, use_threads=False):
                    found, refused = self._columns(_without_views(batch), done)
                    done += batch.num_rows
                    yield Portion(found, refused, done / total)
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError, OSError) as error:
            if isinstance(error, OSError) and error.errno is not None:
                raise
            raise MappingError(f"{self._path.name} can't be read as Parquet ({error}); write it anew, or load it as CSV") from error

    def _columns(self, batch: pa.RecordBatch, first: int) -> tuple[Columns, list[RefusedRow]]:
        rows = np.arange(first + 1, first + 1 + batch.num_rows)
        at, in_time = _times(batch.column("timestamp"))
        number, text, fits = _values(batch.column("value"))
        missing = ~columns.mask(batch.column("value").is_valid())
        channel = self.channels.codes(_texts(batch, "channel"))
        unit = self.units.codes(_texts(batch, "unit"))
        good = in_time & (channel >= 0) & (unit >= 0) & fits & ~missing
        found = Columns(channel, unit, at, number, text, rows)
        odd = ~good & ~(missing & in_time & (channel >= 0) & (unit >= 0))
        if not odd.any():
            return (found if good.all() else found.take(good)), []
        return self._with_odd(batch, found, good, odd)

    def _with_odd(self, batch: pa.RecordBatch, found: Columns, good: Mask, odd: Mask) -> tuple[Columns, list[RefusedRow]]:
        """Read the rows that don't fit one by one: some become readings, the others are named."""
        names = ("channel", "timestamp", "value", "unit")
        strict = Rows(self.channels, self.units, {name: place for place, name in enumerate(names)}, self._base)
        early: list[RefusedRow] = []
        chosen = batch.take(pa.array(np.flatnonzero(odd)))
        cells = {name: _spelt(chosen, name) for name in names}
        for place, number in enumerate(found.row[odd]):
            row = [cells[name][place] for name in names]
            if (wrong := _not_a_moment(row[1])) is not None:
                early.append(RefusedRow(Refusal(f"row {number}", *wrong), dict(zip(names, row, strict=True))))
            else:
                strict.read(int(number), row)
        rest = found.take(good)
        rescued = strict.columns()
        if len(rescued):
            spelt = rescued if rest.text is not None else replace(rescued, text=None)
            rest = columns.concat([rest, spelt])
            rest = rest.take(np.argsort(rest.row, kind="stable"))
        return rest, early + strict.refused


def _refuse_unless_readings(schema: pa.Schema) -> None:
    names = schema.names
    missing = [name for name in csv.REQUIRED if name not in names]
    unknown = [name for name in names if name not in csv.REQUIRED + csv.OPTIONAL]
    if missing or unknown or len(set(names)) != len(names):
        raise MappingError(f"the file has the columns {', '.join(names)}, which aren't those of readings; {_REMEDY}")
    time = schema.field("timestamp").type
    if not pa.types.is_timestamp(time) or time.tz is None:
        raise MappingError(
            f"the column timestamp is of type {time}, so it names no instants; write it as timestamp with a zone, for example UTC"
        )
    value = schema.field("value").type
    if not (pa.types.is_floating(value) or pa.types.is_integer(value) or pa.types.is_decimal(value) or _is_text(value)):
        raise MappingError(f"the column value is of type {value}, which isn't a number; {_REMEDY}")
    for name in ("channel", "unit"):
        if name in names and not _is_text(schema.field(name).type):
            raise MappingError(f"the column {name} is of type {schema.field(name).type}, which isn't a text; {_REMEDY}")


def _without_views(batch: pa.RecordBatch) -> pa.RecordBatch:
    """Texts as ordinary ones: not every function takes views."""
    plain = [column.cast(pa.string()) if pa.types.is_string_view(column.type) else column for column in batch.columns]
    return pa.RecordBatch.from_arrays(plain, names=batch.schema.names)


def _is_text(kind: pa.DataType) -> bool:
    kind = kind.value_type if pa.types.is_dictionary(kind) else kind
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind))


def _texts(batch: pa.RecordBatch, name: str) -> pa.Array:
    column = columns.strings(batch, name)
    return column if pa.types.is_dictionary(column.type) else column.cast(pa.string())


def _times(column: pa.Array) -> tuple[Integers, Mask]:
    """Microseconds since 1970, and where they say what the file says."""
    known = columns.mask(column.is_valid())
    raw: Integers = column.cast(pa.int64()).fill_null(0).to_numpy(zero_copy_only=False)
    if column.type.unit == "ns":
        return raw // 1000, known & (raw % 1000 == 0)
    factor = _PER_US[column.type.unit]
    inside = (raw >= EARLIEST_US // factor) & (raw <= LATEST_US // factor)
    return np.where(inside, raw, 0) * factor, known & inside


def _values(column: pa.Array) -> tuple[columns.Floats, pa.Array | None, Mask]:
    """Numbers, their exact texts where the file doesn't hold 64-bit floating-point numbers, and where both are good."""
    if pa.types.is_float64(column.type):
        number = columns.as_floats(column)
        size = np.abs(number)
        return number, None, (size == 0) | ((size >= SMALLEST) & (size < LARGEST))
    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    text, fits = columns.plain(column.cast(pa.string()))
    return columns.floats(pc.if_else(pa.array(fits), text, None)), text, fits


def _spelt(batch: pa.RecordBatch, name: str) -> list[str]:
    """Cells as the row-wise reader takes them."""
    column = columns.strings(batch, name)
    if pa.types.is_timestamp(column.type):
        return [_instant(value, column.type.unit) for value in column.cast(pa.int64()).to_pylist()]
    return ["" if cell is None else str(cell) for cell in column.to_pylist()]


def _instant(value: int | None, unit: str) -> str:
    if value is None:
        return ""
    at, rest = divmod(value, 1000) if unit == "ns" else (value * _PER_US[unit], 0)
    if rest or not EARLIEST_US <= at <= LATEST_US:
        return f"{value} {unit}"
    return columns.instant_of(at).isoformat().replace("+00:00", "Z")


def _not_a_moment(text: str) -> tuple[str, str, str] | None:
    """What a refusal of the row says, where the time can't be had."""
    if not text:
        return "null", "is not an instant", "give each reading the time at which its interval begins"
    if text.endswith(" ns"):
        return text, "since 1970 is finer than a microsecond", "round the times to the channel's step"
    if text.split()[-1] in _PER_US:
        return text, "since 1970 is beyond the calendar", "correct the clock or the unit of the column"
    return None
