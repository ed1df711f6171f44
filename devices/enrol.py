"""How a box gets and renews its certificate: a key that never leaves it, a claim code once, then its own connection.

The key is EC P-256, its file readable by its owner alone. Files appear whole or not at all, the certificate last, so that what is there
always fits together.
"""

import json
import os
from datetime import datetime
from pathlib import Path
from urllib.parse import urlsplit

import httpx
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from devices.config import Broker
from devices.errors import EnrolmentError

TIMEOUT_S = 30.0
LARGEST_ANSWER = 65_536
_LOOPBACK = ("127.0.0.1", "localhost", "::1")


def enrol(base: str, osb: str, code: str, broker: Broker, transport: httpx.BaseTransport | None = None) -> Broker:
    """Have the platform sign a certificate for this box, and write key, certificate and authority where the configuration names them.

    Parameters
    ----------
    base
        The platform's address.
    osb
        The box's identifier, which the certificate will bear.
    code
        The claim code that its owner was given; it works once.
    broker
        Where the files go; host and port are what the file says so far.
    transport
        For tests.

    Returns
    -------
    The broker with the host and port that the platform answers on.

    Raises
    ------
    EnrolmentError
        If the configuration names no files, or the platform refuses or answers what it can't mean.
    """
    if broker.ca is None or broker.certificate is None or broker.key is None:
        raise EnrolmentError("the configuration names no files for the certificate; add ca, certificate and key to [broker]")
    to = urlsplit(base)
    if to.scheme != "https" and to.hostname not in _LOOPBACK:
        raise EnrolmentError(f"{base} would be sent the claim code in the clear, and anybody could answer for it; write base with https://")
    key = private_key(broker.key)
    asked = {"osb": osb, "code": code, "csr": request(key, osb)}
    try:
        with httpx.Client(timeout=TIMEOUT_S, transport=transport) as client:
            answer = client.post(f"{base}/api/enrol", json=asked)
    except httpx.HTTPError as error:
        raise EnrolmentError(f"{base} can't be asked for a certificate ({error}); check base and the network") from error
    if answer.is_error:
        raise EnrolmentError(f"the platform refuses to enrol {osb} ({answer.status_code}): {_detail(answer)}")
    try:
        said = json.loads(answer.content[:LARGEST_ANSWER])
        certificate, ca = str(said["certificate"]), str(said["ca"])
        host, port = str(said["broker"]["host"]), int(said["broker"]["port"])
    except (ValueError, KeyError, TypeError) as error:
        raise EnrolmentError(f"{base} answered no certificate ({type(error).__name__}: {error}); is that the platform?") from error
    _refuse_foreign(certificate, key, osb)
    write(broker.ca, ca)
    write(broker.certificate, certificate)
    return Broker(host, port, broker.ca, broker.certificate, broker.key)


def private_key(path: Path) -> ec.EllipticCurvePrivateKey:
    """Read the box's key, or make it where there is none.

    Raises
    ------
    EnrolmentError
        If the file holds something else.
    """
    if not path.exists():
        key = ec.generate_private_key(ec.SECP256R1())
        form = serialization.PrivateFormat.PKCS8
        write(path, key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption()).decode(), 0o600)
        return key
    try:
        found = serialization.load_pem_private_key(path.read_bytes(), None)
    except (OSError, ValueError, TypeError) as error:
        raise EnrolmentError(
            f"the key {path} can't be read ({error}); correct the path, or remove the file to have a new one made"
        ) from error
    if not isinstance(found, ec.EllipticCurvePrivateKey):
        raise EnrolmentError(f"the key {path} is no EC key; remove the file to have a new one made")
    return found


def request(key: ec.EllipticCurvePrivateKey, osb: str) -> str:
    """A certificate signing request (PEM) whose common name is the box's identifier."""
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, osb)])
    made = x509.CertificateSigningRequestBuilder().subject_name(name).sign(key, hashes.SHA256())
    return made.public_bytes(serialization.Encoding.PEM).decode()


def renewal_due(certificate: Path, now: datetime) -> bool:
    """Whether less than a third of a certificate's lifetime is left; False where there is none to renew."""
    try:
        found = x509.load_pem_x509_certificate(certificate.read_bytes())
    except (OSError, ValueError):
        return False
    lifetime = found.not_valid_after_utc - found.not_valid_before_utc
    return found.not_valid_after_utc - now < lifetime / 3


def expired(certificate: Path, now: datetime) -> datetime | None:
    """When a certificate ended, if it has; `None` also where there is none."""
    try:
        until = x509.load_pem_x509_certificate(certificate.read_bytes()).not_valid_after_utc
    except (OSError, ValueError):
        return None
    return until if until < now else None


def renew(certificate: Path, key: ec.EllipticCurvePrivateKey, osb: str, answer: str) -> bool:
    """Put a renewed certificate in the place of the old one; False if it is the one that is there.

    Raises
    ------
    EnrolmentError
        If the platform refuses, or what it sent isn't a certificate of this box and its key; the old one stays.
    """
    if (why := _refusal(answer)) is not None:
        raise EnrolmentError(f"the platform refuses to renew it: {why}")
    _refuse_foreign(answer, key, osb)
    if certificate.is_file() and certificate.read_text(encoding="ascii") == answer:
        return False
    write(certificate, answer)
    return True


def write(path: Path, text: str, mode: int = 0o644) -> None:
    """Write a file that appears whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(path.name + ".part")
    part.unlink(missing_ok=True)
    with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "w", encoding="ascii") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)


def _refuse_foreign(pem: str, key: ec.EllipticCurvePrivateKey, osb: str) -> None:
    try:
        certificate = x509.load_pem_x509_certificate(pem.encode())
    except ValueError as error:
        raise EnrolmentError(f"what the platform sent is no certificate ({error}); nothing was written") from error
    names = [attribute.value for attribute in certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)]
    if names != [osb]:
        raise EnrolmentError(f"the platform sent a certificate for {names}, and this box is {osb}; nothing was written")
    if certificate.public_key() != key.public_key():
        raise EnrolmentError(f"the platform sent a certificate of another key than that of {osb}; nothing was written")


def _refusal(answer: str) -> str | None:
    """The platform's sentence, where it answers by one."""
    try:
        return str(json.loads(answer)["refused"])
    except (ValueError, KeyError, TypeError):
        return None


def _detail(answer: httpx.Response) -> str:
    try:
        return str(answer.json()["detail"])
    except (ValueError, KeyError, TypeError):
        return answer.text[:200] or "it gives no reason"
