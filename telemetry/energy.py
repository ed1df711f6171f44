"""Energy of windows and intervals [kWh], from power, from energies of intervals and from counters."""

from dataclasses import dataclass
from datetime import timedelta

import numpy as np

from ontology.names import UNIT
from telemetry import counters, units
from telemetry.channels import Channel
from telemetry.counters import Counter
from telemetry.errors import TelemetryError
from telemetry.resampling import Floats


@dataclass(frozen=True)
class Energy:
    """Energy over a window, with what it rests on.

    Parameters
    ----------
    kwh
        Sum over what is known [kWh], in the sign of the channel; 0 where nothing is: look at `count` and `over_gaps`.
    count, expected
        Intervals whose own energy is known, and that a window without gaps would have.
    flagged
        Slots of the window with any quality flag.
    over_gaps, over_gaps_kwh
        Of a counter: intervals in gaps of which only the energy of the whole gap is known, and that energy, which is part of `kwh`.
    resets
        Of a counter: how often it began again at zero. What came since is in `kwh`; what came before, within that interval, is missing.
    """

    kwh: float
    count: int
    expected: int
    flagged: int
    over_gaps: int = 0
    over_gaps_kwh: float = 0.0
    resets: int = 0

    @property
    def complete(self) -> bool:
        """Whether the energy of the whole window is known."""
        return self.count + self.over_gaps == self.expected


def counter(channel: Channel) -> Counter:
    """What a channel states of its counter."""
    return Counter(channel.rolls_over_at, channel.maximum_change)


def kwh_per_value(channel: Channel, step: timedelta | None = None) -> float:
    """Energy that a reading of 1 in the channel's unit stands for over a step, the channel's own where absent [kWh].

    Raises
    ------
    TelemetryError
        If the unit is neither one of power nor one of energy.
    """
    hours = (step or channel.step) / timedelta(hours=1)
    for unit, factor in ((UNIT.KiloW, hours), (UNIT["KiloW-HR"], 1.0)):
        convert = units.factor(channel.unit, str(unit))
        if convert is not None:
            return convert * factor
    raise TelemetryError(f"{channel.iri} is in {channel.unit}, neither a power nor an energy, so it has no sum in kWh; ask for frame()")


def of_values(channel: Channel, values: Floats, flagged: int) -> Energy:
    """Energy of a window from power, or from the energies of its intervals."""
    present = values[~np.isnan(values)]
    return Energy(float(present.sum()) * kwh_per_value(channel), len(present), len(values), flagged)


def of_register(channel: Channel, register: Floats, flagged: int) -> Energy:
    """Energy of a window from a counter's readings, the last of which ends the window."""
    found = counters.stretches(register, counter(channel))
    known = ~np.isnan(found.energy)
    whole = known & ~found.partial
    over_gap = whole & (found.slots > 1)
    factor = kwh_per_value(channel)
    return Energy(
        kwh=_sum(found.energy[known]) * factor,
        count=int((whole & (found.slots == 1)).sum()),
        expected=max(0, len(register) - 1),
        flagged=flagged,
        over_gaps=int(found.slots[over_gap].sum()),
        over_gaps_kwh=_sum(found.energy[over_gap]) * factor,
        resets=int(found.partial.sum()),
    )


def _sum(energies: Floats) -> float:
    """Exact to the counter's own decimals."""
    return round(float(energies.sum()), 9)
