"""Make series out of the parts of a reading, refusing what can't be one: the rules that both ways through JSON-LD share."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from functools import lru_cache

from mappers import lexical
from mappers.records import Refusal, RefusedError, ReportedFlag, Series

Found = tuple[Series | None, list[Refusal]]

_LONGEST_REMEMBERED = 200


def sent(message: str, text: str | None) -> tuple[datetime | None, list[Refusal]]:
    """Read when a message was sent; a bad time spoils nothing else."""
    if text is None:
        return None, []
    try:
        return lexical.instant(text), []
    except RefusedError as error:
        return None, [error.at(f"{message} (sent)")]


def clock_offset(message: str, text: str | None) -> tuple[Decimal | None, list[Refusal]]:
    """Read by how many seconds the box's clock was behind (+) or ahead (−); a bad number spoils nothing else."""
    if text is None:
        return None, []
    try:
        return Decimal(lexical.decimal_text(text)), []
    except RefusedError as error:
        return None, [error.at(f"{message} (clockOffset)")]


def flag(channel: str, at: str, until: str | None, reason: str, comment: str) -> tuple[ReportedFlag | None, list[Refusal]]:
    """Make a flag of what a box doubts or doesn't have; `until` is exclusive."""
    try:
        start, end = lexical.instant(at), None if until is None else lexical.instant(until)
        if end is not None and end <= start:
            raise RefusedError(until, f"is not after its begin, {at}", "send the end of the last interval, or leave it out")
        return ReportedFlag(lexical.absolute_iri(channel), start, end, lexical.absolute_iri(reason), comment), []
    except RefusedError as error:
        return None, [error.at(f"{channel} at {at} (flag)")]


def observation(channel: str, at: str, value: object, unit: str | None) -> Found:
    """Make a series of one value; `value` is a text or number text, anything else is refused."""
    point = f"{channel} at {at}"
    try:
        start = _instant(at)
        text = number(value)
        return Series(_absolute(channel), start, None, (text,), _unit(unit)), []
    except RefusedError as error:
        return None, [error.at(point)]


def series(channel: str, start: str, step: str, values: Sequence[object], unit: str | None) -> Found:
    """Make a series; a bad value among good ones is refused alone and leaves a gap."""
    try:
        begin, span = lexical.instant(start), lexical.step(step)
        checked_channel, checked_unit = lexical.absolute_iri(channel), _unit(unit)
        if not values:
            raise RefusedError("[]", "holds no value", "leave the series out, or send null for each missing value")
        _within_calendar(begin, span, len(values))
    except RefusedError as error:
        return None, [error.at(f"{channel} from {start}")]
    texts, refused = _numbers(channel, begin, span, values)
    return Series(checked_channel, begin, span, tuple(texts), checked_unit), refused


def number(value: object) -> str:
    """Read a number from a JSON text or number.

    Raises
    ------
    RefusedError
        If it is none: a truth value, an object, a word.
    """
    if not isinstance(value, str):
        raise RefusedError(value, "is not a number", "send a decimal number, and null or nothing where the value is missing")
    return lexical.decimal_text(value)


def _numbers(channel: str, start: datetime, step: timedelta, values: Sequence[object]) -> tuple[list[str | None], list[Refusal]]:
    texts: list[str | None] = []
    refused = []
    for index, value in enumerate(values):
        try:
            texts.append(None if value is None else number(value))
        except RefusedError as error:
            texts.append(None)
            at = (start + index * step).isoformat().replace("+00:00", "Z")
            refused.append(error.at(f"{channel} at {at}"))
    return texts, refused


def _unit(unit: str | None) -> str | None:
    return None if unit is None else _absolute(unit)


def _instant(text: str) -> datetime:
    return _known_instant(text) if len(text) <= _LONGEST_REMEMBERED else lexical.instant(text)


def _absolute(text: str) -> str:
    return _known_absolute(text) if len(text) <= _LONGEST_REMEMBERED else lexical.absolute_iri(text)


# Many boxes name the same moments, and each the same channels minute by minute.
_known_instant = lru_cache(4096)(lexical.instant)
_known_absolute = lru_cache(20_000)(lexical.absolute_iri)


def _within_calendar(start: datetime, step: timedelta, count: int) -> None:
    try:
        start + count * step
    except OverflowError as error:
        raise RefusedError(start.isoformat(), "is followed by more values than the calendar has days", "correct start or step") from error
