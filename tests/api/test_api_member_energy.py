"""Energy and periods behind the member's pages: hand-computed, and identities over anything."""

import itertools
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.member_bars import picture
from api.member_energy import parts
from api.member_periods import labels, period

MADRID = ZoneInfo("Europe/Madrid")
BEGIN = datetime(2016, 8, 30, tzinfo=UTC)
QUARTER = timedelta(minutes=15)
NOTHING = np.nan


def edges(*counts: int) -> list[datetime]:
    return [BEGIN + count * QUARTER for count in (0, *counts)]


def test_energies_are_of_what_is_known_and_nothing_missing_counts_as_zero():
    net, sun, price = np.array([1.0, -2.0, NOTHING, 4.0]), np.array([0.0, 3.0, 1.0, NOTHING]), np.full(4, 0.20)
    (energy,) = parts(edges(4), net, sun, price)

    assert energy.imported == pytest.approx((1 + 4) / 4)
    assert energy.exported == pytest.approx(2 / 4)
    assert energy.produced == pytest.approx((0 + 3 + 1) / 4)
    assert energy.consumed == pytest.approx((1 + 1) / 4)  # the two quarter-hours of which both sides are known
    assert energy.own == pytest.approx((3 - 2) / 4)
    assert energy.self_consumption == pytest.approx(100 / 3)
    assert energy.self_sufficiency == pytest.approx(50)  # 0.5 kWh used, 0.25 kWh of it taken
    assert energy.cost == pytest.approx(5 / 4 * 0.20)
    assert (energy.known, energy.expected, energy.complete) == (2, 4, False)


def test_a_time_of_which_nothing_is_known_has_no_energy_at_all():
    (energy,) = parts(edges(2), np.full(2, NOTHING), np.full(2, NOTHING), None)

    values = (energy.imported, energy.exported, energy.produced, energy.consumed, energy.cost, energy.own)
    assert values == (None,) * 6
    assert energy.self_consumption is energy.self_sufficiency is None


def test_a_home_without_sun_uses_what_it_takes():
    (energy,) = parts(edges(2), np.array([2.0, 1.0]), None, None)

    assert (energy.imported, energy.consumed, energy.produced, energy.own) == (0.75, 0.75, None, None)
    assert energy.self_sufficiency == 0


kw = st.floats(-20, 20)


@given(st.lists(st.tuples(kw, st.floats(0, 10)), min_size=2, max_size=50), st.data())
def test_parts_add_up_to_the_whole_and_what_comes_in_goes_out(rows, data):
    net, sun = np.array([row[0] for row in rows]), np.array([row[1] for row in rows])
    cut = data.draw(st.integers(1, len(rows) - 1))
    (whole,) = parts(edges(len(rows)), net, sun, None)
    halves = list(parts(edges(cut, len(rows)), net, sun, None))

    for name in ("imported", "exported", "produced", "consumed", "known", "expected"):
        assert sum(getattr(half, name) for half in halves) == pytest.approx(getattr(whole, name), abs=1e-9)
    assert whole.imported + whole.produced - whole.exported == pytest.approx(whole.consumed, abs=1e-9)
    assert whole.self_consumption is None or 0 <= whole.self_consumption <= 100
    assert whole.self_sufficiency is None or 0 <= whole.self_sufficiency <= 100


@pytest.mark.parametrize(("day", "hours"), [(date(2016, 3, 27), 23), (date(2016, 10, 30), 25), (date(2016, 8, 30), 24)])
def test_a_day_has_the_hours_that_its_clock_goes_through(day, hours):
    whole = period("day", day)
    cuts = whole.edges(MADRID)

    assert len(cuts) == hours + 1
    assert {after - before for before, after in itertools.pairwise(cuts)} == {timedelta(hours=1)}
    assert len({long for _, long in labels(whole, cuts, MADRID)}) == hours  # two hours of one name are told apart


def test_the_hour_that_comes_twice_says_which_one_it_is():
    whole = period("day", date(2016, 10, 30))
    names = [long for _, long in labels(whole, whole.edges(MADRID), MADRID)]

    assert names[1:5] == ["01:00", "02:00 (UTC+0200)", "02:00 (UTC+0100)", "03:00"]


@pytest.mark.parametrize(
    ("span", "first", "after", "before", "year_before"),
    [
        ("day", date(2016, 2, 29), date(2016, 3, 1), date(2016, 2, 28), date(2015, 2, 28)),
        ("week", date(2016, 2, 29), date(2016, 3, 7), date(2016, 2, 22), date(2015, 3, 2)),
        ("month", date(2016, 2, 1), date(2016, 3, 1), date(2016, 1, 1), date(2015, 2, 1)),
        ("year", date(2016, 1, 1), date(2017, 1, 1), date(2015, 1, 1), None),
    ],
)
def test_periods_and_their_neighbours(span, first, after, before, year_before):
    whole = period(span, date(2016, 2, 29))

    assert (whole.first, whole.after, whole.before().first, whole.following().first) == (first, after, before, after)
    assert (whole.year_before().first if year_before else whole.year_before()) == year_before


def test_a_running_month_is_compared_with_as_much_of_an_earlier_one():
    march, february = period("month", date(2016, 3, 1)), period("month", date(2016, 2, 1))
    early, late = datetime(2016, 3, 10, 11, 7, tzinfo=UTC), datetime(2016, 3, 31, 11, 7, tzinfo=UTC)

    assert february.until(march, early, MADRID)[1] == datetime(2016, 2, 10, 11, 0, tzinfo=UTC)  # 12:00 by the same clock
    assert february.until(march, late, MADRID)[1] == february.window(MADRID)[1]  # February has no 31st
    assert march.until(march, early, MADRID)[1] == datetime(2016, 3, 10, 11, 0, tzinfo=UTC)
    over = datetime(2016, 5, 1, tzinfo=UTC)
    assert february.until(march, over, MADRID) == february.window(MADRID)


def test_bars_stand_on_the_line_and_what_is_fed_in_hangs_below_it():
    net, sun = np.array([2.0] * 4 + [-1.0] * 4 + [NOTHING] * 8), np.array([1.0] * 4 + [3.0] * 4 + [NOTHING] * 8)
    found = list(parts(edges(4, 8, 12, 16), net, sun, None))
    drawn = picture([("", "", part) for part in found], BEGIN + 12 * QUARTER)

    first, second, missing, coming = drawn.bars
    assert [box.kind for box in first.boxes] == ["own", "grid"]
    assert [box.kind for box in second.boxes] == ["own", "fed"]
    assert [box.kind for box in missing.boxes] == ["missing"]
    assert coming.boxes == ()  # what is still to come is not missing
    own, grid = first.boxes
    assert own.y + own.height == pytest.approx(drawn.zero)
    assert grid.y + grid.height == pytest.approx(own.y)
    assert grid.height == pytest.approx(2 * own.height)  # 2 kWh taken, 1 kWh of the sun
    assert second.boxes[1].y == pytest.approx(drawn.zero)
    assert all(box.y >= 0 and box.y + box.height <= drawn.height for bar in drawn.bars for box in bar.boxes)
