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

from pyoxigraph import BlankNode, Literal, NamedNode, Quad

XSD = "http://www.w3.org/2001/XMLSchema#"
RDF_JSON = NamedNode("http://www.w3.org/1999/02/22-rdf-syntax-ns#JSON")
_DECIMAL = NamedNode(XSD + "decimal")
_DATETIME = NamedNode(XSD + "dateTime")
_DATE = NamedNode(XSD + "date")
_TIME = NamedNode(XSD + "time")
_DURATION = NamedNode(XSD + "dayTimeDuration")
_NOT_IN_IRI = re.compile(r'[\x00-\x20<>"{}|\\^`]')
_DURATION_FORM = re.compile(r"(-)?P(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+(?:\.\d+)?)S)?)?")


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
    if _NOT_IN_IRI.search(text) or not re.match(r"[A-Za-z][A-Za-z0-9+.-]*:", text):
        raise ValueError(f"{text!r} is not an absolute IRI: it needs a scheme and none of the characters <>\"{{}}|\\^` or blanks; percent-encode them")
    return NamedNode(text)


def plain(value: Decimal | float | int) -> str:
    """Write a number as an `xsd:decimal` without exponent, exactly as short as Python would.

    Raises
    ------
    ValueError
        If it is NaN or infinite: missing is absent, not a number.
    """
    text = repr(value) if isinstance(value, (float, int)) else str(value)
    if "e" in text or "E" in text:
        text = format(Decimal(text), "f")
    if not math.isfinite(float(value)):
        raise ValueError(f"{value} is not a number that xsd:decimal can hold; leave the value out where it is missing")
    return text


def duration(value: timedelta) -> str:
    """Write a time span as `xsd:dayTimeDuration`: 15 minutes → `PT15M`."""
    seconds = value.total_seconds()
    sign, seconds = ("-", -seconds) if seconds < 0 else ("", seconds)
    days, rest = divmod(seconds, 86400)
    hours, rest = divmod(rest, 3600)
    minutes, rest = divmod(rest, 60)
    clock = "".join(f"{plain(int(n) if n == int(n) else n)}{unit}" for n, unit in ((hours, "H"), (minutes, "M"), (rest, "S")) if n)
    text = (f"{int(days)}D" if days else "") + (f"T{clock}" if clock else "")
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
    return value.astimezone(UTC).isoformat().replace("+00:00", "Z")


def literal(value: Value) -> NamedNode | Literal:
    """Turn a Python value into a term by its type; a plain `str` becomes a string, `rdflib.URIRef` and `NamedNode` stay IRIs."""
    if isinstance(value, (NamedNode, Literal)):
        return value
    if type(value).__name__ == "URIRef":  # rdflib's IRIs are str: tell them apart without importing rdflib on the data path
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
            return Literal(plain(value), datatype=_DECIMAL)
        case datetime():
            return Literal(instant(value), datatype=_DATETIME)
        case date():
            return Literal(value.isoformat(), datatype=_DATE)
        case time():
            return Literal(value.isoformat(), datatype=_TIME)
        case timedelta():
            return Literal(duration(value), datatype=_DURATION)
    raise TypeError(f"no RDF term for a {type(value).__name__}: {value!r}")


def python(term: NamedNode | BlankNode | Literal) -> str | bool | int | Decimal | datetime | date | time | timedelta:
    """Turn a term into the Python value it stands for; IRIs, texts and JSON become `str`."""
    if not isinstance(term, Literal):
        return term.value
    kind = term.datatype.value
    if not kind.startswith(XSD):
        return term.value
    match kind[len(XSD) :]:
        case "boolean":
            return term.value in ("true", "1")
        case "integer" | "int" | "long" | "nonNegativeInteger" | "positiveInteger":
            return int(term.value)
        case "decimal":
            return Decimal(term.value)
        case "double" | "float":
            return Decimal(repr(float(term.value)))
        case "dateTime" | "dateTimeStamp":
            return datetime.fromisoformat(term.value)
        case "date":
            return date.fromisoformat(term.value[:10])
        case "time":
            return time.fromisoformat(term.value)
        case "dayTimeDuration" | "duration":
            return parse_duration(term.value)
    return term.value


def describe(graph: str, subject: str, properties: Mapping[str, Value | Iterable[Value] | None]) -> list[Quad]:
    """State properties of one subject in one named graph.

    A list states the property several times; `None` states nothing.
    """
    where, about, quads = NamedNode(graph), iri(subject), []
    for predicate, given in properties.items():
        values = [given] if isinstance(given, (NamedNode, Literal, str)) or not isinstance(given, Iterable) else list(given)
        quads += [Quad(about, NamedNode(predicate), literal(value), where) for value in values if value is not None]
    return quads
