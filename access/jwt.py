"""Signed tokens: what partners are given and show again, and how strictly they are read.

References
----------
RFC 9068 (JWT profile for access tokens), RFC 8725 (best current practices: fixed algorithms, explicit types, audience).
"""

import base64
import binascii
import json
import secrets
from collections.abc import Callable, Collection
from datetime import UTC, datetime
from typing import Any

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import Key, KeySet

from access.clients import Client, Clients
from access.database import seconds
from access.errors import CredentialError
from access.keys import ALGORITHM, LONGEST_LIFE, Keys
from access.principal import Principal

LEEWAY_S = 30
FOREIGN_ALGORITHMS = ("ES256", "EdDSA", "Ed25519", "RS256", "PS256")
_LONGEST = 8192
_LONGEST_ASSERTION_S = 300


class Jwts:
    """Issues and reads the platform's own tokens, and reads the requests that partners sign.

    Parameters
    ----------
    base
        The platform's address: issuer and audience.
    now
        The wall clock (aware).
    """

    def __init__(self, keys: Keys, clients: Clients, base: str, now: Callable[[], datetime]) -> None:
        self._keys, self._clients, self._base, self._now = keys, clients, base, now

    def issue(self, client: Client) -> tuple[str, int]:
        """Give a client a token; returns it and for how many seconds it is valid."""
        key, at = self._keys.current(), seconds(self._now())
        life = int(LONGEST_LIFE.total_seconds())
        if client.expires is not None:
            life = max(1, min(life, seconds(client.expires) - at))
        claims = {
            "iss": self._base,
            "sub": client.id,
            "client_id": client.id,
            "aud": self._base,
            "iat": at,
            "nbf": at,
            "exp": at + life,
            "jti": secrets.token_urlsafe(16),
            "scope": client.role.value,
        }
        return jwt.encode({"alg": ALGORITHM, "kid": key.kid, "typ": "at+jwt"}, claims, key, algorithms=[ALGORITHM]), life

    def recognise(self, token: str) -> Principal:
        """Return who shows this token; whether the client may still come in is looked up now.

        Raises
        ------
        CredentialError
            If the token is not signed by a key of ours that counts, is not for this platform, is not valid now, or its client is revoked.
        """
        header = head(token)
        if header.get("typ") != "at+jwt":
            raise CredentialError("This token is not an access token (typ is not at+jwt); get one at /oauth/token")
        key = self._keys.find(str(header.get("kid")))
        if key is None:
            raise CredentialError("This token is signed by a key that does not count (any more); get a new one at /oauth/token")
        claims = read(token, key, (ALGORITHM,))
        check(claims, self._base, self._base, seconds(self._now()))
        client = self._clients.live(str(claims.get("client_id")))
        if client is None or claims.get("sub") != client.id:
            raise CredentialError("The client that this token was given to is revoked or has expired; ask the operator")
        return Principal(client.role, f"client:{client.id}", client.subject, "jwt", datetime.fromtimestamp(claims["exp"], UTC))

    def asserted(self, assertion: str, address: str) -> Client:
        """Return the client that signed a request for a token (private_key_jwt).

        Raises
        ------
        CredentialError
            If no live client signed it, it is not for `address` or the platform, is not valid now, or was used before.
        """
        name = str(unverified(assertion).get("sub"))
        client = self._clients.live(name)
        if client is None or client.keys is None:
            raise CredentialError("No client with keys of its own has this identifier, or it is revoked", "invalid_client")
        at = seconds(self._now())
        claims = read(assertion, _pick(client.keys, head(assertion)), FOREIGN_ALGORITHMS, "invalid_client")
        check(claims, name, (address, self._base), at, "invalid_client")
        jti = claims.get("jti")
        if claims["exp"] - at > _LONGEST_ASSERTION_S + LEEWAY_S or not isinstance(jti, str):
            raise CredentialError(f"A signed request has a jti and is valid for at most {_LONGEST_ASSERTION_S} s", "invalid_client")
        if not self._clients.once(name, jti, claims["exp"]):
            raise CredentialError("This signed request was used before; sign each with a new jti", "invalid_client")
        return client


def head(token: str) -> dict[str, Any]:
    """Read the header of a token that nobody has verified yet.

    Raises
    ------
    CredentialError
        If it is none.
    """
    return _part(token, 0)


def unverified(token: str) -> dict[str, Any]:
    """Read the claims of a token that nobody has verified: only to find the key to verify it with.

    Raises
    ------
    CredentialError
        If it has none.
    """
    return _part(token, 1)


def read(token: str, key: Key | KeySet, algorithms: Collection[str], code: str = "invalid_token") -> dict[str, Any]:
    """Return the claims of a token that this key signed with one of these algorithms.

    Raises
    ------
    CredentialError
        If it did not.
    """
    try:
        return dict(jwt.decode(token, key, algorithms=list(algorithms)).claims)
    except (JoseError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise CredentialError(f"The signature of this token does not hold; it must be one of {', '.join(algorithms)}", code) from error


def check(claims: dict[str, Any], issuer: str, audience: str | Collection[str], at: int, code: str = "invalid_token") -> None:
    """Hold claims against who must have issued them, for whom, and the time.

    Raises
    ------
    CredentialError
        If one of them does not fit, or the expiry is missing.
    """
    wanted = {audience} if isinstance(audience, str) else set(audience)
    given = claims.get("aud")
    named = {given} if isinstance(given, str) else {each for each in given if isinstance(each, str)} if isinstance(given, list) else set()
    if claims.get("iss") != issuer:
        raise CredentialError(f"This token was not issued by {issuer}", code)
    if not named & wanted:
        raise CredentialError(f"This token is not for {' or '.join(sorted(wanted))}, but for {', '.join(sorted(named)) or 'nobody'}", code)
    times = {name: claims[name] for name in ("exp", "nbf", "iat") if name in claims}
    if "exp" not in times or any(type(value) not in (int, float) or value != value for value in times.values()):
        raise CredentialError("This token does not say in numbers when it expires (exp)", code)
    if at >= times["exp"] + LEEWAY_S:
        raise CredentialError("This token has expired; get a new one", code)
    if any(at < times[name] - LEEWAY_S for name in ("nbf", "iat") if name in times):
        raise CredentialError("This token is not valid yet; set the clock of whoever issued it", code)


def _pick(keys: dict[str, Any], header: dict[str, Any]) -> Key:
    known = KeySet.import_key_set(keys)  # type: ignore[arg-type]
    kid = header.get("kid")
    fitting = [key for key in known.keys if kid is None or key.kid == kid]
    if len(fitting) != 1:
        raise CredentialError("The header of a signed request names one of the client's keys by kid", "invalid_client")
    return fitting[0]


def _part(token: str, index: int) -> dict[str, Any]:
    parts = token.split(".")
    if len(parts) != 3 or len(token) > _LONGEST:
        raise CredentialError("This is not a token of the form header.claims.signature")
    try:
        found = json.loads(base64.urlsafe_b64decode(parts[index] + "=" * (-len(parts[index]) % 4)))
    except (binascii.Error, ValueError, RecursionError) as error:
        raise CredentialError("This is not a token of the form header.claims.signature") from error
    if not isinstance(found, dict):
        raise CredentialError("This is not a token of the form header.claims.signature")
    return found
