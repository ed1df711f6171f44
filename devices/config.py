"""What a process of simulated homes is told: a JSON file, read into frozen dataclasses.

Every object refuses keys that it doesn't know and values of another type, naming the place in the file. Powers are kW, energies kWh,
temperatures °C, states of charge %; local times of day are `HH:MM` in the home's own zone. `dump` and `load` are inverse.
"""

import json
from dataclasses import asdict, dataclass, field, fields, replace
from datetime import time
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from devices.errors import ConfigError
from devices.strict import build


@dataclass(frozen=True)
class Broker:
    """Where the boxes meet the platform: plain, or by TLS where a certificate authority is named.

    `ca` is the authority that the broker's certificate must come from, `certificate` and `key` are a box's own (PEM files). In the paths of
    a neighbourhood `{osb}` stands for the identifier of each box.
    """

    host: str = "127.0.0.1"
    port: int = 1883
    ca: Path | None = None
    certificate: Path | None = None
    key: Path | None = None

    def __post_init__(self) -> None:
        if not 0 < self.port < 65536:
            raise ConfigError(f"the broker's port is {self.port}; ports go from 1 to 65535, and 8883 is usual for TLS")
        if (self.certificate is None) != (self.key is None):
            raise ConfigError("of the broker's certificate and key only one is given, and neither works alone; name both files or none")
        if self.certificate is not None and self.ca is None:
            raise ConfigError("the broker has a certificate but no ca, so nobody could tell whom it is shown to; name the ca's file")

    def of(self, osb: str) -> "Broker":
        """The same with a box's identifier in its paths."""
        certificate, key = (None if path is None else Path(str(path).replace("{osb}", osb)) for path in (self.certificate, self.key))
        return replace(self, certificate=certificate, key=key)

    def below(self, folder: Path) -> "Broker":
        """The same with relative paths below a folder."""
        ca, certificate, key = (None if path is None else folder / path for path in (self.ca, self.certificate, self.key))
        return replace(self, ca=ca, certificate=certificate, key=key)


@dataclass(frozen=True)
class PVSystem:
    """A PV system that replays a measured yield per kW of rated power."""

    rated_kw: float

    def __post_init__(self) -> None:
        _above_zero(self, "rated_kw")


@dataclass(frozen=True)
class Battery:
    """A home battery; the losses of one round trip are shared evenly by charging and discharging."""

    capacity_kwh: float
    rated_kw: float
    round_trip_efficiency: float = 0.9
    minimum_soc_percent: float = 0.0
    initial_soc_percent: float = 50.0

    def __post_init__(self) -> None:
        _above_zero(self, "capacity_kwh", "rated_kw", "round_trip_efficiency")
        _share(self, "round_trip_efficiency", 1.0)
        _share(self, "minimum_soc_percent", 100.0)
        _share(self, "initial_soc_percent", 100.0)


@dataclass(frozen=True)
class ElectricVehicle:
    """A car with its charger: away every day from `departure` until a seeded moment between the two arrival times.

    It comes back with `drive_kwh_least` to `drive_kwh_most` less in its battery, and wants `target_soc_percent` at the next departure.
    """

    rated_kw: float = 7.4
    capacity_kwh: float = 60.0
    charging_efficiency: float = 0.9
    target_soc_percent: float = 80.0
    initial_soc_percent: float = 80.0
    departure: time = time(7, 30)
    arrival_earliest: time = time(17, 0)
    arrival_latest: time = time(19, 0)
    drive_kwh_least: float = 8.0
    drive_kwh_most: float = 15.0

    def __post_init__(self) -> None:
        _above_zero(self, "rated_kw", "capacity_kwh", "charging_efficiency")
        _share(self, "charging_efficiency", 1.0)
        _share(self, "target_soc_percent", 100.0)
        _share(self, "initial_soc_percent", 100.0)
        if not self.departure < self.arrival_earliest <= self.arrival_latest:
            raise ConfigError(
                f"the car leaves at {self.departure:%H:%M} and arrives {self.arrival_earliest:%H:%M} to {self.arrival_latest:%H:%M}: "
                "it must leave before it arrives on the same day; put departure before arrival_earliest and that not after arrival_latest"
            )
        if not 0 <= self.drive_kwh_least <= self.drive_kwh_most:
            raise ConfigError(
                f"the car drives {self.drive_kwh_least} to {self.drive_kwh_most} kWh a day: the least is negative or above the most; swap them"
            )


@dataclass(frozen=True)
class HeatPump:
    """A heat pump in a house of one thermal resistance and one capacitance, with the member's comfort band.

    The set point is the middle of the band unless given. Solar gains are `solar_aperture_m2` times the sum of direct and diffuse
    irradiance; internal gains are `internal_gain_share` of the home's uncontrolled load.
    """

    rated_kw: float
    cop: float = 3.0
    resistance_k_per_kw: float = 4.0
    capacitance_kwh_per_k: float = 5.0
    minimum_c: float = 21.0
    maximum_c: float = 26.0
    set_point_c: float | None = None
    initial_c: float | None = None
    solar_aperture_m2: float = 2.0
    internal_gain_share: float = 0.5

    def __post_init__(self) -> None:
        _above_zero(self, "rated_kw", "cop", "resistance_k_per_kw", "capacitance_kwh_per_k")
        if not self.minimum_c <= self.target_c <= self.maximum_c:
            raise ConfigError(
                f"the comfort band is {self.minimum_c} to {self.maximum_c} °C and the set point {self.target_c} °C: the set point must lie "
                "in the band; widen the band or leave set_point_c out"
            )

    @property
    def target_c(self) -> float:
        """The temperature that the thermostat holds [°C]."""
        return (self.minimum_c + self.maximum_c) / 2 if self.set_point_c is None else self.set_point_c


@dataclass(frozen=True)
class Home:
    """One home and its box: `key` names its things (`h01` → `site/h01`, `device/h01-battery`), `osb` is the box's identifier.

    `source` is the row of the replayed series that this home repeats; `seed` drives its car's trips.
    """

    key: str
    osb: str
    source: int
    seed: int = 0
    time_zone: str = "America/Los_Angeles"
    connection_limit_kw: float = 25.0
    load_limit_kw: float = 25.0
    pv: PVSystem | None = None
    battery: Battery | None = None
    ev: ElectricVehicle | None = None
    heat_pump: HeatPump | None = None

    def __post_init__(self) -> None:
        _above_zero(self, "connection_limit_kw", "load_limit_kw")
        try:
            ZoneInfo(self.time_zone)
        except (ZoneInfoNotFoundError, ValueError) as error:
            raise ConfigError(
                f"home {self.key} has the time zone {self.time_zone!r}, which isn't an IANA zone; write one like Europe/Madrid"
            ) from error


@dataclass(frozen=True)
class Feed:
    """The gateway that publishes the weather station and the tariff (`osb/feed`, `station/demo`, `tariff/demo`)."""

    key: str = "feed"
    osb: str = "osb-feed"
    station: str = "demo"
    tariff: str = "demo"


@dataclass(frozen=True)
class OptOut:
    """A home that opts out of an event: `after_minutes` from its first slot, of every event unless one is named by its IRI."""

    home: str
    after_minutes: int = 30
    reason: str = "ManualOverride"
    event: str | None = None

    def __post_init__(self) -> None:
        if self.reason not in ("ManualOverride", "MemberChoice"):
            raise ConfigError(f"the opt-out of {self.home} has the reason {self.reason!r}; it can only be ManualOverride or MemberChoice")


@dataclass(frozen=True)
class Behaviour:
    """What the people in the homes do."""

    opt_outs: tuple[OptOut, ...] = ()


@dataclass(frozen=True)
class Neighbourhood:
    """One process full of boxes.

    `base` has no slash at its end (`http://127.0.0.1:8080`). `state` is the SQLite file of all outboxes, `series` the `.npz` of replayed
    series (see `devices.replay.Replay`); relative paths are relative to the configuration file. `spread_from` is the resolution at which
    load and PV were measured, when that is coarser than 15 minutes (`PT1H`).
    """

    base: str
    state: Path
    series: Path
    broker: Broker = field(default_factory=Broker)
    homes: tuple[Home, ...] = ()
    feed: Feed | None = None
    behaviour: Behaviour = field(default_factory=Behaviour)
    spread_from: str | None = None

    def __post_init__(self) -> None:
        if self.base.endswith("/"):
            raise ConfigError(f"base is {self.base!r} and ends in a slash, which would double in every IRI; leave the last slash out")
        boxes = [home.osb for home in self.homes] + ([self.feed.osb] if self.feed else [])
        twice = sorted({osb for osb in boxes if boxes.count(osb) > 1})
        if twice:
            raise ConfigError(
                f"the box identifiers {twice} are used twice: each would throw the other off the broker; give every home its own"
            )


def load(path: Path) -> Neighbourhood:
    """Read a configuration file.

    Raises
    ------
    ConfigError
        If the file can't be read, isn't JSON, or doesn't fit, with the place and the value.
    """
    try:
        given = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ConfigError(f"the configuration {path} can't be read ({error}); give the path of a JSON file") from error
    config: Neighbourhood = build(Neighbourhood, given, "")
    where = path.parent
    return _with_paths(config, where)


def dump(config: Neighbourhood, path: Path) -> None:
    """Write a configuration file that `load` reads back as an equal object (paths become absolute)."""
    path.write_text(json.dumps(asdict(config), indent=1, default=_spell) + "\n", encoding="utf-8")


def _with_paths(config: Neighbourhood, where: Path) -> Neighbourhood:
    given = {item.name: getattr(config, item.name) for item in fields(config)}
    return Neighbourhood(**given | {"state": where / config.state, "series": where / config.series, "broker": config.broker.below(where)})


def _spell(value: object) -> str:
    if isinstance(value, time):
        return value.strftime("%H:%M")
    if isinstance(value, Path):
        return str(value.absolute())
    raise TypeError(f"{value!r} has no form in a configuration file")


def _above_zero(config: object, *names: str) -> None:
    for name in names:
        if not getattr(config, name) > 0:
            raise ConfigError(f"{type(config).__name__}.{name} is {getattr(config, name)}; it must be above zero")


def _share(config: object, name: str, whole: float) -> None:
    if not 0 <= getattr(config, name) <= whole:
        raise ConfigError(f"{type(config).__name__}.{name} is {getattr(config, name)}; it must lie between 0 and {whole:g}")
