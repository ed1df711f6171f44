"""Delivered energy and its interval: by hand, and on the measured homes where the truth is known to be zero."""

import numpy as np
import pytest
import servers
from hypothesis import given
from hypothesis import strategies as st

from bench import baseline as bench
from ontology.names import FCV
from settlement.baselines import METHODS, Baseline
from settlement.baselines.method import Array
from settlement.verification import Measure, delivered, interval, portfolio_interval, portfolio_reduction, site_interval

NAN = np.nan


def measured(key: str, first: int, reduction: list[float], placebo: dict[int, list[float]]) -> Measure:
    kw = np.array(reduction)
    errors = {day: np.array(error) for day, error in placebo.items()}
    return Measure(key, first, Baseline(np.zeros(len(kw)), (1,), 0.0, ()), -kw, kw, errors)


def test_reductions_add_up_slot_by_slot_and_missing_adds_nothing() -> None:
    sites = [measured("a", 0, [1.0, NAN, 3.0, 1.0], {}), measured("b", 2, [-1.0, 2.0], {})]

    total = portfolio_reduction(sites, 4)

    assert total.tolist() == [1.0, 0.0, 2.0, 3.0]
    assert delivered(total - 1.0, np.array([5.0, 5.0, 0.5, 1.5])).tolist() == [0.0, 0.0, 0.5, 1.5]


def test_the_interval_takes_conformal_order_statistics() -> None:
    # 19 placebo days, 80 %: the (19 + 1) · 0.9 = 18th and the (19 + 1) · 0.1 = 2nd smallest error
    bounds = interval(10.0, [float(n) for n in range(1, 20)])

    assert bounds is not None
    assert (bounds.lower, bounds.upper, bounds.bias, bounds.days) == (10.0 - 18.0, 10.0 - 2.0, 10.0, 19)


def test_without_placebo_days_there_is_no_interval() -> None:
    assert interval(1.0, []) is None
    assert portfolio_interval([], 0.25) is None


def test_the_portfolio_interval_uses_days_that_every_site_has() -> None:
    a = measured("a", 0, [4.0, NAN], {1: [1.0, 9.0], 2: [-1.0, 9.0], 3: [5.0, 9.0]})
    b = measured("b", 0, [2.0, 2.0], {1: [-1.0, -1.0], 2: [1.0, 0.0]})

    bounds = portfolio_interval([a, b], 0.5)

    # a's second slot has no reading and does not count; errors of days 1 and 2: ½·(1 − 2) and ½·(−1 + 1)
    assert bounds is not None
    assert (bounds.lower, bounds.upper, bounds.days) == (4.0 - 0.0, 4.0 + 0.5, 2)


@given(st.lists(st.floats(-5, 5), min_size=1, max_size=40), st.floats(-10, 10))
def test_the_interval_moves_with_what_was_measured(errors: list[float], shift: float) -> None:
    still, moved = interval(0.0, errors), interval(shift, errors)

    assert still is not None
    assert moved is not None
    assert moved.lower - still.lower == pytest.approx(shift)
    assert still.lower <= still.upper


def test_one_homes_interval_is_of_its_own_slots() -> None:
    bounds = site_interval(measured("a", 0, [1.0, NAN], {n: [float(n), 99.0] for n in range(1, 10)}), 1.0)

    assert bounds is not None
    assert (bounds.lower, bounds.upper) == (1.0 - 9.0, 1.0 - 1.0)


@pytest.fixture(scope="module")
def tables() -> list[object]:
    try:
        place = bench.folder(None)
    except FileNotFoundError as error:
        servers.require(False, str(error))
    homes, weather = bench.read(place)
    return [bench.table(home.load_kw - home.pv_kw, weather) for home in homes]


@pytest.fixture(scope="module")
def ten(tables) -> tuple[Array, Array]:
    return bench.errors(METHODS[str(FCV.TenOfTen)], tables)


def test_on_real_homes_high_five_of_ten_pays_for_nothing(tables) -> None:
    figures = bench.figures(*bench.errors(METHODS[str(FCV.HighFiveOfTen)], tables))

    assert 0.25 < figures["bias"] < 0.45  # of the mean load: it overstates what homes would have drawn by a third


def test_on_real_homes_ten_of_ten_is_nearly_without_bias(ten) -> None:
    figures = bench.figures(*ten)

    assert -0.06 < figures["bias"] < 0.03
    assert figures["portfolio_rrmse"] < figures["home_rrmse_median"] / 2


def test_on_real_homes_the_interval_keeps_its_confidence(ten) -> None:
    assert 0.75 <= bench.figures(*ten)["coverage_80"] <= 0.87


def test_on_real_homes_inflating_the_hours_before_gains_little(tables) -> None:
    gain = bench.gaming(METHODS[str(FCV.TenOfTen)], tables)

    assert gain < 0.30  # 20 % above the plain baseline; more only against a day that would have been adjusted downwards
