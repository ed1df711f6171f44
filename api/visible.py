"""The graph as whoever asks may see it: every row says which named graph it comes from, and counts only if that may be seen."""

import threading
import time
from collections.abc import Iterable
from typing import Any
from weakref import WeakKeyDictionary

from pyoxigraph import Literal, Quad

from api.guard import scope
from api.services import services
from kg import queries
from kg.store import Row, Store, Term
from kg.terms import python

FRESH_S = 5.0
MOST_NAMED = 300
_NAMES: WeakKeyDictionary[Store, tuple[float, int | None, list[str]]] = WeakKeyDictionary()
_LOCK = threading.Lock()


def rows(name: str, **values: queries.Parameter) -> list[dict[str, Any]]:
    """Run one of `api/queries` that has a column `graph`; rows of graphs that may not be seen are left out."""
    return [{column: python(term) for column, term in row.items()} for row in terms(name, **values)]


def terms(name: str, **values: queries.Parameter) -> list[Row]:
    """As `rows`, but with RDF terms."""
    allows = scope().allows
    return [row for row in services().store.select(queries.load("api", name).bind(None, **values)) if allows(row["graph"].value)]


def quads(found: Iterable[Row]) -> list[Quad]:
    """Make statements of rows `resource`, `property`, `value`, `graph`."""
    return [Quad(row["resource"], row["property"], row["value"], row["graph"]) for row in found]  # type: ignore[arg-type]


def graphs() -> list[str]:
    """The named graphs that hold anything and may be seen, sorted; one that is new may be missing for five seconds."""
    allows = scope().allows
    return [graph for graph in _all(services().store) if allows(graph)]


def narrowing() -> list[Any]:
    """What to bind `?graph` to: the graphs that may be seen where they are few, else nothing (the rows are looked through anyway)."""
    if scope().everything:
        return [None]
    few = graphs()
    return [*few] if 0 < len(few) <= MOST_NAMED else [None]


def literal_in(language: str, found: Iterable[Term]) -> str:
    """Of several texts, the one in a language; else the English one, else any."""
    texts = sorted(
        (text for text in found if isinstance(text, Literal)),
        key=lambda text: (text.language != language, text.language != "en", text.language or "", text.value),
    )
    return str(texts[0].value) if texts else ""


def changes(store: Store) -> int | None:
    """How often a store was written to; `None` where that is not known."""
    return getattr(store, "changes", None)


def _all(store: Store) -> list[str]:
    with _LOCK:
        found = _NAMES.get(store)
        edits, at = changes(store), time.monotonic()
        same = found is not None and edits is not None and found[1] == edits
        if found is None or not (same or at - found[0] < FRESH_S):
            found = at, edits, store.graphs()
            _NAMES[store] = found
        return found[2]
