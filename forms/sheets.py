"""Sheets: rows of text from CSV and XLSX files that strangers send, and CSV that no spreadsheet takes for a formula.

References
----------
RFC 4180 (CSV); OWASP, CSV Injection; ECMA-376 (XLSX).
"""

import csv
import io
import re
import zipfile
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from decimal import Decimal

import openpyxl
from openpyxl.utils.exceptions import InvalidFileException

from forms.told import say

MOST_BYTES = 8 << 20
MOST_UNPACKED = 64 << 20
MOST_ROWS, MOST_COLUMNS, LONGEST_CELL = 10_000, 200, 10_000
_RISKY = "=+-@\t\r"
Note = tuple[str, Mapping[str, object]]
_NUMBER = re.compile(r"[+-]?\d+([.,]\d+)*")
_ZIP = b"PK\x03\x04"
# what openpyxl lets out of a workbook that is broken on purpose; ParseErrors of its XML are SyntaxErrors
_BROKEN = (
    *(InvalidFileException, zipfile.BadZipFile, zlib.error, LookupError, ValueError, OSError, SyntaxError, TypeError, AttributeError),
    *(ArithmeticError, AssertionError, EOFError, RuntimeError),
)
_OLD_OFFICE = b"\xd0\xcf\x11\xe0"
_PARTS_NOT_TAKEN = ("vbaproject", "externallinks/", "embeddings/", "activex/")


class SheetError(ValueError):
    """A file is not a sheet that can be read.

    Attributes
    ----------
    key, values : entry of `forms.told.SENTENCES`, and what is filled into it
    """

    def __init__(self, key: str, **values: object) -> None:
        self.key, self.values = key, values
        super().__init__(self.sentence("en"))

    def sentence(self, language: str) -> str:
        """Say what is wrong and what to do."""
        return say(self.key, language, **self.values)


@dataclass(frozen=True)
class Sheet:
    """What a file holds.

    Attributes
    ----------
    head : texts of its first row
    rows : number of the row as a spreadsheet shows it, and its texts, as many as the head; empty rows are left out
    notes : what was guessed when it was read: entries of `forms.told.SENTENCES`, and what is filled into them
    """

    head: tuple[str, ...]
    rows: tuple[tuple[int, tuple[str, ...]], ...]
    notes: tuple[Note, ...] = ()


# --- formulas -------------------------------------------------------------------------------------------------------------------------


def guarded(text: str) -> str:
    """Put an apostrophe before a text that a spreadsheet would take for a formula; a number stays as it is."""
    return f"'{text}" if text[:1] and text[0] in _RISKY + "'" and not _NUMBER.fullmatch(text) else text


def unguarded(text: str) -> str:
    """Take off what `guarded` put before a text."""
    return text[1:] if text[:1] == "'" and text[1:2] and text[1] in _RISKY + "'" else text


def csv_of(rows: Iterable[Sequence[str]]) -> str:
    """Write rows as CSV: comma, quoted where needed, lines that end as RFC 4180 says."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerows([guarded(cell) for cell in row] for row in rows)
    return out.getvalue()


# --- reading --------------------------------------------------------------------------------------------------------------------------


def read(content: bytes) -> Sheet:
    """Read a CSV or XLSX file, told apart by how it begins.

    Raises
    ------
    SheetError
        If it is neither, holds macros, is too large in any direction, or has no row below its head.
    """
    if len(content) > MOST_BYTES:
        raise SheetError("long-file", size=len(content), most=MOST_BYTES)
    if not content.strip():
        raise SheetError("empty-file")
    if content.startswith(_OLD_OFFICE):
        raise SheetError("old-office")
    rows, notes = _xlsx(content) if content.startswith(_ZIP) else _csv(content)
    return _sheet(rows, notes)


def _sheet(rows: Iterator[Sequence[str]], notes: list[Note]) -> Sheet:
    head: tuple[str, ...] = ()
    found: list[tuple[int, tuple[str, ...]]] = []
    for number, row in enumerate(rows, start=1):
        cells = [unguarded(cell).strip() for cell in row]
        while cells and not cells[-1]:
            cells.pop()
        if not cells:
            continue
        _refuse_large(number, cells)
        if not head:
            head = tuple(cells)
            continue
        if len(cells) > len(head):
            raise SheetError("cells", row=number, cells=len(cells), columns=len(head))
        if len(found) == MOST_ROWS:
            raise SheetError("many-rows", most=MOST_ROWS)
        found.append((number, (*cells, *[""] * (len(head) - len(cells)))))
    double = sorted({name for name in head if name and head.count(name) > 1})
    if double:
        raise SheetError("double-column", names=", ".join(double))
    if not found:
        raise SheetError("no-rows")
    return Sheet(head, tuple(found), tuple(notes))


def _refuse_large(number: int, cells: Sequence[str]) -> None:
    if len(cells) > MOST_COLUMNS:
        raise SheetError("many-columns", row=number, columns=len(cells), most=MOST_COLUMNS)
    longest = max(map(len, cells))
    if longest > LONGEST_CELL:
        raise SheetError("long-cell", row=number, length=longest, most=LONGEST_CELL)


def _csv(content: bytes) -> tuple[Iterator[Sequence[str]], list[Note]]:
    text, notes = _decoded(content)
    if "\0" in text:
        raise SheetError("no-text")
    delimiter = _delimiter(text)
    return _csv_rows(text, delimiter), notes


def _csv_rows(text: str, delimiter: str) -> Iterator[Sequence[str]]:
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    csv.field_size_limit(max(csv.field_size_limit(), MOST_BYTES))
    try:
        yield from reader
    except csv.Error as error:
        raise SheetError("broken-csv", line=reader.line_num) from error


def _decoded(content: bytes) -> tuple[str, list[Note]]:
    for mark, encoding in ((b"\xef\xbb\xbf", "utf-8-sig"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16")):
        if content.startswith(mark):
            try:
                return content.decode(encoding), []
            except UnicodeDecodeError as error:
                raise SheetError("broken-text", line=content[: error.start].count(b"\n") + 1) from error
    try:
        return content.decode("utf-8"), []
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
    try:
        text = content.decode("cp1252")
    except UnicodeDecodeError as error:
        raise SheetError("broken-text", line=line) from error
    return text, [("guessed-encoding", {"line": line})]


def _delimiter(text: str) -> str:
    """Take the separator that the first row with any text has most of, outside quotation marks."""
    first = next((line for line in text.splitlines() if line.strip()), "")
    bare = re.sub(r'"[^"]*"', "", first)
    return max((",", ";", "\t"), key=bare.count)


def _xlsx(content: bytes) -> tuple[Iterator[Sequence[str]], list[Note]]:
    _refuse_bombs(content)
    try:
        book = openpyxl.load_workbook(io.BytesIO(content), read_only=True, data_only=True, keep_links=False)
    except _BROKEN as error:
        raise SheetError("no-workbook") from error
    names = book.sheetnames
    notes: list[Note] = [("first-sheet", {"count": len(names), "name": names[0]})] if len(names) > 1 else []
    return _cells(book), notes


def _cells(book: openpyxl.Workbook) -> Iterator[Sequence[str]]:
    try:
        for number, row in enumerate(book.worksheets[0].iter_rows(values_only=True, max_col=MOST_COLUMNS + 1), start=1):
            if number > 4 * MOST_ROWS:
                raise SheetError("many-rows", most=MOST_ROWS)
            yield [_text(cell) for cell in row]
    except SheetError:
        raise
    except _BROKEN as error:
        raise SheetError("no-workbook") from error
    finally:
        book.close()


def _text(cell: object) -> str:
    match cell:
        case None:
            return ""
        case bool():
            return "true" if cell else "false"
        case float():
            number = Decimal(repr(cell))
            return f"{number:f}" if number != number.to_integral_value() else f"{number.to_integral_value():f}"
        case datetime():
            return cell.date().isoformat() if cell.time() == time(0) else cell.isoformat(timespec="seconds")
        case date() | time():
            return cell.isoformat()
    return str(cell)


def _refuse_bombs(content: bytes) -> None:
    """Look at the list of parts before anything is unpacked."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as packed:
            parts = packed.infolist()
    except zipfile.BadZipFile as error:
        raise SheetError("no-workbook") from error
    for part in parts:
        if any(each in part.filename.lower() for each in _PARTS_NOT_TAKEN):
            raise SheetError("macros", part=part.filename[:80])
    unpacked = sum(part.file_size for part in parts)
    if unpacked > MOST_UNPACKED or len(parts) > 1000:
        raise SheetError("bomb", size=unpacked, most=MOST_UNPACKED)
    if not any(part.filename == "xl/workbook.xml" for part in parts):
        raise SheetError("no-workbook")
