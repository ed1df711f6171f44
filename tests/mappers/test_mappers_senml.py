"""SenML packs: records are resolved as RFC 8428 says, and what is no reading of a channel is named."""

import json
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mappers import senml
from mappers.errors import MappingError
from mappers.records import Message, Series
from ontology.names import UNIT

BASE = "http://127.0.0.1:8080/id/"
SENDER = BASE + "osb/h01"
POWER = BASE + "connection/h01#activePower"
MIDNIGHT = 1470960000  # 2016-08-12T00:00:00Z


def lift(*records: object, received: datetime | None = None) -> Message:
    return senml.lift(json.dumps(records).encode(), base=BASE, sender=SENDER, received=received)


def at(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def test_the_multiple_datapoints_of_the_rfc_are_resolved() -> None:
    """RFC 8428 §5.1.2: base name and time, two units, the current of six seconds before and of now."""
    pack = [
        {"bn": "urn:dev:ow:10e2073a0108006:", "bt": 1.276020076001e09, "bu": "A", "bver": 10, "n": "voltage", "u": "V", "v": 120.1},
        {"n": "current", "t": -5, "v": 1.2},
        {"n": "current", "t": -4, "v": 1.3},
        {"n": "current", "v": 1.7},
    ]
    for record in pack:
        record["n"] = f"/{record['n']}"  # a channel is a property of a thing

    read = lift(*pack)

    start = datetime(2010, 6, 8, 18, 1, 16, 1000, tzinfo=UTC)
    thing = "urn:dev:ow:10e2073a0108006:#"
    assert read.series == (
        Series(thing + "voltage", start, None, ("120.1",), str(UNIT.V)),
        Series(thing + "current", start - timedelta(seconds=5), None, ("1.2",), str(UNIT.A)),
        Series(thing + "current", start - timedelta(seconds=4), None, ("1.3",), str(UNIT.A)),
        Series(thing + "current", start, None, ("1.7",), str(UNIT.A)),
    )


def test_a_name_is_a_channel_below_the_base_or_an_iri() -> None:
    names = ("connection/h01/activePower", "connection/h01#activePower", POWER, POWER.replace("#", "/"))

    read = lift(*({"n": name, "t": MIDNIGHT, "u": "kW", "v": 1} for name in names))

    assert {one.channel for one in read.series} == {POWER}
    assert len(read.series) == 4


def test_base_fields_hold_until_they_are_said_anew() -> None:
    read = lift(
        {"bn": "device/a/", "bt": MIDNIGHT, "bu": "W", "bv": 1000},
        {"n": "p", "v": 1},
        {"n": "p", "v": 0.5, "t": 60, "u": "V"},
        {"bn": "device/b/", "bv": 0, "bt": MIDNIGHT + 900, "n": "p", "v": 2.5},
    )

    assert [(one.channel.removeprefix(BASE), one.start, one.values, one.unit) for one in read.series] == [
        ("device/a#p", at(MIDNIGHT), ("1001",), str(UNIT.W)),
        ("device/a#p", at(MIDNIGHT + 60), ("1000.5",), str(UNIT.V)),
        ("device/b#p", at(MIDNIGHT + 900), ("2.5",), str(UNIT.W)),
    ]


@pytest.mark.parametrize(("unit", "iri"), [(name, unit) for name, unit in senml.UNITS.items()])
def test_units_are_ours(unit: str, iri: str) -> None:
    read = lift({"n": "site/h01/x", "t": MIDNIGHT, "u": unit, "v": 1})

    assert read.series[0].unit == iri.replace("unit:", "http://qudt.org/vocab/unit/")


def test_a_truth_value_is_a_switch() -> None:
    read = lift({"bu": "kW", "bt": MIDNIGHT, "bn": "device/h01-plug/switchState", "vb": True}, {"t": 60, "vb": False, "u": "/"})

    assert [(one.values, one.unit) for one in read.series] == [(("1",), str(UNIT.UNITLESS)), (("0",), str(UNIT.UNITLESS))]


def test_the_id_is_made_of_sender_and_bytes() -> None:
    payload = b'[{"n": "site/h01/x", "t": 1470960000, "v": 1}]'

    read = senml.lift(payload, base=BASE, sender=SENDER)

    assert read.id == f"{BASE}message/osb-h01/senml-{sha256(payload).hexdigest()[:16]}"
    assert (read.made_by, read.sent, read.clock_offset, read.flags) == (SENDER, None, None, ())
    assert senml.lift(payload, base=BASE, sender=SENDER) == read


def test_times_relative_to_now_need_a_now() -> None:
    record = {"n": "site/h01/x", "u": "W", "t": -900, "v": 1}

    assert lift(record, received=at(MIDNIGHT)).series[0].start == at(MIDNIGHT - 900)
    assert "'-900' is a time relative to now, which the pack doesn't say; send seconds since 1970 in t" in lift(record).refused[0].sentence


@pytest.mark.parametrize(
    ("record", "sentence"),
    [
        ({"vs": "abc"}, "record 2 (site/h01/x): 'abc' is a text, not a number; send it as v, a JSON number"),
        ({"vd": "aGkg"}, "'aGkg' is a text, not a number"),
        ({"v": "1.5"}, "'1.5' is no number, as value (v) must be; send a JSON number, without quotes"),
        ({"v": True}, "true is no number, as value (v) must be"),
        ({"v": None}, "null is no number, as value (v) must be"),
        ({"v": [1]}, "is no number, as value (v) must be"),
        ({"v": float("nan")}, "'NaN' is not a number"),
        ({"v": float("inf")}, "'Infinity' is not a number"),
        ({"v": 10**20}, "is 10²⁰ or more"),
        ({"vb": 1}, "is no truth value; send vb as true or false"),
        ({"vb": True, "u": "kW"}, "'kW' is the unit of a truth value, which has none; leave u out"),
        ({"v": 1, "vs": "a"}, "are several values of one record"),
        ({"s": 5}, "is only a sum; send v"),
        ({}, "holds no value"),
        ({"v": 1, "u": "lx"}, "'lx' is no SenML unit that a channel is measured in; use one of W, kW"),
        ({"v": 1, "u": 7}, "is no SenML unit"),
        ({"v": 1, "n": 5}, "is no text, as name (n) must be"),
        ({"v": 1, "n": "/"}, "'site/h01/x/' names no channel"),
        ({"v": 1, "t": "0"}, "is no number, as time (t) must be"),
        ({"v": 1, "t": 10**15}, "is not a time of the calendar"),
        ({"v": 1, "q_": 1}, "'q_' is a field that must be understood, and isn't"),
        ({"bn": 5, "v": 1}, "is no text, as base name (bn) must be"),
        ({"bn": "a b/c", "v": 1}, "'a b#c' is not an IRI"),
    ],
)
def test_a_bad_record_is_refused_and_the_others_are_read(record: dict, sentence: str) -> None:
    read = lift({"bn": "site/h01/x", "bt": MIDNIGHT, "bu": "W"}, {"n": "", **record}, {"bn": "site/h01/y", "v": 2})

    assert sentence in read.refused[0].sentence
    assert [one.values for one in read.series] == [("2",)]


def test_a_sum_beside_a_value_is_named_and_the_value_kept() -> None:
    read = lift({"n": "site/h01/x", "t": MIDNIGHT, "u": "W", "v": 1, "s": 42})

    assert [one.values for one in read.series] == [("1",)]
    assert "is a sum beside a value; send the counter as a record of its own, with v" in read.refused[0].sentence


@pytest.mark.parametrize(
    ("payload", "sentence"),
    [
        (b"{}", "is no SenML pack"),
        (b"[1]", "is no SenML pack"),
        (b"[[]]", "is no SenML pack"),
        (b"[", "is not JSON"),
        (b'[{"bver": 11, "n": "a/b", "v": 1}]', "has the version '11', and 10 and 26 are read"),
        (b'[{"bver": "10", "n": "a/b", "v": 1}]', "has the version '10'"),
        (b"[" * 100_000, "nests deeper"),
    ],
)
def test_an_unusable_pack_is_refused_whole(payload: bytes, sentence: str) -> None:
    with pytest.raises(MappingError) as refused:
        senml.lift(payload, base=BASE, sender=SENDER)

    assert sentence in str(refused.value)


anything = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=6)),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=3), inner, max_size=3)),
    max_leaves=6,
)
labels = st.sampled_from(["bn", "bt", "bu", "bv", "bs", "n", "u", "v", "vs", "vb", "vd", "s", "t", "ut", "x", "y_"])


@settings(max_examples=400, deadline=None)
@given(st.lists(st.dictionaries(labels, anything, max_size=6), max_size=4))
def test_whatever_the_fields_hold_only_numbers_become_values(pack: list[dict]) -> None:
    payload = json.dumps(pack).encode()
    with suppress(MappingError):
        read = senml.lift(payload, base=BASE, sender=SENDER)
        assert read == senml.lift(payload, base=BASE, sender=SENDER)
        numbers = [record for record in pack if isinstance(record.get("v"), int | float) or isinstance(record.get("vb"), bool)]
        assert len(read.series) <= len(numbers)


def test_the_documentation_names_every_unit() -> None:
    text = (Path(__file__).parents[2] / "docs" / "mappers.md").read_text()

    assert all(f"`{unit}`" in text for unit in senml.UNITS)


def test_a_base_name_that_is_none_spoils_every_record_that_it_holds_for() -> None:
    """The name before it must not stand in: the value would be another channel's."""
    found = lift(
        {"bn": "connection/h01/", "bt": MIDNIGHT, "bu": "kW", "n": "activePower", "v": 1},
        {"bn": 5, "n": "activePower", "v": 2},
        {"n": "activePower", "t": 900, "v": 3},
        {"bn": "connection/h02/", "n": "activePower", "t": 900, "v": 4},
    )

    assert [(series.channel, series.values) for series in found.series] == [(POWER, ("1",)), (POWER.replace("h01", "h02"), ("4",))]
    assert [refusal.reason for refusal in found.refused] == ["is no text, as base name (bn) must be"] * 2


@pytest.mark.parametrize("name", ["connection/h01/active\ud800", "connection/h01/active\x85", "connection/h01/active\x7f"])
def test_a_name_that_no_iri_can_hold_is_refused_in_words_that_can_be_sent(name: str) -> None:
    found = lift({"n": name, "t": MIDNIGHT, "v": 1})

    assert found.series == ()
    assert "is not an IRI" in found.refused[0].sentence.encode().decode()
