"""What an untrusted query may not do, however it is written."""

import string

import pyoxigraph as ox
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sparql.screen import screen

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
    "SELECT * { ?s ?p 'SERVICE <x> { }' , \"\"\"SERVICE\n\"quoted\"\"\"\" , '''it's a SERVICE''' }",
    "SELECT * # SERVICE <x> {\n{ ?s ?p ?o } # and SERVICE again",
    "SELECT * { ?s ?p _:SERVICE ; ex:p\\'SERVICE 'x'@en-service }",
    "SELECT * { ?s ?p ?o . FILTER(?o<5&&?o>3) FILTER(?o < ?s || ?s > ?o) }",
    "SELECT * { ?s ?p ?o FILTER(?o IN (<http://example.org/a>,<http://example.org/b?c=d>)) }",
    "SELECT (COUNT(*) AS ?n) { VALUES (?a ?b) { (<http://example.org/service-a#x> 1.5) (UNDEF -.5e3) } }",
    "SELECT * { ?s (<http://example.org/a>|^<http://example.org/b>)+/ex:c* ?o }",
]


@pytest.mark.parametrize("query", REACHING_OUT)
def test_service_is_refused_however_it_is_written(query: str) -> None:
    found = screen(query)

    assert found.refusal is not None
    assert "SERVICE is refused" in found.refusal or "may be read as" in found.refusal


@pytest.mark.parametrize("query", HARMLESS)
def test_the_word_service_inside_other_tokens_is_fine(query: str) -> None:
    assert screen(query).refusal is None


@pytest.mark.parametrize(
    "query",
    [
        "LOAD <http://127.0.0.1:9/x>",
        "PREFIX ex: <http://example.org/> INSERT DATA { ex:a ex:b ex:c }",
        "BASE <http://example.org/> # SELECT\ndelete where { ?s ?p ?o }",
        "DROP ALL",
        "WITH <http://example.org/g> DELETE { ?s ?p ?o } WHERE { ?s ?p ?o }",
    ],
)
def test_an_update_is_refused_by_name(query: str) -> None:
    refusal = screen(query).refusal

    assert refusal is not None
    assert "is an update, and this endpoint only answers queries" in refusal


@pytest.mark.parametrize("query", ["", "   # nothing", "DROPS", "SELECT * { ( } )", "SELECT * }"])
def test_what_is_no_query_is_refused(query: str) -> None:
    assert screen(query).refusal is not None


@pytest.mark.parametrize(
    ("query", "form", "has_dataset"),
    [
        ("SELECT * { ?from ?p 'FROM' }", "SELECT", False),
        ("prefix select: <http://example.org/> ask from <http://example.org/g> { ?s select:from ?o }", "ASK", True),
        ("BASE <http://example.org/> CONSTRUCT WHERE { ?s ?p ?o }", "CONSTRUCT", False),
        ("DESCRIBE <http://example.org/from>", "DESCRIBE", False),
        ("SELECT * FROM NAMED <http://example.org/g> { GRAPH ?g { ?s ?p ?o } }", "SELECT", True),
    ],
)
def test_form_and_dataset_are_seen(query: str, form: str, has_dataset: bool) -> None:
    found = screen(query)

    assert (found.form, found.has_dataset, found.refusal) == (form, has_dataset, None)


texts = st.text(alphabet=st.characters(codec="utf-8", exclude_characters="\x00"), max_size=30)
quoted = texts.map(lambda text: str(ox.Literal(text)))
comments = texts.map(lambda text: "#" + text.replace("\n", " ").replace("\r", " ") + "\n")
iri_parts = st.one_of(st.text(string.ascii_letters + "/?#=&'()!*,;.-_~", min_size=1, max_size=5), st.just("%20"))
iris = st.lists(iri_parts, max_size=4).map(lambda parts: f"<http://example.org/{''.join(parts)}>")
variables = st.from_regex(r"\?[A-Za-z_][A-Za-z0-9_]{0,8}", fullmatch=True)
harmless_terms = st.one_of(quoted, iris, variables, st.just("12.5"), st.just("true"), st.just("ex:service"))


@given(terms=st.lists(harmless_terms, min_size=1, max_size=6), comment=comments)
def test_any_harmless_objects_pass_and_still_parse(terms: list[str], comment: str) -> None:
    query = f"SELECT * {comment} {{ ?s ?p {' , '.join(terms)} {comment} }}"

    ox.Store().query(query, prefixes={"ex": "http://example.org/"})

    assert screen(query).refusal is None


@given(
    terms=st.lists(harmless_terms, min_size=1, max_size=6),
    comment=comments,
    word=st.sampled_from(["SERVICE", "service", "SeRvIcE SILENT"]),
    gap=st.sampled_from([" ", "\n", "\t", "#\n", ""]),
    where=st.sampled_from(["<http://127.0.0.1:9/x>", "?where", "ex:where"]),
)
def test_service_is_found_behind_any_objects(terms: list[str], comment: str, word: str, gap: str, where: str) -> None:
    spaced = gap or (" " if where.startswith("ex:") or "SILENT" in word else "")
    query = f"SELECT * {comment} {{ ?s ?p {' , '.join(terms)} . {word}{spaced}{where} {{ ?s ?p ?o }} }}"

    assert screen(query).refusal is not None


@given(text=texts)
def test_any_text_at_all_is_screened_without_a_crash(text: str) -> None:
    found = screen(text)

    assert (found.form == "") == (found.refusal is not None)
