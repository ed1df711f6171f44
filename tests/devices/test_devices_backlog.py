"""What waits is bounded and survives: a full outbox gives up the oldest, counters last, and says so; a full disk ends nothing."""

import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from devices.aggregation import PARTIAL, Reading
from devices.backlog import ROW_BYTES, Backlog, Bounds
from devices.outbox import Outbox
from ontology.names import FCV

START = datetime(2026, 3, 1, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
COUNTER = "connection/h01#importedEnergy"
POWER = "connection/h01#activePower"
POWERS = {POWER: 7919} | {f"device/h01-load{prime}#activePower": prime for prime in (7901, 7907, 7877, 7879, 7883, 7841, 7853, 7867)}


@pytest.fixture
def outbox(tmp_path: Path) -> Iterator[Outbox]:
    made = Outbox(tmp_path / "box.sqlite", durable=False)
    yield made
    made.close()


def backlog(outbox: Outbox, **bounds: object) -> Backlog:
    return Backlog(outbox, "osb-h01", Bounds(**bounds), [COUNTER])  # type: ignore[arg-type]


def interval(number: int) -> list[Reading]:
    """The readings of one minute, with digits that don't compress to nothing."""
    start = START + number * MINUTE
    power = [
        Reading(channel, "unit:KiloW", start, MINUTE, str(Decimal(number * prime % 10007) / 1000)) for channel, prime in POWERS.items()
    ]
    return [*power, Reading(COUNTER, "unit:KiloW-HR", start, MINUTE, str(1000 + number))]


def slots(waiting: Backlog) -> dict[str, list[datetime]]:
    found: dict[str, list[datetime]] = {channel: [] for channel in (*POWERS, COUNTER)}
    for batch in waiting.after(None, 100_000):
        for one in batch.readings:
            if one.value is not None:
                found[one.channel].append(one.start)
    return found


def test_batches_come_back_oldest_first_and_go_when_acknowledged(outbox: Outbox) -> None:
    waiting = backlog(outbox)
    added = [waiting.add(interval(number), synchronised=True) for number in range(5)]

    assert [list(batch.readings) for batch in waiting.after(None, 3)] == [interval(0), interval(1), interval(2)]
    waiting.acknowledge([added[0].seq, added[2].seq])

    assert [batch.seq for batch in waiting.after(None, 10)] == [added[1].seq, added[3].seq, added[4].seq]
    assert [batch.seq for batch in waiting.after(added[1].seq, 10)] == [added[3].seq, added[4].seq]
    assert len(waiting) == 3


def test_what_waits_is_there_after_the_end_of_the_process(tmp_path: Path) -> None:
    first = Outbox(tmp_path / "b.sqlite", durable=False)
    backlog(first).add(interval(0), synchronised=True)
    first.close()

    again = Outbox(tmp_path / "b.sqlite", durable=False)

    waiting = backlog(again)
    assert [list(batch.readings) for batch in waiting.after(None, 10)] == [interval(0)]
    assert waiting.size > ROW_BYTES
    again.close()


def test_a_full_outbox_gives_up_the_oldest_and_the_counters_last(outbox: Outbox) -> None:
    waiting = backlog(outbox, file_bytes=40_000)
    for number in range(180):
        waiting.add(interval(number), synchronised=True)

    kept = slots(waiting)

    assert waiting.size <= 40_000
    assert len(kept[COUNTER]) == 180  # the energy of the whole time is still known
    assert kept[POWER] == [START + number * MINUTE for number in range(180 - len(kept[POWER]), 180)]
    assert 0 < len(kept[POWER]) < 180


def test_when_only_counters_are_left_the_oldest_of_them_go(outbox: Outbox) -> None:
    waiting = backlog(outbox, file_bytes=40_000)
    for number in range(1200):
        waiting.add(interval(number), synchronised=True)

    kept = slots(waiting)

    assert waiting.size <= 40_000
    assert kept[COUNTER] == [START + number * MINUTE for number in range(1200 - len(kept[COUNTER]), 1200)]
    assert len(kept[COUNTER]) > 200


def test_what_was_given_up_is_told_as_flags_once_there_is_room(outbox: Outbox) -> None:
    waiting = backlog(outbox, file_bytes=40_000)
    for number in range(180):
        waiting.add(interval(number), synchronised=True)
    kept = slots(waiting)
    waiting.tell_lost()
    assert waiting.lost()  # no room yet
    waiting.acknowledge([batch.seq for batch in waiting.after(None, 100)])

    waiting.tell_lost()

    assert waiting.lost() == []
    flags = [one for batch in waiting.after(None, 1000) for one in batch.readings if one.value is None]
    assert {(one.channel, one.reason, one.start, one.until) for one in flags} == {
        (channel, PARTIAL, START, kept[POWER][0]) for channel in POWERS
    }
    assert "no room" in flags[0].comment


def test_readings_older_than_the_bound_are_given_up_and_told(outbox: Outbox) -> None:
    waiting = backlog(outbox, age=timedelta(days=2))
    for number in range(3):
        waiting.add(interval(1440 * number), synchronised=True)

    waiting.expire(START + timedelta(days=3, minutes=1))

    assert slots(waiting)[COUNTER] == [START + timedelta(days=2)]
    assert {(one.channel, one.start) for one in waiting.lost()} == {
        (channel, START + day * timedelta(days=1)) for channel in (*POWERS, COUNTER) for day in (0, 1)
    }


def test_announcements_and_reports_are_never_given_up(outbox: Outbox) -> None:
    from devices.outbox import Outgoing

    report = Outgoing("r1", "flexcoop/osb/osb-h01/report", b"{}" * 30_000)
    outbox.add("osb-h01", report)
    waiting = backlog(outbox, file_bytes=10_000)
    for number in range(300):
        waiting.add(interval(number), synchronised=True)

    assert outbox.waiting("osb-h01") == [report]


def fill_disk(outbox: Outbox) -> None:
    """No page more than there are: SQLite says that the disk is full, as it does on a real one."""
    pages = outbox.connection.execute("PRAGMA page_count").fetchone()[0]
    outbox.connection.execute(f"PRAGMA max_page_count = {pages}")


def test_a_full_disk_keeps_readings_in_memory_until_there_is_room(outbox: Outbox, caplog: pytest.LogCaptureFixture) -> None:
    waiting = backlog(outbox)
    fill_disk(outbox)
    for number in range(300):
        waiting.add(interval(number), synchronised=True)
    assert waiting.disk_full
    assert caplog.text.count("can't be written") == 1
    assert slots(waiting)[POWER] == [START + number * MINUTE for number in range(300)]
    in_memory = [batch.seq for batch in waiting.after(None, 1000) if batch.seq < 0]
    waiting.acknowledge(in_memory[:5])

    outbox.connection.execute("PRAGMA max_page_count = 100000")
    waiting.settle()

    assert not waiting.disk_full
    assert len(slots(waiting)[POWER]) == 295
    assert all(batch.seq > 0 for batch in waiting.after(None, 1000))
    assert len(waiting) == 295


def test_on_a_full_disk_memory_is_bounded_and_what_is_given_up_is_told_later(outbox: Outbox) -> None:
    waiting = backlog(outbox, memory_bytes=20_000)
    fill_disk(outbox)
    for number in range(300):
        waiting.add(interval(number), synchronised=True)
    kept = slots(waiting)[POWER]
    assert 10 < len(kept) < 100
    assert kept[-1] == START + 299 * MINUTE

    outbox.connection.execute("PRAGMA max_page_count = 100000")
    waiting.settle()

    on_disk = slots(waiting)[POWER][0]  # what still went to the file before it was full stays the oldest
    lost = [(one.start, one.until) for one in waiting.lost() if one.channel == POWER]
    assert len(lost) == 1
    covered = {START + number * MINUTE for number in range(300) if lost[0][0] <= START + number * MINUTE < (lost[0][1] or START)}
    assert covered | set(slots(waiting)[POWER]) == {START + number * MINUTE for number in range(300)}
    assert on_disk == START


def test_an_acknowledgement_on_a_full_disk_is_remembered(outbox: Outbox, monkeypatch: pytest.MonkeyPatch) -> None:
    waiting = backlog(outbox)
    batch = waiting.add(interval(0), synchronised=True)
    outbox.connection.execute("PRAGMA query_only = ON")  # no write works

    waiting.acknowledge([batch.seq])

    assert waiting.after(None, 10) == []
    outbox.connection.execute("PRAGMA query_only = OFF")
    waiting.settle()
    assert outbox.connection.execute("SELECT COUNT(*) FROM batch").fetchone() == (0,)


def test_readings_of_an_unmeasured_clock_are_moved_once(outbox: Outbox) -> None:
    waiting = backlog(outbox)
    waiting.add(interval(0), synchronised=False)
    waiting.add(interval(5), synchronised=True)

    assert waiting.restamp(timedelta(days=1, seconds=20)) == 1
    assert waiting.restamp(timedelta(days=1, seconds=20)) == 0

    first, second = waiting.after(None, 10)
    assert [one.start for one in first.readings if one.value] == [START + timedelta(days=1)] * 10
    assert {one.reason for one in first.readings if one.value is None} == {str(FCV.ClockSkew)}
    assert "20 s beside it" in first.readings[1].comment
    assert list(second.readings) == interval(5)


def test_a_failed_transaction_leaves_nothing_half_done(outbox: Outbox) -> None:
    waiting = backlog(outbox)
    with pytest.raises(sqlite3.OperationalError), outbox.transaction():
        outbox.connection.execute("INSERT INTO nowhere VALUES (1)")
    waiting.add(interval(0), synchronised=True)

    assert len(waiting) == 1
