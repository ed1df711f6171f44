"""The survey of the data against a small cooperative whose gaps, flags and refusals are known."""

import threading
from collections import namedtuple
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from patience import PATIENCE_S
from telemetry_home import Home, one, run

from kg.embedded import EmbeddedStore
from kg.iris import Iris
from telemetry import Channels, DeadLetters, Readings, ReadingWriter, health
from telemetry.alarms import Health
from telemetry.health import Monitor

NOW = datetime(2016, 8, 13, 12, 20, tzinfo=UTC)
DAY = datetime(2016, 8, 12, tzinfo=UTC)


@dataclass
class Box:
    last_seen: datetime
    lag_s: float | None = 0.4
    clock_offset_s: float | None = 0.1


@dataclass
class Listener:
    """The figures of an ingest."""

    told: dict[str, Any] = field(default_factory=dict)
    queued: int = 0
    store_failures: int = 0
    trouble: str | None = None

    def metrics(self) -> dict[str, float]:
        return {"queued": self.queued, "store_failures": self.store_failures}

    def boxes(self) -> dict[str, Any]:
        return self.told


class Stopwatch:
    seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def letters(tmp_path: Path) -> Iterator[DeadLetters]:
    made = DeadLetters(tmp_path / "dead.sqlite")
    yield made
    made.close()


@pytest.fixture
def listener() -> Listener:
    return Listener()


@pytest.fixture
def watch() -> Stopwatch:
    return Stopwatch()


@pytest.fixture
def monitor(
    store: EmbeddedStore,
    iris: Iris,
    channels: Channels,
    readings: Readings,
    letters: DeadLetters,
    listener: Listener,
    watch: Stopwatch,
    tmp_path: Path,
) -> Monitor:
    return Monitor(
        store,
        iris,
        channels,
        readings,
        letters,
        data_dir=tmp_path,
        store_dir=tmp_path,
        now=lambda: NOW,
        listener=lambda: listener,
        elapsed=watch,
    )


def kinds(found: Health) -> set[tuple[str, str]]:
    return {(alarm.kind, alarm.subject) for alarm in found.alarms}


def test_readings_and_gaps_are_counted_up_to_the_last_interval_that_must_be_there(
    monitor: Monitor, writer: ReadingWriter, home: Home
) -> None:
    # 12:20 less a quarter of an hour's grace: the last interval that counts ends at 12:00
    first = NOW.replace(minute=0) - timedelta(days=1)
    writer.write([run(home.power, first, [None if n in (5, 6, 95) else 1 for n in range(96)])], received=NOW)

    box = next(box for box in monitor.survey().boxes if box.osb == "osb-h01")

    assert (box.channels, box.expected_last_day, box.expected_last_hour) == (4, 4 * 96, 4 * 4)
    assert (box.readings_last_hour, box.gaps_last_day) == (3, 3 + 3 * 96)
    assert box.last_reading == NOW.replace(minute=45) - timedelta(hours=1)


def test_flags_are_counted_by_reason_and_only_lately(monitor: Monitor, writer: ReadingWriter, home: Home) -> None:
    writer.write([run(home.power, DAY, [99, 1, 99]), one(home.power, DAY - timedelta(days=1), 99)], received=NOW)
    writer.write([run(home.other, DAY, [1, 2]), one(home.other, DAY, 3)], received=NOW)

    found = monitor.survey()

    assert {box.osb: dict(box.flags) for box in found.boxes} == {"osb-h01": {"OutOfRange": 2}, "osb-h02": {"Superseded": 1}}
    assert dict(found.flags) == {"OutOfRange": 2, "Superseded": 1}


def test_days_that_wait_to_be_packed_are_counted(monitor: Monitor, writer: ReadingWriter, home: Home) -> None:
    for channel, at in ((home.power, DAY), (home.soc, DAY), (home.other, DAY - timedelta(days=1)), (home.other, NOW.replace(minute=0))):
        writer.write([one(channel, at, 1, None if channel == home.soc else "http://qudt.org/vocab/unit/KiloW")], received=NOW)

    found = monitor.survey()

    assert (found.open_days, found.oldest_open_day) == (2, date(2016, 8, 11))  # soc had no unit and was refused; today is not over
    writer.close_days(date(2016, 8, 13))


def test_letters_are_counted_by_reason_and_box(monitor: Monitor, letters: DeadLetters) -> None:
    letters.add(NOW, "flexcoop/osb/osb-h01/telemetry", b"1", "x: 1 has no unit; y")
    letters.add(NOW, "flexcoop/osb/osb-h01/announce", b"2", "odd")
    letters.add(NOW, "file x.csv", b"3", "x: 1 has no unit; y")

    found = monitor.survey()

    assert dict(found.refused) == {"no-unit": 2, "other": 1}
    assert {box.osb: box.refused for box in found.boxes} == {"osb-h01": 2, "osb-h02": 0}


def test_a_silent_box_and_one_that_never_spoke_are_named(monitor: Monitor, listener: Listener, writer: ReadingWriter, home: Home) -> None:
    writer.write([one(home.power, NOW.replace(minute=0) - timedelta(hours=2), 1)], received=NOW)

    found = monitor.survey()

    assert kinds(found) == {("box-silent", "osb-h01"), ("box-never", "osb-h02")}
    sentence = next(alarm.sentence for alarm in found.alarms if alarm.kind == "box-silent")
    assert "osb-h01 has been silent for 2.1 hours" in sentence


def test_what_the_ingest_says_counts_before_what_the_readings_say(monitor: Monitor, listener: Listener) -> None:
    listener.told = {
        "osb-h01": Box(NOW - timedelta(minutes=2), clock_offset_s=-86400.0),
        "osb-h02": Box(NOW, lag_s=None, clock_offset_s=None),
    }

    found = monitor.survey()

    assert kinds(found) == {("clock-off", "osb-h01")}
    assert "86400 s ahead" in found.alarms[0].sentence
    first, second = found.boxes
    assert (first.last_seen, first.lag_s, second.lag_s) == (NOW - timedelta(minutes=2), 0.4, None)


@pytest.mark.parametrize(("offset", "alarms"), [(9.9, 0), (10.0, 0), (10.1, 1), (-10.1, 1)])
def test_a_clock_may_be_off_by_ten_seconds(offset: float, alarms: int, monitor: Monitor, listener: Listener) -> None:
    listener.told = {"osb-h01": Box(NOW, clock_offset_s=offset), "osb-h02": Box(NOW)}

    assert len(monitor.survey().alarms) == alarms


def test_a_full_disk_is_an_alarm(monitor: Monitor, listener: Listener, monkeypatch: pytest.MonkeyPatch) -> None:
    listener.told = {"osb-h01": Box(NOW), "osb-h02": Box(NOW)}
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(health.shutil, "disk_usage", lambda _: usage(100_000_000_000, 91_000_000_000, 9_000_000_000))

    (alarm,) = monitor.survey().alarms

    assert "9 % of the disk is free (9.0 GB of 100.0 GB)" in alarm.sentence


def test_a_store_that_refuses_writes_is_an_alarm_until_it_takes_them(monitor: Monitor, listener: Listener, watch: Stopwatch) -> None:
    listener.told = {"osb-h01": Box(NOW), "osb-h02": Box(NOW)}
    monitor.sample()
    listener.store_failures, watch.seconds = 3, 20.0

    assert kinds(monitor.survey()) == {("store-refuses", "store")}
    for _ in range(100):
        watch.seconds += 5.0
        monitor.sample()
    assert kinds(monitor.survey()) == set()
    listener.trouble, watch.seconds = "readings can't be stored (no space left)", watch.seconds + 60
    assert "no space left" in monitor.survey().alarms[0].sentence


@pytest.mark.parametrize(
    ("lengths", "growing"), [([50, 100, 150, 200, 250], True), ([50, 100, 90, 200, 250], False), ([1, 2, 3, 4, 5], False)]
)
def test_a_backlog_that_only_grows_is_an_alarm(
    lengths: list[int], growing: bool, monitor: Monitor, listener: Listener, watch: Stopwatch
) -> None:
    listener.told = {"osb-h01": Box(NOW), "osb-h02": Box(NOW)}
    for length in lengths:
        watch.seconds += 10
        listener.queued = length
        monitor.sample()

    assert (("backlog-grows", "ingest") in kinds(monitor.survey())) == growing


def test_the_survey_is_kept_for_ten_seconds(monitor: Monitor, letters: DeadLetters, watch: Stopwatch) -> None:
    before = monitor.survey()
    letters.add(NOW, "x", b"1", "y")

    assert monitor.survey() is before
    watch.seconds = 11.0
    assert monitor.survey().letters == 1


def test_without_an_ingest_it_says_what_it_can_not_know(
    store: EmbeddedStore, iris: Iris, channels: Channels, readings: Readings, letters: DeadLetters, tmp_path: Path
) -> None:
    found = Monitor(store, iris, channels, readings, letters, data_dir=tmp_path, store_dir=None, now=lambda: NOW).survey()

    assert (found.backlog, found.store_failures, found.store_bytes) == (None, None, None)
    assert "No ingest runs here" in found.notes[0]
    assert "on a server" in found.notes[1]


def test_coverage_counts_each_quarter_hour_of_the_last_day(monitor: Monitor, writer: ReadingWriter, home: Home) -> None:
    first = NOW.replace(minute=0) - timedelta(days=1)
    writer.write([run(home.power, first, [1] * 10), run(home.other, first, [1, None, 1])], received=NOW)

    found = monitor.coverage()

    assert (found.at[0], len(found.at), set(found.expected)) == (first, 96, {5})
    assert found.present[:11] == [2, 1, 2, *[1] * 7, 0]


def test_a_long_survey_is_kept_for_longer_and_nobody_waits_for_another_ones(
    monitor: Monitor, letters: DeadLetters, watch: Stopwatch, monkeypatch: pytest.MonkeyPatch
) -> None:
    survey, begun, go_on = monitor._survey, threading.Event(), threading.Event()

    def slow() -> Health:
        watch.seconds += 3.0
        begun.set()
        assert go_on.wait(PATIENCE_S)
        return survey()

    go_on.set()
    monkeypatch.setattr(monitor, "_survey", slow)
    first = monitor.survey()
    letters.add(NOW, "x", b"1", "y")
    watch.seconds = 3.0 + 59.0
    assert monitor.survey() is first
    watch.seconds = 3.0 + 61.0
    begun.clear()
    go_on.clear()
    with ThreadPoolExecutor() as pool:
        second = pool.submit(monitor.survey)
        assert begun.wait(PATIENCE_S)
        assert monitor.survey() is first
        go_on.set()
        assert second.result(10).letters == 1
