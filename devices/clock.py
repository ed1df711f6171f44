"""Whose time the readings bear: the platform's, as far as the box can tell.

A box goes by its own monotonic line, which begins at the system clock's time when the box starts and isn't moved when that clock is set.
The offset of the line to the platform is measured from acknowledgements as NTP does, and corrected once it is proven to be beyond a second.

References
----------
RFC 5905 §8: offset = ((T2 − T1) + (T3 − T4)) / 2 and delay = (T4 − T1) − (T3 − T2); the true offset lies within delay / 2 of that.
"""

import logging
from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import Decimal

log = logging.getLogger(__name__)

STEP = timedelta(seconds=2)  # a system clock that moves by more against the monotonic one was set, not steered
TOLERATED = timedelta(seconds=1)
UNHEARD_OF = timedelta(days=36525)  # no box is a century off, not even one that begins in 1970


class Clock:
    """The time of a box; may be read from every thread.

    Parameters
    ----------
    wall
        The system clock, aware.
    monotonic
        A clock that is never set [s].
    """

    def __init__(self, wall: Callable[[], datetime], monotonic: Callable[[], float]) -> None:
        self._wall, self.monotonic = wall, monotonic
        self._begin, self._begin_s = wall(), monotonic()
        self._wall_line = self._begin  # what the system clock would show at the begin, had it never been set since
        self._applied = timedelta(0)
        self._measured: timedelta | None = None

    @property
    def measured(self) -> bool:
        """Whether the platform's time is known."""
        return self._measured is not None

    @property
    def offset(self) -> timedelta | None:
        """By how much the box's own clock was behind (+) or ahead (−) of the platform when last compared."""
        return self._measured

    @property
    def applied(self) -> timedelta:
        """By how much the box's own time is corrected."""
        return self._applied

    @property
    def offset_text(self) -> str | None:
        """The offset in decimal seconds as a message states it, to the millisecond."""
        if self._measured is None:
            return None
        seconds = Decimal(self._measured // timedelta(milliseconds=1)) / 1000
        return f"{seconds.normalize() + 0:f}"

    def now(self) -> datetime:
        """The time, corrected."""
        return self.at(self.monotonic())

    def at(self, moment_s: float) -> datetime:
        """The time of a moment of the monotonic clock, corrected by what is known now."""
        return self._line(moment_s) + self._applied

    def follow(self, moved: timedelta) -> None:
        """Take over by how much the system clock was set (`check`): right as long as nobody has asked the platform and no reading was stamped."""
        self._begin += moved

    def check(self) -> timedelta | None:
        """Notice a step of the system clock; returns by how much it was set since the last time. The box's time doesn't follow."""
        expected = self._wall_line + timedelta(seconds=self.monotonic() - self._begin_s)
        moved = self._wall() - expected
        if abs(moved) <= STEP:
            return None
        self._wall_line += moved
        log.warning(
            "the system clock was set by %.1f s while the box was running; the box goes on with its own time", moved.total_seconds()
        )
        return moved

    def measure(self, sent_s: float, received: datetime, replied: datetime, arrived_s: float) -> timedelta | None:
        """Compare with the platform by one message and its acknowledgement.

        Parameters
        ----------
        sent_s, arrived_s
            When the message left and its acknowledgement came, on the monotonic clock [s].
        received, replied
            When the message came and the acknowledgement left, on the platform's clock.

        Returns
        -------
        By how much the box's time was corrected, or `None` where it wasn't: within a second, or within what the delay leaves open.
        """
        delay = timedelta(seconds=arrived_s - sent_s) - (replied - received)
        if replied < received or delay < -TOLERATED:
            log.warning("an acknowledgement bears times that can't be (%s to %s); the clock isn't compared by it", received, replied)
            return None
        found = ((received - self._line(sent_s)) + (replied - self._line(arrived_s))) / 2
        if abs(found) > UNHEARD_OF:
            log.warning("an acknowledgement says that it is %s, a century off; the clock isn't compared by it", received)
            return None
        uncertain = max(TOLERATED, delay / 2)
        if self._measured is not None and delay > 2 * TOLERATED and abs(found - self._measured) <= uncertain:
            return None  # says nothing better than what is known
        first, self._measured = self._measured is None, found
        change = found - self._applied
        if abs(change) <= uncertain:
            return None
        self._applied = found
        log.warning(
            "the clock is %.3f s %s the platform's%s; times are corrected by that",
            abs(found.total_seconds()),
            "behind" if found > timedelta(0) else "ahead of",
            "" if first else f", {change.total_seconds():+.3f} s since the last correction",
        )
        return change

    def _line(self, moment_s: float) -> datetime:
        return self._begin + timedelta(seconds=moment_s - self._begin_s)
