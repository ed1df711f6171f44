"""What the authority has given out: certificates and claim codes, in an SQLite file of its own."""

import sqlite3
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from kg.terms import instant
from telemetry.errors import BrokerError

_SCHEMA = """
create table if not exists certificate (
    serial text primary key,
    osb text not null,
    key_digest text not null,
    not_after text not null,
    issued text not null,
    pem text not null,
    revoked text,
    reason text
) strict;
create index if not exists certificate_osb on certificate (osb);
create table if not exists claim (
    osb text primary key,
    digest text not null,
    expires text not null,
    used text
) strict;
"""


@dataclass(frozen=True)
class Certificate:
    """A certificate that was given out.

    Parameters
    ----------
    serial
        Hexadecimal.
    osb
        Whose it is.
    key_digest
        SHA-256 of its public key.
    not_after, issued
        UTC.
    pem
        The certificate itself.
    revoked, reason
        Since when it is not to be believed any more, and why; `None` if it is.
    """

    serial: str
    osb: str
    key_digest: str
    not_after: datetime
    issued: datetime
    pem: str
    revoked: datetime | None = None
    reason: str | None = None

    def state(self, now: datetime) -> str:
        """`revoked`, `expired` or `valid`."""
        return "revoked" if self.revoked else "expired" if now >= self.not_after else "valid"


@dataclass(frozen=True)
class Claim:
    """A claim code as it is kept: its hash, until when it holds, and when it was used."""

    osb: str
    digest: str
    expires: datetime
    used: datetime | None


class Issued:
    """The register; safe from every thread, and each change is on disk before the method returns.

    It is one file between two changes, without a write-ahead log beside it, so that a copy of the folder is a backup.

    Raises
    ------
    BrokerError
        If the file is damaged.
    """

    def __init__(self, path: Path) -> None:
        self._lock = threading.Lock()
        self._db = sqlite3.connect(path, check_same_thread=False, isolation_level=None, timeout=30)
        path.chmod(0o600)
        try:
            self._db.execute("PRAGMA journal_mode=DELETE")
            self._db.execute("PRAGMA synchronous=FULL")
            self._db.executescript(_SCHEMA)
        except sqlite3.DatabaseError as error:
            self._db.close()
            raise BrokerError(f"the register of certificates {path} can't be read ({error}); restore it from a backup") from error

    def certificates(self, osb: str | None = None) -> list[Certificate]:
        """Return all certificates, or those of one OSB; oldest first."""
        with self._lock:
            rows = self._db.execute(f"{_COLUMNS} where ?1 is null or osb = ?1 order by osb, rowid", (osb,)).fetchall()
        return [_certificate(row) for row in rows]

    def add(self, certificate: Certificate, *, claim: str | None = None) -> bool:
        """Enter a certificate.

        Parameters
        ----------
        claim
            Digest of the claim code for which it is given; it is used up with it, and the OSB's earlier certificates end.

        Returns
        -------
        Whether it was entered: not if that claim code was used up or became void in between.
        """
        when = instant(certificate.issued)
        with self._lock, self._db:
            self._db.execute("begin immediate")
            if claim is not None:
                use = "update claim set used = ? where osb = ? and digest = ? and used is null"
                if not self._db.execute(use, (when, certificate.osb, claim)).rowcount:
                    return False
                self._revoke(certificate.osb, when, "Superseded")
            self._db.execute(
                "insert into certificate (serial, osb, key_digest, not_after, issued, pem, revoked, reason) values (?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    certificate.serial,
                    certificate.osb,
                    certificate.key_digest,
                    instant(certificate.not_after),
                    when,
                    certificate.pem,
                    instant(certificate.revoked) if certificate.revoked else None,
                    certificate.reason,
                ),
            )
        return True

    def revoke(self, osb: str, now: datetime, reason: str) -> list[str]:
        """End the certificates of an OSB and its claim code; returns the serials that were valid until now."""
        with self._lock, self._db:
            self._db.execute("begin immediate")
            self._db.execute("delete from claim where osb = ?", (osb,))
            return self._revoke(osb, instant(now), reason)

    def claim(self, osb: str) -> Claim | None:
        """Return the latest claim code of an OSB."""
        with self._lock:
            row = self._db.execute("select osb, digest, expires, used from claim where osb = ?", (osb,)).fetchone()
        if row is None:
            return None
        return Claim(row[0], row[1], datetime.fromisoformat(row[2]), datetime.fromisoformat(row[3]) if row[3] else None)

    def set_claim(self, osb: str, digest: str, expires: datetime) -> None:
        """Keep a claim code in place of an earlier one."""
        with self._lock:
            self._db.execute("insert or replace into claim (osb, digest, expires) values (?, ?, ?)", (osb, digest, instant(expires)))

    def close(self) -> None:
        """Release the file."""
        with self._lock:
            self._db.close()

    def _revoke(self, osb: str, when: str, reason: str) -> list[str]:
        rows: Sequence[tuple[str]] = self._db.execute(
            "update certificate set revoked = ?, reason = ? where osb = ? and revoked is null returning serial", (when, reason, osb)
        ).fetchall()
        return [serial for (serial,) in rows]


_COLUMNS = "select serial, osb, key_digest, not_after, issued, pem, revoked, reason from certificate"


def _certificate(row: tuple[str, str, str, str, str, str, str | None, str | None]) -> Certificate:
    serial, osb, digest, not_after, issued, pem, revoked, reason = row
    return Certificate(
        serial,
        osb,
        digest,
        datetime.fromisoformat(not_after),
        datetime.fromisoformat(issued),
        pem,
        datetime.fromisoformat(revoked) if revoked else None,
        reason,
    )
