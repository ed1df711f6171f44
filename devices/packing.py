"""How waiting readings lie in the outbox's file: packed rows, the window that they cover, and what becomes of them when they are moved or lost."""

import json
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from devices.aggregation import Reading
from devices.clock import TOLERATED
from devices.messages import instant
from ontology.names import FCV


def joined(lost: list[tuple[Reading, datetime]]) -> list[tuple[Reading, datetime]]:
    """Keep the memory of what was lost small: runs of one channel become one."""
    runs: dict[str, tuple[Reading, datetime]] = {}
    kept = []
    for one, until in lost:
        known = runs.get(one.channel)
        if known and known[1] == one.start:
            runs[one.channel] = (known[0], until)
        else:
            if known:
                kept.append(known)
            runs[one.channel] = (one, until)
    return [*kept, *runs.values()]


def moved(one: Reading, shift: timedelta) -> Iterator[Reading]:
    """A reading at the nearest interval, and a flag if that isn't quite its own."""
    steps = round(shift / one.step) * one.step
    nearest = replace(one, start=one.start + steps, until=one.until + steps if one.until else None)
    yield nearest
    rest = abs(shift - steps)
    if rest > TOLERATED and one.value is not None:
        comment = f"measured before the box's clock was compared, which was off by {shift}; moved to the nearest interval, {rest.seconds} s beside it"
        yield replace(nearest, value=None, reason=str(FCV.ClockSkew), comment=comment)


def doubted(one: Reading, shift: timedelta) -> Iterator[Reading]:
    """A reading of an earlier start where it is, and a flag if the clock turned out to be wrong after that."""
    yield one
    if abs(shift) > TOLERATED and one.value is not None:
        comment = f"measured before the box started anew, by a clock that was never compared and was off by {shift} after that"
        yield replace(one, value=None, reason=str(FCV.ClockSkew), comment=comment)


def window(readings: Sequence[Reading]) -> tuple[int, int]:
    """Begin and end of what readings cover [s since 1970]."""
    return (
        int(min(one.start for one in readings).timestamp()),
        int(max(one.until or one.start + one.step for one in readings).timestamp()),
    )


def time_of(seconds: int) -> datetime:
    """The instant of so many seconds since 1970."""
    return datetime.fromtimestamp(seconds, UTC)


def pack(readings: Sequence[Reading]) -> bytes:
    """Readings as they lie in a row of the file."""
    rows = [
        [
            one.channel,
            one.unit,
            int(one.start.timestamp()),
            int(one.step.total_seconds()),
            one.value,
            one.reason,
            one.comment,
            None if one.until is None else instant(one.until),
        ]
        for one in readings
    ]
    return zlib.compress(json.dumps(rows, separators=(",", ":"), ensure_ascii=False).encode(), 6)


def unpack(body: bytes) -> Iterator[Reading]:
    """The inverse of `pack`."""
    for channel, unit, start, step, value, reason, comment, until in json.loads(zlib.decompress(body)):
        end = None if until is None else datetime.fromisoformat(until)
        yield Reading(channel, unit, time_of(start), timedelta(seconds=step), value, reason, comment, end)
