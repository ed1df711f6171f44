"""The lists of members and devices: search, filters, order, pages, CSV."""

import csv
import io

import pytest
from pyoxigraph import Literal, NamedNode, Quad

from kg.terms import Lang, describe, iri
from ontology.names import FC, FCV, RDF, RDFS


def table(answer):
    text = answer.get_data(as_text=True)
    assert answer.status_code == 200, text[:500]
    return text


def rows(answer):
    return list(csv.DictReader(io.StringIO(answer.get_data(as_text=True))))


def test_the_members_are_listed_with_home_feeder_and_state(client):
    text = table(client.get("/members"))

    assert 'href="/members/h01"' in text
    assert "Home h02" in text
    assert "Feeder 1" in text
    assert "2 in all" in text


def test_the_devices_are_listed_with_what_their_owners_say(client):
    found = rows(client.get("/ders?format=csv"))

    assert {row["key"]: (row["type"], row["kw"], row["state"], row["contract"]) for row in found} == {
        "device/h01-battery": ("Battery", "5", "offered", "yes"),
        "device/h01-pv": ("PV system", "4", "offered", "no"),
        "device/h02-battery": ("Battery", "5", "offered", "yes"),
        "device/h02-ev": ("EV charger", "7.4", "withheld", "yes"),
        "device/h02-heatpump": ("Heat pump", "2.5", "undecided", "no"),
    }


@pytest.mark.parametrize(
    ("query", "keys"),
    [
        ("q=h01+batter", ["device/h01-battery"]),
        ("q=HOME", []),
        ("q=zzz", []),
        (f"type={FC.PVSystem}".replace("#", "%23"), ["device/h01-pv"]),
    ],
)
def test_a_search_finds_by_words_and_a_filter_by_the_term(client, query, keys):
    assert [row["key"] for row in rows(client.get(f"/ders?{query}&format=csv"))] == keys


def test_a_column_sorts_both_ways_and_what_is_missing_stays_last(client, store, iris):
    graph = iris.graph("member", "h01", "osb", "h01")
    thing = iris.id("device", "h01-plug")
    store.apply(
        insert=describe(graph, thing, {RDF.type: FC.SmartPlug, RDFS.label: Lang("Plug"), FC.locatedAt: iri(iris.id("site", "h01"))})
    )

    up = [row["kw"] for row in rows(client.get("/ders?sort=kw&format=csv"))]
    down = [row["kw"] for row in rows(client.get("/ders?sort=-kw&format=csv"))]

    assert up == ["2.5", "4", "5", "5", "7.4", ""]
    assert down == ["7.4", "5", "5", "4", "2.5", ""]


def test_a_list_follows_the_graph(client, store, iris):
    assert "Sunny roof" not in table(client.get("/ders"))
    graph = iris.graph("member", "h01", "osb", "h01")
    thing = iris.id("device", "h01-pv")
    old = [each for each in store.graph(graph) if each.subject == NamedNode(thing) and each.predicate.value == str(RDFS.label)]

    store.apply(
        delete=[Quad(each.subject, each.predicate, each.object, NamedNode(graph)) for each in old],
        insert=[Quad(NamedNode(thing), NamedNode(str(RDFS.label)), Literal("Sunny roof", language="en"), NamedNode(graph))],
    )

    assert "Sunny roof" in table(client.get("/ders"))


def test_pages_are_of_fifty_and_one_beyond_the_last_is_the_last(client, store, iris):
    registry = iris.graph("registry")
    store.apply(
        insert=[
            quad
            for number in range(120)
            for quad in describe(registry, iris.id("device", f"x{number}"), {RDF.type: FC.PVSystem, RDFS.label: Lang(f"Roof {number}")})
        ]
    )

    text = table(client.get("/ders?q=roof&sort=name&page=99"))

    assert "Page 3 of 3" in text
    assert text.count('<th scope="row">') == 20
    assert text.index("Roof 100<") < text.index("Roof 119<")


def test_names_are_said_in_the_readers_language_and_hostile_ones_are_text(client, store, iris):
    graph, thing = iris.graph("registry"), iris.id("device", "evil")
    label = [Literal("<script>alert(1)</script>", language="en"), Literal("Tejado", language="es")]
    store.apply(insert=describe(graph, thing, {RDF.type: FC.PVSystem, RDFS.label: label}))

    assert "&lt;script&gt;alert(1)" in table(client.get("/ders"))
    assert "<script>alert" not in table(client.get("/ders"))
    spanish = table(client.get("/ders?lang=es"))
    assert "Tejado" in spanish
    assert "Batería" in spanish


def test_a_name_like_a_formula_is_guarded_in_the_file(client, store, iris):
    graph, thing = iris.graph("registry"), iris.id("device", "evil")
    store.apply(insert=describe(graph, thing, {RDF.type: FC.PVSystem, RDFS.label: Lang("=1+1")}))

    answer = client.get("/ders?q=evil&format=csv&bom=1")

    assert answer.data.startswith(b"\xef\xbb\xbf")
    assert ",'=1+1," in answer.get_data(as_text=True)


@pytest.mark.parametrize("page", ["0", "-1", "x", "99999999999", "²"])
def test_a_page_that_is_no_number_is_the_first(client, page):
    assert "5 in all" in table(client.get(f"/ders?page={page}&sort=nonsense"))


def test_only_the_operator_sees_lists(as_member, anonymous):
    for path in ("/members", "/ders"):
        assert as_member("h01").get(path).status_code == 403
        assert anonymous.get(path).status_code == 401


def test_a_device_without_word_of_its_owner_is_undecided(client, store, iris):
    graph, thing = iris.graph("registry"), iris.id("device", "new")
    store.apply(insert=describe(graph, thing, {RDF.type: FC.HeatPump, RDFS.label: Lang("New"), FC.controlType: FCV.OMBC}))

    assert [row["state"] for row in rows(client.get("/ders?q=device/new&format=csv"))] == ["undecided"]
