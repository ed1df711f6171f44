"""A heat pump in a house of one resistance and one capacitance: holds its set point, heating or cooling; comfort wins over dispatch.

The house obeys `C dT/dt = (T_out − T)/R + gains ± COP·P`, solved exactly over a step in which the inputs are constant.

References
----------
ISO 13790:2008, annex C (simple hourly method), reduced to one capacitance.
"""

from dataclasses import dataclass
from math import exp

from devices import config
from devices.simulators.step import Step, beyond


@dataclass(frozen=True, slots=True)
class Weather:
    """Mean of a step: outdoor temperature [°C], direct and diffuse irradiance [W/m²]."""

    air_temperature_c: float
    direct_w_m2: float = 0.0
    diffuse_w_m2: float = 0.0


@dataclass(frozen=True, slots=True)
class Band:
    """What the members want of the room in a step [°C]; `moves`: at other hours they want another, which a room takes time to follow."""

    minimum_c: float
    maximum_c: float
    moves: bool = False


class HeatPumpHouse:
    """One zone and its heat pump.

    It heats while it is colder outside than the set point and cools while it is warmer, as much as holds the set point at the end of the
    step; between the two the house floats inside the comfort band, at whose edges either is used. A room that is outside because the band
    has moved is left to come back by itself, where that is the way it goes without the heat pump anyhow.
    """

    def __init__(self, given: config.HeatPump) -> None:
        self.given = given
        self.temperature_c = given.target_c if given.initial_c is None else given.initial_c

    def step(self, hours: float, weather: Weather, load_kw: float, limit_kw: float | None = None, band: Band | None = None) -> Step:
        """Advance by one step.

        Parameters
        ----------
        hours
            Length of the step [h].
        weather
            Outside, mean of the step.
        load_kw
            Uncontrolled load, of which a share warms the house [kW].
        limit_kw
            The most electric power allowed [kW]; below zero counts as zero. What keeps the house in its comfort band is taken anyhow.
        band
            What the members want now; `None`: what the house was set up with.
        """
        given = self.given
        decay = exp(-hours / (given.resistance_k_per_kw * given.capacitance_kwh_per_k))
        gains_kw = self._gains_kw(weather, load_kw)
        free_c = weather.air_temperature_c + given.resistance_k_per_kw * gains_kw
        idle_c = free_c + (self.temperature_c - free_c) * decay
        kelvin_per_kw = given.resistance_k_per_kw * (1 - decay)  # at the end of the step, for each kW of heat
        wanted = band or Band(given.minimum_c, given.maximum_c)
        heat_kw = self._heat_kw(idle_c, kelvin_per_kw, weather.air_temperature_c, limit_kw, wanted)
        self.temperature_c = idle_c + heat_kw * kelvin_per_kw
        power = abs(heat_kw) / given.cop
        allowed = None if limit_kw is None else max(limit_kw, 0.0)
        return Step(power, 0.0, beyond(power, allowed, "the room had reached the edge of its comfort band"))

    def save(self) -> dict[str, float]:
        """The state, for JSON."""
        return {"temperature_c": self.temperature_c}

    def restore(self, state: dict[str, float]) -> None:
        """Take up a saved state."""
        self.temperature_c = float(state["temperature_c"])

    def _gains_kw(self, weather: Weather, load_kw: float) -> float:
        sun_kw = self.given.solar_aperture_m2 * (weather.direct_w_m2 + weather.diffuse_w_m2) / 1000
        return sun_kw + self.given.internal_gain_share * max(load_kw, 0.0)

    def _heat_kw(self, idle_c: float, kelvin_per_kw: float, outside_c: float, limit_kw: float | None, band: Band) -> float:
        """Heat into the house, cooling negative [kW]."""
        given = self.given
        target_c = self._target_c(band)
        most_kw = given.rated_kw * given.cop
        for_set_point = (target_c - idle_c) / kelvin_per_kw
        wanted = max(for_set_point, 0.0) if outside_c < target_c else min(for_set_point, 0.0)
        if limit_kw is not None:
            allowed_kw = max(limit_kw, 0.0) * given.cop
            wanted = min(max(wanted, -allowed_kw), allowed_kw)
        coldest, warmest = (band.minimum_c - idle_c) / kelvin_per_kw, (band.maximum_c - idle_c) / kelvin_per_kw
        if band.moves and outside_c < target_c and self.temperature_c > band.maximum_c:
            warmest = max(warmest, 0.0)
        if band.moves and outside_c >= target_c and self.temperature_c < band.minimum_c:
            coldest = min(coldest, 0.0)
        return min(max(min(max(wanted, coldest), warmest), -most_kw), most_kw)

    def _target_c(self, band: Band) -> float:
        """What the thermostat holds: its set point where one was chosen and the band allows it, else the middle of the band."""
        if self.given.set_point_c is None:
            return (band.minimum_c + band.maximum_c) / 2
        return min(max(self.given.set_point_c, band.minimum_c), band.maximum_c)
