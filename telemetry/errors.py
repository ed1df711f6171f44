"""What can go wrong between a reading and the graph.

Exception
└── TelemetryError (ValueError)   a question or a command that can't be answered
    ├── UnknownChannelError       a channel that no OSB has described
    ├── RefusedMessageError       a message that can't be taken in as a whole
    └── BrokerError (RuntimeError) the MQTT broker can't be started or reached
"""


class TelemetryError(ValueError):
    """Base of everything that `telemetry` raises."""


class UnknownChannelError(TelemetryError):
    """Nobody has described the channel that is asked for."""


class RefusedMessageError(TelemetryError):
    """A message can't be taken in as a whole; what it says is kept as a dead letter."""


class BrokerError(TelemetryError, RuntimeError):
    """The MQTT broker can't be started or reached."""
