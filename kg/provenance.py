"""Lineage: which activity, with which software, when, on whose behalf, from what, made what.

References
----------
W3C PROV-O, the terms of the starting point.
"""

from collections.abc import Iterable
from datetime import datetime

from pyoxigraph import Quad

from kg.iris import Iris
from kg.terms import describe, iri
from ontology.names import PROV, RDF


def activity(
    iris: Iris,
    graph: str,
    run_iri: str,
    *,
    at: datetime,
    until: datetime | None = None,
    used: Iterable[str] = (),
    generated: Iterable[str] = (),
    software: str = "flexcoop-0.1.0",
    on_behalf_of: str | None = None,
) -> list[Quad]:
    """State one run of something, in one named graph.

    Parameters
    ----------
    graph
        Where it is stated: beside what it made.
    run_iri
        The activity, `iris.id("run", "settle-c1")`.
    at, until
        When it began and ended; without `until` it took no time worth telling.
    used, generated
        IRIs of what went in and of what came out.
    software
        Name and version, the key of its IRI.
    on_behalf_of
        IRI of the member, clerk or organisation who wanted it; is associated with the activity, too, because the
        delegation alone would not say for which of the software's runs it holds.

    Returns
    -------
    list of Quad
        The same for the same arguments, so that writing it twice adds nothing.

    Raises
    ------
    ValueError
        If a time has no offset, the end is before the start, or an IRI is none.
    """
    if until is not None and until < at:
        raise ValueError(f"{run_iri} would end at {until.isoformat()}, before it began at {at.isoformat()}; swap them")
    agent = iris.id("software", software)
    behalf = [] if on_behalf_of is None else [iri(on_behalf_of)]
    quads = describe(
        graph,
        run_iri,
        {
            str(RDF.type): iri(str(PROV.Activity)),
            str(PROV.startedAtTime): at,
            str(PROV.endedAtTime): until or at,
            str(PROV.used): [iri(each) for each in used],
            str(PROV.wasAssociatedWith): [iri(agent), *behalf],
        },
    )
    quads += describe(graph, agent, {str(RDF.type): iri(str(PROV.SoftwareAgent)), str(PROV.actedOnBehalfOf): behalf})
    for each in generated:
        quads += describe(graph, each, {str(PROV.wasGeneratedBy): iri(run_iri)})
    return quads
