"""Counters to energy: three days whose energy is known, with reset, rollover, swap and gaps; properties of the arithmetic."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from telemetry_home import RECEIVED, channel_quads

from kg.embedded import EmbeddedStore
from kg.iris import Iris
from kg.terms import Value, describe
from mappers.records import Series
from ontology.names import FC, UNIT
from telemetry import Channels, Energy, Readings, ReadingWriter
from telemetry.counters import Counter, Passage, intervals, stretches

KWH = str(UNIT["KiloW-HR"])
MIDNIGHT = datetime(2016, 8, 12, tzinfo=UTC)
MINUTE, QUARTER, HOUR, DAY = timedelta(minutes=1), timedelta(minutes=15), timedelta(hours=1), timedelta(days=1)
NAN = float("nan")


def power(day: int, minute: int) -> int:
    """kW in a minute of the three days: 90 minutes at 18 kW from 10:00; 20 kW in the first half of each quarter; 2 kW all day."""
    if day == 0:
        return 18 if 600 <= minute < 690 else 0
    if day == 1:
        return 20 if minute % 15 * 2 < 15 else 0  # minutes 0–7 of each quarter: 8 of 15
    return 2


def milli_wh(day: int) -> list[int]:
    """Energy of each minute [1/60 kWh]."""
    return [power(day, minute) for minute in range(1440)]


ENERGY = [27.0, 96 * 20 * 8 / 60, 48.0]
"""kWh of the days, by hand: 1.5 h × 18 kW; 96 quarters × 8 min × 20 kW; 24 h × 2 kW."""


def register(days: Sequence[int], begin: int) -> list[int]:
    """Readings of an ideal counter at the beginning of each minute, in 1/60 kWh, one more than minutes."""
    steps = [each for day in days for each in milli_wh(day)]
    return [begin, *(begin + int(total) for total in np.cumsum(steps))]


class Meter:
    """One register channel in a store."""

    def __init__(self, store: EmbeddedStore, iris: Iris, channels: Channels, writer: ReadingWriter, **stated: Value) -> None:
        self.channel = iris.id("connection", "h01") + "#importedEnergy"
        self._writer = writer
        quads = channel_quads(iris, self.channel, kind="EnergyRegister", unit=KWH, step=MINUTE)
        quads = [quad for quad in quads if quad.predicate.value not in (str(FC.minimum), str(FC.maximum))]
        extra = describe(quads[0].graph_name.value, self.channel, {str(FC[name]): value for name, value in stated.items()})  # type: ignore[union-attr]
        store.apply(insert=[*quads, *extra])
        channels.reload()

    def write(self, readings: Sequence[float | None], start: datetime = MIDNIGHT) -> None:
        """Write readings a minute apart, one UTC day a call."""
        for first in range(0, len(readings), 1440):
            part = readings[first : first + 1440]
            spelt = tuple(None if value is None else f"{value:.9f}" for value in part)
            self._writer.write([Series(self.channel, start + first * MINUTE, MINUTE, spelt, KWH)], received=RECEIVED)


@pytest.mark.parametrize("day", [0, 1, 2])
def test_the_energy_of_a_day_is_the_difference_of_the_counter(
    store: EmbeddedStore, iris: Iris, channels: Channels, writer: ReadingWriter, readings: Readings, day: int
) -> None:
    meter = Meter(store, iris, channels, writer, maximumChange=1.0)
    meter.write([value / 60 for value in register([day], 60 * 12_345)])

    found = readings.energy(meter.channel, MIDNIGHT, MIDNIGHT + DAY)

    assert found == Energy(kwh=pytest.approx(ENERGY[day], abs=1e-6), count=1440, expected=1440, flagged=0)
    assert found.complete
    quarters = readings.energies([meter.channel], MIDNIGHT, MIDNIGHT + DAY, QUARTER)[meter.channel]
    assert quarters.sum() == pytest.approx(ENERGY[day], abs=1e-6)
    assert quarters.max() == pytest.approx({0: 4.5, 1: 20 * 8 / 60, 2: 0.5}[day], abs=1e-6)


@pytest.mark.parametrize("day", [0, 1, 2])
@pytest.mark.parametrize("minute", [0, 601, 689, 1439])
def test_a_rollover_loses_nothing(
    store: EmbeddedStore, iris: Iris, channels: Channels, writer: ReadingWriter, readings: Readings, day: int, minute: int
) -> None:
    ideal = register([day], 0)
    begin = 60 * 100_000 - (ideal[minute] + ideal[minute + 1]) // 2 - 1  # the counter passes 100,000 kWh within or near that minute
    meter = Meter(store, iris, channels, writer, maximumChange=1.0, rollsOverAt=100_000.0)
    meter.write([(begin + value) % (60 * 100_000) / 60 for value in ideal])

    found = readings.energy(meter.channel, MIDNIGHT, MIDNIGHT + DAY)

    assert found.kwh == pytest.approx(ENERGY[day], rel=1e-3)
    assert found.kwh == pytest.approx(ENERGY[day], abs=1e-6)
    assert (found.count, found.resets) == (1440, 0)


@pytest.mark.parametrize("day", [0, 1, 2])
def test_a_reset_at_a_reading_loses_nothing_and_says_so(
    store: EmbeddedStore, iris: Iris, channels: Channels, writer: ReadingWriter, readings: Readings, day: int
) -> None:
    ideal = register([day], 60 * 500)
    meter = Meter(store, iris, channels, writer, maximumChange=1.0)
    meter.write([(value if minute <= 650 else value - ideal[650]) / 60 for minute, value in enumerate(ideal)])

    found = readings.energy(meter.channel, MIDNIGHT, MIDNIGHT + DAY)

    assert found.kwh == pytest.approx(ENERGY[day], rel=1e-3)
    assert (found.count, found.expected, found.resets, found.complete) == (1439, 1440, 1, False)
    minutes = readings.energies([meter.channel], MIDNIGHT, MIDNIGHT + DAY)[meter.channel]
    assert list(np.flatnonzero(np.isnan(minutes))) == [650]


def test_a_reset_within_an_interval_loses_at_most_that_interval(
    store: EmbeddedStore, iris: Iris, channels: Channels, writer: ReadingWriter, readings: Readings
) -> None:
    ideal = register([2], 60 * 500)  # 1/30 kWh a minute, of which half a minute passes after the reset
    meter = Meter(store, iris, channels, writer, maximumChange=1.0)
    meter.write([(value if minute <= 650 else value - ideal[650] - 1) / 60 for minute, value in enumerate(ideal)])

    found = readings.energy(meter.channel, MIDNIGHT, MIDNIGHT + DAY)

    assert found.kwh == pytest.approx(48 - 1 / 60, abs=1e-6)
    assert found.kwh == pytest.approx(48, rel=1e-3)
    assert found.resets == 1


@pytest.mark.parametrize("new", [9_000.0, 3.5, 700.0])
def test_another_meter_leaves_its_interval_unknown(
    store: EmbeddedStore, iris: Iris, channels: Channels, writer: ReadingWriter, readings: Readings, new: float
) -> None:
    ideal = [value / 60 for value in register([2], 60 * 500)]
    meter = Meter(store, iris, channels, writer, maximumChange=1.0)
    meter.write([value if minute <= 650 else value - ideal[651] + new for minute, value in enumerate(ideal)])

    found = readings.energy(meter.channel, MIDNIGHT, MIDNIGHT + DAY)

    assert found.kwh == pytest.approx(48 * 1439 / 1440, abs=1e-6)
    assert (found.count, found.over_gaps, found.resets, found.complete) == (1439, 0, 0, False)


def test_over_a_gap_the_whole_is_known_and_never_its_parts(
    store: EmbeddedStore, iris: Iris, channels: Channels, writer: ReadingWriter, readings: Readings
) -> None:
    ideal: list[float | None] = [value / 60 for value in register([0], 60 * 500)]
    ideal[610:640] = [None] * 30  # in the middle of the 18 kW: readings 609 and 640 are there
    meter = Meter(store, iris, channels, writer, maximumChange=1.0)
    meter.write(ideal)

    found = readings.energy(meter.channel, MIDNIGHT, MIDNIGHT + DAY)
    hours = readings.energies([meter.channel], MIDNIGHT, MIDNIGHT + DAY, HOUR)[meter.channel]
    minutes = readings.energies([meter.channel], MIDNIGHT, MIDNIGHT + DAY)[meter.channel]

    assert found == Energy(pytest.approx(27.0, abs=1e-6), 1409, 1440, 0, over_gaps=31, over_gaps_kwh=pytest.approx(9.3, abs=1e-6))
    assert found.complete
    assert hours.iloc[10] == pytest.approx(18, abs=1e-6)
    assert list(np.flatnonzero(np.isnan(minutes))) == list(range(609, 640))
    assert minutes.sum() == pytest.approx(27.0 - 9.3, abs=1e-6)


def test_a_frame_of_a_counter_shows_its_readings(
    store: EmbeddedStore, iris: Iris, channels: Channels, writer: ReadingWriter, readings: Readings
) -> None:
    meter = Meter(store, iris, channels, writer)
    meter.write([100.0 + minute for minute in range(120)])

    assert list(readings.frame([meter.channel], MIDNIGHT, MIDNIGHT + 2 * HOUR, HOUR)[meter.channel]) == [100.0, 160.0]


@pytest.mark.parametrize(
    ("counter", "before", "after", "slots", "passage"),
    [
        (Counter(), 5, 9, 1, Passage.ORDINARY),
        (Counter(maximum_change=3), 5, 9, 1, Passage.SWAP),
        (Counter(maximum_change=3), 5, 9, 2, Passage.ORDINARY),
        (Counter(100, 3), 99, 1, 1, Passage.ROLLOVER),
        (Counter(100, 3), 90, 1, 1, Passage.RESET),
        (Counter(100, 3), 90, 1, 4, Passage.ROLLOVER),
        (Counter(100, 3), 90, 50, 1, Passage.SWAP),
        (Counter(100), 99, 1, 1, Passage.ROLLOVER),
        (Counter(100), 40, 1, 1, Passage.RESET),
        (Counter(), 99, 1, 1, Passage.RESET),
        (Counter(), 12345.678, 12345.677, 1, Passage.SWAP),  # slipped by its last digit: not 12,345 kWh since a reset
        (Counter(100_000), 12345.678, 12345.677, 1, Passage.SWAP),
        (Counter(maximum_change=3), 99, 0, 1, Passage.RESET),
        (Counter(maximum_change=3), 99, -1, 1, Passage.SWAP),
        (Counter(maximum_change=0.1), 0.2, 0.3, 1, Passage.ORDINARY),  # 0.3 − 0.2 is a little less than 0.1 in floats, 0.1 + 0.2 more
    ],
)
def test_what_happened_between_two_readings(counter: Counter, before: float, after: float, slots: int, passage: Passage) -> None:
    assert counter.passage(before, after, slots) is passage


@given(
    st.lists(st.integers(0, 50), min_size=1, max_size=60),
    st.integers(0, 9_999),
    st.sets(st.integers(1, 58)),
)
def test_the_stretches_of_a_counter_that_rolls_over_sum_to_what_passed(steps: list[int], begin: int, missing: set[int]) -> None:
    ideal = np.cumsum([begin, *steps])
    shown = (ideal % 10_000) / 100  # a counter of two digits and two decimals
    shown[[n for n in missing if n < len(steps)]] = np.nan

    found = stretches(shown, Counter(rolls_over_at=100.0, maximum_change=0.5))

    assert round(float(found.energy.sum()), 9) == round((ideal[-1] - ideal[0]) / 100, 9)
    assert found.slots.sum() == len(steps)
    assert not found.partial.any()


@given(st.lists(st.one_of(st.none(), st.integers(0, 10**6)), max_size=60), st.integers(1, 7))
def test_intervals_never_say_more_than_the_stretches_know(values: list[int | None], count: int) -> None:
    shown = np.array([NAN if value is None else value / 1000 for value in values])

    found = intervals(shown, Counter(rolls_over_at=1000.0, maximum_change=100.0), count)

    assert len(found) == max(0, -(-len(shown) // count) - 1)
    known = found[~np.isnan(found)]
    assert (known >= 0).all()
    assert (known <= 100.0 * count + 1e-6).all()
