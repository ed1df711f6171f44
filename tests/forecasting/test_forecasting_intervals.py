"""Quantiles from residuals."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forecasting.intervals import bands, coverage, left_out_bands, pinball


def test_bands_take_the_conformal_ranks() -> None:
    residuals = np.arange(1.0, 10.0).reshape(1, 9, 1)  # nine days, one step

    low, middle, high = bands(residuals, 0)[:, 0, 0]

    # ten places for a new value: the first, the fifth and the ninth of nine
    assert (low, middle, high) == pytest.approx((1.0, 5.0, 9.0))


def test_bands_of_many_residuals_cover_four_in_five() -> None:
    rng = np.random.default_rng(3)
    residuals = rng.normal(0, 1, (20, 14, 24)) * rng.uniform(0.2, 5, (20, 1, 1))
    fresh = rng.normal(0, 1, (20, 400, 24)) * (residuals.std(axis=(1, 2))[:, None, None])

    offsets = bands(residuals, 0)

    assert coverage(fresh, offsets[:, :, None]) == pytest.approx(0.8, abs=0.02)


def test_left_out_coverage_is_near_its_aim() -> None:
    residuals = np.random.default_rng(5).normal(0, 1, (17, 14, 24))

    assert coverage(residuals, left_out_bands(residuals, 0)) == pytest.approx(0.8, abs=0.02)


def test_a_day_does_not_shape_the_band_it_is_judged_by() -> None:
    residuals = np.random.default_rng(5).normal(0, 1, (4, 8, 6))
    changed = residuals.copy()
    changed[:, 2] += 100

    before, after = left_out_bands(residuals, 1), left_out_bands(changed, 1)

    assert np.array_equal(before[:, :, 2], after[:, :, 2])
    assert not np.array_equal(before[:, :, 3], after[:, :, 3])


def test_unknown_residuals_do_not_count() -> None:
    residuals = np.array([[[1.0], [np.nan], [3.0]], [[2.0], [4.0], [np.nan]]])

    assert np.isfinite(bands(residuals, 0)).all()
    assert np.isnan(bands(np.full((1, 3, 2), np.nan), 0)).all()


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 5), st.integers(1, 8), st.integers(1, 12), st.integers(0, 3), st.integers(0, 9999))
def test_quantiles_never_cross(series: int, origins: int, steps: int, reach: int, seed: int) -> None:
    residuals = np.random.default_rng(seed).normal(size=(series, origins, steps))

    low, middle, high = bands(residuals, reach)

    assert (low <= middle).all()
    assert (middle <= high).all()


def test_pinball_weighs_misses_by_their_level() -> None:
    quantiles = np.array([[1.0], [2.0], [3.0]])

    # measured 4: 0.1·3 + 0.5·2 + 0.9·1 = 2.2 over three levels
    assert pinball(np.array([4.0]), quantiles) == pytest.approx(2.2 / 3)
