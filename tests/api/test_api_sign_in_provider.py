"""Signing in at a real OpenID provider (npm `oidc-provider`, on loopback), end to end, and what is not believed on the way."""

import base64
import json
import re
import shutil
import sqlite3
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import parse_qsl, urlencode, urljoin, urlsplit

import httpx
import pytest
import servers
from argon2 import PasswordHasher
from flask import Flask
from flask.testing import FlaskClient

from access.errors import AccessError, ProviderError
from access.oidc import Provider
from access.opened import OidcSettings, open_access
from access.principal import Role
from api import ApiSettings, create_app

BASE = "http://127.0.0.1:8080"
CALLBACK = f"{BASE}/sign-in/callback"
SECRET = "a secret of the tests"
HTML, JSON = {"Accept": "text/html"}, {"Accept": "application/json"}


@pytest.fixture(scope="module")
def issuer() -> Iterator[str]:
    node = shutil.which("node")
    servers.require(node is not None, "Node.js is not installed, which runs the OpenID provider")
    servers.require((servers.ROOT / "node_modules" / "oidc-provider").is_dir(), "oidc-provider is not installed; make test brings it")
    port = servers.free_port()
    program = servers.ROOT / "tests" / "access" / "oidc_provider.mjs"
    with servers.running([str(node), program, str(port), CALLBACK, BASE]) as child:
        address = f"http://127.0.0.1:{port}"
        child.wait_until(lambda: servers.answers(f"{address}/.well-known/openid-configuration"))
        yield address


@pytest.fixture
def services(services, store, iris, tmp_path: Path, issuer: str):
    def clock() -> datetime:  # the provider's is the machine's
        return datetime.fromtimestamp(time.time(), UTC)

    quick = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
    access = open_access(tmp_path / "oidc", store, iris, now=clock, wall=clock, hasher=quick, oidc=OidcSettings(issuer, "flexcoop", SECRET))
    access.accounts.add("h01", Role.MEMBER, iris.id("member", "h01"))
    yield replace(services, access=access)
    access.close()


@pytest.fixture
def app(services) -> Flask:
    return create_app(ApiSettings(shown_settings=()), services)


def visit(address: str, name: str) -> str:
    """Do at the provider what a person does: say who they are, and agree; returns the address it sends them back to."""
    with httpx.Client(trust_env=False) as browser:
        answer = browser.get(address)
        for _ in range(20):
            if answer.is_redirect:
                address = urljoin(address, answer.headers["Location"])
                if address.startswith(CALLBACK):
                    return address
                answer = browser.get(address)
                continue
            form = dict(re.findall(r'<input type="hidden" name="(\w+)" value="(\w+)"', answer.text))
            target = re.search(r'<form[^>]*action="([^"]+)"', answer.text)
            assert target, answer.text
            address = urljoin(address, target[1])
            answer = browser.post(address, data=form | ({"login": name, "password": "any"} if form.get("prompt") == "login" else {}))
    raise AssertionError(f"the provider did not send back from {address}: {answer.text}")


def begin(browser: FlaskClient, onward: str = "/") -> str:
    answer = browser.get(f"/sign-in/provider?next={onward}")
    assert answer.status_code == 303
    return answer.headers["Location"]


def come_back(browser: FlaskClient, address: str, **changes: str):
    query = dict(parse_qsl(urlsplit(address).query)) | changes
    return browser.get(f"/sign-in/callback?{urlencode({name: value for name, value in query.items() if value})}", headers=HTML)


def test_linked_person_signs_in_at_the_provider(app: Flask, services, issuer: str) -> None:
    services.access.accounts.link("h01", issuer, "person-7")
    browser = app.test_client()
    assert "/sign-in/provider?next=" in browser.get("/sign-in").text
    asked = dict(parse_qsl(urlsplit(address := begin(browser, "/members/h01")).query))
    assert (asked["code_challenge_method"], asked["scope"], asked["response_type"]) == ("S256", "openid", "code")
    assert {"state", "nonce", "code_challenge"} <= asked.keys()

    entered = come_back(browser, visit(address, "person-7"))

    assert (entered.status_code, entered.headers["Location"]) == (303, "/members/h01")
    assert browser.get("/members/h01", headers=HTML).status_code == 200
    assert browser.get("/members/h02", headers=JSON).status_code == 404


def test_person_without_an_account_is_told_so_and_stays_out(app: Flask) -> None:
    browser = app.test_client()
    answer = come_back(browser, visit(begin(browser), "stranger"))

    assert answer.status_code == 403
    assert "there is no account for that here" in answer.text
    assert browser.get_cookie("flexcoop") is None


def test_disabled_account_stays_out(app: Flask, services, issuer: str) -> None:
    services.access.accounts.link("h01", issuer, "person-7")
    services.access.accounts.disable("h01")
    browser = app.test_client()

    assert come_back(browser, visit(begin(browser), "person-7")).status_code == 403


def test_next_address_after_the_provider_is_ours(app: Flask, services, issuer: str) -> None:
    services.access.accounts.link("h01", issuer, "person-7")
    browser = app.test_client()

    assert come_back(browser, visit(begin(browser, "//evil.example"), "person-7")).headers["Location"] == "/"


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"state": "x"}, "did not begin this sign-in"),
        ({"state": ""}, "did not begin this sign-in"),
        ({"code": "x"}, "did not accept its own code"),
        ({"code": "", "error": "access_denied"}, "did not let you in: access_denied"),
        ({"iss": "http://evil.example"}, "does not come from"),
        ({"iss": ""}, "does not come from"),
    ],
)
def test_bent_answer_signs_nobody_in(app: Flask, services, issuer: str, changes: dict[str, str], why: str) -> None:
    services.access.accounts.link("h01", issuer, "person-7")
    browser = app.test_client()
    back = visit(begin(browser), "person-7")

    answer = come_back(browser, back, **changes)
    assert answer.status_code == 403
    assert why in answer.text
    assert come_back(browser, back).status_code == 403  # that way is over
    assert browser.get_cookie("flexcoop") is None


def test_answer_meant_for_another_browser_is_refused(app: Flask, services, issuer: str) -> None:
    services.access.accounts.link("h01", issuer, "person-7")
    attacker, victim = app.test_client(), app.test_client()
    back = visit(begin(attacker), "person-7")
    begin(victim)

    assert come_back(victim, back).status_code == 403
    assert come_back(app.test_client(), back).status_code == 403


def test_answer_is_taken_once(app: Flask, services, issuer: str) -> None:
    services.access.accounts.link("h01", issuer, "person-7")
    browser = app.test_client()
    address = begin(browser)
    door = browser.get_cookie("flexcoop_door").value
    back = visit(address, "person-7")
    assert come_back(browser, back).status_code == 303

    browser.set_cookie("flexcoop_door", door)
    assert come_back(browser, back).status_code == 403


@pytest.mark.parametrize(
    ("column", "value", "why"),
    [
        ("nonce", "other", "another sign-in (nonce)"),
        ("verifier", "o" * 64, "did not accept its own code"),
        ("expires", 1, "longer than ten minutes"),
    ],
)
def test_id_token_must_belong_to_this_way(app: Flask, services, issuer: str, tmp_path: Path, column: str, value, why: str) -> None:
    services.access.accounts.link("h01", issuer, "person-7")
    browser = app.test_client()
    back = visit(begin(browser), "person-7")
    with sqlite3.connect(tmp_path / "oidc" / "access.sqlite") as raw:
        raw.execute(f"update journey set {column} = ?", (value,))  # noqa: S608
    raw.close()

    answer = come_back(browser, back)
    assert answer.status_code == 403
    assert why in answer.text


def of_provider(issuer: str, resource: str) -> str:
    given = httpx.post(
        f"{issuer}/token",
        data={"grant_type": "client_credentials", "resource": resource, "scope": "read"},
        auth=("flexcoop", SECRET.replace(" ", "%20")),
        trust_env=False,
    )
    assert given.status_code == 200, given.text
    return given.json()["access_token"]


def test_programs_of_the_provider_come_in_by_its_tokens(app: Flask, services, issuer: str) -> None:
    token = of_provider(issuer, BASE)
    program = app.test_client()
    headers = JSON | {"Authorization": f"Bearer {token}"}

    assert program.get("/members/h01", headers=headers).status_code == 401  # nobody has linked it
    who = Provider(
        services.access.database, issuer, "flexcoop", SECRET, BASE, lambda: datetime.fromtimestamp(time.time(), UTC), claim="client_id"
    )
    assert who.bearer(token)[0] == "flexcoop"
    services.access.accounts.link("h01", issuer, "flexcoop")
    linked = create_app(ApiSettings(shown_settings=()), replace(services, access=replace(services.access, oidc=who))).test_client()
    assert linked.get("/members/h01", headers=headers).status_code == 200
    bent = token[:-8] + ("A" * 8 if not token.endswith("A" * 8) else "B" * 8)
    assert linked.get("/health", headers=JSON | {"Authorization": f"Bearer {bent}"}).status_code == 401


def test_unknown_key_is_looked_for_only_now_and_then(services, issuer: str) -> None:
    asked: list[str] = []
    http = httpx.Client(trust_env=False, event_hooks={"request": [lambda request: asked.append(request.url.path)]})
    who = Provider(services.access.database, issuer, "flexcoop", SECRET, BASE, lambda: datetime.fromtimestamp(time.time(), UTC), http=http)
    _, claims, signature = of_provider(issuer, BASE).split(".")
    other = base64.urlsafe_b64encode(json.dumps({"alg": "RS256", "typ": "at+jwt", "kid": "other"}).encode()).decode().rstrip("=")
    for _ in range(10):
        with pytest.raises(AccessError, match="does not publish"):
            who.bearer(f"{other}.{claims}.{signature}")
    http.close()

    assert asked == ["/.well-known/openid-configuration", "/jwks"]


def test_provider_that_calls_itself_otherwise_is_not_used(services, issuer: str) -> None:
    other = issuer.replace("127.0.0.1", "localhost")
    who = Provider(services.access.database, other, "flexcoop", SECRET, BASE, lambda: datetime.fromtimestamp(time.time(), UTC))

    with pytest.raises(ProviderError, match=r"calls itself|can't be reached"):
        who.begin("/")


def test_provider_that_is_away_is_said_to_be(services) -> None:
    away = f"http://127.0.0.1:{servers.free_port()}"
    access = replace(
        services.access,
        oidc=Provider(services.access.database, away, "x", "", BASE, lambda: datetime.fromtimestamp(time.time(), UTC)),
    )
    client = create_app(ApiSettings(shown_settings=()), replace(services, access=access)).test_client()
    answer = client.get("/sign-in/provider", headers=JSON)

    assert answer.status_code == 503
    assert "can't be reached" in answer.json["detail"]


@pytest.mark.parametrize("address", ["http://id.example", "ftp://127.0.0.1", "id.example", "", "https://"])
def test_provider_is_reached_by_https(services, address: str) -> None:
    with pytest.raises(AccessError, match="is not an https address"):
        Provider(services.access.database, address, "x", "", BASE, lambda: datetime.fromtimestamp(0, UTC))
