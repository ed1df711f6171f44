"""Campaigns under a fake clock: a cooperative of five homes with a battery each, in memory."""

from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from itertools import pairwise

import orjson
import pytest

import shapes
from kg.embedded import EmbeddedStore
from kg.iris import Iris, stamp
from kg.terms import Json, describe, iri
from market import contracts
from market.contracts import Terms
from ontology.names import DPV, FC, FCV, ODRL, QUDT, RDF, RDFS, S4ENER, SAREF, UNIT
from optimiser import campaigns as machine
from optimiser import records
from optimiser.campaigns import Campaigns
from optimiser.errors import CampaignError, ReportError

IRIS = Iris("http://127.0.0.1:8080")
START = datetime(2026, 6, 10, 16, tzinfo=UTC)  # 18:00 in Madrid
END = START + timedelta(hours=1)
SLOT = timedelta(minutes=15)
AT = START - timedelta(hours=3)
ISSUED = AT - timedelta(hours=1)
HOMES = ("h01", "h02", "h03", "h04", "h05")
C1, E = IRIS.id("campaign", "c1"), {home: IRIS.id("event", f"c1-{home}") for home in HOMES}
TERMS = Terms(
    capacity_kw=2.0,
    min_duration=SLOT,
    max_duration=timedelta(hours=2),
    max_activations=1,
    per_period=timedelta(days=1),
    min_notice=timedelta(hours=1),
    window_start=time(16),
    window_end=time(22),
    price_eur_per_kwh=Decimal("0.25"),
)


def home(key, *, facts=True, available=True, control=FCV.FRBC):
    """What owner and box say of one home."""
    member, site, osb, device = (IRIS.id(*pair) for pair in (("member", key), ("site", key), ("osb", key), ("device", f"{key}-battery")))
    owned, asserted = IRIS.graph("member", key, "facts"), IRIS.graph("member", key, "osb", key)
    quads = describe(owned, member, {RDF.type: FC.Member})
    quads += describe(owned, site, {RDF.type: FC.Site, FC.ownedBy: iri(member), FC.timeZone: "Europe/Madrid"})
    quads += describe(owned, osb, {FC.claimedBy: iri(member), FC.locatedAt: iri(site)})
    quads += describe(owned, device, {FC.ownedBy: iri(member), FC.availableForDR: available})
    quads += describe(asserted, osb, {RDF.type: FC.OpenSmartBox, SAREF.hasIdentifier: f"osb-{key}"})
    quads += describe(
        asserted, device, {RDF.type: FC.BatterySystem, FC.managedBy: iri(osb), FC.locatedAt: iri(site), FC.controlType: control}
    )
    return quads if facts else quads[3:]


def withdrawn(key):
    return describe(IRIS.graph("member", key, "facts"), IRIS.id("consent", key), {FC.withdrawnAt: ISSUED})


def consent(key, until=date(2026, 12, 31)):
    return describe(
        IRIS.graph("member", key, "facts"),
        IRIS.id("consent", key),
        {
            RDF.type: FC.DataConsent,
            ODRL.assigner: iri(IRIS.id("member", key)),
            ODRL.assignee: iri(IRIS.id("cooperative", "demo")),
            FC.purpose: DPV.ServiceProvision,
            FC.validFrom: date(2026, 1, 1),
            FC.validTo: until,
        },
    )


def flexibility(key, *, kw=2.0, baseline=0.5, energy=10.0, issued=ISSUED, start=START - timedelta(hours=1), slots=24):
    graph, name = IRIS.graph("member", key, "plans"), IRIS.id("flexibility", f"{key}-battery", stamp(issued))
    quads = describe(
        graph,
        name,
        {
            RDF.type: FC.FlexibilityForecast,
            FC.forDER: iri(IRIS.id("device", f"{key}-battery")),
            S4ENER.hasCreationTime: issued,
            FC.start: start,
            S4ENER.hasTemporalResolution: SLOT,
            FC.hasSeries: [iri(f"{name}#{part}") for part in ("baseline", "reduction", "increase")],
            FC.reductionEnergy: iri(f"{name}#energy"),
        },
    )
    for part, role, value in (
        ("baseline", FCV.BaselinePower, baseline),
        ("reduction", FCV.LoadReduction, kw),
        ("increase", FCV.LoadIncrease, 0.0),
    ):
        values = Json(orjson.dumps([value] * slots).decode())
        quads += describe(
            graph, f"{name}#{part}", {RDF.type: S4ENER.TimeSeries, FC.seriesRole: role, QUDT.hasUnit: UNIT.KiloW, FC["values"]: values}
        )
    return quads + describe(graph, f"{name}#energy", {SAREF.hasValue: energy, SAREF.isMeasuredIn: UNIT["KiloW-HR"]})


def sign(store, key, terms=TERMS):
    member, buyer = IRIS.id("member", key), IRIS.id("cooperative", "demo")
    store.apply(
        insert=contracts.draft(
            IRIS,
            member,
            buyer=buyer,
            covers=[IRIS.id("device", f"{key}-battery")],
            valid_from=date(2026, 1, 1),
            valid_to=date(2026, 12, 31),
            baseline_method=str(FCV.TenOfTen),
            terms=terms,
        )
    )
    for party in (member, buyer):
        contracts.sign(store, IRIS, IRIS.id("contract", key, "r1"), party, ISSUED)


@pytest.fixture(scope="module")
def signed_homes(tmp_path_factory):
    """The cooperative on file, made once: pyshacl takes its time with contracts."""
    store = EmbeddedStore()
    registry = IRIS.graph("registry")
    store.apply(insert=describe(registry, IRIS.id("cooperative", "demo"), {RDF.type: FC.Cooperative}))
    store.apply(insert=describe(registry, IRIS.id("dso", "demo"), {RDF.type: FC.GridOperator}))
    for key in HOMES:
        store.apply(insert=home(key) + consent(key) + flexibility(key))
        sign(store, key)
    file = tmp_path_factory.mktemp("homes") / "homes.nq"
    store.backup(file)
    store.close()
    return file


class World:
    """A cooperative, its boxes' mailbox, and verbs that tell the platform something."""

    def __init__(self, file, *, fresh=False):
        self.store, self.sent, self.fresh = EmbeddedStore(), [], fresh
        self.store.restore(file)
        self._campaigns = None

    @property
    def campaigns(self):
        """The platform; a new one at each call if it is killed after every step."""
        if self._campaigns is None or self.fresh:
            self._campaigns = Campaigns(self.store, IRIS, lambda box, payload: self.sent.append((box, payload)))
        return self._campaigns

    def request(self, kw=4.0):
        return self.campaigns.request("c1", START, END, kw, Decimal("0.40"), AT)

    def scheduled(self, kw=4.0):
        self.request(kw)
        return self.campaigns.schedule(C1, AT)

    def accept(self, *keys, number=1, at=AT, status="Accepted"):
        for key in keys:
            instruction = IRIS.id("instruction", f"c1-{key}-battery-{number}")
            self.campaigns.report(f"osb-{key}", {"instruction": instruction, "status": status, "at": at.isoformat(), "message": "m"}, at)

    def status(self):
        return name(records.one_campaign(self.store, C1).status)

    def events(self):
        return {one.site[-3:]: one for one in records.events(self.store, C1)}

    def states(self):
        return {key: name(event.status) for key, event in self.events().items()}

    def instructions(self):
        return {one.iri.rsplit("/", 1)[1]: one for one in records.instructions(self.store, C1)}

    def graph(self):
        return sorted(f"{graph} {triple}" for graph in self.store.graphs() for triple in self.store.graph(graph))

    def mail(self):
        sent, self.sent[:] = list(self.sent), []
        return [(box, "revoke" if "revoke" in payload else payload["instruction"].rsplit("/", 1)[1]) for box, payload in sent]


def name(status):
    return status.rsplit("/", 1)[1].removeprefix("Campaign").removeprefix("Event")


@pytest.fixture
def world(signed_homes):
    return World(signed_homes)


def minutes(count):
    return START + timedelta(minutes=count)


# --- selection into the graph


def test_scheduling_notifies_primaries_and_backups_and_sends_the_instructions(world):
    made = world.scheduled()

    assert made.promised_kw == (4.0, 4.0, 4.0, 4.0)
    assert (len(made.primaries), len(made.backups)) == (2, 1)
    assert world.status() == "Scheduled"
    assert sorted(world.states().values()) == ["Scheduled", "Scheduled", "Standby"]
    assert {event.notified for event in world.events().values()} == {AT}
    assert sorted(box for box, _ in world.mail()) == sorted(f"osb-{site[-3:]}" for site in made.primaries)
    assert made.sentence == "4.0 kWh asked, 4.0 kWh promised by 2 of 5 sites, 1 stand by for 1.2 kWh"


def test_a_limit_is_the_forecast_less_the_promise(world):
    world.scheduled()

    box, payload = world.sent[0]
    key = box[-3:]

    assert payload == {
        "instruction": IRIS.id("instruction", f"c1-{key}-battery-1"),
        "event": E[key],
        "device": IRIS.id("device", f"{key}-battery"),
        "start": "2026-06-10T16:00:00Z",
        "end": "2026-06-10T17:00:00Z",
        "step": "PT15M",
        "notAfter": "2026-06-10T17:00:00Z",
        "limit": [-1.5, -1.5, -1.5, -1.5],
    }


def test_scheduling_twice_changes_nothing(world):
    first = world.scheduled()
    before = world.graph()

    second = world.campaigns.schedule(C1, AT + SLOT)

    assert second == first
    assert world.graph() == before


def test_a_target_beyond_all_homes_is_promised_in_part_and_says_why(world):
    made = world.scheduled(kw=50.0)

    assert made.promised_kw == (10.0, 10.0, 10.0, 10.0)
    assert (
        made.sentence
        == "50.0 kWh asked, 10.0 kWh promised by 5 of 5 sites, 0 stand by for 0.0 kWh; 40.0 kWh are missing because of flexibility"
    )


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda store: store.apply(delete=consent("h01"), insert=consent("h01", until=date(2026, 6, 9))), "consent"),
        (lambda store: store.apply(insert=withdrawn("h01")), "consent"),
        (lambda store: store.apply(delete=home("h01"), insert=home("h01", available=False)), "availability"),
        (lambda store: store.drop([IRIS.graph("member", "h01", "plans")]), "no flexibility"),
        (lambda store: store.apply(insert=flexibility("h01", kw=0.0, issued=ISSUED + SLOT)), "nothing to give by the latest forecast"),
        (lambda store: contracts.end(store, IRIS, IRIS.id("contract", "h01", "r1")), "contract ended"),
        (
            lambda store: store.apply(
                insert=describe(IRIS.graph("member", "h01", "contracts"), IRIS.id("contract", "h01", "r1"), {RDFS.label: "x"})
            ),
            "tampered",
        ),
    ],
)
def test_a_home_that_may_not_or_cannot_take_part_is_left_out(world, change, why):
    change(world.store)

    made = world.scheduled(kw=50.0)

    assert made.promised_kw == (8.0, 8.0, 8.0, 8.0), why
    assert IRIS.id("site", "h01") not in made.primaries


def test_a_forecast_that_was_not_known_yet_is_not_used(world):
    world.store.apply(insert=flexibility("h01", kw=0.0, issued=AT + SLOT))

    assert world.scheduled(kw=50.0).promised_kw == (10.0, 10.0, 10.0, 10.0)


def test_without_notice_nobody_is_asked_for_the_first_slots(world):
    world.request()

    made = world.campaigns.schedule(C1, START - timedelta(minutes=30))

    assert made.promised_kw == (0.0, 0.0, 4.0, 4.0)
    assert "missing because of window or notice" in made.sentence


def test_a_home_is_activated_as_often_as_its_contract_says(world):
    world.scheduled(kw=6.0)
    later = START + timedelta(hours=2)
    world.campaigns.request("c2", later, later + timedelta(hours=1), 50.0, Decimal("0.40"), AT)

    second = world.campaigns.schedule(IRIS.id("campaign", "c2"), AT)

    used = {event.site for event in world.events().values()}
    assert len(used) == 4  # three deliver, one stands by and may be activated
    assert set(second.primaries) == {IRIS.id("site", key) for key in HOMES} - used


def test_the_connection_keeps_its_export_limit(world):
    for key in HOMES:
        connection, facts = IRIS.id("connection", key), IRIS.graph("member", key, "facts")
        channel, plans = f"{connection}#activePower", IRIS.graph("member", key, "plans")
        quads = describe(
            facts,
            connection,
            {
                RDF.type: FC.GridConnectionPoint,
                FC.locatedAt: iri(IRIS.id("site", key)),
                SAREF.hasPropertyValue: iri(f"{connection}#exportLimit"),
            },
        )
        quads += describe(facts, f"{connection}#exportLimit", {SAREF.isValueOfProperty: FCV.ExportLimit, SAREF.hasValue: 1.0})
        quads += describe(
            IRIS.graph("member", key, "osb", key),
            channel,
            {RDF.type: FC.Channel, SAREF.isPropertyOfInterestOf: iri(connection), SAREF.hasPropertyKind: FCV.ActivePower},
        )
        forecast = {RDF.type: FC.ForecastSeries, FC.forProperty: iri(channel), S4ENER.hasCreationTime: ISSUED, FC.start: START}
        quads += describe(
            plans, IRIS.forecast(channel, ISSUED), {**forecast, S4ENER.hasTemporalResolution: SLOT, FC["values"]: Json("[0.2,0.2,0.2,0.2]")}
        )
        world.store.apply(insert=quads)

    made = world.scheduled(kw=50.0)

    assert made.promised_kw == (6.0, 6.0, 6.0, 6.0)  # five connections may fall from 0.2 kW import to 1.0 kW export
    assert "because of connection" in made.sentence


# --- the course of a campaign


def play(world):
    """A campaign with an opt-out: primaries a and b, backup c; returns their keys and what was seen after each step."""
    made = world.scheduled()
    a, b, c = (site[-3:] for site in (*made.primaries, *made.backups))
    seen = [(world.status(), world.states())]
    steps = [
        lambda: world.accept(a, b),
        lambda: world.campaigns.advance(minutes(-15)),
        lambda: world.campaigns.advance(minutes(0)),
        lambda: world.accept(a, b, at=minutes(1), status="Started"),
        lambda: world.campaigns.report(f"osb-{a}", {"optOut": E[a], "at": "2026-06-10T16:20:00Z", "reason": "MemberChoice"}, minutes(21)),
        lambda: world.accept(c, at=minutes(22)),
        lambda: world.campaigns.advance(minutes(30)),
        lambda: world.campaigns.advance(minutes(45)),
        lambda: world.campaigns.advance(minutes(60)),
        lambda: world.accept(b, c, at=minutes(61), status="Succeeded"),
    ]
    for step in steps:
        step()
        seen.append((world.status(), world.states()))
    return (a, b, c), seen


def test_the_states_of_a_campaign_step_by_step(world):
    (a, b, c), seen = play(world)

    before, during, repaired = (
        {a: x, b: y, c: z}
        for x, y, z in (("Scheduled", "Scheduled", "Standby"), ("Active", "Active", "Standby"), ("OptedOut", "Active", "Active"))
    )
    over = {a: "OptedOut", b: "Completed", c: "Completed"}
    assert seen == [
        ("Scheduled", before),
        ("Scheduled", before),
        ("Scheduled", before),
        ("Ongoing", during),
        ("Ongoing", during),
        ("Ongoing", repaired),
        ("Ongoing", repaired),
        ("Ongoing", repaired),
        ("Ongoing", repaired),
        ("Finished", over),
        ("Finished", over),
    ]


def test_the_slot_of_the_opt_out_does_not_count_and_the_backup_begins_with_the_next(world):
    (a, b, c), _ = play(world)

    events, told = world.events(), world.instructions()

    assert (events[a].activated, events[a].released) == (minutes(0), minutes(15))
    assert (events[b].activated, events[b].released) == (minutes(0), minutes(60))
    assert (events[c].activated, events[c].released) == (minutes(30), minutes(60))
    assert told[f"c1-{c}-battery-1"].reduction_kw.tolist() == [2.0, 2.0]
    assert {key: name(one.status) for key, one in told.items()} == {
        f"c1-{a}-battery-1": "Aborted",
        f"c1-{b}-battery-1": "Succeeded",
        f"c1-{c}-battery-1": "Succeeded",
    }


def test_the_promise_stays_as_it_was_agreed(world):
    play(world)

    assert records.one_campaign(world.store, C1).promised_kw.tolist() == [4.0, 4.0, 4.0, 4.0]


def test_everything_written_keeps_to_the_shapes(world):
    play(world)

    graphs = [IRIS.graph("market"), *(IRIS.graph("member", key, "events") for key in HOMES)]
    report = shapes.validate([triple for graph in graphs for triple in world.store.graph(graph)])

    assert report.sentences == ()


def test_a_platform_killed_after_every_step_ends_in_the_same_state(signed_homes):
    whole, broken = World(signed_homes), World(signed_homes, fresh=True)

    assert play(whole) == play(broken)
    assert whole.graph() == broken.graph()


def test_a_platform_killed_before_it_could_send_sends_after_its_restart(world):
    def killed(box, payload):
        raise ConnectionError("killed")

    world.request()
    with pytest.raises(ConnectionError):
        Campaigns(world.store, IRIS, killed).schedule(C1, AT)
    before = world.graph()

    world.campaigns.schedule(C1, AT)
    world.campaigns.advance(AT + SLOT)

    assert len(world.mail()) == 2
    assert world.graph() == before


def test_a_lost_revocation_is_sent_again(world):
    made = world.scheduled()
    a, b = (site[-3:] for site in made.primaries)
    world.accept(a, b)
    world.campaigns.opt_out(E[a], AT + SLOT)
    world.mail()

    world.campaigns.advance(AT + 2 * SLOT)

    assert (f"osb-{a}", "revoke") in world.mail()


@pytest.mark.parametrize("at", [-15, 0, 15, 30, 60, 90])
def test_advancing_twice_changes_nothing(world, at):
    world.scheduled()
    world.campaigns.advance(minutes(at))
    before = world.graph()

    world.campaigns.advance(minutes(at))

    assert world.graph() == before


def test_what_nobody_acknowledged_is_sent_again_until_it_is(world):
    made = world.scheduled()
    a, b = (site[-3:] for site in made.primaries)
    world.mail()

    world.accept(a)
    world.campaigns.advance(AT + SLOT)
    only_b = world.mail()
    world.accept(b)
    world.campaigns.advance(AT + 2 * SLOT)

    assert only_b == [(f"osb-{b}", f"c1-{b}-battery-1")]
    assert world.mail() == []


def test_a_box_that_acknowledges_nothing_is_replaced_after_one_slot(world):
    made = world.scheduled()
    a, b, c = (site[-3:] for site in (*made.primaries, *made.backups))
    world.accept(b)
    world.campaigns.advance(minutes(0))

    world.campaigns.advance(minutes(15))

    assert world.states() == {a: "OptedOut", b: "Active", c: "Active"}
    reasons = [
        triple.object.value for triple in world.store.graph(IRIS.graph("member", a, "events")) if triple.predicate.value == str(FC.reason)
    ]
    assert reasons == [str(FCV.DeviceOffline)]
    assert world.events()[c].activated == minutes(15)


@pytest.mark.parametrize(("status", "reason"), [("Rejected", FCV.DeviceOffline), ("Aborted", FCV.ManualOverride)])
def test_an_instruction_that_is_not_carried_out_is_replaced(world, status, reason):
    made = world.scheduled()
    a, b, c = (site[-3:] for site in (*made.primaries, *made.backups))

    world.accept(a, status=status)

    assert world.states() == {a: "OptedOut", b: "Scheduled", c: "Active"}
    assert world.events()[c].activated == START
    assert world.events()[a].released is None  # it never began
    assert any(triple.object.value == str(reason) for triple in world.store.graph(IRIS.graph("member", a, "events")))


def test_an_opt_out_before_the_start_leaves_time_to_ask_others_with_notice(world):
    made = world.scheduled(kw=6.0)  # three deliver, one stands by
    first, second, third = (site[-3:] for site in made.primaries)
    backup = made.backups[0][-3:]

    world.campaigns.opt_out(E[first], AT + SLOT)
    world.campaigns.opt_out(E[second], AT + SLOT)

    called = {key for key, event in world.events().items() if name(event.status) == "Active"}
    assert len(called) == 2
    assert backup in called  # who stands by comes first, then a home that wasn't asked before and still gets its notice
    assert {event.activated for key, event in world.events().items() if key in called} == {START}
    assert third not in called


def test_late_in_the_event_only_those_who_stand_by_are_called(world):
    made = world.scheduled(kw=6.0)
    world.accept(*(site[-3:] for site in made.primaries))
    world.campaigns.advance(minutes(0))

    for site in made.primaries[:2]:
        world.campaigns.opt_out(E[site[-3:]], minutes(5))

    assert sorted(world.states().values()) == ["Active", "Active", "OptedOut", "OptedOut"]  # the fifth home's notice is an hour


def test_an_opt_out_in_the_last_slot_calls_nobody(world):
    made = world.scheduled()
    world.accept(*(site[-3:] for site in made.primaries))
    world.campaigns.advance(minutes(0))

    world.campaigns.opt_out(E[made.primaries[0][-3:]], minutes(50))

    assert world.states()[made.backups[0][-3:]] == "Standby"


def test_who_stands_by_may_leave_too(world):
    made = world.scheduled()
    backup = made.backups[0][-3:]

    world.campaigns.opt_out(E[backup], AT + SLOT)

    assert world.states()[backup] == "OptedOut"
    assert len(world.instructions()) == 2


def test_opting_out_twice_changes_nothing(world):
    made = world.scheduled()
    event = E[made.primaries[0][-3:]]
    world.campaigns.opt_out(event, AT + SLOT)
    before = world.graph()

    world.campaigns.opt_out(event, AT + 2 * SLOT)

    assert world.graph() == before


def test_an_opt_out_that_arrives_late_counts_from_when_it_happened(world):
    made = world.scheduled()
    a, c = made.primaries[0][-3:], made.backups[0][-3:]
    world.accept(*(site[-3:] for site in made.primaries))
    world.campaigns.advance(minutes(0))

    world.campaigns.report(f"osb-{a}", {"optOut": E[a], "at": "2026-06-10T16:05:00Z", "reason": "ManualOverride"}, minutes(31))

    assert world.events()[a].released == minutes(0)
    assert world.events()[c].activated == minutes(45)


def test_stopping_revokes_all_and_releases_who_delivered(world):
    made = world.scheduled()
    a, b, c = (site[-3:] for site in (*made.primaries, *made.backups))
    world.accept(a, b)
    world.campaigns.advance(minutes(0))
    world.mail()

    world.campaigns.abort(C1, minutes(20))

    assert world.status() == "Aborted"
    assert set(world.states().values()) == {"Cancelled"}
    assert [world.events()[key].released for key in (a, b, c)] == [minutes(15), minutes(15), None]
    assert sorted(world.mail()) == sorted([(f"osb-{a}", "revoke"), (f"osb-{b}", "revoke")])
    assert {name(one.status) for one in world.instructions().values()} == {"Revoked"}


# --- reports


def test_a_report_of_a_foreign_box_is_refused(world):
    made = world.scheduled()
    a, b = (site[-3:] for site in made.primaries)
    before = world.graph()
    stolen = IRIS.id("instruction", f"c1-{a}-battery-1")

    for payload in (
        {"instruction": stolen, "status": "Accepted", "at": "2026-06-10T13:00:00Z"},
        {"optOut": E[a], "at": "2026-06-10T13:00:00Z"},
    ):
        with pytest.raises(ReportError, match="isn't one of its own"):
            world.campaigns.report(f"osb-{b}", payload, AT)

    assert world.graph() == before


@pytest.mark.parametrize(
    ("payload", "sentence"),
    [
        ({"at": "2026-06-10T13:00:00Z"}, "neither an instruction nor an optOut"),
        ({"instruction": "x", "status": "Accepted", "at": "2026-06-10T13:00:00"}, "has no offset"),
        ({"instruction": "x", "status": "Accepted"}, "without a readable time"),
        ({"instruction": "no iri", "status": "Accepted", "at": "2026-06-10T13:00:00Z"}, "is no IRI"),
        ({"instruction": "http://x/y", "status": "Accepted", "at": "2026-06-10T13:00:00Z"}, "isn't one of its own"),
        ({"instruction": "own", "status": "Bored", "at": "2026-06-10T13:00:00Z"}, "status 'Bored'"),
        ({"optOut": "own", "reason": "Bored", "at": "2026-06-10T13:00:00Z"}, "for 'Bored'"),
    ],
)
def test_a_report_in_no_known_form_is_refused_with_its_sentence(world, payload, sentence):
    key = world.scheduled().primaries[0][-3:]
    own = {"instruction": IRIS.id("instruction", f"c1-{key}-battery-1"), "optOut": E[key]}
    payload = {name: own.get(name, value) if value == "own" else value for name, value in payload.items()}

    with pytest.raises(ReportError, match=sentence):
        world.campaigns.report(f"osb-{key}", payload, AT)


def test_a_status_only_moves_forward(world):
    key = world.scheduled().primaries[0][-3:]
    order = ["Accepted", "Started", "Succeeded"]

    for earlier, later in pairwise(order):
        world.accept(key, status=later)
        before = world.graph()
        world.accept(key, status=earlier)
        world.accept(key, status=later)
        assert world.graph() == before
    world.accept(key, status="Rejected")
    assert world.graph() == before


# --- the matrix


def in_state(world, state):
    world.request()
    if state == "Requested":
        return
    if state == "Aborted":
        world.campaigns.abort(C1, AT)
        return
    made = world.campaigns.schedule(C1, AT)
    world.accept(*(site[-3:] for site in made.primaries))
    if state in ("Ongoing", "Finished", "Settled"):
        world.campaigns.advance(START)
    if state in ("Finished", "Settled"):
        world.campaigns.advance(END)
    if state == "Settled":
        market = IRIS.graph("market")
        world.store.apply(
            delete=describe(market, C1, {FC.status: FCV.CampaignFinished}), insert=describe(market, C1, {FC.status: FCV.CampaignSettled})
        )


@pytest.mark.parametrize(
    ("state", "schedule", "start", "finish", "abort"),
    [
        ("Requested", "Scheduled", "Requested", "Requested", "Aborted"),
        ("Scheduled", "Scheduled", "Ongoing", "Finished", "Aborted"),
        ("Ongoing", "Ongoing", "Ongoing", "Finished", "Aborted"),
        ("Finished", CampaignError, "Finished", "Finished", CampaignError),
        ("Settled", CampaignError, "Settled", "Settled", CampaignError),
        ("Aborted", CampaignError, "Aborted", "Aborted", "Aborted"),
    ],
)
@pytest.mark.parametrize("verb", ["schedule", "start", "finish", "abort"])
def test_the_full_matrix_of_states_and_verbs(world, state, verb, schedule, start, finish, abort):
    expected = {"schedule": schedule, "start": start, "finish": finish, "abort": abort}[verb]
    call = {
        "schedule": lambda: world.campaigns.schedule(C1, AT),
        "start": lambda: world.campaigns.advance(START),
        "finish": lambda: world.campaigns.advance(END),
        "abort": lambda: world.campaigns.abort(C1, AT),
    }[verb]
    in_state(world, state)
    assert world.status() == state

    if expected is CampaignError:
        before = world.graph()
        with pytest.raises(CampaignError, match="any more"):
            call()
        assert world.graph() == before
    else:
        call()
        assert world.status() == expected


def test_the_table_of_transitions_has_every_state():
    states = {machine.REQUESTED, machine.SCHEDULED, machine.ONGOING, machine.PAUSED, machine.FINISHED, machine.SETTLED, machine.ABORTED}

    assert set(machine.TRANSITIONS) == states
    assert set().union(*machine.TRANSITIONS.values()) == states - {machine.REQUESTED}


def test_what_does_not_exist_is_named(world):
    for call in (
        lambda: world.campaigns.schedule(C1, AT),
        lambda: world.campaigns.abort(C1, AT),
        lambda: world.campaigns.opt_out(E["h01"], AT),
    ):
        with pytest.raises(CampaignError, match="there is no"):
            call()


@pytest.mark.parametrize("state", ["Finished", "Aborted", "Settled"])
def test_nobody_opts_out_of_what_is_over(world, state):
    in_state(world, "Ongoing" if state == "Aborted" else state)
    if state == "Aborted":
        world.campaigns.abort(C1, minutes(5))
    event = next(iter(world.events().values())).iri

    with pytest.raises(CampaignError, match="any more"):
        world.campaigns.opt_out(event, minutes(5))
