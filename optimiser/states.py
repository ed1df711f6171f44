"""The states of campaigns, events and instructions, and which may follow which."""

from collections.abc import Mapping

from ontology.names import FCV, S4ENER

REQUESTED, SCHEDULED, ONGOING, PAUSED, FINISHED, SETTLED, ABORTED = (
    str(FCV[f"Campaign{name}"]) for name in ("Requested", "Scheduled", "Ongoing", "Paused", "Finished", "Settled", "Aborted")
)
TRANSITIONS: Mapping[str, frozenset[str]] = {
    REQUESTED: frozenset({SCHEDULED, ABORTED}),
    SCHEDULED: frozenset({ONGOING, PAUSED, ABORTED}),
    ONGOING: frozenset({PAUSED, FINISHED, ABORTED}),
    PAUSED: frozenset({SCHEDULED, ONGOING, FINISHED, ABORTED}),
    FINISHED: frozenset({SETTLED}),
    SETTLED: frozenset(),
    ABORTED: frozenset(),
}
RUNNING = frozenset({SCHEDULED, ONGOING, PAUSED})

LIVE_EVENTS = frozenset({str(FCV.EventScheduled), str(FCV.EventActive)})
OPEN_EVENTS = LIVE_EVENTS | {str(FCV.EventStandby)}

LIVE_INSTRUCTIONS = frozenset({str(S4ENER.New), str(S4ENER.Accepted), str(S4ENER.Started)})
REPORTED = frozenset({"Accepted", "Started", "Succeeded", "Rejected", "Aborted"})  # what a box may say of an instruction
_RANK = {
    str(S4ENER[name]): rank
    for rank, names in enumerate([["New"], ["Accepted"], ["Started"], ["Succeeded", "Rejected", "Aborted", "Revoked"]])
    for name in names
}


def is_forward(before: str, after: str) -> bool:
    """Tell whether an instruction's status may go from one to another; what has ended stays as it ended."""
    return _RANK[after] > _RANK[before]


def name(status: str) -> str:
    """Spell the state of a campaign or event for people: `aborted`, `optedout`."""
    return status.rsplit("/", 1)[-1].removeprefix("Campaign").removeprefix("Event").lower()
