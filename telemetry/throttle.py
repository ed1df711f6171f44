"""How often a thing may be tried in vain."""

from collections import deque
from collections.abc import Callable
from datetime import datetime, timedelta

from telemetry.errors import ThrottledError

_WINDOW = timedelta(minutes=1)
_PER_NAME, _OVERALL = 5, 60


class Throttle:
    """Counts failures of the last minute, by name and in all; at most as many are kept as are allowed in all.

    Parameters
    ----------
    now
        The time (aware).
    """

    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now = now
        self._failures: deque[tuple[datetime, str]] = deque(maxlen=_OVERALL)

    def count(self, name: str) -> None:
        """Note a failure."""
        self._failures.append((self._now(), name))

    def refuse_if_busy(self, name: str) -> None:
        """Say that there were too many failures already, if so.

        Raises
        ------
        ThrottledError
            If there were five failures in this name in the last minute, or sixty in all.
        """
        now = self._now()
        begin = now - _WINDOW
        # a copy: others may be counting; and what is noted for later was noted before the clock was set back
        recent = [(at, who) for at, who in list(self._failures) if begin < at <= now]
        mine = [at for at, who in recent if who == name]
        if len(mine) >= _PER_NAME or len(recent) >= _OVERALL:
            since = mine[-_PER_NAME] if len(mine) >= _PER_NAME else recent[0][0]
            wait = max(1, min(int((since - begin).total_seconds()) + 1, 60))
            raise ThrottledError(f"too many wrong claim codes in the last minute; try again in {wait} s", wait)
