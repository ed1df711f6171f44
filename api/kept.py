"""What the operator's pages ask again and again, kept in memory until what it rests on is written to: of many homes it takes a while."""

import re
import threading
import time
from collections.abc import Callable, Iterable
from typing import Any, TypeVar

from flask import current_app

from api.services import services
from kg import queries
from kg.embedded import EmbeddedStore
from kg.iris import Iris
from kg.store import Store

FACTS, MARKET, EVENTS = "facts", "market", "events"
FRESH_S = {FACTS: 60.0, MARKET: 60.0, EVENTS: 2.0}  # of a store that tells nobody of writes by others
_GRAPHS = {
    FACTS: re.compile(r"registry|(?:member/[^/]+|feed|portfolio)/(?:facts|osb/[^/]+)"),
    MARKET: re.compile(r"market|settlement/.+"),
    EVENTS: re.compile(r"member/[^/]+/(?:facts|events|statements)"),
}
Made = TypeVar("Made")


class Kept:
    """Values by name; those of facts, of the market, or of members' events, are forgotten when one of its graphs is written to."""

    def __init__(self, store: Store, iris: Iris) -> None:
        self._prefix = iris.graph("")
        self._told = isinstance(store, EmbeddedStore)
        self._values: dict[object, tuple[int, float, Any]] = {}
        self._versions = dict.fromkeys(_GRAPHS, 0)
        self._turn = threading.Lock()
        if isinstance(store, EmbeddedStore):
            store.watch(self._touched)

    def _touched(self, graphs: Iterable[str] | None) -> None:
        places = None if graphs is None else [graph.removeprefix(self._prefix) for graph in graphs]
        for of, pattern in _GRAPHS.items():
            if places is None or any(map(pattern.fullmatch, places)):
                self._versions[of] += 1

    def get(self, name: object, make: Callable[[], Made], of: str) -> Made:
        """What was made under a name, unless what it rests on has changed since; made by one at a time."""
        with self._turn:
            version = self._versions[of]
            found = self._values.get(name)
            if found is None or found[0] != version or (not self._told and time.monotonic() - found[1] > FRESH_S[of]):
                found = self._values[name] = (version, time.monotonic(), make())
            made: Made = found[2]
            return made


def kept(name: object, make: Callable[[], Made], of: str = FACTS) -> Made:
    """Give what was made under a name as long as nothing has changed that it rests on."""
    found = current_app.extensions.get("flexcoop.kept")
    if found is None:
        known = services()
        found = current_app.extensions.setdefault("flexcoop.kept", Kept(known.store, known.iris))
    made: Made = found.get(name, make, of)
    return made


def rows(query: str, of: str = FACTS, **values: Any) -> list[dict[str, Any]]:  # noqa: ANN401  (parameters of the query)
    """Rows of one of `api/queries` that only facts, the market and settlements, or events and statements decide; not to be changed by who gets them."""
    key = (query, *((name, tuple(value) if isinstance(value, (list, tuple)) else value) for name, value in sorted(values.items())))
    return kept(key, lambda: queries.rows(services().store, queries.load("api", query), **values), of)
