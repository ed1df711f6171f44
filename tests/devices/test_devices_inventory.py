"""A box of every profile that ships: its configuration is strict, and what it announces passes the platform's shapes."""

import json
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from devices import box, box_config
from devices.box_config import PROFILES
from devices.errors import ConfigError
from mappers import jsonld
from mappers.profile import registry
from shapes import refuse_unless_valid

PLATES = {
    "ratedPower": "5",
    "storageCapacity": "10",
    "roundTripEfficiency": "0.9",
    "minimumStateOfCharge": "10",
    "chargingEfficiency": "0.9",
    "targetStateOfCharge": "80",
    "coefficientOfPerformance": "3.2",
    "thermalResistance": "0.004",
    "thermalCapacitance": "18",
}
HEAD = """
base = "https://coop.example"
osb = "osb-h01"
key = "h01"
site = "h01"
connection = "h01"
zone = "h01-living"
state = "box.sqlite"
[broker]
host = "127.0.0.1"
"""
ADDRESSES = {
    "modbus": 'host = "127.0.0.1"',
    "sunspec": 'host = "127.0.0.1"',
    "http": 'url = "http://127.0.0.1:8081"',
    "mqtt": 'host = "127.0.0.1", name = "plug"',
}


def device(name: str, profile: str, more: str = "") -> str:
    found = registry(PROFILES)[profile]
    ratings = ", ".join(f"{rating} = {PLATES[rating]}" for rating in found.ratings)
    address = ADDRESSES[found.transport]
    return f'[[devices]]\nname = "{name}"\nprofile = "{profile}"\naddress = {{ {address} }}\nratings = {{ {ratings} }}\n{more}\n'


def written(folder: Path, text: str) -> Path:
    path = folder / "box.toml"
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize("profile", sorted(path.name for path in PROFILES.iterdir() if path.is_dir()))
def test_what_a_box_with_this_device_announces_passes_the_shapes(tmp_path: Path, profile: str) -> None:
    found = box.inventory(written(tmp_path, HEAD + device("one", profile)))

    announced = jsonld.announcement(found.announcement("n1").payload)

    refuse_unless_valid(list(announced.triples), what="the announcement")
    assert announced.made_by == "https://coop.example/id/osb/h01"
    assert len(found.channels()) == len(registry(PROFILES)[profile].points)


def test_only_what_can_be_called_states_a_control_type() -> None:
    for profile in registry(PROFILES).values():
        assert (profile.control_type is None) == profile.device_class.endswith(("SmartMeter", "Thermostat")), profile.id


def test_paths_steps_and_addresses_are_read(tmp_path: Path) -> None:
    text = HEAD + 'ca = "tls/ca.pem"\n' + device("meter", "eastron_sdm630", 'poll = "PT5S"\nstep = "PT1M"\nsteps = { voltage1 = "PT15M" }')
    given = box_config.load(written(tmp_path, text))

    assert given.state == tmp_path / "box.sqlite"
    assert given.broker.ca == tmp_path / "tls/ca.pem"
    assert given.devices[0].address == {"host": "127.0.0.1"}
    assert given.devices[0].poll == timedelta(seconds=5)
    assert [given.devices[0].step_of(name) for name in ("voltage1", "activePower")] == [timedelta(minutes=15), timedelta(minutes=1)]
    assert given.limits.outbox_megabytes == Decimal(64)


SMART = device("meter", "eastron_sdm630")
REFUSED = [
    ("host = 3", "can't be read"),  # a key twice
    (
        '[limits]\noutbox_megabyte = 3\n[[devices]]\nname="x"',
        "limits.outbox_megabyte is no setting of Limits: did you mean outbox_megabytes?",
    ),
    ("[limits]\noutbox_megabytes = 0", "limits.outbox_megabytes is 0; it must be above zero"),
    ('[limits]\noutbox_age = "a month"', "limits.outbox_age is 'a month', which is no duration above zero; write it like PT15M"),
    ('[[devices]]\nname = "x"\naddress = {}', "devices[0].profile is missing"),
    ('[[devices]]\nname = "x/y"\nprofile = "z"\naddress = {}', "'x/y' becomes part of an IRI"),
    (SMART + SMART, "['meter'] are used twice"),
    (SMART + device("other", "homewizard_p1"), "both measure connection/h01#"),
    (device("m", "eastron_sdm630", 'steps = { power = "PT1M" }'), "steps names ['power'], and the profile eastron_sdm630 has the points"),
    (device("m", "eastron_sdm630", 'step = "PT7M"'), "the step of m is 0:07:00; the platform keeps"),
    (device("m", "eastron_sdm630", 'poll = "PT7S"'), "polled every 0:00:07, which doesn't divide the step"),
    (SMART.replace("eastron_sdm630", "eastron"), "there is no profile 'eastron' in"),
    (SMART.replace("ratings = {", "ratings = { ratedPower = 3"), "asks for no rating ['ratedPower']"),
    (device("pv", "sunspec_pv-inverter").replace("ratedPower = 5", ""), "ratedPower"),
]


@pytest.mark.parametrize(("text", "words"), REFUSED)
def test_what_does_not_fit_is_refused_with_its_place(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(ConfigError) as caught:
        box.inventory(written(tmp_path, HEAD + text))

    assert words in str(caught.value)


@pytest.mark.parametrize(
    ("line", "instead", "words"),
    [
        ('key = "h01"', 'key = "h02"', "the identifier is osb- and the key"),
        ('base = "https://coop.example"', 'base = "https://coop.example/"', "without slash at its end"),
        ('connection = "h01"', "", "measures activePower of the connection, and the file names none; add connection"),
        ('host = "127.0.0.1"', 'certificate = "box.pem"', "only one is given"),
        ('host = "127.0.0.1"', "port = 99999", "ports go from 1 to 65535"),
    ],
)
def test_a_head_that_does_not_fit_is_refused(tmp_path: Path, line: str, instead: str, words: str) -> None:
    with pytest.raises(ConfigError) as caught:
        box.inventory(written(tmp_path, HEAD.replace(line, instead, 1) + SMART))

    assert words in str(caught.value)


def test_the_same_box_announces_the_same_but_for_the_name_of_its_message(tmp_path: Path) -> None:
    found = box.inventory(written(tmp_path, HEAD + SMART))
    first, second = found.announcement("n1"), found.announcement("n2")

    assert first.id != second.id
    assert json.loads(first.payload)["@graph"][1:] == json.loads(second.payload)["@graph"][1:]
