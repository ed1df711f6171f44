"""Registers, SunSpec points and documents of devices: exact numbers, doubtful ones named, and what others say of the same bytes."""

import json
import struct
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sunspec2 import device as sunspec_device

from mappers import flat, paths, recordings, registers, sunspec
from mappers.document import Number
from mappers.errors import MappingError
from mappers.points import Command, Fixed, JsonPath, Point, Profile, Register, Sample, Send, SunSpecPoint
from mappers.profile import load, registry
from ontology.names import FC, FCV, UNIT

PROFILES = registry(Path(__file__).parents[2] / "devices" / "profiles")


def profile(*points: Point, commands: tuple[Command, ...] = (), transport: str = "modbus") -> Profile:
    return Profile("test", "Test", str(FC.SmartMeter), None, "m", "m", transport, points, commands, {}, (), Path(), {})


def point(source: object, **more: Any) -> Point:
    unit = str(UNIT.W)
    return Point("activePower", "device", str(FCV.ActivePower), str(FCV.ConsumptionPositive), unit, unit, source, **more)


def one(read: list[Sample]) -> tuple[str | None, str]:
    (sample,) = read
    assert (sample.value is None) == (sample.reason is not None)
    return sample.value, (sample.reason or "").rsplit("/", 1)[-1]


# --- registers
@pytest.mark.parametrize(
    ("kind", "words", "value"),
    [
        ("int16", [0xFFFF], "-1"),
        ("uint16", [0xFFFF], "65535"),
        ("int32", [0xFFFF, 0xFFFE], "-2"),
        ("uint32", [0x0001, 0x0000], "65536"),
        ("int64", [0xFFFF, 0xFFFF, 0xFFFF, 0xFFFF], "-1"),
        ("uint64", [0x7FFF, 0xFFFF, 0xFFFF, 0xFFFF], "9223372036854775807"),
        ("float32", [0x4366, 0x199A], "230.1"),  # IEEE 754 single: 0x4366199A
        ("float32", [0x3DCC, 0xCCCD], "0.1"),
        ("float32", [0xC0B4, 0x0000], "-5.625"),
        ("float32", [0x8000, 0x0000], "0"),  # minus zero
        ("float64", [0x3FB9, 0x9999, 0x9999, 0x999A], "0.1"),  # IEEE 754 double
    ],
)
@pytest.mark.parametrize("order", ["big", "little"])
def test_words_are_read_in_either_order(kind: str, words: list[int], value: str, order: str) -> None:
    raw = {("input", 7 + index): word for index, word in enumerate(words if order == "big" else words[::-1])}

    assert one(registers.lift(profile(point(Register("input", 7, kind, order))), raw)) == (value, "")


@pytest.mark.parametrize(
    ("kind", "words", "more", "reason"),
    [
        ("int16", [0x8000], {"sentinels": ("-32768",)}, "SentinelValue"),
        ("uint16", [0xFFFF], {"sentinels": ("65535",)}, "SentinelValue"),
        ("float32", [0x7FC0, 0x0000], {}, "SentinelValue"),
        ("float32", [0xFF80, 0x0000], {}, "SentinelValue"),
        ("float32", [0x7F7F, 0xFFFF], {}, "DeviceFault"),  # 3.4·10³⁸
        ("float32", [0x0000, 0x0001], {}, "DeviceFault"),  # 1.4·10⁻⁴⁵
        ("uint32", [1], {}, "DeviceFault"),  # the second word is missing
        ("uint16", [70000], {}, "DeviceFault"),
        ("uint16", [-1], {}, "DeviceFault"),
        ("uint16", [True], {}, "DeviceFault"),
        ("uint16", ["1"], {}, "DeviceFault"),
        ("uint16", [1.0], {}, "DeviceFault"),
        ("uint16", [3], {"words": {"1": Decimal(1), "2": Decimal(2)}}, "DeviceFault"),
    ],
)
def test_what_is_no_reading_has_a_reason_and_no_value(kind: str, words: list, more: dict, reason: str) -> None:
    raw = {("input", index): word for index, word in enumerate(words)}

    assert one(registers.lift(profile(point(Register("input", 0, kind), **more)), raw)) == (None, reason)


def test_scale_and_offset_are_exact() -> None:
    source = Register("holding", 3, "int16")

    assert one(registers.lift(profile(point(source, scale=Decimal("0.1"), offset=Decimal("-273.15"))), {("holding", 3): 2931})) == (
        "19.95",
        "",
    )
    assert one(registers.lift(profile(point(source, scale=Decimal("-1"))), {("holding", 3): 2931})) == ("-2931", "")


def test_a_coil_is_a_bit() -> None:
    at = Register("coil", 5, "bool")

    assert one(registers.lift(profile(point(at)), {("coil", 5): True})) == ("1", "")
    assert one(registers.lift(profile(point(at)), {("coil", 5): 2})) == (None, "DeviceFault")


@settings(max_examples=300, deadline=None)
@given(st.floats(width=32, allow_nan=False, allow_infinity=False))
def test_a_float_is_spelt_in_the_fewest_digits_that_give_it_back(value: float) -> None:
    words = struct.unpack(">2H", struct.pack(">f", value))

    text = registers.number(Register("input", 0, "float32"), words)

    assert struct.pack(">f", float(text)) == struct.pack(">f", value)
    assert len(Decimal(text).as_tuple().digits) <= 9


def test_neighbours_are_read_together_and_numbers_never_cut() -> None:
    wanted = [
        Register("input", 0, "float32"),
        Register("input", 2, "float32"),
        Register("input", 11, "uint16"),
        Register("input", 200, "float64"),
        Register("input", 322, "float64"),
        Register("holding", 1, "int16"),
        Register("coil", 1, "bool"),
    ]

    assert registers.runs(wanted) == [("coil", 1, 1), ("holding", 1, 1), ("input", 0, 12), ("input", 200, 4), ("input", 322, 4)]


@given(st.lists(st.tuples(st.integers(0, 400), st.sampled_from(["int16", "uint32", "float64"])), min_size=1, max_size=30))
def test_every_wanted_number_lies_whole_in_a_run(wanted: list[tuple[int, str]]) -> None:
    all_of_them = [Register("holding", address, kind) for address, kind in wanted]

    runs = registers.runs(all_of_them)

    assert all(count <= registers.MOST_WORDS for _, _, count in runs)
    for register in all_of_them:
        end = register.address + register.count
        assert any(start <= register.address and end <= start + count for _, start, count in runs)


def test_a_value_that_does_not_fit_is_refused() -> None:
    with pytest.raises(MappingError, match="activePower: 70000 doesn't fit into a uint16; check value and scale"):
        registers.encode(profile(point(Register("holding", 0, "uint16"))), {"activePower": Decimal(70000)})


# --- SunSpec, held against pysunspec2's models


def models_points(model: int) -> dict[str, Any]:
    definition = json.loads((Path(sunspec_device.__file__).parent / "models" / "json" / f"model_{model}.json").read_text())
    return {entry["name"]: entry for entry in definition["group"]["points"]}


def places(given: Profile) -> list[SunSpecPoint]:
    commands = [place for command in given.commands for place in (*sunspec.command_points(command), *(p.target for p in command.presets))]
    return [*(p.source for p in given.points), *(check.source for check in given.identity), *commands]


@pytest.mark.parametrize("given", [one for one in PROFILES.values() if one.transport == "sunspec"], ids=lambda one: one.id)
def test_points_are_those_of_the_model(given: Profile) -> None:
    for place in places(given):
        entry = models_points(place.model)[place.name]
        assert (place.type, place.scale_factor) == (entry["type"], entry.get("sf")), place.key


@pytest.mark.parametrize("given", [one for one in PROFILES.values() if one.transport == "sunspec"], ids=lambda one: one.id)
def test_writable_points_are_writable_in_the_model(given: Profile) -> None:
    for command in given.commands:
        extra = [command.enable.target] if command.enable else []
        for place in (command.target, *extra, *(preset.target for preset in command.presets)):
            assert models_points(place.model)[place.name].get("access") == "RW"


@pytest.mark.parametrize("kind", sorted(sunspec.TYPES))
def test_values_that_mean_not_implemented_are_those_of_the_specification(kind: str) -> None:
    from sunspec2 import mb

    ours = sunspec.TYPES[kind][1]

    if ours is not None:
        assert ours == mb.unimpl_value[kind]


@pytest.mark.parametrize(
    ("kind", "value", "scale", "read"),
    [
        ("int16", 3215, -2, ("32.15", "")),
        ("int16", -32768, 0, (None, "SentinelValue")),
        ("uint16", 65535, 0, (None, "SentinelValue")),
        ("acc32", 0, 0, (None, "SentinelValue")),
        ("acc32", 5, 3, ("5000", "")),
        ("int16", None, 0, (None, "SentinelValue")),
        ("int16", 5, None, (None, "SentinelValue")),
        ("int16", 5, -32768, (None, "SentinelValue")),
        ("int16", 5, 11, (None, "DeviceFault")),
        ("int16", 5, "0", (None, "DeviceFault")),
        ("int16", "5", 0, (None, "DeviceFault")),
        ("int16", True, 0, (None, "DeviceFault")),
        ("int16", 5.0, 0, (None, "DeviceFault")),
        ("int16", 40000, 0, (None, "DeviceFault")),
        ("uint16", -1, 0, (None, "DeviceFault")),
        ("float32", 1.5, 0, ("1.5", "")),
        ("float32", float("nan"), 0, (None, "SentinelValue")),
    ],
)
def test_a_point_with_its_scale_factor(kind: str, value: object, scale: object, read: tuple) -> None:
    given = profile(point(SunSpecPoint(103, "W", kind, "W_SF")), transport="sunspec")

    assert one(sunspec.lift(given, {"103.W": value, "103.W_SF": scale})) == read


def test_a_missing_scale_factor_gives_no_value() -> None:
    given = profile(point(SunSpecPoint(103, "W", "int16", "W_SF")), transport="sunspec")

    assert one(sunspec.lift(given, {"103.W": 5})) == (None, "DeviceFault")


def test_a_simulator_keeps_the_scale_factors_of_the_recording() -> None:
    given = PROFILES["sunspec_pv-inverter"]

    raw = sunspec.encode(given, {"voltage1": Decimal("230.14"), "voltage2": Decimal(231)}, into={"103.V_SF": -1})

    assert {key: raw[key] for key in ("103.PhVphA", "103.PhVphB", "103.V_SF")} == {"103.PhVphA": 2301, "103.PhVphB": 2310, "103.V_SF": -1}


def test_a_counter_of_zero_can_be_held_and_is_not_taken_for_a_reading() -> None:
    given = PROFILES["sunspec_pv-inverter"]

    raw = sunspec.encode(given, {"producedEnergy": Decimal(0)})

    assert raw["103.WH"] == 0
    assert {s.point: s.reason for s in sunspec.lift(given, raw)}["producedEnergy"] == str(FCV.SentinelValue)


def test_a_limit_can_not_be_written_without_the_power_that_it_is_a_share_of() -> None:
    command = PROFILES["sunspec_pv-inverter"].command("powerLimit")

    with pytest.raises(MappingError, match=r"powerLimit can't be written: The device gave no answer for point 121\.WMax"):
        sunspec.writes(command, Decimal(1), {"123.WMaxLimPct_SF": 0})
    assert sunspec.held(command, {"123.WMaxLim_Ena": 1, "123.WMaxLimPct": 40, "123.WMaxLimPct_SF": 0}) is None
    assert sunspec.held(command, {"123.WMaxLim_Ena": 0}) == command.restore


# --- documents
@pytest.mark.parametrize(
    ("value", "more", "read"),
    [
        (Number("1.50"), {}, ("1.5", "")),
        (1.1, {}, ("1.1", "")),
        (3, {}, ("3", "")),
        (Decimal("0.25"), {}, ("0.25", "")),
        (Number("1e-7"), {}, ("0.0000001", "")),
        ("1.5", {}, (None, "DeviceFault")),
        (True, {}, (None, "DeviceFault")),
        (None, {}, (None, "SentinelValue")),
        ([1], {}, (None, "DeviceFault")),
        ({"a": 1}, {}, (None, "DeviceFault")),
        (Number("NaN"), {}, (None, "SentinelValue")),
        (float("inf"), {}, (None, "SentinelValue")),
        (10**30, {}, (None, "DeviceFault")),
        (Number("9" * 80), {}, (None, "DeviceFault")),
        ("n/a", {"sentinels": ("n/a",)}, (None, "SentinelValue")),
        (Number("-327.680"), {"sentinels": ("-327.68",)}, (None, "SentinelValue")),
        (True, {"words": {"true": Decimal(1), "false": Decimal(0)}}, ("1", "")),
        ("ON", {"words": {"ON": Decimal(1), "OFF": Decimal(0)}}, ("1", "")),
        ("on", {"words": {"ON": Decimal(1), "OFF": Decimal(0)}}, (None, "DeviceFault")),
        (Number("1"), {"words": {"ON": Decimal(1), "OFF": Decimal(0)}}, (None, "DeviceFault")),
    ],
)
def test_a_field_is_a_number_or_named(value: object, more: dict, read: tuple) -> None:
    assert one(flat.lift(profile(point(JsonPath("a"), **more), transport="http"), {"a": value})) == read


def test_numbers_in_quotes_are_read_where_the_profile_says_so() -> None:
    given = profile(point(JsonPath("a", text=True)), transport="http")

    assert one(flat.lift(given, {"a": "7360.0"})) == ("7360", "")
    assert one(flat.lift(given, {"a": "abc"})) == (None, "DeviceFault")
    assert one(flat.lift(given, {"a": "NaN"})) == (None, "SentinelValue")


def test_a_sum_is_taken_only_where_the_whole_is_missing() -> None:
    given = profile(point(JsonPath("all", ("one", "two"))), transport="http")

    assert one(flat.lift(given, {"one": 1.1, "two": 2.2})) == ("3.3", "")
    assert one(flat.lift(given, {"all": 5, "one": 1, "two": 2})) == ("5", "")
    assert one(flat.lift(given, {"one": 1})) == (None, "DeviceFault")
    assert one(flat.lift(given, {"all": None, "one": 1, "two": 2})) == (None, "SentinelValue")


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("a.b", [1]),
        ("a.c", []),
        ("list[0]", [{"k": "x", "v": 2}]),
        ("list[-1].v", [3]),
        ("list[9]", []),
        ("list[k=x].v", [2]),
        ("list[k=y,!v].w", []),
        ("list[!z].v", [2, 3]),
        ('"1-0:1.8.1".value', [7]),
        ("switch:0", [True]),
    ],
)
def test_paths_find_what_lies_there(path: str, found: list) -> None:
    document = {"a": {"b": 1}, "list": [{"k": "x", "v": 2}, {"k": "y", "v": 3}], "1-0:1.8.1": {"value": 7}, "switch:0": True}

    assert paths.find(document, path) == found


@pytest.mark.parametrize("path", ["", "a..b", ".a", "a[", "a[]", "list[=x]", "list[!k=x]", "a]b"])
def test_a_path_that_is_none_is_refused(path: str) -> None:
    with pytest.raises(MappingError):
        paths.steps(path)


@pytest.mark.parametrize("path", ["a.b", "list[2].v", "list[k=x].v", "list[-1].w", 'x."y.z"', "list[k=new].v"])
def test_what_is_put_somewhere_is_found_there_and_the_rest_stays(path: str) -> None:
    document = {"a": {"c": 1}, "list": [{"k": "x"}]}
    before = json.dumps(document)

    after = paths.put(document, path, 5)

    assert paths.find(after, path) == [5]
    assert json.dumps(document) == before


def test_two_items_of_a_list_that_fit_give_no_value() -> None:
    given = profile(point(JsonPath("list[k=x].v")), transport="http")

    assert one(flat.lift(given, {"list": [{"k": "x", "v": 1}, {"k": "x", "v": 2}]})) == (None, "DeviceFault")


def test_a_document_keeps_the_digits_of_its_numbers() -> None:
    text = b'{"a":1.50,"b":[true,null,"\xc3\xa9"],"c":{"d":1e-7}}'

    assert flat.dump(flat.parse(text)) == text


@pytest.mark.parametrize("payload", [b"", b"ON", b"{", b"[" * 100_000, b'"' + b"x" * flat.MAX_BYTES + b'"', b"\xff"])
def test_what_a_device_says_beside_json_is_refused(payload: bytes) -> None:
    with pytest.raises(MappingError):
        flat.parse(payload)


def test_a_set_point_is_read_back_out_of_its_own_payload_only() -> None:
    send = Send("{name}/set", '{"t":{value}}', JsonPath("t"))
    command = Command("temperature", str(UNIT.DEG_C), send, Decimal(5), Decimal(30), Decimal(20))

    assert flat.payload(command, Decimal("21.50")) == b'{"t":21.5}'
    assert flat.commanded(command, b'{"t":21.5}') == Decimal("21.5")
    for payload in (b'{"t":}', b'{"t":true}', b'{"u":21.5}', b'{"t":"21"}', b"\xff", b""):
        assert flat.commanded(command, payload) is None


# --- set-points between two steps, and on their way back
def limit(target: object, scale: str, **more: Any) -> Command:
    bounds = {"minimum": Decimal(-10), "maximum": Decimal(10), "restore": Decimal(10)}
    return Command("powerLimit", str(UNIT.KiloW), target, scale=Decimal(scale), **bounds | more)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("scale", "value", "raw"),
    [("0.1", "1.27", 12), ("0.1", "-1.27", -13), ("-0.1", "1.27", -12), ("-0.1", "-1.27", 13), ("0.1", "1.2", 12), ("-0.1", "-1.2", 12)],
)
def test_a_limit_between_two_steps_of_a_register_becomes_the_lower_one(scale: str, value: str, raw: int) -> None:
    """At most 1.27 kW: a device that takes 1.3 does more than it was allowed."""
    command = limit(Register("holding", 0, "int16"), scale)

    ((register, words),) = registers.writes(command, Decimal(value))

    assert registers.number(register, words) == raw
    held = registers.held(command, {("holding", 0): words[0]})
    assert held is not None
    assert Decimal(value) - Decimal("0.1") < held <= Decimal(value)


def test_a_limit_in_per_cent_is_never_more_than_was_allowed() -> None:
    """2.13 kW of 5 kW are 42.6 %; with whole per cent the inverter may do 42, 2.10 kW."""
    command = PROFILES["sunspec_pv-inverter"].command("powerLimit")
    raw = {"121.WMax": 5000, "121.WMax_SF": 0, "123.WMaxLimPct_SF": 0}

    written = {place.key: number for place, number in sunspec.writes(command, Decimal("2.13"), raw)}

    assert written == {"123.WMaxLimPct": 42, "123.WMaxLim_Ena": 1}
    assert sunspec.held(command, raw | written) == Decimal("2.1")


def test_a_temperature_is_rounded_to_the_nearest_step() -> None:
    command = Command("temperature", str(UNIT.DEG_C), Register("holding", 0, "int16"), Decimal(5), Decimal(30), Decimal(20), Decimal("0.5"))

    assert [registers.writes(command, Decimal(value))[0][1] for value in ("20.7", "20.8")] == [(41,), (42,)]


def test_a_set_point_is_switched_off_before_the_restoring_value_is_written() -> None:
    """The other way round a device follows the restoring value until it is off, or for good if the line breaks between the two."""
    switch, target, mode = (Register("holding", address, "uint16") for address in (1, 2, 3))
    command = limit(target, "0.1", minimum=Decimal(0), enable=Fixed(switch, 7, 8), presets=(Fixed(mode, 5),))

    assert registers.writes(command, command.restore) == [(switch, (8,)), (mode, (5,)), (target, (100,))]
    assert registers.writes(command, Decimal(1)) == [(mode, (5,)), (target, (10,)), (switch, (7,))]


# --- a SunSpec inverter whose models hold floats
def test_a_float_of_a_sunspec_model_is_spelt_as_briefly_as_that_of_a_register() -> None:
    given = profile(point(SunSpecPoint(113, "W", "float32")), transport="sunspec")
    held = struct.unpack(">f", struct.pack(">f", 230.1))[0]  # 230.10000610351562

    assert one(sunspec.lift(given, {"113.W": held})) == ("230.1", "")
    assert one(sunspec.lift(given, {"113.W": 0.1})) == ("0.1", "")
    assert sunspec.encode(given, {"activePower": Decimal("230.1")}) == {"113.W": 230.1}


def test_a_sunspec_device_with_floats_can_be_a_folder(tmp_path: Path) -> None:
    folder = tmp_path / "maker_float-inverter"
    folder.mkdir()
    (folder / "profile.toml").write_text(
        'label = "PV"\nclass = "fc:PVSystem"\nmanufacturer = "M"\nmodel = "M"\ndocumentation = "model 113"\ntransport = "sunspec"\n'
        '[[identity]]\nsunspec = { model = 113, name = "ID", type = "uint16" }\nequals = [113]\ncomment = "number of the model"\n'
        '[points.activePower]\nof = "device"\nkind = "fcv:ActivePower"\nsign = "fcv:ProductionPositive"\nunit = "unit:W"\n'
        'sunspec = { model = 113, name = "W", type = "float32" }\n'
    )
    (folder / "sample-normal.json").write_text('{"shows": "normal", "about": "Noon.", "raw": {"113.ID": 113, "113.W": 4851.7}}')
    (folder / "expected-normal.ttl").write_text("")
    read = load(folder)

    (recording,) = recordings.recordings(read)

    assert [sample.value for sample in recordings.lift(read, recording.raw)] == ["4851.7"]
    assert sunspec.encode(read, {"activePower": Decimal("4851.7")}) == {"113.ID": 113, "113.W": 4851.7}
