"""From what was filled in to a change of the graph: only what differs, and each value where it was said.

What no field asks for stays. A part that is taken away takes its own statements along. What a box asserts is not changed in the box's
graph: it goes there, and what is so instead comes among the owner's facts; `registry.owners_word.settled` keeps what the box says otherwise.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from pyoxigraph import Literal, NamedNode, Quad

from forms.errors import PlaceError
from forms.given import Filled, Given, part_iris
from forms.model import Field, Form, Kind
from forms.things import TYPE, Entry, Thing, from_box
from kg.iris import Iris
from kg.store import Term
from ontology.names import SAREF
from registry import naming
from registry.edits import Delta

BOX = "osb"  # whose keys are their own, as they are printed on the box
Overrule = Callable[[frozenset[Quad], frozenset[Quad]], Delta]


@dataclass(frozen=True)
class Place:
    """Where a thing is written: its IRI, and the graph for what is new about it."""

    graph: str
    iri: str


def place(
    form: Form, iris: Iris, *, member: str | None = None, key: str | None = None, taken: Callable[[str], bool] | None = None
) -> Place:
    """Find a place for a new thing.

    Parameters
    ----------
    member
        Key of the member that it belongs to; needed but for what is in the registry.
    key
        What follows the type in its IRI (`h01-battery`); made of the member's key and the form's suffix where not given. A member's own
        things have keys that begin with the member's, but for boxes.
    taken
        Tells whether an IRI is in use; then a key that was not given gets a number.

    Raises
    ------
    PlaceError
        If the key can't be one, is somebody else's, or is missing.
    """
    if not form.stored_in:
        raise PlaceError(f"Things of class {form.cls} are not entered by hand; their shape names no place (fcsh:storedIn).")
    if member is not None and naming.KEY.fullmatch(member) is None:
        raise PlaceError(naming.Refusal("key", {"key": member}))
    if form.stored_in == "registry":
        if not key:
            raise PlaceError("The key is missing; it names the thing in its address, like feeder-1.")
        return Place(iris.graph("registry"), iris.id(form.id_type, _allowed(key, naming.of_thing(key))))
    if not member:
        raise PlaceError("It is not said which member this belongs to; open the member and add it there.")
    graph = iris.graph("member", member, form.stored_in)
    if key:
        refused = naming.of_thing(key) if form.id_type == BOX else naming.of_members_thing(key, member)
        return Place(graph, iris.id(form.id_type, _allowed(key, refused)))
    return Place(
        graph, next(iri for each in _keys(form, member) if not ((iri := iris.id(form.id_type, each)) and taken is not None and taken(iri)))
    )


def _keys(form: Form, member: str) -> Iterator[str]:
    """Keys to try, one after the other: `h01-battery`, `h01-battery-2`; of contracts `h01/r1`, `h01/r2`."""
    if form.stored_in == "contracts":
        yield from (f"{member}/r{number}" for number in range(1, 10_000))
    first = f"{member}-{form.suffix}" if form.suffix else member
    yield first
    yield from (f"{first}-{number}" for number in range(2, 10_000))


def _allowed(key: str, refused: naming.Refusal | None) -> str:
    if refused is not None:
        raise PlaceError(refused)
    return key


def place_of(iris: Iris, thing: Thing) -> Place:
    """Where what is new about a thing is written: beside what its owner or the clerk says of it already."""
    own = [graph for graph in thing.graphs if not from_box(graph)]
    if own:
        home = [graph for graph in own if graph.endswith(f"/{thing.form.stored_in}")]
        return Place((home or own)[0], thing.iri)
    boxes = thing.graphs or (iris.graph("registry"),)
    return Place(facts_beside(boxes[0]), thing.iri)


def facts_beside(graph: str) -> str:
    """The graph of the owner's facts beside one that a box asserts."""
    return f"{graph.partition('/osb/')[0]}/facts" if from_box(graph) else graph


def delta(
    iris: Iris,  # noqa: ARG001 - what names parts may come to need it; callers have it
    thing: Thing | None,
    filled: Filled,
    place: Place,
    *,
    given: Mapping[str, Sequence[Term]] | None = None,
    overrule: Overrule = Delta,
) -> Delta:
    """Find what changes.

    Parameters
    ----------
    thing
        As it was read; nothing for a new one.
    given
        Values of computed fields, by key, which the platform states itself; those not named stay.
    overrule
        What becomes of values that a box asserts, of the quads that go from its graph and those that come among the owner's facts.
    """
    changes = _Changes(place, dict(thing.by_subject) if thing is not None else {})
    changes.fields(filled.form, place.iri, thing.values if thing is not None else {}, filled.values, new=thing is None)
    for key, terms in (given or {}).items():
        entries = thing.values.get(key, ()) if thing is not None else ()
        changes.plain(place.iri, filled.form.field(key).path, entries, [Given(key, term) for term in terms])
    boxed = overrule(frozenset(changes.box_gone), frozenset(changes.box_come)) if changes.box_gone else Delta()
    delete, insert = frozenset(changes.gone) | boxed.delete, frozenset(changes.come) | boxed.insert
    return Delta(delete - insert, insert - delete)


def removal(thing: Thing) -> Delta:
    """Take a thing away with its parts: all that any graph says of it."""
    return Delta(delete=frozenset(thing.quads))


@dataclass
class _Changes:
    """Gathers quads that go and come."""

    place: Place
    statements: dict[str, tuple[Quad, ...]]
    gone: set[Quad] = field(default_factory=set)
    come: set[Quad] = field(default_factory=set)
    box_gone: set[Quad] = field(default_factory=set)
    box_come: set[Quad] = field(default_factory=set)

    def fields(
        self, form: Form, iri: str, entries: Mapping[str, Sequence[Entry]], values: Mapping[str, Sequence[Given]], *, new: bool
    ) -> None:
        if not any(quad.predicate.value == TYPE for quad in self.statements.get(iri, ())):
            self._add(iri, TYPE, NamedNode(form.cls))
        for each in form.fields:
            old = entries.get(each.key, ())
            if each.fixed:
                if not old and (new or not each.computed):
                    self._add(iri, each.path, _fixed(each))
            elif each.key not in values or each.computed:
                continue
            elif each.kind in (Kind.PART, Kind.VALUE):
                self._parts(each, iri, old, values[each.key])
            else:
                self.plain(iri, each.path, old, values[each.key])

    def plain(self, iri: str, path: str, old: Sequence[Entry], given: Sequence[Given]) -> None:
        """Values that are terms: those that stay stay where they are, and what takes the place of another is said where that was."""
        wanted = [each.term for each in given if each.term is not None]
        going = [entry for entry in old if entry.term not in wanted]
        coming = [term for term in wanted if term not in {entry.term for entry in old}]
        for number, entry in enumerate(going):
            instead = coming[number] if number < len(coming) else None
            self._change(iri, path, entry, instead)
        for term in coming[len(going) :]:
            self._add(iri, path, term)

    def _parts(self, asked: Field, iri: str, old: Sequence[Entry], given: Sequence[Given]) -> None:
        kept = {each.was for each in given}
        for entry in old:
            if entry.term.value not in kept:
                self._take_away(iri, asked.path, entry)
        names = part_iris(asked, self.place.iri, given, {*self.statements, *(entry.term.value for entry in old)})
        by_iri = {entry.term.value: entry for entry in old}
        for each, name in zip(given, names, strict=True):
            known = by_iri.get(name)
            if known is None:
                self._add(iri, asked.path, NamedNode(name))
            if asked.kind == Kind.VALUE:
                self._value(asked, name, known, each)
            elif asked.part is not None:
                self.fields(asked.part, name, (known.part if known else None) or {}, each.part or {}, new=known is None)

    def _value(self, asked: Field, iri: str, entry: Entry | None, given: Given) -> None:
        part = (entry.part if entry is not None else None) or {}
        numbers, units = part.get("value", ()), part.get("unit", ())
        if entry is None:
            self._add(iri, TYPE, NamedNode(str(SAREF.PropertyValue)))
            self._add(iri, str(SAREF.isValueOfProperty), NamedNode(asked.of_kind or ""))
        changed = [number.term for number in numbers] != [given.term]
        self.plain(iri, str(SAREF.hasValue), numbers, [given])
        if asked.unit and (not units or (changed and [unit.term.value for unit in units] != [asked.unit])):
            self.plain(iri, str(SAREF.isMeasuredIn), units, [Given(given.name, NamedNode(asked.unit))])

    def _take_away(self, iri: str, path: str, entry: Entry) -> None:
        self._change(iri, path, entry, None)
        near = [entry.term.value]
        for subject in near:  # with its own parts
            for quad in self.statements.get(subject, ()):
                (self.box_gone if from_box(_graph(quad)) else self.gone).add(quad)
                if (
                    isinstance(quad.object, NamedNode)
                    and quad.object.value.startswith(f"{self.place.iri}#")
                    and quad.object.value not in near
                ):
                    near.append(quad.object.value)

    def _change(self, iri: str, path: str, entry: Entry, instead: Term | None) -> None:
        graphs = (entry.graph, *entry.also)
        for graph in graphs:
            (self.box_gone if from_box(graph) else self.gone).add(Quad(NamedNode(iri), NamedNode(path), entry.term, NamedNode(graph)))
        if instead is not None:
            where = facts_beside(entry.graph)
            (self.box_come if from_box(entry.graph) else self.come).add(Quad(NamedNode(iri), NamedNode(path), instead, NamedNode(where)))

    def _add(self, iri: str, path: str, term: Term) -> None:
        self.come.add(Quad(NamedNode(iri), NamedNode(path), term, NamedNode(self.place.graph)))


def _fixed(asked: Field) -> Term:
    return Literal(asked.fixed or "", datatype=NamedNode(asked.datatype)) if asked.datatype else NamedNode(asked.fixed or "")


def _graph(quad: Quad) -> str:
    return getattr(quad.graph_name, "value", "")
