"""Untrusted queries: what they may see, and what becomes of those that would take the machine down."""

import http.server
import json
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pyoxigraph as ox
import pytest
import servers
from kg_stores import KINDS, AnyStore, remote
from pyoxigraph import Literal, NamedNode, Quad

from kg.embedded import EmbeddedStore
from kg.terms import literal
from sparql.screen import Screened
from sparql.service import QueryService

BASE = "http://127.0.0.1:8080"
DEADLINE_S = 1.5
P, N = NamedNode(f"{BASE}/id/p"), NamedNode(f"{BASE}/id/n")
COUNT = "SELECT (COUNT(*) AS ?n) { ?s ?p ?o }"


def numbered(count: int, graph: str = f"{BASE}/graph/one") -> list[Quad]:
    return [Quad(NamedNode(f"{BASE}/id/thing/{i}"), N, literal(i), NamedNode(graph)) for i in range(count)]


def service(store: AnyStore, folder: Path, **changed: object) -> QueryService:
    given: dict[str, object] = {
        "deadline_s": DEADLINE_S,
        "max_rows": 1000,
        "max_bytes": 1 << 20,
        "memory_mb": 256,
        "staleness_s": 0.0,
    }
    return QueryService(store, folder, **{**given, **changed})  # type: ignore[arg-type]


@pytest.fixture
def reader_of(tmp_path: Path) -> Iterator[Callable[..., QueryService]]:
    made: list[QueryService] = []

    def make(store: AnyStore, **changed: object) -> QueryService:
        made.append(service(store, tmp_path / f"cache-{len(made)}", **changed))
        return made[-1]

    yield make
    for each in made:
        each.close()


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def rows(body: bytes) -> list[dict[str, str]]:
    found = json.loads(body)["results"]["bindings"]
    return [{name: term["value"] for name, term in row.items()} for row in found]


class TestOnEveryStore:
    def test_the_default_graph_is_the_union_unless_from_says_otherwise(
        self, kind: str, open_store: Callable[[str], AnyStore], reader_of: Callable[..., QueryService]
    ) -> None:
        store = open_store(kind)
        store.apply(insert=numbered(5)[2:] + numbered(2, f"{BASE}/graph/two"))
        reader = reader_of(store)

        union = reader.run(COUNT, "*/*")
        one = reader.run(COUNT.replace("{", f"FROM <{BASE}/graph/two> {{"), "*/*")
        named = reader.run("SELECT (COUNT(*) AS ?n) { GRAPH ?g { ?s ?p ?o } }", "*/*")

        assert [answer.status for answer in (union, one, named)] == [200, 200, 200]
        assert [rows(answer.body)[0]["n"] for answer in (union, one, named)] == ["5", "2", "5"]

    def test_distinct_makes_the_union_a_set_on_every_store(
        self, kind: str, open_store: Callable[[str], AnyStore], reader_of: Callable[..., QueryService]
    ) -> None:
        store = open_store(kind)
        store.apply(insert=numbered(3) + numbered(2, f"{BASE}/graph/two"))

        answer = reader_of(store).run("SELECT DISTINCT * { ?s ?p ?o }", "*/*")

        assert len(rows(answer.body)) == 3

    def test_from_a_file_or_an_address_reads_nothing(
        self, kind: str, open_store: Callable[[str], AnyStore], reader_of: Callable[..., QueryService], trap: "Trap", tmp_path: Path
    ) -> None:
        secret = tmp_path / "secret.nt"
        secret.write_text(f"{P} {P} {P} .\n", encoding="utf-8")
        store = open_store(kind)
        store.apply(insert=numbered(1))
        reader = reader_of(store)

        for source in (secret.as_uri(), trap.url, "file:///etc/passwd"):
            for clause in (f"FROM <{source}>", f"FROM NAMED <{source}>"):
                answer = reader.run(f"SELECT * {clause} {{ {{ ?s ?p ?o }} UNION {{ GRAPH ?g {{ ?s ?p ?o }} }} }}", "*/*")
                assert (answer.status, rows(answer.body)) == (200, [])

        assert trap.hits == 0

    def test_service_and_updates_are_refused_before_anything_runs(
        self, kind: str, open_store: Callable[[str], AnyStore], reader_of: Callable[..., QueryService], trap: "Trap"
    ) -> None:
        store = open_store(kind)
        store.apply(insert=numbered(2))
        reader = reader_of(store)
        hostile = [
            f"SELECT * {{ SERVICE <{trap.url}> {{ ?s ?p ?o }} }}",
            f"SELECT * {{ SERVICE SILENT <{trap.url}> {{ ?s ?p ?o }} }}",
            f"SELECT * {{ {{ SELECT * {{ OPTIONAL {{ SERVICE <{trap.url}> {{ ?s ?p ?o }} }} }} }} }}",
            f"SELECT * {{ BIND(<{trap.url}> AS ?w) SERVICE ?w {{ ?s ?p ?o }} }}",
            f"LOAD <{trap.url}>",
            f"INSERT DATA {{ GRAPH <{BASE}/graph/one> {{ {P} {P} 1 }} }}",
            "DROP ALL",
        ]

        answers = [reader.run(query, "*/*") for query in hostile]

        assert [answer.status for answer in answers] == [400] * len(hostile)
        assert answers[0].body.decode() == (
            "SERVICE is refused: this endpoint answers from its own data and fetches nothing; "
            "ask the other endpoint yourself and join the answers"
        )
        assert trap.hits == 0
        assert store.count() == 2

    def test_too_long_an_answer_is_refused_and_never_cut(
        self, kind: str, open_store: Callable[[str], AnyStore], reader_of: Callable[..., QueryService]
    ) -> None:
        store = open_store(kind)
        store.apply(insert=numbered(30))
        reader = reader_of(store, max_rows=20, max_bytes=4000)

        exactly = reader.run("SELECT ?s { ?s ?p ?o } LIMIT 20", "text/csv")
        rows_over = reader.run("SELECT ?s { ?s ?p ?o } LIMIT 21", "text/csv")
        triples_over = reader.run("CONSTRUCT WHERE { ?s ?p ?o }", "text/turtle")
        bytes_over = reader.run(f"SELECT (CONCAT({', '.join(['STR(?s)'] * 10)}) AS ?long) {{ ?s ?p ?o }} LIMIT 20", "*/*")

        assert exactly.status == 200
        assert exactly.body.count(b"\r\n") == 21
        assert [answer.status for answer in (rows_over, triples_over, bytes_over)] == [413, 413, 413]
        assert b"more than 20 rows" in rows_over.body

    @pytest.mark.parametrize(
        ("accept", "media"),
        [
            ("", "application/sparql-results+json"),
            ("*/*", "application/sparql-results+json"),
            ("text/html,application/xhtml+xml,*/*;q=0.8", "application/sparql-results+json"),
            ("application/json", "application/json"),
            ("application/sparql-results+xml", "application/sparql-results+xml"),
            ("text/csv;q=0.9, text/tab-separated-values", "text/tab-separated-values; charset=utf-8"),
            ("csv", "text/csv; charset=utf-8"),
        ],
    )
    def test_solutions_come_in_the_form_that_the_client_takes(
        self, kind: str, open_store: Callable[[str], AnyStore], reader_of: Callable[..., QueryService], accept: str, media: str
    ) -> None:
        store = open_store(kind)
        awkward = [
            Literal('a "quoted", line\nbreak'),
            Literal("étage", language="fr"),
            literal(1.5),
            literal(datetime(2016, 8, 1, tzinfo=UTC)),
        ]
        store.apply(insert=[Quad(N, P, value, NamedNode(f"{BASE}/graph/one")) for value in awkward])

        answer = reader_of(store).run("SELECT ?o ?no { ?s ?p ?o } ORDER BY ?o", accept)
        truth = reader_of(store).run("ASK { ?s ?p ?o }", accept)

        assert (answer.status, answer.media_type) == (200, media)
        assert truth.status == 200
        if "csv" not in media:
            form = ox.QueryResultsFormat.from_media_type(media.split(";")[0])
            parsed = ox.parse_query_results(answer.body, format=form)
            assert {str(row["o"]) for row in parsed} == {str(value) for value in awkward}  # type: ignore[union-attr]

    @pytest.mark.parametrize(
        ("accept", "media"),
        [
            ("*/*", "text/turtle; charset=utf-8"),
            ("application/n-triples", "application/n-triples"),
            ("application/ld+json, text/turtle;q=0.3", "application/ld+json"),
            ("application/rdf+xml", "application/rdf+xml"),
        ],
    )
    def test_triples_come_in_the_form_that_the_client_takes(
        self, kind: str, open_store: Callable[[str], AnyStore], reader_of: Callable[..., QueryService], accept: str, media: str
    ) -> None:
        store = open_store(kind)
        store.apply(insert=numbered(3))

        answer = reader_of(store).run("CONSTRUCT WHERE { ?s ?p ?o }", accept)

        assert (answer.status, answer.media_type) == (200, media)
        form = ox.RdfFormat.from_media_type(media.split(";")[0])
        assert {quad.triple for quad in ox.parse(answer.body, format=form)} == {
            ox.Triple(quad.subject, quad.predicate, literal(i)) for i, quad in enumerate(numbered(3))
        }

    def test_describe_and_known_prefixes_work(
        self, kind: str, open_store: Callable[[str], AnyStore], reader_of: Callable[..., QueryService]
    ) -> None:
        store = open_store(kind)
        store.apply(insert=numbered(2))
        reader = reader_of(store)

        described = reader.run(f"DESCRIBE <{BASE}/id/thing/1>", "application/n-triples")
        prefixed = reader.run('SELECT * { ?s ?p ?o FILTER(DATATYPE(?o) = xsd:integer && ?o = "1"^^xsd:integer) }', "")
        own = reader.run("PREFIX fc: <http://example.org/> SELECT (fc:x AS ?x) {}", "")

        assert described.status == 200
        assert described.body.decode().startswith(f"<{BASE}/id/thing/1> {N} ")
        assert len(rows(prefixed.body)) == 1
        assert rows(own.body) == [{"x": "http://example.org/x"}]

    def test_what_cannot_be_answered_so_is_told(
        self, kind: str, open_store: Callable[[str], AnyStore], reader_of: Callable[..., QueryService]
    ) -> None:
        reader = reader_of(open_store(kind))

        malformed = reader.run("SELECT * { ?s ?p }", "*/*")
        graph_form = reader.run(COUNT, "text/turtle")
        table_form = reader.run("CONSTRUCT WHERE { ?s ?p ?o }", "text/csv")

        assert [answer.status for answer in (malformed, graph_form, table_form)] == [400, 406, 406]
        assert malformed.media_type.startswith("text/plain")
        assert b"text/turtle was asked for" in graph_form.body


HOSTILE = {
    "cross product": "SELECT (COUNT(*) AS ?n) { ?a ?b ?c . ?d ?e ?f . ?g ?h ?i FILTER(?c + ?f + ?i = -1) }",
    "order by over a product": "SELECT * { ?a ?b ?c . ?d ?e ?f } ORDER BY DESC(CONCAT(STR(?f), STR(?a))) LIMIT 1",
    "replace amplification": (
        'SELECT (STRLEN(?z) AS ?n) { BIND("aaaaaaaaaa" AS ?a) BIND(REPLACE(?a, "a", "aaaaaaaaaa") AS ?b) '
        + " ".join(f'BIND(REPLACE(?{x}, "a", "aaaaaaaaaa") AS ?{y})' for x, y in zip("bcdefghi", "cdefghiz", strict=True))
        + " }"
    ),
}


class TestHostileQueries:
    @pytest.mark.parametrize("name", HOSTILE)
    def test_a_killer_ends_in_time_and_the_next_query_works(
        self, name: str, open_store: Callable[[str], AnyStore], reader_of: Callable[..., QueryService]
    ) -> None:
        store = open_store("disk")
        store.apply(insert=numbered(3000))
        reader = reader_of(store, deadline_s=DEADLINE_S, memory_mb=512)
        assert reader.run(COUNT, "*/*").status == 200
        before = resident_mb()

        started = time.monotonic()
        answer = reader.run(HOSTILE[name], "*/*")
        took = time.monotonic() - started
        after = reader.run(COUNT, "*/*")

        assert answer.status == 503
        assert took < DEADLINE_S + 1.0  # the deadline is a promise; the second is for a machine with other work
        assert (after.status, rows(after.body)) == (200, [{"n": "3000"}])
        assert resident_mb() - before < 50

    @pytest.mark.parametrize("name", ["cross product", "order by over a product"])
    def test_a_server_is_given_the_time_limit_too(
        self, name: str, open_store: Callable[[str], AnyStore], reader_of: Callable[..., QueryService]
    ) -> None:
        store = open_store("fuseki")
        store.apply(insert=numbered(3000))
        reader = reader_of(store)

        answer = reader.run(HOSTILE[name], "*/*")

        assert answer.status == 503
        assert rows(reader.run(COUNT, "*/*").body) == [{"n": "3000"}]

    def test_a_killed_worker_is_replaced(self, open_store: Callable[[str], AnyStore], reader_of: Callable[..., QueryService]) -> None:
        store = open_store("memory")
        store.apply(insert=numbered(300))
        reader = reader_of(store, deadline_s=0.5)

        killed = [reader.run(HOSTILE["cross product"], "*/*").status for _ in range(3)]

        assert killed == [503, 503, 503]
        assert reader_of(store, deadline_s=10.0).run(COUNT, "*/*").status == 200

    def test_many_ask_at_once_and_all_are_answered(
        self, open_store: Callable[[str], AnyStore], reader_of: Callable[..., QueryService]
    ) -> None:
        store = open_store("disk")
        store.apply(insert=numbered(10))
        reader = reader_of(store, deadline_s=20.0)
        found: list[int] = []

        def ask() -> None:
            for _ in range(5):
                found.append(reader.run(COUNT, "*/*").status)

        threads = [threading.Thread(target=ask) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

        assert found == [200] * 40


class TestFreshness:
    @pytest.mark.parametrize("kind", ["memory", "disk"])
    def test_a_change_is_seen_once_the_checkpoint_is_stale(
        self, kind: str, open_store: Callable[[str], AnyStore], reader_of: Callable[..., QueryService]
    ) -> None:
        store = open_store(kind)
        fresh, stale = reader_of(store, staleness_s=0.0), reader_of(store, staleness_s=3600.0)
        before = [rows(reader.run(COUNT, "").body)[0]["n"] for reader in (fresh, stale)]

        store.apply(insert=numbered(4))
        after = [rows(reader.run(COUNT, "").body)[0]["n"] for reader in (fresh, stale)]

        assert before == ["0", "0"]
        assert after == ["4", "0"]

    @pytest.mark.parametrize("kind", ["memory", "disk"])
    def test_old_checkpoints_do_not_pile_up(self, kind: str, open_store: Callable[[str], AnyStore], tmp_path: Path) -> None:
        store = open_store(kind)
        reader = service(store, tmp_path / "cache")

        for i in range(6):
            store.apply(insert=numbered(i + 1))
            reader.run(COUNT, "")
        kept = list((tmp_path / "cache").iterdir())
        reader.close()

        assert len(kept) == 1
        assert not (tmp_path / "cache").exists()

    def test_an_unchanged_store_is_not_copied_again(self, open_store: Callable[[str], AnyStore], tmp_path: Path) -> None:
        store = open_store("disk")
        store.apply(insert=numbered(3))
        times = iter(datetime(2026, 1, 1, hour, tzinfo=UTC) for hour in range(24))
        reader = service(store, tmp_path / "cache", now=lambda: next(times))

        first = reader.run(COUNT, "").as_of
        again = reader.run(COUNT, "").as_of
        store.apply(insert=numbered(4))
        later = reader.run(COUNT, "").as_of
        reader.close()

        assert (first, again, later) == (
            datetime(2026, 1, 1, 0, tzinfo=UTC),
            datetime(2026, 1, 1, 0, tzinfo=UTC),
            datetime(2026, 1, 1, 1, tzinfo=UTC),
        )


def test_a_server_that_is_gone_is_a_502(reader_of: Callable[..., QueryService]) -> None:
    gone = servers.SparqlServer(*[f"http://127.0.0.1:{servers.free_port()}/"] * 4, child=servers.oxigraph().child)

    answer = reader_of(remote(gone)).run(COUNT, "*/*")

    assert answer.status == 502


class Trap:
    """A web server on loopback that counts who comes."""

    def __init__(self) -> None:
        trap = self
        self.hits = 0

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                trap.hits += 1
                self.send_error(404)

            do_POST = do_GET  # noqa: N815

            def log_message(self, *_: object) -> None:
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05})
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/sparql"

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@pytest.fixture
def trap() -> Iterator[Trap]:
    set_up = Trap()
    yield set_up
    set_up.stop()


def resident_mb() -> float:
    """Memory of this process [MiB]."""
    for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
        if line.startswith("VmRSS"):
            return int(line.split()[1]) / 1024
    raise AssertionError("no VmRSS in /proc/self/status")


def test_a_worker_can_reach_nobody_even_if_the_screen_were_fooled(trap: Trap, tmp_path: Path) -> None:
    store = EmbeddedStore(tmp_path / "store")
    store.apply(insert=numbered(1))
    reader = service(store, tmp_path / "cache")
    engine = reader._engine
    fooled = Screened("SELECT", False, None)

    answer = engine.run(f"SELECT * {{ SERVICE <{trap.url}> {{ ?s ?p ?o }} }}", "*/*", fooled)
    reader.close()
    store.close()

    assert answer.status == 503
    assert b"Permission denied" in answer.body
    assert trap.hits == 0
