"""The vocabulary and the shapes as pages and as RDF, and the contexts at addresses that last."""

import re

import pyoxigraph as ox
import pytest
from linked_roles import ROLES, client_as

from api.terms import NS, VOCAB, vocabulary
from mappers.document import BUNDLED
from ontology import generate
from shapes.catalogue import files

TURTLE, HTML = "text/turtle", "text/html"


@pytest.fixture
def client(services):
    return client_as(services, ROLES["public"])


def get(client, path, accept=TURTLE, **headers):
    return client.get(path, headers={"Accept": accept, **headers})


def size(body, form):
    return len(set(ox.parse(body, format=form)))


@pytest.mark.parametrize(
    ("accept", "form"),
    [
        (TURTLE, ox.RdfFormat.TURTLE),
        ("application/ld+json", ox.RdfFormat.JSON_LD),
        ("application/n-triples", ox.RdfFormat.N_TRIPLES),
        ("application/rdf+xml", ox.RdfFormat.RDF_XML),
    ],
)
def test_vocabulary_is_whole_in_every_format(client, accept, form):
    answer = get(client, "/ontology", accept)

    assert answer.mimetype == accept
    assert size(answer.data, form) == len(generate.graph())  # no blank nodes in it that would be counted twice


@pytest.mark.parametrize(
    "path", ["/ontology/core", "/ontology/0.1.0/core", "/ontology/core/0.1.0", "/ontology/vocab", "/ontology/alignment"]
)
def test_module_is_the_file_as_it_was_written(client, path):
    name = next(part for part in path.split("/")[2:] if part != "0.1.0")

    assert get(client, path).data == (generate.HERE / f"{name}.ttl").read_bytes()
    assert get(client, path, HTML).status_code == 200


def test_version_names_the_whole_and_one_that_is_not_kept_is_not_found(client):
    assert get(client, f"/ontology/{vocabulary().version}").data == get(client, "/ontology").data
    for path in ("/ontology/0.0.9", "/ontology/0.0.9/core", "/ontology/core/0.0.9", "/ontology/nothing"):
        answer = get(client, path)
        assert answer.status_code == 404
        assert "not kept here" in answer.json["detail"] or "There is no module or version" in answer.json["detail"]


def test_every_term_of_ours_has_its_place_on_the_page_it_leads_to(client):
    pages = {path: get(client, path, HTML).text for path in ("/ontology", "/ontology/vocab", "/ontology/core")}
    for term in vocabulary().terms.values():
        if term.iri.startswith((NS, VOCAB)):
            page, _, anchor = term.page.partition("#")
            assert f'id="{anchor}"' in pages[page], term.iri
            assert term.iri in pages[page]


def test_no_two_places_on_a_page_have_one_name(client):
    for path in ("/ontology", "/ontology/vocab", "/ontology/alignment", "/shapes"):
        anchors = [found for found in re.findall(r' id="([^"]*)"', get(client, path, HTML).text) if found]
        assert sorted({each for each in anchors if anchors.count(each) > 1}) == [], path


def test_links_within_the_pages_lead_somewhere(client):
    paths = ["/ontology", *(f"/ontology/{name}" for name in vocabulary().modules), "/shapes"]
    pages = {path: get(client, path, HTML).text for path in paths}
    for path, text in pages.items():
        for target in set(re.findall(r'href="(/(?:ontology|shapes)[^"?]*)"', text)):
            page, _, anchor = target.partition("#")
            known = pages.get(page) or get(client, page, HTML).text
            assert not anchor or f'id="{anchor}"' in known, f"{path} → {target}"


def test_page_of_a_term_tells_its_languages_place_and_use(client):
    text = get(client, "/ontology", HTML).text
    site = text[text.index('id="Site"') :]
    site = site[: site.index("</section>")]

    assert all(label in site for label in ("Site", "Emplazamiento", "Locatie"))
    assert "SAREF core 4.1.1" in site
    assert 'href="/shapes/site"' in site
    assert "https://w3id.org/flexcoop/ns#Site" in site
    assert "timeZone" in site
    assert "Locatie <small>" in get(client, "/ontology", HTML, **{"Accept-Language": "nl"}).text


def test_shapes_are_all_there_as_rdf_and_as_tables(client):
    page, turtle = get(client, "/shapes", HTML).text, get(client, "/shapes").data
    whole = {quad.subject.value for quad in ox.parse(turtle, format=ox.RdfFormat.TURTLE) if isinstance(quad.subject, ox.NamedNode)}

    for file in files():
        own = get(client, f"/shapes/{file.stem}")
        assert own.data == file.read_bytes()
        named = {q.subject.value for q in ox.parse(own.data, format=ox.RdfFormat.TURTLE) if isinstance(q.subject, ox.NamedNode)}
        assert named <= whole
        assert get(client, f"/shapes/{file.stem}", HTML).status_code == 200
    assert 'id="Member"' in page
    assert "foaf:name | foaf:givenName" in page
    assert "name exactly one cooperative by IRI" in page
    assert get(client, "/shapes/nothing").status_code == 404


@pytest.mark.parametrize("iri", BUNDLED)
def test_context_is_at_an_address_that_lasts(client, iri):
    answer = client.get(iri.removeprefix("https://w3id.org/flexcoop"))

    assert (answer.status_code, answer.mimetype) == (200, "application/ld+json")
    assert "immutable" in answer.headers["Cache-Control"]
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert "@context" in answer.get_json(force=True)
    again = client.get(iri.removeprefix("https://w3id.org/flexcoop"), headers={"If-None-Match": answer.headers["ETag"]})
    assert again.status_code == 304
    for path in ("/context/v0.jsonld", "/context/..%2F__init__.py", "/context/"):
        assert client.get(path).status_code == 404


def test_vocabulary_may_be_kept_by_everybody_but_its_pages_may_not(client):
    assert get(client, "/ontology").headers["Cache-Control"] == "public, max-age=3600"
    assert get(client, "/ontology", HTML).headers["Cache-Control"] == "private, no-cache"
    assert get(client, "/shapes", "image/png").status_code == 406
