"""The operator's first page, forecast against actual, settlement and audit, over the competency data set."""

import csv
import io
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import orjson
import pytest

from api.flexible import next_slot
from forecasting.series import flexibility_iri
from kg.terms import Json, describe, iri
from ontology.names import FC, FCV, S4ENER, SAREF

NOW = datetime(2016, 8, 31, 12, tzinfo=UTC)  # as in conftest
SLOT = timedelta(minutes=15)
HTML = {"Accept": "text/html"}


def flexibility(iris, key, der, down, up, expected, *, issued, begin=NOW, slots=4):
    """What a device can do: the same in every slot [kW]; and its forecast with a band of ± 0.5 kW."""
    plans, name = iris.graph("member", key, "plans"), flexibility_iri(iris, der, issued)
    parts = {"baseline": (FCV.BaselinePower, expected), "reduction": (FCV.LoadReduction, down), "increase": (FCV.LoadIncrease, up)}
    quads = describe(
        plans,
        name,
        {
            "http://www.w3.org/1999/02/22-rdf-syntax-ns#type": FC.FlexibilityForecast,
            FC.forDER: iri(der),
            S4ENER.hasCreationTime: issued,
            FC.start: begin,
            S4ENER.hasTemporalResolution: SLOT,
            FC.hasSeries: [iri(f"{name}#{part}") for part in parts],
        },
    )
    for part, (role, kw) in parts.items():
        quads += describe(plans, f"{name}#{part}", {FC.seriesRole: role, FC["values"]: Json(orjson.dumps([kw] * slots).decode())})
    forecast = iris.forecast(f"{der}#activePower", issued)
    quads += describe(plans, forecast, {FC.start: begin, FC.hasQuantile: [iri(f"{forecast}#p10"), iri(f"{forecast}#p90")]})
    for level, kw in ((0.1, expected - 0.5), (0.9, expected + 0.5)):
        values = {S4ENER.hasQuantile: level, FC["values"]: Json(orjson.dumps([kw] * slots).decode())}
        quads += describe(plans, f"{forecast}#p{round(100 * level)}", values)
    return quads


@pytest.mark.parametrize(
    ("now", "slot"),
    [
        (NOW, NOW),
        (NOW + timedelta(seconds=1), NOW + SLOT),
        (NOW + timedelta(minutes=14, seconds=59), NOW + SLOT),
        (NOW + SLOT, NOW + SLOT),
    ],
)
def test_the_next_slot_is_the_first_that_can_still_be_changed(now, slot):
    assert next_slot(now) == slot


def test_what_was_never_computed_is_said_to_be_so_with_a_button_that_does_it(client, calls):
    page = client.get("/", headers=HTML).text
    assert "Not computed for the quarter-hour" in page
    assert "Can go down" not in page

    answer = client.post("/flexibility")

    assert answer.headers["Location"] == "/#flexibility"
    assert calls == [("flexibility", {"start": "2016-08-31T12:00:00Z", "end": "2016-08-31T16:00:00Z"})]


def test_batteries_are_summed_by_class_and_by_feeder_as_they_were_computed_last(client, store, iris):
    earlier, lately = NOW - timedelta(hours=1), NOW - timedelta(minutes=2)
    for key, kw in (("h01", 2.0), ("h02", 3.5)):
        der = iris.id("device", f"{key}-battery")
        store.apply(insert=flexibility(iris, key, der, 9.0, 9.0, 0.0, issued=earlier, begin=NOW - timedelta(hours=1), slots=8))
        store.apply(insert=flexibility(iris, key, der, kw, 1.0, 0.0, issued=lately))

    page = client.get("/", headers=HTML).text
    there = set(page.split("<tbody>")[1].split("</tbody>")[0].split("<tr>"))

    assert any("Batteries" in row and "<strong>5.5</strong>" in row and "<strong>2.0</strong>" in row for row in there)
    assert "/map?node=feeder-1" in page


def test_what_can_only_be_switched_off_gives_back_only_what_it_takes(app, iris):
    from api.flexible import _ranges

    with app.test_request_context():
        down, up = _ranges(str(FC.EVCharger), {"baseline": 4.0, "down": 4.0, "up": 3.0}, (3.0, 6.0))
        assert (down, up) == ((4.0, 3.0, 6.0), (3.0, 1.0, 4.0))
        down, up = _ranges(str(FC.BatterySystem), {"baseline": 0.0, "down": 4.0, "up": 3.0}, (-1.0, 1.0))
        assert (down, up) == ((4.0, 4.0, 4.0), (3.0, 3.0, 3.0))
        assert _ranges(str(FC.HeatPump), None, None) == ((0.0, 0.0, 0.0), (0.0, 0.0, 0.0))


def test_the_first_page_speaks_the_readers_language(client):
    assert "La cartera ahora" in client.get("/?lang=es", headers=HTML).text
    assert "De portefeuille nu" in client.get("/?lang=nl", headers=HTML).text


# --- forecast against actual


def test_forecasts_are_held_against_what_was_measured(client):
    page = client.get("/forecasts?member=h01&of=site/h01%23loadPower&date=2016-08-31", headers=HTML)

    assert page.status_code == 200
    assert "Everything else in the home" in page.text
    series = client.get("/api/forecasts/day?member=h01&of=site/h01%23loadPower&date=2016-08-31").json
    assert len(series["t"]) == 96
    assert [line["label"] for line in series["series"]][:2] == ["Measured", "Forecast"]


@pytest.mark.parametrize(("day", "quarter_hours"), [("2016-08-30", 96), ("2016-11-06", 100), ("2017-03-12", 92)])
def test_a_day_has_as_many_quarter_hours_as_the_clock_makes_it(client, day, quarter_hours):
    assert len(client.get(f"/api/forecasts/day?date={day}").json["t"]) == quarter_hours


@pytest.mark.parametrize("query", ["member=h99", "member=../x", "date=tomorrow", "member=h01&date=9999-99-99"])
def test_what_is_not_there_is_said_to_be_missing(client, query):
    assert client.get(f"/forecasts?{query}").status_code == 404


# --- settlement


@pytest.fixture
def settled(store, iris):
    """What a settlement of the platform's own says beside what the competency data set has."""
    graph, run = iris.graph("settlement", "c1"), iris.id("settlement", "c1")
    quads = describe(graph, f"{run}#portfolio", {FC.placeboBias: Decimal("0.1"), SAREF.hasPropertyValue: iri(f"{run}#sharing")})
    store.apply(insert=quads + describe(graph, f"{run}#sharing", {SAREF.isValueOfProperty: FCV.SharingFactor, SAREF.hasValue: Decimal(1)}))


@pytest.mark.usefixtures("settled")
def test_the_settlement_shows_that_the_books_close(client):
    page = client.get("/settlements/c1", headers=HTML).text

    assert page.count('<li class="good">') == 6
    assert '<li class="bad">' not in page


@pytest.mark.usefixtures("settled")
def test_the_file_of_a_settlement_adds_up_to_what_the_list_says(client):
    lines = list(csv.DictReader(io.StringIO(client.get("/settlements/c1?format=csv").text)))
    (run,) = csv.DictReader(io.StringIO(client.get("/settlements?format=csv").text))

    assert sum(Decimal(line["amount_eur"]) for line in lines) == Decimal(run["members_eur"])
    assert sum(Decimal(line["delivered_kwh"]) for line in lines) == Decimal(run["delivered_kwh"])
    assert Decimal(run["members_eur"]) + Decimal(run["cooperative_eur"]) == Decimal(run["income_eur"])


@pytest.mark.usefixtures("settled")
def test_books_that_do_not_close_are_shown_to_be_wrong(client, store, iris):
    payment, graph = iris.id("remuneration", "c1", "h01"), iris.graph("member", "h01", "statements")
    amount = next(
        triple.object for triple in store.graph(graph) if triple.subject.value == payment and triple.predicate.value == str(FC.amount)
    )
    more = describe(graph, payment, {FC.amount: Decimal(amount.value) + 1})
    store.apply(delete=describe(graph, payment, {FC.amount: amount}), insert=more)

    page = client.get("/settlements/c1", headers=HTML).text

    assert page.count('<li class="bad">') == 2  # the payments, and the graph's own sums


def test_a_campaign_without_settlement_has_no_page_of_it(client):
    assert client.get("/settlements/c99").status_code == 404


# --- audit


def test_who_edited_is_listed_with_graph_and_reason(client, store, iris):
    run, audit = iris.id("run", "edit-20160831T110000Z-x"), iris.graph("audit")
    said = {
        "http://www.w3.org/ns/prov#startedAtTime": NOW - timedelta(hours=1),
        "http://www.w3.org/ns/prov#wasAssociatedWith": [iri(iris.id("agent", "clerk")), iri(iris.id("software", "flexcoop-0.1.0"))],
        "http://www.w3.org/2000/01/rdf-schema#comment": "a mistyped <b>name</b>",
        FC.editedGraph: iri(iris.graph("registry")),
        FC.deletedTriples: 1,
        FC.insertedTriples: 2,
    }
    store.apply(insert=describe(audit, run, said))

    page = client.get("/-/audit/edits", headers=HTML).text

    assert "a mistyped &lt;b&gt;name&lt;/b&gt;" in page
    assert page.count("<td>clerk</td>") == 1
    assert "Nobody edited anything" in client.get("/-/audit/edits?by=somebody", headers=HTML).text
    assert "Nobody edited anything" in client.get("/-/audit/edits?since=2016-09-02", headers=HTML).text
