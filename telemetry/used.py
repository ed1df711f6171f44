"""Which readings a computation used, exactly: day, revision and digest, so that it can be told whether they have changed since."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from pyoxigraph import Quad

from kg.iris import Iris
from kg.store import Store
from kg.terms import Value, describe, iri
from ontology.names import FC, RDF
from telemetry import days
from telemetry.days import Day


@dataclass(frozen=True, order=True)
class UsedDay:
    """One channel's UTC day as it was when it was used.

    Parameters
    ----------
    iri
        The day node.
    revision
        0 while the day is open, 1 once it is closed, one more with each correction after that.
    digest
        `sha256:…` over the canonical array of the day's values, the same for the open and the closed form.
    end
        Of an open day: where its last reading ends [s since 00:00 UTC]; what comes after that changes nothing of what was used.
    """

    iri: str
    revision: int
    digest: str
    end: int | None = None

    @classmethod
    def of(cls, day: Day) -> "UsedDay":
        """The day as it stands."""
        return cls(day.iri, day.revision, day.digest, None if day.closed else max(day.values) + day.step_s)

    def still_holds(self, day: Day) -> bool:
        """Whether a later state of the day still says what was used of it."""
        if self.end is None:
            return day.digest == self.digest
        return self.digest == days.digest(days.pack({at: text for at, text in day.values.items() if at < self.end}, day.step_s))

    @property
    def revision_iri(self) -> str:
        """The node that stands for the day in this revision."""
        return f"{self.iri}#r{self.revision}"

    def quads(self, graph: str, result: str) -> list[Quad]:
        """What a result says of the readings it used, in the result's own graph."""
        said: dict[str, Value | Iterable[Value] | None] = {
            RDF.type: FC.DayRevision,
            FC.revisionOf: iri(self.iri),
            FC.revision: self.revision,
            FC.digest: self.digest,
            FC.endOffset: self.end,
        }
        return describe(graph, result, {FC.usedRevision: iri(self.revision_iri)}) + describe(graph, self.revision_iri, said)


def used(store: Store, iris: Iris, wanted: Iterable[Day]) -> list[UsedDay]:
    """Say how the days stand now that hold any readings, in the order given."""
    return [UsedDay.of(day) for day in standing(store, iris, wanted)]


def standing(store: Store, iris: Iris, wanted: Iterable[Day]) -> list[Day]:
    """Read values and revision of the days that hold any readings, in the order given; their flags are not looked up.

    Values and revision of a day are of one moment, also while it is packed or corrected.
    """
    found = {day.iri: days.empty(iris, day.channel, day.date) for day in wanted}
    _look_up_closed(store, found)
    rest = {name: day for name, day in found.items() if not day.closed}
    for row in days.select(store, "day_slots", rest.values()):
        rest[row["day"].value].values = {offset: days.canonical(text) for offset, text in days.slot_texts(row)}
    _look_up_closed(store, {name: day for name, day in rest.items() if not day.values})  # packed between the two questions
    return [day for day in found.values() if day.closed or day.values]


def _look_up_closed(store: Store, wanted: Mapping[str, Day]) -> None:
    for row in days.select(store, "day_standing", wanted.values()):
        day = wanted[row["day"].value]
        day.array = row["values"].value
        day.values = days.unpack(day.array)
        day.revision = int(row["revision"].value) if "revision" in row else 1
