"""Simulated devices obey physics first, comfort and departure next, dispatch last, and say when they didn't obey."""

from datetime import UTC, date, datetime, timedelta
from math import exp, sqrt

import pytest
from devices_fixtures import QUARTER
from hypothesis import given, settings
from hypothesis import strategies as st

from devices import config
from devices.simulators import Battery, ElectricVehicle, HeatPumpHouse, Weather

HOURS = 0.25
EXACT = 1e-9
limits = st.one_of(st.none(), st.floats(-10, 10))


# --- battery
def battery(soc: float = 50.0, **more: float) -> Battery:
    return Battery(config.Battery(6.4, 5.0, 0.9, initial_soc_percent=soc, **more))


def test_the_battery_charges_from_surplus() -> None:
    one = battery()

    step = one.step(HOURS, net_kw=-2.0)

    assert step.power_kw == 2.0
    assert one.stored_kwh == pytest.approx(3.2 + 2.0 * 0.25 * sqrt(0.9))


def test_the_battery_covers_load_but_never_exports() -> None:
    one = battery()

    assert one.step(HOURS, net_kw=3.0).power_kw == -3.0
    assert one.step(HOURS, net_kw=9.0).power_kw == -5.0
    assert one.stored_kwh == pytest.approx(3.2 - 8.0 * 0.25 / sqrt(0.9))


def test_a_negative_limit_makes_the_battery_export() -> None:
    assert battery().step(HOURS, net_kw=-2.0, limit_kw=-4.0).power_kw == -4.0


def test_a_battery_that_already_gives_more_is_left_alone() -> None:
    assert battery().step(HOURS, net_kw=4.5, limit_kw=-4.0).power_kw == -4.5


def test_an_empty_battery_says_that_it_can_not_obey() -> None:
    step = battery(soc=10.0, minimum_soc_percent=10.0).step(HOURS, net_kw=0.0, limit_kw=-4.0)

    assert step.power_kw == 0.0
    assert step.beyond_limit == "the battery had no more to give"


@settings(deadline=None)
@given(st.floats(0, 100), st.floats(0, 40), st.lists(st.tuples(st.floats(-12, 12), limits), max_size=20))
def test_battery_energy_balances_within_its_limits(soc: float, least: float, steps: list) -> None:
    one = battery(soc, minimum_soc_percent=least)
    before = one.stored_kwh

    for net, limit in steps:
        start = one.stored_kwh
        step = one.step(HOURS, net, limit)
        assert step.power_kw * HOURS - step.loss_kwh == pytest.approx(one.stored_kwh - start, abs=EXACT)
        assert step.loss_kwh == pytest.approx(_battery_loss(step.power_kw), abs=EXACT)
        assert abs(step.power_kw) <= 5.0
        assert least / 100 * 6.4 - EXACT <= one.stored_kwh <= 6.4
        assert (limit is not None and step.power_kw > limit + 1e-6) == (step.beyond_limit is not None)
        before += step.power_kw * HOURS - step.loss_kwh
    assert one.stored_kwh == pytest.approx(before, abs=1e-8)


def _battery_loss(power: float) -> float:
    energy = abs(power) * HOURS
    return energy * (1 - sqrt(0.9)) if power > 0 else energy * (1 / sqrt(0.9) - 1)


# --- car
ZONE = "America/Los_Angeles"
EVENING = datetime(2016, 8, 2, 3, tzinfo=UTC)  # 20:00 local on 1 August


def car(soc: float = 60.0, seed: int = 1) -> ElectricVehicle:
    return ElectricVehicle(config.ElectricVehicle(initial_soc_percent=soc, target_soc_percent=80.0), ZONE, seed)


def drive(one: ElectricVehicle, start: datetime, hours: float, limit: float | None = None) -> list:
    count = round(hours / HOURS)
    return [one.step(start + i * QUARTER, QUARTER, limit) for i in range(count)]


def test_the_car_leaves_in_the_morning_and_returns_in_the_evening_of_its_zone() -> None:
    trip = car().trip(date(2016, 8, 1))

    assert trip.departure == datetime(2016, 8, 1, 14, 30, tzinfo=UTC)
    assert datetime(2016, 8, 2, 0, tzinfo=UTC) <= trip.arrival <= datetime(2016, 8, 2, 2, tzinfo=UTC)
    assert 8 <= trip.drive_kwh <= 15


def test_the_same_seed_makes_the_same_trips() -> None:
    days = [date(2016, 8, day) for day in range(1, 29)]

    assert [car(seed=7).trip(day) for day in days] == [car(seed=7).trip(day) for day in days]
    assert [car(seed=7).trip(day) for day in days] != [car(seed=8).trip(day) for day in days]


def test_the_car_charges_at_once_and_stops_at_its_target() -> None:
    one = car(60.0)

    steps = drive(one, EVENING, 6)

    assert steps[0].power_kw == 7.4
    assert one.state_of_charge == pytest.approx(80.0)
    assert sum(step.power_kw for step in steps) * HOURS == pytest.approx(0.2 * 60 / 0.9)


def test_the_car_waits_when_told_and_is_still_full_at_departure() -> None:
    one = car(60.0)

    steps = drive(one, EVENING, 11.5, limit=0.0)  # until 7:30 local

    assert one.state_of_charge == pytest.approx(80.0)
    assert steps[0].power_kw == 0.0
    last_free = 11.5 - 0.2 * 60 / 0.9 / 7.4  # hours that it can wait
    must = [i * HOURS for i, step in enumerate(steps) if step.power_kw > 0]
    assert must[0] == pytest.approx(last_free, abs=HOURS)
    assert {step.beyond_limit for step in steps if step.power_kw > 0} == {"the car had to charge to leave in time"}


def test_a_limit_above_zero_is_obeyed_while_time_allows() -> None:
    assert {step.power_kw for step in drive(car(60.0), EVENING, 2, limit=1.5)} == {1.5}


def test_the_share_plugged_in_is_of_the_interval() -> None:
    leaving = datetime(2016, 8, 1, 14, 15, tzinfo=UTC)
    one = ElectricVehicle(config.ElectricVehicle(departure=config.time(7, 20)), ZONE, 1)

    assert one.plugged_share(leaving, QUARTER) == pytest.approx(1 / 3)
    assert one.plugged_share(leaving + QUARTER, QUARTER) == 0.0
    assert one.plugged_share(leaving - QUARTER, QUARTER) == 1.0


@settings(deadline=None)
@given(st.floats(0, 100), st.integers(0, 1000), st.integers(0, 95), st.lists(limits, min_size=1, max_size=200))
def test_car_energy_balances_within_its_limits(soc: float, seed: int, first: int, told: list) -> None:
    one = car(soc, seed)
    start = datetime(2016, 11, 5, tzinfo=UTC) + first * QUARTER  # over the end of daylight saving

    for i, limit in enumerate(told):
        at, before = start + i * QUARTER, one.stored_kwh
        step = one.step(at, QUARTER, limit)
        back = [t for t in (one.trip(at.date() - timedelta(days=1)), one.trip(at.date())) if at < t.arrival <= at + QUARTER]
        driven = min(before, back[0].drive_kwh) if back else 0.0
        assert one.stored_kwh - before == pytest.approx(step.power_kw * HOURS - step.loss_kwh - driven, abs=EXACT)
        assert step.loss_kwh == pytest.approx(step.power_kw * HOURS * 0.1, abs=EXACT)
        assert 0 <= step.power_kw <= 7.4 * one.plugged_share(at, QUARTER) + EXACT
        assert 0 <= one.stored_kwh <= 60
        assert (limit is not None and step.power_kw > max(limit, 0) + 1e-6) == (step.beyond_limit is not None)


@settings(deadline=None)
@given(st.floats(20, 80), st.integers(0, 1000), st.lists(st.floats(0, 7), min_size=56, max_size=56))
def test_no_dispatch_leaves_the_car_short_at_departure(soc: float, seed: int, told: list) -> None:
    free, bound = car(soc, seed), car(soc, seed)
    trip = free.trip(date(2016, 8, 1))
    back = trip.arrival - (trip.arrival - EVENING) % QUARTER
    departure = datetime(2016, 8, 2, 14, 30, tzinfo=UTC)

    for i in range((departure - back) // QUARTER):
        free.step(back + i * QUARTER, QUARTER)
        bound.step(back + i * QUARTER, QUARTER, told[i % 56])

    assert bound.state_of_charge == pytest.approx(free.state_of_charge, abs=1e-6)


# --- heat pump
def house(temperature: float = 23.5, **more: float) -> HeatPumpHouse:
    return HeatPumpHouse(config.HeatPump(2.5, initial_c=temperature, **more))


def test_the_house_cools_by_itself_as_its_time_constant_says() -> None:
    one = house(23.5, internal_gain_share=0.0)

    one.step(HOURS, Weather(0.0), 0.0, limit_kw=0.0)

    assert one.temperature_c == pytest.approx(23.5 * exp(-0.25 / 20))


def test_the_heat_pump_holds_the_set_point_in_winter() -> None:
    one = house()

    steps = [one.step(HOURS, Weather(3.5), 0.0) for _ in range(4)]

    assert one.temperature_c == pytest.approx(23.5)
    assert [step.power_kw for step in steps] == pytest.approx([20 / 4 / 3] * 4)  # 20 K over 4 K/kW, COP 3


def test_the_heat_pump_cools_in_summer() -> None:
    one = house()

    step = one.step(HOURS, Weather(35.5), 0.0)

    assert one.temperature_c == pytest.approx(23.5)
    assert step.power_kw == pytest.approx(12 / 4 / 3)


def test_a_house_warmed_by_the_sun_alone_floats_inside_its_band() -> None:
    one = house()

    step = one.step(HOURS, Weather(22.0, direct_w_m2=800), 0.5)

    assert step.power_kw == 0.0
    assert 23.5 < one.temperature_c < 26.0


def test_the_heat_pump_waits_when_told_until_the_edge_of_comfort() -> None:
    one = house()

    steps = [one.step(HOURS, Weather(38.0), 0.0, limit_kw=0.0) for _ in range(96)]

    assert steps[0].power_kw == 0.0
    assert one.temperature_c == pytest.approx(26.0)
    assert steps[-1].power_kw == pytest.approx(12 / 4 / 3)
    assert steps[-1].beyond_limit == "the room had reached the edge of its comfort band"


@settings(deadline=None)
@given(
    st.floats(21, 26),
    st.floats(-5, 40),
    st.lists(st.tuples(st.floats(-1, 1), st.floats(0, 800), st.floats(0, 2), limits), max_size=60),
)
def test_comfort_is_never_left_because_of_a_dispatch(start: float, outside: float, steps: list) -> None:
    one = house(start)

    for change, sun, load, limit in steps:
        outside += change
        unbound = house(one.temperature_c)
        unbound.step(HOURS, Weather(outside, sun), load)
        step = one.step(HOURS, Weather(outside, sun), load, limit)
        assert 0 <= step.power_kw <= 2.5 + EXACT
        inside = 21 - 1e-6 <= one.temperature_c <= 26 + 1e-6
        assert inside or one.temperature_c == pytest.approx(unbound.temperature_c)
        assert (limit is not None and step.power_kw > max(limit, 0) + 1e-6) == (step.beyond_limit is not None)


@settings(deadline=None)
@given(st.floats(15, 30), st.floats(-10, 40), st.floats(0, 1000), st.floats(0, 3), limits)
def test_the_heat_of_a_step_explains_the_temperature(start: float, outside: float, sun: float, load: float, limit) -> None:
    one = house(start)

    step = one.step(HOURS, Weather(outside, sun), load, limit)

    gains, decay = 2.0 * sun / 1000 + 0.5 * load, exp(-0.25 / 20)
    ends = [(outside + 4 * (gains + sign * 3 * step.power_kw)) * (1 - decay) + start * decay for sign in (1, -1)]  # heating or cooling
    assert min(abs(one.temperature_c - end) for end in ends) < 1e-9


@pytest.mark.parametrize("make", [battery, car, house])
def test_a_saved_device_goes_on_where_it_was(make) -> None:
    one, other = make(30.0) if make is not house else make(22.0), make()

    other.restore(one.save())

    assert other.save() == one.save()
