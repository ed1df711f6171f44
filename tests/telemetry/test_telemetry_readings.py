"""Windows of readings: gaps stay gaps, intervals are what they say, energy comes with its count."""

from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

import numpy as np
import pandas as pd
import pytest
from telemetry_home import DEG_C, KW, QUARTER, RECEIVED, Home, channel_quads, message, one, reported, run

from kg.embedded import EmbeddedStore
from kg.iris import Iris
from kg.store import Row
from mappers.records import Series
from ontology.names import UNIT
from telemetry import Channels, Energy, Readings, ReadingWriter, TelemetryError, UnknownChannelError, days
from telemetry.used import used

MIDNIGHT = datetime(2016, 8, 12, tzinfo=UTC)
DAY, HOUR = timedelta(days=1), timedelta(hours=1)
PERCENT = str(UNIT.PERCENT)


def test_a_frame_has_a_row_a_quarter_hour_and_nan_where_nothing_was_read(writer: ReadingWriter, readings: Readings, home: Home) -> None:
    writer.write([run(home.power, MIDNIGHT, [1, None, 3]), run(home.zone, MIDNIGHT, [21], DEG_C)], received=RECEIVED)

    frame = readings.frame([home.zone, home.power], MIDNIGHT, MIDNIGHT + HOUR)

    assert list(frame.columns) == [home.zone, home.power]
    assert list(frame.index) == list(pd.date_range("2016-08-12", periods=4, freq="15min", tz="UTC"))
    assert np.array_equal(frame.to_numpy(), [[21, 1], [np.nan, np.nan], [np.nan, 3], [np.nan, np.nan]], equal_nan=True)
    assert list(frame.dtypes) == [np.float64, np.float64]


def test_a_window_is_half_open_and_may_begin_in_another_zone_and_off_the_grid(
    writer: ReadingWriter, readings: Readings, home: Home
) -> None:
    writer.write([run(home.power, MIDNIGHT, [n / 4 for n in range(96)])], received=RECEIVED)
    pacific = timezone(timedelta(hours=-8))

    frame = readings.frame([home.power], datetime(2016, 8, 11, 17, 1, tzinfo=pacific), MIDNIGHT + 2 * HOUR)

    assert list(frame.index) == list(pd.date_range("2016-08-12T01:15Z", periods=3, freq="15min"))
    assert list(frame[home.power]) == [1.25, 1.5, 1.75]


def test_an_empty_window_has_no_rows(readings: Readings, home: Home) -> None:
    assert readings.frame([home.power], MIDNIGHT, MIDNIGHT).shape == (0, 1)
    assert readings.frame([], MIDNIGHT, MIDNIGHT + HOUR).shape == (4, 0)


def test_open_and_closed_days_read_as_one(writer: ReadingWriter, readings: Readings, home: Home) -> None:
    values = [n / 8 for n in range(96)]
    writer.write([run(home.power, MIDNIGHT, values)], received=RECEIVED)
    writer.write([run(home.power, MIDNIGHT + DAY, values[:50])], received=RECEIVED)

    column = readings.frame([home.power], MIDNIGHT, MIDNIGHT + 2 * DAY)[home.power].to_numpy()

    assert np.array_equal(column, [*values, *values[:50], *[np.nan] * 46], equal_nan=True)


def test_hours_are_means_of_power_last_of_charge_and_missing_where_a_part_is_missing(
    writer: ReadingWriter, readings: Readings, home: Home
) -> None:
    writer.write(
        [
            run(home.power, MIDNIGHT, [1, 2, 3, 4, 5, 6, 7, None]),
            run(home.soc, MIDNIGHT, [10, 20, 30, 40, 50, 60, 70, 80], PERCENT),
        ],
        received=RECEIVED,
    )

    frame = readings.frame([home.power, home.soc], MIDNIGHT, MIDNIGHT + 2 * HOUR, step=HOUR)

    assert np.array_equal(frame.to_numpy(), [[2.5, 40], [np.nan, 80]], equal_nan=True)


def test_a_step_that_can_not_be_made_of_the_channels_is_refused(readings: Readings, home: Home) -> None:
    with pytest.raises(TelemetryError, match="0:20:00 is not a multiple of 0:15:00"):
        readings.frame([home.power], MIDNIGHT, MIDNIGHT + HOUR, step=timedelta(minutes=20))


def test_channels_of_different_steps_meet_at_the_coarsest(
    store: EmbeddedStore, iris: Iris, channels: Channels, writer: ReadingWriter, readings: Readings, home: Home
) -> None:
    hourly = iris.id("station", "demo") + "#airTemperature"
    store.apply(insert=channel_quads(iris, hourly, kind="AirTemperature", unit=DEG_C, step=HOUR))
    channels.reload()
    writer.write([run(home.power, MIDNIGHT, [1, 2, 3, 4] * 2), Series(hourly, MIDNIGHT, HOUR, ("20", "21"), DEG_C)], received=RECEIVED)

    frame = readings.frame([home.power, hourly], MIDNIGHT, MIDNIGHT + 2 * HOUR)

    assert np.array_equal(frame.to_numpy(), [[2.5, 20], [2.5, 21]])


def test_energy_comes_with_how_many_readings_it_rests_on(writer: ReadingWriter, readings: Readings, home: Home) -> None:
    writer.write([run(home.power, MIDNIGHT, [4, None, -2, 99])], received=RECEIVED)

    energy = readings.energy(home.power, MIDNIGHT, MIDNIGHT + 2 * HOUR)

    assert energy == Energy(kwh=pytest.approx((4 - 2 + 99) / 4), count=3, expected=8, flagged=1)
    assert not energy.complete


def test_no_reading_is_not_zero_energy_measured(readings: Readings, home: Home) -> None:
    assert readings.energy(home.power, MIDNIGHT, MIDNIGHT + HOUR) == Energy(0.0, 0, 4, 0)


def test_a_temperature_has_no_energy(readings: Readings, home: Home) -> None:
    with pytest.raises(TelemetryError, match="neither a power nor an energy, so it has no sum in kWh"):
        readings.energy(home.zone, MIDNIGHT, MIDNIGHT + HOUR)


def test_a_channel_that_nobody_described_and_a_naive_time_are_refused(readings: Readings, home: Home) -> None:
    with pytest.raises(UnknownChannelError, match="is not a channel that any OSB has described"):
        readings.frame([home.power + "x"], MIDNIGHT, MIDNIGHT + HOUR)
    with pytest.raises(TelemetryError, match="2016-08-12T00:00:00 has no offset"):
        readings.frame([home.power], datetime(2016, 8, 12), MIDNIGHT)  # noqa: DTZ001 - that is what is refused


def test_the_latest_follows_the_writer_and_is_rebuilt_from_the_graph(
    store: EmbeddedStore, iris: Iris, writer: ReadingWriter, readings: Readings, home: Home
) -> None:
    writer.write([run(home.power, MIDNIGHT - 40 * DAY, [n / 8 for n in range(96)])], received=RECEIVED)
    writer.write([run(home.power, MIDNIGHT, [1, 2, None]), one(home.zone, MIDNIGHT - 40 * DAY, 20, DEG_C)], received=RECEIVED)
    writer.write([one(home.power, MIDNIGHT - DAY, 9)], received=RECEIVED)
    expected = {home.power: (MIDNIGHT + QUARTER, 2.0), home.zone: (MIDNIGHT - 40 * DAY, 20.0)}

    assert readings.latest([home.power, home.zone, home.soc]) == expected
    assert Readings(store, iris, Channels(store, iris)).latest([home.power, home.zone, home.soc]) == expected


def test_a_reading_ahead_of_the_clock_is_flagged_and_never_the_latest(writer: ReadingWriter, readings: Readings, home: Home) -> None:
    ahead = RECEIVED + 2 * HOUR
    writer.write([one(home.power, RECEIVED, 1), one(home.power, ahead, 5)], received=RECEIVED)

    ((at, flag),) = readings.flags(home.power, RECEIVED, RECEIVED + DAY)
    assert (at, flag.reason.rsplit("/", 1)[-1]) == (ahead, "ClockSkew")
    assert readings.latest([home.power]) == {home.power: (RECEIVED, 1.0)}


def test_days_are_the_nodes_that_exist_in_order(iris: Iris, writer: ReadingWriter, readings: Readings, home: Home) -> None:
    writer.write([one(home.power, MIDNIGHT + n * DAY, 1) for n in (20, 0, 1)], received=RECEIVED)

    found = readings.days(home.power, MIDNIGHT, MIDNIGHT + 20 * DAY + QUARTER)

    assert found == [iris.day(home.power, day) for day in (date(2016, 8, 12), date(2016, 8, 13), date(2016, 9, 1))]
    assert KW.endswith("KiloW")


def test_a_window_that_begins_within_a_slot_counts_only_the_flags_of_its_own(writer: ReadingWriter, readings: Readings, home: Home) -> None:
    writer.write([run(home.power, MIDNIGHT, [99, 99, 1, 1, 1, 99])], received=MIDNIGHT + timedelta(days=1))
    within = timedelta(minutes=5)

    energy = readings.energy(home.power, MIDNIGHT + within, MIDNIGHT + timedelta(hours=1) + within)

    assert (energy.kwh, energy.count, energy.expected, energy.flagged) == (25.5, 4, 4, 1)  # 00:15 to 01:15


def test_the_latest_lies_before_a_day_of_nothing_but_flags(store: EmbeddedStore, iris: Iris, writer: ReadingWriter, home: Home) -> None:
    day = timedelta(days=1)
    writer.write([run(home.power, MIDNIGHT, [1, 2]), run(home.soc, MIDNIGHT, [50], PERCENT)], received=MIDNIGHT + day)
    for number in (1, 2):
        silent = reported(home.power, MIDNIGHT + number * day, MIDNIGHT + number * day + QUARTER)
        writer.write_many([message(flags=[silent])], received=MIDNIGHT + 3 * day)

    again = Readings(store, iris, Channels(store, iris)).latest([home.power, home.soc])

    assert again == {home.power: (MIDNIGHT + QUARTER, 2.0), home.soc: (MIDNIGHT, 50.0)}


def test_a_day_that_is_packed_while_somebody_asks_is_not_overlooked(
    store: EmbeddedStore, iris: Iris, channels: Channels, writer: ReadingWriter, home: Home
) -> None:
    writer.write([run(home.power, MIDNIGHT, [1, 2])], received=MIDNIGHT + timedelta(hours=1))
    pending = [lambda: writer.close_days(MIDNIGHT.date() + timedelta(days=1))]

    class PackedBetweenTwoQuestions:
        def select(self, query: str) -> list[Row]:
            rows = store.select(query)
            if pending:
                pending.pop()()
            return rows

    between: Any = PackedBetweenTwoQuestions()
    asked = [days.empty(iris, channels.known(home.power), MIDNIGHT.date())]

    (during,) = used(between, iris, asked)
    assert not pending
    assert [during] == used(store, iris, asked)
    assert during.revision == 1
    writer.write([run(home.power, MIDNIGHT, [7])], received=MIDNIGHT + timedelta(days=3))
    (corrected,) = used(store, iris, asked)
    assert corrected.revision == 2
    assert corrected.digest == days.digest("[" + ",".join(["7", "2", *["null"] * 94]) + "]")
