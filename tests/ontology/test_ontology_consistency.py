"""The reasoner finds no contradiction: alone, with the ontologies of others, and with data; and it finds one that is planted."""

import shutil
from pathlib import Path

import pyoxigraph as ox
import pytest
import servers
from rdflib import OWL, RDF, RDFS, BNode, Graph, Literal, URIRef

from ontology import consistency, generate
from ontology.names import FC, FCV, SEAS, XSD

EX = "http://127.0.0.1:8080/id/"
X, Y, Z = (URIRef(EX + key) for key in "xyz")
SHARED = Path(__file__).parents[2].parent / "shared" / "ontologies"


@pytest.fixture(autouse=True)
def java():
    servers.require(shutil.which("java") is not None, "HermiT needs Java, and there is no java on the PATH")


def facts(*triples):
    graph = Graph()
    for triple in triples:
        graph.add(triple)
    return graph


def test_the_modules_alone_are_consistent_and_no_class_is_empty():
    assert consistency.check(generate.graph()) == consistency.Verdict(True, ())


def test_the_modules_agree_with_the_ontologies_of_others():
    if not SHARED.is_dir():
        pytest.skip("the ontologies of others are not in this checkout; their axioms that count are restated in alignment.ttl")

    verdict = consistency.check(generate.graph(), *(external.read(SHARED) for external in consistency.EXTERNAL))

    assert verdict.good, verdict


def test_the_competency_data_contradict_nothing():
    quads = ox.parse(path=str(Path(__file__).parents[1] / "data" / "competency.trig"), format=ox.RdfFormat.TRIG)
    text = ox.serialize((quad.triple for quad in quads), format=ox.RdfFormat.N_TRIPLES)
    data = Graph().parse(data=text, format="nt")

    assert len(data) > 900
    assert consistency.check(generate.graph(), data).good


@pytest.mark.parametrize(
    "planted",
    [
        pytest.param([(X, RDF.type, FC.HeatPump), (X, RDF.type, FC.Member)], id="a device is no member"),
        pytest.param([(X, FC.ownedBy, Y), (Y, RDF.type, FC.PVSystem)], id="an owner is no device"),
        pytest.param([(X, FC.ownedBy, Y), (X, FC.ownedBy, Z), (Y, OWL.differentFrom, Z)], id="one owner"),
        pytest.param([(X, RDF.type, FC.Thermostat), (X, FC.controlType, FCV.DDBC)], id="a thermostat is no DER"),
        pytest.param([(X, RDF.type, FC.SmartPlug), (X, RDF.type, FC.HeatPump)], id="a plug is no heat pump"),
        pytest.param([(X, FC.revisionOf, Y), (X, FC.revisionOf, Z), (Y, OWL.differentFrom, Z)], id="a revision is of one day"),
        pytest.param([(X, FC.amount, Literal("much", datatype=XSD.string))], id="an amount is a number"),
        pytest.param(
            [(X, RDF.type, FC.GridConnectionPoint), (X, SEAS.isOwnedBy, Y)],
            id="SEAS cannot say who owns a connection",
        ),
    ],
)
def test_a_planted_contradiction_is_found(planted):
    assert not consistency.check(generate.graph(), facts(*planted)).consistent


def test_classes_that_can_have_no_instance_are_named():
    pairs = {
        "Hybrid": (FC.PVSystem, FC.EVCharger),
        "Box": (FC.OpenSmartBox, FC.BatterySystem),
        "Home": (FC.Site, FC.Member),
        "RunAndResult": (FC.SettlementRun, FC.SettlementResult),
        "Term": (FC.NoticeTerm, FC.DurationTerm),
        "Point": (FC.GridConnectionPoint, FC.GridNode),
    }
    both = [
        (URIRef(EX + name), predicate, value)
        for name, parents in pairs.items()
        for predicate, value in ((RDF.type, OWL.Class), *((RDFS.subClassOf, parent) for parent in parents))
    ]

    verdict = consistency.check(generate.graph(), facts(*both))

    assert verdict == consistency.Verdict(True, tuple(sorted(EX + name for name in pairs)))


def test_what_owl_gives_no_meaning_to_is_left_out():
    day = facts(
        (FC.day, RDFS.range, XSD.date),
        (FC.amount, RDFS.range, XSD.decimal),
        (URIRef(EX + "s"), FC.day, Literal("2016-08-12", datatype=XSD.date)),
        (URIRef(EX + "o"), OWL.imports, URIRef(EX + "elsewhere")),
    )

    assert set(consistency.reasonable([day])) == {(FC.amount, RDFS.range, XSD.decimal)}


def test_blank_nodes_of_two_files_stay_apart():
    same = BNode("n")

    merged = consistency.reasonable([facts((same, RDF.type, FC.Site)), facts((same, RDF.type, FC.Member))])

    assert len(set(merged.subjects())) == 2
