"""The instructions that a box knows: read from dispatch messages, followed while they last, remembered so that none runs twice."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from devices.errors import DispatchError
from devices.messages import instant, parse_instant
from devices.model import State
from devices.replay import STEP

REMEMBERED = 1000  # finished instructions whose replay is still recognised
MOST_KW = 1e6  # no home has more; also refuses what is no number, and whole numbers that no float holds
_DURATION = re.compile(r"PT(?:(\d{1,3})H)?(?:(\d{1,4})M)?")


@dataclass(slots=True)
class Instruction:
    """A power limit for one device: `limit_kw[i]` holds in the i-th `step` from `start`; all times aware UTC.

    `kept` and `missed` count the quarter-hours in which the limit was kept or not, `why` is the last reason why not.
    """

    iri: str
    event: str
    device: str
    start: datetime
    end: datetime
    step: timedelta
    not_after: datetime
    limit_kw: tuple[float, ...]
    started: bool = False
    kept: int = 0
    missed: int = 0
    why: str = ""

    def limit_at(self, at: datetime) -> float | None:
        """The limit in force at a moment [kW], or `None`."""
        return self.limit_kw[(at - self.start) // self.step] if self.start <= at < self.end else None

    def most_within(self, start: datetime, end: datetime) -> float | None:
        """The highest limit in force in an interval [kW], or `None` if it isn't wholly within the instruction: a mean beyond breaks one at least."""
        if start < self.start or end > self.end:
            return None
        return max(self.limit_kw[(start - self.start) // self.step : -((self.start - end) // self.step)])

    def outcome(self, slots: str = "quarter-hours") -> str | None:
        """What to say at the end: nothing if the limit was always kept; `slots` names what was counted."""
        return f"the limit was kept in {self.kept} of {self.kept + self.missed} {slots}: {self.why}" if self.missed else None

    def save(self) -> State:
        """The instruction, for JSON."""
        return {
            "instruction": self.iri,
            "event": self.event,
            "device": self.device,
            "start": instant(self.start),
            "end": instant(self.end),
            "step": f"PT{self.step // timedelta(minutes=1)}M",
            "notAfter": instant(self.not_after),
            "limit": list(self.limit_kw),
            "progress": [self.started, self.kept, self.missed, self.why],
        }


def read(payload: Mapping[str, Any]) -> Instruction:
    """Read a dispatch message, or what `Instruction.save` made.

    Raises
    ------
    DispatchError
        If a part is missing or doesn't fit the others.
    """
    try:
        found = Instruction(
            iri=_text(payload, "instruction"),
            event=_text(payload, "event"),
            device=_text(payload, "device"),
            start=parse_instant(payload.get("start")),
            end=parse_instant(payload.get("end")),
            step=_step(payload.get("step")),
            not_after=parse_instant(payload.get("notAfter")),
            limit_kw=_limit(payload.get("limit")),
        )
    except ValueError as error:
        raise DispatchError(f"the instruction can't be read: {error}") from error
    if found.end <= found.start:
        raise DispatchError(f"the instruction ends at {instant(found.end)}, not after it starts; send a later end")
    slots = -((found.start - found.end) // found.step)
    if len(found.limit_kw) < slots:
        raise DispatchError(f"the instruction has {len(found.limit_kw)} limits for {slots} slots; send one for each")
    if "progress" in payload:
        found.started, found.kept, found.missed, found.why = payload["progress"]
    return found


@dataclass
class Ledger:
    """All instructions of one box: those in force or to come, and the names of those that are over."""

    active: dict[str, Instruction] = field(default_factory=dict)
    finished: dict[str, None] = field(default_factory=dict)  # used as an ordered set
    opted_out: dict[str, None] = field(default_factory=dict)

    def knows(self, iri: str) -> bool:
        """Whether an instruction has been seen before."""
        return iri in self.active or iri in self.finished

    def add(self, instruction: Instruction) -> None:
        """Take up an instruction."""
        self.active[instruction.iri] = instruction

    def finish(self, iri: str) -> Instruction | None:
        """Put an instruction aside; returns it if it was active."""
        self.finished[iri] = None
        while len(self.finished) > REMEMBERED:
            del self.finished[next(iter(self.finished))]
        return self.active.pop(iri, None)

    def opt_out(self, event: str) -> None:
        """Note that the home takes no part in an event any more."""
        self.opted_out[event] = None
        while len(self.opted_out) > REMEMBERED:
            del self.opted_out[next(iter(self.opted_out))]

    def of_event(self, event: str) -> list[Instruction]:
        """The active instructions of an event."""
        return [instruction for instruction in self.active.values() if instruction.event == event]

    def limits(self, at: datetime) -> dict[str, float]:
        """The limit of each device at a moment, by the IRI of the device [kW]; of several the strictest."""
        limits: dict[str, float] = {}
        for instruction in self.active.values():
            limit = instruction.limit_at(at)
            if limit is not None:
                limits[instruction.device] = min(limit, limits.get(instruction.device, limit))
        return limits

    def due(self, at: datetime) -> list[Instruction]:
        """Active instructions that are in force in the quarter-hour from `at`."""
        return [instruction for instruction in self.active.values() if instruction.limit_at(at) is not None]

    def over(self, at: datetime) -> list[Instruction]:
        """Active instructions whose last slot has passed."""
        return [instruction for instruction in self.active.values() if instruction.end <= at]

    def save(self) -> State:
        """The ledger, for JSON."""
        return {
            "active": [instruction.save() for instruction in self.active.values()],
            "finished": list(self.finished),
            "opted_out": list(self.opted_out),
        }

    @classmethod
    def restore(cls, state: State) -> "Ledger":
        """Take up a saved ledger."""
        active = (read(saved) for saved in state["active"])
        return cls({one.iri: one for one in active}, _ordered(state["finished"]), _ordered(state["opted_out"]))


def _ordered(names: Iterable[str]) -> dict[str, None]:
    return dict.fromkeys(names)


def _text(payload: Mapping[str, Any], name: str) -> str:
    value = payload.get(name)
    if not isinstance(value, str) or not value:
        raise ValueError(f"{name} is {value!r}, where an IRI is needed; send it")
    value.encode()  # half a surrogate pair has no place in an IRI, and none in a file
    return value


def _step(given: object) -> timedelta:
    match = _DURATION.fullmatch(given) if isinstance(given, str) else None
    step = timedelta(hours=int(match[1] or 0), minutes=int(match[2] or 0)) if match else timedelta(0)
    if step < STEP or step % STEP:
        raise ValueError(f"step is {given!r}, which is no multiple of 15 minutes; write it like PT15M")
    return step


def _limit(given: object) -> tuple[float, ...]:
    if not isinstance(given, list) or not all(_is_power(value) for value in given):
        raise ValueError(f"limit is {given!r}, where a list of numbers in kW is needed; send one for each slot")
    return tuple(float(value) for value in given)


def _is_power(given: object) -> bool:
    return isinstance(given, (int, float)) and not isinstance(given, bool) and -MOST_KW <= given <= MOST_KW
