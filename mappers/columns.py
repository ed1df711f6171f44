"""Readings in columns: what the bulk readers of CSV and Parquet files (`mappers.csvfile`, `mappers.parquet`) hand on.

A column-wise reader checks whole columns at once. A row that does not fit its quick patterns is read by `mappers.csv.read_row`, so that
what is taken, what is refused and in which words do not depend on the way.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from mappers import csv
from mappers.errors import MappingError
from mappers.records import Refusal, RefusedError

DAY_US = 86_400_000_000
EARLIEST_US, LATEST_US = -62_135_596_800_000_000, 253_402_300_799_000_000  # what a datetime can hold: the years 1 to 9999
MOST_NAMES = 1_000_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_PLAIN = r"^-?(0|[1-9][0-9]{0,14})(\.[0-9]{1,18})?$"

Integers = NDArray[np.int64]
Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]


class Names:
    """The channels, or the units, that a file names: each text is read once and has a number from then on.

    Parameters
    ----------
    read
        Makes the IRI out of a text, or raises `RefusedError`.
    """

    def __init__(self, read: Callable[[str], str | None]) -> None:
        self.iris: list[str | None] = []
        self._read = read
        self._codes: dict[str, int] = {}
        self._by_iri: dict[str | None, int] = {}

    def code(self, text: str) -> int:
        """The number of what a text names; −1 where it can't be read."""
        found = self._codes.get(text)
        if found is None:
            if len(self._codes) >= MOST_NAMES:
                raise MappingError(
                    f"the file names more than {MOST_NAMES:,} different channels or units; are its columns in the right order?"
                )
            try:
                found = self.of_iri(self._read(text.strip()))
            except RefusedError:
                found = -1
            self._codes[text] = found
        return found

    def of_iri(self, iri: str | None) -> int:
        """The number of an IRI."""
        found = self._by_iri.get(iri)
        if found is None:
            found = self._by_iri[iri] = len(self.iris)
            self.iris.append(iri)
        return found

    def codes(self, column: pa.Array) -> Integers:
        """The numbers of a column of texts; null counts as an empty text."""
        encoded = column if pa.types.is_dictionary(column.type) else column.dictionary_encode()
        table = np.array([self.code(text or "") for text in encoded.dictionary.to_pylist()] + [self.code("")], dtype=np.int64)
        indices = encoded.indices.cast(pa.int64()).fill_null(len(table) - 1).to_numpy(zero_copy_only=False)
        found: Integers = table[indices]
        return found


@dataclass(frozen=True)
class Columns:
    """Readings, one a place in each array.

    Attributes
    ----------
    channel, unit
        Numbers in the `Names` of the file.
    at
        Begin of the interval [µs since 1970, UTC].
    number
        The value.
    text
        The value as exact plain decimal; `None` where the file itself holds binary floating-point numbers.
    row
        Where it stands in the file, rising.
    """

    channel: Integers
    unit: Integers
    at: Integers
    number: Floats
    text: pa.Array | None
    row: Integers

    def __len__(self) -> int:
        return len(self.at)

    def take(self, chosen: Integers | Mask) -> "Columns":
        """Return some of the readings, in the order of their indices (or where a mask is true)."""
        indices = np.flatnonzero(chosen) if chosen.dtype == np.bool_ else chosen
        text = None if self.text is None else self.text.take(pa.array(indices))
        return Columns(self.channel[indices], self.unit[indices], self.at[indices], self.number[indices], text, self.row[indices])


@dataclass(frozen=True)
class RefusedRow:
    """A row that can't be a reading, and its cells as they stood in the file."""

    refusal: Refusal
    cells: Mapping[str, str]


@dataclass(frozen=True)
class Portion:
    """Some rows of a file: readings, what was refused, and how much of the file is read with them (share, 0–1)."""

    columns: Columns
    refused: list[RefusedRow]
    share: float


class ReadingsFile(Protocol):
    """A file of readings that is read in portions."""

    channels: Names
    units: Names

    def portions(self) -> Iterator[Portion]:
        """Read the file from its beginning."""
        ...


@dataclass
class Rows:
    """Readings and refusals that are collected row by row, the strict way."""

    channels: Names
    units: Names
    places: Mapping[str, int]
    base: str
    codes: list[tuple[int, int, int]] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)
    numbers: list[int] = field(default_factory=list)
    refused: list[RefusedRow] = field(default_factory=list)

    def read(self, number: int, cells: Sequence[str]) -> bool:
        """Take one row in; tells whether it became a reading."""
        try:
            found = csv.read_row(cells, dict(self.places), self.base)
        except RefusedError as error:
            named = {name: cells[place] if place < len(cells) else "" for name, place in self.places.items()}
            self.refused.append(RefusedRow(error.at(f"row {number}"), named))
            return False
        if found is None:
            return False
        channel, at, text, unit = found
        self.codes.append((self.channels.of_iri(channel), self.units.of_iri(unit), (at - _EPOCH) // timedelta(microseconds=1)))
        self.texts.append(text)
        self.numbers.append(number)
        return True

    def columns(self) -> Columns:
        """What has been collected."""
        codes = np.array(self.codes, dtype=np.int64).reshape(-1, 3)
        text = pa.array(self.texts, pa.string())
        return Columns(codes[:, 0], codes[:, 1], codes[:, 2], floats(text), text, np.array(self.numbers, dtype=np.int64))


def concat(parts: Iterable[Columns]) -> Columns:
    """Put readings of one file together."""
    every = list(parts)
    text = None if every[0].text is None else pa.concat_arrays([part.text for part in every])
    return Columns(
        np.concatenate([part.channel for part in every]),
        np.concatenate([part.unit for part in every]),
        np.concatenate([part.at for part in every]),
        np.concatenate([part.number for part in every]),
        text,
        np.concatenate([part.row for part in every]),
    )


def plain(texts: pa.Array) -> tuple[pa.Array, Mask]:
    """Spell a column of decimals without needless digits; the mask says where that has given a canonical decimal."""
    fits = mask(pc.match_substring_regex(texts, _PLAIN))
    dotted = pc.match_substring(texts, ".")
    shorter = pc.utf8_rtrim(pc.utf8_rtrim(texts, "0"), ".")
    texts = pc.if_else(dotted, shorter, texts)
    return pc.if_else(pc.equal(texts, "-0"), "0", texts), fits


def floats(texts: pa.Array) -> Floats:
    """Decimal texts as numbers."""
    return as_floats(texts.cast(pa.float64()))


def as_floats(column: pa.Array) -> Floats:
    """A column of numbers as numpy has it, NaN where null."""
    found: Floats = column.to_numpy(zero_copy_only=False).astype(np.float64)
    return found


def mask(column: pa.Array) -> Mask:
    """A column of truth values as numpy has it; null is false."""
    found: Mask = column.fill_null(False).to_numpy(zero_copy_only=False)
    return found


def instant_of(at: int) -> datetime:
    """The time behind a number of `Columns.at`."""
    return _EPOCH + timedelta(microseconds=int(at))


def strings(table: Any, name: str) -> pa.Array:  # noqa: ANN401  (pyarrow has no types)
    """One column of a table or batch in one piece, empty texts where the file has no such column."""
    if name not in table.schema.names:
        return pa.array([""] * table.num_rows, pa.string())
    column = table.column(name)
    return column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
