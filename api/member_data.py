"""A member's data: who may see them, who looked, who edited, and everything in one file."""

from collections.abc import Sequence

from flask import Blueprint, Response

from access import consents
from access.layout import CATEGORIES
from access.terms import Stated
from api import look_up, member_edits
from api.audited import looks_at
from api.consents import labels_of
from api.guard import rule
from api.member_page import names, shown
from api.services import services

pages = Blueprint("member_data", __name__)
LOOKS, EDITS = 20, 20


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
        edits=member_edits.edits(key, EDITS, str(home["zone"])),
    )


def _labels(given: Sequence[Stated], partners: Sequence[tuple[str, str]]) -> dict[str, str]:
    """Names of the parties and of the list entries that the page shows, in the reader's language."""
    known = services()
    shown_things = {each.party for each in given} | {iri for iri, _label in partners} | set(CATEGORIES)
    shown_things |= {thing for each in given for thing in (*each.terms.categories, *each.terms.purposes)}
    return labels_of(known.iris, known.store) | names(shown_things)
