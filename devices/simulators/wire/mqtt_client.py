"""A simulated device on a real broker: says its document now and then and after each command, and takes set-points."""

from collections.abc import Mapping
from threading import Event, Thread
from typing import Any

from paho.mqtt.client import Client, ConnectFlags, MQTTMessage, MQTTv311
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from devices.simulators.wire.documents import Documents
from devices.simulators.wire.faults import Faults
from mappers import flat

AT_LEAST_ONCE = 1
PATIENCE_S = 10.0


class MqttSimulator:
    """One client, until `close`; raises `ConnectionError` where no broker answers."""

    def __init__(
        self, documents: Documents, faults: Faults, name: str, topics: Mapping[str, str], broker: tuple[str, int], every_s: float
    ) -> None:
        self._documents, self._faults, self._name, self._topics, self._every_s = documents, faults, name, topics, every_s
        self._subscribed, self._stopped = Event(), Event()
        self._client = Client(CallbackAPIVersion.VERSION2, protocol=MQTTv311)
        self._client.on_connect, self._client.on_message = self._on_connect, self._on_message
        self._client.on_subscribe = lambda *_: self._subscribed.set()
        self._client.connect(*broker)
        self._client.loop_start()
        if not self._subscribed.wait(PATIENCE_S):
            self._client.loop_stop()
            raise ConnectionError(f"the broker {broker[0]}:{broker[1]} doesn't let the simulated device in")
        self._thread = Thread(target=self._speak, name="mqtt device", daemon=True)
        self._thread.start()

    def say(self) -> None:
        """Say everything now."""
        if self._faults.hang:
            return
        for short, document in self._documents.now().items():
            if short in self._topics:
                self._client.publish(self._topic(self._topics[short]), flat.dump(document), qos=AT_LEAST_ONCE)

    def close(self) -> None:
        """Take leave of the broker and wait until the threads have ended."""
        self._stopped.set()
        self._thread.join()
        self._client.disconnect()
        self._client.loop_stop()

    def _speak(self) -> None:
        while True:
            self.say()
            if self._stopped.wait(self._every_s):
                return

    def _on_connect(self, client: Client, _data: Any, _flags: ConnectFlags, _reason: ReasonCode, _props: Properties | None) -> None:  # noqa: ANN401 - paho's signature
        targets = sorted(self._documents.targets)
        if targets:
            client.subscribe([(self._topic(target), AT_LEAST_ONCE) for target in targets])
        else:
            self._subscribed.set()

    def _on_message(self, _client: Client, _data: Any, message: MQTTMessage) -> None:  # noqa: ANN401
        for target in self._documents.targets:
            if not self._faults.hang and not self._faults.exception and self._topic(target) == message.topic:
                self._documents.tell(target, bytes(message.payload))
                self.say()

    def _topic(self, template: str) -> str:
        return template.replace("{name}", self._name)
