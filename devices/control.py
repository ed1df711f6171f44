"""What a box tells its devices: a power limit as the set-point that each of them understands, held, watched and taken back.

| the device has | limit below its rated power | limit at or above it |
|---|---|---|
| `powerLimit` | the limit [kW] | the limit [kW] |
| `sgReady` | 1, blocked | 2, normal |
| `switch` | 0, off | as it was without a limit |
| `temperature` | the lower end of the comfort band | as it was without a limit |

A switch, SG-Ready or a thermostat can't hold a part of the power, so only off is sure to keep a limit below the rated power.
"""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal

from mappers.points import Command, Profile
from ontology.names import FCV

log = logging.getLogger(__name__)

CHOSEN_BY_MEMBERS = ("switch", "temperature")
ORDER = ("powerLimit", "sgReady", "switch", "temperature")
SG_BLOCKED, SG_NORMAL = Decimal(1), Decimal(2)
SG_LONGEST_BLOCK = timedelta(hours=2)  # what the SG-Ready label allows at a time
WRITE_AGAIN_S = 30.0
LONGEST_UNKNOWN_S = 900.0  # a house cools slowly, but nobody is made cold by a broken sensor
NEAR = Decimal("0.001")  # of the set-point: devices round

Latest = Mapping[tuple[str, str], tuple[float, Decimal]]  # (device, point) → when [s, monotonic], and the value in the point's unit


@dataclass(frozen=True)
class SetPoint:
    """A command and its value, in the command's unit."""

    command: str
    value: Decimal

    def same(self, other: Decimal) -> bool:
        """Whether a device that says this holds the set-point, but for its rounding."""
        return abs(self.value - other) <= max(NEAR, abs(self.value) * NEAR)


@dataclass(frozen=True)
class Comfort:
    """The band that the members want [°C], and the point of which device says whether it is kept."""

    minimum: Decimal
    maximum: Decimal
    device: str
    point: str


def steered(profile: Profile) -> Command | None:
    """The command by which a device keeps a power limit; `None` if it can't."""
    named = {command.name: command for command in profile.commands}
    return next((named[name] for name in ORDER if name in named), None)


def set_point(command: Command, limit_kw: Decimal, rated_kw: Decimal | None, comfort: Comfort | None) -> SetPoint | None:
    """The set-point that keeps a limit; `None` where nothing needs to be held."""
    if command.name == "powerLimit":
        return SetPoint(command.name, command.limited(limit_kw))
    if rated_kw is not None and limit_kw >= rated_kw:
        return SetPoint(command.name, SG_NORMAL) if command.name == "sgReady" else None
    if command.name == "sgReady":
        return SetPoint(command.name, SG_BLOCKED)
    if command.name == "switch":
        return SetPoint(command.name, Decimal(0))
    return SetPoint(command.name, command.limited(comfort.minimum)) if comfort else None


def objection(command: Command, limits_kw: tuple[float, ...], step: timedelta, comfort: Comfort | None) -> str | None:
    """Why a device can't follow limits at all, or `None`."""
    least = min(limits_kw)
    if command.name == "powerLimit" and Decimal(str(least)) < command.minimum:
        return f"the device can't be told to stay below {command.minimum} kW, and the limit is {least} kW"
    if command.name != "powerLimit" and least < 0:
        return f"the device can only be switched off, which is 0 kW, and the limit is {least} kW"
    if command.name == "temperature" and comfort is None:
        return "the device is steered by its set temperature, and the box knows no comfort band for it"
    if command.name == "sgReady" and len(limits_kw) * step > SG_LONGEST_BLOCK:
        return f"SG-Ready may block a heat pump for {SG_LONGEST_BLOCK} at a time, and the instruction lasts {len(limits_kw) * step}"
    return None


@dataclass
class Control:
    """One steered device: what it is to hold, what was written, and what it was found to hold.

    Parameters
    ----------
    write, watch
        Have the device's thread write a set-point, and read one back at each poll (`None`: none).
    alarm
        Says what happened as a flag: reason (IRI) and sentence.
    """

    name: str
    command: Command
    rated_kw: Decimal | None
    comfort: Comfort | None
    write: Callable[[str, Decimal], None]
    watch: Callable[[str | None], None]
    alarm: Callable[[str, str], None]
    wanted: SetPoint | None = None
    confirmed: bool = False
    trouble: str = ""  # why the set-point wasn't kept since `trouble_so_far` was asked
    holds_ours: bool = False  # something of ours was written and not taken back yet
    before: Decimal | None = None  # what the device held before that
    _written_s: float = float("-inf")

    @property
    def rest(self) -> SetPoint:
        """What the device holds when nothing is asked of it: no limit, or the state that the members had chosen."""
        chosen = self.before if self.command.name in CHOSEN_BY_MEMBERS else None
        return SetPoint(self.command.name, self.command.restore if chosen is None else chosen)

    def hold(self, limit_kw: Decimal | None, now_s: float) -> None:
        """Have the device keep a limit, or (`None`) go back to rest; cheap when nothing changes."""
        wanted = None if limit_kw is None else set_point(self.command, limit_kw, self.rated_kw, self.comfort)
        if wanted != self.wanted:
            self.wanted, self.confirmed = wanted, False
            self._written_s = float("-inf")
            self.watch(self.command.name if wanted else None)
        if wanted is None and not self.holds_ours:
            self.confirmed = True
            return
        if not self.confirmed and now_s - self._written_s >= WRITE_AGAIN_S:
            self._written_s = now_s
            target = wanted or self.rest
            self.write(target.command, target.value)

    def written(self, value: Decimal, before: Decimal | None, error: str | None) -> None:
        """Take in what became of a write, and what the device held before."""
        if not self.holds_ours:
            self.holds_ours, self.before = True, before
        target = self.wanted or self.rest
        if value != target.value:
            return  # of an earlier wish
        if error:
            if error != self.trouble:
                log.error("%s: %s could not be set to %s: %s; trying again", self.name, target.command, value, error)
            self.trouble = error
            return
        self.confirmed = True
        self.holds_ours = self.wanted is not None
        self.before = self.before if self.holds_ours else None

    def trouble_so_far(self) -> str:
        """Why the set-point wasn't kept since this was last asked; empty when it was."""
        trouble = self.trouble
        if self.confirmed:
            self.trouble = ""
        return trouble

    def found(self, value: Decimal | None, now_s: float) -> None:
        """Take in what the device holds now; a foreign value is an alarm, and ours is written again."""
        if self.wanted is None or not self.confirmed or value is None or self.wanted.same(value):
            return
        sentence = (
            f"{self.command.name} was {self.wanted.value} and something else set it to {value}; the box wrote {self.wanted.value} again"
        )
        log.error("%s: %s", self.name, sentence)
        self.trouble, self.confirmed = sentence, False
        self._written_s = now_s
        self.alarm(str(FCV.SetpointOverridden), sentence)
        self.write(self.wanted.command, self.wanted.value)


def uncomfortable(comfort: Comfort | None, latest: Latest, begun_s: float, now_s: float) -> str | None:
    """Why an instruction must not go on: the room is outside the members' band, or nobody has known for long whether it is; else `None`.

    `begun_s` is when the box began to listen, on the monotonic clock like the moments in `latest`.
    """
    if comfort is None:
        return None
    since_s, celsius = latest.get((comfort.device, comfort.point), (begun_s, None))
    if now_s - since_s > LONGEST_UNKNOWN_S:
        return f"the room's temperature ({comfort.device}.{comfort.point}) has not been known for {(now_s - since_s) / 60:.0f} minutes"
    if celsius is None or comfort.minimum <= celsius <= comfort.maximum:
        return None
    return f"the room is at {celsius} °C, and the members want {comfort.minimum} to {comfort.maximum} °C"
