"""The gate: what it is given, what it answers, and what it never does."""

import logging
import socket
from decimal import Decimal
from pathlib import Path

import pyoxigraph as ox
import pytest
from hypothesis import given
from hypothesis import strategies as st

import shapes
from shapes.convert import to_term

ROOT = Path(__file__).parents[2]
PREFIXES = (ROOT / "ontology" / "prefixes.ttl").read_text(encoding="utf-8") + "@base <http://127.0.0.1:8080/id/> .\n"
CHANNEL = """<connection/h01#activePower> a fc:Channel , saref:PropertyOfInterest ; saref:isPropertyOfInterestOf <connection/h01> ;
  saref:hasPropertyKind fcv:ActivePower ; qudt:hasUnit unit:KiloW ; fc:signConvention fcv:ImportPositive ;
  s4ener:hasTemporalResolution "PT15M"^^xsd:dayTimeDuration ."""
NO_SIGN = CHANNEL.replace("fc:signConvention fcv:ImportPositive ;", "")


def turtle(text: str) -> list[ox.Triple]:
    return [quad.triple for quad in ox.parse(PREFIXES + text, format=ox.RdfFormat.TURTLE)]


def observation(value: str, at: str = '"2016-08-12T10:15:00Z"^^xsd:dateTime') -> list[ox.Triple]:
    return turtle(f"<obs/x> a saref:Observation ; saref:observes <x#y> ; saref:hasTimestamp {at} ; sosa:hasSimpleResult {value} .")


def test_finding_tells_focus_path_value_shape_and_severity():
    (finding,) = shapes.validate(turtle(CHANNEL.replace("unit:KiloW", "unit:DEG_F"))).findings

    assert finding.focus == "http://127.0.0.1:8080/id/connection/h01#activePower"
    assert finding.path == "http://qudt.org/schema/qudt/hasUnit"
    assert finding.value == "http://qudt.org/vocab/unit/DEG_F"
    assert finding.shape == "https://w3id.org/flexcoop/shapes#ActivePowerChannel-unit"
    assert finding.severity == "Violation"
    assert finding.sentence == (
        "connection/h01#activePower: Unit is unit:DEG_F. Power is kept in kW; send kW and state unit:KiloW (qudt:hasUnit)."
    )


def test_refusal_holds_every_sentence():
    with pytest.raises(shapes.InvalidGraphError) as caught:
        shapes.refuse_unless_valid(turtle(NO_SIGN.replace("unit:KiloW", "unit:W")), what="The announcement of osb-h01")

    assert len(caught.value.findings) == 2
    assert str(caught.value) == (
        "The announcement of osb-h01 was refused, nothing of it was stored (2 findings):\n"
        "- connection/h01#activePower: Unit is unit:W. Power is kept in kW; send kW and state unit:KiloW (qudt:hasUnit).\n"
        "- connection/h01#activePower: Sign is missing. Without a sign nobody knows import from export; choose exactly one of "
        "fcv:ImportPositive, fcv:ExportPositive, fcv:ProductionPositive, fcv:ConsumptionPositive, fcv:Signed, fcv:Unsigned (fc:signConvention)."
    )


def test_valid_graph_is_let_through():
    shapes.refuse_unless_valid(turtle(CHANNEL), what="The announcement of osb-h01")


def test_empty_graph_conforms():
    assert shapes.validate([]).conforms


def test_context_completes_a_thing():
    sign = turtle("<connection/h01#activePower> fc:signConvention fcv:ImportPositive .")

    assert not shapes.validate(turtle(NO_SIGN)).conforms
    assert shapes.validate(turtle(NO_SIGN), context=sign).conforms


def test_context_is_not_judged():
    assert shapes.validate(turtle(CHANNEL), context=turtle(NO_SIGN.replace("h01", "h02"))).conforms


def test_broken_part_that_only_the_graph_names_is_found():
    event = turtle('<flexibility/x> fc:hasSeries <flexibility/x#reduction> ; fc:at "2016-08-12T10:15:00Z"^^xsd:dateTime ; a fc:OptOut .')

    found = {finding.focus for finding in shapes.validate(event).findings}

    assert "http://127.0.0.1:8080/id/flexibility/x#reduction" in found


def test_only_the_named_things_are_checked():
    graph = turtle(NO_SIGN + '<zone/z> a fc:ThermalZone ; rdfs:label "Kitchen"@en .')

    assert len(shapes.validate(graph).findings) == 2
    assert [finding.focus.rpartition("/id/")[2] for finding in shapes.validate(graph, only=["zone"]).findings] == ["zone/z"]


def test_unknown_thing_is_refused_with_the_known_ones():
    with pytest.raises(ValueError, match=r"there are no shapes for 'heatpump'; choose from .*heat_pump"):
        shapes.validate(turtle(CHANNEL), only=["heatpump"])


def test_misspelt_property_of_ours_is_found():
    (finding,) = shapes.validate(turtle(CHANNEL.replace(" .", " ; fc:signConvenshun fcv:Signed .", 1))).findings

    assert finding.sentence == (
        "connection/h01#activePower: Property is fc:signConvenshun. The FLEXCoop ontology has no such term, so nothing would check or find "
        "it; correct its spelling."
    )


def test_foreign_terms_are_let_through():
    assert shapes.validate(turtle(CHANNEL + "<site/h01> dcterms:extent 4 . <x> a skos:Concept .")).conforms


def test_order_of_triples_is_irrelevant():
    graph = turtle(NO_SIGN.replace("unit:KiloW", "unit:W"))
    turned = graph[::-1]

    assert shapes.validate(graph) == shapes.validate(turned)


@pytest.mark.parametrize("value", ["true", '"yes"^^xsd:boolean', '"NaN"^^xsd:decimal', '"INF"^^xsd:double', '"1e3"^^xsd:decimal', "1.5e0"])
def test_what_is_no_plain_decimal_is_refused_quietly(value, caplog):
    with caplog.at_level(logging.DEBUG):
        report = shapes.validate(observation(value))

    assert [finding.sentence.partition(". ")[2] for finding in report.findings] == [
        "A reading is exactly one plain decimal, never NaN, never with an exponent; correct it, or send nothing where it is missing "
        "(sosa:hasSimpleResult)."
    ]
    assert [record for record in caplog.records if record.name.startswith("rdflib")] == []


def test_endless_number_is_refused():
    assert not shapes.validate(observation("9" * 400)).conforms


@given(st.decimals(min_value=-10_000, max_value=10_000, places=4))
def test_every_plain_decimal_is_a_reading(number: Decimal):
    assert shapes.validate(observation(f'"{number:f}"^^xsd:decimal')).conforms


@given(st.datetimes().map(lambda at: at.replace(microsecond=0).isoformat()), st.sampled_from(["", "Z", "+02:00", "-08:00"]))
def test_time_passes_with_a_zone_only(at: str, zone: str):
    assert shapes.validate(observation("1.0", f'"{at}{zone}"^^xsd:dateTime')).conforms == bool(zone)


@pytest.mark.parametrize(("text", "kind"), [("2016-08-12T10:15:00Z", "dateTime"), ("0.40", "decimal"), ("PT60M", "dayTimeDuration")])
def test_lexical_form_stays_as_sent(text, kind):
    term = to_term(ox.Literal(text, datatype=ox.NamedNode(f"http://www.w3.org/2001/XMLSchema#{kind}")))

    assert str(term) == text
    assert str(term.datatype).endswith(kind)


def test_nothing_is_fetched(monkeypatch):
    def refuse(*_args, **_kwargs):
        raise AssertionError("validation opened a connection")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    graph = turtle("<x> a owl:Ontology ; owl:imports <http://127.0.0.1:9/other> . " + CHANNEL)

    assert shapes.validate(graph).conforms


def test_no_type_is_inferred():
    graph = turtle(NO_SIGN.replace("fc:Channel , ", "<x#Special> , ") + "<x#Special> rdfs:subClassOf fc:Channel .")

    assert shapes.validate(graph).conforms


def test_long_value_is_cut_in_the_sentence_only():
    (finding,) = shapes.validate(observation(f'"{"x" * 500}"')).findings

    assert len(finding.value) == 500
    assert f"Value is “{'x' * 80}… (500 characters)”." in finding.sentence


def test_line_breaks_do_not_reach_the_sentence():
    assert "\n" not in "".join(shapes.validate(observation('"one\\ntwo"')).sentences)


@pytest.mark.parametrize("graph", sorted({str(quad.graph_name) for quad in ox.parse(path=str(ROOT / "tests/data/competency.trig"))}))
def test_graphs_of_the_competency_questions_conform(graph):
    quads = ox.parse(path=str(ROOT / "tests" / "data" / "competency.trig"))

    report = shapes.validate([quad.triple for quad in quads if str(quad.graph_name) == graph])

    assert report.sentences == ()
