"""Python values and RDF terms."""

from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyoxigraph import Literal, NamedNode, Store

from kg.terms import (
    XSD,
    Value,
    canonical,
    decimal,
    describe,
    duration,
    instant,
    iri,
    literal,
    parse_duration,
    portable,
    python,
)

FITTING = Decimal("100000000000000000000")


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (4.0, "4.0"),
        (1e-7, "0.0000001"),
        (-0.0, "0.0"),
        (0.1 + 0.2, "0.30000000000000004"),
        (1.2345e-5 / 3, "0.000004115"),
        (np.float64(1.5), "1.5"),
        (Decimal("1.230"), "1.23"),
        (Decimal("20.00"), "20.0"),
        (Decimal("1E+3"), "1000.0"),
        (Decimal("-0.000"), "0.0"),
        (Decimal("0.123456789012345678"), "0.123456789012345678"),
    ],
)
def test_a_number_has_one_spelling(value: Decimal | float, text: str) -> None:
    assert decimal(value) == text
    assert literal(value).value == text


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (float("nan"), "leave the value out"),
        (float("inf"), "leave the value out"),
        (Decimal("NaN"), "leave the value out"),
        (Decimal("0.1234567890123456789"), "has 19 decimal places"),
        (Decimal("170141183460469231732"), r"beyond ±1\.7e20"),
        (1e300, r"beyond ±1\.7e20"),
    ],
)
def test_a_number_that_the_store_would_lose_is_refused(value: Decimal | float, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        literal(value)


def test_what_is_refused_would_indeed_be_lost_without_a_word() -> None:
    store, add = Store(), "SELECT (?x + 1.0 AS ?y) { VALUES ?x { %s } }"

    too_long = str(Literal("0.1234567890123456789", datatype=NamedNode(XSD + "decimal")))
    (lost,) = store.query(add % too_long)  # type: ignore[union-attr,misc]
    (kept,) = store.query(add % literal(Decimal("0.123456789012345678")))  # type: ignore[union-attr,misc]

    assert lost["y"] is None
    assert kept["y"].value == "1.123456789012345678"


@given(st.decimals(min_value=-FITTING, max_value=FITTING, allow_nan=False, allow_infinity=False, places=18))
def test_a_decimal_comes_back_to_the_last_digit(value: Decimal) -> None:
    term = literal(value)

    assert python(term) == value
    assert python(canonical(term)) == value
    assert portable(canonical(term)) == term


@given(st.floats(min_value=-1e15, max_value=1e15))
def test_a_float_comes_back_to_eighteen_places(value: float) -> None:
    assert float(python(literal(value))) == pytest.approx(value, abs=5e-19)  # type: ignore[arg-type]


@given(st.timedeltas(min_value=timedelta(days=-40_000), max_value=timedelta(days=40_000)))
def test_a_duration_comes_back(value: timedelta) -> None:
    assert parse_duration(duration(value)) == value


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (timedelta(minutes=15), "PT15M"),
        (timedelta(0), "PT0S"),
        (timedelta(hours=24), "P1D"),
        (timedelta(days=1, seconds=3661), "P1DT1H1M1S"),
        (timedelta(seconds=60.1), "PT1M0.1S"),
        (timedelta(seconds=20), "PT20S"),
        (-timedelta(hours=1, minutes=30), "-PT1H30M"),
    ],
)
def test_a_duration_is_spelt_as_short_as_it_can_be(value: timedelta, text: str) -> None:
    assert duration(value) == text


@pytest.mark.parametrize("text", ["P", "PT", "P1DT", "P1Y", "P1M", "15M", "PT-5M", "PT1.5M", ""])
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not a duration"):
        parse_duration(text)


def test_an_instant_is_written_in_utc_without_idle_zeros() -> None:
    two_hours_east = timezone(timedelta(hours=2))

    assert instant(datetime(2016, 8, 29, 21, tzinfo=two_hours_east)) == "2016-08-29T19:00:00Z"
    assert instant(datetime(2016, 8, 29, 19, 0, 0, 120000, tzinfo=UTC)) == "2016-08-29T19:00:00.12Z"
    with pytest.raises(ValueError, match="has no offset"):
        instant(datetime(2016, 8, 29))  # noqa: DTZ001 - it is what is refused


@pytest.mark.parametrize("text", ["http://a b/", "thing", "", "http://a/<", 'x:"', "x:{", "x:\\", "x:\x7f", "://a"])
def test_what_is_no_iri_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not an absolute IRI"):
        iri(text)


def test_a_literal_whose_text_does_not_fit_is_named() -> None:
    with pytest.raises(ValueError, match=r'"abc".*#decimal.*correct it there'):
        python(Literal("abc", datatype=NamedNode(XSD + "decimal")))


@pytest.mark.parametrize(
    "value",
    [True, 7, "text", date(2016, 8, 12), time(16, 0), datetime(2016, 8, 29, 19, tzinfo=UTC), timedelta(minutes=15), Decimal("1.5")],
)
def test_a_value_comes_back_as_itself(value: Value) -> None:
    assert python(literal(value)) == value
    assert type(python(literal(value))) is type(value)


def test_describe_repeats_lists_and_leaves_none_out() -> None:
    quads = describe("http://g/", "http://s/", {"http://p/": ["a", "b", None], "http://q/": None, "http://r/": 1})  # type: ignore[list-item]

    assert [(quad.predicate.value, quad.object.value) for quad in quads] == [  # type: ignore[union-attr]
        ("http://p/", "a"),
        ("http://p/", "b"),
        ("http://r/", "1"),
    ]


def test_a_value_without_a_term_is_refused_by_type() -> None:
    with pytest.raises(TypeError, match="no RDF term for a complex"):
        literal(1j)  # type: ignore[arg-type]
