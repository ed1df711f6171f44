"""Quarter-hours kept by month are those that are stored: in any window, after a correction, and while somebody writes."""

from datetime import UTC, date, datetime, timedelta

import numpy as np
import pyoxigraph as ox
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from api import quarter_hours
from api.quarter_hours import STEP, QuarterHours
from kg.terms import Json, describe
from ontology.names import FC, S4ENER

FIRST, DAYS = date(2016, 7, 28), 40  # over two ends of a month
BEGIN = datetime(2016, 7, 28, tzinfo=UTC)


class Counted:
    """Readings that count how often they are asked, and let somebody write in between."""

    def __init__(self, readings) -> None:
        self.readings, self.asked, self.between = readings, 0, lambda: None

    def frame(self, *given):
        self.asked += 1
        found = self.readings.frame(*given)
        self.between()
        return found


@pytest.fixture
def channels(services):
    return [services.channels.known(services.iris.id("connection", name)) for name in ("h01#activePower", "h02#activePower")]


@pytest.fixture
def write(services):
    """Have a day of a channel hold one value in each quarter-hour but the first, in place of what it held."""

    def put(channel, day: date, value: float) -> None:
        graph, node = channel.month_graph(day), services.iris.day(channel.iri, day)
        old = [ox.Quad(*triple, ox.NamedNode(graph)) for triple in services.store.graph(graph) if triple.subject.value == node]
        said = {FC.forProperty: ox.NamedNode(channel.iri), FC.day: day, S4ENER.hasTemporalResolution: STEP}
        packed = Json(f"[null,{','.join([str(value)] * 95)}]")
        services.store.apply(delete=old, insert=describe(graph, node, {**said, FC["values"]: packed}))

    return put


@pytest.fixture
def world(services, channels, write):
    for number in range(DAYS):
        for place, channel in enumerate(channels):
            if number % 7 != place:  # whole days are missing, too
                write(channel, FIRST + timedelta(days=number), number + place / 4)
    readings = Counted(services.readings)
    return QuarterHours(services.store, readings), readings


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=25)
@given(first=st.integers(-100, 96 * DAYS), count=st.integers(0, 96 * DAYS), which=st.sampled_from([(0,), (1,), (0, 1), ()]))
def test_any_window_is_as_the_readings_have_it(services, channels, world, first: int, count: int, which: tuple[int, ...]):
    kept, _ = world
    begin, wanted = BEGIN + first * STEP, [channels[n] for n in which]
    found = kept.values(wanted, begin, begin + count * STEP)

    assert found.shape == (len(wanted), count)
    if wanted and count:
        frame = services.readings.frame([each.iri for each in wanted], begin, begin + count * STEP, STEP)
        np.testing.assert_array_equal(found, frame.to_numpy().T)


def test_a_window_that_was_read_is_not_read_again_and_a_correction_shows_at_once(channels, write, world):
    kept, readings = world
    window = (BEGIN, BEGIN + 40 * 96 * STEP)
    before = kept.values(channels, *window)
    kept.values(channels[:1], *window)
    assert readings.asked == 1

    write(channels[0], date(2016, 8, 15), 100.0)
    after = kept.values(channels, *window)

    assert readings.asked == 2
    changed = np.argwhere(~np.isclose(before, after, equal_nan=True))
    assert set(map(tuple, changed)) == {(0, 18 * 96 + slot) for slot in range(1, 96)}
    assert after[0, 18 * 96 + 1] == 100.0


def test_what_is_written_while_a_month_is_read_is_not_missed(channels, write, world):
    kept, readings = world
    day = (datetime(2016, 8, 15, tzinfo=UTC), datetime(2016, 8, 16, tzinfo=UTC))
    readings.between = lambda: write(channels[0], date(2016, 8, 15), 100.0)
    assert kept.values(channels[:1], *day)[0, 1] == 18  # as it was when it was read

    readings.between = lambda: None
    assert kept.values(channels[:1], *day)[0, 1] == 100.0


def test_of_a_store_that_tells_nobody_of_writes_nothing_is_kept(services, channels, world):
    readings = world[1]
    kept = QuarterHours(object(), readings)  # such as one behind HTTP
    for _ in range(2):
        kept.values(channels, BEGIN, BEGIN + 96 * STEP)

    assert readings.asked == 2


def test_no_more_months_are_kept_than_there_is_room_for(channels, world, monkeypatch):
    monkeypatch.setattr(quarter_hours, "MOST", 2)
    kept, readings = world
    august = (datetime(2016, 8, 10, tzinfo=UTC), datetime(2016, 8, 11, tzinfo=UTC))
    july = (datetime(2016, 7, 29, tzinfo=UTC), datetime(2016, 7, 30, tzinfo=UTC))
    for window in (july, august, august, july):
        kept.values(channels, *window)

    assert readings.asked == 3  # July had to go when August came


def test_an_update_in_words_may_have_changed_anything(services, channels, world):
    kept, readings = world
    day = (datetime(2016, 8, 15, tzinfo=UTC), datetime(2016, 8, 16, tzinfo=UTC))
    kept.values(channels, *day)
    services.store.update(f"DELETE WHERE {{ GRAPH <{channels[0].month_graph(date(2016, 8, 15))}> {{ ?s ?p ?o }} }}")

    assert np.isnan(kept.values(channels, *day)[0]).all()
    assert readings.asked == 2
