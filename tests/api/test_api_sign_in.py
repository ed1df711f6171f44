"""Signing in and out, and what is refused on the way."""

import re
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from urllib.parse import quote

import pytest
from flask import Flask
from flask.testing import FlaskClient

from access.opened import demo_accounts
from access.principal import Role
from api import ApiSettings, create_app
from api.guard import local_path
from kg.iris import Iris

GOOD = "a few plain words"
HTML, JSON = {"Accept": "text/html"}, {"Accept": "application/json"}


@pytest.fixture
def member(access, iris):
    return access.accounts.add("h01", Role.MEMBER, iris.id("member", "h01"), GOOD)


def field(page: str, name: str) -> str:
    return re.search(f'name="{name}" value="([^"]*)"', page)[1]


def enter(browser: FlaskClient, name: str = "h01", password: str = GOOD, onward: str = "/", **more):
    page = browser.get("/sign-in").text
    return browser.post("/sign-in", data={"name": name, "password": password, "next": onward, "door": field(page, "door")}, **more)


def test_person_signs_in_sees_their_page_and_signs_out(anonymous, member) -> None:
    asked = anonymous.get("/members/h01?date=2016-08-30", headers=HTML)
    assert (asked.status_code, asked.headers["Location"]) == (303, "/sign-in?next=/members/h01%3Fdate%3D2016-08-30")

    entered = enter(anonymous, onward="/members/h01?date=2016-08-30")
    assert (entered.status_code, entered.headers["Location"]) == (303, "/members/h01?date=2016-08-30")
    cookie = next(each for each in entered.headers.getlist("Set-Cookie") if each.startswith("flexcoop="))
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie
    page = anonymous.get("/members/h01", headers=HTML)
    assert (page.status_code, page.headers["Cache-Control"]) == (200, "no-store")
    assert "Cookie" in page.headers["Vary"]
    token = field(anonymous.get("/account").text, "form_token")
    assert anonymous.post("/sign-out", data={"form_token": token}).status_code == 303
    assert anonymous.get("/members/h01", headers=HTML).status_code == 303


def test_signed_out_cookie_is_worth_nothing(anonymous, member) -> None:
    enter(anonymous)
    cookie = anonymous.get_cookie("flexcoop").value
    anonymous.post("/sign-out", data={"form_token": field(anonymous.get("/account").text, "form_token")})
    anonymous.set_cookie("flexcoop", cookie)

    assert anonymous.get("/members/h01", headers=JSON).status_code == 401


def test_planted_session_is_not_the_one_signed_in_to(anonymous, access, member, iris) -> None:
    planted = access.sessions.start(access.accounts.add("h02", Role.MEMBER, iris.id("member", "h02")))
    anonymous.set_cookie("flexcoop", planted)
    page = anonymous.get("/sign-in").text
    form = {"name": "h01", "password": GOOD, "door": field(page, "door"), "form_token": field(page, "form_token")}
    assert anonymous.post("/sign-in", data=form).status_code == 303

    assert anonymous.get_cookie("flexcoop").value != planted
    assert access.sessions.find(planted) is None


def test_wrong_password_and_unknown_name_are_answered_alike(anonymous, member) -> None:
    answers = [enter(anonymous, name, "not this one") for name in ("h01", "nobody")]

    assert [answer.status_code for answer in answers] == [403, 403]
    assert answers[0].text == answers[1].text
    assert anonymous.get_cookie("flexcoop") is None


def test_guessing_is_ended_and_the_open_session_goes_on(app: Flask, member) -> None:
    at_work, attacker = app.test_client(), app.test_client()
    enter(at_work)
    answers = [enter(attacker, password=f"guess {number}", environ_base={"REMOTE_ADDR": "10.0.0.9"}) for number in range(100)]

    assert [answer.status_code for answer in answers] == [403] * 5 + [429] * 95
    assert int(answers[-1].headers["Retry-After"]) > 0
    assert enter(attacker).status_code == 429  # the right password, while the account is locked
    assert at_work.get("/members/h01", headers=HTML).status_code == 200


def test_form_of_another_browser_signs_nobody_in(app: Flask, member) -> None:
    theirs = field(app.test_client().get("/sign-in").text, "door")
    mine = app.test_client()
    for door in ("", theirs):
        assert mine.post("/sign-in", data={"name": "h01", "password": GOOD, "door": door}).status_code == 403
    mine.get("/sign-in")
    assert mine.post("/sign-in", data={"name": "h01", "password": GOOD, "door": theirs}).status_code == 403


@pytest.mark.parametrize(
    "onward",
    [
        "//evil.example", "///evil.example", "/\\evil.example", "\\\\evil.example", "https://evil.example", "https:evil.example", "javascript:alert(1)",
        "/\t/evil.example", "/\n/evil.example", "\t//evil.example", " //evil.example", "evil.example", "", "/é", "@evil.example", "http:/evil.example",
    ],
)  # fmt: skip
def test_sign_in_leads_nowhere_else(anonymous, member, onward: str) -> None:
    assert local_path(onward) == "/"
    assert enter(anonymous, onward=onward).headers["Location"] == "/"
    assert f'value="{onward}"' not in anonymous.get(f"/sign-in?next={quote(onward)}").text or onward == ""


@pytest.mark.parametrize("onward", ["/%2f%2fevil.example", "/%5cevil.example", "/%09/evil.example", "/members/h01?next=//evil.example"])
def test_encoded_address_stays_a_path_of_ours(anonymous, member, onward: str) -> None:
    assert enter(anonymous, onward=onward).headers["Location"] == onward  # a browser does not decode a path before it follows it


def test_change_by_cookie_needs_the_form_it_was_shown(anonymous, access, calls, member) -> None:
    enter(anonymous)
    address, token = "/members/h01/events/c1-h01/opt-out", field(anonymous.get("/account").text, "form_token")

    for wrong in ("", "x", token[:-1], token + "x"):
        assert anonymous.post(address, data={"form_token": wrong}).status_code == 403
        assert anonymous.post(address, headers={"X-Form-Token": wrong}).status_code == 403
    assert calls == []
    assert anonymous.post(address, data={"form_token": token}).status_code == 303
    assert anonymous.post(address, headers={"X-Form-Token": token}).status_code == 303
    assert anonymous.post(address, data={"form_token": token}, headers={"Origin": "https://evil.example"}).status_code == 403
    assert anonymous.post(address, data={"form_token": token}, headers={"Origin": "null"}).status_code == 403
    assert anonymous.post(address, data={"form_token": token}, headers={"Sec-Fetch-Site": "same-site"}).status_code == 403
    assert len(calls) == 2


def test_form_token_of_another_session_is_refused(app: Flask, access, calls, member, iris) -> None:
    mine, theirs = app.test_client(), app.test_client()
    access.accounts.add("h02", Role.MEMBER, iris.id("member", "h02"), GOOD)
    enter(mine)
    enter(theirs, name="h02")
    token = field(theirs.get("/account").text, "form_token")

    assert mine.post("/members/h01/events/c1-h01/opt-out", data={"form_token": token}).status_code == 403
    assert calls == []


def test_every_form_that_changes_something_holds_the_token() -> None:
    folder = Path(__file__).parents[2] / "api" / "templates"
    forms = [
        (page.name, found) for page in folder.glob("*.html") for found in re.findall(r"<form[^>]*post[^>]*>.{0,40}", page.read_text(), re.S)
    ]

    assert len(forms) >= 10
    assert [each for each in forms if "{{ form_input() }}" not in each[1]] == []


def test_programs_are_told_how_to_come_in(anonymous) -> None:
    answer = anonymous.get("/members/h01", headers=JSON)

    assert (answer.status_code, answer.mimetype) == (401, "application/problem+json")
    assert answer.headers.getlist("WWW-Authenticate") == ['Bearer realm="FLEXCoop"', 'Basic realm="FLEXCoop"']
    script = anonymous.get("/members/h01", headers=JSON | {"Sec-Fetch-Mode": "cors"})  # a script of our page: no window pops up
    assert script.headers.getlist("WWW-Authenticate") == ['Bearer realm="FLEXCoop"']


def test_another_members_page_is_as_missing_as_nobodys(as_member) -> None:
    member = as_member("h01")

    assert member.get("/members/h01", headers=HTML).status_code == 200
    other, nobody = (member.get(f"/members/{key}", headers=JSON) for key in ("h02", "h99"))
    assert (other.status_code, nobody.status_code) == (404, 404)
    assert other.json["detail"] == nobody.json["detail"]


def test_wrong_role_is_refused(as_member, as_partner, calls) -> None:
    assert as_member("h01").post("/campaigns", data={}).status_code == 403
    assert as_partner("p1").get("/members/h01", headers=JSON).status_code == 403
    assert calls == []


def test_view_without_a_rule_is_closed_to_everybody(app: Flask, client) -> None:
    app.add_url_rule("/forgotten", "forgotten", lambda: "secret")

    assert (client.get("/forgotten").status_code, app.test_client().get("/forgotten").status_code) == (403, 403)


def test_every_view_has_a_rule(app: Flask) -> None:
    bare = [name for name, view in app.view_functions.items() if not hasattr(view, "access_rule") and name != "static"]

    assert bare == []


def test_without_accounts_only_the_public_is_let_in(services) -> None:
    client = create_app(ApiSettings(shown_settings=()), replace(services, access=None)).test_client()

    assert client.get("/members", headers=JSON).status_code == 401
    assert client.get("/members", headers=JSON | {"Authorization": f"Bearer {services.access.machine}"}).status_code == 401
    assert client.get("/health").status_code == 200


@pytest.mark.parametrize("host", ["evil.example", "evil.example:8080", "127.0.0.1.evil.example", "[::2]", "[", "127.0.0.1@evil.example"])
def test_foreign_name_is_not_answered(anonymous, host: str) -> None:
    assert anonymous.get("/health", headers={"Host": host}).status_code in (400, 403)


def test_name_of_the_settings_is_answered(services) -> None:
    client = create_app(ApiSettings(shown_settings=(), names=("coop.example",)), services).test_client()

    assert client.get("/health", headers={"Host": "coop.example"}).status_code == 200
    assert client.get("/health", headers={"Host": "localhost:8080"}).status_code == 200


def test_at_https_the_cookie_is_for_this_host_and_https_alone(services, member, iris, wall) -> None:
    client = create_app(ApiSettings(shown_settings=()), replace(services, iris=Iris("https://coop.example"))).test_client()
    entered = enter_at(client, "https://coop.example")
    cookie = next(each for each in entered.headers.getlist("Set-Cookie") if each.startswith("__Host-flexcoop="))

    assert "Secure" in cookie
    assert "Domain" not in cookie
    assert entered.headers["Strict-Transport-Security"] == "max-age=31536000"


def enter_at(client: FlaskClient, base: str):
    page = client.get("/sign-in", base_url=base).text
    return client.post("/sign-in", base_url=base, data={"name": "h01", "password": GOOD, "door": field(page, "door")})


def test_demo_offers_its_accounts_by_a_click_to_this_machine_alone(services, access, iris) -> None:
    demo_accounts(access, {"h01": iris.id("member", "h01")})
    app = create_app(ApiSettings(shown_settings=(), names=("coop.example",)), replace(services, access=replace(access, demo=True)))
    here = app.test_client()
    page = here.get("/sign-in").text
    form = {"account": "h01", "door": field(page, "door")}

    assert 'name="account" value="operator"' in page
    for elsewhere in (
        {"environ_base": {"REMOTE_ADDR": "10.0.0.9"}},
        {"headers": {"X-Forwarded-For": "10.0.0.9"}},
        {"headers": {"Host": "coop.example"}},
    ):
        assert 'name="account"' not in app.test_client().get("/sign-in", **elsewhere).text
        assert here.post("/sign-in/demo", data=form, **elsewhere).status_code == 404
    assert here.post("/sign-in/demo", data=form | {"door": "x"}).status_code == 403
    assert here.post("/sign-in/demo", data=form).status_code == 303
    assert here.get("/members/h01", headers=HTML).status_code == 200


def test_without_a_demo_there_is_no_click(anonymous, access, member) -> None:
    demo_accounts(access, {})
    page = anonymous.get("/sign-in").text

    assert 'name="account"' not in page
    assert anonymous.post("/sign-in/demo", data={"account": "operator", "door": field(page, "door")}).status_code == 404


def test_new_password_is_set_with_the_old_one_and_ends_other_sessions(app: Flask, member) -> None:
    here, there = app.test_client(), app.test_client()
    enter(here)
    enter(there)
    token = field(here.get("/account").text, "form_token")

    def change(old: str, new: str) -> int:
        return here.post("/account/password", data={"form_token": token, "old": old, "new": new}).status_code

    assert change("wrong", "several other words") == 403
    assert change(GOOD, "short") == 422
    assert change(GOOD, "several other words") == 303
    assert here.get("/account", headers=HTML).status_code == 200
    assert there.get("/account", headers=HTML).status_code == 303
    assert enter(there).status_code == 403
    assert enter(there, "h01", "several other words").status_code == 303


def test_idle_session_ends_and_its_cookie_is_taken_back(anonymous, member, wall) -> None:
    enter(anonymous)
    wall[0] += timedelta(hours=2)
    answer = anonymous.get("/account", headers=HTML)

    assert answer.status_code == 303
    assert anonymous.get_cookie("flexcoop") is None
