"""The registry's own pages: classes, lists with everything a form asks, imports, pasted RDF, findings."""

import csv
import io
import itertools
import time
from dataclasses import replace

import openpyxl
import pytest
from patience import PATIENCE_S
from pyoxigraph import Literal, NamedNode, Quad

from api import ApiSettings, create_app
from forms.sheets import csv_of
from ontology.names import FC, RDFS
from registry.gate import Gate
from sparql.intake import Intake


@pytest.fixture
def operator(services, iris, signed_in):
    """An operator's client of a platform that writes."""
    numbers = itertools.count(1)
    intake = Intake()
    gate = Gate(services.store, iris, services.now, lambda: f"t{next(numbers)}")
    yield signed_in(create_app(ApiSettings(shown_settings=()), replace(services, gate=gate, intake=intake)))
    intake.close()


def text_of(answer, status=200):
    text = answer.get_data(as_text=True)
    assert answer.status_code == status, text[:800]
    return text


def ended(client, path):
    """Open a page until the work it waits for has ended."""
    until = time.monotonic() + PATIENCE_S
    while "data-progress" in (text := text_of(client.get(path))) or "are being written" in text:
        assert time.monotonic() < until
        time.sleep(0.1)
    return text


def send(client, slug, content, name="sheet.csv"):
    body = content if isinstance(content, bytes) else content.encode()
    return client.post(f"/registry/{slug}/import", data={"file": (io.BytesIO(body), name)}, content_type="multipart/form-data")


def label(client, key):
    return client.get(f"/registry/grid-node?format=csv&q={key}").get_data(as_text=True)


def test_the_registry_lists_its_classes_with_how_many_there_are(client):
    text = text_of(client.get("/registry"))

    assert '<a href="/registry/battery-system">Battery</a></th><td class="n">2</td>' in text
    assert 'href="/registry/heat-pump/import"' in text


def test_a_class_is_listed_by_its_most_telling_fields(client):
    text = text_of(client.get("/registry/battery-system?sort=-BatterySystem-storageCapacity"))

    assert "Storage capacity, kWh" in text
    assert "6.4<" in text
    assert text_of(client.get("/registry/battery-system?lang=es")).count("Capacidad, kWh") == 1


@pytest.mark.parametrize("slug", ["nonsense", "channel", "..%2Fx"])
def test_a_class_that_is_not_entered_by_hand_is_not_there(client, slug):
    assert client.get(f"/registry/{slug}", headers={"Accept": "application/json"}).status_code == 404


def test_a_list_is_saved_changed_and_sent_back(operator):
    text = text_of(operator.get("/registry/grid-node?format=csv"))
    assert text.splitlines()[0].startswith("key,label@en")

    answer = send(operator, "grid-node", text.replace("Feeder 1", "North") + "feeder-2,South\r\n")
    page = ended(operator, answer.location)

    assert "<del>Feeder 1</del> → <ins>North</ins>" in page
    assert "Write 2 rows" in page
    assert "North" not in label(operator, "feeder-1")  # nothing is written yet
    done = operator.post(answer.location, data={"why": "renamed"})
    assert "2 rows were written" in ended(operator, done.location)
    assert "North" in label(operator, "feeder-1")
    assert "South" in label(operator, "feeder-2")


def test_a_row_whose_thing_changed_since_the_preview_is_told_and_the_others_are_written(operator, services, iris):
    answer = send(operator, "grid-node", "key,label@en\nfeeder-1,North\nfeeder-2,South\n")
    ended(operator, answer.location)
    thing, graph = NamedNode(iris.id("node", "feeder-1")), NamedNode(iris.graph("registry"))
    (was,) = [each for each in services.store.graph(graph.value) if each.subject == thing and each.predicate.value == str(RDFS.label)]
    other = Quad(thing, was.predicate, Literal("East", language="en"), graph)
    services.store.apply(delete=[Quad(thing, was.predicate, was.object, graph)], insert=[other])

    page = ended(operator, operator.post(answer.location).location)

    assert "1 row was written" in page
    assert "Somebody else has changed what this row is about since it was shown." in page
    assert "East" in label(operator, "feeder-1")
    assert "South" in label(operator, "feeder-2")
    rest = list(csv.reader(io.StringIO(text_of(operator.get(f"{answer.location}?format=csv")))))
    assert rest[0] == ["key", "label@en", "sentences"]
    assert [row[:2] for row in rest[1:]] == [["feeder-1", "North"]]
    again = operator.post(f"{answer.location}/again")
    assert "<del>East</del> → <ins>North</ins>" in ended(operator, again.location)


def test_refused_rows_are_saved_with_their_sentences_and_may_come_again(operator):
    answer = send(operator, "battery-system", "key,BatterySystem-ratedPower\nh01-battery,much\nh02-battery,4\n")
    assert "“much” is not a number" in ended(operator, answer.location)

    refused = text_of(operator.get(f"{answer.location}?format=csv"))

    assert refused.splitlines()[0] == "key,BatterySystem-ratedPower,sentences"
    assert len(refused.splitlines()) == 2
    again = send(operator, "battery-system", refused.replace("much", "4.5"))
    assert "Write 1 row<" in ended(operator, again.location)


def test_a_workbook_is_read_as_well(operator):
    book = openpyxl.Workbook()
    for row in (["key", "label@en"], ["feeder-1", "Norte ñ"]):
        book.active.append(row)
    file = io.BytesIO()
    book.save(file)

    answer = send(operator, "grid-node", file.getvalue(), "sheet.xlsx")

    assert "<ins>Norte ñ</ins>" in ended(operator, answer.location)


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "The file is empty"),
        (b"key,label@en\n", "no row below its first"),
        (b"key,colour\nx,red\n", "The columns colour are not known here"),
        (b"PK\x03\x04rubbish", "no .xlsx that can be read"),
        (b"\xd0\xcf\x11\xe0old", "before 2007"),
    ],
)
def test_a_file_that_is_no_sheet_is_refused_with_a_sentence(operator, content, sentence):
    assert sentence in text_of(send(operator, "grid-node", content), 422)


def test_no_file_is_a_sentence_too(operator):
    assert "No file was sent" in text_of(operator.post("/registry/grid-node/import"), 422)


def test_an_import_is_seen_by_whoever_began_it_alone(operator, as_member, services, access, signed_in):
    answer = send(operator, "grid-node", "key,label@en\nfeeder-1,North\n")

    assert as_member("h01").get(answer.location).status_code in (403, 404)
    assert operator.get("/registry/imports/nonsense", headers={"Accept": "application/json"}).status_code == 404


def test_members_with_home_are_imported(operator):
    sheet = csv_of([["member", "time_zone", "feeder", "import_limit_kw", "pv_kw"], ["n1", "Europe/Madrid", "Feeder 1", "5.75", "4.2"]])

    answer = send(operator, "home", sheet)
    assert "Write 1 row" in ended(operator, answer.location)
    assert "1 row was written" in ended(operator, operator.post(answer.location).location)

    assert "n1" in text_of(operator.get("/members?q=n1"))
    assert "pv n1" in text_of(operator.get("/ders?q=n1"))


def test_hostile_cells_are_text_on_the_page(operator):
    answer = send(operator, "grid-node", 'key,label@en\nfeeder-1,"<script>alert(1)</script>"\n"<img src=x>",y\n')

    page = ended(operator, answer.location)

    assert "<script>alert" not in page
    assert "<img" not in page


TURTLE = '@prefix rdfs: <http://www.w3.org/2000/01/rdf-schema#> . <node/feeder-1> rdfs:label "Noord"@nl .'


def test_pasted_turtle_is_shown_and_written_when_confirmed(operator, store, iris):
    given = {"text": TURTLE, "syntax": "text/turtle", "graph": "registry", "mode": "add"}
    page = text_of(operator.post("/registry/paste", data=given))
    assert "Statements that come: 1; that go: 0" in page
    tag = page.split('name="tag" value="')[1].split('"')[0]

    answer = operator.post("/registry/paste", data=given | {"tag": tag, "why": "Dutch"})

    assert answer.status_code == 303
    assert "Noord" in {triple.object.value for triple in store.graph(iris.graph("registry"))}


def test_pasted_rdf_may_take_the_place_of_what_is_there(operator, store, iris):
    text = TURTLE.replace("rdfs:label", "a <https://w3id.org/flexcoop/ns#GridNode> ; rdfs:label")
    given = {"text": text, "syntax": "text/turtle", "graph": "registry", "mode": "replace"}

    page = text_of(operator.post("/registry/paste", data=given))

    assert "Statements that come: 1; that go: 1" in page


def test_a_tag_of_something_else_shows_it_again_and_writes_nothing(operator, store, iris):
    before = set(store.graph(iris.graph("registry")))
    given = {"text": TURTLE, "syntax": "text/turtle", "graph": "registry", "mode": "add", "tag": "0" * 32}

    page = text_of(operator.post("/registry/paste", data=given), 422)

    assert "Something has changed since this was shown" in page
    assert set(store.graph(iris.graph("registry"))) == before


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"text": "this is no turtle", "syntax": "text/turtle"}, ""),
        ({"text": '{"@context": "https://example.org/c.jsonld", "@id": "x"}', "syntax": "application/ld+json"}, "context"),
        ({"text": TURTLE, "graph": "audit"}, "is written by the platform itself"),
        ({"text": TURTLE, "graph": "member/../audit"}, "empty part or one of dots"),
        ({"text": TURTLE, "graph": "http://x y/"}, "is not an absolute IRI"),
    ],
)
def test_what_can_not_be_pasted_is_refused_with_a_sentence(operator, given, sentence):
    page = text_of(operator.post("/registry/paste", data={"syntax": "text/turtle", "graph": "registry", "mode": "add"} | given), 422)

    assert 'role="alert"' in page
    assert sentence in page


def test_what_the_shapes_refuse_is_told_and_not_written(operator, store, iris):
    text = '<site/h01> <https://w3id.org/flexcoop/ns#timeZone> "Madrid" .'
    given = {"text": text, "syntax": "text/turtle", "graph": "member/h01/facts", "mode": "add"}
    tag = text_of(operator.post("/registry/paste", data=given)).split('name="tag" value="')[1].split('"')[0]

    page = text_of(operator.post("/registry/paste", data=given | {"tag": tag}), 422)

    assert "The shapes refuse it" in page
    assert "Madrid" not in {triple.object.value for triple in store.graph(iris.graph("member", "h01", "facts"))}


def test_findings_lead_to_the_field_that_mends_them(client, store, iris):
    assert "Nothing is wrong" in ended(client, "/registry/findings")
    graph, thing = iris.graph("member", "h01", "facts"), NamedNode(iris.id("site", "h01"))
    zone = next(each for each in store.graph(graph) if each.subject == thing and each.predicate.value == str(FC.timeZone))
    store.apply(delete=[Quad(zone.subject, zone.predicate, zone.object, NamedNode(graph))])

    page = ended(client, "/registry/findings")

    assert 'href="/things/site/h01/edit#f-Site-timeZone"' in page
    assert "Something is missing" in page
    assert "Time zone is missing." in page
    assert "Falta el campo Zona horaria." in ended(client, "/registry/findings?lang=es")
    assert "Violation,missing,site/h01,h01,Site-timeZone,Home h01" in text_of(client.get("/registry/findings?format=csv"))
    assert "Nothing fits" in ended(client, "/registry/findings?fault=foreign")


def test_everything_here_is_the_operators_alone(as_member, anonymous):
    paths = [
        "/registry",
        "/registry/grid-node",
        "/registry/findings",
        "/registry/paste",
        "/registry/grid-node/import",
        "/registry/home/import",
    ]
    for path in paths:
        assert as_member("h01").get(path).status_code == 403
        assert anonymous.get(path).status_code == 401
