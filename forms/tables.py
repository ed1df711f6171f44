"""Lists as data: columns, rows of cells, and what a reader asked of them (search, filters, order, page)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from functools import cached_property, lru_cache

from forms.model import Names

PER_PAGE = 50
MOST_OPTIONS = 60  # of one filter
Scalar = Decimal | str | bool | date | time | datetime | timedelta


@dataclass(frozen=True)
class Cell:
    """One value in a list: what it is sorted by and shown as; of a thing or a term also its IRI and names."""

    value: Scalar | None = None
    iri: str = ""
    names: Names = field(default_factory=dict)

    def said(self, language: str) -> str:
        """The value as a text of one language."""
        for each in (language, "en", ""):
            if each in self.names:
                return self.names[each]
        return next(iter(self.names.values()), "") or ("" if self.value is None else str(self.value))


@dataclass(frozen=True)
class Column:
    """A column of a list.

    Attributes
    ----------
    key : stable, in addresses and as the header of exports
    names : how it is called, by language; empty where the page has a sentence for its key
    numeric : whether it is aligned, and sorted, as numbers
    unit : IRI of what its numbers are in; `unit_names`: how that is written
    choice : whether the list can be narrowed by it
    """

    key: str
    names: Names = field(default_factory=dict)
    numeric: bool = False
    unit: str = ""
    unit_names: Names = field(default_factory=dict)
    choice: bool = False


@dataclass(frozen=True)
class Row:
    """One thing in a list.

    Attributes
    ----------
    iri, key : of the thing, and what follows `{BASE}/id/` of it
    owner : key of the member whose it is; empty: nobody's in particular
    cells : by the columns' keys; several where there are several values, none where there is nothing
    text : what a search looks at, casefolded
    """

    iri: str
    key: str
    owner: str
    cells: Mapping[str, tuple[Cell, ...]]
    text: str


Options = Mapping[str, Mapping[str, tuple[Cell, int]]]  # column → IRI or text → the cell, and how many rows have it


@dataclass(frozen=True)
class Table:
    """A whole list; `parts`: how many rows of each owner there are of what it can be narrowed by."""

    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    parts: tuple[Options, ...] = field(default=(), repr=False)
    _orders: dict[tuple[str, str], tuple[Row, ...]] = field(default_factory=dict, repr=False, compare=False)

    def column(self, key: str) -> Column | None:
        """The column of a key; `None` if there is none."""
        return next((each for each in self.columns if each.key == key), None)

    @cached_property
    def options(self) -> Mapping[str, tuple[tuple[Cell, int], ...]]:
        """What the list can be narrowed by, and how many rows that leaves."""
        found: dict[str, dict[str, tuple[Cell, int]]] = {column.key: {} for column in self.columns if column.choice}
        for part in self.parts:
            for key, counted in part.items():
                known = found[key]
                for option, (cell, count) in counted.items():
                    known[option] = cell, count + (known[option][1] if option in known else 0)
        return {key: tuple(counted.values()) for key, counted in found.items()}


@dataclass(frozen=True)
class Wanted:
    """What a reader asked of a list.

    Attributes
    ----------
    search : words, all of which must occur
    narrowed : column → IRI or text of the one value that counts
    order : key of a column, with `-` before it from the last to the first; empty: as it is
    page : from 1
    """

    search: str = ""
    narrowed: Mapping[str, str] = field(default_factory=dict)
    order: str = ""
    page: int = 1


@dataclass(frozen=True)
class Page:
    """One page of a list: its rows, how many there are on all pages and without search, and what it can be narrowed by."""

    rows: tuple[Row, ...]
    number: int
    pages: int
    found: int
    of: int
    options: Mapping[str, tuple[tuple[Cell, int], ...]]


def ordered(table: Table, wanted: Wanted, language: str) -> list[Row]:
    """All rows that were asked for, in the order that was asked for."""
    words = wanted.search.casefold().split()
    rows = _sorted(table, wanted.order, language)
    if words:
        rows = [row for row in rows if all(word in row.text for word in words)]
    for key, value in wanted.narrowed.items():
        rows = [row for row in rows if any(_option(cell) == value for cell in row.cells.get(key, ()))]
    return list(rows)


def _sorted(table: Table, order: str, language: str) -> Sequence[Row]:
    """All rows in an order, which is kept for the next page."""
    column = table.column(order.removeprefix("-"))
    if column is None:
        return table.rows
    if (order, language) not in table._orders:
        known = [row for row in table.rows if row.cells.get(column.key)]
        missing = [row for row in table.rows if not row.cells.get(column.key)]  # neither the least nor the most
        known.sort(key=lambda row: _rank(row.cells[column.key][0], language), reverse=order.startswith("-"))
        table._orders[order, language] = (*known, *missing)
    return table._orders[order, language]


def page(table: Table, wanted: Wanted, language: str, per_page: int = PER_PAGE) -> Page:
    """One page of what was asked for; a page beyond the last is the last."""
    rows = ordered(table, wanted, language)
    pages = max(1, -(-len(rows) // per_page))
    number = min(max(1, wanted.page), pages)
    shown = tuple(rows[(number - 1) * per_page : number * per_page])
    return Page(shown, number, pages, len(rows), len(table.rows), _options(table, language))


def counted(rows: Sequence[Row], choices: Sequence[str]) -> Options:
    """How many rows there are of what a list can be narrowed by."""
    found: dict[str, dict[str, tuple[Cell, int]]] = {key: {} for key in choices}
    for row in rows:
        for key in choices:
            for cell in row.cells.get(key, ()):
                option = _option(cell)
                found[key][option] = cell, found[key][option][1] + 1 if option in found[key] else 1
    return found


def _option(cell: Cell) -> str:
    return cell.iri or str(cell.value)


def _options(table: Table, language: str) -> dict[str, tuple[tuple[Cell, int], ...]]:
    found = {}
    for key, counted in table.options.items():
        found[key] = tuple(sorted(counted, key=lambda each: _rank(each[0], language))[:MOST_OPTIONS])
    return found


def _rank(cell: Cell, language: str) -> tuple[int, Decimal, list[str | int]]:
    value = cell.value
    if isinstance(value, (bool, Decimal)):
        return 0, Decimal(value), []
    if isinstance(value, timedelta):
        return 0, Decimal(str(value.total_seconds())), []
    text = value.isoformat() if isinstance(value, (date, time)) else cell.said(language)
    return 1, Decimal(0), _natural(text.casefold())


@lru_cache(maxsize=1 << 16)
def _natural(text: str) -> list[str | int]:
    """Split into texts and numbers, so that feeder 2 comes before feeder 10."""
    parts: list[str | int] = [""]
    for letter in text:
        digit = letter.isascii() and letter.isdigit()
        last = parts[-1]
        if digit:
            parts.append(int(letter)) if isinstance(last, str) else parts.__setitem__(-1, last * 10 + int(letter))
        elif isinstance(last, str):
            parts[-1] = last + letter
        else:
            parts.append(letter)
    return parts
