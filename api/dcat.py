"""The catalogue as triples: DCAT-AP 3 for people who look for data, VoID for programs that plan queries.

References
----------
DCAT-AP 3.0 (SEMIC); W3C Data Catalog Vocabulary 3; VoID, W3C Interest Group Note.
"""

import calendar
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime

from pyoxigraph import Literal, NamedNode, Quad
from rdflib.namespace import DCAT, VOID  # complete there, as OWL and SHACL are (ontology/generate.py)

from api.datasets import PUBLIC, Dataset, Texts
from api.figures import Figures
from kg.iris import Iris
from kg.prefixes import prefixes
from kg.terms import Value, describe, iri
from ontology.names import DCTERMS, FOAF, RDF, RDFS

MOST_PARTITIONS = 200
_DCT, _FOAF, _EU = str(DCTERMS), str(FOAF), "http://publications.europa.eu/resource/authority"
_MONTH = re.compile(r"/telemetry/(\d{4})-(\d{2})$")
_MEDIA = "https://www.iana.org/assignments/media-types/"
ENDINGS = {  # ending → media type, EU file type
    "nq": ("application/n-quads", "RDF_N_QUADS"),
    "trig": ("application/trig", "RDF_TRIG"),
    "ttl": ("text/turtle", "RDF_TURTLE"),
    "nt": ("application/n-triples", "RDF_N_TRIPLES"),
    "csv": ("text/csv", "CSV"),
}
TITLE: Texts = {
    "en": "Data of an energy cooperative",
    "es": "Datos de una cooperativa energética",
    "nl": "Gegevens van een energiecoöperatie",
}
DESCRIPTION: Texts = {
    "en": "What this platform holds, as far as you may see it: vocabulary, weather and tariff, sums, and the data that are yours to see.",
    "es": "Lo que contiene esta plataforma, en la medida en que pueda verlo: vocabulario, meteorología y tarifa, sumas y los datos que "
    "le corresponda ver.",
    "nl": "Wat dit platform bevat, voor zover u het mag zien: vocabulaire, weer en tarief, sommen en de gegevens die u mag zien.",
}
PUBLISHER: Texts = {
    "en": "The energy cooperative that runs this platform",
    "es": "La cooperativa energética que gestiona esta plataforma",
    "nl": "De energiecoöperatie die dit platform beheert",
}
SERVICES: Mapping[str, tuple[str, Texts]] = {  # key → path of its endpoint, title
    "sparql": ("/sparql", {"en": "SPARQL endpoint", "es": "Punto de acceso SPARQL", "nl": "SPARQL-eindpunt"}),
    "graph-store": ("/rdf-graph-store", {"en": "Named graphs one by one", "es": "Grafos uno por uno", "nl": "Grafen een voor een"}),
}


@dataclass(frozen=True)
class Entry:
    """A dataset of the catalogue with what is known of it now.

    Attributes
    ----------
    title : as it is to whoever asks
    graphs : those of its named graphs that they may see
    licence : IRI; `None`: not licensed
    example : a thing that it describes
    sizes : ending of a dump that has been made (`nq.gz`) → bytes
    readings : whether there are readings, which are to be had as CSV too
    """

    dataset: Dataset
    title: Texts
    graphs: tuple[str, ...]
    figures: Figures
    licence: str | None
    example: str | None
    sizes: Mapping[str, int]

    @property
    def readings(self) -> bool:
        """Whether there are readings, which are to be had as CSV too."""
        return self.period is not None

    @property
    def period(self) -> tuple[date, date] | None:
        """First and last day of the months of readings; `None` where there are none."""
        months = sorted((int(found[1]), int(found[2])) for graph in self.graphs if (found := _MONTH.search(graph)))
        if not months:
            return None
        (first, month), (last, until) = months[0], months[-1]
        return date(first, month, 1), date(last, until, calendar.monthrange(last, until)[1])

    @property
    def endings(self) -> tuple[str, ...]:
        """The forms in which it can be downloaded."""
        plain = [ending for ending in ENDINGS if ending != "csv" or self.readings]
        return tuple(f"{ending}{packed}" for ending in plain for packed in ("", ".gz"))


def catalogue(iris: Iris, entries: Iterable[Entry], now: datetime) -> list[Quad]:
    """Describe the catalogue: itself, its publisher, its services, each dataset and how it is to be had."""
    given = list(entries)
    graph, own = iris.graph("catalogue"), f"{iris.base}/catalogue"
    facts: dict[str, dict[str, Value | list[Value] | None]] = {
        own: {
            str(RDF.type): [_node(DCAT.Catalog), _node(VOID.DatasetDescription)],
            _DCT + "title": _literals(TITLE),
            _DCT + "description": _literals(DESCRIPTION),
            _DCT + "publisher": iri(f"{own}#publisher"),
            _DCT + "language": [iri(f"{_EU}/language/{name}") for name in ("ENG", "SPA", "NLD")],
            _DCT + "modified": max((each.figures.at for each in given if each.figures.at), default=now),
            _FOAF + "homepage": iri(own),
            _FOAF + "topic": [iri(each.dataset.iri(iris)) for each in given],
            str(DCAT.dataset): [iri(each.dataset.iri(iris)) for each in given],
            str(DCAT.service): [iri(f"{own}#{key}") for key in SERVICES],
        },
        f"{own}#publisher": {str(RDF.type): _node(FOAF.Agent), _FOAF + "name": _literals(PUBLISHER)},
    }
    for key, (path, title) in SERVICES.items():
        facts[f"{own}#{key}"] = _service(iris, path, title, given)
    quads = [quad for subject, said in facts.items() for quad in describe(graph, subject, said)]
    return [*quads, *(quad for each in given for quad in entry(iris, graph, each))]


def _service(iris: Iris, path: str, title: Texts, given: list[Entry]) -> dict[str, Value | list[Value] | None]:
    return {
        str(RDF.type): _node(DCAT.DataService),
        _DCT + "title": _literals(title),
        _DCT + "publisher": iri(f"{iris.base}/catalogue#publisher"),
        str(DCAT.endpointURL): iri(iris.base + path),
        str(DCAT.endpointDescription): iri(f"{iris.base}/sparql"),
        str(DCAT.servesDataset): [iri(each.dataset.iri(iris)) for each in given],
    }


def entry(iris: Iris, graph: str, given: Entry) -> Iterator[Quad]:
    """Describe one dataset, its distributions and its partitions."""
    dataset, figures, name = given.dataset, given.figures, given.dataset.iri(iris)
    downloads = {ending: f"{iris.base}/dumps/{dataset.key}.{ending}" for ending in given.endings}
    yield from describe(
        graph,
        name,
        {
            str(RDF.type): [_node(DCAT.Dataset), _node(VOID.Dataset)],
            _DCT + "title": _literals(given.title),
            _DCT + "description": _literals(dataset.description),
            _DCT + "identifier": dataset.key,
            _DCT + "publisher": iri(f"{iris.base}/catalogue#publisher"),
            _DCT + "accessRights": iri(dataset.access),
            _DCT + "license": given.licence and iri(given.licence),
            _DCT + "accrualPeriodicity": iri(dataset.frequency),
            _DCT + "modified": figures.at,
            _DCT + "temporal": iri(f"{name}-period") if given.period else None,
            str(DCAT.theme): iri(dataset.theme),
            str(DCAT.landingPage): iri(f"{iris.base}/catalogue"),
            str(DCAT.distribution): [iri(f"{name}.{ending}") for ending in downloads],
            str(VOID.sparqlEndpoint): iri(f"{iris.base}/sparql"),
            str(VOID.dataDump): [iri(address) for ending, address in downloads.items() if not ending.startswith("csv")],
            str(VOID.uriSpace): dataset.space or f"{iris.base}/id/",
            str(VOID.exampleResource): given.example and iri(given.example),
            str(VOID.vocabulary): [iri(each) for each in _vocabularies(figures)],
            str(VOID.triples): None if figures.missing else figures.triples,
        },
    )
    if given.period:
        first, last = given.period
        period: dict[str, Value] = {str(RDF.type): iri(_DCT + "PeriodOfTime"), str(DCAT.startDate): first, str(DCAT.endDate): last}
        yield from describe(graph, f"{name}-period", period)
    for ending, address in downloads.items():
        yield from _distribution(graph, f"{name}.{ending}", ending, address, given)
    if not figures.missing:
        yield from _partitions(graph, name, figures)


def _distribution(graph: str, name: str, ending: str, address: str, given: Entry) -> list[Quad]:
    plain, _, packed = ending.partition(".")
    media, file_type = ENDINGS[plain]
    size = given.sizes.get(ending)
    return describe(
        graph,
        name,
        {
            str(RDF.type): _node(DCAT.Distribution),
            _DCT + "title": f"{plain.upper()}{', compressed' if packed else ''}",
            str(DCAT.accessURL): iri(address),
            str(DCAT.downloadURL): iri(address),
            str(DCAT.mediaType): iri(_MEDIA + media),
            str(DCAT.compressFormat): iri(f"{_MEDIA}application/gzip") if packed else None,
            _DCT + "format": iri(f"{_EU}/file-type/{file_type}"),
            _DCT + "license": given.licence and iri(given.licence),
            str(DCAT.byteSize): None
            if size is None
            else Literal(str(size), datatype=iri("http://www.w3.org/2001/XMLSchema#nonNegativeInteger")),
        },
    )


def _partitions(graph: str, name: str, figures: Figures) -> Iterator[Quad]:
    """How many things of each class, and statements of each property, the most frequent first; each with an IRI of its own."""
    tables = (
        ("class", VOID.classPartition, VOID["class"], VOID.entities, figures.classes),
        ("property", VOID.propertyPartition, VOID.property, VOID.triples, figures.properties),
    )
    for word, part, which, how_many, table in tables:
        for number, (term, count) in enumerate(_largest(table), 1):
            node = f"{name}-{word}-{number}"
            yield from describe(graph, name, {str(part): iri(node)})
            yield from describe(graph, node, {str(which): iri(term), str(how_many): count})


def _largest(table: Mapping[str, int]) -> list[tuple[str, int]]:
    return sorted(table.items(), key=lambda pair: (-pair[1], pair[0]))[:MOST_PARTITIONS]


def _vocabularies(figures: Figures) -> list[str]:
    used = [*figures.classes, *figures.properties]
    known = [namespace for namespace in prefixes().values() if any(term.startswith(namespace) for term in used)]
    return sorted(set(known) - {str(RDF), str(RDFS)})


def _node(term: object) -> NamedNode:
    return NamedNode(str(term))


def _literals(texts: Texts) -> list[Value]:
    return [Literal(text, language=tag) for tag, text in texts.items()]


def is_public(given: Entry) -> bool:
    """Whether everybody may see a dataset."""
    return given.dataset.access == PUBLIC
