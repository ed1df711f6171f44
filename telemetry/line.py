"""The platform's line to the broker: messages in, answers out, and each message confirmed only when it is safe."""

import contextlib
import logging
import queue
import ssl
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from telemetry.errors import BrokerError
from telemetry.tls import TlsFiles

_LOG = logging.getLogger(__name__)
_READ_AHEAD = 1 << 16


@dataclass(frozen=True)
class Limits:
    """How much is taken in at once.

    Parameters
    ----------
    batch_messages, batch_bytes
        Most messages and bytes committed in one transaction.
    spacing_s
        Least time from one transaction to the next [s]: many small ones cost more than they hurry.
    queued_messages
        Received messages that wait for the writer; beyond that the broker is left to wait.
    retry_s, retry_max_s
        First and longest pause after the store has failed [s].
    connect_s
        How long `start` waits for the broker [s].
    """

    batch_messages: int = 1000
    batch_bytes: int = 8 << 20
    spacing_s: float = 0.02
    queued_messages: int = 10_000
    retry_s: float = 0.2
    retry_max_s: float = 30.0
    connect_s: float = 15.0


@dataclass(frozen=True, slots=True)
class Arrived:
    """One message as it came, and on which connection, as its number (`mid`) is worth nothing on another."""

    osb: str
    verb: str
    topic: str
    payload: bytes
    mid: int
    qos: int
    connection: int
    received: datetime


class Line:
    """One MQTT 3.1.1 session, kept by the broker while the platform is away.

    Parameters
    ----------
    address
        Host and port of the broker.
    topics
        What is subscribed to; the last two parts of a message's topic are its box and its verb.
    clock
        Tells when a message is received (aware).
    on_received
        Called on the network thread with the box and that time.
    tls
        The platform's certificate, where the broker wants one.
    client_id
        Name of the session.
    """

    def __init__(
        self,
        address: tuple[str, int],
        topics: Sequence[str],
        *,
        clock: Callable[[], datetime],
        on_received: Callable[[str, datetime], None],
        tls: TlsFiles | None,
        client_id: str,
        limits: Limits,
    ) -> None:
        self._address = address
        self._topics = topics
        self._clock = clock
        self._on_received = on_received
        self._limits = limits
        self._queue: queue.Queue[Arrived] = queue.Queue(limits.queued_messages)
        self._subscribed = threading.Event()
        self._connection = 0
        self._next_s = 0.0
        self.stopping = threading.Event()
        self._client = self._make_client(client_id, tls)

    @property
    def connected(self) -> bool:
        """Whether the broker is there."""
        return self._client.is_connected()

    @property
    def queued(self) -> int:
        """Messages that wait for the writer."""
        return self._queue.qsize()

    def open(self) -> None:
        """Connect, and read in a thread of its own.

        Raises
        ------
        BrokerError
            If the broker can't be reached.
        """
        host, port = self._address
        try:
            self._client.connect(host, port, keepalive=60)
        except OSError as error:
            raise BrokerError(f"the MQTT broker at {host}:{port} can't be reached ({error}); start it, or correct FLEX_BROKER") from error
        self._client.loop_start()

    def wait_subscribed(self) -> bool:
        """Wait until the broker has confirmed the subscription; whether it has in time."""
        return self._subscribed.wait(self._limits.connect_s)

    def close(self) -> None:
        """Leave; what was not confirmed stays with the broker."""
        self.stopping.set()
        self._client.disconnect()
        self._client.loop_stop()
        self._client.reinitialise()  # closes the sockets that paho's thread may leave open when it ends

    def publish(self, topic: str, payload: bytes, *, qos: int = 1) -> None:
        """Send a message, not retained; at QoS 1 it waits in memory while the broker is away."""
        self._client.publish(topic, payload, qos=qos)

    def confirm(self, message: Arrived) -> None:
        """Tell the broker that a message need not be kept; on another connection it comes again, and is confirmed then."""
        if message.connection == self._connection:
            self._client.ack(message.mid, message.qos)

    def next_batch(self) -> list[Arrived]:
        """What has come, as much as one transaction takes; waits a moment for the first message and may be empty."""
        self.stopping.wait(max(0.0, self._next_s - time.monotonic()))
        try:
            batch = [self._queue.get(timeout=0.2)]
        except queue.Empty:
            return []
        self._next_s = time.monotonic() + self._limits.spacing_s
        size = len(batch[0].payload)
        while len(batch) < self._limits.batch_messages and size < self._limits.batch_bytes:
            try:
                batch.append(self._queue.get_nowait())
            except queue.Empty:
                break
            size += len(batch[-1].payload)
        return batch

    # --- the network thread

    def _make_client(self, client_id: str, tls: TlsFiles | None) -> mqtt.Client:
        client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id=client_id, clean_session=False, protocol=mqtt.MQTTv311, manual_ack=True)
        if tls is not None:
            context = tls.client_context()
            context.sslsocket_class = ReadingAhead
            client.tls_set_context(context)
        client.max_inflight_messages_set(1000)
        client.reconnect_delay_set(1, 10)
        client.on_connect = self._connected
        client.on_subscribe = self._confirmed
        client.on_message = self._received
        return client

    def _connected(self, client: mqtt.Client, _: object, __: mqtt.ConnectFlags, reason: object, *___: object) -> None:
        self._connection += 1
        if reason != "Success":
            _LOG.error("the MQTT broker refuses us: %s", reason)
            return
        client.subscribe([(topic, 1) for topic in self._topics])

    def _confirmed(self, *_: object) -> None:
        self._subscribed.set()

    def _received(self, _: mqtt.Client, __: object, message: mqtt.MQTTMessage) -> None:
        topic = message.topic
        osb, verb = topic.split("/")[-2:]
        arrived = Arrived(osb, verb, topic, bytes(message.payload), message.mid, message.qos, self._connection, self._clock())
        self._on_received(osb, arrived.received)
        while not self.stopping.is_set():
            with contextlib.suppress(queue.Full):
                self._queue.put(arrived, timeout=0.5)
                return


class ReadingAhead(ssl.SSLSocket):
    """Takes in what is there at once: paho asks byte by byte, and with each question another thread gets its turn in between."""

    _ahead, _taken = b"", 0

    def recv(self, buflen: int = 1024, flags: int = 0) -> bytes:
        """See `ssl.SSLSocket.recv`."""
        if self._taken >= len(self._ahead):
            self._ahead, self._taken = super().recv(_READ_AHEAD, flags), 0
        part = self._ahead[self._taken : self._taken + buflen]
        self._taken += len(part)
        return part

    def pending(self) -> int:
        """See `ssl.SSLSocket.pending`."""
        return len(self._ahead) - self._taken or super().pending()
