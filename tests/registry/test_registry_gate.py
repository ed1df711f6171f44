"""The gate: what is let in, what is refused, what is told of it afterwards."""

from datetime import UTC, datetime
from pathlib import Path

import pyoxigraph as ox
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyoxigraph import BlankNode, Literal, NamedNode, Quad, Triple

import shapes
from kg.embedded import EmbeddedStore
from kg.iris import Iris
from kg.terms import literal
from ontology.names import FC, PROV, RDFS
from registry.edits import Delta, Seen, Skolem, etag
from registry.errors import RefusedEditError, StaleEditError
from registry.gate import Gate

AT = datetime(2026, 1, 2, 3, tzinfo=UTC)
P, Q = NamedNode("http://example.org/p"), NamedNode("http://example.org/q")
G = "http://example.org/g"


def thing(number: int) -> NamedNode:
    return NamedNode(f"http://example.org/{number}")


def quad(number: int, value: int = 1, graph: str = G) -> Quad:
    return Quad(thing(number), P, literal(value), NamedNode(graph))


def delta(*, delete: tuple[Quad, ...] = (), insert: tuple[Quad, ...] = ()) -> Delta:
    return Delta(frozenset(delete), frozenset(insert))


def test_an_edit_is_written_with_who_when_and_why(gate: Gate, store: EmbeddedStore, iris: Iris, written: list[list[str]]) -> None:
    store.apply(insert=[quad(1), quad(2)])

    receipt = gate.apply(delta(delete=(quad(1), quad(9)), insert=(quad(2), quad(3), quad(4))), by="clerk 7", why="The meter was exchanged.")

    assert set(store.graph(G)) == {quad(2).triple, quad(3).triple, quad(4).triple}
    assert (receipt.deleted, receipt.inserted) == (1, 2)  # what was not there can't go, and what is there need not come
    assert receipt.tags == {G: gate.tag(G)}
    told = {
        (triple.predicate.value, str(triple.object))
        for triple in store.graph(iris.graph("audit"))
        if triple.subject.value == receipt.activity
    }  # type: ignore[union-attr]
    assert {
        (str(FC.editedGraph), f"<{G}>"),
        (str(FC.deletedTriples), str(literal(1))),
        (str(FC.insertedTriples), str(literal(2))),
        (str(RDFS.comment), '"The meter was exchanged."@en'),
        (str(PROV.startedAtTime), '"2026-01-02T03:00:00Z"^^<http://www.w3.org/2001/XMLSchema#dateTime>'),
        (str(PROV.wasAssociatedWith), f"<{iris.id('agent', 'clerk%207')}>"),
    } <= told
    assert shapes.validate(store.graph(iris.graph("audit"))).sentences == ()
    assert written == [[G]]


def test_an_edit_that_changes_nothing_leaves_no_trace(gate: Gate, store: EmbeddedStore, iris: Iris) -> None:
    store.apply(insert=[quad(1)])

    receipt = gate.apply(delta(delete=(quad(2),), insert=(quad(1),)), by="clerk", why="nothing")

    assert (receipt.activity, receipt.deleted, receipt.inserted) == (None, 0, 0)
    assert store.graphs() == [G]


@pytest.mark.parametrize(
    "place",
    [
        "ontology",
        "shapes",
        "audit",
        "catalogue",
        "aggregates/load",
        "member/h01/telemetry/2016-08",
        "feed/telemetry/2016-08",
        "member/h01/latest",
    ],
)
def test_graphs_of_the_platform_itself_are_not_edited(place: str, gate: Gate, store: EmbeddedStore, iris: Iris) -> None:
    with pytest.raises(RefusedEditError, match="is written by the platform itself and not edited"):
        gate.apply(delta(insert=(quad(1), quad(1, graph=f"{iris.base}/graph/{place}"))), by="clerk", why="try")

    assert store.count() == 0


def test_a_breach_of_a_shape_refuses_the_whole_edit_with_its_sentences(gate: Gate, store: EmbeddedStore, iris: Iris) -> None:
    site = Quad(
        NamedNode(iris.id("site", "h01")),
        NamedNode("http://www.w3.org/1999/02/22-rdf-syntax-ns#type"),
        NamedNode(str(FC.Site)),
        NamedNode(G),
    )

    with pytest.raises(RefusedEditError) as refused:
        gate.apply(delta(insert=(site, quad(1))), by="clerk", why="try")

    assert any("Time zone is missing" in sentence for sentence in refused.value.sentences)
    assert store.count() == 0


@pytest.fixture
def cooperative(store: EmbeddedStore) -> EmbeddedStore:
    with (Path(__file__).parents[1] / "data" / "competency.trig").open("rb") as file:
        store.apply(insert=list(ox.parse(file, format=ox.RdfFormat.TRIG)))
    return store


def test_taking_away_what_others_need_is_refused(gate: Gate, cooperative: EmbeddedStore, iris: Iris) -> None:
    contracts, price = NamedNode(iris.graph("member", "h01", "contracts")), NamedNode(iris.id("contract", "h01", "r1#price"))
    own = tuple(
        Quad(each.subject, each.predicate, each.object, contracts) for each in cooperative.graph(contracts.value) if each.subject == price
    )
    before = cooperative.count()
    assert own

    with pytest.raises(RefusedEditError, match="Price is missing"):
        gate.apply(delta(delete=own), by="clerk", why="try")

    assert cooperative.count() == before


def test_a_good_edit_of_a_members_facts_passes(gate: Gate, cooperative: EmbeddedStore, iris: Iris) -> None:
    facts = NamedNode(iris.graph("member", "h01", "facts"))
    site, label = NamedNode(iris.id("site", "h01")), NamedNode(str(RDFS.label))
    (old,) = [
        each
        for each in cooperative.graph(facts.value)
        if each.subject == site and each.predicate == label and str(each.object).endswith("@en")
    ]
    new = Quad(site, label, Literal("House by the river", language="en"), facts)

    receipt = gate.apply(delta(delete=(Quad(old.subject, old.predicate, old.object, facts),), insert=(new,)), by="clerk", why="moved")

    assert (receipt.deleted, receipt.inserted) == (1, 1)
    assert new.triple in cooperative.graph(facts.value)


def test_the_second_of_two_editors_is_told(gate: Gate, store: EmbeddedStore) -> None:
    store.apply(insert=[quad(1), quad(2)])
    seen, of_two = Seen(G, gate.tag(G)), Seen(G, gate.tag(G, thing(2).value), thing(2).value)
    gate.apply(delta(insert=(quad(1, 5),)), by="first", why="x", if_match=seen)

    with pytest.raises(StaleEditError, match="has changed since it was read"):
        gate.apply(delta(insert=(quad(1, 6),)), by="second", why="x", if_match=seen)
    gate.apply(delta(insert=(quad(2, 6),)), by="third", why="x", if_match=of_two)  # nobody has touched that thing

    assert quad(1, 6).triple not in store.graph(G)


def test_blank_nodes_get_iris_and_quads_without_graph_a_graph(gate: Gate, store: EmbeddedStore, iris: Iris) -> None:
    node = BlankNode("x")

    gate.apply(delta(insert=(Quad(node, P, node), Quad(thing(1), Q, node))), by="clerk", why="x")
    stored = store.graph(iris.graph("default"))
    again = gate.skolem.blank(stored)

    assert {type(each.subject) for each in stored} == {NamedNode}
    assert {each.object for each in again} == {each.subject for each in again if isinstance(each.subject, BlankNode)}
    gate.apply(delta(insert=(Quad(BlankNode("x"), P, literal(2)),)), by="clerk", why="x")
    assert len({each.subject for each in store.graph(iris.graph("default"))}) == 3  # the same label of another edit is another node


def test_replacing_a_graph_is_an_edit_of_the_difference(gate: Gate, store: EmbeddedStore) -> None:
    store.apply(insert=[quad(1), quad(2)])

    receipt = gate.replace(G, [quad(2).triple, quad(3).triple], by="clerk", why="x")

    assert (receipt.deleted, receipt.inserted) == (1, 1)
    assert set(store.graph(G)) == {quad(2).triple, quad(3).triple}


sets = st.frozensets(st.integers(0, 6), max_size=7)


@given(before=sets, goes=sets, comes=sets)
def test_after_an_edit_a_graph_holds_what_it_held_less_what_went_and_what_came(
    before: frozenset[int], goes: frozenset[int], comes: frozenset[int]
) -> None:
    store, iris = EmbeddedStore(), Iris("http://127.0.0.1:8080")
    store.apply(insert=[quad(each) for each in before])
    numbers = iter(range(9))
    gate = Gate(store, iris, lambda: AT, lambda: str(next(numbers)))

    receipt = gate.apply(delta(delete=tuple(map(quad, goes)), insert=tuple(map(quad, comes))), by="clerk", why="x")

    after = (before - goes) | comes
    assert set(store.graph(G)) == {quad(each).triple for each in after}
    assert (receipt.deleted, receipt.inserted) == (len(before - after), len(after - before))
    assert receipt.tags.get(G, gate.tag(G)) == etag(store.graph(G))


def test_a_tag_is_of_the_content_and_not_of_its_order() -> None:
    triples = [quad(1).triple, quad(2).triple]

    assert etag(triples) == etag(reversed(triples)) != etag(triples[:1])


def test_an_iri_of_a_blank_node_turns_into_one_and_others_stay(iris: Iris) -> None:
    skolem = Skolem(iris)
    (given_name,) = skolem.named([Quad(BlankNode("a"), P, thing(1))], lambda: "k")

    (back,) = skolem.blank([given_name.triple])

    assert given_name.subject == NamedNode("http://127.0.0.1:8080/.well-known/genid/k-0")
    assert back == Triple(BlankNode("bkn0"), P, thing(1))
