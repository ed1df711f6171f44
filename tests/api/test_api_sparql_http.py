"""`/sparql` as HTTP: who may read across sites, validators, packing, freshness, preflight, the description of the service."""

import gzip
from collections.abc import Iterator

import pyoxigraph as ox
import pytest
from api_server import OPERATOR, SESSION, Faces, faces

BASE = "http://127.0.0.1:8080"
ASK = "/sparql?query=ASK%20%7B%7D"
ROWS = "/sparql?format=csv&query=SELECT%20*%20%7B%20?s%20?p%20?o%20%7D"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Faces]:
    with faces(tmp_path_factory.mktemp("http"), BASE) as found:
        names = [ox.NamedNode(f"http://example.org/{number}") for number in range(300)]
        graph = ox.NamedNode("http://example.org/g")
        found.store.apply(insert=[ox.Quad(name, graph, ox.Literal(number), graph) for number, name in enumerate(names)])
        yield found


@pytest.fixture
def client(made: Faces):
    return made.app.test_client()


def test_a_page_from_elsewhere_reads_what_no_cookie_has_opened(client) -> None:
    public, token, session = client.get(ASK), client.get(ASK, headers=OPERATOR), client.get(ASK, headers=SESSION)

    assert [each.status_code for each in (public, token, session)] == [200, 200, 200]
    assert (public.headers["Access-Control-Allow-Origin"], token.headers["Access-Control-Allow-Origin"]) == ("*", "*")
    assert "Access-Control-Allow-Origin" not in session.headers
    assert "FLEX-As-Of" in public.headers["Access-Control-Expose-Headers"]


def test_what_a_role_was_shown_is_not_kept_for_others(client) -> None:
    public, token = client.get(ASK).headers, client.get(ASK, headers=OPERATOR).headers

    assert (public["Cache-Control"], token["Cache-Control"]) == ("no-cache", "private, no-cache")
    assert {"Accept", "Authorization", "Cookie", "Accept-Encoding"} == set(token["Vary"].split(", "))


def test_an_answer_that_the_client_has_is_not_sent_again(client) -> None:
    first = client.get(ROWS, headers=OPERATOR)
    packed = client.get(ROWS, headers={**OPERATOR, "Accept-Encoding": "gzip"})
    tags = [first.headers["ETag"], packed.headers["ETag"], '"x", ' + first.headers["ETag"]]

    again = [client.get(ROWS, headers={**OPERATOR, "If-None-Match": tag}) for tag in tags]
    other = client.get(ROWS.replace("csv", "tsv"), headers={**OPERATOR, "If-None-Match": tags[0]})

    assert [(each.status_code, each.data) for each in again] == [(304, b"")] * 3
    assert other.status_code == 200
    assert gzip.decompress(packed.data) == first.data


def test_short_answers_are_not_packed(client) -> None:
    assert "Content-Encoding" not in client.get(ASK, headers={"Accept-Encoding": "br, gzip"}).headers


def test_an_answer_says_how_fresh_it_is(client) -> None:
    headers = client.get(ROWS, headers=OPERATOR).headers

    assert headers["FLEX-As-Of"] == "2026-08-31T12:00:00Z"
    assert headers["Last-Modified"] == "Mon, 31 Aug 2026 12:00:00 GMT"
    assert headers["Age"].isdigit()


def test_a_browser_is_told_before_it_sends_a_foreign_pages_query(client) -> None:
    asked = client.options(
        "/sparql",
        headers={
            "Origin": "https://partner.example",
            "Access-Control-Request-Method": "POST",
            "Access-Control-Request-Headers": "authorization",
        },
    )
    posted = client.post(
        "/sparql", data="ASK {}", headers={"Origin": "https://partner.example", "Content-Type": "application/sparql-query"}
    )

    assert asked.status_code == 204
    assert asked.headers["Allow"] == "GET, HEAD, POST, OPTIONS"
    assert "POST" in asked.headers["Access-Control-Allow-Methods"]
    assert "Authorization" in asked.headers["Access-Control-Allow-Headers"]
    assert (posted.status_code, posted.json["boolean"]) == (200, True)


def test_head_answers_as_get_without_the_body(client) -> None:
    head, get = client.head(ROWS, headers=OPERATOR), client.get(ROWS, headers=OPERATOR)

    assert head.data == b""
    assert (head.headers["ETag"], head.headers["Content-Length"]) == (get.headers["ETag"], get.headers["Content-Length"])


@pytest.mark.parametrize(
    ("request_", "status", "sentence"),
    [
        ({"path": "/sparql?query=ASK%20%7B"}, 400, "query"),
        ({"path": "/sparql?query=ASK%20%7B%7D&format=turtle"}, 406, "turtle was asked for"),
        ({"path": "/sparql?query=ASK%20%7B%7D&query=ASK%20%7B%7D"}, 400, "2 queries were given"),
        (
            {"path": "/sparql", "method": "POST", "data": "ASK {}", "headers": {"Content-Type": "text/plain"}},
            415,
            "can't be sent as text/plain",
        ),
        ({"path": "/sparql", "method": "POST", "data": b"\xff", "headers": {"Content-Type": "application/sparql-query"}}, 400, "not UTF-8"),
        (
            {
                "path": "/sparql",
                "method": "POST",
                "data": "ASK {}",
                "headers": {"Content-Type": "application/sparql-query; charset=latin-1"},
            },
            415,
            "not in UTF-8",
        ),
        ({"path": "/sparql", "method": "POST", "data": {"update": "CLEAR ALL"}}, 400, "answers queries only"),
        ({"path": "/sparql", "method": "POST", "data": {"x": "1"}}, 400, "No query was given"),
        (
            {"path": "/sparql", "method": "POST", "data": "x" * (2 << 20), "headers": {"Content-Type": "application/sparql-query"}},
            413,
            "1048576",
        ),
        ({"path": "/sparql?update=CLEAR%20ALL"}, 400, "answers queries only"),
        ({"path": "/sparql", "method": "PUT"}, 405, ""),
        ({"path": "/sparql", "headers": {"Accept": "image/png"}}, 406, "describes itself"),
    ],
)
def test_what_cannot_be_answered_is_a_problem_document(client, request_: dict, status: int, sentence: str) -> None:
    answer = client.open(**request_)

    assert (answer.status_code, answer.mimetype) == (status, "application/problem+json")
    assert sentence in answer.json["detail"]


def test_without_a_query_a_browser_gets_a_page_and_others_the_description(client) -> None:
    browser = client.get("/sparql", headers={"Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"})
    tool = client.get("/sparql")

    assert (browser.mimetype, tool.mimetype) == ("text/html", "text/turtle")


def test_the_description_shows_what_whoever_asks_may_see_and_do(client) -> None:
    public, operator = client.get("/sparql").text, client.get("/sparql", headers=OPERATOR).text

    assert ("http://example.org/g" in public, "http://example.org/g" in operator) == (False, True)
    assert ("SPARQL11Update" in public, "SPARQL11Update" in operator) == (False, True)
    assert "UnionDefaultGraph" in public
    assert "BasicFederatedQuery" not in public + operator
