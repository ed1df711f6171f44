"""The certificate authority of the boxes: claim code → request → certificate → renewal → revocation.

Who holds the authority's key can speak for every box; it lies in one file that only the platform's user can read, and never leaves it. Times
are those of the wall clock, whatever a scenario says, as TLS on both sides compares with it.
"""

import hashlib
import hmac
import logging
import secrets
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding

from telemetry import certificates as x
from telemetry.errors import BrokerError, ClaimCodeError, EnrolmentError, ThrottledError
from telemetry.issued import Certificate, Issued
from telemetry.signing import SigningFolder, key_in, write
from telemetry.throttle import Throttle
from telemetry.tls import TlsFiles

_LOG = logging.getLogger(__name__)
PLATFORM = "flexcoop-platform"
_CANARY = "flexcoop-canary"
CODE_LIFE = timedelta(hours=24)
DAYS = 90
_SERVER_LIFE, _SERVER_RENEWED = timedelta(days=365), timedelta(days=30)
_RENEWALS_A_DAY = 5
_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"  # without I, L, O, U, which are misread (Crockford)
_CODE_LENGTH, _GROUP = 20, 5  # 100 bits: a hash without salt is enough, and guessing is hopeless even unthrottled
_LOCAL = ("localhost", "127.0.0.1", "::1")


@dataclass(frozen=True)
class ClaimCode:
    """What an installer types into a box, once."""

    osb: str
    code: str
    expires: datetime


@dataclass(frozen=True)
class Given:
    """A certificate for a box, and the authority that it may believe; both PEM."""

    certificate: str
    ca: str
    not_after: datetime


class Authority:
    """A small authority in a folder of its own.

    Parameters
    ----------
    folder
        Keys, certificates, the revocation list and the register; made (0700) with a new authority if it does not exist.
    now
        The wall clock (aware).
    days
        How long a box's certificate is valid.
    claimed
        Raises a `ValueError` with a sentence if nobody has claimed the OSB with this identifier.
    on_revoked
        Called with an OSB's identifier once the list names its certificates: who runs the broker makes it act on that.

    Raises
    ------
    telemetry.errors.BrokerError
        If the folder is not fit to be believed: see `telemetry.signing.SigningFolder`.
    """

    def __init__(
        self,
        folder: Path,
        now: Callable[[], datetime],
        *,
        days: int = DAYS,
        claimed: Callable[[str], None] = lambda _: None,
        on_revoked: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._files = SigningFolder(folder, now)
        self._now, self._life = now, timedelta(days=days)
        self._claimed, self._on_revoked = claimed, on_revoked
        self._lock = threading.RLock()
        self.ca, self.crl = self._files.ca, self._files.crl
        register = self._files.folder / "issued.sqlite"
        if self.crl.exists() and not register.exists():
            _LOG.error(
                "authority: the register %s is gone and begun anew; boxes can't renew what it knew, so claim and enrol them anew", register
            )
        self._issued = Issued(register)
        self._throttle = Throttle(now)
        self._write_list()  # should the platform have been ended between a revocation and the list

    def close(self) -> None:
        """Release the register."""
        self._issued.close()

    # --- for the boxes

    def claim(self, osb: str) -> ClaimCode:
        """Make a claim code for an OSB that somebody has claimed; an earlier one is void.

        Raises
        ------
        ValueError
            If the identifier is none, or nobody has claimed the OSB.
        """
        x.refuse_unless_identifier(osb)
        self._claimed(osb)
        code = "".join(secrets.choice(_ALPHABET) for _ in range(_CODE_LENGTH))
        expires = self._now() + CODE_LIFE
        self._issued.set_claim(osb, _digest(code), expires)
        _LOG.info("authority: a claim code for %s was made, valid until %s", osb, expires.isoformat())
        return ClaimCode(osb, "-".join(code[i : i + _GROUP] for i in range(0, _CODE_LENGTH, _GROUP)), expires)

    def enrol(self, osb: str, code: str, request: bytes) -> Given:
        """Give a box its certificate for its claim code. Earlier certificates of the OSB end: it has been replaced.

        A right code is taken however many wrong ones there were: it can't be guessed, and anybody could hold everybody up otherwise.

        Raises
        ------
        ThrottledError
            If the code is not valid, and there were too many such in the last minute.
        ClaimCodeError
            If the code is wrong, used or too old.
        ValueError
            If the identifier or the request is refused, or nobody has claimed the OSB any more; the code stays valid.
        """
        x.refuse_unless_identifier(osb)
        reason = self._code_refused(osb, code)
        if reason:
            self._throttle.refuse_if_busy(osb)
            self._throttle.count(osb)
            _LOG.warning("authority: %s was refused a certificate: its claim code is %s", osb, reason)
            raise ClaimCodeError(
                f"this claim code is not valid for {osb}: it is wrong, was used, or is more than 24 hours old; have a new one made: flex claim {osb}"
            )
        self._claimed(osb)
        asked = self._read(request, osb)
        with self._lock:
            replaced = [each.serial for each in self._issued.certificates(osb) if each.state(self._now()) == "valid"]
            certificate = self._certificate(osb, asked)
            if not self._issued.add(certificate, claim=_digest(code)):
                raise ClaimCodeError(f"this claim code for {osb} was used or replaced a moment ago; have a new one made: flex claim {osb}")
            _LOG.info("authority: %s was given certificate %s until %s", osb, certificate.serial, certificate.not_after.isoformat())
            if replaced:
                _LOG.warning("authority: %s was enrolled again; its earlier certificates %s are revoked", osb, ", ".join(replaced))
                self._write_list()
        if replaced:
            try:
                self._on_revoked(osb)
            except (BrokerError, OSError):  # the code is used up: the box must have its answer all the same
                _LOG.exception("authority: the broker may still believe the earlier certificates of %s; start the platform anew", osb)
        return self._given(certificate)

    def renew(self, osb: str, request: bytes) -> Given:
        """Give a box that has a valid certificate the next one; the caller has made sure that it is that box.

        Asked again with the key of a certificate that is still young, it gives that one again: the answer may have been lost.

        Raises
        ------
        ThrottledError
            If the box has been given five certificates in a day.
        ValueError
            If the request is refused, all its certificates are revoked or expired, or nobody has claimed the OSB any more.
        """
        x.refuse_unless_identifier(osb)
        asked = self._read(request, osb)
        self._claimed(osb)
        now = self._now()
        with self._lock:
            certificates = self._issued.certificates(osb)
            valid = [each for each in certificates if each.state(now) == "valid"]
            if not valid:  # a request may have been waiting while the certificate was revoked
                raise EnrolmentError(f"{osb} has no valid certificate that could be renewed; have a claim code made: flex claim {osb}")
            newest = valid[-1]
            if newest.key_digest == _sha256(x.spki(asked)) and newest.not_after - now > self._life * 2 / 3:
                return self._given(newest)
            if sum(now - each.issued < timedelta(days=1) for each in certificates) >= _RENEWALS_A_DAY:
                raise ThrottledError(f"{osb} was given {_RENEWALS_A_DAY} certificates in a day; ask again tomorrow", 86400)
            certificate = self._certificate(osb, asked)
            self._issued.add(certificate)
        _LOG.info("authority: %s was given certificate %s until %s (renewal)", osb, certificate.serial, certificate.not_after.isoformat())
        return self._given(certificate)

    def revoke(self, osb: str, reason: str = "RevokedByOperator") -> list[str]:
        """End all certificates of an OSB, and its claim code; returns the serials that were valid.

        Raises
        ------
        EnrolmentError
            If the OSB has neither.
        """
        x.refuse_unless_identifier(osb)
        with self._lock:
            if not self._issued.certificates(osb) and self._issued.claim(osb) is None:
                raise EnrolmentError(f"{osb} has no certificate that could be revoked; flex certificates lists those there are")
            serials = self._issued.revoke(osb, self._now(), reason)
            self._write_list()
        _LOG.warning("authority: certificates %s of %s are revoked (%s)", ", ".join(serials) or "(none left)", osb, reason)
        self._on_revoked(osb)
        return serials

    def knows(self, osb: str) -> bool:
        """Whether an OSB has a certificate that is valid, or a claim code that can still be used."""
        now, code = self._now(), self._issued.claim(osb)
        waiting = code is not None and code.used is None and now < code.expires
        return waiting or any(each.state(now) == "valid" for each in self._issued.certificates(osb))

    def certificates(self) -> list[Certificate]:
        """Return every certificate that was given to a box, oldest first."""
        return [each for each in self._issued.certificates() if each.osb != _CANARY]

    def issue_to(self, folder: Path, osb: str) -> TlsFiles:
        """Write key and certificate of a simulated box to `folder` (`{osb}.key`, `{osb}.pem`, and `ca.pem`); what is young is kept."""
        x.refuse_unless_identifier(osb)
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        files = TlsFiles(folder / "ca.pem", folder / f"{osb}.pem", folder / f"{osb}.key")
        write(files.ca, self.ca.read_bytes(), 0o644)
        key = key_in(files.key)
        now = self._now()
        young = [each for each in self._issued.certificates(osb) if each.state(now) == "valid" and each.not_after - now > self._life / 3]
        mine = [each for each in young if each.key_digest == _sha256(x.spki(key.public_key()))]
        with self._lock:
            certificate = mine[-1] if mine else self._certificate(osb, key)
            if not mine:
                self._issued.add(certificate)
                _LOG.info("authority: simulated %s was given certificate %s", osb, certificate.serial)
        write(files.certificate, certificate.pem.encode(), 0o644)
        return files

    # --- for the broker and the platform

    def server_files(self, names: Iterable[str] = ()) -> TlsFiles:
        """Return the broker's files: its certificate is signed anew when it ends within 30 days, or is for other names than these."""
        wanted = x.general_names({*names, *_LOCAL})

        def fits(found: x509.Certificate) -> bool:
            have = found.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
            return list(have) == wanted and found.not_valid_after_utc - self._now() > _SERVER_RENEWED

        return self._files.own(
            "server", fits, lambda public: x.server(self._files.signer, public, wanted, self._now(), self._now() + _SERVER_LIFE)
        )

    def platform_files(self, name: str = PLATFORM) -> TlsFiles:
        """Return the files of a process of the platform. They lie beside the authority's key and are as safe, so they last as long."""
        signer = self._files.signer
        until = signer.certificate.not_valid_after_utc
        return self._files.own(name, lambda _: True, lambda public: x.client(signer, public, name, self._now(), until))

    def canary(self, folder: Path) -> TlsFiles:
        """Write a certificate that the list names from now on: a broker that refuses it has read this list, not an older one."""
        now = self._now()
        with self._lock:
            files, signed = self._files.passing(folder, _CANARY)
            # registered, so that no other list that is written meanwhile forgets it
            self._issued.add(replace(_entry(signed, _CANARY, now), revoked=now, reason="Canary"))
            self._write_list()
        return files

    def stand_in(self, folder: Path, osb: str) -> TlsFiles:
        """Write a certificate in the name of an OSB, valid for minutes: the broker ends a box's connection when another takes its place."""
        x.refuse_unless_identifier(osb)
        return self._files.passing(folder, osb)[0]

    # --- inside

    def _read(self, request: bytes, osb: str) -> ec.EllipticCurvePublicKey:
        try:
            key = x.read_request(request, osb).public_key()
        except EnrolmentError as error:
            _LOG.warning("authority: %s was refused a certificate: %s", osb, error)
            raise
        assert isinstance(key, ec.EllipticCurvePublicKey)  # noqa: S101  (read_request has made sure)
        return key

    def _code_refused(self, osb: str, code: str) -> str:
        claim = self._issued.claim(osb)
        if claim is None:
            return "unknown"
        if not hmac.compare_digest(claim.digest, _digest(code)):
            return "wrong"
        if claim.used is not None:
            return "used"
        return "expired" if self._now() >= claim.expires else ""

    def _certificate(self, osb: str, key: ec.EllipticCurvePublicKey | ec.EllipticCurvePrivateKey) -> Certificate:
        public = key.public_key() if isinstance(key, ec.EllipticCurvePrivateKey) else key
        now = self._now()
        return _entry(x.client(self._files.signer, public, osb, now, now + self._life), osb, now)

    def _write_list(self) -> None:
        """Name every revoked certificate that would be believed otherwise."""
        now, known = self._now(), {int(each.serial, 16): each for each in self._issued.certificates()}
        self._files.write_list([serial for serial, each in known.items() if each.revoked and now < each.not_after], known)

    def _given(self, certificate: Certificate) -> Given:
        return Given(certificate.pem, self.ca.read_text(encoding="ascii"), certificate.not_after)


def _entry(signed: x509.Certificate, name: str, now: datetime) -> Certificate:
    pem = signed.public_bytes(Encoding.PEM).decode()
    return Certificate(f"{signed.serial_number:x}", name, _sha256(x.public_key(signed)), signed.not_valid_after_utc, now, pem)


def _digest(code: str) -> str:
    """Hash a claim code as people may write it: small letters, spaces, and the letters that look like digits."""
    plain = code.upper().replace("-", "").replace(" ", "").translate(str.maketrans("OIL", "011"))
    return _sha256(plain.encode("utf-8", "replace"))  # JSON can hold what is no character


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
