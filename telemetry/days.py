"""One channel's UTC day in its two forms, open and closed, to triples and back (docs/decisions/two-forms-of-a-day.md)."""

import math
import re
from collections.abc import Container, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING

from pyoxigraph import Literal, NamedNode, Quad

from kg import queries
from kg.iris import Iris
from kg.store import Row, Store
from kg.terms import RDF_JSON, XSD, Lang, describe, iri
from ontology import names
from ontology.names import FC, FCV, RDF, RDFS, S4ENER

if TYPE_CHECKING:
    from telemetry.channels import Channel

SLOT = f"{names.SLOT}s"
_DECIMAL = NamedNode(XSD + "decimal")
_VALUES = NamedNode(str(FC["values"]))
_CANONICAL = re.compile(r"-?(?:0|[1-9]\d{0,14})(?:\.\d{0,17}[1-9])?")
_ROWS_A_QUERY = 2000
_DAY_S = 86400
_slot_terms: dict[int, NamedNode] = {}


def canonical(text: str) -> str:
    """Spell a decimal the one way in which equal numbers are equal texts: no exponent, sign of zero or needless digit.

    More than 18 decimals are rounded to 18, the finest that every store computes with.

    Raises
    ------
    ValueError
        If the text is not a finite number below 10¹⁵.

    Examples
    --------
    >>> canonical("+1.50"), canonical("-0.0"), canonical("1e-3")
    ('1.5', '0', '0.001')
    """
    if _CANONICAL.fullmatch(text) and text != "-0":
        return text
    try:
        number = Decimal(text)
    except InvalidOperation:
        raise ValueError(f"{text[:40]!r} is not a decimal number") from None
    if not number.is_finite() or number.adjusted() >= 15:
        raise ValueError(f"{text[:40]!r} is not a finite number below 1,000,000,000,000,000")
    if not number or number.adjusted() < -19:
        return "0"
    spelt = format(round(number, 18) if int(number.as_tuple().exponent) < -18 else number, "f")
    spelt = spelt.rstrip("0").rstrip(".") if "." in spelt else spelt
    return "0" if spelt in ("-0", "") else spelt


@dataclass(frozen=True)
class Flag:
    """A doubt about, or the history of, one slot of a day."""

    iri: str
    offset: int
    reason: str
    comment: str
    superseded: str | None = None

    def quads(self, graph: str, day: str) -> list[Quad]:
        """The flag as triples in the day's graph."""
        return describe(
            graph,
            self.iri,
            {
                RDF.type: iri(str(FC.QualityFlag)),
                FC.flagOf: iri(day),
                FC.offset: self.offset,
                FC.reason: iri(self.reason),
                RDFS.comment: Lang(self.comment),
                FC.supersededValue: None if self.superseded is None else Decimal(self.superseded),
            },
        )


@dataclass(slots=True)
class Day:
    """What is stored of one channel's UTC day. `values` maps the offset [s] to the decimal text; a missing slot is absent."""

    channel: "Channel"
    date: date
    iri: str
    graph: str
    values: dict[int, str] = field(default_factory=dict)
    flags: dict[str, Flag] = field(default_factory=dict)
    array: str | None = None

    @property
    def closed(self) -> bool:
        """Whether the values are packed in one array."""
        return self.array is not None

    @property
    def exists(self) -> bool:
        """Whether anything is stored."""
        return self.closed or bool(self.values)

    def superseded(self, offset: int) -> list[str]:
        """Values that this slot held before."""
        return [flag.superseded for flag in self.flags.values() if flag.offset == offset and flag.superseded is not None]

    def header(self) -> list[Quad]:
        """What every day node says of itself, open or closed."""
        return describe(
            self.graph,
            self.iri,
            {FC.forProperty: iri(self.channel.iri), FC.day: self.date, S4ENER.hasTemporalResolution: self.channel.step},
        )

    def slot_quad(self, offset: int, text: str) -> Quad:
        """One reading of an open day."""
        return Quad(NamedNode(self.iri), slot(offset), Literal(text, datatype=_DECIMAL), NamedNode(self.graph))

    def slot_quads(self, values: dict[int, str]) -> Iterator[Quad]:
        """Readings of an open day."""
        subject, graph = NamedNode(self.iri), NamedNode(self.graph)
        return (Quad(subject, slot(offset), Literal(text, datatype=_DECIMAL), graph) for offset, text in values.items())

    def array_quad(self, array: str) -> Quad:
        """The readings of a closed day."""
        return Quad(NamedNode(self.iri), _VALUES, Literal(array, datatype=RDF_JSON), NamedNode(self.graph))

    def flag_iri(self, offset: int, reason: str, taken: Container[str] = ()) -> str:
        """IRI of a new flag; a slot that is superseded again gets the next number."""
        first = f"{self.iri}#s{offset}-{reason}"
        number, name = 1, first
        while name in self.flags or name in taken:
            number += 1
            name = f"{first}-{number}"
        return name


def slot(offset: int) -> NamedNode:
    """The predicate of a slot, named by its offset [s]."""
    term = _slot_terms.get(offset)
    if term is None:
        term = _slot_terms.setdefault(offset, NamedNode(f"{SLOT}{offset}"))
    return term


def pack(values: dict[int, str], step_s: int) -> str:
    """Write the values of a day as the JSON array of a closed day: exact decimals, null where missing.

    The array is finer than `step_s` [s] where the day holds offsets between, as after a change of the channel's step.
    """
    return f"[{','.join([values.get(offset, 'null') for offset in range(0, _DAY_S, math.gcd(step_s, *values))])}]"


def unpack(array: str) -> dict[int, str]:
    """Read the JSON array of a closed day, whose length tells its step; the inverse of `pack`."""
    texts = [text.strip() for text in array.strip()[1:-1].split(",")]
    step_s = _DAY_S // len(texts)
    return {i * step_s: text for i, text in enumerate(texts) if text not in ("null", "")}


def empty(iris: Iris, channel: "Channel", day: date) -> Day:
    """A day of which nothing is stored."""
    return Day(channel, day, iris.day(channel.iri, day), channel.month_graph(day))


def read(store: Store, iris: Iris, keys: Iterable[tuple["Channel", date]]) -> dict[tuple[str, date], Day]:
    """Read days from the store, by their IRIs; those that don't exist come back empty."""
    found = {(channel.iri, day): empty(iris, channel, day) for channel, day in keys}
    by_iri = {day.iri: day for day in found.values()}
    for row in select(store, "day_values", by_iri.values()):
        day = by_iri[row["day"].value]
        day.array = row["values"].value
        day.values = unpack(day.array)
    for row in select(store, "day_slots", [day for day in by_iri.values() if not day.closed]):
        texts = slot_texts(row)
        by_iri[row["day"].value].values = {offset: canonical(text) for offset, text in texts}
    for row in select(store, "day_flags", [day for day in by_iri.values() if day.exists]):
        found_flag = flag(row)
        by_iri[row["day"].value].flags[found_flag.iri] = found_flag
    return found


def select(store: Store, name: str, wanted: Iterable[Day]) -> Iterator[Row]:
    """Ask one of the queries that take rows of graph and day, in portions that every store can parse."""
    query = queries.load("telemetry", name)
    rows = [{"graph": day.graph, "day": day.iri} for day in wanted]
    for first in range(0, len(rows), _ROWS_A_QUERY):
        yield from store.select(query.bind(rows[first : first + _ROWS_A_QUERY]))


def slot_texts(row: Row) -> Iterator[tuple[int, str]]:
    """Read a row of `day_slots.rq`: offset [s] and decimal text of each reading."""
    words = row["slots"].value.split()
    return zip(map(int, words[::2]), words[1::2], strict=True)


def flag(row: Row) -> Flag:
    """Read a row of `day_flags.rq`."""
    old = row.get("superseded")
    return Flag(
        iri=row["flag"].value,
        offset=int(row["offset"].value),
        reason=row["reason"].value,
        comment=row["comment"].value,
        superseded=None if old is None else canonical(old.value),
    )


DOUBTS = frozenset({str(FCV.OutOfRange), str(FCV.ClockSkew), str(FCV.StuckValue)})
"""Reasons that say something about the value that stands in the slot now (the others tell its history)."""
