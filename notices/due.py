"""What members are to be told now: decided from what the graph says and what they were told before, and from nothing else.

A member hears of a part in an event before it begins, and of every later change of it that they would otherwise find out by themselves. The
contract promises a notice (`fc:minNotice`): it is the time *by* which they should know; *until* the part begins a late word is better than
none, and after that it is none.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from kg.iris import stamp
from notices.events import Part
from ontology.names import FCV

SETTLED_FOR = timedelta(days=7)  # after the end of an event, its settlement is no news any more


class Kind(StrEnum):
    """What a member may want to be told; each is a concept of `fcv:NoticeKinds`."""

    PLANNED = "planned"
    CHANGED = "changed"
    CANCELLED = "cancelled"
    SETTLED = "settled"


CONCEPTS = {
    Kind.PLANNED: str(FCV.EventPlannedNotice),
    Kind.CHANGED: str(FCV.EventChangedNotice),
    Kind.CANCELLED: str(FCV.EventCancelledNotice),
    Kind.SETTLED: str(FCV.EventSettledNotice),
}


class Phase(StrEnum):
    """How a part stands, as far as it matters to the people in the home."""

    PLANNED = "planned"  # it delivers from begin to end
    STANDBY = "standby"  # it may be called between begin and end
    CALLED = "called"  # it stood by, or not even that, and delivers now
    PAUSED = "paused"  # the campaign asks nothing of anybody for the time being
    CANCELLED = "cancelled"  # the campaign was stopped
    LEFT = "left"  # the home has opted out, which it knows
    OVER = "over"  # it stood by and was never called
    SETTLED = "settled"


@dataclass(frozen=True)
class State:
    """What somebody was told, or is to be: how the part stands, and from when to when (UTC)."""

    phase: Phase
    begin: datetime
    end: datetime

    @property
    def key(self) -> str:
        """The same for the same state, so that nobody is told twice."""
        return f"{self.phase}-{stamp(self.begin)}-{stamp(self.end)}"


@dataclass(frozen=True)
class Told:
    """The last thing noted of an event, whether a letter of it or of an earlier state has left, and whether its settlement was told."""

    state: State
    heard: bool
    settled: bool = False


@dataclass(frozen=True)
class Notice:
    """Something that a member is to be told.

    Attributes
    ----------
    by : when the contract promises that they know; `None` where it promises nothing: who stands by may be called at any time
    until : after which a word of it is no use; a notice decided on later than that is only noted
    needless : nobody has heard of what it takes back, so it is only noted
    """

    part: Part
    kind: Kind
    state: State
    by: datetime | None
    until: datetime
    needless: bool = False


def state_of(part: Part) -> State:
    """How a part stands."""
    begin = part.start
    if part.status == str(FCV.EventOptedOut):
        phase = Phase.LEFT
    elif part.status == str(FCV.EventCancelled):
        phase = Phase.CANCELLED if part.campaign_status == str(FCV.CampaignAborted) else Phase.OVER
    elif part.campaign_status == str(FCV.CampaignPaused):
        phase = Phase.PAUSED
    elif part.status == str(FCV.EventStandby):
        phase = Phase.STANDBY
    elif part.role == str(FCV.Backup):
        phase, begin = Phase.CALLED, part.activated or part.start
    else:
        phase = Phase.PLANNED
    return State(phase, begin, part.end)


def decide(part: Part, told: Told | None, now: datetime) -> Notice | None:
    """What a member is to be told of a part now; nothing where they know.

    Parameters
    ----------
    told
        What was noted of this event before; `None`: nothing.
    """
    state = state_of(part)
    if part.campaign_status == str(FCV.CampaignSettled) and part.earned_eur is not None:
        return _settled(part, told, now)
    if told is None:
        return _first(part, state, now)
    if state == told.state or state.phase in (Phase.LEFT, Phase.OVER):
        return None
    if state.phase is Phase.CANCELLED:
        return _cancelled(part, told, state, now)
    # who is called hears of it before it begins; what is paused or goes on is news until the end
    until = state.begin if state.phase is Phase.CALLED and told.state.phase is not Phase.PAUSED else state.end
    return Notice(part, Kind.CHANGED, state, None, until) if now < state.end else None


def _first(part: Part, state: State, now: datetime) -> Notice | None:
    if state.phase in (Phase.LEFT, Phase.OVER, Phase.CANCELLED, Phase.PAUSED):
        return None  # nothing was said that would have to be taken back
    if now >= state.end:
        return None  # nobody could have been told: the platform learnt of it, or was switched on, later
    return Notice(part, Kind.PLANNED, state, state.begin - part.min_notice, state.begin)


def _cancelled(part: Part, told: Told, state: State, now: datetime) -> Notice | None:
    if told.state.phase is Phase.CANCELLED or now >= state.end:
        return None
    return Notice(part, Kind.CANCELLED, state, None, state.end, needless=not told.heard)


def _settled(part: Part, told: Told | None, now: datetime) -> Notice | None:
    if (told is not None and told.settled) or now >= part.end + SETTLED_FOR:
        return None
    return Notice(part, Kind.SETTLED, State(Phase.SETTLED, part.start, part.end), None, part.end + SETTLED_FOR)
