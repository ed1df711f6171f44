"""Find what an address names, or say that there is no such thing."""

from typing import Any

from api import kept
from api.errors import NotFoundError
from api.guard import scope
from api.languages import _
from api.services import services
from kg import queries


def home(key: str) -> dict[str, Any]:
    """A member's home: site, label, zone and, of a copy, copyOf.

    Raises
    ------
    NotFoundError
        If there is no such member.
    """
    found = of_member("member_home", key, "facts")
    if not found:
        raise NotFoundError(_("There is no member %(key)s; the members are listed at /members", key=key))
    return found[0]


def of_member(query: str, key: str, *graphs: str) -> list[dict[str, Any]]:
    """Rows of one of `api/queries` about a member, of which whoever asks may see every graph that the columns `graphs` name."""
    known, allows = services(), scope().allows
    rows = queries.rows(known.store, queries.load("api", query), member=known.iris.id("member", key))
    return [row for row in rows if all(allows(row[name]) for name in graphs if name in row)]


def campaign(key: str) -> dict[str, Any]:
    """One row of `api/campaigns`.

    Raises
    ------
    NotFoundError
        If there is no such campaign.
    """
    known = services()
    iri = known.iris.id("campaign", key)
    found = [row for row in kept.rows("campaigns", kept.MARKET) if row["campaign"] == iri]
    if not found:
        raise NotFoundError(_("There is no campaign %(key)s; all campaigns are on the first page", key=key))
    return found[0]


def zone() -> str:
    """The time zone of most homes (IANA); UTC as long as there are none."""
    found = kept.rows("time_zones")
    return str(found[0]["zone"]) if found else "UTC"
