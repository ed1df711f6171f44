"""A member's data: who may see them, who looked, who edited, and everything in one file."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import unquote

from flask import Blueprint, Response

from access import consents
from access.layout import CATEGORIES
from access.terms import Stated
from api import look_up
from api.audited import looks_at
from api.consents import labels_of
from api.guard import rule, scope
from api.member_page import names, shown
from api.services import services
from kg import queries

pages = Blueprint("member_data", __name__)
LOOKS, EDITS = 20, 20


@dataclass
class Edit:
    """One edit of what is said of a member: when, who (their key), why, and what it is about."""

    at: datetime
    by: str
    why: str
    things: list[str]


@pages.get("/members/<key>/data")
@rule.member("key")
def data(key: str) -> Response:
    """Show consents, looks and edits of others, and the ways to take the data along or to be forgotten."""
    known = services()
    home = look_up.home(key)
    given = consents.given(known.store, known.iris, known.iris.id("member", key))
    partners = consents.parties(known.store, known.iris)
    return shown(
        "member_data.html",
        key,
        "data",
        home,
        day=known.now().date(),
        consents=given,
        partners=partners,
        categories=sorted(CATEGORIES),
        labels=_labels(given, partners),
        looks=looks_at(key, LOOKS),
        edits=edits(key)[:EDITS],
    )


def _labels(given: Sequence[Stated], partners: Sequence[tuple[str, str]]) -> dict[str, str]:
    """Names of the parties and of the list entries that the page shows, in the reader's language."""
    known = services()
    shown_things = {each.party for each in given} | {iri for iri, _label in partners} | set(CATEGORIES)
    shown_things |= {thing for each in given for thing in (*each.terms.categories, *each.terms.purposes)}
    return labels_of(known.iris, known.store) | names(shown_things)


def edits(key: str) -> list[Edit]:
    """The recorded edits of a member's graphs, newest first."""
    known = services()
    graph = known.iris.graph("member", key, "edits")
    if not scope().allows(graph):
        return []
    found: dict[str, Edit] = {}
    for row in queries.rows(known.store, queries.load("api", "member_edits"), edits=graph):
        by = unquote(known.iris.key(row["by"])) if "by" in row else ""
        edit = found.setdefault(row["run"], Edit(row["at"], by, row.get("why", ""), []))
        if row["thing"] not in edit.things:
            edit.things.append(row["thing"])
    return list(found.values())
