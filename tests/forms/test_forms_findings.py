"""What is wrong in the registry, written around the gate as a box, a backup or an older version would have left it."""

from pathlib import Path

import pyoxigraph as ox
import pytest
from pyoxigraph import Literal, NamedNode, Quad

from forms.findings import Fault, Survey
from forms.index import Index
from kg.terms import Lang, describe, iri
from ontology.names import FC, FCV, RDF, RDFS, SAREF, XSD


@pytest.fixture
def survey(store, iris):
    with (Path(__file__).parents[1] / "data" / "competency.trig").open("rb") as file:
        store.apply(insert=list(ox.parse(file, format=ox.RdfFormat.TRIG)))
    return Survey(store, iris, Index(store, iris, lambda: 0.0))


def found(survey, key=""):
    return [(each.severity, each.fault, each.key, each.field) for each in survey.look() if key in each.key]


def test_nothing_is_wrong_with_the_example(survey):
    assert found(survey) == []


def test_a_missing_value_leads_to_its_field(store, iris, survey):
    graph, thing = iris.graph("member", "h01", "facts"), NamedNode(iris.id("site", "h01"))
    zone = next(each for each in store.graph(graph) if each.subject == thing and each.predicate.value == str(FC.timeZone))
    store.apply(delete=[Quad(zone.subject, zone.predicate, zone.object, NamedNode(graph))])

    (one,) = survey.look()

    assert (one.severity, one.fault, one.key, one.field, one.owner) == ("Violation", Fault.MISSING, "site/h01", "Site-timeZone", "h01")
    assert one.names["en"] == "Home h01"
    assert one.told["es"].startswith("Falta el campo Zona horaria.")


def test_a_wrong_rating_leads_to_the_field_of_the_device(store, iris, survey):
    graph, part = iris.graph("member", "h01", "osb", "h01"), iris.id("device", "h01-battery#ratedPower")
    old = next(each for each in store.graph(graph) if each.subject == NamedNode(part) and each.predicate.value == str(SAREF.hasValue))
    new = Literal("-5", datatype=NamedNode(str(XSD.decimal)))
    store.apply(
        delete=[Quad(old.subject, old.predicate, old.object, NamedNode(graph))],
        insert=[Quad(old.subject, old.predicate, new, NamedNode(graph))],
    )

    assert found(survey) == [("Violation", Fault.WRONG, "device/h01-battery", "BatterySystem-ratedPower")]


def test_a_rating_that_is_not_there_is_missing(store, iris, survey):
    graph, part = NamedNode(iris.graph("member", "h01", "osb", "h01")), NamedNode(iris.id("device", "h01-battery#ratedPower"))
    gone = [
        Quad(each.subject, each.predicate, each.object, graph) for each in store.graph(graph.value) if part in (each.subject, each.object)
    ]
    store.apply(delete=gone)

    assert found(survey) == [("Violation", Fault.MISSING, "device/h01-battery", "BatterySystem-ratedPower")]


def test_two_values_where_one_may_be_are_wrong_and_not_missing(store, iris, survey):
    graph = iris.graph("member", "h01", "facts")
    store.apply(insert=describe(graph, iris.id("site", "h01"), {FC.timeZone: "Europe/Madrid"}))

    assert found(survey) == [("Violation", Fault.WRONG, "site/h01", "Site-timeZone")]


def test_a_term_that_does_not_exist_is_unknown(store, iris, survey):
    graph = iris.graph("registry")
    store.apply(insert=[Quad(NamedNode(iris.id("node", "feeder-1")), NamedNode(str(FC._NS) + "colour"), Literal("red"), NamedNode(graph))])

    assert found(survey) == [("Violation", Fault.UNKNOWN, "node/feeder-1", "")]


def test_a_reference_that_leads_nowhere_is_found_where_no_shape_looks(store, iris, survey):
    graph, thing = iris.graph("member", "h01", "facts"), NamedNode(iris.id("connection", "h01"))
    node = next(each for each in store.graph(graph) if each.subject == thing and each.object == NamedNode(iris.id("node", "feeder-1")))
    store.apply(
        delete=[Quad(node.subject, node.predicate, node.object, NamedNode(graph))],
        insert=[Quad(node.subject, node.predicate, NamedNode(iris.id("node", "feeder-9")), NamedNode(graph))],
    )

    (one,) = survey.look()

    assert (one.severity, one.fault, one.field) == ("Warning", Fault.NOWHERE, "GridConnectionPoint-node")
    assert one.told["en"] == (
        "Grid node is “node/feeder-9”, but there is no such thing. It was removed or never entered; choose another one, or enter it."
    )


def test_a_device_at_the_site_of_another_member_is_found(store, iris, survey):
    graph = iris.graph("member", "h01", "osb", "h01")
    thing = NamedNode(iris.id("device", "h01-pv"))
    old = next(each for each in store.graph(graph) if each.subject == thing and each.predicate.value == str(FC.locatedAt))
    store.apply(
        delete=[Quad(old.subject, old.predicate, old.object, NamedNode(graph))],
        insert=[Quad(thing, old.predicate, NamedNode(iris.id("site", "h02")), NamedNode(graph))],
    )

    (one,) = survey.look()

    assert (one.severity, one.fault, one.key, one.field) == ("Violation", Fault.FOREIGN, "device/h01-pv", "locatedAt")
    assert "“Home h02”, which belongs to another member" in one.told["en"]


def test_a_home_may_be_the_copy_of_another_members(survey):
    assert found(survey, "site/h02") == []  # it is one of h01


def test_a_thing_in_two_members_graphs_is_found_at_both(store, iris, survey):
    thing = iris.id("zone", "h01-living")
    said = {RDF.type: FC.ThermalZone, RDFS.label: Lang("Living room"), FC.locatedAt: iri(iris.id("site", "h02"))}
    store.apply(insert=describe(iris.graph("member", "h02", "facts"), thing, said))

    assert [(each.owner, each.fault) for each in survey.look() if each.fault is Fault.TWICE] == [("h01", Fault.TWICE), ("h02", Fault.TWICE)]


def test_only_what_has_changed_is_looked_at_again(store, iris, survey):
    survey.look()
    assert survey.pending() == []

    store.apply(insert=describe(iris.graph("member", "h02", "facts"), iris.id("site", "h02"), {FC.timeZone: "Europe/Lisbon"}))
    assert survey.pending() == ["h02"]
    assert len(survey.look()) == 1

    store.apply(insert=describe(iris.graph("registry"), iris.id("node", "feeder-2"), {RDF.type: FC.GridNode, RDFS.label: Lang("F 2")}))
    assert survey.pending() == ["", "h01", "h02"]


def test_readings_do_not_make_it_look_again(store, iris, survey):
    survey.look()

    store.apply(insert=describe(iris.graph("member", "h01", "latest"), iris.id("connection", "h01#activePower"), {FC.latestValue: 2}))

    assert survey.pending() == []


def test_it_can_be_stopped_and_goes_on_where_it_was(survey):
    def stop(done, total):
        raise InterruptedError

    with pytest.raises(InterruptedError):
        survey.look(stop)

    assert survey.look() == ()


def test_a_wrong_choice_is_a_wrong_value(store, iris, survey):
    graph = iris.graph("member", "h01", "osb", "h01")
    store.apply(insert=describe(graph, iris.id("device", "h01-pv"), {FC.controlType: FCV.RatedPower}))

    assert {each.fault for each in survey.look()} == {Fault.WRONG}


def test_a_home_that_is_the_copy_of_nothing_is_found(store, iris, survey):
    store.apply(insert=describe(iris.graph("member", "h01", "facts"), iris.id("site", "h01"), {FC.copyOf: iri(iris.id("site", "gone"))}))

    assert found(survey) == [("Warning", Fault.NOWHERE, "site/h01", "Site-copyOf")]
