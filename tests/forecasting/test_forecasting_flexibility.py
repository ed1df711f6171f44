"""Flexibility from graph to graph."""

from datetime import timedelta

import numpy as np
import pytest
from forecasting_coop import ISSUED, START, Coop, foresee

from forecasting import flexibility, forecast, series
from kg.terms import describe
from ontology.names import FC
from shapes import validate

EVENING = START + timedelta(hours=18)  # 18:00 local
STEPS = 8


@pytest.fixture
def planned(coop: Coop) -> Coop:
    """With the day-ahead forecast in the graph."""
    forecast.run(coop.store, coop.iris, coop.channels, coop.readings, issued=ISSUED, start=START, steps=144)
    return coop


def run(coop: Coop, **given: object) -> dict[str, series.Flexibility]:
    asked = {"issued": ISSUED, "start": EVENING, "steps": STEPS, **given}
    found = flexibility.run(coop.store, coop.iris, coop.channels, coop.readings, **asked)
    return {coop.iris.key(each.der): each for each in found}


def test_each_device_offers_what_its_state_and_forecast_allow(planned: Coop) -> None:
    found = run(planned)

    assert set(found) == {f"{home}-{device}" for home in ("h01", "h02") for device in ("battery", "ev", "heatpump", "pv")}
    # battery: 80 % of 6.4 kWh, 10 % must stay, half the loss of the round trip, 0.5 kW for 2 h go to the home
    assert found["h01-battery"].reduction_energy_kwh == pytest.approx((0.8 - 0.1) * 6.4 * 0.9 - 1.0, abs=0.05)
    assert found["h01-battery"].reduction_kw == pytest.approx(4.5, abs=0.05)
    # car: 3.7 kW are expected and can be made good until 07:30; it can't discharge
    assert found["h01-ev"].reduction_kw == pytest.approx(3.7, abs=0.05)
    assert found["h01-ev"].reduction_energy_kwh == pytest.approx(7.4, abs=0.1)
    # heat pump: 1 kW off for 2 h moves the house by less than its 2.5 K
    assert found["h01-heatpump"].reduction_energy_kwh == pytest.approx(2.0, abs=0.05)
    # the sun is down
    assert not found["h01-pv"].reduction_kw.any()
    assert not found["h01-pv"].increase_kw.any()


def test_pv_at_noon_can_be_curtailed(planned: Coop) -> None:
    noon = run(planned, start=START + timedelta(hours=12))["h01-pv"]

    assert (noon.increase_kw > 2.5).all()
    assert (noon.increase_kw <= noon.baseline_kw).all()


def test_a_car_s_offer_shrinks_as_its_departure_comes_near(planned: Coop) -> None:
    morning = run(planned, start=START + timedelta(hours=30), steps=4)  # 06:00 local, leaves at 07:30, charges nothing then

    assert morning["h01-ev"].reduction_energy_kwh == 0.0


def test_it_is_read_back_as_it_was_known(planned: Coop) -> None:
    made = run(planned)

    again = {planned.iris.key(each.der): each for each in series.read_flexibility(planned.store, at=ISSUED, start=EVENING)}

    assert set(again) == set(made)
    for key, flex in made.items():
        assert np.allclose(again[key].reduction_kw, flex.reduction_kw, atol=1e-4)
        assert again[key].reduction_energy_kwh == pytest.approx(flex.reduction_energy_kwh, abs=1e-4)
        assert (again[key].site, again[key].member, again[key].kind) == (flex.site, flex.member, flex.kind)
    assert series.read_flexibility(planned.store, at=ISSUED - timedelta(seconds=1), start=EVENING) == []


def test_what_is_written_fits_its_shape_and_is_written_once(planned: Coop) -> None:
    run(planned)
    count = planned.store.count()
    run(planned)

    assert planned.store.count() == count
    known = [triple for graph in ("facts", "osb/h01") for triple in planned.store.graph(planned.iris.graph("member", "h01", graph))]
    assert validate(planned.store.graph(planned.iris.graph("member", "h01", "plans")), context=known).sentences == ()


def test_a_device_that_its_owner_keeps_out_is_not_asked(planned: Coop) -> None:
    facts = planned.iris.graph("member", "h01", "facts")
    battery = planned.iris.id("device", "h01-battery")
    yes, no = (describe(facts, battery, {FC.availableForDR: choice}) for choice in (True, False))
    planned.store.apply(delete=yes, insert=no)

    assert "h01-battery" not in run(planned)


def test_without_forecast_there_is_a_finding_and_no_promise(coop: Coop) -> None:
    found = run(coop)

    assert found == {}
    plans = "".join(map(str, coop.store.graph(coop.iris.graph("member", "h01", "plans"))))
    assert "has no forecast for 8 of 8 steps, so nothing is promised against it; run the forecast for that window first" in plans


def test_near_the_window_the_latest_state_counts(planned: Coop) -> None:
    issued = EVENING - timedelta(minutes=30)
    quarter_hours = int((issued - ISSUED) / timedelta(minutes=15))
    planned.measure(planned.channel("device/h01-battery", "stateOfCharge"), np.full(quarter_hours, 30.0), ISSUED)
    foresee(planned, issued)

    found = run(planned, issued=issued)

    assert found["h01-battery"].reduction_energy_kwh == pytest.approx((0.3 - 0.1) * 6.4 * 0.9 - 1.0, abs=0.05)


def test_readings_after_the_issue_time_change_nothing(planned: Coop) -> None:
    first = run(planned)
    planned.measure(planned.channel("device/h01-battery", "stateOfCharge"), np.full(96, 11.0), ISSUED)
    foresee(planned, ISSUED + timedelta(minutes=1), add_k=20)

    again = run(planned)

    for key, flex in first.items():
        assert again[key].reduction_energy_kwh == flex.reduction_energy_kwh
        assert np.array_equal(again[key].reduction_kw, flex.reduction_kw)
