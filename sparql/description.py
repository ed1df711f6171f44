"""What the endpoint says of itself: what it speaks, which forms it gives, which graphs whoever asks may see.

References
----------
SPARQL 1.1 Service Description, W3C Recommendation 2013-03-21.
"""

from collections.abc import Iterable

import pyoxigraph as ox
from pyoxigraph import NamedNode, Triple

from kg.prefixes import prefixes
from ontology.names import FORMATS, RDF, SD

RESULT_FORMATS = (
    FORMATS.SPARQL_Results_JSON,
    FORMATS.SPARQL_Results_XML,
    FORMATS.SPARQL_Results_CSV,
    FORMATS.SPARQL_Results_TSV,
    FORMATS.Turtle,
    FORMATS["N-Triples"],
    FORMATS["JSON-LD"],
    FORMATS.RDF_XML,
)
_WRITTEN = {
    "text/turtle": ox.RdfFormat.TURTLE,
    "application/n-triples": ox.RdfFormat.N_TRIPLES,
    "application/ld+json": ox.RdfFormat.JSON_LD,
    "application/rdf+xml": ox.RdfFormat.RDF_XML,
}


def of(base: str, graphs: Iterable[str], *, functions: Iterable[str] = (), updates: bool = False) -> list[Triple]:
    """Describe the endpoint at `{base}/sparql`.

    Federation is not among its features, and the default graph is the union of the named graphs.

    Parameters
    ----------
    graphs
        IRIs of the named graphs that whoever asks may see.
    functions
        IRIs of the functions that it has beyond the standard's.
    updates
        Whether whoever asks may send Updates, to `{base}/update`.
    """
    endpoint = f"{base}/sparql"
    service, dataset = f"{endpoint}#service", f"{endpoint}#dataset"
    told = [
        (service, RDF.type, SD.Service),
        (service, SD.endpoint, endpoint),
        (service, SD.supportedLanguage, SD.SPARQL11Query),
        (service, SD.feature, SD.UnionDefaultGraph),
        (service, SD.defaultDataset, dataset),
        (dataset, RDF.type, SD.Dataset),
        (dataset, SD.defaultGraph, f"{endpoint}#default"),
        (f"{endpoint}#default", RDF.type, SD.Graph),
        *((service, SD.resultFormat, each) for each in RESULT_FORMATS),
        *(triple for each in functions for triple in ((service, SD.extensionFunction, each), (each, RDF.type, SD.Function))),
        *(triple for graph in graphs for triple in _named(dataset, endpoint, graph)),
    ]
    if updates:
        told += [
            (f"{base}/update#service", RDF.type, SD.Service),
            (f"{base}/update#service", SD.endpoint, f"{base}/update"),
            (f"{base}/update#service", SD.supportedLanguage, SD.SPARQL11Update),
            (f"{base}/update#service", SD.defaultDataset, dataset),
        ]
    return [Triple(*(NamedNode(str(term)) for term in each)) for each in told]


def written(triples: Iterable[Triple], media_type: str) -> bytes:
    """Write triples in one of the forms of graphs, with the prefixes that they use."""
    given = list(triples)
    text = "\n".join(map(str, given))
    used = {short: space for short, space in prefixes().items() if f"<{space}" in text}
    body: bytes = ox.serialize(given, format=_WRITTEN[media_type], prefixes=used)  # type: ignore[assignment]
    return body


def _named(dataset: str, endpoint: str, graph: str) -> list[tuple[object, object, object]]:
    """One named graph of the dataset; where it lies in the dataset is a node of its own, beside its name."""
    place = f"{endpoint}?graph={graph.replace('#', '%23')}"
    return [(dataset, SD.namedGraph, place), (place, RDF.type, SD.NamedGraph), (place, SD.name, graph)]
