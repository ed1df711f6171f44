"""A disk that fills up while readings come in: no acknowledgement, an alarm, and nothing lost once there is room again."""

import os
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import servers
from telemetry_box import box, id_of, message
from telemetry_home import RECEIVED, Home, furnish

from kg.embedded import EmbeddedStore
from kg.iris import Iris
from telemetry import Channels, DeadLetters, Readings, ReadingWriter
from telemetry.broker import start_broker
from telemetry.ingest import Ingest, Limits

START = datetime(2016, 8, 12, tzinfo=UTC)
SLOTS, MESSAGES = 90, 45  # 90 of 96: the days stay open, a triple a reading


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 48 MiB."""
    place = tmp_path / "disk"
    place.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=48m", "none", str(place)], capture_output=True, check=False)
    servers.require(mounted.returncode == 0, f"a small file system can't be mounted here: {mounted.stderr.decode().strip()}")
    yield place
    subprocess.run(["umount", "--lazy", str(place)], check=True)


def occupy(place: Path, leave: int) -> Path:
    """Somebody else's file that fills the disk but for so many bytes."""
    state, file = os.statvfs(place), place / "full"
    file.write_bytes(b"\0" * (state.f_bavail * state.f_frsize - leave))
    return file


def day_message(number: int) -> dict[str, object]:
    start = START + timedelta(days=number)
    values = [(number + slot) % 20 for slot in range(SLOTS)]
    about = {"observes": "connection/h01#activePower", "unit": "unit:KiloW", "start": start.isoformat().replace("+00:00", "Z")}
    return message(f"d{number}", {"@type": "TimeSeries", "step": "PT15M", "values": values, **about})


def test_a_full_disk_gives_no_acknowledgement_but_an_alarm_and_loses_nothing(
    small_disk: Path, iris: Iris, home: Home, tmp_path: Path
) -> None:
    store = EmbeddedStore(small_disk / "store")
    furnish(store, iris, home)
    channels = Channels(store, iris)
    writer, letters = ReadingWriter(store, iris, channels), DeadLetters(tmp_path / "dead.sqlite")
    broker = start_broker("127.0.0.1", 0, tmp_path / "broker", "auto")
    ingest = Ingest(
        "127.0.0.1",
        broker.port,
        iris,
        store,
        writer,
        letters,
        channels=channels,
        clock=lambda: RECEIVED,
        on_report=lambda *_: None,
        limits=Limits(batch_messages=5, retry_s=0.05, retry_max_s=0.1),
    )
    keys = {id_of(f"d{number}") for number in range(MESSAGES)}
    ingest.start()
    try:
        others = occupy(small_disk, 256 << 10)
        with box(broker.port) as h01:
            for number in range(MESSAGES):
                h01.send(day_message(number))
            missing = ingest.wait_for(keys, 3)
            assert missing
            assert missing.isdisjoint(h01.acks)
            assert ingest.trouble is not None
            assert "No space left" in ingest.trouble or "make room" in ingest.trouble
            assert (ingest.metrics()["trouble"], ingest.metrics()["backlog"]) == (1.0, len(missing))
            assert readable(store, iris, home) == MESSAGES - len(missing)

            others.unlink()
            assert ingest.wait_for(keys, 30) == set()
            assert [h01.ack(key)["accepted"] for key in sorted(keys)] == [SLOTS] * MESSAGES
        assert ingest.trouble is None
        assert ingest.metrics()["store_failures"] >= 1
    finally:
        ingest.stop()
        broker.stop()
        letters.close()
        store.close()
    again = EmbeddedStore(small_disk / "store")
    assert readable(again, iris, home) == MESSAGES
    again.close()


def readable(store: EmbeddedStore, iris: Iris, home: Home) -> int:
    """How many days are there, each whole and right."""
    frame = Readings(store, iris, Channels(store, iris)).frame([home.power], START, START + timedelta(days=MESSAGES))[home.power]
    found = 0
    for number in range(MESSAGES):
        day = frame.to_numpy()[96 * number : 96 * number + SLOTS].tolist()
        if day == [(number + slot) % 20 for slot in range(SLOTS)]:
            found += 1
        else:
            assert all(value != value for value in day), f"day {number} is half there"
    return found
