"""The owner's word: what owners and clerks say in `member/{m}/facts` holds, whatever a box says, before and after (docs/onboarding.md).

Reads the facts of a member, the graphs of the boxes that they claim and what is withheld of them; writes nothing, but answers with the
change that keeps the two apart. `telemetry.announce` does the same when a box speaks.
"""

from collections.abc import Iterable, Iterator, Sequence, Set
from dataclasses import dataclass

from pyoxigraph import NamedNode, Quad, Triple

from kg import words
from kg.iris import Iris
from kg.store import Store
from kg.terms import canonical
from kg.words import Said, Word
from ontology.names import FC, RDFS
from registry.edits import Delta
from registry.errors import RefusedEditError
from shapes.single import single


@dataclass(frozen=True)
class Difference:
    """What a box says otherwise than the owner.

    Attributes
    ----------
    osb, thing, path : IRIs of the box, of what the two speak of, and of the property
    kind : IRI of the kind of value (`fcv:StorageCapacity`); empty where the property is not one that leads to values
    owner, box : the statements of each
    """

    osb: str
    thing: str
    path: str
    kind: str
    owner: frozenset[Triple]
    box: frozenset[Triple]

    @property
    def word(self) -> Word:
        """What it is about, as `take_the_boxs_word` wants it."""
        return self.thing, self.path, self.kind


def overrule(store: Store, iris: Iris, member: str, quads: Iterable[Quad]) -> Delta:
    """Let the owner say something, also where a box says it otherwise: the box's word gives way and is kept apart.

    Parameters
    ----------
    member
        IRI or key.
    quads
        What the owner says, whatever graph they name. A number alone takes the rest of its part (kind, unit) from the box.

    Returns
    -------
    Delta
        For `registry.gate.Gate.apply`; it touches the member's facts and the graphs of their boxes, and is empty where all of it is so.
    """
    place = _Place(store, iris, member)
    said = {Triple(quad.subject, quad.predicate, canonical(quad.object)) for quad in quads}  # type: ignore[arg-type]
    return place.change(place.facts - set(_replaced(place.facts, said)) | said)


def take_the_boxs_word(store: Store, iris: Iris, member: str, chosen: Iterable[Word]) -> Delta:
    """Take back what the owner said, so that the box's word holds.

    Parameters
    ----------
    chosen
        Which words: IRIs of the thing, of the property, and of the kind of value or the empty text; see `Difference.word`.

    Raises
    ------
    RefusedEditError
        If the box says nothing of it.
    """
    place = _Place(store, iris, member)
    wanted = set(chosen)
    heard = {word for box in place.boxes for word in Said(box.said).words()}
    unheard = sorted(wanted - heard)
    if unheard:
        raise RefusedEditError(
            [
                f"No box of {iris.local(place.member)} says anything of {thing} ({kind or path}); correct the value itself instead."
                for thing, path, kind in unheard
            ]
        )
    spoken = Said(place.facts).words()
    return place.change(place.facts - {triple for word in wanted for triple in spoken.get(word, ())})


def settled(store: Store, iris: Iris, delta: Delta) -> Delta:
    """Complete any change of members' facts, so that owner and boxes are apart after it, too; other changes stay as they are."""
    keys = {key for graph in delta.graphs if (key := _member_of(iris, graph)) is not None}
    if not keys:
        return delta
    goes, comes = _by_member(iris, delta.delete, keys), _by_member(iris, delta.insert, keys)
    parts = [Delta(frozenset(goes.get("", ())), frozenset(comes.get("", ())))]  # of many members' facts, each is looked at alone
    parts += [
        _Place(store, iris, key).completed(Delta(frozenset(goes.get(key, ())), frozenset(comes.get(key, ())))) for key in sorted(keys)
    ]
    return Delta(frozenset().union(*(part.delete for part in parts)), frozenset().union(*(part.insert for part in parts)))


def _by_member(iris: Iris, quads: Iterable[Quad], keys: Set[str]) -> dict[str, set[Quad]]:
    """Sort quads by whose graph they are in; those of nobody in `keys` under the empty key."""
    prefix = iris.graph("member", "")
    found: dict[str, set[Quad]] = {}
    for quad in quads:
        graph = _graph(quad)
        key = graph[len(prefix) :].partition("/")[0] if graph.startswith(prefix) else ""
        found.setdefault(key if key in keys else "", set()).add(quad)
    return found


def differences(store: Store, iris: Iris, member: str) -> list[Difference]:
    """What the boxes of a member say otherwise than the owner, by thing and property; what they say alike is not listed."""
    place = _Place(store, iris, member)
    spoken = Said(place.facts).words()
    found = []
    for box in place.boxes:
        says = Said(box.said).words()
        withheld = Said(words.meant(box.notes)).triples
        for word in sorted(word for word in says if word in spoken and not withheld.isdisjoint(says[word])):
            if words.core(says[word]) != words.core(spoken[word]):
                found.append(Difference(box.osb, *word, frozenset(spoken[word]), frozenset(says[word])))
    return found


@dataclass(frozen=True)
class _Box:
    """A box that a member claims: its own graph, and the notes of what is withheld of its word."""

    osb: str
    graph: str
    own: frozenset[Triple]
    notes: frozenset[Triple]

    @property
    def said(self) -> frozenset[Triple]:
        """All that it said."""
        return self.own | words.meant(self.notes)


class _Place:
    """A member's facts and boxes, as they are."""

    def __init__(self, store: Store, iris: Iris, member: str) -> None:
        self.key = member.rsplit("/", 1)[-1]
        self.member, self.graph = iris.id("member", self.key), iris.graph("member", self.key, "facts")
        self.facts = set(store.graph(self.graph))
        self._store, self._iris = store, iris
        self.boxes = self._claimed(self.facts)

    def change(self, facts: set[Triple]) -> Delta:
        """What it takes that the facts are these."""
        return _delta(self._settled(facts, Delta()))

    def completed(self, delta: Delta) -> Delta:
        """A change of the facts, with what it means for the boxes."""
        goes, comes = delta.within(self.graph)
        facts = self.facts - goes | comes
        known = {box.osb for box in self.boxes}
        self.boxes = [*self.boxes, *(box for box in self._claimed(facts) if box.osb not in known)]
        changes = list(self._settled(facts, delta))
        final = {graph: after for graph, _, after in changes}
        more = _delta(changes)
        stays = frozenset(quad for quad in delta.insert if quad.triple in final.get(_graph(quad), {quad.triple}))
        return Delta(delta.delete | more.delete, stays | more.insert)

    def _settled(self, facts: set[Triple], delta: Delta) -> Iterator[tuple[str, set[Triple], set[Triple]]]:
        """Graph, what it holds, and what it shall hold."""
        after = set(facts)
        for box in self.boxes:
            goes, comes = delta.within(box.graph)
            said = box.said | comes
            after |= words.apart(said, after).lacking
            divided = words.apart(said, after)
            yield box.graph, set(box.own), set(divided.kept) - (goes - comes)
            yield words.differing_graph(box.graph), set(box.notes), set(words.noted(box.osb, divided.withheld))
        yield self.graph, self.facts, after

    def _claimed(self, facts: Iterable[Triple]) -> Sequence[_Box]:
        claimed = sorted({t.subject.value for t in facts if t.predicate == _CLAIMED and isinstance(t.subject, NamedNode)})
        prefix = f"{self._iris.base}/id/osb/"
        return [self._box(osb) for osb in claimed if osb.startswith(prefix)]

    def _box(self, osb: str) -> _Box:
        graph = self._iris.graph("member", self.key, "osb", self._iris.key(osb))
        return _Box(osb, graph, frozenset(self._store.graph(graph)), frozenset(self._store.graph(words.differing_graph(graph))))


_CLAIMED = NamedNode(str(FC.claimedBy))
_LABEL = str(RDFS.label)


def _replaced(facts: set[Triple], said: set[Triple]) -> Iterator[Triple]:
    """Of the facts, what can't stand beside what the owner says now."""
    spoken, known = Said(said).words(), Said(facts).words()
    for word, triples in known.items():
        if word in spoken and word[1] in single().by_kind:
            yield from triples
    stated = {_place_of(triple) for triple in said}
    for triple in facts:
        predicate = triple.predicate.value
        if predicate in single().plain and _place_of(triple) in stated:
            yield triple


def _place_of(triple: Triple) -> tuple[object, str, str]:
    """Where one value has room: a name, once in each language."""
    language = getattr(triple.object, "language", None) or ""
    return triple.subject, triple.predicate.value, language if triple.predicate.value == _LABEL else ""


def _delta(changes: Iterable[tuple[str, set[Triple], set[Triple]]]) -> Delta:
    delete: set[Quad] = set()
    insert: set[Quad] = set()
    for graph, before, after in changes:
        where = NamedNode(graph)
        delete |= {Quad(each.subject, each.predicate, each.object, where) for each in before - after}
        insert |= {Quad(each.subject, each.predicate, each.object, where) for each in after - before}
    return Delta(frozenset(delete), frozenset(insert))


def _member_of(iris: Iris, graph: str) -> str | None:
    prefix = iris.graph("member", "")
    key, _, leaf = graph.removeprefix(prefix).partition("/")
    return key if graph.startswith(prefix) and leaf == "facts" and key else None


def _graph(quad: Quad) -> str:
    return str(getattr(quad.graph_name, "value", ""))
