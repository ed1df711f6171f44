"""A member's day on the phone: an event runs, the member leaves it, the home stops within one control step, somebody else takes over."""

import json
import time
import urllib.parse
import urllib.request
from datetime import datetime, timedelta

import pytest
from patience import PATIENCE_S

pytestmark = pytest.mark.journey
STEP = timedelta(minutes=15)
# what devices may draw [kW] in each step of an event, and how much less that is than without it
LIMITS = """PREFIX fc: <https://w3id.org/flexcoop/ns#> PREFIX s4ener: <https://saref.etsi.org/saref4ener/>
SELECT ?member ?device ?limits ?reductions WHERE { GRAPH ?g {
  ?instruction a fc:DispatchInstruction ; fc:forDER ?device ; s4ener:hasInstructionStatus s4ener:Started ; fc:hasSeries ?limit , ?reduction .
  ?limit fc:values ?limits . ?reduction fc:values ?reductions }
  FILTER (STRENDS(STR(?limit), "#limit") && STRENDS(STR(?reduction), "#reduction"))
  BIND (REPLACE(STR(?g), "^.*/member/([^/]+)/.*$", "$1") AS ?member) } ORDER BY ?device"""
POWER = """PREFIX saref: <https://saref.etsi.org/core/> PREFIX sosa: <http://www.w3.org/ns/sosa/>
SELECT ?at ?kw WHERE {{ ?o a saref:Observation ; saref:observes <{device}#activePower> ; saref:hasTimestamp ?at ; sosa:hasSimpleResult ?kw
  FILTER (?at >= "{begin}"^^<http://www.w3.org/2001/XMLSchema#dateTime>) }} ORDER BY ?at"""


def asked(site, path, body=None, kind="application/json"):
    data = None if body is None else json.dumps(body).encode() if kind == "application/json" else urllib.parse.urlencode(body).encode()
    request = urllib.request.Request(site.url + path, data, {**site.headers, "Accept": "application/json", "Content-Type": kind})
    with urllib.request.urlopen(request, timeout=120) as answer:
        return json.loads(answer.read())


def rows(site, query):
    found = asked(site, "/sparql", {"query": query}, "application/x-www-form-urlencoded")
    return [{name: each["value"] for name, each in row.items()} for row in found["results"]["bindings"]]


def now(state):
    return datetime.fromisoformat(state["now"])


def powers(site, device, begin):
    """Mean power [kW] of each step since then, by its beginning."""
    query = POWER.format(device=device, begin=begin.strftime("%Y-%m-%dT%H:%M:%SZ"))
    return {datetime.fromisoformat(row["at"]): float(row["kw"]) for row in rows(site, query)}


def test_member_leaves_a_running_event_on_the_phone(serve, browser, tmp_path):
    folder = tmp_path / "platform"
    site = serve("--demo", folder=folder, FLEX_DEMO_SPEED="3000")
    live = site.wait_until(lambda state: str(state["scenario"].get("phase", "")).startswith("live"))
    start = now(live).replace(hour=1, minute=0, second=0, microsecond=0) + timedelta(days=1)  # 18:00 by the homes' clock
    asked(site, "/api/commands/campaign", {"start": start.isoformat(), "end": (start + 8 * STEP).isoformat(), "kw": 12.0, "price": "0.40"})
    site.wait_until(lambda state: now(state) >= start + STEP)
    site.child.stop(20)

    site = serve("--demo", folder=folder, FLEX_DEMO_SPEED="90")  # a step takes ten seconds from here on
    begun = now(site.wait_until(lambda state: now(state) >= start + STEP))
    slot = (begun - start) // STEP
    held = [row for row in rows(site, LIMITS) if min(json.loads(row["reductions"])[slot : slot + 4]) > 1.0]
    assert held, (slot, rows(site, LIMITS))
    member, device, limits = held[0]["member"], held[0]["device"], json.loads(held[0]["limits"])

    context = browser.new_context(viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True)
    page = context.new_page()
    page.goto(f"{site.url}/sign-in")
    page.get_by_role("button", name=member, exact=True).tap()
    page.wait_for_url("**/members/*")
    running = page.locator("#next")
    assert "running" in running.get_attribute("class")
    assert "less" in running.inner_text()  # why it is asked
    running.get_by_role("link", name="Opt out").tap()
    still_in = now(site.health())
    page.get_by_role("button", name="Yes, opt out").tap()
    page.wait_for_url("**/events/*")
    left_at = now(site.health())  # the scenario's time stands still between two steps
    assert page.locator(".tag.opted-out").count() >= 1

    site.wait_until(lambda state: now(state) >= left_at + 2 * STEP)
    end = time.monotonic() + PATIENCE_S
    while left_at not in (measured := powers(site, device, start)) and time.monotonic() < end:
        time.sleep(0.1)
    obeyed = [(kw, limits[(at - start) // STEP]) for at, kw in measured.items() if start <= at < still_in]
    assert obeyed, measured
    assert all(kw <= limit + 0.05 for kw, limit in obeyed), obeyed  # it kept to its limit …
    # … and no more in the first step that began after its owner had left
    assert measured[left_at] > limits[(left_at - start) // STEP] + 0.5, (measured, limits)

    page.goto(f"{site.url}/members/{member}")
    assert page.locator("#left").count() == 1
    context.close()

    desk = browser.new_context(viewport={"width": 1280, "height": 844})
    page = desk.new_page()
    page.goto(f"{site.url}/sign-in")
    page.get_by_role("button", name="operator", exact=True).click()
    page.wait_for_url(lambda address: "/sign-in" not in address)
    page.goto(f"{site.url}/campaigns/c{start:%Y%m%dT%H%M%SZ}")
    row = page.locator("#left tbody tr").filter(has_text=f"Home {member}")
    assert row.count() == 1
    assert "from" in row.locator("td").last.inner_text(), row.inner_text()  # the home that took over, and when
    desk.close()
