"""One channel's UTC day in its two forms, open and closed, to triples and back (docs/decisions/two-forms-of-a-day.md)."""

import hashlib
import math
import re
from collections.abc import Container, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING

from pyoxigraph import Literal, NamedNode, Quad

from kg import queries
from kg.iris import Iris
from kg.store import Row, Store
from kg.terms import RDF_JSON, XSD, Lang, describe, iri
from ontology import names
from ontology.names import FC, FCV, PROV, RDF, RDFS, S4ENER

if TYPE_CHECKING:
    from telemetry.channels import Channel

SLOT = f"{names.SLOT}s"
_CLOCK_SKEW = str(FCV.ClockSkew)
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
    if is_canonical(text):
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


def is_canonical(text: str) -> bool:
    """Whether a text is spelt as `canonical` spells it."""
    return _CANONICAL.fullmatch(text) is not None and text != "-0"


@dataclass(frozen=True)
class Flag:
    """A doubt about, or the history of, one slot or a run of slots of a day; the slots may be empty.

    Parameters
    ----------
    iri
        Its node.
    offset, end
        Begin of the first slot and end of the last [s since 00:00 UTC], half-open; `end` is `None` for one slot.
    reason
        IRI of a member of `fcv:QualityReasons`.
    comment
        The reason in words.
    superseded
        Value that the slot held before, in the channel's unit.
    sent
        When the message that superseded it, or brought it late, was sent, by the box's corrected clock; `None` where that is not known.
    """

    iri: str
    offset: int
    reason: str
    comment: str
    superseded: str | None = None
    end: int | None = None
    sent: datetime | None = None

    def covers(self, offset: int) -> bool:
        """Whether it is about the slot that begins at this offset [s]."""
        return self.offset == offset if self.end is None else self.offset <= offset < self.end

    @property
    def ahead(self) -> bool:
        """Whether it says that the reading's time lies ahead of the platform's clock.

        A run of `fcv:ClockSkew` (with an end) says something else: the box's clock was wrong, and the box corrected the times.
        """
        return self.reason == _CLOCK_SKEW and self.end is None

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
                FC.endOffset: self.end,
                FC.supersededValue: None if self.superseded is None else Decimal(self.superseded),
                PROV.invalidatedAtTime: self.sent,
            },
        )


@dataclass(slots=True)
class Day:
    """What is stored of one channel's UTC day.

    `values` maps the offset [s] to the decimal text; a missing slot is absent. `revision` is 0 while the day is open, 1 once it is
    closed, and one more with each correction.
    """

    channel: "Channel"
    date: date
    iri: str
    graph: str
    values: dict[int, str] = field(default_factory=dict)
    flags: dict[str, Flag] = field(default_factory=dict)
    array: str | None = None
    revision: int = 0
    _terms: tuple[NamedNode, NamedNode] | None = None

    @property
    def closed(self) -> bool:
        """Whether the values are packed in one array."""
        return self.array is not None

    @property
    def exists(self) -> bool:
        """Whether anything is stored; a day may hold nothing but flags, which say why it is empty."""
        return self.closed or bool(self.values) or bool(self.flags)

    @property
    def step_s(self) -> int:
        """Step of the stored array [s], or of the channel while the day is open."""
        return self.channel.step_s if self.array is None else _DAY_S // (self.array.count(",") + 1)

    @property
    def text(self) -> str:
        """The canonical array of its values, whichever form the day is stored in."""
        return pack(self.values, self.channel.step_s) if self.array is None else self.array

    @property
    def digest(self) -> str:
        """Digest of its values: the same open and closed."""
        return digest(self.text)

    def header(self) -> list[Quad]:
        """What every day node says of itself, open or closed."""
        return describe(
            self.graph,
            self.iri,
            {FC.forProperty: iri(self.channel.iri), FC.day: self.date, S4ENER.hasTemporalResolution: self.channel.step},
        )

    def slot_quads(self, values: Mapping[int, str]) -> list[Quad]:
        """Readings of an open day."""
        if self._terms is None:
            self._terms = NamedNode(self.iri), NamedNode(self.graph)
        subject, graph = self._terms
        return [Quad(subject, slot(offset), Literal(text, datatype=_DECIMAL), graph) for offset, text in values.items()]

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


def digest(array: str) -> str:
    """Digest of the canonical array of a day (`pack`), by which a computation names the values it used.

    Examples
    --------
    >>> digest("[1.25,null]")[:23]
    'sha256:03d858fd8eba73cd'
    """
    return f"sha256:{hashlib.sha256(array.encode()).hexdigest()}"


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
    for row in select(store, "day_flags", by_iri.values()):
        found_flag = flag(row)
        by_iri[row["day"].value].flags[found_flag.iri] = found_flag
    closed = [day for day in by_iri.values() if day.closed]
    for day in closed:
        day.revision = 1
    for row in select(store, "day_revisions", closed):
        day = by_iri[row["day"].value]
        day.revision = max(day.revision, int(row["number"].value) + 1)
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
        end=int(row["end"].value) if "end" in row else None,
        sent=datetime.fromisoformat(row["sent"].value) if "sent" in row else None,
    )


GAPS = frozenset(str(reason) for reason in (FCV.DeviceUnreachable, FCV.DeviceFault, FCV.RegisterMismatch, FCV.SentinelValue))
"""Reasons for which a slot is empty."""

DOUBTS = GAPS | {
    str(reason)
    for reason in (
        FCV.OutOfRange,
        FCV.ClockSkew,
        FCV.StuckValue,
        FCV.ImplausibleChange,
        FCV.PartialInterval,
        FCV.CounterReset,
        FCV.CounterRollover,
        FCV.MeterSwap,
    )
}
"""Reasons that say something about what stands in the slot now (the others tell its history, or what happened meanwhile)."""
