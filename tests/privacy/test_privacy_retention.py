"""Old forecasts go, those that a selection rests on stay."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyoxigraph as ox
from pyoxigraph import NamedNode, Quad

from kg.embedded import EmbeddedStore
from ontology.names import PROV, S4ENER
from privacy.retention import drop_plans

COMPETENCY = Path(__file__).parents[1] / "data" / "competency.trig"
AFTER_ALL = datetime(2030, 1, 1, tzinfo=UTC)


def filled(store: EmbeddedStore) -> EmbeddedStore:
    with COMPETENCY.open("rb") as file:
        store.apply(insert=list(ox.parse(file, format=ox.RdfFormat.TRIG)))
    return store


def plans(store: EmbeddedStore) -> dict[str, datetime]:
    """Forecasts and flexibility by IRI, with when they were made."""
    return {
        triple.subject.value: datetime.fromisoformat(triple.object.value)
        for graph in store.graphs()
        if graph.endswith("/plans")
        for triple in store.graph(graph)
        if triple.predicate.value == str(S4ENER.hasCreationTime)
    }


def grounds(store: EmbeddedStore) -> set[str]:
    return {
        quad.object.value
        for g in store.graphs()
        if g.endswith("/market")
        for quad in store.graph(g)
        if quad.predicate.value == str(PROV.used)
    }


def test_what_is_old_and_rests_on_nothing_goes_whole(store) -> None:
    filled(store)
    before, used, size = plans(store), grounds(store), store.count()

    dry = drop_plans(store, AFTER_ALL, dry=True)
    assert store.count() == size
    done = drop_plans(store, AFTER_ALL)

    left = plans(store)
    assert done == dry
    assert done["forecasts"] == len(before) - len(left) > 0
    assert set(left) == set(before) & used
    assert store.count() == size - done["triples"]
    assert drop_plans(store, AFTER_ALL)["triples"] == 0


def test_what_is_not_old_stays(store) -> None:
    filled(store)
    before = plans(store)
    oldest = min(before.values())

    assert drop_plans(store, oldest)["triples"] == 0
    drop_plans(store, oldest + timedelta(seconds=1))

    assert set(plans(store)) == {iri for iri, at in before.items() if at > oldest or iri in grounds(store)}


def test_what_a_selection_used_is_kept_and_counted(store, iris) -> None:
    filled(store)
    kept = sorted(plans(store))[0]
    store.apply(
        insert=[Quad(NamedNode(iris.id("run", "select-c9")), NamedNode(str(PROV.used)), NamedNode(kept), NamedNode(iris.graph("market")))]
    )

    done = drop_plans(store, AFTER_ALL)

    assert kept in plans(store)
    assert done["kept_as_used"] >= 1
