"""Turning what a group says about observations into single statements, wherever that means the same."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, fields, is_dataclass, replace
from typing import Any

from sparql.nodes import (
    Aggregate,
    Alternatives,
    Filter,
    Group,
    InGraph,
    Iri,
    Optional,
    Pattern,
    Query,
    SubSelect,
    Term,
    Triple,
    Triples,
    Values,
    Var,
)
from sparql.observation_terms import AT, DERIVED, OBSERVES, RESULT, Spelling, has_exists, marks, variables, walk

_ALWAYS = (OBSERVES, AT, RESULT, DERIVED)


@dataclass(frozen=True, slots=True)
class Said:
    """A triple of a group, and the graph that it was put in there (`None`: the group's own)."""

    triple: Triple
    graph: Var | Iri | None = None


Item = Pattern | Said


def opened(elements: Iterable[Pattern], concerns: Callable[[Triple], bool]) -> list[Item]:
    """Take triples one by one, also out of inner groups and GRAPH blocks that hold nothing but triples, values and filters of their own."""
    found: list[Item] = []
    for element in elements:
        match element:
            case Triples(patterns):
                found += [Said(each) for each in patterns]
            case Group(inner) if _simple(inner, None, concerns):
                found += opened(inner, concerns)
            case InGraph(graph, Group(inner)) if _simple(inner, graph, concerns):
                found += [Said(item.triple, graph) if isinstance(item, Said) else item for item in opened(inner, concerns)]
            case _:
                found.append(element)
    return found


def _simple(elements: tuple[Pattern, ...], graph: Term | None, concerns: Callable[[Triple], bool]) -> bool:
    if not all(isinstance(each, Triples | Filter | Values) for each in elements):
        return False
    own = variables(tuple(each for each in elements if isinstance(each, Triples))) - {graph}
    if not all(variables(each) <= own and not has_exists(each) for each in elements if isinstance(each, Filter)):
        return False
    return any(concerns(each) for element in elements if isinstance(element, Triples) for each in element.patterns)


def simplified(items: list[Item], known: frozenset[Var]) -> list[Item]:
    """Make a statement of each OPTIONAL that asks an observation, bound before, for what every observation has."""
    found: list[Item] = []
    seen: set[Var] = set()
    bound: set[Term] = set()
    for item in items:
        made: list[Item] = [item]
        if isinstance(item, Optional) and (triples := _certain_optional(item, known & bound, seen)):
            made = [Said(each) for each in triples]
        for each in made:
            triple = each.triple if isinstance(each, Said) else None
            if triple is not None and isinstance(each, Said) and each.graph is None:
                bound.add(triple.subject)
            if not isinstance(each, Filter):
                seen |= variables(each.triple if isinstance(each, Said) else each)
        found += made
    return found


def _certain_optional(optional: Optional, known: frozenset[Var] | set[Var], seen: set[Var]) -> list[Triple]:
    elements = optional.group.elements
    if not all(isinstance(each, Triples) for each in elements):
        return []
    triples = [each for element in elements if isinstance(element, Triples) for each in element.patterns]
    objects = [each.object for each in triples]
    fresh = all(isinstance(each, Var) and each not in seen for each in objects) and len(set(objects)) == len(objects)
    return triples if fresh and all(each.subject in known and each.verb in _ALWAYS for each in triples) else []


def rebuilt(tree: Any, change: Callable[[Any], Any]) -> Any:  # noqa: ANN401 - any node, and a tuple of them
    """Return a tree with some of its nodes changed: those for which `change` gives anything but `None`."""
    if isinstance(tree, tuple):
        made = tuple(rebuilt(each, change) for each in tree)
        return tree if all(new is old for new, old in zip(made, tree, strict=True)) else made
    if not is_dataclass(tree) or isinstance(tree, type):
        return tree
    changed = change(tree)
    if changed is not None:
        return changed
    parts = {field.name: new for field in fields(tree) if (new := rebuilt(old := getattr(tree, field.name), change)) is not old}
    return replace(tree, **parts) if parts else tree


def has_aggregates(query: Query) -> bool:
    """Whether a query computes over groups of solutions."""
    outer = (query.projection, query.having, query.order_by)
    return any(isinstance(node, Aggregate) for node in walk(outer))


def described(query: Query, spelling: Spelling) -> Query:
    """Return a DESCRIBE of observations as the CONSTRUCT that gives all their properties; any other query as it is."""
    somewhere = {node.subject for node in walk(query.where) if isinstance(node, Triple) and marks(node)}
    if query.form != "DESCRIBE" or not any(each in somewhere or spelling.observation(each) for each in query.described):
        return query
    template: list[Triple] = []
    branches: list[Group] = []
    for number, each in enumerate(query.described):
        triple = Triple(each, Var(f"obs_property{number}", hidden=True), Var(f"obs_object{number}", hidden=True))
        template.append(triple)
        branches.append(_description(query, each, triple, each in somewhere))
    where = branches[0] if len(branches) == 1 else Group((Alternatives(tuple(branches)),))
    return Query("CONSTRUCT", where, template=tuple(template), default_graphs=query.default_graphs, named_graphs=query.named_graphs)


def _description(query: Query, thing: Var | Iri, triple: Triple, is_observation: bool) -> Group:
    if isinstance(thing, Iri):
        return Group((Triples((triple,)),))
    if is_observation and query.limit is None and query.offset is None and not query.group_by:
        rest = () if query.values is None else (query.values,)
        return Group((*query.where.elements, *rest, Triples((triple,))))
    inner = replace(query, form="SELECT", projection=(thing,), distinct=True, described=(), default_graphs=None, named_graphs=None)
    return Group((SubSelect(inner), Triples((triple,))))
