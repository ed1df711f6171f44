"""What a stranger, and a box that has been broken into, can do to another box over a real Mosquitto: nothing."""

import contextlib
import itertools
import socket
import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import paho.mqtt.client as mqtt
import pytest
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key
from cryptography.x509 import load_pem_x509_certificate
from patience import PATIENCE_S, until
from servers import require
from tls_clients import AckingPlatform, Guest, Victim
from tls_requests import WallClock, key, save

from telemetry import certificates
from telemetry.authority import Authority
from telemetry.broker import mosquitto_program, start_broker
from telemetry.mosquitto import MAX_PACKET_BYTES, Mosquitto
from telemetry.revocation import enforce, knock
from telemetry.tls import ServerTls, TlsFiles

VICTIM = "osb-h01"
THEIRS = f"flexcoop/osb/{VICTIM}"
_numbers = itertools.count()


@dataclass
class Site:
    """A broker with certificates, a platform that acknowledges, and a box that sends all the time."""

    folder: Path
    clock: WallClock
    authority: Authority
    broker: Mosquitto
    platform: AckingPlatform
    victim: Victim

    def enemy(self) -> tuple[str, TlsFiles]:
        """A box in good standing that nobody has used before."""
        osb = f"osb-enemy{next(_numbers)}"
        return osb, self.authority.issue_to(self.folder / "boxes", osb)

    def forged(self) -> list[bytes]:
        """What the platform was told on the victim's topics by somebody else."""
        return [payload for topic, payload in self.platform.heard if topic.startswith(THEIRS) and payload in (b"forged", b"will")]


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    require(mosquitto_program() is not None, "mosquitto is not installed")
    folder, clock = tmp_path_factory.mktemp("site"), WallClock()
    authority = Authority(folder / "authority", clock)
    broker = start_broker("127.0.0.1", 0, folder / "broker", tls=ServerTls(authority.server_files(), authority.crl))
    assert isinstance(broker, Mosquitto)
    platform = AckingPlatform(broker.port, authority.platform_files())
    victim = Victim(broker.port, authority.issue_to(folder / "boxes", VICTIM), VICTIM)
    yield Site(folder, clock, authority, broker, platform, victim)
    victim.stop()
    platform.stop()
    broker.stop()
    authority.close()


@pytest.fixture
def site(running: Site) -> Iterator[Site]:
    """The same for every test, which must leave the victim as it was."""
    yield running
    running.clock.ahead = timedelta(0)
    assert running.victim.unharmed()
    assert running.forged() == []


@pytest.mark.parametrize("version", [mqtt.MQTTv311, mqtt.MQTTv5])
def test_another_box_that_calls_itself_the_victim_is_only_itself(site: Site, version: int) -> None:
    osb, files = site.enemy()
    guest = Guest(site.broker.port, files, VICTIM, version=version)
    guest.subscribe(f"flexcoop/osb/{osb}/ack")
    guest.publish(f"flexcoop/osb/{osb}/telemetry", b'{"mine": 1}')

    assert until(lambda: guest.heard == [(f"flexcoop/osb/{osb}/ack", b'{"mine": 1}')])
    guest.stop()


@pytest.mark.parametrize("verb", ["telemetry", "announce", "report", "renew", "ack", "dispatch", "comfort", "certificate"])
def test_nobody_speaks_on_the_victims_topics(site: Site, verb: str) -> None:
    site.platform.subscribe(f"{THEIRS}/{verb}")
    _, files = site.enemy()
    guest = Guest(site.broker.port, files)
    before = len(site.victim.heard)
    guest.publish(f"{THEIRS}/{verb}")
    guest.publish(f"flexcoop/osb/{VICTIM}")
    guest.stop()

    assert guest.let_in
    assert site.victim.unharmed()
    assert {topic for topic, _ in site.victim.heard[before:]} <= {f"{THEIRS}/ack"}
    assert b"forged" not in [payload for _, payload in site.victim.heard[before:]]


def test_a_box_cannot_speak_as_the_platform_to_itself_or_move_the_scenarios_time(site: Site) -> None:
    osb, files = site.enemy()
    guest = Guest(site.broker.port, files)
    for topic in (f"flexcoop/osb/{osb}/dispatch", "flexcoop/scenario/tick"):
        guest.subscribe(topic)
        guest.publish(topic)
    guest.subscribe(f"flexcoop/osb/{osb}/ack")
    guest.publish(f"flexcoop/osb/{osb}/telemetry", b'{"last": 1}')

    assert until(lambda: bool(guest.heard))
    assert guest.heard == [(f"flexcoop/osb/{osb}/ack", b'{"last": 1}')]
    guest.stop()


def test_what_is_wanted_of_the_rooms_of_a_home_is_heard_by_its_own_box_alone(site: Site) -> None:
    osb, files = site.enemy()
    guest = Guest(site.broker.port, files)
    for topic in (f"{THEIRS}/comfort", "flexcoop/osb/+/comfort", "#", f"flexcoop/osb/{osb}/comfort"):
        guest.subscribe(topic)
    site.platform.publish(f"{THEIRS}/comfort", b'{"theirs": 1}')
    site.platform.publish(f"flexcoop/osb/{osb}/comfort", b'{"mine": 1}')

    assert until(lambda: bool(guest.heard))
    assert {topic for topic, _ in guest.heard} == {f"flexcoop/osb/{osb}/comfort"}
    assert {payload for _, payload in guest.heard} == {b'{"mine": 1}'}
    guest.stop()


@pytest.mark.parametrize("version", [mqtt.MQTTv311, mqtt.MQTTv5])
def test_a_will_on_the_victims_topic_is_not_delivered(site: Site, version: int) -> None:
    osb, files = site.enemy()
    site.platform.subscribe(f"{THEIRS}/report")
    own, foreign = f"flexcoop/osb/{osb}/telemetry", f"{THEIRS}/report"

    for topic in (foreign, own):
        guest = Guest(site.broker.port, files, will=topic, version=version)
        guest.vanish()
        assert guest.ended.wait(PATIENCE_S)
        guest.stop()

    assert until(lambda: (own, b"will") in site.platform.heard)  # wills do work, on one's own topic
    assert (foreign, b"will") not in site.platform.heard


@pytest.mark.parametrize("topic", ["#", "flexcoop/#", "flexcoop/osb/+/telemetry", f"{THEIRS}/#", "flexcoop/osb/+/dispatch", "$SYS/#"])
def test_a_wildcard_subscription_hears_only_ones_own(site: Site, topic: str) -> None:
    osb, files = site.enemy()
    guest = Guest(site.broker.port, files)
    guest.subscribe(topic)
    guest.subscribe(f"flexcoop/osb/{osb}/dispatch")
    site.platform.publish(f"{THEIRS}/dispatch", b'{"for": "the victim"}')
    site.platform.publish(f"flexcoop/osb/{osb}/dispatch", b'{"for": "me"}')

    assert site.victim.unharmed()
    assert until(lambda: bool(guest.heard))
    assert set(guest.heard) == {(f"flexcoop/osb/{osb}/dispatch", b'{"for": "me"}')}
    guest.stop()


def test_who_knows_the_name_of_a_shared_subscription_swallows_messages_so_it_has_to_be_secret(site: Site) -> None:
    worker = Guest(site.broker.port, site.authority.platform_files("flexcoop-platform-1"), version=mqtt.MQTTv5)
    worker.subscribe("$share/known/flexcoop/osb/+/report")
    _, files = site.enemy()
    guest = Guest(site.broker.port, files, version=mqtt.MQTTv5)
    guest.subscribe("$share/known/flexcoop/osb/+/report")
    for number in range(10):
        site.victim.send(f"{THEIRS}/report", f"{number}".encode())
    assert site.victim.unharmed()

    assert guest.heard == []  # the access list holds: the box reads nothing,
    assert until(lambda: len(worker.heard) == 5)  # but what Mosquitto picked it for is gone
    guest.stop()
    worker.stop()


@pytest.mark.parametrize("version", [mqtt.MQTTv311, mqtt.MQTTv5])
@pytest.mark.parametrize("size", [200_000, MAX_PACKET_BYTES])
def test_a_packet_that_is_too_large_ends_the_connection(site: Site, size: int, version: int) -> None:
    osb, files = site.enemy()
    guest = Guest(site.broker.port, files, version=version)
    guest.send(f"flexcoop/osb/{osb}/telemetry", b"x" * size)

    assert guest.ended.wait(PATIENCE_S)
    guest.stop()


def test_the_largest_message_that_a_box_may_send_arrives(site: Site) -> None:
    osb, files = site.enemy()
    guest = Guest(site.broker.port, files)
    whole = b"x" * (MAX_PACKET_BYTES - 100)
    guest.publish(f"flexcoop/osb/{osb}/telemetry", whole)

    assert until(lambda: (f"flexcoop/osb/{osb}/telemetry", whole) in site.platform.heard)
    guest.stop()


def test_a_retained_message_ends_the_connection(site: Site) -> None:
    osb, files = site.enemy()
    guest = Guest(site.broker.port, files)
    guest.publish(f"flexcoop/osb/{osb}/telemetry", retain=True)

    assert guest.ended.wait(PATIENCE_S)
    guest.stop()


# --- who is let in at all


def test_plain_text_gets_no_answer(site: Site) -> None:
    guest = Guest(site.broker.port, None, VICTIM)
    with socket.create_connection(("127.0.0.1", site.broker.port), timeout=PATIENCE_S) as web:
        answer = b""
        with contextlib.suppress(ConnectionError):
            web.sendall(b"GET / HTTP/1.1\r\nHost: broker\r\n\r\n")
            answer = web.recv(100)

    assert not guest.let_in
    assert not answer or answer[0] == 0x15  # nothing, or a TLS alert
    guest.stop()


def test_without_a_certificate_nobody_is_let_in(site: Site) -> None:
    guest = Guest(site.broker.port, ssl.create_default_context(cafile=str(site.authority.ca)), VICTIM)

    assert not guest.let_in
    guest.stop()


def test_an_expired_certificate_is_refused(site: Site) -> None:
    site.clock.ahead = -timedelta(days=100)
    osb, files = site.enemy()

    assert not knock("127.0.0.1", site.broker.port, files, osb)


def test_the_certificate_of_another_authority_is_refused(site: Site, tmp_path: Path) -> None:
    other = Authority(tmp_path, site.clock)
    theirs = other.issue_to(tmp_path / "boxes", VICTIM)
    other.close()

    assert not knock("127.0.0.1", site.broker.port, TlsFiles(site.authority.ca, theirs.certificate, theirs.key), VICTIM)


def test_a_certificate_signed_by_itself_is_refused(site: Site, tmp_path: Path) -> None:
    private = key()
    name = certificates.authority(private, site.clock(), timedelta(days=10))
    certificate = certificates.client(
        certificates.Signer(name, private), private.public_key(), VICTIM, site.clock(), site.clock() + timedelta(1)
    )
    pem = certificate.public_bytes(Encoding.PEM).decode()

    assert not knock("127.0.0.1", site.broker.port, save(tmp_path, site.authority.ca, private, pem), VICTIM)


def test_a_box_cannot_sign_for_another(site: Site, tmp_path: Path) -> None:
    _, files = site.enemy()
    mine = certificates.Signer(*loaded(files))
    private = key()
    forged = certificates.client(mine, private.public_key(), VICTIM, site.clock(), site.clock() + timedelta(1))
    chain = forged.public_bytes(Encoding.PEM).decode() + files.certificate.read_text()

    assert not knock("127.0.0.1", site.broker.port, save(tmp_path, site.authority.ca, private, chain), VICTIM)


def loaded(files: TlsFiles):
    return load_pem_x509_certificate(files.certificate.read_bytes()), load_pem_private_key(files.key.read_bytes(), None)


def test_the_brokers_own_certificate_is_no_box_and_a_boxs_certificate_is_no_broker(site: Site) -> None:
    server = site.authority.server_files()
    _, box = site.enemy()

    assert not knock("127.0.0.1", site.broker.port, server, "flexcoop-broker")
    fake = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    fake.load_cert_chain(box.certificate, box.key)
    near, far = socket.socketpair()
    with near, far:
        assert "unsuitable certificate purpose" in handshake_error(fake, box.client_context(), near, far)


def handshake_error(server: ssl.SSLContext, client: ssl.SSLContext, near: socket.socket, far: socket.socket) -> str:
    """What the client says of the server's certificate."""
    client.check_hostname = False
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    one = client.wrap_bio(incoming, outgoing)
    other_in, other_out = ssl.MemoryBIO(), ssl.MemoryBIO()
    other = server.wrap_bio(other_in, other_out, server_side=True)
    for _ in range(4):
        for side in (one, other):
            try:
                side.do_handshake()
            except ssl.SSLWantReadError:
                pass
            except ssl.SSLCertVerificationError as error:
                return str(error)
            other_in.write(outgoing.read())
            incoming.write(other_out.read())
    return "no error"


# --- revocation


def test_a_revoked_box_is_dropped_and_not_let_in_again(site: Site) -> None:
    osb, files = site.enemy()
    live = Guest(site.broker.port, files, version=mqtt.MQTTv5)
    bystander = Guest(site.broker.port, site.enemy()[1])
    assert live.let_in

    site.authority.revoke(osb)
    enforce(site.broker, site.authority, osb)

    assert live.ended.wait(PATIENCE_S)
    assert not knock("127.0.0.1", site.broker.port, files, osb)
    assert not bystander.ended.is_set()
    live.stop()
    bystander.stop()


def test_two_revocations_in_one_second_both_count(site: Site) -> None:
    both = [site.enemy(), site.enemy()]
    for osb, _ in both:
        site.authority.revoke(osb)
        enforce(site.broker, site.authority, osb)

    assert [knock("127.0.0.1", site.broker.port, files, osb) for osb, files in both] == [False, False]


def test_a_renewed_server_certificate_is_shown_without_a_restart(site: Site) -> None:
    before, pid = shown(site), site.broker.pid
    site.authority.server_files(["mqtt.coop.example"])
    site.broker.reload()

    assert until(lambda: shown(site) != before)
    assert site.broker.pid == pid


def shown(site: Site) -> str:
    """The certificate that the broker shows."""
    return ssl.get_server_certificate(("127.0.0.1", site.broker.port), timeout=PATIENCE_S)


def test_a_restarted_broker_is_another_process_on_the_same_port(site: Site) -> None:
    """A broker of its own, as every box has to connect anew."""
    broker = start_broker("127.0.0.1", 0, site.folder / "other-broker", tls=ServerTls(site.authority.server_files(), site.authority.crl))
    assert isinstance(broker, Mosquitto)
    osb, files = site.enemy()
    port, pid = broker.port, broker.pid
    try:
        broker.restart()
        assert (broker.port, broker.pid != pid) == (port, True)
        assert knock("127.0.0.1", port, files, osb)
    finally:
        broker.stop()
