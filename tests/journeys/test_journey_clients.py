"""Partners' own tools query the endpoint: SPARQLWrapper, rdflib, Comunica, curl, and the flex command."""

import json
import shutil
import subprocess
from decimal import Decimal
from email import message_from_bytes
from email.message import Message

import pytest
import servers
from rdflib import DCAT, RDF, Graph
from rdflib.plugins.stores.sparqlstore import SPARQLStore
from SPARQLWrapper import CSV, JSON, TURTLE, SPARQLExceptions, SPARQLWrapper

pytestmark = pytest.mark.journey
MEMBERS = "PREFIX fc: <https://w3id.org/flexcoop/ns#> SELECT ?member WHERE { ?member a fc:Member } ORDER BY ?member"
BASE = "http://127.0.0.1:8080"
STATION = f"{BASE}/id/station/demo#airTemperature"
TEMPERATURES = f"""PREFIX saref: <https://saref.etsi.org/core/> PREFIX sosa: <http://www.w3.org/ns/sosa/> PREFIX xsd: <http://www.w3.org/2001/XMLSchema#>
    SELECT ?at ?value WHERE {{
        ?o a saref:Observation ; saref:observes <{STATION}> ; saref:hasTimestamp ?at ; sosa:hasSimpleResult ?value .
        FILTER (?at >= "2016-08-15T00:00:00Z"^^xsd:dateTime && ?at < "2016-08-15T02:00:00Z"^^xsd:dateTime)
    }} ORDER BY ?at"""
HOMES = [f"{BASE}/id/member/h0{number}" for number in range(1, 7)]


def asking(site, form=JSON):
    """SPARQLWrapper as an operator uses it."""
    client = SPARQLWrapper(f"{site.url}/sparql", returnFormat=form)
    client.setCredentials("operator", site.token)
    return client


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_sparqlwrapper_reads_rows(site, method):
    client = asking(site)
    client.setMethod(method)
    client.setQuery(MEMBERS)

    rows = client.queryAndConvert()["results"]["bindings"]

    assert [row["member"]["value"] for row in rows] == HOMES


def test_sparqlwrapper_reads_csv_and_turtle(site):
    client = asking(site, CSV)
    client.setQuery(MEMBERS)
    assert client.queryAndConvert().decode().split() == ["member", *HOMES]

    client = asking(site, TURTLE)
    client.setQuery(f"DESCRIBE <{HOMES[0]}>")
    assert len(Graph().parse(data=client.queryAndConvert(), format="turtle")) >= 3


def test_rdflib_queries_the_endpoint_as_a_graph(site):
    graph = Graph(SPARQLStore(f"{site.url}/sparql", auth=("operator", site.token)))

    assert [str(row.member) for row in graph.query(MEMBERS)] == HOMES


def test_sparqlwrapper_sends_a_bearer_token(site):
    client = SPARQLWrapper(f"{site.url}/sparql", returnFormat=JSON)
    client.addCustomHttpHeader("Authorization", f"Bearer {site.token}")
    client.setQuery(MEMBERS)

    assert len(client.queryAndConvert()["results"]["bindings"]) == 6


def test_sparqlwrapper_without_token_sees_what_is_public(site):
    client = SPARQLWrapper(f"{site.url}/sparql", returnFormat=JSON)
    client.setQuery(MEMBERS)
    assert client.queryAndConvert()["results"]["bindings"] == []

    client.setQuery(TEMPERATURES)
    assert len(client.queryAndConvert()["results"]["bindings"]) == 8


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_sparqlwrapper_names_its_default_graph(site, method):
    client = asking(site)
    client.setMethod(method)
    client.addDefaultGraph(f"{BASE}/graph/member/h01/facts")
    client.setQuery(MEMBERS)

    assert [row["member"]["value"] for row in client.queryAndConvert()["results"]["bindings"]] == HOMES[:1]


def test_sparqlwrapper_is_told_that_its_token_is_wrong(site):
    client = SPARQLWrapper(f"{site.url}/sparql", returnFormat=JSON)
    client.setCredentials("operator", "wrong")
    client.setQuery(MEMBERS)

    with pytest.raises(SPARQLExceptions.Unauthorized):
        client.query()


def test_rdflib_reads_history_as_observations(site):
    graph = Graph(SPARQLStore(f"{site.url}/sparql"))

    rows = list(graph.query(TEMPERATURES))

    assert [row.at.toPython().minute for row in rows] == [0, 15, 30, 45] * 2
    assert all(isinstance(row.value.toPython(), Decimal) for row in rows)


@pytest.fixture
def curl(site):
    """curl with a path: `curl("/sparql", "-I")` gives status, headers and body."""
    servers.require(shutil.which("curl") is not None, "curl is not installed")

    def send(path: str, *options: str, token: str | None = None) -> tuple[int, Message, bytes]:
        known = ["-H", f"Authorization: Bearer {token or site.token}"]
        done = subprocess.run(["curl", "-sS", "-i", *known, *options, f"{site.url}{path}"], capture_output=True, check=True)
        head, _, body = done.stdout.partition(b"\r\n\r\n")
        line, _, fields = head.partition(b"\r\n")
        return int(line.split()[1]), message_from_bytes(fields), body

    return send


ASKED = ["-G", "--data-urlencode", f"query={MEMBERS}"]


@pytest.mark.parametrize(
    "options",
    [
        ASKED,
        ["--data-urlencode", f"query={MEMBERS}"],
        ["-H", "Content-Type: application/sparql-query", "--data-binary", MEMBERS],
        [*ASKED, "--compressed"],
    ],
    ids=["GET", "form", "body", "compressed"],
)
def test_curl_gets_csv(curl, options):
    status, _, body = curl("/sparql", "-H", "Accept: text/csv", *options)

    assert status == 200
    assert body.decode().split() == ["member", *HOMES]


def test_curl_asks_for_the_head_and_the_options(curl):
    status, headers, body = curl("/sparql", *ASKED, "-I", "-H", "Accept: text/csv")
    assert (status, headers.get_content_type(), body) == (200, "text/csv", b"")

    status, headers, _ = curl(
        "/sparql", "-X", "OPTIONS", "-H", "Origin: https://partner.example", "-H", "Access-Control-Request-Method: POST"
    )
    assert status == 204
    assert "POST" in headers["Access-Control-Allow-Methods"]
    assert "Authorization" in headers["Access-Control-Allow-Headers"]


def test_curl_is_not_sent_what_it_has(curl):
    status, headers, body = curl("/sparql", *ASKED)
    assert status == 200
    again, _, nothing = curl("/sparql", *ASKED, "-H", f"If-None-Match: {headers['ETag']}")

    assert (again, nothing) == (304, b"")
    assert len(body) > 0


def test_large_answer_travels_compressed(curl):
    everything = ["-H", "Accept: text/csv", "--data-urlencode", "query=SELECT * WHERE { ?s ?p ?o } LIMIT 2000"]
    status, headers, packed = curl("/sparql", *everything, "-H", "Accept-Encoding: gzip")
    _, _, plain = curl("/sparql", *everything)

    assert (status, headers["Content-Encoding"]) == (200, "gzip")
    assert len(packed) < len(plain) / 3


def test_curl_reads_a_graph_and_the_catalogue(curl):
    status, _, body = curl(f"/rdf-graph-store?graph={BASE}/graph/feed/facts", "-H", "Accept: text/turtle")
    assert status == 200
    assert len(Graph().parse(data=body, format="turtle")) >= 1

    status, _, body = curl("/.well-known/void", "-H", "Accept: text/turtle")
    assert status == 200
    catalogue = Graph().parse(data=body, format="turtle")
    assert len(set(catalogue.subjects(RDF.type, DCAT.Dataset))) >= 5


def test_curl_asks_as_a_partner_with_client_credentials(site, curl, flex):
    flex("partner", "add", "curl-lab", "--label", "Laboratory", env=site.env)
    secret = flex("partner", "secret", "curl-lab", env=site.env)["secret"]
    done = subprocess.run(
        ["curl", "-sS", "-u", f"curl-lab:{secret}", "-d", "grant_type=client_credentials", f"{site.url}/oauth/token"],
        capture_output=True,
        check=True,
    )
    given = json.loads(done.stdout)

    assert (given["token_type"], given["scope"]) == ("Bearer", "partner")
    assert curl("/sparql", "-H", "Accept: text/csv", *ASKED, token=given["access_token"])[2].split() == [b"member"]  # nothing is granted
    status, _, body = curl("/sparql", "-H", "Accept: text/csv", "--data-urlencode", f"query={TEMPERATURES}", token=given["access_token"])
    assert (status, len(body.split())) == (200, 1 + 8)


def _comunica(query, *sources, token=None):
    program = servers.ROOT / "node_modules" / ".bin" / "comunica-sparql"
    servers.require(program.exists() and shutil.which("node") is not None, "Comunica is not installed; `make test` brings it")
    known = ["-c", json.dumps({"httpAuth": f"operator:{token}"})] if token else []
    done = subprocess.run(
        [program, *sources, *known, "-q", query, "-t", "application/sparql-results+json"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return [{name: cell["value"] for name, cell in row.items()} for row in json.loads(done.stdout)["results"]["bindings"]]


def test_comunica_reads_public_history(site):
    rows = _comunica(TEMPERATURES, f"sparql@{site.url}/sparql")

    assert [row["at"][14:16] for row in rows] == ["00", "15", "30", "45"] * 2
    assert _comunica(MEMBERS, f"sparql@{site.url}/sparql") == []


def test_comunica_sends_a_token(site):
    assert [row["member"] for row in _comunica(MEMBERS, f"sparql@{site.url}/sparql", token=site.token)] == HOMES


def test_comunica_joins_the_endpoint_with_a_document(site):
    query = """PREFIX saref: <https://saref.etsi.org/core/> PREFIX qudt: <http://qudt.org/schema/qudt/>
        PREFIX skos: <http://www.w3.org/2004/02/skos/core#> PREFIX fcv: <https://w3id.org/flexcoop/vocab/>
        SELECT DISTINCT ?channel ?unit ?label WHERE {
            ?channel saref:isPropertyOfInterestOf <%s/id/station/demo> ; qudt:hasUnit ?unit ; saref:hasPropertyKind fcv:AirTemperature .
            fcv:AirTemperature skos:prefLabel ?label FILTER (lang(?label) = "en")
        }"""

    rows = _comunica(query % BASE, f"sparql@{site.url}/sparql", f"{site.url}/doc/station/demo")

    assert rows == [{"channel": STATION, "unit": "http://qudt.org/vocab/unit/DEG_C", "label": "Air temperature"}]


def test_comunica_joins_a_document_with_history(serve):
    port = servers.free_port()
    base = f"http://127.0.0.1:{port}"  # the service description says where it is: that must be true for Comunica to follow it
    site = serve("--demo", FLEX_HTTP_PORT=str(port), FLEX_BASE=base, FLEX_DEMO_HOMES="2")
    site.wait_until(lambda state: state["now"] >= "2016-08-16")
    query = f"""PREFIX saref: <https://saref.etsi.org/core/> PREFIX sosa: <http://www.w3.org/ns/sosa/> PREFIX xsd: <http://www.w3.org/2001/XMLSchema#>
        PREFIX qudt: <http://qudt.org/schema/qudt/> PREFIX fcv: <https://w3id.org/flexcoop/vocab/>
        SELECT ?at ?value ?unit WHERE {{
            ?channel saref:hasPropertyKind fcv:AirTemperature ; qudt:hasUnit ?unit .
            SERVICE <{base}/sparql> {{
                ?o a saref:Observation ; saref:observes ?channel ; saref:hasTimestamp ?at ; sosa:hasSimpleResult ?value .
                FILTER (?at >= "2016-08-15T00:00:00Z"^^xsd:dateTime && ?at < "2016-08-15T02:00:00Z"^^xsd:dateTime)
            }}
        }}"""

    rows = _comunica(query, f"{base}/doc/station/demo")

    assert sorted(row["at"][14:16] for row in rows) == sorted(["00", "15", "30", "45"] * 2)
    assert {row["unit"] for row in rows} == {"http://qudt.org/vocab/unit/DEG_C"}


def test_flex_query_runs_a_file(site, flex):
    answer = flex("query", "settlement/queries/readings_behind_payment.rq", env=site.env)

    assert set(answer["columns"]) >= {"amount", "contract", "baseline", "day"}


def test_commands_talk_to_the_running_platform(site, flex, tmp_path):
    backup = flex("backup", str(tmp_path / "all.nq"), env=site.env)
    check = flex("check", env=site.env)

    assert backup["triples"] == len((tmp_path / "all.nq").read_text().splitlines())
    assert (check["ok"], check["settlements"], check["findings"]) == (True, 1, [])


def test_every_published_query_runs_at_the_endpoint(site):
    for found in site.get("/queries"):
        client = asking(site)
        client.setMethod("POST")
        client.setQuery(found["text"])
        answer = client.queryAndConvert()
        assert "results" in answer or "boolean" in answer, found["name"]


def test_another_cooperatives_csv_is_loaded(site, flex, tmp_path):
    channel = "http://127.0.0.1:8080/id/site/h01#loadPower"
    file = tmp_path / "readings.csv"
    lines = [f"{channel},2016-07-20T00:{minute:02d}:00Z,1.5,unit:KiloW" for minute in (0, 15, 30, 45)]
    file.write_text("\n".join(["channel,timestamp,value,unit", *lines, f"{channel},2016-07-20T01:00:00,1.5,unit:KiloW"]) + "\n")

    first = flex("load", str(file), env=site.env, expect=1)  # one row was refused
    again = flex("load", str(file), env=site.env, expect=1)

    assert (first["accepted"], first["refused"]) == (4, 1)
    assert "2016-07-20T01:00:00" in first["sentences"][0]
    assert (again["accepted"], again["duplicates"]) == (0, 4)
    query = f"SELECT ?values WHERE {{ ?day fc:forProperty <{channel}> ; fc:day '2016-07-20'^^xsd:date ; fc:values ?values }}"
    client = asking(site)
    client.setQuery(query)
    found = client.queryAndConvert()["results"]["bindings"]
    if found:  # closed: the day is long past
        assert json.loads(found[0]["values"]["value"])[:5] == [1.5, 1.5, 1.5, 1.5, None]
