"""Samples become readings exactly: energy is conserved, states are states, and what wasn't seen is said, not guessed."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.aggregation import Aggregator, Reading
from ontology.names import FCV

DAY = datetime(2026, 3, 1, tzinfo=UTC)
QUARTER, POLL = timedelta(minutes=15), timedelta(seconds=10)
PARTIAL, UNREACHABLE = str(FCV.PartialInterval), str(FCV.DeviceUnreachable)


def channel(kind: str = "ActivePower", step: timedelta = QUARTER, poll: timedelta = POLL, begin: datetime = DAY) -> Aggregator:
    return Aggregator("device/h01-meter#x", "unit:KiloW", str(getattr(FCV, kind)), step, poll, begin)


def readings(one: Aggregator, until: datetime) -> list[Reading]:
    return one.close(until + timedelta(seconds=2))


# --- energy: three days, against the counter
def evening_charge(at: timedelta) -> int:
    return 18 if timedelta(hours=18, minutes=7) <= at < timedelta(hours=19, minutes=37) else 0


def half_of_each_quarter(at: timedelta) -> int:
    return 20 if at % QUARTER < timedelta(seconds=450) else 0


def flat(_: timedelta) -> int:
    return 2


@pytest.mark.parametrize(("power", "kwh"), [(evening_charge, 27), (half_of_each_quarter, 240), (flat, 48)])
@pytest.mark.parametrize("late_s", [0, 3.7], ids=["on the grid", "late"])
def test_quarter_hour_means_add_up_to_the_difference_of_the_counter(power: Callable[[timedelta], int], kwh: int, late_s: float) -> None:
    mean, counter = channel(), channel("EnergyRegister")
    joules = 0.0
    for tick in range(24 * 360 + 2):
        at = tick * POLL + timedelta(seconds=late_s)
        mean.take(DAY + at, Decimal(power(at)))
        counter.take(DAY + at, (Decimal(joules) / 3_600_000).quantize(Decimal("0.001")))
        joules += sum(1000 * power(at + timedelta(seconds=second)) for second in range(10))

    day = DAY + timedelta(days=1)
    means = [Decimal(one.value or "NaN") for one in readings(mean, day)][:96]
    counters = [Decimal(one.value or "NaN") for one in readings(counter, day + QUARTER)]

    assert len(means) == 96
    assert sum(means) / 4 == pytest.approx(Decimal(kwh), rel=Decimal("0.001"))
    assert sum(means) / 4 == pytest.approx(counters[-1] - counters[0], rel=Decimal("0.001"))


def test_a_mean_is_weighted_with_the_time_that_each_value_stood() -> None:
    one = channel(step=timedelta(minutes=1), poll=timedelta(seconds=30))
    one.take(DAY, Decimal(3))
    one.take(DAY + timedelta(seconds=20), Decimal("1.5"))
    one.take(DAY + timedelta(seconds=30), Decimal(0))

    (said,) = readings(one, DAY + timedelta(minutes=1))

    assert said.value == "1.25"  # (3 × 20 s + 1.5 × 10 s + 0 × 30 s) / 60 s
    assert said.reason is None


def test_means_are_exact_decimals_without_exponent() -> None:
    one = channel(step=timedelta(minutes=1), poll=timedelta(seconds=20))
    for second, value in ((0, "0.1"), (20, "0.2"), (40, "0.0000001")):
        one.take(DAY + timedelta(seconds=second), Decimal(value))

    (said,) = readings(one, DAY + timedelta(minutes=1))

    assert said.value == "0.100000033"


@given(st.lists(st.decimals(-100, 100, places=3), min_size=6, max_size=6))
def test_six_values_of_ten_seconds_have_their_plain_mean(values: list[Decimal]) -> None:
    one = channel(step=timedelta(minutes=1))
    for number, value in enumerate(values):
        one.take(DAY + number * POLL, value)

    (said,) = readings(one, DAY + timedelta(minutes=1))

    assert abs(Decimal(said.value or "NaN") - sum(values) / 6) <= Decimal("0.0000005")
    assert "E" not in (said.value or "")


# --- other kinds
def test_a_state_of_charge_is_the_last_a_counter_the_first_a_switch_its_share_of_time() -> None:
    minute = timedelta(minutes=1)
    charge, counter, switch = channel("StateOfCharge", minute), channel("EnergyRegister", minute), channel("SwitchState", minute)
    for tick in range(7):
        at = DAY + tick * POLL
        charge.take(at, Decimal(50 + tick))
        counter.take(at, Decimal(1000 + tick))
        switch.take(at, Decimal(int(tick < 3)))

    assert [readings(one, DAY + minute)[0].value for one in (charge, counter, switch)] == ["55", "1000", "0.5"]


def test_a_counter_that_is_read_late_says_nothing_of_the_beginning() -> None:
    one = channel("EnergyRegister")
    one.take(DAY + timedelta(minutes=5), Decimal(1000))

    (said,) = readings(one, DAY + QUARTER)

    assert (said.value, said.reason) == (None, PARTIAL)
    assert "first read 300 s after" in said.comment


# --- what is missing
def test_an_interval_without_sample_is_a_flag_with_the_reason_of_the_fault() -> None:
    one = channel()
    for tick in range(90):
        one.fault(DAY + tick * POLL, str(FCV.RegisterMismatch), "register 40000 holds 7")

    (said,) = readings(one, DAY + QUARTER)

    assert (said.value, said.reason, said.comment) == (None, str(FCV.RegisterMismatch), "register 40000 holds 7")


def test_silence_is_unreachable_interval_by_interval() -> None:
    said = readings(channel(), DAY + 4 * QUARTER)

    assert [(one.start, one.value, one.reason) for one in said] == [(DAY + n * QUARTER, None, UNREACHABLE) for n in range(4)]


@pytest.mark.parametrize(("missing", "flagged"), [(9, False), (10, True)])
def test_below_nine_tenths_of_the_samples_the_interval_is_partial(missing: int, flagged: bool) -> None:
    one = channel()
    for tick in range(90 - missing):
        one.take(DAY + tick * POLL, Decimal(4))

    (said,) = readings(one, DAY + QUARTER)

    assert said.value == "4"  # what isn't covered counts for nothing
    assert said.reason == (PARTIAL if flagged else None)


def test_a_box_that_starts_late_says_how_much_it_saw() -> None:
    one = channel(begin=DAY + timedelta(minutes=10))
    for tick in range(60, 90):
        one.take(DAY + tick * POLL, Decimal(4))

    (said,) = readings(one, DAY + QUARTER)

    assert (said.start, said.value, said.reason, said.comment) == (DAY, "4", PARTIAL, "samples cover 33% of the interval")


def test_a_value_stands_across_the_boundary_but_no_longer_than_a_poll() -> None:
    one = channel(step=timedelta(minutes=1))
    one.take(DAY + timedelta(seconds=55), Decimal(6))

    first, second = readings(one, DAY + timedelta(minutes=2))

    assert (first.value, second.value) == ("6", "6")
    assert second.comment == "samples cover 10% of the interval"  # 6 of 11 s lie in the second minute


def test_a_jump_of_the_clock_leaves_no_intervals_that_never_were() -> None:
    one = channel()
    one.take(DAY, Decimal(1))

    one.jump(DAY + timedelta(days=1))
    one.take(DAY + timedelta(days=1), Decimal(2))

    said = readings(one, DAY + timedelta(days=1) + QUARTER)
    assert [each.start for each in said] == [DAY, DAY + timedelta(days=1)]


def test_an_alarm_flags_the_open_interval_beside_its_value() -> None:
    one = channel(step=timedelta(minutes=1))
    for tick in range(3):
        one.take(DAY + tick * POLL, Decimal(1))
    one.doubt(str(FCV.SetpointOverridden), "somebody else wrote 3")

    said = readings(one, DAY + timedelta(minutes=1))

    assert [(each.value, each.reason) for each in said] == [("1", str(FCV.SetpointOverridden)), (None, PARTIAL)]
