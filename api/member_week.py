"""The week of a room as a picture: seven rows of 24 hours, coloured and labelled by what is wanted."""

from dataclasses import dataclass
from datetime import time, timedelta
from decimal import Decimal

from babel.dates import get_day_names

from api.languages import language
from mappers.comfort import MIDNIGHT
from registry.comfort import Band, Profile

LEFT, HOUR, ROW, TOP = 62.0, 27.0, 40.0, 26.0
_DAY_MINUTES = 24 * 60


@dataclass(frozen=True)
class Piece:
    """Some hours of one day: where they stand, what is wanted in them; `level` 0 is the rest of the time, others count up from 1."""

    day: int
    x: float
    y: float
    width: float
    height: float
    minimum: Decimal
    maximum: Decimal
    start: str
    end: str
    level: int

    @property
    def wide(self) -> bool:
        """Whether its limits fit inside."""
        return self.width >= 4 * HOUR


@dataclass(frozen=True)
class Week:
    """The pieces of all days, by day and hour."""

    pieces: tuple[Piece, ...]
    width: float = LEFT + 24 * HOUR + 14
    height: float = TOP + 7 * ROW + 4

    @property
    def hours(self) -> list[tuple[float, int]]:
        """Where hours are marked."""
        return [(LEFT + hour * HOUR, hour) for hour in range(0, 25, 3)]

    @property
    def kinds(self) -> list[tuple[int, Decimal, Decimal]]:
        """What is wanted at all: level, lowest, highest."""
        return sorted({(piece.level, piece.minimum, piece.maximum) for piece in self.pieces})

    def days(self) -> list[list[Piece]]:
        """The pieces of each day, in order."""
        return [[piece for piece in self.pieces if piece.day == day] for day in range(7)]


def week(profile: Profile) -> Week:
    """Lay a profile out."""
    kinds = sorted({(band.minimum, band.maximum) for band in profile.bands} - {(profile.minimum, profile.maximum)})
    levels = {limits: number for number, limits in enumerate(kinds, 1)}
    return Week(tuple(piece for day in range(7) for piece in _day(profile, day, levels)))


def _day(profile: Profile, day: int, levels: dict[tuple[Decimal, Decimal], int]) -> list[Piece]:
    pieces, reached = [], 0
    for band in sorted((band for band in profile.bands if day in band.weekdays), key=lambda band: band.start):
        first, last = _minutes(band.start), _end(band)
        if first > reached:
            pieces.append(_piece(day, reached, first, profile, levels))
        pieces.append(_piece(day, first, last, band, levels))
        reached = max(reached, last)
    if reached < _DAY_MINUTES:
        pieces.append(_piece(day, reached, _DAY_MINUTES, profile, levels))
    return pieces


def _piece(day: int, first: int, last: int, of: Profile | Band, levels: dict[tuple[Decimal, Decimal], int]) -> Piece:
    x, y = LEFT + first / 60 * HOUR, TOP + day * ROW
    limits = of.minimum, of.maximum
    width = (last - first) / 60 * HOUR
    return Piece(day, x, y, width, ROW - 3, *limits, _clock(first), _clock(last), levels.get(limits, 0) % 6)


def _minutes(at: time) -> int:
    return at.hour * 60 + at.minute


def _end(band: Band) -> int:
    return _DAY_MINUTES if band.end == MIDNIGHT else _minutes(band.end)


def _clock(minutes: int) -> str:
    at = timedelta(minutes=minutes)
    return f"{at // timedelta(hours=1):02d}:{at // timedelta(minutes=1) % 60:02d}"


def day_names() -> list[tuple[str, str]]:
    """Short and long names of the weekdays, from Monday."""
    short, long = get_day_names("abbreviated", locale=language()), get_day_names("wide", locale=language())
    return [(short[day], long[day]) for day in range(7)]


def days_in_words(days: frozenset[int]) -> str:
    """`Mon–Fri`, `Sat, Sun`, `Mon, Wed`: runs of three or more are joined."""
    short = [name for name, _ in day_names()]
    runs: list[list[int]] = []
    for day in sorted(days):
        if runs and runs[-1][-1] == day - 1:
            runs[-1].append(day)
        else:
            runs.append([day])
    said = [f"{short[run[0]]}–{short[run[-1]]}" if len(run) > 2 else ", ".join(short[day] for day in run) for run in runs]
    return ", ".join(said)
