"""What is there already, for edits of many things: statements by owner, names, and which things may be referred to."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache, cached_property

import rdflib
from pyoxigraph import NamedNode, Quad

from forms.index import Home, Index
from forms.made import forms
from forms.model import Field, Names
from forms.vocabulary import vocabulary
from kg.iris import Iris
from kg.store import Store
from ontology.names import FC, RDF
from registry import naming

_TYPE = str(RDF.type)


class World:
    """A look at the registry for one sheet; made anew for the next, as what it has read it keeps."""

    def __init__(self, store: Store, iris: Iris, index: Index, erased: Callable[[str], bool] = lambda _key: False) -> None:
        self._store, self.iris, self.index = store, iris, index
        self.was_erased = erased  # takes some 50 ms a key: ask for new members alone
        self._homes: dict[str, tuple[Quad, ...]] = {}
        self._things: dict[str, dict[str, tuple[Quad, ...]]] = {}
        self._ones: dict[str, str] = {}
        self._called_so: dict[tuple[str, str], list[str]] = {}
        self._expected: frozenset[str] = frozenset()

    def expect(self, things: Iterable[str]) -> None:
        """Let things be referred to that the sheet itself makes."""
        self._expected = frozenset(things)

    def home(self, member: str) -> tuple[Quad, ...]:
        """All that the listed graphs of an owner say; of the empty key what is nobody's in particular."""
        if member not in self._homes:
            found: list[Quad] = []
            for graph in sorted(self.index.home(member).graphs):
                found += [Quad(each.subject, each.predicate, each.object, NamedNode(graph)) for each in self._store.graph(graph)]
            self._homes[member] = tuple(found)
        return self._homes[member]

    def quads(self, member: str, thing: str) -> tuple[Quad, ...]:
        """What an owner's graphs say of a thing and its parts."""
        if member not in self._things:
            sorted_: dict[str, list[Quad]] = {}
            for quad in self.home(member):
                if isinstance(quad.subject, NamedNode):
                    sorted_.setdefault(quad.subject.value.partition("#")[0], []).append(quad)
            self._things[member] = {iri: tuple(quad for quad in quads if parts_of(iri, quad)) for iri, quads in sorted_.items()}
        return self._things[member].get(thing, ())

    def owner(self, thing: str) -> str | None:
        """The key of whoever's graphs describe a thing; nothing where none do."""
        return self._owners.get(thing)

    def has_member(self, key: str) -> bool:
        """Whether there is such a member."""
        return self.iris.id("member", key) in self._owners

    def refusal(self, key: str) -> naming.Refusal | None:
        """Why a new member can't have a key; whether somebody with it was erased is not asked (`was_erased`)."""
        return naming.of_member(key, self._keys)

    def is_a(self, thing: str, cls: str) -> bool:
        """Whether a thing is of a class, or of none yet."""
        said = self.index.home(self._owners.get(thing, "")).things.get(thing, {})
        return _TYPE not in said or any(cls in _classes(term.value) for term in said[_TYPE])

    def class_name(self, thing: str, language: str) -> str:
        """What a thing is, in words."""
        types = self.index.home(self._owners.get(thing, "")).things.get(thing, {}).get(_TYPE, ())
        names = next((self.index.names(term.value) for term in types), {})
        return names.get(language) or names.get("en") or "?"

    def only_one(self, cls: str) -> str:
        """The one thing of a class that there is; empty if there are none or several."""
        if cls not in self._ones:
            homes = self.index.homes()
            found = [
                thing for home in homes for thing, said in home.things.items() if any(term.value == cls for term in said.get(_TYPE, ()))
            ]
            self._ones[cls] = found[0] if len(found) == 1 else ""
        return self._ones[cls]

    def claimed_by(self, member: str) -> str:
        """The box that a member has claimed; empty if there is none."""
        things = self.index.home(self.iris.key(member)).things
        found = [box for box, said in things.items() if any(term.value == member for term in said.get(str(FC.claimedBy), ()))]
        return sorted(found)[0] if found else ""

    def names_in(self, quads: Iterable[Quad]) -> Mapping[str, Names]:
        """What the things are called that statements refer to."""
        return {
            quad.object.value: names
            for quad in quads
            if isinstance(quad.object, NamedNode) and (names := self.index.names(quad.object.value))
        }

    def lookup(self, field: Field, text: str) -> Sequence[str]:
        """Find what a field may refer to by what somebody wrote: its IRI, its key with or without type, or its name."""
        whole = text if text.startswith(("http://", "https://")) else f"{self.iris.base}/id/{text}"
        kinds = {form.id_type for form in forms() if form.cls == field.refers_to and form.id_type}
        for iri in (whole, *(self.iris.id(kind, text) for kind in sorted(kinds))):
            whose = iri.partition("#")[0]  # a channel is known by the thing whose it is
            if whose in self._expected or whose in self._owners:
                return [f"{iri}#{field.refers_to_part}" if field.refers_to_part and whose == iri else iri]
        return self._called(field.refers_to or "", text)

    @cached_property
    def _keys(self) -> frozenset[str]:
        return frozenset(home.key.casefold() for home in self.index.homes())

    @cached_property
    def _owners(self) -> dict[str, str]:
        return {thing: home.key for home in self.index.homes() for thing in home.made("world:owned", _owned)}

    def _called(self, cls: str, name: str) -> list[str]:
        """The things of a class, or of one below it, that are called so in some language."""
        wanted = cls, name.casefold()
        if wanted not in self._called_so:
            homes = self.index.homes()
            self._called_so[wanted] = sorted({thing for home in homes for thing in home.made("world:called", self._named).get(wanted, ())})
        return self._called_so[wanted]

    def _named(self, home: Home) -> dict[tuple[str, str], set[str]]:
        found: dict[tuple[str, str], set[str]] = {}
        for thing, said in home.things.items():
            classes = {every for term in said.get(_TYPE, ()) for every in _classes(term.value)}
            for name in self.index.names(thing).values():
                for cls in classes:
                    found.setdefault((cls, name.casefold()), set()).add(thing)
        return found


@cache
def _classes(cls: str) -> frozenset[str]:
    return frozenset({cls, *(str(each) for each in vocabulary().above(rdflib.URIRef(cls)))})


def _owned(home: Home) -> list[str]:
    claimed = str(FC.claimedBy)  # a box that has yet to speak
    return [thing for thing, said in home.things.items() if _TYPE in said or claimed in said]


def parts_of(thing: str, quad: Quad) -> bool:
    """Whether a statement is about a thing or one of its parts."""
    return isinstance(quad.subject, NamedNode) and quad.subject.value.partition("#")[0] == thing
