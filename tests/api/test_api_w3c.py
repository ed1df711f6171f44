"""The W3C's tests of the SPARQL protocols, replayed from their manifests against the platform behind its own web server.

Whoever writes must be an operator here, so all requests bear an operator's token. Of what the manifests leave to the runner: `/sparql/`
is our `/sparql` or, for requests of updates, `/update`; `/gsp` is our `/rdf-graph-store`; the store is emptied before each test.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import httpx
import pyoxigraph as ox
import pytest
import rdflib
import servers
from api_server import OPERATOR, Faces, faces, served
from patience import PATIENCE_S
from rdflib import RDF, Namespace
from rdflib.collection import Collection
from rdflib.compare import isomorphic

from ontology.names import FORMATS, SD

MATERIAL = Path(__file__).parents[3] / "shared" / "w3c"
MF = Namespace("http://www.w3.org/2001/sw/DataAccess/tests/test-manifest#")
HT = Namespace("http://www.w3.org/2011/http#")
CNT = Namespace("http://www.w3.org/2011/content#")
STATUS = {"OK": 200, "Created": 201, "NoContent": 204, "NotFound": 404}
DATA = "http://kasei.us/2009/09/sparql/data/data{}.rdf"
BOOLEAN = {"application/sparql-results+json", "application/sparql-results+xml"}
TABULAR = BOOLEAN | {"text/csv", "text/tab-separated-values"}
GRAPH = {"text/turtle", "application/n-triples", "application/rdf+xml", "application/ld+json"}


@dataclass(frozen=True)
class Exchange:
    """One request and what its answer must be."""

    method: str
    path: str
    headers: tuple[tuple[str, str], ...]
    body: bytes | None
    statuses: frozenset[str]
    truth: bool | None
    form: str | None
    graph: str | None
    has_location: bool


def manifest(name: str) -> dict[str, list[Exchange]]:
    if not (MATERIAL / name).is_file():
        return {}
    graph = rdflib.Graph().parse(MATERIAL / name)
    head = graph.value(predicate=RDF.type, object=MF.Manifest)
    tests = Collection(graph, graph.value(head, MF.entries))
    return {str(test).rpartition("#")[2]: list(exchanges(graph, test)) for test in tests}


def exchanges(graph: rdflib.Graph, test: rdflib.term.Node) -> Iterator[Exchange]:
    action = graph.value(test, MF.action)
    for request in Collection(graph, graph.value(action, HT.requests)) if action is not None else ():
        response = graph.value(request, HT.resp)
        sent, expected = graph.value(request, HT.body), graph.value(response, HT.body)
        encoding = str(graph.value(sent, CNT.characterEncoding)) if sent is not None else "UTF-8"
        headers = graph.value(request, HT.headers)
        truth = graph.value(response, MF.expectedBoolean)
        yield Exchange(
            method=str(graph.value(request, HT.methodName)),
            path=str(graph.value(request, HT.absolutePath)),
            headers=tuple(
                (str(graph.value(each, HT.fieldName)), str(graph.value(each, HT.fieldValue)))
                for each in (Collection(graph, headers) if headers is not None else ())
            ),
            body=None if sent is None else str(graph.value(sent, CNT.chars)).encode(encoding),
            statuses=frozenset(str(each).rpartition("#")[2] for each in graph.objects(response, MF.expectedStatus)),
            truth=None if truth is None else bool(truth.toPython()),
            form=None if (form := graph.value(response, MF.expectedFormat)) is None else str(form),
            graph=None if expected is None else str(graph.value(expected, CNT.chars)),
            has_location=graph.value(response, MF.expectedLocation) is not None,
        )


PROTOCOL = manifest("protocol/manifest.ttl")
DIRECT = manifest("graph-store-protocol/manifest-direct.ttl")
INDIRECT = manifest("graph-store-protocol/manifest-indirect.ttl")


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Faces, str]]:
    servers.require(MATERIAL.is_dir(), "the W3C's test material (shared/w3c) is not there")
    port = servers.free_port()
    with faces(tmp_path_factory.mktemp("w3c"), f"http://127.0.0.1:{port}") as made, served(made, port) as url:
        yield made, url


@pytest.fixture
def url(platform: tuple[Faces, str]) -> str:
    made, address = platform
    made.store.update("DROP ALL")
    return address


def send(url: str, exchange: Exchange, path: str) -> httpx.Response:
    headers = {**OPERATOR, **dict(exchange.headers)}
    request = httpx.Request(exchange.method, url + path, headers=headers, content=exchange.body)
    if "content-type" not in {name.lower() for name, _ in exchange.headers}:
        request.headers.pop("content-type", None)
    with httpx.Client(timeout=PATIENCE_S, trust_env=False) as client:
        return client.send(request)


def check_status(exchange: Exchange, answer: httpx.Response) -> None:
    families = {name[-3:] for name in exchange.statuses if name.startswith("StatusCode")}
    exact = {STATUS[name] for name in exchange.statuses if name in STATUS}
    assert f"{answer.status_code // 100}xx" in families or answer.status_code in exact, answer.text


def media_type(answer: httpx.Response) -> str:
    return answer.headers.get("content-type", "").partition(";")[0]


def truth_of(answer: httpx.Response) -> bool:
    form = ox.QueryResultsFormat.from_media_type(media_type(answer))
    return bool(ox.parse_query_results(answer.content, format=form))


@pytest.mark.parametrize("name", PROTOCOL or ["the W3C's material is not there"])
def test_the_protocol_is_spoken_as_the_w3c_tests_it(name: str, url: str, platform: tuple[Faces, str]) -> None:
    made, _ = platform
    for number in (1, 2, 3):
        graph = ox.NamedNode(DATA.format(number))
        data = ox.parse((MATERIAL / "protocol" / f"data{number}.nt").read_bytes(), format=ox.RdfFormat.N_TRIPLES)
        made.store.apply(insert=[ox.Quad(each.subject, each.predicate, each.object, graph) for each in data])
    for exchange in PROTOCOL[name]:
        updates = "update" in name and "application/sparql-query" not in dict(exchange.headers).values()
        answer = send(url, exchange, exchange.path.replace("/sparql/", "/update" if updates else "/sparql", 1))

        check_status(exchange, answer)
        if exchange.form is not None:
            assert media_type(answer) in {"boolean": BOOLEAN, "tabular": TABULAR, "RDF": GRAPH}[exchange.form]
        if exchange.truth is not None:
            assert truth_of(answer) is exchange.truth


def graph_of(text: str, media: str) -> rdflib.Graph:
    triples = [quad.triple for quad in ox.parse(text.encode(), format=ox.RdfFormat.from_media_type(media))]
    return rdflib.Graph().parse(data=ox.serialize(triples, format=ox.RdfFormat.N_TRIPLES), format="nt")


@pytest.mark.parametrize("name", [*DIRECT, *INDIRECT] or ["the W3C's material is not there"])
def test_graphs_are_kept_as_the_w3c_tests_it(name: str, url: str) -> None:
    location = ""
    for exchange in (DIRECT | INDIRECT)[name]:
        path = re.sub("^/gsp", "/rdf-graph-store", exchange.path).replace("$LOCATION$", quote(location, safe=""))
        answer = send(url, exchange, path)

        check_status(exchange, answer)
        if exchange.has_location:
            location = answer.headers["location"]
        if exchange.graph is not None:
            assert answer.headers["content-type"].lower() == "text/turtle; charset=utf-8"
            assert isomorphic(graph_of(answer.text, "text/turtle"), graph_of(exchange.graph, "text/turtle"))


# --- service description: the manifest gives names, the specification says what is meant -----------------------------------------------


def described(url: str, accept: str | None = None) -> rdflib.Graph:
    answer = httpx.get(f"{url}/sparql", headers={"Accept": accept} if accept else {}, trust_env=False)
    assert answer.status_code == 200
    return graph_of(answer.text, media_type(answer))


@pytest.mark.parametrize("accept", [None, "*/*", "text/turtle", "application/rdf+xml", "application/ld+json", "application/n-triples"])
def test_returns_rdf(url: str, accept: str | None) -> None:
    assert len(described(url, accept)) > 10


def test_has_endpoint_triple(url: str) -> None:
    graph = described(url)

    assert rdflib.URIRef(f"{url}/sparql") in set(graph.objects(None, SD.endpoint))
    assert all((service, RDF.type, SD.Service) in graph for service in graph.subjects(SD.endpoint))


RANGES = {
    SD.defaultDataset: SD.Dataset,
    SD.defaultGraph: SD.Graph,
    SD.namedGraph: SD.NamedGraph,
    SD.extensionFunction: SD.Function,
}
ONE_OF = {
    SD.supportedLanguage: {SD.SPARQL11Query, SD.SPARQL11Update},
    SD.feature: {SD.UnionDefaultGraph},
}


def test_conforms_to_schema(url: str, platform: tuple[Faces, str]) -> None:
    made, _ = platform
    made.public.add("http://example.org/seen")
    made.store.update(
        "INSERT DATA { GRAPH <http://example.org/seen> { <urn:a> <urn:b> 1 } GRAPH <http://example.org/unseen> { <urn:a> <urn:b> 1 } }"
    )
    graph = described(url)

    for prop, kind in RANGES.items():
        assert all((each, RDF.type, kind) in graph for each in graph.objects(None, prop)), prop
    for prop, known in ONE_OF.items():
        assert set(graph.objects(None, prop)) <= known
    assert all(str(each).startswith(str(FORMATS._NS)) for each in graph.objects(None, SD.resultFormat))
    (dataset,) = graph.objects(None, SD.defaultDataset)
    assert len(set(graph.objects(dataset, SD.defaultGraph))) == 1
    named = list(graph.objects(dataset, SD.namedGraph))
    assert [list(graph.objects(each, SD.name)) for each in named] == [[rdflib.URIRef("http://example.org/seen")]]
