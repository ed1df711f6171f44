"""What can go wrong at the edge.

Exception
└── DeviceError
    ├── ConfigError (ValueError)      a configuration file doesn't fit
    ├── ReplayError (LookupError)     a moment or a home is not in the replayed series
    ├── DispatchError (ValueError)    an instruction can't be read; becomes the report `Rejected`
    ├── EnrolmentError (ValueError)   the platform gives the box no certificate
    ├── DeviceReadError               a device can't be read; becomes a quality flag with its reason
    └── DeviceWriteError              a set-point isn't in force; the device may hold another one
"""

from decimal import Decimal


class DeviceError(Exception):
    """Base of everything that `devices` raises."""


class ConfigError(DeviceError, ValueError):
    """A configuration file doesn't fit: unknown key, wrong type, impossible value."""


class ReplayError(DeviceError, LookupError):
    """A moment or a home is not in the replayed series."""


class DispatchError(DeviceError, ValueError):
    """An instruction can't be read or can't be followed."""


class EnrolmentError(DeviceError, ValueError):
    """A box gets no certificate: refused, or what came isn't one of its own."""


class DeviceReadError(DeviceError):
    """A device can't be read: silent, at fault, or not the one that its profile describes.

    Attributes
    ----------
    reason
        IRI of the reason that the readings' flag gets (`fcv:QualityReasons`).
    sentence
        What happened, why, and what to do.
    """

    def __init__(self, reason: str, sentence: str) -> None:
        super().__init__(sentence)
        self.reason, self.sentence = reason, sentence


class DeviceWriteError(DeviceError):
    """A set-point isn't in force.

    Attributes
    ----------
    sentence
        What happened, why, and what to do.
    held
        What the device holds now, in the command's unit; `None` where that isn't known.
    reason
        IRI of the reason as in `DeviceReadError`, where the device couldn't be reached or is another one; else `None`.
    """

    def __init__(self, sentence: str, held: Decimal | None = None, reason: str | None = None) -> None:
        super().__init__(sentence)
        self.sentence, self.held, self.reason = sentence, held, reason
