"""Group patterns: OPTIONAL, UNION, MINUS, GRAPH, FILTER, BIND, VALUES, sub-selects, and the triples between them.

References
----------
SPARQL 1.1 Query Language §19.8 [53], [54], [56] to [67]; §18.2.1 (which variables are in scope).
"""

from collections.abc import Callable

from sparql.nodes import (
    Alternatives,
    Bind,
    Filter,
    Group,
    InGraph,
    Iri,
    Lit,
    Minus,
    Named,
    Optional,
    Pattern,
    Query,
    SubSelect,
    Triple,
    Triples,
    Values,
    Var,
)
from sparql.triples import SUBJECTS, TripleRules

_ELEMENT = "a triple, '{', OPTIONAL, MINUS, GRAPH, FILTER, BIND, VALUES"
_BOUND = "BIND gives ?{0} a value, but the pattern before it has ?{0} already; choose another name"
_ROW = "a row of VALUES has {} values for {} variables; give one for each, or UNDEF"
_TWICE = "?{} stands twice in VALUES ( … ); keep one"

Scope = dict[Var, None]  # visible variables, in the order in which they appear


class Patterns(TripleRules):
    """The triples, and the patterns around them; `scope` is what the last group read may bind."""

    def __init__(self, *given: object) -> None:
        super().__init__(*given)
        self.scope: Scope = {}
        self._patterns = 0
        self._rules: dict[str, Callable[[Scope], Pattern]] = {
            "{": self._alternatives,
            "OPTIONAL": self._optional,
            "MINUS": self._minus,
            "GRAPH": self._in_graph,
            "FILTER": self._filter,
            "BIND": self._bind,
            "VALUES": self._values,
        }

    def sub_select(self) -> Query:
        """Read a sub-select: see `parser`."""
        raise NotImplementedError

    def group(self) -> Group:
        """Read `{ … }` [53]."""
        if self.kind != "{":
            self.expected("'{'")
        self.open()
        outer_pattern, outer_right = self.pattern, self.may_aggregate
        self.may_aggregate = False
        self._next_pattern()
        scope: Scope = {}
        if self.kind == "SELECT":
            query = self.sub_select()
            elements: list[Pattern] = [SubSelect(query)]
            scope = {each.variable if isinstance(each, Named) else each: None for each in query.projection}
            scope = {variable: None for variable in scope if not variable.hidden}
            self.close()
        else:
            elements = self._elements(scope)
        self.pattern, self.may_aggregate, self.scope = outer_pattern, outer_right, scope
        return Group(tuple(elements))

    def _next_pattern(self) -> None:
        self._patterns += 1
        self.pattern = self._patterns

    def _elements(self, scope: Scope) -> list[Pattern]:
        found: list[Pattern] = []
        while True:
            if self.kind in SUBJECTS:
                triples = self.triples()
                _see(triples, scope)
                found.append(Triples(triples))
                if self.kind in SUBJECTS:
                    self.expected("'.' between triples")
            rule = self._rules.get(self.kind)
            if rule is None:
                self.close(_ELEMENT)
                return found
            element = rule(scope)
            if not isinstance(element, Filter):
                self._next_pattern()
            found.append(element)
            if self.kind == ".":
                self.advance()

    def _alternatives(self, scope: Scope) -> Pattern:
        first = self._seen(scope)
        if self.kind != "UNION":
            return first
        groups = [first]
        while self.kind == "UNION":
            self.advance()
            groups.append(self._seen(scope))
        return Alternatives(tuple(groups))

    def _seen(self, scope: Scope) -> Group:
        group = self.group()
        scope.update(self.scope)
        return group

    def _optional(self, scope: Scope) -> Pattern:
        self.advance()
        return Optional(self._seen(scope))

    def _minus(self, _scope: Scope) -> Pattern:
        self.advance()
        return Minus(self.group())

    def _in_graph(self, scope: Scope) -> Pattern:
        self.advance()
        graph: Var | Iri = self.var() if self.kind == "var" else self.iri("a variable or an IRI")
        if isinstance(graph, Var):
            scope[graph] = None
        return InGraph(graph, self._seen(scope))

    def _filter(self, _scope: Scope) -> Pattern:
        self.advance()
        return Filter(self.constraint())

    def _bind(self, scope: Scope) -> Pattern:
        self.advance()
        if self.kind != "(":
            self.expected("'('")
        self.open()
        expression = self.expression()
        variable = self.named_as(_BOUND, scope)
        self.close()
        scope[variable] = None
        return Bind(expression, variable)

    def named_as(self, sentence: str, taken: Scope) -> Var:
        """Read `AS ?x`, where the variable must be new."""
        self.take("AS")
        at = self.at
        variable = self.var()
        if variable in taken:
            self.refuse(sentence.format(variable.name), at)
        return variable

    def _values(self, scope: Scope) -> Pattern:
        found = self.values()
        scope.update(dict.fromkeys(found.variables))
        return found

    def values(self) -> Values:
        """Read VALUES and what follows [28], [61] to [65]."""
        self.advance()
        single = self.kind == "var"
        variables = (self.var(),) if single else self._columns()
        if self.kind != "{":
            self.expected("'{'")
        self.open()
        rows: list[tuple[Iri | Lit | None, ...]] = []
        while self.kind != "}":
            rows.append((self._value("a value, UNDEF or '}'"),) if single else self._row(len(variables)))
        self.close()
        return Values(variables, tuple(rows))

    def _columns(self) -> tuple[Var, ...]:
        if self.kind != "(":
            self.expected("a variable or '('")
        self.open()
        found: Scope = {}
        while self.kind == "var":
            if Var(self.value) in found:
                self.refuse(_TWICE.format(self.value))
            found[self.var()] = None
        self.close("a variable")
        return tuple(found)

    def _row(self, length: int) -> tuple[Iri | Lit | None, ...]:
        at = self.at
        if self.kind != "(":
            self.expected("a row in '( … )' or '}'")
        self.open()
        row: list[Iri | Lit | None] = []
        while self.kind != ")":
            row.append(self._value("a value, UNDEF or ')'"))
        self.close()
        if len(row) != length:
            self.refuse(_ROW.format(len(row), length), at)
        return tuple(row)

    def _value(self, what: str) -> Iri | Lit | None:
        kind = self.kind
        if kind == "iri" or kind == "name":
            return self.iri()
        if kind == "string" or kind == "number" or kind == "TRUE" or kind == "FALSE":
            return self.literal()
        if kind == "UNDEF":
            self.advance()
            return None
        if (kind == "+" or kind == "-") and (number := self.signed()) is not None:
            return number
        if kind in ("end", "]", "}"):
            self.close(what)  # says that the bracket is not closed
        return self.expected(what)


def _see(triples: tuple[Triple, ...], scope: Scope) -> None:
    for triple in triples:
        for term in (triple.subject, triple.verb, triple.object):
            if isinstance(term, Var) and not term.hidden:
                scope[term] = None
