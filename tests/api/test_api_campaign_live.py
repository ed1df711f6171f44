"""A campaign while it runs on the operator's pages: what is delivered so far, what is missing, and that the settlement says the same."""

import re
from datetime import timedelta

import pytest
from settlement_world import END, QUARTER, START, Home, World

from api import ApiSettings, Services, create_app, live
from kg.terms import describe, iri
from ontology.names import FC, FCV, RDF
from telemetry.refused import DeadLetters

HTML = {"Accept": "text/html"}
HALF = START + 2 * QUARTER
HOMES = {
    "h01": Home(3.0, [-1.0] * 4, told=4.0, status=str(FCV.EventActive)),  # 4 kW less
    "h02": Home(2.0, [0.0, None, 0.0, 0.0], told=4.0, status=str(FCV.EventActive)),  # 2 kW less, and one reading short
    "h03": Home(1.0, [2.0] * 4, told=4.0, status=str(FCV.EventActive)),  # 1 kW more
    "h04": Home(2.0, [None] * 4, told=4.0, status=str(FCV.EventActive)),
    "h05": Home(2.0, [0.0] * 4, told=4.0, status=str(FCV.EventActive), days=5),
}


@pytest.fixture
def clock():
    """The platform's time: set its one element to move it."""
    return [HALF + timedelta(minutes=14)]


@pytest.fixture
def world(store, iris):
    made = World(store, iris, HOMES)
    move(made, "Finished", "Ongoing")
    return made


@pytest.fixture
def services(world, clock, access, tmp_path):
    letters = DeadLetters(tmp_path / "refused.sqlite")
    yield Services(
        store=world.store,
        iris=world.iris,
        channels=world.channels,
        readings=world.readings,
        endpoint=None,
        dead_letters=letters,
        commands={},
        now=lambda: clock[0],
        status=lambda: {"ok": True, "telemetry": {}, "scenario": {}},
        access=access,
    )
    letters.close()


@pytest.fixture
def app(services, monkeypatch):
    monkeypatch.setattr(live, "PATIENCE_S", 60.0)
    monkeypatch.setattr(live, "RESTS", 0.0)
    return create_app(ApiSettings(shown_settings=()), services)


def move(world, before, after):
    graph = world.iris.graph("market")
    world.store.apply(
        delete=describe(graph, world.campaign, {FC.status: FCV[f"Campaign{before}"]}),
        insert=describe(graph, world.campaign, {FC.status: FCV[f"Campaign{after}"]}),
    )


def told(client, path):
    """The words of a page, without its tags."""
    return re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", client.get(path, headers=HTML).text)).replace("&nbsp;", " ")


def bars(client):
    """The chart's series by what they look like."""
    return {one["look"]: one["values"] for one in client.get("/api/campaigns/c1/series").get_json()["series"]}


def test_the_chart_has_what_was_delivered_so_far(client):
    found = bars(client)

    assert found["area"] == [20] * 4
    assert found["dots"] == [20] * 4  # five homes were told 4 kW each
    # of the third home's second quarter-hour nothing has come, of the fourth home nothing at all
    assert found["hollow"] == [5, 3, None, None]
    assert "bars" not in found


def test_the_page_says_it_is_an_estimate_and_what_is_missing(client):
    page = told(client, "/campaigns/c1")

    assert "Delivered so far, estimated 2.0 kWh" in page  # (5 + 3) / 4
    assert "An estimate, which the settlement replaces. Made at 17:44" in page
    assert "The newest reading ends at 18:00." in page
    assert "In these quarter-hours 10.0 kWh were asked for and 10.0 kWh promised." in page
    assert "62 % 5 of 8" in page
    assert "1 home has sent no reading of the event; it adds nothing to the estimate: Home h04 ." in page
    assert "1 home has sent only a part of its readings: Home h02 ." in page
    assert "1 home can't be measured: Home h05 (too few days like this one to tell what it would have drawn)." in page.replace("&#39;", "'")


def test_the_list_has_the_estimate_too(client):
    assert "2.0 kWh so far, estimated 5 of 8 readings" in told(client, "/campaigns")


def test_a_members_part_has_its_baseline_and_what_was_metered(client):
    page = told(client, "/campaigns/c1/members/h01")

    assert "1.600 kWh of what all homes have delivered; measured at its own connection: 2.000 kWh" in page
    assert "17:00 — 3.00 −1.00 4.00 17:15 — 3.00 −1.00 4.00 17:30 — 3.00 — —" in page
    assert "An estimate, which the settlement replaces." in page


@pytest.mark.parametrize(("member", "says"), [("h02", "1 of 2"), ("h04", "0 of 2"), ("h05", "not measured: too few days like this one")])
def test_a_members_part_says_what_is_missing(client, member, says):
    assert says in told(client, f"/campaigns/c1/members/{member}")


def test_at_its_end_the_estimate_is_what_the_settlement_writes_slot_by_slot(client, world, clock):
    clock[0] = END
    before, page = bars(client), told(client, "/campaigns/c1")

    move(world, "Ongoing", "Finished")
    settled = world.settle()
    after, later = bars(client), told(client, "/campaigns/c1")

    estimated = [a if b is None else b for a, b in zip(before["hollow"], before.get("bars", [None] * 4), strict=True)]
    assert estimated == [5, 3, 5, 5]
    assert [a if b is None else b for a, b in zip(after.get("hollow", [None] * 4), after["bars"], strict=True)] == estimated
    assert f"Delivered so far, estimated {settled.delivered_kwh:.1f} kWh" in page
    assert f"Delivered {settled.delivered_kwh:.1f} kWh" in later
    assert "estimate" not in later


def test_a_quarter_hour_of_a_pause_counts_neither_in_the_estimate_nor_when_it_is_settled(client, world, clock):
    graph, pause = world.iris.graph("market"), f"{world.campaign}#pause-1"
    said = {RDF.type: FC.Pause, FC.pausedAt: START + QUARTER, FC.resumedAt: HALF}
    world.store.apply(insert=describe(graph, world.campaign, {FC.hasPause: iri(pause)}) + describe(graph, pause, said))
    clock[0] = END
    before = bars(client)

    move(world, "Ongoing", "Finished")
    world.settle()
    after = bars(client)

    estimated = [a if b is None else b for a, b in zip(before["hollow"], before.get("bars", [None] * 4), strict=True)]
    assert estimated == [5, None, 5, 5]
    assert [a if b is None else b for a, b in zip(after.get("hollow", [None] * 4), after["bars"], strict=True)] == estimated


@pytest.mark.parametrize(
    ("state", "at", "says"),
    [
        ("Scheduled", START - QUARTER, "estimated from its beginning on"),
        ("Aborted", HALF, "nothing is settled"),
        ("Ongoing", START + timedelta(minutes=3), "None of its quarter-hours is over yet."),
    ],
)
def test_where_nothing_can_be_estimated_the_page_says_so(client, world, clock, state, at, says):
    move(world, "Ongoing", state)
    clock[0] = at

    page = told(client, "/campaigns/c1")

    assert says in page
    assert "0.0 kWh 80 % interval" not in page
    assert set(bars(client)) <= {"area", "dots", "wide"}


def test_a_page_does_not_wait_for_the_first_estimate(client, monkeypatch):
    monkeypatch.setattr(live, "PATIENCE_S", 0.0)
    assert "is being computed" in told(client, "/campaigns/c1")

    monkeypatch.setattr(live, "PATIENCE_S", 60.0)
    assert "Delivered so far, estimated 2.0 kWh" in told(client, "/campaigns/c1")


def test_an_estimate_that_fails_is_said_and_the_last_one_kept(client, world):
    assert "estimated 2.0 kWh" in told(client, "/campaigns/c1")
    graph, site = world.iris.graph("member", "h03", "facts"), world.iris.id("site", "h03")
    world.store.apply(
        delete=describe(graph, site, {FC.timeZone: "America/Los_Angeles"}), insert=describe(graph, site, {FC.timeZone: "Nowhere/At_All"})
    )

    page = told(client, "/campaigns/c1")

    assert "The estimate could not be made from what is stored now" in page
    assert "This is the last one that could be made." in page
    assert "Delivered so far, estimated 2.0 kWh" in page
