"""What of an event lay inside the contract: the same rules that dispatch asked, now held against what happened.

Outside the window or past the longest duration, slots don't count; above the capacity, power doesn't. A notice too short, a frequency
too high or an event too short is the cooperative's fault, and the member did what was asked: it counts, with a finding. Outside the
contract's validity or against its direction there is nothing to be paid by.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
from pyoxigraph import NamedNode, Triple

from kg import queries
from kg.store import Store
from market import contracts
from market.contracts import Contract
from market.errors import ContractError
from market.rules import breaches
from settlement.baselines.method import Array
from settlement.findings import CONTRACT_BREACH, SIGNATURE_MISMATCH, Finding
from settlement.records import OPTED_OUT, Event

UNPAID = frozenset({"direction", "validity"})


@dataclass(frozen=True)
class Inside:
    """What counts: which slots, how much of the instruction [kW], whether the contract pays at all, and what is to be said."""

    counts: np.ndarray[tuple[int], np.dtype[np.bool_]]
    instructed_kw: Array
    paid: bool
    findings: tuple[Finding, ...]


def agreed(store: Store, contract: str) -> tuple[Contract | None, tuple[Finding, ...]]:
    """Read a contract and hold it against its digest and the signatures of its two parties.

    Returns
    -------
    tuple
        The contract, `None` if it can't be read at all; findings, none if it is what both have signed.
    """
    try:
        found = contracts.read(store, contract)
    except ContractError as error:
        return None, (Finding(SIGNATURE_MISMATCH, str(error)),)
    sentences = contracts.verify_signatures(_triples(store, contract))
    unsigned = sorted({found.buyer, found.member} - {signature.party for signature in found.signatures})
    sentences += [f"{contract} is not signed by {party}, so nothing is paid under it; have it signed" for party in unsigned]
    return found, tuple(Finding(SIGNATURE_MISMATCH, sentence) for sentence in sentences)


def _triples(store: Store, contract: str) -> list[Triple]:
    rows = store.select(queries.load("market", "contract_triples").bind(contract=contract))
    return [
        Triple(subject, predicate, row["object"])
        for row in rows
        if isinstance(subject := row["subject"], NamedNode) and isinstance(predicate := row["predicate"], NamedNode)
    ]


def inside(
    contract: Contract,
    event: Event,
    slots: Sequence[datetime],
    step: timedelta,
    instructed_kw: Array,
    earlier: Sequence[datetime],
) -> Inside:
    """Hold an event as it happened against its contract.

    Parameters
    ----------
    slots
        Beginnings of the event's slots from activation to release.
    instructed_kw
        What the site was told in each [kW].
    earlier
        Starts of the site's other activations.
    """
    if not slots:
        return Inside(np.zeros(0, bool), instructed_kw, True, ())
    notified = event.notified or event.start

    def broken(start: datetime, end: datetime) -> dict[str, str]:
        found = breaches(
            contract,
            start=start,
            end=end,
            kw=float(instructed_kw.max()),
            notified=notified,
            site_zone=event.zone.key,
            earlier_activations=earlier,
        )
        return {breach.rule: breach.sentence for breach in found}

    rules = broken(slots[0], slots[-1] + step)
    if event.status == OPTED_OUT:
        rules.pop("minimum duration", None)  # the member's own choice shortened it
    counts = np.ones(len(slots), bool)
    if "window" in rules:
        counts &= np.array(["window" not in broken(slot, slot + step) for slot in slots])
    if "maximum duration" in rules:
        counts &= np.arange(len(slots)) < contract.max_duration // step
    capped = np.minimum(instructed_kw, contract.capacity_kw)
    findings = tuple(Finding(CONTRACT_BREACH, sentence) for sentence in rules.values())
    return Inside(counts, capped, not UNPAID & set(rules), findings)
