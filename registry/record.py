"""What an edit did to each thing, kept beside what it touched: so it can be undone, and goes when that goes.

The record of a member's graphs is `member/{m}/edits`, of all others `edits`. It names the thing without fragment, the graph, the number of
the edit, and holds what went and what came as N-Triples. Why is told there too, unless the words name another member whose graphs the edit
changed: a box that moved. Graph `audit` holds counts only, and why.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from pyoxigraph import Literal, NamedNode, Quad

from kg import queries
from kg.iris import Iris
from kg.provenance import activity
from kg.store import Store
from kg.terms import Lang, describe, iri
from ontology.names import FC, PROV, RDF, RDFS

EDITS = "edits"


@dataclass(frozen=True)
class Run:
    """One edit.

    Attributes
    ----------
    iri : of its activity
    at : when
    agent : IRI of who wanted it
    why : in words; may be empty
    """

    iri: str
    at: datetime
    agent: str
    why: str


def thing_of(subject: str) -> str:
    """The thing that a subject is, or is a part of."""
    return subject.partition("#")[0]


def graph_of(iris: Iris, graph: str, thing: str) -> str:
    """The graph in which a change of a thing is recorded.

    What graph `people` says of a member is recorded with the member's own, so that it is erased with them.
    """
    family, members = iris.graph("member", ""), iris.id("member", "")
    if graph.startswith(family):
        return iris.graph("member", graph[len(family) :].partition("/")[0], EDITS)
    if graph == iris.graph("people") and thing.startswith(members):
        return iris.graph("member", thing[len(members) :].partition("/")[0], EDITS)
    return iris.graph(EDITS)


def records(store: Store, iris: Iris, run: Run, delete: Iterable[Quad], insert: Iterable[Quad]) -> list[Quad]:
    """State what an edit did to each thing that it changed, and in each graph of such records who made it, when and why.

    Parameters
    ----------
    delete, insert
        What really went and came.
    """
    changed: dict[tuple[str, str], tuple[list[str], list[str]]] = {}
    for side, quads in enumerate((delete, insert)):
        for quad in quads:
            where = (quad.graph_name.value, thing_of(quad.subject.value))  # type: ignore[union-attr]
            changed.setdefault(where, ([], []))[side].append(f"{quad.triple} .")
    numbers = _last_numbers(store, {thing for _, thing in changed})
    stated: list[Quad] = []
    homes: set[str] = set()
    for position, ((graph, thing), (gone, come)) in enumerate(sorted(changed.items()), 1):
        home = graph_of(iris, graph, thing)
        homes.add(home)
        kept = graph != iris.graph("people") or home != iris.graph(EDITS)  # nothing else is erased in words of nobody we know
        stated += _record(
            home, f"{run.iri}#{position}", run.iri, graph, thing, numbers.get(thing, 0) + 1, (gone, come) if kept else ([], [])
        )
    named = _members_in(run.why) & {_member(iris, home) for home in homes}
    for home in sorted(homes):
        stated += activity(iris, home, run.iri, at=run.at, on_behalf_of=run.agent)
        told = run.why and not named - {_member(iris, home)}
        stated += describe(home, run.iri, {str(RDFS.comment): Lang(run.why) if told else None})
    return stated


def _member(iris: Iris, home: str) -> str:
    return home.removeprefix(iris.graph("member", "")).partition("/")[0].casefold()


def _members_in(text: str) -> set[str]:
    """All that could be keys of members in a text: its words, and what they begin with (`h01` in `h01-battery`)."""
    words = re.findall(r"[a-z0-9]+(?:-[a-z0-9]+)*", text.casefold())
    return {word[:end] for word in words for end in (*(dash.start() for dash in re.finditer("-", word)), len(word))}


def _record(
    home: str, record: str, run: str, graph: str, thing: str, number: int, texts: tuple[Sequence[str], Sequence[str]]
) -> list[Quad]:
    where, about = NamedNode(home), NamedNode(record)
    gone, come = ("\n".join(sorted(lines)) for lines in texts)
    properties: list[tuple[str, NamedNode | Literal]] = [
        (RDF.type, iri(str(FC.ChangeRecord))),
        (PROV.wasGeneratedBy, iri(run)),
        (FC.recordedGraph, NamedNode(graph)),
        (FC.editedThing, NamedNode(thing)),
        (FC.editNumber, Literal(number)),
    ]
    properties += [(name, Literal(text)) for name, text in ((FC.deletedText, gone), (FC.insertedText, come)) if text]
    return [Quad(about, NamedNode(str(name)), value, where) for name, value in properties]


def _last_numbers(store: Store, things: Iterable[str]) -> Mapping[str, int]:
    query = queries.load("registry", "edits_counted")
    found = store.select(query.bind_columns(thing=sorted(things)))
    return {row["thing"].value: int(row["last"].value) for row in found if "last" in row}
