"""Who may see which graphs: roles, grants, consents, their days and their end, and whose word counts."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import agreements
import pytest

from access import consents, grants, layout
from access.policy import Policy
from access.principal import PUBLIC, Principal, Role
from access.terms import Terms
from kg.terms import describe, iri
from ontology.names import DPV, FC, FCV, ODRL, RDF, RDFS
from sparql.scope import EVERYTHING, NOTHING

NOON = datetime(2016, 8, 31, 12, tzinfo=UTC)
RESEARCH, SERVICE = str(DPV.ResearchAndDevelopment), str(DPV.ServiceProvision)
READINGS, LATEST, FACTS = str(FCV.TelemetryData), str(FCV.LatestData), str(FCV.FactsData)
AGREED = Terms([RESEARCH], date(2016, 8, 1), date(2016, 9, 30), [READINGS])


class World:
    """A cooperative with two members and a partner; the clock is set by hand."""

    def __init__(self, store, iris):
        self.store, self.iris, self.now = store, iris, NOON
        for key, zone in (("h01", "America/Los_Angeles"), ("h02", "Europe/Madrid")):
            graph, member = iris.graph("member", key, "facts"), iri(iris.id("member", key))
            store.apply(
                insert=[
                    *describe(graph, member.value, {RDF.type: FC.Member, RDFS.label: key}),
                    *describe(graph, iris.id("site", key), {RDF.type: FC.Site, FC.ownedBy: member, FC.timeZone: zone}),
                    *describe(graph, iris.id("osb", key), {FC.claimedBy: member}),
                ]
            )
        self.partner = agreements.state(store, grants.register(iris, "p1", "Research institute 1", at=NOON))
        self.policy = Policy(store, iris, lambda: self.now)

    def who(self, role, subject=None, **more):
        return Principal(role, "somebody", subject, "token", **more)

    def sees(self, path, role=Role.PARTNER, subject="partner/p1"):
        scope = self.policy.scope(self.who(role, self.iris.base + "/id/" + subject))
        return scope.allows(self.iris.graph(path))

    def grant(self, agreed=AGREED):
        return agreements.state(self.store, grants.give(self.store, self.iris, self.partner, agreed, at=self.now))

    def consent(self, key="h01", agreed=AGREED):
        member = self.iris.id("member", key)
        return agreements.state(self.store, consents.give(self.store, self.iris, member, self.partner, agreed, at=self.now))

    def write(self, graph, consent="consent/x", **more):
        """State a consent of h01 to p1 past the functions that would refuse it."""
        member = iri(self.iris.id("member", "h01"))
        said = {
            RDF.type: FC.DataConsent,
            ODRL.assigner: member,
            ODRL.target: member,
            ODRL.assignee: iri(self.partner),
            FC.dataCategory: FCV.TelemetryData,
            FC.purpose: DPV.ResearchAndDevelopment,
            FC.validFrom: date(2016, 8, 1),
            FC.validTo: date(2016, 9, 30),
        }
        self.store.apply(insert=describe(self.iris.graph(graph), self.iris.base + "/id/" + consent, said | more))


@pytest.fixture
def world(store, iris):
    return World(store, iris)


@pytest.fixture
def any_world(any_store, iris):
    return World(any_store, iris)


EVERYONES = ["ontology", "shapes", "catalogue", "feed/facts", "feed/osb/feed", "feed/telemetry/2016-08", "feed/latest", "feed/plans"]
EVERYONES += ["aggregates/facts", "aggregates/load/2016-08", "aggregates/production/2016-08", "aggregates/flexibility/2016-08"]
OWN = ["facts", "osb/h01", "telemetry/2016-08", "latest", "plans", "contracts", "events", "statements", "edits"]
CLOSED = [
    "registry",
    "people",
    "policy",
    "audit",
    "edits",
    "market",
    "portfolio/plans",
    "portfolio/osb/platform",
    "anything",
    "member/h01",
    "member",
]


@pytest.mark.parametrize(
    ("role", "subject", "settlements", "own"),
    [
        (Role.PUBLIC, None, False, ()),
        (Role.MEMBER, "member/h01", False, OWN),
        (Role.OSB, "osb/h01", False, ["osb/h01", "telemetry/2016-08", "latest", "plans", "events"]),
        (Role.PARTNER, "partner/p1", False, ()),
        (Role.GRID_OPERATOR, "dso/demo", True, ()),
        (Role.AUDITOR, "auditor/a1", True, ()),
    ],
)
def test_each_role_sees_its_graphs_and_no_other(world, role, subject, settlements, own):
    scope = world.policy.scope(world.who(role, subject and f"{world.iris.base}/id/{subject}"))
    members = [f"member/{key}/{leaf}" for key in ("h01", "h02") for leaf in (*OWN, "osb/h02", "osb/other", "telemetry/2016-08/x", "new")]

    seen = {path for path in (*EVERYONES, *CLOSED, *members, "settlement/c1") if scope.allows(world.iris.graph(path))}

    expected = {*EVERYONES, *(f"member/h01/{leaf}" for leaf in own)} | ({"settlement/c1"} if settlements else set())
    if role is Role.MEMBER:
        expected |= {"member/h01/osb/h02", "member/h01/osb/other"}  # whatever stands in its own family of boxes
    assert seen == expected


def test_the_operator_sees_everything_and_an_expired_sign_in_nothing(world):
    operator = world.who(Role.OPERATOR, expires=NOON + timedelta(seconds=1))

    assert world.policy.scope(operator) is EVERYTHING
    world.now += timedelta(seconds=1)
    assert world.policy.scope(operator) is NOTHING
    assert world.policy.scope(replace(PUBLIC, expires=world.now)) is NOTHING


@pytest.mark.parametrize(
    "subject", [None, "", "http://evil.example/id/member/h01", "{}/id/member/", "{}/id/member/h01/../h02", "{}/id/site/h01"]
)
@pytest.mark.parametrize("role", [Role.MEMBER, Role.PARTNER, Role.OSB])
def test_a_subject_that_is_no_such_thing_of_ours_sees_what_everybody_sees(world, role, subject):
    scope = world.policy.scope(world.who(role, subject and subject.format(world.iris.base)))

    assert scope == layout.public(world.iris)


def test_a_partner_sees_what_a_grant_and_a_consent_share(any_world):
    world = any_world
    world.grant(replace(AGREED, categories=[READINGS, LATEST]))
    assert not world.sees("member/h01/telemetry/2016-08")  # nobody has consented

    world.consent(agreed=replace(AGREED, categories=[READINGS, FACTS]))

    assert world.sees("member/h01/telemetry/2016-08")
    assert not world.sees("member/h01/latest")  # granted, not consented
    assert not world.sees("member/h01/facts")  # consented, not granted
    assert not world.sees("member/h02/telemetry/2016-08")  # another's consent
    assert not world.sees("member/h01/telemetry/2016-08", subject="partner/p2")


def test_a_consent_alone_opens_nothing(world):
    world.consent()

    assert not world.sees("member/h01/telemetry/2016-08")


def test_grant_and_consent_must_be_for_the_same_purpose(world):
    world.grant()
    world.consent(agreed=replace(AGREED, purposes=[SERVICE]))
    assert not world.sees("member/h01/telemetry/2016-08")

    world.grant(replace(AGREED, purposes=[SERVICE], categories=[LATEST]))  # the purpose, but for another category
    assert not world.sees("member/h01/telemetry/2016-08")

    world.grant(replace(AGREED, purposes=[RESEARCH, SERVICE]))
    assert world.sees("member/h01/telemetry/2016-08")


@pytest.mark.parametrize("ends", ["consent", "grant"])
def test_what_is_withdrawn_counts_no_more_at_the_very_next_question(any_world, ends):
    world = any_world
    grant, consent = world.grant(), world.consent()
    assert world.sees("member/h01/telemetry/2016-08")

    if ends == "consent":
        member = world.iris.id("member", "h01")
        agreements.state(world.store, consents.withdraw(world.store, world.iris, member, consent, at=world.now))
    else:
        agreements.state(world.store, grants.withdraw(world.store, world.iris, grant, at=world.now))

    assert not world.sees("member/h01/telemetry/2016-08")


def test_a_withdrawal_that_names_a_later_time_holds_at_once(world):
    world.grant()
    world.consent()
    world.write("member/h01/facts", "consent/x", **{FC.withdrawnAt: NOON + timedelta(days=300)})
    world.write("member/h01/facts", "consent/y")
    assert world.sees("member/h01/telemetry/2016-08")

    member = world.iris.id("member", "h01")
    for consent in (world.iris.id("consent", "y"), *(stated.iri for stated in consents.given(world.store, world.iris, member))):
        agreements.state(world.store, consents.withdraw(world.store, world.iris, member, consent, at=world.now))

    assert not world.sees("member/h01/telemetry/2016-08")


@pytest.mark.parametrize(
    ("key", "at", "seen"),
    [
        ("h01", datetime(2016, 8, 1, 6, 59, tzinfo=UTC), False),  # 23:59 of 31 July in Los Angeles
        ("h01", datetime(2016, 8, 1, 7, 0, tzinfo=UTC), True),
        ("h01", datetime(2016, 10, 1, 6, 59, tzinfo=UTC), True),  # 23:59 of 30 September
        ("h01", datetime(2016, 10, 1, 7, 0, tzinfo=UTC), False),
        ("h02", datetime(2016, 7, 31, 21, 59, tzinfo=UTC), False),  # 23:59 of 31 July in Madrid
        ("h02", datetime(2016, 7, 31, 22, 0, tzinfo=UTC), True),
        ("h02", datetime(2016, 9, 30, 21, 59, tzinfo=UTC), True),
        ("h02", datetime(2016, 9, 30, 22, 0, tzinfo=UTC), False),
    ],
)
def test_the_first_and_the_last_day_are_local_days_of_the_site(world, key, at, seen):
    world.grant()
    world.consent(key)
    world.sees(f"member/{key}/telemetry/2016-08")  # an answer of another day is kept

    world.now = at

    assert world.sees(f"member/{key}/telemetry/2016-08") is seen


def test_the_clock_may_go_back_as_in_a_scenario_that_is_told_again(world):
    world.grant()
    world.consent()
    assert world.sees("member/h01/latest") is False
    assert world.sees("member/h01/telemetry/2016-08")

    world.now = datetime(2016, 7, 1, tzinfo=UTC)

    assert not world.sees("member/h01/telemetry/2016-08")


FOREIGN = [
    "member/h01/osb/h01",
    "member/h02/facts",
    "member/h02/osb/h02",
    "policy",
    "registry",
    "member/h01/facts/x",
    "feed/facts",
    "member//facts",
]


@pytest.mark.parametrize("graph", FOREIGN)
def test_a_consent_that_the_member_did_not_give_itself_does_not_count(world, graph):
    world.grant()
    world.write(graph)
    assert not world.sees("member/h01/telemetry/2016-08")

    world.write("member/h01/facts")
    assert world.sees("member/h01/telemetry/2016-08")


@pytest.mark.parametrize("graph", ["member/h01/facts", "member/h01/osb/h01", "registry", "market"])
def test_a_grant_outside_of_the_graph_policy_does_not_count(world, graph):
    world.consent()
    said = {
        RDF.type: FC.DataGrant,
        ODRL.assignee: iri(world.partner),
        FC.dataCategory: FCV.TelemetryData,
        FC.purpose: DPV.ResearchAndDevelopment,
    }
    days = {FC.validFrom: date(2016, 8, 1), FC.validTo: date(2016, 9, 30)}
    world.store.apply(insert=describe(world.iris.graph(graph), world.iris.id("grant", "x"), said | days))

    assert not world.sees("member/h01/telemetry/2016-08")


def test_a_consent_about_somebody_else_or_to_a_narrower_thing_does_not_count(world):
    world.grant()
    world.write("member/h01/facts", **{ODRL.target: iri(world.iris.id("dataset", "d1"))})
    world.write("member/h02/facts", "consent/z", **{ODRL.assigner: iri(world.iris.id("member", "h02"))})  # about h01

    assert not world.sees("member/h01/telemetry/2016-08")
    assert not world.sees("member/h02/telemetry/2016-08")


def test_of_several_last_days_the_first_counts(world):
    world.grant()
    world.write("member/h01/facts", **{FC.validTo: [date(2016, 8, 15), date(2017, 1, 1)]})

    assert not world.sees("member/h01/telemetry/2016-08")


def test_a_partner_that_left_the_registry_sees_nothing_of_members(world):
    world.grant()
    world.consent()
    assert world.sees("member/h01/telemetry/2016-08")

    gone = [quad for quad in describe(world.iris.graph("registry"), world.partner, {RDF.type: FC.Partner})]
    world.store.apply(delete=gone)

    assert not world.sees("member/h01/telemetry/2016-08")


def test_one_member_with_an_unknown_time_zone_takes_nothing_from_the_others(world):
    world.grant()
    world.consent("h01")
    world.consent("h02")
    site = describe(world.iris.graph("member/h01/facts"), world.iris.id("site", "h01"), {FC.timeZone: "Mars/Olympus"})

    world.store.apply(insert=site)

    assert not world.sees("member/h01/telemetry/2016-08")
    assert world.sees("member/h02/telemetry/2016-08")


def test_a_dataset_that_is_nobodys_is_granted_without_consent_and_a_members_never(world):
    world.grant(Terms([RESEARCH], date(2016, 8, 1), date(2016, 9, 30), targets=[world.iris.graph("settlement") + "/"]))

    assert world.sees("settlement/c1")
    assert not world.sees("settlement/c1/x")
    for target in (
        "member/h01/telemetry/2016-08",
        "member/h01/telemetry/",
        "people",
        "registry",
        "policy",
        "market",
        "settlement/../people/x",
    ):
        with pytest.raises(ValueError, match="can't be granted as a whole"):
            world.grant(replace(AGREED, targets=[world.iris.graph(target)]))
        assert layout.grantable(world.iris, world.iris.graph(target)) == NOTHING


def test_a_box_sees_nothing_of_a_home_that_another_claims_too_or_that_it_claims_itself(world):
    claim = describe(world.iris.graph("member/h02/facts"), world.iris.id("osb", "h01"), {FC.claimedBy: iri(world.iris.id("member", "h02"))})
    own_word = describe(
        world.iris.graph("member/h02/osb/h02"), world.iris.id("osb", "h09"), {FC.claimedBy: iri(world.iris.id("member", "h02"))}
    )
    assert world.sees("member/h01/latest", Role.OSB, "osb/h01")

    world.store.apply(insert=[*claim, *own_word])

    assert not world.sees("member/h01/latest", Role.OSB, "osb/h01")
    assert not world.sees("member/h02/latest", Role.OSB, "osb/h01")
    assert not world.sees("member/h02/latest", Role.OSB, "osb/h09")


def test_nothing_is_asked_again_while_nothing_that_decides_was_written(world, monkeypatch):
    world.grant()
    world.consent()
    assert world.sees("member/h01/telemetry/2016-08")
    asked, select = [], world.store.select
    monkeypatch.setattr(world.store, "select", lambda query: asked.append(query.splitlines()[0]) or select(query))

    world.store.apply(insert=describe(world.iris.graph("member/h01/latest"), world.iris.id("x", "1"), {RDFS.label: "a value"}))
    assert world.sees("member/h01/telemetry/2016-08")
    assert world.policy.purposes(world.partner) == (RESEARCH,)
    world.now = NOON + timedelta(days=9)
    assert world.sees("member/h01/telemetry/2016-08")  # other days, the same facts
    assert asked == []

    world.store.apply(insert=describe(world.iris.graph("member/h02/facts"), world.iris.id("x", "1"), {RDFS.label: "a fact"}))
    assert world.sees("member/h01/telemetry/2016-08")
    assert len(asked) == 2  # the zones and consents in that graph

    world.store.update(f"DELETE WHERE {{ GRAPH <{world.iris.graph('member/h09/facts')}> {{ ?s ?p ?o }} }}")  # in words: could be anything
    assert world.sees("member/h01/telemetry/2016-08")
    assert len(asked) == 5  # grants, consents, zones
