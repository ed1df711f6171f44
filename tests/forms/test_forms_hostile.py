"""Whatever is sent, a form answers with terms or with sentences: nothing breaks, and nothing that runs gets in."""

import unicodedata

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from pyoxigraph import Literal, NamedNode
from stated_home import turtle

from forms import changes, filled, made, typed
from forms.changes import Place
from forms.errors import UnreadableError
from forms.filled import SUFFIXES, Given, read
from forms.model import Field, Form, Kind
from kg.embedded import EmbeddedStore
from kg.iris import Iris
from kg.store import Term

IRIS = Iris("http://127.0.0.1:8080")
PLACE = Place(IRIS.graph("member", "h01", "facts"), IRIS.id("device", "h01-thing"))
NASTY = [
    *(
        "<script>alert(1)</script>",
        "javascript:alert(1)",
        "data:text/html,x",
        '"><img src=x onerror=alert(1)>',
        "' OR 1=1",
        "> } ; DROP ALL",
    ),
    *(
        "9" * 400,
        "1e999",
        "-0",
        "0000-01-01",
        "9999-12-31",
        "99:99",
        "P9999999999D",
        "9999-12-31T23:59",
        "0001-01-01T00:00",
        "\x00",
        "\ud800",
    ),
    *("\u202etxt", "http://" + "a" * 5000, "urn:", "urn:x", "http://", "mailto:a@b", "NaN", "true", "{{7*7}}", "%s%n", "١٢", "½", "²"),
]


def inputs(form: Form, within: str = "") -> list[str]:
    """Names of inputs that a form may have."""
    found = []
    for field in form.fields:
        name = f"{within}{field.key}"
        found += [f"{name}{row}{suffix}" for row in ("", ".0", ".1") for suffix in (*SUFFIXES, ".id", ".remove")]
        if field.part is not None:
            found += [each for row in (".0.", ".1.") for each in inputs(field.part, f"{name}{row}")]
    return found


def terms(given: tuple[Given, ...]) -> list[NamedNode | Literal]:
    return [
        term
        for each in given
        for term in ([each.term] if each.part is None else [inner for part in each.part.values() for inner in terms(part)])
        if term is not None
    ]


@pytest.mark.parametrize("form", made.forms(), ids=lambda form: form.slug)
@settings(max_examples=25, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_whatever_is_sent_is_read_or_refused_with_a_sentence(form, data):
    names = st.one_of(st.sampled_from(inputs(form)), st.text(max_size=10))
    values = st.lists(st.one_of(st.sampled_from(NASTY), st.text(max_size=20)), max_size=2)
    sent = data.draw(st.dictionaries(names, values, max_size=12))
    language, zone = data.draw(st.sampled_from(["en", "es", "nl", "xx"])), data.draw(st.sampled_from(["UTC", "Europe/Madrid"]))

    answer = read(form, sent, language, zone)

    assert all(sentence.endswith(".") for sentence in answer.errors.values())
    assert all(
        term.value.startswith(("http", "urn:", "mailto:"))
        for given in answer.values.values()
        for term in terms(given)
        if isinstance(term, NamedNode)
    )
    delta = changes.delta(IRIS, None, answer, PLACE)
    store = EmbeddedStore()
    store.apply(insert=delta.insert)  # all of it can be stored
    assert {quad.subject.value.partition("#")[0] for quad in delta.insert} == {PLACE.iri}
    assert {quad.graph_name.value for quad in delta.insert} == {PLACE.graph}


TEXT = Field("f", "urn:shape", "urn:path", Kind.TEXT, {}, datatype="http://www.w3.org/2001/XMLSchema#string")


def typed_in(field: Field, sent: dict[str, str]) -> tuple[Term | None, str]:
    """The term that was typed, or the sentence that refuses it."""
    try:
        return typed.read(field, sent, "en", "Europe/Madrid"), ""
    except UnreadableError as error:
        return None, error.sentence


@given(text=st.text(max_size=50))
@example(text="<script>alert(1)</script>")
@example(text="javascript:alert(1)")
def test_text_is_kept_letter_by_letter_or_refused(text):
    term, refusal = typed_in(TEXT, {"": text})

    assert refusal == "" or "a character that cannot be seen" in refusal
    assert refusal or term == (Literal(unicodedata.normalize("NFC", text.strip())) if text.strip() else None)


@pytest.mark.parametrize("kind", list(Kind), ids=str)
@pytest.mark.parametrize("text", NASTY, ids=lambda text: ascii(text)[:20])
def test_nasty_text_is_a_value_or_a_sentence(kind, text):
    field = Field("f", "urn:shape", "urn:path", Kind.TEXT if kind == Kind.PART else kind, {})
    for inputs_ in ({"": text}, {"": text, ".fold": text}, {".days": text, ".hours": "1"}):
        term, refusal = typed_in(field, inputs_)

        assert refusal == "" or refusal.endswith(".")
        assert term is None or typed.write(field, term, "en", "Europe/Madrid")


def test_two_values_where_one_is_allowed_are_mended_by_saving(home, iris, thing):
    home.apply(insert=turtle("<site/h01> fc:ownedBy <member/h02> .", iris.graph("registry")))
    site = thing("site/h01")
    given = read(site.form, {name: [text] for name, text in filled.raws(site, "en").items()}, "en", "UTC", site)

    delta = changes.delta(iris, site, given, changes.place_of(iris, site))

    assert given.errors == {}
    assert delta.delete == frozenset(turtle("<site/h01> fc:ownedBy <member/h02> .", iris.graph("registry")))
    assert delta.insert == frozenset()
