"""Contracts, consents and grants written without a gate, for tests that are about something else."""

from collections.abc import Iterable
from datetime import datetime

from access.terms import Change
from kg.iris import Iris
from kg.store import Store
from market import contracts
from registry.edits import Delta


def write(store: Store, change: Delta) -> None:
    """Write what a verb of contracts changes."""
    store.apply(delete=change.delete, insert=change.insert)


def sign(store: Store, iris: Iris, contract: str, parties: Iterable[str], at: datetime) -> None:
    """Sign for each of the parties."""
    for party in parties:
        write(store, contracts.sign(store, iris, contract, party, at))


def revise(store: Store, iris: Iris, contract: str, **changes: object) -> str:
    """Write the next revision; returns its IRI."""
    following, change = contracts.revise(store, iris, contract, **changes)
    write(store, change)
    return following


def state(store: Store, change: Change) -> str:
    """Write a consent, a grant, a partner, or the end of one; returns its IRI."""
    store.apply(insert=change.insert)
    return change.thing
