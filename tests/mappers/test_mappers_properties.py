"""What holds for every mapper: value, unit, sign and time survive; garbage never becomes a number; the same input, the same output."""

import gzip
import io
import json
import re
import struct
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from mappers import csv, flat, jsonld, registers, samples, senml, sunspec, telemetry, triples
from mappers.document import CONTEXT_V1
from mappers.errors import MappingError
from mappers.points import JsonPath, Point, Profile, Register, SunSpecPoint
from mappers.profile import registry
from mappers.recordings import lift, recordings
from mappers.records import Message, Refusal, Series
from ontology.names import UNIT

BASE = "http://127.0.0.1:8080/id/"
SENDER = BASE + "osb/h01"
PATH = "device/h01-battery#activePower"
PLAIN = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]*[1-9])?")
UNITS = {"unit:KiloW": "kW", "unit:W": "W", "unit:KiloW-HR": "kWh", "unit:DEG_C": "Cel", "unit:PERCENT": "/100", "unit:V": "V"}
PROFILES = registry(Path(__file__).parents[2] / "devices" / "profiles")
NORMAL = {name: next(one.raw for one in recordings(profile) if one.name == "normal") for name, profile in PROFILES.items()}
POINTS = [(profile, point) for profile in PROFILES.values() for point in profile.points]

numbers = st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**9), max_value=10**9, places=6)
instants = st.datetimes(min_value=datetime(2009, 1, 1), max_value=datetime(2090, 1, 1)).map(lambda at: at.replace(tzinfo=UTC))  # noqa: DTZ001
garbage = st.recursive(
    st.one_of(
        st.text(max_size=8).filter(lambda text: not re.fullmatch(r"[+-]?[0-9.]+(e[+-]?[0-9]+)?", text, re.IGNORECASE) and text.strip()),
        st.booleans(),
        st.integers(min_value=10**20, max_value=10**200),
        st.sampled_from([float("nan"), float("inf"), float("-inf"), "NaN", "1,5", "0x10", "١٢", "1e400", "--1", "1 2", "9" * 400]),
    ),
    lambda inner: st.one_of(
        st.lists(inner, min_size=1, max_size=2), st.dictionaries(st.text(min_size=1, max_size=3), inner, min_size=1, max_size=2)
    ),
    max_leaves=4,
)


# --- messages and files: (value as JSON, unit, time) → payload, and its reader
def jsonld_message(*readings: dict) -> dict:
    head = {"@id": "message/osb-h01/1", "@type": "Message", "madeBy": "osb/h01"}
    return {"@context": [CONTEXT_V1, {"@base": BASE}], **head, "readings": list(readings)}


def lean(value: object, unit: str, at: datetime) -> dict:
    return jsonld_message({"@type": "Observation", "observes": PATH, "at": at.isoformat(), "value": value, "unit": unit})


def series(value: object, unit: str, at: datetime) -> dict:
    return jsonld_message(
        {"@type": "TimeSeries", "observes": PATH, "start": at.isoformat(), "step": "PT15M", "values": [value], "unit": unit}
    )


def long(observation: dict) -> dict:
    """A context of the sender's own, so that the message is expanded."""
    context = {
        "@base": BASE,
        "saref": "https://saref.etsi.org/core/",
        "sosa": "http://www.w3.org/ns/sosa/",
        "qudt": "http://qudt.org/schema/qudt/",
        "unit": "http://qudt.org/vocab/unit/",
        "fc": "https://w3id.org/flexcoop/ns#",
        "xsd": "http://www.w3.org/2001/XMLSchema#",
    }
    return {"@context": context, "@graph": [{"@id": "m/1", "@type": "fc:Message", "saref:madeBy": {"@id": "osb/h01"}}, observation]}


def decimal(value: object) -> object:
    return {"@value": value, "@type": "xsd:decimal"} if isinstance(value, str) else value


def full(value: object, unit: str, at: datetime) -> dict:
    result = {"saref:hasValue": decimal(value), "saref:isMeasuredIn": {"@id": unit}}
    timed = {"saref:hasTimestamp": {"@value": at.isoformat(), "@type": "xsd:dateTime"}}
    return long({"@type": "saref:Observation", "saref:observes": {"@id": PATH}, "saref:hasResult": result} | timed)


def sosa(value: object, unit: str, at: datetime) -> dict:
    result = {"qudt:numericValue": decimal(value), "qudt:unit": {"@id": unit}}
    timed = {"sosa:resultTime": {"@value": at.isoformat(), "@type": "xsd:dateTime"}}
    return long({"@type": "sosa:Observation", "sosa:observedProperty": {"@id": PATH}, "sosa:hasResult": result} | timed)


def json_bytes(make: Callable[[object, str, datetime], object]) -> Callable[[object, str, datetime], bytes]:
    return lambda value, unit, at: json.dumps(make(value, unit, at)).encode()


def pack(value: object, unit: str, at: datetime) -> bytes:
    seconds = (at - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)
    digits = value if isinstance(value, str) and PLAIN.fullmatch(value) else json.dumps(value)
    head = json.dumps({"n": PATH.replace("#", "/"), "u": UNITS[unit]})[:-1]
    return f'[{head}, "t": {seconds // 10**6}.{seconds % 10**6:06}, "v": {digits}}}]'.encode()


def row(value: object, unit: str, at: datetime) -> bytes:
    text = value if isinstance(value, str) else json.dumps(value)
    quoted = '"' + text.replace('"', '""') + '"'
    return f"channel,timestamp,value,unit\n{PATH},{at.isoformat()},{quoted},{unit}\n".encode()


def from_csv(payload: bytes) -> Message:
    read = list(csv.lift(io.StringIO(payload.decode("utf-8", "surrogatepass"), newline=""), base=BASE))
    found, refused = [one for one in read if isinstance(one, Series)], [one for one in read if isinstance(one, Refusal)]
    return Message("", "", None, tuple(found), tuple(refused))


def from_topic(payload: bytes) -> Message:
    return telemetry.lift(payload, base=BASE, sender=SENDER)


MAPPERS: dict[str, tuple[Callable[[Any, str, datetime], bytes], Callable[[bytes], Message]]] = {
    "JSON-LD, lean": (json_bytes(lean), jsonld.lift),
    "JSON-LD, series": (json_bytes(series), jsonld.lift),
    "JSON-LD, full SAREF": (json_bytes(full), jsonld.lift),
    "JSON-LD, SOSA": (json_bytes(sosa), jsonld.lift),
    "SenML": (pack, lambda payload: senml.lift(payload, base=BASE, sender=SENDER)),
    "the topic, compressed": (lambda *given: gzip.compress(json_bytes(lean)(*given), mtime=0), from_topic),
    "the topic, SenML compressed": (lambda *given: gzip.compress(pack(*given), mtime=0), from_topic),
    "CSV": (row, from_csv),
}


def values(read: Message) -> list[str]:
    return [value for one in read.series for value in one.values if value is not None]


@pytest.mark.parametrize("name", MAPPERS)
@settings(max_examples=60, deadline=None)
@given(number=numbers, unit=st.sampled_from(sorted(UNITS)), at=instants)
def test_value_unit_sign_and_time_survive(name: str, number: Decimal, unit: str, at: datetime) -> None:
    encode, read = MAPPERS[name]
    payload = encode(format(number.normalize(), "f") if number else "0", unit, at)

    message = read(payload)

    assert message.refused == ()
    (one,) = message.series
    assert (one.channel, one.start, one.unit) == (BASE + PATH, at, str(UNIT[unit.removeprefix("unit:")]))
    (text,) = one.values
    assert text is not None
    assert PLAIN.fullmatch(text)
    assert Decimal(text) == number
    assert read(payload) == message


@pytest.mark.parametrize("name", MAPPERS)
@settings(max_examples=60, deadline=None)
@given(value=garbage, at=instants)
def test_garbage_never_becomes_a_number_and_is_named(name: str, value: object, at: datetime) -> None:
    encode, read = MAPPERS[name]
    try:
        message = read(encode(value, "unit:KiloW", at))
    except MappingError:
        return  # the whole payload is none

    assert values(message) == []
    assert message.refused or isinstance(value, dict | list)  # JSON-LD drops a node that says nothing; then nothing is read at all
    assert all(refusal.reason and refusal.remedy and refusal.point for refusal in message.refused)


@pytest.mark.parametrize("name", MAPPERS)
@settings(max_examples=60, deadline=None)
@given(payload=st.binary(max_size=120))
def test_random_bytes_give_no_reading(name: str, payload: bytes) -> None:
    _, read = MAPPERS[name]
    try:
        message = read(payload)
    except (MappingError, UnicodeDecodeError):
        return

    assert values(message) == []


@settings(max_examples=60, deadline=None)
@given(number=numbers, unit=st.sampled_from(sorted(UNITS)), at=instants)
def test_all_ways_of_saying_a_reading_give_the_same_triples(number: Decimal, unit: str, at: datetime) -> None:
    text = format(number.normalize(), "f") if number else "0"
    found = set()
    for encode, read in MAPPERS.values():
        message = read(encode(text, unit, at))
        found.add(frozenset(triples.of(message.series, message.flags, base=BASE)))

    assert len(found) == 1
    assert len(next(iter(found))) == 5


# --- devices: every point of every profile
def raw_values(point: Point, data: st.DataObject) -> Decimal:
    """A value that the device can hold exactly, in the point's unit."""
    if point.words is not None:
        plain = data.draw(st.sampled_from(sorted(point.words.values())))
        return plain * point.scale + point.offset
    place = point.source
    if isinstance(place, JsonPath):
        raw = data.draw(numbers)
    elif isinstance(place, Register) and place.type.startswith("float"):
        value = data.draw(st.floats(-(2.0**60), 2.0**60, width=32).filter(lambda x: x == 0 or abs(x) > 1e-9))
        words = struct.unpack(">2H", struct.pack(">f", value))
        raw = Decimal(registers.number(Register("input", 0, "float32"), words))
    else:
        kind = sunspec.TYPES[place.type][0] if isinstance(place, SunSpecPoint) else place.type
        bits = int(kind[-2:])
        raw = Decimal(
            data.draw(st.integers(0, 2**bits - 1) if kind.startswith("u") else st.integers(-(2 ** (bits - 1)), 2 ** (bits - 1) - 1))
        )
        assume(str(raw) not in point.sentinels)
        if isinstance(place, SunSpecPoint):
            assume(raw != sunspec.TYPES[place.type][1])
    return raw * point.scale + point.offset


ENCODE: dict[str, Callable[[Profile, dict[str, Decimal]], Any]] = {
    "modbus": registers.encode,
    "sunspec": lambda profile, given: sunspec.encode(profile, given, into={p.source.scale_key: 0 for p in profile.points}),
    "http": flat.encode,
    "mqtt": flat.encode,
}


@pytest.mark.parametrize(("profile", "point"), POINTS, ids=[f"{profile.id}-{point.name}" for profile, point in POINTS])
@settings(max_examples=25, deadline=None)
@given(data=st.data(), at=instants)
def test_what_a_device_holds_survives(profile: Profile, point: Point, data: st.DataObject, at: datetime) -> None:
    value = raw_values(point, data)
    assume(not any(isinstance(point.source, JsonPath) and s and PLAIN.fullmatch(s) and Decimal(s) == value for s in point.sentinels))
    raw = ENCODE[profile.transport](profile, {point.name: value})
    if any(check.source == point.source and not _passes(check, value, point) for check in profile.identity):
        assert {sample.value for sample in lift(profile, raw)} == {None}
        return

    read = {sample.point: sample for sample in lift(profile, raw)}

    sample = read[point.name]
    assert sample.reason is None, sample.comment
    assert sample.value is not None
    assert PLAIN.fullmatch(sample.value)
    assert Decimal(sample.value) == value
    features = {"device": "device/x", "connection": "connection/x", "site": "site/x", "zone": "zone/x"}
    found, _ = samples.readings(profile, [sample], base=BASE, features=features, at=at)
    assert found == (Series(f"{BASE}{features[point.of]}#{point.name}", at, None, (sample.value,), point.unit),)
    assert lift(profile, raw) == list(read.values())


def _passes(check: Any, value: Decimal, point: Point) -> bool:
    raw = (value - point.offset) / point.scale
    if check.equals:
        return True
    return not ((check.minimum is not None and raw < check.minimum) or (check.maximum is not None and raw > check.maximum))


def test_a_discharging_battery_is_negative() -> None:
    """SunSpec counts generation as positive, our channel consumption."""
    raw = sunspec.encode(PROFILES["sunspec_battery"], {"activePower": Decimal(-2500)})

    assert (raw["701.W"], raw["701.W_SF"]) == (25000, -1)  # the finest factor with which 2,500 fits into 16 bits


@pytest.mark.parametrize(("profile", "point"), POINTS, ids=[f"{profile.id}-{point.name}" for profile, point in POINTS])
@settings(max_examples=25, deadline=None)
@given(value=garbage)
def test_garbage_of_a_device_never_becomes_a_number(profile: Profile, point: Point, value: object) -> None:
    raw = NORMAL[profile.id]
    spoilt = _spoilt(raw, point, value)
    assume(point.words is None or not isinstance(value, bool) or str(value).lower() not in point.words)
    assume(point.words is None or not isinstance(value, str) or value not in point.words)

    read = {sample.point: sample for sample in lift(profile, spoilt)}

    assert list(read) == [one.name for one in profile.points]
    assert read[point.name].value is None
    assert read[point.name].reason
    assert read[point.name].comment.endswith(".")
    assert list(read.values()) == lift(profile, spoilt)


def _spoilt(raw: Any, point: Point, value: object) -> Any:
    from mappers import paths

    if isinstance(point.source, Register):
        return raw | {(point.source.table, point.source.address): value}
    if isinstance(point.source, SunSpecPoint):
        return raw | {point.source.key: value}
    return paths.put(raw, point.source.path, value)


@pytest.mark.parametrize("profile", PROFILES.values(), ids=lambda profile: profile.id)
@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_whatever_a_device_says_comes_out_plain_or_with_a_reason(profile: Profile, data: st.DataObject) -> None:
    """Random words, random documents: every sample is a plain decimal or has a reason, never both nor neither."""
    if profile.transport == "modbus":
        places = st.tuples(st.sampled_from(["input", "holding"]), st.integers(0, 110))
        raw: Any = data.draw(st.dictionaries(places, st.integers(0, 0xFFFF), max_size=200))
        raw |= registers.encode(profile, {})  # what the device is recognised by
    elif profile.transport == "sunspec":
        keys = [key for one in profile.points for key in (one.source.key, one.source.scale_key) if key]
        whatever = st.one_of(st.none(), st.integers(-(2**63), 2**64), st.floats(), st.text(max_size=3))
        raw = data.draw(st.dictionaries(st.sampled_from(keys), whatever)) | sunspec.encode(profile, {})
    else:
        raw = data.draw(
            st.recursive(st.one_of(st.none(), st.floats(), st.text(max_size=3)), lambda i: st.dictionaries(st.text(max_size=3), i))
        )
        if isinstance(raw, dict):
            raw = flat.encode(profile, {}, into=raw)

    for sample in lift(profile, raw):
        if sample.value is None:
            assert sample.reason
            assert sample.comment.endswith(".")
        else:
            assert sample.reason is None
            assert PLAIN.fullmatch(sample.value)
