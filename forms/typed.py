"""One value as people type it, and as it is in the graph: numbers by the reader's decimal sign, times by the clock of the site.

A value has one input, named as its field, but for a duration (`.days`, `.hours`, `.minutes`) and for an instant in the hour that a clock
shows twice (`.fold`: 0 is the first). Here inputs go by what follows the field's name.
"""

import re
import unicodedata
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from pyoxigraph import Literal, NamedNode

from forms.errors import UnreadableError
from forms.model import Choice, Field, Kind
from forms.words import WORDS, word
from kg import terms
from kg.store import Term
from ontology.names import XSD
from shapes.words import said

LONGEST = 10_000  # of a text whose shape sets no limit [characters]
SCHEMES = ("http", "https", "urn")
_MOST_DIGITS = 60
_LONGEST_IRI = 2_000
_YES = {"true", "1", "si", *(each.casefold() for each in WORDS["yes"].values())}
_NO = {"false", "0", *(each.casefold() for each in WORDS["no"].values())}
_NUMBER = re.compile(r"[+-]?(?:\d+(?:[.,]\d+)?|[.,]\d+)", re.ASCII)
_THOUSANDS = re.compile(r"[+-]?[1-9]\d{0,2}(?:[.,'\u2019 \u00a0\u2009\u202f]\d{3})+(?:[.,]\d+)?", re.ASCII)
_INSTANT = re.compile(r"(\d{4}-\d{2}-\d{2})[T ](\d{2}:\d{2}(?::\d{2}(?:\.\d{1,6})?)?)(Z|[+-]\d{2}:\d{2})?", re.ASCII)
_TIME = re.compile(r"(\d{1,2}):(\d{2})(?::(\d{2})(\.\d{1,6})?)?", re.ASCII)
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_MINUTES = {"days": 1440, "hours": 60, "minutes": 1}
_UNSEEN = {"Cc", "Cs", "Co", "Cn", "Zl", "Zp"}
_TURNING = {
    *map(chr, range(0x202A, 0x202F)),
    *map(chr, range(0x2066, 0x206A)),
    "\ufeff",
    "\u200b",
}  # text that reads in another order than it is
Inputs = Mapping[str, str]


def decimal_of(text: str, language: str) -> Decimal:
    """Read a number: one point or comma is the decimal sign, but what could be a thousands sign to this reader is refused.

    Raises
    ------
    UnreadableError
        If it is no number, or might be two: “1.500” in Spanish and Dutch, “1,500” in English, “1.234,5”.
    """
    given = text.strip().replace("\u2212", "-")
    other = "," if language == "en" else "."  # what parts thousands in this language
    if _NUMBER.fullmatch(given) is None or len(given) > _MOST_DIGITS:
        raise UnreadableError("thousands" if _THOUSANDS.fullmatch(given) else "number", language, text=_cut(text))
    if other in given and _THOUSANDS.fullmatch(given) is not None:
        raise UnreadableError("thousands", language, text=_cut(text))
    return Decimal(given.replace(",", "."))


def decimal_text(value: Decimal, language: str) -> str:
    """Write a number with the reader's decimal sign, without thousands signs or superfluous zeros."""
    text = format(value, "f")
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return text if language == "en" else text.replace(".", ",")


# --- from inputs to a term


def read(field: Field, inputs: Inputs, language: str, zone: str) -> Term | None:
    """Make a term of what was typed; nothing where nothing was.

    References are read as IRIs here; `filled` finds things by their names.

    Raises
    ------
    UnreadableError
        If it is no value of the field, or beyond its limits.
    """
    given = {name: text.strip() for name, text in inputs.items() if text.strip()}
    if not given or (set(given) == {".fold"}):
        return None
    what = _Typed(field, given, language, zone)
    term = what.term()
    what.refuse_beyond(term)
    return term


@dataclass(frozen=True)
class _Typed:
    """What was typed into the inputs of one field."""

    field: Field
    inputs: Inputs
    language: str
    zone: str

    @property
    def text(self) -> str:
        return self.inputs.get("", "")

    def term(self) -> Term:
        return _READERS[self.field.kind](self)

    def wrong(self, key: str, text: str | None = None, **values: object) -> UnreadableError:
        return UnreadableError(key, self.language, text=_cut(self.text if text is None else text), **values)

    def number(self) -> Term:
        value = decimal_of(self.text, self.language)
        try:
            return Literal(terms.decimal(value), datatype=NamedNode(str(XSD.decimal)))
        except ValueError as error:
            raise self.wrong("digits") from error

    def integer(self) -> Term:
        if not re.fullmatch(r"[+-]?[0-9]{1,18}", self.text):
            raise self.wrong("thousands" if _THOUSANDS.fullmatch(self.text) else "integer")
        return Literal(str(int(self.text)), datatype=NamedNode(str(XSD.integer)))

    def boolean(self) -> Term:
        text = self.text.casefold()
        if text not in _YES | _NO:
            raise self.wrong("boolean")
        return Literal(text in _YES)

    def date(self) -> Term:
        try:
            if _DATE.fullmatch(self.text) is None:
                raise ValueError(self.text)
            return terms.literal(date.fromisoformat(self.text))
        except ValueError as error:
            raise self.wrong("date") from error

    def time(self) -> Term:
        try:
            if (found := _TIME.fullmatch(self.text)) is None:
                raise ValueError(self.text)
            hour, minute, second, fraction = found.groups()
            micro = int(Decimal(fraction or 0) * 1_000_000)
            return terms.literal(time(int(hour), int(minute), int(second or 0), micro))
        except ValueError as error:
            raise self.wrong("time") from error

    def instant(self) -> Term:
        try:
            if (found := _INSTANT.fullmatch(self.text)) is None:
                raise ValueError(self.text)
            day, clock, offset = found.groups()
            at = datetime.fromisoformat(f"{day}T{clock}{offset or ''}")
            return terms.literal(at if offset else self._in_zone(at))
        except UnreadableError:
            raise
        except (ValueError, OverflowError) as error:
            raise self.wrong("instant") from error

    def _in_zone(self, at: datetime) -> datetime:
        """Give a local time its instant; the hour that a clock skips is none, and of the one that it shows twice one must be chosen."""
        first, second = (at.replace(tzinfo=ZoneInfo(self.zone), fold=which).astimezone(UTC) for which in (0, 1))
        if first == second:
            return first
        told = {"day": f"{at:%Y-%m-%d}", "time": f"{at:%H:%M}"}
        if first.astimezone(ZoneInfo(self.zone)).replace(tzinfo=None) != at:
            raise self.wrong("missing-hour", **told)
        if (fold := self.inputs.get(".fold")) not in ("0", "1"):
            raise self.wrong("double-hour", **told)
        return second if fold == "1" else first

    def duration(self) -> Term:
        try:
            if self.text:  # as in files: PT15M
                return terms.literal(terms.parse_duration(self.text))
            minutes = sum((self._count(unit) * factor for unit, factor in _MINUTES.items()), Decimal(0))
            return terms.literal(timedelta(microseconds=int((minutes * 60_000_000).to_integral_value())))
        except UnreadableError:
            raise
        except (ValueError, OverflowError) as error:
            raise self.wrong("span", " ".join(self.inputs.values())) from error

    def _count(self, unit: str) -> Decimal:
        text = self.inputs.get(f".{unit}", "0")
        try:
            value = decimal_of(text, self.language)
        except UnreadableError as error:
            raise self.wrong("duration", text, unit=word(unit, self.language)) from error
        if not 0 <= value <= 10**9:
            raise self.wrong("duration", text, unit=word(unit, self.language))
        return value

    def words(self) -> Term:
        text = clean(self.text, self.language)
        if self.field.kind == Kind.NAME:
            return Literal(text, language=self.language)
        return Literal(text, datatype=NamedNode(self.field.datatype)) if self.field.datatype else Literal(text)

    def choice(self) -> Term:
        wanted, datatype = self.text.casefold(), self.field.datatype
        ways: tuple[Callable[[Choice], bool], ...] = (
            lambda choice: choice.value == self.text,
            lambda choice: wanted in {name.casefold() for name in choice.names.values()},
            lambda choice: not datatype and re.split(r"[#/]", choice.value)[-1].casefold() == wanted,
        )
        for same in ways:
            if found := [choice.value for choice in self.field.choices if same(choice)]:
                return Literal(found[0], datatype=NamedNode(datatype)) if datatype else NamedNode(found[0])
        raise self.wrong("refused" if datatype else "choice")

    def iri(self) -> Term:
        if (self.field.pattern or "").startswith("^mailto:"):
            return iri_of(self.text if ":" in self.text else f"mailto:{self.text}", self.language, (*SCHEMES, "mailto"))
        return iri_of(self.text, self.language)

    def refuse_beyond(self, term: Term) -> None:
        """Hold a value against the limits of its field."""
        field = self.field
        if field.kind in (Kind.DECIMAL, Kind.VALUE, Kind.INTEGER):
            self._refuse_number(Decimal(term.value))
        if field.kind in (Kind.TEXT, Kind.NAME):
            length, most = len(term.value), field.most_length or LONGEST
            if length > most:
                raise self.wrong("long", length=length, most=most)
            if length < (field.least_length or 0):
                raise self.wrong("short", length=length, least=field.least_length)
        if field.pattern and re.search(field.pattern, term.value) is None:
            raise self.wrong("refused", self.text or term.value)

    def _refuse_number(self, value: Decimal) -> None:
        field = self.field
        limits: tuple[tuple[str, Decimal | None, Callable[[Decimal], bool]], ...] = (
            ("above", field.above, lambda limit: value <= limit),
            ("below", field.below, lambda limit: value >= limit),
            ("least", field.least, lambda limit: value < limit),
            ("most", field.most, lambda limit: value > limit),
        )
        for key, limit, beyond in limits:
            if limit is not None and beyond(limit):
                unit = said(field.unit_names, self.language)
                raise self.wrong(key, limit=f"{decimal_text(limit, self.language)} {unit}".strip())


_READERS: Mapping[Kind, Callable[[_Typed], Term]] = {
    Kind.TEXT: _Typed.words,
    Kind.NAME: _Typed.words,
    Kind.DECIMAL: _Typed.number,
    Kind.VALUE: _Typed.number,
    Kind.INTEGER: _Typed.integer,
    Kind.BOOLEAN: _Typed.boolean,
    Kind.DATE: _Typed.date,
    Kind.TIME: _Typed.time,
    Kind.INSTANT: _Typed.instant,
    Kind.DURATION: _Typed.duration,
    Kind.CHOICE: _Typed.choice,
    Kind.REFERENCE: _Typed.iri,
    Kind.IRI: _Typed.iri,
}


def clean(text: str, language: str) -> str:
    """Compose letters and their accents; refuse what nobody can see, or what turns the order of reading.

    Raises
    ------
    UnreadableError
        If there is such a character.
    """
    composed = unicodedata.normalize("NFC", text.replace("\r\n", "\n"))
    for letter in composed:
        if (letter not in "\n\t" and unicodedata.category(letter) in _UNSEEN) or letter in _TURNING:
            raise UnreadableError("control", language, code=f"U+{ord(letter):04X}")
    return composed


def iri_of(text: str, language: str, schemes: Collection[str] = SCHEMES) -> NamedNode:
    """Read an IRI; only such as a page may link to.

    Raises
    ------
    UnreadableError
        If it is none, or of another scheme (`javascript:`, `data:`).
    """
    try:
        if text.partition(":")[0].lower() not in schemes or len(text) > _LONGEST_IRI:
            raise ValueError(text)
        return terms.iri(clean(text, language))
    except UnreadableError:
        raise
    except ValueError as error:
        raise UnreadableError("address", language, text=_cut(text)) from error


# --- from a term to inputs


def write(field: Field, term: Term, language: str, zone: str) -> dict[str, str]:
    """What a term looks like in its inputs; `read` gives the same value again.

    What is no value of the field, because somebody wrote it past the forms, is shown as it stands.
    """
    try:
        return _written(field, term, language, zone)
    except (ValueError, ArithmeticError):
        return {"": term.value}


def _written(field: Field, term: Term, language: str, zone: str) -> dict[str, str]:
    match field.kind:
        case Kind.DECIMAL | Kind.VALUE:
            return {"": decimal_text(Decimal(str(terms.python(term))), language)}
        case Kind.BOOLEAN:
            return {"": {"1": "true", "0": "false"}.get(term.value, term.value)}
        case Kind.TIME:
            at = time.fromisoformat(term.value)
            return {"": term.value if at.second or at.microsecond or at.tzinfo else f"{at:%H:%M}"}
        case Kind.INSTANT:
            return _local(datetime.fromisoformat(term.value), zone)
        case Kind.DURATION:
            return _parts(terms.parse_duration(term.value), language) or {"": term.value}
    return {"": term.value}


def _local(at: datetime, zone: str) -> dict[str, str]:
    if at.tzinfo is None:
        raise ValueError(f"{at} names no instant")
    local = at.astimezone(ZoneInfo(zone))
    naive = local.replace(tzinfo=None)
    text = naive.isoformat(timespec="minutes" if not (local.second or local.microsecond) else "auto")
    other = local.replace(fold=1 - local.fold).astimezone(UTC)
    return {"": text, ".fold": str(local.fold)} if other != at else {"": text}


def _parts(span: timedelta, language: str) -> dict[str, str]:
    """Days, hours and minutes; nothing for what they can't tell exactly."""
    if span < timedelta(0) or span.microseconds or (span.seconds % 60) % 3:  # a part of a minute that is no short decimal
        return {}
    minutes, seconds = divmod(span.seconds, 60)
    hours, minutes = divmod(minutes, 60)
    small = Decimal(minutes) + Decimal(seconds) / 60
    parts = {".days": Decimal(span.days), ".hours": Decimal(hours), ".minutes": small}
    return {name: decimal_text(value, language) if value or (name == ".minutes" and not span) else "" for name, value in parts.items()}


def _cut(text: str) -> str:
    seen = "".join(letter if letter.isprintable() else " " for letter in text)
    return seen if len(seen) <= 80 else f"{seen[:80]}…"
