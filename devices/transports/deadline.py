"""How long a device may take: one limit for a whole read, however many requests and bytes it is made of."""

from time import monotonic

from devices.errors import DeviceReadError
from ontology.names import FCV

SHORTEST_S = 0.001
UNREACHABLE, FAULT, MISMATCH = str(FCV.DeviceUnreachable), str(FCV.DeviceFault), str(FCV.RegisterMismatch)


class Deadline:
    """A moment of the monotonic clock, `seconds` from now."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._until = monotonic() + seconds

    @property
    def passed(self) -> bool:
        """Whether the moment is over."""
        return monotonic() >= self._until

    @property
    def left(self) -> float:
        """What is left [s]; a little above zero when it is over, because zero means "wait for ever" to many a library."""
        return max(self._until - monotonic(), SHORTEST_S)


def unreachable(sentence: str) -> DeviceReadError:
    """No connection, no answer, or not a whole one in time."""
    return DeviceReadError(UNREACHABLE, sentence)


def fault(sentence: str) -> DeviceReadError:
    """The device answers, and what it says is an error or no answer to what was asked."""
    return DeviceReadError(FAULT, sentence)


def mismatch(sentence: str) -> DeviceReadError:
    """The device isn't the one that its profile describes."""
    return DeviceReadError(MISMATCH, sentence)
