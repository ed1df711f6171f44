"""Which variables a part of a query has, new ones that it does not have, and changing a tree from its leaves.

`in_scope`, `visible` : what a group may bind, in order of appearance (§18.2.1); without hidden variables for `*`
`mentioned`, `walk`   : every variable, every node, of a query or any part of it
`fresh`               : a source of hidden variables that collide with nothing
`rewritten`           : a part of a tree with each node changed by a function, from the leaves

References
----------
SPARQL 1.1 Query Language §18.2.1 (variable scope).
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import fields, is_dataclass, replace
from typing import Any

from sparql.nodes import (
    Alternatives,
    Bind,
    Group,
    InGraph,
    Named,
    Optional,
    Pattern,
    Query,
    SubSelect,
    Triples,
    Values,
    Var,
)

_PART_NAMES: dict[type, tuple[str, ...]] = {}  # asked for at each node of each query


def in_scope(group: Group) -> tuple[Var, ...]:
    """The variables that a group may bind, hidden ones too, in the order in which they appear."""
    return tuple(dict.fromkeys(_bound(group)))


def visible(group: Group) -> tuple[Var, ...]:
    """Those that `*` stands for."""
    return tuple(variable for variable in in_scope(group) if not variable.hidden)


def _bound(pattern: Pattern) -> Iterator[Var]:
    match pattern:
        case Triples(patterns):
            for triple in patterns:
                yield from (term for term in (triple.subject, triple.verb, triple.object) if isinstance(term, Var))
        case Group(elements):
            for element in elements:
                yield from _bound(element)
        case Optional(group):
            yield from _bound(group)
        case InGraph(graph, group):
            if isinstance(graph, Var):
                yield graph
            yield from _bound(group)
        case Alternatives(groups):
            for group in groups:
                yield from _bound(group)
        case Bind(_, variable):
            yield variable
        case Values(variables, _):
            yield from variables
        case SubSelect(query):
            yield from (column.variable if isinstance(column, Named) else column for column in query.projection)


def mentioned(node: object) -> frozenset[Var]:
    """Every variable that occurs anywhere in a part of a tree, in sub-selects and expressions too."""
    return frozenset(each for each in walk(node) if isinstance(each, Var))


def walk(node: object) -> Iterator[object]:
    """Every node of a tree, the tree itself first, then its parts in order."""
    waiting = [node]
    while waiting:
        each = waiting.pop()
        if isinstance(each, tuple):
            waiting.extend(reversed(each))
        elif names := _part_names(type(each)):
            yield each
            waiting.extend(getattr(each, name) for name in reversed(names))


def fresh(taken: Query | Iterable[Var], stem: str) -> Callable[[], Var]:
    """Make a source of hidden variables, `stem1`, `stem2` …, which collide with none of those taken, whether hidden or not."""
    variables = mentioned(taken) if isinstance(taken, Query) else taken
    names = {variable.name for variable in variables}
    number = 0

    def make() -> Var:
        nonlocal number
        number += 1
        while f"{stem}{number}" in names:
            number += 1
        return Var(f"{stem}{number}", hidden=True)

    return make


def rewritten(node: Any, change: Callable[[Any], Any]) -> Any:  # noqa: ANN401  (any node, and a tuple of them)
    """Change a tree from its leaves: each node is given to `change` after its parts; an unchanged tree comes back as the same object."""
    if isinstance(node, tuple):
        parts = []  # loops, as a comprehension would take a second level of Python's stack
        for each in node:
            parts.append(rewritten(each, change))
        return tuple(parts) if any(new is not old for new, old in zip(parts, node, strict=True)) else node
    names = _part_names(type(node))
    if not names:
        return node
    changed: dict[str, Any] = {}
    for name in names:
        old = getattr(node, name)
        new = rewritten(old, change)
        if new is not old:
            changed[name] = new
    return change(replace(node, **changed) if changed else node)


def _part_names(kind: type) -> tuple[str, ...]:
    names = _PART_NAMES.get(kind)
    if names is None:
        names = _PART_NAMES[kind] = tuple(field.name for field in fields(kind)) if is_dataclass(kind) else ()
    return names
