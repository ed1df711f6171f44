"""A correction that overtakes the reading it corrects: what was sent last stands, though nothing stood there before."""

from datetime import UTC, date, datetime, timedelta

import pytest
from pyoxigraph import NamedNode
from telemetry_home import QUARTER, RECEIVED, Home, message, quads, reported, run

from kg.embedded import EmbeddedStore
from kg.iris import Iris
from ontology.names import FCV, PROV
from shapes import validate
from telemetry import Channels, ReadingWriter
from telemetry.days import Day, read

MIDNIGHT = datetime(2016, 8, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
MEASURED, CORRECTED = MIDNIGHT + HOUR, MIDNIGHT + 27 * HOUR


def day_of(store: EmbeddedStore, iris: Iris, channels: Channels, home: Home) -> Day:
    return read(store, iris, [(channels.known(home.power), MIDNIGHT.date())])[home.power, MIDNIGHT.date()]


@pytest.fixture
def closed(writer: ReadingWriter, home: Home) -> ReadingWriter:
    """A writer whose day was closed while the readings from 00:15 on were still on their way."""
    writer.write_many([message(run(home.power, MIDNIGHT, [1]), sent=MEASURED)], received=RECEIVED)
    writer.close_days(date(2016, 8, 13))
    return writer


@pytest.mark.parametrize("restarted", [False, True])
def test_the_original_loses_against_the_correction_that_overtook_it(
    store: EmbeddedStore, iris: Iris, channels: Channels, closed: ReadingWriter, home: Home, restarted: bool
) -> None:
    closed.write_many([message(run(home.power, MIDNIGHT + QUARTER, [7]), sent=CORRECTED)], received=RECEIVED)
    writer = ReadingWriter(store, iris, channels) if restarted else closed
    original = message(run(home.power, MIDNIGHT + QUARTER, [2, 3]), sent=MEASURED)

    (outcome,) = writer.write_many([original], received=RECEIVED + HOUR)
    settled = quads(store)
    writer.write_many([original], received=RECEIVED + 2 * HOUR)

    day = day_of(store, iris, channels, home)
    assert day.values == {0: "1", 900: "7", 1800: "3"}
    assert (outcome.accepted, outcome.duplicates, outcome.superseded) == (1, 1, 0)
    (kept,) = [flag for flag in day.flags.values() if flag.reason == str(FCV.Superseded)]
    assert (kept.superseded, kept.offset) == ("2", 900)
    assert quads(store) == settled
    assert validate(store.graph(day.graph), context=store.graph(iris.graph("member", "h01", "osb", "h01"))).sentences == ()


def test_in_order_the_correction_replaces_the_late_original(
    store: EmbeddedStore, iris: Iris, channels: Channels, closed: ReadingWriter, home: Home
) -> None:
    for value, sent in ((2, MEASURED), (7, CORRECTED)):
        closed.write_many([message(run(home.power, MIDNIGHT + QUARTER, [value]), sent=sent)], received=RECEIVED)

    assert day_of(store, iris, channels, home).values == {0: "1", 900: "7"}


def test_of_two_sent_at_the_same_time_the_one_that_arrives_later_stands(
    store: EmbeddedStore, iris: Iris, channels: Channels, closed: ReadingWriter, home: Home
) -> None:
    for value in (2, 7):
        closed.write_many([message(run(home.power, MIDNIGHT + QUARTER, [value]), sent=MEASURED)], received=RECEIVED)

    assert day_of(store, iris, channels, home).values == {0: "1", 900: "7"}


def test_late_readings_of_one_message_share_a_flag_and_those_of_another_have_theirs(
    store: EmbeddedStore, iris: Iris, channels: Channels, closed: ReadingWriter, home: Home
) -> None:
    both = [
        message(run(home.power, MIDNIGHT + QUARTER, [2, 3]), sent=MEASURED),
        message(run(home.power, MIDNIGHT + 3 * QUARTER, [4]), sent=CORRECTED),
    ]
    closed.write_many(both, received=RECEIVED)

    day = day_of(store, iris, channels, home)
    late = sorted((flag.offset, flag.end, flag.sent) for flag in day.flags.values() if flag.reason == str(FCV.LateArrival))
    assert late == [(900, 2700, MEASURED), (2700, None, CORRECTED)]
    stated = [triple for triple in store.graph(day.graph) if triple.predicate == NamedNode(str(PROV.invalidatedAtTime))]
    assert len(stated) == 3  # the two flags, and the revision that ended


def test_a_slot_that_had_been_called_empty_keeps_when_its_value_was_sent(
    store: EmbeddedStore, iris: Iris, channels: Channels, writer: ReadingWriter, home: Home
) -> None:
    gap = message(flags=[reported(home.power, MIDNIGHT, MIDNIGHT + HOUR)])
    correction = message(run(home.power, MIDNIGHT, [7]), sent=CORRECTED)
    original = message(run(home.power, MIDNIGHT, [2]), sent=MEASURED)
    for each in (gap, correction, original):
        writer.write_many([each], received=RECEIVED)

    assert day_of(store, iris, channels, home).values == {0: "7"}
