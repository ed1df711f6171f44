"""A campaign that is paused and resumed, under a fake clock: three homes with a battery each, in memory."""

from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal

import numpy as np
import orjson
import pytest

import shapes
from kg.embedded import EmbeddedStore
from kg.iris import Iris, stamp
from kg.terms import Json, describe, iri
from market import contracts
from market.contracts import Terms
from ontology.names import DPV, FC, FCV, ODRL, QUDT, RDF, S4ENER, SAREF, UNIT
from optimiser import records
from optimiser.campaigns import Campaigns
from optimiser.errors import CampaignError
from settlement import records as settled

IRIS = Iris("http://127.0.0.1:8080")
START = datetime(2026, 6, 10, 16, tzinfo=UTC)  # 18:00 in Madrid
END = START + timedelta(hours=1)
SLOT = timedelta(minutes=15)
AT = START - timedelta(hours=3)
ISSUED = AT - timedelta(hours=1)
C1 = IRIS.id("campaign", "c1")
TERMS = Terms(2.0, SLOT, timedelta(hours=2), 1, timedelta(days=1), timedelta(hours=1), time(16), time(22), Decimal("0.25"))


def home(key):
    """A member with a site, a box, a battery that takes part, and 2 kW that it can do without in every slot."""
    i = IRIS.id
    member, site, osb, device = i("member", key), i("site", key), i("osb", key), i("device", f"{key}-battery")
    facts, asserted, plans = (IRIS.graph("member", key, *part) for part in (("facts",), ("osb", key), ("plans",)))
    quads = describe(facts, member, {RDF.type: FC.Member})
    quads += describe(facts, site, {RDF.type: FC.Site, FC.ownedBy: iri(member), FC.timeZone: "Europe/Madrid"})
    quads += describe(facts, osb, {FC.claimedBy: iri(member), FC.locatedAt: iri(site)})
    quads += describe(facts, device, {FC.ownedBy: iri(member), FC.availableForDR: True})
    agreed = {ODRL.assigner: iri(member), ODRL.assignee: iri(i("cooperative", "demo")), FC.purpose: DPV.ServiceProvision}
    years = {FC.validFrom: date(2026, 1, 1), FC.validTo: date(2026, 12, 31)}
    quads += describe(facts, i("consent", key), {RDF.type: FC.DataConsent, **agreed, **years})
    quads += describe(asserted, osb, {RDF.type: FC.OpenSmartBox, SAREF.hasIdentifier: f"osb-{key}"})
    quads += describe(asserted, device, {RDF.type: FC.BatterySystem, FC.managedBy: iri(osb), FC.locatedAt: iri(site)})
    name = i("flexibility", f"{key}-battery", stamp(ISSUED))
    parts = {"baseline": (FCV.BaselinePower, 0.5), "reduction": (FCV.LoadReduction, 2.0), "increase": (FCV.LoadIncrease, 0.0)}
    quads += describe(
        plans,
        name,
        {
            RDF.type: FC.FlexibilityForecast,
            FC.forDER: iri(device),
            S4ENER.hasCreationTime: ISSUED,
            FC.start: START,
            S4ENER.hasTemporalResolution: SLOT,
            FC.hasSeries: [iri(f"{name}#{part}") for part in parts],
            FC.reductionEnergy: iri(f"{name}#energy"),
        },
    )
    for part, (role, kw) in parts.items():
        values = Json(orjson.dumps([kw] * 4).decode())
        series = {RDF.type: S4ENER.TimeSeries, FC.seriesRole: role, QUDT.hasUnit: UNIT.KiloW, FC["values"]: values}
        quads += describe(plans, f"{name}#{part}", series)
    return quads + describe(plans, f"{name}#energy", {SAREF.hasValue: 10.0, SAREF.isMeasuredIn: UNIT["KiloW-HR"]})


@pytest.fixture(scope="module")
def cooperative(tmp_path_factory):
    store = EmbeddedStore()
    registry = IRIS.graph("registry")
    store.apply(insert=describe(registry, IRIS.id("cooperative", "demo"), {RDF.type: FC.Cooperative}))
    store.apply(insert=describe(registry, IRIS.id("dso", "demo"), {RDF.type: FC.GridOperator}))
    buyer = IRIS.id("cooperative", "demo")
    for key in ("h01", "h02", "h03"):
        store.apply(insert=home(key))
        member = IRIS.id("member", key)
        draft = contracts.draft(
            IRIS,
            member,
            buyer=buyer,
            covers=[IRIS.id("device", f"{key}-battery")],
            valid_from=date(2026, 1, 1),
            valid_to=date(2026, 12, 31),
            baseline_method=str(FCV.TenOfTen),
            terms=TERMS,
        )
        store.apply(insert=draft)
        for party in (member, buyer):
            contracts.sign(store, IRIS, IRIS.id("contract", key, "r1"), party, ISSUED)
    file = tmp_path_factory.mktemp("paused") / "homes.nq"
    store.backup(file)
    store.close()
    return file


class World:
    """A campaign of 4 kW that two homes deliver; the third stands by."""

    def __init__(self, file, *, fresh=False):
        self.store, self.sent, self._fresh = EmbeddedStore(), [], fresh
        self.store.restore(file)
        self._made = None
        self.campaigns.request("c1", START, END, 4.0, Decimal("0.40"), AT)
        made = self.campaigns.schedule(C1, AT)
        self.a, self.b = (site[-3:] for site in made.primaries)
        (self.c,) = (site[-3:] for site in made.backups)
        self.mail()

    @property
    def campaigns(self):
        """The platform; with `fresh` it is killed after every step."""
        if self._made is None or self._fresh:
            self._made = Campaigns(self.store, IRIS, lambda box, payload: self.sent.append((box, payload)))
        return self._made

    def say(self, key, number, status, at):
        instruction = IRIS.id("instruction", f"c1-{key}-battery-{number}")
        self.campaigns.report(f"osb-{key}", {"instruction": instruction, "status": status, "at": at.isoformat()}, at)

    def begun(self):
        for key in (self.a, self.b):
            self.say(key, 1, "Accepted", AT)
        self.campaigns.advance(minutes(0))
        self.mail()

    def mail(self):
        sent, self.sent[:] = list(self.sent), []
        return sorted((box[4:], "revoke" if "revoke" in told else told["instruction"].rsplit("/", 1)[1]) for box, told in sent)

    def status(self):
        return short(records.one_campaign(self.store, C1).status)

    def events(self):
        return {one.site[-3:]: one for one in records.events(self.store, C1)}

    def told(self):
        return {one.iri.rsplit("/", 1)[1]: one for one in records.instructions(self.store, C1)}

    def graph(self):
        return sorted(f"{graph} {triple}" for graph in self.store.graphs() for triple in self.store.graph(graph))


def short(status):
    return status.rsplit("/", 1)[1].removeprefix("Campaign").removeprefix("Event")


def minutes(count):
    return START + timedelta(minutes=count)


@pytest.fixture
def world(cooperative):
    return World(cooperative)


def test_pausing_sends_every_home_back_to_normal_and_calls_nobody(world):
    world.begun()

    world.campaigns.pause(C1, minutes(20))

    assert world.status() == "Paused"
    assert world.mail() == sorted([(world.a, "revoke"), (world.b, "revoke")])
    assert {short(one.status) for one in world.told().values()} == {"Revoked"}
    assert {key: short(one.status) for key, one in world.events().items()} == {world.a: "Active", world.b: "Active", world.c: "Standby"}


def test_while_it_is_paused_the_end_of_each_instruction_is_told_again_and_nothing_else(world):
    world.begun()
    world.campaigns.pause(C1, minutes(20))
    world.mail()

    world.campaigns.advance(minutes(31))

    assert world.mail() == sorted([(world.a, "revoke"), (world.b, "revoke")])
    assert world.status() == "Paused"


def test_resuming_sends_what_is_left_from_the_next_slot_on_under_new_names(world):
    world.begun()
    world.campaigns.pause(C1, minutes(20))
    world.mail()

    world.campaigns.resume(C1, minutes(33))

    assert world.status() == "Ongoing"
    assert world.mail() == sorted([(world.a, f"c1-{world.a}-battery-2"), (world.b, f"c1-{world.b}-battery-2")])
    anew = world.told()[f"c1-{world.a}-battery-2"]
    assert (anew.start, anew.end) == (minutes(45), minutes(60))
    assert (anew.limit_kw.tolist(), anew.reduction_kw.tolist()) == ([-1.5], [2.0])


def test_pausing_and_resuming_twice_changes_nothing(world):
    world.begun()
    world.campaigns.pause(C1, minutes(20))
    once = world.graph()
    world.campaigns.pause(C1, minutes(25))
    assert world.graph() == once

    world.campaigns.resume(C1, minutes(33))
    once = world.graph()
    world.campaigns.resume(C1, minutes(40))
    assert world.graph() == once


def test_a_pause_before_the_start_leaves_nothing_out(world):
    world.campaigns.pause(C1, minutes(-60))
    assert (world.status(), world.mail()) == ("Paused", sorted([(world.a, "revoke"), (world.b, "revoke")]))

    world.campaigns.resume(C1, minutes(-30))

    assert world.status() == "Scheduled"
    assert {one.start for name, one in world.told().items() if name.endswith("-2")} == {START}
    assert settled.campaign(world.store, C1).paused == frozenset()


def test_the_window_begins_while_it_is_paused_and_homes_count_from_where_it_goes_on(world):
    world.campaigns.pause(C1, minutes(-10))
    world.campaigns.advance(minutes(5))
    assert {short(one.status) for key, one in world.events().items() if key != world.c} == {"Scheduled"}

    world.campaigns.resume(C1, minutes(5))

    assert {one.activated for key, one in world.events().items() if key != world.c} == {minutes(15)}
    assert settled.campaign(world.store, C1).paused == {START}


def test_slots_that_a_pause_touches_are_neither_asked_for_nor_promised_at_the_settlement(world):
    world.begun()
    world.campaigns.pause(C1, minutes(20))
    world.campaigns.resume(C1, minutes(33))

    found = settled.campaign(world.store, C1)

    assert found.paused == {minutes(15), minutes(30)}
    assert found.asked_kw.tolist() == [4.0, 0.0, 0.0, 4.0]
    assert found.promised_kw.tolist() == [4.0, 0.0, 0.0, 4.0]


def test_what_was_told_before_a_pause_does_not_count_for_what_nobody_accepted_after_it(world):
    world.begun()
    world.campaigns.pause(C1, minutes(20))
    world.campaigns.resume(C1, minutes(33))
    world.say(world.a, 2, "Accepted", minutes(34))

    given = settled.instructions(world.store, C1)
    slots = [START + n * SLOT for n in range(4)]
    told = {key: settled.instructed_kw(given[IRIS.id("event", f"c1-{key}")], slots, SLOT).tolist() for key in (world.a, world.b)}

    assert told == {world.a: [2.0, 2.0, 2.0, 2.0], world.b: [2.0, 2.0, 2.0, 0.0]}


def test_whoever_leaves_during_a_pause_is_replaced_when_it_goes_on_and_not_before(world):
    world.begun()
    world.campaigns.pause(C1, minutes(5))
    world.mail()

    world.campaigns.opt_out(IRIS.id("event", f"c1-{world.a}"), minutes(10))
    assert world.mail() == []
    assert short(world.events()[world.c].status) == "Standby"

    world.campaigns.resume(C1, minutes(20))

    assert world.mail() == sorted([(world.b, f"c1-{world.b}-battery-2"), (world.c, f"c1-{world.c}-battery-1")])
    assert short(world.events()[world.c].status) == "Active"
    assert world.events()[world.c].activated == minutes(30)
    assert world.events()[world.a].released == minutes(0)


def test_a_pause_to_the_end_finishes_the_campaign_with_what_was_delivered_before_it(world):
    world.begun()
    world.campaigns.pause(C1, minutes(35))

    world.campaigns.advance(minutes(60))

    assert world.status() == "Finished"
    assert {key: short(one.status) for key, one in world.events().items()} == {
        world.a: "Completed",
        world.b: "Completed",
        world.c: "Cancelled",
    }
    assert world.events()[world.a].released == minutes(30)


def test_a_campaign_that_never_left_its_pause_has_called_nobody(world):
    world.campaigns.pause(C1, minutes(-10))

    world.campaigns.advance(minutes(60))

    assert {short(one.status) for one in world.events().values()} == {"Cancelled"}


def test_a_paused_campaign_can_be_stopped(world):
    world.begun()
    world.campaigns.pause(C1, minutes(20))

    world.campaigns.abort(C1, minutes(25))

    assert world.status() == "Aborted"
    with pytest.raises(CampaignError, match="is aborted and ends at 2026-06-10T17:00:00Z, so it can't go on"):
        world.campaigns.resume(C1, minutes(30))


def test_a_home_that_answers_nothing_after_a_pause_is_replaced(world):
    world.begun()
    world.campaigns.pause(C1, minutes(5))
    world.campaigns.resume(C1, minutes(10))
    world.say(world.b, 2, "Accepted", minutes(11))
    world.mail()

    world.campaigns.advance(minutes(30))

    assert short(world.events()[world.a].status) == "OptedOut"
    assert short(world.events()[world.c].status) == "Active"


def test_what_is_over_cannot_be_paused(world):
    world.begun()
    world.campaigns.advance(minutes(60))

    with pytest.raises(CampaignError, match="is finished, so there is nothing to pause"):
        world.campaigns.pause(C1, minutes(61))


def test_a_second_pause_goes_on_from_the_instructions_of_the_first(world):
    world.begun()
    world.campaigns.pause(C1, minutes(5))
    world.campaigns.resume(C1, minutes(10))
    world.campaigns.pause(C1, minutes(20))
    world.campaigns.resume(C1, minutes(30))

    told = world.told()

    assert sorted(name for name in told if world.a in name) == [f"c1-{world.a}-battery-{n}" for n in (1, 2, 3)]
    assert told[f"c1-{world.a}-battery-3"].start == minutes(30)
    assert np.isclose(settled.campaign(world.store, C1).asked_kw, [0.0, 0.0, 4.0, 4.0]).all()


def test_everything_that_a_pause_writes_keeps_to_the_shapes(world):
    world.begun()
    world.campaigns.pause(C1, minutes(20))
    world.campaigns.resume(C1, minutes(33))

    graphs = [IRIS.graph("market"), *(IRIS.graph("member", key, "events") for key in ("h01", "h02", "h03"))]
    assert shapes.validate([triple for graph in graphs for triple in world.store.graph(graph)]).sentences == ()


def test_a_platform_killed_after_every_step_ends_in_the_same_state(cooperative):
    def play(world):
        world.begun()
        world.campaigns.pause(C1, minutes(5))
        world.campaigns.advance(minutes(6))
        world.campaigns.opt_out(IRIS.id("event", f"c1-{world.a}"), minutes(10))
        world.campaigns.resume(C1, minutes(20))
        world.campaigns.advance(minutes(21))
        world.campaigns.advance(minutes(60))
        return world.graph()

    assert play(World(cooperative)) == play(World(cooperative, fresh=True))
