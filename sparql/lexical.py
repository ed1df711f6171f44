"""Whether the text of a literal fits its datatype: what an engine stores without a word, and then can't count, sort or add up.

References
----------
XML Schema 1.1 Part 2, the lexical spaces of the datatypes below.
"""

import json
import re
from collections.abc import Callable
from datetime import date, datetime, time
from decimal import Decimal

from pyoxigraph import Literal

from kg.terms import XSD, decimal

_RDF_JSON = "http://www.w3.org/1999/02/22-rdf-syntax-ns#JSON"
_INTEGER = re.compile(r"[+-]?[0-9]+")
_DECIMAL = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)")
_FLOAT = re.compile(r"(?:[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?|[+-]?INF|NaN)")
_ZONE = r"(?:Z|[+-](?:0[0-9]|1[0-3]):[0-5][0-9]|[+-]14:00)?"
_DATE = re.compile(rf"([0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}){_ZONE}")
_TIME = re.compile(rf"([0-9]{{2}}:[0-9]{{2}}:[0-9]{{2}})(?:\.[0-9]+)?{_ZONE}")
_DATETIME = re.compile(rf"([0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}T[0-9]{{2}}:[0-9]{{2}}:[0-9]{{2}})(?:\.[0-9]+)?({_ZONE})")
_DURATION = re.compile(r"-?P(?=[0-9T])(?:[0-9]+Y)?(?:[0-9]+M)?(?:[0-9]+D)?(?:T(?=[0-9])(?:[0-9]+H)?(?:[0-9]+M)?(?:[0-9]+(?:\.[0-9]+)?S)?)?")
_DAY_TIME = re.compile(r"-?P(?=[0-9T])(?:[0-9]+D)?(?:T(?=[0-9])(?:[0-9]+H)?(?:[0-9]+M)?(?:[0-9]+(?:\.[0-9]+)?S)?)?")
_LONGEST = 400  # characters of a number; a longer one is no measurement, and Python takes quadratic time to read it
_WIDEST = 2**63
_BOUNDS = {
    "integer": (-_WIDEST, _WIDEST - 1),
    "long": (-_WIDEST, _WIDEST - 1),
    "int": (-(2**31), 2**31 - 1),
    "short": (-(2**15), 2**15 - 1),
    "byte": (-128, 127),
    "nonNegativeInteger": (0, _WIDEST - 1),
    "positiveInteger": (1, _WIDEST - 1),
    "nonPositiveInteger": (-_WIDEST, 0),
    "negativeInteger": (-_WIDEST, -1),
    "unsignedLong": (0, _WIDEST - 1),
    "unsignedInt": (0, 2**32 - 1),
    "unsignedShort": (0, 2**16 - 1),
    "unsignedByte": (0, 255),
}


def fault(literal: Literal) -> str | None:
    """Say what is wrong with a literal, or nothing.

    Examples
    --------
    >>> from pyoxigraph import NamedNode
    >>> fault(Literal("2026-02-30", datatype=NamedNode(XSD + "date")))
    'is no day of the calendar'
    """
    kind = literal.datatype.value
    if kind == _RDF_JSON:
        return _json(literal.value)
    if not kind.startswith(XSD):
        return None
    name = kind[len(XSD) :]
    if name in _BOUNDS:
        return _integer(name, literal.value)
    check = _CHECKS.get(name)
    return None if check is None else check(literal.value)


def _integer(name: str, text: str) -> str | None:
    if not _INTEGER.fullmatch(text) or len(text) > _LONGEST:
        return "is no whole number that a store can compute with"
    low, high = _BOUNDS[name]
    return None if low <= int(text) <= high else f"is not from {low} to {high}, which is what a store keeps of it"


def _decimal(text: str) -> str | None:
    if not _DECIMAL.fullmatch(text) or len(text) > _LONGEST:
        return "is no decimal number: digits and a point, without exponent, and left out where the value is missing"
    try:
        decimal(Decimal(text))
    except ValueError as error:
        return f"can't be computed with: {error}"
    return None


def _date(text: str) -> str | None:
    return _calendar(_DATE.fullmatch(text), date.fromisoformat, "a date like 2026-08-12")


def _time(text: str) -> str | None:
    return _calendar(_TIME.fullmatch(text), time.fromisoformat, "a time like 10:15:00")


def _datetime(text: str) -> str | None:
    return _calendar(_DATETIME.fullmatch(text), datetime.fromisoformat, "an instant like 2026-08-12T10:15:00Z")


def _stamp(text: str) -> str | None:
    match = _DATETIME.fullmatch(text)
    if match is not None and not match[2]:
        return "has no offset, so it names no instant; add Z"
    return _datetime(text)


def _calendar(match: "re.Match[str] | None", read: Callable[[str], object], like: str) -> str | None:
    if match is None:
        return f"is not {like}"
    try:
        read(match[1])
    except ValueError:
        return "is no day of the calendar" if "-" in match[1] else "is no time of the day"
    return None


def _json(text: str) -> str | None:
    try:
        json.loads(text, parse_constant=_no_constant)
    except (ValueError, RecursionError):
        return "is no JSON"
    return None


def _no_constant(name: str) -> None:
    raise ValueError(name)


def _matches(pattern: "re.Pattern[str]", otherwise: str) -> Callable[[str], str | None]:
    return lambda text: None if len(text) <= _LONGEST and pattern.fullmatch(text) else otherwise


_CHECKS: dict[str, Callable[[str], str | None]] = {
    "decimal": _decimal,
    "double": _matches(_FLOAT, "is no number"),
    "float": _matches(_FLOAT, "is no number"),
    "boolean": _matches(re.compile("true|false|0|1"), "is neither true nor false"),
    "date": _date,
    "time": _time,
    "dateTime": _datetime,
    "dateTimeStamp": _stamp,
    "duration": _matches(_DURATION, "is no duration like PT15M or P1D"),
    "dayTimeDuration": _matches(_DAY_TIME, "is no duration like PT15M or P1D"),
    "gYear": _matches(re.compile(rf"-?[0-9]{{4,}}{_ZONE}"), "is no year like 2026"),
    "gYearMonth": _matches(re.compile(rf"-?[0-9]{{4,}}-(?:0[1-9]|1[0-2]){_ZONE}"), "is no month like 2026-08"),
    "hexBinary": lambda text: None if re.fullmatch("(?:[0-9a-fA-F]{2})*", text) else "is no text of hexadecimal digits in pairs",
}
