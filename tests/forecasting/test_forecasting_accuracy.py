"""Error measures of issued forecasts, by hand."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from forecasting.accuracy import accuracy, by_horizon
from forecasting.series import Forecast

AT = datetime(2016, 8, 30, tzinfo=UTC)
STEP = timedelta(minutes=15)
NAN = float("nan")


def test_measures_of_four_steps_are_those_worked_out_by_hand():
    measured = np.array([1.0, 2.0, 3.0, NAN])
    expected = np.array([2.0, 2.0, 1.0, 5.0])
    quantiles = np.array([[1.0, 1.0, 0.0, 4.0], [2.0, 2.0, 1.0, 5.0], [3.0, 3.0, 2.0, 6.0]])

    found = accuracy(measured, expected, quantiles)

    assert found.steps == 3
    assert found.mae_kw == pytest.approx((1 + 0 + 2) / 3)
    assert found.bias_kw == pytest.approx((-1 + 0 + 2) / 3)
    assert found.nrmse == pytest.approx((5 / 3) ** 0.5 / 2)  # the mean of what was measured is 2 kW
    assert found.coverage == pytest.approx(2 / 3)
    # losses at 10 %: 0, 0.1, 0.3; at 50 %: 0.5, 0, 1; at 90 %: 0.2, 0.1, 0.9
    assert found.pinball_kw == pytest.approx((0.4 + 1.5 + 1.2) / 9)


def test_nothing_that_was_both_forecast_and_measured_has_no_measures():
    found = accuracy(np.array([NAN]), np.array([1.0]), np.full((3, 1), NAN))

    assert found.steps == 0
    assert np.isnan([found.mae_kw, found.nrmse, found.pinball_kw, found.coverage]).all()


def test_a_channel_that_stands_still_at_zero_has_no_relative_error():
    assert np.isnan(accuracy(np.zeros(2), np.ones(2), np.ones((3, 2))).nrmse)


def forecast(issued, start, values):
    levels = {level: np.array(values, dtype=float) + offset for level, offset in ((0.1, -1), (0.5, 0), (0.9, 1))}
    return Forecast("f", "c", "g", issued, start, STEP, None, np.array(values, dtype=float), levels)


def test_a_step_counts_in_the_bin_of_its_distance_from_the_issue_time():
    near = forecast(AT, AT + timedelta(hours=1), [1.0, 1.0])
    far = forecast(AT - timedelta(hours=12), AT + timedelta(hours=1), [3.0, 3.0])
    measured = np.full(96, 2.0)

    found = by_horizon([far, near], measured, AT, STEP)

    assert [(low, high, one.steps, one.bias_kw) for low, high, one in found] == [(0, 6, 2, 1.0), (12, 24, 2, -1.0)]


def test_steps_outside_of_what_was_measured_do_not_count():
    found = by_horizon([forecast(AT, AT + timedelta(minutes=30), [1.0, 1.0, 1.0])], np.array([1.0, 1.0, 1.0, 1.0]), AT, STEP)

    assert [one.steps for _, _, one in found] == [2]


def test_a_forecast_on_another_grid_is_left_out():
    assert by_horizon([forecast(AT, AT + timedelta(minutes=7), [1.0])], np.ones(4), AT, STEP) == []
