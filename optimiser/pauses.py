"""A campaign rests and goes on.

S2 and OpenADR know no pause: instructions are revoked (S2: `RevokeObject`), and resuming sends others for what is left.
"""

from datetime import datetime

from kg.iris import Iris
from kg.store import Store
from ontology.names import FCV
from optimiser import course, dispatch, records, statements
from optimiser.change import Change
from optimiser.records import Campaign, Instruction, Pause
from optimiser.replacement import Replacement
from optimiser.states import LIVE_EVENTS, LIVE_INSTRUCTIONS, ONGOING, PAUSED, SCHEDULED


class Pauses:
    """Holds campaigns, and lets them go on."""

    def __init__(self, store: Store, iris: Iris, replacement: Replacement) -> None:
        self._store, self._iris, self._replacement = store, iris, replacement

    def pause(self, campaign: Campaign, at: datetime) -> Change:
        """Hold a campaign that runs, and take back every instruction that still has something to do."""
        market, number = self._iris.graph("market"), len(records.pauses(self._store, campaign.iri)) + 1
        run = self._iris.id("run", f"pause-{self._iris.key(campaign.iri)}-{number}")
        change = Change()
        change.move(market, campaign.iri, campaign.status, PAUSED)
        change.insert += statements.pause(market, campaign.iri, number, at)
        change.insert += statements.decision(self._iris, campaign, run, at, used=[campaign.iri])
        for one in records.instructions(self._store, campaign.iri):
            if one.status in LIVE_INSTRUCTIONS and at < one.end:
                dispatch.end(change, one, dispatch.REVOKED, at)
        return change

    def resume(self, campaign: Campaign, at: datetime) -> Change:
        """Let a paused campaign go on from the next slot: what is left is instructed anew, and who left meanwhile is replaced."""
        market, pauses = self._iris.graph("market"), records.pauses(self._store, campaign.iri)
        run = self._iris.id("run", f"resume-{self._iris.key(campaign.iri)}-{len(pauses)}")
        change = Change()
        change.move(market, campaign.iri, campaign.status, ONGOING if campaign.start <= at else SCHEDULED)
        change.insert += statements.resume(market, pauses[-1], at)
        change.insert += statements.decision(self._iris, campaign, run, at, used=[campaign.iri])
        made, gone = self._go_on(change, campaign, pauses[-1], at, run)
        self._replacement.fill(change, campaign, at, cause=run, gone=gone, made=made)
        return change

    def _go_on(self, change: Change, campaign: Campaign, pause: Pause, at: datetime, run: str) -> tuple[list[Instruction], set[str]]:
        """Take up the events that still have something to do from the next slot on, and end the others where the pause began.

        Returns the instructions made, and the events that ended.
        """
        start = max(campaign.next_slot(at), campaign.start)
        told = records.instructions(self._store, campaign.iri)
        held, ends, numbers = dispatch.held(told, start), course.ends(told), dispatch.count(told)
        made: list[Instruction] = []
        gone: set[str] = set()
        for event in records.events(self._store, campaign.iri):
            if event.status not in LIVE_EVENTS:
                continue
            own = [one for one in held if one.event == event.iri]
            for one in own:
                numbers[one.der] += 1
                quads, anew = statements.again(self._iris, campaign, one, start, number=numbers[one.der], at=at, run=run)
                change.insert += quads
                change.dispatch(anew)
                made.append(anew)
            if not own:
                course.stop(change, event, min(campaign.slot(pause.paused), ends.get(event.iri, event.end)))
                gone.add(event.iri)
            elif event.activated is None and event.start <= start and campaign.start <= at:
                change.insert += statements.activate(event, start)
                change.move_event(event, str(FCV.EventActive))
        return made, gone
