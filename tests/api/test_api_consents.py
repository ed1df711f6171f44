"""Consents and grants over HTTP, who looked, and what a partner sees of it from the next request on."""

import itertools
from dataclasses import replace

import pytest

from access.audit import AuditLog
from access.principal import Role
from api import ApiSettings, create_app
from ontology.names import DPV, FCV
from registry.gate import Gate

DAYS = {"first": "2016-08-01", "last": "2016-12-31"}
READINGS = {"categories": ["fcv:TelemetryData"], "purposes": ["dpv:ResearchAndDevelopment"], **DAYS}
DAY = "/doc/series/connection/h01/activePower/20160818"


@pytest.fixture
def log(tmp_path):
    opened = AuditLog(tmp_path / "audit.sqlite")
    yield opened
    opened.close()


@pytest.fixture
def services(services, log):
    numbers = itertools.count(1)
    gate = Gate(services.store, services.iris, services.now, lambda: f"c{next(numbers)}")
    return replace(services, audit=log, gate=gate)


@pytest.fixture
def partner(client, as_partner, iris):
    assert client.post("/api/partners/p1", json={"label": "Research institute 1"}).status_code == 201
    assert client.post("/api/partners/p1/grants", json=READINGS).status_code == 201
    return iris.id("partner", "p1")


def test_a_member_lets_a_partner_see_and_takes_it_back(client, as_member, as_partner, partner, iris):
    member, program = as_member("h01"), as_partner("p1")
    assert program.get(DAY).status_code == 404

    given = member.post("/api/members/h01/consents", json=READINGS | {"party": partner})
    assert given.status_code == 201
    assert program.get(DAY).status_code == 200

    ended = member.post("/api/members/h01/consents/withdraw", json={"consent": given.json["consent"]})
    assert ended.json == {"consent": given.json["consent"], "withdrawn": "2016-08-31T12:00:00+00:00"}
    assert program.get(DAY).status_code == 404
    (listed,) = [each for each in member.get("/api/members/h01/consents").json if each["party"] == partner]
    assert (listed["categories"], listed["purposes"]) == ([str(FCV.TelemetryData)], [str(DPV.ResearchAndDevelopment)])
    assert listed["withdrawn"] == "2016-08-31T12:00:00+00:00"


def test_a_grant_that_is_withdrawn_closes_what_consents_had_opened(client, as_member, as_partner, partner):
    as_member("h01").post("/api/members/h01/consents", json=READINGS | {"party": partner})
    program = as_partner("p1")
    assert program.get(DAY).status_code == 200

    (entry,) = client.get("/api/partners").json
    assert client.post("/api/partners/p1/grants/withdraw", json={"grant": entry["grants"][0]["iri"]}).status_code == 200

    assert program.get(DAY).status_code == 404


def test_one_member_can_neither_give_nor_withdraw_for_another(client, as_member, partner, iris):
    given = as_member("h01").post("/api/members/h01/consents", json=READINGS | {"party": partner}).json["consent"]
    other = as_member("h02")

    assert other.post("/api/members/h01/consents", json=READINGS | {"party": partner}).status_code == 404
    assert other.post("/api/members/h01/consents/withdraw", json={"consent": given}).status_code == 404
    assert other.post("/api/members/h02/consents/withdraw", json={"consent": given}).status_code == 404  # not among its own
    assert other.get("/api/members/h01/consents").status_code == 404
    (still,) = [each for each in client.get("/api/members/h01/consents").json if each["party"] == partner]
    assert still["withdrawn"] is None


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"categories": []}, "lets a partner see nothing"),
        ({"categories": ["fcv:Everything"]}, "Only whole categories can be kept apart"),
        ({"categories": "fcv:TelemetryData"}, "is a list"),
        ({"categories": ["not an IRI"]}, "is not an absolute IRI"),
        ({"purposes": []}, "Purpose is missing"),
        ({"purposes": ["http://evil.example/p"]}, "Data Privacy Vocabulary"),
        ({"purposes": ["x> } DELETE WHERE { ?s ?p ?o"]}, "is not an absolute IRI"),
        ({"first": "2017-01-01"}, "must not end before it starts"),
        ({"last": "tomorrow"}, "is a day"),
        ({"last": 3}, "is a day"),
        ({"party": "http://127.0.0.1:8080/id/partner/p9"}, "is no partner"),
        ({"party": "http://127.0.0.1:8080/id/member/h02"}, "is no partner"),
        ({"party": None}, "as text"),
    ],
)
def test_what_can_not_be_a_consent_is_refused_with_a_sentence(as_member, store, partner, change, sentence):
    before = store.count()

    answer = as_member("h01").post("/api/members/h01/consents", json=READINGS | {"party": partner} | change)

    assert answer.status_code == 422
    assert sentence in answer.json["detail"]
    assert store.count() == before


def test_members_data_can_not_be_granted_as_a_whole(client, partner, iris):
    answer = client.post("/api/partners/p1/grants", json=READINGS | {"targets": [iris.graph("member", "h01", "facts")]})

    assert answer.status_code == 422
    assert "can't be granted as a whole" in answer.json["detail"]


def test_the_members_page_shows_consents_and_withdraws_them_without_script(client, as_member, partner, iris):
    member = as_member("h01")
    form = {"party": partner, "purpose": str(DPV.ResearchAndDevelopment), "category": str(FCV.TelemetryData), **DAYS}

    assert member.post("/members/h01/consents", data=form).headers["Location"] == "/members/h01/data#consents"
    page = member.get("/members/h01/data").get_data(as_text=True)
    assert "Research institute 1" in page

    (given,) = [each["iri"] for each in member.get("/api/members/h01/consents").json if each["party"] == partner]
    assert given in page
    assert member.post("/members/h01/consents/withdraw", data={"consent": given}).status_code == 303
    assert "withdrawn Wed 31 Aug 2016" in member.get("/members/h01/data").get_data(as_text=True)


def test_a_member_reads_who_looked_and_its_own_looks_are_not_among_them(client, as_member, as_partner, partner, log):
    member = as_member("h01")
    member.post("/api/members/h01/consents", json=READINGS | {"party": partner})
    member.get("/members/h01")
    assert member.get("/api/members/h01/looked").json == []

    client.get("/api/members/h01/day?date=2016-08-12")
    as_partner("p1").get(DAY)
    as_member("h02").get("/members/h01")

    looks = member.get("/api/members/h01/looked").json
    assert [(each["role"], each["action"], each["status"]) for each in looks] == [
        ("member", "GET /members/<key>", 404),
        ("partner", "GET /doc/<path:local>", 200),
        ("operator", "GET /api/members/<key>/day", 200),
    ]
    assert [each["purpose"] for each in looks][1] == "ResearchAndDevelopment"
    assert all("query" not in each and "resource" not in each for each in looks)
    assert "GET /doc/" in member.get("/members/h01/data").get_data(as_text=True)
    assert as_member("h02").get("/api/members/h01/looked").status_code == 404
    assert as_member("h02").get("/api/members/h02/looked").json == []  # the partner could not have met its data


def test_the_operator_reads_the_whole_record(client, as_member, log):
    client.get("/members/h01")
    client.get("/sparql", query_string={"query": "SELECT * WHERE { ?s ?p ?o } LIMIT 1"})

    rows = client.get("/-/audit", headers={"Accept": "application/json"}).json

    assert [(each["members"], each["reach"]) for each in rows] == [([], "*"), (["h01"], "")]
    assert rows[0]["query"] == "SELECT * WHERE { ?s ?p ?o } LIMIT 1"
    assert "SELECT * WHERE" in client.get("/-/audit?by=local", headers={"Accept": "text/html"}).get_data(as_text=True)
    assert as_member("h01").get("/-/audit").status_code == 403


def test_who_sees_nothing_of_members_is_not_put_on_record(as_partner, anonymous, log):
    for somebody in (anonymous, as_partner("dso1", Role.GRID_OPERATOR), as_partner("p2")):
        somebody.get("/doc/station/demo")
        somebody.get("/sparql", query_string={"query": "ASK { ?s ?p ?o }"})

    assert log.by() == []


def test_without_a_record_there_is_none_to_read(services, signed_in):
    app = create_app(ApiSettings(shown_settings=()), replace(services, audit=None))

    assert signed_in(app).get("/-/audit").status_code == 404
    assert signed_in(app).get("/api/members/h01/looked").status_code == 404
    assert "keeps no record" in signed_in(app).get("/members/h01/data").get_data(as_text=True)
