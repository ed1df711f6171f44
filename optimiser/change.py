"""One transaction in the making, and the messages to the boxes that follow its commit.

The steps of a campaign put a `Change` together and hand it back; only `campaigns` writes it, and sends what it says after that.
"""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from pyoxigraph import Quad

from kg.terms import describe, duration, instant, iri
from ontology.names import FC, S4ENER
from optimiser.records import Event, Instruction
from optimiser.statements import rounded


@dataclass
class Change:
    """What is deleted, what is inserted, and the messages after the commit: (box, payload)."""

    delete: list[Quad] = field(default_factory=list)
    insert: list[Quad] = field(default_factory=list)
    messages: list[tuple[str, dict[str, Any]]] = field(default_factory=list)

    def move(self, graph: str, subject: str, before: str, after: str, *, of: str = str(FC.status)) -> None:
        """Replace a state by another."""
        if before != after:
            self.delete += describe(graph, subject, {of: iri(before)})
            self.insert += describe(graph, subject, {of: iri(after)})

    def move_event(self, event: Event, after: str) -> None:
        """Replace the state of an event."""
        self.move(event.graph, event.iri, event.status, after)

    def move_instruction(self, graph: str, instruction: str, before: str, after: str) -> None:
        """Replace the status of an instruction."""
        self.move(graph, instruction, before, after, of=str(S4ENER.hasInstructionStatus))

    def dispatch(self, instruction: Instruction) -> None:
        """Tell a box to carry an instruction out; it does so once, however often it is told."""
        if instruction.identifier:
            self.messages.append((instruction.identifier, _payload(instruction)))

    def revoke(self, instruction: Instruction, at: datetime) -> None:
        """Tell a box to end an instruction."""
        if instruction.identifier:
            self.messages.append((instruction.identifier, {"revoke": instruction.iri, "at": instant(at)}))


def _payload(instruction: Instruction) -> dict[str, Any]:
    """An instruction as the message on `flexcoop/osb/{osb}/dispatch` (docs/data-model.md §4)."""
    return {
        "instruction": instruction.iri,
        "event": instruction.event,
        "device": instruction.der,
        "start": instant(instruction.start),
        "end": instant(instruction.end),
        "step": duration(instruction.step),
        "notAfter": instant(instruction.not_after),
        "limit": rounded(instruction.limit_kw),
    }
