"""API tokens and tokens of OAuth 2, over HTTP."""

import base64
import re
from datetime import timedelta

import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, KeySet

from access.principal import Role

JSON = {"Accept": "application/json"}
GOOD, BASE = "a few plain words", "http://127.0.0.1:8080"


@pytest.fixture
def browser(anonymous, access, iris):
    """A member who is signed in, with the token of their forms."""
    account = access.accounts.add("h01", Role.MEMBER, iris.id("member", "h01"), GOOD)
    anonymous.set_cookie("flexcoop", access.sessions.start(account, "a browser"))
    return anonymous


def form(browser) -> dict[str, str]:
    return {"form_token": re.search(r'name="form_token" value="([^"]+)"', browser.get("/account").text)[1]}


def bearer(token: str) -> dict[str, str]:
    return JSON | {"Authorization": f"Bearer {token}"}


def basic(name: str, secret: str) -> dict[str, str]:
    return JSON | {"Authorization": "Basic " + base64.b64encode(f"{name}:{secret}".encode()).decode()}


def test_token_is_made_shown_once_used_and_revoked(browser, app) -> None:
    made = browser.post("/account/tokens", data=form(browser) | {"name": "<b>notebook</b>", "days": "7"}, headers={"Accept": "text/html"})
    secret = re.search(r"flexcoop_[\w-]{43}", made.text)[0]
    program = app.test_client()

    assert (made.status_code, made.headers["Cache-Control"]) == (201, "no-store")
    assert secret not in browser.get("/account").text
    assert "<b>" not in browser.get("/account").text
    for headers in (bearer(secret), basic("whoever", secret)):
        assert program.get("/members/h01", headers=headers).status_code == 200
        assert program.get("/members/h02", headers=headers).status_code == 404
    number = browser.get("/account/tokens").json[0]["id"]
    assert browser.post(f"/account/tokens/{number}/revoke", data=form(browser)).status_code == 303
    refused = program.get("/members/h01", headers=bearer(secret))
    assert refused.status_code == 401
    assert 'error="invalid_token"' in refused.headers["WWW-Authenticate"]


def test_revoked_or_wrong_credentials_are_refused_on_public_addresses_too(browser, app, wall) -> None:
    secret = browser.post("/account/tokens", data=form(browser) | {"name": "x", "days": "7"}, headers=JSON).json["token"]
    program = app.test_client()

    assert program.get("/health", headers=bearer(secret)).status_code == 200
    wall[0] += timedelta(days=7)
    for headers in (bearer(secret), bearer("x"), bearer(""), basic("h01", GOOD), {"Authorization": "Digest x"}, {"Authorization": ""}):
        assert program.get("/health", headers=headers).status_code == 401, headers


@pytest.mark.parametrize("name", ["access_token", "token", "api_key", "key"])
def test_token_in_the_address_is_none(anonymous, access, name: str) -> None:
    assert anonymous.get(f"/members/h01?{name}={access.machine}", headers=JSON).status_code == 401


def test_token_makes_no_tokens(browser, app) -> None:
    secret = browser.post("/account/tokens", data=form(browser) | {"name": "x"}, headers=JSON).json["token"]

    assert app.test_client().post("/account/tokens", data={"name": "y"}, headers=bearer(secret)).status_code == 404


def test_nobody_revokes_or_ends_what_is_others(browser, access, iris) -> None:
    other = access.accounts.add("h02", Role.MEMBER, iris.id("member", "h02"))
    secret, token = access.tokens.create("theirs", other)
    session = access.sessions.find(access.sessions.start(other))

    assert browser.post(f"/account/tokens/{token.id}/revoke", data=form(browser)).status_code == 404
    assert browser.post(f"/account/sessions/{session.hash}/end", data=form(browser)).status_code == 404
    assert access.tokens.recognise(secret)
    assert "theirs" not in browser.get("/account").text


def test_one_ends_ones_own_other_session(browser, access) -> None:
    other = access.sessions.start(access.accounts.get("h01"), "a lost phone")
    assert "a lost phone" in browser.get("/account").text

    browser.post(f"/account/sessions/{access.sessions.find(other).hash}/end", data=form(browser))
    assert access.sessions.find(other) is None


@pytest.mark.parametrize("days", ["0", "367", "-1", "x", "99999999", "٣"])
def test_life_of_a_token_has_bounds(browser, days: str) -> None:
    assert browser.post("/account/tokens", data=form(browser) | {"name": "x", "days": days}, headers=JSON).status_code == 422


def test_partner_gets_a_token_for_its_secret_and_loses_it_when_revoked(anonymous, access, iris) -> None:
    secret = access.clients.add("p1", iris.id("partner", "p1"))
    grant = {"grant_type": "client_credentials"}
    by_header = anonymous.post("/oauth/token", data=grant, headers=basic("p1", secret))
    by_form = anonymous.post("/oauth/token", data=grant | {"client_id": "p1", "client_secret": secret})

    assert (by_header.status_code, by_form.status_code, by_header.headers["Cache-Control"]) == (200, 200, "no-store")
    assert (by_header.json["token_type"], by_header.json["expires_in"]) == ("Bearer", 3600)
    token = by_header.json["access_token"]
    published = KeySet.import_key_set(anonymous.get("/.well-known/jwks.json").json)
    claims = jwt.decode(token, published, algorithms=["ES256"]).claims  # as anybody else would verify it
    assert (claims["iss"], claims["aud"], claims["sub"]) == (BASE, BASE, "p1")
    assert anonymous.get("/account", headers=bearer(token)).status_code == 404  # recognised, and not a person
    access.clients.revoke("p1")
    refused = anonymous.get("/health", headers=bearer(token))
    assert (refused.status_code, 'error="invalid_token"' in refused.headers["WWW-Authenticate"]) == (401, True)
    assert anonymous.post("/oauth/token", data=grant, headers=basic("p1", secret)).json["error"] == "invalid_client"


def test_expired_rotated_and_removed_keys_over_http(anonymous, as_partner, access, wall) -> None:
    first = as_partner("p1")
    access.keys.rotate()
    assert first.get("/health").status_code == 200
    second = as_partner("p1")
    access.keys.remove(access.keys.current().kid)
    assert (first.get("/health").status_code, second.get("/health").status_code) == (200, 401)
    wall[0] += timedelta(hours=1, minutes=1)
    assert first.get("/health").status_code == 401


@pytest.mark.parametrize(
    ("form", "status", "error"),
    [
        ({"grant_type": "password"}, 400, "unsupported_grant_type"),
        ({}, 400, "unsupported_grant_type"),
        ({"grant_type": "client_credentials", "scope": "operator"}, 400, "invalid_scope"),
        ({"grant_type": "client_credentials", "resource": "http://elsewhere"}, 400, "invalid_target"),
        ({"grant_type": "client_credentials", "client_id": "p2"}, 401, "invalid_client"),
        ({"grant_type": "client_credentials", "client_secret": "x"}, 401, "invalid_client"),
    ],
)
def test_request_for_a_token_is_refused_in_the_words_of_oauth(anonymous, access, iris, form, status, error) -> None:
    secret = access.clients.add("p1", iris.id("partner", "p1"))
    answer = anonymous.post("/oauth/token", data={"client_id": "p1", "client_secret": secret} | form)

    assert (answer.status_code, answer.json["error"]) == (status, error)


def test_guessing_secrets_is_slowed_down(anonymous) -> None:
    answers = [anonymous.post("/oauth/token", data={"grant_type": "client_credentials"}, headers=basic("p1", str(n))) for n in range(25)]

    assert [answer.status_code for answer in answers] == [401] * 20 + [429] * 5


def test_partner_signs_its_request_instead_of_a_secret(anonymous, access, iris, wall) -> None:
    key = ECKey.generate_key("P-256", {"kid": "k"})
    access.clients.add("p1", iris.id("partner", "p1"), keys={"keys": [key.as_dict(private=False)]})
    at = int(wall[0].timestamp())
    claims = {"iss": "p1", "sub": "p1", "aud": f"{BASE}/oauth/token", "iat": at, "exp": at + 60, "jti": "1"}
    form = {
        "grant_type": "client_credentials",
        "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
        "client_assertion": jwt.encode({"alg": "ES256", "kid": "k"}, claims, key),
    }

    assert [anonymous.post("/oauth/token", data=form).status_code for _ in range(2)] == [200, 401]  # the second is a replay


def test_metadata_names_addresses_that_are_there(anonymous) -> None:
    found = anonymous.get("/.well-known/oauth-authorization-server").json

    assert found["issuer"] == BASE
    assert anonymous.get(found["jwks_uri"].removeprefix(BASE)).status_code == 200
    assert anonymous.post(found["token_endpoint"].removeprefix(BASE)).status_code == 401
