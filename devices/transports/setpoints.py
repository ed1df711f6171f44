"""What every transport does with a set-point: refuse what lies outside its bounds, and believe only what the device says afterwards."""

from collections.abc import Callable
from decimal import Decimal
from time import sleep
from typing import TypeVar

from devices.errors import DeviceReadError, DeviceWriteError
from devices.transports.deadline import Deadline
from mappers.errors import MappingError
from mappers.points import Command, Profile

Encoded = TypeVar("Encoded")
SETTLING_S, AGAIN_S = 1.0, 0.05  # a device may take a moment until it shows what it has taken


def command(profile: Profile, name: str, value: Decimal) -> Command:
    """The command of a name, if the value lies within its bounds.

    Raises
    ------
    DeviceWriteError
        If the profile has no such command, or the value lies outside. Nothing is brought within bounds here: whoever commands must know.
    """
    try:
        found = profile.command(name)
    except MappingError as error:
        raise DeviceWriteError(f"{error}; nothing was written") from error
    if not value.is_finite() or found.limited(value) != value:
        raise DeviceWriteError(
            f"{profile.id}: {name} {value} lies outside {found.minimum} … {found.maximum}; nothing was written, command a value between them"
        )
    return found


def in_words_of_the_device(encode: Callable[[], Encoded]) -> Encoded:
    """What to write, as the profile's mapper spells it.

    Raises
    ------
    DeviceWriteError
        If the value has no form there: no word stands for it, or it doesn't fit.
    """
    try:
        return encode()
    except MappingError as error:
        raise DeviceWriteError(f"{error}; nothing was written") from error


def confirm(name: str, wanted: Decimal | None, held: Callable[[], Decimal | None], deadline: Deadline) -> None:
    """Read back until the device holds what was written, for a second at most.

    Raises
    ------
    DeviceWriteError
        If it holds something else.
    DeviceReadError
        If it can't be read.
    """
    settled = Deadline(min(SETTLING_S, deadline.left / 2))  # the last look must have its time, too
    while (found := held()) != wanted or wanted is None:
        if settled.passed:
            raise not_taken(name, wanted, found)
        sleep(AGAIN_S)


def not_taken(name: str, wanted: Decimal | None, found: Decimal | None) -> DeviceWriteError:
    """The error of a device that holds something else than it was told."""
    says = "nothing that can be read" if found is None else found
    return DeviceWriteError(
        f"{name}: {wanted} was written, and the device holds {says}; is somebody else writing, or the control locked?", found
    )


def failed(name: str, error: DeviceReadError) -> DeviceWriteError:
    """The error of a device that couldn't be told."""
    return DeviceWriteError(f"{name} couldn't be written: {error.sentence}", reason=error.reason)
