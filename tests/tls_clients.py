"""MQTT clients with certificates: a guest who tries things, a victim who sends all the time, a platform that acknowledges."""

import json
import ssl
import threading

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion
from patience import until

from telemetry.tls import TlsFiles

DEADLINE_S = 20.0


class Guest:
    """One client that does not come back by itself; `files=None` speaks plain text."""

    def __init__(
        self,
        port: int,
        files: TlsFiles | ssl.SSLContext | None,
        client_id: str = "",
        *,
        will: str | None = None,
        version: int = mqtt.MQTTv311,
        keepalive: int = 60,
    ) -> None:
        self.heard: list[tuple[str, bytes]] = []
        self.granted = self.published = self.connects = 0
        self.ended = threading.Event()
        clean = {} if version == mqtt.MQTTv5 else {"clean_session": True}
        self._client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id=client_id, protocol=version, reconnect_on_failure=False, **clean)
        if files is not None:
            self._client.tls_set_context(files.client_context() if isinstance(files, TlsFiles) else files)
        if will is not None:
            self._client.will_set(will, b"will", 1)
        self._client.on_connect = self._connected
        self._client.on_disconnect = lambda *_: self.ended.set()
        self._client.on_subscribe = lambda *_: self._add("granted")
        self._client.on_publish = lambda *_: self._add("published")
        self._client.on_message = lambda _, __, message: self.heard.append((message.topic, bytes(message.payload)))
        try:
            self._client.connect("127.0.0.1", port, keepalive=keepalive)
        except OSError:  # the handshake was refused
            self.ended.set()
        else:
            self._client.loop_start()
        until(lambda: self.connects > 0 or self.ended.is_set())

    @property
    def let_in(self) -> bool:
        return self.connects > 0

    def subscribe(self, topic: str) -> None:
        before = self.granted
        self._client.subscribe(topic, 1)
        assert until(lambda: self.granted > before or self.ended.is_set())

    def publish(self, topic: str, payload: bytes = b"forged", *, retain: bool = False) -> None:
        """Publish, and wait until the broker has confirmed it or ended the connection."""
        before = self.published
        self._client.publish(topic, payload, 1, retain)
        assert until(lambda: self.published > before or self.ended.is_set())

    def send(self, topic: str, payload: bytes) -> None:
        self._client.publish(topic, payload, 1)

    def vanish(self) -> None:
        """End without saying goodbye."""
        sock = self._client.socket()
        assert sock is not None
        sock.close()

    def stop(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()
        self._client.reinitialise()

    def _add(self, what: str) -> None:
        setattr(self, what, getattr(self, what) + 1)

    def _connected(self, _: mqtt.Client, __: object, ___: object, reason: mqtt.ReasonCode, *____: object) -> None:
        self.connects += not reason.is_failure


class Victim(Guest):
    """A box that sends every few milliseconds, and notes what was acknowledged."""

    def __init__(self, port: int, files: TlsFiles, osb: str) -> None:
        super().__init__(port, files, osb)
        self.osb = osb
        self.subscribe(f"flexcoop/osb/{osb}/+")
        self._sent = 0
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._send, daemon=True)
        self._thread.start()

    def unharmed(self) -> bool:
        """Whether it was never disconnected, and all that it has sent until now was acknowledged, once each."""
        sent = self._sent
        complete = until(lambda: len([1 for topic, _ in self.heard if topic.endswith("/ack")]) >= sent + 3)  # and it goes on
        acked = [json.loads(payload)["message"] for topic, payload in self.heard if topic.endswith("/ack")]
        return complete and self.connects == 1 and not self.ended.is_set() and acked == list(range(1, len(acked) + 1))

    def stop(self) -> None:
        self._stopping.set()
        self._thread.join()
        super().stop()

    def _send(self) -> None:
        while not self._stopping.wait(0.01):
            self._sent += 1
            self.send(f"flexcoop/osb/{self.osb}/telemetry", json.dumps({"message": self._sent}).encode())


class AckingPlatform(Guest):
    """A platform that acknowledges what comes on each box's topic, and keeps what it was sent."""

    def __init__(self, port: int, files: TlsFiles) -> None:
        super().__init__(port, files)
        self._client.on_message = self._acknowledge
        self.subscribe("flexcoop/osb/+/telemetry")

    def _acknowledge(self, _: mqtt.Client, __: object, message: mqtt.MQTTMessage) -> None:
        self.heard.append((message.topic, bytes(message.payload)))
        if message.payload.startswith(b"{"):
            self._client.publish(message.topic.removesuffix("telemetry") + "ack", message.payload, 1)
