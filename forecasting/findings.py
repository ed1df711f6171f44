"""Doubt as data: what a reader of a forecast must know about how it came about."""

from dataclasses import dataclass

from pyoxigraph import Quad
from rdflib import URIRef

from kg.terms import Lang, describe, iri
from ontology.names import FC, RDF, RDFS


@dataclass(frozen=True)
class Finding:
    """One doubt about a run.

    Parameters
    ----------
    code
        Its concept in `fcv:FindingCodes`.
    sentence
        What, why, and what to do.
    about
        IRI of the channel or device that it is about; `None` for the whole run.
    """

    code: URIRef
    sentence: str
    about: str | None = None


def finding_quads(finding: Finding, graph: str, run: str, key: str) -> list[Quad]:
    """State a finding beside the results of a run."""
    node = f"{run}#finding-{key}"
    return [
        *describe(graph, run, {FC.hasFinding: iri(node)}),
        *describe(graph, node, {RDF.type: FC.Finding, FC.reason: finding.code, RDFS.comment: Lang(finding.sentence)}),
    ]
