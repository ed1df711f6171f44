"""Every query file of the project: whole in itself, and answered alike by pyoxigraph and Fuseki. A new file is tested by existing."""

import re
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pyoxigraph as ox
import pytest
import servers
from hypothesis import given
from hypothesis import strategies as st
from kg_stores import remote
from SPARQLWrapper import ASK, CONSTRUCT, DESCRIBE, SELECT, SPARQLWrapper

from kg.bootstrap import load_public
from kg.embedded import EmbeddedStore
from kg.errors import QueryError
from kg.iris import Iris
from kg.prefixes import prefixes
from kg.queries import Query, load, parse, rows
from kg.remote import RemoteStore

ROOT = Path(__file__).parents[2]
FILES = sorted(file for file in ROOT.glob("*/queries/**/*.r[qu]") if ".venv" not in file.parts)
READING = [file for file in FILES if file.suffix == ".rq"]
TYPES = {
    *("iri", "xsd:string", "xsd:integer", "xsd:decimal", "xsd:boolean", "xsd:dateTime", "xsd:date", "xsd:time"),
    *("xsd:dayTimeDuration", "rdf:JSON"),
}
_PREFIX = re.compile(r"^PREFIX\s+([\w.-]*):\s*<([^>]*)>", re.MULTILINE)


def name(file: Path) -> str:
    return f"{file.parent.parent.name}/{file.stem}"


def the_query(file: Path) -> Query:
    return parse(name(file), file.read_text(encoding="utf-8"))


def bare(text: str) -> str:
    """The text without comments, strings and IRIs."""
    return re.sub(r'"(?:[^"\\\n]|\\.)*"|<[^<>\s]*>|#[^\n]*', " ", text)


@pytest.fixture(scope="module")
def filled() -> Iterator[EmbeddedStore]:
    """The terms, the shapes and the example of the competency questions."""
    store = EmbeddedStore()
    load_public(store, Iris("http://127.0.0.1:8080"))
    example = ROOT / "tests" / "data" / "competency.trig"
    quads = list(ox.parse(example.read_bytes(), format=ox.RdfFormat.TRIG))
    graphs = {quad.graph_name for quad in quads}
    for graph in graphs:
        assert isinstance(graph, ox.NamedNode), "the example keeps everything in named graphs"
        store.replace_graph(graph.value, [quad.triple for quad in quads if quad.graph_name == graph])
    yield store
    store.close()


@pytest.fixture(scope="module")
def on_fuseki(filled: EmbeddedStore, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RemoteStore]:
    backup = tmp_path_factory.mktemp("queries") / "all.nq"
    filled.backup(backup)
    server = servers.start_fuseki(tmp_path_factory.mktemp("fuseki"))  # its own: other tests empty the shared one
    store = remote(server)
    store.restore(backup)
    yield store
    store.close()
    server.child.stop()


@pytest.mark.parametrize("file", FILES, ids=name)
class TestEveryQueryFile:
    def test_the_header_says_what_it_is_for(self, file: Path) -> None:
        header = the_query(file).header

        assert re.search(r"^summary: \S.+", header, re.MULTILINE), f"{file}: #+ summary: is missing"

    def test_the_parameters_are_of_known_types_and_have_their_row(self, file: Path) -> None:
        query = the_query(file)

        assert set(query.parameters.values()) <= TYPES
        if query.parameters:
            row = r"VALUES\s*\(\s*" + r"\s+".join(rf"\?{each}" for each in query.parameters) + r"\s*\)"
            assert re.search(row, query.text), f"{file}: no VALUES row in the order of the header"

    def test_the_prefixes_are_those_of_the_project(self, file: Path) -> None:
        text = file.read_text(encoding="utf-8")
        declared = dict(_PREFIX.findall(text))

        assert declared == {short: prefixes().get(short) for short in declared}
        used = set(re.findall(r"(?<![\w?$:/-])([A-Za-z][\w.-]*):(?=[A-Za-z_])", re.sub(r"^PREFIX.*$", "", bare(text), flags=re.M)))
        assert used <= set(declared), f"{file}: used without PREFIX"
        assert set(declared) <= used, f"{file}: declared and not used"

    def test_it_names_its_graphs_and_asks_nobody_else(self, file: Path) -> None:
        text = bare(file.read_text(encoding="utf-8"))

        assert re.search(r"\bGRAPH\b", text), f"{file}: without GRAPH it sees the default graph alone"
        assert not re.search(r"\b(SERVICE|LOAD|FROM)\b", text)

    def test_rows_have_an_order(self, file: Path) -> None:
        text = bare(file.read_text(encoding="utf-8"))
        outer = text[: text.find("{")]
        selects = re.search(r"\bSELECT\b", outer) is not None
        one_row = re.search(r"\b(COUNT|SUM|MIN|MAX|AVG|SAMPLE|GROUP_CONCAT)\s*\(", outer) and "GROUP BY" not in text

        assert not selects or one_row or re.search(r"\bORDER\s+BY\b", text), f"{file}: ORDER BY is missing"


@pytest.mark.parametrize("file", READING, ids=name)
def test_a_query_runs_as_it_stands_and_alike_on_fuseki(file: Path, filled: EmbeddedStore, on_fuseki: RemoteStore) -> None:
    text = file.read_text(encoding="utf-8")
    form = re.search(r"\b(SELECT|ASK|CONSTRUCT|DESCRIBE)\b", bare(text))
    assert form is not None

    if form.group() == "ASK":
        assert filled.ask(text) == on_fuseki.ask(text)
    elif form.group() == "SELECT":
        assert shown(filled.select(text)) == shown(on_fuseki.select(text))
    else:
        here, there = filled.construct(text), on_fuseki.construct(text)
        assert {str(each) for each in here} == {str(each) for each in there}


def test_updates_run_as_they_stand() -> None:
    for file in FILES:
        if file.suffix == ".ru":
            EmbeddedStore().update(file.read_text(encoding="utf-8"))


def shown(found: list[dict[str, ox.NamedNode | ox.BlankNode | ox.Literal]]) -> Counter[str]:
    """Rows as a bag; blank nodes have no name that two stores could share, and long quotients are cut at 9 places."""
    return Counter(str(sorted((key, spelt(term)) for key, term in row.items())) for row in found)


def spelt(term: ox.NamedNode | ox.BlankNode | ox.Literal) -> str:
    if isinstance(term, ox.BlankNode):
        return "_:"
    if isinstance(term, ox.Literal) and term.datatype.value.endswith("#decimal"):
        return f"{Decimal(term.value):.9f}"
    return str(term)


TWO = parse(
    "test/two",
    """#+ summary: for the tests
#+ param about: iri
#+ param text: xsd:string
SELECT ?about ?text ?n WHERE {
  VALUES (?about ?text) { (<http://127.0.0.1:8080/id/thing/1> "one") }
  { SELECT (COUNT(*) AS ?n) WHERE { VALUES (?about ?text) { (<http://127.0.0.1:8080/id/thing/1> "one") } } }
}""",
)


class TestBinding:
    @given(text=st.text(st.characters(codec="utf-8"), max_size=60))
    def test_no_text_ever_changes_what_another_parameter_finds(self, text: str) -> None:
        about = "http://127.0.0.1:8080/id/thing/1"

        found = rows(EmbeddedStore(), TWO, about=about, text=text)

        assert found == [{"about": about, "text": text, "n": 1}]

    @given(text=st.text(st.characters(codec="utf-8"), max_size=40))
    def test_no_iri_breaks_out(self, text: str) -> None:
        about = f"http://127.0.0.1:8080/{text}"
        try:
            query = TWO.bind(about=about, text="x")
        except QueryError:
            return

        found = EmbeddedStore().select(query)

        assert [(row["about"].value, row["n"].value) for row in found] == [(about, "1")]

    @pytest.mark.parametrize(
        "wrong",
        ["http://a/> } } ; DROP ALL #", "http://a/ b", "thing/1", "", "http://a/{b}", 'http://a/"', "http://a/\\u003e", "http://a/\n"],
    )
    def test_what_is_no_iri_is_refused_by_name(self, wrong: str) -> None:
        with pytest.raises(QueryError, match="test/two: parameter about"):
            TWO.bind(about=wrong, text="x")

    def test_a_list_makes_rows_and_repeats_none(self) -> None:
        texts = ["b", "a", "b"]

        found = rows(EmbeddedStore(), TWO, about="http://a/", text=texts)

        assert sorted((row["text"], row["n"]) for row in found) == [("a", 2), ("b", 2)]

    def test_an_empty_list_finds_nothing(self) -> None:
        assert rows(EmbeddedStore(), TWO, about="http://a/", text=[]) == []

    def test_none_leaves_a_parameter_open(self) -> None:
        assert rows(EmbeddedStore(), TWO, about="http://a/", text=None) == [{"about": "http://a/", "n": 1}]

    @pytest.mark.parametrize(
        "given_names",
        [{}, {"about": "http://a/"}, {"about": "http://a/", "text": "x", "more": 1}, {"about": "http://a/", "txt": "x"}],
    )
    def test_names_must_be_those_of_the_header(self, given_names: dict[str, str]) -> None:
        with pytest.raises(QueryError, match=r"needs the parameters \['about', 'text'\]"):
            TWO.bind(**given_names)

    def test_a_value_of_another_type_is_refused(self) -> None:
        with pytest.raises(QueryError, match="parameter text must be xsd:string, but 5 is xsd:integer"):
            TWO.bind(about="http://a/", text=5)
        with pytest.raises(QueryError, match="has no offset"):
            TWO.bind(about="http://a/", text=datetime(2016, 8, 1))  # noqa: DTZ001 - it is what is refused
        with pytest.raises(QueryError, match="decimal places"):
            TWO.bind(about="http://a/", text=Decimal("0.1234567890123456789"))

    def test_a_whole_number_becomes_a_decimal_where_one_is_wanted(self) -> None:
        query = parse("test/kw", "#+ param kw: xsd:decimal\nSELECT ?kw WHERE { VALUES (?kw) { (1.5) } }")

        assert "4.0" in query.bind(kw=4)
        assert "4.0" in query.bind(kw=4.0)

    def test_a_value_that_looks_like_a_row_is_not_read_as_one(self) -> None:
        text = '" ) } VALUES (?about ?text) { (<http://b/> "two") } #'

        assert rows(EmbeddedStore(), TWO, about="http://a/", text=text) == [{"about": "http://a/", "text": text, "n": 1}]

    def test_a_file_that_is_not_there_is_named(self) -> None:
        with pytest.raises(QueryError, match=r"no query nothing\.rq or nothing\.ru in kg/queries"):
            load("kg", "nothing")

    def test_binding_after_loading_leaves_the_file_as_it_was(self) -> None:
        before = TWO.text
        TWO.bind(about="http://a/", text="x")

        assert TWO.text == before


def test_an_aggregate_binds_inside_its_own_scope_on_every_store(any_store: EmbeddedStore | RemoteStore) -> None:
    """rdflib's initBindings sums over everybody here (13 instead of 3) on a remote store."""
    member, graph = "http://127.0.0.1:8080/id/member/", "http://127.0.0.1:8080/graph/one"
    kwh = ox.NamedNode("http://127.0.0.1:8080/id/kwh")
    any_store.apply(
        insert=[
            ox.Quad(ox.NamedNode(f"{member}{who}"), kwh, ox.Literal(amount), ox.NamedNode(graph))
            for who, amount in (("h01", 1), ("h01", 2), ("h02", 10))
        ]
    )
    total = parse(
        "test/total",
        "#+ param member: iri\nSELECT (SUM(?kwh) AS ?total) WHERE { "
        f"VALUES (?member) {{ (<{member}h02>) }} GRAPH ?g {{ ?member {kwh} ?kwh }} }}",
    )

    assert rows(any_store, total, member=f"{member}h01") == [{"total": 3}]


def test_no_python_file_holds_sparql() -> None:
    looks_like = re.compile(
        r"\b(SELECT\b[^\"'\n]{0,200}(\{|\?\w)|ASK\s*(WHERE\s*)?\{|CONSTRUCT\b[^\"'\n]{0,200}\{|DESCRIBE\s+[<?]|"
        r"(INSERT|DELETE)(\s+DATA)?\s*(WHERE\s*)?\{|DROP\s+(SILENT\s+)?(GRAPH|ALL)|VALUES\s*\(\?\w)"
    )
    # the printer writes the trees of queries and holds none; that benchmark plays strangers who send texts
    ours = [
        file
        for file in ROOT.rglob("*.py")
        if file not in (ROOT / "sparql" / "printer.py", ROOT / "bench" / "hostile.py")
        and not {".venv", "node_modules", "tests", "kg", "var", ".cache", "build"} & set(file.relative_to(ROOT).parts)
    ]

    found = [
        f"{file.relative_to(ROOT)}:{number}: {line.strip()}"
        for file in ours
        for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), start=1)
        if looks_like.search(line)
    ]

    assert found == [], "SPARQL belongs into <package>/queries/*.rq"


def test_a_moment_is_bound_in_utc() -> None:
    query = parse("test/at", '#+ param at: xsd:dateTime\nSELECT ?at WHERE { VALUES (?at) { ("2016-08-01T00:00:00Z"^^xsd:dateTime) } }')

    assert '"2016-08-29T19:00:00Z"' in query.bind(at=datetime(2016, 8, 29, 19, tzinfo=UTC))


@pytest.mark.parametrize("file", READING, ids=name)
def test_partners_wrapper_takes_a_query_for_what_it_is(file: Path) -> None:
    # SPARQLWrapper looks for verbs in every second comment line, too: "created" there makes an update of a query
    client = SPARQLWrapper("http://127.0.0.1:9/sparql")

    client.setQuery(file.read_text(encoding="utf-8"))

    assert client.queryType in (SELECT, ASK, CONSTRUCT, DESCRIBE)
