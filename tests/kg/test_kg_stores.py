"""One class of tests, run on pyoxigraph in memory and on disk, on the oxigraph server and on Apache Jena Fuseki."""

from collections.abc import Callable
from datetime import UTC, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from kg_stores import KINDS, AnyStore
from pyoxigraph import BlankNode, Literal, NamedNode, Quad, Triple

from kg.errors import QueryError, StoreError
from kg.terms import Json, Lang, canonical, literal, python

G1, G2 = "http://127.0.0.1:8080/graph/one", "http://127.0.0.1:8080/graph/two"
S, P = NamedNode("http://127.0.0.1:8080/id/thing/s"), NamedNode("http://127.0.0.1:8080/id/thing/p")
NOWHERE = "http://127.0.0.1:9/nothing-listens-here"

VALUES = [
    1.234,
    4.0,
    -0.5,
    0.0,
    1e-7,
    123456.789,
    Decimal("20.00"),
    Decimal("0.123456789012345678"),
    Decimal("12345678901234567890.5"),
    7,
    -3,
    True,
    False,
    timedelta(minutes=15),
    timedelta(hours=24),
    timedelta(seconds=60.1),
    -timedelta(hours=1, minutes=30),
    timedelta(0),
    time(16, 0),
    time(16, 0, 0, 500000),
    datetime(2016, 8, 29, 19, tzinfo=UTC),
    datetime(2016, 8, 29, 19, 0, 0, 120000, tzinfo=UTC),
    datetime(2016, 8, 29, tzinfo=UTC).date(),
    "",
    "plain",
    'quotes " and \\ and \' and """ and a brace } and ?x and #',
    "line\nfeed\r\ttab",
    "Größe ≥ 5 kWh — 電力 🔋 é",
    Lang("Member h01"),
    Json("[1.234,null,-0.5,1e3]"),
    Json('{"a": "b\\"c", "d": [1.0]}'),
    S,
]


def quad(value: object, graph: str = G1, subject: NamedNode = S) -> Quad:
    return Quad(subject, P, literal(value), NamedNode(graph))  # type: ignore[arg-type]


def content(store: AnyStore) -> set[tuple[str, str]]:
    return {(graph, str(canonical_triple(triple))) for graph in store.graphs() for triple in store.graph(graph)}


def canonical_triple(triple: Triple) -> Triple:
    return Triple(triple.subject, triple.predicate, canonical(triple.object))  # type: ignore[arg-type]


class TestEveryStore:
    def test_an_empty_store_holds_nothing(self, any_store: AnyStore) -> None:
        assert any_store.count() == 0
        assert any_store.graphs() == []
        assert any_store.graph(G1) == []
        assert any_store.select("SELECT * WHERE { GRAPH ?g { ?s ?p ?o } }") == []
        assert any_store.ask("ASK { GRAPH ?g { ?s ?p ?o } }") is False
        assert any_store.construct("CONSTRUCT { ?s ?p ?o } WHERE { GRAPH ?g { ?s ?p ?o } }") == []

    @pytest.mark.parametrize("value", VALUES, ids=repr)
    def test_a_value_comes_back_exactly(self, any_store: AnyStore, value: object) -> None:
        any_store.apply(insert=[quad(value)])

        (row,) = any_store.select("SELECT ?o WHERE { GRAPH ?g { ?s ?p ?o } }")

        expected = literal(value)  # type: ignore[arg-type]
        assert row["o"] == canonical(expected)
        assert python(row["o"]) == python(expected)

    @pytest.mark.parametrize("value", VALUES, ids=repr)
    def test_a_value_that_was_read_can_be_deleted(self, any_store: AnyStore, value: object) -> None:
        any_store.apply(insert=[quad(value)])

        read = any_store.graph(G1)
        any_store.apply(delete=[Quad(*triple, NamedNode(G1)) for triple in read])

        assert any_store.count() == 0

    def test_terms_that_others_wrote_are_spelt_alike_and_can_be_deleted(self, any_store: AnyStore) -> None:
        any_store.apply(
            insert=[
                Quad(S, P, _decimal("1.230"), NamedNode(G1)),
                Quad(S, P, _decimal("+04"), NamedNode(G1)),
                Quad(S, P, Literal("colour", language="en-GB"), NamedNode(G1)),
            ]
        )

        read = {str(triple.object) for triple in any_store.graph(G1)}
        any_store.apply(delete=[Quad(*triple, NamedNode(G1)) for triple in any_store.graph(G1)])

        assert read == {str(_decimal("1.23")), str(_decimal("4")), '"colour"@en-gb'}
        assert any_store.count() == 0

    def test_unbound_variables_are_absent(self, any_store: AnyStore) -> None:
        any_store.apply(insert=[quad(1)])

        rows = any_store.select("SELECT ?o ?no WHERE { GRAPH ?g { ?s ?p ?o . OPTIONAL { ?s <http://127.0.0.1/no> ?no } } }")

        assert [sorted(row) for row in rows] == [["o"]]

    def test_a_change_deletes_first_and_then_inserts(self, any_store: AnyStore) -> None:
        any_store.apply(insert=[quad(1), quad(2, G2)])

        any_store.apply(delete=[quad(1), quad(2, G2)], insert=[quad(2, G2), quad(3)])

        assert content(any_store) == {(G1, str(quad(3).triple)), (G2, str(quad(2).triple))}

    def test_applying_twice_adds_nothing(self, any_store: AnyStore) -> None:
        any_store.apply(insert=[quad(1), quad("x")])
        any_store.apply(insert=[quad(1), quad("x")])

        assert any_store.count() == 2

    def test_applying_nothing_is_fine(self, any_store: AnyStore) -> None:
        any_store.apply()

        assert any_store.count() == 0

    def test_blank_nodes_are_refused_in_changes(self, any_store: AnyStore) -> None:
        with pytest.raises(QueryError, match="blank node"):
            any_store.apply(insert=[quad(1), Quad(BlankNode("b"), P, S, NamedNode(G1))])
        with pytest.raises(QueryError, match="blank node"):
            any_store.apply(delete=[Quad(S, P, BlankNode("b"), NamedNode(G1))], insert=[quad(1)])

        assert any_store.count() == 0

    def test_a_failed_update_leaves_nothing_half_written(self, any_store: AnyStore) -> None:
        any_store.apply(insert=[quad("before")])

        with pytest.raises(StoreError):
            any_store.update(f"INSERT DATA {{ GRAPH <{G1}> {{ {S} {P} 1 , 2 }} }} ; DROP GRAPH <{G1}> ; LOAD <{NOWHERE}>")

        assert content(any_store) == {(G1, str(quad("before").triple))}

    def test_a_malformed_update_leaves_nothing(self, any_store: AnyStore) -> None:
        with pytest.raises(QueryError):
            any_store.update(f"INSERT DATA {{ GRAPH <{G1}> {{ {S} {P} 1 }} }} ; INSERT DATA {{ nonsense }}")

        assert any_store.count() == 0

    def test_a_graph_is_replaced_whole_and_alone(self, any_store: AnyStore) -> None:
        any_store.apply(insert=[quad(1), quad(2), quad(9, G2)])

        any_store.replace_graph(G1, [quad(2).triple, quad("new").triple])

        assert content(any_store) == {
            (G1, str(quad(2).triple)),
            (G1, str(quad("new").triple)),
            (G2, str(quad(9).triple)),
        }

    def test_a_graph_may_be_replaced_by_nothing(self, any_store: AnyStore) -> None:
        any_store.apply(insert=[quad(1), quad(9, G2)])

        any_store.replace_graph(G1, [])

        assert any_store.graphs() == [G2]

    def test_a_graph_may_hold_blank_nodes_when_it_is_replaced_whole(self, any_store: AnyStore) -> None:
        node = BlankNode("list")
        triples = [Triple(S, P, node), Triple(node, P, Literal("inside"))]

        any_store.replace_graph(G1, triples)
        any_store.replace_graph(G1, triples)

        assert any_store.count() == 2
        assert any_store.ask(f'ASK {{ GRAPH <{G1}> {{ {S} {P} ?b . ?b {P} "inside" }} }}')

    @pytest.mark.parametrize("name", [f"{G1}> {{}} }} ; DROP ALL ; #", "no scheme", "http://a b/", ""])
    def test_the_name_of_a_graph_cannot_break_out(self, any_store: AnyStore, name: str) -> None:
        any_store.apply(insert=[quad(1)])

        with pytest.raises(QueryError, match="absolute IRI"):
            any_store.replace_graph(name, [])
        with pytest.raises(QueryError, match="absolute IRI"):
            any_store.drop([name])
        with pytest.raises(QueryError, match="absolute IRI"):
            any_store.graph(name)

        assert any_store.count() == 1

    def test_graphs_are_dropped_together_and_absent_ones_passed_over(self, any_store: AnyStore) -> None:
        any_store.apply(insert=[quad(1), quad(2, G2), quad(3, G1 + "/three")])

        any_store.drop([G1, "http://127.0.0.1:8080/graph/never", G1 + "/three"])
        any_store.drop([])

        assert any_store.graphs() == [G2]
        assert any_store.count() == 1

    def test_a_pattern_outside_graph_sees_the_default_graph_alone(self, any_store: AnyStore) -> None:
        any_store.apply(insert=[quad(1)])

        assert any_store.select("SELECT * WHERE { ?s ?p ?o }") == []

    def test_construct_gives_triples(self, any_store: AnyStore) -> None:
        any_store.apply(insert=[quad(4.0)])

        triples = any_store.construct(f"CONSTRUCT {{ ?s {P} ?o }} WHERE {{ GRAPH ?g {{ ?s ?p ?o }} }}")

        assert triples == [Triple(S, P, _decimal("4"))]

    @pytest.mark.parametrize(
        ("verb", "query"),
        [
            ("select", "SELECT * WHERE { GRAPH ?g { ?s ?p ?o }"),
            ("select", "ASK { GRAPH ?g { ?s ?p ?o } }"),
            ("select", "CONSTRUCT { ?s ?p ?o } WHERE { GRAPH ?g { ?s ?p ?o } }"),
            ("ask", "SELECT * WHERE { GRAPH ?g { ?s ?p ?o } }"),
            ("ask", "ASK {"),
            ("construct", "SELECT * WHERE { GRAPH ?g { ?s ?p ?o } }"),
            ("construct", "CONSTRUCT { ?s } WHERE {}"),
        ],
    )
    def test_a_query_that_the_verb_cannot_answer_is_refused(self, any_store: AnyStore, verb: str, query: str) -> None:
        with pytest.raises(QueryError):
            getattr(any_store, verb)(query)

    def test_a_closed_store_says_so(self, any_store: AnyStore) -> None:
        any_store.close()

        with pytest.raises(StoreError, match="is closed"):
            any_store.count()

    def test_a_broken_backup_changes_nothing(self, any_store: AnyStore, tmp_path: Path) -> None:
        any_store.apply(insert=[quad("before")])
        broken = tmp_path / "broken.nq"
        broken.write_text(f"{quad(1)} .\nthis is no quad\n", encoding="utf-8")

        with pytest.raises(StoreError, match=r"broken\.nq is no N-Quads file"):
            any_store.restore(broken)
        with pytest.raises(StoreError):
            any_store.restore(tmp_path / "absent.nq")

        assert content(any_store) == {(G1, str(quad("before").triple))}

    def test_restoring_replaces_what_was_there(self, any_store: AnyStore, tmp_path: Path) -> None:
        any_store.apply(insert=[quad("kept")])
        any_store.backup(tmp_path / "all.nq")
        any_store.apply(delete=[quad("kept")], insert=[quad("later", G2), quad(_decimal("1.5"))])

        any_store.restore(tmp_path / "all.nq")
        any_store.apply(insert=[quad("after")])

        assert content(any_store) == {(G1, str(quad("kept").triple)), (G1, str(quad("after").triple))}
        assert [file.name for file in tmp_path.glob("all*")] == ["all.nq"]


@pytest.mark.parametrize("target", KINDS)
@pytest.mark.parametrize("source", KINDS)
def test_a_backup_moves_between_all_kinds_of_store(open_store: Callable[[str], AnyStore], tmp_path: Path, source: str, target: str) -> None:
    one = open_store(source)
    one.apply(insert=[quad(value, G1 if i % 2 else G2) for i, value in enumerate(VALUES)])
    expected = content(one)
    one.backup(tmp_path / "all.nq")

    other = open_store(target)
    other.restore(tmp_path / "all.nq")

    assert content(other) == expected
    other.apply(delete=[Quad(*triple, NamedNode(graph)) for graph in (G1, G2) for triple in other.graph(graph)])
    assert other.count() == 0


def _decimal(text: str) -> Literal:
    return Literal(text, datatype=NamedNode("http://www.w3.org/2001/XMLSchema#decimal"))
