"""Every term says what it is, in which unit, where it comes from, and why it is not somebody else's."""

import re
from pathlib import Path

import pytest
from rdflib import OWL, RDF, RDFS, XSD, Graph, URIRef

from ontology import generate, names
from ontology.names import DCTERMS, FC, FCV, SAREF, SKOS

MERGED = generate.graph()
OWN = sorted({str(s) for s in MERGED.subjects() if isinstance(s, URIRef) and str(s).startswith((str(FC), str(FCV)))})
CONCEPTS = sorted(str(s) for s in MERGED.subjects(RDF.type, SKOS.Concept))


def languages(term: str, predicate: URIRef) -> set[str | None]:
    return {getattr(text, "language", None) for text in MERGED.objects(URIRef(term), predicate)}


@pytest.mark.parametrize("term", OWN)
def test_a_term_has_label_comment_source_and_reason(term):
    assert "en" in languages(term, RDFS.label)
    assert languages(term, RDFS.comment) == {"en"}
    assert MERGED.value(URIRef(term), DCTERMS.source)
    assert "en" in languages(term, SKOS.editorialNote)


@pytest.mark.parametrize("term", OWN)
def test_a_label_has_one_text_in_each_language(term):
    texts = [getattr(text, "language", None) for text in MERGED.objects(URIRef(term), RDFS.label)]

    assert len(texts) == len(set(texts))


def test_whatever_has_a_label_has_it_in_three_languages():
    said = {term for predicate in (RDFS.label, SKOS.prefLabel) for term in MERGED.subjects(predicate)}

    def all_of(term: URIRef) -> set[str | None]:
        return languages(term, RDFS.label) | languages(term, SKOS.prefLabel)

    assert {str(term): all_of(term) for term in said if not all_of(term) >= {"en", "es", "nl"}} == {}
    assert len(said) > 400


@pytest.mark.parametrize("concept", CONCEPTS)
def test_a_concept_is_in_a_scheme_and_speaks_three_languages(concept):
    schemes = list(MERGED.objects(URIRef(concept), SKOS.inScheme))

    assert schemes
    assert all((scheme, RDF.type, SKOS.ConceptScheme) in MERGED for scheme in schemes)
    assert languages(concept, RDFS.label) >= {"en", "es", "nl"}
    assert set(MERGED.objects(URIRef(concept), SKOS.prefLabel)) == set(MERGED.objects(URIRef(concept), RDFS.label))


@pytest.mark.parametrize("kind", sorted(str(s) for s in MERGED.subjects(RDF.type, SAREF.Property) if s in FCV))
def test_a_kind_of_property_names_its_unit_in_data_and_in_words(kind):
    units = list(MERGED.objects(URIRef(kind), names.QUDT.applicableUnit))

    assert units
    assert all((unit, RDF.type, SAREF.UnitOfMeasure) in MERGED for unit in units)
    assert re.search(r"\[.+\]", str(MERGED.value(URIRef(kind), RDFS.comment)))


RESAMPLING = {
    FCV.MeanOfParts: {
        *("ActivePower", "PluggedIn", "AirTemperature", "Irradiance", "EnergyPrice", "Voltage", "Current", "Frequency"),
        *("RelativeHumidity", "WaterTemperature", "SwitchState"),
    },
    FCV.SumOfParts: {"ActiveEnergy"},
    FCV.LastOfParts: {"StateOfCharge", "TemperatureSetpoint", "SGReadyState"},
    FCV.FirstOfParts: {"EnergyRegister"},
}


def test_prices_are_averaged_energies_summed_and_states_kept():
    stated = {rule: {str(kind).rpartition("/")[2] for kind in MERGED.subjects(FC.resampling, rule)} for rule in RESAMPLING}

    assert stated == RESAMPLING
    assert set(RESAMPLING) == set(MERGED.subjects(SKOS.inScheme, FCV.ResamplingRules))


@pytest.mark.parametrize("rule", sorted(RESAMPLING))
def test_a_kind_says_in_words_what_resampling_relies_on(rule):
    words = {FCV.MeanOfParts: "mean over the interval|[Ss]hare of the interval|Price of energy", FCV.SumOfParts: "of the interval"}
    words |= {FCV.LastOfParts: "at the end of the interval", FCV.FirstOfParts: "at the beginning of the interval"}

    silent = [kind for kind in RESAMPLING[rule] if not re.search(words[rule], str(MERGED.value(FCV[kind], RDFS.comment)))]

    assert silent == []


NUMBERS = sorted(
    str(s) for s in MERGED.subjects(RDF.type, OWL.DatatypeProperty) if s in FC and MERGED.value(s, RDFS.range) in (XSD.decimal, XSD.integer)
)


@pytest.mark.parametrize("term", NUMBERS)
def test_a_numeric_property_states_its_unit(term):
    assert re.search(r"\[.+\]|in the (channel's )?unit", str(MERGED.value(URIRef(term), RDFS.comment)))


@pytest.mark.parametrize("module", generate.modules(), ids=lambda path: path.stem)
def test_a_module_has_a_versioned_header(module):
    graph = Graph().parse(module)
    (header,) = graph.subjects(RDF.type, OWL.Ontology)

    assert str(graph.value(header, OWL.versionInfo)) == "0.1.0"
    assert str(graph.value(header, OWL.versionIRI)) == f"{header}/0.1.0"
    assert graph.value(header, DCTERMS.title)
    assert graph.value(header, DCTERMS.license)


@pytest.mark.parametrize("module", generate.modules(), ids=lambda path: path.stem)
def test_a_module_declares_the_prefixes_it_needs_in_the_one_order(module):
    text = module.read_text(encoding="utf-8")

    assert text == generate.declare(text), "run: python -m ontology.generate"


def test_a_term_is_described_in_one_module_only():
    described: dict[str, list[str]] = {}
    for module in generate.modules():
        for term in set(Graph().parse(module).subjects(RDF.type)):
            if isinstance(term, URIRef):
                described.setdefault(str(term), []).append(module.stem)

    assert {term: where for term, where in described.items() if len(where) > 1} == {}


def test_whatever_we_take_from_others_is_restated_with_version_and_source():
    alignment = Graph().parse(generate.HERE / "alignment.ttl")
    standard = (*(str(namespace) for namespace in (RDF, RDFS, OWL, XSD)), "https://w3id.org/celine-eu#")
    used = {
        term
        for triple in MERGED
        for term in triple
        if isinstance(term, URIRef) and not str(term).startswith(("https://w3id.org/flexcoop/", "https://creativecommons.org", *standard))
    }

    assert sorted(term for term in used if not alignment.value(term, DCTERMS.source)) == []
    assert sorted(term for term in used if not re.search(r"\d", str(alignment.value(term, DCTERMS.source)))) == []


def test_names_are_exactly_what_the_turtle_says():
    expected = generate.source(generate.terms(MERGED))

    assert generate.TARGET.read_text(encoding="utf-8") == expected, "run: python -m ontology.generate"


@pytest.mark.parametrize("name", sorted(generate.CLOSED))
def test_a_closed_class_holds_the_terms_of_its_vocabulary_and_no_other(name):
    closed = getattr(names, name)
    in_turtle = {s for s in MERGED.subjects() if isinstance(s, URIRef) and s.startswith(generate.CLOSED[name])}

    assert {closed[local] for local in generate.terms(MERGED)[name]} == in_turtle
    assert {str(term) for term in dir(closed) if str(term).startswith("http")} <= {str(term) for term in in_turtle}
    with pytest.raises(AttributeError):
        closed["NoSuchTerm"]


def test_a_typo_raises_and_a_hyphen_does_not_hurt():
    with pytest.raises(AttributeError, match="Campain"):
        FC.Campain  # noqa: B018

    assert str(names.UNIT["KiloW-HR"]) == "http://qudt.org/vocab/unit/KiloW-HR"


def test_every_term_of_the_data_model_is_in_the_turtle():
    text = (Path(__file__).parents[2] / "docs" / "data-model.md").read_text(encoding="utf-8")
    known = {name.lower(): getattr(names, name) for name in generate.CLOSED}
    mentioned = set(re.findall(r"\b([a-z0-9]+):([A-Za-z][\w-]*)", text))

    missing = [
        f"{prefix}:{local}" for prefix, local in sorted(mentioned) if prefix in known and known[prefix][local] not in MERGED.all_nodes()
    ]

    assert missing == []


def test_the_axioms_stay_within_owl_2_rl():
    kinds = set(MERGED.objects(predicate=RDF.type))
    axioms = {p for p in MERGED.predicates() if str(p).startswith((str(OWL), str(RDFS)))}

    assert kinds & {OWL.Restriction, OWL.DataRange, OWL.Axiom} == set()
    assert axioms <= {
        RDFS.subClassOf, RDFS.subPropertyOf, RDFS.domain, RDFS.range, RDFS.label, RDFS.comment,
        OWL.disjointWith, OWL.members, OWL.imports, OWL.versionIRI, OWL.versionInfo,
    }  # fmt: skip
