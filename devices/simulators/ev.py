"""A car at its charger: leaves in the morning, comes back in the evening, charges at once unless a dispatch asks it to wait."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

import numpy as np

from devices import config
from devices.simulators.step import Step, beyond


@dataclass(frozen=True, slots=True)
class Trip:
    """One day's absence: away in `[departure, arrival)` (aware UTC), using `drive_kwh` of the battery."""

    departure: datetime
    arrival: datetime
    drive_kwh: float


class ElectricVehicle:
    """A car with one trip a local day, the same for the same seed.

    The stored energy changes by `charged · η` at the charger and by `−drive_kwh` when the car comes back.
    """

    def __init__(self, given: config.ElectricVehicle, zone: str, seed: int) -> None:
        self.given, self._zone, self._seed = given, ZoneInfo(zone), seed
        self._trip_on = lru_cache(maxsize=8)(self._draw)
        self.stored_kwh = given.capacity_kwh * given.initial_soc_percent / 100

    @property
    def state_of_charge(self) -> float:
        """Filled share of the capacity [%]."""
        return 100 * self.stored_kwh / self.given.capacity_kwh

    def trip(self, day: date) -> Trip:
        """The trip of a local day."""
        return self._trip_on(day)

    def step(self, start: datetime, length: timedelta, limit_kw: float | None = None) -> Step:
        """Advance by one step.

        Parameters
        ----------
        start
            Begin of the step, aware UTC.
        length
            Its length; no more than the car's shortest absence or stay.
        limit_kw
            The most that the charger may take [kW]; below zero counts as zero. When the time left just suffices to reach the target
            by departure, the departure wins.
        """
        end = start + length
        trip = self._trip_at(start)
        if start < trip.arrival <= end:
            self.stored_kwh = max(self.stored_kwh - trip.drive_kwh, 0.0)
        plugged_hours = self.plugged_share(start, length) * length / timedelta(hours=1)
        taken_kwh = self._charged_kwh(plugged_hours, self._hours_left(start, end), length / timedelta(hours=1), limit_kw)
        before = self.stored_kwh
        self.stored_kwh = min(before + taken_kwh * self.given.charging_efficiency, self.given.capacity_kwh)
        power = taken_kwh / (length / timedelta(hours=1))
        loss = max(taken_kwh - (self.stored_kwh - before), 0.0)
        allowed = None if limit_kw is None else max(limit_kw, 0.0)
        return Step(power, loss, beyond(power, allowed, "the car had to charge to leave in time"))

    def plugged_share(self, start: datetime, length: timedelta) -> float:
        """The share of a step in which the car is plugged in, between 0 and 1."""
        trip = self._trip_at(start)
        away = min(start + length, trip.arrival) - max(start, trip.departure)
        return 1.0 - max(away / length, 0.0)

    def save(self) -> dict[str, float]:
        """The state, for JSON."""
        return {"stored_kwh": self.stored_kwh}

    def restore(self, state: dict[str, float]) -> None:
        """Take up a saved state."""
        self.stored_kwh = float(state["stored_kwh"])

    def _charged_kwh(self, plugged_hours: float, hours_left: float, hours: float, limit_kw: float | None) -> float:
        """What the charger takes from the home in a step [kWh]."""
        target = self.given.capacity_kwh * self.given.target_soc_percent / 100
        wanted = max(target - self.stored_kwh, 0.0) / self.given.charging_efficiency
        most = min(self.given.rated_kw * plugged_hours, wanted)
        if limit_kw is None:
            return most
        must = min(max(wanted - self.given.rated_kw * hours_left, 0.0), most)
        return max(min(most, max(limit_kw, 0.0) * hours), must)

    def _hours_left(self, start: datetime, end: datetime) -> float:
        """Hours at the charger after a step and before the next departure."""
        trip = self._trip_at(start)
        if start < trip.departure:
            left = trip.departure - end
        else:
            left = self.trip(self._local_day(start) + timedelta(days=1)).departure - max(end, trip.arrival)
        return max(left / timedelta(hours=1), 0.0)

    def _trip_at(self, at: datetime) -> Trip:
        return self.trip(self._local_day(at))

    def _local_day(self, at: datetime) -> date:
        return at.astimezone(self._zone).date()

    def _draw(self, day: date) -> Trip:
        rng = np.random.default_rng([self._seed, day.toordinal()])
        earliest, latest = (_minutes(at) for at in (self.given.arrival_earliest, self.given.arrival_latest))
        arrival = int(rng.integers(earliest, latest, endpoint=True))
        drive = float(rng.uniform(self.given.drive_kwh_least, self.given.drive_kwh_most))
        return Trip(self._utc(day, _minutes(self.given.departure)), self._utc(day, arrival), drive)

    def _utc(self, day: date, minute: int) -> datetime:
        local = datetime.combine(day, time(minute // 60, minute % 60), self._zone)
        return local.astimezone(UTC)


def _minutes(at: time) -> int:
    return at.hour * 60 + at.minute
