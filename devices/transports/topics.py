"""The latest document of each topic of one device, from the box's own broker."""

import logging
from collections.abc import Callable, Mapping
from threading import Condition
from time import monotonic
from typing import Any

from paho.mqtt.client import Client, ConnectFlags, MQTTMessage, MQTTv311
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from devices.transports.deadline import Deadline, unreachable
from mappers import flat
from mappers.errors import MappingError

MOST_BYTES = 64 * 1024
KEEPALIVE_S = 30
FIRST_WAIT_S, LONGEST_WAIT_S = 1, 15
AT_MOST_ONCE, AT_LEAST_ONCE = 0, 1

log = logging.getLogger(__name__)

Document = dict[str, Any]  # what each topic says, by the topic's short name


class Topics:
    """A subscription that runs in a thread of its own and connects again by itself.

    Parameters
    ----------
    topics
        Short names by topic.
    """

    def __init__(self, host: str, port: int, topics: Mapping[str, str], login: tuple[str, str] | None = None) -> None:
        self.place = f"{host}:{port}"
        self._names = dict(topics)
        self._changed = Condition()
        self._document: Document = {}
        self._heard_at: float | None = None
        self._count = 0
        self._subscribed_at = monotonic()
        self._trouble = "not connected yet"
        self._client = Client(CallbackAPIVersion.VERSION2, protocol=MQTTv311)
        if login is not None:
            self._client.username_pw_set(*login)
        self._client.on_connect, self._client.on_subscribe, self._client.on_message = self._on_connect, self._on_subscribe, self._on_message
        self._client.on_disconnect = self._on_disconnect
        self._client.on_connect_fail = self._on_connect_fail
        self._client.reconnect_delay_set(FIRST_WAIT_S, LONGEST_WAIT_S)
        self._client.connect_async(host, port, keepalive=KEEPALIVE_S)
        self._client.loop_start()

    @property
    def count(self) -> int:
        """How many messages have come from the device itself."""
        with self._changed:
            return self._count

    def latest(self, oldest_s: float, deadline: Deadline) -> Document:
        """What the device said last, if it has said anything in the last `oldest_s` seconds; waits for the first message.

        What the broker had kept for new subscribers is part of the document, but no sign that the device lives.

        Raises
        ------
        DeviceReadError
            If it has been silent for longer, or the broker isn't there.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._heard_at is not None and self._complete(deadline.seconds), deadline.left)
            if self._trouble:
                raise unreachable(f"the broker {self.place} can't be heard ({self._trouble}); check that it runs, and its access list")
            if self._heard_at is None:
                raise unreachable(
                    f"nothing came on {', '.join(self._names)} in {deadline.seconds:g} s; check power, radio and the device's name"
                )
            age = monotonic() - self._heard_at
            if age > oldest_s:
                raise unreachable(
                    f"the last message on {', '.join(self._names)} is {age:.0f} s old, more than {oldest_s:g} s; check power and radio"
                )
            return dict(self._document)

    def _complete(self, patience_s: float) -> bool:
        """Whether every topic has spoken, or had its time to: some do so only when something changes."""
        return len(self._document) == len(self._names) or monotonic() > self._subscribed_at + patience_s

    def publish(self, topic: str, payload: bytes, deadline: Deadline) -> None:
        """Tell the device something now or never: what is not taken is not kept, for a set-point that comes late is worse than none.

        Raises
        ------
        DeviceReadError
            If the broker doesn't take it in time.
        """
        sent = self._client.publish(topic, payload, qos=AT_MOST_ONCE)
        try:
            sent.wait_for_publish(deadline.left)
            taken = sent.is_published()
        except (RuntimeError, ValueError) as error:
            raise unreachable(f"the broker {self.place} can't be told anything ({error}); check that it runs") from error
        if not taken:
            raise unreachable(f"the broker {self.place} took no message in {deadline.seconds:g} s; check that it runs")

    def wait_for(self, said: Callable[[Document], bool], since: int, deadline: Deadline) -> bool:
        """Wait until the device says something after its message number `since`; false when the time is over."""
        with self._changed:
            return self._changed.wait_for(lambda: self._count > since and said(dict(self._document)), deadline.left)

    def close(self) -> None:
        """Take leave of the broker."""
        self._client.disconnect()
        self._client.loop_stop()

    def _on_connect(self, client: Client, _data: Any, _flags: ConnectFlags, reason: ReasonCode, _props: Properties | None) -> None:  # noqa: ANN401 - paho's signature
        if reason.is_failure:
            self._set_trouble(str(reason))
        else:
            client.subscribe([(topic, AT_LEAST_ONCE) for topic in self._names])

    def _on_subscribe(self, _client: Client, _data: Any, _mid: int, reasons: list[ReasonCode], _props: Properties | None) -> None:  # noqa: ANN401
        refused = [topic for topic, reason in zip(self._names, reasons, strict=False) if reason.is_failure]
        self._subscribed_at = monotonic()
        self._set_trouble(f"it refuses the topics {', '.join(refused)}" if refused else "")

    def _on_disconnect(self, _client: Client, _data: Any, _flags: Any, reason: ReasonCode, _props: Properties | None) -> None:  # noqa: ANN401
        self._set_trouble(f"{reason}")

    def _on_connect_fail(self, _client: Client, _data: Any) -> None:  # noqa: ANN401
        self._set_trouble("it accepts no connection")

    def _set_trouble(self, trouble: str) -> None:
        with self._changed:
            self._trouble = trouble
            self._changed.notify_all()

    def _on_message(self, _client: Client, _data: Any, message: MQTTMessage) -> None:  # noqa: ANN401
        name = self._names.get(message.topic)
        if name is None:
            return
        if len(message.payload) > MOST_BYTES:
            log.warning(
                "%s: a message of %d bytes came, more than the %d that a device may say; passed over",
                message.topic,
                len(message.payload),
                MOST_BYTES,
            )
            return
        with self._changed:
            self._document[name] = _understood(bytes(message.payload))
            if not message.retain:
                self._heard_at = monotonic()
                self._count += 1
            self._changed.notify_all()


def _understood(payload: bytes) -> Any:  # noqa: ANN401 - JSON
    """A document, or the bare word that some devices send; a text never becomes a number by itself."""
    try:
        return flat.parse(payload)
    except MappingError:
        return payload.decode("utf-8", "replace")
