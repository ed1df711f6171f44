"""What the graph says of the parts that homes have in campaigns: the facts that members are told."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from kg import queries
from kg.iris import Iris
from kg.store import Store
from ontology.names import FCV


@dataclass(frozen=True)
class Part:
    """One home's part in a campaign.

    Attributes
    ----------
    event, member, campaign, site, contract : IRIs
    campaign_status, role, status : IRIs of concepts
    start, end, notified, activated, released : UTC; `end` is exclusive
    zone, min_notice : the site's time zone (IANA) and what the contract promises; see `detailed`
    delivered_kwh, earned_eur : once it is settled
    """

    event: str
    member: str
    campaign: str
    site: str
    contract: str
    campaign_status: str
    role: str
    status: str
    start: datetime
    end: datetime
    notified: datetime
    activated: datetime | None = None
    released: datetime | None = None
    zone: str = "UTC"
    min_notice: timedelta = timedelta(0)
    delivered_kwh: Decimal | None = None
    earned_eur: Decimal | None = None


@dataclass(frozen=True)
class Campaign:
    """A campaign, the IRI of its status, and when its window ends (UTC)."""

    iri: str
    status: str
    end: datetime


def campaigns(store: Store, since: datetime) -> list[Campaign]:
    """The campaigns that end after a time, ordered by IRI."""
    rows = queries.rows(store, queries.load("notices", "campaigns_since"), since=since)
    return [Campaign(str(row["campaign"]), str(row["status"]), row["end"].astimezone(UTC)) for row in rows]


def of_campaigns(store: Store, iris: Iris, wanted: Sequence[Campaign]) -> list[Part]:
    """The parts in campaigns, ordered by IRI, without details: 0.1 s for a thousand."""
    if not wanted:
        return []
    statuses = {one.iri: one.status for one in wanted}
    rows = queries.rows(store, queries.load("notices", "parts_of_campaigns"), campaign=list(statuses))
    return _parts(store, iris, rows, statuses)


def of_member(store: Store, iris: Iris, member: str, begin: datetime) -> list[Part]:
    """The parts of a member's homes that end after a time, with details, ordered by their start.

    Parameters
    ----------
    member
        IRI.
    """
    graph = iris.graph("member", iris.key(member), "events")
    found = queries.rows(store, queries.load("notices", "parts_of_member"), graph=graph)
    rows = [row for row in found if row["end"] > begin]
    if not rows:
        return []
    asked = queries.rows(store, queries.load("notices", "campaign_statuses"), campaign=sorted({str(row["campaign"]) for row in rows}))
    parts = _parts(store, iris, rows, {str(row["campaign"]): str(row["status"]) for row in asked})
    return sorted(detailed(store, parts), key=lambda part: (part.start, part.event))


def detailed(store: Store, parts: Sequence[Part]) -> list[Part]:
    """The same with time zone, promised notice and, of settled campaigns, what was delivered and earned."""
    if not parts:
        return []
    zones = _table(store, "homes", "site", "zone", {part.site for part in parts})
    notices = _table(store, "promised_notice", "contract", "notice", {part.contract for part in parts})
    settled = sorted({part.event for part in parts if part.campaign_status == str(FCV.CampaignSettled)})
    earned = {str(row["event"]): row for row in queries.rows(store, queries.load("notices", "earnings"), event=settled)} if settled else {}
    return [
        replace(
            part,
            zone=str(zones.get(part.site, "UTC")),
            min_notice=notices.get(part.contract, timedelta(0)),
            delivered_kwh=_decimal(earned.get(part.event, {}).get("delivered")),
            earned_eur=_decimal(earned.get(part.event, {}).get("amount")),
        )
        for part in parts
    ]


def _table(store: Store, query: str, key: str, value: str, wanted: set[str]) -> dict[str, Any]:
    return {
        str(row[key]): row[value] for row in queries.rows(store, queries.load("notices", query), [{key: one} for one in sorted(wanted)])
    }


def _parts(store: Store, iris: Iris, rows: Sequence[Mapping[str, Any]], statuses: Mapping[str, str]) -> list[Part]:
    found = queries.rows(store, queries.load("notices", "times_of_parts"), event=[str(row["event"]) for row in rows]) if rows else []
    times = {str(row["event"]): row for row in found}
    family = iris.graph("member", "")
    return [
        Part(
            event=str(row["event"]),
            member=iris.id("member", str(row["graph"])[len(family) :].split("/")[0]),
            campaign=str(row["campaign"]),
            site=str(row["site"]),
            contract=str(row["contract"]),
            campaign_status=statuses[str(row["campaign"])],
            role=str(row["role"]),
            status=str(row["status"]),
            start=row["start"].astimezone(UTC),
            end=row["end"].astimezone(UTC),
            notified=row["notified"].astimezone(UTC),
            activated=_utc(times.get(str(row["event"]), {}).get("activated")),
            released=_utc(times.get(str(row["event"]), {}).get("released")),
        )
        for row in rows
        if str(row["campaign"]) in statuses and str(row["graph"]).startswith(family)
    ]


def _utc(value: datetime | None) -> datetime | None:
    return None if value is None else value.astimezone(UTC)


def _decimal(value: object) -> Decimal | None:
    return None if value is None else Decimal(str(value))
