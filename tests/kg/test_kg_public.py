"""What everybody may read is brought into the graph; and who made what is stated."""

from datetime import UTC, datetime

import pytest
from pyoxigraph import Literal, NamedNode, Triple

from kg.bootstrap import load_public, slot_triples
from kg.embedded import EmbeddedStore
from kg.iris import Iris
from kg.prefixes import prefixes
from kg.provenance import activity
from kg.remote import RemoteStore
from ontology.names import FC, PROV, RDF

AT = datetime(2016, 8, 29, 19, tzinfo=UTC)


def test_the_public_graphs_are_loaded_once(any_store: EmbeddedStore | RemoteStore, iris: Iris) -> None:
    first = load_public(any_store, iris)
    triples = any_store.count()
    second = load_public(any_store, iris)

    assert first == any_store.graphs() == [iris.graph("ontology"), iris.graph("shapes")]
    assert second == []
    assert any_store.count() == triples
    assert any_store.ask(f"ASK {{ GRAPH <{iris.graph('ontology')}> {{ <{FC.DRCampaign}> a ?kind }} }}")


def test_a_graph_of_another_version_is_replaced_alone(store: EmbeddedStore, iris: Iris) -> None:
    load_public(store, iris)
    whole = store.count()
    store.update(f"DELETE WHERE {{ GRAPH <{iris.graph('shapes')}> {{ <{iris.graph('shapes')}> ?p ?o }} }}")

    assert load_public(store, iris) == [iris.graph("shapes")]
    assert store.count() == whole


def test_each_minute_of_the_day_has_a_slot_that_carries_its_offset() -> None:
    triples = list(slot_triples())
    offsets = {triple.subject.value: triple.object.value for triple in triples if triple.predicate.value == str(FC.offset)}  # type: ignore[union-attr]

    assert len(offsets) == 1440
    assert offsets[f"{prefixes()['slot']}s0"] == "0"
    assert offsets[f"{prefixes()['slot']}s86340"] == "86340"
    assert all(address.endswith(f"/s{seconds}") for address, seconds in offsets.items())


def test_an_activity_says_who_when_from_what_and_what_came_of_it(iris: Iris) -> None:
    graph, run = iris.graph("settlement", "c1"), iris.id("run", "settle-c1")

    quads = activity(
        iris,
        graph,
        run,
        at=AT,
        until=AT.replace(minute=5),
        used=[iris.id("event", "c1-h01")],
        generated=[iris.id("settlement", "c1", "h01")],
        on_behalf_of=iris.id("cooperative", "demo"),
    )

    software, cooperative = NamedNode(iris.id("software", "flexcoop-0.1.0")), NamedNode(iris.id("cooperative", "demo"))
    node, stamp = NamedNode(run), NamedNode("http://www.w3.org/2001/XMLSchema#dateTime")
    assert {quad.graph_name.value for quad in quads} == {graph}  # type: ignore[union-attr]
    assert {quad.triple for quad in quads} == {
        Triple(node, NamedNode(RDF.type), NamedNode(PROV.Activity)),
        Triple(node, NamedNode(PROV.startedAtTime), Literal("2016-08-29T19:00:00Z", datatype=stamp)),
        Triple(node, NamedNode(PROV.endedAtTime), Literal("2016-08-29T19:05:00Z", datatype=stamp)),
        Triple(node, NamedNode(PROV.used), NamedNode(iris.id("event", "c1-h01"))),
        Triple(node, NamedNode(PROV.wasAssociatedWith), software),
        Triple(node, NamedNode(PROV.wasAssociatedWith), cooperative),
        Triple(software, NamedNode(RDF.type), NamedNode(PROV.SoftwareAgent)),
        Triple(software, NamedNode(PROV.actedOnBehalfOf), cooperative),
        Triple(NamedNode(iris.id("settlement", "c1", "h01")), NamedNode(PROV.wasGeneratedBy), node),
    }


def test_an_activity_that_ends_before_it_begins_is_refused(iris: Iris) -> None:
    with pytest.raises(ValueError, match="before it began"):
        activity(iris, iris.graph("market"), iris.id("run", "x"), at=AT, until=AT.replace(hour=18))


def test_an_activity_without_an_offset_is_refused(iris: Iris) -> None:
    with pytest.raises(ValueError, match="has no offset"):
        activity(iris, iris.graph("market"), iris.id("run", "x"), at=AT.replace(tzinfo=None))
