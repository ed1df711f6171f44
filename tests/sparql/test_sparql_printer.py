"""Variables of a tree, trees changed, and what the printer will not write."""

from dataclasses import replace

import pyoxigraph as ox
import pytest

from sparql import nodes as n
from sparql.parser import parse
from sparql.printer import text
from sparql.variables import fresh, mentioned, rewritten, visible, walk

EX = "http://example.org/"
A, Q, X = n.Iri(EX + "a"), n.Iri(EX + "q"), n.Var("x")


def read(query: str) -> n.Query:
    return parse(query, prefixes={"ex": EX})


def test_fresh_variables_collide_with_none() -> None:
    query = read("SELECT ?g1 { ?g1 ex:p ?o FILTER EXISTS { ?g3 ex:p 1 } }")
    make = fresh(query, "g")

    made = [make(), make(), make()]
    assert [each.name for each in made] == ["g2", "g4", "g5"]
    assert all(each.hidden for each in made)
    assert not set(made) & mentioned(query)


def test_variables_are_found_in_order_and_everywhere() -> None:
    query = read("SELECT ?s { ?s ex:p ?o . OPTIONAL { ?o ?q _:b } FILTER(?z > 1) BIND(?y AS ?x) }")

    assert [each.name for each in visible(query.where)] == ["s", "o", "q", "x"]
    assert {each.name for each in mentioned(query) if not each.hidden} == {"s", "o", "q", "x", "y", "z"}
    assert next(walk(query)) is query


def test_a_tree_is_changed_from_its_leaves() -> None:
    query = read("ASK { ?s ex:p ?o FILTER(?o = ex:a) }")

    changed = rewritten(query, lambda node: Q if node == A else node)
    assert changed == read("ASK { ?s ex:p ?o FILTER(?o = ex:q) }")


@pytest.mark.parametrize("value", ["http://e/>", "http://e/ x", "http://e/\\u003e", 'http://e/"', "http://e/\n"])
def test_an_iri_that_could_end_early_is_not_printed(value: str) -> None:
    with pytest.raises(ValueError, match="holds a character that no IRI may have"):
        text(n.Query("DESCRIBE", n.Group(), described=(n.Iri(value),)))


def test_a_dataset_without_graphs_is_not_printed_as_if_nothing_were_said() -> None:
    query = read("ASK { ?s ex:p ?o }")

    assert "FROM <http://e/g>\nFROM NAMED <http://e/h>" in text(
        replace(query, default_graphs=("http://e/g",), named_graphs=("http://e/h",))
    )
    with pytest.raises(ValueError, match="a dataset without graphs"):
        text(replace(query, default_graphs=(), named_graphs=()))


@pytest.mark.parametrize("written", ['"', "\\", "\n\r\t\b\f", "\\u0041", "'''", '"""', "\x00\x01\x7f", "é😀", 'a"}', "\\\\n"])
def test_a_literal_comes_back_from_the_engine_as_it_was(written: str) -> None:
    tree = n.Query("SELECT", n.Group(), (n.Named(n.Lit(written), X),))

    (row,) = ox.Store().query(text(tree))
    assert row["x"].value == written
    assert parse(text(tree)) == tree
