"""The platform's side of the broker, in so far as boxes see it: hears everything, acknowledges when told to."""

import gzip
import json
import queue
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from paho.mqtt.client import Client, MQTTv311
from paho.mqtt.enums import CallbackAPIVersion
from patience import PATIENCE_S
from servers import Child, free_port, listens, require, start

from devices.config import Broker


def mosquitto(folder: Path, port: int | None = None) -> tuple[Child, int]:
    """Start a real broker that keeps its sessions in memory only."""
    program = shutil.which("mosquitto", path="/usr/sbin:/usr/local/sbin:/usr/bin:/usr/local/bin")
    require(program is not None, "Mosquitto is not installed; apt-get install mosquitto")
    port = port or free_port()
    settings = folder / "mosquitto.conf"
    settings.write_text(f"listener {port} 127.0.0.1\nallow_anonymous true\nmax_queued_messages 100000000\n")
    child = start([program or "", "-c", settings])
    return child.wait_until(lambda: listens(port)), port


@dataclass
class FakePlatform:
    """A client like the platform's, with a switch for its acknowledgements."""

    port: int
    acking: bool = True
    clock: Callable[[], datetime] | None = None  # stated in the acknowledgements
    broker: Broker = field(default_factory=Broker)  # its certificates count
    heard: queue.Queue = field(default_factory=queue.Queue)
    ready: queue.Queue = field(default_factory=queue.Queue)

    def __post_init__(self) -> None:
        self.client = Client(CallbackAPIVersion.VERSION2, client_id="platform", clean_session=False, protocol=MQTTv311)
        self.client.on_connect = lambda client, *_: client.subscribe("flexcoop/osb/+/+", 1)
        self.client.on_subscribe = lambda *_: self.ready.put(True)
        self.client.on_message = self._on_message
        self.client.reconnect_delay_set(1, 1)
        if self.broker.ca:
            self.client.tls_set(str(self.broker.ca), str(self.broker.certificate), str(self.broker.key))
        self.client.connect("127.0.0.1", self.port)
        self.client.loop_start()
        self.ready.get(timeout=PATIENCE_S)

    def _on_message(self, client, _data, message) -> None:
        _, _, osb, verb = message.topic.split("/")
        if verb in ("ack", "dispatch"):
            return
        received = self.clock().isoformat() if self.clock else None
        payload = gzip.decompress(message.payload) if message.payload[:2] == b"\x1f\x8b" else message.payload
        body = json.loads(payload)
        id = body.get("message") or body.get("@id") or "http://127.0.0.1:8080/id/" + body["@graph"][0]["@id"].partition("/id/")[2]
        if self.acking:
            times = {"received": received, "sent": self.clock().isoformat()} if self.clock else {}
            client.publish(f"flexcoop/osb/{osb}/ack", json.dumps({"message": id, "accepted": 1, "refused": []} | times), qos=1)
        self.heard.put((osb, verb, id, body))

    def say(self, topic: str, body: dict) -> None:
        self.client.publish(topic, json.dumps(body), qos=1)

    def hear(self, count: int) -> list[tuple[str, str, str, dict]]:
        """The next messages, sorted by box and kind."""
        return sorted((self.heard.get(timeout=PATIENCE_S) for _ in range(count)), key=lambda item: item[:3])

    def hear_until(self, ids: set[str]) -> set[str]:
        """Listen until all of these messages have come; returns what came besides."""
        until, besides, left = time.monotonic() + PATIENCE_S, set(), set(ids)
        while left:
            id = self.heard.get(timeout=max(until - time.monotonic(), 0.01))[2]
            besides |= {id} - ids
            left -= {id}
        return besides

    def close(self) -> None:
        self.client.disconnect()
        self.client.loop_stop()
