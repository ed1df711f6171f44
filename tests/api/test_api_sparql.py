"""`/sparql` as the protocol has it."""

import pytest

ASK = "ASK { ?s ?p ?o }"


@pytest.mark.parametrize(
    "send",
    [
        lambda client: client.get("/sparql", query_string={"query": ASK}),
        lambda client: client.post("/sparql", data={"query": ASK}),
        lambda client: client.post("/sparql", data=ASK, content_type="application/sparql-query"),
    ],
    ids=["get", "form", "body"],
)
def test_query_is_answered_however_it_is_sent(client, send):
    answer = send(client)

    assert answer.status_code == 200
    assert answer.json["boolean"] is True
    assert answer.headers["Access-Control-Allow-Origin"] == "*"


@pytest.mark.parametrize(
    ("send", "status", "words"),
    [
        (lambda c: c.get("/sparql", headers={"Accept": "application/json"}), 400, "No query was given"),
        (lambda c: c.get("/sparql?query=ASK{}&query=ASK{}"), 400, "2 queries were given"),
        (lambda c: c.post("/sparql", data={"update": "CLEAR ALL"}), 400, "answers queries only"),
        (lambda c: c.get("/sparql?update=CLEAR%20ALL"), 400, "answers queries only"),
        (lambda c: c.post("/sparql", data="CLEAR ALL", content_type="application/sparql-update"), 400, "answers queries only"),
        (lambda c: c.post("/sparql", data="x", content_type="text/plain"), 415, "use application/sparql-query or a form"),
        (lambda c: c.post("/sparql", data=b"\xff", content_type="application/sparql-query"), 400, "not UTF-8"),
        (lambda c: c.get("/sparql?query=SELECT"), 400, ""),
        (lambda c: c.get("/sparql", query_string={"query": "SELECT * { SERVICE <http://127.0.0.1:9/> { ?s ?p ?o } }"}), 400, "SERVICE"),
        (lambda c: c.put("/sparql"), 405, ""),
    ],
)
def test_what_is_no_query_is_refused_with_a_sentence(client, send, status, words):
    answer = send(client)

    assert answer.status_code == status, answer.text
    assert words in answer.json["detail"]


def test_too_many_rows_are_a_413_and_never_a_part(client):
    values = " ".join(str(n) for n in range(40))
    answer = client.get("/sparql", query_string={"query": f"SELECT * {{ VALUES ?a {{ {values} }} VALUES ?b {{ {values} }} }}"})

    assert answer.status_code == 413


def test_all_graphs_together_are_the_default_graph(client):
    answer = client.get("/sparql", query_string={"query": "SELECT (COUNT(*) AS ?n) { ?m a fc:Member }"})

    assert answer.json["results"]["bindings"][0]["n"]["value"] == "2"


def test_store_is_untouched_by_everything_that_is_refused(client, services):
    before = services.store.count()

    client.post("/sparql", data={"update": "CLEAR ALL"})
    client.post("/sparql", data={"query": "DROP ALL"})

    assert services.store.count() == before


@pytest.mark.parametrize(("name", "pattern"), [("default-graph-uri", "{ ?s ?p ?o }"), ("named-graph-uri", "{ GRAPH ?g { ?s ?p ?o } }")])
def test_the_protocol_chooses_the_graphs_over_what_the_query_says(client, services, name, pattern):
    graph = services.iris.graph("registry")
    counted = {"query": "SELECT (COUNT(*) AS ?n) FROM <urn:none> FROM NAMED <urn:none> " + pattern}  # noqa: S608

    chosen = client.get("/sparql", query_string={**counted, name: graph})
    none = client.post("/sparql", query_string={name: "urn:none"}, data=counted)

    assert chosen.json["results"]["bindings"][0]["n"]["value"] == str(len(services.store.graph(graph)))
    assert none.json["results"]["bindings"][0]["n"]["value"] == "0"
