"""A thing and its history as pages show them: by the fields of its form; what refers to it; what no field asks for."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache

from pyoxigraph import NamedNode, Quad

from api import about
from api.guard import scope
from api.services import services
from forms import made, shown, things
from forms.model import Field, Form, Group, Kind
from forms.things import Entry, Thing
from kg import queries
from ontology.names import RDF
from registry import versions
from registry.versions import Version
from shapes.words import said

MOST_REFERRING = 20  # of one kind
MOST_VERSIONS = 20


@dataclass(frozen=True)
class Shown:
    """One value: its text, where it leads to (an IRI; empty where to nothing), whether a box says so, and of a part its own rows."""

    text: str
    iri: str = ""
    by_box: bool = False
    rows: "tuple[tuple[Field, tuple[Shown, ...]], ...]" = ()


@dataclass(frozen=True)
class Referring:
    """Things of one kind that refer to a thing.

    Attributes
    ----------
    names : what such things are called, by language
    things : IRI and name, of the first
    count : of all
    editable : whether such things are entered by hand, so that they have a page of the registry
    """

    names: Mapping[str, str]
    things: tuple[tuple[str, str], ...]
    count: int
    editable: bool


@dataclass(frozen=True)
class Change:
    """What became of one field: texts before and after."""

    names: Mapping[str, str]
    path: str
    before: tuple[str, ...]
    after: tuple[str, ...]


@dataclass(frozen=True)
class Step:
    """One version, for people.

    Attributes
    ----------
    changes : by field
    others : statements that no field asks for: those that went, and those that came
    is_now : whether the thing is still so
    """

    version: Version
    changes: tuple[Change, ...]
    others: tuple[tuple[Quad, ...], tuple[Quad, ...]]
    is_now: bool


def groups(thing: Thing, language: str, zone: str) -> list[tuple[Group | None, list[tuple[Field, tuple[Shown, ...]]]]]:
    """The values of a thing under the headings of its form."""
    found = []
    for group in (None, *thing.form.groups):
        fields = [each for each in thing.form.fields if not each.fixed or each.computed]
        own = [each for each in fields if each.group == (group.iri if group else "")]
        rows = [(each, values(each, thing.values[each.key], language, zone)) for each in own if thing.values.get(each.key)]
        if rows:
            found.append((group, rows))
    return found


def values(asked: Field, entries: Sequence[Entry], language: str, zone: str) -> tuple[Shown, ...]:
    """The values of one field."""
    return tuple(_value(asked, each, language, zone) for each in entries)


def _value(asked: Field, entry: Entry, language: str, zone: str) -> Shown:
    by_box = things.from_box(entry.graph)
    if asked.kind == Kind.PART and asked.part is not None:
        inside = [each for each in asked.part.fields if not each.fixed and (entry.part or {}).get(each.key)]
        return Shown("", "", by_box, tuple((each, values(each, (entry.part or {})[each.key], language, zone)) for each in inside))
    leads = entry.term.value if asked.kind in (Kind.REFERENCE, Kind.IRI) and isinstance(entry.term, NamedNode) else ""
    return Shown(shown.text(asked, entry, language, zone), leads, by_box or (asked.kind == Kind.VALUE and _number_by_box(entry)))


def _number_by_box(entry: Entry) -> bool:
    return entry.number is not None and things.from_box(entry.number.graph)


def referring(thing: Thing, language: str) -> tuple[list[Referring], bool]:
    """What refers to a thing or a part of it, by kind; and whether there is more than was looked at."""
    iri, parts = thing.iri, thing.by_subject.keys() - {thing.iri}
    found, more = about.references(iri, parts)
    subjects = {each.subject.partition("#")[0] for each in found if not things.kept_apart(services().iris, each.graph)} - {iri}
    types = _types(subjects)
    kinds: dict[str, tuple[Form | None, list[str]]] = {}
    form_of = cache(made.maker().of_types)  # of a thousand things few kinds
    for subject in sorted(subjects):
        form = form_of(frozenset(types.get(subject, ()))) or made.by_iri(subject)
        kinds.setdefault(form.slug if form else "", (form, []))[1].append(subject)
    listed = sorted(
        kinds.values(), key=lambda pair: (pair[0] is None or not pair[0].stored_in, said(pair[0].names, language) if pair[0] else "")
    )
    names = things.names_of(services().store, [each for _, own in listed for each in own[:MOST_REFERRING]])
    return [_referring(form, own, names, language) for form, own in listed], more


def _referring(form: Form | None, own: Sequence[str], names: Mapping[str, Mapping[str, str]], language: str) -> Referring:
    first = tuple((each, said(names.get(each, {}), language) or shown.key(each)) for each in own[:MOST_REFERRING])
    return Referring(form.names if form else {}, first, len(own), bool(form and form.stored_in))


def _types(subjects: Iterable[str]) -> dict[str, set[str]]:
    wanted = sorted(subjects)
    found: dict[str, set[str]] = {}
    if wanted:
        for row in queries.rows(services().store, queries.load("api", "thing_types"), thing=wanted):
            found.setdefault(row["thing"], set()).add(row["type"])
    return found


# --- history


@dataclass(frozen=True)
class Past:
    """The history of a thing.

    Attributes
    ----------
    steps : newest first
    older : the number of the newest that is left out; 0 where none is
    unrecorded : whether it was there before edits were recorded
    since : when the first that is recorded was made
    form : of the thing, or of what it was
    name : what it is or was called
    last : what is said of it, or was said last
    """

    steps: tuple[Step, ...]
    older: int
    unrecorded: bool
    since: datetime | None
    form: Form | None
    name: str
    last: frozenset[Quad]


def past(iri: str, language: str, zone: str, until: int | None = None) -> Past:
    """The history of a thing, a page of it: from the newest, or from a version on."""
    known = services()
    edits = versions.history(known.store, known.iris, iri)
    state = versions.content(known.store, known.iris, iri)
    now, states = _own(state), {}
    for each in edits:
        states[each.number] = _own(state)
        state = (state - each.inserted) | each.deleted
    states[0] = _own(state)
    form = _form(iri, [now, *states.values()])
    chosen = [each for each in edits if until is None or each.number <= until]
    page = chosen[:MOST_VERSIONS]
    told: frozenset[Quad] = frozenset().union(*(states[number] for each in page for number in (each.number, each.number - 1)))
    referred = {quad.object.value for quad in told if isinstance(quad.object, NamedNode)}
    names = things.names_of(known.store, referred, _names_things)
    steps = tuple(_step(each, states, now, form, iri, names, language, zone) for each in page)
    last = next((state for state in (now, *(states[each.number] for each in edits), states[0]) if state), frozenset())
    name = said(things.of_quads(form, iri, list(last)).names, language) if form is not None else ""
    older = chosen[MOST_VERSIONS].number if len(chosen) > MOST_VERSIONS else 0
    return Past(steps, older, bool(states[0]), edits[-1].at if edits else None, form, name or shown.key(iri), last)


def _own(state: Iterable[Quad]) -> frozenset[Quad]:
    """What describes the thing, as far as whoever asks may see it; not what graphs say that are kept apart."""
    iris, seen = services().iris, scope()
    return frozenset(
        quad
        for quad in state
        if not things.kept_apart(iris, quad.graph_name.value) and seen.allows(quad.graph_name.value)  # type: ignore[union-attr]
    )


def _names_things(graph: str) -> bool:
    """Whether a graph's names are shown: what the registry calls a partner or a node is no secret to whoever has dealt with it."""
    return scope().allows(graph) or graph == services().iris.graph("registry")


def _form(iri: str, states: Iterable[Iterable[Quad]]) -> Form | None:
    for state in states:
        types = {quad.object.value for quad in state if quad.subject == NamedNode(iri) and quad.predicate.value == str(RDF.type)}  # type: ignore[union-attr]
        if form := made.maker().of_types(frozenset(types)):
            return form
    return made.by_iri(iri)


def _step(
    version: Version,
    states: Mapping[int, frozenset[Quad]],
    now: frozenset[Quad],
    form: Form | None,
    iri: str,
    names: Mapping[str, Mapping[str, str]],
    language: str,
    zone: str,
) -> Step:
    before, after = states[version.number - 1], states[version.number]
    if form is None:
        return Step(version, (), (tuple(before - after), tuple(after - before)), after == now)
    old, new = (things.of_quads(form, iri, list(state), names) for state in (before, after))
    gone, come = (tuple(each for each in one.others if each not in set(other.others)) for one, other in ((old, new), (new, old)))
    return Step(version, tuple(changed(form, old, new, language, zone)), (gone, come), after == now)


def changed(form: Form, old: Thing, new: Thing, language: str, zone: str) -> list[Change]:
    """What fields hold that two states do not share."""
    found = []
    for each in form.fields:
        before, after = ([shown.text(each, entry, language, zone) for entry in state.values.get(each.key, ())] for state in (old, new))
        if sorted(before) != sorted(after) and not (each.fixed and not each.computed):
            found.append(Change(each.names, each.path, tuple(before), tuple(after)))
    return found
