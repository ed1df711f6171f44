"""Programs of partners: OAuth 2 clients that prove who they are by a secret or by a key of their own.

References
----------
RFC 6749 §4.4 (client credentials), RFC 7523 (private_key_jwt).
"""

import hmac
import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from sqlite3 import IntegrityError, Row
from typing import Any

from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from access.database import Database, instant, seconds
from access.errors import AccessError
from access.hashes import digest, make
from access.principal import Role

PREFIX = "flexcoop_client_"
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_ROLES = (Role.PARTNER, Role.GRID_OPERATOR, Role.AUDITOR)


@dataclass(frozen=True)
class Client:
    """A partner's program.

    Attributes
    ----------
    subject : IRI of the partner it acts for
    keys : its public keys (JWKS), if it signs its requests
    expires : when the partner's access ends; `None` if it does not
    """

    id: str
    role: Role
    subject: str
    keys: dict[str, Any] | None
    created: datetime
    expires: datetime | None
    revoked: datetime | None


class Clients:
    """The clients of this platform.

    Parameters
    ----------
    now
        The wall clock (aware).
    """

    def __init__(self, database: Database, now: Callable[[], datetime]) -> None:
        self._db, self._now = database, now

    def add(
        self,
        name: str,
        subject: str,
        role: Role = Role.PARTNER,
        *,
        expires: datetime | None = None,
        keys: dict[str, Any] | None = None,
    ) -> str | None:
        """Make a client; returns its secret, this once, or nothing if it has keys of its own.

        Raises
        ------
        AccessError
            If the identifier is taken or none, the role is not one of partners, or the keys are none, or not public ones.
        """
        if not _ID.fullmatch(name):
            raise AccessError(f"{name!r} is no identifier of a client; use 1 to 64 letters, digits, '.', '_' and '-'")
        if role not in _ROLES:
            raise AccessError(f"A client can't be of role {role.value}; it is {', '.join(_ROLES)}")
        secret = None if keys else make(PREFIX)
        try:
            self._db.change(
                "insert into client (id, role, subject, secret, jwks, created, expires) values (?, ?, ?, ?, ?, ?, ?)",
                name, role.value, subject, secret and digest(secret), _public(keys) if keys else None,
                seconds(self._now()), expires and seconds(expires),
            )  # fmt: skip
        except IntegrityError as error:
            raise AccessError(f"There is a client {name!r} already; choose another identifier") from error
        return secret

    def find(self, name: str) -> Client | None:
        """Return a client if there is one with this identifier, also a revoked one."""
        row = self._db.row("select * from client where id = ?", name)
        return None if row is None else _client(row)

    def list(self) -> list[Client]:
        """List the clients by identifier."""
        return [_client(row) for row in self._db.rows("select * from client order by id")]

    def live(self, name: str) -> Client | None:
        """Return a client that is neither revoked nor expired."""
        found = self.find(name)
        over = found is not None and (found.revoked is not None or (found.expires is not None and found.expires <= self._now()))
        return None if over else found

    def authenticate(self, name: str, secret: str) -> Client | None:
        """Return the client if it may come in and the secret is its own."""
        row = self._db.row("select secret from client where id = ?", name)
        kept = row["secret"] if row and row["secret"] else digest("")
        fits = hmac.compare_digest(kept, digest(secret)) and bool(secret)
        return self.live(name) if fits else None

    def once(self, name: str, jti: str, expires: int) -> bool:
        """Note that a signed request was used; returns false if it was used before."""
        self._db.change("delete from assertion where expires < ?", seconds(self._now()) - 120)
        return self._db.change("insert or ignore into assertion (client, jti, expires) values (?, ?, ?)", name, digest(jti), expires) > 0

    def new_secret(self, name: str) -> str:
        """Replace a client's secret; returns it, this once.

        Raises
        ------
        AccessError
            If there is no such client.
        """
        secret = make(PREFIX)
        if not self._db.change("update client set secret = ? where id = ? and revoked is null", digest(secret), name):
            raise AccessError(f"There is no client {name!r} that is not revoked; `flex client list` shows those there are")
        return secret

    def revoke(self, name: str) -> None:
        """Revoke a client: neither it nor a token that it was given counts from the next request on.

        Raises
        ------
        AccessError
            If there is no such client.
        """
        if not self._db.change("update client set revoked = coalesce(revoked, ?) where id = ?", seconds(self._now()), name):
            raise AccessError(f"There is no client {name!r}; `flex client list` shows those there are")


def _public(keys: dict[str, Any]) -> str:
    try:
        known = KeySet.import_key_set(keys)  # type: ignore[arg-type]
    except (JoseError, ValueError, KeyError, TypeError) as error:
        raise AccessError('The keys of a client are a JWKS: a JSON object {"keys": […]} of public keys') from error
    if not known.keys or any(key.key_type == "oct" or key.is_private for key in known.keys):
        raise AccessError("The keys of a client are public keys (RSA, EC or Ed25519); keep the private halves to yourself")
    return json.dumps(keys)


def _client(row: Row) -> Client:
    created = instant(row["created"])
    assert created is not None  # noqa: S101  (not null in the file)
    return Client(
        row["id"], Role(row["role"]), row["subject"], json.loads(row["jwks"]) if row["jwks"] else None, created,
        instant(row["expires"]), instant(row["revoked"]),
    )  # fmt: skip
