"""Simulated devices on real wires, and boxes' connections to them, for the tests."""

import atexit
import contextlib
import shutil
import tempfile
import time
from collections.abc import Iterator
from decimal import Decimal
from functools import cache
from pathlib import Path

from devices_platform import mosquitto
from servers import ROOT

from devices.errors import DeviceReadError
from devices.simulators.wire import Faults, Given, WireDevice
from devices.transports import Device, open_device
from mappers import kinds
from mappers.points import Profile
from mappers.profile import registry

PROFILES = registry(ROOT / "devices" / "profiles")
TIMEOUT_S = 1.0  # of a device that shall not answer
ANSWERS_S = 20.0  # of one that shall: a machine may be busy with something else
LATE_S = 10.0  # a call may end so much later than its time; one that forgot about it would never end

# of each kind a number that every register of the profiles holds exactly, in our unit
NUMBERS = {
    "fcv:ActivePower": "1.234",
    "fcv:EnergyRegister": "4321.5",
    "fcv:StateOfCharge": "63.5",
    "fcv:PluggedIn": "1",
    "fcv:AirTemperature": "20.5",
    "fcv:WaterTemperature": "35.5",
    "fcv:TemperatureSetpoint": "21",
    "fcv:Voltage": "229.5",
    "fcv:Current": "5.25",
    "fcv:Frequency": "50.25",
    "fcv:ActiveEnergy": "12.5",
    "fcv:RelativeHumidity": "48.5",
    "fcv:Irradiance": "812.5",
    "fcv:SwitchState": "1",
    "fcv:SGReadyState": "2",
}


def given(profile: Profile) -> dict[str, Decimal]:
    """A value for every point of a profile, in the point's unit, different ones for points of the same kind."""
    values: dict[str, Decimal] = {}
    seen: dict[str, int] = {}
    for point in profile.points:
        kind = kinds.short(point.kind)
        count = seen[kind] = seen.get(kind, -1) + 1
        thousand = 1000 if kinds.short(point.unit) in ("unit:W", "unit:W-HR") else 1
        values[point.name] = (Decimal(NUMBERS[kind]) + count) * thousand
    return values


@cache
def broker() -> tuple[str, int]:
    """The box's own broker, shared by the tests of this run."""
    folder = Path(tempfile.mkdtemp(prefix="flexcoop-broker-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    _, port = mosquitto(folder)
    return "127.0.0.1", port


@contextlib.contextmanager
def wired(profile: Profile, behaviour=None, fault=None, **more) -> Iterator[tuple[WireDevice, Device]]:
    """A simulated device and a connection to it; an MQTT device has a name of its own."""
    address = {"timeout": more.pop("timeout", ANSWERS_S)}
    if "maximum_age" in more and profile.transport == "mqtt":
        address["maximum_age"] = more.pop("maximum_age")
    more.pop("maximum_age", None)
    if profile.transport == "mqtt":
        more = {"broker": broker(), "name": f"device-{time.monotonic_ns()}", "every_s": 0.1} | more
    faults = Faults()
    if fault is not None:
        faults.named(fault)  # before its first word
    with WireDevice(profile, behaviour or Given(given(profile)), faults=faults, **more) as simulated:
        device = open_device(profile, simulated.address | address)
        try:
            yield simulated, device
        finally:
            device.close()


def fails(device: Device) -> bool:
    """Whether the device can't be read now."""
    try:
        device.read()
    except DeviceReadError:
        return True
    return False
