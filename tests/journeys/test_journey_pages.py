"""Every page in a real browser: in three languages, wide and narrow, light and dark; nothing breaks, nothing is loaded from elsewhere.

An address that answers with a page and is not in `PAGES` fails: whoever adds one says here how it is reached.
"""

import csv
import json
import re
import urllib.parse
import urllib.request
from datetime import datetime, timedelta
from functools import cache
from urllib.parse import urlsplit

import paho.mqtt.client as mqtt
import pytest
from browsing import Seen, grave, wider_by
from paho.mqtt.enums import CallbackAPIVersion

from api.application import create_app
from api.services import ApiSettings
from notices import Kind
from notices.database import Database
from notices.feeds import Feeds
from notices.unsubscribe import token

pytestmark = pytest.mark.journey
LANGUAGES, WIDTHS = ("en", "es", "nl"), (1280, 390)
DAY = "date=2016-08-16"
# endpoint → who opens it, and where
PAGES = {
    "things.new": ("operator", "/registry/battery-system/new?member=h01"),
    "things.view": ("operator", "/things/device/h01-battery"),
    "things.edit": ("operator", "/things/device/h01-battery/edit"),
    "things.history": ("operator", "/things/device/h01-battery/history"),
    "things.ask_to_remove": ("operator", "/things/site/h01/remove"),
    "things.options_of": ("operator", "/registry/options?form=site&field=ownedBy&q=h"),
    "operator.portfolio": ("operator", "/"),
    "campaigns.campaign": ("operator", "/campaigns/c1"),
    "tables.everyone": ("operator", "/members"),
    "member.today": ("h01", f"/members/h01?{DAY}"),
    "member_money.statement": ("{member}", "{statement}"),
    "privacy.ask": ("h01", "/members/h01/erase"),
    "sparql.query": ("operator", "/sparql"),
    "query_library.index": ("operator", "/queries"),
    "query_library.query": ("operator", "/queries/api/readings_of_channel?run=1&format=html"),
    "catalogue.page": ("operator", "/catalogue"),
    "linked_data.document": ("operator", "/doc/site/h01"),
    "linked_data.graph_document": ("operator", "/doc/graph/registry"),
    "ontology_pages.ontology": ("operator", "/ontology"),
    "ontology_pages.shapes": ("operator", "/shapes"),
    "ontology_pages.shapes_of": ("operator", "/shapes/channel"),
    "health.data_health": ("operator", "/-/health"),
    "introspection.index": ("operator", "/-/"),
    "introspection.settings": ("operator", "/-/settings"),
    "introspection.versions": ("operator", "/-/versions"),
    "refused.refused": ("operator", "/-/refused"),
    "refused.letter": ("operator", "/-/refused/{letter}"),
    "member_money.ask_opt_out": ("{called}", "/members/{called}/events/c2-{called}/opt-out"),
    "audited.record": ("operator", "/-/audit"),
    "sign_in.account": ("operator", "/account"),
    "sign_in.form": ("nobody", "/sign-in"),
    "audited.edits": ("operator", "/-/audit/edits"),
    "campaigns.all_of_them": ("operator", "/campaigns"),
    "campaigns.part": ("operator", "{part}"),
    "health.box": ("operator", "/-/health/h01"),
    "imports.ask": ("operator", "/registry/member/import"),
    "imports.every": ("operator", "/registry/imports"),
    "map.grid": ("operator", "/map"),
    "member_comfort.comfort_page": ("{warm}", "/members/{warm}/comfort"),
    "member_data.data": ("h01", "/members/h01/data"),
    "member_history.history": ("h01", f"/members/h01/history?span=month&{DAY}"),
    "member_home.home": ("h01", "/members/h01/home"),
    "member_money.earnings": ("{member}", "/members/{member}/earnings"),
    "member_money.event": ("{member}", "/members/{member}/events/c1-{member}"),
    "member_money.events": ("{member}", "/members/{member}/events"),
    "member_notices.settings": ("h01", "/members/h01/notices"),
    "notices.overview": ("operator", "/-/notices"),
    "notices.ask_to_end": ("nobody", "/members/h01/unsubscribe/planned?key={ends}"),
    "onboarding.account": ("operator", "/onboarding/{new}/account"),
    "onboarding.begin": ("operator", "/onboarding/new"),
    "onboarding.box": ("operator", "/onboarding/{new}/box"),
    "onboarding.comfort_page": ("operator", "/onboarding/h01/comfort"),
    "onboarding.connection": ("operator", "/onboarding/{new}/connection"),
    "onboarding.consent": ("operator", "/onboarding/h01/consent"),
    "onboarding.contract": ("operator", "/onboarding/h01/contract"),
    "onboarding.devices": ("operator", "/onboarding/h01/devices"),
    "onboarding.everyone": ("operator", "/onboarding"),
    "onboarding.person": ("operator", "/onboarding/{new}/member"),
    "onboarding.site": ("operator", "/onboarding/{new}/home"),
    "onboarding.under_way_page": ("operator", "/onboarding/{new}"),
    "outlook.page": ("operator", f"/forecasts?{DAY}"),
    "paste.ask": ("operator", "/registry/paste"),
    "registry_pages.findings": ("operator", "/registry/findings"),
    "registry_pages.index": ("operator", "/registry"),
    "registry_pages.things": ("operator", "/registry/battery-system"),
    "settlements.all_of_them": ("operator", "/settlements"),
    "settlements.one": ("operator", "/settlements/c1"),
    "tables.ders": ("operator", "/ders"),
}
ELSEWHERE = {"imports.shown", "registry_pages.work"}  # what comes of a deed: test_journey_clerk_day.py looks at it
MORE = {  # further faces of pages above, and what is said where there is none
    "no such page": ("operator", "/members/nobody"),
    "not allowed": ("h01", "/members/h02"),
    "thing of a member": ("h01", "/doc/device/h01-battery"),
    "day of readings": ("operator", "/doc/series/connection/h01/activePower/20160812"),
    "a member's page as the operator sees it": ("operator", f"/members/h01?{DAY}"),
}
NO_PAGES = {  # files, data for programs, and addresses that only lead on
    "audited.looked", "catalogue.void", "charts.campaign_series", "charts.member_comfort", "charts.member_day", "charts.portfolio_day",
    "commands.verbs", "consents.given", "consents.partners", "contexts.context", "dumps.dump", "graph_store.read", "health.day",
    "health.metrics", "introspection.health", "languages.choose", "linked_data.day_series", "linked_data.named_graph", "linked_data.thing",
    "oauth.jwks", "oauth.metadata", "ontology_pages.module", "ontology_pages.module_of_version", "privacy.export", "notices.calendar", "onboarding.news", "outlook.day_series",
    "refused.payload", "sign_in.callback", "sign_in.list_tokens", "sign_in.to_provider", "static",
}  # fmt: skip


@pytest.fixture(scope="module")
def state_of(site, browser):
    """The cookies of a browser in which somebody clicked on a demo account, with a language."""

    @cache
    def state(who: str, language: str):
        context = browser.new_context()
        page = context.new_page()
        if who != "nobody":
            page.goto(f"{site.url}/sign-in")
            page.get_by_role("button", name=who, exact=True).click()
            page.wait_for_url(lambda address: "/sign-in" not in address)
        page.goto(f"{site.url}/language/{language}?next=/sign-in")
        kept = context.storage_state()
        context.close()
        return kept

    return state


@pytest.fixture(scope="module")
def names(site):
    """What stands in the addresses above: members of a campaign that was settled and of one to come, one with a heat pump, one who is new."""
    text = site.get("/campaigns/c1", accept="text/html")
    paid = re.findall(r"/members/(\w+)/statements/c1", text)[0]
    warm = next(row["key"] for row in csv.DictReader(site.get("/registry/heat-pump?format=csv", accept="text/csv").splitlines()))
    start = datetime.fromisoformat(site.health()["now"]).replace(hour=1, minute=0, second=0, microsecond=0) + timedelta(days=1)
    asked(
        site,
        "/api/commands/campaign",
        json.dumps({"start": start.isoformat(), "end": (start + timedelta(hours=2)).isoformat(), "kw": 3, "price": "0.4", "key": "c2"}),
    )
    called = re.findall(r"/campaigns/c2/members/(\w+)", site.get("/campaigns/c2", accept="text/html"))[0]
    asked(site, "/onboarding/new", urllib.parse.urlencode({"key": "h77", "language": "en"}), "application/x-www-form-urlencoded")
    told = {
        "member": paid,
        "warm": f"{warm.rsplit('/', 1)[-1].split('-')[0]}",
        "called": called,
        "new": "h77",
        "letter": str(refused(site)),
        "ends": ends_letters(site, "h01", Kind.PLANNED),
    }
    return told | {"statement": f"/members/{paid}/statements/c1", "part": f"/campaigns/c1/members/{paid}"}


def asked(site, path, body, kind="application/json"):
    request = urllib.request.Request(site.url + path, body.encode(), {**site.headers, "Content-Type": kind, "Accept": "*/*"})
    with urllib.request.urlopen(request, timeout=120) as answer:
        return answer.read()


def ends_letters(site, member, kind):
    """The token of the link that stands in letters of this kind to a member."""
    file = Database(site.folder / "notices.sqlite")
    key = Feeds(file).signing_key(lambda: "x" * 43)
    file.close()
    return token(key, f"{site.url}/id/member/{member}", kind)


def refused(site):
    """Send what can't be read; returns the number under which it is kept."""
    broker = json.loads((site.folder / "demo" / "neighbourhood.json").read_text(encoding="utf-8"))["broker"]
    client = mqtt.Client(CallbackAPIVersion.VERSION2)
    client.connect(broker["host"], broker["port"])
    client.loop_start()
    client.publish("flexcoop/osb/osb-h01/telemetry", b"<script>alert(1)</script>", qos=1).wait_for_publish(20)
    client.disconnect()
    client.loop_stop()
    client.reinitialise()
    site.wait_until(lambda state: state["refused"] > 0)
    return re.findall(r"/-/refused/(\d+)", site.get("/-/refused", accept="text/html"))[0]


def test_every_page_there_is_will_be_looked_at():
    app = create_app(ApiSettings(shown_settings=()), None)  # its addresses alone are asked
    readable = {rule.endpoint for rule in app.url_map.iter_rules() if "GET" in rule.methods}

    assert sorted(readable - set(PAGES) - NO_PAGES - ELSEWHERE) == []
    assert sorted((set(PAGES) | NO_PAGES | ELSEWHERE) - readable) == []


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("name", [*PAGES, *MORE])
def test_page_is_accessible_fits_and_stays_at_home(site, browser, state_of, names, name, language):
    who, path = (each.format(**names) for each in (PAGES | MORE)[name])
    context = browser.new_context(viewport={"width": WIDTHS[0], "height": 844}, storage_state=state_of(who, language))
    page = context.new_page()
    seen = Seen().of(page)
    faults, wider = {}, {}
    try:
        page.emulate_media(color_scheme="dark" if language == "es" else "light")
        page.goto(site.url + path, wait_until="networkidle")
        for width in WIDTHS:
            page.set_viewport_size({"width": width, "height": 844})
            wider[width] = wider_by(page)
            faults[width] = grave(page)
            page.emulate_media(color_scheme="light" if language == "es" else "dark")
        charts = page.locator(".chart")
        drawn = [charts.nth(index).locator("canvas, p").count() for index in range(charts.count())]
        spoken = page.evaluate("document.documentElement.lang")
    finally:
        context.close()

    assert spoken == language
    assert faults == {1280: [], 390: []}
    assert [text for text in seen.complaints if "404" not in text] == []
    assert seen.hosts == {urlsplit(site.url).netloc}
    assert {width: by for width, by in wider.items() if by > 0} == {}
    assert all(drawn), f"a chart of {path} is empty"
