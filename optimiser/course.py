"""The course of a campaign, with time or by a word: it begins, homes stay silent, it is over, it is stopped; and what that does to its events."""

from collections.abc import Iterable
from datetime import datetime

from kg.iris import Iris
from kg.store import Store
from ontology.names import FCV
from optimiser import dispatch, records, statements
from optimiser.change import Change
from optimiser.records import Campaign, Event, Instruction
from optimiser.states import ABORTED, FINISHED, LIVE_EVENTS, LIVE_INSTRUCTIONS, ONGOING, OPEN_EVENTS, PAUSED

_SCHEDULED, _STANDBY, _ACTIVE, _COMPLETED, _CANCELLED = (
    str(FCV[f"Event{name}"]) for name in ("Scheduled", "Standby", "Active", "Completed", "Cancelled")
)


def begun(store: Store, iris: Iris, campaign: Campaign, now: datetime) -> Change:
    """Let a campaign and its events that have begun by now be under way, and complete those that have ended."""
    change = Change()
    change.move(iris.graph("market"), campaign.iri, campaign.status, ONGOING)
    last = ends(records.instructions(store, campaign.iri))
    for event in records.events(store, campaign.iri):
        status = event.status
        if status == _SCHEDULED and event.start <= now:
            change.insert += statements.activate(event, event.start)
            status = _ACTIVE
        if status == _ACTIVE and (end := last.get(event.iri, event.end)) <= now:
            change.insert += statements.release(event, end)
            status = _COMPLETED
        change.move_event(event, status)
    return change


def silent(store: Store, campaign: Campaign, now: datetime) -> list[str]:
    """Find the events that should deliver for a slot already, and whose box has acknowledged nothing."""
    of: dict[str, list[Instruction]] = {}
    for one in records.instructions(store, campaign.iri):
        if one.status != dispatch.REVOKED:  # of before a pause
            of.setdefault(one.event, []).append(one)
    return [
        event.iri
        for event in records.events(store, campaign.iri)
        if event.status == _ACTIVE
        and (own := of.get(event.iri))
        and all(one.status == dispatch.NEW for one in own)
        and min(one.start for one in own) + campaign.step <= now
    ]


def over(store: Store, iris: Iris, campaign: Campaign) -> Change:
    """Finish a campaign: who delivered has completed, who stood by is cancelled; what a pause still holds ends where the pause began."""
    change = Change()
    change.move(iris.graph("market"), campaign.iri, campaign.status, FINISHED)
    last = ends(records.instructions(store, campaign.iri))
    stopped = campaign.slot(records.pauses(store, campaign.iri)[-1].paused) if campaign.status == PAUSED else campaign.end
    for event in records.events(store, campaign.iri):
        if campaign.status == PAUSED and event.status in LIVE_EVENTS:
            stop(change, event, min(stopped, last.get(event.iri, event.end)))
        elif event.status in LIVE_EVENTS:
            if event.activated is None:
                change.insert += statements.activate(event, event.start)
            change.insert += statements.release(event, last.get(event.iri, event.end))
            change.move_event(event, _COMPLETED)
        elif event.status == _STANDBY:
            change.move_event(event, _CANCELLED)
    return change


def aborted(store: Store, iris: Iris, campaign: Campaign, at: datetime) -> Change:
    """Stop a campaign: release who was delivering, cancel every event, revoke every instruction."""
    change = Change()
    change.move(iris.graph("market"), campaign.iri, campaign.status, ABORTED)
    for event in records.events(store, campaign.iri):
        if event.status in OPEN_EVENTS:
            release(change, campaign, event, at)
            change.move_event(event, _CANCELLED)
    for one in records.instructions(store, campaign.iri):
        if one.status in LIVE_INSTRUCTIONS:
            dispatch.end(change, one, dispatch.REVOKED, at)
    return change


def release(change: Change, campaign: Campaign, event: Event, at: datetime) -> None:
    """Release an event that has begun: the slot that holds `at` doesn't count any more."""
    begin = event.activated
    if begin is None and event.status in LIVE_EVENTS and event.start <= at and campaign.status != PAUSED:
        begin = event.start
        change.insert += statements.activate(event, begin)
    if begin is not None:
        change.insert += statements.release(event, max(campaign.slot(at), begin))


def stop(change: Change, event: Event, at: datetime) -> None:
    """End an event that a pause has held since `at`: completed as far as it went, cancelled where it never began."""
    if event.activated is None:
        change.move_event(event, _CANCELLED)
    else:
        change.insert += statements.release(event, max(at, event.activated))
        change.move_event(event, _COMPLETED)


def ends(told: Iterable[Instruction]) -> dict[str, datetime]:
    """Find when the last instruction of each event ends."""
    found: dict[str, datetime] = {}
    for one in told:
        found[one.event] = max(one.end, found.get(one.event, one.end))
    return found
