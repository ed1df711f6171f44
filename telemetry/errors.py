"""What can go wrong between a reading and the graph.

Exception
└── TelemetryError (ValueError)   a question or a command that can't be answered
    ├── UnknownChannelError       a channel that no OSB has described
    ├── RefusedMessageError       a message that can't be taken in as a whole
    ├── EnrolmentError            a certificate that is not given
    │   ├── ClaimCodeError        … because the claim code is not valid
    │   └── ThrottledError        … because there were too many attempts
    └── BrokerError (RuntimeError) the MQTT broker can't be started or reached
"""


class TelemetryError(ValueError):
    """Base of everything that `telemetry` raises."""


class UnknownChannelError(TelemetryError):
    """Nobody has described the channel that is asked for."""


class RefusedMessageError(TelemetryError):
    """A message can't be taken in as a whole; what it says is kept as a dead letter."""


class EnrolmentError(TelemetryError):
    """A certificate is not given; the sentence says why."""


class ClaimCodeError(EnrolmentError):
    """The claim code is wrong, used or too old; which of these is for the log only."""


class ThrottledError(EnrolmentError):
    """There were too many attempts; `retry_after` is how long to wait [s]."""

    def __init__(self, sentence: str, retry_after: int) -> None:
        super().__init__(sentence)
        self.retry_after = retry_after


class BrokerError(TelemetryError, RuntimeError):
    """The MQTT broker can't be started or reached."""
