"""One value as people type it: numbers, times, texts and addresses, in the reader's language."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyoxigraph import Literal, NamedNode

from forms import typed
from forms.errors import UnreadableError
from forms.model import Choice, Field, Kind
from forms.typed import decimal_of, decimal_text
from kg.terms import XSD, canonical, literal, python


def field(kind: Kind, **more: object) -> Field:
    datatypes = {Kind.TEXT: "string", Kind.TIME: "time", Kind.DATE: "date", Kind.INSTANT: "dateTime", Kind.DURATION: "dayTimeDuration"}
    datatype = XSD + datatypes[kind] if kind in datatypes else None
    return Field("f", "urn:shape", "urn:path", kind, {"en": "Field"}, **{"datatype": datatype, **more})  # type: ignore[arg-type]


def refusal(kind: Kind, text: str | dict[str, str], language: str = "en", zone: str = "UTC", **more: object) -> str:
    inputs = text if isinstance(text, dict) else {"": text}
    with pytest.raises(UnreadableError) as caught:
        typed.read(field(kind, **more), inputs, language, zone)
    return caught.value.key


def read(kind: Kind, text: str | dict[str, str], language: str = "en", zone: str = "UTC", **more: object) -> object:
    term = typed.read(field(kind, **more), text if isinstance(text, dict) else {"": text}, language, zone)
    return None if term is None else python(term)


# --- numbers


@pytest.mark.parametrize(
    ("text", "language", "value"),
    [
        ("0.5", "en", "0.5"),
        ("0.95", "es", "0.95"),
        ("0,95", "nl", "0.95"),
        ("1,5", "en", "1.5"),
        ("1.500", "en", "1.500"),
        ("1,500", "es", "1.500"),
        ("0.500", "es", "0.5"),  # nothing is grouped behind a zero
        ("1234.500", "nl", "1234.5"),  # nor four digits before a sign
        ("−2", "en", "-2"),
        (" 12 ", "en", "12"),
        (".5", "en", "0.5"),
    ],
)
def test_number_is_read_by_the_readers_sign(text, language, value):
    assert decimal_of(text, language) == Decimal(value)


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("1.500", "es"),
        ("1.500", "nl"),
        ("1,500", "en"),
        ("1,234.5", "en"),
        ("1.234,5", "es"),
        ("1 500", "nl"),
        ("12.345.678", "en"),
        ("-1.500", "es"),
    ],
)
def test_number_that_may_be_two_is_refused(text, language):
    with pytest.raises(UnreadableError) as caught:
        decimal_of(text, language)

    assert caught.value.key == "thousands"
    assert text in caught.value.sentence


@pytest.mark.parametrize("text", ["", "abc", "1e5", "NaN", "Infinity", "--1", "1,2,3", "0x10", "1.", "٣", "9" * 61, "5 kW", "<script>"])
def test_what_is_no_number_is_refused(text):
    with pytest.raises(UnreadableError) as caught:
        decimal_of(text, "en")

    assert caught.value.key == "number"


@given(
    value=st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**9), max_value=10**9, places=6),
    language=st.sampled_from(["en", "es", "nl"]),
)
def test_number_is_read_as_it_is_written(value, language):
    assert decimal_of(decimal_text(value, language), language) == value


def test_number_beyond_what_the_store_computes_with_is_refused():
    assert refusal(Kind.DECIMAL, "0.1234567890123456789") == "digits"


@pytest.mark.parametrize(
    ("limits", "inside", "outside", "key"),
    [
        ({"least": Decimal("0.5")}, "0.5", "0.49", "least"),
        ({"most": Decimal("0.95")}, "0.95", "0.951", "most"),
        ({"above": Decimal(0)}, "0.001", "0", "above"),
        ({"below": Decimal(1)}, "0.999", "1", "below"),
    ],
)
def test_limits_are_exact(limits, inside, outside, key):
    assert read(Kind.DECIMAL, inside, **limits) == Decimal(inside)
    assert refusal(Kind.DECIMAL, outside, **limits) == key


def test_limit_is_told_in_the_readers_numbers_with_the_unit():
    limited = field(Kind.VALUE, most=Decimal("0.5"), unit_names={"es": "kW"})

    with pytest.raises(UnreadableError, match=r"^El máximo es 0,5 kW\.$"):
        typed.read(limited, {"": "0,6"}, "es", "UTC")


def test_whole_number_is_digits_alone():
    assert read(Kind.INTEGER, "12") == 12
    assert refusal(Kind.INTEGER, "1.5") == "integer"
    assert refusal(Kind.INTEGER, "1.000", "es") == "thousands"


# --- yes and no, choices


@pytest.mark.parametrize(("text", "yes"), [("true", True), ("false", False), ("sí", True), ("Ja", True), ("nee", False), ("1", True)])
def test_yes_and_no_are_read_in_three_languages(text, yes):
    assert read(Kind.BOOLEAN, text) is yes


def test_maybe_is_neither_yes_nor_no():
    assert refusal(Kind.BOOLEAN, "maybe") == "boolean"


def test_choice_goes_by_iri_or_by_its_name_in_any_language():
    choices = (
        Choice("http://example.org/v/Up", {"en": "Upward", "es": "Al alza"}),
        Choice("http://example.org/v/Down", {"en": "Downward"}),
    )

    for text in ("http://example.org/v/Up", "upward", "AL ALZA", "up"):
        assert read(Kind.CHOICE, text, choices=choices) == "http://example.org/v/Up"
    assert refusal(Kind.CHOICE, "sideways", choices=choices) == "choice"


# --- time


def test_dates_and_times_are_checked():
    assert str(read(Kind.DATE, "2016-02-29")) == "2016-02-29"
    assert refusal(Kind.DATE, "2017-02-29") == "date"
    assert refusal(Kind.DATE, "30/08/2016") == "date"
    assert str(read(Kind.TIME, "7:30")) == "07:30:00"
    assert str(read(Kind.TIME, "07:30:15.5")) == "07:30:15.500000"
    assert refusal(Kind.TIME, "24:00") == "time"


def test_duration_is_days_hours_and_minutes():
    term = typed.read(field(Kind.DURATION), {".days": "1", ".hours": "2,5", ".minutes": ""}, "nl", "UTC")

    assert term == Literal("P1DT2H30M", datatype=NamedNode(XSD + "dayTimeDuration"))
    assert typed.write(field(Kind.DURATION), term, "nl", "UTC") == {".days": "1", ".hours": "2", ".minutes": "30"}
    assert typed.read(field(Kind.DURATION), {".days": "", ".hours": "", ".minutes": ""}, "en", "UTC") is None
    assert str(typed.read(field(Kind.DURATION), {".minutes": "0"}, "en", "UTC")).startswith('"PT0S"')
    assert refusal(Kind.DURATION, {".hours": "-1"}) == "duration"
    assert refusal(Kind.DURATION, {".hours": "soon"}) == "duration"
    assert refusal(Kind.DURATION, "P1Y") == "span"


@given(seconds=st.integers(-(10**6), 10**7))
def test_duration_is_read_as_it_is_written(seconds):
    term = canonical(Literal(f"{'-' if seconds < 0 else ''}PT{abs(seconds)}S", datatype=NamedNode(XSD + "dayTimeDuration")))
    inputs = typed.write(field(Kind.DURATION), term, "en", "UTC")

    again = typed.read(field(Kind.DURATION), inputs, "en", "UTC")

    assert again is not None
    assert python(again) == python(term)


def test_instant_is_asked_by_the_clock_of_the_site():
    summer = typed.read(field(Kind.INSTANT), {"": "2016-08-30T09:00"}, "en", "Europe/Madrid")
    winter = typed.read(field(Kind.INSTANT), {"": "2016-12-30 09:00"}, "en", "Europe/Madrid")

    assert (summer.value, winter.value) == ("2016-08-30T07:00:00Z", "2016-12-30T08:00:00Z")  # type: ignore[union-attr]
    assert typed.write(field(Kind.INSTANT), summer, "en", "Europe/Madrid") == {"": "2016-08-30T09:00"}  # type: ignore[arg-type]


def test_hour_that_the_clock_skips_does_not_exist():
    assert refusal(Kind.INSTANT, "2016-03-27T02:30", zone="Europe/Madrid") == "missing-hour"


def test_of_the_hour_that_comes_twice_one_is_chosen():
    twice = "2016-10-30T02:30"  # Madrid: 00:30 UTC, and again 01:30 UTC

    assert refusal(Kind.INSTANT, twice, zone="Europe/Madrid") == "double-hour"
    for fold, instant in (("0", "2016-10-30T00:30:00Z"), ("1", "2016-10-30T01:30:00Z")):
        term = typed.read(field(Kind.INSTANT), {"": twice, ".fold": fold}, "en", "Europe/Madrid")
        assert term == Literal(instant, datatype=NamedNode(XSD + "dateTime"))
        assert typed.write(field(Kind.INSTANT), term, "en", "Europe/Madrid") == {"": twice, ".fold": fold}  # type: ignore[arg-type]


@given(
    second=st.integers(500_000_000, 2_000_000_000),
    zone=st.sampled_from(["Europe/Madrid", "America/Los_Angeles", "Australia/Lord_Howe", "UTC"]),
)
def test_instant_is_read_as_it_is_written(second, zone):
    term = literal(datetime.fromtimestamp(second, UTC))

    assert typed.read(field(Kind.INSTANT), typed.write(field(Kind.INSTANT), term, "en", zone), "en", zone) == term


# --- texts and addresses


def test_text_is_composed_and_trimmed():
    assert read(Kind.TEXT, "  Cafe\u0301 ") == "Café"


@pytest.mark.parametrize("letter", ["\x00", "\x1b", "\u202e", "\u2066", "\u200b", "\ud800", "\u2028", "\ufeff"], ids=ascii)
def test_letters_that_nobody_sees_are_refused(letter):
    assert refusal(Kind.TEXT, f"a{letter}b") == "control"


@pytest.mark.parametrize(
    "text", ["<script>alert(1)</script>", "javascript:alert(1)", "\"'&{{7*7}}", "=HYPERLINK(1)", "' OR 1=1 --", "🔋 naïve ﷽"]
)
def test_hostile_text_stays_text(text):
    assert read(Kind.TEXT, text) == text


@pytest.mark.parametrize(
    "text",
    [
        *(
            "javascript:alert(1)",
            "JavaScript:alert(1)",
            "data:text/html,<script>",
            "vbscript:x",
            "file:///etc/passwd",
            "no-scheme",
            "//host/path",
        ),
        *("http://a b", "http://x/<script>", 'http://x/">', "https://" + "a" * 3000, "java\nscript:alert(1)", " blob:x"),
    ],
)
def test_address_that_is_none_or_runs_something_is_refused(text):
    assert refusal(Kind.IRI, text) in ("address", "control")


def test_address_of_the_web_is_kept():
    assert read(Kind.IRI, "https://example.org/a?b=c#d") == "https://example.org/a?b=c#d"


def test_length_is_counted_in_letters():
    assert read(Kind.TEXT, "🔋🔋", most_length=2) == "🔋🔋"
    assert refusal(Kind.TEXT, "abc", most_length=2) == "long"
    assert refusal(Kind.TEXT, "a", least_length=2) == "short"
    assert refusal(Kind.TEXT, "a" * 10_001) == "long"


def test_text_of_another_pattern_is_refused():
    assert read(Kind.TEXT, "osb-h01", pattern="^[a-z0-9-]+$") == "osb-h01"
    assert refusal(Kind.TEXT, "OSB h01", pattern="^[a-z0-9-]+$") == "refused"
