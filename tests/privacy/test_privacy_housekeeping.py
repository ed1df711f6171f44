"""The daily round: once a day, and what fails in it holds nothing else up."""

from datetime import UTC, datetime, timedelta

import pytest

from privacy.housekeeping import Housekeeping
from telemetry.channels import Channels
from telemetry.jobs import JobStoppedError
from telemetry.readings import Readings
from telemetry.writer import ReadingWriter

NIGHT = datetime(2016, 8, 31, 2, tzinfo=UTC)


@pytest.fixture
def house(store, iris):
    channels = Channels(store, iris)

    def made(describe, clear):
        parts = Readings(store, iris, channels), ReadingWriter(store, iris, channels)
        return Housekeeping(store, iris, channels, *parts, k=10, describe=describe, clear=clear)

    return made


def test_the_round_is_made_at_a_start_and_two_hours_after_each_utc_day(house):
    described, cleared = [], []
    keeper = house(described.append, lambda now, stop: cleared.append(now))
    times = [NIGHT - timedelta(hours=9), NIGHT - timedelta(minutes=1), NIGHT, NIGHT + timedelta(hours=20), NIGHT + timedelta(days=1)]

    for now in times:
        keeper.advance(now)
        keeper.join()

    assert described == cleared == [times[0], times[2], times[4]]


def test_a_catalogue_that_can_not_be_written_holds_nothing_up_and_is_tried_the_next_day(house, caplog):
    tried, cleared = [], []

    def describe(now):
        tried.append(now)
        raise OSError("no room")

    keeper = house(describe, lambda now, stop: cleared.append(now))

    for now in (NIGHT, NIGHT + timedelta(days=1)):
        keeper.advance(now)
        keeper.join()

    assert len(tried) == len(cleared) == 2
    assert "it is tried again tomorrow" in caplog.text


def test_what_runs_beside_everything_else_ends_when_it_is_told_to(house):
    asked = []

    def clear(now, stop):
        while not stop():
            pass
        asked.append(now)
        raise JobStoppedError("stopped at the third graph")

    keeper = house(lambda now: None, clear)

    keeper.advance(NIGHT)
    keeper.advance(NIGHT + timedelta(days=1))  # the first one goes on, so no second begins
    keeper.stop()
    keeper.join()

    assert asked == [NIGHT]
