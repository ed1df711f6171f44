"""What stands behind a box: something with channels that steps from quarter-hour to quarter-hour."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from devices.channels import Channel
from mappers.comfort import Profile

State = dict[str, Any]  # JSON-able; each model knows its own


@dataclass(frozen=True, slots=True)
class Readings:
    """The values of one quarter-hour, in the order of the channels, and which devices went beyond their limit and why."""

    values: tuple[float, ...]
    beyond_limit: Mapping[str, str] = field(default_factory=dict)


class Model(Protocol):
    """A home, or a feed, as its box sees it."""

    @property
    def channels(self) -> tuple[Channel, ...]:
        """What it measures."""
        ...

    @property
    def controllable(self) -> frozenset[str]:
        """Paths of the devices that obey a power limit: `device/h01-battery`."""
        ...

    def step(self, start: datetime, limits: Mapping[str, float]) -> Readings:
        """Advance by the quarter-hour that begins at `start`; `limits` maps a device's path to its most consumption [kW]."""
        ...

    def want(self, profiles: Sequence[Profile]) -> None:
        """Keep the rooms as the members want them from now on; what was wanted before counts no more."""
        ...

    def save(self) -> State:
        """The state, for JSON; what is wanted is kept elsewhere."""
        ...

    def restore(self, state: State) -> None:
        """Take up a saved state."""
        ...
