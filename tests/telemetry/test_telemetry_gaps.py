"""Gaps with their reasons, and days at another step than the channel has now."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from telemetry_home import KW, QUARTER, RECEIVED, Home, channel_quads, described, run

from kg.embedded import EmbeddedStore
from kg.iris import Iris
from mappers.records import Message, ReportedFlag, Series
from ontology.names import FCV
from telemetry import Channels, Readings, ReadingWriter
from telemetry.gaps import Gap, gaps
from telemetry.resampling import Rule, expand, resample

MIDNIGHT = datetime(2016, 8, 12, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
UNREACHABLE = str(FCV.DeviceUnreachable)


def test_a_gap_is_a_run_and_a_reason_parts_it(writer: ReadingWriter, readings: Readings, home: Home) -> None:
    flag = ReportedFlag(home.power, MIDNIGHT + 2 * QUARTER, MIDNIGHT + 4 * QUARTER, UNREACHABLE, "The inverter did not answer.")
    series = (run(home.power, MIDNIGHT, [1, None, None, None, None, 6, 7, 8]),)
    writer.write_many([Message("urn:m", "urn:osb", None, series, (), (flag,))], received=RECEIVED)

    found = readings.gaps([home.power, home.zone], MIDNIGHT, MIDNIGHT + 2 * HOUR)

    assert found == [
        Gap(home.power, MIDNIGHT + QUARTER, MIDNIGHT + 2 * QUARTER),
        Gap(home.power, MIDNIGHT + 2 * QUARTER, MIDNIGHT + 4 * QUARTER, UNREACHABLE, "The inverter did not answer."),
        Gap(home.power, MIDNIGHT + 4 * QUARTER, MIDNIGHT + 5 * QUARTER),
        Gap(home.zone, MIDNIGHT, MIDNIGHT + 2 * HOUR),
    ]
    assert [gap.slots(QUARTER) for gap in found] == [1, 2, 1, 8]
    energy = readings.energy(home.power, MIDNIGHT, MIDNIGHT + 2 * HOUR)
    assert (energy.count, energy.expected, energy.flagged) == (4, 8, 2)
    (late,) = readings.flags(home.power, MIDNIGHT + 3 * QUARTER, MIDNIGHT + HOUR)
    assert late[0] == MIDNIGHT + 2 * QUARTER


def test_nothing_missing_is_no_gap(writer: ReadingWriter, readings: Readings, home: Home) -> None:
    writer.write([run(home.power, MIDNIGHT, [1, 2, 3, 4])], received=RECEIVED)

    assert readings.gaps([home.power], MIDNIGHT, MIDNIGHT + HOUR) == []


@given(st.lists(st.booleans(), max_size=50))
def test_gaps_cover_what_is_missing_and_nothing_else(present: list[bool]) -> None:
    values = np.array([1.0 if each else np.nan for each in present])

    found = gaps("urn:c", values, MIDNIGHT, QUARTER, [])

    slots = [(gap.start - MIDNIGHT) // QUARTER + n for gap in found for n in range(gap.slots(QUARTER))]
    assert slots == [n for n, each in enumerate(present) if not each]
    assert all(a.end < b.start for a, b in pairwise(found))


@given(st.lists(st.one_of(st.none(), st.integers(-(10**6), 10**6)), min_size=1, max_size=24), st.integers(1, 6), st.sampled_from(Rule))
def test_what_is_laid_out_in_parts_comes_back(values: list[int | None], count: int, how: Rule) -> None:
    row = np.array([np.nan if value is None else value / 1000 for value in values])

    back = resample(expand(row, count, how)[None, :], count, how)[0]

    assert back == pytest.approx(row, rel=1e-12, abs=1e-12, nan_ok=True)


def test_minutes_stored_before_the_step_became_longer_are_averaged(
    store: EmbeddedStore, iris: Iris, channels: Channels, writer: ReadingWriter, readings: Readings, home: Home
) -> None:
    minute = timedelta(minutes=1)
    graph = iris.graph("member", "h01", "osb", "h01")
    before, after = channel_quads(iris, home.power, step=minute), channel_quads(iris, home.power)
    store.apply(delete=[quad for quad in after if quad not in before], insert=before)
    channels.reload(graph)
    writer.write([Series(home.power, MIDNIGHT, minute, tuple(str(n % 15) for n in range(1440)), KW)], received=RECEIVED)
    store.apply(delete=[quad for quad in before if quad not in after], insert=after)
    channels.reload(graph)

    assert (readings.frame([home.power], MIDNIGHT, MIDNIGHT + DAY)[home.power] == 7).all()


def test_minutes_of_an_open_day_read_as_they_will_once_it_is_packed(
    store: EmbeddedStore, iris: Iris, channels: Channels, writer: ReadingWriter, readings: Readings, home: Home
) -> None:
    minute = timedelta(minutes=1)
    described(store, iris, channels, home.power, step=minute)
    writer.write([Series(home.power, MIDNIGHT, minute, tuple(str(n % 15) for n in range(60)), KW)], received=MIDNIGHT + HOUR)
    described(store, iris, channels, home.power)

    before = readings.frame([home.power], MIDNIGHT, MIDNIGHT + DAY)[home.power]
    writer.close_days(RECEIVED.date())
    after = readings.frame([home.power], MIDNIGHT, MIDNIGHT + DAY)[home.power]

    assert before.dropna().tolist() == [7.0] * 4
    assert before.equals(after)
