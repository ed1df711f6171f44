"""What became of a thing: the activities that made or changed it, its revisions, and what else was believed of the same channel."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

from api import visible
from api.languages import later
from kg.terms import python
from ontology.names import FC, PROV, RDFS

MOST = 200
_WORDS = {
    str(PROV.wasGeneratedBy): later("made it"),
    str(PROV.used): later("used it"),
    "http://www.w3.org/ns/prov#generated": later("made it"),
    "http://www.w3.org/ns/prov#invalidated": later("ended it"),
    "http://www.w3.org/ns/prov#wasInvalidatedBy": later("ended it"),
    "http://www.w3.org/ns/prov#wasInfluencedBy": later("changed it"),
    "http://www.w3.org/ns/prov#influenced": later("changed it"),
    "http://purl.org/dc/terms/subject": later("changed it"),
    str(FC.editedThing): later("changed it"),
    str(FC.editedGraph): later("edited a graph that speaks of it"),
}
_CALLS = str(RDFS.label), str(RDFS.comment)


@dataclass
class Activity:
    """One activity that has to do with the thing."""

    iri: str
    relations: list[str]
    started: datetime | None = None
    ended: datetime | None = None
    agents: list[str] = field(default_factory=list)
    words: str = ""


@dataclass(frozen=True)
class DayRevision:
    """An earlier state of a closed day of readings."""

    iri: str
    number: int
    ended: datetime | None
    digest: str


@dataclass(frozen=True)
class History:
    """All that is known of it and may be seen; each list is in the order of time.

    Attributes
    ----------
    revisions : (earlier, later) IRIs, as contracts have them
    days : earlier states of a day of readings
    issues : (forecast, when it was made) of all forecasts of the same channel or device
    more : whether some activities were left out
    """

    activities: tuple[Activity, ...] = ()
    revisions: tuple[tuple[str, str], ...] = ()
    days: tuple[DayRevision, ...] = ()
    issues: tuple[tuple[str, datetime], ...] = ()
    more: bool = False

    def __bool__(self) -> bool:
        return bool(self.activities or self.revisions or self.days or len(self.issues) > 1)

    def iris(self) -> set[str]:
        """The IRIs that it names."""
        pairs = {iri for pair in self.revisions for iri in pair}
        return pairs | {iri for each in self.activities for iri in (each.iri, *each.agents)} | {iri for iri, _ in self.issues}


def history(iri: str, parts: Iterable[str] = (), graphs: Iterable[str] = ()) -> History:
    """Collect the history of a thing and of its parts, as far as whoever asks may see it.

    Parameters
    ----------
    graphs
        Named graphs that speak of it: what edited them may have edited it.
    """
    things = [iri, *sorted(set(parts) - {iri})][:MOST] + sorted(set(graphs))
    related: dict[str, list[str]] = {}
    for row in visible.rows("history", resource=things):
        words = _WORDS.get(row["relation"], "")
        if words and words not in related.setdefault(row["activity"], []):
            related[row["activity"]].append(words)
    activities = _told(related)
    revisions = sorted({(row["earlier"], row["later"]) for row in visible.rows("revisions", resource=iri)})
    issues = sorted({(row["other"], row["issued"]) for row in visible.rows("issues", resource=iri)}, key=lambda pair: (pair[1], pair[0]))
    return History(activities[:MOST], tuple(revisions), _days(iri), tuple(_around(issues, iri)), len(activities) > MOST)


def _told(related: dict[str, list[str]]) -> tuple[Activity, ...]:
    """What activities say of themselves; the newest first."""
    found = {iri: Activity(iri, words) for iri, words in related.items()}
    names = list(found)
    for row in visible.terms("activities", activity=names) if names else []:
        activity, value = found[row["activity"].value], row["value"]
        match row["property"].value:
            case PROV.startedAtTime:
                activity.started = _time(value)
            case PROV.endedAtTime:
                activity.ended = _time(value)
            case PROV.wasAssociatedWith if value.value not in activity.agents:
                activity.agents.append(value.value)
            case called if called in _CALLS:
                activity.words = activity.words or value.value
    return tuple(
        sorted(found.values(), key=lambda each: (each.started is None, -(each.started.timestamp() if each.started else 0), each.iri))
    )


def _time(value: object) -> datetime | None:
    found = python(value)  # type: ignore[arg-type]
    return found if isinstance(found, datetime) else None


def _days(iri: str) -> tuple[DayRevision, ...]:
    """Earlier states of a day: its parts that say which revision they are and until when it held."""
    said: dict[str, dict[str, object]] = {}
    names = [row["part"] for row in visible.rows("parts", resource=iri)]
    for row in visible.rows("resource", resource=names) if names else []:
        said.setdefault(row["resource"], {})[row["property"]] = row["value"]
    found = [
        DayRevision(part, number, ended if isinstance(ended, datetime) else None, str(facts.get(str(FC.digest), "")))
        for part, facts in said.items()
        if facts.get(str(FC.revisionOf)) == iri and isinstance(number := facts.get(str(FC.revision)), int)
        for ended in [facts.get(str(PROV.invalidatedAtTime))]
    ]
    return tuple(sorted(found, key=lambda each: each.number))


def _around(issues: list[tuple[str, datetime]], iri: str, beside: int = 10) -> list[tuple[str, datetime]]:
    """The few that were made just before and after this one."""
    at = next((index for index, (other, _) in enumerate(issues) if other == iri), 0)
    return issues[max(0, at - beside) : at + beside + 1]
