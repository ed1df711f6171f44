"""`/rdf-graph-store`: read by those who may see a graph, written by operators' tools, hostile bodies refused without harm."""

import gzip
import io
import socket
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pyoxigraph as ox
import pytest
import servers
from api_server import OPERATOR, SESSION, Faces, faces

BASE = "http://127.0.0.1:8080"
G = "http://example.org/g"
AT = f"/rdf-graph-store?graph={G}"
TURTLE = {"Content-Type": "text/turtle"}
ONE = "<http://example.org/a> <http://example.org/b> 1 ."


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Faces]:
    with faces(tmp_path_factory.mktemp("graphs"), BASE) as found:
        yield found


@pytest.fixture
def client(made: Faces):
    made.store.update("DROP ALL")
    made.public.clear()
    return made.app.test_client()


def put(client, at: str = AT, body: str | bytes = ONE, **more: str):
    return client.put(at, data=body, headers={**OPERATOR, **TURTLE, **more})


def test_a_graph_that_may_not_be_seen_is_as_absent_as_one_that_is_not_there(client, made: Faces) -> None:
    put(client)

    hidden, absent = client.get(AT), client.get("/rdf-graph-store?graph=http://example.org/none")
    made.public.add(G)

    assert (hidden.status_code, absent.status_code) == (404, 404)
    assert hidden.json["detail"].replace(G, "*") == absent.json["detail"].replace("http://example.org/none", "*")
    assert client.get(AT).status_code == 200
    assert client.head(AT).status_code == 200


@pytest.mark.parametrize(
    ("accept", "media"),
    [
        ("*/*", "text/turtle; charset=utf-8"),
        ("application/n-triples", "application/n-triples"),
        ("application/ld+json, text/turtle;q=0.5", "application/ld+json"),
        ("application/rdf+xml", "application/rdf+xml"),
    ],
)
def test_a_graph_comes_in_the_form_that_is_liked_best(client, accept: str, media: str) -> None:
    put(client)

    answer = client.get(AT, headers={**OPERATOR, "Accept": accept})

    assert answer.headers["Content-Type"] == media
    assert len(list(ox.parse(answer.data, format=ox.RdfFormat.from_media_type(answer.mimetype)))) == 1
    assert client.get(AT, headers={**OPERATOR, "Accept": "text/csv"}).status_code == 406


def test_writing_answers_what_came_of_it_and_leaves_a_trace(client, made: Faces) -> None:
    first, again = put(client), put(client, body=ONE.replace("1", "2"))
    merged = client.post(AT, data=ONE, headers={**OPERATOR, **TURTLE})
    removed, gone = client.delete(AT, headers=OPERATOR), client.delete(AT, headers=OPERATOR)

    assert [each.status_code for each in (first, again, merged, removed, gone)] == [201, 204, 204, 204, 404]
    assert first.headers["Location"] == G
    assert all('rel="http://www.w3.org/ns/prov#wasGeneratedBy"' in each.headers["Link"] for each in (first, again, merged, removed))
    assert made.store.graphs() == [made.iris.graph("audit"), made.iris.graph("edits")]


def test_a_session_writes_nothing_here(client, made: Faces) -> None:
    assert client.put(AT, data=ONE, headers={**SESSION, **TURTLE}).status_code == 403
    assert made.store.count() == 0


def test_writers_who_saw_an_older_state_are_told(client) -> None:
    created = put(client, **{"If-None-Match": "*"})
    tag = client.get(AT, headers=OPERATOR).headers["ETag"]
    packed = f'"{tag.strip(chr(34))}:gzip"'

    assert created.status_code == 201
    assert put(client, **{"If-None-Match": "*"}).status_code == 412
    assert put(client, body=ONE.replace("1", "2"), **{"If-Match": packed}).status_code == 204
    assert put(client, body=ONE.replace("1", "3"), **{"If-Match": tag}).status_code == 412
    assert client.get(AT, headers={**OPERATOR, "If-None-Match": tag}).status_code == 200
    now = client.get(AT, headers=OPERATOR).headers["ETag"]
    unchanged = client.get(AT, headers={**OPERATOR, "If-None-Match": now})
    assert (unchanged.status_code, unchanged.data) == (304, b"")


@pytest.mark.parametrize(
    "query", ["", "?graph=", "?graph=relative", "?graph=http://a/%3E", "?default&graph=http://a/", "?graph=http://a/&graph=http://b/"]
)
def test_a_request_must_name_one_graph(client, query: str) -> None:
    answer = client.get(f"/rdf-graph-store{query}", headers=OPERATOR)

    assert (answer.status_code, answer.mimetype) == (400, "application/problem+json")


def test_graphs_of_the_platform_and_broken_shapes_are_refused_in_sentences(client, made: Faces) -> None:
    own = put(client, "/rdf-graph-store/ontology")
    shape = put(client, body="<http://example.org/a> a <https://w3id.org/flexcoop/ns#Site> .")

    assert (own.status_code, shape.status_code) == (422, 422)
    assert "written by the platform itself" in own.json["sentences"][0]
    assert any("Owner is missing" in each for each in shape.json["sentences"])
    assert made.store.count() == 0


def test_named_graphs_and_other_formats_are_refused(client) -> None:
    named = b'{"@id": "http://example.org/n", "@graph": [{"@id": "http://example.org/a", "http://example.org/b": 1}]}'

    assert put(client, body=named, **{"Content-Type": "application/ld+json"}).status_code == 400
    assert put(client, **{"Content-Type": "text/csv"}).status_code == 415
    assert put(client, **{"Content-Encoding": "br"}).status_code == 415
    assert client.patch(AT, data=ONE, headers={**OPERATOR, **TURTLE}).status_code == 405


def test_a_packed_body_is_unpacked(client) -> None:
    assert put(client, body=gzip.compress(ONE.encode(), mtime=0), **{"Content-Encoding": "gzip"}).status_code == 201


def test_long_answers_are_packed_and_short_ones_are_not(client) -> None:
    put(client, body="".join(f"<http://example.org/{number}> <http://example.org/b> {number} .\n" for number in range(200)))
    asks = {**OPERATOR, "Accept-Encoding": "gzip"}

    packed = client.get(AT, headers=asks)
    again = client.get(AT, headers={**asks, "If-None-Match": packed.headers["ETag"]})
    put(client)
    short = client.get(AT, headers=asks)

    assert packed.headers["Content-Encoding"] == "gzip"
    assert len(gzip.decompress(packed.data).splitlines()) >= 200
    assert "Accept-Encoding" in packed.headers["Vary"]
    assert again.status_code == 304
    assert "Content-Encoding" not in short.headers


# --- hostile bodies, against a process of its own --------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def process() -> Iterator[tuple[str, int]]:
    port = servers.free_port()
    tests = Path(__file__).parents[1]
    child = servers.start([sys.executable, tests / "api_server.py", str(port)], env={"PYTHONPATH": f"{servers.ROOT}:{tests}"})
    child.wait_until(lambda: servers.listens(port))
    address = f"http://127.0.0.1:{port}"
    answer = httpx.put(f"{address}/rdf-graph-store?graph={G}", content=ONE, headers={**OPERATOR, **TURTLE}, trust_env=False)
    assert answer.status_code == 201
    yield address, child.process.pid
    child.stop()


def resident_mb(pid: int) -> float:
    status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    return int(status.partition("VmRSS:")[2].split()[0]) / 1024


DEEP = 100_000
HOSTILE = {
    "deep Turtle": (400, "text/turtle", "", b"<http://a> <http://b> " + b"[ <http://b> " * DEEP + b"]" * DEEP + b" ."),
    "deep JSON-LD": (400, "application/ld+json", "", b'{"http://p":' * DEEP + b"1" + b"}" * DEEP),
    "a DTD": (400, "application/rdf+xml", "", b'<!DOCTYPE z [<!ENTITY a "ha">]><z/>'),
    "a context from elsewhere": (400, "application/ld+json", "", b'{"@context": "http://127.0.0.1:9/c"}'),
    "a bad literal": (400, "text/turtle", "", b'<http://a> <http://b> "abc"^^<http://www.w3.org/2001/XMLSchema#decimal> .'),
    "a gzip bomb": (413, "text/turtle", "gzip", gzip.compress(b" " * (110 << 20), mtime=0)),
    "50 MB": (413, "text/turtle", "", b" " * 50_000_000),
}
GROWTH_MB = 32
SOON_S = {"50 MB": 10.0}  # the server takes what is sent, into a file, before it asks the application
OTHERS_S = 1.0  # alone on the machine below 0.1 s


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_body_is_refused_soon_and_the_process_does_not_grow(name: str, process: tuple[str, int]) -> None:
    address, pid = process
    status, kind, encoding, body = HOSTILE[name]
    before = resident_mb(pid)
    headers = {**OPERATOR, "Content-Type": kind, **({"Content-Encoding": encoding} if encoding else {})}

    for _ in range(3):
        begun = time.monotonic()
        answer = httpx.put(f"{address}/rdf-graph-store?graph={G}", content=body, headers=headers, timeout=30, trust_env=False)
        assert answer.status_code == status
        assert len(answer.json()["detail"]) > 20
        assert time.monotonic() - begun < SOON_S.get(name, OTHERS_S)

    assert resident_mb(pid) - before < GROWTH_MB
    still = httpx.get(f"{address}/rdf-graph-store?graph={G}", headers=OPERATOR, trust_env=False)
    assert still.text.count("\n") >= 1


def test_a_body_in_chunks_that_never_says_its_length_is_refused_too(process: tuple[str, int]) -> None:
    address, pid = process
    before = resident_mb(pid)
    source = io.BytesIO(b" " * 20_000_000)

    answer = httpx.put(
        f"{address}/rdf-graph-store?graph={G}",
        content=iter(lambda: source.read(1 << 16), b""),
        headers={**OPERATOR, **TURTLE},
        trust_env=False,
    )

    assert answer.status_code == 413
    assert resident_mb(pid) - before < GROWTH_MB


def test_whoever_hangs_up_in_the_middle_of_a_body_does_no_harm(process: tuple[str, int]) -> None:
    address, _ = process
    with socket.create_connection(("127.0.0.1", int(address.rpartition(":")[2]))) as wire:
        head = f"PUT /rdf-graph-store?graph={G} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer operator\r\n"
        wire.sendall(f"{head}Content-Type: text/turtle\r\nContent-Length: 1000\r\n\r\n<http://a> ".encode())

    assert httpx.get(f"{address}/rdf-graph-store?graph={G}", headers=OPERATOR, trust_env=False).status_code == 200
