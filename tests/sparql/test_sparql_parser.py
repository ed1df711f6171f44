"""What tree a query becomes, and what is said to a text that is none."""

import time

import pytest

from sparql import nodes as n
from sparql.errors import SparqlError
from sparql.parser import parse
from sparql.printer import text
from sparql.tokens import MAX_LENGTH
from sparql.variables import in_scope, mentioned, rewritten

EX = "http://example.org/"
XSD = "http://www.w3.org/2001/XMLSchema#"
RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
A, P, Q = n.Iri(EX + "a"), n.Iri(EX + "p"), n.Iri(EX + "q")
S, OBJ, X, Y = n.Var("s"), n.Var("o"), n.Var("x"), n.Var("y")


def read(query: str) -> n.Query:
    return parse(query, prefixes={"ex": EX, "xsd": XSD})


def elements(query: str) -> tuple[n.Pattern, ...]:
    return read(query).where.elements


def triples(pattern: str) -> list[n.Triple]:
    (found,) = elements(f"SELECT * {{ {pattern} }}")
    assert isinstance(found, n.Triples)
    return list(found.patterns)


def expression(written: str) -> n.Expression:
    (found,) = elements(f"ASK {{ FILTER ({written}) }}")
    assert isinstance(found, n.Filter)
    return found.expression


def whole(number: str) -> n.Lit:
    return n.Lit(number, XSD + "integer")


# --- trees -------------------------------------------------------------------------------------------------------------------------------


def test_property_and_object_lists_become_triples() -> None:
    assert triples("?s ex:p ?o , ex:a ; ; a ex:q ; .") == [n.Triple(S, P, OBJ), n.Triple(S, P, A), n.Triple(S, n.Iri(RDF + "type"), Q)]


def test_blank_nodes_become_hidden_variables_that_the_text_does_not_have() -> None:
    found = triples("_:x ex:p ?_b1 . _:x ex:q [] , [ ex:p ?_b__2 ]")

    hidden = {term for each in found for term in (each.subject, each.object) if isinstance(term, n.Var) and term.hidden}
    assert len(hidden) == 3
    assert found[0].subject == found[1].subject
    assert not {each.name for each in hidden} & {"_b1", "_b__2"}
    assert read("SELECT * { _:x ex:p ?_b1 ; ex:q [] }").projection == (n.Var("_b1"),)


def test_a_list_becomes_its_cells() -> None:
    found = triples("(1 ?x) ex:p ()")

    one, two = found[0].subject, found[2].subject
    assert found == [
        n.Triple(one, n.Iri(RDF + "first"), whole("1")),
        n.Triple(one, n.Iri(RDF + "rest"), two),
        n.Triple(two, n.Iri(RDF + "first"), X),
        n.Triple(two, n.Iri(RDF + "rest"), n.Iri(RDF + "nil")),
        n.Triple(one, P, n.Iri(RDF + "nil")),
    ]


@pytest.mark.parametrize(
    ("path", "tree"),
    [
        ("ex:p/ex:q|ex:p", n.Alternative((n.Sequence((P, Q)), P))),
        ("(ex:p|ex:q)/ex:p", n.Sequence((n.Alternative((P, Q)), P))),
        ("^ex:p*", n.Inverse(n.Repeat(P, "*"))),
        ("(^ex:p)+", n.Repeat(n.Inverse(P), "+")),
        ("!(ex:p|^ex:q|^a)?", n.Repeat(n.Negated((P.value,), (Q.value, RDF + "type")), "?")),
        ("!^ex:p", n.Negated((), (P.value,))),
        ("ex:p/(ex:q/ex:p)", n.Sequence((P, n.Sequence((Q, P))))),
    ],
)
def test_paths_bind_as_the_grammar_says(path: str, tree: n.Verb) -> None:
    assert triples(f"?s {path} ?o") == [n.Triple(S, tree, OBJ)]


@pytest.mark.parametrize(
    ("written", "tree"),
    [
        ("?x || ?y && ?s || ?o", n.Operation("||", (X, n.Operation("&&", (Y, S)), OBJ))),
        ("(?x || ?y) || ?s", n.Operation("||", (n.Operation("||", (X, Y)), S))),
        ("?x - ?y - ?s", n.Operation("-", (n.Operation("-", (X, Y)), S))),
        ("?x-1*2", n.Operation("-", (X, n.Operation("*", (whole("1"), whole("2")))))),
        ("?x = -1", n.Operation("=", (X, whole("-1")))),
        ("?x+ +1", n.Operation("+", (X, whole("+1")))),
        ("- 1", n.Operation("-", (whole("1"),))),
        ("!?x = ?y", n.Operation("=", (n.Operation("!", (X,)), Y))),
        ("?x<?y&&?s>?o", n.Operation("&&", (n.Operation("<", (X, Y)), n.Operation(">", (S, OBJ))))),
        ("?x<=?y", n.Operation("<=", (X, Y))),
        ("?x+1 NOT IN (1, <http://example.org/a>)", n.OneOf(n.Operation("+", (X, whole("1"))), (whole("1"), A), negated=True)),
        ("isIRI(?x)", n.Call("ISIRI", (X,))),
        ("xsd:integer(?x)", n.Call(n.Iri(XSD + "integer"), (X,))),
        ("regex(?x, '^a\\\\.b', \"i\")", n.Call("REGEX", (X, n.Lit("^a\\.b"), n.Lit("i")))),
        ("'''it's \"so\"\n'''@en-GB", n.Lit('it\'s "so"\n', RDF + "langString", "en-GB")),
        ("1.e5", None),
        ("TRUE", n.Lit("true", XSD + "boolean")),
        (".5 + 1e6", n.Operation("+", (n.Lit(".5", XSD + "decimal"), n.Lit("1e6", XSD + "double")))),
        ("NOT EXISTS { ?s ex:p ?o }", n.Exists(n.Group((n.Triples((n.Triple(S, P, OBJ),)),)), negated=True)),
    ],
)
def test_expressions_bind_as_the_grammar_says(written: str, tree: n.Expression | None) -> None:
    assert expression(written) == (tree or n.Lit("1.e5", XSD + "double"))


def test_patterns_keep_their_order() -> None:
    found = elements(
        "SELECT * { ?s ex:p ?o . OPTIONAL { ?o ex:q ?x } MINUS { ?s ex:q ?x } . { ?s ex:p 1 } UNION { } UNION { ?s ex:p 2 }"
        " { ?s ex:q 3 } GRAPH ?g { ?s ex:p ?y } FILTER EXISTS { ?y ex:p [] } BIND(1 AS ?z) VALUES ?v { 1 UNDEF } { SELECT ?w { ?w ex:p 1 } } }"
    )

    assert [type(each).__name__ for each in found] == (
        ["Triples", "Optional", "Minus", "Alternatives", "Group", "InGraph", "Filter", "Bind", "Values", "Group"]
    )
    assert found[8] == n.Values((n.Var("v"),), ((whole("1"),), (None,)))
    assert isinstance(found[9], n.Group)
    assert isinstance(found[9].elements[0], n.SubSelect)


def test_a_star_is_spelt_out_with_what_is_in_scope_and_visible() -> None:
    query = read(
        "SELECT * { ?s ex:p [ ex:q ?o ] MINUS { ?not ex:p 1 } FILTER EXISTS { ?nor ex:p 1 } GRAPH ?g { } { SELECT (1 AS ?x) { ?inner ex:p 1 } }"
        " BIND(2 AS ?y) } VALUES ?v { 3 }"
    )

    assert [each.name for each in query.projection if isinstance(each, n.Var)] == ["s", "o", "g", "x", "y", "v"]
    assert set(query.projection) == {n.Var(each) for each in ("s", "o", "g", "x", "y", "v")}
    assert read("DESCRIBE * { ?s ex:p ?o }").described == (S, OBJ)


def test_a_star_over_nothing_is_one_variable_that_nothing_binds() -> None:
    (column,) = read("SELECT * { [] ex:p [] }").projection

    assert isinstance(column, n.Var)
    assert column.hidden
    assert column not in in_scope(read("SELECT * { [] ex:p [] }").where)


def test_construct_where_is_spelt_out_with_new_blank_nodes() -> None:
    query = read("CONSTRUCT WHERE { _:x ex:p ?o ; ex:q [] } LIMIT 2")

    first, second = query.template
    assert isinstance(first.subject, n.Blank)
    assert first.subject == second.subject != second.object
    assert isinstance(second.object, n.Blank)
    (pattern,) = query.where.elements
    assert isinstance(pattern, n.Triples)
    assert [type(each.subject) for each in pattern.patterns] == [n.Var, n.Var]
    assert query.limit == 2


def test_the_dataset_and_the_modifiers_are_kept() -> None:
    query = read(
        "SELECT DISTINCT ?k (GROUP_CONCAT(DISTINCT ?o ; separator='|') AS ?all) (COUNT(*) AS ?n) FROM ex:g FROM NAMED ex:h FROM ex:i"
        " { ?s ex:p ?o } GROUP BY (STR(?s) AS ?k) ?x HAVING (COUNT(*) > 1) (?k != '') ORDER BY DESC(?n) ?k STRLEN(?k) OFFSET 3 LIMIT 2"
    )

    assert (query.default_graphs, query.named_graphs) == ((EX + "g", EX + "i"), (EX + "h",))
    assert query.distinct
    assert query.projection[1] == n.Named(n.Aggregate("GROUP_CONCAT", OBJ, True, "|"), n.Var("all"))
    assert query.group_by == (n.Named(n.Call("STR", (S,)), n.Var("k")), X)
    assert len(query.having) == 2
    assert query.order_by == (n.Order(n.Var("n"), True), n.Order(n.Var("k")), n.Order(n.Call("STRLEN", (n.Var("k"),))))
    assert (query.limit, query.offset) == (2, 3)
    assert read("ASK { }").default_graphs is None


@pytest.mark.parametrize(
    ("reference", "absolute"),
    [  # RFC 3986 §5.4
        ("g", "http://a/b/c/g"),
        ("./g/", "http://a/b/c/g/"),
        ("/g", "http://a/g"),
        ("//g", "http://g"),
        ("?y", "http://a/b/c/d;p?y"),
        ("g?y#s", "http://a/b/c/g?y#s"),
        ("#s", "http://a/b/c/d;p?q#s"),
        ("", "http://a/b/c/d;p?q"),
        ("..", "http://a/b/"),
        ("../../../g", "http://a/g"),
        ("g/./../h", "http://a/b/c/h"),
        ("urn:x:y", "urn:x:y"),
    ],
)
def test_relative_iris_are_resolved(reference: str, absolute: str) -> None:
    query = f"BASE <http://a/b/c/d;p?q> DESCRIBE <{reference}>"

    assert parse(query).described == (n.Iri(absolute),)
    assert parse(query.split("> ", 1)[1], base="http://a/b/c/d;p?q").described == (n.Iri(absolute),)


def test_prefixes_are_the_callers_until_the_query_says_otherwise() -> None:
    query = "PREFIX ex: <http://other.org/> PREFIX : <#> DESCRIBE ex:a\\,b.c ex: :x%20.y"

    described = parse(query, prefixes={"ex": EX}, base="http://base.org/").described
    assert [each.value if isinstance(each, n.Iri) else "" for each in described] == (
        ["http://other.org/a,b.c", "http://other.org/", "http://base.org/#x%20.y"]
    )


def test_codepoint_escapes_are_read_first_but_not_behind_a_backslash() -> None:
    assert read("\\u0041SK { FILTER('\\u00e9\\U0001F600' = '\\\\u0041') }").where == (
        n.Group((n.Filter(n.Operation("=", (n.Lit("é😀"), n.Lit("\\u0041")))),))
    )


# --- what is refused -------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("query", "says", "place"),
    [
        ("", "there is nothing in it", (1, 1)),
        (" # only this", "there is nothing in it", (1, 13)),
        ("SHOW TABLES", "begins with 'SHOW'", (1, 1)),
        ("PREFIX ex: <http://e/>\nINSERT DATA { ex:a ex:b 1 }", "INSERT is an update", (2, 1)),
        ("ASK { ?s exx:p 1 }", "write ex: if you mean that, or declare it before the query: PREFIX exx: <…>", (1, 10)),
        ("ASK { ?s <p> 1 }", "<p> is a relative IRI", (1, 10)),
        ("ASK { ?s <http://e/%zz> 1 }", "is no IRI", (1, 10)),
        ("ASK {\n  ?s ex:p ( 1 }", "'(' (line 2, column 11) is not closed before '}'", (2, 15)),
        ("ASK { ?s ex:p 1", "'{' (line 1, column 5) is not closed before the end of the query", (1, 16)),
        ("ASK { } }", "'}' closes nothing", (1, 9)),
        ("ASK { ?s ex:p 1 ?x }", "found '?x' where '.' between triples", (1, 17)),
        ("ASK { ?s ex:p 'x }", "a string begins here that does not end", (1, 15)),
        ("ASK { ?s ex:p 'x\\d' }", "a string begins here that does not end, or holds an escape", (1, 15)),
        ("ASK { ?s ex:p ?o FILTER FOO(?o) }", "found 'FOO' where a condition in brackets or a function", (1, 25)),
        ("ASK { FILTER(STRLEN(1, 2)) }", "STRLEN takes 1 argument and was given 2", (1, 14)),
        ("ASK { FILTER(BOUND(1)) }", "BOUND takes a variable", (1, 14)),
        ("ASK { FILTER(?a = ?b = ?c) }", "comparisons do not stand in a row", (1, 22)),
        ("ASK { FILTER(ex:f(DISTINCT ?a)) }", "DISTINCT stands in aggregates", (1, 19)),
        ("ASK { FILTER(SUM(?a) > 1) }", "SUM is an aggregate", (1, 14)),
        ("SELECT (SUM(COUNT(?a)) AS ?n) { }", "COUNT is an aggregate", (1, 13)),
        ("SELECT ?s { ?s ex:p ?o BIND(1 AS ?o) }", "BIND gives ?o a value", (1, 34)),
        ("SELECT (1 AS ?o) { ?s ex:p ?o }", "?o has a value already", (1, 8)),
        ("SELECT (1 AS ?x) (2 AS ?x) { }", "?x has a value already", (1, 18)),
        ("SELECT ?s (COUNT(*) AS ?n) { ?s ex:p ?o }", "?s is neither grouped by nor aggregated", (1, 8)),
        ("SELECT (?o + SUM(?o) AS ?n) { ?s ex:p ?o } GROUP BY ?s", "?o is used outside of an aggregate", (1, 8)),
        ("SELECT * { ?s ex:p ?o } GROUP BY ?s", "* does not stand in a SELECT with GROUP BY", (1, 1)),
        ("SELECT * { _:x ex:p ?o OPTIONAL { _:x ex:q ?y } }", "_:x stands in two basic graph patterns", (1, 35)),
        ("SELECT * { VALUES (?x ?y) { (1 2)\n (1) } }", "a row of VALUES has 1 values for 2 variables", (2, 2)),
        ("SELECT * { VALUES (?x ?x) { } }", "?x stands twice", (1, 23)),
        ("SELECT * { } LIMIT 1 LIMIT 2", "LIMIT stands twice", (1, 22)),
        ("SELECT * { } LIMIT -1", "a whole number after LIMIT", (1, 20)),
        ("SELECT * { } OFFSET 99999999999999999999", "OFFSET is longer than 18 digits", (1, 21)),
        ("CONSTRUCT { ?s ex:p* ?o } WHERE { ?s ex:p ?o }", "found '*'", (1, 20)),
        ("CONSTRUCT WHERE { ?s ex:p ?o FILTER(?o > 1) }", "found 'FILTER' where a triple without a path", (1, 30)),
        ("ASK { ?s !() ?o }", "!() excludes nothing", (1, 12)),
        ("ASK { ?s A ?o }", "found 'A' where a property", (1, 10)),
        ("ASK { << ?s ex:p ?o >> ex:q 1 }", "found '<'", (1, 7)),
        ("ASK { ?s ex:p '\\uD800' }", "names no character", (1, 16)),
        ("ASK { ?s ex:p '\ud800' }", "half of a surrogate pair", (1, 16)),
        ("ASK { ?s ex:p 'x'@en-toolongatag }", "is no language tag", (1, 18)),
        ("SELECT ?s FROM { }", "NAMED or the IRI of a graph", (1, 16)),
        ("ASK { } ASK { }", "the end of the query is expected", (1, 9)),
    ],
)
def test_what_is_wrong_is_said_with_its_place(query: str, says: str, place: tuple[int, int]) -> None:
    with pytest.raises(SparqlError) as refused:
        read(query)

    assert says in refused.value.sentence
    assert (refused.value.line, refused.value.column) == place
    assert str(refused.value) == f"{refused.value.sentence} (line {place[0]}, column {place[1]})"


@pytest.mark.parametrize("word", ["INSERT", "DELETE", "LOAD", "CLEAR", "DROP", "CREATE", "ADD", "MOVE", "COPY", "WITH", "drop"])
def test_an_update_is_refused_by_name(word: str) -> None:
    with pytest.raises(SparqlError, match=f"{word.upper()} is an update, and this address only answers queries"):
        read(f"BASE <http://example.org/> # SELECT\n{word} SILENT <x>")


def nested(times: int) -> list[str]:
    return [
        "SELECT * { " + "{ " * times,
        "SELECT * { " + "OPTIONAL { " * times,
        "SELECT * { " + "{ SELECT * " * times,
        "ASK { FILTER(" + "(" * times,
        "ASK { FILTER(" + "!" * times,
        "ASK { FILTER(" + "1 + (2 || " * times,
        "ASK { FILTER(1" + "+1" * times + ") }",
        "ASK { " + "FILTER NOT EXISTS { " * times,
        "ASK { FILTER(" + "STR(" * times,
        "ASK { FILTER(1" + " IN (1" * times,
        "ASK { ?s " + "(" * times,
        "ASK { ?s " + "^(" * times,
        "ASK { ?s ?p " + "(" * times,
        "ASK { ?s ?p " + "[ ?q " * times,
        "SELECT " + "(1 + " * times,
        "CONSTRUCT { ?s ?p " + "[ ?q " * times,
    ]


@pytest.mark.parametrize("query", [each[:MAX_LENGTH] for each in nested(100_000)], ids=lambda query: query[:24])
def test_a_hostile_depth_is_refused_at_once(query: str) -> None:
    begun = time.perf_counter()

    with pytest.raises(SparqlError, match=r"nests too deep|more than 100 numbers"):
        read(query)

    assert time.perf_counter() - begun < 0.1


@pytest.mark.parametrize(
    "query",
    [
        "ASK { " + "OPTIONAL { " * 48 + "?s ?p ?o" + " }" * 49,
        "ASK { " + "FILTER NOT EXISTS { " * 48 + "?s ?p ?o" + " }" * 49,
        "ASK { " + "FILTER(!EXISTS { " * 19 + "?s ?p ?o" + " })" * 19 + "}",
        "SELECT * { " + "{ SELECT * { " * 24 + "?s ?p ?o" + " } }" * 24 + "}",
        "ASK { FILTER(" + "(1 + " * 32 + "1" + ")" * 32 + ") }",
        "ASK { FILTER(1" + "-1" * 100 + ") }",
        "ASK { FILTER(" + "IF(?x, 1, " * 48 + "1" + ")" * 48 + ") }",
        "ASK { ?s " + "^(" * 98 + "<http://e/p>" + ")" * 98 + " ?o }",
        "ASK { FILTER(" + " || ".join(f"?x = {each}" for each in range(5000)) + ") }",
        "ASK { ?s ?p " + ", ".join(map(str, range(5000))) + " }",
    ],
    ids=lambda query: query[:24],
)
def test_what_is_read_can_be_walked_printed_and_compared(query: str) -> None:
    tree = read(query)

    assert read(text(tree)) == tree
    assert hash(read(text(tree))) == hash(tree)
    assert rewritten(tree, lambda node: node) is tree
    assert rewritten(tree, lambda node: n.Var(node.name + "_") if isinstance(node, n.Var) else node) != tree or not mentioned(tree)
    in_scope(tree.where)


def test_a_text_too_long_is_not_read() -> None:
    with pytest.raises(SparqlError, match="the query has 500,001 characters, and at most 500,000 are read"):
        read("#" * (MAX_LENGTH + 1))
