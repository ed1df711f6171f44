"""How large datasets are, counted in the store and kept as long as counting again is not worth it.

A graph that was counted is counted again once the store was written to and the old figures are two hundred times as old as it took to
count them: small graphs at once, large ones seldom, so that counting takes at most a two-hundredth of the time. A call spends half a
second at most on graphs that are due; what is not counted yet is said to be so.
"""

import threading
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from weakref import WeakKeyDictionary

from api.visible import changes
from kg import queries
from kg.store import Store
from ontology.names import SLOT

PATIENCE = 200
SPENT_S = 0.5
_SLOT = str(SLOT)


@dataclass(frozen=True)
class Figures:
    """What was counted of one graph, or of several together.

    Attributes
    ----------
    triples : statements; one that two graphs make counts twice, as in N-Quads
    classes : IRI → number of things, added up over the graphs
    properties : IRI → statements; slots of open days are left out (they are among `triples`)
    at : when the oldest part was counted, by the platform's time
    missing : graphs that are not counted yet
    """

    triples: int
    classes: Mapping[str, int]
    properties: Mapping[str, int]
    at: datetime | None
    missing: int = 0


@dataclass(frozen=True)
class _Counted:
    figures: Figures
    when: float
    took: float
    edits: int | None


class Counts:
    """The figures of one store's graphs."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._known: dict[str, _Counted] = {}
        self._lock = threading.Lock()

    def of(self, store: Store, graphs: Iterable[str], now: datetime, spent_s: float = SPENT_S) -> Figures:
        """Add up the figures of graphs, counting those that are due as far as the given seconds go."""
        wanted = list(graphs)
        end = self._clock() + spent_s
        with self._lock:
            for graph in sorted(wanted, key=self._age):
                if self._clock() >= end:
                    break
                if self._due(graph, changes(store)):
                    self._count(store, graph, now)
            found = [self._known[graph].figures for graph in wanted if graph in self._known]
        return _sum(found, len(wanted) - len(found))

    def _age(self, graph: str) -> float:
        return self._known[graph].when if graph in self._known else -1.0

    def _due(self, graph: str, edits: int | None) -> bool:
        known = self._known.get(graph)
        if known is None:
            return True
        return (edits is None or edits != known.edits) and self._clock() - known.when > PATIENCE * known.took

    def _count(self, store: Store, graph: str, now: datetime) -> None:
        begun, edits = self._clock(), changes(store)
        properties = {row["property"]: row["count"] for row in _rows(store, "graph_size", graph)}
        classes = {row["class"]: row["count"] for row in _rows(store, "graph_classes", graph)}
        named = {name: count for name, count in properties.items() if not name.startswith(_SLOT)}
        figures = Figures(sum(properties.values()), classes, named, now)
        took = self._clock() - begun
        self._known[graph] = _Counted(figures, begun, took, edits)


_OF_STORE: WeakKeyDictionary[Store, Counts] = WeakKeyDictionary()


def counts(store: Store) -> Counts:
    """The counts of a store, shared by all requests."""
    return _OF_STORE.setdefault(store, Counts())


def _rows(store: Store, name: str, graph: str) -> list[dict[str, Any]]:
    return queries.rows(store, queries.load("api", name), graph=graph)


def _sum(parts: list[Figures], missing: int) -> Figures:
    classes: dict[str, int] = {}
    properties: dict[str, int] = {}
    for part in parts:
        for total, of in ((classes, part.classes), (properties, part.properties)):
            for name, count in of.items():
                total[name] = total.get(name, 0) + count
    at = min((part.at for part in parts if part.at is not None), default=None)
    return Figures(sum(part.triples for part in parts), classes, properties, at, missing)
