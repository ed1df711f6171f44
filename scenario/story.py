"""What happens in the demo: a month of history, then one evening peak from the request to the statement.

Every step is decided from the graph alone (does the campaign exist? has somebody opted out?), so a demo that was killed goes on where
it was.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from scenario.cooperative import ZONE
from scenario.dataset import FIRST

LEAST_DAYS = 16
MOST_DAYS = 364
KW_PER_HOME = 1.0
PRICE_EUR_PER_KWH = "0.40"
PEAK = (18, 20)
GATE = 12
OPT_OUT_AFTER = timedelta(minutes=30)
SATURDAY = 5
DAY, HOUR, QUARTER = timedelta(days=1), timedelta(hours=1), timedelta(minutes=15)


class StoryError(ValueError):
    """The demo was asked for something its data can't give."""


@dataclass(frozen=True)
class Story:
    """The instants of the demo.

    Attributes
    ----------
    request_at : noon of the day before, when the DSO asks
    start, end : the evening peak
    over : the local midnight after the last day, when the campaign has been settled
    """

    days: int
    homes: int

    def __post_init__(self) -> None:
        if not LEAST_DAYS <= self.days <= MOST_DAYS:
            raise StoryError(
                f"{self.days} days can't be shown: baselines need ten earlier days like the one of the event, so at least {LEAST_DAYS}, "
                f"and the measured year has {MOST_DAYS} whole ones"
            )
        if self.homes < 1:
            raise StoryError(f"{self.homes} homes make no cooperative; ask for 1 or more")

    def _local(self, day: int, hour: int) -> datetime:
        date = (FIRST.astimezone(ZoneInfo(ZONE)) + timedelta(days=day)).date()
        return datetime(date.year, date.month, date.day, hour, tzinfo=ZoneInfo(ZONE)).astimezone(UTC)

    @property
    def event_day(self) -> int:
        """The last working day: at a weekend too few like it have passed for a baseline."""
        day = self.days - 1
        while self._local(day, 12).astimezone(ZoneInfo(ZONE)).weekday() >= SATURDAY:
            day -= 1
        return day

    @property
    def request_at(self) -> datetime:
        """Noon of the day before."""
        return self._local(self.event_day - 1, GATE)

    @property
    def start(self) -> datetime:
        """The peak begins."""
        return self._local(self.event_day, PEAK[0])

    @property
    def end(self) -> datetime:
        """The peak is over."""
        return self._local(self.event_day, PEAK[1])

    @property
    def over(self) -> datetime:
        """The local midnight after the last day."""
        return self._local(self.days, 0)

    @property
    def opt_out_at(self) -> datetime:
        """One member has had enough."""
        return self.start + OPT_OUT_AFTER

    @property
    def asked_kw(self) -> float:
        """What the DSO asks for [kW]."""
        return KW_PER_HOME * self.homes

    def step(self, now: datetime) -> timedelta:
        """How long the next tick is: UTC days of history, hours once there is a plan, quarter-hours around the event."""
        if now < self.request_at:
            midnight = now.replace(hour=0, minute=0, second=0, microsecond=0) + DAY
            return min(midnight, self.request_at) - now
        if now < self.start - HOUR:
            return min(HOUR, self.start - HOUR - now)
        return QUARTER if now < self.end + HOUR else min(DAY, self.over - now)

    def planning(self, to: datetime) -> bool:
        """History is back-filled: nobody forecasts a day that is long past."""
        return to >= self.request_at
