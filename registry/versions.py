"""What a thing was before each edit, and the way back: the states are rebuilt from the present one, edit by edit.

A thing is an IRI without fragment; its parts, whose IRIs are its own and a fragment, go with it. What the platform or a box writes passes
no gate and is in no record: it counts as if it had always been so.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import unquote

import pyoxigraph as ox
from pyoxigraph import NamedNode, Quad

from kg import queries
from kg.iris import Iris
from kg.store import Store
from kg.terms import canonical
from registry.edits import Delta
from registry.errors import UnknownVersionError
from registry.record import thing_of

_DEPTH = 5  # parts of parts: as deep as a thing is looked into


@dataclass(frozen=True)
class Version:
    """A state of a thing, by the edit that made it.

    Attributes
    ----------
    number : 1 is what the first edit that was recorded made
    run : IRI of the activity
    at : when
    by : key of who wanted it
    why : in words; empty if nothing was said
    deleted, inserted : what went and came; both empty where it was not kept
    """

    number: int
    run: str
    at: datetime
    by: str
    why: str
    deleted: frozenset[Quad]
    inserted: frozenset[Quad]

    @property
    def kept(self) -> bool:
        """Whether what changed is recorded."""
        return bool(self.deleted or self.inserted)


def history(store: Store, iris: Iris, thing: str) -> list[Version]:
    """List the edits of a thing that are recorded, newest first.

    What the thing was before the first of them is `content(…, number=0)`: if there is something, it was entered before edits were
    recorded, or by no edit.
    """
    versions: dict[int, dict[str, Any]] = {}
    for row in queries.rows(store, queries.load("registry", "edits_of_thing"), thing=thing_of(thing), audit=iris.graph("audit")):
        found = versions.setdefault(
            row["number"],
            {"run": row["run"], "at": row["at"], "by": "", "why": row.get("why", ""), "deleted": set(), "inserted": set()},
        )
        if row["agent"].startswith(iris.id("agent", "")):
            found["by"] = unquote(iris.key(row["agent"]))
        found["deleted"].update(_quads(row.get("gone", ""), row["graph"]))
        found["inserted"].update(_quads(row.get("come", ""), row["graph"]))
    return [
        Version(number, **{**found, "deleted": frozenset(found["deleted"]), "inserted": frozenset(found["inserted"])})
        for number, found in sorted(versions.items(), reverse=True)
    ]


def content(store: Store, iris: Iris, thing: str, number: int | None = None) -> frozenset[Quad]:
    """Find what all graphs say of a thing and its parts: now, or as a version was; 0 is before the first edit that is recorded.

    Raises
    ------
    UnknownVersionError
        If there is no such version.
    """
    return _now_and_then(store, iris, thing, number)[1]


def back_to(store: Store, iris: Iris, thing: str, number: int) -> Delta:
    """Find what makes a thing and its parts what a version was; nothing else is touched.

    Raises
    ------
    UnknownVersionError
        If there is no such version.
    """
    now, then = _now_and_then(store, iris, thing, number)
    return Delta(now - then, then - now)


def _now_and_then(store: Store, iris: Iris, thing: str, number: int | None) -> tuple[frozenset[Quad], frozenset[Quad]]:
    past = history(store, iris, thing)
    now = _now(store, thing_of(thing), past)
    return now, now if number is None else unrolled(now, past, number, thing)


def unrolled(now: Iterable[Quad], past: Iterable[Version], number: int, thing: str = "The thing") -> frozenset[Quad]:
    """Take edits back, the newest first, until a version is reached.

    Raises
    ------
    UnknownVersionError
        If there is no such version.
    """
    edits = list(past)
    if number != 0 and number not in {each.number for each in edits}:
        last = max((each.number for each in edits), default=0)
        raise UnknownVersionError(f"{thing} has no version {number}: {last} edits of it are recorded; choose one of its history")
    state = frozenset(now)
    for each in edits:
        if each.number > number:
            state = (state - each.inserted) | each.deleted
    return state


def _now(store: Store, thing: str, past: Iterable[Version]) -> frozenset[Quad]:
    """What is said of a thing, of the parts that it leads to, and of those that edits have changed."""
    ahead = {thing} | {quad.subject.value for each in past for quad in (*each.deleted, *each.inserted)}  # type: ignore[union-attr]
    seen: set[str] = set()
    found: set[Quad] = set()
    for _ in range(_DEPTH):
        if not ahead:
            break
        seen |= ahead
        said = _statements(store, ahead)
        found |= said
        ahead = {
            quad.object.value for quad in said if isinstance(quad.object, NamedNode) and quad.object.value.startswith(f"{thing}#")
        } - seen
    return frozenset(found)


def _statements(store: Store, subjects: Iterable[str]) -> set[Quad]:
    query = queries.load("registry", "statements_of")
    rows = store.select(query.bind_columns(subject=sorted(subjects)))
    return {Quad(row["subject"], row["predicate"], canonical(row["object"]), row["graph"]) for row in rows}  # type: ignore[arg-type]


def _quads(text: str, graph: str) -> set[Quad]:
    where = NamedNode(graph)
    read = ox.parse(text.encode(), format=ox.RdfFormat.N_TRIPLES) if text else ()
    return {Quad(each.subject, each.predicate, canonical(each.object), where) for each in read}
