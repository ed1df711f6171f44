"""Checks at the border, compiled from each channel's own triples: the same rules as `shapes/`, at ingest speed.

What can't be a reading of the channel is refused with a sentence; what can but is doubtful is stored and flagged.
"""

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import cache
from typing import Any

import pint

from kg.terms import duration, instant
from mappers.records import Refusal, Series, shown
from ontology.names import FCV, S4ENER, UNIT
from telemetry.channels import Channel
from telemetry.days import canonical

_DAY_S = 86400
_OUT_OF_RANGE, _CLOCK_SKEW = str(FCV.OutOfRange), str(FCV.ClockSkew)

# Unit IRI → how pint calls it. QUDT 3.1; the prices are SAREF4ENER's, QUDT has no unit of money per energy.
_PINT = {
    str(UNIT[name]): called
    for name, called in {
        "W": "watt",
        "KiloW": "kilowatt",
        "MegaW": "megawatt",
        "W-HR": "watt_hour",
        "KiloW-HR": "kilowatt_hour",
        "MegaW-HR": "megawatt_hour",
        "DEG_C": "degree_Celsius",
        "DEG_F": "degree_Fahrenheit",
        "K": "kelvin",
        "PERCENT": "percent",
        "UNITLESS": "dimensionless",
        "W-PER-M2": "watt / meter ** 2",
    }.items()
} | {str(S4ENER.EuroPerKilowattHour): "EUR / kilowatt_hour"}


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
    """

    skew: timedelta = timedelta(minutes=10)
    ahead: timedelta = timedelta(days=1)
    earliest: datetime = datetime(2000, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Doubt:
    """Why a stored reading is flagged."""

    reason: str
    comment: str


@dataclass(slots=True)
class Run:
    """Checked readings of one channel within one UTC day: canonical texts in the channel's unit, `None` where missing."""

    channel: Channel
    date: date
    first: int
    values: list[str | None]
    doubts: dict[int, list[Doubt]] = field(default_factory=dict)

    @property
    def covers_day(self) -> bool:
        """Whether the run has an entry for every slot of the day."""
        return len(self.values) == self.channel.slots


@cache
def _registry() -> "pint.UnitRegistry[Any]":
    registry: pint.UnitRegistry[Any] = pint.UnitRegistry(non_int_type=Decimal)
    registry.define("EUR = [currency]")
    return registry


@cache
def linear(given: str, wanted: str) -> tuple[Decimal, Decimal] | None:
    """Factor and offset that turn numbers in one unit (IRI) into another; `None` where the units don't measure the same."""
    if given not in _PINT or wanted not in _PINT:
        return None
    unit = _registry().Unit
    source, target = unit(_PINT[given]), unit(_PINT[wanted])
    if not source.is_compatible_with(target):
        return None
    zero, one = (Decimal(_registry().Quantity(Decimal(n), source).to(target).magnitude) for n in (0, 1))
    return one - zero, zero


def factor(given: str, wanted: str) -> float | None:
    """What a number in one unit (IRI) is multiplied with to be in another; `None` where the units don't measure the same."""
    found = linear(given, wanted)
    return None if found is None else float(found[0])


def convert(text: str, given: str, wanted: str) -> str:
    """Carry a decimal text from one unit (IRI) to another, exact to 12 decimals."""
    if given == wanted:
        return text
    found = linear(given, wanted)
    if found is None:
        raise ValueError(f"{_short(given)} can't be converted to {_short(wanted)}; send it in {_short(wanted)}")
    return canonical(format(round(Decimal(text) * found[0] + found[1], 12), "f"))


def check(channel: Channel | None, series: Series, *, received: datetime, limits: Limits) -> tuple[list[Run], list[Refusal]]:
    """Judge one run of readings.

    Returns
    -------
    The runs that can be stored, one a UTC day, with the doubts about single values; and what is refused, each with its sentence.
    """
    if channel is None:
        why = "is not a channel that any OSB has described"
        return [], [_refuse(series, series.channel, why, "describe it in the announcement, or correct its name")]
    problem = _series_problem(channel, series, received, limits)
    if problem is not None:
        return [], [problem]
    values, doubts, refused = _values(channel, series)
    _doubt_times(channel, series, doubts, values, received + limits.skew)
    return list(_by_day(channel, series, values, doubts)), refused


def _series_problem(channel: Channel, series: Series, received: datetime, limits: Limits) -> Refusal | None:
    """What is wrong with a run as a whole."""
    return _unit_problem(channel, series) or _time_problem(channel, series, received, limits)


def _unit_problem(channel: Channel, series: Series) -> Refusal | None:
    wanted = _short(channel.unit)
    if series.unit is None:
        value = next((shown(value) for value in series.values if value is not None), "null")
        return _refuse(series, value, "has no unit, and a number without one is no reading", f"send it with its unit, {wanted}")
    if series.unit != channel.unit and linear(series.unit, channel.unit) is None:
        why = f"can't be converted to {wanted}, the unit of the channel"
        return _refuse(series, _short(series.unit), why, f"send the reading in {wanted}")
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
    low = float("-inf") if channel.minimum is None else channel.minimum
    high = float("inf") if channel.maximum is None else channel.maximum
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
            why = "is not a finite decimal number below 1,000,000,000,000,000"
            refused.append(_refuse(series, shown(value), why, "send a number such as 1.25, or null where it is missing", position))
            texts.append(None)
            continue
        texts.append(text)
        if not low <= float(text) <= high:
            doubts.setdefault(position, []).append(_out_of_range(channel, text))
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
        own = {first + i * step_s: doubts[position + i] for i in range(len(part)) if position + i in doubts} if doubts else {}
        runs.append(Run(channel, day, first, part, own))
        day, first, position = day + timedelta(days=1), 0, position + taken
    return runs


def _out_of_range(channel: Channel, text: str) -> Doubt:
    unit = _short(channel.unit)
    low = "−∞" if channel.minimum is None else channel.minimum
    high = "∞" if channel.maximum is None else channel.maximum
    return Doubt(_OUT_OF_RANGE, f"{text} lies outside {low} … {high} {unit}, the range that the channel itself states.")


def _refuse(series: Series, value: str, reason: str, remedy: str, position: int = 0) -> Refusal:
    at = series.start + (series.step or timedelta()) * position
    return Refusal(point=f"{series.channel} at {instant(at)}", value=value, reason=reason, remedy=remedy)


def _short(unit: str) -> str:
    """A unit as people write it: the last part of its IRI."""
    return unit.rsplit("/", 1)[-1].rsplit("#", 1)[-1]
