"""What a device can do over a window: pure physics of battery, vehicle, heat pump and PV, in kW and kWh.

Each device holds its ratings and its state at the beginning of the window, with a cautious bound on either side, and answers
`offer(baseline_kw, hours)`. What is offered is meant to be kept: any plan of reductions below `reduction_kw` in every step whose energy stays below
`reduction_energy_kwh` in all can be carried out (`forecasting.delivery` simulates that with other code; a test holds the two together).

In the terms of EN 50491-12-2 battery, vehicle and heat pump are stores with a fill level (FRBC), PV has a power envelope (PEBC); which one
a device speaks stands on the device (`fc:controlType`).
"""

from dataclasses import dataclass
from math import exp, sqrt

import numpy as np

from forecasting.window import Array


@dataclass(frozen=True)
class Offer:
    """What can be changed against a baseline.

    Parameters
    ----------
    baseline_kw
        What the device is expected to do without instruction (steps,).
    reduction_kw, increase_kw
        (steps,) ≥ 0. The increase can be kept up over the whole window; the reduction as far as its energy reaches.
    reduction_energy_kwh
        The most energy of all reductions together.
    """

    baseline_kw: Array
    reduction_kw: Array
    increase_kw: Array
    reduction_energy_kwh: float


@dataclass(frozen=True)
class Battery:
    """A battery; consumption positive, so a discharging one has negative power.

    Parameters
    ----------
    efficiency
        Of the round trip, 0 … 1, split evenly between both ways.
    least, low, high
        Shares of the capacity: never below `least`; at the window's start between `low` and `high`.
    """

    rated_kw: float
    capacity_kwh: float
    efficiency: float
    least: float
    low: float
    high: float

    def offer(self, baseline_kw: Array, hours: float) -> Offer:
        """Offer to discharge what is stored above the minimum and not needed by the baseline, or else to charge less.

        A reduction of 1 kWh takes at most 1/√η kWh out of the store, and the baseline leaves some margin above the minimum in every
        step: the smallest of them bounds what can be asked at any time. Charging less in a home whose stored energy covers all of
        its own use takes nothing out.
        """
        one_way = sqrt(self.efficiency)
        margin = max(self._margin(baseline_kw, hours), 0.0)
        stored = max(self.low - self.least, 0.0) * self.capacity_kwh * one_way
        charge, use = (hours * np.maximum(sign * baseline_kw, 0.0).sum() for sign in (1, -1))
        discharge, charge_less = margin * one_way, charge if stored >= use else min(charge, margin / one_way)
        room = np.maximum(baseline_kw + self.rated_kw, 0.0)
        reduction = room if discharge >= charge_less else np.maximum(baseline_kw, 0.0)
        energy = min(max(discharge, charge_less), hours * reduction.sum())
        free = max(1 - self.high, 0.0) * self.capacity_kwh / one_way - charge
        return Offer(baseline_kw, reduction if energy > 0 else 0 * reduction, within(self.rated_kw - baseline_kw, free, hours), energy)

    def _margin(self, baseline_kw: Array, hours: float) -> float:
        """The least energy above the minimum that the baseline leaves at the end of any step [kWh]."""
        one_way = sqrt(self.efficiency)
        change = hours * np.where(baseline_kw > 0, baseline_kw * one_way, baseline_kw / one_way)
        stored, path = self.low * self.capacity_kwh, []
        for each in change.tolist():
            stored = min(stored + each, self.capacity_kwh)
            path.append(stored)
        return float(min(path)) - self.least * self.capacity_kwh


@dataclass(frozen=True)
class Vehicle:
    """A car at its charger; it charges, never discharges.

    Parameters
    ----------
    wanted_low_kwh, wanted_high_kwh
        Energy from the grid that it still wants at the window's start, at least and at most.
    plugged
        Expected share of each step at the charger (steps,), 0 after it has left.
    later_kwh
        Energy that could be charged after the window and before it leaves, beyond what is expected to be.
    """

    rated_kw: float
    wanted_low_kwh: float
    wanted_high_kwh: float
    plugged: Array
    later_kwh: float

    def offer(self, baseline_kw: Array, hours: float) -> Offer:
        """Offer to charge later as much as can be made good before the car leaves, or earlier what it wants anyway."""
        most = np.minimum(np.maximum(baseline_kw, 0.0), self.rated_kw * self.plugged)
        expected = _until(most, self.wanted_high_kwh, hours)
        energy = min(hours * expected.sum(), max(self.later_kwh, 0.0))
        more = self.wanted_low_kwh - hours * expected.sum()
        return Offer(
            expected, expected if energy > 0 else 0 * expected, within(self.rated_kw * self.plugged - expected, more, hours), energy
        )


LEANING_K = 0.25  # a room nearer than this to the middle of its band leans to neither side


@dataclass(frozen=True)
class HeatPump:
    """A heat pump in a zone of one resistance and one capacitance, which it holds at its temperature.

    C dθ/dt = −θ/R ∓ COP·r, where θ is the departure from the temperature that the baseline holds and r the reduction: what the sun and
    the people add is in the baseline already. A room in the upper half of its band is being cooled, whatever the weather: sun and people
    may warm it on a cool evening. One in the lower half is being heated; in the middle, the outdoor temperature decides.

    Parameters
    ----------
    resistance_k_per_kw, capacitance_kwh_per_k
        Of the zone.
    lowest_c, highest_c
        Comfort band: one for the whole window, or, where the members want others at other hours, one a step (steps,).
    cold_c, warm_c
        The zone's temperature at the window's start, at least and at most.
    outdoor_c
        Forecast (steps,).

    References
    ----------
    ISO 13790:2008, the simple hourly method, reduced to one capacitance.
    """

    rated_kw: float
    cop: float
    resistance_k_per_kw: float
    capacitance_kwh_per_k: float
    lowest_c: float | Array
    highest_c: float | Array
    cold_c: float
    warm_c: float
    outdoor_c: Array

    @property
    def heating(self) -> Array:
        """1 where it heats, −1 where it cools (steps,)."""
        middle = self._each((self.lowest_c + self.highest_c) / 2)
        leaning = (self.cold_c + self.warm_c) / 2 - middle[0]
        if abs(leaning) > LEANING_K and not self._left_behind:
            return np.full(len(self.outdoor_c), 1.0 if leaning < 0 else -1.0)
        return np.where(self.outdoor_c < middle, 1.0, -1.0)

    @property
    def _uncertain(self) -> bool:
        """Whether the room's place in its band speaks against the weather, and the band moves: then nobody knows which edge comes first."""
        by_weather = np.where(self.outdoor_c < self._each((self.lowest_c + self.highest_c) / 2), 1.0, -1.0)
        return np.ndim(self.lowest_c) > 0 and bool((self.heating != by_weather).any())

    @property
    def _left_behind(self) -> bool:
        """Whether the room is outside a band that has just moved, so that its place in it says nothing of heating or cooling."""
        return np.ndim(self.lowest_c) > 0 and not (
            self._each(self.lowest_c)[0] <= self.cold_c and self.warm_c <= self._each(self.highest_c)[0]
        )

    def offer(self, baseline_kw: Array, hours: float) -> Offer:
        """Offer to switch off as long as the zone stays in its band, or to store heat (or cold) up to the band's other edge.

        If switching off for the whole window keeps comfort, all of the baseline is offered; if not, what the headroom holds
        without counting on losses, so that it does not matter when in the window it is asked for. Where another band begins within the
        window, what is taken before it is still missing in it; so nothing may be offered before, if that leaves more for afterwards.
        """
        expected = np.clip(baseline_kw, 0.0, self.rated_kw)
        below, above = np.maximum(self.cold_c - self._each(self.lowest_c), 0.0), np.maximum(self._each(self.highest_c) - self.warm_c, 0.0)
        if self._uncertain:
            below = above = np.minimum(below, above)
        offered, energy = 0 * expected, -1.0
        for first in self._beginnings(below, above):
            later = np.where(np.arange(len(expected)) >= first, expected, 0.0)
            within_comfort = self._energy(later, first, below, above, hours)
            if within_comfort > energy:
                offered, energy = later, within_comfort
        opposite = self._headroom(np.ones_like(expected), above, below)
        return Offer(
            expected,
            offered if energy > 0 else 0 * expected,
            within(self.rated_kw - expected, self._stored(opposite), hours),
            energy,
        )

    def _each(self, limit: float | Array) -> Array:
        """A limit at each step (steps,)."""
        return np.broadcast_to(limit, self.outdoor_c.shape)

    @staticmethod
    def _beginnings(below: Array, above: Array) -> list[int]:
        """Steps from which it may pay to begin: the first, and those at which a margin changes."""
        return [0, *(np.flatnonzero((np.diff(below) != 0) | (np.diff(above) != 0)) + 1).tolist()]

    def _energy(self, expected: Array, first: int, below: Array, above: Array, hours: float) -> float:
        """The most energy of all reductions from a step on [kWh]."""
        cools_by, warms_by = (self.departure(np.where(self.heating == sign, expected, 0.0), hours) for sign in (1.0, -1.0))
        everything = float(hours * expected.sum())
        if (-cools_by <= below).all() and (warms_by <= above).all():
            return everything
        return min(everything, self._stored(self._headroom(expected[first:], below[first:], above[first:], first)))

    def departure(self, reduction_kw: Array, hours: float) -> Array:
        """How far the zone departs from its held temperature at the end of each step [K], colder negative."""
        decay = exp(-hours / (self.resistance_k_per_kw * self.capacitance_kwh_per_k))
        kelvin = -self.heating * self.cop * reduction_kw * self.resistance_k_per_kw * (1 - decay)
        departed, path = 0.0, []
        for push in kelvin.tolist():
            departed = departed * decay + push
            path.append(departed)
        return np.array(path)

    def _stored(self, kelvin: float) -> float:
        """Electric energy that moves the zone by so much [kWh]."""
        return self.capacitance_kwh_per_k * kelvin / self.cop

    def _headroom(self, power_kw: Array, heating_k: Array, cooling_k: Array, first: int = 0) -> float:
        """The smallest of the margins that the signs in use can run into, from a step on [K]."""
        used = {sign for sign, power in zip(self.heating[first:].tolist(), power_kw.tolist(), strict=True) if power > 0}
        margins = ((1.0, heating_k), (-1.0, cooling_k))
        return min([float(margin.min()) for sign, margin in margins if sign in used], default=0.0)


@dataclass(frozen=True)
class Photovoltaic:
    """A PV system, production positive: it can only be curtailed, which raises what the grid has to bring.

    Parameters
    ----------
    sure_kw
        What it produces at least, by the forecast's p10 (steps,).
    """

    sure_kw: Array

    def offer(self, baseline_kw: Array, hours: float) -> Offer:  # noqa: ARG002 - every device answers the same question
        """Offer to curtail what is produced with nine chances in ten."""
        expected = np.maximum(baseline_kw, 0.0)
        return Offer(expected, 0 * expected, np.clip(self.sure_kw, 0.0, expected), 0.0)


Device = Battery | Vehicle | HeatPump | Photovoltaic


def within(power_kw: Array, energy_kwh: float, hours: float) -> Array:
    """Scale power down so that it can be kept up over all steps within an energy.

    Examples
    --------
    >>> within(np.array([2.0, 2.0]), 1.0, 0.5).tolist()
    [1.0, 1.0]
    """
    positive = np.maximum(power_kw, 0.0)
    whole = hours * positive.sum()
    return positive * min(max(energy_kwh, 0.0) / whole, 1.0) if whole > 0 else positive


def _until(power_kw: Array, energy_kwh: float, hours: float) -> Array:
    """Cut power off where its sum reaches an energy."""
    before = hours * (np.cumsum(power_kw) - power_kw)
    return np.clip((energy_kwh - before) / hours, 0.0, power_kw)
