"""What an untrusted query may not do, however it is written; and no text at all brings the parser down."""

import re
import string

import pyoxigraph as ox
import pytest
import sparql_generated as generated
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sparql.errors import SparqlError
from sparql.nodes import Query
from sparql.parser import parse
from sparql.printer import text

PREFIXES = {"ex": "http://example.org/"}
quick = settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
REACHING_OUT = [
    "SELECT * { SERVICE <http://127.0.0.1:9/x> { ?s ?p ?o } }",
    "SELECT * { SERVICE SILENT <http://127.0.0.1:9/x> { ?s ?p ?o } }",
    "SELECT * { { SELECT * { OPTIONAL { service ?where { ?s ?p ?o } } } } }",
    "SELECT * { ?s ?p ?where . SERVICE?where{ ?s ?p ?o } }",
    "SELECT * { FILTER(1<2)SERVICE?z#>\n{ ?s ?p ?o } }",
    "SELECT * { FILTER(?a<?b)SERVICE?z#>\n{ ?s ?p ?o } }",
    "SELECT * { FILTER(?a<'>')SERVICE <http://127.0.0.1:9/x> { ?s ?p '' } }",
    "SELECT * { ?s ?p 1SERVICE<http://127.0.0.1:9/x>{ ?s ?p ?o } }",
    "SELECT * { ?s ?p 1.SERVICE<http://127.0.0.1:9/x>{ ?s ?p ?o } }",
    "SELECT * { ?s ?p 1e5SERVICE<http://127.0.0.1:9/x>{ ?s ?p ?o } }",
    "SELECT * { ?s ?p trueSERVICE<http://127.0.0.1:9/x>{ ?s ?p ?o } }",
    "SELECT * { ?s ?p ex:it\\'s . SERVICE <http://127.0.0.1:9/x> { ?s ?p ex:it\\'s } }",
    "SELECT * { ?s ?p ex:a\\# . SERVICE <http://127.0.0.1:9/x> { ?s ?p ?o } }",
    'SELECT * { ?s ?p """a"b""" . SERVICE <http://127.0.0.1:9/x> { ?s ?p ?o } }',
    'SELECT * { ?s ?p "\\\\" . SERVICE <http://127.0.0.1:9/x> { ?s ?p "" } }',
    "SELECT * { \\u0053ERVICE <http://127.0.0.1:9/x> { ?s ?p ?o } }",
    "SELECT * { ?s ?p \\u0022 . SERVICE <http://127.0.0.1:9/x> { ?s ?p ?o } }",
    "# a comment\rSELECT * { SERVICE <http://127.0.0.1:9/x> { ?s ?p ?o } }",
]
HARMLESS = [
    "SELECT ?service { ?service a <http://example.org/SERVICE> }",
    "PREFIX service: <http://example.org/> SELECT * { ?s service:SERVICE ?service }",
    "SELECT * { ?s ?p 'SERVICE <x> { }' , \"\"\"SERVICE\n\"quoted\" \"\"\" , '''it's a SERVICE''' }",
    "SELECT * # SERVICE <x> {\n{ ?s ?p ?o } # and SERVICE again",
    "SELECT * { ?s ?p _:SERVICE ; ex:p\\'SERVICE 'x'@en-service }",
    "SELECT * { ?s ?p ?o . FILTER(?o<5&&?o>3) FILTER(?o < ?s || ?s > ?o) }",
    "SELECT * { ?s ?p ?o FILTER(?o IN (<http://example.org/a>,<http://example.org/b?c=d>)) }",
    "SELECT (COUNT(*) AS ?n) { VALUES (?a ?b) { (<http://example.org/service-a#x> 1.5) (UNDEF -.5e3) } }",
    "SELECT * { ?s (<http://example.org/a>|^<http://example.org/b>)+/ex:c* ?o }",
]


def read(query: str) -> Query:
    return parse(query, prefixes=PREFIXES)


def refusal(query: str) -> str:
    with pytest.raises(SparqlError) as refused:
        read(query)
    return refused.value.sentence


@pytest.mark.parametrize("query", REACHING_OUT)
def test_service_is_refused_however_it_is_written(query: str) -> None:
    assert "SERVICE is refused" in refusal(query) or "trueSERVICE" in query or "\\u0022" in query


@pytest.mark.parametrize("query", HARMLESS)
def test_the_word_service_inside_other_tokens_is_fine(query: str) -> None:
    tree = read(query)

    assert read(text(tree)) == tree
    ox.Store().query(text(tree))


@pytest.mark.parametrize(
    "query", ["", "   # nothing", "DROPS", "SELECT * { ( } )", "SELECT * }", "\x00", "{", "<", "'", "\\", "?", "_:", "@"]
)
def test_what_is_no_query_is_refused(query: str) -> None:
    assert refusal(query)


texts = st.text(alphabet=st.characters(codec="utf-8", exclude_characters="\x00"), max_size=30)
quoted = texts.map(lambda each: re.sub(r"\\\\(?=[uU])", "", str(ox.Literal(each))))
comments = texts.map(lambda each: "#" + each.replace("\n", " ").replace("\r", " ").replace("\\", "") + "\n")
iri_parts = st.one_of(st.text(string.ascii_letters + "/?=&'()!*,;.-_~", min_size=1, max_size=5), st.just("%20"))
iris = st.lists(iri_parts, max_size=4).map(lambda parts: f"<http://example.org/{''.join(parts)}>")
variables = st.from_regex(r"\?[A-Za-z_][A-Za-z0-9_]{0,8}", fullmatch=True)
harmless_terms = st.one_of(quoted, iris, variables, st.just("12.5"), st.just("true"), st.just("ex:service"))


@quick
@given(terms=st.lists(harmless_terms, min_size=1, max_size=6), comment=comments)
def test_any_harmless_objects_are_read_as_the_engine_reads_them(terms: list[str], comment: str) -> None:
    query = f"SELECT * {comment} {{ ?s ?p {' , '.join(terms)} {comment} }}"

    ox.Store().query(query, prefixes=PREFIXES)

    tree = read(query)
    assert read(text(tree)) == tree
    ox.Store().query(text(tree))


@quick
@given(
    terms=st.lists(harmless_terms, min_size=1, max_size=6),
    comment=comments,
    word=st.sampled_from(["SERVICE", "service", "SeRvIcE SILENT"]),
    gap=st.sampled_from([" ", "\n", "\t", "#\n", ""]),
    where=st.sampled_from(["<http://127.0.0.1:9/x>", "?where", "ex:where"]),
)
def test_service_is_found_behind_any_objects(terms: list[str], comment: str, word: str, gap: str, where: str) -> None:
    spaced = gap or (" " if where.startswith("ex:") or "SILENT" in word else "")

    assert "SERVICE is refused" in refusal(f"SELECT * {comment} {{ ?s ?p {' , '.join(terms)} . {word}{spaced}{where} {{ ?s ?p ?o }} }}")


def only_sentences(query: str) -> None:
    """Read it, or be told why not; whatever is read is printed without anything that reaches out."""
    try:
        tree = read(query)
    except SparqlError:
        return
    assert parse(text(tree)) == tree


@quick
@given(query=st.one_of(texts, st.text(max_size=40), st.binary(max_size=40).map(lambda each: each.decode("latin-1"))))
def test_any_text_at_all_is_read_or_refused(query: str) -> None:
    only_sentences(query)


PIECES = (
    *(
        "SELECT",
        "ASK",
        "WHERE",
        "*",
        "{",
        "}",
        "(",
        ")",
        "[",
        "]",
        "?s",
        "?p",
        "ex:p",
        "<http://e/a>",
        "a",
        ".",
        ";",
        ",",
        "|",
        "/",
        "^",
        "!",
        "+",
    ),
    *(
        "-",
        "1",
        "1.5",
        "'x'",
        '"',
        "@en",
        "^^",
        "_:b",
        "OPTIONAL",
        "UNION",
        "MINUS",
        "GRAPH",
        "FILTER",
        "BIND",
        "AS",
        "VALUES",
        "UNDEF",
        "EXISTS",
    ),
    *(
        "NOT",
        "IN",
        "<",
        ">",
        "=",
        "&&",
        "||",
        "STR",
        "COUNT",
        "GROUP",
        "BY",
        "ORDER",
        "HAVING",
        "LIMIT",
        "CONSTRUCT",
        "DESCRIBE",
        "FROM",
        "NAMED",
    ),
    *("PREFIX", "BASE", "SERVICE", "DISTINCT", "#", "\n", "\\u0041", "\\"),
)


@quick
@given(pieces=st.lists(st.sampled_from(PIECES), max_size=40), gap=st.sampled_from(["", " "]))
def test_any_row_of_tokens_is_read_or_refused(pieces: list[str], gap: str) -> None:
    only_sentences(gap.join(pieces))


@quick
@given(query=generated.queries(), data=st.data())
def test_any_mutation_of_a_query_is_read_or_refused(query: Query, data: st.DataObject) -> None:
    written = text(query)
    for _ in range(data.draw(st.integers(1, 3))):
        start = data.draw(st.integers(0, len(written)))
        end = min(len(written), start + data.draw(st.integers(0, 6)))
        written = written[:start] + data.draw(st.one_of(st.just(""), st.sampled_from(PIECES), st.text(max_size=3))) + written[end:]

    only_sentences(written)
