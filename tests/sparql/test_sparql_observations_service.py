"""History as observations through the endpoint's own workers: the caps and scopes that hold for triples hold for it."""

import csv
import io
from collections.abc import Iterator
from pathlib import Path

import pytest
import sparql_history as history

from kg.embedded import EmbeddedStore
from sparql.scope import EVERYTHING, Scope
from sparql.service import QueryService

ALL = "SELECT ?channel ?at ?value { ?o saref:observes ?channel ; saref:hasTimestamp ?at ; sosa:hasSimpleResult ?value }"
DAY = 'FILTER(?at >= "2016-11-01T00:00:00Z"^^xsd:dateTime && ?at < "2016-11-02T00:00:00Z"^^xsd:dateTime)'
FEED = Scope(families=frozenset({f"{history.BASE}/graph/feed/telemetry/", f"{history.BASE}/graph/feed/osb/"}))


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[QueryService]:
    folder: Path = tmp_path_factory.mktemp("observations")
    with_store = EmbeddedStore(folder / "store")
    with_store.apply(insert=history.packed())
    opened = QueryService(with_store, folder / "cache", deadline_s=10, max_rows=500, max_bytes=1 << 20, memory_mb=256)
    yield opened
    opened.close()
    with_store.close()


def _rows(service: QueryService, query: str, scope: Scope = EVERYTHING) -> list[list[str]]:
    answer = service.run(query, "text/csv", scope=scope)
    assert answer.status == 200, answer.body
    return list(csv.reader(io.StringIO(answer.body.decode())))[1:]


def test_one_day_of_one_channel_comes_with_exactly_the_stored_decimals(service: QueryService) -> None:
    rows = _rows(service, f"{ALL.replace('?channel ;', f'<{history.GRID.iri}> ;').removesuffix('}')} {DAY} }} ORDER BY ?at")
    wanted = [value for value in history.values(history.GRID, history.SECOND) if value is not None]
    assert [row[2] for row in rows] == wanted


def test_all_history_is_more_than_one_answer_may_hold_and_is_refused_whole(service: QueryService) -> None:
    answer = service.run(ALL, "text/csv")
    assert answer.status == 413
    assert b"500 rows" in answer.body


def test_a_scope_shows_the_observations_of_its_graphs_alone(service: QueryService) -> None:
    assert {row[0] for row in _rows(service, ALL, FEED)} == {history.AIR.iri}


def test_a_mean_over_history_beyond_the_row_cap_is_one_row(service: QueryService) -> None:
    rows = _rows(service, "SELECT (COUNT(?v) AS ?n) { ?o sosa:hasSimpleResult ?v }")
    filled = sum(value is not None for channel, day, _ in history.STORED for value in history.values(channel, day))
    assert rows == [[str(filled)]]


def test_a_described_observation_is_what_its_iri_promises(service: QueryService) -> None:
    answer = service.run(f"DESCRIBE <{history.BASE}/id/obs/connection/h01/activePower/20161101T000000Z>", "application/n-triples")
    assert answer.status == 200
    assert len(answer.body.splitlines()) == 7
    assert b'hasSimpleResult> "0.1"^^' in answer.body
