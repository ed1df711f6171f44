"""Questions about observations, asked of packed days and of real triples: both must find the same."""

import re
from collections.abc import Iterator
from pathlib import Path

import pyoxigraph as ox
import pytest
import servers
import sparql_history as history
from kg_stores import remote

from kg.remote import RemoteStore
from sparql.observations import face
from sparql.parser import parse

ID = f"{history.BASE}/id"
GRID, PV, AIR, FAST = (f"<{channel.iri}>" for channel in (history.GRID, history.PV, history.AIR, history.FAST))
FEATURE = f"<{ID}/connection/h01>"
DAY = '?t >= "2016-11-01T00:00:00Z"^^xsd:dateTime && ?t < "2016-11-02T00:00:00Z"^^xsd:dateTime'
HOUR = 'FILTER(?t >= "2016-11-01T10:00:00Z"^^xsd:dateTime && ?t < "2016-11-01T11:00:00Z"^^xsd:dateTime)'
CHANGE = 'FILTER("2016-11-06T00:00:00Z"^^xsd:dateTime <= ?t && "2016-11-07T00:00:00Z"^^xsd:dateTime > ?t)'
ONE = f"<{ID}/obs/connection/h01/activePower/20161101T001500Z>"
OPEN_ONE = f"<{ID}/obs/device/h01-pv/activePower/20161101T001500Z>"
NONE = f"<{ID}/obs/connection/h01/activePower/20161101T001600Z>"
MONTH = f"<{history.BASE}/graph/member/h01/telemetry/2016-11>"
STAR = "?o a saref:Observation ; saref:observes ?c ; saref:hasTimestamp ?t ; sosa:hasSimpleResult ?v"

QUESTIONS = {
    "all of one channel": f"SELECT ?o ?t ?v {{ ?o a saref:Observation ; saref:observes {GRID} ; saref:hasTimestamp ?t ; sosa:hasSimpleResult ?v }}",
    "everything": f"SELECT ?o ?c ?t ?v {{ {STAR} }}",
    "one day": f"SELECT ?t ?v {{ {STAR} FILTER(?c = {GRID} && {DAY}) }}",
    "one hour of all": f"SELECT ?c ?t ?v {{ {STAR} {HOUR} }}",
    "an open day": f"SELECT ?o ?t ?v {{ ?o saref:observes {PV} ; saref:hasTimestamp ?t ; sosa:hasSimpleResult ?v {HOUR} }}",
    "the day the clocks change": f"SELECT ?c ?t ?v {{ {STAR} {CHANGE} }}",
    "filters before and between": f"SELECT ?t ?v {{ {HOUR} ?o sosa:hasSimpleResult ?v . FILTER(?v > 0) ?o saref:hasTimestamp ?t . ?o saref:observes {GRID} }}",
    "only the values": "SELECT ?v { ?o sosa:hasSimpleResult ?v }",
    "only the times": "SELECT ?t { ?o saref:hasTimestamp ?t }",
    "only the type": "SELECT ?o { ?o a saref:Observation }",
    "the type of SOSA": f"SELECT ?v {{ ?o a sosa:Observation ; saref:observes {AIR} ; sosa:hasSimpleResult ?v }}",
    "a number of them": "SELECT (COUNT(*) AS ?n) { ?o a saref:Observation }",
    "a number of different ones": "SELECT (COUNT(DISTINCT ?o) AS ?n) { ?o a saref:Observation }",
    "whether there is any": f"ASK {{ ?o saref:observes {GRID} ; sosa:hasSimpleResult ?v FILTER(?v > 12000) }}",
    "whether there is none": f"ASK {{ ?o saref:observes {GRID} ; sosa:hasSimpleResult ?v FILTER(?v > 99999) }}",
    "an exact value": "SELECT ?o ?t { ?o saref:hasTimestamp ?t ; sosa:hasSimpleResult -0.05 }",
    "an exact time": 'SELECT ?c ?v { ?o saref:hasTimestamp "2016-11-01T01:00:00Z"^^xsd:dateTime ; sosa:hasSimpleResult ?v ; saref:observes ?c }',
    "a time that is none of the grid": 'SELECT ?c ?v { ?o saref:hasTimestamp "2016-11-01T01:00:30Z"^^xsd:dateTime ; sosa:hasSimpleResult ?v ; saref:observes ?c }',
    "another spelling of a time": 'SELECT ?v { ?o saref:hasTimestamp ?t ; sosa:hasSimpleResult ?v FILTER(?t = "2016-11-01T02:00:00+01:00"^^xsd:dateTime) }',
    "a time without zone": 'SELECT ?v { ?o saref:hasTimestamp ?t ; sosa:hasSimpleResult ?v FILTER(?t > "2016-11-05T20:00:00"^^xsd:dateTime) }',
    "by feature": f"SELECT ?c ?t ?v {{ ?c saref:isPropertyOfInterestOf {FEATURE} . {STAR} {HOUR} }}",
    "by kind": f"SELECT ?c (AVG(?v) AS ?mean) {{ {STAR} . ?c saref:hasPropertyKind fcv:AirTemperature }} GROUP BY ?c",
    "by feature afterwards": f"SELECT ?f ?t ?v {{ {STAR} . ?c saref:isPropertyOfInterestOf ?f {HOUR} }}",
    "values of channels": f"SELECT ?c ?t ?v {{ VALUES ?c {{ {GRID} {AIR} }} {STAR} {HOUR} }}",
    "values of times": f'SELECT ?c ?t ?v {{ VALUES ?t {{ "2016-11-01T01:00:00Z"^^xsd:dateTime "2016-11-06T02:00:00Z"^^xsd:dateTime }} {STAR} }}',
    "values of observations": f"SELECT ?o ?v {{ VALUES ?o {{ {ONE} {OPEN_ONE} {NONE} }} ?o sosa:hasSimpleResult ?v }}",
    "values at the end": f"SELECT ?c ?v {{ {STAR} {HOUR} }} VALUES ?c {{ {GRID} }}",
    "bounds as values": f'SELECT ?t ?v {{ VALUES (?from ?to) {{ ("2016-11-01T10:00:00Z"^^xsd:dateTime "2016-11-01T11:00:00Z"^^xsd:dateTime) }} {STAR} FILTER(?t >= ?from && ?t < ?to) }}',
    "bounds bound": f'SELECT ?t ?v {{ BIND("2016-11-01T10:00:00Z"^^xsd:dateTime AS ?from) {STAR} FILTER(?t >= ?from) }}',
    "a time bound before": f'SELECT ?c ?v {{ BIND("2016-11-01T10:00:00Z"^^xsd:dateTime AS ?t) {STAR} }}',
    "a time list": f'SELECT ?c ?v {{ {STAR} FILTER(?t IN ("2016-11-01T10:00:00Z"^^xsd:dateTime, "2016-11-06T10:00:00Z"^^xsd:dateTime)) }}',
    "bounds of an inner group": f"SELECT ?t ?v {{ {{ {STAR} }} FILTER({DAY}) FILTER(?c = {GRID}) }}",
    "or is no bound": f'SELECT ?c ?t {{ {STAR} FILTER(?t < "2016-10-31T01:00:00Z"^^xsd:dateTime || ?v > 12000) }}',
    "optional value": f"SELECT ?o ?v {{ ?o a saref:Observation ; saref:observes {GRID} OPTIONAL {{ ?o sosa:hasSimpleResult ?v }} }}",
    "optional time and value": f"SELECT ?t ?v {{ ?o a saref:Observation ; saref:observes {AIR} OPTIONAL {{ ?o sosa:hasSimpleResult ?v }} OPTIONAL {{ ?o saref:hasTimestamp ?t }} {HOUR} }}",
    "optional with a condition": f"SELECT ?t ?v {{ ?o saref:observes {AIR} ; saref:hasTimestamp ?t OPTIONAL {{ ?o sosa:hasSimpleResult ?v FILTER(?v > 1) }} }}",
    "optional unit": f"SELECT ?t ?u {{ ?o saref:observes {AIR} ; saref:hasTimestamp ?t OPTIONAL {{ ?o qudt:hasUnit ?u }} }}",
    "unit": f"SELECT ?v ?u {{ ?o sosa:hasSimpleResult ?v ; qudt:hasUnit ?u ; saref:hasTimestamp ?t {HOUR} }}",
    "unit given": "SELECT ?c (COUNT(*) AS ?n) { ?o a saref:Observation ; saref:observes ?c ; qudt:hasUnit unit:DEG_C } GROUP BY ?c",
    "the day it comes from": f"SELECT ?d ?v {{ ?o prov:wasDerivedFrom ?d ; sosa:hasSimpleResult ?v ; saref:hasTimestamp ?t {HOUR} }}",
    "flags by the day": "SELECT ?r ?v { ?o sosa:hasSimpleResult ?v ; prov:wasDerivedFrom ?d . ?flag fc:flagOf ?d ; fc:reason ?r }",
    "of a given day": f"SELECT ?t ?v {{ ?o prov:wasDerivedFrom <{ID}/series/connection/h01/activePower/20161101> ; sosa:hasSimpleResult ?v ; saref:hasTimestamp ?t }}",
    "a known observation": f"SELECT ?t ?v {{ {ONE} saref:hasTimestamp ?t ; sosa:hasSimpleResult ?v }}",
    "a known one of an open day": f"SELECT ?t ?v ?c {{ {OPEN_ONE} saref:hasTimestamp ?t ; sosa:hasSimpleResult ?v ; saref:observes ?c }}",
    "one between the slots": f"SELECT ?t ?v {{ {NONE} saref:hasTimestamp ?t ; sosa:hasSimpleResult ?v }}",
    "all of a known one": f"SELECT ?p ?v {{ {ONE} ?p ?v }}",
    "all of a known one of an open day": f"SELECT ?p ?v {{ {OPEN_ONE} ?p ?v }}",
    "all of some": f"SELECT ?o ?p ?x {{ ?o saref:observes {AIR} ; saref:hasTimestamp ?t ; ?p ?x {HOUR} }}",
    "any property with a value": f"SELECT ?o ?p {{ ?o a saref:Observation ; ?p {AIR} ; saref:hasTimestamp ?t {HOUR} }}",
    "types of some": f"SELECT ?type {{ ?o saref:observes {AIR} ; saref:hasTimestamp ?t ; a ?type {HOUR} }}",
    "described": f"DESCRIBE {ONE}",
    "described by question": f"DESCRIBE ?o {{ ?o saref:observes {AIR} ; saref:hasTimestamp ?t {HOUR} }}",
    "constructed": f"CONSTRUCT {{ ?c fc:latestValue ?v }} WHERE {{ {STAR} {HOUR} }}",
    "constructed as it is": f"CONSTRUCT WHERE {{ ?o a saref:Observation ; saref:observes {AIR} ; sosa:hasSimpleResult ?v }}",
    "a path over it": f"SELECT ?v {{ {AIR} ^saref:observes/sosa:hasSimpleResult ?v }}",
    "a path from the feature": f"SELECT ?t {{ {FEATURE} ^saref:isPropertyOfInterestOf/^saref:observes/saref:hasTimestamp ?t }}",
    "a path of alternatives": f"SELECT ?x {{ ?o saref:observes {AIR} ; (saref:hasTimestamp|sosa:hasSimpleResult) ?x }}",
    "a path to the feature": f"SELECT ?f ?v {{ ?o sosa:hasSimpleResult ?v ; saref:observes/saref:isPropertyOfInterestOf ?f ; saref:hasTimestamp ?t {HOUR} }}",
    "an inverse": f"SELECT ?v {{ ?v ^sosa:hasSimpleResult ?o . ?o saref:observes {AIR} }}",
    "a blank node": f"SELECT ?v {{ [] saref:observes {AIR} ; sosa:hasSimpleResult ?v }}",
    "union of channels": f"SELECT ?t ?v {{ {{ ?o saref:observes {GRID} }} UNION {{ ?o saref:observes {AIR} }} ?o saref:hasTimestamp ?t ; sosa:hasSimpleResult ?v {HOUR} }}",
    "union of whole questions": f"SELECT ?t ?v {{ {{ ?o saref:observes {GRID} ; saref:hasTimestamp ?t ; sosa:hasSimpleResult ?v }} UNION {{ ?o saref:observes {AIR} ; saref:hasTimestamp ?t ; sosa:hasSimpleResult ?v }} {HOUR} }}",
    "minus": f"SELECT ?t {{ ?o saref:observes {GRID} ; saref:hasTimestamp ?t {HOUR} MINUS {{ ?o sosa:hasSimpleResult ?v FILTER(?v < 0) }} }}",
    "minus of another": f"SELECT ?t {{ ?o saref:observes {GRID} ; saref:hasTimestamp ?t MINUS {{ ?p saref:observes {PV} ; saref:hasTimestamp ?t }} }}",
    "not exists": f"SELECT ?t ?v {{ ?o saref:observes {AIR} ; saref:hasTimestamp ?t ; sosa:hasSimpleResult ?v {HOUR} FILTER NOT EXISTS {{ ?o sosa:hasSimpleResult ?w FILTER(?w > 5) }} }}",
    "channels with any": "SELECT ?c { ?c a fc:Channel FILTER EXISTS { ?o saref:observes ?c ; sosa:hasSimpleResult ?v } }",
    "in a graph": f"SELECT ?t ?v {{ GRAPH {MONTH} {{ ?o saref:observes {GRID} ; saref:hasTimestamp ?t ; sosa:hasSimpleResult ?v }} }}",
    "in any graph": f"SELECT ?g ?c ?t ?v {{ GRAPH ?g {{ {STAR} }} {HOUR} }}",
    "graphs of registry and readings": f"SELECT ?g ?h ?c ?v {{ GRAPH ?g {{ ?c saref:isPropertyOfInterestOf {FEATURE} }} GRAPH ?h {{ {STAR} {HOUR} }} }}",
    "the unit in a graph": f"SELECT ?g ?u (COUNT(*) AS ?n) {{ GRAPH ?g {{ ?o saref:observes {GRID} ; sosa:hasSimpleResult ?v ; qudt:hasUnit ?u }} }} GROUP BY ?g ?u",
    "optional in a graph": f"SELECT ?g ?v {{ GRAPH ?g {{ ?o a saref:Observation ; saref:observes {AIR} OPTIONAL {{ ?o sosa:hasSimpleResult ?v }} }} }}",
    "two graphs for one": f"SELECT ?t ?v {{ GRAPH ?g {{ ?o saref:observes {AIR} ; saref:hasTimestamp ?t }} GRAPH ?g {{ ?o sosa:hasSimpleResult ?v }} }}",
    "a mean a day": f"SELECT ?day (AVG(?v) AS ?mean) (COUNT(*) AS ?n) {{ ?o saref:observes {GRID} ; saref:hasTimestamp ?t ; sosa:hasSimpleResult ?v BIND(SUBSTR(STR(?t), 1, 10) AS ?day) }} GROUP BY ?day",
    "a sum an hour": f"SELECT ?h (SUM(?v) AS ?sum) {{ {STAR} FILTER(?c = {GRID}) FILTER({DAY}) }} GROUP BY (HOURS(?t) AS ?h) HAVING(SUM(?v) > 1)",
    "the highest": "SELECT ?c (MAX(?v) AS ?most) (MIN(?t) AS ?first) { ?o saref:observes ?c ; saref:hasTimestamp ?t ; sosa:hasSimpleResult ?v } GROUP BY ?c",
    "a sub-select": f"SELECT ?c ?mean ?label {{ {{ SELECT ?c (AVG(?v) AS ?mean) {{ {STAR} }} GROUP BY ?c }} ?c saref:isPropertyOfInterestOf ?label }}",
    "a sub-select of observations": f"SELECT ?v {{ {{ SELECT ?o {{ ?o saref:observes {AIR} ; saref:hasTimestamp ?t {HOUR} }} }} ?o sosa:hasSimpleResult ?v }}",
    "above the mean": f"SELECT ?t {{ {{ SELECT (AVG(?w) AS ?mean) {{ ?p saref:observes {GRID} ; sosa:hasSimpleResult ?w }} }} ?o saref:observes {GRID} ; saref:hasTimestamp ?t ; sosa:hasSimpleResult ?v FILTER(?v > ?mean) }}",
    "two at the same time": f"SELECT ?t ?v ?w {{ ?o saref:observes {GRID} ; saref:hasTimestamp ?t ; sosa:hasSimpleResult ?v . ?p saref:observes {PV} ; saref:hasTimestamp ?t ; sosa:hasSimpleResult ?w }}",
    "three at the same time": f"SELECT ?t ?v ?w ?x {{ ?o saref:observes {FAST} ; saref:hasTimestamp ?t ; sosa:hasSimpleResult ?v . ?p saref:observes {PV} ; saref:hasTimestamp ?t ; sosa:hasSimpleResult ?w . ?q saref:observes {AIR} ; saref:hasTimestamp ?t ; sosa:hasSimpleResult ?x }}",
    "two of the same value": f"SELECT ?t ?s ?v {{ ?o saref:observes {GRID} ; saref:hasTimestamp ?t ; sosa:hasSimpleResult ?v . ?p saref:observes {AIR} ; saref:hasTimestamp ?s ; sosa:hasSimpleResult ?v }}",
    "an hour later": f"SELECT ?t ?s {{ ?o saref:observes {AIR} ; saref:hasTimestamp ?t . ?p saref:observes {AIR} ; saref:hasTimestamp ?s FILTER(HOURS(?s) = HOURS(?t) + 1 && DAY(?s) = DAY(?t)) }}",
    "meters and observations": "SELECT ?x ?c { ?x saref:observes ?c OPTIONAL { ?x saref:hasTimestamp ?t } }",
    "a meter beside": f"SELECT ?m ?v {{ ?m a fc:SmartMeter ; saref:observes ?c . ?o saref:observes ?c ; sosa:hasSimpleResult ?v ; saref:hasTimestamp ?t {HOUR} }}",
    "two names of one": f"SELECT ?t ?s {{ ?o saref:observes {AIR} ; saref:hasTimestamp ?t, ?s }}",
    "its name in an expression": f"SELECT ?name {{ ?o saref:observes {AIR} ; saref:hasTimestamp ?t {HOUR} BIND(STRAFTER(STR(?o), '/obs/') AS ?name) }}",
    "what nobody says of it": "SELECT ?o ?x { ?o a saref:Observation ; rdfs:label ?x }",
    "a channel that is none": f"SELECT ?v {{ ?o saref:observes <{ID}/connection/h99#activePower> ; sosa:hasSimpleResult ?v }}",
    "later than anything": f'SELECT ?v {{ {STAR} FILTER(?t > "2030-01-01T00:00:00Z"^^xsd:dateTime) }}',
    "an empty span": f'SELECT ?v {{ {STAR} FILTER(?t > "2017-01-01T00:00:00Z"^^xsd:dateTime && ?t < "2016-01-01T00:00:00Z"^^xsd:dateTime) }}',
}  # fmt: skip
SLOW_ELSEWHERE = {"an hour later"}


@pytest.fixture(scope="module")
def packed() -> ox.Store:
    return history.store(history.packed())


@pytest.fixture(scope="module")
def oracle() -> ox.Store:
    return history.store(history.materialised(history.packed()))


@pytest.mark.parametrize("name", QUESTIONS)
def test_a_packed_history_answers_like_real_observations(name: str, packed: ox.Store, oracle: ox.Store) -> None:
    assert history.presented(packed, QUESTIONS[name]) == history.expected(oracle, QUESTIONS[name])


DOCUMENT = Path(__file__).parents[2] / "docs" / "observations.md"


@pytest.mark.parametrize("query", re.findall(r"```sparql\n(.*?)```", DOCUMENT.read_text(encoding="utf-8"), re.DOTALL))
def test_an_example_of_the_documentation_finds_what_it_promises(query: str, packed: ox.Store, oracle: ox.Store) -> None:
    found = history.presented(packed, query)
    assert found
    assert found == history.expected(oracle, query)


@pytest.mark.parametrize(
    "query",
    [
        "SELECT ?c { ?m saref:observes ?c }",
        "SELECT * { ?s ?p ?o }",
        "SELECT ?m { ?m a fc:SmartMeter ; saref:observes/qudt:hasUnit ?u }",
        "ASK { ?d fc:values ?v }",
    ],
)
def test_a_query_that_mentions_no_observation_is_left_alone(query: str) -> None:
    parsed = parse(query, prefixes=history.known_prefixes())
    assert face(parsed, iris_base=history.BASE) is parsed


@pytest.mark.parametrize("path", ["saref:hasTimestamp*", "(saref:observes/^saref:observes/sosa:hasSimpleResult)+", "!saref:hasTimestamp"])
def test_a_path_that_repeats_or_excludes_what_is_computed_is_refused_with_a_sentence(path: str) -> None:
    with pytest.raises(ValueError, match="write the steps out as triples"):
        history.rewritten(f"SELECT ?o ?x {{ ?o a saref:Observation ; {path} ?x }}")


@pytest.fixture(scope="module", params=["oxigraph", "fuseki"])
def server(request: pytest.FixtureRequest) -> Iterator[RemoteStore]:
    """A SPARQL server with the packed history."""
    opened = remote(servers.oxigraph() if request.param == "oxigraph" else servers.fuseki())
    opened.update("DROP ALL")
    opened.apply(insert=history.packed())
    yield opened
    opened.update("DROP ALL")
    opened.close()


@pytest.mark.parametrize("name", [name for name in QUESTIONS if name not in SLOW_ELSEWHERE])
def test_a_server_answers_the_standard_form_like_real_observations(name: str, server: RemoteStore, oracle: ox.Store) -> None:
    query = history.rewritten(QUESTIONS[name], "standard")
    found = history.asked(server, query)
    assert found == history.comparable(history.expected(oracle, QUESTIONS[name]))
