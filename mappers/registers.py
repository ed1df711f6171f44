"""Modbus registers by profile: raw 16-bit words into samples, and back for simulators and set-points.

Raw values are words (0…65535; bits 0 or 1 for coils and discrete inputs) by table and zero-based address; a word that the device didn't
give is left out. Bytes within a word are in network order, as Modbus has them; the order of words is the profile's.

References
----------
MODBUS Application Protocol Specification V1.1b3, §4.2 and §4.3.
"""

import struct
from collections.abc import Iterable, Mapping
from decimal import ROUND_HALF_EVEN, Decimal

from mappers import samples
from mappers.errors import MappingError
from mappers.points import Check, Command, Point, Profile, Register, Sample

Registers = Mapping[tuple[str, int], int]
Block = tuple[str, int, int]  # table, first address, count

_FORMS = {"16": "h", "32": "i", "64": "q"}
_FLOATS = {"float32": "f", "float64": "d"}
_DIGITS = {"float32": range(6, 10), "float64": range(15, 18)}  # enough digits tell every float of that width from the next
MOST_WORDS, MOST_GAP = 125, 8  # Modbus §6.3; unused words between two wanted ones that are cheaper read than asked for apart


def lift(profile: Profile, raw: Registers) -> list[Sample]:
    """Read every point of a device, in the profile's order."""
    return samples.of(profile, lambda source: _raw(source, raw))


def encode(profile: Profile, values: Mapping[str, Decimal]) -> dict[tuple[str, int], int]:
    """Write values, by point and in the point's unit, as the device would hold them: the inverse of `lift`.

    The registers that the device is recognised by are set too. Numbers are rounded to the register's resolution, half to even.

    Raises
    ------
    MappingError
        If a value doesn't fit its register, or is of no point.
    """
    words: dict[tuple[str, int], int] = {}
    for check in profile.identity:
        words |= _words(_register(check.source), _example(check), f"{profile.id}: identity")
    for name, value in values.items():
        words |= encode_point(profile.point(name), value)
    return words


def encode_point(point: Point, value: Decimal) -> dict[tuple[str, int], int]:
    """Write one value in the point's unit as words.

    Raises
    ------
    MappingError
        If it doesn't fit.
    """
    plain = samples.raw_of(point, value) if point.words is None else Decimal(samples.word_of(point.words, value, point.name))
    return _words(_register(point.source), plain, point.name)


def blocks(profile: Profile) -> list[Block]:
    """What must be read of a device in one round: runs of words of at most 125, in order; a wanted number is never cut in two."""
    sources = [point.source for point in profile.points] + [check.source for check in profile.identity]
    return runs(_register(source) for source in sources)


def runs(wanted: Iterable[Register]) -> list[Block]:
    """Put registers together into runs that one request can read."""
    found: list[Block] = []
    for register in sorted(set(wanted), key=lambda one: (one.table, one.address, one.count)):
        table, start, count = found[-1] if found else ("", 0, 0)
        reach = max(register.address + register.count - start, count)
        if table == register.table and register.address <= start + count + MOST_GAP and reach <= MOST_WORDS:
            found[-1] = (table, start, reach)
        else:
            found.append((register.table, register.address, register.count))
    return found


def writes(command: Command, value: Decimal) -> list[tuple[Register, tuple[int, ...]]]:
    """What to write for a set-point, in order: what must hold first, the set-point, what switches it on; to restore it is switched off first.

    A power limit that the register can't hold exactly becomes the next lower one.

    Raises
    ------
    MappingError
        If the value lies outside the command's bounds or doesn't fit.
    """
    if command.limited(value) != value:
        raise MappingError(f"{command.name}: {value} lies outside {command.minimum} … {command.maximum}; bring it between them first")
    target = _register(command.target)
    plain = value / command.scale if command.words is None else Decimal(samples.word_of(command.words, value, command.name))
    steps = [(preset.target, Decimal(preset.on)) for preset in command.presets]
    steps.append((target, plain if target.type in _FLOATS else samples.whole(command, plain)))
    if command.enable:
        off = command.enable.off if value == command.restore else None
        switch = (command.enable.target, Decimal(command.enable.on if off is None else off))
        steps.insert(len(steps) if off is None else 0, switch)  # no device follows the restoring value on its way to being free
    return [(_register(target), tuple(_words(_register(target), number, command.name).values())) for target, number in steps]


def command_registers(command: Command) -> list[Register]:
    """What must be read to know what a device holds of a set-point."""
    enable = [_register(command.enable.target)] if command.enable else []
    return [_register(command.target), *enable]


def held(command: Command, raw: Registers) -> Decimal | None:
    """What the device holds of a set-point, in the command's unit; the restoring value where it is switched off, `None` if unknown."""
    try:
        if command.enable and _raw(command.enable.target, raw) == command.enable.off:
            return command.restore
        return samples.held(command, _raw(command.target, raw))
    except (samples.AbsentError, ValueError):
        return None


def number(register: Register, words: Iterable[int]) -> int | Decimal:
    """The number that words stand for; floats exactly as many digits as tell them apart.

    Raises
    ------
    samples.AbsentError
        If it is a float that is not finite.
    """
    ordered = list(words)
    if register.type == "bool":
        return ordered[0]
    if register.word_order == "little":
        ordered.reverse()
    data = struct.pack(f">{len(ordered)}H", *ordered)
    if register.type in _FLOATS:
        return _float(register, data)
    form = _FORMS[register.type[-2:]]
    found: int = struct.unpack(f">{form.upper() if register.type.startswith('u') else form}", data)[0]
    return found


def shortest(kind: str, value: float) -> Decimal:
    """A finite float32 or float64 in the fewest digits that tell it from its neighbours."""
    form = f">{_FLOATS[kind]}"
    data = _packed(form, value)
    for digits in _DIGITS[kind]:
        text = f"{value:.{digits}g}"
        if _packed(form, float(text)) == data:
            break
    return Decimal(text)


def _float(register: Register, data: bytes) -> Decimal:
    value: float = struct.unpack(f">{_FLOATS[register.type]}", data)[0]
    if value != value or value in (float("inf"), float("-inf")):
        raise samples.AbsentError(samples.SENTINEL, f"{samples.capital(register)} holds {value}, which means no value.")
    return shortest(register.type, value)


def _packed(form: str, value: float) -> bytes | None:
    try:
        return struct.pack(form, value)
    except OverflowError:  # rounded up beyond the largest float32
        return None


def _raw(source: object, raw: Registers) -> samples.Raw:
    register = _register(source)
    words = []
    for address in range(register.address, register.address + register.count):
        word = raw.get((register.table, address))
        if word is None:
            raise samples.AbsentError(samples.FAULT, f"The device gave no answer for {register.table} register {address}.")
        if isinstance(word, bool) and register.type == "bool":
            word = int(word)
        if isinstance(word, bool) or not isinstance(word, int) or not 0 <= word <= (1 if register.type == "bool" else 0xFFFF):
            raise samples.AbsentError(samples.FAULT, f"{register.table.capitalize()} register {address} is said to hold {word!r}: no word.")
        words.append(word)
    return number(register, words)


def _words(register: Register, plain: Decimal, what: str) -> dict[tuple[str, int], int]:
    """Words by place for a raw number."""
    data = _packed(f">{_FLOATS[register.type]}", float(plain)) if register.type in _FLOATS else _integer(register, plain)
    if data is None:
        raise MappingError(f"{what}: {plain} doesn't fit into a {register.type}; check value and scale")
    words = list(struct.unpack(f">{len(data) // 2}H", data))
    if register.word_order == "little":
        words.reverse()
    return {(register.table, register.address + index): word for index, word in enumerate(words)}


def _integer(register: Register, plain: Decimal) -> bytes | None:
    whole = int(plain.to_integral_value(rounding=ROUND_HALF_EVEN))
    if register.type == "bool":
        return struct.pack(">H", whole) if whole in (0, 1) else None
    form = _FORMS[register.type[-2:]]
    try:
        return struct.pack(f">{form.upper() if register.type.startswith('u') else form}", whole)
    except struct.error:
        return None


def _example(check: Check) -> Decimal:
    """A raw number that passes a check."""
    if check.equals:
        return Decimal(check.equals[0])
    bounds = [bound for bound in (check.minimum, check.maximum) if bound is not None]
    return sum(bounds, Decimal(0)) / len(bounds) / check.scale


def _register(place: object) -> Register:
    if not isinstance(place, Register):
        raise MappingError(f'{place} is no register; only profiles with transport = "modbus" are read here')
    return place
