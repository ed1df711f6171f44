"""What an operator does in a member's stead does not look like the member's own deed."""

import pytest
from pyoxigraph import NamedNode

from ontology.names import PROV

TERMS = {
    "categories": ["fcv:TelemetryData"],
    "purposes": ["dpv:ResearchAndDevelopment"],
    "first": "2016-08-01",
    "last": "2016-12-31",
}


@pytest.fixture
def partner(client, iris):
    assert client.post("/api/partners/p1", json={"label": "Research institute 1"}).status_code == 201
    return iris.id("partner", "p1")


def behind(store, iris, run):
    said = store.graph(iris.graph("member", "h01", "facts"))
    about = [each for each in said if each.subject == NamedNode(iris.id("run", run))]
    return {each.object.value for each in about if isinstance(each.object, NamedNode) and each.predicate.value.startswith(str(PROV._NS))}


@pytest.mark.parametrize("own", [True, False])
def test_the_provenance_of_a_consent_names_whoever_gave_and_withdrew_it(client, as_member, services, iris, partner, own):
    who = as_member("h01") if own else client
    consent = who.post("/api/members/h01/consents", json=TERMS | {"party": partner}).json["consent"]
    assert who.post("/api/members/h01/consents/withdraw", json={"consent": consent}).status_code == 200

    for run in ("give", "withdraw"):
        named = behind(services.store, iris, f"{run}-{iris.key(consent)}")
        assert named, "nothing is said of who did it"
        assert (iris.id("member", "h01") in named) is own
        assert any(each.startswith(iris.id("agent", "")) for each in named) or own
