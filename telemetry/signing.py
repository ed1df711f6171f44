"""The folder in which an authority keeps its keys: founded once, written atomically, readable by its owner alone."""

import logging
import os
import stat
from collections.abc import Callable, Container, Iterable
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_private_key

from telemetry import certificates as x
from telemetry.errors import BrokerError
from telemetry.processes import started_at
from telemetry.tls import TlsFiles

_LOG = logging.getLogger(__name__)
_AUTHORITY_LIFE = timedelta(days=3650)
_STAND_IN_LIFE = timedelta(minutes=10)
_LIST_BACKDATED = timedelta(days=2)
_WRITABLE_BY_OTHERS = 0o022

Sign = Callable[[ec.EllipticCurvePublicKey], x509.Certificate]


class SigningFolder:
    """Keys and certificates of an authority, its revocation list, and what is signed for the platform itself.

    Parameters
    ----------
    folder
        Made (0700), with a new authority, if it does not exist.
    now
        The wall clock (aware).

    Raises
    ------
    BrokerError
        If the key is missing beside its certificate, does not belong to it, or can be read by other users; if a file is damaged, other users
        can write to the folder, or the authority's certificate does not hold at this time.
    """

    def __init__(self, folder: Path, now: Callable[[], datetime]) -> None:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        mode = stat.S_IMODE(folder.stat().st_mode)
        if mode & _WRITABLE_BY_OTHERS:
            raise BrokerError(f"other users can put files into {folder} (mode {mode:o}); close it with: chmod 700 {folder}")
        self.folder, self._now = folder.absolute(), now
        self.ca, self.crl = self.folder / "ca.pem", self.folder / "crl.pem"
        _sweep(self.folder)
        self.signer = self._load_or_found()

    def own(self, name: str, fits: Callable[[x509.Certificate], bool], sign: Sign) -> TlsFiles:
        """Return the files of that name; signed by `sign` if there are none yet, or `fits` says that they don't any more."""
        files = TlsFiles(self.ca, self.folder / f"{name}.pem", self.folder / f"{name}.key")
        public = key_in(files.key).public_key()
        found = _certificate_in(files.certificate)
        if found is None or x.public_key(found) != x.spki(public) or not self._mine(found) or not fits(found):
            write(files.certificate, sign(public).public_bytes(Encoding.PEM), 0o644)
            if found is not None:
                _LOG.warning("authority: %s is signed anew; a broker or process elsewhere that uses it needs this one", files.certificate)
        return files

    def passing(self, folder: Path, name: str) -> tuple[TlsFiles, x509.Certificate]:
        """Write files in that name to `folder`, valid for minutes; returns the certificate, too."""
        files = TlsFiles(self.ca, folder / f"{name}.pem", folder / f"{name}.key")
        now = self._now()
        signed = x.client(self.signer, key_in(files.key).public_key(), name, now, now + _STAND_IN_LIFE)
        write(files.certificate, signed.public_bytes(Encoding.PEM), 0o644)
        return files, signed

    def write_list(self, serials: Iterable[int], known: Container[int]) -> None:
        """Write the revocation list. What the one before named and is not `known` stays on it: the register may be older than the list.

        It holds until the authority itself ends: it is read from this file and by this machine's broker only, so an end of its own would
        not make it fresher, but lock every box out if it were missed. OpenSSL takes the one that is dated later, to the second, and refuses
        one from the future; so it is dated two days back and at least a second after the one before, which leaves room for 172,800 lists at
        once. One from the future, written before the clock was set back, counts for nothing.
        """
        now = self._now().replace(microsecond=0)
        begun, before = now - _LIST_BACKDATED, self._list()
        if before is not None and before.last_update_utc < now:
            begun = max(begun, before.last_update_utc + timedelta(seconds=1))
        kept = {each.serial_number for each in before or () if each.serial_number not in known}
        made = x.revocation_list(self.signer, sorted({*serials, *kept}), begun, self.signer.certificate.not_valid_after_utc)
        write(self.crl, made.public_bytes(Encoding.PEM), 0o644)

    def _list(self) -> x509.CertificateRevocationList | None:
        """Return the list as it stands, if it is one of this authority."""
        if not self.crl.exists():
            return None
        try:
            found = x509.load_pem_x509_crl(self.crl.read_bytes())
        except ValueError as error:
            _LOG.warning("authority: the revocation list %s is damaged (%s); it is written anew from the register", self.crl, error)
            return None
        return found if found.is_signature_valid(self.signer.key.public_key()) else None

    def _load_or_found(self) -> x.Signer:
        private = self.folder / "ca.key"
        certificate = _certificate_in(self.ca)
        if certificate is not None and not private.exists():
            raise BrokerError(
                f"{private} is missing, without which no certificate can be signed; restore it, or remove {self.folder} to found a new "
                "authority, whose certificate every box then needs"
            )
        key = key_in(private)
        if certificate is None:
            certificate = x.authority(key, self._now(), _AUTHORITY_LIFE)
            write(self.ca, certificate.public_bytes(Encoding.PEM), 0o644)
        if x.public_key(certificate) != x.spki(key.public_key()):
            raise BrokerError(f"{private} is not the key of {self.ca}; restore the two from the same backup")
        begin, end = certificate.not_valid_before_utc, certificate.not_valid_after_utc
        if not begin <= self._now() < end:
            raise BrokerError(
                f"{self.ca} holds from {begin:%Y-%m-%d} to {end:%Y-%m-%d}, and the clock of this machine says {self._now():%Y-%m-%d}; set the "
                f"clock right, or remove {self.folder} to found a new authority, whose certificate every box then needs"
            )
        return x.Signer(certificate, key)

    def _mine(self, found: x509.Certificate) -> bool:
        return found.extensions.get_extension_for_class(
            x509.AuthorityKeyIdentifier
        ).value == x509.AuthorityKeyIdentifier.from_issuer_public_key(self.signer.key.public_key())


def key_in(path: Path) -> ec.EllipticCurvePrivateKey:
    """Read a private key, or make one.

    Raises
    ------
    BrokerError
        If other users can read it, or it is of another kind.
    """
    if not path.exists():
        key = x.new_key()
        write(path, key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()), 0o600)
        return key
    mode = stat.S_IMODE(path.stat().st_mode)
    if mode & 0o077:
        raise BrokerError(f"{path} can be read by other users (mode {mode:o}); close it with: chmod 600 {path}")
    try:
        found = load_pem_private_key(path.read_bytes(), None)
    except (ValueError, TypeError) as error:
        raise BrokerError(f"{path} holds no private key that can be read ({error}); restore it from a backup") from error
    if not isinstance(found, ec.EllipticCurvePrivateKey):
        raise BrokerError(f"{path} holds no elliptic-curve key; restore it from a backup")
    return found


def write(path: Path, data: bytes, mode: int) -> None:
    """Put a file in its place as a whole, on disk before this returns; never is it open to more users than `mode` says."""
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    with suppress(FileNotFoundError):
        beside.unlink()
    handle = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(handle, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(handle)
    beside.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _sweep(folder: Path) -> None:
    """Remove what a process that was killed in the middle of `write` has left."""
    for left in folder.glob(".*.*.*"):
        pid = left.name.rpartition(".")[2]
        if pid.isdigit() and started_at(int(pid)) is None:
            left.unlink(missing_ok=True)


def _certificate_in(path: Path) -> x509.Certificate | None:
    try:
        return x509.load_pem_x509_certificate(path.read_bytes()) if path.exists() else None
    except ValueError as error:
        raise BrokerError(f"{path} holds no certificate ({error}); restore it from a backup") from error
