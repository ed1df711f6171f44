"""Make a running Mosquitto act on the revocation list at once, without disturbing the boxes that are in order.

A reload (SIGHUP) makes it refuse new connections, but it leaves living ones alone (2.0.11). A living one ends when another with the same
client id comes, and the client id is the certificate's name: so the platform, which can sign for any name, takes the box's place for a
moment. That also empties what was still queued for the box. Should the reload not be seen to work, the broker is restarted, which the
outboxes of the other boxes make harmless.
"""

import contextlib
import logging
import socket
import ssl
import tempfile
import time
from pathlib import Path
from typing import Protocol

from telemetry.authority import Authority
from telemetry.errors import BrokerError
from telemetry.processes import reachable
from telemetry.tls import TlsFiles

_LOG = logging.getLogger(__name__)
_SEEN_WITHIN_S = 5.0
_ANSWER_S = 5.0
_CONNECTED = b"\x20\x02\x00\x00"  # CONNACK of MQTT 3.1.1: no session was kept, accepted
_DISCONNECT = b"\xe0\x00"


class Reloadable(Protocol):
    """A broker that can be told to read its files anew."""

    host: str
    port: int

    def reload(self) -> None: ...
    def restart(self) -> None: ...


def enforce(broker: Reloadable, authority: Authority, osb: str) -> None:
    """Make the broker refuse what the list names, and end the connection of this OSB; returns when that is so.

    Raises
    ------
    BrokerError
        If the broker still believes revoked certificates after a restart.
    """
    with tempfile.TemporaryDirectory(prefix="flexcoop-revoke-") as folder:
        canary = authority.canary(Path(folder))
        broker.reload()
        if not _refuses(broker, canary):
            broker.restart()
            if not _refuses(broker, canary):
                raise BrokerError(
                    f"the broker on port {broker.port} still believes revoked certificates after a restart; stop it and see its log"
                )
        if not knock(broker.host, broker.port, authority.stand_in(Path(folder), osb), osb):
            broker.restart()
    _LOG.info("the broker refuses the revoked certificates of %s, and its connection is ended", osb)


def knock(host: str, port: int, files: TlsFiles, name: str) -> bool:
    """Connect to a broker with a clean session and leave again; returns whether it let us in."""
    identifier = name.encode()
    body = b"\x00\x04MQTT\x04\x02\x00\x0a" + len(identifier).to_bytes(2, "big") + identifier
    packet = b"\x10" + bytes([len(body)]) + body  # a name has at most 64 bytes, so the length fits into one
    here = reachable(host)
    try:
        with (
            socket.create_connection((here, port), timeout=_ANSWER_S) as plain,
            files.client_context().wrap_socket(plain, server_hostname=here) as connection,
        ):
            connection.sendall(packet)
            let_in = connection.recv(4) == _CONNECTED  # with TLS 1.3 the refusal of a certificate comes only now
            if let_in:
                with contextlib.suppress(OSError):
                    connection.sendall(_DISCONNECT)
            return let_in
    except (ssl.SSLError, OSError):
        return False


def _refuses(broker: Reloadable, canary: TlsFiles) -> bool:
    until = time.monotonic() + _SEEN_WITHIN_S
    while knock(broker.host, broker.port, canary, "flexcoop-canary"):
        if time.monotonic() > until:
            return False
        time.sleep(0.05)
    return True
