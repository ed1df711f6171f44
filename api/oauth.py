"""For programs of partners: tokens by OAuth 2 client credentials, the keys to verify them, and where all this is.

References
----------
RFC 6749 §4.4, RFC 7523, RFC 8414 (metadata), RFC 7517 (JWKS).
"""

import base64
import binascii
from urllib.parse import unquote_plus

from flask import Blueprint, Response, jsonify, request

from access.clients import Client
from access.errors import CredentialError, ThrottledError
from access.jwt import FOREIGN_ALGORITHMS
from access.opened import Access
from api.errors import NotFoundError
from api.guard import rule
from api.services import services

pages = Blueprint("oauth", __name__)
ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


@pages.post("/oauth/token")
@rule.anybody
def token() -> Response:
    """Give a client a token for what its partner was granted."""
    access, form = _access(), request.form
    try:
        client = _client(access)
        if form.get("grant_type") != "client_credentials":
            return _refused(400, "unsupported_grant_type", "This platform gives tokens for grant_type=client_credentials")
        if form.get("resource", services().iris.base).rstrip("/") not in (services().iris.base, f"{services().iris.base}/sparql"):
            return _refused(400, "invalid_target", f"Tokens of this platform are for {services().iris.base}")
        if set(form.get("scope", "").split()) - {client.role.value}:
            return _refused(400, "invalid_scope", f"The scope of this client is {client.role.value}; what it may see is in its grants")
        given, seconds = access.jwts.issue(client)
    except CredentialError as error:
        return _wrong(access, str(error))
    answer = jsonify({"access_token": given, "token_type": "Bearer", "expires_in": seconds, "scope": client.role.value})
    answer.headers["Cache-Control"] = "no-store"
    return answer


@pages.get("/.well-known/jwks.json")
@rule.anybody
def jwks() -> Response:
    """Publish the keys that verify our tokens."""
    answer = jsonify(_access().keys.public())
    answer.headers["Cache-Control"] = "public, max-age=300"
    return answer


@pages.get("/.well-known/oauth-authorization-server")
@rule.anybody
def metadata() -> Response:
    """Say where tokens are had, and how."""
    _access()
    base = services().iris.base
    return jsonify(
        {
            "issuer": base,
            "token_endpoint": f"{base}/oauth/token",
            "jwks_uri": f"{base}/.well-known/jwks.json",
            "grant_types_supported": ["client_credentials"],
            "response_types_supported": [],
            "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post", "private_key_jwt"],
            "token_endpoint_auth_signing_alg_values_supported": list(FOREIGN_ALGORITHMS),
        }
    )


def _client(access: Access) -> Client:
    form = request.form
    if form.get("client_assertion_type") == ASSERTION:
        return access.jwts.asserted(form.get("client_assertion", ""), f"{services().iris.base}/oauth/token")
    header = request.headers.get("Authorization")
    name, secret = _basic(header) if header is not None else (form.get("client_id", ""), form.get("client_secret", ""))
    found = access.clients.authenticate(name, secret)
    if found is None:
        raise CredentialError("Client and secret do not belong together, or the client is revoked or has expired", "invalid_client")
    return found


def _basic(header: str) -> tuple[str, str]:
    scheme, _, given = header.partition(" ")
    try:
        name, _, secret = base64.b64decode(given.strip(), validate=True).decode().partition(":")
    except (binascii.Error, ValueError) as error:
        raise CredentialError("The Basic credentials can't be read", "invalid_client") from error
    if scheme.lower() != "basic":
        raise CredentialError("A client shows its secret as Basic, in the form, or signs its request", "invalid_client")
    return unquote_plus(name), unquote_plus(secret)


def _wrong(access: Access, sentence: str) -> Response:
    """Refuse; who is wrong again and again is told to wait."""
    try:
        access.throttle.address(request.remote_addr or "")
    except ThrottledError as error:
        answer = _refused(429, "slow_down", str(error))
        answer.headers["Retry-After"] = str(error.retry_after)
        return answer
    answer = _refused(401, "invalid_client", sentence)
    answer.headers["WWW-Authenticate"] = 'Basic realm="FLEXCoop"'
    return answer


def _refused(status: int, code: str, sentence: str) -> Response:
    answer = jsonify({"error": code, "error_description": sentence})
    answer.status_code = status
    answer.headers["Cache-Control"] = "no-store"
    return answer


def _access() -> Access:
    found = services().access
    if found is None:
        raise NotFoundError("This platform gives no tokens; start it with `flex serve`")
    return found
