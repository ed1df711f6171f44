"""Every IRI answers, in the form asked for."""

import pyoxigraph as ox
import pytest

SITE = "http://127.0.0.1:8080/id/site/h01"


def test_thing_sends_on_to_its_document(client):
    answer = client.get("/id/site/h01")

    assert (answer.status_code, answer.headers["Location"]) == (303, "/doc/site/h01")


@pytest.mark.parametrize(
    ("accept", "form"),
    [
        ("text/turtle", ox.RdfFormat.TURTLE),
        ("application/ld+json", ox.RdfFormat.JSON_LD),
        ("application/n-triples", ox.RdfFormat.N_TRIPLES),
        ("application/rdf+xml", ox.RdfFormat.RDF_XML),
        ("text/html;q=0.5, text/turtle", ox.RdfFormat.TURTLE),
    ],
)
def test_document_is_the_same_graph_in_every_format(client, accept, form):
    plain = client.get("/doc/site/h01", headers={"Accept": "application/n-triples"}).data
    answer = client.get("/doc/site/h01", headers={"Accept": accept})

    def graph(body, of):
        return {(q.subject, q.predicate, q.object) for q in ox.parse(body, format=of)}

    assert answer.mimetype == accept.split(",")[-1].strip()
    assert graph(answer.data, form) == graph(plain, ox.RdfFormat.N_TRIPLES)
    assert "Accept" in answer.headers["Vary"]


def test_parts_of_a_thing_come_with_it(client):
    triples = list(
        ox.parse(client.get("/doc/contract/h01/r1", headers={"Accept": "application/n-triples"}).data, format=ox.RdfFormat.N_TRIPLES)
    )

    assert "http://127.0.0.1:8080/id/contract/h01/r1#capacity" in {quad.subject.value for quad in triples}


def test_browser_gets_a_page_with_what_refers_to_it(client):
    page = client.get("/doc/site/h01", headers={"Accept": "text/html"}).text

    assert "Refers to it" in page
    assert "/id/connection/h01" in page


def test_unknown_thing_is_a_problem_in_the_one_form(client):
    answer = client.get("/doc/site/nobody", headers={"Accept": "text/turtle"})

    assert (answer.status_code, answer.mimetype) == (404, "application/problem+json")
    assert answer.json["detail"] == "The graph says nothing about <http://127.0.0.1:8080/id/site/nobody>"
    assert answer.json["instance"].startswith("urn:uuid:")
