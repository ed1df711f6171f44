"""Read a CSV file of readings at bulk speed: blocks of lines, column by column.

Blocks that a column-wise reader could understand differently from `mappers.csv` (quotes inside a cell, cells over several lines, empty
lines, bytes that are no UTF-8) are read row by row instead, with the same words for what is refused.
"""

import csv as lines
import io
import re
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv

from mappers import columns, csv, lexical
from mappers.columns import EARLIEST_US, LATEST_US, Columns, Integers, Mask, Names, Portion, RefusedRow, Rows, mask, strings
from mappers.errors import MappingError

BLOCK_BYTES = 8 << 20
LONGEST_ROW_BYTES = 64 << 20  # a quote that is never closed must not take all memory
_INSTANT = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,6})?(Z|[+-][0-9]{2}:[0-9]{2})$"
_ODD_QUOTE = re.compile(rb'(?<=[^,\n\r])"(?=[^,\n\r"])')


class CsvFile:
    """A CSV file of readings; its columns are those of `mappers.csv`.

    Parameters
    ----------
    path
        The file.
    base
        What stands before a channel that is no absolute IRI, with its last slash.
    """

    def __init__(self, path: Path, *, base: str, block_bytes: int = BLOCK_BYTES) -> None:
        self._path = path
        self._base = base
        self._block = block_bytes
        self.channels = Names(lambda text: lexical.absolute_iri(text, base))
        self.units = Names(csv.unit_iri)
        self._places: dict[str, int] = {}

    def portions(self) -> Iterator[Portion]:
        """Read the file from its beginning.

        Raises
        ------
        MappingError
            If the header lacks a column or names an unknown one, or the file isn't CSV at all; the portions before the fault were good.
        """
        size = max(1, self._path.stat().st_size)
        with self._path.open("rb") as file:
            line = self._header(file)
            for block in self._blocks(file):
                portion, line = self._read(block, line, file)
                found, refused = portion
                yield Portion(found, refused, min(1.0, file.tell() / size))

    def _header(self, file: BinaryIO) -> int:
        """Read the first row that holds anything; returns its line."""
        number = 0
        first = b""
        while not first.strip() and (first := file.readline(LONGEST_ROW_BYTES)):
            number += 1
        try:
            text = first.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            raise MappingError(f"the file can't be read as CSV after row {number} ({error}); save it as UTF-8 with commas") from error
        if b"\r" in first.rstrip(b"\r\n"):
            raise MappingError("the file's lines end with a carriage return alone, so they can't be told apart; save it with LF or CR LF")
        self._places = csv.header(lines.reader(io.StringIO(text, newline=""), strict=True))
        return number

    def _blocks(self, file: BinaryIO) -> Iterator[bytes]:
        while block := file.read(self._block):
            yield block if block.endswith(b"\n") else block + file.readline(LONGEST_ROW_BYTES)

    def _read(self, block: bytes, line: int, file: BinaryIO) -> tuple[tuple[Columns, list[RefusedRow]], int]:
        """Read a block whose first line comes after `line`; returns what it held, and its last line."""
        if not _doubtful(block):
            found = self._column_wise(block, line)
            if found is not None:
                return found, line + block.count(b"\n") + (not block.endswith(b"\n"))
        return self._row_wise(block, line, file)

    def _column_wise(self, block: bytes, line: int) -> tuple[Columns, list[RefusedRow]] | None:
        ragged: list[tuple[int, str]] = []

        def skip(row: pa.csv.InvalidRow) -> str:
            ragged.append((row.number, row.text))
            return "skip"

        names = list(self._places)
        try:
            table = pa.csv.read_csv(
                io.BytesIO(block),
                pa.csv.ReadOptions(use_threads=False, block_size=len(block) + 1, column_names=names),
                pa.csv.ParseOptions(invalid_row_handler=skip, ignore_empty_lines=False),
                pa.csv.ConvertOptions(column_types=dict.fromkeys(names, pa.string()), null_values=[], strings_can_be_null=False),
            )
        except pa.ArrowInvalid:
            return None
        number = block.count(b"\n") + (not block.endswith(b"\n"))
        if table.num_rows + len(ragged) != number or any(text.count('"') % 2 for _, text in ragged):
            return None
        rows = np.delete(np.arange(line + 1, line + 1 + number), [place - 1 for place, _ in ragged])
        strict = Rows(self.channels, self.units, self._places, self._base)
        for place, text in ragged:
            strict.read(line + place, next(lines.reader([text], strict=True)))
        found = self._columns(table, rows, strict)
        return None if found is None else (found, sorted(strict.refused, key=lambda row: int(row.refusal.point.split()[1])))

    def _columns(self, table: pa.Table, rows: Integers, strict: Rows) -> Columns | None:
        """Check whole columns; rows that don't fit are read strictly and put where they stood."""
        times, given = strings(table, "timestamp"), strings(table, "value")
        readable = pc.match_substring_regex(times, _INSTANT)
        try:
            at = pc.if_else(readable, times, None).cast(pa.timestamp("us", "UTC")).cast(pa.int64())
        except pa.ArrowInvalid:  # a 30 February somewhere: row by row it is found and named
            return None
        at = at.fill_null(0).to_numpy(zero_copy_only=False).copy()
        in_time = mask(readable) & (at >= EARLIEST_US) & (at <= LATEST_US)
        channel, unit = self.channels.codes(strings(table, "channel")), self.units.codes(strings(table, "unit"))
        text, fits = columns.plain(given)
        missing = mask(pc.equal(given, ""))
        good = in_time & (channel >= 0) & (unit >= 0)
        found = Columns(channel, unit, at, np.empty(0), text, rows)
        return self._patched(table, found, good & fits, good & missing, strict)

    def _patched(self, table: pa.Table, found: Columns, fits: Mask, missing: Mask, strict: Rows) -> Columns:
        odd = np.flatnonzero(~(fits | missing))
        kept = []
        if len(odd):
            cells = [column.to_pylist() for column in table.take(pa.array(odd)).columns]
            for place, row in zip(odd, zip(*cells, strict=True), strict=True):
                if strict.read(int(found.row[place]), row):
                    kept.append(place)
        text = found.text
        if kept:
            rescued = strict.columns()
            found.channel[kept], found.unit[kept], found.at[kept] = rescued.channel, rescued.unit, rescued.at
            chosen = np.zeros(len(found), dtype=bool)
            chosen[kept] = True
            text, fits = pc.replace_with_mask(text, pa.array(chosen), rescued.text), fits | chosen
        whole = Columns(found.channel, found.unit, found.at, np.zeros(len(found)), text, found.row).take(fits)
        return Columns(whole.channel, whole.unit, whole.at, columns.floats(whole.text), whole.text, whole.row)

    def _row_wise(self, block: bytes, line: int, file: BinaryIO) -> tuple[tuple[Columns, list[RefusedRow]], int]:
        while True:
            strict = Rows(self.channels, self.units, self._places, self._base)
            rows = lines.reader(io.TextIOWrapper(io.BytesIO(block), encoding="utf-8", newline=""), strict=True)
            try:
                for row in rows:
                    if row:
                        strict.read(line + rows.line_num, row)
            except (lines.Error, UnicodeDecodeError) as error:
                more = file.readline(LONGEST_ROW_BYTES) if "unexpected end" in str(error) and len(block) < LONGEST_ROW_BYTES else b""
                if more:  # a cell goes on over the end of the block
                    block += more
                    continue
                after = line + rows.line_num
                raise MappingError(f"the file can't be read as CSV after row {after} ({error}); save it as UTF-8 with commas") from error
            return (strict.columns(), strict.refused), line + rows.line_num


def _doubtful(block: bytes) -> bool:
    """Whether a column-wise reader could cut this into other cells than `mappers.csv` does."""
    empty_line = block.startswith((b"\n", b"\r\n")) or b"\n\n" in block or b"\n\r\n" in block
    if block.count(b"\r") != block.count(b"\r\n") or empty_line or (b'"' in block and _ODD_QUOTE.search(block)):
        return True
    try:
        return not block.isascii() and not block.decode("utf-8")
    except UnicodeDecodeError:
        return True
