"""The box's time: wrong at start, set while running, drifting; measured as NTP does, corrected only by what is proven."""

from datetime import UTC, datetime, timedelta

import pytest
from devices_memory import FakeTime
from hypothesis import given
from hypothesis import strategies as st

from devices.clock import Clock

TRUE = datetime(2026, 3, 1, 12, tzinfo=UTC)
DAY = timedelta(days=1)


def exchange(time: FakeTime, clock: Clock, there_s: float = 0.05, at_platform_s: float = 0.2, back_s: float = 0.05) -> timedelta | None:
    """Send a message and let the platform answer with its own, true times."""
    sent_s = time.monotonic()
    time.pass_(there_s)
    received = time.true
    time.pass_(at_platform_s)
    replied = time.true
    time.pass_(back_s)
    return clock.measure(sent_s, received, replied, time.monotonic())


def test_a_clock_wrong_by_a_day_is_right_after_one_exchange() -> None:
    time = FakeTime(TRUE, wrong=-DAY)
    clock = Clock(time.wall, time.monotonic)
    before_s = time.monotonic()
    assert clock.now() == TRUE - DAY
    assert not clock.measured

    change = exchange(time, clock)

    assert change == DAY
    assert clock.now() == time.true
    assert clock.at(before_s) == TRUE  # a sample taken before is stamped right, too
    assert clock.offset_text == "86400"


def test_a_small_offset_is_stated_but_not_corrected() -> None:
    time = FakeTime(TRUE, wrong=timedelta(seconds=0.4))
    clock = Clock(time.wall, time.monotonic)

    assert exchange(time, clock) is None
    assert clock.offset_text == "-0.4"
    assert clock.now() - time.true == timedelta(seconds=0.4)


def test_a_step_of_the_system_clock_is_noticed_and_not_followed(caplog: pytest.LogCaptureFixture) -> None:
    time = FakeTime(TRUE)
    clock = Clock(time.wall, time.monotonic)
    time.pass_(3600)

    time.set_wall(-timedelta(hours=5))

    assert clock.check() == -timedelta(hours=5)
    assert clock.check() is None  # once
    assert clock.now() == time.true
    assert "was set by -18000.0 s" in caplog.text


def test_a_clock_that_is_steered_isnt_stepped() -> None:
    time = FakeTime(TRUE)
    clock = Clock(time.wall, time.monotonic)
    time.set_wall(timedelta(seconds=1.5))

    assert clock.check() is None


def test_drift_is_corrected_each_time_it_passes_a_second() -> None:
    time = FakeTime(TRUE, drift=100e-6)  # 8.6 s a day, a cheap crystal in the cold
    clock = Clock(time.wall, time.monotonic)
    corrections = []
    for _ in range(24 * 4):
        time.pass_(900)
        if (change := exchange(time, clock)) is not None:
            corrections.append(change)
        assert abs(clock.now() - time.true) < timedelta(seconds=1.2)

    assert len(corrections) in (7, 8)
    assert all(abs(change) < timedelta(seconds=1.2) for change in corrections)


@given(there=st.floats(0, 3600), back=st.floats(0, 3600), wrong=st.floats(-1e6, 1e6))
def test_the_error_after_an_exchange_is_at_most_what_its_delay_leaves_open(there: float, back: float, wrong: float) -> None:
    time = FakeTime(TRUE, wrong=timedelta(seconds=wrong))
    clock = Clock(time.wall, time.monotonic)

    exchange(time, clock, there, 0.0, back)

    half = (there + back) / 2
    assert abs(clock.now() - time.true).total_seconds() <= half + max(1.0, half) + 0.001


def test_an_answer_that_waited_an_hour_moves_nothing_that_is_known_better() -> None:
    time = FakeTime(TRUE)
    clock = Clock(time.wall, time.monotonic)
    exchange(time, clock)

    assert exchange(time, clock, there_s=3600) is None
    assert clock.offset_text == "0"


def test_times_that_cannot_be_are_not_believed() -> None:
    time = FakeTime(TRUE)
    clock = Clock(time.wall, time.monotonic)

    assert clock.measure(1000.0, TRUE + DAY, TRUE, 1000.1) is None  # left before it came
    assert not clock.measured
