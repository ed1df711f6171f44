"""Paths that step over an observation, taken apart into triples, so that each step can be presented."""

from dataclasses import fields, is_dataclass, replace
from typing import Any

from sparql.nodes import Alternative, Alternatives, Group, Inverse, Iri, Negated, Path, Pattern, Repeat, Sequence, Triple, Triples, Var
from sparql.observation_terms import AT, PROPERTIES, RESULT, walk


class Hidden:
    """Gives out variables for the joints of paths."""

    def __init__(self) -> None:
        self._count = 0

    def __call__(self) -> Var:
        self._count += 1
        return Var(f"obs_joint{self._count}", hidden=True)


def taken_apart(tree: Any, hidden: Hidden) -> Any:  # noqa: ANN401 - any node, and a tuple of them
    """Return the tree with every path over observations as triples.

    Raises
    ------
    ValueError
        If a path repeats or negates the time or the result of an observation.
    """
    if isinstance(tree, tuple):
        made = tuple(taken_apart(each, hidden) for each in tree)
        return tree if all(new is old for new, old in zip(made, tree, strict=True)) else made
    if not is_dataclass(tree) or isinstance(tree, type):
        return tree
    if isinstance(tree, Group):
        return _group(tree, hidden)
    changed = {field.name: new for field in fields(tree) if (new := taken_apart(old := getattr(tree, field.name), hidden)) is not old}
    return replace(tree, **changed) if changed else tree


def _group(group: Group, hidden: Hidden) -> Group:
    made: list[Pattern] = []
    for element in group.elements:
        if isinstance(element, Triples) and any(_steps_over(triple) for triple in element.patterns):
            for triple in element.patterns:
                made.extend(_pieces(triple, hidden) if _steps_over(triple) else (Triples((triple,)),))
        else:
            made.append(taken_apart(element, hidden))
    unchanged = len(made) == len(group.elements) and all(new is old for new, old in zip(made, group.elements, strict=True))
    return group if unchanged else Group(tuple(made))


def _steps_over(triple: Triple) -> bool:
    if isinstance(triple.verb, Iri | Var):
        return False
    named = {iri for node in walk(triple.verb) for iri in _named(node)}
    return bool(named & set(PROPERTIES))


def _named(node: object) -> tuple[Iri, ...]:
    if isinstance(node, Negated):
        return tuple(Iri(each) for each in (*node.forward, *node.inverse))
    return (node,) if isinstance(node, Iri) else ()


def _pieces(triple: Triple, hidden: Hidden) -> list[Pattern]:
    """One triple with a path, as triples and alternatives that mean the same."""
    match triple.verb:
        case Inverse(path):
            return _pieces(Triple(triple.object, path, triple.subject), hidden)
        case Sequence(parts):
            joints = [triple.subject, *(hidden() for _ in parts[1:]), triple.object]
            steps = zip(joints, parts, joints[1:], strict=False)
            return [piece for subject, path, value in steps for piece in _pieces(Triple(subject, path, value), hidden)]
        case Alternative(parts):
            return [Alternatives(tuple(_branch(triple, path, hidden) for path in parts))]
        case Repeat() | Negated() if any(iri in (AT, RESULT) for node in walk(triple.verb) for iri in _named(node)):
            raise ValueError(
                "a path can't repeat or exclude the time or the result of an observation (saref:hasTimestamp, sosa:hasSimpleResult), "
                "because observations are computed; write the steps out as triples"
            )
    return [Triples((triple,))]


def _branch(triple: Triple, path: Path, hidden: Hidden) -> Group:
    return Group(tuple(_pieces(Triple(triple.subject, path, triple.object), hidden)))
