"""The event's hours on other days: local wall-clock time mapped to UTC, days of the same kind, the hours before an event."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

HISTORY = timedelta(days=45)
BEFORE_STARTS = timedelta(hours=4)
BEFORE_ENDS = timedelta(hours=1)


def slots_of(start: datetime, end: datetime, step: timedelta) -> list[datetime]:
    """List the beginnings of the slots in `[start, end)`."""
    return [start + step * n for n in range(max(0, (end - start) // step))]


def local_day(at: datetime, zone: ZoneInfo) -> date:
    """Tell which local day an instant belongs to."""
    return at.astimezone(zone).date()


def same_hours(slots: Sequence[datetime], zone: ZoneInfo, days: int) -> list[datetime | None]:
    """Move slots by whole local days, keeping the wall-clock time.

    Parameters
    ----------
    slots
        Beginnings of slots, UTC.
    zone
        Zone of the site.
    days
        How many days later; negative = earlier.

    Returns
    -------
    list
        The same hours in UTC; `None` where that day has no such hour (clocks go forward).

    Examples
    --------
    >>> evening = datetime(2016, 11, 7, 1, tzinfo=UTC)  # 17:00 in California, winter time
    >>> same_hours([evening], ZoneInfo("America/Los_Angeles"), -2)
    [datetime.datetime(2016, 11, 5, 0, 0, tzinfo=datetime.timezone.utc)]
    """
    moved: list[datetime | None] = []
    for slot in slots:
        local = slot.astimezone(zone)
        wall = datetime.combine(local.date() + timedelta(days=days), local.time(), zone).replace(fold=local.fold)
        there = wall.astimezone(UTC)
        exists = there.astimezone(zone).replace(tzinfo=None) == wall.replace(tzinfo=None)
        moved.append(there if exists else None)
    return moved


def before_event(start: datetime, notified: datetime | None, zone: ZoneInfo, step: timedelta) -> list[datetime]:
    """List the slots that the same-day adjustment looks at: 4 h to 1 h before the event.

    If the member was told on the day of the event, the three hours end where the telling was, so that what a home does once it knows
    does not count.
    """
    end = start - BEFORE_ENDS
    if notified is not None and notified < end and local_day(notified, zone) == local_day(start, zone):
        end = start - step * -(-(start - notified) // step)
    return slots_of(end - (BEFORE_STARTS - BEFORE_ENDS), end, step)


def similar_rows(
    days: NDArray[np.int64],
    day: int,
    span: timedelta,
    without: frozenset[date] = frozenset(),
    holidays: frozenset[date] = frozenset(),
) -> NDArray[np.int64]:
    """Find the days of the same kind (working day, or weekend and holiday) before a day, most recent first.

    Parameters
    ----------
    days
        Local days as ordinals, in any order, each once.
    day
        The day that they are to be like, an ordinal.
    span
        How far back to look, whole days.
    without
        Days to leave out.
    holidays
        Working days that count as weekend.

    Returns
    -------
    numpy.ndarray
        Positions in `days`.
    """
    rest, ours = _rests(days, holidays), _rests(np.array([day], dtype=np.int64), holidays)[0]
    left_out = _among(days, without)
    rows = np.flatnonzero((days < day) & (days >= day - span.days) & (rest == ours) & ~left_out)
    return rows[np.argsort(-days[rows])]


def _rests(days: NDArray[np.int64], holidays: frozenset[date]) -> NDArray[np.bool_]:
    """Tell weekends and holidays; ordinal 1 is a Monday."""
    return np.logical_or((days - 1) % 7 >= 5, _among(days, holidays))


def _among(days: NDArray[np.int64], dates: frozenset[date]) -> NDArray[np.bool_]:
    return np.isin(days, [each.toordinal() for each in dates]) if dates else np.zeros(len(days), bool)
