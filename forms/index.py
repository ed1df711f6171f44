"""What the graph says of the things that lists show, held in memory and kept true while the store changes.

A list of 10,000 devices that is searched, filtered and sorted by any column needs all of them at once: asked of the store that takes a
second or more, held here some milliseconds. Only the graphs that were written to are read again.
"""

import re
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TypeVar

from pyoxigraph import Literal, Triple

from forms.model import Names
from kg import queries
from kg.embedded import EmbeddedStore
from kg.iris import Iris
from kg.store import Store, Term
from ontology.names import RDFS, SAREF
from shapes import words

FRESH_S = 60.0  # of a store that tells nobody of writes by others
_AT_ONCE = 200  # graphs in one query
_LISTED = re.compile(r"(?:member/([^/]+)/(?:facts|contracts|osb/[^/]+)|registry|policy|feed/facts|(?:feed|portfolio)/osb/[^/]+)")
_LABEL, _VALUE_OF, _HAS_VALUE = str(RDFS.label), str(SAREF.isValueOfProperty), str(SAREF.hasValue)

Said = dict[str, tuple[Term, ...]]  # property → values
Made = TypeVar("Made")


class Home:
    """All that is listed of one owner, or, under the empty key, of nobody in particular: thing → what is said of it, in any of the graphs."""

    def __init__(self, key: str) -> None:
        self.key = key
        self.graphs: dict[str, dict[str, Said]] = {}
        self.stamp = 0  # another one after each change
        self._made: dict[str, object] = {}
        self._round = 0
        self._things: dict[str, Said] | None = None

    def put(self, graph: str, said: dict[str, Said]) -> None:
        """Take in what a graph says now."""
        self.stamp += 1
        self._things = None
        self.forget()
        if said:
            self.graphs[graph] = said
        else:
            self.graphs.pop(graph, None)

    @property
    def things(self) -> Mapping[str, Said]:
        """Everything, whichever graph says it; where two say the same property, each value counts once."""
        if self._things is None:
            merged: dict[str, Said] = {}
            for said in self.graphs.values():
                for thing, properties in said.items():
                    known = merged.setdefault(thing, {})
                    for name, values in properties.items():
                        known[name] = tuple(dict.fromkeys((*known[name], *values))) if name in known else values
            self._things = merged
        return self._things

    def graph_of(self, thing: str, name: str) -> str:
        """The graph that states a property of a thing; empty if none does."""
        return next((graph for graph, said in sorted(self.graphs.items()) if name in said.get(thing, ())), "")

    def made(self, name: str, make: Callable[["Home"], Made]) -> Made:
        """Something that follows from this home alone, made once until it changes."""
        if name in self._made:
            return self._made[name]  # type: ignore[return-value]
        round_ = self._round
        made = make(self)
        if round_ == self._round:  # else somebody has written meanwhile, and this is of before
            self._made[name] = made
        return made

    def forget(self) -> None:
        """Make everything anew when it is next asked for."""
        self._round += 1
        self._made.clear()


class Index:
    """The things of all owners, safe from every thread.

    Parameters
    ----------
    clock
        Seconds that only go on; asked where the store does not tell of writes.
    """

    def __init__(self, store: Store, iris: Iris, clock: Callable[[], float]) -> None:
        self._store, self._iris, self._clock = store, iris, clock
        self._homes: dict[str, Home] = {}
        self._names: dict[str, Names] = {}
        self._turn, self._mark = threading.RLock(), threading.Lock()
        self._dirty: set[str] | None = None  # `None`: everything
        self._at = clock()
        self.version = 0
        self._told = isinstance(store, EmbeddedStore)
        if isinstance(store, EmbeddedStore):
            store.watch(self.touched)

    def touched(self, graphs: Iterable[str] | None) -> None:
        """Hear that graphs were written to; `None`: it is not known which."""
        listed = None if graphs is None else {graph for graph in graphs if self._owner(graph) is not None}
        with self._mark:
            if listed is None:
                self._dirty = None
            elif self._dirty is not None:
                self._dirty |= listed

    def homes(self) -> Sequence[Home]:
        """Everybody's things as they are now, by the owners' keys; what is nobody's comes first."""
        with self._turn:
            self._catch_up()
            return [self._homes[key] for key in sorted(self._homes)]

    def home(self, key: str) -> Home:
        """One owner's things."""
        with self._turn:
            self._catch_up()
            return self._homes.get(key) or Home(key)

    def names(self, thing: str) -> Names:
        """How a thing or a term is called; empty if it has no label."""
        return self._names.get(thing, {})

    def _owner(self, graph: str) -> str | None:
        prefix = self._iris.graph("")
        found = _LISTED.fullmatch(graph[len(prefix) :]) if graph.startswith(prefix) else None
        return None if found is None else found[1] or ""

    def _catch_up(self) -> None:
        if not self._told and self._clock() - self._at > FRESH_S:
            self.touched(None)
        with self._mark:
            wanted, self._dirty = self._dirty, set()
        if wanted is not None and not wanted:
            return
        try:
            self._read(wanted)
        except Exception:
            with self._mark:
                self._dirty = None
            raise
        self.version += 1

    def _read(self, wanted: set[str] | None) -> None:
        if wanted is None:
            self._at = self._clock()
            self._homes, self._names = {}, dict(words.labels())
        chosen = [graph for graph in (self._store.graphs() if wanted is None else sorted(wanted)) if self._owner(graph) is not None]
        renamed = False
        for graph, triples in self._contents(chosen):
            renamed |= self._take(graph, triples)
        if renamed:  # other owners' rows may show the names of what is nobody's in particular
            for home in self._homes.values():
                home.forget()

    def _take(self, graph: str, triples: Iterable[Triple]) -> bool:
        owner = self._owner(graph) or ""
        home = self._homes.setdefault(owner, Home(owner))
        before = {thing: self._names.pop(thing, {}) for thing in home.graphs.get(graph, ())}
        said = _described(triples)
        for thing, properties in said.items():
            if _LABEL in properties:
                self._names[thing] = {label.language or "": label.value for label in properties[_LABEL] if isinstance(label, Literal)}
        home.put(graph, said)
        if not home.graphs and owner:
            del self._homes[owner]
        return not owner and before != {thing: self._names.get(thing, {}) for thing in said}

    def _contents(self, graphs: Sequence[str]) -> Iterator[tuple[str, Iterable[Triple]]]:
        if self._told:
            yield from ((graph, self._store.graph(graph)) for graph in graphs)
            return
        for start in range(0, len(graphs), _AT_ONCE):  # a server is asked for many at once, as each question costs a way there and back
            part = graphs[start : start + _AT_ONCE]
            found: dict[str, list[Triple]] = {graph: [] for graph in part}
            for row in self._store.select(queries.load("forms", "table_statements").bind(graph=part)):
                found[row["graph"].value].append(Triple(row["thing"], row["property"], row["value"]))  # type: ignore[arg-type]
            yield from found.items()


def _described(triples: Iterable[Triple]) -> dict[str, Said]:
    """Sort statements by thing; a value with a unit is put under its kind, as if the kind were a property of the thing that has it."""
    found: dict[str, Said] = {}
    for triple in triples:
        thing, name = triple.subject.value, triple.predicate.value  # type: ignore[union-attr]
        said = found.setdefault(thing, {})
        value: Term = triple.object  # type: ignore[assignment]  # the store keeps no statements about statements
        said[name] = (*said[name], value) if name in said else (value,)
    for thing in [thing for thing in found if "#" in thing]:
        part = found.pop(thing)
        whole = found.get(thing.partition("#")[0])
        if whole is not None and _VALUE_OF in part and _HAS_VALUE in part:
            for kind in part[_VALUE_OF]:
                whole[kind.value] = (*whole.get(kind.value, ()), *part[_HAS_VALUE])
    return found
