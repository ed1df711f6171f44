"""From a channel's step to a longer one, by the rule of the channel's kind.

| rule | kinds | an interval is |
|---|---|---|
| mean | power, price, temperature, irradiance, voltage … | the mean of its parts |
| sum | energy of an interval | the sum of its parts |
| last | state of charge, set-points | the last of its parts |
| first | counters, read at the beginning | the first of its parts |

An interval of which a part is missing is missing; for `last` and `first` only that one part counts.
"""

from datetime import timedelta
from enum import Enum

import numpy as np
from numpy.typing import NDArray

from ontology.names import FCV, UNIT
from telemetry.channels import Channel
from telemetry.errors import TelemetryError

Floats = NDArray[np.float64]
_ENERGIES = frozenset({str(UNIT["KiloW-HR"]), str(UNIT["W-HR"]), str(UNIT["MegaW-HR"])})


class Rule(Enum):
    """How the parts of an interval make the whole."""

    MEAN = str(FCV.MeanOfParts)
    SUM = str(FCV.SumOfParts)
    LAST = str(FCV.LastOfParts)
    FIRST = str(FCV.FirstOfParts)


def rule(channel: Channel) -> Rule:
    """The rule of a channel: what the ontology states of its kind, else what its unit tells."""
    if channel.resampling is not None:
        return Rule(channel.resampling)
    return Rule.SUM if channel.unit in _ENERGIES else Rule.MEAN


def parts(native: timedelta, wanted: timedelta, whose: str) -> int:
    """How many intervals of one step make one of the other.

    Raises
    ------
    TelemetryError
        If they don't.
    """
    if wanted < native or wanted % native:
        raise TelemetryError(
            f"{wanted} is not a multiple of {native}, the step of {whose}, so its readings can't be resampled; ask for a multiple"
        )
    return wanted // native


def resample(values: Floats, count: int, how: Rule) -> Floats:
    """Make intervals of `count` parts each; the last one is missing where its parts don't all lie in the array.

    Parameters
    ----------
    values
        One row a channel, one column a step; NaN where missing.
    """
    if count == 1:
        return values
    lacking = -values.shape[-1] % count
    padded = np.pad(values, ((0, 0), (0, lacking)), constant_values=np.nan).reshape(len(values), -1, count)
    match how:
        case Rule.LAST:
            return padded[:, :, -1]
        case Rule.FIRST:
            return padded[:, :, 0]
        case Rule.SUM:
            return np.asarray(padded.sum(axis=2))
    first = padded[:, :, :1]
    return np.asarray(first[:, :, 0] + (padded - first).mean(axis=2))  # of equal parts exactly the part


def expand(values: Floats, count: int, how: Rule) -> Floats:
    """Lay intervals out as `count` parts each, such that resampling gives them back: the inverse of `resample` for one row.

    The parts of a mean or sum are not readings: whoever shows them at their own step must take them away again.
    """
    if how is Rule.MEAN:
        return np.repeat(values, count)
    if how is Rule.SUM:
        return np.repeat(values / count, count)
    laid = np.full(len(values) * count, np.nan)
    laid[count - 1 if how is Rule.LAST else 0 :: count] = values
    return laid
