"""Signing in at an OpenID provider: authorization code with PKCE, state and nonce; and tokens that it issued for programs.

References
----------
OpenID Connect Core 1.0 §3.1, Discovery 1.0; RFC 7636 (PKCE), RFC 9207 (issuer in the answer), RFC 9700 (best current practices).
"""

import hmac
import secrets
import threading
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from time import monotonic
from typing import Any
from urllib.parse import urlsplit

import httpx
from authlib.oauth2.auth import ClientAuth
from authlib.oauth2.base import OAuth2Error
from authlib.oauth2.client import OAuth2Client
from joserfc.errors import JoseError
from joserfc.jwk import Key, KeySet

from access.database import Database, seconds
from access.errors import AccessError, CredentialError, ProviderError
from access.hashes import digest, make
from access.jwt import FOREIGN_ALGORITHMS, check, head, read

_TIMEOUT_S, _LARGEST = 5.0, 1 << 20
_JOURNEY_S = 600
_KEYS_KEPT_S, _REFETCH_S = 3600.0, 30.0
_LOOPBACK = ("127.0.0.1", "localhost", "::1")


@dataclass(frozen=True)
class _Found:
    """What the provider says of itself, and its keys; `at` by the monotonic clock [s]."""

    document: Mapping[str, Any]
    keys: KeySet
    at: float


class Provider:
    """One OpenID provider.

    Parameters
    ----------
    issuer, client_id, client_secret
        As the provider knows this platform; without a secret it is a public client, which PKCE protects.
    base
        The platform's address.
    now
        The wall clock (aware).
    claim
        The claim that says who somebody is; `sub` is the only one that a provider never gives to somebody else.
    http
        For tests.

    Raises
    ------
    AccessError
        If the issuer is not an https address (http on loopback).
    """

    def __init__(
        self,
        database: Database,
        issuer: str,
        client_id: str,
        client_secret: str,
        base: str,
        now: Callable[[], datetime],
        *,
        claim: str = "sub",
        http: httpx.Client | None = None,
    ) -> None:
        _refuse_plain(issuer)
        self.issuer = issuer
        self._db, self._id, self._secret, self._base, self._now, self._claim = database, client_id, client_secret, base, now, claim
        self._http = http or httpx.Client(
            timeout=_TIMEOUT_S, follow_redirects=False, trust_env=False, limits=httpx.Limits(max_keepalive_connections=0)
        )
        self._lock = threading.Lock()
        self._found: _Found | None = None

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def begin(self, onward: str) -> tuple[str, str]:
        """Begin a sign-in that goes on to `onward`; returns where to send the browser, and what it must bring back as a cookie.

        Raises
        ------
        ProviderError
            If the provider can't be reached or does not describe itself.
        """
        known = self._discover().document
        browser, state, nonce, verifier = make(), make(), make(), secrets.token_urlsafe(48)
        at = seconds(self._now())
        self._db.change("delete from journey where expires < ?", at)
        self._db.change(
            "insert into journey (hash, state, nonce, verifier, next, expires) values (?, ?, ?, ?, ?, ?)",
            digest(browser), digest(state), nonce, verifier, onward, at + _JOURNEY_S,
        )  # fmt: skip
        address, _ = self._client().create_authorization_url(
            str(known["authorization_endpoint"]), state=state, nonce=nonce, code_verifier=verifier, response_type="code"
        )
        return str(address), browser

    def finish(self, browser: str, answer: Mapping[str, str]) -> tuple[str, str]:
        """Take the provider's answer; returns who it says this is, and where to go on to. A journey ends here, well or not.

        Raises
        ------
        ProviderError
            If this browser began no such journey, the provider refused, or what it answered is not to be believed.
        """
        row = self._db.rows("delete from journey where hash = ? returning *", digest(browser))
        if not row or row[0]["expires"] < seconds(self._now()) or not hmac.compare_digest(row[0]["state"], digest(answer.get("state", ""))):
            raise ProviderError("This browser did not begin this sign-in here, or it took longer than ten minutes; begin again")
        journey, known = row[0], self._discover().document
        if answer.get("iss", self.issuer) != self.issuer or (
            known.get("authorization_response_iss_parameter_supported") is True and "iss" not in answer
        ):
            raise ProviderError(f"The answer does not come from {self.issuer}; begin again")
        if "code" not in answer:
            raise ProviderError(f"The provider did not let you in: {answer.get('error', 'no reason given')[:200]}; begin again")
        claims = self._identity(self._exchange(str(known["token_endpoint"]), answer["code"], journey["verifier"]), journey["nonce"])
        who = claims.get(self._claim)
        if not isinstance(who, str) or not who:
            raise ProviderError(f"The provider does not say who you are (claim {self._claim}); ask whoever runs it")
        return who, journey["next"]

    def bearer(self, token: str) -> tuple[str, datetime]:
        """Return whom an access token (JWT) of the provider speaks of, and until when.

        Raises
        ------
        CredentialError
            If the provider did not sign it, it is not for this platform, or it is not valid now.
        """
        if str(head(token).get("typ")).lower() not in ("at+jwt", "application/at+jwt"):
            raise CredentialError("This token is not an access token (typ is not at+jwt)")
        try:
            claims = read(token, self._key(token), FOREIGN_ALGORITHMS)
        except ProviderError as error:
            raise CredentialError(str(error)) from error
        check(claims, self.issuer, (self._base, f"{self._base}/sparql"), seconds(self._now()))
        who = claims.get(self._claim)
        if not isinstance(who, str) or not who:
            raise CredentialError(f"This token does not say whom it speaks of (claim {self._claim})")
        return who, datetime.fromtimestamp(claims["exp"], UTC)

    def _client(self) -> OAuth2Client:
        return OAuth2Client(
            self._http,
            client_id=self._id,
            client_secret=self._secret or None,
            scope="openid",
            redirect_uri=f"{self._base}/sign-in/callback",
            code_challenge_method="S256",
        )

    def _exchange(self, address: str, code: str, verifier: str) -> str:
        """Exchange the code for an ID token; only who holds the verifier and the secret can."""
        auth = ClientAuth(self._id, self._secret, "client_secret_basic" if self._secret else "none")
        try:
            given = self._client().fetch_token(
                address, code=code, code_verifier=verifier, grant_type="authorization_code", auth=_Prepared(auth)
            )
        except (OAuth2Error, httpx.HTTPError, ValueError) as error:
            raise ProviderError("The provider did not accept its own code; begin again") from error
        token = given.get("id_token")
        if not isinstance(token, str):
            raise ProviderError("The provider gave no ID token; is this client allowed the scope openid there?")
        return token

    def _identity(self, token: str, nonce: str) -> dict[str, Any]:
        try:
            claims = read(token, self._key(token), FOREIGN_ALGORITHMS)
            check(claims, self.issuer, self._id, seconds(self._now()))
        except CredentialError as error:
            raise ProviderError(f"The ID token is not to be believed: {error}") from error
        several = isinstance(claims["aud"], list) and len(claims["aud"]) > 1
        if claims.get("azp", None if several else self._id) != self._id:
            raise ProviderError("The ID token was given to another client; begin again")
        if not hmac.compare_digest(str(claims.get("nonce", "")).encode(), nonce.encode()):
            raise ProviderError("The ID token belongs to another sign-in (nonce); begin again")
        return claims

    def _key(self, token: str) -> Key:
        """Find the key that a token names; an unknown one is looked for again, at most every 30 s."""
        header = head(token)
        for age in (_KEYS_KEPT_S, _REFETCH_S):
            known = self._discover(age).keys.keys
            fitting = [key for key in known if key.key_type != "oct" and header.get("kid") in (key.kid, None)]
            if len(fitting) == 1:
                return fitting[0]
        raise CredentialError("This token is signed by a key that the provider does not publish")

    def _discover(self, age: float = _KEYS_KEPT_S) -> _Found:
        with self._lock:
            if self._found is None or monotonic() - self._found.at > age:
                self._found = self._fetch()
            return self._found

    def _fetch(self) -> _Found:
        document = self._json(f"{self.issuer.rstrip('/')}/.well-known/openid-configuration")
        if document.get("issuer") != self.issuer:
            raise ProviderError(f"The provider calls itself {document.get('issuer')!r}, not {self.issuer!r}; correct FLEX_OIDC_ISSUER")
        for name in ("authorization_endpoint", "token_endpoint", "jwks_uri"):
            try:
                _refuse_plain(str(document.get(name)))
            except AccessError as error:
                raise ProviderError(f"The provider's {name} is not an https address; it can't be used") from error
        try:
            keys = KeySet.import_key_set(self._json(str(document["jwks_uri"])))  # type: ignore[arg-type]
        except (JoseError, ValueError, KeyError, TypeError) as error:
            raise ProviderError("The provider's keys can't be read") from error
        return _Found(document, keys, monotonic())

    def _json(self, address: str) -> dict[str, Any]:
        try:
            answer = self._http.get(address, headers={"Accept": "application/json"})
            found = answer.json() if answer.status_code == 200 and len(answer.content) <= _LARGEST else None
        except (httpx.HTTPError, ValueError) as error:
            raise ProviderError(
                f"The OpenID provider {self.issuer} can't be reached; sign in with a local account, or try later"
            ) from error
        if not isinstance(found, dict):
            raise ProviderError(f"{address} does not answer with a JSON object; is FLEX_OIDC_ISSUER right?")
        return found


class _Prepared(httpx.Auth):
    """Authlib's way to show a client's secret, for httpx."""

    requires_request_body = True

    def __init__(self, auth: ClientAuth) -> None:
        self._auth = auth

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        address, headers, body = self._auth.prepare(request.method, str(request.url), dict(request.headers), request.content.decode())
        headers.pop("content-length", None)
        yield httpx.Request(request.method, address, headers=headers, content=body)


def _refuse_plain(address: str) -> None:
    parts = urlsplit(address)
    if not (parts.scheme == "https" and parts.hostname) and not (parts.scheme == "http" and parts.hostname in _LOOPBACK):
        raise AccessError(f"{address!r} is not an https address; only on loopback may an OpenID provider be reached by http")
