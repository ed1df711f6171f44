"""A platform that is killed in mid-campaign goes on, and nothing counts twice."""

import time
from decimal import Decimal
from urllib.parse import urlencode

import pytest

pytestmark = pytest.mark.journey
OVER = ("live", "at its end")
BEHIND_S = 10  # an answer may be 5 s older than the last write


def _figures(site):
    query = """SELECT ?money ?delivered (COUNT(DISTINCT ?event) AS ?events) (COUNT(DISTINCT ?instruction) AS ?instructions) WHERE {
        ?run fc:forCampaign ?campaign ; fc:hasIncome ?share ; fc:hasPortfolioResult/fc:deliveredEnergy ?delivered .
        ?share fc:moneyRole fcv:MemberShare ; fc:amount ?money .
        ?event fc:partOfCampaign ?campaign . ?instruction fc:partOfEvent ?event .
    } GROUP BY ?money ?delivered"""
    answer = site.get("/sparql?" + urlencode({"query": query}))
    return [{name: cell["value"] for name, cell in row.items()} for row in answer["results"]["bindings"]]


def test_killed_in_mid_campaign_it_ends_as_if_nothing_had_happened(serve, played):
    site = serve("--demo")
    during = site.wait_until(lambda state: state["now"] >= "2016-08-17T01:15" and state["scenario"].get("phase") == "history")
    site.child.kill()
    assert during["now"] < "2016-08-17T03:00", "the campaign was over before it could be killed"

    again = serve("--demo", folder=site.folder)
    again.wait_until(lambda state: state["scenario"].get("phase") in OVER)

    end = time.monotonic() + BEHIND_S
    while not (found := _figures(again)) and time.monotonic() < end:
        time.sleep(0.2)
    assert len(found) == 1
    assert float(found[0]["delivered"]) == pytest.approx(played.figures["delivered_kwh"])
    assert Decimal(found[0]["money"]) == Decimal(played.figures["paid_eur"])
    figures = again.get("/health")
    assert figures["refused"] == 0
