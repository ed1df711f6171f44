"""Local days of 92, 96 and 100 quarter-hours, against counts made by hand."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from telemetry_home import QUARTER, RECEIVED, Home, channel_quads, run

from kg.embedded import EmbeddedStore
from kg.iris import Iris
from mappers.records import Series
from ontology.names import S4ENER, UNIT
from telemetry import Channels, Readings, ReadingWriter, TelemetryError

AMSTERDAM, LOS_ANGELES = ZoneInfo("Europe/Amsterdam"), ZoneInfo("America/Los_Angeles")
DAY, HOUR = timedelta(days=1), timedelta(hours=1)
KWH = str(UNIT["KiloW-HR"])
EUR_KWH = str(S4ENER.EuroPerKilowattHour)


def flat(writer: ReadingWriter, channel: str, first: datetime, days: int, value: float, step: timedelta = QUARTER, **unit: str) -> None:
    """The same value in every slot of whole UTC days."""
    for n in range(days):
        series = run(channel, first + n * DAY, [value] * int(DAY / step), **unit)
        writer.write([Series(channel, series.start, step, series.values, series.unit)], received=RECEIVED)


@pytest.mark.parametrize(
    ("zone", "day", "hours"),
    [
        # the clocks go forward at 01:00 UTC on the last Sunday of March, back at 01:00 UTC on the last Sunday of October
        (AMSTERDAM, date(2016, 3, 27), 23),
        (AMSTERDAM, date(2015, 10, 25), 25),
        (AMSTERDAM, date(2016, 6, 1), 24),
        # on the second Sunday of March and the first of November at 02:00 local time
        (LOS_ANGELES, date(2016, 3, 13), 23),
        (LOS_ANGELES, date(2015, 11, 1), 25),
        (LOS_ANGELES, date(2016, 8, 11), 24),
    ],
)
def test_two_kilowatts_are_two_kilowatts_and_two_kilowatt_hours_an_hour(
    writer: ReadingWriter, readings: Readings, home: Home, zone: ZoneInfo, day: date, hours: int
) -> None:
    flat(writer, home.power, datetime(day.year, day.month, day.day, tzinfo=UTC) - DAY, 4, 2)

    found = readings.local_days([home.power], day, day, zone)

    assert found.values.loc[day, home.power] == 2.0
    assert found.energy.loc[day, home.power] == 2.0 * hours
    assert found.counts.loc[day, home.power] == found.expected.loc[day, home.power] == 4 * hours


def test_a_price_of_50_euros_is_50_euros_all_day_and_has_no_energy(
    store: EmbeddedStore, iris: Iris, channels: Channels, writer: ReadingWriter, readings: Readings
) -> None:
    price = iris.id("tariff", "demo") + "#energyPrice"
    store.apply(insert=channel_quads(iris, price, kind="EnergyPrice", unit=EUR_KWH, step=HOUR))
    channels.reload()
    flat(writer, price, datetime(2016, 8, 10, tzinfo=UTC), 3, 0.05, step=HOUR, unit=EUR_KWH)  # 50 EUR/MWh

    found = readings.local_days([price], date(2016, 8, 11), date(2016, 8, 11), AMSTERDAM)

    assert found.values[price].iloc[0] * 1000 == pytest.approx(50, abs=1e-9)
    assert np.isnan(found.energy[price].iloc[0])
    assert found.counts[price].iloc[0] == 24


def test_energies_of_intervals_are_summed(
    store: EmbeddedStore, iris: Iris, channels: Channels, writer: ReadingWriter, readings: Readings
) -> None:
    meter = iris.id("connection", "h01") + "#activeEnergy"
    store.apply(insert=channel_quads(iris, meter, kind="ActiveEnergy", unit=KWH))
    channels.reload()
    flat(writer, meter, datetime(2016, 8, 10, tzinfo=UTC), 3, 0.5, unit=KWH)

    found = readings.local_days([meter], date(2016, 8, 11), date(2016, 8, 11), AMSTERDAM)

    assert (found.values[meter].iloc[0], found.energy[meter].iloc[0]) == (48.0, 48.0)


def test_a_day_begins_at_local_midnight(writer: ReadingWriter, readings: Readings, home: Home) -> None:
    # 11 August in Los Angeles (UTC−7) lasts from 07:00 UTC to 07:00 UTC of the 12th: 96 slots, the first holding 28, the last 27 + 96
    writer.write([run(home.power, datetime(2016, 8, 11, tzinfo=UTC), [n / 8 for n in range(96)])], received=RECEIVED)
    writer.write([run(home.power, datetime(2016, 8, 12, tzinfo=UTC), [(96 + n) / 8 for n in range(96)])], received=RECEIVED)

    found = readings.local_days([home.power], date(2016, 8, 10), date(2016, 8, 12), LOS_ANGELES)

    assert list(found.counts[home.power]) == [28, 96, 68]
    assert list(found.expected[home.power]) == [96, 96, 96]
    assert found.values[home.power].iloc[1] == (28 + 123) / 2 / 8


def test_what_is_missing_is_counted_and_a_day_without_readings_is_missing(writer: ReadingWriter, readings: Readings, home: Home) -> None:
    writer.write([run(home.power, datetime(2016, 8, 11, tzinfo=UTC), [4, None, 2])], received=RECEIVED)

    found = readings.local_days([home.power, home.soc], date(2016, 8, 11), date(2016, 8, 12), ZoneInfo("UTC"))

    assert list(found.counts[home.power]) == [2, 0]
    assert found.values[home.power].iloc[0] == 3.0
    assert found.energy[home.power].iloc[0] == 1.5
    assert np.isnan(found.values[home.power].iloc[1])
    assert np.isnan(found.energy[home.power].iloc[1])
    assert found.counts[home.soc].sum() == 0


def test_months_are_local_too(writer: ReadingWriter, readings: Readings, home: Home) -> None:
    # March 2016 in Amsterdam: 31 days less the hour of the 27th, from 29 February 23:00 UTC to 31 March 22:00 UTC
    flat(writer, home.power, datetime(2016, 2, 28, tzinfo=UTC), 35, 2)

    found = readings.local_months([home.power], date(2016, 3, 15), date(2016, 3, 20), AMSTERDAM)

    assert list(found.values.index) == [date(2016, 3, 1)]
    assert found.energy[home.power].iloc[0] == 2 * (31 * 24 - 1)
    assert found.counts[home.power].iloc[0] == found.expected[home.power].iloc[0] == 4 * (31 * 24 - 1)


def test_days_that_run_backwards_are_refused(readings: Readings, home: Home) -> None:
    with pytest.raises(TelemetryError, match="its last day comes before its first"):
        readings.local_days([home.power], date(2016, 8, 12), date(2016, 8, 11), AMSTERDAM)
