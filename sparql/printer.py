"""Write a query's tree as text: no prefixes, nothing that could be read in two ways.

For every tree of the parser, `parse(text(tree)) == tree`.
"""

import re

from sparql.nodes import (
    Aggregate,
    Alternative,
    Alternatives,
    Bind,
    Blank,
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
    Verb,
)

_XSD = "http://www.w3.org/2001/XMLSchema#"
_BARE = {
    _XSD + "integer": re.compile("-?[0-9]+"),  # with a plus it could be read as part of a path
    _XSD + "decimal": re.compile(r"-?[0-9]*\.[0-9]+"),
    _XSD + "double": re.compile(r"-?(?:[0-9]+\.?[0-9]*|\.[0-9]+)[eE][+-]?[0-9]+"),
    _XSD + "boolean": re.compile("true|false"),
}
_NOT_IN_IRI = re.compile(r'[\x00-\x20<>"{}|^`\\]')
_NOT_IN_STRING = re.compile(r'["\\\x00-\x1f\x7f]')
_ESCAPES = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t", "\b": "\\b", "\f": "\\f"}
_RANKS = {"||": 1, "&&": 2, **dict.fromkeys(("=", "!=", "<", ">", "<=", ">="), 3), "+": 4, "-": 4, "*": 5, "/": 5}
_COMPARISON, _SIGNED = 3, 6
_ALTERNATIVE, _SEQUENCE, _INVERSE, _REPEAT, _STEP = 1, 2, 3, 4, 5


def text(query: Query) -> str:
    """Write a query as SPARQL 1.1.

    Raises
    ------
    ValueError
        If the tree holds what no text can say: an IRI with a character that no IRI may have (escaped, it could still end the IRI where
        escapes are read first), or a dataset of no graphs (left out, it would mean all of them).
    """
    return "\n".join(_lines(query, ""))


def _lines(query: Query, indent: str) -> list[str]:
    lines = [_head(query)]
    if query.default_graphs == () and query.named_graphs == ():
        raise ValueError("a dataset without graphs cannot be written as FROM; name a graph, or answer without asking")
    lines += [f"FROM {_iri(graph)}" for graph in query.default_graphs or ()]
    lines += [f"FROM NAMED {_iri(graph)}" for graph in query.named_graphs or ()]
    lines.append(f"WHERE {_group(query.where, indent)}")
    if query.group_by:
        lines.append("GROUP BY " + " ".join([_column(each) for each in query.group_by]))
    if query.having:
        lines.append("HAVING " + " ".join([f"({_expression(each)})" for each in query.having]))
    if query.order_by:
        lines.append("ORDER BY " + " ".join([_order(each) for each in query.order_by]))
    if query.limit is not None:
        lines.append(f"LIMIT {query.limit}")
    if query.offset is not None:
        lines.append(f"OFFSET {query.offset}")
    if query.values is not None:
        lines.append(_values(query.values))
    return lines


def _head(query: Query) -> str:
    match query.form:
        case "SELECT":
            quantity = "DISTINCT " if query.distinct else "REDUCED " if query.reduced else ""
            return f"SELECT {quantity}" + " ".join([_column(each) for each in query.projection])
        case "CONSTRUCT":
            return "CONSTRUCT { " + "".join([f"{_triple(each)} " for each in query.template]) + "}"
        case "DESCRIBE":
            return "DESCRIBE " + " ".join([_term(each) for each in query.described])
    return query.form


def _column(each: Expression | Named) -> str:
    if isinstance(each, Var):
        return f"?{each.name}"
    if isinstance(each, Named):
        return f"({_expression(each.expression)} AS ?{each.variable.name})"
    return f"({_expression(each)})"


def _order(each: Order) -> str:
    if isinstance(each.expression, Var) and not each.descending:
        return f"?{each.expression.name}"
    return f"{'DESC' if each.descending else 'ASC'}({_expression(each.expression)})"


# --- patterns ------------------------------------------------------------------------------------------------------------------------


def _group(group: Group, indent: str) -> str:
    if not group.elements:
        return "{ }"
    inner = indent + "  "
    lines = [f"{inner}{_pattern(each, inner)}\n" for each in group.elements]
    return "{\n" + "".join(lines) + indent + "}"


def _pattern(pattern: Pattern, indent: str) -> str:
    match pattern:
        case Triples(patterns):
            return f"\n{indent}".join([_triple(each) for each in patterns])
        case Filter(expression):
            written = _expression(expression, 1, indent)
            return f"FILTER {written}" if isinstance(expression, (Exists, Call)) else f"FILTER ({written})"
        case Group():
            return _group(pattern, indent)
        case Optional(group):
            return f"OPTIONAL {_group(group, indent)}"
        case InGraph(graph, group):
            return f"GRAPH {_term(graph)} {_group(group, indent)}"
        case Bind(expression, variable):
            return f"BIND ({_expression(expression, 1, indent)} AS ?{variable.name})"
        case Values():
            return _values(pattern)
        case Alternatives(groups):
            return " UNION ".join([_group(each, indent) for each in groups])
        case Minus(group):
            return f"MINUS {_group(group, indent)}"
        case SubSelect(query):
            return f"\n{indent}".join(_lines(query, indent))


def _values(values: Values) -> str:
    head = " ".join([f"?{each.name}" for each in values.variables])
    rows = [f"({' '.join(['UNDEF' if value is None else _term(value) for value in row])}) " for row in values.rows]
    return f"VALUES ({head}) {{ {''.join(rows)}}}"


def _triple(triple: Triple) -> str:
    return f"{_term(triple.subject)} {_verb(triple.verb)} {_term(triple.object)} ."


def _verb(verb: Verb, least: int = 1) -> str:
    match verb:
        case Iri(value):
            return _iri(value)
        case Var(name):
            return f"?{name}"
        case Alternative(parts):
            rank, written = _ALTERNATIVE, "|".join([_verb(each, _ALTERNATIVE + 1) for each in parts])
        case Sequence(parts):
            rank, written = _SEQUENCE, "/".join([_verb(each, _SEQUENCE + 1) for each in parts])
        case Inverse(path):
            rank, written = _INVERSE, f"^{_verb(path, _INVERSE + 1)}"
        case Repeat(path, sign):
            rank, written = _REPEAT, f"{_verb(path, _STEP)}{sign}"
        case Negated(forward, inverse):
            return "!(" + "|".join([*[_iri(each) for each in forward], *[f"^{_iri(each)}" for each in inverse]]) + ")"
    return written if rank >= least else f"({written})"


# --- terms and expressions -----------------------------------------------------------------------------------------------------------


def _term(term: Term) -> str:
    match term:
        case Var(name):
            return f"?{name}"
        case Iri(value):
            return _iri(value)
        case Blank(label):
            return f"_:{label}"
        case Lit():
            return _literal(term)


def _literal(literal: Lit) -> str:
    bare = _BARE.get(literal.datatype)
    if bare is not None and bare.fullmatch(literal.text):
        return literal.text
    quoted = _quoted(literal.text)
    if literal.language is not None:
        return f"{quoted}@{literal.language}"
    return quoted if literal.datatype == _XSD + "string" else f"{quoted}^^{_iri(literal.datatype)}"


def _quoted(value: str) -> str:
    return '"' + _NOT_IN_STRING.sub(_escaped, value) + '"'


def _escaped(found: re.Match[str]) -> str:
    return _ESCAPES.get(found[0], f"\\u{ord(found[0]):04X}")


def _iri(value: str) -> str:
    if _NOT_IN_IRI.search(value):
        raise ValueError(f"{value!r} holds a character that no IRI may have; refuse it where it comes from")
    return f"<{value}>"


def _expression(expression: Expression, least: int = 1, indent: str = "") -> str:
    """Write an expression, in brackets if it binds its operands less than `least`."""
    match expression:
        case Var() | Iri() | Lit():
            return _term(expression)
        case Operation(sign, operands):
            rank, written = _operation(sign, operands, indent)
        case Call(function, arguments):
            return f"{_iri(function.value) if isinstance(function, Iri) else function}{_list(arguments, indent)}"
        case OneOf(operand, choices, negated):
            sign = "NOT IN" if negated else "IN"
            rank, written = _COMPARISON, f"{_expression(operand, _COMPARISON + 1, indent)} {sign} {_list(choices, indent)}"
        case Aggregate(function, inner, distinct, separator):
            more = "" if separator is None else f" ; SEPARATOR = {_quoted(separator)}"
            shown = "*" if inner is None else _expression(inner, 1, indent)
            return f"{function}({'DISTINCT ' if distinct else ''}{shown}{more})"
        case Exists(group, negated):
            return f"{'NOT ' if negated else ''}EXISTS {_group(group, indent)}"
        case _:
            raise TypeError(f"{expression!r} is no expression")
    return written if rank >= least else f"({written})"


def _operation(sign: str, operands: tuple[Expression, ...], indent: str) -> tuple[int, str]:
    if len(operands) == 1:
        return _SIGNED, f"{sign} {_expression(operands[0], _SIGNED + 1, indent)}"
    rank = _RANKS[sign]
    first = rank if rank > _COMPARISON else rank + 1  # a - b - c is (a - b) - c
    return rank, f" {sign} ".join([_expression(each, first if at == 0 else rank + 1, indent) for at, each in enumerate(operands)])


def _list(expressions: tuple[Expression, ...], indent: str) -> str:
    return "(" + ", ".join([_expression(each, 1, indent) for each in expressions]) + ")"
