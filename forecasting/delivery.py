"""Try a plan of reductions on a device: the simulation that keeps `forecasting.ders` honest and shares no code with it."""

import numpy as np

from forecasting.ders import Battery, Device, HeatPump, Photovoltaic, Vehicle
from forecasting.window import Array

TOLERANCE = 1e-6


def violations(device: Device, baseline_kw: Array, plan_kw: Array, hours: float) -> list[str]:
    """Simulate a device that follows a plan, step by step, from its most cautious state.

    Parameters
    ----------
    baseline_kw
        What it would do otherwise (steps,), as in its offer.
    plan_kw
        By how much its load is to be lower (steps,) ≥ 0.

    Returns
    -------
    list of str
        What it can't do or what comfort forbids, a sentence each; empty if the plan is deliverable.
    """
    if (plan_kw < -TOLERANCE).any():
        return [f"the plan raises the load by {-plan_kw.min():.3f} kW, but it is a plan of reductions; use zero or more"]
    match device:
        case Battery():
            return _battery(device, baseline_kw - plan_kw, hours)
        case Vehicle():
            return _vehicle(device, baseline_kw, plan_kw, hours)
        case HeatPump():
            return _heat_pump(device, baseline_kw, plan_kw, hours)
        case Photovoltaic():
            return ["a PV system can't lower the load below its forecast; ask another device"] if plan_kw.any() else []


def _battery(battery: Battery, power_kw: Array, hours: float) -> list[str]:
    found = []
    energy = battery.low * battery.capacity_kwh
    lossy = battery.efficiency**0.5
    for at, power in enumerate(power_kw.tolist()):
        if power < -battery.rated_kw - TOLERANCE:
            found.append(f"step {at}: {-power:.3f} kW of discharge is above the rated {battery.rated_kw} kW; ask for less")
        energy += power * hours * lossy if power > 0 else power * hours / lossy
        if energy < battery.least * battery.capacity_kwh - TOLERANCE:
            found.append(f"step {at}: {energy:.3f} kWh stored is below the minimum of {battery.least:.0%}; ask for less or earlier")
        energy = min(energy, battery.capacity_kwh)
    return found


def _vehicle(vehicle: Vehicle, baseline_kw: Array, plan_kw: Array, hours: float) -> list[str]:
    over = float((plan_kw - baseline_kw).max())
    found = [f"{over:.3f} kW more than the car charges is asked for; a car at this charger can't discharge"] if over > TOLERANCE else []
    missing = float(plan_kw.sum()) * hours - vehicle.later_kwh
    if missing > TOLERANCE:
        found.append(f"{missing:.3f} kWh could not be charged any more before the car leaves; ask for less")
    return found


def _heat_pump(pump: HeatPump, baseline_kw: Array, plan_kw: Array, hours: float) -> list[str]:
    over = float((plan_kw - baseline_kw).max())
    found = [f"{over:.3f} kW more than the heat pump takes is asked for; it can only be off"] if over > TOLERANCE else []
    bands = np.ndim(pump.lowest_c) > 0
    lows, highs = (np.broadcast_to(limit, plan_kw.shape).tolist() for limit in (pump.lowest_c, pump.highest_c))
    for begin in (pump.cold_c, pump.warm_c):
        room = begin
        for at, (lowest, highest) in enumerate(zip(lows, highs, strict=True)):
            sign = 1 if pump.outdoor_c[at] < (lowest + highest) / 2 else -1
            # sun and people, from the fact that the baseline holds the temperature
            gains = (begin - pump.outdoor_c[at]) / pump.resistance_k_per_kw - sign * pump.cop * baseline_kw[at]
            heat = sign * pump.cop * (baseline_kw[at] - plan_kw[at])
            room = _after(pump, room, pump.outdoor_c[at], heat + gains, hours)
            # a room that another band leaves outside was so before the plan, which must not take it further
            coldest, warmest = (min(lowest, begin), max(highest, begin)) if bands else (lowest, highest)
            if room < coldest - TOLERANCE or room > warmest + TOLERANCE:
                found.append(f"step {at}: the room would reach {room:.2f} °C, outside {lowest} to {highest} °C; ask for less")
    return found


def _after(pump: HeatPump, room_c: float, outdoor_c: float, heat_kw: float, hours: float) -> float:
    """Integrate C dT/dt = (T_out − T)/R + heat in small explicit steps."""
    parts = 64
    for _ in range(parts):
        flow = (outdoor_c - room_c) / pump.resistance_k_per_kw + heat_kw
        room_c += flow * hours / parts / pump.capacitance_kwh_per_k
    return float(np.float64(room_c))
