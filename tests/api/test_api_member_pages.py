"""The member's pages over the competency data set: what they say is hand-computed there."""

import itertools
import re
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

import agreements
import pytest
from pyoxigraph import Literal, NamedNode, Quad

from api import ApiSettings, create_app
from kg.terms import describe, iri
from market import contracts
from ontology.names import FC, FCV, RDFS, S4ENER, SAREF
from registry.gate import Gate

HTML = {"Accept": "text/html"}
PAGES = ("", "/events", "/events/c1-h01", "/earnings", "/history", "/comfort", "/home", "/notices", "/data")


@pytest.fixture
def app(services, moment):
    numbers = itertools.count(1)
    gate = Gate(services.store, services.iris, lambda: moment[0], lambda: f"m{next(numbers)}", lambda _: services.channels.reload())
    return create_app(ApiSettings(shown_settings=()), replace(services, gate=gate, now=lambda: moment[0]))


@pytest.fixture
def moment() -> list[datetime]:
    """The platform's time: set its one element to move it."""
    return [datetime(2016, 8, 31, 12, tzinfo=UTC)]


@pytest.fixture
def page(as_member):
    """The words of one of h01's pages, as h01 reads it."""
    member = as_member("h01")

    def read(path: str, language: str = "en", status: int = 200) -> str:
        answer = member.get(f"/members/h01{path}", headers=HTML | {"Accept-Language": language})
        assert answer.status_code == status, answer.text
        return answer.text

    return read


def words(text: str) -> str:
    """A page without its tags."""
    return re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", text))


def become(store, iris, status: str) -> None:
    """Let the event of h01 be in another state."""
    graph, event = NamedNode(iris.graph("member", "h01", "events")), NamedNode(iris.id("event", "c1-h01"))
    path = NamedNode(str(FC.status))
    gone = [Quad(event, path, each.object, graph) for each in store.graph(graph.value) if each.subject == event and each.predicate == path]
    gone += [
        Quad(each.subject, each.predicate, each.object, graph)
        for each in store.graph(graph.value)
        if each.subject == NamedNode(iris.id("optout", "c1-h01"))
    ]
    store.apply(delete=gone, insert=[Quad(event, path, NamedNode(status), graph)])


@pytest.mark.parametrize("language", ["en", "es", "nl"])
@pytest.mark.parametrize("path", PAGES)
def test_every_page_has_one_heading_its_place_in_the_bar_and_no_word_of_others(page, path, language):
    text = page(path, language)

    assert text.count("<h1") == 1
    assert text.count('aria-current="page"') == 1
    assert f'<html lang="{language}"' in text
    assert "h02" not in text
    assert all("form_token" in form for form in re.findall(r'<form[^>]*method="post".*?</form>', text, re.DOTALL))


def test_nobody_but_the_member_and_operators_open_them(as_member, client):
    for path in PAGES:
        assert as_member("h02").get(f"/members/h01{path}", headers=HTML).status_code == 404
        assert client.get(f"/members/h01{path}", headers=HTML).status_code == 200


def test_what_is_not_known_is_a_dash_and_not_a_zero(page):
    text = words(page("?date=2016-07-01"))

    assert "Taken from the grid — kWh" in text
    assert "0 of 96 quarter-hours of the day have been read" in text


def test_the_next_event_is_on_top_with_its_reason_and_what_it_would_bring(page, store, iris):
    become(store, iris, str(FCV.EventScheduled))
    text = words(page(""))

    assert "Next event: Wed 31 Aug 2016, 17:00–19:00" in text
    assert "Demo grid operator asks homes to take less power from the grid in this time." in text
    assert "Asked of your home 6.00 kWh" in text  # eight quarter-hours of 3 kW
    assert "about € 1.50 if all of it is delivered" in text  # at 0.25 EUR/kWh
    assert "gives the home 3.0 kW or more, 17:00–19:00" in text


def test_opting_out_says_what_it_means_and_takes_one_more_press(page, as_member, calls, store, iris, moment):
    become(store, iris, str(FCV.EventActive))
    moment[0] = datetime(2016, 9, 1, 0, 50, tzinfo=UTC)

    assert "An event is running until 19:00" in words(page(""))
    asked = page("/events/c1-h01/opt-out")
    assert "This can't be undone" in asked
    assert "within one quarter-hour" in asked
    assert calls == []

    done = as_member("h01").post("/members/h01/events/c1-h01/opt-out")
    assert done.headers["Location"] == "/members/h01/events/c1-h01"
    assert calls == [("opt-out", {"event": iris.id("event", "c1-h01"), "member": iris.id("member", "h01")})]


def test_after_opting_out_the_page_says_what_counts_and_that_others_were_called(page, store, iris, moment):
    graph = iris.graph("member", "h02", "events")
    made_by = {"http://www.w3.org/ns/prov#wasGeneratedBy": iri(iris.id("run", "redispatch-c1-h01"))}
    store.apply(insert=describe(graph, iris.id("instruction", "c1-h02-battery-1"), made_by))
    moment[0] = datetime(2016, 9, 1, 1, 5, tzinfo=UTC)

    for path in ("", "/events/c1-h01"):
        text = words(page(path))
        assert "Your home left at 17:55." in text
        assert "What you delivered from 17:00 to 18:00 still counts" in text
        assert "Another home was called in your place." in text
        assert "h02" not in text


def test_what_is_over_can_not_be_left_and_leads_to_the_event(as_member):
    answer = as_member("h01").get("/members/h01/events/c1-h01/opt-out", headers=HTML)

    assert (answer.status_code, answer.headers["Location"]) == (303, "/members/h01/events/c1-h01")


@pytest.mark.parametrize("path", ["/events/c1-h02", "/events/c1-h02/opt-out", "/events/nothing", "/events?page=2", "/events?page=x"])
def test_events_of_others_and_pages_that_are_none_are_not_there(page, path):
    page(path, status=404)


def test_earnings_count_in_the_month_of_the_home_and_not_of_utc(page):
    text = words(page("/earnings"))

    assert re.search(r"2016 € 0.75 August 2016 € 0.75", text)  # 1 September, 00:00 UTC, is 31 August there
    assert "September" not in text


def test_money_is_written_as_the_reader_writes_it(page):
    assert "0,75 €" in page("/earnings", "es")
    assert "€ 0,75" in page("/earnings", "nl")


def test_history_of_a_day_of_25_hours_has_25_rows_and_tells_two_hours_apart(page, moment):
    moment[0] = datetime(2016, 11, 8, tzinfo=UTC)
    text = page("/history?span=day&date=2016-11-06")

    assert len(re.findall(r'<tr><th scope="row">\d\d:00', text)) == 25
    assert "01:00 (UTC-0700)" in text
    assert "01:00 (UTC-0800)" in text
    assert "0 of 100" in words(text)


def test_history_shows_what_was_measured_and_a_dash_for_the_rest(page, services, iris):
    text = words(page("/history?span=day&date=2016-08-29"))
    frame = services.readings.frame(
        [iris.id("connection", "h01#activePower")], datetime(2016, 8, 29, 7, tzinfo=UTC), datetime(2016, 8, 30, 7, tzinfo=UTC)
    )
    known = int(frame.iloc[:, 0].notna().sum())

    assert known > 0
    assert f"Quarter-hours that are known {known} of 96" in text
    assert "The one before" in text


@pytest.mark.parametrize("query", ["?span=decade", "?span=day&date=yesterday", "?date=0001-01-01", "?date=9999-12-31"])
def test_history_of_no_period_says_so(page, query):
    page(f"/history{query}", status=404)


def test_a_device_is_kept_out_by_the_members_own_word_which_is_on_record(page, as_member, store, iris):
    member = as_member("h01")
    address = "/members/h01/devices/h01-battery/available"

    assert member.post(address, data={"available": "no"}).status_code == 303
    stated = [
        each.object.value
        for each in store.graph(iris.graph("member", "h01", "facts"))
        if each.subject.value == iris.id("device", "h01-battery") and each.predicate.value == str(FC.availableForDR)
    ]
    assert stated == ["false"]
    assert "kept out of events" in page("/home")
    told = r"h01 ?: The member no longer lets h01-battery take part in events device/h01-battery Availability Before: yes After: no"
    assert re.search(told, words(page("/data")))
    assert member.post(address, data={"available": "perhaps"}).status_code == 422
    assert member.post("/members/h01/devices/h02-battery/available", data={"available": "no"}).status_code == 404
    assert as_member("h02").post(address, data={"available": "yes"}).status_code == 404


def test_the_contract_is_told_in_plain_words(page):
    text = words(page("/home"))

    assert re.search(r"At most \d+\.\d kW less than otherwise", text)
    assert "0.25 EUR for each kWh delivered." in text


def test_an_offer_is_shown_once_the_cooperative_has_signed_it_and_accepted_on_the_page(page, as_member, store, iris, moment):
    made = agreements.revise(store, iris, iris.id("contract", "h01", "r1"), price_eur_per_kwh=Decimal("0.31"))
    assert "0.31 EUR" not in page("/home")

    agreements.sign(store, iris, made, [contracts.read(store, made).buyer], moment[0])
    text = page("/home")
    assert "An offer for you: revision r2" in text
    assert "0.31 EUR for each kWh delivered." in text
    address, digest = re.search(r'action="([^"]+/accept)".*?name="digest" value="([^"]+)"', text, re.DOTALL).groups()

    assert as_member("h02").post(address, data={"digest": digest}).status_code == 404
    assert as_member("h01").post(address, data={"digest": digest}).status_code == 303
    assert "An offer for you" not in page("/home")
    assert re.search(r"Earlier contracts.*0\.25 EUR for each", words(page("/home")))


def test_a_statement_is_opened_step_by_step_in_the_readers_language(page, store, iris):
    sharing = f"{iris.id('settlement', 'c1')}#sharing"
    store.apply(
        insert=[
            *describe(iris.graph("member", "h01", "statements"), iris.id("settlement", "c1", "h01"), {FC.placeboBias: Decimal("0.1")}),
            *describe(iris.graph("member", "h01", "statements"), iris.id("baseline", "c1-h01"), {FC.sameDayAdjustment: Decimal(0)}),
            *describe(iris.graph("settlement", "c1"), f"{iris.id('settlement', 'c1')}#portfolio", {SAREF.hasPropertyValue: iri(sharing)}),
            *describe(
                iris.graph("settlement", "c1"), sharing, {SAREF.isValueOfProperty: FCV.SharingFactor, SAREF.hasValue: Decimal("1.0")}
            ),
        ]
    )
    text = page("/statements/c1", "nl")
    steps = re.findall(r'<span class="result">([^<]*)</span>', text)

    assert steps == ["2,50 kWh", "−0,50 kWh", "3,00 kWh", "3,00 kWh", "3,00 kWh", "€ 0,75"]
    assert "2,50 − (−0,50) = 3,00" in text
    assert "3,00 kWh × 0,25 EUR/kWh" in text
    assert "verschoven" not in text  # nothing was adjusted
    assert len(re.findall(r'<th scope="row">\d\d:\d\d</th>', text)) == 8


def test_a_name_never_becomes_a_part_of_the_page(page, store, iris):
    evil = Literal("<script>alert(1)</script>", language="en")
    graph = NamedNode(iris.graph("member", "h01", "osb", "h01"))
    store.apply(insert=[Quad(NamedNode(iris.id("device", "h01-battery")), NamedNode(str(RDFS.label)), evil, graph)])

    assert "<script>alert" not in page("/home")


def test_another_instruction_to_a_device_takes_the_place_of_the_first_in_its_quarter_hours(page, store, iris):
    become(store, iris, str(FCV.EventScheduled))
    graph, node = iris.graph("member", "h01", "events"), iris.id("instruction", "c1-h01-battery-2")
    first = iris.id("instruction", "c1-h01-battery-1")
    again = {
        each.predicate.value: each.object
        for each in store.graph(graph)
        if each.subject.value == first and each.predicate.value != str(FC.hasSeries)
    }
    again[str(S4ENER.hasCreationTime)] = Literal("2016-08-31T21:00:00Z", datatype=NamedNode("http://www.w3.org/2001/XMLSchema#dateTime"))
    where = NamedNode(graph)
    series = NamedNode(f"{node}#reduction")
    quads = [Quad(NamedNode(node), NamedNode(path), value, where) for path, value in again.items()]
    quads += [
        Quad(NamedNode(node), NamedNode(str(FC.hasSeries)), series, where),
        Quad(series, NamedNode(str(FC.seriesRole)), NamedNode(str(FCV.LoadReduction)), where),
        Quad(
            series,
            NamedNode(str(FC["values"])),
            Literal("[1,1,1,1]", datatype=NamedNode("http://www.w3.org/1999/02/22-rdf-syntax-ns#JSON")),
            where,
        ),
    ]
    store.apply(insert=quads)

    assert "Asked of your home 4.00 kWh" in words(page(""))  # four quarter-hours of 1 kW, four of 3 kW
