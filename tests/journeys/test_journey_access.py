"""Access as people live it: accounts, demo members, a partner who is granted data and members who agree, tokens, and a kill."""

import json
import os
import shutil
import subprocess
import sys
import urllib.error
import urllib.parse
import urllib.request

import pytest
import servers
from patience import PATIENCE_S

pytestmark = pytest.mark.journey
GOOD = "a few plain words"
COUNTED = """SELECT ?part (COUNT(*) AS ?triples) WHERE { GRAPH ?graph { ?s ?p ?o }
    FILTER (CONTAINS(STR(?graph), "/graph/member/")) BIND (STRAFTER(STR(?graph), "/graph/member/") AS ?part) } GROUP BY ?part ORDER BY ?part"""


def asked(site, path, *, token=None, body=None, headers=None):
    """Status and body of one request, with a token or none."""
    known = {"Accept": "application/json", **(headers or {})} | ({"Authorization": f"Bearer {token}"} if token else {})
    request = urllib.request.Request(site.url + path, body, known)
    try:
        with urllib.request.urlopen(request, timeout=PATIENCE_S) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def seen(site, token):
    """The members' graphs that a token sees through the endpoint, with the number of triples in each."""
    status, body = asked(site, "/sparql", token=token, body=urllib.parse.urlencode({"query": COUNTED}).encode())
    assert status == 200, body
    return {row["part"]["value"]: int(row["triples"]["value"]) for row in json.loads(body)["results"]["bindings"]}


def posted(site, path, token, **body):
    status, text = asked(site, path, token=token, body=json.dumps(body).encode(), headers={"Content-Type": "application/json"})
    assert status < 300, text
    return json.loads(text)


def jwt_of(site, client, secret):
    form = {"grant_type": "client_credentials", "client_id": client, "client_secret": secret}
    status, text = asked(site, "/oauth/token", body=urllib.parse.urlencode(form).encode())
    assert status == 200, text
    return json.loads(text)["access_token"]


def account(site, name, role, *more, password=GOOD):
    """`flex account add`, its password by standard input."""
    command = [sys.executable, str(servers.ROOT / "app.py"), "account", "add", name, "--role", role, *more, "--json"]
    done = subprocess.run(
        command, input=f"{password}\n", capture_output=True, text=True, cwd=servers.ROOT, env={**os.environ, **site.env}, check=False
    )
    return done.returncode, json.loads(done.stdout.splitlines()[-1])


@pytest.fixture
def visitor(browser):
    """A browser that nobody has signed in with."""
    context = browser.new_context()
    yield context.new_page()
    context.close()


def by_password(site, page, name, password=GOOD):
    page.goto(f"{site.url}/sign-in")
    page.get_by_label("Name").fill(name)
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Sign in", exact=True).click()
    page.wait_for_load_state("networkidle")


def by_click(site, page, name):
    page.goto(f"{site.url}/sign-in")
    page.get_by_role("button", name=name, exact=True).click()
    page.wait_for_load_state("networkidle")


def test_account_is_made_by_command_and_its_password_opens_the_portfolio(site, visitor):
    assert account(site, "desk", "operator") == (0, {"name": "desk", "role": "operator", "for": None, "disabled": False})
    assert account(site, "desk", "operator")[0] == 1
    code, refused = account(site, "short", "operator", password="short")  # noqa: S106
    assert code == 1
    assert "12" in refused["error"]

    by_password(site, visitor, "desk", "something else, wrong")
    assert visitor.get_by_role("alert").is_visible()
    by_password(site, visitor, "desk")

    assert urllib.parse.urlsplit(visitor.url).path == "/"
    assert visitor.get_by_role("link", name="Members", exact=True).is_visible()
    assert visitor.goto(f"{site.url}/members/h02").status == 200
    assert visitor.goto(f"{site.url}/-/audit").status == 200


def test_member_signs_in_and_sees_its_own_page_alone(site, visitor):
    by_click(site, visitor, "h01")

    assert urllib.parse.urlsplit(visitor.url).path == "/members/h01"
    assert "Home h01" in visitor.locator("main").inner_text()
    assert visitor.get_by_role("link", name="Members").count() == 0
    for path in ("/members/h02", "/api/members/h02/consents", "/doc/member/h02", "/doc/site/h02"):
        assert visitor.goto(f"{site.url}{path}").status == 404, path
    for path in ("/members", "/-/", "/-/audit", "/-/settings", "/-/refused"):
        assert visitor.goto(f"{site.url}{path}").status == 403, path


def test_member_signs_in_by_password(site, visitor):
    assert account(site, "home-three", "member", "--for", "member/h03")[0] == 0

    by_password(site, visitor, "home-three")

    assert urllib.parse.urlsplit(visitor.url).path == "/members/h03"
    visitor.goto(f"{site.url}/account")
    visitor.get_by_role("button", name="Sign out").click()
    assert visitor.goto(f"{site.url}/members/h03").url.startswith(f"{site.url}/sign-in")


def test_partner_sees_what_was_granted_of_those_who_agree_until_they_withdraw(site, flex, visitor):
    secret = flex("partner", "add", "university", "--label", "University", env=site.env)["secret"]
    terms = ["--category", "TelemetryData", "--purpose", "ResearchAndDevelopment", "--from", "2016-01-01", "--to", "2016-12-31"]
    flex("partner", "grant", "university", *terms, env=site.env)
    token = jwt_of(site, "university", secret)
    operator = seen(site, site.token)
    assert len({part.split("/")[0] for part in operator}) == 6
    assert seen(site, token) == {}  # a grant alone opens nothing

    mine = flex("token", "add", "phone", "--account", "h01", env=site.env)["token"]  # h01 agrees by the API, h02 on its page
    consent = {"categories": ["fcv:TelemetryData"], "purposes": ["dpv:ResearchAndDevelopment"], "first": "2016-01-01", "last": "2016-12-31"}
    party = json.loads(asked(site, "/api/partners", token=site.token)[1])[-1]["partner"]
    given = posted(site, "/api/members/h01/consents", mine, party=party, **consent)["consent"]
    assert seen(site, token) == _telemetry(operator, "h01")
    by_click(site, visitor, "h02")
    visitor.goto(f"{site.url}/members/h02/data")
    visitor.locator("select[name=party]").select_option(party)
    visitor.get_by_label("From").fill("2016-01-01")
    visitor.get_by_label("To, included").fill("2016-12-31")
    visitor.locator("input[name=category][value$=TelemetryData]").check()
    visitor.get_by_role("button", name="Allow").click()
    visitor.wait_for_load_state("networkidle")
    assert seen(site, token) == _telemetry(operator, "h01", "h02")
    assert asked(site, "/members/h01", token=token)[0] == 403
    assert asked(site, "/api/members/h01/consents", token=token)[0] in (403, 404)

    posted(site, "/api/members/h01/consents/withdraw", mine, consent=given)
    assert seen(site, token) == _telemetry(operator, "h02")
    visitor.locator("#consents li", has_text="University").get_by_role("button", name="Withdraw").click()
    visitor.wait_for_load_state("networkidle")
    assert seen(site, token) == {}
    assert "partner" in asked(site, "/api/members/h01/looked", token=mine)[1]

    (granted,) = [each["grant"] for each in flex("partner", "grants", "university", env=site.env)["grants"]]
    flex("partner", "withdraw", "--grant", granted, env=site.env)
    record = asked(site, f"/things/{granted.partition('/id/')[2]}/history", token=site.token)[1]
    assert record.index("A grant was withdrawn") < record.index("Data were granted to partner university")
    own = asked(site, "/members/h01/data", token=mine)[1]
    assert "Consent to partner/university was given by the member" in own


def _telemetry(counts, *members):
    """What the operator counts of these members' telemetry."""
    wanted = {part: count for part, count in counts.items() if part.split("/")[0] in members and part.split("/")[1] == "telemetry"}
    assert sum(wanted.values()) > 0
    return wanted


def test_token_holds_until_it_is_revoked(site, flex):
    made = flex("token", "add", "script", "--account", "operator", env=site.env)
    assert len(seen(site, made["token"])) == len(seen(site, site.token))

    flex("token", "revoke", "--number", str(made["number"]), env=site.env)

    assert asked(site, "/sparql?query=ASK%7B%7D", token=made["token"])[0] == 401
    assert asked(site, "/sparql?query=ASK%7B%7D")[0] == 200


def test_killed_platform_still_knows_whom_it_let_in(serve, played, tmp_path, flex, visitor):
    folder = tmp_path / "kept"
    shutil.copytree(played.folder, folder)
    port = servers.free_port()
    site = serve("--demo", folder=folder, FLEX_HTTP_PORT=str(port))
    site.wait_until(lambda state: state["scenario"].get("phase") == "at its end")
    account(site, "night", "operator")
    by_password(site, visitor, "night")
    mine = flex("token", "add", "phone", "--account", "h01", env=site.env)["token"]
    secret = flex("partner", "add", "university", env=site.env)["secret"]
    terms = ["--category", "LatestData", "--purpose", "ServiceProvision", "--from", "2016-01-01", "--to", "2016-12-31"]
    flex("partner", "grant", "university", *terms, env=site.env)
    token = jwt_of(site, "university", secret)
    party = json.loads(asked(site, "/api/partners", token=site.token)[1])[-1]["partner"]
    consent = {"categories": ["fcv:LatestData"], "purposes": ["dpv:ServiceProvision"], "first": "2016-01-01", "last": "2016-12-31"}
    posted(site, "/api/members/h01/consents", mine, party=party, **consent)
    before = seen(site, token)
    assert set(before) == {"h01/latest"}

    site.child.kill()
    again = serve("--demo", folder=folder, FLEX_HTTP_PORT=str(port))
    again.wait_until(lambda state: state["scenario"].get("phase") == "at its end")

    assert set(seen(again, token)) == {"h01/latest"}  # the key that signed it is the same
    assert set(seen(again, jwt_of(again, "university", secret))) == {"h01/latest"}
    assert asked(again, "/members/h01", token=mine)[0] == 200
    assert asked(again, "/members/h02", token=mine)[0] == 404
    assert visitor.goto(f"{again.url}/members").status == 200  # the session of before the kill
    assert urllib.parse.urlsplit(visitor.url).path == "/members"
    visitor.context.clear_cookies()
    by_password(again, visitor, "night")
    assert urllib.parse.urlsplit(visitor.url).path == "/"
