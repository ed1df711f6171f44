"""Texts in several languages: one input for each, others beside them, and none lost; the shape says which there may be."""

from dataclasses import replace

import pyoxigraph as ox
import pytest
import rdflib
from pyoxigraph import Literal, NamedNode, Quad

from forms import by_language, changes, filled, made, shown
from forms.made import Maker
from forms.model import Field, Form, Kind
from forms.placed import place_findings
from forms.things import Thing, of_quads
from forms.vocabulary import vocabulary
from kg.iris import Iris
from ontology.names import RDF, RDFS
from registry.edits import Delta
from shapes.validate import Finding

IRIS = Iris("http://127.0.0.1:8080")
SITE = IRIS.id("node", "feeder-1")
GRAPH = IRIS.graph("registry")
FORM = replace(made.form("grid-node"), fields=(made.form("grid-node").field("label"),))


def node(*names: str | tuple[str, str]) -> Thing:
    """A grid node with names: text, or text and language."""
    terms = [Literal(each) if isinstance(each, str) else Literal(each[0], language=each[1]) for each in names]
    said = [(str(RDF.type), NamedNode(FORM.cls)), *((str(RDFS.label), term) for term in terms)]
    return of_quads(FORM, SITE, [Quad(NamedNode(SITE), NamedNode(path), term, NamedNode(GRAPH)) for path, term in said])


def edited(thing: Thing, language: str, **inputs: str) -> tuple[Delta, dict[str, str]]:
    data = {name: [text] for name, text in (filled.raws(thing, language) | inputs).items()}
    given = filled.read(FORM, data, language, "UTC", thing)
    return changes.delta(IRIS, thing, given, changes.place_of(IRIS, thing)), dict(given.errors)


def terms(quads: frozenset[Quad]) -> set[str]:
    return {str(quad.object) for quad in quads if quad.predicate.value == str(RDFS.label)}


def test_each_language_has_an_input_and_the_readers_is_named_as_the_field():
    thing = node(("North", "en"), ("Nord", "ca"), "Feeder")

    assert filled.raws(thing, "en") == {"label": "North", "label@ca": "Nord", "label@": "Feeder"}
    assert filled.raws(thing, "nl") == {"label@en": "North", "label@ca": "Nord", "label@": "Feeder"}


def test_a_name_in_the_readers_language_is_put_beside_the_english_one():
    delta, errors = edited(node(("North", "en")), "nl", label="Noord")

    assert (errors, terms(delta.insert), delta.delete) == ({}, {'"Noord"@nl'}, frozenset())


@pytest.mark.parametrize(
    ("name", "language", "old", "new"),
    [
        ("label@en", "nl", '"North"@en', '"Up north"@en'),
        ("label@ca", "nl", '"Nord"@ca', '"Up north"@ca'),
        ("label", "en", '"North"@en', '"Up north"@en'),
        ("label@", "es", '"Feeder"', '"Up north"'),
    ],
)
def test_a_name_that_is_changed_stays_in_its_language(name, language, old, new):
    delta, _ = edited(node(("North", "en"), ("Nord", "ca"), "Feeder"), language, **{name: "Up north"})

    assert (terms(delta.delete), terms(delta.insert)) == ({old}, {new})


def test_a_name_that_is_emptied_goes_and_the_last_one_can_not():
    thing = node(("North", "en"), ("Norte", "es"))
    delta, errors = edited(thing, "nl", **{"label@es": "", "label": ""})
    assert (terms(delta.delete), delta.insert, errors) == ({'"Norte"@es'}, frozenset(), {})

    _, errors = edited(thing, "nl", **{"label@es": "", "label@en": "", "label": ""})

    assert errors == {"label": "Naam ontbreekt."}


def test_a_language_that_nobody_was_asked_for_stays():
    thing = node(("North", "en"), ("Norte", "es"))
    given = filled.read(FORM, {"label": ["Noord"]}, "nl", "UTC", thing)

    assert {str(each.term) for each in given.values["label"]} == {'"North"@en', '"Norte"@es', '"Noord"@nl'}


def test_a_mistake_is_told_beside_the_language_it_is_in():
    _, errors = edited(node(("North", "en"), ("Norte", "es")), "en", **{"label@es": "x" * 201})

    assert errors == {"label@es": "The text has 201 characters. Shorten it to 200 at most."}


def test_the_same_text_in_two_languages_and_two_of_one_are_all_kept():
    thing = node(("Solar", "en"), ("Solar", "es"), ("Sun", "en"))

    assert filled.raws(thing, "en") == {"label": "Solar", "label@en.2": "Sun", "label@es": "Solar"}
    assert edited(thing, "en") == (Delta(), {})
    assert edited(thing, "nl") == (Delta(), {})


def test_what_a_shape_says_of_a_second_name_is_beside_it():
    thing = node(("North", "en"))
    given = filled.read(FORM, {"label": ["North"], "label@en.2": ["Up"], "label@es": ["N"]}, "en", "UTC", thing)
    names = {"en": "Name"}
    finding = Finding(
        SITE, str(RDFS.label), "", "https://w3id.org/flexcoop/shapes#label", "Violation", "", names, names, {"en": "Once each."}
    )
    refused = replace(finding, value="N")

    beside, _ = place_findings(FORM, SITE, [finding], "en", given, thing)
    assert list(beside) == ["label@en.2"]
    beside, _ = place_findings(FORM, SITE, [refused], "en", given, thing)
    assert list(beside) == ["label@es"]


def test_a_text_in_another_language_says_in_which():
    entries = node(("North", "en"), ("Noord", "nl")).values["label"]

    assert {shown.text(FORM.field("label"), each, "nl") for each in entries} == {"North (Engels)", "Noord"}


# --- what the shape says

SHAPE = """
@prefix sh: <http://www.w3.org/ns/shacl#> . @prefix rdfs: <http://www.w3.org/2000/01/rdf-schema#> . @prefix ex: <http://example.org/#> .
@prefix rdf: <http://www.w3.org/1999/02/22-rdf-syntax-ns#> .
ex:S a sh:NodeShape ; sh:targetClass ex:Thing ; sh:property ex:note .
ex:note a sh:PropertyShape ; sh:path rdfs:comment ; sh:name "Note"@en ; sh:order 1 ; sh:datatype rdf:langString ; %s .
"""


def note(rules: str) -> Field:
    graph = rdflib.Graph().parse(data=SHAPE % rules, format="turtle")
    form: Form = Maker(graph, vocabulary()).form("http://example.org/#Thing")
    return form.fields[0]


def asked(field: Field, language: str, *there: str) -> tuple[list[str], list[str]]:
    data = {name: ["x"] for name in there}
    names = by_language.shown(field, "note", data, language)
    return names, [name for name, _ in by_language.addable(field, "note", names, language)]


def test_the_shape_decides_which_languages_are_asked_and_can_be_had():
    once = note("sh:uniqueLang true")
    assert (once.kind, once.unique_language, once.maximum_count) == (Kind.NAME, True, None)
    assert asked(once, "nl") == (["note"], ["note@en", "note@es"])
    assert asked(once, "nl", "note@en") == (["note", "note@en"], ["note@es"])
    assert asked(once, "nl", "note@ca", "note@") == (["note", "note@ca", "note@"], ["note@en", "note@es"])

    listed = note('sh:uniqueLang true ; sh:languageIn ( "es" "nl" )')
    assert asked(listed, "en") == (["note@es"], ["note@nl"])
    assert asked(listed, "nl", "note") == (["note"], ["note@es"])

    assert asked(note("sh:maxCount 1"), "nl", "note@en") == (["note@en"], [])
    assert asked(note("sh:maxCount 2"), "nl", "note@en") == (["note", "note@en"], [])
    assert asked(note("sh:minCount 1"), "en", "note") == (["note"], ["note@en.2", "note@es", "note@nl"])


def test_too_many_and_too_few_are_told():
    both = {"note": ["a"], "note@es": ["b"]}
    form = Form("x", "http://example.org/#Thing", (), {}, (replace(note("sh:maxCount 1"), key="note"),))
    assert filled.read(form, both, "en").errors == {"note": "There are 2 values. Leave 1 at most."}
    form = replace(form, fields=(replace(note("sh:minCount 3"), key="note"),))
    assert filled.read(form, both, "en").errors == {"note": "There are 2 values. State 3 at least."}


@pytest.mark.parametrize("name", ["label@<script>", "label@en@es", "label@en.0", "label@-", "labels", "label@toolongatag", 'label@"'])
def test_what_is_no_language_is_no_input(name):
    assert by_language.language_of(name, "label", "en") is None
    given = filled.read(FORM, {"label": ["North"], name: ["evil"]}, "en")
    assert [str(each.term) for each in given.values["label"]] == ['"North"@en']


def test_stores_tell_languages_in_small_letters():
    assert by_language.tag_of(ox.Literal("Nord", language="ca-ES")) == "ca-es"
