"""Local days, weeks, months and years, their names, their neighbours and their parts; right on days of 23 and 25 hours."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from babel.dates import format_date, format_skeleton

from api.languages import _, language
from telemetry.localdays import begin as local_begin

SPANS = ("day", "week", "month", "year")
_DAY, _HOUR = timedelta(days=1), timedelta(hours=1)


@dataclass(frozen=True)
class Period:
    """One local day, week (from Monday), month or year; `first` is its first day, `after` the day after its last."""

    span: str
    first: date
    after: date

    @property
    def last(self) -> date:
        """Its last day."""
        return self.after - _DAY

    @property
    def name(self) -> str:
        """How people call it: `Tuesday 30 August 2016`, `29 Aug – 4 Sep 2016`, `August 2016`, `2016`."""
        match self.span:
            case "day":
                return format_date(self.first, "full", locale())
            case "week":
                return f"{format_date(self.first, 'd MMM', locale())} – {format_date(self.last, 'medium', locale())}"
            case "month":
                return month_name(self.first)
        return str(self.first.year)

    def window(self, zone: ZoneInfo) -> tuple[datetime, datetime]:
        """Its first instant, and the one after its last (UTC)."""
        return local_begin(self.first, zone), local_begin(self.after, zone)

    def edges(self, zone: ZoneInfo) -> list[datetime]:
        """Where its parts begin, and the end: hours of a day, days of a week or month, months of a year (UTC)."""
        begin, end = self.window(zone)
        if self.span == "day":
            return [*(begin + n * _HOUR for n in range(-(-(end - begin) // _HOUR))), end]
        if self.span == "year":
            return [*(local_begin(date(self.first.year, month, 1), zone) for month in range(1, 13)), end]
        return [local_begin(self.first + n * _DAY, zone) for n in range((self.after - self.first).days + 1)]

    def before(self) -> "Period":
        """The one before."""
        return period(self.span, self.first - _DAY)

    def following(self) -> "Period":
        """The one after."""
        return period(self.span, self.after)

    def year_before(self) -> "Period | None":
        """The same one a year earlier: a week that begins 52 weeks before; of a year there is none but the one before."""
        match self.span:
            case "year":
                return None
            case "week":
                return period("week", self.first - 364 * _DAY)
        return period(self.span, _months_earlier(self.first, 12))

    def until(self, other: "Period", now: datetime, zone: ZoneInfo) -> tuple[datetime, datetime]:
        """As much of this period as has passed of `other` by now: a running month is compared with as many days of an earlier one (UTC)."""
        begin, end = self.window(zone)
        its_begin, its_end = other.window(zone)
        if not its_begin < now < its_end:
            return begin, end
        local = now.astimezone(zone)
        day = _same_place(other, self, local.date())
        if day >= self.after:
            return begin, end
        cut = datetime(day.year, day.month, day.day, local.hour, local.minute // 15 * 15, tzinfo=zone).astimezone(UTC)
        return begin, min(max(cut, begin), end)


def _same_place(of: Period, within: Period, day: date) -> date:
    """The day of a period that stands where `day` stands in another of its kind."""
    if of.span != "year":
        return within.first + (day - of.first)
    return _months_earlier(day, 12 * (of.first.year - within.first.year))


def _months_earlier(day: date, months: int) -> date:
    """The same day of an earlier month, or the last one where it has no such day."""
    number = day.year * 12 + day.month - 1 - months
    first = date(number // 12, number % 12 + 1, 1)
    following = date((number + 1) // 12, (number + 1) % 12 + 1, 1)
    return min(first + (day.day - 1) * _DAY, following - _DAY)


def period(span: str, day: date) -> Period:
    """The day, week, month or year that a day lies in."""
    match span:
        case "week":
            first = day - day.weekday() * _DAY
            return Period(span, first, first + 7 * _DAY)
        case "month":
            first = day.replace(day=1)
            return Period(span, first, (first + 31 * _DAY).replace(day=1))
        case "year":
            return Period(span, date(day.year, 1, 1), date(day.year + 1, 1, 1))
    return Period("day", day, day + _DAY)


def labels(whole: Period, edges: Sequence[datetime], zone: ZoneInfo) -> list[tuple[str, str]]:
    """Short and long name of each part; the second of two hours of one name says its distance from UTC."""
    local = [edge.astimezone(zone) for edge in edges[:-1]]
    if whole.span == "day":
        clocks = [f"{at:%H:%M}" for at in local]
        return [(f"{at.hour}", text if clocks.count(text) == 1 else f"{text} (UTC{at:%z})") for at, text in zip(local, clocks, strict=True)]
    if whole.span == "week":
        return [(format_date(at, "EEE", locale()), format_date(at, "EEE d MMM", locale())) for at in local]
    if whole.span == "month":
        return [(str(at.day), format_date(at, "EEE d MMM", locale())) for at in local]
    return [(format_date(at, "LLLLL", locale()), format_date(at, "LLLL", locale())) for at in local]


def month_name(day: date) -> str:
    """`August 2016`."""
    return format_skeleton("yMMMM", day, locale=locale())


def locale() -> str:
    """Where the reader's language is spoken: days come before months."""
    return {"en": "en_GB"}.get(language(), language())


def span_names() -> dict[str, str]:
    """How the spans are called."""
    return {"day": _("Day"), "week": _("Week"), "month": _("Month"), "year": _("Year")}
