"""A home battery: stores what the roof has left over and covers the home's own load; under dispatch it discharges as told."""

from math import sqrt

from devices import config
from devices.simulators.step import Step, beyond


class Battery:
    """An energy store with a rated power, a minimum state of charge, and equal losses each way.

    The stored energy changes by `charged · √η` and by `−discharged / √η` (η: efficiency of the round trip).
    """

    def __init__(self, given: config.Battery) -> None:
        self.given = given
        self._one_way = sqrt(given.round_trip_efficiency)
        self._least_kwh = given.capacity_kwh * given.minimum_soc_percent / 100
        self.stored_kwh = max(given.capacity_kwh * given.initial_soc_percent / 100, self._least_kwh)

    @property
    def state_of_charge(self) -> float:
        """Filled share of the capacity [%]."""
        return 100 * self.stored_kwh / self.given.capacity_kwh

    def step(self, hours: float, net_kw: float, limit_kw: float | None = None) -> Step:
        """Advance by one step.

        Parameters
        ----------
        hours
            Length of the step [h].
        net_kw
            What the rest of the home takes from the grid [kW], negative for a surplus. Without a limit the battery follows it: it
            charges from surplus and discharges to cover load, and never exports.
        limit_kw
            The most that the battery may consume [kW]; negative: it must discharge at least this much, exporting if need be.
        """
        wanted = -net_kw if limit_kw is None else min(-net_kw, limit_kw)
        power = min(max(wanted, -self._most_discharge(hours)), self._most_charge(hours))
        change = power * hours * self._one_way if power > 0 else power * hours / self._one_way
        before = self.stored_kwh
        self.stored_kwh = min(max(before + change, min(self._least_kwh, before)), self.given.capacity_kwh)
        loss = power * hours - (self.stored_kwh - before)
        return Step(power, max(loss, 0.0), beyond(power, limit_kw, "the battery had no more to give"))

    def save(self) -> dict[str, float]:
        """The state, for JSON."""
        return {"stored_kwh": self.stored_kwh}

    def restore(self, state: dict[str, float]) -> None:
        """Take up a saved state."""
        self.stored_kwh = float(state["stored_kwh"])

    def _most_charge(self, hours: float) -> float:
        return min(self.given.rated_kw, max(self.given.capacity_kwh - self.stored_kwh, 0.0) / (hours * self._one_way))

    def _most_discharge(self, hours: float) -> float:
        return min(self.given.rated_kw, max(self.stored_kwh - self._least_kwh, 0.0) * self._one_way / hours)
