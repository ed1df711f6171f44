"""The way between a box and the platform, whatever carries it."""

from typing import Protocol


class Gateway(Protocol):
    """Carries messages; `devices.mqtt` does it over MQTT.

    A message handed over is not delivered: only the platform's own acknowledgement says that, and it comes in as a message.
    """

    @property
    def connected(self) -> bool:
        """Whether messages can be handed over now."""
        ...

    def publish(self, topic: str, payload: bytes) -> None:
        """Hand a message over."""
        ...


class RecordingGateway:
    """A gateway that keeps what it is given: for tests, and for trying a box without a broker."""

    def __init__(self) -> None:
        self.connected = True
        self.sent: list[tuple[str, bytes]] = []

    def publish(self, topic: str, payload: bytes) -> None:
        """See `Gateway.publish`."""
        self.sent.append((topic, payload))
