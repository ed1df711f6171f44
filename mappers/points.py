"""A device profile: what a device of one type says, where, in which unit and sign, and what it may be told.

`mappers.profile` reads them from a folder.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import TypeVar

from mappers.errors import MappingError

HEADROOM = Decimal("1.05")  # a meter may read a little above the plate
Named = TypeVar("Named")


@dataclass(frozen=True)
class Register:
    """Where a number lies in a Modbus device: table, zero-based address of its first register, type and order of its words."""

    table: str  # "holding", "input", "coil", "discrete"
    address: int
    type: str  # "int16", "uint16", "int32", …, "float32", "float64", "bool"
    word_order: str = "big"  # "big": the most significant word comes first; "little": last

    @property
    def count(self) -> int:
        """How many registers it takes."""
        return {"16": 1, "32": 2, "64": 4}.get(self.type[-2:], 1)

    def __str__(self) -> str:
        return f"{self.table} register {self.address}"


@dataclass(frozen=True)
class SunSpecPoint:
    """A point of a SunSpec model, and the point of the same model that holds its power of ten."""

    model: int
    name: str
    type: str  # as the model says: "int16", "uint16", "acc32", "enum16", "string", …
    scale_factor: str | None = None

    @property
    def key(self) -> str:
        """How the raw values of a device name it: `103.W`."""
        return f"{self.model}.{self.name}"

    @property
    def scale_key(self) -> str | None:
        """How the raw values of a device name its scale factor: `103.W_SF`."""
        return self.scale_factor and f"{self.model}.{self.scale_factor}"

    def __str__(self) -> str:
        return f"point {self.key}"


@dataclass(frozen=True)
class JsonPath:
    """A place in a document: steps by key or index, or by what a list's item must hold (`[measurand=SoC]`); or the sum of several.

    The document of an MQTT device has one member for each of its topics, by the topic's short name in the profile.
    """

    path: str
    or_sum: tuple[str, ...] = ()  # taken and added up where `path` has nothing
    text: bool = False  # numbers stand in quotes

    def __str__(self) -> str:
        return f"field {self.path}"


@dataclass(frozen=True)
class Send:
    """A payload that says a set-point, `{value}` in it, and where the device's document afterwards says what it holds.

    `to` is a topic for MQTT (`{name}` in it is the device's) or a path for HTTP (`PUT`).
    """

    to: str
    payload: str
    read: JsonPath

    def __str__(self) -> str:
        return f"message to {self.to}"


Source = Register | SunSpecPoint | JsonPath
Target = Register | SunSpecPoint | Send


@dataclass(frozen=True)
class Point:
    """One channel of a device.

    Attributes
    ----------
    name
        Local name of the channel: `activePower` → `{feature}#activePower`.
    of
        Whose property it is: `device`, `connection`, `site` or `zone`.
    kind, sign
        IRIs; the sign is what the value has after `scale`.
    unit, channel_unit
        IRIs: what the device states after scale and offset, and what the channel is announced in. The platform converts.
    source
        Where the raw value is.
    scale, offset
        value = raw × scale + offset.
    minimum, maximum, maximum_change, rolls_over_at
        In the channel's unit; `None` where none can be said.
    within
        Rating that narrows the bounds of one device (`Profile.fitted`), or `None`.
    sentinels
        Raw values, as text, that mean "no value".
    words
        What a raw text, truth value or code number stands for; with words, anything else is refused.
    """

    name: str
    of: str
    kind: str
    sign: str
    unit: str
    channel_unit: str
    source: Source
    scale: Decimal = Decimal(1)
    offset: Decimal = Decimal(0)
    minimum: Decimal | None = None
    maximum: Decimal | None = None
    maximum_change: Decimal | None = None
    stuck_after: timedelta | None = None
    rolls_over_at: Decimal | None = None
    within: str | None = None
    sentinels: tuple[str, ...] = ()
    words: Mapping[str, Decimal] | None = None


@dataclass(frozen=True)
class Fixed:
    """A second target with the raw value that it must hold for the command to have effect, and, for a switch, the one to end it."""

    target: Register | SunSpecPoint
    on: int
    off: int | None = None


@dataclass(frozen=True)
class Command:
    """A set-point that may be written.

    Attributes
    ----------
    name
        `powerLimit` (kW at most, sign of the device's activePower), `switch` (0/1), `sgReady` (1–4), `temperature` (°C).
    unit
        IRI.
    target
        Where it is written.
    scale
        value = raw × scale, as for a point.
    minimum, maximum
        A value outside is brought to the nearer of the two; in `unit`.
    restore
        The value that means "no limit", or the state of rest.
    enable
        A second target that switches the set-point on and off.
    presets
        Targets that must hold a fixed value first.
    share_of
        The device wants the set-point in per cent of this point of its own (`121.WMax`, in W), as SunSpec does.
    within
        Rating that narrows the bounds of one device (`Profile.fitted`), or `None`.
    words
        What stands for a number in the payload and in the document: `{"ON": 1, "OFF": 0}`.
    """

    name: str
    unit: str
    target: Target
    minimum: Decimal
    maximum: Decimal
    restore: Decimal
    scale: Decimal = Decimal(1)
    enable: Fixed | None = None
    presets: tuple[Fixed, ...] = ()
    share_of: SunSpecPoint | None = None
    within: str | None = None
    words: Mapping[str, Decimal] | None = None

    def limited(self, value: Decimal) -> Decimal:
        """The value, or the bound that it passes."""
        return min(max(value, self.minimum), self.maximum)


@dataclass(frozen=True)
class Check:
    """How a device is recognised: a raw value that must be one of several texts, or a number that must lie between bounds."""

    source: Source
    equals: tuple[str, ...] = ()
    minimum: Decimal | None = None
    maximum: Decimal | None = None
    scale: Decimal = Decimal(1)
    comment: str = ""


@dataclass(frozen=True)
class Profile:
    """A type of device: who makes it, how it is reached, recognised and read, and what it may be told; `id` is the folder's name.

    `ratings` are the names and units (IRIs) that the box's configuration must give of each device; `topics` (MQTT) maps short names
    to topics with `{name}`; `path` is what is fetched (HTTP).
    """

    id: str
    label: str
    device_class: str
    control_type: str | None
    manufacturer: str
    model: str
    transport: str
    points: tuple[Point, ...]
    commands: tuple[Command, ...]
    ratings: Mapping[str, str]
    identity: tuple[Check, ...]
    folder: Path
    topics: Mapping[str, str]
    path: str | None = None

    def point(self, name: str) -> Point:
        """The point of a name.

        Raises
        ------
        MappingError
            If there is none.
        """
        return _named("point", name, self.id, {point.name: point for point in self.points})

    def command(self, name: str) -> Command:
        """The command of a name.

        Raises
        ------
        MappingError
            If there is none.
        """
        return _named("command", name, self.id, {command.name: command for command in self.commands})

    def without(self, *names: str) -> "Profile":
        """The profile of a device that lacks some points: a meter on one phase has no voltage of the others.

        Raises
        ------
        MappingError
            If it has no point of such a name.
        """
        lacking = {self.point(name).name for name in names}
        return replace(self, points=tuple(point for point in self.points if point.name not in lacking))

    def fitted(self, ratings: Mapping[str, Decimal]) -> "Profile":
        """The profile of one device: bounds narrowed to its ratings, those of points with 5 % of headroom.

        Raises
        ------
        MappingError
            If a rating that the profile asks for is not given, or not above zero.
        """
        for name in self.ratings:
            if ratings.get(name, Decimal(-1)) < 0 or (name == "ratedPower" and not ratings[name]):
                raise MappingError(
                    f"{self.id}: the rating {name} is {ratings.get(name)}, and the profile needs it; give the number on the plate in "
                    f"{self.ratings[name].rsplit('/', 1)[-1]}"
                )
        points = tuple(_fitted_point(point, ratings) for point in self.points)
        return replace(self, points=points, commands=tuple(_fitted_command(command, ratings) for command in self.commands))


@dataclass(frozen=True)
class Sample:
    """What was read of one point: a plain decimal in the point's unit, sign applied; or `None`, with the reason (IRI) and a sentence."""

    point: str
    value: str | None
    reason: str | None = None
    comment: str = ""


def _named(what: str, name: str, profile: str, found: Mapping[str, Named]) -> Named:
    if name not in found:
        raise MappingError(f"{profile} has no {what} {name!r}; it has {', '.join(found) or 'none'}")
    return found[name]


def _fitted_point(point: Point, ratings: Mapping[str, Decimal]) -> Point:
    if point.within is None:
        return point
    least, most = _narrowed(point.minimum, point.maximum, ratings[point.within] * HEADROOM)
    return replace(point, minimum=least, maximum=most)


def _fitted_command(command: Command, ratings: Mapping[str, Decimal]) -> Command:
    if command.within is None:
        return command
    least, most = _narrowed(command.minimum, command.maximum, ratings[command.within])
    return replace(command, minimum=least, maximum=most, restore=min(max(command.restore, least), most))


def _narrowed(least: Decimal | None, most: Decimal | None, rating: Decimal) -> tuple[Decimal, Decimal]:
    return -rating if least is None else max(least, -rating), rating if most is None else min(most, rating)
