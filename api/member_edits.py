"""What became of a member's data, by whose hand: each recorded edit with what it was about, before and after."""

from dataclasses import dataclass, field
from datetime import datetime
from urllib.parse import unquote

from api import thing_view
from api.guard import scope
from api.languages import language
from api.services import services
from api.thing_view import Step
from kg import queries

MOST_THINGS = 40  # whose history is looked up for one page


@dataclass
class Edit:
    """One edit of what is said of a member.

    Attributes
    ----------
    by : key of who wanted it
    things : IRI of what it is about → what became of it; `None` where that was not looked up
    """

    at: datetime
    by: str
    why: str
    things: dict[str, Step | None] = field(default_factory=dict)


def edits(key: str, most: int, zone: str) -> list[Edit]:
    """The last recorded edits of a member's graphs, newest first; none for whoever may not see their record."""
    known = services()
    graph = known.iris.graph("member", key, "edits")
    if not scope().allows(graph):
        return []
    found: dict[str, Edit] = {}
    for row in queries.rows(known.store, queries.load("api", "member_edits"), edits=graph):
        by = unquote(known.iris.key(row["by"])) if "by" in row else ""
        found.setdefault(row["run"], Edit(row["at"], by, row.get("why", ""))).things[row["thing"]] = None
    shown = dict(list(found.items())[:most])
    for thing in list(dict.fromkeys(thing for edit in shown.values() for thing in edit.things))[:MOST_THINGS]:
        for step in thing_view.past(thing, language(), zone).steps:
            if step.version.run in shown:
                shown[step.version.run].things[thing] = step
    return list(shown.values())
