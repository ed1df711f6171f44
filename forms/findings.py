"""Everything that is wrong in the registry: each owner's graphs held against the shapes, and against what lies in other graphs.

The gate lets nothing wrong in; what is found here came from boxes, from backups, from files that were loaded around it, or was right
before a shape changed. What is known of an owner is kept until something of that owner, or of the registry, changes.
"""

import threading
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from pyoxigraph import NamedNode, Triple

import shapes
from forms.index import Home, Index
from forms.made import maker
from forms.model import Field, Form, Kind, Names
from forms.told import in_all
from kg.iris import Iris
from kg.store import Store
from ontology.names import FC, RDF
from shapes import Finding, sentences
from shapes.words import LANGUAGES

AT_ONCE = 10  # owners between two reports
_TYPE = str(RDF.type)
_ACROSS = {str(FC.copyOf)}  # what may refer to another member's things


class Fault(StrEnum):
    """What is wrong, in kind."""

    MISSING = "missing"  # a value that must be there
    WRONG = "wrong"  # a value that is not allowed
    UNKNOWN = "unknown"  # a term that does not exist, or nothing says what it is
    NOWHERE = "nowhere"  # refers to what is not there
    FOREIGN = "foreign"  # refers to what is another member's
    TWICE = "twice"  # two members claim one thing


@dataclass(frozen=True)
class Found:
    """One thing that is wrong.

    Attributes
    ----------
    severity : `Violation`, `Warning` or `Info`
    fault : in kind
    thing, key : the thing whose form mends it, and what follows `{BASE}/id/` of it
    field : key of the field that mends it; empty where there is none
    owner : key of the member; empty: nobody's in particular
    names, field_names : what the thing and the field are called, by language
    told : what is wrong, why and what to do, by language
    """

    severity: str
    fault: Fault
    thing: str
    key: str
    field: str
    owner: str
    names: Names
    field_names: Names
    told: Names

    @property
    def text(self) -> str:
        """What a search looks at."""
        return " ".join((self.key, self.owner, *self.names.values(), *self.field_names.values(), *self.told.values())).casefold()


class Survey:
    """What is wrong, kept true while the store changes; safe from every thread."""

    def __init__(self, store: Store, iris: Iris, index: Index) -> None:
        self._store, self._iris, self._index = store, iris, index
        self._known: dict[str, tuple[tuple[int, int, int], tuple[Found, ...]]] = {}
        self._across: tuple[int, tuple[Found, ...]] = (-1, ())
        self._forms: dict[frozenset[str], Form | None] = {}
        self._turn = threading.Lock()

    def pending(self) -> list[str]:
        """Keys of the owners whose graphs have yet to be looked at."""
        homes = self._index.homes()
        registry = self._index.home("").stamp
        return [home.key for home in homes if self._known.get(home.key, ((), ()))[0] != self._state(home, registry)]

    def look(self, told: Callable[[int, int], None] | None = None) -> tuple[Found, ...]:
        """Look at what has changed, and say all that is wrong, by severity, kind and key.

        Parameters
        ----------
        told
            Told how many owners were looked at, of how many; what it raises ends the work, and what is done stays done.
        """
        with self._turn:
            todo = self.pending()
            for start in range(0, len(todo), AT_ONCE):
                if told is not None:
                    told(start, len(todo))
                self._look_at(todo[start : start + AT_ONCE])
            return self._all()

    @staticmethod
    def _state(home: Home, registry: int) -> tuple[int, int, int]:
        return id(home), home.stamp, registry

    def _look_at(self, keys: Sequence[str]) -> None:
        homes = [self._index.home(key) for key in keys]
        registry = self._index.home("")
        states = {home.key: self._state(home, registry.stamp) for home in homes}
        around = [triple for graph in registry.graphs for triple in self._store.graph(graph)]
        for home in homes:
            triples = _named(triple for graph in home.graphs for triple in self._store.graph(graph))
            report = shapes.validate(triples, context=around if home.key else ())
            inside = inside_of(triples) if report.findings else {}
            self._known[home.key] = states[home.key], tuple(self._found(home, finding, inside) for finding in report.findings)

    def _all(self) -> tuple[Found, ...]:
        homes = self._index.homes()
        if self._across[0] != self._index.version:
            self._across = self._index.version, tuple(self._between(homes))
        shaped = [found for home in homes for found in self._known.get(home.key, ((), ()))[1]]
        order = {"Violation": 0, "Warning": 1}
        faults = list(Fault)
        both = (*shaped, *self._across[1])
        return tuple(sorted(both, key=lambda each: (order.get(each.severity, 2), faults.index(each.fault), each.key, each.field)))

    # --- what the shapes say ---

    def _found(self, home: Home, finding: Finding, inside: Mapping[str, set[str]]) -> Found:
        thing, part, _ = finding.focus.partition("#")
        form = self._form(home, thing)
        field = None if form is None else field_of(form, finding, inside.get(finding.focus, set()) if part else None)
        said = home.things.get(thing, {})
        nothing = (
            not said.get(field.of_kind or field.path)
            if field is not None and not part
            else finding.path not in inside.get(finding.focus, ())
        )
        missing = bool(finding.path) and not finding.value and nothing
        fault = Fault.UNKNOWN if not finding.shape else Fault.MISSING if missing else Fault.WRONG
        told = {language: sentences.field(finding, language) for language in LANGUAGES}
        return self._made(finding.severity, fault, thing, form, field, home, told)

    def _form(self, home: Home, thing: str) -> Form | None:
        types = frozenset(term.value for term in home.things.get(thing, {}).get(_TYPE, ()))
        if types not in self._forms:
            self._forms[types] = maker().of_types(types) if types else None
        return self._forms[types]

    def _made(self, severity: str, fault: Fault, thing: str, form: Form | None, field: Field | None, home: Home, told: Names) -> Found:
        prefix = f"{self._iris.base}/id/"
        key = thing[len(prefix) :] if thing.startswith(prefix) else thing
        linked = field.key if form is not None and field is not None else ""
        return Found(severity, fault, thing, key, linked, home.key, self._index.names(thing), field.names if field else {}, told)

    # --- what only all graphs together tell ---

    def _between(self, homes: Sequence[Home]) -> Iterator[Found]:
        where: dict[str, set[str]] = {}
        for home in homes:
            for thing, said in home.things.items():
                if _TYPE in said:
                    where.setdefault(thing, set()).add(home.key)
        spoken = {thing for home in homes for thing in home.things}
        for home in homes:
            yield from self._twice(home, where)
            for thing, form, field, value in self._references(home):
                owners = where.get(value, set())
                if value not in spoken and not (field.refers_to_part and value.partition("#")[0] in spoken):
                    yield self._made("Warning", Fault.NOWHERE, thing, form, field, home, self._told("nowhere", field, value))
                elif home.key and owners and home.key not in owners and "" not in owners and field.path not in _ACROSS:
                    yield self._made("Violation", Fault.FOREIGN, thing, form, field, home, self._told("foreign", field, value))

    def _twice(self, home: Home, where: Mapping[str, set[str]]) -> Iterator[Found]:
        for thing, said in home.things.items():
            others = where.get(thing, set()) - {home.key}
            if _TYPE in said and others:
                form = self._form(home, thing)
                told = in_all("twice-owned", others=", ".join(sorted(other or "registry" for other in others)))
                yield self._made("Violation", Fault.TWICE, thing, form, None, home, told)

    def _references(self, home: Home) -> Iterator[tuple[str, Form, Field, str]]:
        """What the things of a home refer to, by the fields of their forms; of a part of a thing the thing itself."""
        prefix = f"{self._iris.base}/id/"
        for thing, said in home.things.items():
            form = self._form(home, thing) if _TYPE in said else None
            for field in form.fields if form is not None else ():
                if field.kind is not Kind.REFERENCE or form is None:
                    continue
                for term in said.get(field.path, ()):
                    if isinstance(term, NamedNode) and term.value.startswith(prefix):
                        yield thing, form, field, term.value.partition("#")[0]

    def _told(self, key: str, field: Field, value: str) -> Names:
        called = {language: (self._index.names(value) or {"": self._iris.local(value)}) for language in LANGUAGES}
        return {
            language: in_all(key, name=_said(field.names, language), value=_said(called[language], language))[language]
            for language in LANGUAGES
        }


def _said(names: Names, language: str) -> str:
    return names.get(language) or names.get("en") or next(iter(names.values()), "")


def field_of(form: Form, finding: Finding, inside: Collection[str] | None) -> Field | None:
    """The field that mends a finding; `inside`: what is said in the part of the thing that it is about."""
    if inside is not None:
        return next((each for each in form.fields if each.of_kind in inside or (each.part is not None and each.part.cls in inside)), None)
    local = finding.shape.rpartition("#")[2]
    by_shape = next((each for each in form.fields if each.key == local or each.shape == finding.shape), None)
    return by_shape or next((each for each in form.fields if each.path == finding.path), None)


def _named(triples: Iterable[Triple]) -> list[Triple]:
    """Leave out what nothing could be said about: the store holds no blank nodes, but a file that was loaded around the gate might."""
    return [triple for triple in triples if isinstance(triple.subject, NamedNode)]


def inside_of(triples: Iterable[Triple]) -> dict[str, set[str]]:
    """What is said of parts: properties, and the things and terms that are their values."""
    found: dict[str, set[str]] = {}
    for triple in triples:
        if isinstance(triple.subject, NamedNode) and "#" in triple.subject.value:
            said = found.setdefault(triple.subject.value, set())
            said.add(triple.predicate.value)
            if isinstance(triple.object, NamedNode):
                said.add(triple.object.value)
    return found
