"""Campaigns settled in a graph: worked by hand to the cent, and everything that may be doubtful."""

from datetime import timedelta
from decimal import Decimal

import pytest
import servers
from pyoxigraph import NamedNode, Quad
from settlement_world import END, KILOWATT, QUARTER, SETTLED_AT, START, Home, World

import shapes
from kg import queries
from kg.embedded import EmbeddedStore
from kg.iris import Iris
from kg.remote import RemoteStore
from kg.terms import describe, iri
from mappers.records import Series
from ontology.names import FC, FCV, RDF, S4ENER, SAREF
from settlement import NotYetError, SettlementError
from settlement.findings import (
    CONTRACT_BREACH,
    FEW_PLACEBO_DAYS,
    FLAGGED_READINGS,
    MISSING_READINGS,
    NEGATIVE_SHARE,
    NOT_ACCEPTED,
    SHORT_HISTORY,
    SIGNATURE_MISMATCH,
    Finding,
)
from settlement.statements import recompute, statement
from settlement.summary import SettlementSummary
from telemetry import Readings

D = Decimal
THREE = {
    "h01": Home(3.0, [-1.0] * 4, told=4.0, price="0.25"),  # 4 kWh less
    "h02": Home(2.0, [0.0] * 4, told=4.0, price="0.20"),  # 2 kWh less
    "h03": Home(1.0, [2.0] * 4, told=4.0, price="0.25"),  # 1 kWh more
}


@pytest.fixture
def world(store: EmbeddedStore, iris: Iris) -> World:
    return World(store, iris, THREE)


def codes(settled: SettlementSummary) -> set[str]:
    return {finding.code for finding in settled.findings}


def amounts(settled: SettlementSummary) -> list[Decimal]:
    return [member.amount_eur for member in settled.members]


def test_three_homes_are_settled_as_worked_by_hand(world: World) -> None:
    settled = world.settle()

    assert (settled.asked_kwh, settled.promised_kwh, settled.delivered_kwh) == (20, 12, 5)  # 4 + 2 − 1
    assert [member.measured_kwh for member in settled.members] == [4, 2, -1]
    assert [member.delivered_kwh for member in settled.members] == [D("3.3333"), D("1.6667"), 0]
    assert amounts(settled) == [D("0.83"), D("0.33"), 0]
    assert (settled.income_eur, settled.paid_eur, settled.cooperative_eur) == (2, D("1.16"), D("0.84"))
    assert settled.findings == ()


def test_what_was_not_asked_is_not_delivered(store: EmbeddedStore, iris: Iris) -> None:
    # 6 kW less in four slots, but 5, 6, 1 and 0 kW asked: 5 + 6 + 1 + 0 = 12 kW quarter-hours
    settled = World(store, iris, {"h01": Home(5.0, [-1.0] * 4, told=6.0)}, asked=[5.0, 6.0, 1.0, 0.0]).settle()

    assert settled.delivered_kwh == 3
    assert settled.upper == 3


def test_settling_twice_writes_nothing_and_says_the_same(world: World) -> None:
    first = world.settle()
    triples = world.store.count()

    again = world.settle(SETTLED_AT + timedelta(days=9))

    assert again == first
    assert world.store.count() == triples


def test_all_that_is_written_obeys_the_shapes(world: World) -> None:
    world.settle()

    written = [graph for graph in world.store.graphs() if "/statements" in graph or "/settlement/" in graph]
    assert len(written) == 4
    for graph in written:
        assert shapes.validate(world.store.graph(graph)).sentences == ()


def test_the_books_close_by_query(world: World) -> None:
    world.settle()

    (row,) = queries.rows(world.store, queries.load("settlement", "money_identity"), campaign=world.campaign)

    assert row["holds"] is True
    assert (row["payments"], row["paid"], row["income"]) == (3, D("1.16"), 2)


def test_a_payment_leads_back_to_its_readings(world: World) -> None:
    world.settle()

    rows = queries.rows(
        world.store, queries.load("settlement", "readings_behind_payment"), remuneration=world.iris.id("remuneration", "c1", "h01")
    )

    assert {row["amount"] for row in rows} == {D("0.83")}
    assert {row["contract"] for row in rows} == {world.iris.id("contract", "h01", "r1")}
    delivery = [row["day"] for row in rows if row["role"] == "delivery"]
    assert delivery == [world.iris.day(world.channel("h01"), START.date())]
    # the working days from 16 to 29 August: 17:00 to 18:00 local lies in the next UTC day, 13:00 to 16:00 in the same
    assert [row["day"][-2:] for row in rows if row["role"] == "baseline"] == [
        "16",
        "17",
        "18",
        "19",
        "20",
        "22",
        "23",
        "24",
        "25",
        "26",
        "27",
        "29",
        "30",
    ]
    assert {row["readings_graph"] for row in rows} == {world.iris.graph("member", "h01", "telemetry", "2016-08")}


def test_fuseki_and_pyoxigraph_tell_the_same_of_a_payment(world: World) -> None:
    world.settle()
    server = servers.fuseki()
    remote = RemoteStore(server.query_url, server.update_url, server.gsp_url, union_query_url=server.union_query_url)
    remote.update("DROP ALL")
    remote.apply(insert=[quad for graph in world.store.graphs() for quad in _quads(world.store, graph)])

    for name, parameters in _published(world).items():
        query = queries.load("settlement", name)
        here, there = queries.rows(world.store, query, **parameters), queries.rows(remote, query, **parameters)
        assert here, name
        assert here == there, name
    remote.close()


def _quads(store: EmbeddedStore, graph: str) -> list[Quad]:
    return [Quad(each.subject, each.predicate, each.object, NamedNode(graph)) for each in store.graph(graph)]


def _published(world: World) -> dict[str, dict[str, str]]:
    campaign = {"campaign": world.campaign}
    every = ("campaign", "campaign_events", "campaign_instructions", "portfolio_result", "member_results", "money_identity")
    return {
        **dict.fromkeys(every, campaign),
        "site_events": {"site": world.iris.id("site", "h02")},
        "statement": {**campaign, "member": world.member("h01")},
        "readings_behind_payment": {"remuneration": world.iris.id("remuneration", "c1", "h02")},
    }


def test_an_unfinished_campaign_waits(world: World) -> None:
    with pytest.raises(NotYetError, match=r"is CampaignFinished and ends at 2016-08-31T01:00:00Z, but it is 2016-08-31T00:45:00Z"):
        world.settle(END - QUARTER)
    graph = world.iris.graph("market")
    world.store.apply(
        delete=describe(graph, world.campaign, {FC.status: FCV.CampaignFinished}),
        insert=describe(graph, world.campaign, {FC.status: FCV.CampaignOngoing}),
    )

    with pytest.raises(NotYetError, match="is CampaignOngoing"):
        world.settle()


def test_an_unknown_campaign_is_refused(world: World) -> None:
    world.campaign = world.iris.id("campaign", "c9")

    with pytest.raises(SettlementError, match="campaign/c9 has 0 requests"):
        world.settle()


def test_missing_readings_are_waited_for_and_then_count_as_not_delivered(store: EmbeddedStore, iris: Iris) -> None:
    world = World(store, iris, {"h01": Home(3.0, [-1.0, None, None, -1.0], told=4.0)})

    with pytest.raises(NotYetError, match="lacks 2 readings of its event"):
        world.settle(END + timedelta(hours=1))
    settled = world.settle(END + timedelta(hours=25))

    assert settled.delivered_kwh == 2  # two of four quarters of 4 kW
    assert Finding(MISSING_READINGS, "2 slots of the event have no reading; they count as not delivered") in settled.findings
    assert recompute(statement(store, iris, world.campaign, world.member("h01"))) == settled.members[0].amount_eur == D("0.50")


def test_only_slots_between_activation_and_release_count(store: EmbeddedStore, iris: Iris) -> None:
    half = START + 2 * QUARTER
    world = World(
        store,
        iris,
        {
            "h01": Home(3.0, [-1.0, -1.0, 3.0, 3.0], told=4.0, status=str(FCV.EventOptedOut), activated=START, released=half),
            "h02": Home(2.0, [2.0, 2.0, 0.0, 0.0], told=2.0, role=str(FCV.Backup), activated=half),
        },
    )

    settled = world.settle()

    assert [member.delivered_kwh for member in settled.members] == [2, 1]
    assert [member.promised_kwh for member in settled.members] == [2, 1]


@pytest.mark.parametrize("status", ["EventStandby", "EventCancelled", "EventOptedOut"])
def test_who_was_never_called_has_no_result(store: EmbeddedStore, iris: Iris, status: str) -> None:
    world = World(store, iris, {**THREE, "h04": Home(2.0, [0.0] * 4, told=2.0, role=str(FCV.Backup), status=str(FCV[status]))})

    assert [iris.key(member.member) for member in world.settle().members] == ["h01", "h02", "h03"]


def test_an_instruction_that_was_not_accepted_earns_nothing(store: EmbeddedStore, iris: Iris) -> None:
    offline = Home(2.0, [0.0] * 4, told=2.0, instruction=str(S4ENER.New))

    settled = World(store, iris, {"h01": THREE["h01"], "h02": offline}).settle()

    assert settled.delivered_kwh == 4
    assert codes(settled) == {NOT_ACCEPTED}


def test_short_history_disqualifies_one_home_and_no_other(store: EmbeddedStore, iris: Iris) -> None:
    settled = World(store, iris, {"h01": THREE["h01"], "h02": Home(2.0, [0.0] * 4, told=4.0, days=5)}).settle()

    assert [iris.key(member.member) for member in settled.members] == ["h01"]
    (finding,) = settled.findings
    assert finding.code == SHORT_HISTORY
    assert "event/c1-h02: only 3 similar days" in finding.sentence


def test_few_days_without_an_event_are_said(store: EmbeddedStore, iris: Iris) -> None:
    settled = World(store, iris, {"h01": Home(3.0, [-1.0] * 4, told=4.0, days=11)}).settle()  # 7 working days, 2 of them placebos

    assert codes(settled) == {FEW_PLACEBO_DAYS}


def test_a_tampered_contract_is_not_paid(world: World) -> None:
    graph, price = world.iris.graph("member", "h01", "contracts"), world.iris.id("contract", "h01", "r1") + "#price"
    world.store.apply(
        delete=describe(graph, price, {SAREF.hasValue: D("0.25")}), insert=describe(graph, price, {SAREF.hasValue: D("9.99")})
    )

    settled = world.settle()

    assert amounts(settled) == [0, D("0.33"), 0]
    assert settled.cooperative_eur == D("1.67")
    assert codes(settled) == {SIGNATURE_MISMATCH}
    assert recompute(statement(world.store, world.iris, world.campaign, world.member("h01"))) == 0


def test_what_went_beyond_the_contract_is_not_counted(store: EmbeddedStore, iris: Iris) -> None:
    # told 8 kW under a contract for 6, at 1 h of notice given 30 minutes before: 6 kWh at most, and the short notice is said
    world = World(store, iris, {"h01": Home(7.0, [-1.0] * 4, told=8.0)}, notified=START - timedelta(minutes=30))

    settled = world.settle()

    assert (settled.members[0].measured_kwh, settled.members[0].promised_kwh, settled.delivered_kwh) == (8, 6, 6)
    assert codes(settled) == {CONTRACT_BREACH}
    assert len(settled.findings) == 2
    assert recompute(statement(store, iris, world.campaign, world.member("h01"))) == D("1.50")


def test_slots_past_the_longest_duration_are_not_counted(store: EmbeddedStore, iris: Iris) -> None:
    settled = World(store, iris, {"h01": Home(3.0, [-1.0] * 12, told=4.0)}, hours=3).settle()

    assert settled.delivered_kwh == 8  # two hours of 4 kW, the contract's longest
    assert "no activation longer than PT2H" in settled.findings[0].sentence


def test_a_cooperative_that_pays_more_than_it_gets_is_told(store: EmbeddedStore, iris: Iris) -> None:
    settled = World(store, iris, {"h01": THREE["h01"]}, price="0.10").settle()

    assert (settled.income_eur, settled.cooperative_eur) == (D("0.40"), D("-0.60"))
    assert codes(settled) == {NEGATIVE_SHARE}


def test_flagged_readings_count_as_they_stand_and_are_said(store: EmbeddedStore, iris: Iris) -> None:
    settled = World(store, iris, {"h01": Home(3.0, [-30.0, -1.0, -1.0, -1.0], told=4.0)}).settle()

    assert FLAGGED_READINGS in codes(settled)


def test_other_events_of_a_site_are_no_days_of_its_history(world: World) -> None:
    graph, event = world.iris.graph("member", "h01", "events"), world.iris.id("event", "c0-h01")
    earlier = START - timedelta(days=5)
    world.store.apply(
        insert=describe(
            graph,
            event,
            {
                RDF.type: FC.DREvent,
                FC.forSite: iri(world.iris.id("site", "h01")),
                FC.underContract: iri(world.iris.id("contract", "h01", "r1")),
                FC.start: earlier,
                FC.end: earlier + timedelta(hours=1),
                FC.status: FCV.EventCompleted,
            },
        )
    )
    world.settle()

    told = statement(world.store, world.iris, world.campaign, world.member("h01"))

    # without Thursday 25 August, Monday 15 August is the tenth day
    assert [day[-2:] for day in told.baseline_days] == ["15", "16", "17", "18", "19", "20", "22", "23", "24", "25", "26", "27", "29", "30"]


def test_a_statement_tells_every_step_and_gives_the_same_cent(world: World) -> None:
    settled = world.settle()

    for member in settled.members:
        told = statement(world.store, world.iris, world.campaign, member.member)
        assert recompute(told) == told.amount_eur == member.amount_eur

    told = statement(world.store, world.iris, world.campaign, world.member("h01"))
    assert told.baseline_kw == (3, 3, 3, 3)
    assert told.metered_kw == (-1, -1, -1, -1)
    assert "measured reduction: 3 − -1 = 4 kWh" in told.lines
    assert "3.3333 kWh × 0.25 EUR/kWh = 0.83 EUR, rounded once, half to even" in told.lines
    assert told.digest.startswith("sha256:")


def test_a_statement_notices_readings_that_changed_after_settling(world: World) -> None:
    world.settle()
    world.writer.write([Series(world.channel("h01"), START, QUARTER, ("2.0",), KILOWATT)], received=SETTLED_AT)

    with pytest.raises(SettlementError, match=r"metered energy comes to -0.2500 kWh, but the graph holds -1 kWh"):
        recompute(statement(world.store, world.iris, world.campaign, world.member("h01")))


def test_without_a_result_there_is_no_statement(world: World) -> None:
    with pytest.raises(SettlementError, match="h01 has 0 results"):
        statement(world.store, world.iris, world.campaign, world.member("h01"))


def test_when_nobody_reduces_the_interval_holds_zero(store: EmbeddedStore, iris: Iris) -> None:
    homes = {f"h{n:02}": Home(2.0, [2.0] * 4, told=1.0, noise=0.5) for n in range(1, 9)}
    world = World(store, iris, homes)

    settled = world.settle()

    assert settled.lower <= 0 <= settled.upper
    assert abs(settled.bias_kwh) < D("0.5")
    assert Readings(store, iris, world.channels).energy(world.channel("h01"), START, END).complete
