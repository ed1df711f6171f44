"""Untrusted queries: what they may see, in which form, how fresh; on every kind of store."""

import json
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pyoxigraph as ox
import pytest
import servers
from kg_stores import KINDS, AnyStore, remote
from patience import PATIENCE_S
from pyoxigraph import Literal, NamedNode, Quad
from traps import Trap

from kg.terms import literal
from sparql.scope import NOTHING, Scope
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


@pytest.fixture
def trap() -> Iterator[Trap]:
    set_up = Trap()
    yield set_up
    set_up.stop()


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
        self, kind: str, open_store: Callable[[str], AnyStore], reader_of: Callable[..., QueryService], trap: Trap, tmp_path: Path
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
        self, kind: str, open_store: Callable[[str], AnyStore], reader_of: Callable[..., QueryService], trap: Trap
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
            "ask the other endpoint yourself and join the answers (line 1, column 12)"
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

        assert len(kept) <= 2  # the newest, and one that a new worker may be opening
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


class TestScopes:
    def test_a_scope_is_sent_once_and_forgotten_ones_are_sent_again(
        self, open_store: Callable[[str], AnyStore], reader_of: Callable[..., QueryService]
    ) -> None:
        store = open_store("disk")
        graphs = [f"{BASE}/graph/{i}" for i in range(50)]
        store.apply(insert=[quad for i, graph in enumerate(graphs) for quad in numbered(i + 1, graph)])
        reader = reader_of(store, workers=1)
        scopes = [Scope(graphs=frozenset({graph})) for graph in graphs]

        seen = [int(rows(reader.run(COUNT, "", scope=scope).body)[0]["n"]) for _ in range(3) for scope in (*scopes, scopes[0])]

        assert seen == [*range(1, 51), 1] * 3

    def test_a_large_scope_and_a_family_are_kept_to(
        self, open_store: Callable[[str], AnyStore], reader_of: Callable[..., QueryService]
    ) -> None:
        store = open_store("disk")
        for month in ("a", "b"):
            store.apply(insert=numbered(2, f"{BASE}/graph/member/h01/telemetry/{month}"))
        store.apply(insert=numbered(7, f"{BASE}/graph/member/h02/facts"))
        many = frozenset(f"{BASE}/graph/none/{i}" for i in range(10_000))
        reader = reader_of(store)

        nothing = reader.run(COUNT, "", scope=Scope(graphs=many))
        family = reader.run(
            "SELECT ?g { GRAPH ?g { ?s ?p ?o } }", "", scope=Scope(graphs=many, families=frozenset({f"{BASE}/graph/member/h01/telemetry/"}))
        )
        none = reader.run("ASK { GRAPH ?g { ?s ?p ?o } }", "", scope=NOTHING)

        assert rows(nothing.body) == [{"n": "0"}]
        assert len(rows(family.body)) == 4
        assert json.loads(none.body)["boolean"] is False

    def test_the_dataset_of_the_protocol_counts_instead_of_the_query_s_and_is_cut_by_the_scope(
        self, kind: str, open_store: Callable[[str], AnyStore], reader_of: Callable[..., QueryService]
    ) -> None:
        store = open_store(kind)
        one, two, three = (f"{BASE}/graph/{name}" for name in ("one", "two", "three"))
        store.apply(insert=[*numbered(1, one), *numbered(2, two), *numbered(4, three)])
        reader = reader_of(store)
        scope = Scope(graphs=frozenset({one, two}))

        chosen = reader.run(COUNT.replace("{", f"FROM <{one}> {{"), "", default_graphs=(two,))
        cut = reader.run(COUNT, "", scope=scope, default_graphs=(two, three))
        union = reader.run("SELECT (COUNT(DISTINCT ?s) AS ?n) { ?s ?p ?o }", "", scope=scope)
        named = reader.run(COUNT.replace("?s ?p ?o", "GRAPH ?g { ?s ?p ?o }"), "", scope=scope, named_graphs=(one, three))

        assert [rows(answer.body)[0]["n"] for answer in (chosen, cut, union, named)] == ["2", "2", "2", "1"]


def test_an_answer_says_how_old_it_may_be(open_store: Callable[[str], AnyStore], reader_of: Callable[..., QueryService]) -> None:
    store = open_store("disk")
    reader = reader_of(store, staleness_s=3600.0)

    fresh = reader.run(COUNT, "")
    store.apply(insert=numbered(1))
    behind = reader.run(COUNT, "")

    assert fresh.age_s == 0.0
    assert 0.0 < behind.age_s < 3600.0


def test_a_long_answer_comes_from_a_file_and_is_whole(
    open_store: Callable[[str], AnyStore], reader_of: Callable[..., QueryService], tmp_path: Path
) -> None:
    store = open_store("disk")
    store.apply(insert=numbered(40_000))
    reader = reader_of(store, max_rows=40_000, max_bytes=64 << 20, deadline_s=20.0)

    for accept in ("json", "csv", "nt"):
        query = "CONSTRUCT WHERE { ?s ?p ?o }" if accept == "nt" else "SELECT * { ?s ?p ?o }"
        answer = reader.run(query, accept)
        assert not isinstance(answer.content, bytes)
        assert answer.length == sum(map(len, answer.chunks())) == len(answer.body)
        assert answer.body.count(f"{BASE}/id/thing/".encode()) == 40_000
        answer.close()


@pytest.mark.parametrize("media", ["json", "xml", "csv", "tsv"])
@pytest.mark.parametrize("awkward", ['"}},{"', "},{", "\n", '"\n"', "<result>", "\r\n{},{}"])
def test_rows_are_counted_right_whatever_stands_in_them(
    media: str, awkward: str, open_store: Callable[[str], AnyStore], reader_of: Callable[..., QueryService]
) -> None:
    store = open_store("memory")
    graph = NamedNode(f"{BASE}/graph/one")
    store.apply(insert=[Quad(NamedNode(f"{BASE}/id/thing/{i}"), N, Literal(f"{awkward}{i}{awkward}"), graph) for i in range(4)])
    with_gaps = "SELECT ?o ?no { { ?s ?p ?o } UNION { } UNION { FILTER(true) } }"
    reader = reader_of(store, max_rows=6)
    tight = reader_of(store, max_rows=5)

    assert reader.run(with_gaps, media).status == 200
    assert tight.run(with_gaps, media).status == 413


def test_a_checkpoint_is_renewed_in_the_background_while_somebody_asks(
    open_store: Callable[[str], AnyStore], reader_of: Callable[..., QueryService]
) -> None:
    store = open_store("disk")
    reader = reader_of(store, staleness_s=2.0, deadline_s=10.0)
    reader.run(COUNT, "")
    store.apply(insert=numbered(3))

    seen = []
    end = time.monotonic() + PATIENCE_S
    while not seen or (seen[-1][0] == "0" and time.monotonic() < end):
        answer = reader.run(COUNT, "")
        seen.append((rows(answer.body)[0]["n"], answer.age_s))
        time.sleep(0.01)

    assert seen[-1] == ("3", 0.0)
    assert all(age_s < 2.0 for _, age_s in seen)


@pytest.mark.parametrize("function", ["urn:flexcoop:allowed", "https://w3id.org/flexcoop/ns#function-chunk"])
def test_the_endpoints_own_functions_are_not_for_queries(store, tmp_path, function):
    service = QueryService(store, tmp_path / "reader", deadline_s=10, max_rows=10, max_bytes=1000, memory_mb=256, workers=1)

    answer = service.run(f"SELECT (<{function}>(<http://e.example/>) AS ?x) {{}}", "csv")

    service.close()
    assert answer.status == 400
    assert b"is a function of the endpoint itself" in answer.body
