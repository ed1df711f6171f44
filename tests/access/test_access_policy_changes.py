"""A policy that has seen the store change says what one would that reads everything now."""

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta

import agreements
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from access import consents, grants
from access.policy import Policy
from access.principal import Principal, Role
from access.terms import Terms
from kg.embedded import EmbeddedStore
from kg.errors import StoreError
from kg.iris import Iris
from kg.terms import describe, iri
from ontology.names import DPV, FC, FCV, RDF, RDFS

IRIS = Iris("http://127.0.0.1:8080")
NOON = datetime(2016, 8, 31, 12, tzinfo=UTC)
PURPOSES = [str(DPV.ResearchAndDevelopment), str(DPV.ServiceProvision)]
CATEGORIES = [str(FCV.TelemetryData), str(FCV.LatestData)]
MEMBERS = ["h01", "h02", "h03"]
PARTIES = ["p1", "p2"]
ZONES = ["America/Los_Angeles", "Europe/Madrid", "Asia/Tokyo", "Nowhere/Land"]
LONG = Terms(PURPOSES, date(2016, 1, 1), date(2016, 12, 31), CATEGORIES)

members, parties = st.sampled_from(MEMBERS), st.sampled_from(PARTIES)
some = st.lists(st.sampled_from([0, 1]), min_size=1, max_size=2, unique=True)
days = st.integers(0, 3).map(lambda n: date(2016, 8, 30) + timedelta(days=n))
agreed = st.builds(
    lambda purposes, categories, first, last: Terms(
        [PURPOSES[n] for n in purposes], min(first, last), max(first, last), [CATEGORIES[n] for n in categories]
    ),
    some,
    some,
    days,
    days,
)
steps = st.one_of(
    st.tuples(st.just("consent"), members, parties, agreed),
    st.tuples(st.just("grant"), parties, agreed),
    st.tuples(st.just("withdraw consent"), st.integers(0, 9)),
    st.tuples(st.just("withdraw grant"), st.integers(0, 9)),
    st.tuples(st.just("drop"), st.sampled_from([*(f"member/{key}/facts" for key in MEMBERS), "policy", "registry"])),
    st.tuples(st.just("replace"), members, members),
    st.tuples(st.just("zone"), members, st.sampled_from(ZONES)),
    st.tuples(st.just("claim"), members, members),
    st.tuples(st.just("in words"), members),
    st.tuples(st.just("back up")),
    st.tuples(st.just("restore")),
    st.tuples(st.just("time"), st.integers(-40, 40)),
)


class World:
    def __init__(self, folder):
        self.store, self.now, self.folder = EmbeddedStore(), NOON, folder
        for key, zone in zip(MEMBERS, ZONES, strict=False):
            self.store.apply(insert=_home(key, zone))
        for key in PARTIES:
            agreements.state(self.store, grants.register(IRIS, key, key, at=self.now))
            agreements.state(self.store, grants.give(self.store, IRIS, IRIS.id("partner", key), LONG, at=self.now))
        member, partner = IRIS.id("member", "h01"), IRIS.id("partner", "p1")
        agreements.state(self.store, consents.give(self.store, IRIS, member, partner, LONG, at=self.now))
        self.policy = Policy(self.store, IRIS, lambda: self.now)
        self.store.backup(folder / "backup.nq")

    def step(self, what, *given):
        store = self.store
        member = IRIS.id("member", str(given[0])) if given else ""
        match what:
            case "consent" if self.has(given[0]) and self.registered(given[1]):
                agreements.state(store, consents.give(store, IRIS, member, IRIS.id("partner", given[1]), given[2], at=self.now))
            case "grant" if self.registered(given[0]):
                agreements.state(store, grants.give(store, IRIS, IRIS.id("partner", given[0]), given[1], at=self.now))
            case "withdraw consent":
                stated = [(key, each) for key in MEMBERS for each in consents.given(store, IRIS, IRIS.id("member", key))]
                if stated:
                    key, each = stated[given[0] % len(stated)]
                    agreements.state(store, consents.withdraw(store, IRIS, IRIS.id("member", key), each.iri, at=self.now))
            case "withdraw grant":
                ours = [each for key in PARTIES for each in grants.given(store, IRIS, IRIS.id("partner", key))]
                if ours:
                    agreements.state(store, grants.withdraw(store, IRIS, ours[given[0] % len(ours)].iri, at=self.now))
            case "drop":
                store.drop([IRIS.graph(given[0])])
            case "replace":  # by the words of another, which do not count here
                store.replace_graph(IRIS.graph("member", given[0], "facts"), store.graph(IRIS.graph("member", given[1], "facts")))
            case "zone":
                store.apply(insert=_home(*given))
            case "claim":
                claim = describe(IRIS.graph("member", given[0], "facts"), IRIS.id("osb", given[1]), {FC.claimedBy: iri(member)})
                store.apply(insert=claim)
            case "in words":
                store.update(f"DELETE WHERE {{ GRAPH <{IRIS.graph('member', given[0], 'facts')}> {{ ?s <{FC.purpose}> ?p }} }}")
            case "back up":
                store.backup(self.folder / "backup.nq")
            case "restore":
                store.restore(self.folder / "backup.nq")
            case "time":
                self.now = NOON + timedelta(hours=given[0])

    def has(self, key):
        return bool(self.store.graph(IRIS.graph("member", key, "facts"))) and any(
            triple.subject.value == IRIS.id("member", key) for triple in self.store.graph(IRIS.graph("member", key, "facts"))
        )

    def registered(self, key):
        return any(triple.subject.value == IRIS.id("partner", key) for triple in self.store.graph(IRIS.graph("registry")))

    def answers(self, policy):
        who = [(Role.PARTNER, IRIS.id("partner", key)) for key in PARTIES] + [(Role.OSB, IRIS.id("osb", key)) for key in MEMBERS]
        scopes = [policy.scope(Principal(role, "somebody", subject, "token")) for role, subject in who]
        return scopes, [policy.purposes(IRIS.id("partner", key)) for key in PARTIES]


def _home(key, zone):
    graph, member = IRIS.graph("member", key, "facts"), iri(IRIS.id("member", key))
    return [
        *describe(graph, member.value, {RDF.type: FC.Member, RDFS.label: key}),
        *describe(graph, IRIS.id("site", key), {RDF.type: FC.Site, FC.ownedBy: member, FC.timeZone: zone}),
        *describe(graph, IRIS.id("osb", key), {FC.claimedBy: member}),
    ]


@settings(max_examples=40, deadline=None)
@given(run=st.lists(st.tuples(steps, st.booleans()), min_size=1, max_size=14))
def test_after_any_writes_it_answers_as_one_that_has_just_read_everything(tmp_path_factory, run):
    world = World(tmp_path_factory.mktemp("store"))
    world.answers(world.policy)

    for step, asked in [*run, (("time", 0), True)]:
        world.step(*step)
        if asked:
            assert world.answers(world.policy) == world.answers(Policy(world.store, IRIS, lambda: world.now))


def test_whoever_asks_after_a_write_has_returned_finds_it_while_others_write_and_ask(tmp_path):
    world = World(tmp_path)
    start = threading.Barrier(len(MEMBERS))

    def toggle(key):
        member, partner = IRIS.id("member", key), IRIS.id("partner", "p2")
        graph = IRIS.graph("member", key, "latest")
        start.wait()
        for round_ in range(12):
            given = consents.give(world.store, IRIS, member, partner, LONG, at=NOON + timedelta(seconds=round_))
            consent = agreements.state(world.store, given)
            assert world.policy.scope(Principal(Role.PARTNER, "somebody", partner, "token")).allows(graph)
            agreements.state(world.store, consents.withdraw(world.store, IRIS, member, consent, at=NOON))
            assert not world.policy.scope(Principal(Role.PARTNER, "somebody", partner, "token")).allows(graph)

    with ThreadPoolExecutor(len(MEMBERS)) as pool:
        for done in [pool.submit(toggle, key) for key in ("h01", "h02", "h03")]:
            if done.exception() is not None:
                raise done.exception()


def test_a_store_that_could_not_be_read_after_a_write_is_read_at_the_next_question(tmp_path, monkeypatch):
    world = World(tmp_path)
    partner, graph = IRIS.id("partner", "p1"), IRIS.graph("member", "h01", "latest")
    who = Principal(Role.PARTNER, "somebody", partner, "token")
    assert world.policy.scope(who).allows(graph)

    def refuse(query):
        raise StoreError("the disk is gone")

    (stated,) = consents.given(world.store, IRIS, IRIS.id("member", "h01"))
    agreements.state(world.store, consents.withdraw(world.store, IRIS, IRIS.id("member", "h01"), stated.iri, at=NOON))
    with monkeypatch.context() as patch:
        patch.setattr(world.store, "select", refuse)
        with pytest.raises(StoreError):
            world.policy.scope(who)

    assert not world.policy.scope(who).allows(graph)
