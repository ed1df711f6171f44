"""A box gets its certificate with a claim code, talks TLS with it to a real broker, and renews it before it ends."""

import json
import shutil
import stat
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address
from pathlib import Path

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from devices_platform import FakePlatform
from servers import Child, free_port, listens, require, start

from devices import enrol
from devices.config import Broker
from devices.errors import EnrolmentError
from devices.mqtt import MqttLoop

NOW = datetime(2020, 3, 1, tzinfo=UTC)  # before the system clock of any test
BASE, OSB = "https://coop.example", "osb-h01"


class Authority:
    """A small authority of the test's own."""

    def __init__(self) -> None:
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test authority")])
        self.pem = self._certificate(self.name, self.key.public_key(), 30, authority=True)

    def sign(self, csr: str, days: int = 30, name: str | None = None) -> str:
        asked = x509.load_pem_x509_csr(csr.encode())
        assert asked.is_signature_valid
        subject = asked.subject if name is None else x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        return self._certificate(subject, asked.public_key(), days)

    def _certificate(self, subject: x509.Name, public: ec.EllipticCurvePublicKey, days: int, authority: bool = False) -> str:
        made = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self.name)
            .public_key(public)
            .serial_number(x509.random_serial_number())
            .not_valid_before(NOW)
            .not_valid_after(NOW + timedelta(days=days if not authority else 36500))
            .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
            .add_extension(x509.SubjectAlternativeName([x509.IPAddress(IPv4Address("127.0.0.1"))]), critical=False)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key()), critical=False)
        )
        return made.sign(self.key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM).decode()


@pytest.fixture
def authority() -> Authority:
    return Authority()


def files(folder: Path) -> Broker:
    return Broker("127.0.0.1", 8883, folder / "ca.pem", folder / "box.pem", folder / "box.key")


def answering(authority: Authority, asked: list[dict], status: int = 200, **change: object) -> httpx.MockTransport:
    """The platform's side as docs/osb.md describes it; only the wire is replaced."""

    def answer(request: httpx.Request) -> httpx.Response:
        assert str(request.url) == f"{BASE}/api/enrol"
        body = json.loads(request.content)
        asked.append(body)
        if status != 200:
            return httpx.Response(status, json={"detail": "the code is used up; ask for another"})
        said = {"certificate": authority.sign(body["csr"]), "ca": authority.pem, "broker": {"host": "mqtt.coop.example", "port": 8883}}
        return httpx.Response(200, json=said | change)

    return httpx.MockTransport(answer)


def test_a_claim_code_becomes_key_certificate_and_broker(tmp_path: Path, authority: Authority) -> None:
    asked: list[dict] = []
    broker = enrol.enrol(BASE, OSB, "ABCD-1234", files(tmp_path), answering(authority, asked))

    csr = x509.load_pem_x509_csr(asked[0]["csr"].encode())
    key = serialization.load_pem_private_key((tmp_path / "box.key").read_bytes(), None)
    assert (asked[0]["osb"], asked[0]["code"]) == (OSB, "ABCD-1234")
    assert csr.subject.rfc4514_string() == f"CN={OSB}"
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    assert key.curve.name == "secp256r1"
    assert stat.S_IMODE((tmp_path / "box.key").stat().st_mode) == 0o600
    assert (broker.host, broker.port) == ("mqtt.coop.example", 8883)
    assert b"PRIVATE" not in asked[0]["csr"].encode()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["box.key", "box.pem", "ca.pem"]


@pytest.mark.parametrize("base", ["http://coop.example", "http://192.0.2.7:8080", "http://127.0.0.1.coop.example"])
def test_a_claim_code_is_not_sent_in_the_clear(tmp_path: Path, authority: Authority, base: str) -> None:
    asked: list[dict] = []
    with pytest.raises(
        EnrolmentError, match="would be sent the claim code in the clear, and anybody could answer for it; write base with https://"
    ):
        enrol.enrol(base, OSB, "ABCD-1234", files(tmp_path), answering(authority, asked))

    assert (asked, list(tmp_path.iterdir())) == ([], [])


def test_the_key_is_kept_when_a_box_enrols_again(tmp_path: Path, authority: Authority) -> None:
    enrol.enrol(BASE, OSB, "one", files(tmp_path), answering(authority, []))
    before = (tmp_path / "box.key").read_bytes()
    enrol.enrol(BASE, OSB, "two", files(tmp_path), answering(authority, []))

    assert (tmp_path / "box.key").read_bytes() == before


def test_a_refusal_is_said_in_the_platforms_words_and_writes_nothing(tmp_path: Path, authority: Authority) -> None:
    with pytest.raises(EnrolmentError, match=r"\(403\): the code is used up; ask for another"):
        enrol.enrol(BASE, OSB, "old", files(tmp_path), answering(authority, [], 403))

    assert not (tmp_path / "box.pem").exists()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"certificate": "nonsense"}, "is no certificate"),
        ({"broker": {}}, "answered no certificate"),
        ({"ca": None, "broker": 3}, "answered"),
    ],
)
def test_an_answer_that_cannot_be_meant_writes_nothing(tmp_path: Path, authority: Authority, change: dict, words: str) -> None:
    with pytest.raises(EnrolmentError, match=words):
        enrol.enrol(BASE, OSB, "x", files(tmp_path), answering(authority, [], **change))

    assert [path.name for path in tmp_path.iterdir()] == ["box.key"]


def test_a_certificate_of_another_box_or_key_is_refused(tmp_path: Path, authority: Authority) -> None:
    key, other = enrol.private_key(tmp_path / "a.key"), enrol.private_key(tmp_path / "b.key")
    target = tmp_path / "box.pem"

    with pytest.raises(EnrolmentError, match="another key"):
        enrol.renew(target, key, OSB, authority.sign(enrol.request(other, OSB)))
    with pytest.raises(EnrolmentError, match=r"for \['osb-h02'\]"):
        enrol.renew(target, key, OSB, authority.sign(enrol.request(key, OSB), name="osb-h02"))

    assert not target.exists()


def test_a_renewal_replaces_the_certificate_once_or_says_why_not(tmp_path: Path, authority: Authority) -> None:
    broker = files(tmp_path)
    assert broker.certificate is not None
    assert broker.key is not None
    key = enrol.private_key(broker.key)
    enrol.write(broker.certificate, authority.sign(enrol.request(key, OSB)))
    fresh = authority.sign(enrol.request(key, OSB))

    assert enrol.renew(broker.certificate, key, OSB, fresh)
    assert not enrol.renew(broker.certificate, key, OSB, fresh)
    with pytest.raises(EnrolmentError, match="refuses to renew it: nobody has claimed it"):
        enrol.renew(broker.certificate, key, OSB, json.dumps({"refused": "nobody has claimed it"}))
    assert broker.certificate.read_text() == fresh


def test_renewal_is_due_in_the_last_third(tmp_path: Path, authority: Authority) -> None:
    key = enrol.private_key(tmp_path / "box.key")
    enrol.renew(tmp_path / "box.pem", key, OSB, authority.sign(enrol.request(key, OSB), days=90))

    due = [enrol.renewal_due(tmp_path / "box.pem", NOW + timedelta(days=day)) for day in (0, 59, 61, 91)]

    assert due == [False, False, True, True]
    assert not enrol.renewal_due(tmp_path / "none.pem", NOW)


# --- TLS on a real broker
@pytest.fixture
def tls_broker(tmp_path: Path, authority: Authority) -> Iterator[tuple[Child, Broker]]:
    program = shutil.which("mosquitto", path="/usr/sbin:/usr/local/sbin:/usr/bin:/usr/local/bin")
    require(program is not None, "Mosquitto is not installed; apt-get install mosquitto")
    port = free_port()
    enrol.write(tmp_path / "ca.pem", authority.pem)
    for name in ("server", OSB, "platform"):
        key = enrol.private_key(tmp_path / f"{name}.key")
        enrol.write(tmp_path / f"{name}.pem", authority.sign(enrol.request(key, name), days=36500))
    (tmp_path / "mosquitto.conf").write_text(
        f"listener {port} 127.0.0.1\nuser root\nallow_anonymous true\ncafile {tmp_path}/ca.pem\ncertfile {tmp_path}/server.pem\n"
        f"keyfile {tmp_path}/server.key\nrequire_certificate true\nuse_identity_as_username true\nuse_username_as_clientid true\n"
    )
    child = start([program or "", "-c", tmp_path / "mosquitto.conf"]).wait_until(lambda: listens(port))
    yield child, Broker("127.0.0.1", port, tmp_path / "ca.pem", tmp_path / "{osb}.pem", tmp_path / "{osb}.key")
    child.stop()


def connected(loop: MqttLoop, gateway, seconds: float = 10) -> bool:
    for _ in range(int(seconds / 0.1)):
        loop.poll(0.1)
        if gateway.connected:
            return True
    return False


def test_a_box_with_its_certificate_talks_tls(tls_broker) -> None:
    _, broker = tls_broker
    platform = FakePlatform(broker.port, broker=broker.of("platform"))
    loop = MqttLoop(broker)
    gateway = loop.gateway(OSB, (f"flexcoop/osb/{OSB}/ack",))
    assert connected(loop, gateway)

    for number in range(50):
        gateway.publish(f"flexcoop/osb/{OSB}/report", json.dumps({"message": f"m{number}", "pad": "x" * 2000}).encode())
    acks = set()
    for _ in range(200):
        loop.poll(0.1)
        for delivery in gateway.take():
            acks.add(json.loads(delivery.payload)["message"])
            delivery.confirm()
        if len(acks) == 50:
            break

    assert acks == {f"m{number}" for number in range(50)}
    loop.close()
    platform.close()


def test_a_box_whose_certificate_is_refused_says_so_once_and_what_to_do(tls_broker, caplog) -> None:
    _, broker = tls_broker
    loop = MqttLoop(Broker(broker.host, broker.port, broker.ca))
    gateway = loop.gateway(OSB, ("x",))

    assert not connected(loop, gateway, 3.0)
    loop.close()

    (said,) = [record.getMessage() for record in caplog.records if "refuses the certificate" in record.getMessage()]
    assert "(certificate required)" in said
    assert f"flex claim {OSB}" in said


def test_without_certificate_or_with_another_authority_nobody_connects(tls_broker, tmp_path: Path) -> None:
    _, broker = tls_broker
    enrol.write(tmp_path / "other.pem", Authority().pem)
    strangers = [
        Broker(broker.host, broker.port),  # plain text
        Broker(broker.host, broker.port, broker.ca),  # no certificate
        Broker(broker.host, broker.port, tmp_path / "other.pem", broker.certificate, broker.key),  # doesn't trust this broker
        Broker(broker.host, broker.port, tmp_path / "missing.pem", broker.certificate, broker.key),
    ]
    for stranger in strangers:
        loop = MqttLoop(stranger)
        gateway = loop.gateway(OSB, ("x",))
        assert not connected(loop, gateway, 1.0)
        loop.close()
