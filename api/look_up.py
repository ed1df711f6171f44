"""Find what an address names, or say that there is no such thing."""

from typing import Any

from api.errors import NotFoundError
from api.services import services
from kg import queries


def home(key: str) -> dict[str, Any]:
    """A member's home: site, label, zone and, of a copy, copyOf.

    Raises
    ------
    NotFoundError
        If there is no such member.
    """
    known = services()
    found = queries.rows(known.store, queries.load("api", "member_home"), member=known.iris.id("member", key))
    if not found:
        raise NotFoundError(f"There is no member {key}; the members are listed at /members")
    return found[0]


def campaign(key: str) -> dict[str, Any]:
    """One row of `api/campaigns`.

    Raises
    ------
    NotFoundError
        If there is no such campaign.
    """
    known = services()
    iri = known.iris.id("campaign", key)
    found = [row for row in queries.rows(known.store, queries.load("api", "campaigns")) if row["campaign"] == iri]
    if not found:
        raise NotFoundError(f"There is no campaign {key}; all campaigns are on the first page")
    return found[0]


def zone() -> str:
    """The time zone of most homes (IANA); UTC as long as there are none."""
    found = queries.rows(services().store, queries.load("api", "time_zones"))
    return str(found[0]["zone"]) if found else "UTC"
