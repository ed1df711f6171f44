"""From the readings of a counter to the energy of intervals: rollover, reset, meter swap and gaps.

A register's reading stands at the beginning of its interval, so the energy of an interval is the next reading minus this one. Where
the next reading is missing, the difference to the one after the gap is the energy of the whole gap, but not of its slots.

| from one reading to the next | is taken for | energy of the stretch |
|---|---|---|
| not lower, no more than can have passed | ordinary | the difference |
| lower, and through `rollsOverAt` no more than can have passed | rollover | the difference through `rollsOverAt` |
| lower, and the new reading no more than can have passed | reset | the new reading: what came before the reset is not known |
| anything else | meter swap | not known |

What can have passed is `maximumChange` for each slot of the stretch. Where a channel states none, a rollover is believed up to half the
counter's range, a reset up to half the reading before (a counter that slips back by its last digit has not counted all of it anew), and
many a swap can't be told from a reset: so boxes should state it.
"""

from dataclasses import dataclass
from enum import Enum

import numpy as np
from numpy.typing import NDArray

from telemetry.resampling import Floats

_PLACES = 9  # differences are exact to a µWh: registers have 3 or 4 decimals, floats 15 digits
Ints = NDArray[np.int64]


class Passage(Enum):
    """What happened between two readings of a counter."""

    ORDINARY = "ordinary"
    ROLLOVER = "rollover"
    RESET = "reset"
    SWAP = "swap"


@dataclass(frozen=True)
class Counter:
    """What a channel states of its counter, in the channel's unit; `None` where it states nothing."""

    rolls_over_at: float | None = None
    maximum_change: float | None = None

    def passage(self, before: float, after: float, slots: int = 1) -> Passage:
        """Tell what happened between two readings that lie `slots` intervals apart."""
        most = np.inf if self.maximum_change is None else self.maximum_change * slots * (1 + 1e-9)
        if after >= before:
            return Passage.ORDINARY if after - before <= most else Passage.SWAP
        if self.rolls_over_at is not None and before <= self.rolls_over_at:
            through = after + self.rolls_over_at - before
            if through <= (most if self.maximum_change is not None else self.rolls_over_at / 2):
                return Passage.ROLLOVER
        believed = most if self.maximum_change is not None else before / 2
        return Passage.RESET if 0 <= after <= believed else Passage.SWAP


@dataclass(frozen=True)
class Stretches:
    """Energy between each reading that exists and the next that exists.

    Parameters
    ----------
    first
        Slot in which the stretch begins.
    slots
        How many intervals it covers; more than 1 over a gap.
    energy
        In the register's unit; NaN where it isn't known.
    partial
        Whether the counter was reset within, so that `energy` is only what came since.
    """

    first: Ints
    slots: Ints
    energy: Floats
    partial: NDArray[np.bool_]


def stretches(register: Floats, counter: Counter) -> Stretches:
    """Take the readings of one counter apart.

    Parameters
    ----------
    register
        One reading a slot, NaN where missing; the last one ends the last interval.
    """
    at = np.flatnonzero(~np.isnan(register))
    values = register[at]
    slots = np.diff(at)
    energy = np.round(np.diff(values), _PLACES)
    partial = np.zeros(len(energy), dtype=np.bool_)
    most = np.inf if counter.maximum_change is None else counter.maximum_change * (1 + 1e-9)
    for n in np.flatnonzero((energy < 0) | (energy > most * slots)):
        match counter.passage(values[n], values[n + 1], int(slots[n])):
            case Passage.ROLLOVER:
                energy[n] = round(values[n + 1] + (counter.rolls_over_at or 0.0) - values[n], _PLACES)
            case Passage.RESET:
                energy[n], partial[n] = values[n + 1], True
            case Passage.SWAP:
                energy[n] = np.nan
    return Stretches(at[:-1], slots, energy, partial)


def intervals(register: Floats, counter: Counter, count: int = 1) -> Floats:
    """Energy of each interval of `count` slots, in the register's unit.

    NaN where a boundary has no reading, and where the counter was reset or swapped within: nothing is spread over a gap.

    Parameters
    ----------
    register
        One reading a slot, NaN where missing; the last one ends the last interval.

    Examples
    --------
    >>> intervals(np.array([10.0, 10.5, np.nan, 12.0, 13.0]), Counter()).tolist()
    [0.5, nan, nan, 1.0]
    >>> intervals(np.array([10.0, 10.5, np.nan, 12.0, 13.0]), Counter(), 2).tolist()
    [nan, nan]
    """
    found = stretches(register, counter)
    unknown = np.isnan(found.energy) | found.partial
    since, doubts = np.full(len(register), np.nan), np.zeros(len(register))
    at = np.flatnonzero(~np.isnan(register))
    if len(at):
        since[at] = np.concatenate([[0.0], np.cumsum(np.where(unknown, 0.0, found.energy))])
        doubts[at] = np.concatenate([[0.0], np.cumsum(unknown)])
    energy: Floats = np.asarray(np.round(np.diff(since[::count]), _PLACES), dtype=np.float64)
    energy[np.diff(doubts[::count]) > 0] = np.nan
    return energy
