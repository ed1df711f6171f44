"""What people see, and what a foreign page can't do."""

import pytest

PAGES = ["/", "/members", "/members/h01", "/campaigns/c1", "/sparql", "/-/", "/-/versions", "/-/settings", "/queries", "/-/refused"]


@pytest.mark.parametrize("page", PAGES)
def test_page_is_shown_and_loads_nothing_from_elsewhere(client, page):
    answer = client.get(page, headers={"Accept": "text/html"})

    assert answer.status_code == 200, answer.text
    assert "default-src 'self'" in answer.headers["Content-Security-Policy"]
    assert 'src="http' not in answer.text
    assert 'rel="stylesheet" href="http' not in answer.text
    assert "<script>" not in answer.text


@pytest.mark.parametrize("page", ["/members/h99", "/campaigns/c99", "/members/h01?date=yesterday", "/nowhere", "/queries/kg/none"])
def test_missing_page_says_so_to_people_and_programs(client, page):
    person = client.get(page, headers={"Accept": "text/html"})
    program = client.get(page, headers={"Accept": "application/json"})

    assert person.status_code == program.status_code == 404
    assert program.json["detail"].replace("'", "&#39;") in person.text
    assert program.mimetype == "application/problem+json"


def test_form_of_the_page_starts_a_campaign(client, calls):
    form = {"zone": "America/Los_Angeles", "date": "2016-09-01", "start": "18:00", "end": "20:00", "kw": "25", "price": "0.40"}
    answer = client.post("/campaigns", data=form)

    assert (answer.status_code, answer.headers["Location"]) == (303, "/campaigns/c1")
    assert calls == [("campaign", {"start": "2016-09-02T01:00:00+00:00", "end": "2016-09-02T03:00:00+00:00", "kw": 25.0, "price": "0.40"})]


def test_form_with_a_wrong_number_is_refused_with_what_to_write(client, calls):
    answer = client.post(
        "/campaigns", data={"zone": "UTC", "date": "2016-09-01", "start": "18:00", "end": "20:00", "kw": "lots", "price": "0.4"}
    )

    assert answer.status_code == 422
    assert answer.json["detail"].startswith("Reduction asked, kW: “lots” is not a number.")
    assert calls == []


@pytest.mark.parametrize("headers", [{"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "cross-site"}, {"Host": "evil.example"}])
def test_foreign_page_changes_nothing(client, calls, headers):
    answer = client.post("/members/h01/events/c1-h01/opt-out", headers=headers)

    assert answer.status_code == 403
    assert calls == []


def test_member_opts_out_by_the_button(client, calls, iris):
    client.post("/members/h01/events/c1-h01/opt-out")

    assert calls == [("opt-out", {"event": iris.id("event", "c1-h01"), "member": iris.id("member", "h01")})]


def test_series_of_a_local_day_has_its_quarter_hours(client):
    assert len(client.get("/api/members/h01/day?date=2016-08-30").json["t"]) == 96
    assert len(client.get("/api/members/h01/day?date=2016-11-06").json["t"]) == 100  # the day on which summer time ends
    assert len(client.get("/api/members/h01/day?date=2017-03-12").json["t"]) == 92


def test_names_are_shown_as_text_whatever_they_hold(client, services, iris):
    services.store.update(
        f'INSERT DATA {{ GRAPH <{iris.graph("registry")}> {{ <{iris.id("node", "x")}> <http://www.w3.org/2000/01/rdf-schema#label> "<script>alert(1)</script>"@en ;'
        f" <http://www.w3.org/2000/01/rdf-schema#seeAlso> <javascript:alert(1)> }} }}"
    )
    page = client.get("/doc/node/x", headers={"Accept": "text/html"}).text

    assert "<script>alert" not in page
    assert 'href="javascript' not in page


def test_metrics_are_text_for_prometheus(client):
    assert "flexcoop_telemetry_accepted 3.0" in client.get("/metrics").text


def test_campaign_chart_shows_what_the_fixture_was_computed_with(client):
    series = {line["label"]: line["values"] for line in client.get("/api/campaigns/c1/series").json["series"]}

    assert series["Asked"] == series["Promised"] == [3.0] * 8
    assert series["Called and accepted"] == [3.0] * 8  # h01 for the first hour, h02 in its place for the second
    assert series["Delivered"] == [3.0] * 4 + [2.4] * 4


@pytest.mark.parametrize(
    "send",
    [
        lambda c: c.get("/?date=9999-12-31"),
        lambda c: c.get("/api/portfolio/day?date=9999-12-31"),
        lambda c: c.get("/doc/obs/connection/h01/activePower/99991231T235959Z"),
        lambda c: c.get("/members/h01/statements/c99"),
        lambda c: c.post(
            "/campaigns", data={"zone": "../x", "date": "2016-09-01", "start": "18:00", "end": "20:00", "kw": "1", "price": "1"}
        ),
        lambda c: c.post("/api/commands/nothing", json={}),
        lambda c: c.post("/api/commands/campaign", data="[1]", content_type="application/json"),
    ],
)
def test_nonsense_is_the_askers_fault_and_never_a_500(client, send):
    answer = send(client)

    assert 400 <= answer.status_code < 500, answer.text


def test_title_of_a_document_is_its_label(client):
    assert "<h1>Home h01</h1>" in client.get("/doc/site/h01", headers={"Accept": "text/html"}).text
