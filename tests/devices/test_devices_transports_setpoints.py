"""Set-points on real wires: bounded, re-read, restored, and believed only when the device itself says so."""

import time
from decimal import Decimal

import pytest
from devices_wire import LATE_S, PROFILES, TIMEOUT_S, given, wired
from patience import wait_for
from pymodbus.client import ModbusTcpClient

from devices.errors import DeviceReadError, DeviceWriteError
from devices.simulators.wire import Given, Simulated
from devices.transports import lift
from mappers.points import Register
from ontology.names import FCV

RATINGS = {
    "ratedPower": Decimal(10),
    "storageCapacity": Decimal(20),
    "roundTripEfficiency": Decimal("0.9"),
    "minimumStateOfCharge": Decimal(10),
    "chargingEfficiency": Decimal("0.9"),
    "targetStateOfCharge": Decimal(80),
    "coefficientOfPerformance": Decimal(3),
    "thermalResistance": Decimal("0.004"),
    "thermalCapacitance": Decimal(20),
}
PROBES = {"powerLimit": "2.5", "switch": "0", "sgReady": "1", "temperature": "19.5"}
FITTED = {id: profile.fitted({name: RATINGS[name] for name in profile.ratings}) for id, profile in PROFILES.items()}
COMMANDS = [(id, command.name) for id, profile in FITTED.items() for command in profile.commands]
every_command = pytest.mark.parametrize(("id", "command"), COMMANDS)
LIMIT = Decimal("2.5")


@every_command
def test_a_set_point_arrives_is_read_back_and_restored(id, command):
    profile, wanted = FITTED[id], Decimal(PROBES[command])
    with wired(profile, Simulated(profile)) as (_, device):
        device.read()
        device.write(command, wanted)
        assert device.read_back(command) == wanted
        device.restore(command)
        assert device.read_back(command) == profile.command(command).restore


@every_command
def test_the_device_behind_the_wire_is_told_the_value_in_the_units_of_the_command(id, command):
    profile, wanted = FITTED[id], Decimal(PROBES[command])
    told = Simulated(profile)
    with wired(profile, told) as (_, device):
        device.read()
        device.write(command, wanted)
        assert told.commands[command] == wanted


@every_command
def test_a_value_outside_the_bounds_is_refused_and_nothing_is_written(id, command):
    profile = FITTED[id]
    limits, behaviour = profile.command(command), Given(given(profile))
    with wired(profile, behaviour) as (_, device):
        device.read()
        for wrong in (limits.maximum + 1, limits.minimum - 1, Decimal("NaN"), Decimal("Infinity")):
            with pytest.raises(DeviceWriteError, match="nothing was written"):
                device.write(command, wrong)
        with pytest.raises(DeviceWriteError, match="has no command 'selfDestruct'"):
            device.write("selfDestruct", Decimal(1))
        assert behaviour.obeyed == {}


@pytest.mark.parametrize(("id", "command"), [(id, name) for id, name in COMMANDS if name in ("switch", "sgReady")])
def test_a_value_between_two_states_is_refused(id, command):
    with wired(FITTED[id], Simulated(FITTED[id])) as (simulated, device):
        device.read()
        with pytest.raises(DeviceWriteError, match=r"no word stands for .*nothing was written"):
            device.write(command, FITTED[id].command(command).minimum + Decimal("0.5"))
        assert simulated.behaviour.commands[command] == FITTED[id].command(command).restore


@every_command
def test_a_device_that_holds_something_else_than_it_was_told_is_found_out(id, command):
    profile = FITTED[id]
    with wired(profile, Simulated(profile), timeout=TIMEOUT_S) as (simulated, device):
        device.read()
        simulated.faults.named("locked")
        started = time.monotonic()
        with pytest.raises(DeviceWriteError) as caught:
            device.write(command, Decimal(PROBES[command]))
        assert time.monotonic() - started < TIMEOUT_S + LATE_S
        assert (caught.value.held, caught.value.reason) == (profile.command(command).restore, None)


@every_command
def test_a_device_that_has_gone_cannot_be_told_anything(id, command):
    profile = FITTED[id]
    with wired(profile, Simulated(profile), maximum_age=0.3, timeout=TIMEOUT_S) as (simulated, device):
        device.read()
        simulated.faults.named("hang")
        if profile.transport == "mqtt":
            wait_for(lambda: _unreachable(device))
        started = time.monotonic()
        with pytest.raises(DeviceWriteError) as caught:
            device.write(command, Decimal(PROBES[command]))
        assert time.monotonic() - started < TIMEOUT_S + LATE_S
        assert caught.value.reason == str(FCV.DeviceUnreachable)


def test_a_pv_limit_reduces_the_power_that_the_inverter_reports():
    profile = FITTED["sunspec_pv-inverter"]
    with wired(profile, Simulated(profile, lambda _: Decimal(8))) as (_, device):
        assert _power(profile, device) == 8000
        device.write("powerLimit", LIMIT)
        assert _power(profile, device) == 2500
        device.restore("powerLimit")
        assert _power(profile, device) == 8000


def test_a_charger_follows_its_limit():
    profile = FITTED["ocpp_ev-charger"]
    with wired(profile, Simulated(profile, lambda _: Decimal("7.4"))) as (_, device):
        assert _power(profile, device) == 7400
        device.write("powerLimit", LIMIT)
        assert _power(profile, device) == 2500


def test_a_battery_can_be_told_to_discharge():
    """At most −2.5 kW of consumption is at least 2.5 kW into the home."""
    profile = FITTED["sunspec_battery"]
    with wired(profile, Simulated(profile, lambda _: Decimal(1))) as (_, device):
        assert _power(profile, device) == 1000
        device.write("powerLimit", -LIMIT)
        assert device.read_back("powerLimit") == -LIMIT
        assert _power(profile, device) == -2500


def test_a_foreign_write_to_the_limit_register_is_noticed_and_mended():
    """Modbus knows no password: anybody on the network may write 123.WMaxLimPct; per cent with two decimals of 10 kW."""
    profile = FITTED["sunspec_pv-inverter"]
    with wired(profile, Simulated(profile, lambda _: Decimal(8))) as (simulated, device):
        device.write("powerLimit", LIMIT)
        place = next(at for point, at in simulated.memory.writable.items() if point.name == "WMaxLimPct")
        _foreign_write(simulated, place, 9000)
        assert device.read_back("powerLimit") == 9
        assert _power(profile, device) == 8000
        device.write("powerLimit", LIMIT)
        assert device.read_back("powerLimit") == LIMIT
        assert _power(profile, device) == 2500


def test_switching_the_limit_off_by_a_foreign_hand_is_noticed_too():
    profile = FITTED["sunspec_pv-inverter"]
    with wired(profile, Simulated(profile)) as (simulated, device):
        device.write("powerLimit", LIMIT)
        place = next(at for point, at in simulated.memory.writable.items() if point.name == "WMaxLim_Ena")
        _foreign_write(simulated, place, 0)
        assert device.read_back("powerLimit") == profile.command("powerLimit").restore


def test_a_foreign_write_to_a_heat_pump_is_noticed():
    profile = FITTED["generic_sgready-heat-pump"]
    target = profile.command("sgReady").target
    assert isinstance(target, Register)
    with wired(profile, Simulated(profile)) as (simulated, device):
        device.write("sgReady", Decimal(1))
        _foreign_write(simulated, target.address, 4)
        assert device.read_back("sgReady") == 4


def test_nothing_is_written_to_registers_that_have_moved():
    profile = FITTED["sunspec_pv-inverter"]
    behaviour = Given(given(profile))
    with wired(profile, behaviour) as (simulated, device):
        device.read()
        simulated.faults.named("shift")
        with pytest.raises(DeviceWriteError) as caught:
            device.write("powerLimit", LIMIT)
        assert caught.value.reason == str(FCV.RegisterMismatch)
        assert behaviour.obeyed == {}


def _power(profile, device) -> Decimal:
    return next(Decimal(sample.value) for sample in lift(profile, device.read()) if sample.point == "activePower")


def _foreign_write(simulated, address: int, value: int) -> None:
    with ModbusTcpClient(str(simulated.address["host"]), port=int(simulated.address["port"])) as client:
        assert not client.write_register(address, value, device_id=int(simulated.address["unit"])).isError()


def _unreachable(device) -> bool:
    try:
        device.read()
    except DeviceReadError as error:
        return error.reason == str(FCV.DeviceUnreachable)
    return False
