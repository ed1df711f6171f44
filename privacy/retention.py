"""Let go of forecasts and flexibility that nothing rests on any more; readings and the record of looks have jobs of their own."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from pyoxigraph import NamedNode, Quad

from kg.store import Store
from kg.terms import python
from ontology.names import PROV, S4ENER

_AT_ONCE = 20_000


def drop_plans(store: Store, before: datetime, *, dry: bool = False, stop: Callable[[], bool] = lambda: False) -> dict[str, Any]:
    """Drop what was forecast before an instant, unless a selection or a settlement says that it used it.

    Each graph is one transaction or a few; a stop or a kill leaves the rest for the next time, and doing it again changes nothing.

    Parameters
    ----------
    before
        Forecasts and flexibility that were made earlier go.
    dry
        Only count.

    Returns
    -------
    How many forecasts and triples went (or would), and how many old ones stay because something rests on them.
    """
    used = _used(store)
    counts = {"forecasts": 0, "triples": 0, "kept_as_used": 0}
    for graph in store.graphs():
        if stop() or not graph.endswith("/plans"):
            continue
        triples = store.graph(graph)
        old = {
            triple.subject.value  # type: ignore[union-attr]
            for triple in triples
            if triple.predicate.value == str(S4ENER.hasCreationTime) and python(triple.object) < before  # type: ignore[arg-type, operator]
        }
        going = old - used
        name = NamedNode(graph)
        gone = [
            Quad(triple.subject, triple.predicate, triple.object, name)
            for triple in triples
            if triple.subject.value.split("#")[0] in going  # type: ignore[union-attr]
        ]
        for begin in range(0, 0 if dry else len(gone), _AT_ONCE):
            store.apply(delete=gone[begin : begin + _AT_ONCE])
        counts["forecasts"] += len(going)
        counts["triples"] += len(gone)
        counts["kept_as_used"] += len(old & used)
    return counts


def _used(store: Store) -> set[str]:
    """What selections, settlements and statements name as their ground."""
    grounds = {str(PROV.used), str(PROV.wasDerivedFrom)}
    return {
        triple.object.value.split("#")[0]
        for graph in store.graphs()
        if graph.endswith(("/market", "/statements", "/events")) or "/settlement/" in graph
        for triple in store.graph(graph)
        if triple.predicate.value in grounds and isinstance(triple.object, NamedNode)
    }
