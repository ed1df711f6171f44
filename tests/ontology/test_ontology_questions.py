"""Competency questions: each `ontology/queries/cq_*.rq` has the rows of `tests/data/competency/cq_*.csv`, on every store."""

import re
from datetime import UTC, datetime
from decimal import Decimal

import answers
import pytest
import servers

from kg import queries
from kg.embedded import EmbeddedStore
from kg.remote import RemoteStore
from ontology import generate

FILES = sorted(path.stem for path in (generate.HERE / "queries").glob("cq_*.rq"))


def columns(query):
    return re.findall(r"^#\+ column (\w+):", query.text, re.MULTILINE)


@pytest.fixture(scope="module")
def embedded():
    store = EmbeddedStore()
    answers.load(store)
    yield store
    store.close()


@pytest.fixture(scope="module")
def fuseki(tmp_path_factory):
    server = servers.start_fuseki(tmp_path_factory.mktemp("fuseki"))
    store = RemoteStore(server.query_url, server.update_url, server.gsp_url)
    answers.load(store)
    yield store
    store.close()
    server.child.stop()


def test_there_are_a_dozen_questions_and_no_answer_without_question():
    expected = sorted(path.stem for path in (answers.DATA / "competency").glob("cq_*.csv"))

    assert expected == FILES
    assert len(FILES) >= 12


@pytest.mark.parametrize("name", FILES)
def test_a_question_has_its_expected_answer(name, embedded):
    query = queries.load("ontology", name)

    assert answers.table(embedded.select(query.text), columns(query)) == answers.expected(name)


def test_all_questions_have_the_same_answers_on_fuseki(fuseki):
    for name in FILES:
        query = queries.load("ontology", name)

        assert answers.table(fuseki.select(query.text), columns(query)) == answers.expected(name), name


@pytest.mark.parametrize("name", FILES)
def test_a_question_explains_itself_and_its_columns(name, embedded):
    query = queries.load("ontology", name)
    (row, *_) = embedded.select(query.text)

    assert query.header.startswith("summary: ")
    assert set(row) <= set(columns(query))
    assert "ORDER BY" in query.text


def test_the_example_value_is_only_an_example(embedded, iris):
    earned = queries.rows(embedded, queries.load("ontology", "cq_member_earnings"), member=iris.id("member", "h01"))
    nobody = queries.rows(embedded, queries.load("ontology", "cq_member_earnings"), member=iris.id("member", "h03"))

    assert [row["amount"] for row in earned] == [Decimal("0.75")]
    assert nobody == []


def test_the_later_forecast_is_found_once_it_is_known(embedded, iris):
    query = queries.load("ontology", "cq_forecast_known_at")
    channel = iris.id("site", "h01#loadPower")

    known = {
        day: [row["model"].rpartition("/")[2] for row in queries.rows(embedded, query, channel=channel, at=at)]
        for day in (29, 30, 31)
        for at in [datetime(2016, 8, day, 20, tzinfo=UTC)]
    }

    assert known == {29: [], 30: ["SevenDayMean"], 31: ["RidgeRegression"]}
