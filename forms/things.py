"""What the graph says of one thing, sorted into the fields of its form; what no field asks for is kept apart and never lost."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from pyoxigraph import Literal, NamedNode, Quad

from forms.made import form_of
from forms.model import Field, Form, Kind, Names
from kg import queries
from kg.iris import Iris
from kg.store import Store, Term
from ontology.names import RDF, RDFS, SAREF
from registry.edits import etag

VALUE, UNIT, KIND_OF, TYPE = str(SAREF.hasValue), str(SAREF.isMeasuredIn), str(SAREF.isValueOfProperty), str(RDF.type)
_MOST_STEPS = 4  # parts within parts
Allows = Callable[[str], bool]


@dataclass(frozen=True)
class Entry:
    """One value of a field.

    Attributes
    ----------
    term : the value; of a VALUE or PART the IRI of the part
    graph : the named graph that says so; of several the owner's
    part : of a PART: entries by key of its form's fields; of a VALUE: under `value` and `unit`
    names : of a REFERENCE or PART what the thing is called, by language
    also : other graphs that say the same
    """

    term: Term
    graph: str
    part: "Mapping[str, tuple[Entry, ...]] | None" = None
    names: Names = field(default_factory=dict)
    also: tuple[str, ...] = ()

    @property
    def label(self) -> str | None:
        """What it is called, in English if it can be; nothing where it has no name."""
        return self.names.get("en") or next(iter(self.names.values()), None)

    @property
    def number(self) -> "Entry | None":
        """Of a VALUE: the number."""
        return next(iter((self.part or {}).get("value", ())), None)


@dataclass(frozen=True)
class Thing:
    """What the graph says of one thing.

    Attributes
    ----------
    iri : of the thing
    form : what was asked of it
    values : entries by field key; a field without a value is absent
    others : statements of it and its parts that no field asks for
    graphs : that say anything of it, sorted
    tag : names all statements about it and its parts
    names : what it is called, by language
    quads : all of them
    """

    iri: str
    form: Form
    values: Mapping[str, tuple[Entry, ...]]
    others: tuple[Quad, ...]
    graphs: tuple[str, ...]
    tag: str
    names: Names
    quads: tuple[Quad, ...] = field(default=(), repr=False)

    @cached_property
    def by_subject(self) -> Mapping[str, tuple[Quad, ...]]:
        """All statements by what they are about."""
        return _by_subject(self.quads)


def kept_apart(iris: Iris, graph: str) -> bool:
    """Tell a graph that speaks of things without describing them: records of edits, what a box says otherwise, latest values."""
    place = graph.removeprefix(iris.graph(""))
    return place in ("audit", "edits", "catalogue") or place.endswith(("/edits", "/latest")) or "/differing/" in place


def from_box(graph: str) -> bool:
    """Tell a graph that a box asserts."""
    return "/osb/" in graph.partition("/graph/")[2]


def read(store: Store, iris: Iris, iri: str, allows: Allows | None = None, form: Form | None = None) -> Thing | None:
    """Read a thing with its parts.

    Parameters
    ----------
    allows
        Which graphs may be seen, like `Scope.allows`; all where not given.
    form
        What to ask of it; that of its types where not given.

    Returns
    -------
    Thing or None
        Nothing where no graph speaks of it, or no shape describes it.
    """

    def counts(graph: str) -> bool:
        return not kept_apart(iris, graph) and (allows is None or allows(graph))

    quads = [quad for quad in _statements(store, iri) if counts(_graph(quad))]
    asked = form or form_of(store, iri)
    if asked is None or not any(_iri(quad.subject) == iri for quad in quads):
        return None
    return of_quads(asked, iri, quads, names_of(store, _referred(asked, quads), counts))


def of_quads(form: Form, iri: str, quads: Sequence[Quad], names: Mapping[str, Names] | None = None) -> Thing:
    """Sort statements into the fields of a form.

    Parameters
    ----------
    names
        What things that are referred to are called, by IRI and language.
    """
    sorter = _Sorter(_by_subject(quads), names or {})
    values = sorter.fields(form, iri)
    others = tuple(quad for quad in _ordered(quads) if quad not in sorter.taken)
    labels = [quad for quad in quads if _iri(quad.subject) == iri and quad.predicate.value == str(RDFS.label)]
    return Thing(
        iri=iri,
        form=form,
        values=values,
        others=others,
        graphs=tuple(sorted({_graph(quad) for quad in quads})),
        tag=etag_of(quads),
        names=_texts(labels),
        quads=tuple(_ordered(quads)),
    )


def etag_of(quads: Iterable[Quad]) -> str:
    """Name a content over several graphs."""
    return etag(quads)  # type: ignore[arg-type]  # it asks for their text alone


class _Sorter:
    """Puts statements into fields, and remembers which ones it has taken."""

    def __init__(self, statements: Mapping[str, Sequence[Quad]], names: Mapping[str, Names]) -> None:
        self._statements = statements
        self._names = names
        self.taken: set[Quad] = set()

    def fields(self, form: Form, iri: str) -> dict[str, tuple[Entry, ...]]:
        own = self._statements.get(iri, ())
        self.taken.update(quad for quad in own if quad.predicate.value == TYPE and _iri(quad.object) == form.cls)
        found = {each.key: self._entries(each, own) for each in form.fields}
        return {key: entries for key, entries in found.items() if entries}

    def _entries(self, asked: Field, own: Sequence[Quad]) -> tuple[Entry, ...]:
        graphs: dict[Term, list[str]] = {}
        for quad in own:
            if quad.predicate.value == asked.path and self._belongs(asked, quad.object):
                graphs.setdefault(quad.object, []).append(_graph(quad))  # type: ignore[arg-type]
                self.taken.add(quad)
        entries = [self._entry(asked, term, sorted(said, key=lambda graph: (from_box(graph), graph))) for term, said in graphs.items()]
        return tuple(sorted(entries, key=lambda entry: (_natural(entry.term.value), str(entry.term))))

    def _belongs(self, asked: Field, term: object) -> bool:
        """Tell whether a value is of this field: several may share a path."""
        about = self._statements.get(_iri(term), ())
        match asked.kind:
            case Kind.VALUE:
                return any(quad.predicate.value == KIND_OF and _iri(quad.object) == asked.of_kind for quad in about)
            case Kind.PART if asked.part is not None:
                return any(quad.predicate.value == TYPE and _iri(quad.object) == asked.part.cls for quad in about)
        return asked.fixed is None or asked.path != TYPE or _iri(term) == asked.fixed

    def _entry(self, asked: Field, term: Term, graphs: list[str]) -> Entry:
        part: dict[str, tuple[Entry, ...]] | None = None
        if asked.kind == Kind.PART and asked.part is not None:
            part = self.fields(asked.part, term.value)
        elif asked.kind == Kind.VALUE:
            part = self._value(asked, term.value)
        return Entry(term, graphs[0], part, self._names.get(term.value, {}), tuple(graphs[1:]))

    def _value(self, asked: Field, iri: str) -> dict[str, tuple[Entry, ...]]:
        own = self._statements.get(iri, ())
        found: dict[str, list[Entry]] = {"value": [], "unit": []}
        for quad in own:
            if quad.predicate.value in (VALUE, UNIT):
                found["value" if quad.predicate.value == VALUE else "unit"].append(Entry(quad.object, _graph(quad)))  # type: ignore[arg-type]
                self.taken.add(quad)
            elif (quad.predicate.value, _iri(quad.object)) in ((KIND_OF, asked.of_kind), (TYPE, str(SAREF.PropertyValue))):
                self.taken.add(quad)
        return {key: tuple(sorted(entries, key=lambda each: from_box(each.graph))) for key, entries in found.items() if entries}


def _statements(store: Store, iri: str) -> list[Quad]:
    """All statements about a thing and, step by step, the parts that it points to."""
    found: list[Quad] = []
    known: set[str] = set()
    near = {iri}
    for _ in range(_MOST_STEPS):
        rows = store.select(queries.load("forms", "statements").bind(thing=sorted(near)))
        quads = [Quad(row["thing"], row["property"], row["value"], row["graph"]) for row in rows]  # type: ignore[arg-type]
        found += quads
        known |= near
        near = {_iri(quad.object) for quad in quads if _iri(quad.object).startswith(f"{iri}#")} - known
        if not near:
            break
    return found


def _referred(form: Form, quads: Sequence[Quad]) -> set[str]:
    """The things that a thing refers to."""
    asked = {each.path for each in _all_fields(form) if each.kind in (Kind.REFERENCE, Kind.IRI)}
    return {_iri(quad.object) for quad in quads if quad.predicate.value in asked and _iri(quad.object)}


def names_of(store: Store, things: Iterable[str], allows: Allows | None = None) -> dict[str, Names]:
    """What things are called, by IRI and language, by graphs that may be seen."""
    wanted = sorted(set(things))
    if not wanted:
        return {}
    found: dict[str, dict[str, str]] = {}
    for row in store.select(queries.load("forms", "labels").bind(thing=wanted)):
        label = row["label"]
        if isinstance(label, Literal) and (allows is None or allows(row["graph"].value)):
            found.setdefault(row["thing"].value, {}).setdefault(label.language or "en", label.value)
    return dict(found)


def _all_fields(form: Form) -> Iterator[Field]:
    for each in form.fields:
        yield each
        if each.part is not None:
            yield from _all_fields(each.part)


def _texts(quads: Iterable[Quad]) -> dict[str, str]:
    found = sorted((quad.object for quad in quads if isinstance(quad.object, Literal)), key=str)
    return {text.language or "en": text.value for text in found}


def _by_subject(quads: Iterable[Quad]) -> dict[str, tuple[Quad, ...]]:
    found: dict[str, list[Quad]] = {}
    for quad in quads:
        found.setdefault(_iri(quad.subject), []).append(quad)
    return {subject: tuple(_ordered(given)) for subject, given in found.items()}


def _ordered(quads: Iterable[Quad]) -> list[Quad]:
    return sorted(set(quads), key=str)


def _natural(text: str) -> tuple[str | int, ...]:
    """Order `window-10` behind `window-2`."""
    return tuple(int(part) if index % 2 else part for index, part in enumerate(re.split(r"([0-9]+)", text)))


def _iri(term: object) -> str:
    return term.value if isinstance(term, NamedNode) else ""


def _graph(quad: Quad) -> str:
    return getattr(quad.graph_name, "value", "")
