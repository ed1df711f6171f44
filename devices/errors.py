"""What can go wrong at the edge.

Exception
└── DeviceError
    ├── ConfigError (ValueError)      a configuration file doesn't fit
    ├── ReplayError (LookupError)     a moment or a home is not in the replayed series
    └── DispatchError (ValueError)    an instruction can't be read; becomes the report `Rejected`
"""


class DeviceError(Exception):
    """Base of everything that `devices` raises."""


class ConfigError(DeviceError, ValueError):
    """A configuration file doesn't fit: unknown key, wrong type, impossible value."""


class ReplayError(DeviceError, LookupError):
    """A moment or a home is not in the replayed series."""


class DispatchError(DeviceError, ValueError):
    """An instruction can't be read or can't be followed."""
