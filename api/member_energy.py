"""A home's energy by intervals: taken from the grid, fed in, produced, used. What is missing stays missing.

Signs as in docs/data-model.md: power at the grid connection is import positive, of the sun production positive; means over quarter-hours.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from api.charts import visible_channel
from api.member_devices import devices
from api.quarter_hours import STEP, quarter_hours
from api.services import services
from ontology.names import FCV
from telemetry.channels import Channel

HOURS = 0.25
_LEAST_KWH = 0.01
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Energy:
    """Energies of one interval [kWh], and money [EUR]; `None` where nothing of it is known.

    Attributes
    ----------
    imported, exported : taken from the grid, fed into it
    produced : by the sun
    consumed : by the home, its battery included: what that takes counts, what it gives back is taken off
    cost : of what was imported, at the tariff of its hours
    own : of its sun, what the home did not feed in
    self_consumption : share of its own sun that the home used itself [%]
    self_sufficiency : share of what the home used that did not come from the grid [%]
    metered, sunny : quarter-hours of which the grid connection, and the sun, is known
    known, expected : quarter-hours of which everything is known, and all of them
    solar : whether the home has any
    """

    begin: datetime
    end: datetime
    imported: float | None
    exported: float | None
    produced: float | None
    consumed: float | None
    cost: float | None
    own: float | None
    self_consumption: float | None
    self_sufficiency: float | None
    metered: int
    sunny: int
    known: int
    expected: int
    solar: bool

    @property
    def complete(self) -> bool:
        """Whether nothing is missing."""
        return self.known == self.expected


@dataclass(frozen=True)
class Measured:
    """The channels of a home that its energy is added up from.

    Attributes
    ----------
    meter, tariff : `None` where nobody described one, whoever asks may not see it, or it is not clear which
    suns : of its solar roofs; empty where it has none
    """

    meter: Channel | None
    suns: tuple[Channel, ...]
    tariff: Channel | None

    def energies(self, edges: Sequence[datetime]) -> list[Energy]:
        """Read the energy between each two of the given instants, in order of time.

        Parameters
        ----------
        edges
            Rising; a quarter-hour belongs to where it begins.
        """
        wanted = [channel for channel in (self.meter, *self.suns, self.tariff) if channel is not None]
        rows = dict(zip(wanted, quarter_hours().values(wanted, edges[0], edges[-1]), strict=True))
        net = np.full(-(-(edges[-1] - edges[0]) // STEP), np.nan) if self.meter is None else rows[self.meter]
        sun = sum((rows[channel] for channel in self.suns[1:]), rows[self.suns[0]]) if self.suns else None
        return list(parts(edges, net, sun, None if self.tariff is None else rows[self.tariff]))


def measured(key: str) -> Measured:
    """Find the channels of a member's home; whoever asks must be allowed to see it, which the pages' rules take care of."""
    meter = _visible(services().iris.id("connection", f"{key}#activePower"))
    suns = [_visible(each.channel) for each in devices(key) if each.kind == "sun"]
    return Measured(meter, tuple(each for each in suns if each is not None), _tariff())


def parts(edges: Sequence[datetime], net: Floats, sun: Floats | None, price: Floats | None) -> Iterable[Energy]:
    """Cut quarter-hours from `edges[0]` on into intervals.

    Parameters
    ----------
    net, sun
        Mean power [kW]; NaN where missing. `None`: there is no such device.
    price
        EUR/kWh.
    """
    cuts = [-(-(edge - edges[0]) // STEP) for edge in edges]
    for (begin, end), (first, last) in zip(pairwise(edges), pairwise(cuts), strict=True):
        part = slice(first, last)
        yield _energy(begin, end, net[part], None if sun is None else sun[part], None if price is None else price[part])


def _energy(begin: datetime, end: datetime, net: Floats, sun: Floats | None, price: Floats | None) -> Energy:
    used = net if sun is None else net + sun
    taken, fed = net.clip(min=0.0), (-net).clip(min=0.0)
    both = ~np.isnan(used)  # shares are of the quarter-hours of which both sides are known
    own = None if sun is None or not both.any() else max(0.0, float((sun - fed)[both].sum()) * HOURS)
    return Energy(
        begin=begin,
        end=end,
        imported=_kwh(taken),
        exported=_kwh(fed),
        produced=None if sun is None else _kwh(sun),
        consumed=_kwh(used),
        cost=None if price is None else _kwh(taken * price),
        own=own,
        self_consumption=_share(own, None if sun is None else _kwh(sun[both])),
        self_sufficiency=_sufficiency(_kwh(used[both]), _kwh(taken[both])),
        metered=int(np.count_nonzero(~np.isnan(net))),
        sunny=0 if sun is None else int(np.count_nonzero(~np.isnan(sun))),
        known=int(np.count_nonzero(both)),
        expected=len(net),
        solar=sun is not None,
    )


def _kwh(power: Floats) -> float | None:
    there = power[~np.isnan(power)]
    return float(there.sum()) * HOURS + 0.0 if len(there) else None


def _share(part: float | None, whole: float | None) -> float | None:
    return None if part is None or whole is None or whole < _LEAST_KWH else min(100.0, part / whole * 100)


def _sufficiency(used: float | None, taken: float | None) -> float | None:
    return None if used is None or taken is None else _share(max(0.0, used - taken), used)


def _visible(channel: str) -> Channel | None:
    return services().channels.get(channel) if visible_channel(channel) else None


def _tariff() -> Channel | None:
    """The channel of the price that households pay, if it is clear which one."""
    found = services().channels.of_kind(str(FCV.EnergyPrice))
    return _visible(found[0].iri) if len(found) == 1 else None
