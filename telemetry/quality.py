"""Checks at the border, compiled from each channel's own triples: the same rules as `shapes/`, at ingest speed.

What can't be a reading of the channel is refused with a sentence; what can but is doubtful is stored and flagged.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import cached_property
from types import MappingProxyType

from kg.terms import duration, instant
from mappers.records import Refusal, ReportedFlag, Series, shown
from ontology.names import FCV
from telemetry.channels import Channel
from telemetry.days import canonical, is_canonical
from telemetry.units import convert, factor, linear, short

__all__ = ["Doubt", "Limits", "Run", "Span", "check", "check_flag", "clock_comment", "convert", "factor", "linear"]

_DAY_S = 86400
_OUT_OF_RANGE, _CLOCK_SKEW, _SENTINEL = str(FCV.OutOfRange), str(FCV.ClockSkew), str(FCV.SentinelValue)
_LONGEST_COMMENT = 500

# What devices say when they have no value. The ends of the integers also count with a decimal point in them, as a scaled register
# shows them; SunSpec, Modbus meters and data loggers each have some of these.
_INTEGER_ENDS = frozenset(
    f"{end}"
    for bits in (16, 32, 64)
    for end in (2**bits - 1, 2 ** (bits - 1) - 1, -(2 ** (bits - 1)), 2 ** (bits - 1), 1 - 2 ** (bits - 1))
)
_EXACT = frozenset({"-999", "-9999", "-99999", "-999.9", "99999", "999999", "9999999", "99999999", "999999999"})
_FLOAT_MAX = Decimal("3.4028e38")

REPORTABLE = frozenset(
    str(reason)
    for reason in (
        FCV.OutOfRange,
        FCV.ClockSkew,
        FCV.StuckValue,
        FCV.SentinelValue,
        FCV.ImplausibleChange,
        FCV.DeviceUnreachable,
        FCV.DeviceFault,
        FCV.RegisterMismatch,
        FCV.PartialInterval,
        FCV.CounterReset,
        FCV.CounterRollover,
        FCV.MeterSwap,
        FCV.SetpointOverridden,
    )
)
"""Reasons that a box may give; the others tell what the platform itself did."""


@dataclass(frozen=True)
class Limits:
    """When a reading's time is doubtful or impossible.

    Parameters
    ----------
    skew
        How far the beginning of a reading's interval may lie ahead of the platform's clock before it is flagged `fcv:ClockSkew`.
    ahead
        … before it is refused: a day node in the far future would be the latest for ever.
    earliest
        Readings before this instant come from a clock that was reset, and are refused.
    reported
        Longest time that one flag of a box may cover.
    """

    skew: timedelta = timedelta(minutes=10)
    ahead: timedelta = timedelta(days=1)
    earliest: datetime = datetime(2000, 1, 1, tzinfo=UTC)
    reported: timedelta = timedelta(days=31)

    @cached_property
    def undoubted(self) -> timedelta:
        """How far ahead a reading may begin without a word being said of it."""
        return min(self.skew, self.ahead)


@dataclass(frozen=True)
class Doubt:
    """Why a stored reading is flagged."""

    reason: str
    comment: str


_NO_DOUBTS: Mapping[int, list[Doubt]] = MappingProxyType({})


@dataclass(slots=True)
class Run:
    """Checked readings of one channel within one UTC day: canonical texts in the channel's unit, `None` where missing."""

    channel: Channel
    date: date
    first: int
    values: list[str | None]
    doubts: Mapping[int, list[Doubt]] = field(default_factory=lambda: _NO_DOUBTS)

    @property
    def covers_day(self) -> bool:
        """Whether the run has an entry for every slot of the day."""
        return len(self.values) == self.channel.slots

    @property
    def says_anything(self) -> bool:
        """Whether there is a value, or a reason why there is none."""
        return self.values.count(None) < len(self.values) or bool(self.doubts)


@dataclass(frozen=True, slots=True)
class Span:
    """What a box says of a channel's slots in `[first, end)` [s] of one UTC day."""

    channel: Channel
    date: date
    first: int
    end: int
    reason: str
    comment: str


def check(channel: Channel | None, series: Series, *, received: datetime, limits: Limits) -> tuple[list[Run], list[Refusal]]:
    """Judge one run of readings.

    Returns
    -------
    The runs that can be stored, one a UTC day, with the doubts about single values; and what is refused, each with its sentence.
    """
    if channel is None:
        why = "is not a channel that any OSB has described"
        return [], [_refuse(series, series.channel, why, "describe it in the announcement, or correct its name")]
    ordinary = _ordinary(channel, series, received, limits)
    return ([ordinary], []) if ordinary is not None else _judged(channel, series, received, limits)


def _ordinary(channel: Channel, series: Series, received: datetime, limits: Limits) -> Run | None:
    """One reading of which there is nothing to say, by all the rules below in one look; `None` where they have to be asked."""
    start, step_s, values = series.start, channel.step_s, series.values
    if len(values) != 1 or series.step is not None or series.unit != channel.unit or start.tzinfo is not UTC:
        return None
    offset, text = start.hour * 3600 + start.minute * 60 + start.second, values[0]
    if offset % step_s or start.microsecond or not limits.earliest <= start <= received + limits.undoubted:
        return None
    if text is None or not is_canonical(text):
        return None
    low, high = channel.plausible
    return Run(channel, start.date(), offset, [text], _NO_DOUBTS) if low <= float(text) <= high else None


def _judged(channel: Channel, series: Series, received: datetime, limits: Limits) -> tuple[list[Run], list[Refusal]]:
    problem = _series_problem(channel, series, received, limits)
    if problem is not None:
        return [], [problem]
    values, doubts, refused = _values(channel, series)
    _doubt_times(channel, series, doubts, values, received + limits.skew)
    return list(_by_day(channel, series, values, doubts)), refused


def check_flag(channel: Channel | None, flag: ReportedFlag, *, received: datetime, limits: Limits) -> tuple[list[Span], Refusal | None]:
    """Judge what a box says of readings, and cut it at UTC midnights; a part of an interval counts as the whole interval."""
    if channel is None:
        return [], _no_flag(flag, flag.channel, "is not a channel that any OSB has described", "describe it in the announcement")
    start = flag.start.astimezone(UTC)
    end = start + channel.step if flag.end is None else flag.end.astimezone(UTC)
    problem = _flag_problem(flag, start, end, received, limits)
    if problem is not None:
        return [], problem
    comment = flag.comment.strip() or "The box gives no further words."
    return list(_spans(channel, start, end, flag.reason, comment)), None


def _flag_problem(flag: ReportedFlag, start: datetime, end: datetime, received: datetime, limits: Limits) -> Refusal | None:
    if flag.reason not in REPORTABLE:
        return _no_flag(flag, flag.reason, "is no reason that a box can give", "send a member of fcv:QualityReasons")
    if len(flag.comment) > _LONGEST_COMMENT:
        why = f"is longer than {_LONGEST_COMMENT} characters"
        return _no_flag(flag, shown(flag.comment), why, "say it in a sentence")
    if end <= start:
        return _no_flag(flag, instant(end), "is not after the begin of what is flagged", "send the end of the last interval as until")
    if end - start > limits.reported:
        return _no_flag(flag, duration(end - start), f"is longer than {duration(limits.reported)}", "send it in parts")
    if start < limits.earliest:
        return _no_flag(
            flag, instant(start), f"lies before {instant(limits.earliest)}, as if the clock had been reset", "set the clock of the OSB"
        )
    if end > received + limits.ahead:
        why = f"lies more than {duration(limits.ahead)} ahead of {instant(received)}, when it was received"
        return _no_flag(flag, instant(end), why, "set the clock of the OSB")
    return None


def _spans(channel: Channel, start: datetime, end: datetime, reason: str, comment: str) -> Iterator[Span]:
    step_s = channel.step_s
    midnight = start.replace(hour=0, minute=0, second=0, microsecond=0)
    while midnight < end:
        first = max(0, int((start - midnight).total_seconds()) // step_s * step_s)
        last = min(_DAY_S, -int(-(end - midnight).total_seconds() // step_s) * step_s)
        yield Span(channel, midnight.date(), first, last, reason, comment)
        midnight += timedelta(days=1)


def _no_flag(flag: ReportedFlag, value: str, reason: str, remedy: str) -> Refusal:
    return Refusal(point=f"{flag.channel} at {instant(flag.start)} (flag)", value=value, reason=reason, remedy=remedy)


def clock_comment(offset: Decimal | None, limits: Limits) -> str | None:
    """What to say of readings whose box found that its clock was off by `offset` [s, positive: behind]; `None` if that is little."""
    if offset is None or abs(offset) <= Decimal(limits.skew.total_seconds()):
        return None
    seconds = min(abs(offset), Decimal(10**9))
    about = timedelta(minutes=round(float(seconds) / 60))
    side = "behind" if offset > 0 else "ahead of"
    return f"The clock of the box was {duration(about)} {side} the platform's when they were last compared; the box corrected the times."


def _series_problem(channel: Channel, series: Series, received: datetime, limits: Limits) -> Refusal | None:
    """What is wrong with a run as a whole."""
    return _unit_problem(channel, series) or _time_problem(channel, series, received, limits)


def _unit_problem(channel: Channel, series: Series) -> Refusal | None:
    wanted = short(channel.unit)
    if series.unit is None:
        value = next((shown(value) for value in series.values if value is not None), "null")
        return _refuse(series, value, "has no unit, and a number without one is no reading", f"send it with its unit, {wanted}")
    if series.unit != channel.unit and linear(series.unit, channel.unit) is None:
        why = f"can't be converted to {wanted}, the unit of the channel"
        return _refuse(series, short(series.unit), why, f"send the reading in {wanted}")
    return None


def _time_problem(channel: Channel, series: Series, received: datetime, limits: Limits) -> Refusal | None:
    start, step = series.start.astimezone(UTC), series.step or channel.step
    end = start + step * (len(series.values) - 1)
    if step != channel.step:
        why = f"is not the step of the channel, {duration(channel.step)}"
        return _refuse(series, f"a step of {duration(step)}", why, "send the mean of each of the channel's intervals")
    if (start - start.replace(hour=0, minute=0, second=0, microsecond=0)) % step:
        why = f"is off the grid of the channel, whose intervals begin every {duration(step)} from 00:00 UTC"
        return _refuse(series, instant(start), why, "send the mean of each interval under the time at which it begins")
    if start < limits.earliest:
        why = f"lies before {instant(limits.earliest)}, as if the clock had been reset"
        return _refuse(series, instant(start), why, "set the clock of the OSB")
    if end > received + limits.ahead:
        why = f"lies more than {duration(limits.ahead)} ahead of {instant(received)}, when it was received"
        return _refuse(series, instant(end), why, "set the clock of the OSB")
    return None


def _values(channel: Channel, series: Series) -> tuple[list[str | None], dict[int, list[Doubt]], list[Refusal]]:
    """Canonical texts in the channel's unit, doubts by position, refusals."""
    given = str(series.unit)
    low, high = channel.plausible
    texts: list[str | None] = []
    doubts: dict[int, list[Doubt]] = {}
    refused: list[Refusal] = []
    for position, value in enumerate(series.values):
        if value is None:
            texts.append(None)
            continue
        try:
            text = convert(canonical(value), given, channel.unit)
        except ValueError:
            if _sentinel(value):
                texts.append(None)
                doubts[position] = [_no_value(value)]
                continue
            why = "is not a finite decimal number below 1,000,000,000,000,000"
            refused.append(_refuse(series, shown(value), why, "send a number such as 1.25, or null where it is missing", position))
            texts.append(None)
            continue
        if low <= float(text) <= high:
            texts.append(text)
        elif _sentinel(value):
            texts.append(None)
            doubts[position] = [_no_value(value)]
        else:
            texts.append(text)
            doubts[position] = [_out_of_range(channel, text)]
    return texts, doubts, refused


def _doubt_times(channel: Channel, series: Series, doubts: dict[int, list[Doubt]], values: list[str | None], horizon: datetime) -> None:
    if series.start + channel.step * (len(values) - 1) <= horizon:
        return
    for position, value in enumerate(values):
        at = series.start + channel.step * position
        if at > horizon and value is not None:
            comment = f"The interval begins at {instant(at)}, after the platform received it: the clock of the OSB runs ahead."
            doubts.setdefault(position, []).append(Doubt(_CLOCK_SKEW, comment))


def _by_day(channel: Channel, series: Series, values: list[str | None], doubts: dict[int, list[Doubt]]) -> list[Run]:
    """Cut a run at UTC midnights."""
    start, step_s = series.start.astimezone(UTC), channel.step_s
    day, first = start.date(), start.hour * 3600 + start.minute * 60 + start.second
    runs: list[Run] = []
    position = 0
    while position < len(values):
        taken = (_DAY_S - first) // step_s
        part = values[position : position + taken]
        own = {first + i * step_s: doubts[position + i] for i in range(len(part)) if position + i in doubts} if doubts else _NO_DOUBTS
        runs.append(Run(channel, day, first, part, own))
        day, first, position = day + timedelta(days=1), 0, position + taken
    return runs


def _sentinel(value: str) -> bool:
    """Whether this is a number by which devices say that they have none; asked only of what lies outside the channel's range."""
    try:
        number = Decimal(value)
    except ArithmeticError:
        return False
    if not number.is_finite():
        return False
    if abs(number) >= _FLOAT_MAX:
        return abs(number) < Decimal("3.4029e38")
    text = format(number.normalize(), "f")
    digits = text.lstrip("-").replace(".", "").lstrip("0")
    return text in _EXACT or ("-" + digits if number < 0 else digits) in _INTEGER_ENDS


def _no_value(value: str) -> Doubt:
    return Doubt(_SENTINEL, f"{shown(value)} came, a number by which devices say that they have no value; it is kept as missing.")


def _out_of_range(channel: Channel, text: str) -> Doubt:
    unit = short(channel.unit)
    low = "−∞" if channel.minimum is None else channel.minimum
    high = "∞" if channel.maximum is None else channel.maximum
    return Doubt(_OUT_OF_RANGE, f"{text} lies outside {low} … {high} {unit}, the range that the channel itself states.")


def _refuse(series: Series, value: str, reason: str, remedy: str, position: int = 0) -> Refusal:
    at = series.start + (series.step or timedelta()) * position
    return Refusal(point=f"{series.channel} at {instant(at)}", value=value, reason=reason, remedy=remedy)
