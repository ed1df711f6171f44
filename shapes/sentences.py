"""From a breach of a shape to a sentence: what (thing and value), why it is refused, what to do.

The shape's `sh:message` says why and what to do; the thing, the name of the property and its value are put before it here.
`sentence` is for logs, acknowledgements and partners, and names terms; `for_people` says the same without RDF, in a reader's language.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import TYPE_CHECKING

import rdflib
from rdflib import RDFS, SH
from rdflib.term import Node

from shapes import words
from shapes.catalogue import FOLDER, graph
from shapes.words import LANGUAGES, said, say

if TYPE_CHECKING:
    from shapes.validate import Finding

_LONGEST = 80  # of a value in a sentence [characters]
_PLACEHOLDER = re.compile(r"\\\{\\[?$]\w+\\\}")  # as re.escape leaves it
_ABSOLUTE = re.compile(r"https?://[^\s,;()]+")
_MISSING = {SH.MinCountConstraintComponent, SH.QualifiedMinCountConstraintComponent}
_TOO_MANY = {SH.MaxCountConstraintComponent, SH.QualifiedMaxCountConstraintComponent}
_PAIRS: dict[Node, rdflib.URIRef] = {
    SH.LessThanConstraintComponent: SH.lessThan,
    SH.LessThanOrEqualsConstraintComponent: SH.lessThanOrEquals,
}


@dataclass(frozen=True)
class Problem:
    """One breach, as pyshacl reports it; `value` is None where something is missing, `path` where a rule has none; messages by language."""

    focus: Node
    path: Node | None
    value: Node | None
    shape: Node
    component: Node
    severity: Node
    messages: Mapping[str, str]


def messages(shape: Node, told: Iterable[str]) -> dict[str, str]:
    """Sort the messages of a result by language, which pyshacl loses where a rule puts values into them.

    Parameters
    ----------
    shape
        What holds `sh:message`, a template for each language.
    told
        The messages of the result, in any order.
    """
    texts = list(told)
    templates = {
        message.language or "en": str(message) for message in graph().objects(shape, SH.message) if isinstance(message, rdflib.Literal)
    }
    if not templates:
        return {"en": min(texts)} if texts else {}
    found = {code: next((text for text in texts if _comes_from(text, template)), "") for code, template in templates.items()}
    return {code: text for code, text in sorted(found.items()) if text}


def _comes_from(text: str, template: str) -> bool:
    return text == template or ("{" in template and re.fullmatch(_PLACEHOLDER.sub(".*", re.escape(template)), text, re.DOTALL) is not None)


def for_people(finding: "Finding", language: str = "en") -> str:
    """Say what is wrong with a thing to somebody who knows no RDF: things and terms by their names, in their language."""
    told = field(finding, language)
    return f"{said(finding.things, language)}: {told}" if finding.things else told


def field(finding: "Finding", language: str = "en") -> str:
    """Say what is wrong beside the field itself: as `for_people`, without the thing in front."""
    return said(finding.messages, language) or finding.sentence


def things(focus: Node, facts: rdflib.Graph) -> dict[str, str]:
    """Name a thing for people, by language: its label, that of what it is a part of, or its key."""
    return {code: _thing(focus, facts, code) for code in LANGUAGES}


def names(problem: Problem) -> dict[str, str]:
    """Name the property that is wrong, by language; empty for a rule about a whole thing."""
    if problem.path is None:
        return {}
    return {code: _called(problem.shape, problem.path, code) for code in LANGUAGES}


def said_in_each_language(problem: Problem, facts: rdflib.Graph) -> dict[str, str]:
    """Say what is wrong, why and what to do, by language, for people and without the thing in front."""
    return {code: " ".join(filter(None, (_what_for(problem, facts, code), _why(problem, facts, code)))) for code in LANGUAGES}


def said_of_term(saying: str, kind: str = "", iri: str = "") -> dict[str, str]:
    """Say in each language that a term does not exist (`unknown term`), or that a thing has no type (`untyped`)."""
    name = re.split(r"[#/]", iri)[-1]
    return {code: say(saying, code, kind=kind and say(kind, code), term=name) for code in LANGUAGES}


def _why(problem: Problem, facts: rdflib.Graph, language: str) -> str:
    text = said(problem.messages, language)
    text = _ABSOLUTE.sub(lambda match: _value(rdflib.URIRef(match[0]), facts, language), text)
    return words.plain(text, language if language in problem.messages else "en", _prefixes())


def _what_for(problem: Problem, facts: rdflib.Graph, language: str) -> str:
    if problem.path is None:
        return ""
    name = _called(problem.shape, problem.path, language)
    if problem.component in _MISSING:
        return say("missing", language, name=name)
    if problem.component in _TOO_MANY:
        return _counted_for(problem, name, facts, language)
    if problem.value is None:
        return ""
    against = "".join(
        say("and", language, name=_lower(_called(field_, property_, language)), value=", ".join(values))
        for property_, field_ in _others(problem)
        if (values := sorted(_value(value, facts, language) for value in facts.objects(problem.focus, property_)))
    )
    return say("is", language, name=name, value=_value(problem.value, facts, language) + against)


def _counted_for(problem: Problem, name: str, facts: rdflib.Graph, language: str) -> str:
    if graph().value(problem.shape, SH.maxCount) == rdflib.Literal(0):
        return say("stated", language, name=name)
    values = sorted(_value(value, facts, language) for value in facts.objects(problem.focus, problem.path))
    if problem.component == SH.QualifiedMaxCountConstraintComponent or not values:
        return say("more than once", language, name=name)
    return say("times", language, name=name, count=len(values), values=", ".join(values))


def _others(problem: Problem) -> list[tuple[Node, Node]]:
    """Find the properties that a value is compared with, each with a field that names it."""
    other = _PAIRS.get(problem.component)
    found = []
    for property_ in sorted(graph().objects(problem.shape, other) if other else (), key=str):
        fields = {each for owner in graph().subjects(SH.property, problem.shape) for each in graph().objects(owner, SH.property)}
        named = sorted((each for each in fields if graph().value(each, SH.path) == property_), key=str)
        found.append((property_, named[0] if named else property_))
    return found


@lru_cache(maxsize=4096)
def _called(shape: Node, path: Node, language: str) -> str:
    by_language = {name.language or "en": str(name) for name in graph().objects(shape, SH.name) if isinstance(name, rdflib.Literal)}
    return said(by_language, language) or words.term(str(path), language) or short(path)


def _lower(text: str) -> str:
    return text if text[1:2].isupper() else text[:1].lower() + text[1:]


def _thing(node: Node, facts: rdflib.Graph, language: str) -> str:
    if isinstance(node, rdflib.BNode):
        return say("nameless", language)
    label = _label(node, facts, language) or _label(rdflib.URIRef(str(node).partition("#")[0]), facts, language)
    return f"“{_cut(label)}”" if label else _key(node)


def _label(node: Node, facts: rdflib.Graph, language: str) -> str:
    found = sorted(label for label in facts.objects(node, RDFS.label) if isinstance(label, rdflib.Literal))
    return said({label.language or "": str(label) for label in found}, language)


def _key(node: Node) -> str:
    _, found, local = str(node).partition("/id/")
    return _cut(local if found else re.split(r"[#/]", str(node).rstrip("/#"))[-1])


def _value(node: Node, facts: rdflib.Graph, language: str) -> str:
    """Write a value for people: a thing or term by its name, a number with the reader's sign, an instant and a duration in words."""
    if isinstance(node, rdflib.URIRef):
        return words.term(str(node), language) or _thing(node, facts, language)
    if not isinstance(node, rdflib.Literal):
        return say("nameless", language)
    text = _cut(str(node))
    match node.datatype:
        case rdflib.XSD.boolean:
            return say("true" if text in {"true", "1"} else "false", language)
        case rdflib.XSD.decimal:
            return text if language == "en" else text.replace(".", ",")
        case rdflib.XSD.dateTime:
            return words.instants(text)
        case rdflib.XSD.dayTimeDuration:
            return words.spans(text)
        case rdflib.XSD.time:
            return words.times(text)
        case None | rdflib.XSD.string | rdflib.RDF.langString:
            return f"“{text}”"
    return text


def sentence(problem: Problem, facts: rdflib.Graph) -> str:
    """Say what is wrong, why it is refused and what to do.

    Parameters
    ----------
    facts
        The graph that was judged; it gives labels and neighbouring values.
    """
    what = _what(problem, facts)
    why = _ABSOLUTE.sub(lambda match: short(rdflib.URIRef(match[0])), problem.messages.get("en", ""))  # a rule puts IRIs into its message
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
