"""What a campaign has delivered up to now: worked by hand half-way, and at its end what the settlement then writes."""

from datetime import timedelta
from decimal import Decimal

import numpy as np
import pytest
from settlement_world import END, FIRST, KILOWATT, QUARTER, START, Home, World

from kg.embedded import EmbeddedStore
from kg.iris import Iris
from kg.terms import describe, iri
from mappers.records import Series
from ontology.names import FC, FCV, RDF, S4ENER
from settlement.findings import NOT_ACCEPTED, SHORT_HISTORY
from settlement.so_far import Running
from settlement.statements import statement

D = Decimal
HALF = START + 2 * QUARTER
THREE = {
    "h01": Home(3.0, [-1.0] * 4, told=4.0),  # 4 kW less
    "h02": Home(2.0, [0.0] * 4, told=4.0),  # 2 kW less
    "h03": Home(1.0, [2.0] * 4, told=4.0),  # 1 kW more
}
MIXED = {  # one leaves half-way and another takes over, one is told less than it gives, one lacks a reading
    "h01": Home(3.0, [-1.0, -0.7, 3.1, 2.9], told=4.0, status=str(FCV.EventOptedOut), activated=START, released=HALF, noise=0.4),
    "h02": Home(2.5, [2.4, 2.6, 0.3, 0.1], told=2.0, role=str(FCV.Backup), activated=HALF, noise=0.7),
    "h03": Home(1.7, [0.2, 0.1, -0.3, 0.4], told=1.0, noise=0.3),
    "h04": Home(2.2, [0.9, None, 1.1, 1.3], told=1.5, method=str(FCV.HighFiveOfTen), noise=0.5),
}


def running(world: World) -> Running:
    return Running(world.store, world.iris, world.channels, world.readings, world.campaign)


def home(world: World, found, key: str):
    return found.homes[world.iris.id("event", f"c1-{key}")]


def test_half_way_it_is_as_worked_by_hand(store: EmbeddedStore, iris: Iris) -> None:
    world = World(store, iris, THREE)

    found = running(world).so_far(HALF + timedelta(minutes=14))  # the third quarter-hour is not over

    assert found.over == 2
    assert found.reduction_kw[:2] == pytest.approx([5, 5])  # 4 + 2 − 1
    assert np.isnan(found.reduction_kw[2:]).all()
    assert (found.due, found.come) == ((3, 3, 0, 0), (3, 3, 0, 0))
    assert found.delivered_kwh == D("2.5")
    assert [each.measured_kwh for each in found.homes.values()] == [2, 1, D("-0.5")]
    assert [each.share_kwh for each in found.homes.values()] == [D("1.6667"), D("0.8333"), 0]
    assert home(world, found, "h01").baseline_kw == pytest.approx([3, 3, 3, 3])
    assert home(world, found, "h01").metered_kw[:2] == pytest.approx([-1, -1])
    assert np.isnan(home(world, found, "h01").metered_kw[2:]).all()


def test_before_the_first_quarter_hour_is_over_nothing_is_said(store: EmbeddedStore, iris: Iris) -> None:
    found = running(World(store, iris, THREE)).so_far(START + timedelta(minutes=5))

    assert (found.over, found.delivered_kwh, found.bounds) == (0, 0, None)
    assert np.isnan(found.delivered_kw).all()
    assert found.silent == ()


@pytest.mark.parametrize("homes", [THREE, MIXED], ids=["alike", "mixed"])
def test_at_the_end_it_is_what_the_settlement_writes(store: EmbeddedStore, iris: Iris, homes: dict[str, Home]) -> None:
    world = World(store, iris, homes, asked=[2.5, 9.0, 3.0, 9.0])
    live = running(world)
    for number in range(5):  # watched from the beginning to the end
        found = live.so_far(START + number * QUARTER)

    settled = world.settle()

    assert found.delivered_kwh == settled.delivered_kwh
    assert [each.measured_kwh for each in found.homes.values()] == [member.measured_kwh for member in settled.members]
    assert [each.share_kwh for each in found.homes.values()] == [member.delivered_kwh for member in settled.members]
    assert found.bounds == (settled.lower, settled.upper)
    for key in homes:
        told, seen = statement(store, iris, world.campaign, world.member(key)), home(world, found, key)
        own = ~np.isnan(seen.baseline_kw)
        assert seen.baseline_kw[own] == pytest.approx([float(kw) for kw in told.baseline_kw], abs=1e-4)
        assert list(np.flatnonzero(own)) == {"h01": [0, 1], "h02": [2, 3]}.get(key, [0, 1, 2, 3]) if homes is MIXED else own.all()


def test_readings_that_have_not_come_are_counted_and_their_homes_named(store: EmbeddedStore, iris: Iris) -> None:
    homes = {
        "h01": THREE["h01"],
        "h02": Home(2.0, [None] * 4, told=4.0),
        "h03": Home(1.0, [0.0, None, 0.0, 0.0], told=4.0),
    }
    world = World(store, iris, homes)

    found = running(world).so_far(END)

    assert (found.due, found.come) == ((3, 3, 3, 3), (2, 1, 2, 2))
    assert found.reduction_kw == pytest.approx([5, 4, 5, 5])  # what is missing adds nothing, and is not taken for zero load
    assert [each.member for each in found.silent] == [world.member("h02")]
    assert [each.member for each in found.behind] == [world.member("h03")]
    assert found.newest == END
    assert home(world, found, "h02").newest == START


def test_a_quarter_hour_without_any_reading_has_no_value(store: EmbeddedStore, iris: Iris) -> None:
    found = running(World(store, iris, {"h01": Home(3.0, [-1.0, None, None, -1.0], told=4.0)})).so_far(END)

    assert [None if np.isnan(kw) else round(float(kw), 6) for kw in found.delivered_kw] == [4, None, None, 4]


def test_homes_that_can_not_be_measured_are_named_with_the_reason(store: EmbeddedStore, iris: Iris) -> None:
    homes = {
        "h01": THREE["h01"],
        "h02": Home(2.0, [0.0] * 4, told=4.0, days=5),
        "h03": Home(2.0, [0.0] * 4, told=4.0, instruction=str(S4ENER.New)),
    }
    world = World(store, iris, homes)

    found = running(world).so_far(END)

    assert {each.member: each.doubt for each in found.unmeasured} == {world.member("h02"): SHORT_HISTORY, world.member("h03"): NOT_ACCEPTED}
    assert (found.due, found.delivered_kwh) == ((1, 1, 1, 1), 4)


def test_a_history_that_comes_late_counts_from_the_next_quarter_hour(store: EmbeddedStore, iris: Iris) -> None:
    world = World(store, iris, {"h01": Home(3.0, [-1.0] * 4, told=4.0, days=5)})
    live = running(world)
    assert [each.doubt for each in live.so_far(START + QUARTER).unmeasured] == [SHORT_HISTORY]

    days = (START - timedelta(days=5) - FIRST).days
    texts = ("3.0000",) * (days * 96)
    world.writer.write([Series(world.channel("h01"), START - timedelta(days=5 + days), QUARTER, texts, KILOWATT)], received=HALF)

    assert live.so_far(HALF).unmeasured == ()
    assert live.so_far(HALF).delivered_kwh == 2


def test_in_a_pause_nothing_is_asked_or_delivered(store: EmbeddedStore, iris: Iris) -> None:
    world = World(store, iris, THREE)
    pause = f"{world.campaign}#pause-1"
    quads = describe(iris.graph("market"), world.campaign, {FC.hasPause: iri(pause)})
    store.apply(
        insert=quads + describe(iris.graph("market"), pause, {RDF.type: FC.Pause, FC.pausedAt: START + QUARTER, FC.resumedAt: HALF})
    )

    found = running(world).so_far(END)

    assert list(found.campaign.asked_kw) == [20, 0, 20, 20]
    assert (found.due, found.delivered_kwh) == ((3, 0, 3, 3), D("3.75"))


def test_what_is_called_has_homes_whose_turn_is_still_to_come_and_not_those_that_stand_by(store: EmbeddedStore, iris: Iris) -> None:
    homes = {
        "h01": Home(3.0, [-1.0] * 4, told=4.0, status=str(FCV.EventActive), activated=START),
        "h02": Home(2.0, [0.0] * 4, told=2.0, status=str(FCV.EventScheduled)),
        "h03": Home(2.0, [0.0] * 4, told=1.0, status=str(FCV.EventStandby), role=str(FCV.Backup)),
        "h04": Home(2.0, [0.0] * 4, told=1.5, status=str(FCV.EventOptedOut), activated=START, released=HALF),
    }

    found = running(World(store, iris, homes)).so_far(START)

    assert list(found.called_kw) == [7.5, 7.5, 6, 6]
