"""Local hours on other days, through the changes of the clock."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np

from settlement.days import before_event, same_hours, similar_rows, slots_of

PACIFIC = ZoneInfo("America/Los_Angeles")
QUARTER = timedelta(minutes=15)


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def test_the_same_evening_before_the_clocks_change_is_an_hour_earlier_in_utc() -> None:
    evening = slots_of(utc("2016-11-08T01:00"), utc("2016-11-08T03:00"), QUARTER)  # 17:00 to 19:00 PST

    moved = same_hours(evening, PACIFIC, -4)  # Thursday 3 November, PDT

    assert (moved[0], moved[-1]) == (utc("2016-11-04T00:00"), utc("2016-11-04T01:45"))


def test_an_hour_that_a_day_does_not_have_is_missing() -> None:
    night = slots_of(utc("2017-03-14T09:00"), utc("2017-03-14T10:00"), QUARTER)  # 02:00 to 03:00 PDT

    assert same_hours(night, PACIFIC, -2) == [None] * 4  # 12 March has no hour from 02:00 to 03:00


def test_both_hours_of_the_long_night_look_at_the_one_hour_of_other_nights() -> None:
    twice = slots_of(utc("2016-11-06T08:00"), utc("2016-11-06T10:00"), timedelta(hours=1))  # 01:00 PDT, 01:00 PST

    assert same_hours(twice, PACIFIC, -1) == [utc("2016-11-05T08:00")] * 2


def test_adjustment_looks_at_the_hours_from_four_to_one_before_the_event() -> None:
    start = utc("2016-08-31T00:00")

    before = before_event(start, start - timedelta(days=1), PACIFIC, QUARTER)

    assert (before[0], before[-1], len(before)) == (utc("2016-08-30T20:00"), utc("2016-08-30T22:45"), 12)


def test_adjustment_ends_before_a_notification_on_the_same_day() -> None:
    start, notified = utc("2016-08-31T00:00"), utc("2016-08-30T18:05")  # 11:05 local for 17:00

    before = before_event(start, notified, PACIFIC, QUARTER)

    assert before[-1] + QUARTER == utc("2016-08-30T18:00")
    assert len(before) == 12


def chosen(day: date, *, without: tuple[date, ...] = (), holidays: tuple[date, ...] = ()) -> list[str]:
    days = np.array([day.toordinal() - n for n in (3, 1, 2, 5, 4, 8, 7, 6, 9, 0)])
    rows = similar_rows(days, day.toordinal(), timedelta(days=8), frozenset(without), frozenset(holidays))
    return [date.fromordinal(int(days[row])).isoformat() for row in rows]


def test_similar_days_are_working_days_without_events_most_recent_first() -> None:
    wednesday = date(2016, 8, 31)

    days = chosen(wednesday, without=(date(2016, 8, 29),))

    assert days == ["2016-08-30", "2016-08-26", "2016-08-25", "2016-08-24", "2016-08-23"]


def test_a_holiday_is_like_a_weekend() -> None:
    labor_day = date(2016, 9, 5)

    assert chosen(labor_day, holidays=(labor_day,)) == ["2016-09-04", "2016-09-03", "2016-08-28"]
    assert labor_day.isoformat() not in chosen(date(2016, 9, 6), holidays=(labor_day,))
