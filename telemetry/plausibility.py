"""Readings judged by their neighbours: jumps, values that stand still, counters that start anew.

Only what the channel itself states is held against it (`fc:maximumChange`, `fc:stuckAfter`, `fc:rollsOverAt`); a counter that falls
needs no statement. What is found depends on the values alone and not on the order in which they came, but for the day before, which
counts as far as it was known when the day's first readings came.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from kg.terms import duration
from ontology.names import FCV
from telemetry.channels import Channel
from telemetry.counters import Counter, Passage
from telemetry.units import short

IMPLAUSIBLE, STUCK, OUT_OF_RANGE = str(FCV.ImplausibleChange), str(FCV.StuckValue), str(FCV.OutOfRange)
RESET, ROLLOVER, SWAP = str(FCV.CounterReset), str(FCV.CounterRollover), str(FCV.MeterSwap)
_DAY_S = 86400
_PASSAGES = {Passage.RESET: RESET, Passage.ROLLOVER: ROLLOVER, Passage.SWAP: SWAP}
_SAID = {
    Passage.RESET: "the counter began anew",
    Passage.ROLLOVER: "the counter passed its end, {end}",
    Passage.SWAP: "more than it can have counted: another meter",
}


@dataclass(frozen=True)
class Before:
    """The last reading before a day: its value, its offset [s, negative], whether it is doubtful, and how long it had stood [s]."""

    text: str
    offset: int
    doubtful: bool = False
    stood_s: int = 0


@dataclass(frozen=True)
class View:
    """A day as it is about to stand, and what came before it.

    `value` gives the text of a slot; `doubted(offset, reason)` tells whether a slot is flagged with a reason now; `stood` the run
    (first, end) in which a slot is known to stand still; `before` looks the last reading before the day up, and is asked only when it
    is needed.
    """

    channel: Channel
    value: Callable[[int], str | None]
    doubted: Callable[[int, str], bool]
    stood: Callable[[int], tuple[int, int] | None]
    before: Callable[[], Before | None]


@dataclass(frozen=True)
class Finding:
    """What one slot is judged to be: a reason and its comment, or nothing."""

    offset: int
    reason: str | None = None
    comment: str = ""


@dataclass(frozen=True)
class Standstill:
    """Runs of slots (first, end) in `[low, high)` whose value stood for too long; all others in there did not."""

    low: int
    high: int
    runs: tuple[tuple[int, int], ...]
    comment: str


def jumps(view: View, changed: Iterable[int]) -> Iterator[Finding]:
    """Judge the changed slots, and those after them as far as the judgement carries.

    A reading is an implausible change if it differs from the reading just before by more than the channel's maximum, unless that one
    is doubtful itself: the return from a spike is none.
    """
    most, step_s = view.channel.maximum_change, view.channel.step_s
    if most is None:
        return
    found: dict[int, bool] = {}
    slots = set(changed)
    for start in sorted(slots):
        offset = start
        while offset < _DAY_S and offset not in found and (text := view.value(offset)) is not None:
            finding = _jump(view, offset, text, most, found)
            found[offset] = finding.reason is not None
            carries = offset in slots or found[offset] != view.doubted(offset, IMPLAUSIBLE)
            yield finding
            if not carries:
                break
            offset += step_s


def _jump(view: View, offset: int, text: str, most: float, found: dict[int, bool]) -> Finding:
    at = offset - view.channel.step_s
    if at >= 0:
        known, doubtful = view.value(at), found.get(at, view.doubted(at, IMPLAUSIBLE)) or view.doubted(at, OUT_OF_RANGE)
    else:
        before = view.before()
        if before is None or before.offset != at:
            return Finding(offset)
        known, doubtful = before.text, before.doubtful
    if known is None or doubtful or abs(float(text) - float(known)) <= most * (1 + 1e-9):
        return Finding(offset)
    unit = short(view.channel.unit)
    return Finding(
        offset, IMPLAUSIBLE, f"{text} follows {known}: a change of more than {most} {unit}, the most that the channel itself states."
    )


def passages(view: View, changed: Iterable[int]) -> Iterator[Finding]:
    """Judge a counter's changed slots, and the next reading after each."""
    channel = view.channel
    counter = Counter(channel.rolls_over_at, channel.maximum_change)
    slots = set(changed)
    slots |= {after for offset in slots if (after := _next(view, offset)) is not None}
    for offset in sorted(slots):
        earlier, text = _previous(view, offset), view.value(offset)
        if earlier is None or text is None:
            yield Finding(offset)
            continue
        known, at = earlier
        passage = counter.passage(float(known), float(text), (offset - at) // channel.step_s)
        if passage is Passage.ORDINARY:
            yield Finding(offset)
        else:
            said = _SAID[passage].format(end=channel.rolls_over_at)
            yield Finding(offset, _PASSAGES[passage], f"{text} {short(channel.unit)} follows {known}: {said}.")


def _previous(view: View, offset: int) -> tuple[str, int] | None:
    for at in range(offset - view.channel.step_s, -1, -view.channel.step_s):
        if (text := view.value(at)) is not None:
            return text, at
    before = view.before()
    return None if before is None else (before.text, before.offset)


def _next(view: View, offset: int) -> int | None:
    following = range(offset + view.channel.step_s, _DAY_S, view.channel.step_s)
    return next((at for at in following if view.value(at) is not None), None)


def standstill(view: View, changed: Iterable[int]) -> Standstill | None:
    """Find values that stood for longer than the channel allows, around the changed slots.

    Zero never counts: it is what a device at rest and a PV system at night rightly say. A missing reading ends a run.
    """
    span, step_s = view.channel.stuck_after, view.channel.step_s
    if span is None:
        return None
    slots = sorted(changed)
    low = _first_equal(view, max(0, slots[0] - step_s))
    high = _end_equal(view, min(_DAY_S - step_s, slots[-1] + step_s))
    runs, offset = [], low
    while offset < high:
        end = _end_equal(view, offset)
        if end - offset + _stood(view, offset) > span.total_seconds() and view.value(offset) not in (None, "0"):
            runs.append((offset, end))
        offset = end
    comment = f"It stood unchanged for longer than {duration(span)}, after which the channel itself calls it doubtful."
    return Standstill(low, high, tuple(runs), comment)


def _first_equal(view: View, offset: int) -> int:
    text, step_s = view.value(offset), view.channel.step_s
    if text in (None, "0"):
        return offset
    while offset > 0 and view.value(offset - step_s) == text:
        known = view.stood(offset - step_s)
        offset = offset - step_s if known is None else known[0]
    return offset


def _end_equal(view: View, offset: int) -> int:
    text, end = view.value(offset), offset + view.channel.step_s
    if text in (None, "0"):
        return end
    while end < _DAY_S and view.value(end) == text:
        known = view.stood(end)
        end = end + view.channel.step_s if known is None else known[1]
    return end


def _stood(view: View, offset: int) -> int:
    """How long the value of the day's first slot had stood before the day [s]."""
    if offset > 0:
        return 0
    before = view.before()
    touches = before is not None and before.offset == -view.channel.step_s
    return before.stood_s if before is not None and touches and before.text == view.value(0) else 0
