"""An authority with a clock that can be set, and requests as boxes make them."""

import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from telemetry.tls import TlsFiles


class WallClock:
    """The real time, moved by `ahead`: TLS compares with the real one."""

    def __init__(self, ahead: timedelta = timedelta(0)) -> None:
        self.ahead = ahead

    def __call__(self) -> datetime:
        return datetime.fromtimestamp(time.time(), UTC) + self.ahead


def key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def request(name: str, private=None, *, names: list[str] | None = None, extension=None) -> bytes:
    """A certificate request for one common name, or for several."""
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, each) for each in names or [name]])
    builder = x509.CertificateSigningRequestBuilder().subject_name(subject)
    if extension is not None:
        builder = builder.add_extension(extension, critical=False)
    return builder.sign(private or key(), SHA256()).public_bytes(Encoding.PEM)


def save(folder: Path, ca: Path, private: ec.EllipticCurvePrivateKey, certificate: str) -> TlsFiles:
    """Write what a box was given to files."""
    folder.mkdir(parents=True, exist_ok=True)
    files = TlsFiles(ca, folder / "box.pem", folder / "box.key")
    files.key.write_bytes(private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    files.certificate.write_text(certificate)
    return files
