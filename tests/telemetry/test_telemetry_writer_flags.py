"""Gaps with their reasons, and what devices and boxes say of readings: kept once, however often and in whatever pieces it is said."""

from datetime import UTC, date, datetime, timedelta
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from telemetry_home import KW, QUARTER, RECEIVED, Home, described, furnish, message, one, quads, reported, run

from kg.embedded import EmbeddedStore
from kg.iris import Iris
from mappers.records import Message
from ontology.names import FC, FCV, UNIT
from shapes import validate
from telemetry import Channels, Readings, ReadingWriter
from telemetry.days import Flag, read

MIDNIGHT = datetime(2016, 8, 12, tzinfo=UTC)
DAY = timedelta(days=1)
HOUR = timedelta(hours=1)
TODAY = MIDNIGHT.date()


def flags_of(store: EmbeddedStore, iris: Iris, channels: Channels, channel: str, day: date = TODAY) -> list[Flag]:
    state = read(store, iris, [(channels.known(channel), day)])[channel, day]
    return sorted(state.flags.values(), key=lambda flag: (flag.offset, flag.iri))


def spans(flags: list[Flag]) -> list[tuple[str, int, int | None]]:
    return [(flag.reason.rsplit("/", 1)[-1], flag.offset, flag.end) for flag in flags]


def send(writer: ReadingWriter, *messages: Message, received: datetime = RECEIVED) -> None:
    for each in messages:
        writer.write_many([each], received=received)


def test_a_gap_stands_on_its_empty_slots_with_its_reason(
    store: EmbeddedStore, iris: Iris, channels: Channels, writer: ReadingWriter, home: Home
) -> None:
    (outcome,) = writer.write_many([message(flags=[reported(home.power, MIDNIGHT, MIDNIGHT + HOUR)])], received=RECEIVED)

    (flag,) = flags_of(store, iris, channels, home.power)
    assert (outcome.accepted, outcome.reported, outcome.refused) == (0, 1, ())
    assert (flag.offset, flag.end, flag.comment) == (0, 3600, "No answer.")
    assert flag.iri == iris.day(home.power, TODAY) + "#s0-DeviceUnreachable"


def test_a_gap_over_midnight_is_cut_and_a_part_of_an_interval_counts_as_all_of_it(
    store: EmbeddedStore, iris: Iris, channels: Channels, writer: ReadingWriter, home: Home
) -> None:
    end = MIDNIGHT + timedelta(minutes=20)
    send(writer, message(flags=[reported(home.power, MIDNIGHT - timedelta(minutes=20), end)]))

    assert spans(flags_of(store, iris, channels, home.power, date(2016, 8, 11))) == [("DeviceUnreachable", 84600, 86400)]
    assert spans(flags_of(store, iris, channels, home.power)) == [("DeviceUnreachable", 0, 1800)]


def test_neighbouring_gaps_of_equal_words_become_one_and_others_do_not(
    store: EmbeddedStore, iris: Iris, channels: Channels, writer: ReadingWriter, home: Home
) -> None:
    for n in (2, 0, 1):
        send(writer, message(flags=[reported(home.power, MIDNIGHT + n * QUARTER, None)]))
    send(writer, message(flags=[reported(home.power, MIDNIGHT + 3 * QUARTER, None, comment="Exception 2.")]))

    assert spans(flags_of(store, iris, channels, home.power)) == [("DeviceUnreachable", 0, 2700), ("DeviceUnreachable", 2700, None)]


PIECES = st.lists(st.tuples(st.integers(0, 20), st.integers(1, 6)), min_size=1, max_size=8)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(pieces=PIECES, again=st.randoms())
def test_the_same_gaps_in_any_order_and_however_often_are_the_same_flags(
    iris: Iris, home: Home, pieces: list[tuple[int, int]], again: Random
) -> None:
    found = []
    for order in (pieces, again.sample(pieces * 2, 2 * len(pieces))):
        store = EmbeddedStore()
        furnish(store, iris, home)
        writer = ReadingWriter(store, iris, Channels(store, iris))
        for first, count in order:
            begin = MIDNIGHT + first * QUARTER
            send(writer, message(flags=[reported(home.power, begin, begin + count * QUARTER)]))
        found.append(quads(store))
    covered = {slot for first, count in pieces for slot in range(first, first + count)}
    day = read(store, iris, [(Channels(store, iris).known(home.power), TODAY)])[home.power, TODAY]

    assert found[0] == found[1]
    assert {slot for slot in range(96) if any(flag.covers(slot * 900) for flag in day.flags.values())} == covered


def test_a_value_that_comes_later_ends_the_gap_there_and_the_story_is_kept(
    store: EmbeddedStore, iris: Iris, channels: Channels, writer: ReadingWriter, home: Home
) -> None:
    gap = message(flags=[reported(home.power, MIDNIGHT, MIDNIGHT + HOUR)])
    send(writer, gap, message(run(home.power, MIDNIGHT + QUARTER, ["1.5"])))

    flags = flags_of(store, iris, channels, home.power)
    assert spans(flags) == [("DeviceUnreachable", 0, 900), ("LateArrival", 900, None), ("DeviceUnreachable", 1800, 3600)]
    assert flags[1].comment == ("It arrived at 2016-09-30T00:00:00Z, after the slot had been called empty. It was flagged: No answer.")

    settled = quads(store)
    send(writer, gap, message(run(home.power, MIDNIGHT + QUARTER, ["1.5"])))
    assert quads(store) == settled


def test_what_a_message_doubts_of_its_own_value_stands_beside_it_until_a_better_value_comes(
    store: EmbeddedStore, iris: Iris, channels: Channels, writer: ReadingWriter, home: Home
) -> None:
    doubtful = message(
        one(home.power, MIDNIGHT, 1),
        flags=[
            reported(home.power, MIDNIGHT, None, "DeviceFault", "Exception 4."),
            reported(home.power, MIDNIGHT, None, "PartialInterval"),
        ],
        sent=RECEIVED - HOUR,
    )
    send(writer, doubtful)
    assert spans(flags_of(store, iris, channels, home.power)) == [("DeviceFault", 0, None), ("PartialInterval", 0, None)]

    send(writer, message(one(home.power, MIDNIGHT, 2)))
    settled = quads(store)
    send(writer, doubtful)

    (flag,) = flags_of(store, iris, channels, home.power)
    assert (flag.reason, flag.superseded) == (str(FCV.Superseded), "1")
    assert "It was flagged: Exception 4." in flag.comment
    assert quads(store) == settled


def test_a_day_of_nothing_but_gaps_is_closed_too(
    store: EmbeddedStore, iris: Iris, channels: Channels, writer: ReadingWriter, readings: Readings, home: Home
) -> None:
    send(writer, message(flags=[reported(home.power, MIDNIGHT, MIDNIGHT + DAY)]))

    assert writer.close_days(date(2016, 8, 13)) == 1
    assert writer.close_days(date(2016, 8, 13)) == 0
    assert readings.frame([home.power], MIDNIGHT, MIDNIGHT + DAY)[home.power].isna().all()
    assert spans(flags_of(store, iris, channels, home.power)) == [("DeviceUnreachable", 0, 86400)]


@pytest.mark.parametrize(
    ("flag", "sentence"),
    [
        (("Superseded", MIDNIGHT, None), "is no reason that a box can give; send a member of fcv:QualityReasons"),
        (("DeviceFault", MIDNIGHT, MIDNIGHT), "is not after the begin of what is flagged; send the end of the last interval as until"),
        (("DeviceFault", MIDNIGHT, MIDNIGHT + 32 * DAY), "P32D is longer than P31D; send it in parts"),
        (("DeviceFault", datetime(1970, 1, 1, tzinfo=UTC), None), "as if the clock had been reset; set the clock of the OSB"),
        (("DeviceFault", RECEIVED, RECEIVED + 2 * DAY), "lies more than P1D ahead of 2016-09-30T00:00:00Z, when it was received"),
    ],
)
def test_a_flag_that_says_nothing_sensible_is_refused(
    store: EmbeddedStore, writer: ReadingWriter, home: Home, flag: tuple[str, datetime, datetime | None], sentence: str
) -> None:
    before = quads(store)
    reason, start, end = flag
    (outcome,) = writer.write_many([message(flags=[reported(home.power, start, end, reason)])], received=RECEIVED)

    assert [sentence in refusal.sentence for refusal in outcome.refused] == [True]
    assert quads(store) == before


@pytest.mark.parametrize(
    ("value", "unit"),
    [("-32768", KW), ("32767", KW), ("6553.5", KW), ("4294967295", str(UNIT.W)), ("-9999", KW), ("-2147483.648", KW), ("3.4028235e38", KW)],
)
def test_a_sentinel_outside_the_range_is_missing_and_says_so(
    store: EmbeddedStore, iris: Iris, channels: Channels, writer: ReadingWriter, readings: Readings, home: Home, value: str, unit: str
) -> None:
    (outcome,) = writer.write_many([message(run(home.power, MIDNIGHT, ["1", value, value], unit))], received=RECEIVED)

    (flag,) = flags_of(store, iris, channels, home.power)
    assert (outcome.accepted, outcome.flagged, outcome.refused) == (1, 2, ())
    assert (flag.reason, flag.offset, flag.end) == (str(FCV.SentinelValue), 900, 2700)
    assert repr(value) in flag.comment
    assert readings.energy(home.power, MIDNIGHT, MIDNIGHT + HOUR).count == 1


def test_a_number_within_the_range_is_no_sentinel_and_an_odd_one_outside_is_only_out_of_range(
    store: EmbeddedStore, iris: Iris, channels: Channels, writer: ReadingWriter, home: Home
) -> None:
    described(store, iris, channels, home.power, states={FC.maximum: 40000.0})
    writer.write([run(home.power, MIDNIGHT, ["32767", "41234"])], received=RECEIVED)

    assert spans(flags_of(store, iris, channels, home.power)) == [("OutOfRange", 900, None)]


def test_a_clock_that_was_wrong_is_told_once_a_run_and_its_corrected_reading_is_the_latest(
    store: EmbeddedStore, iris: Iris, channels: Channels, writer: ReadingWriter, readings: Readings, home: Home
) -> None:
    first = message(run(home.power, MIDNIGHT - QUARTER, [1, 2, 3]), clock_offset=-86_410.5)
    second = message(run(home.power, MIDNIGHT + 2 * QUARTER, [4]), clock_offset=-86_402)
    send(writer, first, second)
    settled = quads(store)
    send(writer, first, second)

    (flag,) = flags_of(store, iris, channels, home.power)
    assert (flag.reason, flag.offset, flag.end) == (str(FCV.ClockSkew), 0, 2700)
    assert flag.comment == (
        "The clock of the box was P1D ahead of the platform's when they were last compared; the box corrected the times."
    )
    assert readings.latest([home.power]) == {home.power: (MIDNIGHT + 2 * QUARTER, 4.0)}
    assert quads(store) == settled


def test_a_clock_off_by_less_than_the_limit_is_no_matter(
    store: EmbeddedStore, iris: Iris, channels: Channels, writer: ReadingWriter, home: Home
) -> None:
    send(
        writer, message(one(home.power, MIDNIGHT, 1), clock_offset=599), message(one(home.power, MIDNIGHT + QUARTER, 1), clock_offset=-600)
    )

    assert flags_of(store, iris, channels, home.power) == []


def test_back_filled_slots_of_a_closed_day_share_one_flag(
    store: EmbeddedStore, iris: Iris, channels: Channels, writer: ReadingWriter, home: Home
) -> None:
    send(writer, message(one(home.power, MIDNIGHT, 1)))
    writer.close_days(date(2016, 8, 13))
    send(writer, message(run(home.power, MIDNIGHT + QUARTER, [n / 8 for n in range(95)])))

    assert spans(flags_of(store, iris, channels, home.power)) == [("LateArrival", 900, 86400)]


def test_every_flag_obeys_the_shapes(store: EmbeddedStore, iris: Iris, channels: Channels, writer: ReadingWriter, home: Home) -> None:
    send(
        writer,
        message(
            run(home.power, MIDNIGHT, [1, 65535, 99, 2]), flags=[reported(home.power, MIDNIGHT + HOUR, MIDNIGHT + DAY)], clock_offset=700
        ),
        message(run(home.power, MIDNIGHT, [2, 3]), one(home.power, MIDNIGHT + 2 * HOUR, 4)),
    )
    writer.close_days(date(2016, 8, 13))
    send(writer, message(run(home.power, MIDNIGHT + 3 * HOUR, [5, 6])), message(one(home.power, MIDNIGHT + 3 * HOUR, 7)))

    month = store.graph(iris.graph("member", "h01", "telemetry", "2016-08"))
    assert validate(month, context=store.graph(iris.graph("member", "h01", "osb", "h01"))).sentences == ()
