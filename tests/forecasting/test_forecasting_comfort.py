"""What a heat pump is promised for follows the band in force at each step."""

from dataclasses import replace
from datetime import time, timedelta
from decimal import Decimal

import numpy as np
import pytest
from forecasting_coop import ISSUED, START, Coop
from hypothesis import given, settings
from hypothesis import strategies as st

from forecasting import flexibility, forecast
from forecasting.delivery import violations
from forecasting.ders import HeatPump, Offer
from forecasting.window import Array
from kg.iris import Iris
from registry import comfort
from registry.comfort import Band

QUARTER = 0.25
STEPS = 8
EVENING = START + timedelta(hours=18)  # 18:00 local


def pump(lowest: object, highest: object, room: float = 23.5, outdoor: float = 0.0, capacitance: float = 1.0) -> HeatPump:
    """A heat pump of 2 kW and COP 3 in a room of 1 kWh/K and so good an insulation that nothing is lost."""
    return HeatPump(2.0, 3.0, 1e6, capacitance, lowest, highest, room, room, np.full(STEPS, outdoor))  # type: ignore[arg-type]


def bands(*limits: tuple[float, float]) -> tuple[Array, Array]:
    """One band for each quarter of the window."""
    each = np.repeat(np.array(limits), STEPS // len(limits), axis=0)
    return each[:, 0], each[:, 1]


def plan_within(offer: Offer, shares: list[float]) -> Array:
    wanted = offer.reduction_kw * np.array(shares)
    before = QUARTER * (np.cumsum(wanted) - wanted)
    return np.clip((offer.reduction_energy_kwh - before) / QUARTER, 0.0, wanted)


def test_one_band_for_all_steps_is_the_same_as_one_for_the_window() -> None:
    lowest, highest = bands((21.0, 26.0))
    one, each = pump(21.0, 26.0).offer(np.ones(STEPS), QUARTER), pump(lowest, highest).offer(np.ones(STEPS), QUARTER)

    assert one.reduction_energy_kwh == each.reduction_energy_kwh == pytest.approx(2.5 / 3)  # 2.5 K down, 1 kWh/K, COP 3
    assert (one.reduction_kw == each.reduction_kw).all()
    assert (one.increase_kw == each.increase_kw).all()


def test_before_a_higher_band_only_its_headroom_may_be_taken() -> None:
    # 23.5 °C: 2.5 K above the band of the first hour, 0.5 K above that of the second; whatever is taken is still missing then
    offer = pump(*bands((21.0, 26.0), (23.0, 26.0))).offer(np.ones(STEPS), QUARTER)

    assert offer.reduction_energy_kwh == pytest.approx(0.5 / 3)
    assert offer.reduction_kw.tolist() == [1.0] * STEPS


def test_after_a_lower_band_has_begun_more_may_be_taken_and_nothing_is_taken_before() -> None:
    # 21.3 °C: 0.3 K above the band of the first hour, 5.3 K above that of the second: an hour of 1 kW takes 3 K
    offer = pump(*bands((21.0, 26.0), (16.0, 20.0)), room=21.3).offer(np.ones(STEPS), QUARTER)

    assert offer.reduction_kw.tolist() == [0.0] * 4 + [1.0] * 4
    assert offer.reduction_energy_kwh == pytest.approx(1.0)


def test_a_room_that_is_to_be_warm_soon_is_promised_to_nobody() -> None:
    offer = pump(*bands((16.0, 20.0), (20.0, 22.0)), room=18.0).offer(np.ones(STEPS), QUARTER)

    assert offer.reduction_energy_kwh == 0.0
    assert not offer.reduction_kw.any()


def test_a_room_that_a_lower_band_has_just_found_too_warm_is_heated_in_winter_and_cooled_in_summer() -> None:
    lowest, highest = bands((16.0, 20.0))

    winter, summer = (pump(lowest, highest, room=22.0, outdoor=outdoor).offer(np.ones(STEPS), QUARTER) for outdoor in (0.0, 30.0))

    assert winter.reduction_energy_kwh == pytest.approx(2.0)  # 2 kWh are 6 K, down to the edge
    assert summer.reduction_energy_kwh == 0.0
    assert not winter.increase_kw.any()  # it is too warm already


limits = st.sampled_from([(16.0, 20.0), (21.0, 26.0), (19.0, 22.0), (22.5, 23.5)])


@settings(max_examples=150, deadline=None)
@given(
    st.lists(st.floats(0, 2), min_size=STEPS, max_size=STEPS),
    st.lists(st.floats(0, 1), min_size=STEPS, max_size=STEPS),
    st.lists(limits, min_size=4, max_size=4),
    st.floats(16, 26),
    st.sampled_from([-5.0, 5.0, 15.9, 30.0, 40.0]),
    st.floats(0.5, 10),
)
def test_what_is_promised_keeps_the_band_of_every_step(
    baseline: list[float], plan: list[float], wanted: list[tuple[float, float]], room: float, outdoor: float, capacitance: float
) -> None:
    device = replace(pump(*bands(*wanted), room=room, outdoor=outdoor, capacitance=capacitance), resistance_k_per_kw=4.0)
    offer = device.offer(np.array(baseline), QUARTER)

    assert violations(device, offer.baseline_kw, plan_within(offer, plan), QUARTER) == []


# --- from the graph ---------------------------------------------------------------------------------------------------------------------


@pytest.fixture
def planned(coop: Coop) -> Coop:
    forecast.run(coop.store, coop.iris, coop.channels, coop.readings, issued=ISSUED, start=START, steps=144)
    return coop


def offered(coop: Coop) -> dict[str, float]:
    found = flexibility.run(coop.store, coop.iris, coop.channels, coop.readings, issued=ISSUED, start=EVENING, steps=STEPS)
    return {coop.iris.key(each.der): each.reduction_energy_kwh for each in found}


def want(coop: Coop, iris: Iris, *wanted: Band) -> None:
    room = iris.id("zone", "h01-living") + "#airTemperature"
    profile = replace(comfort.of_channels(coop.store, [room])[room], owner=iris.id("member", "h01"))
    delta = comfort.change(coop.store, profile, minimum=profile.minimum, maximum=profile.maximum, bands=wanted)
    coop.store.apply(delete=delta.delete, insert=delta.insert)


def test_flexibility_is_that_of_the_band_in_force_by_the_clock_of_the_site(planned: Coop, iris: Iris) -> None:
    before = offered(planned)
    want(planned, iris, Band(frozenset(range(7)), time(17), time(21), Decimal("23.4"), Decimal("26.0")))  # the room is held at 23.5 °C

    after = offered(planned)

    assert after["h01-heatpump"] < 0.5 < before["h01-heatpump"]
    assert {key: kwh for key, kwh in after.items() if key != "h01-heatpump"} == {
        key: kwh for key, kwh in before.items() if key != "h01-heatpump"
    }


def test_a_band_of_other_hours_changes_nothing(planned: Coop, iris: Iris) -> None:
    before = offered(planned)
    want(planned, iris, Band(frozenset(range(7)), time(1), time(5), Decimal("23.4"), Decimal("26.0")))

    assert offered(planned) == before
