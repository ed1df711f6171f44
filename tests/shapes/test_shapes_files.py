"""The Turtle files themselves: sound as SHACL, complete as forms, spelt with terms that exist."""

import re
from pathlib import Path

import pyoxigraph as ox
import pytest
from pyshacl import validate as pyshacl_validate
from rdflib import OWL, RDF, RDFS, SH, SKOS, BNode, Graph, URIRef
from rdflib.collection import Collection

import shapes
from ontology.names import FC, FCV, QUDT, S4ENER
from shapes.catalogue import catalogue
from shapes.convert import to_graph

ROOT = Path(__file__).parents[2]
ABOUT = "https://w3id.org/flexcoop/shapes#"
FIELDS = sorted(shape for shape in shapes.graph().subjects(SH.order, None) if (shape, SH.path, None) in shapes.graph())
PROPERTY_SHAPES = sorted(shapes.graph().subjects(RDF.type, SH.PropertyShape))


@pytest.fixture(scope="module")
def vocabulary() -> Graph:
    quads = (quad for path in sorted((ROOT / "ontology").glob("*.ttl")) for quad in ox.parse(path=str(path), rename_blank_nodes=True))
    return to_graph(quad.triple for quad in quads)


def local(shape: object) -> str:
    return str(shape).removeprefix(ABOUT)


def languages(shape, property_) -> set[str]:
    return {literal.language for literal in shapes.graph().objects(shape, property_)}


def test_shapes_are_sound_shacl():
    quads = (quad for path in shapes.files() for quad in ox.parse(path=str(path), rename_blank_nodes=True))
    published = to_graph(quad.triple for quad in quads)  # without the names of registers: a list of hundreds takes minutes here

    conforms, _, text = pyshacl_validate(Graph(), shacl_graph=published + Graph(), meta_shacl=True, inference="none")

    assert conforms, text


@pytest.mark.parametrize("shape", PROPERTY_SHAPES, ids=local)
def test_property_shape_is_named_in_three_languages(shape):
    assert languages(shape, SH.name) == {"en", "es", "nl"}


@pytest.mark.parametrize("shape", FIELDS, ids=local)
def test_field_has_one_place_in_a_form(shape):
    group = shapes.graph().value(shape, SH.group)

    assert len(set(shapes.graph().objects(shape, SH.order))) == 1
    assert (group, RDF.type, SH.PropertyGroup) in shapes.graph()
    assert languages(group, RDFS.label) == {"en", "es", "nl"}


def constraints() -> list[URIRef]:
    """Everything that can refuse: rules, and property shapes but those that only lead to others."""
    leaves = [shape for shape in PROPERTY_SHAPES if (shape, SH.property, None) not in shapes.graph()]
    return [*leaves, *sorted(set(shapes.graph().objects(None, SH.sparql)))]


@pytest.mark.parametrize("shape", constraints(), ids=local)
def test_constraint_says_why_and_what_to_do(shape):
    messages = {message.language: str(message) for message in shapes.graph().objects(shape, SH.message)}

    assert sorted(messages) == ["en", "es", "nl"]
    assert all(re.fullmatch(r"[A-ZÉ].{12,}[;:] .+\.", message) for message in messages.values()), "write '<why>; <what to do>.'"


def test_every_shape_referred_to_is_defined_and_used():
    graph = shapes.graph()
    named = {shape for shape in graph.all_nodes() if str(shape).startswith(ABOUT)} - {URIRef(ABOUT + "refersTo")}
    referred = set(graph.objects(None, SH.property)) | set(graph.objects(None, SH.sparql)) | set(graph.objects(None, SH.group))

    assert {local(shape) for shape in named if (shape, None, None) not in graph} == set()
    assert {local(shape) for shape in PROPERTY_SHAPES if isinstance(shape, URIRef)} <= {local(shape) for shape in referred}


def test_terms_of_ours_exist_in_the_ontology():
    used = {term for triple in shapes.graph() for term in triple if isinstance(term, URIRef)}
    texts = " ".join(str(select) for select in shapes.graph().objects(None, SH.select))
    texts += " ".join(str(message) for message in shapes.graph().objects(None, SH.message))
    written = {FC._NS[name] for name in re.findall(r"\bfc:(\w+)", texts)} | {FCV._NS[name] for name in re.findall(r"\bfcv:(\w+)", texts)}

    ours = [term for term in used | written if str(term).startswith((str(FC._NS), str(FCV._NS)))]

    assert [str(term) for term in sorted(ours) if term not in FC and term not in FCV] == []


def choices(shape: str) -> set[URIRef]:
    head = shapes.graph().value(URIRef(ABOUT + shape), SH["in"])
    return set(Collection(shapes.graph(), head))


@pytest.mark.parametrize(
    ("shape", "scheme"),
    [
        ("Channel-sign", "SignConventions"),
        ("direction", "Directions"),
        ("SeriesPart-role", "SeriesRoles"),
        ("DER-controlType", "ControlTypes"),
        ("FlexibilityContract-status", "ContractStatuses"),
        ("DRCampaign-status", "CampaignStatuses"),
        ("DREvent-status", "EventStatuses"),
        ("DREvent-role", "EventRoles"),
        ("QualityFlag-reason", "QualityReasons"),
        ("OptOut-reason", "OptOutReasons"),
        ("MoneyAmount-role", "MoneyRoles"),
    ],
)
def test_pick_list_is_the_whole_concept_scheme(shape, scheme, vocabulary):
    assert choices(shape) == set(vocabulary.subjects(SKOS.inScheme, FCV[scheme]))


def test_every_kind_of_property_is_either_rated_or_measured(vocabulary):
    assert choices("Channel-kind") | choices("PropertyValue-kind") == set(vocabulary.subjects(SKOS.inScheme, FCV.PropertyKinds))


def test_every_kind_that_is_measured_has_one_rule_of_resampling(vocabulary):
    rules = {kind: list(vocabulary.objects(kind, FC.resampling)) for kind in choices("Channel-kind")}

    assert {kind for kind, given in rules.items() if len(given) != 1} == set()
    assert {rule for given in rules.values() for rule in given} == set(vocabulary.subjects(SKOS.inScheme, FCV.ResamplingRules))


@pytest.mark.parametrize("kind", sorted(choices("PropertyValue-kind") | choices("Channel-kind")), ids=lambda kind: kind.rpartition("/")[2])
def test_units_are_those_that_the_ontology_gives_to_the_kind(kind, vocabulary):
    name = str(kind).rpartition("/")[2]
    shape = f"{name}-unit" if kind in choices("PropertyValue-kind") else f"{name}Channel-unit"

    assert choices(shape) == set(vocabulary.objects(kind, QUDT.applicableUnit))


def test_every_class_in_the_data_model_is_looked_at():
    text = (ROOT / "docs" / "data-model.md").read_text(encoding="utf-8")
    blocks = " ".join(re.findall(r"```turtle\n(.*?)```", text, re.DOTALL))
    names = {name for listed in re.findall(r"> a ((?:\w+:\w+)(?: , \w+:\w+)*)", blocks) for name in listed.split(" , ")}
    fixtures = sorted((ROOT / "tests" / "data" / "shapes").glob("*/valid*.ttl"))
    looked_at: set[URIRef] = set()
    for path in fixtures:
        facts = to_graph(quad.triple for quad in ox.parse(path=str(path)))
        nodes = set().union(*catalogue().focus_nodes(facts, None).values())
        looked_at |= {kind for node in nodes for kind in facts.objects(node, RDF.type)}

    shown = {re.sub(r".*[/#]", "", str(kind)) for kind in looked_at}

    assert len(names) > 25
    assert {name for name in names if name.partition(":")[2] not in shown} == set()


def test_classes_of_ours_have_a_shape(vocabulary):
    classes = {kind for kind in vocabulary.subjects(RDF.type, OWL.Class) if str(kind).startswith(str(FC._NS))}
    targeted = {kind for kind in catalogue().classes if not isinstance(kind, BNode)}

    # an abstract super-class, the envelope of a message, whose content is what is checked, and what the platform alone notes of imports
    assert classes - targeted == {FC.ContractTerm, FC.Message, FC.Import}


def test_steps_on_offer_divide_a_day():
    steps = [str(step) for step in choices("step")]
    minutes = {"PT1H": 60} | {f"PT{n}M": n for n in range(1, 60)}

    assert all(1440 % minutes[step] == 0 for step in steps)
    assert choices("Channel-step") == choices("step") == choices("Day-step")
    assert (URIRef(ABOUT + "step"), SH.path, S4ENER.hasTemporalResolution) in shapes.graph()
