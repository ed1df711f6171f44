"""Read the texts of numbers, times and IRIs strictly; what is not one is refused, with the words for the sender.

References
----------
XML Schema 1.1 Part 2: 3.3.3 decimal, 3.3.7 dateTime, 3.4.27 dayTimeDuration. RFC 3987, IRIs.
"""

import re
from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_EVEN, Context, Decimal, Overflow, localcontext

from mappers.records import RefusedError

MAX_NUMBER_LENGTH = 64
FRACTION_DIGITS = 18  # what the decimal of common triplestores holds: 128 bits with 18 decimals
LONGEST_STEP = timedelta(days=1)
EXACT = Context(prec=2 * MAX_NUMBER_LENGTH, rounding=ROUND_HALF_EVEN, Emax=10_000, Emin=-10_000, traps=[Overflow])  # for what is computed

_CANONICAL = re.compile(r"0|-?(?:[1-9][0-9]{0,19}(?:\.[0-9]{0,17}[1-9])?|0\.[0-9]{0,17}[1-9])")
_NUMBER = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]{1,3})?")
_INSTANT = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,6})?(Z|[+-][0-9]{2}:[0-9]{2})?")
_DURATION = re.compile(r"P(?:([0-9]{1,6})D)?(?:T(?=[0-9])(?:([0-9]{1,6})H)?(?:([0-9]{1,6})M)?(?:([0-9]{1,6})(?:\.([0-9]{1,6}))?S)?)?")
_SPACE = re.compile(r'[\x00-\x20\x7f-\x9f\ud800-\udfff<>"{}|\\^`]')


def decimal_text(text: str) -> str:
    """Spell a number as the shortest plain decimal of the same value: `1.50e-7` → `0.00000015`.

    More than 18 decimals are rounded to 18, half to even: no store keeps more, and no meter has them.

    Raises
    ------
    RefusedError
        If it is no number, not finite, longer than 64 characters, or too large or too small for `xsd:decimal` as stores keep it.
    """
    if _CANONICAL.fullmatch(text):
        return text
    if len(text) > MAX_NUMBER_LENGTH:
        raise RefusedError(text, f"has more than {MAX_NUMBER_LENGTH} characters", "send the value with the meter's own precision")
    if not _NUMBER.fullmatch(text):
        raise RefusedError(text, "is not a number", "send a decimal number, and null or nothing where the value is missing")
    return _plain(text)


def _plain(text: str) -> str:
    with localcontext() as context:
        context.prec, context.Emax, context.Emin = 2 * MAX_NUMBER_LENGTH, 10_000, -10_000
        value = Decimal(text)
        if not value:
            return "0"
        if value.adjusted() >= 20:
            raise RefusedError(text, "is 10²⁰ or more, beyond what an xsd:decimal holds", "check the meter and its scale")
        exponent = value.as_tuple().exponent
        if isinstance(exponent, int) and exponent < -FRACTION_DIGITS:
            rounded = value.quantize(Decimal(1).scaleb(-FRACTION_DIGITS), rounding=ROUND_HALF_EVEN)
            if not rounded:
                raise RefusedError(text, "is below 10⁻¹⁸ without being zero", "check the meter and its scale, or send 0")
            value = rounded
        plain = format(value, "f")
    return plain.rstrip("0").rstrip(".") if "." in plain else plain


def instant(text: str) -> datetime:
    """Read an `xsd:dateTime` with an offset as aware UTC.

    Raises
    ------
    RefusedError
        If it is no such text, no date of the calendar, or has no offset.
    """
    match = _INSTANT.fullmatch(text)
    if match is None:
        raise RefusedError(text, "is not an instant", "write it like 2016-08-12T10:15:00Z")
    if match[1] is None:
        raise RefusedError(text, "has no offset, so it names no instant", "add Z, or the offset like +02:00")
    try:
        return datetime.fromisoformat(text).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise RefusedError(text, "is not a date and time of the calendar", "correct it") from error


def step(text: str) -> timedelta:
    """Read the distance of the values of a series: an `xsd:dayTimeDuration` above zero and at most a day.

    Raises
    ------
    RefusedError
        If it isn't one.
    """
    match = _DURATION.fullmatch(text)
    if match is None or not any(match.groups()):
        raise RefusedError(text, "is not a duration in days, hours, minutes and seconds", "write it like PT15M")
    days, hours, minutes, seconds, fraction = match.groups()
    span = timedelta(
        days=int(days or 0),
        hours=int(hours or 0),
        minutes=int(minutes or 0),
        seconds=int(seconds or 0),
        microseconds=int((fraction or "").ljust(6, "0")),
    )
    if not timedelta(0) < span <= LONGEST_STEP:
        raise RefusedError(text, "is not above zero and at most one day", "send the distance of the values, like PT15M")
    return span


def absolute_iri(text: str, base: str | None = None) -> str:
    """Check an IRI of a thing: absolute, of the web or a URN, without characters that no IRI may hold.

    A path without scheme is put behind `base`, which ends in a slash.

    Raises
    ------
    RefusedError
        If it isn't one.
    """
    if _SPACE.search(text) or not text:
        raise RefusedError(text, "is not an IRI", 'percent-encode blanks, controls and the characters <>"{}|\\^`')
    scheme, found, _ = text.partition(":")
    if not found or "/" in scheme or "#" in scheme:
        if base is None:
            raise RefusedError(text, "is a relative IRI, and the payload names no base", 'write it whole, or add {"@base": …}')
        return base + text
    if scheme.lower() not in ("http", "https", "urn"):
        raise RefusedError(text, f"has the prefix {scheme}, which no context explains", "write the IRI whole or define the prefix")
    return text
