"""Every folder of `devices/profiles`: it loads, its samples give exactly their triples, its set-points keep their bounds.

A new device type is a folder; nothing has to be written here for it.
"""

import json
import re
import shutil
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest
from pyoxigraph import RdfFormat, Triple, parse

from mappers import flat, kinds, registers, samples, sunspec, triples
from mappers import profile as profile_reader
from mappers.errors import MappingError
from mappers.points import Command, Profile, Send, SunSpecPoint
from mappers.profile import load, registry
from mappers.recordings import SHOWS, Recording, lift, recordings
from mappers.strict import Table
from ontology.names import FC, FCV

ROOT = Path(__file__).parents[2] / "devices" / "profiles"
BASE = "http://127.0.0.1:8080/id/"
FEATURES = {"device": "device/sample", "connection": "connection/sample", "site": "site/sample", "zone": "zone/sample"}
AT = datetime(2016, 8, 12, 10, 15, tzinfo=UTC)

FOLDERS = sorted(path for path in ROOT.iterdir() if path.is_dir())
PROFILES = [load(folder) for folder in FOLDERS]
SAMPLES = [(profile, recording) for profile in PROFILES for recording in recordings(profile)]
COMMANDS = [(profile, command) for profile in PROFILES for command in profile.commands]


def named(values: list) -> list[str]:
    return ["-".join(str(getattr(part, "id", None) or part.name) for part in value) for value in values]


def triples_of(profile: Profile, raw: object) -> set[Triple]:
    series, flags = samples.readings(profile, lift(profile, raw), base=BASE, features=FEATURES, at=AT)
    return set(triples.of(series, flags, base=BASE))


def test_the_registry_finds_every_folder() -> None:
    assert list(registry(ROOT)) == [folder.name for folder in FOLDERS]


def test_the_device_types_that_were_promised_are_there() -> None:
    """Issue 3: PV inverter, battery, three-phase meter, P1 meter, smart plug, heat pump, EV charger, thermostat."""
    found = {(profile.device_class, profile.transport) for profile in PROFILES}

    assert {
        (str(FC.PVSystem), "sunspec"),
        (str(FC.BatterySystem), "sunspec"),
        (str(FC.SmartMeter), "modbus"),
        (str(FC.SmartMeter), "http"),
        (str(FC.SmartPlug), "mqtt"),
        (str(FC.HeatPump), "modbus"),
        (str(FC.EVCharger), "mqtt"),
        (str(FC.Thermostat), "mqtt"),
    } <= found


@pytest.mark.parametrize("profile", PROFILES, ids=lambda profile: profile.id)
class TestEveryProfile:
    def test_it_is_recorded_in_normal_and_in_doubtful_states(self, profile: Profile) -> None:
        assert {recording.shows for recording in recordings(profile)} == {"normal", "sentinel", "shifted"}

    def test_every_point_is_read_in_a_normal_sample(self, profile: Profile) -> None:
        for recording in recordings(profile):
            if recording.shows == "normal":
                read = lift(profile, recording.raw)
                assert [(sample.point, sample.reason) for sample in read] == [(point.name, None) for point in profile.points]

    def test_a_normal_sample_lies_within_the_bounds(self, profile: Profile) -> None:
        factors = {"W": Decimal("0.001"), "W-HR": Decimal("0.001")}
        for recording in recordings(profile):
            for sample in lift(profile, recording.raw):
                point = profile.point(sample.point)
                if sample.value is not None:
                    value = Decimal(sample.value) * (
                        factors.get(point.unit.rsplit("/", 1)[-1], 1) if point.unit != point.channel_unit else 1
                    )
                    assert point.minimum is None or value >= point.minimum
                    assert point.maximum is None or value <= point.maximum

    def test_another_device_gives_no_value_at_all(self, profile: Profile) -> None:
        for recording in recordings(profile):
            if recording.shows == "shifted":
                assert {(sample.value, sample.reason) for sample in lift(profile, recording.raw)} == {(None, str(FCV.RegisterMismatch))}

    def test_a_dead_answer_gives_reasons_and_no_values(self, profile: Profile) -> None:
        read = lift(profile, {})

        assert [sample.point for sample in read] == [point.name for point in profile.points]
        assert all(sample.value is None and sample.reason and sample.comment.endswith(".") for sample in read)

    def test_its_identity_is_checked(self, profile: Profile) -> None:
        assert profile.identity

    def test_it_speaks_the_words_of_the_ontology(self, profile: Profile) -> None:
        known = {str(FCV[name]) for name in (*FCV.__annotations__,) if not name.startswith("_")}
        for point in profile.points:
            assert {point.kind, point.sign} <= known

    def test_ratings_narrow_its_bounds(self, profile: Profile) -> None:
        fitted = profile.fitted(dict.fromkeys(profile.ratings, Decimal(2)))

        for point in fitted.points:
            assert point.within is None or (point.maximum is not None and point.maximum <= Decimal("2.1"))
        for command in fitted.commands:
            assert command.minimum <= command.restore <= command.maximum
            assert command.within is None or command.maximum <= 2

    def test_a_missing_rating_is_named(self, profile: Profile) -> None:
        for name in profile.ratings:
            given = {other: Decimal(1) for other in profile.ratings if other != name}
            with pytest.raises(MappingError, match=f"the rating {name} is None"):
                profile.fitted(given)


@pytest.mark.parametrize(("profile", "recording"), SAMPLES, ids=named(SAMPLES))
def test_a_sample_gives_exactly_its_triples(profile: Profile, recording: Recording) -> None:
    expected = {quad.triple for quad in parse(path=recording.expected, format=RdfFormat.TURTLE)}

    found = triples_of(profile, recording.raw)

    assert found == expected, "\n".join(sorted(map(str, found ^ expected)))
    assert triples_of(profile, recording.raw) == found


# --- set-points
def held_after(profile: Profile, command: Command, value: Decimal) -> Decimal | None:
    """Write a set-point to a device that is as recorded, and read what it then holds."""
    raw = next(recording.raw for recording in recordings(profile) if recording.shows == "normal")
    if isinstance(command.target, Send):
        sent = flat.payload(command, value)
        if command.target.payload != "{value}":  # the bare word, as Tasmota wants it
            json.loads(sent)
        commanded = flat.commanded(command, sent)
        assert commanded is not None
        return flat.held(command, flat.obeyed(command, commanded, raw))
    if isinstance(command.target, SunSpecPoint):
        return sunspec.held(command, raw | {point.key: number for point, number in sunspec.writes(command, value, raw)})
    words = {
        (register.table, register.address + index): word
        for register, written in registers.writes(command, value)
        for index, word in enumerate(written)
    }
    return registers.held(command, raw | words)


@pytest.mark.parametrize(("profile", "command"), COMMANDS, ids=named(COMMANDS))
class TestEveryCommand:
    def test_what_is_written_is_read_back(self, profile: Profile, command: Command) -> None:
        command = profile.fitted(dict.fromkeys(profile.ratings, Decimal(4))).command(command.name)
        for value in (command.minimum, command.maximum, command.restore):
            assert held_after(profile, command, value) == value

    def test_a_value_beyond_its_bounds_is_limited_and_never_sent(self, profile: Profile, command: Command) -> None:
        beyond = command.maximum + 1

        assert command.limited(beyond) == command.maximum
        assert command.limited(command.minimum - 1) == command.minimum
        with pytest.raises(MappingError, match="lies outside"):
            held_after(profile, command, beyond)


def test_the_limit_of_an_inverter_is_in_per_cent_of_its_own_power() -> None:
    """2 kW of the 5 kW that model 121 says are 40 %."""
    profile = load(ROOT / "sunspec_pv-inverter")
    raw = recordings(profile)[0].raw

    written = [(place.key, number) for place, number in sunspec.writes(profile.command("powerLimit"), Decimal(2), raw)]

    assert written == [("123.WMaxLimPct", 40), ("123.WMaxLim_Ena", 1)]


def test_a_battery_is_told_to_discharge_in_its_own_sign() -> None:
    """At most −3.1 kW of consumption is 3,100 W of generation; no limit switches the set-point off."""
    profile = load(ROOT / "sunspec_battery")
    command, raw = profile.command("powerLimit"), recordings(profile)[0].raw

    told = [(place.key, number) for place, number in sunspec.writes(command, Decimal("-3.1"), raw)]
    freed = [(place.key, number) for place, number in sunspec.writes(command, command.restore, raw)]

    assert told == [("704.WSetMod", 1), ("704.WSet", 3100), ("704.WSetEna", 1)]
    assert freed[0] == ("704.WSetEna", 0)  # first: it would follow the restoring value, full charging power, on its way


# --- a folder that is broken
@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return Path(shutil.copytree(ROOT / "eastron_sdm630", tmp_path / "eastron_sdm630"))


def broken(folder: Path, old: str, new: str) -> str:
    file = folder / "profile.toml"
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new, 1))
    with pytest.raises(MappingError) as refused:
        registry(folder.parent)
    sentence = str(refused.value)
    assert sentence.startswith(str(folder))
    return sentence.removeprefix(f"{file}: ")


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ('model = "SDM630"', 'modell = "SDM630"', "modell is not a key that is known here; did you mean model?"),
        ('label = "Eastron SDM630 three-phase meter"', "", "label is missing; add it"),
        ('class = "fc:SmartMeter"', 'class = "fc:SmartMetre"', "class = 'fc:SmartMetre' can't stand here; did you mean fc:SmartMeter?"),
        (
            'transport = "modbus"',
            'transport = "profibus"',
            "transport = 'profibus' can't stand here; it may be modbus, sunspec, http, mqtt",
        ),
        (
            'kind = "fcv:ActivePower"',
            'kind = "fcv:ActivPower"',
            "points.activePower: kind = 'fcv:ActivPower' can't stand here; did you mean",
        ),
        (
            'unit = "unit:W"',
            'unit = "unit:V"',
            "points.activePower: unit = 'unit:V' can't stand here; did you mean unit:W? it may be unit:KiloW, unit:W, unit:MegaW",
        ),
        (
            'sign = "fcv:ImportPositive"',
            'sign = "fcv:ConsumptionPositive"',
            "points.activePower: sign = 'fcv:ConsumptionPositive' makes no sense for a connection; say fcv:ImportPositive",
        ),
        ('of = "connection"', 'of = "network"', "points.activePower: of = 'network' can't stand here"),
        (
            'table = "input", address = 52',
            'table = "inputs", address = 52',
            "points.activePower.register: table = 'inputs' can't stand here",
        ),
        (
            "address = 52",
            "address = 65535",
            "points.activePower.register: address = 65535 leaves no room for a float32; addresses end at 65535; correct it or the type",
        ),
        ("address = 52", "address = 70000", "points.activePower.register: address = 70000 is not a whole number from 0 to 65535"),
        (
            'type = "float32"',
            'type = "float"',
            "identity[0].register: type = 'float' can't stand here; did you mean float64? it may be int16",
        ),
        ("register = { table", "registers = { table", "identity[0]: registers is not a key that is known here; did you mean register?"),
        ("minimum = -60", "minimum = 61", "points.activePower: minimum = 61 is not below maximum = 60; correct one of them"),
        ("minimum = -60", 'minimum = "-60"', "points.activePower: minimum = '-60' is not a number; write a decimal number without quotes"),
        ("minimum = -60", "minimum = nan", "points.activePower: minimum = NaN is not a number"),
        ('stuck_after = "PT6H"', 'stuck_after = "6h"', "points.activePower: stuck_after '6h' is not a duration"),
        ("[points.importedEnergy]", "[points.Imported-Energy]", "points.Imported-Energy: 'Imported-Energy' can't be a channel's name"),
        ("[[identity]]", "[[identity", "is not TOML"),
        ("minimum = -60", "scale = 0\nminimum = -60", "points.activePower: scale = 0 makes every value zero"),
        ("minimum = -60", 'within = "ratedPower"', "points.activePower: within = 'ratedPower' is no rating of this profile"),
        ("minimum = 45\nmaximum = 65\ncomment", "comment", "identity[0]: says neither equals nor minimum nor maximum"),
    ],
)
def test_a_mistake_in_a_profile_is_named_with_its_key_and_remedy(folder: Path, old: str, new: str, sentence: str) -> None:
    assert sentence in broken(folder, old, new)


@pytest.mark.parametrize(
    ("more", "sentence"),
    [
        ("[commands.powerLimits]\nunit = 1", "commands: powerLimits is not a key that is known here; did you mean powerLimit?"),
        ('[commands.powerLimit]\nunit = "unit:KiloW"', "commands.powerLimit: restore is missing; add it"),
        (
            '[commands.powerLimit]\nunit = "unit:KiloW"\nminimum = 0\nmaximum = 5\nrestore = 6',
            "minimum, maximum and restore must be there and in order",
        ),
        (
            '[commands.powerLimit]\nunit = "unit:KiloW"\nminimum = 0\nmaximum = 5\nrestore = 5\n'
            'register = { table = "input", address = 1, type = "uint16" }',
            "input register 1 can only be read; a set-point is written to a holding register or a coil",
        ),
        ('[topics]\nstate = "{name}/state"', "topics: state is not a key that is known here"),
        ("[points.more]\nof = 'site'\nkind = 'fcv:Voltage'\nsign = 'fcv:Signed'", "sign = 'fcv:Signed' can't stand here"),
    ],
)
def test_a_part_that_can_not_be_is_refused(folder: Path, more: str, sentence: str) -> None:
    file = folder / "profile.toml"
    file.write_text(f"{file.read_text()}\n{more}\n")

    with pytest.raises(MappingError) as refused:
        load(folder)

    assert sentence in str(refused.value)


def test_two_short_names_of_one_topic_are_refused(tmp_path: Path) -> None:
    """Only one of them would ever be heard."""
    folder = Path(shutil.copytree(ROOT / "zigbee2mqtt_plug", tmp_path / "zigbee2mqtt_plug"))
    file = folder / "profile.toml"
    file.write_text(file.read_text().replace("[topics]", '[topics]\nagain = "zigbee2mqtt/{name}"', 1))

    with pytest.raises(MappingError, match=r"topics: again = 'zigbee2mqtt/\{name\}' has two short names; keep one"):
        load(folder)


def test_a_folder_without_profile_is_named(tmp_path: Path) -> None:
    (tmp_path / "maker_model").mkdir()

    with pytest.raises(MappingError, match=r"maker_model: profile\.toml can't be read \(No such file or directory\)"):
        registry(tmp_path)


def test_a_folder_needs_a_plain_name(folder: Path) -> None:
    other = folder.rename(folder.with_name("Eastron SDM"))

    with pytest.raises(MappingError, match="can't be a profile's id; name the folder <maker>_<model>"):
        load(other)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda folder: (folder / "expected-normal.ttl").unlink(), "expected-normal.ttl is missing beside it"),
        (lambda folder: [path.unlink() for path in folder.glob("sample-*.json")], "no recorded sample shows the normal state"),
        (lambda folder: (folder / "sample-normal.json").write_text("{}"), "is not one object with the keys shows, about and raw"),
        (lambda folder: (folder / "sample-normal.json").write_text("{"), "is not JSON"),
        (
            lambda folder: (folder / "sample-normal.json").write_text('{"shows": "odd", "about": "", "raw": {}}'),
            "shows = 'odd' is not known here; it may be normal, sentinel, shifted",
        ),
        (
            lambda folder: (folder / "sample-normal.json").write_text('{"shows": "normal", "about": "", "raw": {"input": {"a": 1}}}'),
            "raw is not what a modbus device says",
        ),
    ],
)
def test_a_mistake_in_the_samples_is_named(folder: Path, change: object, sentence: str) -> None:
    change(folder)
    with pytest.raises(MappingError) as refused:
        recordings(load(folder))

    assert sentence in str(refused.value)


def test_every_kind_has_a_unit_that_stands_in_the_tables() -> None:
    for kind in kinds.KINDS.values():
        assert kind.units
        for name in (*kind.units, *kind.signs):
            assert kinds.short(kinds.iri(name)) == name


def test_a_table_that_is_none_is_refused() -> None:
    with pytest.raises(MappingError, match=r"a\.toml: points: \[\] is not a table"):
        Table({"points": []}, "a.toml", ("points",)).table("points", None)


def test_the_documentation_names_every_key_folder_and_kind_of_sample() -> None:
    text = (ROOT.parents[1] / "docs" / "profiles.md").read_text()
    keys = {*profile_reader.KEYS, *profile_reader.POINT_KEYS, *profile_reader.COMMAND_KEYS, *profile_reader.CHECK_KEYS}

    for word in (*keys, *SHOWS, *kinds.COMMANDS, *kinds.OWNERS, *(folder.name for folder in FOLDERS)):
        assert re.search(rf"[`\[{{. ]{re.escape(word)}[`\].< ]", text), word
