"""Every page in a real browser, wide and narrow: nothing breaks, nothing is loaded from elsewhere."""

import shutil
from urllib.parse import urlsplit

import pytest
import servers
from playwright.sync_api import sync_playwright

pytestmark = pytest.mark.journey
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
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
    "/members/nobody",
]


@pytest.fixture(scope="module")
def browser():
    chromium = shutil.which("chromium")
    servers.require(chromium is not None, "Chromium is not installed")
    with sync_playwright() as play:
        running = play.chromium.launch(executable_path=chromium, args=FLAGS)
        yield running
        running.close()


@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("path", PAGES)
def test_page_fits_and_stays_at_home(site, browser, path, width):
    page = browser.new_page(viewport={"width": width, "height": 844}, extra_http_headers=site.headers)
    complaints: list[str] = []
    hosts: set[str] = set()
    page.on("console", lambda message: complaints.append(message.text) if message.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("request", lambda request: hosts.add(urlsplit(request.url).netloc))

    page.goto(site.url + path, wait_until="networkidle")
    wider = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    charts = page.locator(".chart")
    drawn = [charts.nth(index).locator("canvas").count() for index in range(charts.count())]
    page.close()

    assert [text for text in complaints if "404" not in text] == []
    assert hosts == {urlsplit(site.url).netloc}
    assert wider <= 0
    assert all(drawn), f"a chart of {path} is empty"


def test_operator_starts_a_campaign_with_the_button(site, browser):
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    page.goto(site.url, wait_until="networkidle")
    page.get_by_text("Start a campaign").click()
    page.get_by_label("Reduction asked, kW").fill("4")
    page.get_by_role("button", name="Start", exact=True).click()
    page.wait_for_url("**/campaigns/*", timeout=120_000)

    assert page.locator(".tag.scheduled").first.inner_text() == "scheduled"
    assert page.get_by_role("row").count() > 1  # homes have been picked

    page.get_by_role("button", name="Abort").click()
    page.wait_for_load_state("networkidle")
    assert page.locator(".tag.aborted").first.inner_text() == "aborted"
    page.close()


def test_member_opens_the_statement_step_by_step(site, browser):
    page = browser.new_page(viewport={"width": 390, "height": 844})
    page.goto(f"{site.url}/campaigns/c1", wait_until="networkidle")
    page.locator("a[href*='/statements/']").first.click()

    assert page.locator("h1").inner_text().startswith("€")
    assert page.locator("ol.steps li").count() >= 4
    assert page.locator("tbody tr").count() >= 6  # five days or more of the baseline, one of the event
    page.close()
