"""Questions that nobody thought of: generated, and asked of packed days and of real triples, within the whole and within a scope."""

import pyoxigraph as ox
import pytest
import sparql_history as history
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sparql.observations import face
from sparql.parser import parse
from sparql.printer import text
from sparql.scope import Scope
from sparql.scoping import ALLOWED, confined

CHANNELS = [f"<{channel.iri}>" for channel in (history.GRID, history.PV, history.AIR, history.OTHER)]
TIMES = [
    '"2016-10-31T00:30:00Z"^^xsd:dateTime',
    '"2016-11-01T00:00:00Z"^^xsd:dateTime',
    '"2016-11-01T00:15:00Z"^^xsd:dateTime',
    '"2016-11-01T03:00:00+02:00"^^xsd:dateTime',
    '"2016-11-06T01:00:00Z"^^xsd:dateTime',
]
OBSERVATIONS = [
    f"<{history.BASE}/id/obs/{path}>"
    for path in (
        "connection/h01/activePower/20161101T001500Z",
        "device/h01-pv/activePower/20161101T010000Z",
        "station/demo/airTemperature/20161106T010000Z",
        "connection/h01/activePower/20161101T001600Z",
    )
]
GRAPHS = ["?g", f"<{history.BASE}/graph/member/h01/telemetry/2016-11>", f"<{history.BASE}/graph/feed/telemetry/2016-11>"]
SIGNS = [">=", ">", "<", "<=", "="]


@st.composite
def triples(draw: st.DrawFn, number: int) -> str:
    """What is said of one observation, marked as one."""
    subject = f"?o{number}"
    said = [draw(st.sampled_from([f"{subject} a saref:Observation .", f"{subject} sosa:hasSimpleResult ?v{number} ."]))]
    channel = draw(st.sampled_from([*CHANNELS, "?c", f"?c{number}"]))
    time = draw(st.sampled_from(["?t", f"?t{number}", *TIMES[1:3]]))
    more = [
        f"{subject} saref:observes {channel} .",
        f"{subject} saref:hasTimestamp {time} .",
        f"{subject} sosa:hasSimpleResult {draw(st.sampled_from(['?v', f'?v{number}', '0.1', '-0.05']))} .",
        f"{subject} prov:wasDerivedFrom ?d .",
        f"{subject} qudt:hasUnit ?u .",
        f"{subject} a ?type .",
        f"{subject} saref:observes/saref:isPropertyOfInterestOf ?f .",
        "?c saref:hasPropertyKind ?kind .",
    ]
    said += draw(st.lists(st.sampled_from(more), min_size=1, max_size=4, unique=True))
    return " ".join(draw(st.permutations(said)))


@st.composite
def narrowed(draw: st.DrawFn, number: int) -> str:
    """A channel and a day, so that the oracle does not join everything with everything."""
    channel = draw(st.sampled_from(CHANNELS[:3]))
    hour = draw(st.sampled_from(["2016-10-31T01", "2016-11-01T00", "2016-11-06T01"]))
    bounds = f'FILTER(?t{number} >= "{hour}:00:00Z"^^xsd:dateTime && ?t{number} < "{hour[:-2]}04:00:00Z"^^xsd:dateTime)'
    return f"?o{number} saref:observes {channel} ; saref:hasTimestamp ?t{number} . {bounds}"


@st.composite
def elements(draw: st.DrawFn, depth: int) -> str:
    """One element of a group."""
    number = draw(st.integers(0, 1))
    kinds = ["filter", "filter", "optional", "values", "bind"] + (["union", "minus", "exists", "graph", "group", "select"] if depth else [])
    kind = draw(st.sampled_from(kinds))
    if kind == "filter":
        left = draw(st.sampled_from(["?t", "?t0", "?t1"]))
        return f"FILTER({left} {draw(st.sampled_from(SIGNS))} {draw(st.sampled_from(TIMES))})"
    if kind == "values":
        variable, choices = draw(st.sampled_from([("?c", CHANNELS), ("?t", TIMES[:3]), ("?o0", OBSERVATIONS)]))
        return f"VALUES {variable} {{ {' '.join(draw(st.lists(st.sampled_from(choices), min_size=1, max_size=3, unique=True)))} }}"
    if kind == "bind":
        return f"BIND(STR(?t{number}) AS ?b{depth})"
    if kind == "optional":
        object_ = draw(
            st.sampled_from(["sosa:hasSimpleResult ?w", "qudt:hasUnit ?u", "saref:observes ?c", "sosa:hasSimpleResult 0.1", "?p ?x"])
        )
        return f"OPTIONAL {{ ?o0 {object_} }}"  # ?o0 alone is said to be an observation in every group
    inner = draw(triples(number)) + " " + draw(narrowed(number))
    if kind == "union":
        return f"{{ {inner} }} UNION {{ {draw(groups(depth - 1, number))} }}"
    if kind == "select":
        return f"{{ SELECT ?o{number} ?c ?t {{ {inner} }} }}"
    head = {"minus": "MINUS ", "graph": f"GRAPH {draw(st.sampled_from(GRAPHS))} ", "group": ""}
    if kind == "exists":
        return f"FILTER {draw(st.sampled_from(['', 'NOT ']))}EXISTS {{ {inner} }}"
    return f"{head[kind]}{{ {inner} }}"


@st.composite
def groups(draw: st.DrawFn, depth: int, number: int = 0) -> str:
    """The inside of a group."""
    parts = [draw(triples(number)), draw(narrowed(number))]
    if draw(st.booleans()) and depth:
        parts += [draw(triples(1)), draw(narrowed(1))]
    parts += draw(st.lists(elements(depth), max_size=3))
    binds = [part for part in parts if part.startswith("BIND")]
    return " ".join([*draw(st.permutations([part for part in parts if part not in binds])), *binds[:1]])


@st.composite
def queries(draw: st.DrawFn) -> str:
    """A whole query."""
    inside = draw(groups(1))
    shown = draw(
        st.sampled_from(
            ["?o0 ?c ?t ?t0 ?v ?v0 ?g ?u ?x", "?v0 ?v ?w", "?t ?t0 ?t1 ?c ?d", "(COUNT(*) AS ?n)", "(SUM(?v0) AS ?s) (COUNT(?v) AS ?n)"]
        )
    )
    return f"SELECT {shown} {{ {inside} }}"


@pytest.fixture(scope="module")
def packed() -> ox.Store:
    return history.store(quad for quad in history.packed() if history.FAST.iri not in str(quad) and "h01-plug" not in str(quad))


@pytest.fixture(scope="module")
def oracle(packed: ox.Store) -> ox.Store:
    return history.store(history.materialised(packed))


@settings(max_examples=200, suppress_health_check=list(HealthCheck))
@given(query=queries())
def test_any_question_finds_the_same_in_packed_days(query: str, packed: ox.Store, oracle: ox.Store) -> None:
    assert history.presented(packed, query) == history.expected(oracle, query)


SCOPE = Scope(
    graphs=frozenset({f"{history.BASE}/graph/feed/osb/feed"}),
    families=frozenset({f"{history.BASE}/graph/member/h01/telemetry/", f"{history.BASE}/graph/feed/telemetry/"}),
)


@settings(max_examples=40, suppress_health_check=list(HealthCheck))
@given(query=queries())
def test_a_scope_hides_observations_as_it_hides_triples(query: str, packed: ox.Store, oracle: ox.Store) -> None:
    seen = history.store(quad for quad in oracle if SCOPE.allows(quad.graph_name.value))
    hidden_units = _without_units_of_others(seen)
    names = [graph.value for graph in packed.named_graphs()]
    tree = face(parse(query, prefixes=history.known_prefixes()), iris_base=history.BASE)
    within = confined(tree, SCOPE, default_graphs=None, named_graphs=None, graphs=names)
    allowed = ox.NamedNode(ALLOWED)
    found = packed.query(
        text(within.query),
        use_default_graph_as_union=within.union,
        default_graph=None if within.default_graph is None else [ox.NamedNode(each) for each in within.default_graph],
        named_graphs=None if within.named_graphs is None else [ox.NamedNode(each) for each in within.named_graphs],
        custom_functions={**history.CUSTOM, allowed: lambda graph: ox.Literal(SCOPE.allows(graph.value))},
    )
    assert history.answers(found) == history.expected(hidden_units, query)


def _without_units_of_others(seen: ox.Store) -> ox.Store:
    """What the scoped platform would present: no units of channels whose description is hidden."""
    return history.store(history.materialised(quad for quad in seen if "/id/obs/" not in quad.subject.value))
