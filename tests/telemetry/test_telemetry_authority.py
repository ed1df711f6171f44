"""The authority: whom it gives a certificate, and what stands in it."""

import base64
import stat
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from hypothesis import given
from hypothesis import strategies as st
from tls_requests import WallClock, key, request

from telemetry.authority import Authority
from telemetry.certificates import read_request
from telemetry.errors import BrokerError, ClaimCodeError, EnrolmentError, TelemetryError, ThrottledError

H01, H02 = "osb-h01", "osb-h02"


@pytest.fixture
def clock() -> WallClock:
    return WallClock()


@pytest.fixture
def revoked() -> list[str]:
    """The boxes that a broker would have been told to drop."""
    return []


@pytest.fixture
def authority(tmp_path: Path, clock: WallClock, revoked: list[str]) -> Iterator[Authority]:
    def claimed(osb: str) -> None:
        if osb not in (H01, H02):
            raise TelemetryError(f"{osb}: nobody has claimed it")

    made = Authority(tmp_path / "authority", clock, claimed=claimed, on_revoked=revoked.append)
    yield made
    made.close()


def listed(authority: Authority) -> set[str]:
    """The serials on the revocation list."""
    return {f"{each.serial_number:x}" for each in x509.load_pem_x509_crl(authority.crl.read_bytes())}


def enrol(authority: Authority, osb: str = H01, private=None):
    return authority.enrol(osb, authority.claim(osb).code, request(osb, private))


# --- what stands in a certificate


def test_a_box_gets_a_certificate_for_its_name_its_key_and_for_connecting_only(authority: Authority, clock: WallClock) -> None:
    private = key()

    given = enrol(authority, H01, private)

    certificate = x509.load_pem_x509_certificate(given.certificate.encode())
    ca = x509.load_pem_x509_certificate(given.ca.encode())
    certificate.verify_directly_issued_by(ca)
    assert certificate.subject.rfc4514_string() == "CN=osb-h01"
    assert certificate.public_key() == private.public_key()
    assert abs(certificate.not_valid_after_utc - clock() - timedelta(days=90)) < timedelta(minutes=1)
    assert list(certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value) == [ExtendedKeyUsageOID.CLIENT_AUTH]
    assert not certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca


def test_the_authority_lasts_ten_years_and_can_have_no_child(authority: Authority, clock: WallClock) -> None:
    ca = x509.load_pem_x509_certificate(authority.ca.read_bytes())

    assert abs(ca.not_valid_after_utc - clock() - timedelta(days=3650)) < timedelta(minutes=1)
    assert ca.extensions.get_extension_for_class(x509.BasicConstraints).value == x509.BasicConstraints(ca=True, path_length=0)


def test_keys_are_readable_by_their_owner_alone(authority: Authority, tmp_path: Path) -> None:
    authority.server_files()
    authority.platform_files()
    authority.issue_to(tmp_path / "boxes", H01)

    keys = [*tmp_path.rglob("*.key")]

    assert {each.name for each in keys} == {"ca.key", "server.key", "flexcoop-platform.key", "osb-h01.key"}
    assert {stat.S_IMODE(each.stat().st_mode) for each in keys} == {0o600}
    assert stat.S_IMODE((tmp_path / "authority").stat().st_mode) == 0o700


def test_a_key_that_others_can_read_is_refused(tmp_path: Path, clock: WallClock) -> None:
    Authority(tmp_path, clock).close()
    (tmp_path / "ca.key").chmod(0o644)

    with pytest.raises(BrokerError, match=r"ca\.key can be read by other users \(mode 644\); close it with: chmod 600"):
        Authority(tmp_path, clock)


def test_a_lost_key_is_named_and_no_new_authority_founded_in_silence(tmp_path: Path, clock: WallClock) -> None:
    Authority(tmp_path, clock).close()
    (tmp_path / "ca.key").unlink()

    with pytest.raises(BrokerError, match=r"ca\.key is missing, without which no certificate can be signed; restore it"):
        Authority(tmp_path, clock)


def test_another_process_finds_the_same_authority(tmp_path: Path, clock: WallClock) -> None:
    first = Authority(tmp_path, clock)
    before, serial = first.ca.read_bytes(), first.issue_to(tmp_path / "boxes", H01).certificate.read_bytes()
    first.revoke(H01)
    first.close()
    (tmp_path / "crl.pem").unlink()  # ended between the register and the list

    again = Authority(tmp_path, clock)

    assert again.ca.read_bytes() == before
    assert listed(again) == {f"{x509.load_pem_x509_certificate(serial).serial_number:x}"}
    again.close()


# --- claim codes


def test_a_claim_code_is_kept_only_as_a_hash(authority: Authority, tmp_path: Path) -> None:
    code = authority.claim(H01).code

    held = b"".join(file.read_bytes() for file in (tmp_path / "authority").iterdir())
    assert code.encode() not in held
    assert code.replace("-", "").encode() not in held


def test_a_claim_code_may_be_written_as_people_write(authority: Authority) -> None:
    code = authority.claim(H01).code

    assert authority.enrol(H01, code.lower().replace("-", " ").replace("0", "o").replace("1", "l"), request(H01))


def test_a_claim_code_works_once(authority: Authority) -> None:
    code = authority.claim(H01).code
    authority.enrol(H01, code, request(H01))

    with pytest.raises(
        ClaimCodeError, match="it is wrong, was used, or is more than 24 hours old; have a new one made: flex claim osb-h01"
    ):
        authority.enrol(H01, code, request(H01))


@pytest.mark.parametrize(("hours", "taken"), [(23.99, True), (24.01, False)])
def test_a_claim_code_holds_for_a_day(authority: Authority, clock: WallClock, hours: float, taken: bool) -> None:
    code = authority.claim(H01).code
    clock.ahead = timedelta(hours=hours)

    if taken:
        assert authority.enrol(H01, code, request(H01))
    else:
        with pytest.raises(ClaimCodeError):
            authority.enrol(H01, code, request(H01))


def test_a_claim_code_is_for_its_own_box(authority: Authority) -> None:
    code = authority.claim(H01).code

    with pytest.raises(ClaimCodeError):
        authority.enrol(H02, code, request(H02))


def test_a_new_claim_code_voids_the_one_before(authority: Authority) -> None:
    first = authority.claim(H01).code
    authority.claim(H01)

    with pytest.raises(ClaimCodeError):
        authority.enrol(H01, first, request(H01))


def test_nobody_gets_a_code_for_a_box_that_nobody_has_claimed(authority: Authority) -> None:
    with pytest.raises(TelemetryError, match="osb-h99: nobody has claimed it"):
        authority.claim("osb-h99")


def test_guessing_is_slowed_down_and_holds_nobody_up_who_has_the_code(authority: Authority, clock: WallClock) -> None:
    code = authority.claim(H01).code
    for guess in range(5):
        with pytest.raises(ClaimCodeError):
            authority.enrol(H01, f"GUESS-{guess}", request(H01))

    with pytest.raises(ThrottledError, match="too many wrong claim codes in the last minute; try again in") as refused:
        authority.enrol(H01, "GUESS-5", request(H01))
    assert 1 <= refused.value.retry_after <= 60
    with pytest.raises(ClaimCodeError):
        authority.enrol(H02, "GUESS", request(H02))  # another box is asked as before
    assert authority.enrol(H01, code, request(H01))

    clock.ahead = timedelta(seconds=61)
    with pytest.raises(ClaimCodeError):
        authority.enrol(H01, "GUESS-6", request(H01))


def test_guessing_for_many_boxes_is_slowed_down_too(authority: Authority) -> None:
    code = authority.claim(H01).code
    for number in range(60):
        with pytest.raises(ClaimCodeError):
            authority.enrol(f"osb-x{number}", "GUESS", request(f"osb-x{number}"))

    with pytest.raises(ThrottledError):
        authority.enrol(H02, "GUESS", request(H02))
    assert authority.enrol(H01, code, request(H01))


# --- requests


@pytest.mark.parametrize(
    "name", ["osb-#", "osb-+", "osb-a/b", "#", "+", "osb-", "osb-H01", "osb-h01\n", "h01", "flexcoop-platform", "osb-" + "a" * 61, ""]
)
def test_what_could_be_another_topic_is_no_identifier(authority: Authority, name: str) -> None:
    for ask in (lambda: authority.claim(name), lambda: authority.enrol(name, "CODE", b""), lambda: authority.renew(name, b"")):
        with pytest.raises(EnrolmentError, match="is not the identifier of an OSB; it is osb- followed by"):
            ask()


@pytest.mark.parametrize("name", ["#", "+", "osb-h02", "osb-h01/x", "flexcoop-platform", "OSB-H01", "osb-h01 "])
def test_a_request_for_another_name_is_refused_and_the_code_stays_valid(authority: Authority, name: str) -> None:
    code = authority.claim(H01).code

    with pytest.raises(EnrolmentError, match="and only CN=osb-h01 may be given to osb-h01"):
        authority.enrol(H01, code, request(name))

    assert authority.enrol(H01, code, request(H01))


def tampered(pem: bytes) -> bytes:
    der = x509.load_pem_x509_csr(pem).public_bytes(Encoding.DER)
    return x509.load_der_x509_csr(der[:-1] + bytes([der[-1] ^ 1])).public_bytes(Encoding.PEM)


def versioned(pem: bytes) -> bytes:
    """The same with a version that does not exist."""
    der = x509.load_pem_x509_csr(pem).public_bytes(Encoding.DER).replace(b"\x02\x01\x00", b"\x02\x01\x03", 1)
    body = base64.encodebytes(der).decode()
    return f"-----BEGIN CERTIFICATE REQUEST-----\n{body}-----END CERTIFICATE REQUEST-----\n".encode()


@pytest.mark.parametrize(
    ("made", "why"),
    [
        (lambda: request(H01, names=[H01, "osb-h02"]), "only CN=osb-h01 may be given"),
        (lambda: request(H01, extension=x509.SubjectAlternativeName([x509.DNSName("broker")])), "asks for extensions"),
        (lambda: request(H01, extension=x509.BasicConstraints(ca=True, path_length=None)), "asks for extensions"),
        (lambda: request(H01, rsa.generate_private_key(65537, 2048)), "use an elliptic-curve key on P-256 or P-384"),
        (lambda: request(H01, ec.generate_private_key(ec.SECP521R1())), "use an elliptic-curve key on P-256 or P-384"),
        (lambda: versioned(request(H01)), "can't be read .*not a valid CSR version"),
        (lambda: tampered(request(H01)), "is not signed with its own key"),
        (lambda: b"-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n-----END CERTIFICATE REQUEST-----\n", "can't be read"),
        (lambda: b"\0" * 8193, "has 8193 bytes, more than 8192"),
        (lambda: b"", "can't be read"),
    ],
    ids=["two names", "san", "ca", "rsa", "p521", "version", "signature", "der", "size", "empty"],
)
def test_a_request_for_more_than_a_box_needs_is_refused(authority: Authority, made, why: str) -> None:
    with pytest.raises(EnrolmentError, match=why):
        authority.enrol(H01, authority.claim(H01).code, made())


@given(st.binary(max_size=300))
def test_garbage_is_refused_with_a_sentence(garbage: bytes) -> None:
    for pem in (garbage, b"-----BEGIN CERTIFICATE REQUEST-----\n" + garbage + b"\n-----END CERTIFICATE REQUEST-----\n"):
        with pytest.raises(EnrolmentError):
            read_request(pem, H01)


# --- renewal, replacement, revocation


def test_renewal_takes_a_new_key_or_the_same(authority: Authority, clock: WallClock) -> None:
    first = key()
    enrol(authority, H01, first)
    clock.ahead = timedelta(days=60)

    same = authority.renew(H01, request(H01, first))
    other = authority.renew(H01, request(H01))

    for renewed in (same, other):
        assert abs(renewed.not_after - clock() - timedelta(days=90)) < timedelta(minutes=1)
    assert [each.state(clock()) for each in authority.certificates()] == ["valid"] * 3


def test_a_renewal_whose_answer_was_lost_is_answered_again(authority: Authority, clock: WallClock) -> None:
    enrol(authority)
    clock.ahead = timedelta(days=60)
    asked = request(H01)

    assert authority.renew(H01, asked) == authority.renew(H01, asked)


def test_a_box_that_asks_without_end_is_slowed_down(authority: Authority, clock: WallClock) -> None:
    enrol(authority)
    for _ in range(4):
        authority.renew(H01, request(H01))

    with pytest.raises(ThrottledError, match="osb-h01 was given 5 certificates in a day; ask again tomorrow"):
        authority.renew(H01, request(H01))


@pytest.mark.parametrize("end", ["revoked", "expired", "never"])
def test_without_a_valid_certificate_there_is_no_renewal(authority: Authority, clock: WallClock, end: str) -> None:
    if end != "never":
        enrol(authority)
    if end == "revoked":
        authority.revoke(H01)
    clock.ahead = timedelta(days=91 if end == "expired" else 0)

    with pytest.raises(EnrolmentError, match="osb-h01 has no valid certificate that could be renewed"):
        authority.renew(H01, request(H01))


def test_a_replaced_box_can_no_longer_connect_with_its_old_certificate(authority: Authority, clock: WallClock, revoked: list[str]) -> None:
    enrol(authority)
    (old,) = authority.certificates()
    assert revoked == []

    enrol(authority)

    assert [each.state(clock()) for each in authority.certificates()] == ["revoked", "valid"]
    assert (listed(authority), revoked) == ({old.serial}, [H01])


def test_revocation_ends_all_certificates_and_the_claim_code(authority: Authority, clock: WallClock, revoked: list[str]) -> None:
    enrol(authority)
    authority.renew(H01, request(H01))
    enrol(authority, H02)
    code = authority.claim(H01).code

    serials = authority.revoke(H01)

    assert (len(serials), listed(authority), revoked) == (2, set(serials), [H01])
    assert [(each.osb, each.state(clock())) for each in authority.certificates()] == [(H01, "revoked"), (H01, "revoked"), (H02, "valid")]
    with pytest.raises(ClaimCodeError):
        authority.enrol(H01, code, request(H01))


def test_a_box_without_certificate_cannot_be_revoked(authority: Authority) -> None:
    with pytest.raises(EnrolmentError, match="osb-h01 has no certificate that could be revoked"):
        authority.revoke(H01)


def test_each_list_is_dated_later_than_the_one_before_and_none_in_the_future(authority: Authority, clock: WallClock) -> None:
    dates = []
    for osb in (H01, H02, H01):
        enrol(authority, osb)
        authority.revoke(osb)
        dates.append(x509.load_pem_x509_crl(authority.crl.read_bytes()).last_update_utc)

    assert dates == sorted(set(dates))
    assert dates[-1] < clock()


def test_the_list_forgets_certificates_that_have_expired_anyhow(authority: Authority, clock: WallClock) -> None:
    enrol(authority)
    old = authority.revoke(H01)
    clock.ahead = timedelta(days=91)
    enrol(authority, H02)
    new = authority.revoke(H02)

    assert (set(old) & listed(authority), listed(authority)) == (set(), set(new))


# --- the broker's own certificate


def names(certificate: Path) -> set[str]:
    found = x509.load_pem_x509_certificate(certificate.read_bytes()).extensions.get_extension_for_class(x509.SubjectAlternativeName)
    return {str(each.value) for each in found.value}


def test_the_server_certificate_names_what_it_is_reached_by(authority: Authority) -> None:
    files = authority.server_files(["mqtt.coop.example", "192.0.2.7"])

    certificate = x509.load_pem_x509_certificate(files.certificate.read_bytes())
    assert names(files.certificate) == {"mqtt.coop.example", "192.0.2.7", "localhost", "127.0.0.1", "::1"}
    assert list(certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value) == [ExtendedKeyUsageOID.SERVER_AUTH]
    assert certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value == "flexcoop-broker"


@pytest.mark.parametrize("name", ["*.coop.example", "coop_example", "mqtt/x", "-a.example"])
def test_a_name_that_is_none_is_refused(authority: Authority, name: str) -> None:
    with pytest.raises(EnrolmentError, match="is neither a DNS name nor an address; correct FLEX_BROKER_NAMES"):
        authority.server_files([name])


def test_the_server_certificate_is_kept_until_a_month_before_its_end_or_until_the_names_change(
    authority: Authority, clock: WallClock
) -> None:
    first = authority.server_files().certificate.read_bytes()
    clock.ahead = timedelta(days=334)
    kept = authority.server_files().certificate.read_bytes()
    clock.ahead = timedelta(days=336)
    renewed = authority.server_files().certificate.read_bytes()
    other = authority.server_files(["mqtt.coop.example"]).certificate.read_bytes()

    assert kept == first
    assert len({first, renewed, other}) == 3


def test_a_simulated_box_keeps_its_certificate_while_it_is_young(authority: Authority, clock: WallClock, tmp_path: Path) -> None:
    first = authority.issue_to(tmp_path / "boxes", H01).certificate.read_bytes()
    again = authority.issue_to(tmp_path / "boxes", H01).certificate.read_bytes()
    clock.ahead = timedelta(days=61)
    later = authority.issue_to(tmp_path / "boxes", H01).certificate.read_bytes()

    assert first == again != later
