"""Partners' own tools query the endpoint: SPARQLWrapper, rdflib, curl, and the flex command."""

import json
import shutil
import subprocess

import pytest
import servers
from rdflib import Graph
from rdflib.plugins.stores.sparqlstore import SPARQLStore
from SPARQLWrapper import CSV, JSON, TURTLE, SPARQLWrapper

pytestmark = pytest.mark.journey
MEMBERS = "PREFIX fc: <https://w3id.org/flexcoop/ns#> SELECT ?member WHERE { ?member a fc:Member } ORDER BY ?member"
HOMES = [f"http://127.0.0.1:8080/id/member/h0{number}" for number in range(1, 7)]


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


def test_curl_gets_csv(site):
    servers.require(shutil.which("curl") is not None, "curl is not installed")
    command = [
        "curl",
        "-sS",
        "-H",
        "Accept: text/csv",
        "-H",
        f"Authorization: Bearer {site.token}",
        "--data-urlencode",
        f"query={MEMBERS}",
        f"{site.url}/sparql",
    ]

    done = subprocess.run(command, capture_output=True, text=True, check=True)

    assert done.stdout.split() == ["member", *HOMES]


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
