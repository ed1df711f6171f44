"""Local days: terms that are agreed by days hold from midnight to midnight where the member lives."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, tzinfo


@dataclass(frozen=True, slots=True)
class Term:
    """A consent or grant: one purpose, one category or dataset, first and last day."""

    holder: str
    what: str
    purpose: str
    first: date
    last: date


class Days:
    """The local days of one moment.

    Attributes
    ----------
    since, until : the span (half-open) in which all the zones asked for so far have the days they have at that moment
    """

    def __init__(self, now: datetime) -> None:
        self._now = now
        self._today: dict[tzinfo, date] = {}
        self.since = datetime.min.replace(tzinfo=UTC)
        self.until = datetime.max.replace(tzinfo=UTC)

    def hold(self, term: Term, zones: Collection[tzinfo]) -> bool:
        """Tell whether it is one of a term's days in every zone there is; without any it can't be told, so it is not."""
        return bool(zones) and all(term.first <= self._day(zone) <= term.last for zone in zones)

    def _day(self, zone: tzinfo) -> date:
        today = self._today.get(zone)
        if today is None:
            today = self._today[zone] = self._now.astimezone(zone).date()
            # the moment itself belongs to the span even where a clock is set back over midnight
            self.since = max(self.since, min(_midnight(today, zone), self._now))
            self.until = min(self.until, _midnight(today + timedelta(days=1), zone))
        return today


def _midnight(day: date, zone: tzinfo) -> datetime:
    return datetime.combine(day, datetime.min.time(), zone).astimezone(UTC)
