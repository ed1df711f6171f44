"""How the box reaches real devices: Modbus TCP and RTU, SunSpec, HTTP with JSON, and MQTT on the box's own broker.

`open_device` makes a connection from a device's profile and its address; `read` gives raw values, `lift` turns them into samples with the
profile's mapper. Nothing here takes longer than the time given, whatever the device does, and every fault has a reason: silence is
`fcv:DeviceUnreachable`, an error code or another unit's answer `fcv:DeviceFault`, another device or moved registers
`fcv:RegisterMismatch`. A set-point outside its bounds is refused, one within is re-read. It must not know what the box does with it.
"""

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any, Protocol

from devices.errors import ConfigError
from devices.transports.address import Address
from devices.transports.http import HttpDevice
from devices.transports.modbus import ModbusDevice
from devices.transports.mqtt import MqttDevice
from devices.transports.sunspec import SunSpecDevice
from mappers import flat, registers, sunspec
from mappers.points import Profile, Sample

Raw = Any  # words by table and address (modbus), values by model.point (sunspec), a JSON document (http, mqtt)

__all__ = ["Device", "Raw", "lift", "open_device"]


class Device(Protocol):
    """A device that can be read and told set-points. Each call is bounded by the address's timeout; calls may come from several threads."""

    def read(self) -> Raw:
        """Read what the profile's points and identity need.

        Raises
        ------
        DeviceReadError
            With the reason (IRI) and a sentence.
        """
        ...

    def write(self, command: str, value: Decimal) -> None:
        """Write a set-point, in the command's unit, and re-read it.

        Raises
        ------
        DeviceWriteError
            If the value lies outside the command's bounds (nothing is written then), the device can't be told, or it holds something else.
        """
        ...

    def read_back(self, command: str) -> Decimal | None:
        """What the device holds of a set-point now, in the command's unit; `None` where that can't be told.

        Raises
        ------
        DeviceReadError
            If the device can't be read.
        """
        ...

    def restore(self, command: str) -> None:
        """Write the value that means "no limit", or the state of rest.

        Raises
        ------
        DeviceWriteError
            As `write` does.
        """
        ...

    def close(self) -> None:
        """End the connection."""
        ...


_DEVICES: dict[str, Callable[[Profile, Address], Device]] = {
    "modbus": ModbusDevice,
    "sunspec": SunSpecDevice,
    "http": HttpDevice,
    "mqtt": MqttDevice,
}
_MAPPERS: dict[str, Callable[[Profile, Raw], list[Sample]]] = {
    "modbus": registers.lift,
    "sunspec": sunspec.lift,
    "http": flat.lift,
    "mqtt": flat.lift,
}


def open_device(profile: Profile, address: Mapping[str, object]) -> Device:
    """Make the connection of a device; nothing is sent yet.

    Parameters
    ----------
    profile
        The device's type, fitted to its ratings (`Profile.fitted`), so that set-points are bounded by the plate.
    address
        Where it is: the keys of docs/transports.md.

    Raises
    ------
    ConfigError
        If the address lacks a key, has one that isn't known, or a value that can't be.
    """
    if profile.transport not in _DEVICES:
        raise ConfigError(
            f"{profile.id} has the transport {profile.transport!r}, which this box doesn't have; it has {', '.join(_DEVICES)}"
        )
    return _DEVICES[profile.transport](profile, Address(profile.id, address))


def lift(profile: Profile, raw: Raw) -> list[Sample]:
    """Turn what a device was read to hold into samples, by the mapper of the profile's transport."""
    return _MAPPERS[profile.transport](profile, raw)
