"""Telemetry messages: both ways through JSON-LD agree, and garbage is named."""

import json
import string
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mappers import expanded, jsonld, plain
from mappers.document import CONTEXT_V1, decode, with_bundled_contexts
from mappers.errors import MappingError
from mappers.records import Message, Series

BASE = "http://127.0.0.1:8080/id/"
KILOWATT = "http://qudt.org/vocab/unit/KiloW"
POWER = BASE + "connection/h01#activePower"


def message(*readings: dict, **more: object) -> dict:
    return {
        "@context": [CONTEXT_V1, {"@base": BASE}],
        "@id": "message/osb-h01/20160812T000000Z",
        "@type": "Message",
        "madeBy": "osb/h01",
        "sent": "2016-08-12T00:00:00Z",
        "readings": list(readings),
        **more,
    }


def observation(value: object = "1.234", **more: object) -> dict:
    return {
        "@type": "Observation",
        "observes": "connection/h01#activePower",
        "at": "2016-08-12T00:00:00Z",
        "value": value,
        "unit": "unit:KiloW",
        **more,
    }


def series(values: object, **more: object) -> dict:
    return {
        "@type": "TimeSeries",
        "observes": "connection/h01#activePower",
        "start": "2016-08-12T00:00:00Z",
        "step": "PT15M",
        "values": values,
        "unit": "unit:KiloW",
        **more,
    }


def encoded(document: object) -> bytes:
    return json.dumps(document).encode()


def long_way(document: dict) -> Message:
    """What expansion makes of a document, even if the short way would do."""
    opened = with_bundled_contexts(decode(encoded(document)))
    return expanded.read(jsonld._statements(json.dumps(opened)), jsonld.RELATIVE)


def one_refusal(document: dict) -> str:
    (refusal,) = jsonld.lift(encoded(document)).refused
    return refusal.sentence


def test_the_example_of_the_data_model_becomes_series() -> None:
    pv = series([1.2, None, 0.5], observes="device/h01-pv#activePower")

    read = jsonld.lift(encoded(message(observation(), pv)))

    start = datetime(2016, 8, 12, tzinfo=UTC)
    assert read == Message(
        BASE + "message/osb-h01/20160812T000000Z",
        BASE + "osb/h01",
        start,
        (
            Series(POWER, start, None, ("1.234",), KILOWATT),
            Series(BASE + "device/h01-pv#activePower", start, timedelta(minutes=15), ("1.2", None, "0.5"), KILOWATT),
        ),
        (),
    )


def test_a_full_saref_observation_reads_like_a_lean_one() -> None:
    context = {
        "@base": BASE,
        "saref": "https://saref.etsi.org/core/",
        "qudtunit": "http://qudt.org/vocab/unit/",
        "fc": "https://w3id.org/flexcoop/ns#",
        "xsd": "http://www.w3.org/2001/XMLSchema#",
    }
    full = {
        "@type": "saref:Observation",
        "saref:observes": {"@id": "connection/h01#activePower"},
        "saref:hasTimestamp": {"@value": "2016-08-12T00:00:00Z", "@type": "xsd:dateTime"},
        "saref:hasResult": {"@type": "saref:PropertyValue", "saref:hasValue": 1.234, "saref:isMeasuredIn": {"@id": "qudtunit:KiloW"}},
    }
    document = {
        "@context": context,
        "@graph": [{"@id": "message/1", "@type": "fc:Message", "saref:madeBy": {"@id": "osb/h01"}}, full],
    }

    read = jsonld.lift(encoded(document))

    assert read.series == (Series(POWER, datetime(2016, 8, 12, tzinfo=UTC), None, ("1.234",), KILOWATT),)
    assert read.refused == ()


def test_own_terms_beside_the_bundled_context_are_understood() -> None:
    document = message(observation()) | {"@context": [CONTEXT_V1, {"@base": BASE, "wert": "value"}]}
    document["readings"] = [{"wert" if key == "value" else key: value for key, value in observation().items()}]
    document["@context"][1]["wert"] = {
        "@id": "http://www.w3.org/ns/sosa/hasSimpleResult",
        "@type": "http://www.w3.org/2001/XMLSchema#decimal",
    }

    assert jsonld.lift(encoded(document)).series == jsonld.lift(encoded(message(observation()))).series


@pytest.mark.parametrize(
    ("sent", "plain_text"),
    [
        ("1.234", "1.234"),
        ("1.5e-7", "0.00000015"),
        ("1E3", "1000"),
        ("-0.0", "0"),
        ("1.50", "1.5"),
        ("100", "100"),
        ("0e999", "0"),
        ("12345678901234567890.123456789012345678", "12345678901234567890.123456789012345678"),
        ("0.0012345678901234567", "0.001234567890123457"),
    ],
)
@pytest.mark.parametrize("quoted", [True, False])
def test_numbers_become_plain_decimals(sent: str, plain_text: str, quoted: bool) -> None:
    number = f'"{sent}"' if quoted else sent
    text = json.dumps(message(observation("HERE"), series(["HERE"]))).replace('"HERE"', number)

    for read in (jsonld.lift(text.encode()), long_way_of_text(text)):
        assert [one.values for one in read.series] == [(plain_text,), (plain_text,)]


def long_way_of_text(text: str) -> Message:
    opened = with_bundled_contexts(decode(text.encode()))
    return expanded.read(jsonld._statements(json.dumps(opened)), jsonld.RELATIVE)


@pytest.mark.parametrize(
    ("value", "sentence"),
    [
        ('"abc"', "'abc' is not a number; send a decimal number, and null or nothing where the value is missing"),
        ("NaN", "'NaN' is not a number; send a decimal number, and null or nothing where the value is missing"),
        ("Infinity", "'Infinity' is not a number; send a decimal number, and null or nothing where the value is missing"),
        ("1e400", "'1e400' is 10²⁰ or more, beyond what an xsd:decimal holds; check the meter and its scale"),
        ("1e-400", "'1e-400' is below 10⁻¹⁸ without being zero; check the meter and its scale, or send 0"),
        ("9" * 400, f"'{'9' * 39}… (402 characters) has more than 64 characters; send the value with the meter's own precision"),
    ],
)
def test_what_is_no_number_is_refused_at_its_point(value: str, sentence: str) -> None:
    text = json.dumps(message(observation("HERE"), series([1, 2]))).replace('"HERE"', value)

    read = jsonld.lift(text.encode())

    assert [refusal.sentence for refusal in read.refused] == [f"{POWER} at 2016-08-12T00:00:00Z: {sentence}"]
    assert [one.values for one in read.series] == [("1", "2")]


@pytest.mark.parametrize("value", [True, "true"])
def test_a_truth_value_is_no_number(value: object) -> None:
    assert "is not a number" in one_refusal(message(observation(value)))
    assert "is not a number" in one_refusal(message(series([value])))


def test_a_bad_value_in_a_series_leaves_a_gap_and_its_sentence() -> None:
    read = jsonld.lift(encoded(message(series([1, "abc", 3]))))

    assert read.series[0].values == ("1", None, "3")
    assert [refusal.point for refusal in read.refused] == [f"{POWER} at 2016-08-12T00:15:00Z"]


@pytest.mark.parametrize(
    ("reading", "part"),
    [
        (observation(at="2016-08-12T00:00:00"), "has no offset, so it names no instant; add Z, or the offset like +02:00"),
        (observation(at="2016-02-30T00:00:00Z"), "'2016-02-30T00:00:00Z' is not a date and time of the calendar"),
        (observation(at="yesterday"), "'yesterday' is not an instant; write it like 2016-08-12T10:15:00Z"),
        (observation(at="0001-01-01T00:00:00+14:00"), "is not a date and time of the calendar"),
        (observation(unit="foo:KiloW"), "'foo:KiloW' has the prefix foo, which no context explains"),
        (observation(observes="foo:bar"), "'foo:bar' has the prefix foo, which no context explains"),
        (observation(None), "is not one result (value) but 0; give the reading exactly one valid result (value)"),
        (observation(["1", "2"]), "'1, 2' is not one result (value) but 2"),
        (observation(observes="a b"), "is not one observed channel (observes) but 0"),
        (series([1], step="P1M"), "'P1M' is not a duration in days, hours, minutes and seconds; write it like PT15M"),
        (series([1], step="PT0S"), "'PT0S' is not above zero and at most one day"),
        (series([]), "'[]' holds no value"),
        (series([1, 2], start="9999-12-31T23:59:00Z", step="PT5M"), "is followed by more values than the calendar has days"),
        (series({"a": 1}), "is no JSON array of numbers"),
        (series([[1]]), "is not a number"),
    ],
)
def test_a_bad_reading_is_refused_with_its_sentence(reading: dict, part: str) -> None:
    good = observation("2", at="2016-08-12T00:15:00Z")

    read = jsonld.lift(encoded(message(reading, good)))

    assert part in read.refused[0].sentence
    assert [one.values for one in read.series if one.values != (None,)] == [("2",)]


@pytest.mark.parametrize(
    ("payload", "part"),
    [
        (b"not json", "is not JSON"),
        (b"\xff\xfe", "is not JSON"),
        (b"", "is not JSON"),
        (b"[]", "is a JSON array, not an object; put readings into a Message object"),
        (b"true", "is a JSON truth value, not an object"),
        (b"[" * 100_000, "nests deeper than 32 levels"),
        (b'{"a":' * 40 + b"1" + b"}" * 40, "nests deeper than 32 levels"),
        (b" " * (4 * 1024 * 1024 + 1), "has 4194305 bytes, more than the 4194304"),
        (encoded({"@context": "https://example.org/c.jsonld"}), "asks for the context 'https://example.org/c.jsonld'"),
        (
            encoded({"@context": {"t": {"@id": "urn:t", "@context": "http://evil.example/c"}}}),
            "asks for the context 'http://evil.example/c', and no context is ever fetched",
        ),
        (encoded({"@context": {"@import": "http://evil.example/c"}}), "asks for the context 'http://evil.example/c'"),
        (encoded(message({"a": {"@context": ["http://evil.example/c"]}})), "asks for the context 'http://evil.example/c'"),
        (encoded({"@context": CONTEXT_V1}), "holds 0 nodes of the type https://w3id.org/flexcoop/ns#Message"),
        (encoded({key: value for key, value in message().items() if key != "@id"}), "the message has no id"),
        (encoded(message() | {"@context": CONTEXT_V1}), "the message has no id"),
        (encoded({key: value for key, value in message().items() if key != "madeBy"}), "has no sender that can be named"),
        (encoded(message() | {"@context": [CONTEXT_V1, {"@base": 7}]}), "is not valid JSON-LD"),
    ],
)
def test_an_unusable_payload_is_refused_whole(payload: bytes, part: str) -> None:
    with pytest.raises(MappingError) as refused:
        jsonld.lift(payload)

    assert part in str(refused.value)
    assert "relative:/" not in str(refused.value)


def test_a_bad_sending_time_spoils_no_reading() -> None:
    read = jsonld.lift(encoded(message(observation(), sent="2016-08-12T00:00:00")))

    assert read.sent is None
    assert len(read.series) == 1
    assert "has no offset" in read.refused[0].sentence


def test_plain_messages_take_the_short_way() -> None:
    assert plain.read(decode(encoded(message(observation(), series([1, None]))))) is not None


# --- both ways give the same
numbers = st.one_of(
    st.integers(-(10**6), 10**6),
    st.floats(allow_nan=False, allow_infinity=False, width=64),
    st.decimals(allow_nan=False, allow_infinity=False, places=6, min_value=-1000, max_value=1000).map(str),
    st.sampled_from(["abc", "", "1e5", "NaN", " 1", "١"]),
    st.booleans(),
)
paths = st.text(string.ascii_letters + string.digits + "/#-_.:é ", min_size=1, max_size=12)
iris = st.one_of(paths, paths.map(lambda path: BASE + path), paths.map(lambda path: "unit:" + path), st.just("fcv:ActivePower"))
times = st.one_of(
    st.datetimes(min_value=datetime(1990, 1, 1), max_value=datetime(2090, 1, 1)).map(lambda at: at.isoformat() + "Z"),  # noqa: DTZ001
    st.sampled_from(["2016-02-30T00:00:00Z", "2016-08-12", "2016-08-12T00:00:00", "2016-08-12T02:00:00+02:00"]),
)
a_reading = st.one_of(
    st.builds(lambda v, o, t, u: observation(v, observes=o, at=t, unit=u), numbers, iris, times, iris),
    st.builds(
        lambda v, o, t, u, s: series(v, observes=o, start=t, unit=u, step=s),
        st.lists(st.one_of(st.none(), numbers), max_size=5),
        iris,
        times,
        iris,
        st.sampled_from(["PT15M", "P1D", "PT0S", "15M", "PT1.5S"]),
    ),
)


@settings(max_examples=300, deadline=None)
@given(st.lists(a_reading, max_size=4), paths)
def test_the_short_way_and_the_long_way_agree(readings: list[dict], key: str) -> None:
    document = message(*readings) | {"@id": key}
    short = plain.read(decode(encoded(document)))

    if short is not None:
        assert short == long_way(document)


@settings(max_examples=200, deadline=None)
@given(st.lists(a_reading, max_size=4))
def test_the_same_payload_gives_the_same_answer(readings: list[dict]) -> None:
    payload = encoded(message(*readings))

    assert jsonld.lift(payload) == jsonld.lift(payload)


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=200))
def test_no_payload_raises_anything_but_a_mapping_error(payload: bytes) -> None:
    with suppress(MappingError):
        jsonld.lift(payload)


@settings(deadline=None)
@given(st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**9), max_value=10**9, places=9))
def test_the_value_of_a_number_is_kept_exactly(number: Decimal) -> None:
    read = jsonld.lift(encoded(message(observation(str(number)))))

    text = read.series[0].values[0]
    assert text is not None
    assert Decimal(text) == number
    assert "e" not in text.lower()


# --- announcements
def announcement(*nodes: dict) -> dict:
    return {
        "@context": [CONTEXT_V1, {"@base": BASE}],
        "@graph": [{"@id": "message/osb-h01/announce", "@type": "Message", "madeBy": "osb/h01"}, *nodes],
    }


def test_an_announcement_becomes_triples_with_plain_decimals() -> None:
    rating = {"@id": "device/h01-pv#ratedPower", "amount": 5.25, "measuredIn": "unit:KiloW"}

    read = jsonld.announcement(encoded(announcement(rating)))

    assert (read.id, read.made_by) == (BASE + "message/osb-h01/announce", BASE + "osb/h01")
    assert sorted(str(triple) for triple in read.triples) == [
        f'<{BASE}device/h01-pv#ratedPower> <https://saref.etsi.org/core/hasValue> "5.25"^^<http://www.w3.org/2001/XMLSchema#decimal>',
        f"<{BASE}device/h01-pv#ratedPower> <https://saref.etsi.org/core/isMeasuredIn> <{KILOWATT}>",
    ]


def test_untyped_numbers_of_an_announcement_become_decimals_too() -> None:
    read = jsonld.describe(encoded(announcement({"@id": "device/x", "saref:hasValue": 1.5e-7})))

    assert [triple.object.value for triple in read] == ["0.00000015"]


@pytest.mark.parametrize(
    ("node", "part"),
    [
        ({"@id": "device/x", "ratings": {"amount": 1}}, "has no @id, so it can't be named again; give every part an IRI"),
        ({"@id": "device/x", "amount": "abc"}, "'abc' is not a number"),
        ({"@id": "device/x", "@graph": [{"@id": "device/y", "amount": 1}]}, "and a box has only its own; leave @graph's @id out"),
    ],
)
def test_an_announcement_that_can_not_be_stored_is_refused(node: dict, part: str) -> None:
    with pytest.raises(MappingError) as refused:
        jsonld.announcement(encoded(announcement(node)))

    assert part in str(refused.value)
