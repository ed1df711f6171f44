"""Others take the place of whoever dropped out: what is missing from the next slot on is selected and instructed anew."""

from collections.abc import Collection, Sequence
from datetime import datetime

import numpy as np

from kg.iris import Iris
from kg.store import Store
from ontology.names import FCV
from optimiser import dispatch, planning, records, sentences, statements
from optimiser.change import Change
from optimiser.planning import Candidate, Plan, Share
from optimiser.records import Campaign, Event, Instruction
from optimiser.solve import Floats, Limits
from optimiser.states import LIVE_EVENTS, LIVE_INSTRUCTIONS

WORTH_REPLACING_KW = 0.05


class Replacement:
    """Fills what is missing in a campaign.

    Parameters
    ----------
    limits
        When the solver stops.
    """

    def __init__(self, store: Store, iris: Iris, limits: Limits) -> None:
        self._store, self._iris, self._limits = store, iris, limits

    def fill(
        self, change: Change, campaign: Campaign, at: datetime, *, cause: str, gone: Collection[str], made: Sequence[Instruction] = ()
    ) -> None:
        """Fill what is missing from the next slot on: first by those who stand by, then by others whose notice still fits.

        Parameters
        ----------
        change
            Where it is put; what else it says, the graph doesn't know yet.
        at
            When the platform learnt that something is missing.
        cause
            IRI of what made it so.
        gone
            Events and instructions that `change` ends, whatever the graph still says of them.
        made
            Instructions of `change`.
        """
        start = max(campaign.next_slot(at), campaign.start)
        events = records.events(self._store, campaign.iri)
        missing = _missing(campaign, events, [*records.instructions(self._store, campaign.iri), *made], start, gone)
        if not missing.size or missing.max() < WORTH_REPLACING_KW:
            return
        standby = [event for event in events if event.status == str(FCV.EventStandby) and event.iri not in gone]
        first, second = self._pick(campaign, events, standby, missing, start, at)
        shares = [*first.shares, *second.shares]
        run = self._iris.id("run", f"redispatch-{self._iris.key(cause)}")
        change.insert += statements.decision(
            self._iris,
            campaign,
            run,
            at,
            used=[campaign.iri, cause, *statements.sources(shares)],
            told=sentences.replaced(campaign, cause, start, missing, len(shares), second.shortfall_kw),
        )
        by_site = {event.site: event for event in events}
        for share in shares:
            self._call(change, campaign, share, by_site.get(share.candidate.site), start, at)
        dispatch.instruct(self._store, self._iris, change, campaign, shares, start=start, at=at, run=run)

    def _pick(
        self, campaign: Campaign, events: Sequence[Event], standby: Sequence[Event], missing: Floats, start: datetime, at: datetime
    ) -> tuple[Plan, Plan]:
        """Choose among those who stand by and, for what they leave missing, among those who have no part in the campaign yet."""
        waiting = {event.site for event in standby}
        taken = {event.site for event in events} - waiting
        found = planning.candidates(self._store, self._iris, campaign, start, at, standby, taken)
        first = self._plan([one for one in found if one.site in waiting], campaign, missing)
        left = np.where(first.shortfall_kw < WORTH_REPLACING_KW, 0.0, first.shortfall_kw)
        return first, self._plan([one for one in found if one.site not in waiting], campaign, left)

    def _plan(self, candidates: list[Candidate], campaign: Campaign, target_kw: Floats) -> Plan:
        return planning.plan(candidates, target_kw, campaign.step, float(campaign.price), self._limits, explain=False)

    def _call(self, change: Change, campaign: Campaign, share: Share, event: Event | None, start: datetime, at: datetime) -> None:
        begin, end = start + share.first * campaign.step, start + share.last * campaign.step
        if event is None:
            change.insert += statements.event(
                self._iris, campaign, share, (begin, end), role=str(FCV.Backup), status=str(FCV.EventActive), notified=at, activated=begin
            )
        else:
            change.move_event(event, str(FCV.EventActive))
            change.insert += statements.activate(event, begin)


def _missing(campaign: Campaign, events: Sequence[Event], told: Sequence[Instruction], start: datetime, gone: Collection[str]) -> Floats:
    """What is asked for and not instructed, from a slot to the end [kW]."""
    live = {event.iri for event in events if event.status in LIVE_EVENTS and event.iri not in gone}
    instructed = np.zeros_like(campaign.asked_kw)
    for one in told:
        if one.event in live and one.status in LIVE_INSTRUCTIONS and one.iri not in gone:
            first = (one.start - campaign.start) // campaign.step
            instructed[first : first + len(one.reduction_kw)] += one.reduction_kw
    left = (campaign.asked_kw - instructed).clip(min=0.0)[(start - campaign.start) // campaign.step :]
    return np.where(left < WORTH_REPLACING_KW, 0.0, left).round(4)
