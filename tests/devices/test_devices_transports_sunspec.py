"""SunSpec: the map is found wherever it begins, and one that isn't there or has moved is no device of the profile."""

from decimal import Decimal

import pytest
from devices_wire import PROFILES, given, wired

from devices.errors import DeviceReadError
from devices.simulators.wire.faults import Faults
from devices.simulators.wire.modbus_server import ModbusServer
from devices.transports import lift, open_device, sunspec_map
from devices.transports.deadline import Deadline
from devices.transports.modbus_line import ModbusLine, TcpPlace
from ontology.names import FCV

PV, BATTERY = PROFILES["sunspec_pv-inverter"], PROFILES["sunspec_battery"]
FAULT, MISMATCH = str(FCV.DeviceFault), str(FCV.RegisterMismatch)
SUNS = [0x5375, 0x6E53]


class Words:
    """Holding registers as they are given; nothing can be written."""

    def __init__(self, start: int, words: list[int]) -> None:
        self._words = dict(enumerate(words, start))

    def read(self, table: str) -> dict[int, int]:
        return self._words if table == "holding" else {}

    def write(self, *_) -> bool:
        return False


def mismatch(profile, start: int, words: list[int]) -> str:
    server = ModbusServer(Words(start, words), Faults(), 1, 0)
    device = open_device(profile, {"host": "127.0.0.1", "port": server.port, "timeout": 1})
    try:
        with pytest.raises(DeviceReadError) as caught:
            device.read()
    finally:
        device.close()
        server.close()
    assert caught.value.reason == MISMATCH
    return caught.value.sentence


@pytest.mark.parametrize("base", [40000, 50000, 0])
@pytest.mark.parametrize("profile", [PV, BATTERY], ids=lambda profile: profile.id)
def test_the_map_is_found_at_each_base_address(profile, base):
    with wired(profile, base=base) as (_, device):
        assert {sample.point: Decimal(sample.value or "NaN") for sample in lift(profile, device.read())} == given(profile)


def test_models_of_the_chain_are_listed_with_address_and_length():
    """Lengths as published: model 1 has 66 registers, 103 has 50, 121 has 30, 123 has 24; each has two for its header."""
    with wired(PV) as (simulated, _):
        line = ModbusLine(TcpPlace("127.0.0.1", int(simulated.address["port"])))
        with line.conversation(1, Deadline(2)) as asked:
            found = sunspec_map.discover(asked)
        line.close()
    assert [(one.model, one.address, one.length) for one in found.values()] == [
        (1, 40002, 66),
        (103, 40070, 50),
        (121, 40122, 30),
        (123, 40154, 24),
    ]


def test_positions_of_points_are_those_of_the_published_models():
    """103: W is the 15th register of the model with its header, WH the 25th; 123: WMaxLimPct the 6th."""
    assert sunspec_map.places(103)["W"] == sunspec_map.Place(14, 1, "int16")
    assert sunspec_map.places(103)["WH"] == sunspec_map.Place(24, 2, "acc32")
    assert sunspec_map.places(123)["WMaxLimPct"] == sunspec_map.Place(5, 1, "uint16")
    assert sunspec_map.places(64_999) == {}


def test_a_battery_that_charges_says_a_negative_power_on_the_wire():
    with wired(BATTERY) as (_, device):
        raw = device.read()
    assert raw["701.W"] * Decimal(10) ** raw["701.W_SF"] == -1234


def test_a_device_without_the_models_of_the_profile_says_which_are_missing():
    with wired(PV) as (simulated, _):
        device = open_device(BATTERY, simulated.address | {"timeout": 1})
        with pytest.raises(
            DeviceReadError, match="has the SunSpec models 1, 103, 121, 123, and sunspec_battery needs 701, 704, 713"
        ) as caught:
            device.read()
        device.close()
    assert caught.value.reason == MISMATCH


def test_no_map_a_broken_chain_and_an_endless_one_are_mismatches():
    assert "no SunSpec map begins" in mismatch(PV, 40000, [0] * 100)
    assert "no SunSpec map begins" in mismatch(PV, 100, [1, 2, 3])
    assert "breaks off after model 1" in mismatch(PV, 40000, [*SUNS, 1, 0, *[0] * 100])
    assert "no end" in mismatch(PV, 40000, [*SUNS, *[7, 1, 0] * 100])


def test_a_model_that_is_too_short_for_its_points_is_a_mismatch():
    words = [*SUNS]
    for model in (103, 121, 123):
        words += [model, 2, 0, 0]
    assert "has no point" in mismatch(PV, 40000, [*words, 0xFFFF, 0])


def test_a_chain_that_ends_without_a_length_is_understood():
    server = ModbusServer(Words(40000, [*SUNS, 1, 1, 0, 0xFFFF]), Faults(), 1, 0)
    line = ModbusLine(TcpPlace("127.0.0.1", server.port))
    with line.conversation(1, Deadline(2)) as asked:
        assert list(sunspec_map.discover(asked)) == [1]
    line.close()
    server.close()


def test_a_map_that_moves_while_the_box_runs_is_noticed_and_found_again():
    with wired(PV) as (simulated, device):
        device.read()
        simulated.faults.shift = 2  # "SunS" now stands where nobody looks
        with pytest.raises(DeviceReadError) as caught:
            device.read()
        assert caught.value.reason == MISMATCH
        simulated.faults.none()
        device.read()


def test_large_models_are_read_in_several_requests_that_cut_no_point():
    """Model 701 has 155 registers; a request carries at most 125, and its 64-bit counters four of them each."""
    with wired(BATTERY) as (simulated, _):
        line = ModbusLine(TcpPlace("127.0.0.1", int(simulated.address["port"])))
        with line.conversation(1, Deadline(2)) as asked:
            found = sunspec_map.discover(asked)[701]
            whole = sunspec_map.read_points(asked, found, [name for name in sunspec_map.places(701) if not name.startswith("Mn")])
            apart = {name: sunspec_map.read_points(asked, found, [name])[name] for name in ("W", "TotWhAbs", "W_SF", "TotWhInj")}
        line.close()
    assert {name: whole[name] for name in apart} == apart
