"""Every registered baseline method inherits these tests; then what is particular to each."""

import numpy as np
import pytest
from settlement_arrays import EVENT, SHAPE, SLOTS, history, today

from ontology.names import FCV
from settlement.baselines import METHODS, History, Today
from settlement.findings import MISSING_WEATHER, NO_ADJUSTMENT, SHORT_HISTORY

EVERY = pytest.mark.parametrize("method", METHODS.values(), ids=[iri.rsplit("/", 1)[-1] for iri in METHODS])


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(7)


def test_every_method_of_the_vocabulary_has_a_function() -> None:
    assert set(METHODS) == {str(FCV.HighFiveOfTen), str(FCV.TenOfTen), str(FCV.WeatherRegression)}


@EVERY
def test_unchanged_load_saves_nothing(method, rng) -> None:
    baseline = method(history(rng), today(rng))

    np.testing.assert_allclose(baseline.kw - SHAPE, 0.0, atol=1e-9)
    assert baseline.findings == ()


@EVERY
def test_a_planted_shift_is_recovered(method, rng) -> None:
    metered = SHAPE - 1.5

    baseline = method(history(rng, days=20, noise=0.02), today(rng))

    assert (baseline.kw - metered).mean() == pytest.approx(1.5, abs=0.05)


@EVERY
def test_the_order_of_days_does_not_matter(method, rng) -> None:
    days, now = history(rng, noise=0.3), today(rng)

    shuffled = method(days.take(rng.permutation(len(days.days))), now)

    straight = method(days, now)
    np.testing.assert_allclose(shuffled.kw, straight.kw, atol=1e-9)
    assert sorted(shuffled.days_used) == sorted(straight.days_used)


@EVERY
def test_short_history_disqualifies_the_baseline(method, rng) -> None:
    baseline = method(history(rng, days=4), today(rng))

    assert baseline.disqualified
    assert [finding.code for finding in baseline.findings] == [SHORT_HISTORY]
    assert "only 4 similar days" in baseline.findings[0].sentence


@EVERY
def test_a_day_with_a_missing_reading_is_no_history(method, rng) -> None:
    days = history(rng, noise=0.3)
    holed = days.window_kw.copy()
    holed[0, 3] = np.nan

    baseline = method(History(days.days, holed, days.before_kw, days.weather), today(rng))

    assert int(days.days[0]) not in baseline.days_used
    assert not np.isnan(baseline.kw).any()


@EVERY
def test_net_export_behind_pv_gives_a_negative_baseline(method, rng) -> None:
    days = history(rng)
    exporting = History(days.days, days.window_kw - 4.0, days.before_kw, days.weather)

    baseline = method(exporting, today(rng))

    np.testing.assert_allclose(baseline.kw, SHAPE - 4.0, atol=1e-9)


@EVERY
def test_inflating_the_hours_before_gains_a_fifth_at_most(method, rng) -> None:
    days = history(rng, noise=0.1)

    honest, inflated = method(days, today(rng)), method(days, today(rng, before_kw=9.0))

    gain = (inflated.kw - honest.kw).mean() / honest.kw.mean()
    assert gain <= 0.21  # the cap of 20 %, of the unadjusted baseline


def test_high_five_of_ten_takes_the_five_highest_of_the_last_ten_days(rng) -> None:
    days = history(rng, days=12)
    levels = np.array([1, 9, 2, 8, 3, 7, 4, 6, 5, 10, 99, 98], float)  # the last two are older than ten days
    levelled = History(days.days, np.tile(levels[:, None], SLOTS), days.before_kw, days.weather)

    baseline = METHODS[str(FCV.HighFiveOfTen)](levelled, today(rng))

    assert baseline.kw.tolist() == [(9 + 8 + 7 + 6 + 10) / 5] * SLOTS
    assert [EVENT.toordinal() - day for day in baseline.days_used] == [2, 4, 6, 8, 10]


def test_ten_of_ten_adds_the_same_day_difference_within_its_cap(rng) -> None:
    method = METHODS[str(FCV.TenOfTen)]

    small, large = method(history(rng), today(rng, 0.9)), method(history(rng), today(rng, 5.0))

    assert small.adjustment_kw == pytest.approx(0.1)
    assert large.adjustment_kw == pytest.approx(0.2 * SHAPE.mean())
    np.testing.assert_allclose(small.kw, SHAPE + 0.1)


def test_without_readings_before_the_event_the_baseline_is_not_adjusted(rng) -> None:
    now = today(rng)

    baseline = METHODS[str(FCV.TenOfTen)](history(rng), Today(np.full(12, np.nan), now.weather))

    assert baseline.adjustment_kw == 0.0
    assert [finding.code for finding in baseline.findings] == [NO_ADJUSTMENT]


def test_regression_without_weather_is_disqualified(rng) -> None:
    baseline = METHODS[str(FCV.WeatherRegression)](history(rng), Today(np.zeros(12), np.zeros((SLOTS, 0))))

    assert baseline.disqualified
    assert [finding.code for finding in baseline.findings] == [MISSING_WEATHER]


def test_regression_follows_the_weather(rng) -> None:
    days = history(rng, days=25, noise=0.01)
    cooling = np.maximum(days.weather[:, :, 0] - 18.0, 0.0) * 0.2
    now = today(rng)

    baseline = METHODS[str(FCV.WeatherRegression)](History(days.days, days.window_kw + cooling, days.before_kw, days.weather), now)

    expected = SHAPE + 0.2 * np.maximum(now.weather[:, 0] - 18.0, 0.0)
    np.testing.assert_allclose(baseline.kw, expected, atol=0.03)
