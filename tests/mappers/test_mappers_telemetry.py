"""What may come on the telemetry topic: flags and clock offsets, SOSA, gzip, JSON-LD beside SenML."""

import gzip
import json
import string
import subprocess
import sys
import zlib
from contextlib import suppress
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mappers import expanded, jsonld, plain, telemetry
from mappers.document import CONTEXT_V1, MAX_BYTES, decode, with_bundled_contexts
from mappers.errors import MappingError
from mappers.records import Message, ReportedFlag, Series
from ontology.names import FCV

BASE = "http://127.0.0.1:8080/id/"
SENDER = BASE + "osb/h01"
KILOWATT = "http://qudt.org/vocab/unit/KiloW"
POWER = BASE + "connection/h01#activePower"
AT = datetime(2016, 8, 12, tzinfo=UTC)


def message(*readings: dict, **more: object) -> dict:
    head = {"@context": [CONTEXT_V1, {"@base": BASE}], "@id": "message/osb-h01/1", "@type": "Message", "madeBy": "osb/h01"}
    return head | {"sent": "2016-08-12T00:15:00Z", "readings": list(readings)} | more


def flag(**more: object) -> dict:
    given = {
        "@type": "QualityFlag",
        "observes": "connection/h01#activePower",
        "at": "2016-08-12T00:00:00Z",
        "reason": "fcv:DeviceUnreachable",
        "comment": "The meter didn't answer.",
    } | more
    return {key: value for key, value in given.items() if value is not None}


def observation(**more: object) -> dict:
    at = {"observes": "connection/h01#activePower", "at": "2016-08-12T00:00:00Z"}
    return {"@type": "Observation", "value": "1.5", "unit": "unit:KiloW"} | at | more


def lift(document: object) -> Message:
    return telemetry.lift(json.dumps(document).encode(), base=BASE, sender=SENDER)


def both_ways(document: dict) -> Message:
    payload = json.dumps(document).encode()
    short = plain.read(decode(payload))
    long = expanded.read(jsonld._statements(json.dumps(with_bundled_contexts(decode(payload)))), jsonld.RELATIVE)
    assert short == long
    return long


# --- flags and clock offset
def test_a_flag_stands_for_a_run_of_slots_with_its_reason() -> None:
    read = both_ways(message(flag(until="2016-08-12T03:00:00Z"), observation()))

    assert read.flags == (
        ReportedFlag(POWER, AT, datetime(2016, 8, 12, 3, tzinfo=UTC), str(FCV.DeviceUnreachable), "The meter didn't answer."),
    )
    assert [one.values for one in read.series] == [("1.5",)]


def test_a_flag_of_one_slot_has_no_end_and_may_have_no_comment() -> None:
    read = both_ways(message(flag(comment=None)))

    assert read.flags == (ReportedFlag(POWER, AT, None, str(FCV.DeviceUnreachable), ""),)


@pytest.mark.parametrize(("sent", "read"), [("-0.12", "-0.12"), (0, "0"), (1.5, "1.5"), ("1e-2", "0.01"), (None, None)])
def test_the_offset_of_the_clock_is_read_exactly(sent: object, read: str | None) -> None:
    document = message(observation()) | ({} if sent is None else {"clockOffset": sent})

    assert both_ways(document).clock_offset == (None if read is None else Decimal(read))


def test_a_message_without_sending_time_takes_the_short_way_too() -> None:
    document = {key: value for key, value in message(observation()).items() if key != "sent"}

    assert both_ways(document).sent is None


@pytest.mark.parametrize(
    ("document", "sentence"),
    [
        (message(flag(at="2016-08-12T00:00:00")), f"{POWER} at 2016-08-12T00:00:00 (flag): '2016-08-12T00:00:00' has no offset"),
        (message(flag(until="2016-08-12T00:00:00Z")), "'2016-08-12T00:00:00Z' is not after its begin, 2016-08-12T00:00:00Z; send the end"),
        (message(flag(reason="foo:Bar")), "'foo:Bar' has the prefix foo, which no context explains"),
        (message(flag(reason=None)), "'reason' is not one reason but 0"),
        (message(flag(observes=None)), "is not one flagged channel (observes) but 0"),
        (message(observation(), clockOffset="late"), "(clockOffset): 'late' is not a number"),
        (message(observation(), clockOffset="NaN"), "(clockOffset): 'NaN' is not a number"),
    ],
)
def test_a_bad_flag_is_refused_with_its_sentence(document: dict, sentence: str) -> None:
    read = lift(document)

    assert sentence in read.refused[0].sentence
    assert not read.flags
    assert read.clock_offset is None


texts = st.one_of(st.none(), st.text(max_size=12), st.just(""), st.integers(0, 9))
iris = st.text(string.ascii_letters + string.digits + "/#-_.:é ", min_size=1, max_size=12)
times = st.sampled_from(["2016-08-12T00:00:00Z", "2016-08-12T02:30:00+02:00", "2016-08-12", "2016-02-30T00:00:00Z", 7, "x"])
flags = st.builds(
    lambda o, a, u, r, c: flag(observes=o, at=a, until=u, reason=r, comment=c),
    iris,
    times,
    st.one_of(st.none(), times),
    st.one_of(iris, st.just("fcv:DeviceFault")),
    texts,
)
offsets = st.one_of(st.none(), st.floats(allow_nan=False, allow_infinity=False), st.text(max_size=5), st.booleans(), st.just([1]))


@settings(max_examples=300, deadline=None)
@given(st.lists(flags, max_size=3), offsets)
def test_the_short_way_and_the_long_way_agree_on_flags(given: list[dict], offset: object) -> None:
    document = message(*given) | ({} if offset is None else {"clockOffset": offset})
    payload = json.dumps(document).encode()
    short = plain.read(decode(payload))

    if short is not None:
        assert short == both_ways(document)


# --- SOSA
SOSA_CONTEXT = {
    "@base": BASE,
    "sosa": "http://www.w3.org/ns/sosa/",
    "qudt": "http://qudt.org/schema/qudt/",
    "qunit": "http://qudt.org/vocab/unit/",
    "time": "http://www.w3.org/2006/time#",
    "xsd": "http://www.w3.org/2001/XMLSchema#",
    "fc": "https://w3id.org/flexcoop/ns#",
    "saref": "https://saref.etsi.org/core/",
}
QUANTITY = {"sosa:hasResult": {"qudt:numericValue": {"@value": "1.50", "@type": "xsd:decimal"}, "qudt:unit": {"@id": "qunit:KiloW"}}}
SIMPLE = {"sosa:hasSimpleResult": {"@value": "1.5", "@type": "xsd:decimal"}}


def stamp(text: str) -> dict:
    return {"@value": text, "@type": "xsd:dateTime"}


def sosa(**more: object) -> dict:
    node = {"@type": "sosa:Observation", "sosa:observedProperty": {"@id": "connection/h01#activePower"}} | more
    head = {"@id": "message/1", "@type": "fc:Message", "saref:madeBy": {"@id": "osb/h01"}}
    return {"@context": SOSA_CONTEXT, "@graph": [head, node]}


@pytest.mark.parametrize(
    ("more", "unit"),
    [
        ({"sosa:resultTime": stamp("2016-08-12T00:00:00Z"), **QUANTITY}, KILOWATT),
        ({"sosa:phenomenonTime": stamp("2016-08-12T02:00:00+02:00"), **QUANTITY}, KILOWATT),
        ({"sosa:phenomenonTime": stamp("2016-08-12T00:00:00Z"), "sosa:resultTime": stamp("2016-08-12T00:20:00Z"), **QUANTITY}, KILOWATT),
        ({"sosa:phenomenonTime": {"@type": "time:Instant", "time:inXSDDateTimeStamp": "2016-08-12T00:00:00Z"}, **QUANTITY}, KILOWATT),
        ({"sosa:resultTime": stamp("2016-08-12T00:00:00Z"), "qudt:hasUnit": {"@id": "qunit:KiloW"}, **SIMPLE}, KILOWATT),
        ({"sosa:resultTime": stamp("2016-08-12T00:00:00Z"), "qudt:unit": {"@id": "qunit:KiloW"}, **SIMPLE}, KILOWATT),
        ({"sosa:resultTime": stamp("2016-08-12T00:00:00Z"), **SIMPLE}, None),
    ],
)
def test_a_sosa_observation_reads_like_a_saref_one(more: dict, unit: str | None) -> None:
    read = lift(sosa(**more))

    assert read.refused == ()
    assert read.series == (Series(POWER, AT, None, ("1.5",), unit),)


@pytest.mark.parametrize(
    ("more", "sentence"),
    [
        (QUANTITY, "is not one timestamp (sosa:resultTime) but 0"),
        ({"sosa:resultTime": stamp("2016-08-12T00:00:00Z")}, "is not one result (sosa:hasSimpleResult) but 0"),
        ({"sosa:resultTime": stamp("2016-08-12T00:00:00"), **SIMPLE}, "has no offset"),
        ({"sosa:phenomenonTime": {"@id": "urn:t"}, **SIMPLE}, "'urn:t' is no instant, as timestamp (sosa:phenomenonTime) must be"),
        ({"sosa:resultTime": stamp("2016-08-12T00:00:00Z"), "sosa:hasResult": "1.5"}, "is no node, as sosa:hasResult needs"),
        ({"sosa:resultTime": stamp("2016-08-12T00:00:00Z"), "sosa:hasResult": {"qudt:numericValue": "abc"}}, "'abc' is not a number"),
        ({"sosa:resultTime": stamp("2016-08-12T00:00:00Z"), "sosa:observedProperty": "x", **SIMPLE}, "'x' is no IRI"),
    ],
)
def test_a_sosa_observation_that_is_none_is_refused_with_its_sentence(more: dict, sentence: str) -> None:
    read = lift(sosa(**more))

    assert read.series == ()
    assert sentence in read.refused[0].sentence


# --- one entry for all
def test_a_compressed_message_reads_like_a_plain_one() -> None:
    payload = json.dumps(message(observation(), flag())).encode()

    assert telemetry.lift(gzip.compress(payload, mtime=0), base=BASE, sender=SENDER) == telemetry.lift(payload, base=BASE, sender=SENDER)


def test_an_array_is_senml_and_an_object_is_json_ld() -> None:
    pack = b' [{"n": "connection/h01/activePower", "u": "kW", "v": 1.5, "t": 1470960000}]'

    assert telemetry.lift(pack, base=BASE, sender=SENDER).series == (Series(POWER, AT, None, ("1.5",), KILOWATT),)
    assert lift(message(observation())).series == (Series(POWER, AT, None, ("1.5",), KILOWATT),)


@pytest.mark.parametrize(
    ("payload", "sentence"),
    [
        (b"", "is not JSON"),
        (b'"text"', "is a JSON text, not an object"),
        (b"\x1f\x8b", "begins like gzip and ends too early"),
        (b"\x1f\x8babc", "begins like gzip and can't be unpacked"),
        (gzip.compress(b"{}", mtime=0)[:-3], "begins like gzip and ends too early"),
        (gzip.compress(b"{}", mtime=0) + b"more", "has 4 bytes after the end of its gzip stream"),
        (gzip.compress(b"x" * (MAX_BYTES + 1), mtime=0), f"unpacks to more than the {MAX_BYTES} bytes"),
        (gzip.compress(gzip.compress(b"{}", mtime=0), mtime=0), "is not JSON"),
    ],
)
def test_what_can_not_be_unpacked_or_read_is_refused(payload: bytes, sentence: str) -> None:
    with pytest.raises(MappingError) as refused:
        telemetry.lift(payload, base=BASE, sender=SENDER)

    assert sentence in str(refused.value)


def test_exactly_the_most_that_a_message_may_have_is_unpacked() -> None:
    assert len(telemetry.unpacked(gzip.compress(b"x" * MAX_BYTES, mtime=0))) == MAX_BYTES


def test_a_gzip_bomb_is_refused_without_growing_memory() -> None:
    """Fault 15: 260 kB that unpack to 256 MB may take 32 MB at most; measured in a process of its own."""
    packer = zlib.compressobj(9, wbits=31)
    bomb = b"".join(packer.compress(bytes(1 << 20)) for _ in range(256)) + packer.flush()
    assert len(bomb) < 300_000
    code = """
import resource, sys
from mappers import telemetry
from mappers.errors import MappingError
bomb = sys.stdin.buffer.read()
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
try:
    telemetry.lift(bomb, base="http://127.0.0.1:8080/id/", sender="http://127.0.0.1:8080/id/osb/h01")
except MappingError as error:
    assert "unpacks to more" in str(error)
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""
    done = subprocess.run([sys.executable, "-c", code], input=bomb, capture_output=True, check=True)

    assert int(done.stdout) < 32 * 1024  # kB


@settings(max_examples=300, deadline=None)
@given(st.one_of(st.binary(max_size=200), st.binary(max_size=100).map(gzip.compress), st.binary(max_size=60).map(lambda b: b"[" + b)))
def test_no_payload_raises_anything_but_a_mapping_error(payload: bytes) -> None:
    with suppress(MappingError):
        telemetry.lift(payload, base=BASE, sender=SENDER)


# --- what nobody can mean
@pytest.mark.parametrize(
    "payload",
    [
        json.dumps(message(observation())).replace('"value": "1.5"', '"value": 1.5, "value": 2.5').encode(),
        json.dumps(message(observation())).replace('"value": "1.5"', '"value": "1.5", "value": "2.5"').encode(),
        b'[{"n": "connection/h01/activePower", "t": 1470960000, "v": 1.5, "v": 2.5}]',
    ],
)
def test_an_object_that_says_one_name_twice_is_refused_whole(payload: bytes) -> None:
    """RFC 8259 §4: what the second value means is unpredictable; JSON-LD 1.1 §9: names must be unique."""
    with pytest.raises(MappingError, match=r"the payload says 'v(alue)?' twice in one object; say it once"):
        telemetry.lift(payload, base=BASE, sender=SENDER)


@pytest.mark.parametrize("at", ["\ud800", "x" * 100_000, "\ud800" * 100_000])
@pytest.mark.parametrize(
    "item", [lambda at: observation(at=at), lambda at: flag(at=at), lambda at: observation(at=at) | {"@type": ["Observation"]}]
)
def test_a_refusal_can_be_sent_back_whatever_was_written_into_it(item, at: str) -> None:
    """Half a character is no UTF-8, and an acknowledgement has room for many refusals."""
    with suppress(MappingError):  # half a character is no JSON-LD for the long way, which refuses the whole
        (refusal,) = telemetry.lift(json.dumps(message(item(at))).encode(), base=BASE, sender=SENDER).refused
        assert len(refusal.sentence.encode()) < 4000
        assert refusal.point.startswith(POWER + " at ")


def test_a_byte_order_mark_is_passed_over_before_either_form() -> None:
    pack = b'\xef\xbb\xbf[{"n": "connection/h01/activePower", "t": 1470960000, "u": "kW", "v": 1.5}]'

    read = [
        telemetry.lift(payload, base=BASE, sender=SENDER)
        for payload in (pack, b"\xef\xbb\xbf" + json.dumps(message(observation())).encode())
    ]

    assert [one.series[0].values for one in read] == [("1.5",), ("1.5",)]
