"""What a live box is told: a TOML file, read into frozen dataclasses (docs/osb.md shows one).

An unknown key, a value of another type or an impossible one is refused with its place. Relative paths are relative to the file.
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import time, timedelta
from decimal import Decimal
from pathlib import Path

from devices.config import Broker
from devices.errors import ConfigError
from devices.strict import build
from mappers.errors import MappingError
from mappers.points import Profile

QUARTER = timedelta(minutes=15)
STEPS = tuple(timedelta(minutes=minutes) for minutes in (1, 5, 10, 15, 30, 60))  # what the platform keeps
PROFILES = Path(__file__).parent / "profiles"


@dataclass(frozen=True)
class Comfort:
    """The members' band [°C]; `point` says where the room is measured: of this device, or `device.point` of another."""

    minimum: Decimal
    maximum: Decimal
    point: str = "airTemperature"

    def __post_init__(self) -> None:
        if self.minimum >= self.maximum:
            raise ConfigError(f"the comfort band goes from {self.minimum} to {self.maximum} °C; give the lower end as minimum")


@dataclass(frozen=True)
class Device:
    """One device.

    Attributes
    ----------
    name
        Last part of its IRI: `pv` of the box `h01` is `device/h01-pv`.
    profile
        Folder in `devices/profiles`.
    address
        Where it is; what it may hold is its transport's to say: host, port, unit, url, topic …
    ratings
        What its plate says, by the names and in the units of the profile.
    poll
        Time between two polls.
    step, steps
        Interval of its readings, and of single points by name.
    comfort
        For a device that heats or cools.
    departure
        Local time at which a car leaves.
    """

    name: str
    profile: str
    address: Mapping[str, object]
    label: str | None = None
    ratings: Mapping[str, Decimal] = field(default_factory=dict)
    poll: timedelta = timedelta(seconds=10)
    step: timedelta = QUARTER
    steps: Mapping[str, timedelta] = field(default_factory=dict)
    comfort: Comfort | None = None
    departure: time | None = None

    def __post_init__(self) -> None:
        if not self.name.replace("-", "").isalnum() or not self.name.isascii():
            raise ConfigError(f"the device name {self.name!r} becomes part of an IRI; use letters, digits and hyphens")
        for name, step in {"": self.step, **self.steps}.items():
            if step not in STEPS:
                where = f"{self.name}.{name}" if name else self.name
                raise ConfigError(f"the step of {where} is {step}; the platform keeps PT1M, PT5M, PT10M, PT15M, PT30M and PT1H")
            if step % self.poll:
                raise ConfigError(f"{self.name} is polled every {self.poll}, which doesn't divide the step {step}; choose one that does")

    def step_of(self, point: str) -> timedelta:
        """The interval of one point's readings."""
        return self.steps.get(point, self.step)


@dataclass(frozen=True)
class Limits:
    """What the box may use and how patient it is."""

    outbox_megabytes: Decimal = Decimal(64)
    memory_megabytes: Decimal = Decimal(8)
    outbox_age: timedelta = timedelta(days=30)
    backlog_bytes_per_second: Decimal = Decimal(20_000)
    messages_in_flight: int = 4
    platform_silence: timedelta = timedelta(minutes=30)
    clock_patience: timedelta = timedelta(minutes=10)
    stop_patience: timedelta = timedelta(seconds=10)

    def __post_init__(self) -> None:
        for name in ("outbox_megabytes", "memory_megabytes", "backlog_bytes_per_second", "messages_in_flight"):
            if not getattr(self, name) > 0:
                raise ConfigError(f"limits.{name} is {getattr(self, name)}; it must be above zero")


@dataclass(frozen=True)
class Box:
    """One box: `base` as the platform's, `osb` its identifier on the broker, `key` its name in IRIs, and the things it may describe."""

    base: str
    osb: str
    key: str
    state: Path
    broker: Broker
    site: str | None = None
    connection: str | None = None
    zone: str | None = None
    devices: tuple[Device, ...] = ()
    limits: Limits = field(default_factory=Limits)
    profiles: Path = PROFILES

    def __post_init__(self) -> None:
        if not self.base.startswith(("http://", "https://")) or self.base.endswith("/"):
            raise ConfigError(f"base is {self.base!r}; write the platform's FLEX_BASE, like https://coop.example, without slash at its end")
        if self.osb != f"osb-{self.key}":
            raise ConfigError(
                f"osb is {self.osb!r} and key {self.key!r}; the identifier is osb- and the key: the platform finds the box by it"
            )
        if len(self.key) > 60 or self.key != self.key.lower():
            raise ConfigError(f"key is {self.key!r}; a certificate's name holds 60 characters of it, in small letters, digits and hyphens")
        for name in ("key", "site", "connection", "zone"):
            value = getattr(self, name)
            if value is not None and not (value.replace("-", "").isalnum() and value.isascii()):
                raise ConfigError(f"{name} is {value!r} and becomes part of an IRI; use letters, digits and hyphens")
        names = [device.name for device in self.devices]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise ConfigError(f"the device names {twice} are used twice; give every device its own")


def load(path: Path) -> Box:
    """Read a configuration file.

    Raises
    ------
    ConfigError
        If the file can't be read, isn't TOML, or doesn't fit, with the place and the value.
    """
    try:
        given = tomllib.loads(path.read_text(encoding="utf-8"), parse_float=Decimal)
    except (OSError, ValueError) as error:
        raise ConfigError(f"the configuration {path} can't be read ({error}); give the path of a TOML file, see docs/osb.md") from error
    try:
        box: Box = build(Box, given, "")
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from error
    where = path.parent
    return replace(
        box,
        state=where / box.state,
        broker=box.broker.below(where),
        profiles=where / box.profiles,
        devices=tuple(replace(device, address=_floats(device.address)) for device in box.devices),
    )


def fitted(box: Box, registry: Mapping[str, Profile]) -> dict[str, Profile]:
    """The profile of each device by its name, with the device's ratings.

    Raises
    ------
    ConfigError
        If a profile, a rating or a point that the configuration names isn't there, or it says nothing of what a profile measures.
    """
    found = {device.name: _fitted(box, device, registry) for device in box.devices}
    for device in box.devices:
        _refuse_unmeasured_comfort(device, found)
    return found


def comfort_source(device: Device) -> tuple[str, str]:
    """The device and the point that measure the room of a device with a comfort band."""
    given = device.comfort.point if device.comfort else "airTemperature"
    other, dot, point = given.partition(".")
    return (other, point) if dot else (device.name, given)


def _refuse_unmeasured_comfort(device: Device, profiles: Mapping[str, Profile]) -> None:
    if device.comfort is None:
        return
    other, name = comfort_source(device)
    measuring = {each: {point.name for point in profile.points} for each, profile in profiles.items()}
    if name not in measuring.get(other, ()):
        known = [f"{each}.{point}" for each, points in measuring.items() for point in sorted(points) if "emperature" in point]
        raise ConfigError(
            f"{device.name}: the comfort band is measured by {other}.{name}, which no device of the file has; "
            f"name one as point: {', '.join(known) or 'none measures a temperature'}"
        )


def _fitted(box: Box, device: Device, registry: Mapping[str, Profile]) -> Profile:
    if device.profile not in registry:
        raise ConfigError(
            f"{device.name}: there is no profile {device.profile!r} in {box.profiles}; there are {', '.join(sorted(registry))}"
        )
    profile = registry[device.profile]
    if foreign := sorted(set(device.ratings) - set(profile.ratings)):
        raise ConfigError(
            f"{device.name}: the profile {profile.id} asks for no rating {foreign}; it asks for {', '.join(profile.ratings) or 'none'}"
        )
    try:
        profile = profile.fitted(device.ratings)
    except MappingError as error:
        raise ConfigError(f"{device.name}: {error}") from error
    points = {point.name for point in profile.points}
    if foreign := sorted(set(device.steps) - points):
        raise ConfigError(f"{device.name}: steps names {foreign}, and the profile {profile.id} has the points {', '.join(sorted(points))}")
    for point in profile.points:
        if point.of != "device" and getattr(box, point.of) is None:
            raise ConfigError(
                f'{device.name} measures {point.name} of the {point.of}, and the file names none; add {point.of} = "…" at its top'
            )
    return profile


def _floats(address: Mapping[str, object]) -> dict[str, object]:
    return {key: float(value) if isinstance(value, Decimal) else value for key, value in address.items()}
