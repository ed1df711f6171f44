"""Campaigns on the operator's pages: list, watch, start, pause, resume, abort, and each member's part."""

from datetime import UTC, datetime, timedelta

import pytest

from kg.terms import Json, Lang, describe, iri
from ontology.names import FC, FCV, PROV, RDF, RDFS, S4ENER

HTML = {"Accept": "text/html"}
FORM = {"zone": "Europe/Madrid", "date": "2016-09-01", "start": "18:00", "end": "20:00", "kw": "25", "price": "0.40"}
AT = datetime(2016, 9, 1, 0, 30, tzinfo=UTC)


def state(store, iris, name):
    """Bring campaign c1 into a state."""
    graph, campaign = iris.graph("market"), iris.id("campaign", "c1")
    now = next(t.object.value for t in store.graph(graph) if t.subject.value == campaign and t.predicate.value == str(FC.status))
    store.apply(
        delete=describe(graph, campaign, {FC.status: iri(now)}), insert=describe(graph, campaign, {FC.status: FCV[f"Campaign{name}"]})
    )


def test_the_list_tells_what_was_asked_promised_delivered_and_earned(client):
    page = client.get("/campaigns", headers=HTML).text
    row = next(part for part in page.split("<tr>") if "/campaigns/c1" in part)

    assert "kWh" in row
    assert "€" in row
    assert "settled" in row


def test_the_list_can_be_narrowed_to_a_state(client):
    assert "/campaigns/c1" not in client.get("/campaigns?state=ongoing", headers=HTML).text
    assert "/campaigns/c1" in client.get("/campaigns?state=settled", headers=HTML).text


@pytest.mark.parametrize(
    ("language", "kw", "price", "asked"), [("en", "2.5", "0.40", 2.5), ("es", "2,5", "0,40", 2.5), ("nl", "2,5", "0.4", 2.5)]
)
def test_decimals_are_read_with_a_point_or_a_comma(client, calls, language, kw, price, asked):
    answer = client.post(f"/campaigns?lang={language}", data=FORM | {"kw": kw, "price": price})

    assert answer.status_code == 303
    assert calls[0][1]["kw"] == asked
    assert float(calls[0][1]["price"]) == 0.4


@pytest.mark.parametrize(("language", "kw"), [("en", "1,500"), ("es", "1.500"), ("nl", "1.500")])
def test_what_could_be_thousands_is_refused(client, calls, language, kw):
    answer = client.post(f"/campaigns?lang={language}", data=FORM | {"kw": kw})

    assert answer.status_code == 422
    assert calls == []


@pytest.mark.parametrize("wrong", [{"kw": "0"}, {"kw": "-1"}, {"price": "-0.1"}, {"kw": ""}, {"zone": "../x"}, {"start": "25:00"}])
def test_a_form_that_is_wrong_starts_nothing(client, calls, wrong):
    assert client.post("/campaigns", data=FORM | wrong).status_code == 422
    assert calls == []


@pytest.mark.parametrize(
    ("name", "offers"), [("Scheduled", "pause"), ("Ongoing", "pause"), ("Paused", "resume"), ("Settled", ""), ("Aborted", "")]
)
def test_a_campaign_offers_what_can_be_done_in_its_state(client, store, iris, name, offers):
    state(store, iris, name)
    page = client.get("/campaigns/c1", headers=HTML).text

    found = {verb for verb in ("pause", "resume", "abort") if f'action="/campaigns/c1/{verb}"' in page}

    assert found == ({offers, "abort"} if offers else set())


@pytest.mark.parametrize("verb", ["pause", "resume"])
def test_the_buttons_pause_and_resume(client, calls, iris, verb):
    answer = client.post(f"/campaigns/c1/{verb}")

    assert (answer.status_code, answer.headers["Location"]) == (303, "/campaigns/c1")
    assert calls == [(verb, {"campaign": iris.id("campaign", "c1")})]


def test_a_campaign_is_aborted_only_when_that_is_meant(client, calls, iris):
    assert client.post("/campaigns/c1/abort").status_code == 422
    assert calls == []

    assert client.post("/campaigns/c1/abort", data={"sure": "yes"}).status_code == 303
    assert calls == [("abort", {"campaign": iris.id("campaign", "c1")})]


@pytest.mark.parametrize("verb", ["pause", "resume", "abort"])
def test_a_member_steers_no_campaign(as_member, calls, verb):
    assert as_member("h01").post(f"/campaigns/c1/{verb}", data={"sure": "yes"}).status_code == 403
    assert calls == []


def test_who_left_is_shown_with_who_took_over(client, store, iris):
    member, market, campaign = iris.graph("member", "h02", "events"), iris.graph("market"), iris.id("campaign", "c1")
    run, instruction = iris.id("run", "redispatch-c1-h01"), iris.id("instruction", "c1-h02-battery-9")
    quads = describe(market, run, {PROV.used: [iri(campaign), iri(iris.id("event", "c1-h01"))], RDFS.comment: Lang("h01 left")})
    quads += describe(
        member,
        instruction,
        {
            RDF.type: FC.DispatchInstruction,
            PROV.wasGeneratedBy: iri(run),
            FC.partOfEvent: iri(iris.id("event", "c1-h02")),
            FC.start: AT,
            S4ENER.hasTemporalResolution: timedelta(minutes=15),
            FC.hasSeries: iri(f"{instruction}#reduction"),
        },
    )
    quads += describe(member, f"{instruction}#reduction", {FC.seriesRole: FCV.LoadReduction, FC["values"]: Json("[1.5,2.5]")})
    store.apply(insert=quads)

    page = client.get("/campaigns/c1", headers=HTML).text
    left = page.split('id="left"')[1].split("</section>")[0]

    assert "the member&#39;s choice" in left
    assert "h02 from 17:30 with up to 2.5 kW" in left  # 00:30 UTC in the site's zone


def test_a_pause_is_told_on_the_campaigns_page(client, store, iris):
    market, campaign = iris.graph("market"), iris.id("campaign", "c1")
    quads = describe(market, campaign, {FC.hasPause: iri(f"{campaign}#pause-1")})
    store.apply(
        insert=quads
        + describe(market, f"{campaign}#pause-1", {RDF.type: FC.Pause, FC.pausedAt: AT, FC.resumedAt: AT + timedelta(minutes=20)})
    )

    page = client.get("/campaigns/c1", headers=HTML).text

    assert "Paused at Wed 31 Aug 2016, 17:30, resumed at 17:50." in page


def test_a_members_part_has_instruction_promise_and_statement(client):
    page = client.get("/campaigns/c1/members/h01", headers=HTML).text

    assert "Battery" in page
    assert "/members/h01/statements/c1" in page
    assert page.count("<tr>") >= 6


@pytest.mark.parametrize("path", ["/campaigns/c99", "/campaigns/c1/members/h99", "/campaigns/c99/members/h01"])
def test_what_is_not_there_is_said_to_be_missing(client, path):
    assert client.get(path).status_code == 404
