"""Gaps: runs of slots without a reading, with the reason where a flag tells it."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby

import numpy as np

from telemetry.resampling import Floats


@dataclass(frozen=True)
class Gap:
    """A run of missing readings of one channel, half-open; `reason` (IRI) and `comment` where a flag stands on the slots."""

    channel: str
    start: datetime
    end: datetime
    reason: str | None = None
    comment: str = ""

    def slots(self, step: timedelta) -> int:
        """How many readings are missing."""
        return (self.end - self.start) // step


@dataclass(frozen=True)
class Reason:
    """What a flag says of a stretch of time."""

    start: datetime
    end: datetime
    reason: str
    comment: str


def gaps(channel: str, values: Floats, begin: datetime, step: timedelta, reasons: Sequence[Reason]) -> list[Gap]:
    """Find the runs of NaN in one channel's values; a run is parted where the reason changes."""
    missing = np.flatnonzero(np.isnan(values)).tolist()
    if not missing:
        return []
    told = _told(missing, begin, step, reasons)
    parted = groupby(_runs(missing, told), key=lambda each: each[0])
    return [_gap(channel, begin, step, [slot for _, slot in run], told) for _, run in parted]


def _told(missing: Iterable[int], begin: datetime, step: timedelta, reasons: Sequence[Reason]) -> dict[int, Reason]:
    """The reason by slot; the first that covers it counts."""
    wanted = set(missing)
    found: dict[int, Reason] = {}
    for reason in reasons:
        first, last = (reason.start - begin) // step, -((begin - reason.end) // step)
        for slot in wanted.intersection(range(first, last)):
            found.setdefault(slot, reason)
    return found


def _runs(missing: Sequence[int], told: dict[int, Reason]) -> Iterator[tuple[int, int]]:
    """Number of the run, slot."""
    number = 0
    for before, slot in zip([missing[0], *missing], missing, strict=False):
        number += slot > before + 1 or _same(told.get(before)) != _same(told.get(slot))
        yield number, slot


def _same(reason: Reason | None) -> tuple[str, str] | None:
    return None if reason is None else (reason.reason, reason.comment)


def _gap(channel: str, begin: datetime, step: timedelta, slots: Sequence[int], told: dict[int, Reason]) -> Gap:
    reason = told.get(slots[0])
    start, end = begin + slots[0] * step, begin + (slots[-1] + 1) * step
    return Gap(channel, start, end) if reason is None else Gap(channel, start, end, reason.reason, reason.comment)
