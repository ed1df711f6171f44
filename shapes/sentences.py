"""From a breach of a shape to a sentence: what (thing and value), why it is refused, what to do.

The shape's `sh:message` says why and what to do; the thing, the name of the property and its value are put before it here.
"""

import re
from dataclasses import dataclass
from functools import cache

import rdflib
from rdflib import RDFS, SH
from rdflib.term import Node

from shapes.catalogue import FOLDER, graph

_LONGEST = 80  # of a value in a sentence [characters]
_ABSOLUTE = re.compile(r"https?://[^\s,;()]+")
_MISSING = {SH.MinCountConstraintComponent, SH.QualifiedMinCountConstraintComponent}
_TOO_MANY = {SH.MaxCountConstraintComponent, SH.QualifiedMaxCountConstraintComponent}
_PAIRS: dict[Node, rdflib.URIRef] = {
    SH.LessThanConstraintComponent: SH.lessThan,
    SH.LessThanOrEqualsConstraintComponent: SH.lessThanOrEquals,
}


@dataclass(frozen=True)
class Problem:
    """One breach, as pyshacl reports it; `value` is None where something is missing, `path` where a rule has none."""

    focus: Node
    path: Node | None
    value: Node | None
    shape: Node
    component: Node
    severity: Node
    message: str


def sentence(problem: Problem, facts: rdflib.Graph) -> str:
    """Say what is wrong, why it is refused and what to do.

    Parameters
    ----------
    facts
        The graph that was judged; it gives labels and neighbouring values.
    """
    what = _what(problem, facts)
    why = _ABSOLUTE.sub(lambda match: short(rdflib.URIRef(match[0])), problem.message)  # a rule puts IRIs into its message
    return f"{thing(problem.focus, facts)}: {what}{' ' if what else ''}{why}"


def unknown_term(focus: Node, kind: str, term: str, facts: rdflib.Graph) -> str:
    """Say that a term of ours does not exist."""
    return (
        f"{thing(focus, facts)}: {kind} is {short(rdflib.URIRef(term))}. The FLEXCoop ontology has no such term, so nothing would check "
        "or find it; correct its spelling."
    )


def untyped(focus: Node, facts: rdflib.Graph) -> str:
    """Say that nothing tells what a thing is."""
    return (
        f"{thing(focus, facts)}: Type is missing. Nothing says what this is, so nothing would check or find it; state its type (rdf:type), "
        "or the property that marks it (fc:day for a day of readings)."
    )


def thing(node: Node, facts: rdflib.Graph) -> str:
    """Name a thing: its label, if it has one, and its short IRI."""
    labels = sorted(str(label) for label in facts.objects(node, RDFS.label) if getattr(label, "language", None) in ("en", None))
    named = f"“{_cut(labels[0])}” ({short(node)})" if labels and labels[0] else short(node)
    return named[0].upper() + named[1:] if labels else named


def short(node: Node) -> str:
    """Shorten an IRI for people: what follows `/id/`, or prefix and name; other terms as text."""
    if isinstance(node, rdflib.Literal):
        text = _cut(str(node))
        return f"“{text}”" if node.datatype in (None, rdflib.XSD.string) else text
    if isinstance(node, rdflib.BNode):
        return "a thing without an IRI"
    text = str(node)
    _, found, local = text.partition("/id/")
    if found:
        return _cut(local)
    for prefix, namespace in _prefixes():
        if text.startswith(namespace) and len(text) > len(namespace):
            return f"{prefix}:{text[len(namespace) :]}"
    return f"<{_cut(text)}>"


def _what(problem: Problem, facts: rdflib.Graph) -> str:
    if problem.path is None:
        return ""
    name = _name(problem)
    if problem.component in _MISSING:
        return f"{name} is missing."
    if problem.component in _TOO_MANY:
        return _counted(problem, name, facts)
    if problem.value is None:
        return ""
    other = _PAIRS.get(problem.component)
    against = [_against(problem, property_, facts) for property_ in graph().objects(problem.shape, other)] if other else []
    return f"{name} is {short(problem.value)}{''.join(f' and {text}' for text in sorted(against))}."


def _counted(problem: Problem, name: str, facts: rdflib.Graph) -> str:
    if graph().value(problem.shape, SH.maxCount) == rdflib.Literal(0):
        return f"{name} is stated."  # what must not be there is not repeated either
    values = sorted(short(value) for value in facts.objects(problem.focus, problem.path))
    if problem.component == SH.QualifiedMaxCountConstraintComponent or not values:
        return f"{name} is stated more than once."
    return f"{name} is stated {len(values)} times ({', '.join(values)})."


def _against(problem: Problem, property_: Node, facts: rdflib.Graph) -> str:
    values = ", ".join(sorted(short(value) for value in facts.objects(problem.focus, property_)))
    owners = graph().subjects(SH.property, problem.shape)
    fields = {field for owner in owners for field in graph().objects(owner, SH.property) if graph().value(field, SH.path) == property_}
    name = next((named for field in sorted(fields, key=str) if (named := _english(field))), short(property_))
    return f"{name[0].lower()}{name[1:]} {values}"


def _name(problem: Problem) -> str:
    name = _english(problem.shape)
    return name or short(problem.path or problem.shape)


def _english(shape: Node) -> str:
    return next((str(name) for name in graph().objects(shape, SH.name) if getattr(name, "language", None) == "en"), "")


def _cut(text: str) -> str:
    printable = "".join(character if character.isprintable() else " " for character in text)
    return printable if len(printable) <= _LONGEST else f"{printable[:_LONGEST]}… ({len(printable)} characters)"


@cache
def _prefixes() -> tuple[tuple[str, str], ...]:
    """Read the project's prefixes, longest namespace first."""
    lines = (FOLDER.parent / "ontology" / "prefixes.ttl").read_text(encoding="utf-8").splitlines()
    pairs = [(words[1].rstrip(":"), words[2].strip("<>")) for line in lines if (words := line.split()) and words[0] == "@prefix"]
    return tuple(sorted(pairs, key=lambda pair: -len(pair[1])))
