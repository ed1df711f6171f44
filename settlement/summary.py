"""What a settlement came to, read back from the graph."""

from dataclasses import dataclass
from decimal import Decimal

from kg import queries
from kg.store import Store
from settlement.errors import SettlementError
from settlement.findings import Finding


@dataclass(frozen=True)
class MemberSummary:
    """One member's part: energies [kWh], amount [EUR]."""

    member: str
    event: str
    contract: str
    promised_kwh: Decimal
    measured_kwh: Decimal
    delivered_kwh: Decimal
    lower: Decimal
    upper: Decimal
    amount_eur: Decimal


@dataclass(frozen=True)
class SettlementSummary:
    """A settled campaign: energies of the portfolio [kWh] with the interval of what was delivered, money [EUR].

    `paid_eur + cooperative_eur = income_eur` exactly; `bias_kwh` is what the same method shows on days without an event.
    """

    campaign: str
    asked_kwh: Decimal
    promised_kwh: Decimal
    delivered_kwh: Decimal
    lower: Decimal
    upper: Decimal
    bias_kwh: Decimal
    confidence: Decimal
    paid_eur: Decimal
    income_eur: Decimal
    cooperative_eur: Decimal
    members: tuple[MemberSummary, ...]
    findings: tuple[Finding, ...]


def summary(store: Store, campaign: str) -> SettlementSummary:
    """Read what a campaign was settled at.

    Raises
    ------
    SettlementError
        If it has not been settled.
    """
    found = queries.rows(store, queries.load("settlement", "portfolio_result"), campaign=campaign)
    if len(found) != 1:
        raise SettlementError(f"{campaign} has {len(found)} settlement runs in the graph, not one; settle it first")
    row = found[0]
    return SettlementSummary(
        campaign,
        row["requested"],
        row["promised"],
        row["delivered"],
        row["lower"],
        row["upper"],
        row["bias"],
        row["confidence"],
        row["members"],
        row["income"],
        row["cooperative"],
        tuple(_member(row) for row in queries.rows(store, queries.load("settlement", "member_results"), campaign=campaign)),
        findings(store, campaign),
    )


def findings(store: Store, campaign: str) -> tuple[Finding, ...]:
    """Read what is to be said of a campaign's results."""
    rows = queries.rows(store, queries.load("settlement", "findings"), campaign=campaign)
    return tuple(Finding(row["code"], row["sentence"]) for row in rows)


def _member(row: dict[str, Decimal]) -> MemberSummary:
    return MemberSummary(
        str(row["member"]),
        str(row["event"]),
        str(row["contract"]),
        row["promised"],
        row["measured"],
        row["delivered"],
        row["lower"],
        row["upper"],
        row["amount"],
    )
