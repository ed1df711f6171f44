"""Take a whole import back: everything it wrote becomes what it was before, unless somebody has edited it or uses it since.

It goes owner by owner, each in one transaction that is an edit like any other: it stands in the history of each thing, and can be undone
there. What another row of the same import needs goes after that row.
"""

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime

import pyoxigraph as ox
from pyoxigraph import NamedNode, Quad

from forms.bulk import Told
from forms.import_record import GRAPH, Import, Records
from forms.told import say
from forms.writing import BREATH_S
from kg import queries
from kg.iris import Iris
from kg.store import Store
from kg.terms import canonical
from ontology.names import FC, RDF
from registry.edits import Delta
from registry.errors import RefusedEditError
from registry.gate import Gate
from registry.record import EDITS
from shapes import sentences

_MADE = {str(RDF.type), str(FC.claimedBy)}  # what is said first of a thing, and of a box that has yet to speak


@dataclass(frozen=True)
class Left:
    """Something that was not taken back: what follows `{BASE}/id/` of it, and why."""

    key: str
    told: str


@dataclass
class _Unit:
    """What the import changed of one owner, or of one thing that is nobody's: what came, what went, and the numbers of those edits."""

    come: set[Quad] = field(default_factory=set)
    gone: set[Quad] = field(default_factory=set)
    numbers: dict[str, int] = field(default_factory=dict)

    @property
    def made(self) -> set[str]:
        """The things that the import entered, and their parts."""
        subjects = {quad.subject.value for quad in self.come if quad.predicate.value in _MADE and isinstance(quad.subject, NamedNode)}
        whole = {subject for subject in subjects if "#" not in subject}
        return {quad.subject.value for quad in self.come if _whole(quad.subject) in whole}  # type: ignore[union-attr]


@dataclass(frozen=True)
class Office:
    """What taking back needs of the platform; `by`: key of who wants it."""

    gate: Gate
    store: Store
    iris: Iris
    records: Records
    now: Callable[[], datetime]
    by: str
    language: str


def take_back(office: Office, of: Import, told: Told) -> tuple[Left, ...]:
    """Take an import back, and say what had to stay.

    Parameters
    ----------
    told
        Told how many owners had their turn, of how many; what it raises ends the work, and what is done stays done.
    """
    queue = _units(office, of)
    total, done = len(queue), 0
    left: list[Left] = []
    while queue:
        used: list[tuple[_Unit, Left]] = []
        for unit in queue:
            told(min(done, total), total)
            with office.gate.held():
                if (edited := _edited(office, unit)) is not None:
                    left.append(edited)
                elif (user := _used(office, unit)) is not None:
                    used.append((unit, user))
                elif (refused := _apply(office, of, unit)) is not None:
                    left.append(refused)
            done += 1
            time.sleep(BREATH_S)
        if len(used) == len(queue):  # nothing more has come free
            left += [each for _, each in used]
            break
        queue, done = [unit for unit, _ in used], total - len(used)
    office.records.taken_back(of, office.now())
    return tuple(left)


def _units(office: Office, of: Import) -> list[_Unit]:
    """What of an import still stands, by owner."""
    query, iri = queries.load("forms", "import_changes"), office.records.iri(of.key)
    back = {(row["graph"], row["thing"]) for row in queries.rows(office.store, query, whole=f"{iri}#undo")}
    family = office.iris.graph("member", "")
    found: dict[str, _Unit] = {}
    for row in queries.rows(office.store, query, whole=iri):
        graph, thing = row["graph"], row["thing"]
        if (graph, thing) not in back:
            unit = found.setdefault(graph[len(family) :].partition("/")[0] if graph.startswith(family) else thing, _Unit())
            unit.come.update(_quads(row.get("come", ""), graph))
            unit.gone.update(_quads(row.get("gone", ""), graph))
            unit.numbers[thing] = row["number"]
    return list(found.values())


def _edited(office: Office, unit: _Unit) -> Left | None:
    """The first thing that was edited after the import."""
    query = queries.load("registry", "edits_counted").bind_columns(thing=sorted(unit.numbers))
    last = {row["thing"].value: int(row["last"].value) for row in office.store.select(query) if "last" in row}
    later = next((thing for thing, number in sorted(unit.numbers.items()) if last.get(thing, number) > number), None)
    return None if later is None else Left(office.iris.local(later), say("back-edited", office.language))


def _used(office: Office, unit: _Unit) -> Left | None:
    """The first thing that the import entered and that something else speaks of by now."""
    made = sorted(unit.made)
    if not made:
        return None
    stated = office.store.select(queries.load("registry", "statements_of").bind_columns(subject=made))
    referring = office.store.select(queries.load("forms", "referring_to").bind_columns(thing=made))
    said = [(row["subject"].value, Quad(row["subject"], row["predicate"], canonical(row["object"]), row["graph"])) for row in stated]  # type: ignore[arg-type]
    said += [(row["thing"].value, Quad(row["subject"], row["predicate"], row["thing"], row["graph"])) for row in referring]  # type: ignore[arg-type]
    for thing, quad in said:
        if quad not in unit.come and not _is_record(office.iris, quad.graph_name.value):  # type: ignore[union-attr]
            other = office.iris.local(_whole(quad.subject)) if _whole(quad.subject).startswith(f"{office.iris.base}/id/") else "?"
            return Left(office.iris.local(thing), say("back-used", office.language, other=other))
    return None


def _apply(office: Office, of: Import, unit: _Unit) -> Left | None:
    why = f"{of.why} (import/{of.key}) taken back"
    delta = Delta(frozenset(unit.come - unit.gone), frozenset(unit.gone - unit.come))
    try:
        office.gate.apply(delta, by=office.by, why=why, along=lambda run: office.records.part(of, run, "#undo"))
    except RefusedEditError as error:
        told = " ".join(sentences.for_people(each, office.language) for each in error.findings) or str(error)
        return Left(office.iris.local(min(unit.numbers)), told)
    return None


def _is_record(iris: Iris, graph: str) -> bool:
    return graph in (iris.graph(EDITS), iris.graph("audit"), iris.graph(GRAPH)) or graph.endswith(f"/{EDITS}")


def _quads(text: str, graph: str) -> Iterable[Quad]:
    read = ox.parse(text.encode(), format=ox.RdfFormat.N_TRIPLES) if text else ()
    return [Quad(each.subject, each.predicate, canonical(each.object), NamedNode(graph)) for each in read]


def _whole(node: object) -> str:
    return str(getattr(node, "value", "")).partition("#")[0]
