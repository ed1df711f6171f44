"""What no MQTT library would send, over a real Mosquitto with certificates; packets are written byte by byte (OASIS MQTT 3.1.1 and 5.0)."""

import contextlib
import socket
import ssl
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest
from patience import PATIENCE_S, until
from servers import require
from tls_clients import AckingPlatform, Victim
from tls_requests import WallClock

from telemetry.authority import Authority
from telemetry.broker import mosquitto_program, start_broker
from telemetry.mosquitto import Mosquitto
from telemetry.revocation import enforce, knock
from telemetry.tls import ServerTls, TlsFiles

VICTIM = "osb-h01"
REPORT = f"flexcoop/osb/{VICTIM}/report"
CONNACK = b"\x20\x02\x00\x00"


@dataclass
class Site:
    folder: Path
    authority: Authority
    broker: Mosquitto
    platform: AckingPlatform
    victim: Victim

    def files(self, osb: str) -> TlsFiles:
        return self.authority.issue_to(self.folder / "boxes", osb)

    def open(self, osb: str, session: ssl.SSLSession | None = None, context: ssl.SSLContext | None = None) -> ssl.SSLSocket:
        plain = socket.create_connection(("127.0.0.1", self.broker.port), timeout=PATIENCE_S)
        chosen = context or self.files(osb).client_context()
        try:
            return chosen.wrap_socket(plain, server_hostname="127.0.0.1", session=session)
        except OSError:
            plain.close()
            raise


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    require(mosquitto_program() is not None, "mosquitto is not installed")
    folder = tmp_path_factory.mktemp("site")
    authority = Authority(folder / "authority", WallClock())
    broker = start_broker("127.0.0.1", 0, folder / "broker", tls=ServerTls(authority.server_files(), authority.crl))
    assert isinstance(broker, Mosquitto)
    platform = AckingPlatform(broker.port, authority.platform_files())
    platform.subscribe(REPORT)
    victim = Victim(broker.port, authority.issue_to(folder / "boxes", VICTIM), VICTIM)
    yield Site(folder, authority, broker, platform, victim)
    victim.stop()
    platform.stop()
    broker.stop()
    authority.close()


@pytest.fixture
def site(running: Site) -> Iterator[Site]:
    yield running
    assert running.victim.unharmed()
    assert [payload for topic, payload in running.platform.heard if topic == REPORT] == []


def packet(kind: int, body: bytes) -> bytes:
    length, more = b"", len(body)
    while True:
        more, digit = divmod(more, 128)
        length += bytes([digit | (128 if more else 0)])
        if not more:
            return bytes([kind]) + length + body


def text(value: str) -> bytes:
    return len(value).to_bytes(2, "big") + value.encode()


def connect(name: str, version: int = 4, flags: int = 2, rest: bytes = b"") -> bytes:
    """`flags`: 2 clean, 4 will, 0x20 will is retained, 0x80 user name."""
    none = b"\x00" if version == 5 else b""
    return packet(0x10, text("MQTT") + bytes([version, flags]) + b"\x00\x3c" + none + text(name) + rest)


def aliased(topic: str, alias: int, payload: bytes) -> bytes:
    return packet(0x30, text(topic) + b"\x03\x23" + alias.to_bytes(2, "big") + payload)


def answer(connection: ssl.SSLSocket) -> bytes:
    """What comes next; nothing if the connection was ended."""
    with contextlib.suppress(ConnectionError, ssl.SSLError):
        return connection.recv(1000)
    return b""


def test_an_alias_of_a_topic_is_held_against_the_access_list_too(site: Site) -> None:
    with site.open("osb-alias") as box:
        box.sendall(connect("osb-alias", 5))
        assert answer(box)[:1] == b"\x20"
        own = "flexcoop/osb/osb-alias/telemetry"
        for topic, payload in ((REPORT, b"forged"), ("", b"forged"), (own, b"one"), ("", b"two")):
            box.sendall(aliased(topic, 1, payload))

        assert until(lambda: (own, b"two") in site.platform.heard)
        box.sendall(aliased("", 9, b"none"))  # an alias that stands for nothing
        assert answer(box)[:1] == b"\xe0"


@pytest.mark.parametrize("version", [4, 5])
def test_a_will_that_is_to_be_retained_is_not_let_in(site: Site, version: int) -> None:
    osb = f"osb-will{version}"
    none = b"\x00" if version == 5 else b""
    will = none + text(f"flexcoop/osb/{osb}/telemetry") + text("will")
    with site.open(osb) as box:
        box.sendall(connect(osb, version, 2 | 4 | 0x20, will))

        assert answer(box) in (b"", b"\x20\x03\x00\x9a\x00")  # 0x9A: retain not supported


def test_a_user_name_that_is_said_does_not_count(site: Site) -> None:
    with site.open("osb-name") as box:
        box.sendall(connect(VICTIM, 4, 2 | 0x80, text("flexcoop-platform")))
        assert answer(box) == CONNACK
        box.sendall(packet(0x32, text(REPORT) + b"\x00\x01forged"))

        assert answer(box) == b"\x40\x02\x00\x01"  # confirmed, and thrown away


def test_a_session_of_another_is_not_taken_over(site: Site) -> None:
    with site.open(VICTIM) as _, site.open("osb-thief") as thief:
        thief.sendall(connect(VICTIM, 4, 0))

        assert answer(thief) == CONNACK  # no session present, and the victim goes on


@pytest.mark.parametrize("topic", ["/" * 65_000, "flexcoop/osb/osb-long/" + "a/" * 150, "flexcoop/osb/osb-long/" + "x" * 65_000])
def test_an_endless_topic_reaches_nobody(site: Site, topic: str) -> None:
    with site.open("osb-long") as box:
        box.sendall(connect("osb-long"))
        assert answer(box) == CONNACK
        box.sendall(packet(0x32, text(topic) + b"\x00\x01forged"))

        assert answer(box) in (b"", b"\x40\x02\x00\x01")


def test_ten_thousand_subscriptions_hold_nobody_up(site: Site) -> None:
    with site.open("osb-many") as box:
        box.sendall(connect("osb-many"))
        assert answer(box) == CONNACK
        for first in range(0, 10_000, 200):
            topics = b"".join(text(f"$share/g{first + n}/flexcoop/osb/+/telemetry") + b"\x01" for n in range(200))
            box.sendall(packet(0x82, b"\x00\x01" + topics))
            assert answer(box)[:1] == b"\x90"

        assert site.victim.unharmed()


def test_messages_of_qos_2_that_are_never_finished_hold_nobody_up(site: Site) -> None:
    with site.open("osb-flood") as box:
        box.sendall(connect("osb-flood"))
        assert answer(box) == CONNACK
        listener = threading.Thread(target=lambda: [None for _ in iter(lambda: answer(box), b"")])
        listener.start()
        with contextlib.suppress(OSError):  # beyond a thousand the broker may end it
            for number in range(1, 3000):
                box.sendall(packet(0x34, text("flexcoop/osb/osb-flood/telemetry") + number.to_bytes(2, "big") + b"x" * 1000))

        assert site.victim.unharmed()
        with contextlib.suppress(OSError):
            box.shutdown(socket.SHUT_RDWR)
        listener.join(20)


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_a_session_of_tls_is_not_resumed_with_a_revoked_certificate(site: Site, version: ssl.TLSVersion) -> None:
    osb = f"osb-tls{int(version)}"
    context = site.files(osb).client_context()
    context.minimum_version = context.maximum_version = version
    with site.open(osb, context=context) as box:
        box.sendall(connect(osb))
        assert answer(box) == CONNACK
        ticket = box.session
    site.authority.revoke(osb)
    enforce(site.broker, site.authority, osb)

    again = b""
    with contextlib.suppress(OSError), site.open(osb, ticket, context) as box:
        box.sendall(connect(osb))
        again = answer(box)

    assert ticket.has_ticket
    assert again == b""


def test_revocations_at_the_same_time_do_not_restart_the_broker(site: Site) -> None:
    boxes = [f"osb-both{number}" for number in range(6)]
    files = [site.files(osb) for osb in boxes]
    pid = site.broker.pid

    def end(osb: str) -> None:
        site.authority.revoke(osb)
        enforce(site.broker, site.authority, osb)

    with ThreadPoolExecutor(len(boxes)) as many:
        list(many.map(end, boxes))

    assert site.broker.pid == pid
    assert [knock("127.0.0.1", site.broker.port, each, osb) for osb, each in zip(boxes, files, strict=True)] == [False] * len(boxes)


def test_connections_that_say_nothing_do_not_hold_up_a_handshake(site: Site) -> None:
    with contextlib.ExitStack() as stack:
        for number in range(300):
            silent = stack.enter_context(socket.create_connection(("127.0.0.1", site.broker.port), timeout=PATIENCE_S))
            if number % 2:
                silent.sendall(b"\x16\x03\x01\x02\x00\x01")  # the beginning of a ClientHello

        assert knock("127.0.0.1", site.broker.port, site.files("osb-patient"), "osb-patient")
