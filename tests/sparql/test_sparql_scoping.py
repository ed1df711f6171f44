"""Whatever a query does, its scoped answer is that of a store which holds only the graphs that the scope allows."""

from collections import Counter
from dataclasses import replace
from functools import cache
from pathlib import Path

import pyoxigraph as ox
import pytest
from scoped_queries import GRAPH, GRAPHS, SCOPES, Maker, answered, counted, dataset, store_of

from kg.prefixes import prefixes
from sparql import scoping
from sparql.errors import SparqlError
from sparql.nodes import Query
from sparql.parser import parse
from sparql.printer import text
from sparql.scope import EVERYTHING, NOTHING, Scope

ROOT = Path(__file__).parents[2]
QUERIES = 1600
BLOCKS = 16
DATASETS = 6
LIST, FILTER = 1 << 30, -1


@cache
def stores(data: int, scope: str) -> tuple[tuple[ox.Store, tuple[str, ...]], tuple[ox.Store, tuple[str, ...]]]:
    quads = dataset(data)
    return store_of(quads), store_of(quads, SCOPES[scope])


def confined(query: Query, scope: Scope, graphs: tuple[str, ...], most_listed: int = scoping.LISTED) -> scoping.Confined:
    return scoping.confined(query, scope, default_graphs=None, named_graphs=None, graphs=graphs, most_listed=most_listed)


def on_the_engine_alone(store: ox.Store, graphs: tuple[str, ...], query: Query) -> Counter[str]:
    """The query as it was written, but for DESCRIBE, and for graphs that do not exist, which the engine would list."""
    plain = scoping.described(query)
    if query.default_graphs is None and query.named_graphs is None:
        return counted(store.query(text(plain), use_default_graph_as_union=True))
    lists = [[ox.NamedNode(each) for each in graphs if each in (asked or ())] for asked in (query.default_graphs, query.named_graphs)]
    plain = replace(plain, default_graphs=None, named_graphs=None)
    return counted(store.query(text(plain), default_graph=lists[0], named_graphs=lists[1]))  # type: ignore[arg-type]


@pytest.mark.parametrize("block", range(BLOCKS))
def test_a_scoped_answer_is_that_of_a_store_with_only_the_allowed_graphs(block):
    each = QUERIES // BLOCKS
    compared = telling = 0
    for seed in range(block * each, (block + 1) * each):
        name = list(SCOPES)[seed % len(SCOPES)]
        (whole, all_graphs), (part, allowed) = stores(seed % DATASETS, name)
        maker = Maker(seed)
        query = maker.query()
        try:
            expected = answered(part, confined(query, EVERYTHING, allowed))
        except SparqlError:  # what can't be answered graph by graph
            continue
        for most_listed in (LIST, FILTER):
            scoped = confined(query, SCOPES[name], all_graphs, most_listed)
            assert answered(whole, scoped) == expected, f"seed {seed}, {name}: {text(scoping.described(query))}"
        if not maker.odd:
            assert on_the_engine_alone(part, allowed, query) == expected, f"seed {seed}, {name}: {text(scoping.described(query))}"
        compared += 1
        telling += bool(expected - Counter(["False"]))
    assert compared > 0.9 * each
    assert telling > 0.15 * each


# --- queries on the data of the competency questions

QUESTIONS = (
    "SELECT * { ?s ?p ?o }",
    "SELECT * { GRAPH ?g { ?s ?p ?o } }",
    "SELECT ?g (COUNT(*) AS ?n) { GRAPH ?g { ?s ?p ?o } } GROUP BY ?g",
    "SELECT ?type (COUNT(DISTINCT ?x) AS ?n) { ?x a ?type } GROUP BY ?type",
    "SELECT * { ?c fc:ownedBy/rdfs:label ?label . ?c fc:locatedAt ?site }",
    "SELECT * { ?channel a fc:Channel . OPTIONAL { ?channel saref:hasPropertyKind ?kind } MINUS { ?channel qudt:hasUnit unit:DEG_C } }",
    "SELECT * { ?x a fc:Site . FILTER NOT EXISTS { ?d fc:locatedAt ?x ; fc:ratedPower ?p } }",
    "SELECT * { ?x fc:locatedAt+ ?where }",
    "SELECT * { ?x (fc:locatedAt|fc:ownedBy|fc:claimedBy)* ?where . ?where a fc:Member }",
    "SELECT * { ?x !(rdf:type|^rdf:type|fc:values) ?y }",
    "CONSTRUCT { ?x rdfs:seeAlso ?g } { GRAPH ?g { ?x a ?type } }",
    "DESCRIBE ?x { ?x a fc:Member }",
    "ASK { ?x a odrl:Policy }",
)
ROLES = {
    "operator": EVERYTHING,
    "public": Scope(graphs=frozenset({GRAPH + "ontology", GRAPH + "feed/facts"}), families=frozenset({GRAPH + "feed/telemetry/"})),
    "member": Scope(
        graphs=frozenset(f"{GRAPH}member/h01/{part}" for part in ("facts", "latest", "plans", "contracts", "events", "statements")),
        families=frozenset({f"{GRAPH}member/h01/osb/", f"{GRAPH}member/h01/telemetry/"}),
    ),
    "grid operator": Scope(families=frozenset({GRAPH + "settlement/"})),
    "nobody": NOTHING,
}


@cache
def competency() -> tuple[ox.Quad, ...]:
    return tuple(ox.parse(path=str(ROOT / "tests" / "data" / "competency.trig")))  # type: ignore[arg-type]


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("question", QUESTIONS)
def test_the_competency_data_answer_each_role_as_if_they_were_all_there_is(question, role):
    query = parse(question, prefixes=dict(prefixes()), base="http://127.0.0.1:8080/id/")
    whole, all_graphs = store_of(competency())
    part, allowed = store_of(competency(), ROLES[role])
    expected = answered(part, confined(query, EVERYTHING, allowed))
    for most_listed in (LIST, FILTER):
        assert answered(whole, confined(query, ROLES[role], all_graphs, most_listed)) == expected


# --- single rules

SMALL = """
GRAPH <one> { <a> <p> <b> , <c> . <b> <q> <d> } GRAPH <two> { <a> <p> <b> . <b> <q> <d> } GRAPH <far> { <a> <secret> <z> . <z> <p> <a> }
"""
NEAR = Scope(graphs=frozenset(f"{GRAPH}{each}" for each in ("one", "two")))


def small(question: str, scope: Scope = NEAR, most_listed: int = FILTER, **dataset: tuple[str, ...]) -> Counter[str]:
    quads = list(ox.parse(SMALL, format=ox.RdfFormat.TRIG, base_iri=GRAPH))
    store, graphs = store_of(quads)  # type: ignore[arg-type]
    given = {"default_graphs": None, "named_graphs": None, **dataset}
    query = parse(question, prefixes={"": GRAPH}, base=GRAPH)
    found = answered(store, scoping.confined(query, scope, graphs=graphs, most_listed=most_listed, **given))  # type: ignore[arg-type]
    return Counter({row.replace(GRAPH, "").replace("<", "").replace(">", ""): times for row, times in found.items()})


BOTH = pytest.mark.parametrize("most_listed", [LIST, FILTER])


@BOTH
def test_a_triple_that_stands_in_two_allowed_graphs_counts_twice(most_listed):
    assert small("SELECT ?o { :a :p ?o }", most_listed=most_listed) == {"b": 2, "c": 1}


@BOTH
def test_alternatives_add_up_as_the_recommendation_says(most_listed):
    assert small("SELECT ?o { :a (:p|:p) ?o }", most_listed=most_listed) == {"b": 4, "c": 2}


@BOTH
def test_a_sub_select_within_a_graph_counts_graph_by_graph(most_listed):
    question = "SELECT ?g ?n { GRAPH ?g { SELECT ?s (COUNT(*) AS ?n) { ?s :p ?o } GROUP BY ?s } }"
    found = small(question, most_listed=most_listed)
    assert found == {f'{graph} "{count}"^^http://www.w3.org/2001/XMLSchema#integer': 1 for graph, count in (("one", 2), ("two", 1))}


@pytest.mark.parametrize(
    "inner", ["SELECT ?s { ?s :p ?o } LIMIT 1", "SELECT (COUNT(*) AS ?n) { ?s :p ?o }", "SELECT (:x AS ?g) { ?s :p ?o }"]
)
def test_a_sub_select_that_would_mix_graphs_is_refused_with_a_sentence(inner):
    with pytest.raises(SparqlError, match=r"within GRAPH \?g"):
        small(f"SELECT * {{ GRAPH ?g {{ {inner} }} }}")


@BOTH
def test_a_graph_without_patterns_lists_the_allowed_graphs(most_listed):
    assert small("SELECT ?g { GRAPH ?g {} }", most_listed=most_listed) == {"one": 1, "two": 1}
    assert small("ASK { GRAPH :far {} }", most_listed=most_listed) == {"False": 1}
    assert small("ASK { GRAPH :one {} }", most_listed=most_listed) == {"True": 1}


@BOTH
def test_counting_distinct_solutions_does_not_count_the_graphs(most_listed):
    found = small("SELECT (COUNT(DISTINCT *) AS ?n) { ?s :p/:q ?o }", most_listed=most_listed)
    assert found == {'"1"^^http://www.w3.org/2001/XMLSchema#integer': 1}


def test_from_alone_leaves_no_named_graphs_and_from_named_alone_no_default_graph():
    assert small("SELECT ?o FROM :one FROM :far { :a ?p ?o }") == {"b": 1, "c": 1}
    assert small("SELECT ?g FROM :one { GRAPH ?g { ?s ?p ?o } }") == {}
    assert small("SELECT ?g FROM NAMED :two FROM NAMED :far { GRAPH ?g { :a ?p ?o } }") == {"two": 1}
    assert small("SELECT ?o FROM NAMED :two { :a ?p ?o }") == {}


def test_the_dataset_of_the_protocol_counts_instead_of_that_of_the_query():
    question = "SELECT ?o FROM :two FROM NAMED :one { :a ?p ?o }"
    assert small(question, default_graphs=(GRAPH + "one", GRAPH + "far")) == {"b": 1, "c": 1}
    assert small("SELECT ?g FROM :one { GRAPH ?g { ?s :q ?o } }", named_graphs=(GRAPH + "two",)) == {"two": 1}
    assert small(question, named_graphs=(GRAPH + "two",)) == {}


def test_an_operator_with_from_gets_these_graphs_and_without_it_all():
    assert small("SELECT ?o FROM :far { :a ?p ?o }", EVERYTHING) == {"z": 1}
    assert small("SELECT ?o { :a ?p ?o }", EVERYTHING) == {"b": 2, "c": 1, "z": 1}


@BOTH
def test_describe_gives_the_triples_of_what_is_named_and_found(most_listed):
    assert set(small("DESCRIBE :a", most_listed=most_listed)) == {"a p b", "a p c"}
    assert set(small("DESCRIBE :b ?x ?y { ?x :p ?y }", most_listed=most_listed)) == {"a p b", "a p c", "b q d"}
    assert set(small("DESCRIBE ?y { ?x :p ?y } ORDER BY ?y LIMIT 1", most_listed=most_listed)) == {"b q d"}
    assert set(small("DESCRIBE ?y { ?x :p ?y } ORDER BY DESC(?y) LIMIT 1", most_listed=most_listed)) == set()
    assert set(small("DESCRIBE :z", most_listed=most_listed)) == set()
    assert set(small("DESCRIBE ?none ?x { ?x :q ?y OPTIONAL { ?x :none ?none } }", most_listed=most_listed)) == {"b q d"}


def test_few_graphs_are_listed_and_many_are_filtered():
    graphs = tuple(f"{GRAPH}member/m{number}/facts" for number in range(200))
    plain = parse("SELECT ?s { ?s ?p ?o }", prefixes={}, base=GRAPH)
    path = parse("SELECT ?s { ?s <p>* ?o . ?o <q> ?r }", prefixes={}, base=GRAPH)
    few, many = (Scope(graphs=frozenset(graphs[:number])) for number in (scoping.LISTED, scoping.LISTED + 1))
    listed = confined(plain, few, graphs)
    assert listed.default_graph == listed.named_graphs == graphs[: scoping.LISTED]
    assert listed.allowed is None
    filtered = confined(plain, many, graphs)
    assert (filtered.default_graph, filtered.named_graphs) == ((), None)
    assert filtered.allowed is not None
    assert [filtered.allowed(graphs[number]) for number in (0, scoping.LISTED, scoping.LISTED + 1)] == [True, True, False]
    assert confined(path, many, graphs).default_graph == graphs[: scoping.LISTED + 1]  # for the path alone
    assert confined(plain, EVERYTHING, graphs) == scoping.Confined(plain, union=True)


def test_graphs_that_are_written_between_two_lists_count_at_once():
    query = parse("SELECT ?s { ?s ?p ?o }", prefixes={}, base=GRAPH)
    scope = Scope(families=frozenset({GRAPH}))
    assert confined(query, scope, (GRAPH + "a",)).default_graph == (GRAPH + "a",)
    assert confined(query, scope, (GRAPH + "a", GRAPH + "b")).default_graph == (GRAPH + "a", GRAPH + "b")


def test_a_server_is_told_the_dataset_in_words_and_never_by_leaving_it_out():
    query = parse("SELECT ?s FROM :far FROM NAMED :one { ?s ?p ?o }", prefixes={"": GRAPH}, base=GRAPH)
    cut = scoping.for_remote(query, NEAR, None, None, (*GRAPHS, GRAPH + "one"))
    assert (cut.default_graphs, cut.named_graphs) == ((), (GRAPH + "one",))
    nothing = scoping.for_remote(query, NOTHING, None, None, GRAPHS)
    assert (nothing.default_graphs, nothing.named_graphs) == ((scoping.NO_GRAPH,), ())
    whole = scoping.for_remote(replace(query, default_graphs=None, named_graphs=None), EVERYTHING, None, None, GRAPHS)
    assert (whole.default_graphs, whole.named_graphs) == (None, None)
