"""What is agreed leaves its record, whoever writes it: contracts, consents, grants; who reads it, and what is not undone."""

import html
import itertools
import re
from dataclasses import replace
from decimal import Decimal

import pytest
from pyoxigraph import NamedNode

from access.principal import Role
from api import ApiSettings, create_app
from kg.terms import describe, iri
from market import contracts
from ontology.names import DPV, FC, FCV, RDF
from registry.gate import Gate

READINGS = {
    "categories": ["fcv:TelemetryData"],
    "purposes": ["dpv:ResearchAndDevelopment"],
    "first": "2016-08-01",
    "last": "2016-12-31",
}
FORM = {"purpose": str(DPV.ResearchAndDevelopment), "category": str(FCV.TelemetryData), "first": "2016-08-01", "last": "2016-12-31"}


@pytest.fixture
def services(services):
    numbers = itertools.count(1)
    gate = Gate(services.store, services.iris, services.now, lambda: f"t{next(numbers)}")
    return replace(services, gate=gate)


@pytest.fixture
def partner(client, iris):
    assert client.post("/api/partners/p1", json={"label": "Research institute 1"}).status_code == 201
    return iris.id("partner", "p1")


@pytest.fixture
def clerk(app, access, signed_in):
    """A clerk with an account of their own."""
    return signed_in(app, access.tokens.create("test", access.accounts.add("anna", Role.OPERATOR, None))[0])


@pytest.fixture
def kitchen(app, access, iris, signed_in):
    """Member h01 by an account of another name."""
    return signed_in(app, access.tokens.create("test", access.accounts.add("kitchen", Role.MEMBER, iris.id("member", "h01")))[0])


def text_of(answer):
    return re.sub(r"\s+", " ", html.unescape(re.sub(r"<[^>]+>", " ", answer.get_data(as_text=True))))


def page_of(iris, thing):
    return "/things/" + iris.local(thing)


def record_of(client, iris, thing):
    """The history of a thing as its page tells it: from the newest version on, without the heading."""
    answer = client.get(f"{page_of(iris, thing)}/history")
    assert answer.status_code == 200
    return text_of(answer).partition("Version ")[2]


def undone(client, iris, thing, number, language="en"):
    seen = re.search(r'name="_etag" value="([^"]+)"', client.get(f"{page_of(iris, thing)}/history").get_data(as_text=True))
    tag = seen[1] if seen else client.get(f"{page_of(iris, thing)}/history").headers["ETag"].strip('"').partition(":")[0]
    headers = {"Accept": "text/html"}
    return client.post(f"{page_of(iris, thing)}/undo?lang={language}", data={"version": number, "_etag": tag}, headers=headers)


def quads(store):
    return {(graph, str(triple)) for graph in store.graphs() for triple in store.graph(graph)}


# --- consents


@pytest.mark.parametrize("by_page", [True, False])
def test_a_consent_that_is_given_and_withdrawn_is_on_record_with_who_before_and_after(client, kitchen, iris, partner, by_page):
    if by_page:
        assert kitchen.post("/members/h01/consents", data=FORM | {"party": partner}).status_code == 303
        (consent,) = [each["iri"] for each in kitchen.get("/api/members/h01/consents").json if each["party"] == partner]
        assert kitchen.post("/members/h01/consents/withdraw", data={"consent": consent}).status_code == 303
    else:
        consent = kitchen.post("/api/members/h01/consents", json=READINGS | {"party": partner}).json["consent"]
        assert kitchen.post("/api/members/h01/consents/withdraw", json={"consent": consent}).status_code == 200

    told = record_of(client, iris, consent)
    assert told.index("Consent was withdrawn by the member") < told.index("Consent to partner/p1 was given by the member")
    assert told.count("kitchen") == 2
    assert "Research institute 1" in told
    own = text_of(kitchen.get("/members/h01/data")).partition("Who changed something")[2]
    assert own.count("kitchen") == 2
    assert "Withdrawn at Before: nothing After: 31 Aug 2016, 05:00" in own
    assert "Before: nothing After: Research institute 1" in own


def test_what_a_clerk_enters_in_a_members_stead_bears_the_clerks_name(client, clerk, as_member, iris, partner):
    consent = clerk.post("/api/members/h01/consents", json=READINGS | {"party": partner}).json["consent"]

    told = record_of(client, iris, consent)
    assert "anna: Consent to partner/p1 was given in the member's stead" in told
    assert "anna" in text_of(as_member("h01").get("/members/h01/data")).partition("Who changed something")[2]


def test_a_withdrawal_that_is_repeated_is_recorded_once(client, as_member, iris, partner):
    member = as_member("h01")
    consent = member.post("/api/members/h01/consents", json=READINGS | {"party": partner}).json["consent"]
    for _ in range(2):
        answer = member.post("/api/members/h01/consents/withdraw", json={"consent": consent})
        assert answer.json["withdrawn"] == "2016-08-31T12:00:00+00:00"

    assert record_of(client, iris, consent).count("was withdrawn by the member") == 1


@pytest.mark.parametrize(
    ("language", "sentence"),
    [
        ("en", "Nobody gives it back for the member"),
        ("es", "Nadie lo devuelve en lugar del socio"),
        ("nl", "Niemand geeft haar namens het lid terug"),
    ],
)
def test_a_withdrawn_consent_is_not_given_back_by_a_clerk(client, as_member, as_partner, store, iris, partner, language, sentence):
    member = as_member("h01")
    consent = member.post("/api/members/h01/consents", json=READINGS | {"party": partner}).json["consent"]
    member.post("/api/members/h01/consents/withdraw", json={"consent": consent})
    before = quads(store)

    answer = undone(client, iris, consent, 1, language)

    assert answer.status_code == 409
    assert sentence in text_of(answer)
    assert sentence in text_of(client.get(f"{page_of(iris, consent)}/history?lang={language}"))
    assert "Back to version" not in client.get(f"{page_of(iris, consent)}/history").get_data(as_text=True)
    assert quads(store) == before


def test_a_consent_that_was_taken_out_of_the_graph_is_not_brought_back(client, as_member, services, store, iris, partner):
    consent = as_member("h01").post("/api/members/h01/consents", json=READINGS | {"party": partner}).json["consent"]
    facts = iris.graph("member", "h01", "facts")
    rest = [triple for triple in store.graph(facts) if triple.subject != NamedNode(consent)]
    services.gate.replace(facts, rest, by="anna", why="cleaned up")
    before = quads(store)

    answer = undone(client, iris, consent, 1)

    assert answer.status_code == 409
    assert "A consent is the member's own word" in text_of(answer)
    assert quads(store) == before


def test_the_record_of_a_member_is_nobody_elses(client, as_member, as_partner, anonymous, iris, partner):
    member, other = as_member("h01"), as_member("h02")
    given = member.post("/api/members/h01/consents", json=READINGS | {"party": partner}).json["consent"]
    client.post("/api/partners/p1/grants", json=READINGS | {"categories": ["fcv:TelemetryData", "fcv:FactsData"]})
    member.post("/api/members/h01/consents", json=READINGS | {"party": partner, "categories": ["fcv:FactsData"]})

    for somebody in (other, as_partner("p1"), anonymous):
        assert somebody.get("/members/h01/data").status_code in (303, 401, 403, 404)
        assert somebody.get(f"{page_of(iris, given)}/history").status_code in (303, 401, 403, 404)
        assert somebody.post(f"{page_of(iris, given)}/undo", data={"version": 1, "_etag": "x"}).status_code in (303, 401, 403, 404)
    assert member.get(f"{page_of(iris, given)}/history").status_code == 403
    assert iris.key(given) not in other.get("/members/h02/data").get_data(as_text=True)
    asked = f"SELECT ?text WHERE {{ GRAPH ?g {{ ?record <{FC.editedThing}> <{given}> ; <{FC.insertedText}> ?text }} }}"
    found = {
        name: len(somebody.get("/sparql", query_string={"query": asked, "format": "json"}).json["results"]["bindings"])
        for name, somebody in (("member", member), ("other", other), ("partner", as_partner("p1")))
    }
    assert found == {"member": 1, "other": 0, "partner": 0}  # the partner sees the facts, and not what became of them


def test_without_a_gate_nothing_is_agreed(services, signed_in, store, iris):
    app = create_app(ApiSettings(shown_settings=()), replace(services, gate=None))
    before = quads(store)

    answer = signed_in(app).post("/api/partners/p1", json={"label": "Research institute 1"})

    assert (answer.status_code, answer.json["detail"]) == (409, "This platform takes no edits.")
    assert quads(store) == before


# --- grants


def test_a_grant_and_its_end_are_on_record_and_not_undone(client, clerk, store, iris, partner):
    grant = clerk.post("/api/partners/p1/grants", json=READINGS).json["grant"]
    assert client.post("/api/partners/p1/grants/withdraw", json={"grant": grant}).status_code == 200

    told = record_of(client, iris, grant)
    assert "local: A grant to partner p1 was withdrawn" in told
    assert "anna: Data were granted to partner p1" in told
    assert "anna" not in record_of(client, iris, partner)
    assert "local: Partner p1 was registered" in record_of(client, iris, partner)
    assert {graph for graph in store.graphs() if graph.endswith("edits")} == {iris.graph("edits")}
    before = quads(store)
    answer = undone(client, iris, grant, 1)
    assert answer.status_code == 409
    assert "grant anew what it may see from now on" in text_of(answer)
    assert quads(store) == before


def test_a_command_acts_in_the_name_of_whoever_sent_it(services, signed_in, access):
    app = create_app(ApiSettings(shown_settings=()), replace(services, commands={"echo": lambda given: given}))
    anna = access.tokens.create("test", access.accounts.add("anna", Role.OPERATOR, None))[0]

    answer = signed_in(app, anna).post("/api/commands/echo", json={"key": "p1", "by": "somebody else"})

    assert answer.json == {"key": "p1", "by": "anna"}


# --- contracts


@pytest.fixture
def offered(store, iris, services):
    """A home with a device that may be called, so that a contract can be offered, and the form of an offer."""
    device, facts = iris.id("device", "h01-battery"), iris.graph("member", "h01", "facts")
    said = {RDF.type: FC.BatterySystem, FC.ownedBy: iri(iris.id("member", "h01")), FC.availableForDR: True}
    store.apply(insert=describe(facts, device, said))
    return {
        "covers": device,
        "kw": "4",
        "price": "0.31",
        "longest": "60",
        "times": "2",
        "notice": "30",
        "start": "15:00",
        "end": "22:00",
        "first": "2016-08-31",
        "last": "2017-08-27",
        "do": "offer",
    }


def test_an_offer_is_accepted_takes_the_place_of_the_former_and_ends_with_each_step_on_record(client, clerk, kitchen, store, iris, offered):
    first, second = iris.id("contract", "h01", "r1"), iris.id("contract", "h01", "r2")
    assert clerk.post("/onboarding/h01/contract", data=offered).status_code == 303
    digest = contracts.read(store, second).digest
    assert kitchen.post("/members/h01/contracts/r2/accept", data={"digest": digest}).status_code == 303
    assert [contracts.read(store, each).status for each in (first, second)] == [contracts.ENDED, contracts.ACTIVE]
    assert clerk.post("/onboarding/h01/contract/r2/end", data={"why": ""}).status_code == 422
    assert clerk.post("/onboarding/h01/contract/r2/end", data={"why": "The member moves away"}).status_code == 303
    assert contracts.read(store, second).status == contracts.ENDED
    assert clerk.post("/onboarding/h01/contract/r2/end", data={"why": "again"}).status_code == 422

    told = record_of(client, iris, second)
    steps = [
        "anna: The contract was ended: The member moves away",
        "kitchen: Contract accepted by member h01",
        "anna: Onboarding: a contract was offered",
    ]
    assert [told.index(each) for each in steps] == sorted(told.index(each) for each in steps)
    assert "Active Ended" in told
    assert "Draft Active" in told
    assert "kitchen: Contract accepted by member h01" in record_of(client, iris, first)  # which ended the former
    own = text_of(kitchen.get("/members/h01/data")).partition("Who changed something")[2]
    assert "Before: Active After: Ended" in own
    assert "Before: Draft After: Active" in own
    assert "The member moves away" in own
    assert contracts.read(store, second).price_eur_per_kwh == Decimal("0.31")


@pytest.mark.parametrize(
    ("language", "sentence"),
    [("en", "A signature is not undone"), ("es", "Una firma no se deshace"), ("nl", "Een handtekening wordt niet ongedaan gemaakt")],
)
def test_a_signature_is_not_undone(client, kitchen, store, iris, offered, language, sentence):
    assert client.post("/onboarding/h01/contract", data=offered).status_code == 303
    assert kitchen.post("/members/h01/contracts/r2/accept").status_code == 303
    before = quads(store)

    answer = undone(client, iris, iris.id("contract", "h01", "r2"), 1, language)

    assert answer.status_code == 409
    assert sentence in text_of(answer)
    assert quads(store) == before


def test_an_end_is_not_undone(client, store, iris):
    assert client.post("/onboarding/h01/contract/r1/end", data={"why": "The member moves away"}).status_code == 303
    before = quads(store)

    answer = undone(client, iris, iris.id("contract", "h01", "r1"), 1)

    assert answer.status_code == 409
    assert "its end is not undone" in text_of(answer)
    assert quads(store) == before


def test_an_offer_is_written_and_signed_in_one_edit(client, store, iris, offered):
    client.post("/onboarding/h01/contract", data=offered)

    told = record_of(client, iris, iris.id("contract", "h01", "r2"))
    assert told.startswith("1 ")
    made = contracts.read(store, iris.id("contract", "h01", "r2"))
    assert [each.party for each in made.signatures] == [made.buyer]
