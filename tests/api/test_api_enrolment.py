"""`POST /api/enrol`, with a real authority behind it."""

import dataclasses
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID
from flask.testing import FlaskClient

from api import ApiSettings, Services, create_app
from telemetry.announce import home_of, osb_iri
from telemetry.authority import Authority

NOW = [datetime(2026, 3, 1, 12, tzinfo=UTC)]


def csr(name: str) -> str:
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    made = x509.CertificateSigningRequestBuilder().subject_name(subject).sign(ec.generate_private_key(ec.SECP256R1()), SHA256())
    return made.public_bytes(Encoding.PEM).decode()


@pytest.fixture
def authority(services: Services, tmp_path: Path) -> Iterator[Authority]:
    def claimed(osb: str) -> None:
        home_of(services.store, services.iris, osb_iri(services.iris, osb))

    NOW[0] = datetime(2026, 3, 1, 12, tzinfo=UTC)
    made = Authority(tmp_path / "authority", lambda: NOW[0], claimed=claimed)
    yield made
    made.close()


@pytest.fixture
def client(services: Services, authority: Authority) -> FlaskClient:
    def enrol(osb: str, code: str, request: bytes) -> dict:
        given = authority.enrol(osb, code, request)
        return {"certificate": given.certificate, "ca": given.ca}

    return create_app(ApiSettings(shown_settings=()), dataclasses.replace(services, enrol=enrol)).test_client()


def post(client: FlaskClient, **body):
    return client.post("/api/enrol", json=body, headers={"Accept": "application/json"})


def test_a_claim_code_is_exchanged_for_a_certificate(client: FlaskClient, authority: Authority) -> None:
    answer = post(client, osb="osb-h01", code=authority.claim("osb-h01").code, csr=csr("osb-h01"))

    assert (answer.status_code, answer.headers["Cache-Control"]) == (200, "no-store")
    certificate = x509.load_pem_x509_certificate(answer.json["certificate"].encode())
    certificate.verify_directly_issued_by(x509.load_pem_x509_certificate(answer.json["ca"].encode()))
    assert certificate.subject.rfc4514_string() == "CN=osb-h01"


def test_a_used_code_is_refused(client: FlaskClient, authority: Authority) -> None:
    code = authority.claim("osb-h01").code
    post(client, osb="osb-h01", code=code, csr=csr("osb-h01"))

    answer = post(client, osb="osb-h01", code=code, csr=csr("osb-h01"))

    assert (answer.status_code, answer.mimetype) == (403, "application/problem+json")
    assert answer.json["detail"].startswith("this claim code is not valid for osb-h01: it is wrong, was used, or is more than 24 hours old")


@pytest.mark.parametrize("name", ["#", "+", "osb-h02"])
def test_a_request_in_another_name_is_refused(client: FlaskClient, authority: Authority, name: str) -> None:
    answer = post(client, osb="osb-h01", code=authority.claim("osb-h01").code, csr=csr(name))

    assert (answer.status_code, answer.mimetype) == (422, "application/problem+json")
    assert "only CN=osb-h01 may be given to osb-h01" in answer.json["detail"]


@pytest.mark.parametrize("osb", ["#", "+", "osb-h01/x"])
def test_an_identifier_that_is_none_is_refused(client: FlaskClient, osb: str) -> None:
    assert post(client, osb=osb, code="X", csr=csr("osb-h01")).status_code == 422


def test_guessing_is_answered_with_when_to_come_back(client: FlaskClient, authority: Authority) -> None:
    code = authority.claim("osb-h01").code
    answers = [post(client, osb="osb-h01", code=f"GUESS{number}", csr=csr("osb-h01")) for number in range(6)]

    assert [answer.status_code for answer in answers] == [403] * 5 + [429]
    NOW[0] += timedelta(seconds=int(answers[-1].headers["Retry-After"]))
    assert post(client, osb="osb-h01", code="GUESS7", csr=csr("osb-h01")).status_code == 403
    assert post(client, osb="osb-h01", code=code, csr=csr("osb-h01")).status_code == 200


def test_a_code_of_what_is_no_character_is_a_wrong_one(client: FlaskClient) -> None:
    body = b'{"osb": "osb-h01", "code": "\\ud800", "csr": "\\ud800"}'
    answer = client.post("/api/enrol", data=body, content_type="application/json")

    assert (answer.status_code, answer.mimetype) == (403, "application/problem+json")


@pytest.mark.parametrize(
    "body",
    [{}, [], {"osb": "osb-h01"}, {"osb": "osb-h01", "code": 7, "csr": "x"}, {"osb": "osb-h01", "code": "x" * 65, "csr": "x"}, None],
    ids=["empty", "list", "part", "number", "long", "null"],
)
def test_what_is_no_enrolment_is_refused(client: FlaskClient, body) -> None:
    answer = client.post("/api/enrol", json=body)

    assert (answer.status_code, answer.mimetype) == (400, "application/problem+json")
    assert answer.json["detail"].startswith("An enrolment is one JSON object with osb, code and csr (PEM)")


def test_a_large_body_is_refused_before_it_is_read(client: FlaskClient) -> None:
    assert client.post("/api/enrol", data=b"{" * 20_000, content_type="application/json").status_code == 413


def test_a_page_of_another_site_cannot_enrol(client: FlaskClient) -> None:
    answer = client.post("/api/enrol", json={}, headers={"Origin": "https://evil.example"})

    assert answer.status_code == 403


def test_without_certificates_there_is_nothing_to_give(services: Services) -> None:
    client = create_app(ApiSettings(shown_settings=()), services).test_client()

    assert post(client, osb="osb-h01", code="x", csr="x").status_code == 409
