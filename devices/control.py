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

    Attributes
    ----------
    wanted
        What it is to hold; `None`: nothing of ours.
    confirmed
        Whether the device was found to hold what it should.
    trouble
        Why the set-point wasn't kept since `trouble_so_far` was asked.
    holds_ours
        A write of ours was decided on and isn't taken back yet, whether it was heard of or not: the device may hold it.
    before
        What the device held before that, where that is known.
    overruled
        What the members have set by hand meanwhile; the box lets them.
    blocked_since_s
        Since when a heat pump is to be blocked without a break [s, monotonic].
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
    trouble: str = ""
    holds_ours: bool = False
    before: Decimal | None = None
    overruled: str = ""
    blocked_since_s: float | None = None
    _asked: bool = False  # whether `before` is known, or can't be any more
    _unseen: bool = False
    _shown: Decimal | None = None  # what the device says while it holds `wanted`: it may have rounded
    _written_s: float = float("-inf")

    @property
    def rest(self) -> SetPoint:
        """What the device holds when nothing is asked of it: no limit, or the state that the members had chosen."""
        chosen = self.before if self.command.name in CHOSEN_BY_MEMBERS else None
        return SetPoint(self.command.name, self.command.restore if chosen is None else self.command.limited(chosen))

    def hold(self, limit_kw: Decimal | None, now_s: float) -> None:
        """Decide that the device is to keep a limit, or (`None`) to go back to rest; `act` does it."""
        wanted = None if limit_kw is None else set_point(self.command, limit_kw, self.rated_kw, self.comfort)
        if wanted != self.wanted:
            self.wanted, self.confirmed, self._shown = wanted, False, None
            self._written_s = float("-inf")
            self.watch(self.command.name if wanted else None)
        self.holds_ours = self.holds_ours or wanted is not None
        if wanted is None or wanted != SetPoint("sgReady", SG_BLOCKED):
            self.blocked_since_s = None
        elif self.blocked_since_s is None:
            self.blocked_since_s = now_s

    def act(self, now_s: float) -> None:
        """Write what was decided on, where it isn't in force; cheap when nothing changes.

        Call it when `holds_ours` is written down, so that nothing is in force that the box doesn't know of when it starts again.
        """
        if self.wanted is None and not self.holds_ours:
            self.confirmed = True
            return
        if not self.confirmed and now_s - self._written_s >= WRITE_AGAIN_S:
            self._written_s = now_s
            target = self.wanted or self.rest
            self.write(target.command, target.value)

    def release(self, now_s: float) -> None:
        """Have the device go back to rest at once, even where that has just failed."""
        self.hold(None, now_s)
        self._written_s = float("-inf")
        self.act(now_s)

    def left(self, before: Decimal | None) -> None:
        """Take up that the device was left with a set-point of ours, and what is known of what it held before."""
        self.holds_ours, self.confirmed, self.before, self._asked = True, False, before, True

    def blocked_too_long(self, now_s: float) -> bool:
        """Whether a heat pump has been blocked for as long as the SG-Ready label allows, in one instruction or several."""
        return self.blocked_since_s is not None and now_s - self.blocked_since_s > SG_LONGEST_BLOCK.total_seconds()

    def written(self, value: Decimal, before: Decimal | None, error: str | None, shown: Decimal | None = None) -> None:
        """Take in what became of a write: what the device held before, why it isn't in force, and what the device shows since."""
        if not self._asked:
            self.before, self._asked = before, True
        target = self.wanted or self.rest
        if value != target.value:
            return  # of an earlier wish
        if error:
            if error != self.trouble:
                log.error("%s: %s could not be set to %s: %s; trying again", self.name, target.command, value, error)
            self.trouble = error
            return
        self.confirmed, self._shown, self._unseen = True, shown, False
        if self.wanted is None:
            self._forget()

    def trouble_so_far(self) -> str:
        """Why the set-point wasn't kept since this was last asked; empty when it was."""
        trouble = self.trouble
        if self.confirmed:
            self.trouble = ""
        return trouble

    def found(self, value: Decimal | None, now_s: float) -> None:
        """Take in what the device holds now.

        A foreign value is an alarm, and ours is written again; but what members can set by hand is theirs, and overrules the box, unless the
        device was out of sight (`None`) before: then it may have started anew.
        """
        if self.wanted is None or not self.confirmed:
            return
        if value is None or value == self._shown or self.wanted.same(value):
            self._unseen = value is None
            return
        if self.command.name in CHOSEN_BY_MEMBERS and not self._unseen:
            self._overrule(value)
            return
        sentence = (
            f"{self.command.name} was {self.wanted.value} and something else set it to {value}; the box wrote {self.wanted.value} again"
        )
        log.error("%s: %s", self.name, sentence)
        self.trouble, self.confirmed = sentence, False
        self._written_s = now_s
        self.alarm(str(FCV.SetpointOverridden), sentence)
        self.write(self.wanted.command, self.wanted.value)

    def _overrule(self, value: Decimal) -> None:
        asked = self.wanted.value if self.wanted else None
        self.overruled = f"{self.command.name} was {asked} and was set to {value} by hand; that counts as an opt-out"
        log.warning("%s: %s", self.name, self.overruled)
        self.alarm(str(FCV.SetpointOverridden), self.overruled)
        self.wanted = None
        self.watch(None)
        self._forget()

    def _forget(self) -> None:
        """Nothing of ours is in the device."""
        self.holds_ours, self.before, self._asked, self._shown = False, None, False, None


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
