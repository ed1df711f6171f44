"""The revisions of closed days: what a correction replaced, and how an earlier state is built again."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

import orjson
from pyoxigraph import Quad

from kg.store import Store
from kg.terms import Json, describe, iri
from ontology.names import FC, PROV, RDF
from telemetry import days
from telemetry.days import Day
from telemetry.errors import TelemetryError

_DAY_S = 86400


@dataclass(frozen=True)
class Revision:
    """An earlier revision of a closed day.

    Parameters
    ----------
    number
        1 for the day as it was closed, one more with each correction.
    digest
        Of its array.
    superseded
        What the slots that the next revision changed held: offset [s] to decimal text, `None` where the slot was empty.
    ended
        When the next revision took its place.
    """

    number: int
    digest: str
    superseded: dict[int, str | None]
    ended: datetime

    def quads(self, graph: str, day: str) -> list[Quad]:
        """The revision as triples in the day's graph."""
        held = {str(offset): self.superseded[offset] for offset in sorted(self.superseded)}
        return describe(
            graph,
            f"{day}#r{self.number}",
            {
                RDF.type: iri(str(FC.DayRevision)),
                FC.revisionOf: iri(day),
                FC.revision: self.number,
                FC.digest: self.digest,
                FC.supersededValues: Json(orjson.dumps(held).decode()),
                PROV.invalidatedAtTime: self.ended,
            },
        )


def history(store: Store, wanted: Iterable[Day]) -> dict[str, list[Revision]]:
    """Read the earlier revisions of days: by the day's IRI, the oldest first; days that were never corrected are absent."""
    found: dict[str, list[Revision]] = {}
    for row in days.select(store, "day_revisions", wanted):
        held = {int(offset): text for offset, text in orjson.loads(row["superseded"].value).items()}
        ended = datetime.fromisoformat(row["ended"].value)
        found.setdefault(row["day"].value, []).append(Revision(int(row["number"].value), row["digest"].value, held, ended))
    return found


def state_at(day: Day, earlier: Sequence[Revision], revision: int) -> dict[int, str]:
    """Rebuild the values that a day held in one of its revisions.

    Parameters
    ----------
    day
        As it stands now.
    earlier
        Its earlier revisions, as `history` gives them.
    revision
        Which one; that of the day itself gives its values as they stand.

    Raises
    ------
    TelemetryError
        If there is no such revision, or what is kept does not agree with its digest.
    """
    if revision == day.revision:
        return dict(day.values)
    by_number = {each.number: each for each in earlier}
    if not 1 <= revision < day.revision or not all(number in by_number for number in range(revision, day.revision)):
        raise TelemetryError(f"{day.iri} has no revision {revision} that could be rebuilt; it stands at {day.revision}, and 1 is the first")
    values: dict[int, str | None] = dict(day.values)
    for number in range(day.revision - 1, revision - 1, -1):
        values |= by_number[number].superseded
    rebuilt = {offset: text for offset, text in values.items() if text is not None}
    steps = [step for step in range(day.step_s, _DAY_S + 1, day.step_s) if _DAY_S % step == 0]  # the array may have become finer since
    if all(days.digest(days.pack(rebuilt, step)) != by_number[revision].digest for step in steps):
        raise TelemetryError(f"revision {revision} of {day.iri} does not agree with its digest: the graph was changed by another hand")
    return rebuilt
