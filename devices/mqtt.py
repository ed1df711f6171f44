"""Boxes on a broker: one MQTT 3.1.1 client a box, all of them driven by one selector in one thread.

A message from the broker is confirmed to it only after the box has committed what it made of it (`Delivery.confirm`), and the broker keeps
a session for each client identifier, so that a box which died in between is told again.
"""

import contextlib
import logging
import selectors
import socket
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from time import monotonic
from typing import Any

from paho.mqtt.client import Client, ConnectFlags, DisconnectFlags, MQTTMessage, MQTTv311
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from devices.config import Broker

log = logging.getLogger(__name__)

AT_LEAST_ONCE = 1
KEEPALIVE_S = 60
FIRST_WAIT_S, LONGEST_WAIT_S = 0.1, 5.0
CHORES_S = 1.0
HANDSHAKE_S = 5.0  # paho would wait for a whole keepalive, and nothing else happens meanwhile
PACKETS_AT_ONCE = 100


@dataclass(frozen=True, slots=True)
class Delivery:
    """A message that came for a box; `confirm` tells the broker that it needn't be kept."""

    topic: str
    payload: bytes
    confirm: Callable[[], None]


class MqttGateway:
    """One box's connection; fulfils `devices.gateway.Gateway`.

    A new client is made for each connection: what was in flight in the old one is in the box's outbox anyhow.
    """

    def __init__(self, client_id: str, broker: Broker, topics: tuple[str, ...], selector: selectors.BaseSelector) -> None:
        self._client_id, self._broker, self._topics, self._selector = client_id, broker, topics, selector
        self._client: Client | None = None
        self._online = False
        self._next_try, self._wait = 0.0, FIRST_WAIT_S
        self._reported_down, self._refusal, self._alert = False, "", ""
        self.deliveries: list[Delivery] = []
        self.just_connected = False

    @property
    def connected(self) -> bool:
        """See `Gateway.connected`: subscribed, too, so that no answer is missed."""
        return self._online

    def publish(self, topic: str, payload: bytes) -> None:
        """See `Gateway.publish`."""
        if self._client is not None:
            self._client.publish(topic, payload, qos=AT_LEAST_ONCE)

    def take(self) -> list[Delivery]:
        """Take over what has come since the last time."""
        taken, self.deliveries = self.deliveries, []
        return taken

    def chores(self) -> None:
        """Keep the connection alive, or try to make one; call it about once a second."""
        if self._client is not None:
            self._client.loop_misc()
        elif monotonic() >= self._next_try:
            self._connect()

    def readable(self) -> None:
        """Read what has come; TLS may hold back what the selector doesn't see."""
        for _ in range(PACKETS_AT_ONCE):
            if self._client is None:
                return
            self._client.loop_read()
            sock = self._client.socket() if self._client is not None else None
            if sock is None or not getattr(sock, "pending", int)():
                return

    def writable(self) -> None:
        """Write what is left."""
        if self._client is not None:
            self._client.loop_write()

    def close(self) -> None:
        """Take leave of the broker, which keeps the session."""
        client, self._client = self._client, None
        if client is not None:
            client.disconnect()
            client.reinitialise()  # closes the socket, whatever is still to be written
        self._online = False

    def _connect(self) -> None:
        client = Client(CallbackAPIVersion.VERSION2, client_id=self._client_id, clean_session=False, protocol=MQTTv311, manual_ack=True)
        client.on_connect, client.on_subscribe = self._on_connect, self._on_subscribe
        client.on_disconnect, client.on_message = self._on_disconnect, self._on_message
        client.on_socket_open, client.on_socket_close = self._on_socket_open, self._on_socket_close
        client.on_socket_register_write = self._on_want_write
        client.on_socket_unregister_write = self._on_written
        self._client = client
        try:
            if self._broker.ca is not None:
                client.tls_set_context(_context(self._broker))
            client.connect(self._broker.host, self._broker.port, keepalive=KEEPALIVE_S)
        except (OSError, ValueError) as error:  # also: a file that isn't there, or holds no certificate
            self._lost(f"{error}")

    def _lost(self, why: str) -> None:
        alert, self._alert = self._alert, ""
        if alert and alert != self._refusal:
            log.error(
                "%s: the broker refuses the certificate (%s); if it was revoked or has run out, have a code made (flex claim %s) and enrol again;"
                " readings are kept meanwhile",
                self._client_id,
                alert,
                self._client_id,
            )
            self._refusal = alert
        elif not self._reported_down:
            log.info("%s: no connection to %s:%s (%s); trying again", self._client_id, self._broker.host, self._broker.port, why)
            self._reported_down = True
        self._client, self._online, self.just_connected = None, False, False
        self.deliveries.clear()  # unconfirmed: the broker sends them again
        self._next_try, self._wait = monotonic() + self._wait, min(2 * self._wait, LONGEST_WAIT_S)

    def _on_connect(self, client: Client, _data: Any, _flags: ConnectFlags, reason: ReasonCode, _props: Properties | None) -> None:  # noqa: ANN401 - paho's signature
        if reason.is_failure:
            if str(reason) != self._refusal:  # said once, not every five seconds for weeks
                log.error("%s: the broker refuses the connection (%s); trying again", self._client_id, reason)
                self._refusal = str(reason)
            return
        client.subscribe([(topic, AT_LEAST_ONCE) for topic in self._topics])

    def _on_subscribe(self, _client: Client, _data: Any, _mid: int, reasons: list[ReasonCode], _props: Properties | None) -> None:  # noqa: ANN401
        refused = [topic for topic, reason in zip(self._topics, reasons, strict=False) if reason.is_failure]
        if refused:
            log.error("%s: the broker refuses the topics %s; check its access list", self._client_id, refused)
        self._online, self.just_connected = True, True
        self._wait, self._reported_down, self._refusal = FIRST_WAIT_S, False, ""

    def _on_disconnect(
        self,
        client: Client,
        _data: Any,  # noqa: ANN401
        _flags: DisconnectFlags,
        reason: ReasonCode,
        _props: Properties | None,
    ) -> None:
        if client is self._client:
            self._lost(str(reason))

    def _on_message(self, client: Client, _data: Any, message: MQTTMessage) -> None:  # noqa: ANN401
        def confirm() -> None:
            if client is self._client:
                client.ack(message.mid, message.qos)

        self.deliveries.append(Delivery(message.topic, bytes(message.payload), confirm))

    def _on_socket_open(self, _client: Client, _data: Any, sock: Any) -> None:  # noqa: ANN401
        self._selector.register(sock, selectors.EVENT_READ, self)

    def _on_socket_close(self, _client: Client, _data: Any, sock: Any) -> None:  # noqa: ANN401
        self._alert = getattr(sock, "alert", "")
        self._selector.unregister(sock)

    def _on_want_write(self, _client: Client, _data: Any, sock: Any) -> None:  # noqa: ANN401
        self._selector.modify(sock, selectors.EVENT_READ | selectors.EVENT_WRITE, self)

    def _on_written(self, _client: Client, _data: Any, sock: Any) -> None:  # noqa: ANN401
        self._selector.modify(sock, selectors.EVENT_READ, self)


class MqttLoop:
    """Drives many gateways from one thread."""

    def __init__(self, broker: Broker) -> None:
        self._broker = broker
        self._selector = selectors.DefaultSelector()
        self._bell, self._ear = socket.socketpair()
        self._bell.setblocking(False)
        self._ear.setblocking(False)
        self._selector.register(self._ear, selectors.EVENT_READ, None)
        self._gateways: list[MqttGateway] = []
        self._next_chores = 0.0

    def gateway(self, client_id: str, topics: tuple[str, ...]) -> MqttGateway:
        """Make the connection of one box; it is established by `poll`."""
        gateway = MqttGateway(client_id, self._broker.of(client_id), topics, self._selector)
        self._gateways.append(gateway)
        return gateway

    def poll(self, timeout_s: float) -> None:
        """Move what can be moved; returns after something came, `wake`, or the time given."""
        now = monotonic()
        if now >= self._next_chores:
            for gateway in self._gateways:
                gateway.chores()
            self._next_chores = monotonic() + (CHORES_S if all(gateway.connected for gateway in self._gateways) else FIRST_WAIT_S)
        wait = max(min(timeout_s, self._next_chores - monotonic()), 0.0)
        while events := self._selector.select(wait):
            for key, mask in events:
                self._serve(key, mask)
            wait = 0.0  # take in all that is there, so that many boxes share one commit
            if sum(len(gateway.deliveries) for gateway in self._gateways) >= len(self._gateways):
                break

    def wake(self) -> None:
        """End a `poll` early; may be called from a signal handler or another thread."""
        with contextlib.suppress(OSError):  # full: it is ringing already; closed: nobody listens any more
            self._bell.send(b"!")

    def close(self) -> None:
        """Take leave of the broker with every gateway."""
        for gateway in self._gateways:
            gateway.close()
        self._selector.close()
        self._bell.close()
        self._ear.close()

    def _serve(self, key: selectors.SelectorKey, mask: int) -> None:
        gateway = key.data
        if gateway is None:
            self._ear.recv(4096)
            return
        if mask & selectors.EVENT_READ:
            gateway.readable()
        if mask & selectors.EVENT_WRITE:
            gateway.writable()


class _TlsSocket(ssl.SSLSocket):
    """Gives up a handshake that isn't answered, and closes itself when it fails, which paho leaves to chance; keeps the broker's alert.

    With TLS 1.3 a certificate is refused only after the handshake, by an alert that comes with the first read, and paho swallows it.
    """

    alert = ""

    def do_handshake(self, block: bool = False) -> None:
        patience = self.gettimeout()
        try:
            self.settimeout(HANDSHAKE_S)
            super().do_handshake(block)
            self.settimeout(patience)
        except OSError:
            self.close()
            raise

    def recv(self, buflen: int = 1024, flags: int = 0) -> bytes:
        """Receive as usual, and remember why the broker ended the connection."""
        try:
            return super().recv(buflen, flags)
        except ssl.SSLError as error:
            if "_ALERT_" in (error.reason or ""):
                self.alert = error.reason.partition("_ALERT_")[2].replace("_", " ").lower()
            raise


def _context(broker: Broker) -> ssl.SSLContext:
    """Read the files anew, so that a renewed certificate counts from the next connection on."""
    context = ssl.create_default_context(cafile=broker.ca)
    context.sslsocket_class = _TlsSocket
    if broker.certificate is not None:
        context.load_cert_chain(broker.certificate, broker.key)
    return context
