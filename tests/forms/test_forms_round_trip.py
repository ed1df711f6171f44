"""Form → graph → form: nothing is lost, for things of every class that has a shape."""

from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from generated_things import LANGUAGES, filled
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pyoxigraph import NamedNode, Quad
from rdflib import SH, URIRef

import shapes
from forms import changes, made, things
from forms.changes import Place
from forms.filled import raws, read
from forms.given import Filled, Given
from forms.model import Field, Form
from kg.embedded import EmbeddedStore
from kg.iris import Iris
from kg.terms import canonical
from registry.edits import Delta
from shapes.catalogue import catalogue

IRIS = Iris("http://127.0.0.1:8080")
PLACE = Place(IRIS.graph("member", "h01", "facts"), IRIS.id("device", "h01-thing"))
CLASSES = sorted(str(each) for each in catalogue().classes if isinstance(each, URIRef) and "flexcoop" in each)
ENTERED = [form.cls for form in made.forms()]
FEW = settings(max_examples=6, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much])


def name(cls: str) -> str:
    return cls.rpartition("#")[2]


def stored(delta: Delta) -> EmbeddedStore:
    store = EmbeddedStore()
    store.apply(delete=delta.delete, insert=delta.insert)
    return store


def plain(given: Sequence[Given]) -> list[Any]:
    """Values without names of inputs, as a store spells them."""
    return sorted(
        (
            [(key, plain(inside)) for key, inside in sorted(each.part.items()) if inside]
            if each.part is not None
            else str(canonical(each.term))  # type: ignore[arg-type]
            for each in given
        ),
        key=str,
    )


def comparable(values: Mapping[str, Sequence[Given]]) -> dict[str, list[Any]]:
    return {key: plain(given) for key, given in values.items() if given}


def sent(inputs: Mapping[str, str]) -> dict[str, list[str]]:
    return {key: [text] for key, text in inputs.items()}


def without_identity(inputs: Mapping[str, str]) -> dict[str, list[str]]:
    return {key: [text] for key, text in inputs.items() if not key.endswith(".id")}


@pytest.mark.parametrize("cls", CLASSES, ids=name)
@FEW
@given(data=st.data())
def test_what_was_filled_in_is_what_the_form_shows_again(cls, data):
    form = made.form(cls)
    language, zone = data.draw(st.sampled_from(LANGUAGES)), data.draw(st.sampled_from(["UTC", "Europe/Madrid", "America/Los_Angeles"]))
    written: Filled = data.draw(filled(form))

    store = stored(changes.delta(IRIS, None, written, PLACE))
    thing = things.read(store, IRIS, PLACE.iri, form=form)
    assert thing is not None
    again = read(form, sent(raws(thing, language, zone)), language, zone, thing)

    assert again.errors == {}
    assert comparable(again.values) == comparable(written.values)
    assert changes.delta(IRIS, thing, again, changes.place_of(IRIS, thing)) == Delta()
    assert thing.others == ()


@pytest.mark.parametrize("cls", ENTERED, ids=name)
@FEW
@given(data=st.data())
def test_the_same_can_be_typed_anew(cls, data):
    form = made.form(cls)
    language = data.draw(st.sampled_from(LANGUAGES))
    written = data.draw(filled(form))
    thing = things.read(stored(changes.delta(IRIS, None, written, PLACE)), IRIS, PLACE.iri, form=form)
    assert thing is not None

    typed = read(form, without_identity(raws(thing, language)), language)

    assert typed.errors == {}
    assert comparable(typed.values) == comparable(written.values)


@pytest.mark.parametrize("cls", ENTERED, ids=name)
@FEW
@given(data=st.data())
def test_what_the_form_lets_in_the_shapes_let_in(cls, data):
    form = made.form(cls)
    written = data.draw(filled(form))
    computed = {"FlexibilityContract-digest": [], "FlexibilityContract-signature": []}
    given_by_platform = computed if "FlexibilityContract-digest" in {field.key for field in form.fields} else {}

    delta = changes.delta(IRIS, None, written, PLACE, given=given_by_platform)
    report = shapes.validate(quad.triple for quad in delta.insert)

    # what rules across fields say (a minimum above its maximum) is the gate's to find
    assert [finding.sentence for finding in report.findings if is_field(finding.shape)] == []


def is_field(shape: str) -> bool:
    return (URIRef(shape), SH.order, None) in shapes.graph()


@pytest.mark.parametrize("cls", ENTERED, ids=name)
@FEW
@given(data=st.data())
def test_foreign_triples_survive_any_edit(cls, data):
    form = made.form(cls)
    before, after = data.draw(filled(form)), data.draw(filled(form))
    store = stored(changes.delta(IRIS, None, before, PLACE))
    foreign = Quad(
        NamedNode(PLACE.iri), NamedNode("http://example.org/paintedIn"), NamedNode("http://example.org/red"), NamedNode(PLACE.graph)
    )
    elsewhere = Quad(foreign.subject, foreign.predicate, foreign.object, NamedNode(IRIS.graph("registry")))
    store.apply(insert=[foreign, elsewhere])
    thing = things.read(store, IRIS, PLACE.iri, form=form)
    assert thing is not None

    delta = changes.delta(IRIS, thing, after, changes.place_of(IRIS, thing))
    store.apply(delete=delta.delete, insert=delta.insert)
    edited = things.read(store, IRIS, PLACE.iri, form=form)

    assert edited is not None
    assert set(edited.others) == {foreign, elsewhere} == set(thing.others)
    assert comparable(entered(form, edited)) == comparable(after.values)


def entered(form: Form, thing: things.Thing) -> dict[str, list[Given]]:
    """What a thing holds, as if it had been filled in."""

    def given(field: Field, entry: things.Entry) -> Given:
        if entry.part is None or field.part is None:
            number = entry.number
            return Given("", entry.term if number is None else number.term)
        inside = {each.key: tuple(given(each, sub) for sub in entry.part.get(each.key, ())) for each in field.part.fields if not each.fixed}
        return Given("", None, inside)

    asked = [field for field in form.fields if not field.fixed and not field.computed]
    return {field.key: [given(field, entry) for entry in thing.values.get(field.key, ())] for field in asked}
