"""Instructions to devices: given, sent again until a box answers, kept through a pause, ended."""

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime

from kg.iris import Iris
from kg.store import Store
from ontology.names import S4ENER
from optimiser import records, statements
from optimiser.change import Change
from optimiser.planning import Share
from optimiser.records import Campaign, Instruction

NEW, ABORTED, REVOKED = str(S4ENER.New), str(S4ENER.Aborted), str(S4ENER.Revoked)


def instruct(
    store: Store, iris: Iris, change: Change, campaign: Campaign, shares: Iterable[Share], *, start: datetime, at: datetime, run: str
) -> None:
    """Instruct the devices of some shares; `start` is the first slot of the window that the shares were planned for."""
    numbers = count(records.instructions(store, campaign.iri))
    boxes = {row["der"]: row["identifier"] for row in records.available(store, campaign.cooperative)}
    for share in shares:
        quads, made = statements.instruct(iris, campaign, share, start, run=run, at=at, numbers=numbers, boxes=boxes)
        change.insert += quads
        for one in made:
            change.dispatch(one)


def end(change: Change, told: Instruction, status: str, at: datetime) -> None:
    """End an instruction that is still carried out, or will be, and tell its box."""
    change.move_instruction(told.graph, told.iri, told.status, status)
    change.revoke(told, at)


def repeated(told: Iterable[Instruction], now: datetime) -> Change:
    """Messages that may have been lost: instructions without an answer, and the end of those that were taken back."""
    change = Change()
    for one in told:
        if one.status in (ABORTED, REVOKED) and now < one.end:
            change.revoke(one, now)
        elif one.status == NEW and now < one.not_after:
            change.dispatch(one)
    return change


def held(told: Sequence[Instruction], start: datetime) -> list[Instruction]:
    """Find what a pause has taken back, nothing later took the place of, and still has something to do from a slot on."""
    return [one for one in told if one.status == REVOKED and start < one.end and _is_last(one, told)]


def count(told: Iterable[Instruction]) -> Counter[str]:
    """Count the instructions that each device had."""
    return Counter(one.der for one in told)


def _is_last(told: Instruction, all_of: Iterable[Instruction]) -> bool:
    """Tell whether no later instruction of the same event to the same device has taken an instruction's place."""
    return not any(one.event == told.event and one.der == told.der and _number(one) > _number(told) for one in all_of)


def _number(instruction: Instruction) -> int:
    return int(instruction.iri.rsplit("-", 1)[1])
