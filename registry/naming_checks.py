"""What an edit makes new, held against `naming`: members, and things that are entered by hand (`fcsh:storedIn`)."""

from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from functools import cache

import rdflib
from pyoxigraph import NamedNode, Quad, Triple
from rdflib import SH

import shapes
from kg import queries
from kg.iris import Iris
from kg.store import Store
from ontology.names import FC, FCSH, RDF
from registry import naming
from registry.naming import Refusal
from shapes import Finding

_TYPE, _MEMBER, _BOX = NamedNode(str(RDF.type)), str(FC.Member), str(FC.OpenSmartBox)


@dataclass(frozen=True)
class _Class:
    """Where things of a class are kept, and the first part of their keys."""

    stored_in: str
    id_type: str


@dataclass(frozen=True)
class _New:
    """A thing that was of no class so far, as far as the graphs of one owner tell."""

    thing: str
    cls: str
    member: str


def family_of(iris: Iris, graph: str) -> str:
    """The key of the member whose graph it is; empty for a graph that is no member's."""
    prefix = iris.graph("member", "")
    return graph[len(prefix) :].partition("/")[0] if graph.startswith(prefix) else ""


def findings(
    store: Store,
    iris: Iris,
    before: Mapping[str, Set[Triple]],
    insert: Sequence[Quad],
    graphs: Callable[[], Sequence[str]],
    erased: Callable[[str], bool],
) -> list[Finding]:
    """Say what may not be called as an edit calls it; what was called so before is let be.

    Parameters
    ----------
    before
        What the graphs that the edit touches hold.
    insert
        What really comes.
    graphs
        The names of all graphs; asked only where somebody joins.
    """
    typed = [
        (quad.subject.value, quad.object.value, quad.graph_name.value)  # type: ignore[union-attr]
        for quad in insert
        if quad.predicate == _TYPE and isinstance(quad.object, NamedNode) and quad.object.value in _classes()
    ]
    described = _described(store, {thing for thing, _, _ in typed})
    new = {
        _New(thing, cls, family_of(iris, graph))
        for thing, cls, graph in typed
        if family_of(iris, graph) not in {family_of(iris, other) for other in described.get(thing, ())}
    }
    joining = {family_of(iris, quad.graph_name.value) for quad in insert if not before.get(quad.graph_name.value)}  # type: ignore[union-attr]
    joining |= {iris.key(each.thing) for each in new if each.cls == _MEMBER and each.thing.startswith(iris.id("member", ""))}
    wrong = dict(_members(iris, joining - {""}, graphs, erased))
    found = [refused.finding(iris.id("member", key)) for key, refused in wrong.items()]
    for each in sorted(new, key=lambda one: (one.thing, one.cls)):
        refused = _refused(iris, each, {family_of(iris, graph) for graph in described.get(each.thing, ())})
        if refused is not None and each.member not in wrong and each.thing not in {iris.id("member", key) for key in wrong}:
            found.append(refused.finding(each.thing))
    return list(dict.fromkeys(found))


def _described(store: Store, things: Set[str]) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    if things:
        query = queries.load("registry", "things_described")
        for row in store.select(query.bind_columns(thing=sorted(things))):
            found.setdefault(row["thing"].value, set()).add(row["graph"].value)
    return found


def _members(
    iris: Iris, keys: Set[str], graphs: Callable[[], Sequence[str]], erased: Callable[[str], bool]
) -> Iterator[tuple[str, Refusal]]:
    """Of members whose graphs are touched, those that were not there before and can't be called so."""
    if not keys:
        return
    there = {family_of(iris, graph) for graph in graphs()}
    taken = {key.casefold() for key in there}
    for key in sorted(keys - there):
        if (refused := naming.of_member(key, taken, erased)) is not None:
            yield key, refused


def _refused(iris: Iris, new: _New, elsewhere: Set[str]) -> Refusal | None:
    kept, start = _classes()[new.cls], iris.id(_classes()[new.cls].id_type, "")
    if not new.thing.startswith(start):
        return Refusal("start", {"key": new.thing.removeprefix(f"{iris.base}/id/"), "start": start})
    key = new.thing[len(start) :]
    if (refused := naming.of_thing(key)) is not None:
        return refused
    if new.cls == _BOX:
        return Refusal("box", {"key": key}) if elsewhere - {""} else None
    if kept.stored_in == "registry" or not new.member:
        return None
    if new.cls == _MEMBER:
        return None if key == new.member else Refusal("stranger", {"key": key})
    if (refused := naming.of_members_thing(key, new.member)) is not None:
        return refused
    return Refusal("used", {"key": key}) if elsewhere else None


@cache
def _classes() -> Mapping[str, _Class]:
    """The classes whose things are entered by hand, by IRI, as the shapes say."""
    graph = shapes.graph()
    return {
        str(cls): _Class(str(stored_in), str(graph.value(shape, FCSH.idType) or ""))
        for shape, stored_in in graph.subject_objects(FCSH.storedIn)
        for cls in graph.objects(shape, SH.targetClass)
        if isinstance(cls, rdflib.URIRef)
    }
