"""Signed tokens: every way in which one can be wrong."""

import base64
import hashlib
import hmac
import json
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from joserfc import jwt
from joserfc.jwk import ECKey, OctKey, RSAKey

from access.errors import AccessError, CredentialError
from access.principal import Role

BASE = "http://127.0.0.1:8080"
PARTNER, TOKEN_ADDRESS = f"{BASE}/id/partner/p1", f"{BASE}/oauth/token"


@pytest.fixture
def client(access):
    access.clients.add("p1", PARTNER)
    return access.clients.find("p1")


def forged(access, **changes) -> str:
    """A token signed by the real key, with other claims or header."""
    header = {"alg": "ES256", "kid": access.keys.current().kid, "typ": "at+jwt"} | changes.pop("header", {})
    at = int(access.jwts._now().timestamp())
    claims = {"iss": BASE, "sub": "p1", "client_id": "p1", "aud": BASE, "iat": at, "exp": at + 3600} | changes
    return jwt.encode(header, {name: value for name, value in claims.items() if value is not None}, access.keys.current())


def part(value) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


def refused(access, token: str) -> str:
    with pytest.raises(CredentialError) as caught:
        access.recognise(f"Bearer {token}")
    return str(caught.value)


def test_token_is_the_partners_for_an_hour(access, client, wall) -> None:
    token, life = access.jwts.issue(client)
    who = access.recognise(f"Bearer {token}")

    assert life == 3600
    assert (who.role, who.key, who.subject, who.via, who.expires) == (
        Role.PARTNER,
        "client:p1",
        PARTNER,
        "jwt",
        wall[0] + timedelta(hours=1),
    )
    wall[0] += timedelta(seconds=3629)
    assert access.recognise(f"Bearer {token}")
    wall[0] += timedelta(seconds=1)
    assert "has expired" in refused(access, token)


def test_our_own_forgery_is_good_before_it_is_bent(access, client) -> None:
    assert access.recognise(f"Bearer {forged(access)}").key == "client:p1"


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"aud": "http://elsewhere"}, "is not for"),
        ({"aud": ["http://elsewhere"]}, "is not for"),
        ({"aud": None}, "is not for"),
        ({"aud": {BASE: 1}}, "is not for"),
        ({"iss": "http://elsewhere"}, "was not issued by"),
        ({"iss": None}, "was not issued by"),
        ({"exp": None}, "does not say in numbers"),
        ({"exp": "tomorrow"}, "does not say in numbers"),
        ({"exp": True}, "does not say in numbers"),
        ({"exp": 1}, "has expired"),
        ({"nbf": 1 << 33}, "not valid yet"),
        ({"iat": 1 << 33}, "not valid yet"),
        ({"client_id": "p2"}, "revoked or has expired"),
        ({"client_id": None}, "revoked or has expired"),
        ({"sub": "p2"}, "revoked or has expired"),
        ({"header": {"typ": "JWT"}}, "is not an access token"),
        ({"header": {"kid": "other"}}, "key that does not count"),
    ],
)
def test_wrong_claim_is_refused_though_the_signature_holds(access, client, changes, why) -> None:
    assert why in refused(access, forged(access, **changes))


@pytest.mark.parametrize("alg", ["none", "None", "NONE", "", None, "HS256", "ES384", "RS256"])
def test_algorithm_is_ours_whatever_the_header_says(access, client, alg) -> None:
    claims = forged(access).split(".")[1]
    header = {"alg": alg, "kid": access.keys.current().kid, "typ": "at+jwt"}
    for signature in ("", forged(access).split(".")[2]):
        assert "signature" in refused(access, f"{part(header)}.{claims}.{signature}")


@pytest.mark.parametrize("form", ["pem", "der", "json"])
def test_public_key_is_no_secret_to_sign_with(access, client, form) -> None:
    key = access.keys.current()
    public = json.dumps(key.as_dict(private=False)).encode() if form == "json" else None
    public = public or (key.as_pem(private=False) if form == "pem" else key.as_der(private=False))
    claims = jwt.decode(forged(access), key, algorithms=["ES256"]).claims
    # joserfc refuses to make such a key from PEM, which is its own remedy; an attacker's library does not
    signed = f"{part({'alg': 'HS256', 'kid': key.kid, 'typ': 'at+jwt'})}.{part(claims)}"
    mac = base64.urlsafe_b64encode(hmac.digest(public, signed.encode(), hashlib.sha256)).decode().rstrip("=")

    assert "signature" in refused(access, f"{signed}.{mac}")


def test_key_that_the_header_brings_along_is_not_believed(access, client) -> None:
    own = ECKey.generate_key("P-256")
    header = {"alg": "ES256", "kid": access.keys.current().kid, "typ": "at+jwt", "jwk": own.as_dict(private=False)}
    claims = jwt.decode(forged(access), access.keys.current(), algorithms=["ES256"]).claims

    assert "signature" in refused(access, jwt.encode(header, claims, own))


def test_what_a_rotated_key_signed_counts_until_it_expires(access, client, wall) -> None:
    token, _ = access.jwts.issue(client)
    old = access.keys.current().kid
    new = access.keys.rotate()

    assert [key["kid"] for key in access.keys.public()["keys"]] in ([old, new], [new, old])
    assert access.recognise(f"Bearer {token}")
    assert access.recognise(f"Bearer {access.jwts.issue(client)[0]}")
    wall[0] += timedelta(seconds=3630)
    assert "has expired" in refused(access, token)
    wall[0] += timedelta(seconds=60)
    assert "key that does not count" in refused(access, token)
    assert [key["kid"] for key in access.keys.public()["keys"]] == [new]


def test_what_a_removed_key_signed_is_refused_at_once(access, client) -> None:
    token, _ = access.jwts.issue(client)
    access.keys.remove(access.keys.current().kid)

    assert "key that does not count" in refused(access, token)
    assert access.recognise(f"Bearer {access.jwts.issue(client)[0]}")
    with pytest.raises(AccessError, match="no signing key"):
        access.keys.remove("other")


def test_published_keys_hold_no_private_half(access) -> None:
    access.keys.rotate()

    assert [set(key) for key in access.keys.public()["keys"]] == [{"kty", "crv", "x", "y", "kid", "use", "alg"}] * 2


def test_token_of_a_revoked_client_is_refused_at_once(access, client) -> None:
    token, _ = access.jwts.issue(client)
    access.clients.revoke("p1")

    assert "revoked" in refused(access, token)


def test_client_ends_with_its_grant_and_its_tokens_do_not_outlive_it(access, wall) -> None:
    secret = access.clients.add("p1", PARTNER, expires=wall[0] + timedelta(minutes=10))
    token, life = access.jwts.issue(access.clients.authenticate("p1", secret))

    assert life == 600
    wall[0] += timedelta(minutes=10)
    assert access.clients.authenticate("p1", secret) is None
    assert "expired" in refused(access, token)


def test_client_secret_is_its_own_and_can_be_replaced(access) -> None:
    secret = access.clients.add("p1", PARTNER)

    assert access.clients.authenticate("p1", secret)
    for name, given_secret in (("p2", secret), ("p1", ""), ("p1", secret + "x"), ("", "")):
        assert access.clients.authenticate(name, given_secret) is None
    new = access.clients.new_secret("p1")
    assert access.clients.authenticate("p1", secret) is None
    assert access.clients.authenticate("p1", new)


def assertion(key, access, **changes) -> str:
    at = int(access.jwts._now().timestamp())
    claims = {"iss": "p1", "sub": "p1", "aud": TOKEN_ADDRESS, "iat": at, "exp": at + 60, "jti": "1"} | changes
    return jwt.encode({"alg": "ES256", "kid": "k"}, claims, key)


def test_client_signs_its_request_once(access, wall) -> None:
    key = ECKey.generate_key("P-256", {"kid": "k"})
    assert access.clients.add("p1", PARTNER, keys={"keys": [key.as_dict(private=False)]}) is None
    signed = assertion(key, access)

    assert access.jwts.asserted(signed, TOKEN_ADDRESS).id == "p1"
    wrong = {
        "was used before": signed,
        "signature": assertion(ECKey.generate_key("P-256", {"kid": "k"}), access, jti="2"),
        "not for": assertion(key, access, aud="http://elsewhere", jti="3"),
        "at most 300 s": assertion(key, access, exp=int(wall[0].timestamp()) + 4000, jti="4"),
        "issued by": assertion(key, access, iss="p2", jti="5"),
        "No client": assertion(key, access, sub="p2", jti="6"),
    }
    for why, each in wrong.items():
        with pytest.raises(CredentialError, match=why):
            access.jwts.asserted(each, TOKEN_ADDRESS)
    with pytest.raises(CredentialError):
        access.recognise(f"Bearer {assertion(key, access, jti='7')}")


@pytest.mark.parametrize(
    "keys",
    [
        {"keys": [OctKey.generate_key(256).as_dict(private=True)]},
        {"keys": [RSAKey.generate_key(2048).as_dict(private=True)]},
        {"keys": []},
        {"keys": [{"kty": "x"}]},
        {"no": "keys"},
    ],
    ids=["secret", "private", "none", "strange", "other"],
)
def test_keys_of_a_client_are_public_ones(access, keys) -> None:
    with pytest.raises(AccessError, match="keys of a client"):
        access.clients.add("p1", PARTNER, keys=keys)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=200)
@given(
    text=st.one_of(
        st.text(),
        st.builds(
            lambda a, b, c: f"{part(a)}.{part(b)}.{c}",
            *[
                st.recursive(
                    st.none() | st.integers() | st.text(),
                    lambda x: st.lists(x) | st.dictionaries(st.sampled_from(["alg", "kid", "typ", "sub"]), x),
                )
            ]
            * 2,
            st.text("aZ09-_"),
        ),
    )
)
def test_no_header_recognises_anybody_by_chance(access, text: str) -> None:
    for scheme in ("Bearer ", "Basic ", ""):
        with pytest.raises(CredentialError):
            access.recognise(scheme + text)


def test_token_is_the_password_of_basic(access, client) -> None:
    token, _ = access.jwts.issue(client)

    assert access.recognise("Basic " + base64.b64encode(f"anything:{token}".encode()).decode()).key == "client:p1"
    with pytest.raises(CredentialError):
        access.recognise("Basic " + base64.b64encode(b"operator:a password").decode())
