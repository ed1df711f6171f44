"""Random queries as trees: every kind of pattern, path and expression over a small vocabulary, quick to answer on a small store."""

import pyoxigraph as ox
from hypothesis import strategies as st

from sparql import nodes as n
from sparql.variables import in_scope

EX = "http://example.org/"
XSD = "http://www.w3.org/2001/XMLSchema#"
THINGS = tuple(n.Iri(EX + each) for each in "abcd")
PROPERTIES = tuple(n.Iri(EX + each) for each in "pqr")
GRAPHS = tuple(n.Iri(EX + each) for each in ("g1", "g2"))
VARIABLES = tuple(n.Var(each) for each in "stuv")

iris = st.sampled_from(THINGS)
properties = st.sampled_from(PROPERTIES)
variables = st.sampled_from(VARIABLES)
numbers = st.integers(-2, 3).map(lambda number: n.Lit(str(number), XSD + "integer"))
literals = st.one_of(
    numbers,
    st.sampled_from(
        [
            n.Lit("1.50", XSD + "decimal"),
            n.Lit("2e0", XSD + "double"),
            n.Lit("true", XSD + "boolean"),
            n.Lit("no number", XSD + "integer"),
            n.Lit("salut", "http://www.w3.org/1999/02/22-rdf-syntax-ns#langString", "fr"),
        ]
    ),
    st.text(alphabet=st.characters(codec="utf-8", exclude_characters="\x00"), max_size=6).map(n.Lit),
)


def store() -> ox.Store:
    """A small dataset in the vocabulary: two named graphs, which share some triples."""
    found = ox.Store()
    terms = [ox.NamedNode(thing.value) for thing in THINGS]
    values = [
        *terms,
        ox.Literal(1),
        ox.Literal(2),
        ox.Literal("1.50", datatype=ox.NamedNode(XSD + "decimal")),
        ox.Literal("salut", language="fr"),
    ]
    for at, value in enumerate(values * 2):
        subject, verb = terms[at % 3], ox.NamedNode(PROPERTIES[at * 7 % 3].value)
        for graph in GRAPHS[: 1 + at % 2]:
            found.add(ox.Quad(subject, verb, value, ox.NamedNode(graph.value)))
        if at % 3 == 0:
            found.add(ox.Quad(subject, verb, value, ox.DefaultGraph()))
    return found


# --- paths and triples -----------------------------------------------------------------------------------------------------------------


def _longer_path(part: st.SearchStrategy[n.Path]) -> st.SearchStrategy[n.Path]:
    two = st.lists(part, min_size=2, max_size=3).map(tuple)
    named = st.lists(properties.map(lambda each: each.value), max_size=2).map(tuple)
    return st.one_of(
        part.map(n.Inverse),
        two.map(n.Sequence),
        two.map(n.Alternative),
        st.builds(n.Repeat, part, st.sampled_from("*+?")),
        st.builds(n.Negated, named, named).filter(lambda path: path.forward or path.inverse),
    )


paths = st.recursive(properties, _longer_path, max_leaves=4)
triples = st.builds(
    n.Triple,
    st.one_of(variables, variables, iris),
    st.one_of(properties, properties, variables, paths),
    st.one_of(variables, iris, literals),
)
template_triples = st.builds(
    n.Triple,
    st.one_of(variables, iris, st.just(n.Blank("x"))),
    st.one_of(properties, variables),
    st.one_of(variables, iris, literals, st.just(n.Blank("y"))),
)


# --- expressions -----------------------------------------------------------------------------------------------------------------------

_SIGNS = st.sampled_from(["=", "!=", "<", ">", "<=", ">=", "+", "-", "*", "/"])
_OF_ONE = st.sampled_from(["STR", "LANG", "DATATYPE", "ABS", "STRLEN", "UCASE", "ISIRI", "ISLITERAL", "ISNUMERIC", "CEIL"])
_OF_TWO = st.sampled_from(["CONTAINS", "STRSTARTS", "SAMETERM", "STRAFTER", "LANGMATCHES"])


def _larger(part: st.SearchStrategy[n.Expression]) -> st.SearchStrategy[n.Expression]:
    two = st.tuples(part, part)
    return st.one_of(
        st.builds(n.Operation, _SIGNS, two),
        st.builds(n.Operation, st.sampled_from(["||", "&&"]), st.lists(part, min_size=2, max_size=3).map(tuple)),
        st.builds(n.Operation, st.sampled_from("!-+"), part.map(lambda each: (each,))),
        st.builds(n.OneOf, part, st.lists(part, max_size=2).map(tuple), st.booleans()),
        st.builds(n.Call, _OF_ONE, part.map(lambda each: (each,))),
        st.builds(n.Call, _OF_TWO, two),
        st.builds(n.Call, st.just("IF"), st.tuples(part, part, part)),
        st.builds(n.Call, st.sampled_from(["COALESCE", "CONCAT"]), st.lists(part, max_size=3).map(tuple)),
        st.builds(n.Call, st.just(n.Iri(XSD + "integer")), part.map(lambda each: (each,))),
        st.builds(n.Call, st.just("BOUND"), variables.map(lambda each: (each,))),
    )


expressions = st.recursive(st.one_of(variables, literals, iris), _larger, max_leaves=5)


# --- patterns --------------------------------------------------------------------------------------------------------------------------

blocks = st.lists(triples, min_size=1, max_size=3).map(lambda found: n.Triples(tuple(found)))


@st.composite
def value_blocks(draw: st.DrawFn) -> n.Values:
    """VALUES with a few rows."""
    columns = tuple(draw(st.lists(variables, min_size=1, max_size=2, unique=True)))
    row = st.tuples(*[st.one_of(st.none(), iris, literals) for _ in columns])
    return n.Values(columns, tuple(draw(st.lists(row, max_size=3))))


@st.composite
def groups(draw: st.DrawFn, depth: int = 2) -> n.Group:
    """A group in which no two blocks of triples are one, and no BIND gives a variable a second value."""
    elements: list[n.Pattern] = []
    for _ in range(draw(st.integers(0 if depth < 2 else 1, 3))):
        element = draw(_elements(depth))
        if isinstance(element, n.Triples) and elements and isinstance(elements[-1], n.Triples):
            continue
        if isinstance(element, n.Bind) and element.variable in in_scope(n.Group(tuple(elements))):
            continue
        elements.append(element)
    return n.Group(tuple(elements))


def _elements(depth: int) -> st.SearchStrategy[n.Pattern]:
    flat = st.one_of(blocks, blocks, st.builds(n.Filter, expressions), value_blocks(), st.builds(n.Bind, expressions, variables))
    if depth == 0:
        return flat
    inner = groups(depth - 1)
    return st.one_of(
        flat,
        flat,
        inner,
        inner.map(n.Optional),
        inner.map(n.Minus),
        st.lists(inner, min_size=2, max_size=3).map(lambda found: n.Alternatives(tuple(found))),
        st.builds(n.InGraph, st.one_of(st.sampled_from(GRAPHS), st.just(n.Var("g"))), inner),
        st.builds(n.Filter, st.builds(n.Exists, inner, st.booleans())),
        selects(depth - 1).map(lambda query: n.Group((n.SubSelect(query),))),
    )


# --- queries ---------------------------------------------------------------------------------------------------------------------------


@st.composite
def aggregates(draw: st.DrawFn) -> n.Aggregate:
    """One aggregate whose value does not hang on an order."""
    if draw(st.booleans()):
        return n.Aggregate("COUNT", draw(st.one_of(st.none(), expressions)), draw(st.booleans()))
    return n.Aggregate(draw(st.sampled_from(["SUM", "MIN", "MAX"])), draw(expressions), draw(st.booleans()))


@st.composite
def selects(draw: st.DrawFn, depth: int = 2) -> n.Query:
    """A SELECT, grouped or not, without LIMIT: what it answers does not hang on an order."""
    where = draw(groups(depth))
    scope = [*dict.fromkeys((*in_scope(where), *VARIABLES))]
    extra = next(each for each in (n.Var(f"made{number}") for number in range(9)) if each not in scope)
    values = draw(st.one_of(st.none(), st.none(), value_blocks()))
    if draw(st.integers(0, 3)) == 0:
        keys = tuple(draw(st.lists(st.sampled_from(scope), max_size=2, unique=True)))
        having = (n.Operation(">", (n.Aggregate("COUNT", None), n.Lit("1", XSD + "integer"))),) if draw(st.booleans()) else ()
        columns = (*keys, n.Named(draw(aggregates()), extra))
        return n.Query("SELECT", where, columns, group_by=keys, having=having, values=values)
    shown: list[n.Var | n.Named] = list(draw(st.lists(st.sampled_from(scope), min_size=1, max_size=3, unique=True)))
    if draw(st.booleans()):
        shown.append(n.Named(draw(expressions), extra))
    order = tuple(draw(st.lists(st.builds(n.Order, expressions, st.booleans()), max_size=2)))
    return n.Query("SELECT", where, tuple(shown), distinct=draw(st.booleans()), order_by=order, values=values)


@st.composite
def queries(draw: st.DrawFn) -> n.Query:
    """A query of any form."""
    form = draw(st.sampled_from(["SELECT", "SELECT", "SELECT", "ASK", "CONSTRUCT", "DESCRIBE"]))
    if form == "SELECT":
        return draw(selects())
    where = draw(groups())
    if form == "CONSTRUCT":
        return n.Query(form, where, template=tuple(draw(st.lists(template_triples, min_size=1, max_size=3))))
    if form == "DESCRIBE":
        return n.Query(form, where, described=tuple(draw(st.lists(st.one_of(iris, variables), min_size=1, max_size=2, unique=True))))
    return n.Query(form, where)
