"""What the pages of a member have in common: the home, its zone, the bar of pages, names in the reader's language."""

from collections.abc import Iterable
from typing import Any
from urllib.parse import quote

from flask import Response, make_response, render_template
from pyoxigraph import Literal

from access.principal import Role
from api import look_up
from api.guard import principal
from api.languages import said
from api.services import services
from kg import queries


def shown(template: str, key: str, tab: str, home: dict[str, Any] | None = None, status: int = 200, **values: Any) -> Response:  # noqa: ANN401
    """Render one of the member's pages.

    Parameters
    ----------
    tab
        Which of the bar's pages this one is or belongs to.
    home
        What `look_up.home` found, if it was asked already.

    Raises
    ------
    NotFoundError
        If there is no such member.
    """
    found = home or look_up.home(key)
    page = render_template(
        template,
        key=key,
        own=f"/members/{quote(key)}",
        home=found,
        zone=found["zone"],
        tab=tab,
        operator=principal().role is Role.OPERATOR,
        **values,
    )
    return make_response(page, status)


def names(things: Iterable[str]) -> dict[str, str]:
    """How things are called in the reader's language, by IRI; what has no label is left out.

    The caller answers for the things: their labels are shown whatever graph says them.
    """
    asked = sorted(set(things))
    found: dict[str, dict[str, str]] = {}
    if asked:
        for row in services().store.select(queries.load("api", "labels").bind(resource=asked)):
            if isinstance(row["label"], Literal):
                found.setdefault(row["resource"].value, {}).setdefault(row["label"].language or "", row["label"].value)
    return {thing: said(each) for thing, each in found.items()}
