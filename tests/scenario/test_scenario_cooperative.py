"""The demo cooperative as its clerk and members would enter it."""

import pytest
from pyoxigraph import NamedNode

import shapes
from kg.iris import Iris
from ontology.names import FC, RDF
from scenario import cooperative


def test_same_seed_plans_the_same_homes() -> None:
    assert cooperative.plan(17, 1) == cooperative.plan(17, 1)
    assert cooperative.plan(17, 1) != cooperative.plan(17, 2)


def test_more_homes_leave_the_first_ones_as_they_are() -> None:
    few, many = cooperative.plan(17, 1), cooperative.plan(40, 1)

    assert many[:17] == few


def test_home_that_is_used_twice_says_so() -> None:
    homes = cooperative.plan(18, 1)

    assert (homes[16].copy_of, homes[17].copy_of, homes[17].source) == (None, "h01", 1)


@pytest.mark.parametrize("seed", range(3))
def test_facts_and_contracts_obey_the_shapes(iris: Iris, seed: int) -> None:
    homes = cooperative.plan(3, seed)
    quads = cooperative.facts(homes, iris) + [quad for home in homes for quad in cooperative.contract(home, iris)]
    for graph in {quad.graph_name for quad in quads}:
        report = shapes.validate([q.triple for q in quads if q.graph_name == graph], context=[q.triple for q in quads])
        assert report.sentences == ()


def test_no_personal_name_is_in_the_facts(iris: Iris) -> None:
    quads = cooperative.facts(cooperative.plan(2, 1), iris)

    assert {q.subject for q in quads if q.predicate == NamedNode(RDF.type) and q.object == NamedNode(FC.Member)} == {
        NamedNode(iris.id("member", key)) for key in ("h01", "h02")
    }
    assert not any("foaf" in str(q.predicate) for q in quads)
