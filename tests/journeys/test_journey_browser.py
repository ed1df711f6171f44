"""Every page in a real browser, wide and narrow: nothing breaks, nothing is loaded from elsewhere."""

from functools import cache
from urllib.parse import urlsplit

import pytest
from browsing import Seen
from playwright.sync_api import Page

pytestmark = pytest.mark.journey
PAGES = [
    "/",
    "/campaigns/c1",
    "/members",
    "/members/h01?date=2016-08-16",
    "/sparql",
    "/doc/site/h01",
    "/-/",
    "/queries",
    "/-/settings",
    "/-/refused",
    "/-/audit",
    "/catalogue",
    "/ontology",
    "/shapes/channel",
    "/queries/api/readings_of_channel?run=1&format=html",
    "/account",
    "/sign-in",
    "/members/nobody",
]


@pytest.fixture(scope="module")
def signed_in(site, browser):
    """The state of a browser in which somebody clicked on a demo account: `signed_in("h01")`."""

    @cache
    def state(name: str):
        page = browser.new_page()
        page.goto(f"{site.url}/sign-in")
        page.get_by_role("button", name=name, exact=True).click()
        page.wait_for_url(lambda address: "/sign-in" not in address)
        kept = page.context.storage_state()
        page.close()
        return kept

    return state


@pytest.fixture
def opened(site, browser, signed_in):
    """Open a page as somebody and wait until it is quiet: `opened("operator", "/members", 390)`."""
    pages: list[Page] = []

    def begin(who: str, path: str, width: int = 1280) -> tuple[Page, Seen]:
        page = browser.new_page(viewport={"width": width, "height": 844}, storage_state=signed_in(who))
        pages.append(page)
        seen = Seen().of(page)
        page.goto(site.url + path, wait_until="networkidle")
        return page, seen

    yield begin
    for page in pages:
        page.close()


@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize(
    ("who", "path"), [*(("operator", path) for path in PAGES), ("h01", "/members/h01?date=2016-08-16"), ("h01", "/account")]
)
def test_page_fits_and_stays_at_home(site, opened, who, path, width):
    page, seen = opened(who, path, width)
    wider = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    charts = page.locator(".chart")
    drawn = [charts.nth(index).locator("canvas").count() for index in range(charts.count())]

    assert [text for text in seen.complaints if "404" not in text] == []
    assert seen.hosts == {urlsplit(site.url).netloc}
    assert wider <= 0
    assert all(drawn), f"a chart of {path} is empty"


def test_operator_starts_a_campaign_with_the_button(opened):
    page, _ = opened("operator", "/")
    page.get_by_text("Start a campaign").click()
    page.get_by_label("Reduction asked, kW").fill("4")
    page.get_by_role("button", name="Start", exact=True).click()
    page.wait_for_url("**/campaigns/*", timeout=120_000)

    assert page.locator(".tag.scheduled").first.inner_text() == "scheduled"
    assert page.get_by_role("row").count() > 1  # homes have been picked

    page.get_by_role("button", name="Pause").click()
    page.wait_for_load_state("networkidle")
    assert page.locator("main .tag.paused").first.inner_text() == "paused"
    page.get_by_role("button", name="Resume").click()
    page.wait_for_load_state("networkidle")
    assert page.locator("main .tag.scheduled").first.inner_text() == "scheduled"

    page.get_by_text("Abort …").click()
    page.get_by_role("checkbox").check()
    page.get_by_role("button", name="Abort the campaign").click()
    page.wait_for_load_state("networkidle")
    assert page.locator(".tag.aborted").first.inner_text() == "aborted"


def test_member_opens_the_statement_step_by_step(site, opened):
    page, _ = opened("operator", "/campaigns/c1", 390)
    statement = page.locator("a[href*='/statements/']").first.get_attribute("href")
    member = statement.split("/members/")[1].split("/")[0]
    page, _ = opened(member, f"/members/{member}/earnings", 390)
    page.locator(f"a[href*='{statement}']").first.click()

    assert page.locator("h1").inner_text().startswith("€")
    assert page.locator("ol.steps li").count() >= 4
    assert page.locator("tbody tr").count() >= 6  # five days or more of the baseline, one of the event


@pytest.mark.parametrize("width", [1280, 390])
def test_editor_runs_a_query_by_its_button_and_shows_rows(site, opened, width):
    page, seen = opened("operator", "/sparql", width)

    page.locator(".yasqe_queryButton").first.click()
    page.locator(".yasr table tbody tr").first.wait_for(timeout=20_000)

    assert page.locator(".yasr table tbody tr").count() > 10
    assert not page.locator("#query-form").is_visible()
    assert seen.complaints == []
    assert seen.hosts == {urlsplit(site.url).netloc}
    assert page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth") <= 0


def test_query_runs_without_script(site, browser, signed_in):
    context = browser.new_context(java_script_enabled=False, storage_state=signed_in("operator"))
    page = context.new_page()
    page.goto(f"{site.url}/queries/api/readings_of_channel")
    page.get_by_role("button", name="Run", exact=True).click()

    assert page.locator("#result tbody tr").count() == 96
    context.close()
