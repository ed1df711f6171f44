"""The parser beside two others, pyoxigraph's and rdflib's: the same texts are queries, and the printed tree gives the same answer."""

import re
from collections import Counter
from functools import cache
from pathlib import Path

import pyoxigraph as ox
import pytest
import sparql_generated as generated
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rdflib.plugins.sparql import prepareQuery
from sparql_corpus import DIFFERENCES, INVALID, VALID_QUERIES

from kg.prefixes import prefixes
from sparql.errors import SparqlError
from sparql.parser import parse
from sparql.printer import text

ROOT = Path(__file__).parents[2]
QUERY_FILES = sorted([*ROOT.glob("*/queries/*.rq"), *ROOT.glob("tests/data/**/*.rq")])
PREFIXES = {"ex": "http://example.org/", "xsd": "http://www.w3.org/2001/XMLSchema#"}
slow = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])


def answer(store: ox.Store, query: str) -> object:
    """What a store answers, without the order, and blank nodes without their names."""
    found = store.query(query, prefixes=PREFIXES)
    if isinstance(found, ox.QueryBoolean):
        return bool(found)
    if isinstance(found, ox.QueryTriples):
        return Counter(re.sub(r"_:\w+", "_:", str(triple)) for triple in found)
    names = sorted(variable.value for variable in found.variables)
    return names, Counter(tuple(re.sub(r"_:\w+", "_:", str(row[name])) for name in names) for row in found)


@cache
def competency() -> ox.Store:
    store = ox.Store()
    store.bulk_load(path=ROOT / "tests/data/competency.trig", format=ox.RdfFormat.TRIG)
    return store


@cache
def small() -> ox.Store:
    return generated.store()


# --- the queries of the project --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", QUERY_FILES, ids=lambda path: f"{path.parts[-3]}/{path.stem}")
def test_every_query_of_the_project_means_the_same_when_printed(path: Path) -> None:
    query = path.read_text(encoding="utf-8")

    tree = parse(query)

    assert parse(text(tree)) == tree
    assert answer(competency(), text(tree)) == answer(competency(), query)


def test_the_projects_prefixes_serve_as_they_are() -> None:
    assert parse("ASK { ?s a saref:Device }", prefixes=prefixes())


# --- generated queries -----------------------------------------------------------------------------------------------------------------


@slow
@given(query=generated.queries())
def test_any_tree_is_read_back_from_its_text(query) -> None:
    written = text(query)

    assert parse(written) == query
    ox.Store().query(written)


def respelt(written: str, layout: list[str]) -> str:
    """The same query with prefixes, other keywords, other marks and other blanks."""
    parts = re.split(r'("(?:[^"\\]|\\.)*")', written)
    gaps = iter(layout * len(written))
    for at in range(0, len(parts), 2):
        part = re.sub(r"<http://example\.org/(\w+)>(?![*+?])", r"ex:\1", parts[at])
        part = re.sub(
            r"\b(?:WHERE|OPTIONAL|UNION|FILTER|EXISTS|BIND|VALUES|GRAPH|COUNT|SELECT|UNDEF)\b", lambda word: word[0].capitalize(), part
        )
        part = re.sub(r"\?(?=\w)", "$", part)
        parts[at] = re.sub(r"[ \n]+", lambda _: next(gaps), part)
    return "".join(parts)


@slow
@given(query=generated.queries(), layout=st.lists(st.sampled_from([" ", "\n", "\t ", ' # { " <\n', "\r\n"]), min_size=1, max_size=7))
def test_any_query_means_the_same_however_it_is_spelt(query, layout) -> None:
    written = respelt(text(query), layout)

    tree = parse(written, prefixes=PREFIXES)

    assert tree == query
    assert answer(small(), text(tree)) == answer(small(), written)


# --- texts by hand: what three parsers take and refuse -----------------------------------------------------------------------------------


def ours(query: str) -> bool:
    try:
        parse(query, prefixes=PREFIXES)
    except SparqlError:
        return False
    return True


def pyoxigraphs(query: str) -> bool:
    try:
        small().query(query, prefixes=PREFIXES)
    except SyntaxError:
        return False
    except (OSError, RuntimeError):  # it was read; it reached out, or calls a function that is not there
        return True
    return True


def rdflibs(query: str) -> bool:
    try:
        prepareQuery(query, initNs=PREFIXES)
    except Exception:  # noqa: BLE001 - it raises of all kinds
        return False
    return True


@pytest.mark.parametrize("query", VALID_QUERIES)
def test_three_parsers_take_a_query_and_it_means_the_same_when_printed(query: str) -> None:
    tree = parse(query, prefixes=PREFIXES)

    assert pyoxigraphs(query)
    assert rdflibs(query)
    assert parse(text(tree)) == tree
    if "LIMIT" not in query or "ORDER" in query:
        assert answer(small(), text(tree)) == answer(small(), query)


@pytest.mark.parametrize("query", INVALID)
def test_three_parsers_refuse_what_is_no_query(query: str) -> None:
    assert (ours(query), pyoxigraphs(query), rdflibs(query)) == (False, False, False)


@pytest.mark.parametrize("query", DIFFERENCES)
def test_parsers_differ_where_we_know_it(query: str) -> None:
    *expected, why = DIFFERENCES[query]

    assert [ours(query), pyoxigraphs(query), rdflibs(query)] == expected, why
    if ours(query) and "left to the engine" not in why:
        assert pyoxigraphs(text(parse(query, prefixes=PREFIXES))), "what we take is printed as the engine takes it"
