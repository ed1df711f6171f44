"""Read a SPARQL 1.1 query to its tree (`nodes`): recursive descent, one function a rule or two of the grammar.

`tokens` reads the text, then one class on the other: `terms`, `expressions`, `triples`, `patterns`, and here the forms of a query.
What is left to the engine: types of operands, whether a regular expression or a cast works, what a variable is worth in ORDER BY of a
grouped query.

References
----------
SPARQL 1.1 Query Language §19.8 [1] to [28]; §18.2.1 and §11.4 (scope).
"""

from collections.abc import Mapping
from typing import NoReturn

from sparql.errors import SparqlError
from sparql.expressions import CONSTRAINTS
from sparql.nodes import Blank, Expression, Group, Iri, Named, Order, Query, Term, Triple, Triples, Values, Var
from sparql.patterns import Patterns, Scope
from sparql.semantics import Modifiers, ungrouped
from sparql.tokens import UPDATE, UPDATES

__all__ = ["SparqlError", "parse"]
_FORMS = "SELECT, ASK, CONSTRUCT or DESCRIBE"
_NOTHING = f"this is no query: there is nothing in it; send {_FORMS}"
_OTHER = f"this is no query: it begins with {{}}; send {_FORMS}"
_STAR = "* does not stand in a SELECT with GROUP BY or an aggregate; name what to show"
_NAMED = "?{0} has a value already where (… AS ?{0}) gives it one; choose another name"
_LONG_NUMBER = 18  # digits: what follows fits in 64 bits on every store


def parse(text: str, *, prefixes: Mapping[str, str] | None = None, base: str | None = None) -> Query:
    """Read a query.

    Parameters
    ----------
    text
        The query, of at most `tokens.MAX_LENGTH` characters and `tokens.MAX_DEPTH` levels.
    prefixes
        Declared already, to absolute IRIs; the query may declare them otherwise.
    base
        What relative IRIs are relative to, unless the query says BASE.

    Raises
    ------
    SparqlError
        If it is no query of SPARQL 1.1, or asks for what is refused here (SERVICE, an update).
    """
    return _Parser(text, prefixes or {}, base).whole()


class _Parser(Patterns):
    """The patterns, and the queries around them."""

    def whole(self) -> Query:
        """Read the whole text [2]."""
        self.prologue()
        query = self._form()
        if self.kind != "end":
            self.expected("the end of the query")
        return query

    def _form(self) -> Query:
        kind = self.kind
        if kind == "SELECT":
            return self._select(with_dataset=True)
        if kind == "CONSTRUCT":
            return self._construct()
        if kind == "DESCRIBE":
            return self._describe()
        if kind != "ASK":
            self._refuse_form()
        self.advance()
        graphs = self._dataset()
        where = self._where()
        return _put("ASK", where, graphs, self._modifiers())

    def _refuse_form(self) -> NoReturn:
        if self.kind == "end":
            self.refuse(_NOTHING)
        self.refuse((UPDATE.format(self.kind)) if self.kind in UPDATES else _OTHER.format(self.found()))

    def sub_select(self) -> Query:
        """Read a sub-select [8]."""
        aggregates = self.aggregates
        query = self._select(with_dataset=False)
        self.aggregates = aggregates  # they make groups of their own query, not of the one around it
        return query

    # --- SELECT ----------------------------------------------------------------------------------------------------------------------

    def _select(self, *, with_dataset: bool) -> Query:
        at, aggregates = self.at, self.aggregates
        self.advance()
        quantity = self.kind
        if quantity in ("DISTINCT", "REDUCED"):
            self.advance()
        columns, places = self._columns_shown()
        graphs = self._dataset() if with_dataset else (None, None)
        where = self._where()
        scope = self.scope
        modifiers = self._modifiers()
        if modifiers.values is not None:
            scope = {**scope, **dict.fromkeys(modifiers.values.variables)}
        grouped = bool(modifiers.group_by) or self.aggregates > aggregates
        if not columns:
            if grouped:
                self.refuse(_STAR, at)
            columns = tuple(scope) or (self.hidden(),)
        else:
            self._check(columns, places, scope, modifiers if grouped else None)
        return _put(
            "SELECT",
            where,
            graphs,
            modifiers,
            projection=tuple(dict.fromkeys(columns)),
            distinct=quantity == "DISTINCT",
            reduced=quantity == "REDUCED",
        )

    def _columns_shown(self) -> tuple[tuple[Var | Named, ...], list[int]]:
        found: list[Var | Named] = []
        places: list[int] = []
        if self.kind == "*":
            self.advance()
            return (), places
        self.may_aggregate = True
        while self.kind == "var" or self.kind == "(":
            places.append(self.at)
            found.append(self.var() if self.kind == "var" else self._named())
        self.may_aggregate = False
        if not found:
            self.expected("'*', a variable or (expression AS ?name)")
        return tuple(found), places

    def _named(self) -> Named:
        self.open()
        expression = self.expression()
        self.take("AS")
        variable = self.var()
        self.close()
        return Named(expression, variable)

    def _check(self, columns: tuple[Var | Named, ...], places: list[int], scope: Scope, modifiers: Modifiers | None) -> None:
        given: set[Var] = set()
        for column, at in zip(columns, places, strict=True):
            if isinstance(column, Named):
                if column.variable in scope or column.variable in given:
                    self.refuse(_NAMED.format(column.variable.name), at)
                given.add(column.variable)
            elif column in given and any(isinstance(each, Named) and each.variable == column for each in columns):
                self.refuse(_NAMED.format(column.name), at)
            else:
                given.add(column)
            if modifiers is not None and (sentence := ungrouped(column, modifiers.group_by)):
                self.refuse(sentence, at)

    # --- CONSTRUCT, DESCRIBE -----------------------------------------------------------------------------------------------------------

    def _construct(self) -> Query:
        self.advance()
        if self.kind == "{":
            self.in_template = True
            template = self._plain_triples()
            self.in_template = False
            graphs = self._dataset()
            where = self._where()
        else:
            graphs = self._dataset()
            if self.kind != "WHERE":
                self.expected("'{' with the template, or WHERE")
            self.advance()
            pattern = self._plain_triples()
            template = tuple(Triple(_made(each.subject), each.verb, _made(each.object)) for each in pattern)
            where = Group((Triples(pattern),) if pattern else ())
        return _put("CONSTRUCT", where, graphs, self._modifiers(), template=template)

    def _plain_triples(self) -> tuple[Triple, ...]:
        if self.kind != "{":
            self.expected("'{'")
        self.open()
        found = self.triples(paths=False)
        self.close("a triple without a path")
        return found

    def _describe(self) -> Query:
        self.advance()
        described: list[Var | Iri] = []
        everything = self.kind == "*"
        if everything:
            self.advance()
        while not everything and self.kind in ("var", "iri", "name"):
            described.append(self.var() if self.kind == "var" else self.iri())
        if not everything and not described:
            self.expected("'*', a variable or an IRI")
        graphs = self._dataset()
        where = self._where() if self.kind in ("WHERE", "{") else Group()
        scope = self.scope
        modifiers = self._modifiers()
        if everything:
            values = dict.fromkeys(modifiers.values.variables) if modifiers.values is not None else {}
            described = [*{**scope, **values}] or [self.hidden()]
        return _put("DESCRIBE", where, graphs, modifiers, described=tuple(described))

    # --- what all have -----------------------------------------------------------------------------------------------------------------

    def _dataset(self) -> tuple[tuple[str, ...] | None, tuple[str, ...] | None]:
        if self.kind != "FROM":
            return None, None
        default: list[str] = []
        named: list[str] = []
        while self.kind == "FROM":
            self.advance()
            chosen = default
            if self.kind == "NAMED":
                self.advance()
                chosen = named
            chosen.append(self.iri("NAMED or the IRI of a graph").value)
        return tuple(default), tuple(named)

    def _where(self) -> Group:
        if self.kind == "WHERE":
            self.advance()
        elif self.kind != "{":
            self.expected("WHERE or '{'")
        return self.group()

    def _modifiers(self) -> Modifiers:
        scope = self.scope
        group_by = self._group_by(scope) if self._begins("GROUP", "BY") else ()
        self.may_aggregate = True
        having = self._having() if self._begins("HAVING") else ()
        order_by = self._order_by() if self._begins("ORDER", "BY") else ()
        self.may_aggregate = False
        limit = offset = None
        while self.kind in ("LIMIT", "OFFSET"):
            if self.kind == "LIMIT" and limit is None:
                limit = self._count()
            elif self.kind == "OFFSET" and offset is None:
                offset = self._count()
            else:
                self.refuse(f"{self.kind} stands twice; keep one")
        values: Values | None = self.values() if self.kind == "VALUES" else None
        self.scope = scope
        return Modifiers(group_by, having, order_by, limit, offset, values)

    def _begins(self, word: str, after: str = "") -> bool:
        if self.kind != word:
            return False
        self.advance()
        if after:
            self.take(after)
        return True

    def _group_by(self, scope: Scope) -> tuple[Expression | Named, ...]:
        found: list[Expression | Named] = []
        taken = dict(scope)
        while self.kind == "var" or self.kind in CONSTRAINTS:
            if self.kind == "var":
                found.append(self.var())
            elif self.kind != "(":
                found.append(self.constraint())
            else:
                found.append(self._key(taken))
        if not found:
            self.expected("a variable, a function or (expression AS ?name)")
        return tuple(found)

    def _key(self, taken: Scope) -> Expression | Named:
        self.open()
        expression = self.expression()
        if self.kind != "AS":
            self.close("AS or an operator")
            return expression
        variable = self.named_as(_NAMED, taken)
        taken[variable] = None
        self.close()
        return Named(expression, variable)

    def _having(self) -> tuple[Expression, ...]:
        found = [self.constraint()]
        while self.kind in CONSTRAINTS:
            found.append(self.constraint())
        return tuple(found)

    def _order_by(self) -> tuple[Order, ...]:
        found: list[Order] = []
        while True:
            if self.kind in ("ASC", "DESC"):
                descending = self.kind == "DESC"
                self.advance()
                found.append(Order(self.bracketed(), descending))
            elif self.kind == "var":
                found.append(Order(self.var()))
            elif self.kind in CONSTRAINTS:
                found.append(Order(self.constraint()))
            elif not found:
                self.expected("a variable, ASC(…), DESC(…) or a function")
            else:
                return tuple(found)

    def _count(self) -> int:
        word = self.kind
        self.advance()
        if self.kind != "number" or not self.value.isdecimal():
            self.expected(f"a whole number after {word}")
        if len(self.value) > _LONG_NUMBER:
            self.refuse(f"{word} is longer than {_LONG_NUMBER} digits; leave it out")
        return int(self.take("number"))


def _made(term: Term) -> Term:
    """What a blank node of CONSTRUCT WHERE is in the template."""
    return Blank(term.name) if isinstance(term, Var) and term.hidden else term


def _put(
    form: str,
    where: Group,
    graphs: tuple[tuple[str, ...] | None, tuple[str, ...] | None],
    modifiers: Modifiers,
    *,
    projection: tuple[Var | Named, ...] = (),
    distinct: bool = False,
    reduced: bool = False,
    template: tuple[Triple, ...] = (),
    described: tuple[Var | Iri, ...] = (),
) -> Query:
    group_by, having, order_by, limit, offset, values = modifiers
    parts = (projection, distinct, reduced, template, described)
    return Query(form, where, *parts, *graphs, group_by, having, order_by, limit, offset, values)
