"""Modbus TCP and RTU: bounded in time, one device's trouble is its own, garbage is never a number."""

import gc
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal

import pytest
from devices_garbage import Parrot
from devices_wire import LATE_S, PROFILES, TIMEOUT_S, given, wired
from hypothesis import HealthCheck, settings
from hypothesis import given as examples
from hypothesis import strategies as st
from servers import free_port

from devices.errors import ConfigError, DeviceReadError
from devices.simulators.wire import Given, WireDevice
from devices.simulators.wire.faults import Faults
from devices.simulators.wire.modbus_server import ModbusServer
from devices.simulators.wire.relay import TcpRelay
from devices.transports import lift, open_device
from devices.transports.deadline import Deadline
from devices.transports.modbus_line import ModbusLine, TcpPlace
from ontology.names import FCV

METER, HEAT_PUMP, PV = (PROFILES[id] for id in ("eastron_sdm630", "generic_sgready-heat-pump", "sunspec_pv-inverter"))
UNREACHABLE, FAULT = str(FCV.DeviceUnreachable), str(FCV.DeviceFault)


def values(profile, device) -> dict[str, Decimal]:
    return {sample.point: Decimal(sample.value) for sample in lift(profile, device.read()) if sample.value is not None}


def test_a_second_device_is_read_while_the_first_hangs():
    with wired(METER) as (first, hanging), wired(METER) as (_, sound), ThreadPoolExecutor(1) as pool:
        first.faults.named("hang")
        waiting = pool.submit(hanging.read)
        for _ in range(10):
            assert values(METER, sound) == given(METER)
        assert not waiting.done()
        hanging.close()
        assert isinstance(waiting.exception(), DeviceReadError)


@pytest.mark.parametrize("profile", [METER, HEAT_PUMP, PV], ids=lambda profile: profile.id)
def test_a_serial_line_gives_the_same_values(profile):
    with wired(profile, serial=True) as (simulated, device):
        assert "serial" in simulated.address
        assert values(profile, device) == given(profile)


@pytest.mark.parametrize(("fault", "reason"), [("hang", UNREACHABLE), ("slow", UNREACHABLE), ("exception", FAULT), ("unit", FAULT)])
def test_a_serial_device_at_fault_has_its_reason_in_time(fault, reason):
    with wired(HEAT_PUMP, serial=True, timeout=TIMEOUT_S) as (simulated, device):
        device.read()
        simulated.faults.named(fault)
        started = time.monotonic()
        with pytest.raises(DeviceReadError) as caught:
            device.read()
        assert time.monotonic() - started < TIMEOUT_S + LATE_S
        assert caught.value.reason == reason, caught.value.sentence


def test_a_set_point_is_written_over_a_serial_line():
    with wired(HEAT_PUMP, serial=True) as (_, device):
        device.write("temperature", Decimal("19.5"))
        assert device.read_back("temperature") == Decimal("19.5")


def test_units_of_one_serial_line_take_turns():
    """The second unit doesn't exist: it answers with an exception each time, and the first one never notices."""
    with wired(HEAT_PUMP, serial=True, timeout=5) as (simulated, device):
        other = open_device(HEAT_PUMP, simulated.address | {"unit": 9, "timeout": 5})
        with ThreadPoolExecutor(2) as pool:
            sound = [pool.submit(values, HEAT_PUMP, device) for _ in range(10)]
            absent = [pool.submit(other.read) for _ in range(10)]
            assert all(isinstance(one.exception(), DeviceReadError) for one in absent)
            assert [one.result() for one in sound] == [given(HEAT_PUMP)] * 10
        other.close()
        assert values(HEAT_PUMP, device) == given(HEAT_PUMP)


@pytest.mark.parametrize("profile", [METER, HEAT_PUMP, PV], ids=lambda profile: profile.id)
def test_a_wrong_unit_id_in_the_configuration_is_a_fault_of_the_device(profile):
    with wired(profile) as (simulated, _):
        device = open_device(profile, simulated.address | {"unit": 77, "timeout": 1})
        with pytest.raises(DeviceReadError, match=r"unit 77 .* check the unit id") as caught:
            device.read()
        device.close()
        assert caught.value.reason == FAULT


def test_nobody_listening_is_unreachable_at_once():
    device = open_device(METER, {"host": "127.0.0.1", "port": free_port(), "timeout": 5})
    started = time.monotonic()
    with pytest.raises(DeviceReadError, match="no connection") as caught:
        device.read()
    device.close()
    assert caught.value.reason == UNREACHABLE
    assert time.monotonic() - started < 1


def test_a_device_that_had_closed_an_idle_connection_is_asked_again():
    with wired(METER) as (simulated, device):
        device.read()
        simulated.faults.named("drop")
        with pytest.raises(DeviceReadError):
            device.read()
        simulated.faults.none()
        line = device._line
        line._client.connect()
        line._client.socket.shutdown(2)  # as a device does after some minutes of silence
        assert values(METER, device) == given(METER)


def test_a_device_without_registers_between_those_that_are_wanted_is_read_one_by_one():
    with wired(HEAT_PUMP, gaps=False) as (_, device):
        before = device._blocks
        assert values(HEAT_PUMP, device) == given(HEAT_PUMP)
        assert len(device._blocks) > len(before)
        assert values(HEAT_PUMP, device) == given(HEAT_PUMP)


class OneRegisterLess:
    """The memory of a meter without its last current."""

    def __init__(self, memory) -> None:
        self._memory = memory

    def read(self, table: str) -> dict[int, int]:
        return {address: word for address, word in self._memory.read(table).items() if address not in (10, 11)}

    def write(self, table: str, address: int, values: list[int]) -> bool:
        return self._memory.write(table, address, values)


def test_a_register_that_the_device_does_not_have_costs_only_its_own_point():
    with wired(METER) as (simulated, _):
        server = ModbusServer(OneRegisterLess(simulated.memory), Faults(), 1, 0)
        device = open_device(METER, {"host": "127.0.0.1", "port": server.port, "timeout": 1})
        samples = {sample.point: sample for sample in lift(METER, device.read())}
        assert {name: Decimal(sample.value) for name, sample in samples.items() if sample.value} == {
            name: value for name, value in given(METER).items() if name != "current3"
        }
        assert samples["current3"].reason == FAULT
        device.close()
        server.close()


class Bits:
    """Three coils, and what was written to them."""

    def __init__(self) -> None:
        self.bits = {16: 1, 17: 0, 18: 1}

    def read(self, table: str) -> dict[int, int]:
        return self.bits if table == "coil" else {}

    def write(self, table: str, address: int, values: list[int]) -> bool:
        self.bits |= dict(enumerate(values, address))
        return True


def test_coils_are_read_and_written():
    memory = Bits()
    server = ModbusServer(memory, Faults(), 5, 0)
    line = ModbusLine(TcpPlace("127.0.0.1", server.port))
    with line.conversation(5, Deadline(2)) as asked:
        assert asked.read("coil", 16, 3) == [1, 0, 1]
        asked.write("coil", 17, [1])
        assert asked.read("coil", 16, 3) == [1, 1, 1]
    line.close()
    server.close()


def test_the_wire_of_a_simulated_device_carries_several_connections():
    with wired(METER) as (simulated, _):
        devices = [open_device(METER, simulated.address | {"timeout": 3}) for _ in range(5)]
        assert [values(METER, device) for device in devices] == [given(METER)] * 5
        for device in devices:
            device.close()


def test_a_relay_ends_though_connections_are_open():
    relay = TcpRelay(Faults(), 0, free_port())
    device = open_device(METER, {"host": "127.0.0.1", "port": relay.port, "timeout": 1})
    with pytest.raises(DeviceReadError):
        device.read()
    relay.close()
    device.close()


@pytest.fixture(scope="module")
def parrot():
    with Parrot() as server:
        yield server


HEADER = 7


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@examples(pdu=st.binary(max_size=260), raw=st.booleans())
def test_garbage_is_a_fault_and_never_a_crash_or_a_number(parrot, pdu, raw):
    def answer(request: bytes) -> bytes:
        return pdu if raw else request[:4] + (len(pdu) + 1).to_bytes(2, "big") + request[6:HEADER] + pdu

    parrot.answer = answer
    device = open_device(METER, {"host": "127.0.0.1", "port": parrot.port, "timeout": 0.3})
    started = time.monotonic()
    with pytest.raises(DeviceReadError):
        device.read()
    device.close()
    assert time.monotonic() - started < 1.3


def test_values_far_from_any_register_are_refused_by_the_simulator_and_not_bent():
    """A register of 16 bits has no room for 100 kW in watts: the simulated device says so as a device failure."""
    with (
        wired(HEAT_PUMP, Given(given(HEAT_PUMP) | {"activePower": Decimal(100_000)})) as (_, device),
        pytest.raises(DeviceReadError) as caught,
    ):
        device.read()
    assert caught.value.reason == FAULT


@pytest.mark.parametrize(
    ("address", "message"),
    [
        ({}, "says no host; add it"),
        ({"host": ""}, "host = '', which is no text"),
        ({"host": "meter", "prot": 502}, "has a key 'prot' .* is 'port' meant"),
        ({"host": "meter", "port": "502"}, "port = '502', which is no whole number"),
        ({"host": "meter", "unit": 300}, "unit = 300, which is no whole number from 0 to 255"),
        ({"host": "meter", "timeout": 0}, "timeout = 0, which is no number of seconds"),
        ({"host": "meter", "framing": "ascii"}, "framing = 'ascii', which is none of tcp, rtu"),
        ({"serial": "/dev/ttyUSB0", "parity": "X"}, "parity = 'X', which is none of N, E, O"),
    ],
)
def test_a_wrong_address_is_refused_with_a_sentence(address, message):
    with pytest.raises(ConfigError, match=message):
        open_device(METER, address)


@pytest.mark.parametrize("profile", [METER, PV, PROFILES["homewizard_p1"]], ids=lambda profile: profile.id)
def test_a_device_that_is_closed_while_somebody_reads_it_ends_in_words_and_stays_closed(profile):
    with wired(profile, timeout=1) as (simulated, device), ThreadPoolExecutor(1) as pool:
        device.read()
        simulated.faults.named("hang")
        reading = pool.submit(device.read)
        while not (profile.transport == "http" or device._line.lock.locked() or reading.done()):
            time.sleep(0.001)
        device.close()
        assert isinstance(reading.exception(), DeviceReadError)
        simulated.faults.none()
        with pytest.raises(DeviceReadError, match="open the device again") as caught:
            device.read()
        assert caught.value.reason == UNREACHABLE


def test_one_serial_port_has_one_speed(tmp_path):
    alias = tmp_path / "by-id"
    alias.symlink_to("/dev/ttyS77")
    device = open_device(METER, {"serial": "/dev/ttyS77", "baudrate": 9600})
    with pytest.raises(ConfigError, match=r"two devices want the serial port .* with 19200 8N1 and 9600 8N1"):
        open_device(METER, {"serial": str(alias), "baudrate": 19_200})
    device.close()
    open_device(METER, {"serial": str(alias), "baudrate": 19_200}).close()


def test_a_simulator_whose_port_is_taken_leaves_nothing_open():
    """Sockets that nobody closes fail this run (filterwarnings = error)."""
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(OSError, match="in use"):
        WireDevice(METER, port=taken.getsockname()[1])
    gc.collect()
