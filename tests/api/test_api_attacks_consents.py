"""What an operator does in a member's stead does not look like the member's own deed."""

import itertools
from dataclasses import replace

import pytest

from registry import versions
from registry.gate import Gate

TERMS = {
    "categories": ["fcv:TelemetryData"],
    "purposes": ["dpv:ResearchAndDevelopment"],
    "first": "2016-08-01",
    "last": "2016-12-31",
}


@pytest.fixture
def services(services):
    numbers = itertools.count(1)
    return replace(services, gate=Gate(services.store, services.iris, services.now, lambda: f"s{next(numbers)}"))


@pytest.fixture
def partner(client, iris):
    assert client.post("/api/partners/p1", json={"label": "Research institute 1"}).status_code == 201
    return iris.id("partner", "p1")


@pytest.mark.parametrize(("own", "by", "words"), [(True, "h01", "by the member"), (False, "local", "in the member's stead")])
def test_the_record_of_a_consent_names_whoever_gave_and_withdrew_it(client, as_member, store, iris, partner, own, by, words):
    who = as_member("h01") if own else client
    consent = who.post("/api/members/h01/consents", json=TERMS | {"party": partner}).json["consent"]
    assert who.post("/api/members/h01/consents/withdraw", json={"consent": consent}).status_code == 200

    recorded = versions.history(store, iris, consent)
    assert [(each.number, each.by) for each in recorded] == [(2, by), (1, by)]
    assert [each.why for each in recorded] == [f"Consent was withdrawn {words}", f"Consent to partner/p1 was given {words}"]
