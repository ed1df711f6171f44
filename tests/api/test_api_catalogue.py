"""The catalogue: valid DCAT-AP, true to the store, and for each reader of what they may see."""

from datetime import UTC, datetime
from pathlib import Path

import pyoxigraph as ox
import pytest
import rdflib
from linked_roles import BASE, MEMBER, OPERATOR, ROLES, client_as, scope_of
from pyoxigraph import Literal, NamedNode, Quad
from pyshacl import validate
from rdflib.namespace import DCAT, VOID

from api import figures
from api.catalogue import publish
from api.figures import Counts
from kg.bootstrap import load_public
from kg.embedded import EmbeddedStore
from ontology.names import DCTERMS, FC, RDFS, SLOT

TURTLE, HTML = "text/turtle", "text/html"
NOW = datetime(2016, 8, 31, 12, tzinfo=UTC)


@pytest.fixture
def whole(services):
    load_public(services.store, services.iris)
    return services


def described(client, path="/.well-known/void"):
    answer = client.get(path, headers={"Accept": TURTLE})
    assert (answer.status_code, answer.mimetype) == (200, TURTLE)
    return rdflib.Graph().parse(data=answer.data, format="turtle")


def of(key):
    return rdflib.URIRef(f"{BASE}/catalogue#{key}")


@pytest.mark.parametrize("role", ROLES)
def test_catalogue_has_what_dcat_ap_demands(whole, role):
    graph = described(client_as(whole, ROLES[role]))
    conforms, _, report = validate(graph, shacl_graph=rdflib.Graph().parse(Path(__file__).with_name("dcat_ap_shapes.ttl")))

    assert conforms, report


def test_shape_of_the_test_refuses_a_catalogue_that_lacks_something(whole):
    graph = described(client_as(whole, ROLES["public"]))
    graph.remove((of("feed"), rdflib.URIRef(str(DCTERMS) + "title"), None))

    assert not validate(graph, shacl_graph=rdflib.Graph().parse(Path(__file__).with_name("dcat_ap_shapes.ttl")))[0]


@pytest.mark.parametrize("role", ROLES)
def test_figures_are_those_of_the_graphs_that_the_reader_may_see(whole, role):
    scope = scope_of(whole, ROLES[role])
    graph = described(client_as(whole, ROLES[role]))
    prefixes = {"ontology": ("ontology",), "shapes": ("shapes",), "feed": ("feed/",), "members": ("member/",), "market": ("market",)}
    for key, paths in prefixes.items():
        begins = tuple(f"{BASE}/graph/{path}" for path in paths)
        seen = [name for name in whole.store.graphs() if name.startswith(begins) and scope.allows(name)]
        counted = [triple for name in seen for triple in whole.store.graph(name)]
        said = graph.value(of(key), VOID.triples)
        if not seen and key in ("members", "market"):
            assert said is None
            continue
        assert int(said) == len(counted)
        for part in graph.objects(of(key), VOID.propertyPartition):
            name, number = str(graph.value(part, VOID.property)), int(graph.value(part, VOID.triples))
            assert number == sum(triple.predicate.value == name for triple in counted)
        for part in graph.objects(of(key), VOID.classPartition):
            name, number = str(graph.value(part, VOID["class"])), int(graph.value(part, VOID.entities))
            typed = [
                {t.subject for t in whole.store.graph(g) if str(t.object) == f"<{name}>" and str(t.predicate).endswith("#type>")}
                for g in seen
            ]
            assert number == sum(map(len, typed))
        assert not any(str(name).startswith(str(SLOT)) for name in graph.objects(None, VOID.property))


def test_figures_follow_what_is_written(whole):
    client = client_as(whole, OPERATOR)
    before = int(described(client).value(of("market"), VOID.triples))
    note = Quad(NamedNode(f"{BASE}/id/note/n1"), NamedNode(RDFS.label), Literal("n"), NamedNode(f"{BASE}/graph/market"))
    whole.store.apply(insert=[note])
    figures.counts(whole.store)._known.clear()  # as after two hundred times the time it took

    assert int(described(client).value(of("market"), VOID.triples)) == before + 1


def test_counting_takes_at_most_a_two_hundredth_of_the_time_and_half_a_second_a_call():
    store, clock = EmbeddedStore(), [0.0]
    names = [f"urn:g:{number}" for number in range(5)]

    def put(number):
        store.apply(insert=[Quad(NamedNode(f"urn:s:{number}"), NamedNode(RDFS.label), Literal("x"), NamedNode(name)) for name in names])

    class Slow:
        """A store each of whose answers takes a tenth of a second of the clock."""

        changes = property(lambda self: store.changes)

        def select(self, query):
            clock[0] += 0.1
            return store.select(query)

    put(0)
    counts, slow = Counts(lambda: clock[0]), Slow()
    first = counts.of(slow, names, NOW)  # two questions a graph: three graphs until half a second has passed
    assert (first.triples, first.missing, round(clock[0], 6)) == (3, 2, 0.6)
    assert (counts.of(slow, names, NOW).triples, round(clock[0], 6)) == (5, 1.0)
    put(1)
    clock[0] += 30  # less than 200 × 0.2 s
    assert (counts.of(slow, names, NOW).triples, round(clock[0], 6)) == (5, 31.0)
    clock[0] += 60
    assert counts.of(slow, names, NOW).triples == 8  # the three that are due longest
    assert counts.of(slow, names, NOW).triples == 10
    store.close()


def test_member_is_told_of_its_own_data_and_of_nobody_elses(whole):
    page = client_as(whole, MEMBER).get("/catalogue", headers={"Accept": HTML, "Accept-Language": "es"}).text

    assert "Sus propios datos" in page
    assert "member/h01" in page
    assert "h02" not in page
    assert "market" not in page
    assert "sin licencia" in page


def test_public_sees_the_public_datasets_with_their_licence(whole):
    graph = described(client_as(whole, ROLES["public"]))

    licence = rdflib.URIRef(str(DCTERMS) + "license")
    keys = {str(name).rpartition("#")[2] for name in graph.objects(None, DCAT.dataset)}
    assert keys == {"ontology", "shapes", "feed", "aggregates", "catalogue"}
    assert {str(graph.value(of(key), licence)) for key in keys} == {"https://creativecommons.org/licenses/by/4.0/"}


def test_licence_that_the_registry_states_holds(whole):
    other = NamedNode("https://creativecommons.org/publicdomain/zero/1.0/")
    stated = Quad(NamedNode(f"{BASE}/catalogue#feed"), NamedNode(str(DCTERMS) + "license"), other, NamedNode(f"{BASE}/graph/registry"))
    whole.store.apply(insert=[stated])
    graph = described(client_as(whole, ROLES["public"]))

    assert {str(each) for each in graph.objects(of("feed"), rdflib.URIRef(str(DCTERMS) + "license"))} == {other.value}


def test_readings_have_their_period_and_a_csv(whole):
    graph = described(client_as(whole, MEMBER))
    period = graph.value(of("members"), rdflib.URIRef(str(DCTERMS) + "temporal"))

    assert (str(graph.value(period, DCAT.startDate))[-2:], str(graph.value(period, DCAT.endDate))) == ("01", "2016-09-30")  # whole months
    assert f"{BASE}/dumps/members.csv" in set(map(str, graph.objects(None, DCAT.downloadURL)))
    assert f"{BASE}/dumps/ontology.csv" not in set(map(str, graph.objects(None, DCAT.downloadURL)))


def test_every_download_of_the_catalogue_that_has_anything_is_there(whole):
    client = client_as(whole, MEMBER)
    graph = described(client)
    for node in graph.subjects(DCAT.downloadURL):
        path = str(graph.value(node, DCAT.downloadURL)).removeprefix(BASE)
        dataset = of(path.removeprefix("/dumps/").partition(".")[0])
        expected = 200 if int(graph.value(dataset, VOID.triples) or 0) else 404
        assert client.get(path, buffered=True).status_code == expected, path


def test_size_is_told_once_the_file_has_been_made(whole):
    client = client_as(whole, MEMBER)
    body = client.get("/dumps/members.nq", buffered=True).data
    graph = described(client)

    assert int(graph.value(of("members.nq"), DCAT.byteSize)) == len(body)
    assert graph.value(of("members.ttl"), DCAT.byteSize) is None


def test_page_and_rdf_are_one_address_and_void_is_never_a_page(whole):
    client = client_as(whole, ROLES["public"])

    assert client.get("/catalogue", headers={"Accept": HTML}).mimetype == HTML
    assert set(described(client, "/catalogue")) == set(described(client))
    assert client.get("/.well-known/void", headers={"Accept": "text/html,*/*;q=0.1"}).mimetype == TURTLE
    assert client.get("/.well-known/void").headers["Access-Control-Allow-Origin"] == "*"


def test_what_everybody_may_know_is_published_in_its_graph(whole):
    written = publish(whole.store, whole.iris, NOW)
    triples = whole.store.graph(f"{BASE}/graph/catalogue")

    assert written == len(set(triples)) > 100
    text = "\n".join(map(str, triples))
    assert f"<{BASE}/catalogue#feed>" in text
    assert f"<{BASE}/catalogue#members>" not in text
    assert "/member/" not in text
    client = client_as(whole, ROLES["public"])
    nquads = client.get("/dumps/catalogue.nq", buffered=True).data
    assert {quad.triple for quad in ox.parse(nquads, format=ox.RdfFormat.N_QUADS)} == set(triples)


def test_catalogue_of_nothing_is_a_catalogue(services):
    services.store.drop(services.store.graphs())
    page = client_as(services, ROLES["public"]).get("/catalogue", headers={"Accept": HTML})

    assert page.status_code == 200
    assert "nothing yet" in page.text
    assert str(FC) not in page.text
