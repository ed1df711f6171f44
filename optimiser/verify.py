"""Hold a selection against its problem, without a line of the model's code: loops over plain numbers."""

import math
from collections.abc import Iterator

from optimiser.selection import Problem, Selection

TOLERANCE_KW = 1e-6
ROUNDING_KW = 1e-4  # powers are cut to tenths of a watt, one device at a time
SMALLEST_SHORTFALL_KW = 0.01


def violations(problem: Problem, selection: Selection) -> list[str]:
    """List what is wrong with a selection, one sentence each; empty if every rule holds.

    Checked are physics (power and energy of each device, headroom of each connection), contracts (capacity, one unbroken activation,
    its duration, allowed slots), and honesty (target = promised + shortfall, the stated cost).
    """
    return [*_devices(problem, selection), *_sites(problem, selection), *_totals(problem, selection)]


def _devices(problem: Problem, selection: Selection) -> Iterator[str]:
    for device, site in enumerate(int(one) for one in problem.site):
        energy = 0.0
        for slot in range(len(problem.target_kw)):
            kw, able = float(selection.kw[device, slot]), float(problem.reduction_kw[device, slot])
            energy += kw * problem.step_hours
            if not 0 <= kw <= able + TOLERANCE_KW:
                yield f"device {device} is to reduce {kw} kW in slot {slot}, but can do 0 to {able} kW"
            if kw > 0 and not bool(selection.on[site, slot]):
                yield f"device {device} is to reduce {kw} kW in slot {slot}, in which site {site} isn't activated"
        if energy > float(problem.energy_kwh[device]) + TOLERANCE_KW:
            yield f"device {device} is to reduce {energy} kWh in all, but can do {float(problem.energy_kwh[device])} kWh"


def _sites(problem: Problem, selection: Selection) -> Iterator[str]:
    devices: dict[int, list[int]] = {}
    for device, site in enumerate(int(one) for one in problem.site):
        devices.setdefault(site, []).append(device)
    for site in range(len(problem.capacity_kw)):
        active = [slot for slot in range(len(problem.target_kw)) if bool(selection.on[site, slot])]
        if not active:
            continue
        if active[-1] - active[0] + 1 != len(active):
            yield f"site {site} is activated in slots {active}, which have a gap"
        if not int(problem.min_slots[site]) <= len(active) <= int(problem.max_slots[site]):
            yield f"site {site} is activated for {len(active)} slots, but its contract allows {problem.min_slots[site]} to {problem.max_slots[site]}"
        for slot in active:
            total = math.fsum(float(selection.kw[device, slot]) for device in devices.get(site, []))
            if not bool(problem.allowed[site, slot]):
                yield f"site {site} is activated in slot {slot}, which its contract doesn't allow"
            if total > float(problem.capacity_kw[site]) + TOLERANCE_KW:
                yield f"site {site} is to reduce {total} kW in slot {slot}, but its contract allows {float(problem.capacity_kw[site])} kW"
            if total > max(float(problem.headroom_kw[site, slot]), 0.0) + TOLERANCE_KW:
                yield f"site {site} is to reduce {total} kW in slot {slot}, but its connection takes {float(problem.headroom_kw[site, slot])} kW"


def _totals(problem: Problem, selection: Selection) -> Iterator[str]:
    cost, devices = 0.0, len(problem.site)
    for slot, target in enumerate(float(one) for one in problem.target_kw):
        promised = math.fsum(float(selection.kw[device, slot]) for device in range(devices))
        short = float(selection.shortfall_kw[slot])
        if promised > target + TOLERANCE_KW:
            yield f"slot {slot} promises {promised} kW, but only {target} kW is asked for"
        if abs(promised + short - target) > SMALLEST_SHORTFALL_KW + devices * ROUNDING_KW:
            yield f"slot {slot}: {promised} kW promised and {short} kW missing don't make {target} kW"
    for device, site in enumerate(int(one) for one in problem.site):
        cost += math.fsum(float(kw) for kw in selection.kw[device]) * problem.step_hours * float(problem.price_eur_per_kwh[site])
    if abs(cost - selection.cost_eur) > 1e-6 * max(cost, 1.0):
        yield f"the selection states a cost of {selection.cost_eur} EUR, but it is {cost} EUR"
