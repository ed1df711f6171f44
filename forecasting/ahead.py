"""Which windows can be asked for: ahead of now, on the grid of quarter-hours, not too long and not too far off."""

from datetime import datetime, timedelta

STEP = timedelta(minutes=15)
FURTHEST_AHEAD = timedelta(days=7)  # nothing is known of later days that a forecast could rest on
LONGEST_WINDOW = timedelta(days=1)


class WindowError(ValueError):
    """A window can't be forecast: off the grid, past, too far ahead or too long."""


def refuse_unless_near(at: datetime, start: datetime, end: datetime, *, longest: timedelta = LONGEST_WINDOW) -> None:
    """Refuse a window that can't be forecast at a moment.

    Raises
    ------
    WindowError
        If it is off the grid, begins before that moment, or is too long or too far ahead.
    """
    window = f"{start.isoformat()} to {end.isoformat()}"
    if start.timestamp() % STEP.total_seconds() or end.timestamp() % STEP.total_seconds():
        raise WindowError(
            f"{window} does not begin and end on quarter-hours; readings and markets are on that grid, so choose :00, :15, :30 or :45"
        )
    if not start < end <= start + longest:
        raise WindowError(f"{window} is no window of up to {longest.days} days; give an end after the start, and no later than that")
    if start < at:
        raise WindowError(f"{window} begins before now ({at.isoformat()}); what is past can't be changed, choose a later window")
    if start > at + FURTHEST_AHEAD:
        raise WindowError(
            f"{window} begins more than {FURTHEST_AHEAD.days} days from now ({at.isoformat()}); nothing is known of it yet, ask again later"
        )
