"""What shapes say to people: in three languages, and without the words of RDF."""

import re
from pathlib import Path

import pyoxigraph as ox
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rdflib import RDFS, SH, Literal

import shapes
from shapes import sentences, words

ROOT = Path(__file__).parents[2]
PREFIXES = (ROOT / "ontology" / "prefixes.ttl").read_text(encoding="utf-8") + "@base <http://127.0.0.1:8080/id/> .\n"
SAID = (SH.name, SH.message, SH.description, RDFS.label)
LANGUAGES = {"en", "es", "nl"}
ABOUT_SHAPES = {
    "https://w3id.org/flexcoop/shapes",
    "https://w3id.org/flexcoop/shapes#refersTo",
}  # the file itself, not what it says of things
JARGON = re.compile(
    r"\b(IRI|URI|xsd|rdf|sh|fc|fcv|fcsh|saref|s4ener|s4syst|seas|sosa|prov|org|odrl|dpv|qudt|unit|wgs84|foaf)(:|\b(?=:))|\bIRI\b|https?://"
)
FILES = sorted((ROOT / "tests" / "data" / "shapes").glob("*/invalid*.ttl"))
BATTERY = """<device/h01-battery> a fc:BatterySystem ; rdfs:label "Battery"@en , "Batería"@es , "Batterij"@nl ;
  fc:managedBy <osb/osb-h01> ; fc:connectedVia <connection/h01> ;
  saref:hasPropertyValue <device/h01-battery#capacity> .
<device/h01-battery#capacity> a saref:PropertyValue ; saref:isValueOfProperty fcv:StorageCapacity ; saref:hasValue -6.4 ;
  saref:isMeasuredIn unit:KiloW-HR ."""


def turtle(text: str) -> list[ox.Triple]:
    return [quad.triple for quad in ox.parse(PREFIXES + text, format=ox.RdfFormat.TURTLE)]


def finding(text: str, part: str) -> shapes.Finding:
    """The one finding whose English sentence holds a text."""
    (found,) = (each for each in shapes.validate(turtle(text)).findings if part in each.sentence)
    return found


def placeholders(text: str) -> list[str]:
    return sorted(re.findall(r"\{[?$]\w+\}", text))


def texts(subject, said) -> dict[str, str]:
    return {text.language or "": str(text) for text in shapes.graph().objects(subject, said) if isinstance(text, Literal)}


@pytest.mark.parametrize("said", SAID, ids=lambda said: said.rsplit("#", 1)[-1])
def test_whatever_a_shape_says_it_says_in_three_languages(said):
    spoken = {
        subject: texts(subject, said)
        for subject in shapes.graph().subjects(said, None)
        if f"{said}" != f"{RDFS.label}" or not about(subject)
    }

    assert {str(subject): sorted(by) for subject, by in spoken.items() if set(by) != LANGUAGES} == {}
    assert [str(subject) for subject, by in spoken.items() if not all(text.strip() for text in by.values())] == []


def about(subject) -> bool:
    """Whether it is a term that speaks of shapes, read by experts only."""
    return (subject, RDFS.comment, None) in shapes.graph()


def test_translated_messages_keep_every_placeholder():
    rules = {subject: texts(subject, SH.message) for subject in shapes.graph().subjects(SH.message, None)}

    assert {str(rule): by for rule, by in rules.items() if len({tuple(placeholders(text)) for text in by.values()}) > 1} == {}
    assert sum(bool(placeholders(by["en"])) for by in rules.values()) > 10


def test_translated_messages_keep_numbers():
    def figures(text: str) -> list[str]:
        return sorted(re.findall(r"\d+", re.sub(r"\b[a-z]\w*:[A-Za-z]\w*", "", text)))  # not those in names of terms

    rules = {subject: texts(subject, SH.message) for subject in shapes.graph().subjects(SH.message, None)}

    assert {str(rule): by for rule, by in rules.items() if len({tuple(figures(text)) for text in by.values()}) > 1} == {}


def test_finding_tells_things_properties_and_reasons_in_each_language():
    found = finding(BATTERY, "-6.4")

    assert dict(found.things) == {"en": "“Battery”", "es": "“Batería”", "nl": "“Batterij”"}
    assert dict(found.names) == {"en": "Storage capacity", "es": "Capacidad", "nl": "Opslagcapaciteit"}
    assert sentences.for_people(found) == (
        "“Battery”: Storage capacity is -6.4. A storage capacity lies above 0 and at most at 100000 kWh; correct it."
    )
    assert sentences.for_people(found, "es") == (
        "“Batería”: El campo Capacidad tiene el valor -6,4. Una capacidad de almacenamiento está por encima de 0 y como máximo en "
        "100000 kWh; corregirla."
    )
    assert sentences.for_people(found, "nl") == (
        "“Batterij”: Opslagcapaciteit is -6,4. Een opslagcapaciteit ligt boven 0 en hooguit op 100000 kWh; verbeter deze."
    )


def test_sentence_for_logs_stays_english_and_names_the_term():
    assert finding(BATTERY, "-6.4").sentence == (
        "device/h01-battery#capacity: Storage capacity is -6.4. A storage capacity lies above 0 and at most at 100000 kWh; "
        "correct it (saref:hasValue)."
    )


def test_sentence_beside_a_field_leaves_the_thing_out():
    assert sentences.field(finding(BATTERY, "-6.4"), "nl").startswith("Opslagcapaciteit is -6,4. ")


def test_language_that_nobody_translated_falls_back_on_english():
    found = finding(BATTERY, "-6.4")

    assert sentences.for_people(found, "fr") == sentences.for_people(found, "en")


@pytest.mark.parametrize(
    ("language", "told"),
    [
        (
            "en",
            "Start is 2016-08-31 00:00 UTC and end 2016-08-30 02:00 UTC. A window must end after it starts; correct the start or the end.",
        ),
        ("es", "El campo Inicio tiene el valor 2016-08-31 00:00 UTC y fin, 2016-08-30 02:00 UTC. Una franja debe terminar después de"),
        ("nl", "Begin is 2016-08-31 00:00 UTC en einde 2016-08-30 02:00 UTC. Een tijdvenster moet na het begin eindigen; verbeter het"),
    ],
)
def test_comparison_names_both_values(language, told):
    window = """<request/c1> a fc:FlexibilityRequest ; fc:start "2016-08-31T00:00:00Z"^^xsd:dateTime ; fc:end "2016-08-30T02:00:00Z"^^xsd:dateTime ."""

    assert sentences.field(finding(window, "and end"), language).startswith(told)


def test_rule_with_values_in_its_message_has_them_in_each_language():
    found = next(each for each in shapes.validate(request_of_three()).findings if "has 3 entries" in each.sentence)

    assert "tiene 3 entradas" in sentences.for_people(found, "es")
    assert "heeft 3 waarden" in sentences.for_people(found, "nl")


def request_of_three() -> list[ox.Triple]:
    """A request of an hour in quarters that gives three values."""
    return turtle(
        """<request/c1> a fc:FlexibilityRequest ; fc:start "2016-08-31T00:00:00Z"^^xsd:dateTime ; fc:end "2016-08-31T01:00:00Z"^^xsd:dateTime ;
      s4ener:hasTemporalResolution "PT15M"^^xsd:dayTimeDuration ; fc:values "[1,2,3]"^^rdf:JSON ."""
    )


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_no_sentence_for_people_speaks_of_rdf(path):
    for each in shapes.validate(turtle(path.read_text(encoding="utf-8"))).findings:
        for language in LANGUAGES:
            told = sentences.for_people(each, language)

            assert not JARGON.search(told), told
            assert told.endswith(".")
            assert "{" not in re.sub(r'\{"[^}]*\}|\{\}', "", told)  # a value may be a JSON object; a placeholder may not be left


def test_spanish_and_dutch_sentences_are_not_the_english_ones():
    for path in FILES:
        for each in shapes.validate(turtle(path.read_text(encoding="utf-8"))).findings:
            assert len({each.messages[language] for language in LANGUAGES}) == 3, each.messages


def test_unknown_and_untyped_things_are_told_in_each_language():
    found = shapes.validate(turtle("<site/x> a fc:Castle . <site/y> fc:ownedBy <member/h01> .")).findings

    told = {sentences.for_people(each, language) for each in found for language in LANGUAGES}
    assert "site/x: Clase desconocida: “Castle”. La ontología no tiene ese término, así que nada lo comprobaría ni lo encontraría; " in {
        each.partition("corrija")[0] for each in told
    }
    assert any(each.startswith("site/y: Het type ontbreekt.") for each in told)


def test_terms_and_units_go_by_what_people_call_them():
    assert words.term("https://w3id.org/flexcoop/vocab/LoadReduction", "es") == "“Reducción de carga”"
    assert words.term("http://qudt.org/vocab/unit/KiloW-HR", "nl") == "kWh"
    assert words.term("http://qudt.org/vocab/unit/UNITLESS", "nl") == "“zonder eenheid”"
    assert words.term("https://example.org/nothing", "en") == ""


@given(st.text())
def test_making_a_sentence_plain_twice_changes_nothing_more(text):
    once = words.plain(text, "en", (("fc", "https://w3id.org/flexcoop/ns#"),))

    assert words.plain(once, "en", (("fc", "https://w3id.org/flexcoop/ns#"),)) == once


@given(st.text(max_size=60))
def test_any_value_can_be_told(text):
    quoted = ox.Literal(text)
    (found,) = (
        each
        for each in shapes.validate([*turtle("<comfort/x> a fc:ComfortProfile ."), _stated(quoted)]).findings
        if each.path.endswith("#minimum") and each.value == text
    )

    assert sentences.for_people(found, "es").startswith("comfort/x: El campo Temperatura mínima tiene el valor “")


def _stated(value: ox.Literal) -> ox.Triple:
    return ox.Triple(ox.NamedNode("http://127.0.0.1:8080/id/comfort/x"), ox.NamedNode("https://w3id.org/flexcoop/ns#minimum"), value)
