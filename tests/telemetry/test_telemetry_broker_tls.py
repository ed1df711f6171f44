"""Ingest over TLS with its own certificate, a box that renews, and the configuration that the broker is given."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography import x509
from patience import until
from servers import require
from telemetry_box import id_of, message, observation
from tls_clients import Guest
from tls_requests import WallClock, key, request, save

from kg.embedded import EmbeddedStore
from kg.iris import Iris
from telemetry import Channels, DeadLetters, ReadingWriter
from telemetry.authority import Authority
from telemetry.broker import mosquitto_program, start_broker
from telemetry.errors import BrokerError
from telemetry.ingest import Ingest
from telemetry.mosquitto import Mosquitto, access_list, configuration
from telemetry.renewal import renewals
from telemetry.revocation import enforce, knock
from telemetry.tls import ServerTls, TlsFiles

BOX = "osb-h01"


@dataclass
class Site:
    authority: Authority
    broker: Mosquitto
    clock: WallClock
    folder: Path
    files: TlsFiles
    """Of the one box, which has been enrolled by a claim code."""


@pytest.fixture
def site(tmp_path: Path, store: EmbeddedStore, iris: Iris) -> Iterator[Site]:
    require(mosquitto_program() is not None, "mosquitto is not installed")
    clock = WallClock()
    authority = Authority(tmp_path / "authority", clock)
    broker = start_broker("127.0.0.1", 0, tmp_path / "broker", tls=ServerTls(authority.server_files(), authority.crl))
    assert isinstance(broker, Mosquitto)
    channels = Channels(store, iris)
    letters = DeadLetters(tmp_path / "refused.sqlite")
    ingest = Ingest(
        "127.0.0.1",
        broker.port,
        iris,
        store,
        ReadingWriter(store, iris, channels),
        letters,
        channels=channels,
        clock=lambda: datetime(2016, 8, 12, tzinfo=UTC),
        on_report=lambda *_: None,
        on_renewal=renewals(authority),
        tls=authority.platform_files(),
    )
    ingest.start()
    private = key()
    given = authority.enrol(BOX, authority.claim(BOX).code, request(BOX, private))
    yield Site(authority, broker, clock, tmp_path, save(tmp_path / "box", authority.ca, private, given.certificate))
    ingest.stop()
    broker.stop()
    letters.close()
    authority.close()


def ask(guest: Guest, topic: str, payload: bytes) -> bytes:
    """Publish, and wait for what the platform says to it."""
    before = len(guest.heard)
    guest.publish(f"flexcoop/osb/{BOX}/{topic}", payload)
    assert until(lambda: len(guest.heard) > before)
    return guest.heard[-1][1]


def test_what_a_box_sends_over_tls_is_acknowledged_by_the_platform(site: Site) -> None:
    guest = Guest(site.broker.port, site.files)
    guest.subscribe(f"flexcoop/osb/{BOX}/+")

    answer = json.loads(ask(guest, "report", b'{"message": "m1"}'))

    assert (answer["message"], answer["accepted"]) == ("m1", 1)
    guest.stop()


@pytest.mark.parametrize(("readings", "length"), [(400, 10), (40, 2_000), (1, 90_000)])
def test_a_box_cannot_cut_the_platform_off_by_what_it_has_to_be_told(site: Site, readings: int, length: int) -> None:
    guest = Guest(site.broker.port, site.files)
    guest.subscribe(f"flexcoop/osb/{BOX}/ack")
    sent = message(
        "m1", *[observation("2016-08-12T00:00:00Z", "1", channel=f"device/{number}-{'x' * length}") for number in range(readings)]
    )

    answer = json.loads(ask(guest, "telemetry", json.dumps(sent).encode()))

    assert (answer["message"], answer["accepted"]) == (id_of("m1"), 0)
    assert len(answer["refused"]) + answer.get("omitted", 0) == readings
    assert json.loads(ask(guest, "report", b'{"message": "m2"}'))["accepted"] == 1
    guest.stop()


def test_a_message_with_an_endless_name_is_answered_without_it(site: Site) -> None:
    guest = Guest(site.broker.port, site.files)
    guest.subscribe(f"flexcoop/osb/{BOX}/ack")

    answer = json.loads(ask(guest, "telemetry", json.dumps(message("x" * 100_000)).encode()))

    assert answer["message"] is None
    assert json.loads(ask(guest, "report", b'{"message": "m2"}'))["accepted"] == 1
    guest.stop()


def test_a_box_renews_its_certificate_on_its_own_topic_and_connects_with_the_new_one(site: Site) -> None:
    guest = Guest(site.broker.port, site.files)
    guest.subscribe(f"flexcoop/osb/{BOX}/certificate")
    private = key()

    answer = ask(guest, "renew", request(BOX, private))
    guest.stop()

    assert x509.load_pem_x509_certificate(answer).public_key() == private.public_key()
    assert knock("127.0.0.1", site.broker.port, save(site.folder / "next", site.authority.ca, private, answer.decode()), BOX)


@pytest.mark.parametrize(
    ("payload", "sentence"),
    [
        (b"garbage", "the certificate request can't be read"),
        (b"", "the certificate request can't be read"),
        (b"x" * 100_000, "has 100000 bytes, more than 8192"),
        (request("osb-h02"), "only CN=osb-h01 may be given to osb-h01"),
        (request("#"), "only CN=osb-h01 may be given to osb-h01"),
    ],
    ids=["garbage", "empty", "large", "another", "wildcard"],
)
def test_a_renewal_that_is_none_is_answered_with_a_sentence(site: Site, payload: bytes, sentence: str) -> None:
    guest = Guest(site.broker.port, site.files)
    guest.subscribe(f"flexcoop/osb/{BOX}/+")

    answer = json.loads(ask(guest, "renew", payload))

    assert sentence in answer["refused"]
    assert json.loads(ask(guest, "report", b'{"message": "m1"}'))["accepted"] == 1  # and the platform goes on
    guest.stop()


def test_a_renewal_that_waited_while_the_box_was_revoked_is_refused(site: Site) -> None:
    answer = renewals(site.authority)
    site.authority.revoke(BOX)
    enforce(site.broker, site.authority, BOX)

    said = json.loads(answer(BOX, request(BOX)))

    assert "has no valid certificate that could be renewed" in said["refused"]


def test_every_rule_for_boxes_names_the_box_except_the_scenarios_time() -> None:
    rules = [line for line in access_list().splitlines() if line.startswith("pattern")]

    assert [line for line in rules if "/%u/" not in line] == ["pattern read flexcoop/scenario/tick"]
    assert {line.split()[1] for line in rules} == {"read", "write"}


def test_the_configuration_with_certificates_lets_nobody_in_without(tmp_path: Path) -> None:
    files = TlsFiles(tmp_path / "ca.pem", tmp_path / "server.pem", tmp_path / "server.key")
    text = configuration("0.0.0.0", 8883, tmp_path, ServerTls(files, tmp_path / "crl.pem"), "flex")

    lines = text.splitlines()
    assert lines[0] == "listener 8883 0.0.0.0"
    assert [line for line in lines if line.startswith("listener")] == lines[:1]  # no second door
    wanted = {
        "require_certificate true",
        "use_identity_as_username true",
        "use_username_as_clientid true",
        "allow_anonymous false",
        f"crlfile {tmp_path / 'crl.pem'}",
        f"acl_file {tmp_path / 'acl'}",
    }
    assert wanted <= set(lines)


@pytest.mark.parametrize("secure", [True, False])
def test_no_number_of_messages_is_given_as_0(tmp_path: Path, secure: bool) -> None:
    """Mosquitto 2.0.16 to 2.0.21 take `max_queued_messages 0` for none at all, not for without end."""
    files = TlsFiles(tmp_path / "ca.pem", tmp_path / "server.pem", tmp_path / "server.key")
    text = configuration("127.0.0.1", 8883, tmp_path, ServerTls(files, tmp_path / "crl.pem") if secure else None, "flex")

    limits = dict(line.split(maxsplit=1) for line in text.splitlines())
    assert int(limits["max_queued_messages"]) >= 20_000
    assert int(limits["max_inflight_messages"]) == 1000


def test_certificates_need_mosquitto(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = TlsFiles(tmp_path / "ca.pem", tmp_path / "server.pem", tmp_path / "server.key")
    tls = ServerTls(files, tmp_path / "crl.pem")

    with pytest.raises(BrokerError, match="a broker with certificates has to be Mosquitto, and amqtt is asked for; set FLEX_BROKER_KIND="):
        start_broker("127.0.0.1", 0, tmp_path, "amqtt", tls)
    monkeypatch.setattr("telemetry.broker.mosquitto_program", lambda: None)
    with pytest.raises(BrokerError, match="it is not installed; on Debian: apt install mosquitto"):
        start_broker("127.0.0.1", 0, tmp_path, "auto", tls)


def test_a_broker_with_certificates_may_listen_on_any_address(tmp_path: Path) -> None:
    require(mosquitto_program() is not None, "mosquitto is not installed")
    authority = Authority(tmp_path / "authority", WallClock())
    broker = start_broker("0.0.0.0", 0, tmp_path / "broker", tls=ServerTls(authority.server_files(), authority.crl))
    try:
        assert knock(broker.host, broker.port, authority.issue_to(tmp_path / "boxes", BOX), BOX)
    finally:
        broker.stop()
        authority.close()
