"""Models, windows and backtest over arrays."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forecasting.backtest import backtest, origins
from forecasting.models import MODELS, Data, RidgeRegression, SeasonalNaive, SevenDayMean
from forecasting.portfolio import QuantileRegression, trial, widened
from forecasting.window import Window, recent_days
from ontology.names import FCV

GATE = Window(known=28 * 24 + 12, first=29 * 24, steps=24, per_day=24)  # issued at noon for the day after
SHARED = Path(__file__).parents[2].parent / "shared" / "data" / "citylearn_2022"


def made_up(series: int = 3, days: int = 32, seed: int = 1) -> Data:
    """Days that repeat with noise, a temperature that drives the load, and weather that is foreseen exactly."""
    rng = np.random.default_rng(seed)
    steps = days * 24
    hour = np.arange(steps) % 24
    temperature = 20 + 5 * np.sin(hour / 24 * 2 * np.pi) + np.repeat(rng.normal(0, 4, days), 24)
    values = 1 + np.sin(hour / 24 * 2 * np.pi) + 0.1 * temperature + rng.normal(0, 0.1, (series, steps))
    calendar = np.array([hour + 0.5, (np.arange(steps) // 24 % 7 >= 5).astype(float)])
    weather = temperature[None]
    foreseen = {window: weather[:, window.targets] for window in [GATE, *origins(GATE)]}
    return Data(values[:, : GATE.known], calendar, weather[:, : GATE.known], foreseen)


def test_recent_days_stop_at_the_issue_time() -> None:
    history = np.arange(40 * 24, dtype=float)[None]

    taken = recent_days(history, GATE, 2)[0]

    # morning steps know today, afternoon steps only yesterday: index 28·24 + 11 is the last hour before noon
    assert taken[0, :12].tolist() == list(range(28 * 24, 28 * 24 + 12))
    assert taken[0, 12:].tolist() == list(range(27 * 24 + 12, 28 * 24))
    assert (taken[1] == taken[0] - 24).all()


def test_seven_day_mean_is_the_mean_of_the_seven_days_known() -> None:
    history = np.repeat(np.arange(30.0), 24)[None, : GATE.known]  # day number all day

    found = SevenDayMean().predict(Data(history, np.zeros((2, 720)), np.empty((0, 0)), {}), [GATE])[0, 0]

    assert found[:12].tolist() == [25.0] * 12  # days 22 … 28
    assert found[12:].tolist() == [24.0] * 12  # days 21 … 27


def test_seven_day_mean_leaves_gaps_out() -> None:
    history = np.ones((1, GATE.known))
    history[0, 27 * 24 : 28 * 24] = np.nan
    history[0, 26 * 24 : 27 * 24] = 8.0

    found = SevenDayMean().predict(Data(history, np.zeros((2, 720)), np.empty((0, 0)), {}), [GATE])[0, 0]

    assert found[0] == pytest.approx((5 + 8) / 6)


def test_seasonal_naive_repeats_the_latest_known_day() -> None:
    history = np.repeat(np.arange(30.0), 24)[None, : GATE.known]

    found = SeasonalNaive().predict(Data(history, np.zeros((2, 720)), np.empty((0, 0)), {}), [GATE])[0, 0]

    assert found.tolist() == [28.0] * 12 + [27.0] * 12


def test_nothing_after_the_issue_time_changes_a_forecast() -> None:
    data = made_up()
    later = 5 * 24
    longer = np.pad(data.values, ((0, 0), (0, later)), constant_values=1e6)
    weather = np.pad(data.weather, ((0, 0), (0, later)), constant_values=-1e6)
    leaking = Data(longer, data.calendar, weather, data.foreseen)

    for model in MODELS.values():
        assert np.array_equal(model.predict(leaking, [GATE]), model.predict(data, [GATE]))
    assert np.array_equal(QuantileRegression().quantiles(leaking, [GATE]), QuantileRegression().quantiles(data, [GATE]))


def test_past_origins_do_not_see_what_came_after_them() -> None:
    data = made_up()
    past = origins(GATE)[6]
    spoilt = data.values.copy()
    spoilt[:, past.known :] = 1e6
    weather = data.weather.copy()
    weather[:, past.known :] = 1e6

    for model in MODELS.values():
        found = model.predict(Data(spoilt, data.calendar, weather, data.foreseen), [past])
        assert np.array_equal(found, model.predict(data, [past]))


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 35), st.integers(0, 10_000))
def test_seven_day_mean_never_leaves_the_range_of_history(lead: int, seed: int) -> None:
    values = np.random.default_rng(seed).normal(size=(2, 500))
    window = Window(500, 500 + lead, 24, 24)

    found = SevenDayMean().predict(Data(values, np.zeros((2, 600)), np.empty((0, 0)), {}), [window])

    assert (found >= values.min()).all()
    assert (found <= values.max()).all()


def test_ridge_learns_the_weather_that_the_mean_can_not_know() -> None:
    data = made_up()

    result = backtest("load", data, GATE)

    naive, mean, ridge = result.scores
    assert result.chosen.iri == FCV.RidgeRegression
    assert ridge.rmse_kw < 0.2 < 2 * ridge.rmse_kw < mean.rmse_kw  # 0.1 kW is the noise, the rest the penalty
    assert ridge.steps == mean.steps == naive.steps
    assert naive.mase == 1.0
    assert ridge.mase < mean.mase < 1.0


def test_ridge_says_nothing_from_three_days() -> None:
    data = made_up()
    window = Window(3 * 24 + 12, 4 * 24, 24, 24)

    found = RidgeRegression().predict(Data(data.values, data.calendar, data.weather, {window: np.full((1, 24), 20.0)}), [window])

    assert np.isnan(found).all()


def test_the_series_of_a_batch_do_not_mix() -> None:
    data = made_up(series=3)

    together = RidgeRegression().predict(data, [GATE])
    alone = RidgeRegression().predict(data.only([1]), [GATE])

    assert np.allclose(together[1], alone[0], rtol=0, atol=1e-9)


def test_a_constant_load_is_forecast_exactly() -> None:
    data = made_up()
    flat = Data(np.full_like(data.values, 0.7), data.calendar, data.weather, data.foreseen)

    for model in MODELS.values():
        assert np.allclose(model.predict(flat, [GATE]), 0.7)
    assert np.allclose(QuantileRegression().quantiles(flat, [GATE]), 0.7, atol=1e-4)


def test_a_forecast_may_not_begin_before_it_is_made() -> None:
    with pytest.raises(ValueError, match="let it start at or after its issue time"):
        Window(known=100, first=99, steps=4, per_day=24)


def test_a_window_is_settled_when_all_its_steps_are_over() -> None:
    assert GATE.settled_after == 2  # noon to the midnight 36 h later
    assert Window(100, 100, 24, 24).settled_after == 1


def test_quantile_regression_orders_its_quantiles_and_covers() -> None:
    data = made_up(series=1, seed=4)

    low, middle, high = QuantileRegression().quantiles(data, [GATE])[:, 0]
    found = trial(data, GATE)

    assert (low <= middle).all()
    assert (middle <= high).all()
    assert 0.75 <= found.coverage <= 0.85
    assert found.steps > 24 * 12


def test_widening_never_passes_the_median() -> None:
    quantiles = np.array([[0.0, 0.0], [1.0, 1.0], [2.0, 2.0]])

    assert widened(quantiles, 0.5).tolist() == [[-0.5, -0.5], [1.0, 1.0], [2.5, 2.5]]
    assert widened(quantiles, -3.0).tolist() == [[1.0, 1.0]] * 3


@pytest.mark.skipif(not SHARED.is_dir(), reason="the measured homes are not in ../shared/data")
def test_on_measured_homes_the_chosen_model_beats_the_naive() -> None:
    loads = [np.loadtxt(SHARED / f"Building_{home}.csv.gz", delimiter=",", skiprows=1, usecols=7) for home in range(1, 18)]
    day = 200  # 17 February
    begin = day * 24 - GATE.known + 12
    values = np.array(loads)[:, begin : begin + GATE.known]
    hour = (np.arange(GATE.first + 24) + begin) % 24 + 0.5
    calendar = np.array([hour, ((np.arange(GATE.first + 24) + begin) // 24 % 7 >= 5).astype(float)])
    none = {window: np.empty((0, 24)) for window in [GATE, *origins(GATE)]}

    result = backtest("load", Data(values, calendar, np.empty((0, GATE.known)), none), GATE, floor=0.0)

    best = next(score for score in result.scores if score.model == result.chosen.iri)
    assert best.mase < 0.95
    assert 0.75 <= result.coverage <= 0.85
