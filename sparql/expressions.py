"""Expressions: operators by their rank, functions, aggregates, EXISTS.

References
----------
SPARQL 1.1 Query Language §19.8 [68] to [71] and [110] to [128].
"""

from sparql.nodes import Aggregate, Call, Exists, Expression, Group, OneOf, Operation, Var
from sparql.terms import Terms, unquoted
from sparql.tokens import MAX_DEPTH

_ANY = (0, 1_000_000)
FUNCTIONS: dict[str, tuple[int, int]] = {
    **dict.fromkeys(("RAND", "NOW", "UUID", "STRUUID"), (0, 0)),
    **dict.fromkeys(
        (
            *("STR", "LANG", "DATATYPE", "BOUND", "IRI", "URI", "ABS", "CEIL", "FLOOR", "ROUND", "STRLEN", "UCASE", "LCASE"),
            *("ENCODE_FOR_URI", "YEAR", "MONTH", "DAY", "HOURS", "MINUTES", "SECONDS", "TIMEZONE", "TZ"),
            *("MD5", "SHA1", "SHA256", "SHA384", "SHA512", "ISIRI", "ISURI", "ISBLANK", "ISLITERAL", "ISNUMERIC"),
        ),
        (1, 1),
    ),
    **dict.fromkeys(
        ("LANGMATCHES", "CONTAINS", "STRSTARTS", "STRENDS", "STRBEFORE", "STRAFTER", "STRLANG", "STRDT", "SAMETERM"),
        (2, 2),
    ),
    "BNODE": (0, 1),
    "IF": (3, 3),
    "SUBSTR": (2, 3),
    "REGEX": (2, 3),
    "REPLACE": (3, 4),
    "CONCAT": _ANY,
    "COALESCE": _ANY,
}
AGGREGATES = frozenset({"COUNT", "SUM", "MIN", "MAX", "AVG", "SAMPLE", "GROUP_CONCAT"})
CONSTRAINTS = frozenset({"(", "iri", "name", "EXISTS", "NOT", *FUNCTIONS, *AGGREGATES})
_RANKS = {"||": 1, "&&": 2, **dict.fromkeys(("=", "!=", "<", ">", "<=", ">=", "IN", "NOT"), 3), "+": 4, "-": 4, "*": 5, "/": 5}
_COMPARISON, _SUM = 3, 4
_OPERAND = "a value, a variable, a function or '('"
_TOO_MANY = "more than {} numbers are added or multiplied in the query, one after the other; put parts of it into BIND"
_AGGREGATE = (
    "{} is an aggregate, which stands in SELECT, HAVING or ORDER BY, and not in another aggregate; put it there, or into a sub-select"
)
_ARGUMENTS = "{} takes {} and was given {}; correct its arguments"


class Expressions(Terms):
    """The terms, and the expressions over them."""

    may_aggregate = False  # here
    aggregates = 0  # read so far
    _sums = 0

    def group(self) -> Group:
        """Read a group: see `patterns`."""
        raise NotImplementedError

    def expression(self, least: int = 1) -> Expression:
        """Read operators that bind at least so strongly, and their operands [110]."""
        self.deeper()
        found = self._operand()
        while True:
            if self.kind == "iri":
                self.split_less()
            rank = _RANKS.get(self.kind, 0)
            if rank < least:
                break
            if rank > _COMPARISON:
                found = self._calculated(found, rank)
            elif rank == _COMPARISON:
                found = self._compared(found)
                if _RANKS.get(self.kind, 0) == _COMPARISON:
                    self.refuse("comparisons do not stand in a row; join them with &&")
            else:
                found = self._joined(found, rank)
        self.depth -= 1
        return found

    def _joined(self, first: Expression, rank: int) -> Expression:
        sign, operands = self.kind, [first]
        while self.kind == sign:
            self.advance()
            operands.append(self.expression(rank + 1))
        return Operation(sign, tuple(operands))

    def _compared(self, left: Expression) -> Expression:
        sign = self.kind
        self.advance()
        if sign == "NOT":
            self.take("IN")
            return OneOf(left, self.arguments(), negated=True)
        if sign == "IN":
            return OneOf(left, self.arguments())
        return Operation(sign, (left, self.expression(_SUM)))

    def _calculated(self, left: Expression, rank: int) -> Expression:
        sign = self.kind
        self.advance()
        found = Operation(sign, (left, self.expression(rank + 1)))
        if _RANKS.get(self.kind, 0) == rank:  # each of them goes one level deeper at the left, unseen by `depth`
            self._sums += 1
            if self._sums > MAX_DEPTH:
                self.refuse(_TOO_MANY.format(MAX_DEPTH))
        return found

    def _operand(self) -> Expression:
        kind = self.kind
        if kind == "var":
            return self.var()
        if kind == "(":
            return self.bracketed()
        if kind == "string" or kind == "number" or kind == "TRUE" or kind == "FALSE":
            return self.literal()
        if kind == "iri" or kind == "name":
            iri = self.iri()
            return Call(iri, self.arguments()) if self.kind == "(" else iri
        if kind == "!" or kind == "+" or kind == "-":
            return self._signed()
        return self.named()

    def _signed(self) -> Expression:
        sign = self.kind
        if sign != "!" and (number := self.signed()) is not None:
            return number
        self.deeper()
        self.advance()
        found = Operation(sign, (self._operand(),))
        self.depth -= 1
        return found

    def bracketed(self) -> Expression:
        """Read `( expression )`."""
        if self.kind != "(":
            self.expected("'('")
        self.open()
        found = self.expression()
        self.close("an operator")
        return found

    def constraint(self) -> Expression:
        """Read what may follow FILTER, HAVING and the like [69]."""
        if self.kind == "(":
            return self.bracketed()
        if self.kind == "iri" or self.kind == "name":
            iri = self.iri()
            if self.kind != "(":
                self.expected("'(' after the IRI of a function")
            return Call(iri, self.arguments())
        return self.named("a condition in brackets or a function")

    def named(self, what: str = _OPERAND) -> Expression:
        """Read a function, an aggregate or EXISTS by its name [121]."""
        name = self.kind
        if name in FUNCTIONS:
            return self._function(name)
        if name in AGGREGATES:
            return self._aggregate(name)
        negated = name == "NOT"
        if negated:
            self.advance()
        elif name != "EXISTS":
            self.expected(what)
        self.take("EXISTS")
        return Exists(self.group(), negated)

    def _function(self, name: str) -> Expression:
        at = self.at
        self.advance()
        given = self.arguments()
        least, most = FUNCTIONS[name]
        if not least <= len(given) <= most:
            takes = f"{least} to {most} arguments" if least != most else f"{least} argument{'s' * (least != 1)}"
            self.refuse(_ARGUMENTS.format(name, takes, len(given)), at)
        if name == "BOUND" and not isinstance(given[0], Var):
            self.refuse("BOUND takes a variable; give it one", at)
        return Call(name, given)

    def arguments(self) -> tuple[Expression, ...]:
        """Read `( expression , … )` [71], [79]."""
        if self.kind != "(":
            self.expected("'('")
        self.open()
        found: list[Expression] = []
        if self.kind == "DISTINCT":
            self.refuse("DISTINCT stands in aggregates, and a function with an IRI is none here; leave it out")
        if self.kind != ")":
            found.append(self.expression())
            while self.kind == ",":
                self.advance()
                found.append(self.expression())
        self.close("',' or an operator")
        return tuple(found)

    def _aggregate(self, name: str) -> Expression:
        if not self.may_aggregate:
            self.refuse(_AGGREGATE.format(name))
        self.aggregates += 1
        self.may_aggregate = False
        self.advance()
        if self.kind != "(":
            self.expected("'('")
        self.open()
        distinct = self.kind == "DISTINCT"
        if distinct:
            self.advance()
        operand = None
        if name == "COUNT" and self.kind == "*":
            self.advance()
        else:
            operand = self.expression()
        separator = self._separator() if name == "GROUP_CONCAT" and self.kind == ";" else None
        self.close("an operator")
        self.may_aggregate = True
        return Aggregate(name, operand, distinct, separator)

    def _separator(self) -> str:
        self.advance()
        self.take("SEPARATOR")
        self.take("=")
        return unquoted(self.take("string"))
