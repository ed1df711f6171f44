"""What all mappers of devices share: recognise the device, turn raw numbers into samples, and samples into readings with their flags."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_EVEN, Decimal, Overflow

from mappers import lexical
from mappers.errors import MappingError
from mappers.points import Check, Command, Point, Profile, Register, Sample, Source
from mappers.records import RefusedError, ReportedFlag, Series, shown
from ontology.names import FCV

EXACT = lexical.EXACT
SENTINEL, FAULT, MISMATCH = str(FCV.SentinelValue), str(FCV.DeviceFault), str(FCV.RegisterMismatch)

Raw = int | float | str | Decimal | bool


class AbsentError(ValueError):
    """A place of the device gives no value; carries the reason (IRI) and the sentence of the flag."""

    def __init__(self, reason: str, comment: str) -> None:
        super().__init__(comment)
        self.reason, self.comment = reason, comment


def of(profile: Profile, raw_at: Callable[[Source], Raw]) -> list[Sample]:
    """Make one sample a point, in the profile's order; none is made up.

    Parameters
    ----------
    raw_at
        Gives the raw value at a place: a finite number, or a text or truth value; raises `AbsentError` where there is none.
    """
    try:
        for check in profile.identity:
            _recognise(check, raw_at)
    except AbsentError as error:
        return [Sample(point.name, None, error.reason, error.comment) for point in profile.points]
    return [_sample(point, raw_at) for point in profile.points]


def readings(
    profile: Profile, samples: Sequence[Sample], *, base: str, features: Mapping[str, str], at: datetime
) -> tuple[tuple[Series, ...], tuple[ReportedFlag, ...]]:
    """Make readings of one instant, and flags for what can't be read.

    Parameters
    ----------
    base
        What stands before a path, with its last slash.
    features
        By owner (`device`, `connection`, `site`, `zone`) the path of the thing: `device/h01-pv`.
    at
        Begin of the interval, aware UTC.
    """
    series, flags = [], []
    for sample in samples:
        point = profile.point(sample.point)
        channel = f"{base}{features[point.of]}#{point.name}"
        if sample.value is not None:
            series.append(Series(channel, at, None, (sample.value,), point.unit))
        if sample.reason is not None:
            flags.append(ReportedFlag(channel, at, None, sample.reason, sample.comment))
    return tuple(series), tuple(flags)


def raw_of(point: Point, value: Decimal) -> Decimal:
    """The raw number of a value in the point's unit: the inverse of scale and offset."""
    return EXACT.divide(EXACT.subtract(value, point.offset), point.scale)


def word_of(words: Mapping[str, Decimal], value: Decimal, what: str) -> str:
    """The first word that stands for a number.

    Raises
    ------
    MappingError
        If none does.
    """
    found = next((word for word, number in words.items() if number == value), None)
    if found is None:
        raise MappingError(f"{what}: no word stands for {value}; it may be {', '.join(f'{n} ({w})' for w, n in words.items())}")
    return found


def number(raw: Raw, words: Mapping[str, Decimal] | None, place: object) -> Decimal:
    """The number that a raw value is or stands for.

    Raises
    ------
    AbsentError
        If it is none: a word that isn't in the list, or with words anything else; a truth value; not finite.
    """
    if words is not None:
        text = spelt(raw)
        if text not in words:
            raise AbsentError(FAULT, f"{capital(place)} says {shown(text)}, which is none of {', '.join(words)}.")
        return words[text]
    if isinstance(raw, bool | str):
        raise AbsentError(FAULT, f"{capital(place)} says {shown(raw)}, which is not a number.")
    exact = Decimal(repr(raw)) if isinstance(raw, float) else Decimal(raw)
    if not exact.is_finite():
        raise AbsentError(SENTINEL, f"{capital(place)} says {raw}: no value.")
    return exact


def spelt(raw: Raw) -> str:
    """A raw value as profiles spell it: `true`, `17`, `ON`."""
    if isinstance(raw, bool):
        return "true" if raw else "false"
    return raw if isinstance(raw, str) else format(Decimal(repr(raw)) if isinstance(raw, float) else Decimal(raw), "f")


def held(command: Command, raw: Raw, share: Decimal | None = None) -> Decimal:
    """The set-point that a raw value stands for, in the command's unit; `share` is what 100 % is, in the device's unit."""
    scaled = EXACT.multiply(number(raw, command.words, command.target), command.scale)
    whole = scaled if share is None else EXACT.divide(EXACT.multiply(scaled, share), Decimal(100))
    return Decimal(lexical.decimal_text(format(whole, "f")))


def whole(command: Command, plain: Decimal) -> Decimal:
    """The whole raw number of a set-point. A power limit is rounded to the side where it holds; anything else half to even."""
    limit = ROUND_FLOOR if command.scale > 0 else ROUND_CEILING
    return plain.to_integral_value(limit if command.name == "powerLimit" else ROUND_HALF_EVEN)


def _recognise(check: Check, raw_at: Callable[[Source], Raw]) -> None:
    what = check.comment or str(check.source)
    try:
        raw = raw_at(check.source)
        if check.equals:
            if spelt(raw) not in check.equals:
                wanted = " or ".join(check.equals)
                raise AbsentError(MISMATCH, f"Another device answers: {check.source} says {shown(spelt(raw))}, not {wanted} ({what}).")
            return
        value = EXACT.multiply(number(raw, None, check.source), check.scale)
    except AbsentError as error:
        if error.reason == MISMATCH or (error.reason == FAULT and isinstance(check.source, Register)):
            raise  # a block of registers that wasn't answered says nothing of who didn't answer
        raise AbsentError(MISMATCH, f"The device can't be recognised ({what}): {error.comment}") from error
    if (check.minimum is not None and value < check.minimum) or (check.maximum is not None and value > check.maximum):
        span = f"{check.minimum if check.minimum is not None else '…'} to {check.maximum if check.maximum is not None else '…'}"
        raise AbsentError(MISMATCH, f"Another device answers: {check.source} says {_brief(value)}, not {span} ({what}).")


def _sample(point: Point, raw_at: Callable[[Source], Raw]) -> Sample:
    try:
        raw = raw_at(point.source)
        if _is_sentinel(raw, point.sentinels):
            raise AbsentError(SENTINEL, f"{capital(point.source)} says {shown(spelt(raw))}, which means no value.")
        value = EXACT.add(EXACT.multiply(number(raw, point.words, point.source), point.scale), point.offset)
        return Sample(point.name, lexical.decimal_text(format(value, "f")))
    except AbsentError as error:
        return Sample(point.name, None, error.reason, error.comment)
    except (RefusedError, Overflow) as error:
        return Sample(point.name, None, FAULT, f"{capital(point.source)} says what is no reading: {error}.")


def _is_sentinel(raw: Raw, sentinels: Sequence[str]) -> bool:
    if not sentinels:
        return False
    if isinstance(raw, str | bool):
        return spelt(raw) in sentinels
    exact = Decimal(repr(raw)) if isinstance(raw, float) else Decimal(raw)
    return any(_equal(exact, sentinel) for sentinel in sentinels)


def _equal(exact: Decimal, sentinel: str) -> bool:
    try:
        return exact == Decimal(lexical.decimal_text(sentinel))
    except RefusedError:
        return False


def capital(place: object) -> str:
    """A place at the beginning of a sentence."""
    text = str(place)
    return text[:1].upper() + text[1:]


def _brief(value: Decimal) -> str:
    return format(value, "f") if -12 < value.adjusted() < 12 else format(value, ".6g")
