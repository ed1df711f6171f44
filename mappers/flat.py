"""JSON documents of devices by profile (HTTP and MQTT): fields into samples, and back for simulators and set-points.

The document of an HTTP device is its answer. The document of an MQTT device holds what each topic said last, by the topic's short name
in the profile: `{"status": {…}, "online": true}`; a topic that hasn't spoken is left out.
"""

import json
from collections.abc import Mapping
from decimal import Decimal

from mappers import document, lexical, paths, samples
from mappers.document import Json, Number
from mappers.errors import MappingError
from mappers.points import Command, JsonPath, Profile, Sample, Send, Source
from mappers.records import RefusedError, shown

MAX_BYTES = 256 * 1024  # a device that says more at once is not one of ours


def parse(payload: bytes) -> Json:
    """Decode what a device says, keeping its numbers in their own digits (`document.Number`).

    Raises
    ------
    MappingError
        If it is too large or too deep, or no JSON.
    """
    return document.parse(payload, MAX_BYTES)


def lift(profile: Profile, said: Json) -> list[Sample]:
    """Read every point of a device, in the profile's order; numbers may be `Number` texts, ints, floats or decimals."""
    return samples.of(profile, lambda source: _raw(source, said))


def encode(profile: Profile, values: Mapping[str, Decimal], into: Json | None = None) -> Json:
    """Write values, by point and in the point's unit, into a document as the device would say them: the inverse of `lift`.

    Parameters
    ----------
    into
        A recording of the device, which gives everything that the points don't; it is not changed. Without it, what the device is
        recognised by is set.

    Raises
    ------
    MappingError
        If a value is of no point, or no word stands for it.
    """
    said = into if into is not None else _recognised(profile)
    for name, value in values.items():
        point = profile.point(name)
        place = _path(point.source)
        if point.words is not None:
            said = paths.put(said, place.path, _word(samples.word_of(point.words, value, name)))
        else:
            text = lexical.decimal_text(format(samples.raw_of(point, value), "f"))
            said = paths.put(said, place.path, text if place.text else Number(text))
    return said


def dump(said: Json) -> bytes:
    """Spell a document; `Number` texts become bare numbers in their own digits."""
    return _spelt(said).encode()


def payload(command: Command, value: Decimal) -> bytes:
    """What to send for a set-point.

    Raises
    ------
    MappingError
        If the value lies outside the command's bounds, or no word stands for it.
    """
    if command.limited(value) != value:
        raise MappingError(f"{command.name}: {value} lies outside {command.minimum} … {command.maximum}; bring it between them first")
    if command.words is not None:
        text = samples.word_of(command.words, value, command.name)
    else:
        text = lexical.decimal_text(format(samples.EXACT.divide(value, command.scale), "f"))
    return _send(command).payload.replace("{value}", text).encode()


def commanded(command: Command, payload: bytes) -> Decimal | None:
    """Read a set-point back out of what `payload` made, as a simulator must; `None` if the payload is of another form."""
    before, _, after = _send(command).payload.partition("{value}")
    text = payload.decode("utf-8", "replace")
    if not (text.startswith(before) and text.endswith(after) and len(text) > len(before) + len(after)):
        return None
    inner = text.removeprefix(before).removesuffix(after)
    try:
        return samples.held(command, inner if command.words is not None else Decimal(lexical.decimal_text(inner)))
    except (samples.AbsentError, RefusedError):
        return None


def obeyed(command: Command, value: Decimal, said: Json) -> Json:
    """The document of a device that holds a set-point, as a simulator must say it; `said` is not changed.

    Raises
    ------
    MappingError
        If no word stands for the value.
    """
    place = _send(command).read
    if command.words is not None:
        return paths.put(said, place.path, _word(samples.word_of(command.words, value, command.name)))
    text = lexical.decimal_text(format(samples.EXACT.divide(value, command.scale), "f"))
    return paths.put(said, place.path, text if place.text else Number(text))


def held(command: Command, said: Json) -> Decimal | None:
    """What the device's document says it holds of a set-point, in the command's unit; `None` if it says nothing that can be read."""
    try:
        return samples.held(command, _raw(_send(command).read, said))
    except (samples.AbsentError, RefusedError):
        return None


def _raw(source: Source | JsonPath, said: Json) -> samples.Raw:
    place = _path(source)
    found = paths.find(said, place.path)
    if not found and place.or_sum:
        return sum((_decimal(JsonPath(path, (), place.text), said) for path in place.or_sum), Decimal(0))
    if len(found) != 1:
        how = "is missing" if not found else f"is there {len(found)} times"
        raise samples.AbsentError(samples.FAULT, f"{samples.capital(place)} {how} in what the device says.")
    return _scalar(found[0], place)


def _scalar(value: Json, place: JsonPath) -> samples.Raw:
    if value is None:
        raise samples.AbsentError(samples.SENTINEL, f"{samples.capital(place)} is null: no value.")
    if isinstance(value, Number) or (place.text and isinstance(value, str)):
        return _exact(value, place)
    if isinstance(value, str | bool | int | float | Decimal):
        return value
    raise samples.AbsentError(samples.FAULT, f"{samples.capital(place)} is {shown(value)}, which is not a number.")


def _exact(text: str, place: JsonPath) -> samples.Raw:
    """The number in a text; a word stays one, for the profile may know it."""
    if text.lower().lstrip("+-") in ("nan", "infinity", "inf"):
        raise samples.AbsentError(samples.SENTINEL, f"{samples.capital(place)} is {text}: no value.")
    try:
        return Decimal(lexical.decimal_text(text))
    except RefusedError as error:
        if isinstance(text, Number):
            raise samples.AbsentError(samples.FAULT, f"{samples.capital(place)} says what is no reading: {error}.") from error
        return text


def _decimal(place: JsonPath, said: Json) -> Decimal:
    return samples.number(_raw(place, said), None, place)


def _recognised(profile: Profile) -> Json:
    said: Json = {}
    for check in profile.identity:
        bounds = [bound for bound in (check.minimum, check.maximum) if bound is not None]
        value = _word(check.equals[0]) if check.equals else Number(sum(bounds, Decimal(0)) / len(bounds) / check.scale)
        said = paths.put(said, _path(check.source).path, value)
    return said


def _word(word: str) -> Json:
    """A word of a profile as JSON has it: truth values and numbers stand without quotes."""
    if word in ("true", "false"):
        return word == "true"
    try:
        return Number(lexical.decimal_text(word))
    except RefusedError:
        return word


def _spelt(said: Json) -> str:
    if isinstance(said, Number):
        return str(said)
    if isinstance(said, Mapping):
        return "{" + ",".join(f"{json.dumps(key)}:{_spelt(value)}" for key, value in said.items()) + "}"
    if isinstance(said, list):
        return "[" + ",".join(map(_spelt, said)) + "]"
    return json.dumps(said, ensure_ascii=False)


def _path(place: object) -> JsonPath:
    if not isinstance(place, JsonPath):
        raise MappingError(f'{place} is no field of a document; only profiles with transport = "http" or "mqtt" are read here')
    return place


def _send(command: Command) -> Send:
    if not isinstance(command.target, Send):
        raise MappingError(f"{command.name} is written to {command.target}, which is no message; its transport writes it otherwise")
    return command.target
