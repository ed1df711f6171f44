"""The tree of a SPARQL 1.1 query: immutable, comparable, and the only form in which a query is changed.

The parser has resolved every name to an absolute IRI, flattened property lists and collections to triples, made variables of blank nodes
in patterns (`Var.hidden`) and spelt out `SELECT *`; the printer writes a tree back as text. `SERVICE` and updates have no nodes.

References
----------
SPARQL 1.1 Query Language §19.8 (grammar), §18.2.1 (variable scope).
"""

from dataclasses import dataclass, field
from typing import Union


@dataclass(frozen=True, slots=True)
class Var:
    """A variable, without its mark; hidden ones stand for blank nodes or were added by us, under a name that the query does not use.

    Two variables of one name are the same: a text cannot tell which of them were hidden.
    """

    name: str
    hidden: bool = field(default=False, compare=False)


@dataclass(frozen=True, slots=True)
class Iri:
    """An absolute IRI."""

    value: str


@dataclass(frozen=True, slots=True)
class Lit:
    """A literal: its lexical form as written, and its datatype (absolute IRI) or language; `xsd:string` where it has neither."""

    text: str
    datatype: str = "http://www.w3.org/2001/XMLSchema#string"
    language: str | None = None


@dataclass(frozen=True, slots=True)
class Blank:
    """A blank node; only in the template of a CONSTRUCT."""

    label: str


Term = Var | Iri | Lit | Blank


# --- property paths (a single step is its Iri or Var) --------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Inverse:
    """`^path`."""

    path: "Path"


@dataclass(frozen=True, slots=True)
class Sequence:
    """`a/b/c`."""

    parts: tuple["Path", ...]


@dataclass(frozen=True, slots=True)
class Alternative:
    """`a|b|c`."""

    parts: tuple["Path", ...]


@dataclass(frozen=True, slots=True)
class Repeat:
    """`path*`, `path+`, `path?`."""

    path: "Path"
    sign: str


@dataclass(frozen=True, slots=True)
class Negated:
    """`!(a|^b)`: any property but these."""

    forward: tuple[str, ...]
    inverse: tuple[str, ...]


Path = Union[Iri, Inverse, Sequence, Alternative, Repeat, Negated]  # noqa: UP007  (strings inside)
Verb = Var | Iri | Inverse | Sequence | Alternative | Repeat | Negated


# --- expressions ---------------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Operation:
    """An operator on one (`!`, `-`, `+`), two (`=`, `!=`, `<`, `>`, `<=`, `>=`, `+`, `-`, `*`, `/`), or two and more (`||`, `&&`) operands."""

    sign: str
    operands: tuple["Expression", ...]


@dataclass(frozen=True, slots=True)
class OneOf:
    """`x IN (…)`, `x NOT IN (…)`."""

    operand: "Expression"
    choices: tuple["Expression", ...]
    negated: bool = False


@dataclass(frozen=True, slots=True)
class Call:
    """A built-in function, by its name in capitals (`BOUND`, `IF`, `COALESCE`, `REGEX` …), or a function by its IRI."""

    function: str | Iri
    arguments: tuple["Expression", ...]


@dataclass(frozen=True, slots=True)
class Aggregate:
    """`COUNT`, `SUM`, `MIN`, `MAX`, `AVG`, `SAMPLE`, `GROUP_CONCAT`; `operand` is None for `COUNT(*)`."""

    function: str
    operand: "Expression | None"
    distinct: bool = False
    separator: str | None = None


@dataclass(frozen=True, slots=True)
class Exists:
    """`EXISTS { … }`, `NOT EXISTS { … }`."""

    group: "Group"
    negated: bool = False


Expression = Union[Var, Iri, Lit, Operation, OneOf, Call, Aggregate, Exists]  # noqa: UP007


# --- patterns ------------------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Triple:
    """One triple pattern, or one triple of a template."""

    subject: Term
    verb: Verb
    object: Term


@dataclass(frozen=True, slots=True)
class Triples:
    """Triple patterns that are matched together; two of them side by side, with only filters between, are one basic graph pattern."""

    patterns: tuple[Triple, ...]


@dataclass(frozen=True, slots=True)
class Group:
    """`{ … }`: its elements in the order in which they stand."""

    elements: tuple["Pattern", ...] = ()


@dataclass(frozen=True, slots=True)
class Optional:
    """`OPTIONAL { … }`."""

    group: Group


@dataclass(frozen=True, slots=True)
class Minus:
    """`MINUS { … }`."""

    group: Group


@dataclass(frozen=True, slots=True)
class Alternatives:
    """`{ … } UNION { … }`; two or more."""

    groups: tuple[Group, ...]


@dataclass(frozen=True, slots=True)
class InGraph:
    """`GRAPH x { … }`."""

    graph: Var | Iri
    group: Group


@dataclass(frozen=True, slots=True)
class Filter:
    """`FILTER …`."""

    expression: Expression


@dataclass(frozen=True, slots=True)
class Bind:
    """`BIND(… AS ?x)`."""

    expression: Expression
    variable: Var


@dataclass(frozen=True, slots=True)
class Values:
    """`VALUES (…) { … }`; `None` is UNDEF."""

    variables: tuple[Var, ...]
    rows: tuple[tuple[Iri | Lit | None, ...], ...]


@dataclass(frozen=True, slots=True)
class SubSelect:
    """A select within a group, alone in its braces."""

    query: "Query"


Pattern = Union[Triples, Group, Optional, Minus, Alternatives, InGraph, Filter, Bind, Values, SubSelect]  # noqa: UP007


# --- the query -----------------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Named:
    """`(expression AS ?x)`, in a projection or after GROUP BY."""

    expression: Expression
    variable: Var


@dataclass(frozen=True, slots=True)
class Order:
    """One condition of ORDER BY."""

    expression: Expression
    descending: bool = False


@dataclass(frozen=True, slots=True)
class Query:
    """A query, or a sub-select.

    Attributes
    ----------
    form : `SELECT`, `ASK`, `CONSTRUCT` or `DESCRIBE`
    where : its pattern; empty where a DESCRIBE has none
    projection : of a SELECT, in order, never empty (`*` over no variable is one hidden variable that nothing binds)
    distinct, reduced : of a SELECT
    template : of a CONSTRUCT (that of CONSTRUCT WHERE is spelt out)
    described : of a DESCRIBE (`*` is spelt out)
    default_graphs, named_graphs : IRIs of FROM and FROM NAMED; both `None` where the query says neither, else both tuples
    values : after the pattern
    """

    form: str
    where: Group
    projection: tuple[Var | Named, ...] = ()
    distinct: bool = False
    reduced: bool = False
    template: tuple[Triple, ...] = ()
    described: tuple[Var | Iri, ...] = ()
    default_graphs: tuple[str, ...] | None = None
    named_graphs: tuple[str, ...] | None = None
    group_by: tuple[Expression | Named, ...] = ()
    having: tuple[Expression, ...] = ()
    order_by: tuple[Order, ...] = ()
    limit: int | None = None
    offset: int | None = None
    values: Values | None = None
