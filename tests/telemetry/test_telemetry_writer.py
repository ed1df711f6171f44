"""The two forms of a day, and that nothing is lost, doubled or silently changed on the way into them."""

from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pyoxigraph import Quad
from telemetry_home import DEG_C, KW, QUARTER, RECEIVED, Home, one, quads, run

from kg.embedded import EmbeddedStore
from kg.errors import StoreError
from kg.iris import Iris
from mappers.records import Series
from ontology.names import FCV, UNIT
from shapes import validate
from telemetry import Channels, Readings, ReadingWriter

MIDNIGHT = datetime(2016, 8, 12, tzinfo=UTC)
DAY = timedelta(days=1)
WHOLE_DAY = [i / 8 for i in range(96)]


def values_of(readings: Readings, channel: str, start: datetime = MIDNIGHT, end: datetime = MIDNIGHT + DAY) -> list[float]:
    return [float(value) for value in readings.frame([channel], start, end)[channel]]


def test_a_run_of_an_open_day_is_one_predicate_a_slot(store: EmbeddedStore, iris: Iris, writer: ReadingWriter, home: Home) -> None:
    outcome = writer.write([run(home.power, MIDNIGHT, ["1.234", None, "0.98"])], received=RECEIVED)

    found = store.select(
        f"SELECT ?p ?v {{ GRAPH <{iris.graph('member', 'h01', 'telemetry', '2016-08')}> "
        f"{{ <{iris.day(home.power, MIDNIGHT.date())}> ?p ?v }} }} ORDER BY ?p"
    )
    assert (outcome.accepted, outcome.duplicates) == (2, 0)
    assert [(row["p"].value.rsplit("/", 1)[-1], row["v"].value) for row in found if "slot" in row["p"].value] == [
        ("s0", "1.234"),
        ("s1800", "0.98"),
    ]


def test_a_whole_day_at_once_is_stored_closed_in_four_triples(
    store: EmbeddedStore, writer: ReadingWriter, readings: Readings, home: Home
) -> None:
    before = store.count()

    writer.write([run(home.power, MIDNIGHT, WHOLE_DAY)], received=RECEIVED)

    assert store.count() - before == 4
    assert values_of(readings, home.power) == WHOLE_DAY


def test_a_run_over_midnight_fills_two_days(iris: Iris, writer: ReadingWriter, readings: Readings, home: Home) -> None:
    writer.write([run(home.power, MIDNIGHT - QUARTER, [1, 2])], received=RECEIVED)

    assert readings.days(home.power, MIDNIGHT - DAY, MIDNIGHT + DAY) == [
        iris.day(home.power, date(2016, 8, 11)),
        iris.day(home.power, date(2016, 8, 12)),
    ]
    assert values_of(readings, home.power, MIDNIGHT - QUARTER, MIDNIGHT + QUARTER) == [1.0, 2.0]


def test_a_message_replayed_three_times_adds_nothing(store: EmbeddedStore, writer: ReadingWriter, home: Home) -> None:
    message = [run(home.power, MIDNIGHT, [1, 2, 99]), one(home.zone, MIDNIGHT, 21.5, DEG_C)]
    writer.write(message, received=RECEIVED)
    first = quads(store)

    outcomes = [writer.write(message, received=RECEIVED + QUARTER * n) for n in range(3)]

    assert [(o.accepted, o.duplicates) for o in outcomes] == [(0, 4)] * 3
    assert quads(store) == first


def test_equal_numbers_spelt_differently_are_the_same_reading(store: EmbeddedStore, writer: ReadingWriter, home: Home) -> None:
    writer.write([run(home.power, MIDNIGHT, ["1.50", "0"])], received=RECEIVED)
    first = quads(store)

    outcome = writer.write([run(home.power, MIDNIGHT, ["1.5", "-0.0"])], received=RECEIVED)

    assert outcome.duplicates == 2
    assert quads(store) == first


def test_a_later_different_value_supersedes_and_the_old_one_is_kept(
    store: EmbeddedStore, iris: Iris, writer: ReadingWriter, readings: Readings, home: Home
) -> None:
    writer.write([one(home.power, MIDNIGHT, 1)], received=RECEIVED)

    outcome = writer.write([one(home.power, MIDNIGHT, 2)], received=RECEIVED)

    ((at, flag),) = readings.flags(home.power, MIDNIGHT, MIDNIGHT + DAY)
    assert outcome.superseded == 1
    assert values_of(readings, home.power)[0] == 2.0
    assert (at, flag.reason, flag.superseded) == (MIDNIGHT, str(FCV.Superseded), "1")
    assert flag.iri == iris.day(home.power, MIDNIGHT.date()) + "#s0-Superseded"
    assert "1 was replaced at 2016-09-30T00:00:00Z" in flag.comment


def test_replaying_a_superseded_value_does_not_bring_it_back(
    store: EmbeddedStore, writer: ReadingWriter, readings: Readings, home: Home
) -> None:
    for value in (1, 2, 3):
        writer.write([one(home.power, MIDNIGHT, value)], received=RECEIVED)
    settled = quads(store)

    for value in (1, 2, 3, 1):
        writer.write([one(home.power, MIDNIGHT, value)], received=RECEIVED)

    assert quads(store) == settled
    assert values_of(readings, home.power)[0] == 3.0
    assert [flag.superseded for _, flag in readings.flags(home.power, MIDNIGHT, MIDNIGHT + DAY)] == ["1", "2"]


def test_superseding_within_one_call_keeps_the_first_value_on_a_flag(writer: ReadingWriter, readings: Readings, home: Home) -> None:
    outcome = writer.write([one(home.power, MIDNIGHT, 1), one(home.power, MIDNIGHT, 2)], received=RECEIVED)

    assert (outcome.accepted, outcome.superseded) == (2, 1)
    assert values_of(readings, home.power)[0] == 2.0
    assert [flag.superseded for _, flag in readings.flags(home.power, MIDNIGHT, MIDNIGHT + DAY)] == ["1"]


def test_a_value_out_of_range_is_stored_and_flagged_with_its_reason(writer: ReadingWriter, readings: Readings, home: Home) -> None:
    outcome = writer.write([one(home.power, MIDNIGHT, 99)], received=RECEIVED)

    ((_, flag),) = readings.flags(home.power, MIDNIGHT, MIDNIGHT + DAY)
    assert (outcome.accepted, outcome.flagged) == (1, 1)
    assert values_of(readings, home.power)[0] == 99.0
    assert flag.comment == "99 lies outside -25.0 … 25.0 KiloW, the range that the channel itself states."


def test_a_good_value_ends_the_doubt_about_the_bad_one_but_keeps_its_story(writer: ReadingWriter, readings: Readings, home: Home) -> None:
    writer.write([one(home.power, MIDNIGHT, 99)], received=RECEIVED)
    writer.write([one(home.power, MIDNIGHT, 9)], received=RECEIVED)

    ((_, flag),) = readings.flags(home.power, MIDNIGHT, MIDNIGHT + DAY)
    assert (flag.reason, flag.superseded) == (str(FCV.Superseded), "99")
    assert "99 lies outside" in flag.comment


def test_a_late_value_joins_the_closed_day_with_a_flag(store: EmbeddedStore, writer: ReadingWriter, readings: Readings, home: Home) -> None:
    writer.write([run(home.power, MIDNIGHT, [1, None, 3])], received=RECEIVED)
    writer.close_days(date(2016, 8, 13))
    before = store.count()

    outcome = writer.write([one(home.power, MIDNIGHT + QUARTER, 2)], received=RECEIVED)

    ((at, flag),) = readings.flags(home.power, MIDNIGHT, MIDNIGHT + DAY)
    assert outcome.accepted == 1
    assert values_of(readings, home.power)[:3] == [1.0, 2.0, 3.0]
    assert (at, flag.reason) == (MIDNIGHT + QUARTER, str(FCV.LateArrival))
    assert store.count() - before == 5 + 1 + 6  # the flag, the number of the revision, the revision before; the array was replaced


def test_superseding_in_a_closed_day_rewrites_its_array(
    store: EmbeddedStore, writer: ReadingWriter, readings: Readings, home: Home
) -> None:
    writer.write([run(home.power, MIDNIGHT, WHOLE_DAY)], received=RECEIVED)

    writer.write([one(home.power, MIDNIGHT, 7)], received=RECEIVED)

    ((_, flag),) = readings.flags(home.power, MIDNIGHT, MIDNIGHT + DAY)
    assert values_of(readings, home.power)[:2] == [7.0, 0.125]
    assert flag.superseded == "0"
    assert len(store.select("SELECT ?v { GRAPH ?g { ?d <https://w3id.org/flexcoop/ns#values> ?v } }")) == 1


def test_closing_packs_only_earlier_days_and_changes_no_value(
    store: EmbeddedStore, writer: ReadingWriter, readings: Readings, home: Home
) -> None:
    for channel in (home.power, home.battery):
        writer.write([run(channel, MIDNIGHT + n * DAY, [n, 0.5, None, -1]) for n in range(3)], received=RECEIVED)
    before = readings.frame([home.power, home.battery], MIDNIGHT, MIDNIGHT + 3 * DAY)

    packed = writer.close_days(date(2016, 8, 14), slice_size=1)

    assert packed == 4
    assert len(store.select("SELECT ?v { GRAPH ?g { ?d <https://w3id.org/flexcoop/ns#values> ?v } }")) == 4
    assert readings.frame([home.power, home.battery], MIDNIGHT, MIDNIGHT + 3 * DAY).equals(before)


def test_closing_can_be_interrupted_and_taken_up_again(writer: ReadingWriter, home: Home) -> None:
    writer.write([run(home.power, MIDNIGHT + n * DAY, [1]) for n in range(5)], received=RECEIVED)
    answers = iter([False, False, True])

    assert writer.close_days(date(2016, 9, 1), slice_size=1, stop=lambda: next(answers)) == 2
    assert writer.close_days(date(2016, 9, 1)) == 3
    assert writer.close_days(date(2016, 9, 1)) == 0


class FailingStore(EmbeddedStore):
    """Refuses writes while `fails` is set; beside the store it imitates, because a full disk can't be had on demand."""

    fails = False

    def apply(self, *, delete: Iterable[Quad] = (), insert: Iterable[Quad] = ()) -> None:
        if self.fails:
            raise StoreError("the store refused a write: no space left; free some")
        super().apply(delete=delete, insert=insert)


def test_a_failed_write_changes_nothing_and_can_be_repeated(iris: Iris, home: Home, furnished: FailingStore) -> None:
    channels = Channels(furnished, iris)
    writer, readings = ReadingWriter(furnished, iris, channels), Readings(furnished, iris, channels)
    writer.write([one(home.power, MIDNIGHT, 1)], received=RECEIVED)
    furnished.fails = True
    message = [run(home.power, MIDNIGHT, [2, 3])]
    with pytest.raises(StoreError):
        writer.write(message, received=RECEIVED)
    assert values_of(readings, home.power)[:1] == [1.0]
    assert readings.latest([home.power]) == {home.power: (MIDNIGHT, 1.0)}

    furnished.fails = False
    outcome = writer.write(message, received=RECEIVED)

    assert (outcome.accepted, outcome.superseded) == (2, 1)
    assert values_of(readings, home.power)[:2] == [2.0, 3.0]


@pytest.fixture
def furnished(iris: Iris, home: Home) -> FailingStore:
    from telemetry_home import furnish

    store = FailingStore()
    furnish(store, iris, home)
    return store


def test_a_new_writer_goes_on_where_a_killed_one_stopped(store: EmbeddedStore, iris: Iris, channels: Channels, home: Home) -> None:
    ReadingWriter(store, iris, channels).write([run(home.power, MIDNIGHT, [1, 2])], received=RECEIVED)

    fresh = Channels(store, iris)
    outcome = ReadingWriter(store, iris, fresh).write([run(home.power, MIDNIGHT, [1, 5, 3])], received=RECEIVED)

    assert (outcome.accepted, outcome.duplicates, outcome.superseded) == (2, 1, 1)
    assert values_of(Readings(store, iris, fresh), home.power)[:3] == [1.0, 5.0, 3.0]


def test_a_tiny_cache_gives_the_same_as_a_large_one(
    store: EmbeddedStore, iris: Iris, channels: Channels, readings: Readings, home: Home
) -> None:
    writer = ReadingWriter(store, iris, channels, cached_readings=1)
    for _ in range(2):
        for n in range(4):
            writer.write([run(channel, MIDNIGHT + n * QUARTER, [n]) for channel in (home.power, home.battery)], received=RECEIVED)

    frame = readings.frame([home.power, home.battery], MIDNIGHT, MIDNIGHT + 4 * QUARTER)
    assert np.array_equal(frame.to_numpy(), [[n, n] for n in range(4)])


VALUES = [None if i % 7 == 3 else f"{i / 8 - 5}" for i in range(200)]


@st.composite
def deliveries(draw: st.DrawFn) -> list[tuple[int, int]]:
    """Slices of one run that cover it all: cut anywhere, some twice, in any order."""
    cuts = sorted(draw(st.sets(st.integers(1, len(VALUES) - 1), max_size=12)) | {0, len(VALUES)})
    pieces = list(pairwise(cuts))
    return draw(st.permutations(pieces + draw(st.lists(st.sampled_from(pieces), max_size=4))))


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(pieces=deliveries(), closing=st.sets(st.integers(0, 15), max_size=3))
def test_any_split_order_or_repetition_of_messages_gives_the_same_table(
    iris: Iris, home: Home, pieces: list[tuple[int, int]], closing: set[int]
) -> None:
    from telemetry_home import furnish

    store = EmbeddedStore()
    furnish(store, iris, home)
    channels = Channels(store, iris)
    writer = ReadingWriter(store, iris, channels)
    for turn, (first, last) in enumerate(pieces):
        writer.write([Series(home.power, MIDNIGHT + first * QUARTER, QUARTER, tuple(VALUES[first:last]), KW)], received=RECEIVED)
        if turn in closing:
            writer.close_days(date(2016, 8, 14))

    frame = Readings(store, iris, channels).frame([home.power], MIDNIGHT, MIDNIGHT + len(VALUES) * QUARTER)
    expected = [np.nan if value is None else float(value) for value in VALUES]
    assert np.array_equal(frame[home.power].to_numpy(), expected, equal_nan=True)


def test_watts_are_stored_as_the_channels_kilowatts(store: EmbeddedStore, writer: ReadingWriter, home: Home) -> None:
    writer.write([one(home.power, MIDNIGHT, 1234, str(UNIT.W)), one(home.zone, MIDNIGHT, 77, str(UNIT.DEG_F))], received=RECEIVED)

    stored = store.select("SELECT ?v { GRAPH ?g { ?d <https://w3id.org/flexcoop/slot/s0> ?v } } ORDER BY ?v")
    assert [row["v"].value for row in stored] == ["1.234", "25"]


def test_what_is_written_obeys_the_shapes(store: EmbeddedStore, iris: Iris, writer: ReadingWriter, home: Home) -> None:
    writer.write([run(home.power, MIDNIGHT, WHOLE_DAY), run(home.battery, MIDNIGHT, [1, 99])], received=RECEIVED)
    writer.write([run(home.power, MIDNIGHT, [7]), run(home.battery, MIDNIGHT, [2])], received=RECEIVED)
    writer.write([one(home.zone, RECEIVED + 2 * QUARTER, 20, DEG_C)], received=RECEIVED)

    for month in ("2016-08", "2016-09"):
        report = validate(
            store.graph(iris.graph("member", "h01", "telemetry", month)), context=store.graph(iris.graph("member", "h01", "osb", "h01"))
        )
        assert report.sentences == ()
