"""CSV files of readings: rows become days of equidistant values, bad rows are named by their number."""

import io
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from mappers import csv
from mappers.csvfile import CsvFile
from mappers.errors import MappingError
from mappers.records import Refusal, Series

BASE = "http://127.0.0.1:8080/id/"
KILOWATT = "http://qudt.org/vocab/unit/KiloW"
POWER = BASE + "connection/h01#activePower"
QUARTER = timedelta(minutes=15)


def at(hour: int, minute: int = 0, day: int = 12) -> datetime:
    return datetime(2016, 8, day, hour, minute, tzinfo=UTC)


def lift(*rows: str, header: str = "channel,timestamp,value,unit") -> list[Series | Refusal]:
    return list(csv.lift(io.StringIO("\n".join((header, *rows)) + "\n"), base=BASE))


def row(time: str, value: object, unit: str = "unit:KiloW", channel: str = "connection/h01#activePower") -> str:
    return f"{channel},2016-08-{time}Z,{value},{unit}"


def test_equidistant_rows_become_one_series_a_day() -> None:
    rows = [row(f"12T23:{minute:02}:00", value) for minute, value in ((15, 1), (30, "2.50"), (45, 3))] + [row("13T00:00:00", 4)]

    assert lift(*rows) == [
        Series(POWER, at(23, 15), QUARTER, ("1", "2.5", "3"), KILOWATT),
        Series(POWER, at(0, day=13), None, ("4",), KILOWATT),
    ]


def test_interleaved_channels_are_told_apart() -> None:
    rows = [row(f"12T00:{m:02}:00", m, channel=c) for m in (0, 15, 30) for c in ("site/a#loadPower", "site/b#loadPower")]

    assert [(one.channel, one.values) for one in lift(*rows)] == [
        (BASE + "site/a#loadPower", ("0", "15", "30")),
        (BASE + "site/b#loadPower", ("0", "15", "30")),
    ]


def test_a_missing_row_leaves_a_gap_not_a_longer_step() -> None:
    rows = [row(f"12T{t}:00", 1) for t in ("00:00", "00:15", "00:45", "01:00", "01:15")] + [row("12T00:30:00", "")]

    assert lift(*rows) == [Series(POWER, at(0), QUARTER, ("1", "1", None, "1", "1", "1"), KILOWATT)]


def test_two_readings_do_not_make_a_step() -> None:
    assert lift(row("12T00:00:00", 1), row("12T01:00:00", 2)) == [
        Series(POWER, at(0), None, ("1",), KILOWATT),
        Series(POWER, at(1), None, ("2",), KILOWATT),
    ]


def test_rows_out_of_order_are_put_in_order() -> None:
    rows = [row(f"12T00:{minute}:00", minute) for minute in ("30", "15", "45")]

    assert lift(*rows) == [Series(POWER, at(0, 15), QUARTER, ("15", "30", "45"), KILOWATT)]


def test_a_second_value_for_the_same_time_comes_after_the_first() -> None:
    assert lift(row("12T00:00:00", 1), row("12T00:00:00", 1), row("12T00:00:00", 2)) == [
        Series(POWER, at(0), None, ("1",), KILOWATT),
        Series(POWER, at(0), None, ("2",), KILOWATT),
    ]


def test_the_unit_column_may_be_left_out() -> None:
    assert lift(f"{POWER},2016-08-12T02:00:00+02:00,1", header="channel,timestamp,value") == [Series(POWER, at(0), None, ("1",), None)]


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        (row("12T00:00:00", "abc"), "row 2: 'abc' is not a number; send a decimal number, and null or nothing where the value is missing"),
        (
            "connection/h01#activePower,2016-08-12T00:00:00,1,unit:KiloW",
            "row 2: '2016-08-12T00:00:00' has no offset, so it names no instant; add Z, or the offset like +02:00",
        ),
        (
            row("12T00:00:00", 1, unit="kW:x"),
            "row 2: 'kW:x' has the prefix kW, which no context explains; write the IRI whole or define the prefix",
        ),
        (
            row("12T00:00:00", "1,5"),
            "row 2: 'connection/h01#activePower,2016-08-12T0… (64 characters) has 5 columns, not 4; give each column of the header one value",
        ),
    ],
)
def test_a_bad_row_is_refused_by_its_number(line: str, sentence: str) -> None:
    refused, *rest = lift(line, row("12T00:00:00", 1))

    assert isinstance(refused, Refusal)
    assert refused.sentence == sentence
    assert len(rest) == 1


@pytest.mark.parametrize("header", ["channel;timestamp;value", "channel,timestamp", "channel,timestamp,value,colour", ""])
def test_a_file_without_the_columns_is_refused_whole(header: str) -> None:
    with pytest.raises(MappingError, match="write the columns channel,timestamp,value,unit"):
        lift(header=header)


def test_a_file_is_read_row_by_row() -> None:
    def endless() -> io.TextIOBase:
        class Rows(io.StringIO):
            served = 0

            def __next__(self) -> str:
                self.served += 1
                if self.served == 1:
                    return "channel,timestamp,value\n"
                moment = datetime(2016, 1, 1, tzinfo=UTC) + self.served * QUARTER
                return f"a,{moment.isoformat()},1\n"

        return Rows()

    series = csv.lift(endless(), base=BASE)  # type: ignore[arg-type]

    assert len(next(series).values) == 94
    assert len(next(series).values) == 96


@pytest.mark.parametrize("time", ["0000-01-01T00:00:00Z", "0001-01-01T00:00:00+01:00", "9999-12-31T23:59:59-01:00", "2016-12-31T23:59:60Z"])
def test_a_time_beyond_the_calendar_is_refused_at_bulk_speed_as_it_is_row_by_row(time: str, tmp_path: Path) -> None:
    text = f"channel,timestamp,value\nconnection/h01#activePower,{time},1.5\nconnection/h01#activePower,2016-08-12T00:00:00Z,2\n"
    path = tmp_path / "readings.csv"
    path.write_text(text)

    slow = [one for one in csv.lift(io.StringIO(text), base=BASE) if isinstance(one, Refusal)]
    quick = list(CsvFile(path, base=BASE).portions())

    assert [refused.refusal for portion in quick for refused in portion.refused] == slow
    assert len(slow) == 1
    assert [text for portion in quick for text in portion.columns.text.to_pylist()] == ["2"]
