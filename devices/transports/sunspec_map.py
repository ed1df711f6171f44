"""Find the SunSpec models of a device and read points of them, with the published model definitions.

A SunSpec map begins with the four letters `SunS` at one of three addresses; behind them stand the models, each with its number and
length, until the end model. Read and write always look at a model's number again, so that a map which has moved is noticed.

References
----------
SunSpec Device Information Model Specification 1.1, §6 (base addresses, chain of models); model definitions as packed with pysunspec2.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache

from sunspec2 import device as definitions
from sunspec2 import mb, mdef

from devices.transports.deadline import mismatch
from devices.transports.modbus_line import MOST_WORDS, Conversation, RefusedRequestError

BASES = (40000, 50000, 0)
MARK = [0x5375, 0x6E53]  # "SunS"
END = 0xFFFF
MOST_MODELS = 64
HEADER = 2
ILLEGAL = (1, 2, 3)


@dataclass(frozen=True)
class Place:
    """Where a point lies in its model [registers], and its type."""

    offset: int
    words: int
    type: str


@dataclass(frozen=True)
class Found:
    """One model of a device: number, address of its header, and its length without the header [registers]."""

    model: int
    address: int
    length: int


@cache
def places(model: int) -> dict[str, Place]:
    """The points at the top of a model, by name; empty if no such model is published."""
    try:
        points = definitions.get_model_def(model)["group"]["points"]
    except mdef.ModelDefinitionError:
        return {}
    found: dict[str, Place] = {}
    offset = 0
    for point in points:
        words = int(point.get("size") or mb.point_type_info[point["type"]].len)
        found[point["name"]] = Place(offset, words, point["type"])
        offset += words
    return found


def discover(line: Conversation) -> dict[int, Found]:
    """Walk the chain of models; of several with one number the first counts.

    Raises
    ------
    DeviceReadError
        If nothing begins with `SunS` (mismatch), the chain has no end (mismatch), or the device can't be read.
    """
    start = _base(line) + len(MARK)
    found: dict[int, Found] = {}
    for _ in range(MOST_MODELS):
        model, length = _header(line, start)
        if model == END:
            return found
        found.setdefault(model, Found(model, start, length))
        start += HEADER + length
        if not length or start > 65_535 - HEADER:
            raise mismatch(
                f"the SunSpec map breaks off after model {model} at address {start}; check the profile and the device's firmware"
            )
    raise mismatch(f"the SunSpec map has more than {MOST_MODELS} models and no end; check the device's firmware")


def _base(line: Conversation) -> int:
    refused: RefusedRequestError | None = None
    for base in BASES:
        try:
            if line.read("holding", base, len(MARK)) == MARK:
                return base
        except RefusedRequestError as error:
            if error.code not in ILLEGAL:
                raise  # a wrong unit id says nothing about the map
            refused = error
    raise mismatch(
        f"no SunSpec map begins at {', '.join(map(str, BASES))}; check the profile, and whether SunSpec is switched on"
    ) from refused


def _header(line: Conversation, start: int) -> tuple[int, int]:
    try:
        model, length = line.read("holding", start, HEADER)
    except RefusedRequestError:
        (model,) = line.read("holding", start, 1)  # some devices end with the last model's number and no length
        if model != END:
            raise
        length = 0
    return model, length


def read_points(line: Conversation, found: Found, names: Iterable[str]) -> dict[str, object]:
    """Read points of a model as the device holds them: integers, floats, and texts without their padding.

    Raises
    ------
    DeviceReadError
        If another model stands there now, or the model has no room for a point.
    """
    wanted = {name: _place(found, name) for name in names}
    words: dict[int, int] = {}
    for start, count in _requests([Place(0, HEADER, ""), *sorted(wanted.values(), key=lambda place: place.offset)]):
        words.update(enumerate(line.read("holding", found.address + start, count), start))
        if start == 0:
            _same(found, words[0], words[1])
    return {name: _decoded(place, [words[place.offset + at] for at in range(place.words)]) for name, place in wanted.items()}


def write_point(line: Conversation, found: Found, name: str, raw: float) -> None:
    """Write a point of a model.

    Raises
    ------
    DeviceReadError
        As `read_points` does.
    """
    place = _place(found, name)
    _same(found, *line.read("holding", found.address, HEADER))
    data: bytes = mb.point_type_info[place.type].to_data(raw, place.words * 2)
    line.write("holding", found.address + place.offset, words_of(data))


def words_of(data: bytes) -> list[int]:
    """Registers of bytes, high byte first."""
    return [int.from_bytes(data[at : at + 2], "big") for at in range(0, len(data), 2)]


def _place(found: Found, name: str) -> Place:
    place = places(found.model).get(name)
    if place is None or place.offset + place.words > HEADER + found.length:
        raise mismatch(f"model {found.model} of this device, {found.length} registers long, has no point {name}; check the profile")
    return place


def _same(found: Found, model: int, length: int) -> None:
    if (model, length) != (found.model, found.length):
        raise mismatch(
            f"at address {found.address} stood SunSpec model {found.model} with {found.length} registers, and now {model} with {length}: "
            "the registers have moved; check the device's firmware"
        )


def _requests(wanted: list[Place]) -> Iterator[tuple[int, int]]:
    """Few requests that cover all places, none of them cutting one; what lies between is the model's own."""
    start, end = 0, 0
    for place in wanted:
        if place.offset + place.words - start > MOST_WORDS:
            yield start, end - start
            start = place.offset
        end = max(end, place.offset + place.words)
    yield start, end - start


def _decoded(place: Place, words: list[int]) -> object:
    data = b"".join(word.to_bytes(2, "big") for word in words)
    if place.type == "string":
        return data.split(b"\0")[0].decode("utf-8", "replace").strip()
    return mb.point_type_info[place.type].data_to(data)
