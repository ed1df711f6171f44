"""Published queries: each has a page, an explanation and an address that answers JSON, CSV and HTML, with the reader's own rights."""

import csv
import io
import itertools
import re

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from api.query_library import published
from sparql import nodes
from sparql.parser import parse
from sparql.variables import walk

NAMES = sorted(published())
BASE = "http://127.0.0.1:8080"
HOSTILE = (
    "x> } } INSERT DATA { <a:b> <a:b> <a:b> } #",
    '" } ; DROP ALL #',
    "http://e.example/> ) } SELECT ?s ?p ?o { ?s ?p ?o } VALUES (?x) { (<a:b",
    "'; DELETE WHERE { ?s ?p ?o }; --",
    "\x00",
    "{{7*7}}",
    "<script>alert(1)</script>",
    "\\u003e } SERVICE <http://e.example/> {",
)


def test_every_topic_has_queries_and_every_query_says_what_it_answers() -> None:
    found = published().values()

    assert len(found) >= 30
    assert len({one.topic for one in found}) >= 6
    assert all(len(one.summary) > 20 for one in found)
    assert all(set(one.query.parameters) == set(one.example(BASE)) for one in found), "an example is missing"
    assert all(one.columns for one in found if "explain" in one.query.header)


def test_a_published_query_answers_as_page_as_json_and_as_csv(client) -> None:
    for name in NAMES:
        page = client.get(f"/queries/{name}", headers={"Accept": "text/html"})
        shown = client.get(f"/queries/{name}?run=1", headers={"Accept": "text/html"})
        as_json = client.get(f"/queries/{name}?format=json")
        as_csv = client.get(f"/queries/{name}", headers={"Accept": "text/csv"})

        assert (page.status_code, shown.status_code, as_json.status_code, as_csv.status_code) == (200, 200, 200, 200), name
        assert 'id="result"' not in page.text
        assert 'id="result"' in shown.text
        rows = list(csv.reader(io.StringIO(as_csv.text)))
        assert rows[0] == as_json.json["head"]["vars"], name
        assert len(rows) - 1 == len(as_json.json["results"]["bindings"]), name
        assert f"{len(rows) - 1} row" in shown.text, name


def test_parameters_fill_the_query_and_the_address(client) -> None:
    mine = client.get("/queries/ontology/cq_member_earnings", query_string={"member": f"{BASE}/id/member/h01", "format": "csv"}).text
    other = client.get("/queries/ontology/cq_member_earnings", query_string={"member": f"{BASE}/id/member/nobody", "format": "csv"}).text
    page = client.get("/queries/ontology/cq_member_earnings", query_string={"member": f"{BASE}/id/member/h01", "format": "html"}).text

    assert len(mine.splitlines()) > 1
    assert len(other.splitlines()) == 1
    assert 'value="http://127.0.0.1:8080/id/member/h01"' in page
    assert "member=http%3A%2F%2F127.0.0.1%3A8080%2Fid%2Fmember%2Fh01" in page


def test_a_value_of_the_wrong_kind_is_refused_with_a_sentence(client) -> None:
    answer = client.get("/queries/ontology/cq_consents?date=tomorrow&format=json")

    assert answer.status_code == 400
    assert "date must be xsd:date" in answer.json["detail"]


def test_the_search_finds_words_of_the_summary(client) -> None:
    found = client.get("/queries?search=opted+out", headers={"Accept": "application/json"}).json

    assert [one["name"] for one in found] == ["ontology/cq_opt_outs_and_replacements"]
    assert "1 found" in client.get("/queries?search=opted+out", headers={"Accept": "text/html"}).text


def test_somebody_who_is_not_signed_in_gets_the_public_rows_only(anonymous, client) -> None:
    query = "/queries/ontology/cq_member_earnings?format=csv"

    assert len(client.get(query).text.splitlines()) > 1
    assert len(anonymous.get(query).text.splitlines()) == 1


def test_copied_texts_hold_the_real_address_and_no_secret(client) -> None:
    page = client.get("/queries/ontology/cq_member_earnings", headers={"Accept": "text/html"}).text

    assert "curl -H" in page
    assert f"SPARQLWrapper(&#34;{BASE}/sparql&#34;" in page
    assert page.count("YOUR-TOKEN") == 2
    assert not re.search(r"flexcoop_[A-Za-z0-9]{8}", page)


def test_no_value_becomes_a_part_of_the_query(client) -> None:
    for (name, one), text in itertools.product(published().items(), HOSTILE):
        for parameter in one.query.parameters:
            answer = client.get(f"/queries/{name}", query_string={parameter: text, "format": "application/sparql-query"})

            assert answer.status_code in (200, 400), answer.text
            if answer.status_code == 200:
                assert _shape(answer.text) == _shape(one.text(BASE)), f"{name}, {parameter}={text!r}"


@given(value=st.text(max_size=60))
@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_text_is_bound_whole_or_refused(client, value) -> None:
    one = published()["ontology/cq_consents" if value[:1].isdigit() else "ontology/cq_member_earnings"]
    (parameter,) = one.query.parameters

    answer = client.get(f"/queries/{one.name}", query_string={parameter: value, "format": "application/sparql-query"})

    assert answer.status_code in (200, 400)
    if answer.status_code == 200:
        assert _shape(answer.text) == _shape(one.text(BASE))


def _shape(text: str) -> list[str]:
    """The kinds of a query's nodes in order: its algebra, without the values of its terms."""
    return [type(node).__name__ for node in walk(parse(text)) if not isinstance(node, (nodes.Iri, nodes.Lit))]
