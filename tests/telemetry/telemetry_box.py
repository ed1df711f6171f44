"""A box on the broker, made by hand: it sends what it is told and keeps the acknowledgements."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion
from patience import PATIENCE_S

BASE = "http://127.0.0.1:8080"
CONTEXT = ["https://w3id.org/flexcoop/context/v1.jsonld", {"@base": f"{BASE}/id/"}]


class Box:
    """One MQTT client with the identifier of an OSB."""

    def __init__(self, port: int, osb: str) -> None:
        self.osb = osb
        self.acks: dict[str | None, dict[str, Any]] = {}
        self._news = threading.Condition()
        self._subscribed = threading.Event()
        self._client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id=f"test-{osb}")
        self._client.on_connect = lambda client, *_: client.subscribe(f"flexcoop/osb/{osb}/+", qos=1)
        self._client.on_subscribe = lambda *_: self._subscribed.set()
        self._client.on_message = self._received
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()
        assert self._subscribed.wait(PATIENCE_S)

    def send(self, payload: bytes | dict[str, Any], verb: str = "telemetry", osb: str | None = None) -> None:
        body = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
        self._client.publish(f"flexcoop/osb/{osb or self.osb}/{verb}", body, qos=1)

    def ack(self, message: str | None, timeout: float = PATIENCE_S) -> dict[str, Any]:
        """The acknowledgement of a message; fails if there is none in time."""
        with self._news:
            assert self._news.wait_for(lambda: message in self.acks, timeout), f"no ack of {message}, only of {list(self.acks)}"
            return self.acks[message]

    def ack_of_any(self, timeout: float = PATIENCE_S) -> dict[str, Any]:
        """The first acknowledgement, of whatever message."""
        with self._news:
            assert self._news.wait_for(lambda: bool(self.acks), timeout), "no ack at all"
            return next(iter(self.acks.values()))

    def has_ack(self, message: str, timeout: float) -> bool:
        with self._news:
            return self._news.wait_for(lambda: message in self.acks, timeout)

    def stop(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()
        self._client.reinitialise()

    def _received(self, _: mqtt.Client, __: object, message: mqtt.MQTTMessage) -> None:
        if message.topic.endswith("/ack"):
            body = json.loads(message.payload)
            with self._news:
                self.acks[body["message"]] = body
                self._news.notify_all()


@contextmanager
def box(port: int, osb: str = "osb-h01") -> Iterator[Box]:
    """A box for the length of a `with` block."""
    connected = Box(port, osb)
    try:
        yield connected
    finally:
        connected.stop()


def id_of(key: str) -> str:
    """The absolute id of a message made by `message`."""
    return f"{BASE}/id/message/osb-h01/{key}"


def message(key: str, *readings: dict[str, Any], home: str = "h01") -> dict[str, Any]:
    return {
        "@context": CONTEXT,
        "@id": f"message/osb-h01/{key}",
        "@type": "Message",
        "madeBy": f"osb/{home}",
        "sent": "2016-08-12T00:00:00Z",
        "readings": list(readings),
    }


def observation(at: str, value: object, unit: str = "unit:KiloW", channel: str = "connection/h01#activePower") -> dict[str, Any]:
    return {"@type": "Observation", "observes": channel, "at": at, "value": value, "unit": unit}
