"""Readings judged by their neighbours: only by what the channel states, and whatever the order in which they came."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from telemetry_home import QUARTER, RECEIVED, Home, described, furnish, quads, run

from kg.embedded import EmbeddedStore
from kg.iris import Iris
from kg.terms import Value
from ontology.names import FC, FCV, UNIT
from telemetry import Channels, ReadingWriter
from telemetry.channels import resampling
from telemetry.days import read

MIDNIGHT = datetime(2016, 8, 12, tzinfo=UTC)
DAY = timedelta(days=1)
CHANGE: Mapping[str, Value] = {FC.maximumChange: 5.0}
STUCK: Mapping[str, Value] = {FC.stuckAfter: timedelta(hours=1)}
KWH = str(UNIT["KiloW-HR"])


class Place:
    """A store with one channel that states what it is told to."""

    def __init__(self, iris: Iris, home: Home, states: Mapping[str, Value], kind: str = "ActivePower", unit: str = str(UNIT.KiloW)) -> None:
        self.store, self.iris, self.channel, self.unit = EmbeddedStore(), iris, home.power, unit
        furnish(self.store, iris, home)
        self.channels = Channels(self.store, iris)
        described(self.store, iris, self.channels, home.power, states=states, kind=kind, unit=unit)
        self.writer = ReadingWriter(self.store, iris, self.channels)

    def write(self, values: Sequence[float | str | None], first: int = 0) -> int:
        return self.writer.write([run(self.channel, MIDNIGHT + first * QUARTER, values, self.unit)], received=RECEIVED).flagged

    def flags(self, day: datetime = MIDNIGHT) -> list[tuple[str, int, int | None]]:
        state = read(self.store, self.iris, [(self.channels.known(self.channel), day.date())])[self.channel, day.date()]
        found = [
            (flag.reason.rsplit("/", 1)[-1], flag.offset // 900, None if flag.end is None else flag.end // 900)
            for flag in state.flags.values()
        ]
        return sorted(found, key=lambda each: (each[1], each[0]))


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([1, 2, 7, 2], []),
        ([1, 2, 8, 2], [2]),  # a spike, and no doubt about the return from it
        ([1, 8, 8, 8], [1]),  # a step is doubted once
        ([1, 8, 15, 22], [1, 3]),
        ([1, None, 8], []),  # nothing is said over a gap
    ],
)
def test_a_jump_beyond_the_channels_own_maximum_is_flagged(iris: Iris, home: Home, values: list[float | None], expected: list[int]) -> None:
    place = Place(iris, home, CHANGE)

    assert place.write(values) == len(expected)
    assert place.flags() == [("ImplausibleChange", slot, None) for slot in expected]


def test_a_jump_over_midnight_is_seen_from_the_day_before(iris: Iris, home: Home) -> None:
    for order in ([(-1, [1]), (0, [9])], [(-1, [1, 9])]):
        place = Place(iris, home, CHANGE)
        for first, values in order:
            place.write(values, first)
        assert place.flags() == [("ImplausibleChange", 0, None)]


def test_a_jump_from_a_closed_day_is_seen_in_the_latest_value(iris: Iris, home: Home) -> None:
    place = Place(iris, home, CHANGE)
    place.write([1] * 96, -96)
    place.write([9])

    assert place.flags() == [("ImplausibleChange", 0, None)]


def test_a_jump_in_history_is_seen_from_the_closed_day_before_whatever_is_known_of_later_days(iris: Iris, home: Home) -> None:
    place = Place(iris, home, CHANGE)
    place.write([1], 10 * 96)
    place.write([1] * 96, -96)
    place.write([9])

    assert place.flags() == [("ImplausibleChange", 0, None)]


def test_the_return_from_a_value_out_of_range_is_no_jump(iris: Iris, home: Home) -> None:
    place = Place(iris, home, CHANGE)
    place.write([60, 1, 2])

    assert place.flags() == [("OutOfRange", 0, None)]


def test_without_a_statement_nothing_is_a_jump_or_stuck(iris: Iris, home: Home) -> None:
    place = Place(iris, home, {})
    place.write([1, 24, *[3.5] * 94])

    assert place.flags() == []


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([7] * 4, []),  # an hour is not longer than an hour
        ([1, *[7] * 5, 2], [(1, 6)]),
        ([0] * 40, []),  # a PV system at night, a device at rest
        ([7, 7, 7, None, 7, 7, 7], []),
        ([7] * 3 + [8] + [7] * 6, [(4, 10)]),
    ],
)
def test_a_value_that_stands_too_long_has_one_flag(
    iris: Iris, home: Home, values: list[float | None], expected: list[tuple[int, int]]
) -> None:
    place = Place(iris, home, STUCK)
    place.write(values)

    assert place.flags() == [("StuckValue", first, end) for first, end in expected]


def test_the_flag_of_a_standstill_grows_by_one_triple_and_crosses_midnight(iris: Iris, home: Home) -> None:
    place = Place(iris, home, STUCK)
    for slot in range(92, 97):
        place.write([7], slot - 96)
    counts = []
    for slot in (97, 98, 99):
        place.write([7], slot - 96)
        counts.append(place.store.count())

    assert place.flags(MIDNIGHT - DAY) == []
    assert place.flags() == [("StuckValue", 0, 4)]
    assert [after - before for before, after in pairwise(counts)] == [1, 1]  # the readings; the end only changes


def test_a_correction_ends_a_standstill_that_was_none(iris: Iris, home: Home) -> None:
    place = Place(iris, home, STUCK)
    place.write([7] * 6)
    place.write([6], 3)

    assert place.flags() == [("Superseded", 3, None)]


@pytest.mark.parametrize(
    ("values", "states", "expected"),
    [
        ([10, 11, 11, 13], {}, []),
        ([99998, 99999, 1], {FC.rollsOverAt: 100000.0, FC.maximumChange: 5.0}, [("CounterRollover", 2)]),
        ([99998, 99999, 1], {FC.rollsOverAt: 100000.0}, [("CounterRollover", 2)]),
        ([500, 501, 1], {FC.rollsOverAt: 100000.0, FC.maximumChange: 5.0}, [("CounterReset", 2)]),
        ([500, 501, 1], {}, [("CounterReset", 2)]),
        ([500, 501, 9000], {FC.maximumChange: 5.0}, [("MeterSwap", 2)]),
        ([500, 501, 200], {FC.maximumChange: 5.0}, [("MeterSwap", 2)]),
        ([500, None, None, 514], {FC.maximumChange: 5.0}, []),  # three intervals may bring three times as much
        ([500, None, None, 516], {FC.maximumChange: 5.0}, [("MeterSwap", 3)]),
    ],
)
def test_a_counter_that_does_not_go_on_says_why(
    iris: Iris, home: Home, values: list[float | None], states: dict[str, Value], expected: list[tuple[str, int]]
) -> None:
    place = Place(iris, home, {FC.maximum: 100000.0, **states}, "EnergyRegister", KWH)
    place.write(values)

    assert place.flags() == [(reason, slot, None) for reason, slot in expected]


VALUES = st.lists(st.sampled_from([None, "0", "1", "1", "1", "8", "9", "60"]), min_size=4, max_size=30)


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(values=VALUES, cuts=st.sets(st.integers(1, 29)), order=st.randoms(use_true_random=False), counter=st.booleans())
def test_what_is_found_depends_on_the_values_and_not_on_the_order_in_which_they_came(
    iris: Iris, home: Home, values: list[str | None], cuts: set[int], order: Random, counter: bool
) -> None:
    states = {**CHANGE, **STUCK}
    kind, unit = ("EnergyRegister", KWH) if counter else ("ActivePower", str(UNIT.KiloW))
    whole, parts = (Place(iris, home, states, kind, unit) for _ in range(2))
    whole.write(values)
    edges = [0, *sorted(cut for cut in cuts if cut < len(values)), len(values)]
    pieces = [(first, values[first:last]) for first, last in pairwise(edges)]
    order.shuffle(pieces)
    for first, piece in pieces * 2:
        parts.write(piece, first)

    assert parts.flags() == whole.flags()
    assert quads(parts.store) == quads(whole.store)


@pytest.mark.parametrize(
    ("kind", "rule"),
    [
        (FCV.ActivePower, FCV.MeanOfParts),
        (FCV.ActiveEnergy, FCV.SumOfParts),
        (FCV.StateOfCharge, FCV.LastOfParts),
        (FCV.EnergyRegister, FCV.FirstOfParts),
    ],
)
def test_a_channel_knows_how_its_kind_is_resampled(iris: Iris, home: Home, kind: str, rule: str) -> None:
    name = str(kind).rsplit("/", 1)[-1]
    place = Place(iris, home, {}, name, KWH)

    assert place.channels.known(home.power).resampling == str(rule)
    assert resampling("https://example.org/kind") is None
