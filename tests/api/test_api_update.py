"""`/update`: for operators' tools, where it is switched on, and through the gate."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from api_server import OPERATOR, SESSION, Faces, faces

BASE = "http://127.0.0.1:8080"
TEXT = "INSERT DATA { GRAPH <http://example.org/g> { <http://example.org/a> <http://example.org/b> 1 } }"
DIRECT = {"Content-Type": "application/sparql-update"}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Faces]:
    with faces(tmp_path_factory.mktemp("update"), BASE) as found:
        yield found


@pytest.fixture
def client(made: Faces):
    made.store.update("DROP ALL")
    return made.app.test_client()


def test_an_operators_tool_updates_and_gets_a_receipt(client, made: Faces) -> None:
    answer = client.post("/update?why=A+new+meter", data=TEXT, headers={**OPERATOR, **DIRECT})

    assert answer.status_code == 200
    assert (answer.json["deleted"], answer.json["inserted"], answer.json["at"]) == (0, 1, "2026-08-31T12:00:00Z")
    assert any(answer.json["activity"] in str(each) and "A new meter" in str(each) for each in made.store.graph(made.iris.graph("audit")))


def test_a_session_of_a_browser_is_not_enough(client, made: Faces) -> None:
    answer = client.post("/update", data=TEXT, headers={**SESSION, **DIRECT})

    assert (answer.status_code, made.store.count()) == (403, 0)
    assert "Access-Control-Allow-Origin" not in answer.headers


def test_it_is_off_unless_it_is_switched_on(tmp_path: Path) -> None:
    with faces(tmp_path, BASE, updates=False) as found:
        answer = found.app.test_client().post("/update", data=TEXT, headers={**OPERATOR, **DIRECT})

        assert (answer.status_code, found.store.count()) == (403, 0)
        assert "FLEX_UPDATE=on" in answer.json["detail"]


@pytest.mark.parametrize(
    ("data", "kind", "status", "sentence"),
    [
        ("CLEAR XYZ", "application/sparql-update", 400, "This is not SPARQL 1.1 Update"),
        ("LOAD <http://127.0.0.1:9/>", "application/sparql-update", 400, "LOAD is refused"),
        (TEXT, "text/plain", 415, "can't be sent as text/plain"),
        (TEXT.encode("utf-16"), "application/sparql-update; charset=utf-16", 415, "not in UTF-8"),
        (b"\xff", "application/sparql-update", 400, "not UTF-8"),
        ("update=CLEAR+ALL&update=CLEAR+ALL", "application/x-www-form-urlencoded", 400, "2 updates were given"),
        (" " * ((1 << 20) + 1), "application/sparql-update", 413, "more than the 1048576"),
    ],
)
def test_a_wrong_update_is_refused_in_the_form_of_errors(client, data, kind: str, status: int, sentence: str) -> None:
    answer = client.post("/update", data=data, headers={**OPERATOR, "Content-Type": kind})

    assert (answer.status_code, answer.mimetype) == (status, "application/problem+json")
    assert sentence in answer.json["detail"]


def test_what_breaks_a_shape_is_told_in_sentences(client) -> None:
    text = "INSERT DATA { GRAPH <http://example.org/g> { <http://example.org/a> a fc:Site } }"

    answer = client.post("/update", data=text, headers={**OPERATOR, **DIRECT})

    assert answer.status_code == 422
    assert any("Time zone is missing" in sentence for sentence in answer.json["sentences"])


def test_updates_of_many_tools_at_once_are_all_carried_out(client, made: Faces) -> None:
    statuses: list[int] = []

    def add(number: int) -> None:
        text = f"INSERT DATA {{ GRAPH <http://example.org/g> {{ <http://example.org/{number}> <http://example.org/b> 1 }} }}"
        statuses.append(made.app.test_client().post("/update", data=text, headers={**OPERATOR, **DIRECT}).status_code)

    threads = [threading.Thread(target=add, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert statuses == [200] * 4
    assert len(made.store.graph("http://example.org/g")) == 4


def test_the_address_says_what_it_takes(client) -> None:
    assert client.options("/update").headers["Allow"] == "POST, OPTIONS"
    assert client.get("/update?update=CLEAR+ALL", headers=OPERATOR).status_code == 405
