"""A site drops out of a campaign, by its member's word or because an instruction was not carried out, and others take its place."""

from datetime import datetime

from kg.iris import Iris
from kg.store import Store
from ontology.names import FCV
from optimiser import course, dispatch, records, statements, states
from optimiser.change import Change
from optimiser.errors import CampaignError
from optimiser.records import Campaign, Event
from optimiser.replacement import Replacement
from optimiser.states import LIVE_EVENTS, LIVE_INSTRUCTIONS, ONGOING, OPEN_EVENTS, PAUSED, RUNNING, SCHEDULED

REASONS = {name: str(FCV[name]) for name in ("MemberChoice", "ManualOverride", "DeviceOffline")}


class OptOuts:
    """Lets sites go."""

    def __init__(self, store: Store, iris: Iris, replacement: Replacement) -> None:
        self._store, self._iris, self._replacement = store, iris, replacement

    def opt_out(self, event: str, at: datetime, reason: str, *, known: datetime) -> Change:
        """Let a site withdraw at a time, of which the platform learnt then or later. See `Campaigns.opt_out`."""
        if reason not in REASONS:
            raise CampaignError(f"{reason!r} is no reason for an opt-out; give one of {', '.join(sorted(REASONS))}")
        campaign, found = records.one_event(self._store, event)
        change = Change()
        if found.status == str(FCV.EventOptedOut):
            return change
        if found.status not in OPEN_EVENTS or campaign.status not in RUNNING:
            raise CampaignError(
                f"{event} is {states.name(found.status)} (its campaign {states.name(campaign.status)}), so nobody can opt out of it any more; nothing needs to be done"
            )
        self._withdraw(change, campaign, found, at, reason)
        for one in records.instructions(self._store, campaign.iri):
            if one.event == found.iri and one.status in LIVE_INSTRUCTIONS:
                dispatch.end(change, one, dispatch.ABORTED, at)
        if campaign.status != PAUSED:  # then nobody is called; who is missing is seen at its end
            self._replacement.fill(change, campaign, max(at, known), cause=found.iri, gone={found.iri})
        return change

    def lose(self, change: Change, campaign: str, instruction: str, at: datetime, reason: str, *, known: datetime) -> None:
        """Do without an instruction, which `change` ends, while its campaign runs; an event that has no other left is opted out of."""
        given = records.one_campaign(self._store, campaign)
        if given.status not in (SCHEDULED, ONGOING):
            return
        told = records.instructions(self._store, campaign)
        lost = next(one for one in told if one.iri == instruction)
        event = next(one for one in records.events(self._store, campaign) if one.iri == lost.event)
        if event.status not in LIVE_EVENTS:
            return
        gone = {lost.iri}
        if not any(one.event == event.iri and one.iri != lost.iri and one.status in LIVE_INSTRUCTIONS for one in told):
            self._withdraw(change, given, event, at, reason)
            gone.add(event.iri)
        self._replacement.fill(change, given, max(at, known), cause=lost.iri, gone=gone)

    def _withdraw(self, change: Change, campaign: Campaign, event: Event, at: datetime, reason: str) -> None:
        change.insert += statements.opt_out(self._iris, event, at, REASONS[reason])
        change.move_event(event, str(FCV.EventOptedOut))
        course.release(change, campaign, event, at)
