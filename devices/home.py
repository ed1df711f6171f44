"""A home as its box sees it: measured load and sun, simulated battery, car and heat pump, one balance at the grid connection."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from devices import config
from devices.channels import Channel, of_feed, of_home
from devices.model import Readings, State
from devices.replay import STEP, Replay
from devices.simulators import Battery, ElectricVehicle, HeatPumpHouse, Step, Weather
from devices.simulators.heat_pump import Band
from mappers.comfort import Profile, band_at

HOURS = STEP.total_seconds() / 3600
DECIMALS = 4  # 0.1 W: finer than any meter, and a short text


class HomeModel:
    """Steps one home. At every step, exactly in the published digits: connection = load + car + heat pump + battery − PV."""

    def __init__(self, home: config.Home, replay: Replay, spread_from: str | None = None) -> None:
        self._home, self._replay = home, replay
        self.channels: tuple[Channel, ...] = of_home(home, spread_from)
        self._battery = Battery(home.battery) if home.battery else None
        self._ev = ElectricVehicle(home.ev, home.time_zone, home.seed) if home.ev else None
        self._house = HeatPumpHouse(home.heat_pump) if home.heat_pump else None
        self._comfort: Profile | None = None
        devices = {"battery": self._battery, "ev": self._ev, "heatpump": self._house}
        self._paths = {name: f"device/{home.key}-{name}" for name in devices}
        self._devices = {name: device for name, device in devices.items() if device is not None}

    @property
    def controllable(self) -> frozenset[str]:
        """See `Model.controllable`."""
        return frozenset(self._paths[name] for name in self._devices)

    def step(self, start: datetime, limits: Mapping[str, float]) -> Readings:
        """See `Model.step`."""
        column = self._replay.index(start)
        load = _rounded(self._replay.load_kw[self._home.source, column])
        values: list[float] = [0.0, load]
        net, taken = load, {}
        if self._home.pv:
            pv = _rounded(self._replay.pv_kw_per_kw[self._home.source, column] * self._home.pv.rated_kw)
            values.append(pv)
            net -= pv
        if self._ev:
            taken["ev"] = self._ev.step(start, STEP, self._limit("ev", limits))
        if self._house:
            taken["heatpump"] = self._house.step(HOURS, self._weather(column), load, self._limit("heatpump", limits), self._band(start))
        net += sum(_rounded(step.power_kw) for step in taken.values())
        if self._battery:
            taken["battery"] = self._battery.step(HOURS, net, self._limit("battery", limits))
            net += _rounded(taken["battery"].power_kw)
            values += [_rounded(taken["battery"].power_kw), _rounded(self._battery.state_of_charge)]
        if self._ev:
            plugged = self._ev.plugged_share(start, STEP)
            values += [_rounded(taken["ev"].power_kw), _rounded(self._ev.state_of_charge), _rounded(plugged)]
        if self._house:
            values += [_rounded(taken["heatpump"].power_kw), _rounded(self._house.temperature_c)]
        values[0] = _rounded(net)
        return Readings(tuple(values), self._beyond(taken))

    def want(self, profiles: Sequence[Profile]) -> None:
        """See `Model.want`."""
        room = f"/zone/{self._home.key}-living#airTemperature"
        self._comfort = next((one for one in profiles if one.channel.endswith(room)), None)

    def save(self) -> State:
        """See `Model.save`."""
        return {name: device.save() for name, device in self._devices.items()}

    def restore(self, state: State) -> None:
        """See `Model.restore`; a device that the state doesn't know keeps its initial state."""
        for name, device in self._devices.items():
            if name in state:
                device.restore(state[name])

    def _limit(self, name: str, limits: Mapping[str, float]) -> float | None:
        return limits.get(self._paths[name])

    def _band(self, start: datetime) -> Band | None:
        """The members' band in a quarter-hour; nothing where the platform has not said any."""
        if self._comfort is None:
            return None
        lowest, highest = band_at(self._comfort, start)
        return Band(float(lowest), float(highest), moves=bool(self._comfort.bands))

    def _weather(self, column: int) -> Weather:
        replay = self._replay
        return Weather(float(replay.air_temperature_c[column]), float(replay.direct_w_m2[column]), float(replay.diffuse_w_m2[column]))

    def _beyond(self, taken: Mapping[str, Step]) -> dict[str, str]:
        return {self._paths[name]: step.beyond_limit for name, step in taken.items() if step.beyond_limit}


class FeedModel:
    """The weather station and the tariff: nothing to control, nothing to remember."""

    controllable: frozenset[str] = frozenset()

    def __init__(self, feed: config.Feed, replay: Replay, spread_from: str | None = None) -> None:
        self._replay = replay
        self.channels: tuple[Channel, ...] = of_feed(feed, spread_from)

    def step(self, start: datetime, limits: Mapping[str, float]) -> Readings:  # noqa: ARG002 - the protocol's signature
        """See `Model.step`."""
        column, replay = self._replay.index(start), self._replay
        series = (replay.air_temperature_c, replay.direct_w_m2, replay.diffuse_w_m2, replay.price_eur_per_kwh)
        return Readings(tuple(_rounded(values[column]) for values in series))

    def want(self, profiles: Sequence[Profile]) -> None:
        """See `Model.want`."""

    def save(self) -> State:
        """See `Model.save`."""
        return {}

    def restore(self, state: State) -> None:
        """See `Model.restore`."""


def _rounded(value: float) -> float:
    return round(float(value), DECIMALS) + 0.0  # adding zero turns −0.0 into 0.0
