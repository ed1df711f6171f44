"""X.509 for the authority of the boxes: what a request may hold, and what is signed. Pure: keys, names and times come in as arguments.

References
----------
RFC 5280 (certificates and revocation lists; a common name has at most 64 characters), RFC 2986 (requests).
"""

import ipaddress
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from telemetry.errors import EnrolmentError

MAX_REQUEST_BYTES = 8192
_IDENTIFIER = re.compile(r"osb-[a-z0-9-]{1,60}")
_HOST_NAME = re.compile(r"(?!-)[a-z0-9-]{1,63}(\.[a-z0-9-]{1,63})*", re.IGNORECASE)
_CURVES = (ec.SECP256R1, ec.SECP384R1)
_UNREADABLE = (
    ValueError,
    TypeError,
    UnsupportedAlgorithm,
    x509.InvalidVersion,
    x509.DuplicateExtension,
    x509.UnsupportedGeneralNameType,
)
# The clock of a box may be a day wrong when it connects for the first time, and only then can it measure by how much.
_BACKDATED = timedelta(days=2)


@dataclass(frozen=True)
class Signer:
    """An authority's certificate and private key."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey


def new_key() -> ec.EllipticCurvePrivateKey:
    """Make a private key on P-256."""
    return ec.generate_private_key(ec.SECP256R1())


def refuse_unless_identifier(osb: str) -> None:
    """Let through what can be one level of a topic and nothing else.

    A name with `+`, `#` or `/` would turn the access list's pattern into one for other boxes' topics.

    Raises
    ------
    EnrolmentError
        If it is not `osb-` followed by 1 to 60 small letters, digits or hyphens.
    """
    if not _IDENTIFIER.fullmatch(osb):
        raise EnrolmentError(
            f"{osb[:80]!r} is not the identifier of an OSB; it is osb- followed by 1 to 60 small letters, digits or hyphens, like osb-h01"
        )


def read_request(pem: bytes, osb: str) -> x509.CertificateSigningRequest:
    """Read a certificate request and refuse whatever in it is not plainly what a box needs.

    Raises
    ------
    EnrolmentError
        If it is no PEM request, not signed with its own key, names anything but `CN={osb}`, or asks for extensions or another kind of key.
    """
    if len(pem) > MAX_REQUEST_BYTES:
        raise EnrolmentError(f"the certificate request has {len(pem)} bytes, more than {MAX_REQUEST_BYTES}; send one request as PEM")
    try:
        request = x509.load_pem_x509_csr(pem)
        signed = request.is_signature_valid
        subject = list(request.subject)
        more = bool(list(request.extensions)) or bool(list(request.attributes))
        key = request.public_key()
    except _UNREADABLE as error:
        raise EnrolmentError(f"the certificate request can't be read ({error}); send a PKCS #10 request as PEM") from error
    if not signed:
        raise EnrolmentError("the certificate request is not signed with its own key; make it anew")
    if [(each.oid, each.value) for each in subject] != [(NameOID.COMMON_NAME, osb)]:
        named = request.subject.rfc4514_string()[:200]
        raise EnrolmentError(
            f"the certificate request is for {named!r}, and only CN={osb} may be given to {osb}; make it with that subject"
        )
    if more:
        raise EnrolmentError("the certificate request asks for extensions or has attributes; the authority sets these, leave them out")
    if not isinstance(key, ec.EllipticCurvePublicKey) or not isinstance(key.curve, _CURVES):
        raise EnrolmentError("the certificate request has a key of a kind that is not taken; use an elliptic-curve key on P-256 or P-384")
    return request


def authority(key: ec.EllipticCurvePrivateKey, now: datetime, valid: timedelta) -> x509.Certificate:
    """Sign the authority's own certificate: it may sign certificates of boxes and servers, but no further authorities."""
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "FLEXCoop authority")])
    public = key.public_key()
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(public)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _BACKDATED)
        .not_valid_after(now + valid)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(signs_certificates=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(public), critical=False)
        .sign(key, SHA256())
    )


def client(signer: Signer, public: ec.EllipticCurvePublicKey, name: str, now: datetime, until: datetime) -> x509.Certificate:
    """Sign a certificate with which `name` connects, and which can be shown for nothing else: no server can be run with it."""
    return _sign(signer, public, name, now, until, x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]), None)


def server(
    signer: Signer, public: ec.EllipticCurvePublicKey, names: Sequence[x509.GeneralName], now: datetime, until: datetime
) -> x509.Certificate:
    """Sign the broker's certificate for the names by which boxes reach it."""
    usage = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH])
    return _sign(signer, public, "flexcoop-broker", now, until, usage, x509.SubjectAlternativeName(names))


def revocation_list(signer: Signer, serials: Iterable[int], this_update: datetime, next_update: datetime) -> x509.CertificateRevocationList:
    """Sign the list of the certificates that are no longer to be believed."""
    builder = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(signer.certificate.subject)
        .last_update(this_update)
        .next_update(next_update)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.key.public_key()), critical=False)
        .add_extension(x509.CRLNumber(int(this_update.timestamp())), critical=False)
    )
    for serial in serials:
        revoked = x509.RevokedCertificateBuilder().serial_number(serial).revocation_date(this_update).build()
        builder = builder.add_revoked_certificate(revoked)
    return builder.sign(signer.key, SHA256())


def general_names(names: Iterable[str]) -> list[x509.GeneralName]:
    """DNS names and addresses in the form that a certificate holds, sorted, each once.

    Raises
    ------
    EnrolmentError
        If one is neither.
    """
    found: dict[str, x509.GeneralName] = {}
    for name in sorted(names):
        try:
            found[name] = x509.IPAddress(ipaddress.ip_address(name))
        except ValueError:
            if not _HOST_NAME.fullmatch(name):
                raise EnrolmentError(f"{name!r} is neither a DNS name nor an address; correct FLEX_BROKER_NAMES") from None
            found[name] = x509.DNSName(name)
    return list(found.values())


def spki(public: ec.EllipticCurvePublicKey) -> bytes:
    """Spell a public key as DER, to tell keys apart."""
    return public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def public_key(certificate: x509.Certificate) -> bytes:
    """Spell a certificate's public key as DER."""
    return certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def _sign(
    signer: Signer,
    public: ec.EllipticCurvePublicKey,
    name: str,
    now: datetime,
    until: datetime,
    usage: x509.ExtendedKeyUsage,
    names: x509.SubjectAlternativeName | None,
) -> x509.Certificate:
    builder = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
        .issuer_name(signer.certificate.subject)
        .public_key(public)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _BACKDATED)
        .not_valid_after(until)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(signs_certificates=False), critical=True)
        .add_extension(usage, critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.key.public_key()), critical=False)
    )
    if names is not None:
        builder = builder.add_extension(names, critical=False)
    return builder.sign(signer.key, SHA256())


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )
