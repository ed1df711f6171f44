"""Many rows bound at once: the same text as one by one, and no IRI breaks out."""

import re
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st
from patience import PATIENCE_S, until

from kg.errors import QueryError
from kg.gate import Gate
from kg.queries import parse

QUERY = parse("test/days", "#+ param day: iri\n#+ param place: xsd:integer\nSELECT ?day { VALUES (?day ?place) { (<urn:a> 1) } }")


def short(text: str) -> str:
    """Whole numbers as SPARQL abbreviates them."""
    return re.sub(r'"(\d+)"\^\^<http://www.w3.org/2001/XMLSchema#integer>', r"\1", text)


def test_columns_are_rows() -> None:
    days = ["http://a.example/id/series/x/20160811", "http://a.example/id/säule", "urn:b"]

    assert QUERY.bind_columns(day=days, place=range(3)) == short(QUERY.bind([{"day": day, "place": n} for n, day in enumerate(days)]))
    assert "VALUES (?day ?place) {  }" in QUERY.bind_columns(day=[], place=[])


@given(st.lists(st.text(max_size=12), min_size=1, max_size=4))
def test_no_iri_breaks_out_of_a_column(tails: list[str]) -> None:
    days = [f"http://a.example/{tail}" for tail in tails]
    try:
        one_by_one = QUERY.bind([{"day": day, "place": n} for n, day in enumerate(days)])
    except QueryError:
        with pytest.raises(QueryError):
            QUERY.bind_columns(day=days, place=range(len(days)))
    else:
        assert QUERY.bind_columns(day=days, place=range(len(days))) == short(one_by_one)


@pytest.mark.parametrize("wrong", ["http://a\nhttp://b", "http://a> } #", "a", ""])
def test_what_is_no_iri_is_refused(wrong: str) -> None:
    with pytest.raises(QueryError, match="is not an absolute IRI"):
        QUERY.bind_columns(day=["http://a.example/", wrong], place=[1, 2])


def test_names_and_kinds_must_be_those_of_the_header() -> None:
    with pytest.raises(QueryError, match="needs the parameters"):
        QUERY.bind_columns(day=["urn:a"])
    text = parse("test/text", '#+ param text: xsd:string\nSELECT ?text { VALUES (?text) { ("a") } }')
    with pytest.raises(QueryError, match="can't be bound by columns"):
        text.bind_columns(text=["a"])


def test_the_gate_lets_many_in_or_one_alone() -> None:
    gate, within, seen = Gate(), threading.Barrier(3, timeout=PATIENCE_S), []

    def share() -> None:
        with gate.shared():
            within.wait()
            within.wait()
            seen.append("shared")

    def alone() -> None:
        with gate.alone():
            seen.append("alone")

    threads = [threading.Thread(target=share) for _ in range(2)]
    for thread in threads:
        thread.start()
    within.wait()  # both are within together
    last = threading.Thread(target=alone)
    last.start()
    late = threading.Thread(target=lambda: gate.shared().__enter__())
    assert until(lambda: gate._alone)
    late.start()
    within.wait()
    for thread in (*threads, last, late):
        thread.join(PATIENCE_S)

    assert seen == ["shared", "shared", "alone"]
