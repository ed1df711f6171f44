"""Confine a query to the graphs that somebody may see, on the embedded engine in three ways that give the same answers.

**Whole**: the operator's query without FROM meets the union of all graphs. **List**: default graph and named graphs are passed as lists;
exact, and the quickest for a member's dozen graphs, since nothing else is touched; but each look-up goes through the whole list.
**Filter**: each triple pattern is matched in all graphs, and a function tells of each match whether its graph may be seen; its cost
does not grow with the number of graphs that are allowed. `python -m bench access` shows where they cross.
A remote server gets the list as FROM and FROM NAMED.

What a scope does not allow is as if it were not there: cut from FROM in silence, empty under GRAPH.

References
----------
SPARQL 1.1 Query Language §13 (datasets), §16.4 (DESCRIBE); SPARQL 1.1 Protocol §2.1.4 (which dataset counts).
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

from sparql.leaves import Leaves
from sparql.nodes import (
    Alternatives,
    Bind,
    Call,
    Filter,
    Group,
    Iri,
    Lit,
    Operation,
    Pattern,
    Query,
    SubSelect,
    Triple,
    Triples,
    Values,
    Var,
)
from sparql.scope import Scope

ALLOWED = "urn:flexcoop:allowed"  # the function of the filter: of a graph's IRI, whether it may be seen
LISTED = 40  # most graphs that are passed as a list; `bench access` measures it
NO_GRAPH = "urn:flexcoop:no-graph"  # a dataset can't be empty in words: FROM a graph that is nowhere
_INTEGER = "http://www.w3.org/2001/XMLSchema#integer"
_REMEMBERED = 64


@dataclass(frozen=True, slots=True)
class Confined:
    """A query, and how the embedded engine is to be called with it.

    Attributes
    ----------
    query : without FROM and FROM NAMED
    union : whether the default graph is the union of all graphs; then the lists are `None`
    default_graph, named_graphs : IRIs to be passed; `None` stands for all named graphs
    allowed : to be served as the function `ALLOWED`, on the IRI of a graph; `None` where the query does not call it
    """

    query: Query
    union: bool
    default_graph: tuple[str, ...] | None = None
    named_graphs: tuple[str, ...] | None = None
    allowed: Callable[[str], bool] | None = None


@dataclass(frozen=True, slots=True)
class _Visible:
    listed: tuple[str, ...]
    known: frozenset[str]

    def of(self, asked: Iterable[str]) -> tuple[str, ...]:
        """Those that may be seen, each once: a list that says a graph twice counts its triples twice."""
        return tuple(each for each in dict.fromkeys(asked) if each in self.known)


class _Resolved:
    """Which graphs scopes come down to, as long as the same list of graphs is asked about: a checkpoint's."""

    def __init__(self) -> None:
        self._graphs: Sequence[str] = ()
        self._found: dict[Scope, _Visible] = {}

    def of(self, scope: Scope, graphs: Sequence[str]) -> _Visible:
        if graphs is not self._graphs or len(self._found) >= _REMEMBERED:
            self._graphs, self._found = graphs, {}
        if scope not in self._found:
            listed = tuple(graphs) if scope.everything else tuple(filter(scope.allows, graphs))
            self._found[scope] = _Visible(listed, frozenset(listed))
        return self._found[scope]


_resolved = _Resolved()


def confined(
    query: Query,
    scope: Scope,
    *,
    default_graphs: tuple[str, ...] | None,
    named_graphs: tuple[str, ...] | None,
    graphs: Sequence[str],
    most_listed: int = LISTED,
) -> Confined:
    """Confine a query for the embedded engine.

    Parameters
    ----------
    query
        As parsed.
    scope
        What may be seen.
    default_graphs, named_graphs
        The dataset that the protocol gives, which counts instead of the query's; `None` where it gives none.
    graphs
        All named graphs of the store, the same object as long as they are the same: what scopes come down to is kept by its identity.
    most_listed
        Up to so many graphs are passed as a list, if the query says no FROM; more are filtered.

    Returns
    -------
    Confined
        The query, and how to call the engine.

    Raises
    ------
    SparqlError
        If the query has a sub-select within `GRAPH ?g` that can't be answered graph by graph.
    """
    plain, default, named = _apart(query, default_graphs, named_graphs)
    if scope.everything and default is None:
        return Confined(Leaves(plain, None, scope.allows).query(), union=True)
    seen = _resolved.of(scope, graphs)
    if default is not None and named is not None:
        return Confined(Leaves(plain, None, scope.allows).query(), False, seen.of(default), seen.of(named))
    if len(seen.listed) <= most_listed:
        return Confined(Leaves(plain, None, scope.allows).query(), False, seen.listed, seen.listed)
    leaves = Leaves(plain, Iri(ALLOWED), seen.known.__contains__)
    filtered = leaves.query()
    return Confined(filtered, False, seen.listed if leaves.repeats else (), None, seen.known.__contains__)


def for_remote(
    query: Query,
    scope: Scope,
    default_graphs: tuple[str, ...] | None,
    named_graphs: tuple[str, ...] | None,
    graphs: Sequence[str],
) -> Query:
    """Confine a query for a server, by FROM and FROM NAMED; parameters as those of `confined`.

    Returns
    -------
    Query
        Neither FROM nor FROM NAMED only for somebody who may see everything and asks for no dataset: the server's default graph has to
        be the union of its graphs then. For all others it must not be, or the server would pass over FROM.
    """
    plain, default, named = _apart(query, default_graphs, named_graphs)
    if scope.everything and default is None:
        return plain
    seen = _resolved.of(scope, graphs)
    if default is None or named is None:
        default = named = seen.listed
    default, named = seen.of(default), seen.of(named)
    return replace(plain, default_graphs=default if default or named else (NO_GRAPH,), named_graphs=named)


def _apart(
    query: Query, default_graphs: tuple[str, ...] | None, named_graphs: tuple[str, ...] | None
) -> tuple[Query, tuple[str, ...] | None, tuple[str, ...] | None]:
    """Part a query from its dataset: both lists, or `None` twice if neither the protocol nor the query gives one."""
    if default_graphs is None and named_graphs is None:
        default_graphs, named_graphs = query.default_graphs, query.named_graphs
    plain = replace(described(query), default_graphs=None, named_graphs=None)
    if default_graphs is None and named_graphs is None:
        return plain, None, None
    return plain, default_graphs or (), named_graphs or ()


def described(query: Query) -> Query:
    """Turn a DESCRIBE into a CONSTRUCT of the triples that the things are subjects of; leave any other query as it is.

    The things are those named and those found; LIMIT, OFFSET and ORDER BY choose among the solutions, as in the original.
    """
    if query.form != "DESCRIBE":
        return query
    thing, verb, value = (Var(name, hidden=True) for name in ("described", "describedBy", "describedAs"))
    named = [each for each in query.described if isinstance(each, Iri)]
    found = tuple(each for each in query.described if isinstance(each, Var))
    ways = [Group((Values((thing,), tuple((each,) for each in named)),))] if named else []
    if found:
        solutions = SubSelect(replace(query, form="SELECT", projection=found, described=(), default_graphs=None, named_graphs=None))
        ways.append(Group((Group((solutions,)), *_each_of(found, thing))))
    things: Pattern = ways[0] if len(ways) == 1 else Alternatives(tuple(ways))
    bound = Filter(Call("BOUND", (thing,)))  # what was not found is not described; unbound, it would match everything
    distinct = SubSelect(Query("SELECT", Group((things, bound)), projection=(thing,), distinct=True))
    about = Triple(thing, verb, value)
    return Query(
        "CONSTRUCT",
        Group((Group((distinct,)), Triples((about,)))),
        template=(about,),
        default_graphs=query.default_graphs,
        named_graphs=query.named_graphs,
    )


def _each_of(variables: tuple[Var, ...], thing: Var) -> Iterable[Pattern]:
    """Let `thing` be the value of each variable in turn, of the same solutions."""
    if len(variables) == 1:
        return (Bind(variables[0], thing),)
    which = Var("describedWhich", hidden=True)
    numbers = [Lit(str(number), _INTEGER) for number in range(len(variables))]
    chosen: Var | Call = variables[-1]
    for number, variable in reversed(list(zip(numbers, variables[:-1], strict=False))):
        chosen = Call("IF", (Operation("=", (which, number)), variable, chosen))
    return (Values((which,), tuple((number,) for number in numbers)), Bind(chosen, thing))
