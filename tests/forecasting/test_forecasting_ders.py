"""What devices offer, by hand and against the simulation."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forecasting.delivery import violations
from forecasting.ders import Battery, Device, HeatPump, Offer, Photovoltaic, Vehicle
from forecasting.window import Array

QUARTER = 0.25
NOTHING = np.zeros(8)


def battery(low: float = 0.6, least: float = 0.1) -> Battery:
    return Battery(rated_kw=5.0, capacity_kwh=10.0, efficiency=0.81, least=least, low=low, high=low)


def pump(cold: float = 23.5, warm: float = 23.5, outdoor: float = 33.0, capacitance: float = 5.0) -> HeatPump:
    return HeatPump(2.0, 3.0, 4.0, capacitance, 21.0, 26.0, cold, warm, np.full(8, outdoor))


def test_a_battery_offers_what_is_stored_above_its_minimum() -> None:
    offer = battery().offer(NOTHING, QUARTER)

    assert offer.reduction_energy_kwh == pytest.approx(0.5 * 10 * 0.9)  # half the round trip's loss on the way out
    assert offer.reduction_kw.tolist() == [5.0] * 8
    assert offer.increase_kw.sum() * QUARTER == pytest.approx(0.4 * 10 / 0.9)


def test_a_battery_does_not_offer_what_its_home_will_use() -> None:
    offer = battery().offer(np.full(8, -1.0), QUARTER)  # 2 kWh to its own home

    assert offer.reduction_energy_kwh == pytest.approx(4.5 - 2.0)
    assert offer.reduction_kw.tolist() == [4.0] * 8


def test_an_empty_battery_offers_to_charge_less() -> None:
    offer = battery(low=0.1).offer(np.full(8, 1.5), QUARTER)

    assert offer.reduction_kw.tolist() == [1.5] * 8
    assert offer.reduction_energy_kwh == pytest.approx(3.0)


def test_a_battery_below_its_minimum_offers_nothing() -> None:
    offer = battery(low=0.05).offer(NOTHING, QUARTER)

    assert offer.reduction_energy_kwh == 0.0


def test_a_car_puts_off_no_more_than_it_can_charge_later() -> None:
    car = Vehicle(7.4, 10.0, float("inf"), np.ones(8), later_kwh=3.0)

    offer = car.offer(np.full(8, 2.0), QUARTER)

    assert offer.reduction_kw.tolist() == [2.0] * 8
    assert offer.reduction_energy_kwh == 3.0  # of the 4 kWh expected
    assert offer.increase_kw.sum() * QUARTER == pytest.approx(6.0)  # 10 wanted, 4 of them expected


def test_a_car_that_leaves_in_the_window_puts_nothing_off() -> None:
    car = Vehicle(7.4, 10.0, 10.0, np.ones(8), later_kwh=0.0)

    offer = car.offer(np.full(8, 2.0), QUARTER)

    assert not offer.reduction_kw.any()
    assert offer.reduction_energy_kwh == 0.0


def test_a_car_that_wants_little_is_expected_to_stop() -> None:
    car = Vehicle(7.4, 1.0, 1.0, np.ones(8), later_kwh=9.0)

    assert car.offer(np.full(8, 2.0), QUARTER).baseline_kw.tolist() == [2.0, 2.0, 0, 0, 0, 0, 0, 0]


def test_a_heavy_house_lets_its_heat_pump_be_off_for_two_hours() -> None:
    offer = pump().offer(np.ones(8), QUARTER)

    # off, 3 kW of cooling are missing: 4 K/kW · 3 kW · (1 − e^(−2 h / 20 h)) = 1.14 K of 2.5 K
    assert pump().departure(np.ones(8), QUARTER)[-1] == pytest.approx(12 * (1 - np.exp(-0.1)))
    assert offer.reduction_energy_kwh == pytest.approx(2.0)


def test_a_light_house_gives_what_its_headroom_holds() -> None:
    offer = pump(capacitance=1.0, warm=25.0).offer(np.ones(8), QUARTER)

    assert offer.reduction_energy_kwh == pytest.approx(1.0 * 1.0 / 3)  # C · 1 K / COP


def test_a_house_at_its_edge_gives_nothing() -> None:
    offer = pump(capacitance=1.0, warm=26.0).offer(np.ones(8), QUARTER)

    assert offer.reduction_energy_kwh == 0.0
    assert not offer.reduction_kw.any()


def test_heating_uses_the_lower_edge() -> None:
    winter = pump(cold=22.0, outdoor=5.0, capacitance=1.0)

    assert winter.offer(np.ones(8), QUARTER).reduction_energy_kwh == pytest.approx(1.0 / 3)


def test_pv_can_only_be_curtailed() -> None:
    offer = Photovoltaic(np.array([0.5, 3.0])).offer(np.array([1.0, 2.0]), QUARTER)

    assert offer.increase_kw.tolist() == [0.5, 2.0]
    assert not offer.reduction_kw.any()


def plan_within(offer: Offer, shares: list[float]) -> Array:
    """A plan that spends as much of the offer's energy as its shares ask for, in their order."""
    wanted = offer.reduction_kw * np.array(shares)
    before = QUARTER * (np.cumsum(wanted) - wanted)
    return np.clip((offer.reduction_energy_kwh - before) / QUARTER, 0.0, wanted)


powers = st.lists(st.floats(0, 2), min_size=8, max_size=8)
shares = st.lists(st.floats(0, 1), min_size=8, max_size=8)


@settings(max_examples=150, deadline=None)
@given(st.lists(st.floats(-3, 3), min_size=8, max_size=8), shares, st.floats(0, 1), st.floats(0, 0.5))
def test_what_a_battery_promises_is_deliverable(baseline: list[float], plan: list[float], low: float, least: float) -> None:
    device = battery(low=low, least=least)
    offer = device.offer(np.array(baseline), QUARTER)
    chosen = plan_within(offer, plan)

    alone = set(violations(device, offer.baseline_kw, np.zeros(8), QUARTER))  # a forecast may itself ask too much of a battery
    assert alone or violations(device, offer.baseline_kw, chosen, QUARTER) == []


@settings(max_examples=150, deadline=None)
@given(powers, shares, st.floats(0, 20), st.floats(0, 20))
def test_what_a_car_promises_is_deliverable(baseline: list[float], plan: list[float], wanted: float, later: float) -> None:
    device = Vehicle(7.4, wanted, wanted, np.ones(8), later)
    offer = device.offer(np.array(baseline), QUARTER)

    assert violations(device, offer.baseline_kw, plan_within(offer, plan), QUARTER) == []


@settings(max_examples=60, deadline=None)
@given(powers, shares, st.floats(21, 26), st.lists(st.floats(0, 40), min_size=8, max_size=8), st.floats(0.5, 10))
def test_what_a_heat_pump_promises_keeps_comfort(
    baseline: list[float], plan: list[float], room: float, outdoor: list[float], capacitance: float
) -> None:
    device: Device = HeatPump(2.0, 3.0, 4.0, capacitance, 21.0, 26.0, room, room, np.array(outdoor))
    offer = device.offer(np.array(baseline), QUARTER)

    assert violations(device, offer.baseline_kw, plan_within(offer, plan), QUARTER) == []


def test_the_simulation_names_what_a_battery_can_not_do() -> None:
    found = violations(battery(low=0.2), NOTHING, np.full(8, 6.0), QUARTER)

    assert found[0] == "step 0: 6.000 kW of discharge is above the rated 5.0 kW; ask for less"
    assert found[1] == "step 0: 0.333 kWh stored is below the minimum of 10%; ask for less or earlier"


def test_the_simulation_names_the_room_that_gets_too_warm() -> None:
    device = pump(capacitance=1.0, warm=25.9)

    found = violations(device, np.ones(8), np.ones(8), QUARTER)

    assert found[-1].endswith("outside 21.0 to 26.0 °C; ask for less")


def test_the_simulation_refuses_to_discharge_a_car() -> None:
    device = Vehicle(7.4, 5.0, 5.0, np.ones(8), 5.0)

    found = violations(device, np.full(8, 1.0), np.full(8, 1.5), QUARTER)

    assert found == ["0.500 kW more than the car charges is asked for; a car at this charger can't discharge"]


def test_room_at_the_top_of_its_band_is_being_cooled_even_on_a_cool_evening() -> None:
    # as measured: 25.3 °C with a band that ends there, 19.6 °C outside, and the heat pump still at work against sun and people
    device = HeatPump(
        rated_kw=2.5,
        cop=3.0,
        resistance_k_per_kw=4.0,
        capacitance_kwh_per_k=5.0,
        lowest_c=21.3,
        highest_c=25.3,
        cold_c=25.3,
        warm_c=25.3,
        outdoor_c=np.full(8, 19.6),
    )

    offer = device.offer(np.full(8, 0.3), 0.25)

    assert offer.reduction_kw.tolist() == [0.0] * 8
    assert offer.reduction_energy_kwh == 0.0
