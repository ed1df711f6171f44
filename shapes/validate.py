"""Hold a graph against the shapes: the gate of the store."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import chain
from typing import Any

import pyoxigraph as ox
import rdflib
from pyshacl.pytypes import SHACLExecutor
from rdflib import RDF, SH, XSD
from rdflib.plugins.sparql import prepareQuery
from rdflib.plugins.sparql.sparql import Query
from rdflib.query import Result
from rdflib.term import Node

from ontology.names import FC, S4ENER, SAREF, SLOT
from shapes import sentences
from shapes.catalogue import catalogue
from shapes.convert import to_graph, to_node
from shapes.errors import InvalidGraphError

_FC = str(FC._NS)
_OURS = (_FC, str(SLOT), str(SAREF._NS), str(S4ENER._NS))
_NUMBERS = (XSD.decimal, XSD.integer)
_LIMITS = {
    SH.MinInclusiveConstraintComponent,
    SH.MinExclusiveConstraintComponent,
    SH.MaxInclusiveConstraintComponent,
    SH.MaxExclusiveConstraintComponent,
}


@dataclass(frozen=True, order=True)
class Finding:
    """One breach of one shape.

    Attributes
    ----------
    focus
        IRI of the thing that breaks its shape.
    path
        IRI of the property; empty if the breach is not of one property.
    value
        The value refused, as text; empty where something is missing.
    shape
        IRI of the property shape or rule; empty where no shape knows the term.
    severity
        `Violation`, `Warning` or `Info`.
    sentence
        What is wrong, why it is refused and what to do, in English and with the names of terms: for logs, partners and programs.
    things, names, messages
        For people, by language (`en`, `es`, `nl`): what the thing is called, what the property is called (empty for a rule about the whole
        thing), and what is wrong, why and what to do. `shapes.sentences.for_people` and `.field` choose among them.
    """

    focus: str
    path: str
    value: str
    shape: str
    severity: str
    sentence: str
    things: Mapping[str, str] = field(default_factory=dict, compare=False, repr=False)
    names: Mapping[str, str] = field(default_factory=dict, compare=False, repr=False)
    messages: Mapping[str, str] = field(default_factory=dict, compare=False, repr=False)


@dataclass(frozen=True)
class Report:
    """The answer to one graph: `conforms` if there is no violation; findings sorted by focus and path."""

    conforms: bool
    findings: tuple[Finding, ...]

    @property
    def sentences(self) -> tuple[str, ...]:
        """What people read, one sentence a finding."""
        return tuple(finding.sentence for finding in self.findings)


class _Facts(rdflib.Graph):
    """The graph under test; prepares the query of each rule once, as parsing it costs more than running it."""

    def __bool__(self) -> bool:
        """Answer at once: pyshacl asks for the truth of the graph at every result, and rdflib would count all triples for it."""
        return True

    def query(self, query_object: "str | Query", *args: Any, **kwargs: Any) -> Result:  # noqa: ANN401 - rdflib's own signature
        """Answer a query of a rule."""
        return super().query(_prepared(query_object) if isinstance(query_object, str) else query_object, *args, **kwargs)


@lru_cache(maxsize=128)
def _prepared(text: str) -> Query:
    return prepareQuery(text)


def validate(triples: Iterable[ox.Triple], *, context: Iterable[ox.Triple] = (), only: Sequence[str] | None = None) -> Report:
    """Hold triples against the shapes.

    Nothing is fetched, imported or inferred, and only shapes are run whose target occurs.

    Parameters
    ----------
    triples
        The graph that is about to be written.
    context
        What is known already, for rules that look across graphs; it is not itself judged.
    only
        Names of things (`("osb", "channel")`) whose shapes are to be run; all where `None`.

    Raises
    ------
    ValueError
        If `only` names a thing without shapes.
    """
    stated = list(triples)
    known = list(context)
    facts = _Facts("SimpleMemory", bind_namespaces="none")
    facts += to_graph(chain(stated, known))
    judged = {to_node(triple.subject) for triple in stated}
    excused = {to_node(triple.subject) for triple in known} - judged
    focus_nodes = catalogue().focus_nodes(facts, only)
    findings = set() if only is not None else {*_unknown_terms(stated, facts), *_undescribed(stated, focus_nodes, facts)}
    for problem in _problems(facts, focus_nodes):
        if problem.focus not in excused and not _follows_from_another(problem):
            findings.add(_finding(problem, facts))
    ordered = tuple(sorted(findings))
    return Report(all(finding.severity != "Violation" for finding in ordered), ordered)


def refuse_unless_valid(triples: Iterable[ox.Triple], *, what: str = "The graph", context: Iterable[ox.Triple] = ()) -> None:
    """Let a graph pass, or say all that is wrong with it.

    Parameters
    ----------
    what
        What the graph is, as the beginning of a sentence: `"The announcement of osb-h01"`.

    Raises
    ------
    InvalidGraphError
        If a shape is violated; it holds all findings and their sentences.
    """
    report = validate(triples, context=context)
    if not report.conforms:
        raise InvalidGraphError(what, report.findings)


def _problems(facts: rdflib.Graph, focus_nodes: Mapping[Node, set[Node]]) -> Iterable[sentences.Problem]:
    shapes = catalogue().shapes
    executor = SHACLExecutor()
    for shape, nodes in focus_nodes.items():
        _, results = shapes.lookup_shape_from_node(shape).validate(executor, facts, focus=sorted(nodes, key=str))
        for _, _, parts in results:
            yield _problem(parts)


def _follows_from_another(problem: sentences.Problem) -> bool:
    """Tell whether a limit was broken only because the value is no number, which its datatype tells already."""
    return problem.component in _LIMITS and not (isinstance(problem.value, rdflib.Literal) and problem.value.datatype in _NUMBERS)


def _problem(parts: Iterable[tuple[Node, Node, Any]]) -> sentences.Problem:
    """Read what pyshacl states of one result; nodes come as (graph, node)."""
    stated = [(predicate, value[1] if isinstance(value, tuple) else value) for _, predicate, value in parts]
    found = dict(stated)
    constraint = found.get(SH.sourceConstraint)
    shape = found[SH.sourceShape] if constraint is None else constraint
    return sentences.Problem(
        focus=found[SH.focusNode],
        path=found.get(SH.resultPath),
        value=found.get(SH.value),
        shape=shape,
        component=found[SH.sourceConstraintComponent],
        severity=found[SH.resultSeverity],
        messages=sentences.messages(shape, (str(value) for predicate, value in stated if predicate == SH.resultMessage)),
    )


def _finding(problem: sentences.Problem, facts: rdflib.Graph) -> Finding:
    path = problem.path if isinstance(problem.path, rdflib.URIRef) else ""
    return Finding(
        focus=str(problem.focus),
        path=str(path),
        value="" if problem.value is None or problem.value == problem.focus else str(problem.value),
        shape=str(problem.shape),
        severity=str(problem.severity).rpartition("#")[2],
        sentence=sentences.sentence(problem, facts),
        things=sentences.things(problem.focus, facts),
        names=sentences.names(problem),
        messages=sentences.said_in_each_language(problem, facts),
    )


def _unknown_terms(stated: Iterable[ox.Triple], facts: rdflib.Graph) -> Iterable[Finding]:
    """Find terms spelt in our namespace that the ontology does not have: no shape would ever look at them."""
    for triple in stated:
        terms = [("Property", triple.predicate.value)]
        if triple.predicate.value == str(RDF.type) and isinstance(triple.object, ox.NamedNode):
            terms.append(("Class", triple.object.value))
        for kind, term in terms:
            if term.startswith(_FC) and rdflib.URIRef(term) not in FC:
                focus = to_node(triple.subject)
                told = sentences.unknown_term(focus, kind, term, facts)
                plainly = sentences.said_of_term("unknown term", kind, term)
                around = sentences.things(focus, facts)
                yield Finding(str(focus), triple.predicate.value, term, "", "Violation", told, around, messages=plainly)


def _undescribed(stated: Iterable[ox.Triple], focus_nodes: Mapping[Node, set[Node]], facts: rdflib.Graph) -> Iterable[Finding]:
    """Find things with properties of ours that neither a type nor a property gives to any shape: they would pass unseen."""
    described = set().union(*focus_nodes.values())
    for triple in stated:
        node = to_node(triple.subject)
        if node in described or not triple.predicate.value.startswith(_OURS) or facts.value(node, RDF.type) is not None:
            continue
        told, around = sentences.untyped(node, facts), sentences.things(node, facts)
        yield Finding(str(node), str(RDF.type), "", "", "Violation", told, around, messages=sentences.said_of_term("untyped"))
