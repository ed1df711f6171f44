"""SunSpec models by profile: raw point values with their scale factors into samples, and back for simulators and set-points.

Raw values are what the device holds, by `model.point`: `{"103.W": 3215, "103.W_SF": 0}`; `None` where pysunspec2 says that a point isn't
implemented. The profile names type and scale factor of each point as the model defines them.

References
----------
SunSpec Device Information Model Specification 1.1, §4.3 (types and the values that mean "not implemented").
"""

from collections import defaultdict
from collections.abc import Mapping
from decimal import ROUND_HALF_EVEN, Decimal

from mappers import registers, samples
from mappers.errors import MappingError
from mappers.points import Check, Command, Profile, Sample, SunSpecPoint

RawPoints = Mapping[str, object]

# type → how its words are read, and the value that means "not implemented" (an accumulator that was never counted is zero)
TYPES: dict[str, tuple[str, int | None]] = {
    "int16": ("int16", -0x8000),
    "uint16": ("uint16", 0xFFFF),
    "acc16": ("uint16", 0),
    "enum16": ("uint16", 0xFFFF),
    "bitfield16": ("uint16", 0xFFFF),
    "sunssf": ("int16", -0x8000),
    "int32": ("int32", -0x8000_0000),
    "uint32": ("uint32", 0xFFFF_FFFF),
    "acc32": ("uint32", 0),
    "enum32": ("uint32", 0xFFFF_FFFF),
    "bitfield32": ("uint32", 0xFFFF_FFFF),
    "int64": ("int64", -0x8000_0000_0000_0000),
    "uint64": ("uint64", 0xFFFF_FFFF_FFFF_FFFF),
    "acc64": ("uint64", 0),
    "float32": ("float32", None),
    "float64": ("float64", None),
}
SCALES = range(-10, 11)
FINEST = -3  # the scale factor that a simulator tries first


def lift(profile: Profile, raw: RawPoints) -> list[Sample]:
    """Read every point of a device, in the profile's order."""
    return samples.of(profile, lambda source: _raw(_point(source), raw))


def models(profile: Profile) -> tuple[int, ...]:
    """The models that a device must have, in order."""
    sources = [point.source for point in profile.points] + [check.source for check in profile.identity]
    commands = [place for command in profile.commands for place in command_points(command)]
    return tuple(sorted({_point(source).model for source in sources} | {place.model for place in commands}))


def encode(profile: Profile, values: Mapping[str, Decimal], into: RawPoints | None = None) -> dict[str, float | str]:
    """Write values, by point and in the point's unit, as the device would hold them: the inverse of `lift`.

    Scale factors are those of `into`, a recording of the device, or the finest with which all values that share one fit. Numbers are
    rounded to that resolution, half to even. What the device is recognised by is set too.

    Raises
    ------
    MappingError
        If a value doesn't fit, or is of no point.
    """
    raw: dict[str, float | str] = {}
    sharing: dict[str | None, list[tuple[SunSpecPoint, Decimal]]] = defaultdict(list)
    for check in profile.identity:
        raw[_point(check.source).key] = _example(check)
    for name, value in values.items():
        point = profile.point(name)
        place = _point(point.source)
        plain = samples.raw_of(point, value) if point.words is None else Decimal(samples.word_of(point.words, value, name))
        sharing[place.scale_key].append((place, plain))
    for key, group in sharing.items():
        scale = 0 if key is None else _given_scale(into, key)
        scale = _finest(group) if scale is None else scale
        raw |= {place.key: _scaled(place, plain, scale) for place, plain in group} | ({key: scale} if key else {})
    return raw


def writes(command: Command, value: Decimal, raw: RawPoints) -> list[tuple[SunSpecPoint, float]]:
    """What to write for a set-point, in order: what must hold first, the set-point, what switches it on; to restore it is switched off first.

    A power limit that the point can't hold exactly becomes the next lower one.

    Parameters
    ----------
    raw
        What the device holds now: scale factors, and the point that 100 % means.

    Raises
    ------
    MappingError
        If the value lies outside the command's bounds, doesn't fit, or the device doesn't say what is needed.
    """
    if command.limited(value) != value:
        raise MappingError(f"{command.name}: {value} lies outside {command.minimum} … {command.maximum}; bring it between them first")
    target = _point(command.target)
    plain = samples.EXACT.divide(value, command.scale)
    try:
        if command.share_of:
            whole = _decimal(command.share_of, raw)
            if whole <= 0:
                raise samples.AbsentError(samples.FAULT, f"{command.share_of} says {whole}.")
            plain = min(samples.EXACT.divide(100 * plain, whole), Decimal(100))  # a rating above the device's own means: all of it
        scale = _scale(target, raw)
    except samples.AbsentError as error:
        raise MappingError(f"{command.name} can't be written: {error.comment} Read the device again") from error
    steps: list[tuple[SunSpecPoint, float]] = [(_point(preset.target), preset.on) for preset in command.presets]
    if not TYPES[target.type][0].startswith("float"):
        plain = samples.whole(command, plain.scaleb(-scale, context=samples.EXACT)).scaleb(scale, context=samples.EXACT)
    steps.append((target, _scaled(target, plain, scale)))
    if command.enable:
        off = command.enable.off if value == command.restore else None
        switch = (_point(command.enable.target), command.enable.on if off is None else off)
        steps.insert(len(steps) if off is None else 0, switch)  # no device follows the restoring value on its way to being free
    return steps


def command_points(command: Command) -> list[SunSpecPoint]:
    """What must be read to write a set-point and to know what a device holds of it."""
    more = [command.share_of] if command.share_of else []
    return [_point(command.target), *more, *([_point(command.enable.target)] if command.enable else [])]


def held(command: Command, raw: RawPoints) -> Decimal | None:
    """What the device holds of a set-point, in the command's unit; the restoring value where it is switched off, `None` if unknown."""
    try:
        if command.enable and _raw(_point(command.enable.target), raw) == command.enable.off:
            return command.restore
        share = _decimal(command.share_of, raw) if command.share_of else None
        return samples.held(command, _raw(_point(command.target), raw), share)
    except (samples.AbsentError, ValueError):
        return None


def _raw(place: SunSpecPoint, raw: RawPoints) -> samples.Raw:
    """A text, or the number after the scale factor."""
    value = _plain(place, raw)
    if isinstance(value, str):
        return value
    return Decimal(value).scaleb(_scale(place, raw), context=samples.EXACT) if place.scale_factor else value


def _plain(place: SunSpecPoint, raw: RawPoints) -> str | int | Decimal:
    value = raw.get(place.key, samples)  # the module stands for "not there": None says that the device hasn't implemented it
    if value is samples:
        raise samples.AbsentError(samples.FAULT, f"The device gave no answer for {place}.")
    if value is None:
        raise samples.AbsentError(samples.SENTINEL, f"{samples.capital(place)} is not implemented: no value.")
    if place.type == "string":
        if not isinstance(value, str):
            raise samples.AbsentError(samples.FAULT, f"Point {place.key} is said to hold {value!r}: no text.")
        return value.rstrip("\0 ")
    return _number(place, value)


def _number(place: SunSpecPoint, value: object) -> int | Decimal:
    form, sentinel = TYPES[place.type]
    if isinstance(value, bool) or not isinstance(value, int | float) or (isinstance(value, float) and not form.startswith("float")):
        raise samples.AbsentError(samples.FAULT, f"Point {place.key} is said to hold {value!r}: no {place.type}.")
    if value == sentinel:
        raise samples.AbsentError(samples.SENTINEL, f"Point {place.key} holds {value}, which means no value in a SunSpec {place.type}.")
    if isinstance(value, float):
        exact = samples.number(value, None, place)  # refuses what is not finite
        return registers.shortest(form, value) if form == "float32" else exact
    if form.startswith("float"):
        return value
    bits = int(form[-2:])
    least, most = (0, 2**bits - 1) if form.startswith("u") else (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)
    if not least <= value <= most:
        raise samples.AbsentError(samples.FAULT, f"Point {place.key} is said to hold {value}: beyond a {place.type}.")
    return value


def _scale(place: SunSpecPoint, raw: RawPoints) -> int:
    if place.scale_factor is None:
        return 0
    found = _plain(SunSpecPoint(place.model, place.scale_factor, "sunssf"), raw)
    if not isinstance(found, int) or found not in SCALES:
        raise samples.AbsentError(samples.FAULT, f"Scale factor {place.scale_key} is {found}, beyond -10 … 10.")
    return found


def _decimal(place: SunSpecPoint, raw: RawPoints) -> Decimal:
    return samples.number(_raw(place, raw), None, place)


def _scaled(place: SunSpecPoint, plain: Decimal, scale: int) -> float:
    if TYPES[place.type][0].startswith("float"):
        return float(plain)
    whole = int(plain.scaleb(-scale, context=samples.EXACT).to_integral_value(rounding=ROUND_HALF_EVEN))
    if not _fits(place, whole):
        raise MappingError(f"{place.key}: {plain} doesn't fit into a {place.type} at the scale factor {scale}; check value and scale")
    return whole


def _fits(place: SunSpecPoint, whole: int) -> bool:
    """Whether a device can hold it and mean it; an accumulator at zero can't be told from a missing one, but it is held."""
    try:
        return not whole or _number(place, whole) == whole
    except samples.AbsentError:
        return False


def _given_scale(into: RawPoints | None, key: str) -> int | None:
    found = None if into is None else into.get(key)
    return found if isinstance(found, int) and found in SCALES else None


def _finest(group: list[tuple[SunSpecPoint, Decimal]]) -> int:
    for scale in range(FINEST, SCALES[-1] + 1):
        if all(_fits(place, int(plain.scaleb(-scale, context=samples.EXACT).to_integral_value(ROUND_HALF_EVEN))) for place, plain in group):
            return scale
    raise MappingError(f"{', '.join(place.key for place, _ in group)}: no scale factor fits {', '.join(str(plain) for _, plain in group)}")


def _example(check: Check) -> int | str:
    if check.equals:
        return check.equals[0] if _point(check.source).type == "string" else int(check.equals[0])
    bounds = [bound for bound in (check.minimum, check.maximum) if bound is not None]
    return int(sum(bounds, Decimal(0)) / len(bounds) / check.scale)


def _point(place: object) -> SunSpecPoint:
    if not isinstance(place, SunSpecPoint):
        raise MappingError(f'{place} is no SunSpec point; only profiles with transport = "sunspec" are read here')
    return place
