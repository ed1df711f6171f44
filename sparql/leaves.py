"""Bring a query into the form in which each triple pattern stands alone with the graph it is matched in, and let only allowed graphs match.

The embedded engine answers some patterns otherwise than the recommendation says: `a|b` drops duplicates, a sub-select within `GRAPH ?g`
counts across all graphs, and `GRAPH ?g { VALUES … }` leaves `?g` unbound. In this form nothing of that is left to the engine, so that a
query means the same whether its graphs are given as a list, by a filter, or not at all (docs/decisions/untrusted-queries.md).

References
----------
SPARQL 1.1 Query Language §18.2.2.3 (paths), §18.2.2.6 (groups), §18.5 (MINUS), §18.6 (GRAPH).
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace

from sparql.errors import SparqlError
from sparql.nodes import (
    Aggregate,
    Alternative,
    Alternatives,
    Bind,
    Call,
    Exists,
    Expression,
    Filter,
    Group,
    InGraph,
    Inverse,
    Iri,
    Lit,
    Minus,
    Named,
    Negated,
    OneOf,
    Operation,
    Optional,
    Order,
    Pattern,
    Query,
    Repeat,
    Sequence,
    SubSelect,
    Term,
    Triple,
    Triples,
    Values,
    Var,
)
from sparql.variables import fresh, mentioned, rewritten, visible, walk

NEVER = Values((), ())  # matches nothing, binds nothing
_SLICED = (
    "a sub-select with LIMIT, OFFSET or an aggregate without GROUP BY can't be answered within GRAPH ?{}, graph by graph; "
    "put the GRAPH into the sub-select, or name the graph"
)
_RENAMED = "BIND, or a sub-select, within GRAPH ?{0} can't assign to ?{0}; give the result another name"


def grouped(elements: Iterable[Pattern]) -> Group:
    """Make a group, with triple patterns that have come to stand side by side in one piece."""
    merged: list[Pattern] = []
    for each in elements:
        if isinstance(each, Triples) and merged and isinstance(last := merged[-1], Triples):
            merged[-1] = Triples(last.patterns + each.patterns)
        else:
            merged.append(each)
    return Group(tuple(merged))


class Leaves:
    """Rewrite one query.

    Parameters
    ----------
    query
        Without FROM.
    check
        The function to be called in the query with a graph; `None` leaves the choice of graphs to the dataset the query is run on.
    allows
        Tells the same of a graph that is named in the query. Only used together with `check`.

    Attributes
    ----------
    repeats : after `query()`, whether a path with `*`, `+` or `?` is left on the default graph
    """

    def __init__(self, query: Query, check: Iri | None, allows: Callable[[str], bool]) -> None:
        self._query = query
        self._check = check
        self._allows = allows
        self._fresh = fresh(query, "own")
        self.repeats = False

    def query(self) -> Query:
        """Give the query in its new form.

        Raises
        ------
        SparqlError
            If a sub-select within `GRAPH ?g` can't be answered graph by graph.
        """
        return self._select(self._query, None)

    # --- queries and expressions

    def _select(self, query: Query, graph: Var | Iri | None) -> Query:
        where = self._group(query.where, graph) if graph is None else self._within(graph, query.where)
        if _counts_solutions((query.projection, query.having, query.order_by)):  # the variables that we add are not to be counted
            outside = (graph,) if isinstance(graph, Var) else ()
            seen = tuple(dict.fromkeys((*visible(query.where), *outside))) or (self._fresh(),)
            where = Group((SubSelect(Query("SELECT", where, projection=seen)),))
        return replace(
            query,
            where=where,
            projection=tuple(each if isinstance(each, Var) else self._assigned(each, graph) for each in query.projection),
            group_by=tuple(
                self._assigned(each, graph) if isinstance(each, Named) else self._expression(each, graph) for each in query.group_by
            ),
            having=tuple(self._expression(each, graph) for each in query.having),
            order_by=tuple(Order(self._expression(each.expression, graph), each.descending) for each in query.order_by),
        )

    def _assigned(self, given: Named, graph: Var | Iri | None) -> Named:
        return Named(self._expression(given.expression, graph), given.variable)

    def _expression(self, given: Expression, graph: Var | Iri | None) -> Expression:
        match given:
            case Exists(group, negated):
                return Exists(self._group(group, graph), negated)
            case Operation(sign, operands):
                return Operation(sign, tuple(self._expression(each, graph) for each in operands))
            case OneOf(operand, choices, negated):
                return OneOf(self._expression(operand, graph), tuple(self._expression(each, graph) for each in choices), negated)
            case Call(function, arguments):
                return Call(function, tuple(self._expression(each, graph) for each in arguments))
            case Aggregate(operand=operand) if operand is not None:
                return replace(given, operand=self._expression(operand, graph))
        return given

    # --- patterns

    def _group(self, group: Group, graph: Var | Iri | None) -> Group:
        return grouped(new for place, each in enumerate(group.elements) for new in self._pattern(each, graph, group.elements[:place]))

    def _within(self, graph: Var | Iri, group: Group) -> Group:
        """What a group means within GRAPH: where none of its own patterns says which graphs there are, one that lists them is added."""
        inside = self._group(group, graph)
        if any(map(_matches, group.elements)):
            return inside
        return Group((self._in(graph, Group()), *inside.elements))

    def _pattern(self, given: Pattern, graph: Var | Iri | None, before: tuple[Pattern, ...]) -> Iterator[Pattern]:
        match given:
            case Triples(patterns):
                yield from self._triples(patterns, graph)
            case Group((SubSelect(),)):
                yield from self._pattern(given.elements[0], graph, ())
            case Group():
                yield self._group(given, graph)
            case Optional(group):
                yield Optional(self._group(group, graph))
            case Minus(group):
                if not isinstance(graph, Var) or _share(before, group):  # the graph's variable would be one that both sides share
                    yield Minus(self._group(group, graph))
            case Alternatives(groups):
                yield Alternatives(tuple(self._group(each, graph) for each in groups))
            case InGraph(inner, group):
                yield self._within(inner, group)
            case Filter(expression):
                yield Filter(self._expression(expression, graph))
            case Bind(expression, variable):
                if variable == graph:
                    raise SparqlError(_RENAMED.format(variable.name))
                yield Bind(self._expression(expression, graph), variable)
            case SubSelect(query):
                alone = self._sub_select(query, graph) if isinstance(graph, Var) else self._select(query, graph)
                yield Group((SubSelect(alone),))  # alone in its braces, whatever comes to stand beside it
            case Values():
                yield given

    def _sub_select(self, query: Query, graph: Var) -> Query:
        """Let a sub-select within `GRAPH ?g` tell from which graph each of its solutions is."""
        aggregated = any(isinstance(each, Aggregate) for each in walk((query.projection, query.having, query.order_by)))
        if query.limit is not None or query.offset is not None or (aggregated and not query.group_by):
            raise SparqlError(_SLICED.format(graph.name))
        named = [each.variable if isinstance(each, Named) else each for each in query.projection]
        if any(isinstance(each, Named) and each.variable == graph for each in (*query.projection, *query.group_by)):
            raise SparqlError(_RENAMED.format(graph.name))
        if graph in named:
            return self._select(query, graph)
        other = self._fresh()  # of the same name inside, but another variable
        inner: Query = rewritten(query, lambda node: other if node == graph else node)
        grouping = (*inner.group_by, graph) if inner.group_by else ()
        return self._select(replace(inner, projection=(*inner.projection, graph), group_by=grouping), graph)

    # --- triple patterns and paths

    def _triples(self, patterns: Iterable[Triple], graph: Var | Iri | None) -> Iterator[Pattern]:
        """Take paths apart, and keep together what one graph has to match."""
        together: list[Triple] = []
        apart: list[Pattern] = []
        for each in patterns:
            for piece in self._steps(each, graph):
                if isinstance(piece, Triple):
                    together.append(piece)
                else:
                    apart.append(piece)
        if graph is not None and together:
            yield self._in(graph, Group((Triples(tuple(together)),)))
        elif self._check is None and together:
            yield Triples(tuple(together))
        else:
            for each in together:
                yield Triples((each,)) if _repeated(each.verb) else self._in(self._fresh(), Group((Triples((each,)),)))
                self.repeats |= _repeated(each.verb)
        yield from apart

    def _steps(self, given: Triple, graph: Var | Iri | None) -> Iterator[Triple | Pattern]:
        match given.verb:
            case Inverse(path) if not (isinstance(given.object, Lit) and _repeated(path)):
                yield from self._steps(Triple(given.object, path, given.subject), graph)
            case Sequence(steps):
                at: Term = given.subject
                for number, step in enumerate(steps, 1):
                    to = given.object if number == len(steps) else self._fresh()
                    yield from self._steps(Triple(at, step, to), graph)
                    at = to
            case Alternative(ways):
                yield Alternatives(tuple(self._alone(Triple(given.subject, way, given.object), graph) for way in ways))
            case Negated(forward, inverse):
                straight = self._other(given.subject, forward, given.object, graph)
                back = self._other(given.object, inverse, given.subject, graph)
                yield Alternatives((straight, back)) if forward and inverse else back if inverse else straight
            case _ if isinstance(given.subject, Lit) and not _repeated(given.verb):
                yield NEVER  # no literal has properties; but `^p` may ask for them
            case _:
                yield given

    def _alone(self, given: Triple, graph: Var | Iri | None) -> Group:
        return grouped(self._triples((given,), graph))

    def _other(self, subject: Term, but: tuple[str, ...], target: Term, graph: Var | Iri | None) -> Group:
        verb = self._fresh()
        found = self._alone(Triple(subject, verb, target), graph)
        return Group((*found.elements, Filter(OneOf(verb, tuple(map(Iri, but)), negated=True)))) if but else found

    # --- graphs

    def _in(self, graph: Var | Iri, group: Group) -> Pattern:
        if self._check is None:
            return InGraph(graph, group)
        if isinstance(graph, Iri):
            return InGraph(graph, group) if self._allows(graph.value) else NEVER
        return Group((InGraph(graph, group), Filter(Call(self._check, (graph,)))))


def _counts_solutions(given: object) -> bool:
    return any(isinstance(each, Aggregate) and each.operand is None and each.distinct for each in walk(given))


def _matches(given: Pattern) -> bool:
    """Tell whether a pattern surely matches triples of the graph around it."""
    match given:
        case Triples():
            return True
        case Group(elements):
            return any(map(_matches, elements))
        case Alternatives(groups):
            return all(any(map(_matches, each.elements)) for each in groups)
    return False


def _repeated(verb: object) -> bool:
    return isinstance(verb, Repeat) or (isinstance(verb, Inverse) and _repeated(verb.path))


def _share(before: tuple[Pattern, ...], group: Group) -> bool:
    return not mentioned(before).isdisjoint(visible(group))
