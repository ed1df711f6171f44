"""Python values to RDF terms and back: the one table of datatypes.

References
----------
XML Schema 1.1 Part 2, the lexical spaces of the datatypes below.
"""

import math
import re
from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

from pyoxigraph import BlankNode, Literal, NamedNode, Quad

XSD = "http://www.w3.org/2001/XMLSchema#"
RDF_JSON = NamedNode("http://www.w3.org/1999/02/22-rdf-syntax-ns#JSON")
_DECIMAL = NamedNode(XSD + "decimal")
_DATETIME = NamedNode(XSD + "dateTime")
_DATE = NamedNode(XSD + "date")
_TIME = NamedNode(XSD + "time")
_DURATION = NamedNode(XSD + "dayTimeDuration")
_NOT_IN_IRI = re.compile(r'[\x00-\x20<>"{}|\\^`]')
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")
_DURATION_FORM = re.compile(r"(-)?P(?:(\d+)D)?(?:T(?=\d)(?:(\d+)H)?(?:(\d+)M)?(?:(\d+(?:\.\d+)?)S)?)?")
_PLACES = 18  # what pyoxigraph's decimals can compute with: 18 places, in 128 bits
_LARGEST = 2**127


class Json(str):
    """A JSON text that becomes an `rdf:JSON` literal."""

    __slots__ = ()


class Lang(str):
    """A text in English; becomes a literal tagged `en`."""

    __slots__ = ()


Value = NamedNode | Literal | str | bool | int | float | Decimal | datetime | date | time | timedelta


def iri(text: str) -> NamedNode:
    """Make an absolute IRI, refusing what would break out of `<…>` in a query.

    Raises
    ------
    ValueError
        If the text holds a character that no IRI may hold, or has no scheme.
    """
    try:
        if _NOT_IN_IRI.search(text) is None and _SCHEME.match(text) is not None:
            return NamedNode(text)
    except ValueError:  # a character beyond ASCII that no IRI may hold
        pass
    raise ValueError(
        f"{text!r} is not an absolute IRI: it needs a scheme and none of the characters "
        f'<>"{{}}|\\^`, blanks or controls; percent-encode them'
    )


def plain(value: Decimal | float | int) -> str:
    """Write a number as an `xsd:decimal` without exponent, exactly as short as Python would.

    Raises
    ------
    ValueError
        If it is NaN or infinite: missing is absent, not a number.
    """
    if not math.isfinite(float(value)):
        raise ValueError(f"{value} is not a number that xsd:decimal can hold; leave the value out where it is missing")
    match value:
        case float():  # not repr(): numpy's floats are floats, and theirs says np.float64(…)
            text = float.__repr__(value)
        case int():
            return int.__repr__(value)
        case _:
            text = str(value)
    return format(Decimal(text), "f") if "e" in text or "E" in text else text


def decimal(value: Decimal | float) -> str:
    """Write a number in the one form of `xsd:decimal` that every store gives back, finds and deletes: `4.0`, `1.23`.

    Fuseki's TDB2 keeps `1.230` and `4` beside `1.23` and `4.0`, shows them alike, and then can't delete them by value.
    A float is rounded at 18 decimal places.

    Raises
    ------
    ValueError
        If it is not finite, or a `Decimal` with more than 18 decimal places, or beyond ±1.7e20: pyoxigraph would
        store it without a word, and every sum over it would be missing.
    """
    whole, _, fraction = plain(value).partition(".")
    fraction = fraction.rstrip("0")
    if len(fraction) > _PLACES:
        if isinstance(value, Decimal):
            raise ValueError(f"{value} has {len(fraction)} decimal places, but the store computes with {_PLACES} at most; round it")
        whole, _, fraction = f"{Decimal(plain(value)):.{_PLACES}f}".partition(".")
        fraction = fraction.rstrip("0")
    if abs(int(whole + fraction.ljust(_PLACES, "0"))) >= _LARGEST:
        raise ValueError(f"{value} is beyond ±1.7e20, the most the store can compute with; is its unit right?")
    zero = not fraction and int(whole) == 0
    return "0.0" if zero else f"{whole}.{fraction or '0'}"


def duration(value: timedelta) -> str:
    """Write a time span as `xsd:dayTimeDuration`: 15 minutes → `PT15M`."""
    span = abs(value)
    minutes, seconds = divmod(span.seconds, 60)
    hours, minutes = divmod(minutes, 60)
    exact = f"{seconds}.{span.microseconds:06}".rstrip("0").rstrip(".") if span.microseconds else f"{seconds}"
    parts = ((f"{hours}", "H"), (f"{minutes}", "M"), (exact, "S"))
    clock = "".join(f"{number}{unit}" for number, unit in parts if number != "0")
    text = (f"{span.days}D" if span.days else "") + (f"T{clock}" if clock else "")
    sign = "-" if value < timedelta(0) else ""
    return f"{sign}P{text}" if text else "PT0S"


def parse_duration(text: str) -> timedelta:
    """Read an `xsd:dayTimeDuration`; years and months have no fixed length and are refused.

    Raises
    ------
    ValueError
        If the text is not one.
    """
    match = _DURATION_FORM.fullmatch(text)
    if match is None or not any(match.groups()[1:]):
        raise ValueError(f"{text!r} is not a duration in days, hours, minutes and seconds; write it like PT15M or P1D")
    sign, days, hours, minutes, seconds = match.groups()
    span = timedelta(days=int(days or 0), hours=int(hours or 0), minutes=int(minutes or 0), seconds=float(seconds or 0))
    return -span if sign else span


def instant(value: datetime) -> str:
    """Write an aware datetime in UTC with `Z`.

    Raises
    ------
    ValueError
        If it has no offset.
    """
    if value.tzinfo is None:
        raise ValueError(f"{value.isoformat()} has no offset, so it names no instant; give it a time zone")
    return _trimmed(value.astimezone(UTC).replace(tzinfo=None).isoformat()) + "Z"


def _trimmed(text: str) -> str:
    """Drop the zeros that end a fraction of a second: stores differ in whether they keep them."""
    return text.rstrip("0") if "." in text else text


def literal(value: Value) -> NamedNode | Literal:
    """Turn a Python value into a term by its type.

    A plain `str` becomes a string; `rdflib.URIRef` and `NamedNode` stay IRIs; a float or `Decimal` is written as
    `decimal` says.

    Raises
    ------
    TypeError
        If there is no term for this type.
    ValueError
        If the value can't be written: not finite, too long, without offset.
    """
    if isinstance(value, (NamedNode, Literal)):
        return value
    if type(value).__name__ == "URIRef":  # rdflib's IRIs are str: told apart without importing rdflib
        return NamedNode(str(value))
    match value:
        case Json():
            return Literal(str(value), datatype=RDF_JSON)
        case Lang():
            return Literal(str(value), language="en")
        case str():
            return Literal(value)
        case bool():
            return Literal(value)
        case int():
            return Literal(value)
        case float() | Decimal():
            return Literal(decimal(value), datatype=_DECIMAL)
        case datetime():
            return Literal(instant(value), datatype=_DATETIME)
        case date():
            return Literal(value.isoformat(), datatype=_DATE)
        case time():
            return Literal(_trimmed(value.isoformat()), datatype=_TIME)
        case timedelta():
            return Literal(duration(value), datatype=_DURATION)
    raise TypeError(f"no RDF term for a {type(value).__name__}: {value!r}")


def python(
    term: NamedNode | BlankNode | Literal,
) -> str | bool | int | Decimal | datetime | date | time | timedelta:
    """Turn a term into the Python value it stands for; IRIs, texts and JSON become `str`.

    Raises
    ------
    ValueError
        If a literal's text does not fit its datatype, like `"abc"^^xsd:decimal`.
    """
    if not isinstance(term, Literal) or not (kind := term.datatype.value).startswith(XSD):
        return term.value
    try:
        return _value(kind[len(XSD) :], term.value)
    except (ValueError, ArithmeticError) as error:
        raise ValueError(f"{term} in the graph is no {kind}: its text does not fit; correct it there") from error


def _value(kind: str, text: str) -> str | bool | int | Decimal | datetime | date | time | timedelta:
    match kind:
        case "boolean":
            return text in ("true", "1")
        case "integer" | "int" | "long" | "nonNegativeInteger" | "positiveInteger":
            return int(text)
        case "decimal":
            return Decimal(text)
        case "double" | "float":
            return Decimal(repr(float(text)))
        case "dateTime" | "dateTimeStamp":
            return datetime.fromisoformat(text)
        case "date":
            return date.fromisoformat(text[:10])
        case "time":
            return time.fromisoformat(text)
        case "dayTimeDuration" | "duration":
            return parse_duration(text)
    return text


_LEXICAL = re.compile(r"([+-]?)(\d*)(?:\.(\d*))?")


def canonical(term: NamedNode | BlankNode | Literal) -> NamedNode | BlankNode | Literal:
    """Spell a term as pyoxigraph gives it back, so that terms of different stores compare equal: `4.0` → `4`, `@en-GB` → `@en-gb`."""
    if not isinstance(term, Literal):
        return term
    if term.language is not None:
        return Literal(term.value, language=term.language.lower())
    if term.datatype == _DECIMAL and (match := _LEXICAL.fullmatch(term.value)) and any(match.groups()[1:]):
        sign, whole, fraction = match.groups()
        places, units = (fraction or "").rstrip("0"), whole.lstrip("0") or "0"
        text = f"{units}.{places}" if places else units
        return Literal(f"-{text}" if sign == "-" and text != "0" else text, datatype=_DECIMAL)
    return term


def portable(term: NamedNode | BlankNode | Literal) -> NamedNode | BlankNode | Literal:
    """Spell a term as every store can find and delete it again: decimals like `4.0` (see `decimal`)."""
    plainest = canonical(term)
    if isinstance(plainest, Literal) and plainest.datatype == _DECIMAL and plainest.value.lstrip("-").isdigit():
        return Literal(plainest.value + ".0", datatype=_DECIMAL)
    return plainest


def describe(graph: str, subject: str, properties: Mapping[str, Value | Iterable[Value] | None]) -> list[Quad]:
    """State properties of one subject in one named graph.

    A list states the property several times; `None` states nothing.
    """
    where, about, quads = NamedNode(graph), iri(subject), []
    for predicate, given in properties.items():
        one = isinstance(given, (NamedNode, Literal, str)) or not isinstance(given, Iterable)
        values: list[Any] = [given] if one else list(given)  # type: ignore[arg-type]
        quads += [Quad(about, NamedNode(predicate), literal(value), where) for value in values if value is not None]
    return quads
