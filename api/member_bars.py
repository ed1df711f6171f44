"""Bars of energy as a picture: what the home used, from its own sun and from the grid, above the line; what it fed in, below it."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from api.member_energy import Energy
from api.present import number

WIDTH, HEIGHT, LEFT, TOP, BOTTOM = 700.0, 320.0, 48.0, 14.0, 30.0
_MOST_LABELS = 16
_STEPS = (1.0, 2.0, 2.5, 5.0, 10.0)


@dataclass(frozen=True)
class Box:
    """A rectangle of one kind: `own` (from the own sun), `grid`, `fed`, `missing`."""

    kind: str
    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True)
class Bar:
    """One part of the period: its boxes, its label where there is room, and the words for who points at it."""

    x: float
    label: str
    title: str
    boxes: tuple[Box, ...]


@dataclass(frozen=True)
class Picture:
    """All bars, and lines across at round values: (y, text)."""

    width: float
    height: float
    zero: float
    bars: tuple[Bar, ...]
    lines: tuple[tuple[float, str], ...]

    @property
    def left(self) -> float:
        """Where the bars begin."""
        return LEFT


def picture(parts: Sequence[tuple[str, str, Energy]], now: datetime) -> Picture:
    """Draw parts, each with a short and a long name; one of which nothing is known has a mark instead of bars, one to come has nothing."""
    highest = max((_up(part) for _, _, part in parts), default=0.0)
    lowest = max((part.exported or 0.0 for _, _, part in parts), default=0.0)
    step = _step((highest + lowest) / 4 or 0.25)
    above, below = math.ceil(highest / step - 1e-9) or 1, math.ceil(lowest / step - 1e-9)
    scale = (HEIGHT - TOP - BOTTOM) / ((above + below) * step)
    zero = TOP + above * step * scale
    slot = (WIDTH - LEFT) / max(1, len(parts))
    every = -(-len(parts) // _MOST_LABELS)
    bars = tuple(
        _bar(short if n % every == 0 else "", long, part, LEFT + n * slot, slot, zero, scale, now)
        for n, (short, long, part) in enumerate(parts)
    )
    digits = 0 if step >= 1 else 1 if step >= 0.1 else 2
    lines = tuple((zero - n * step * scale, number(abs(n * step), digits)) for n in range(-below, above + 1))
    return Picture(WIDTH, HEIGHT, zero, bars, lines)


def _up(part: Energy) -> float:
    return sum(_stack(part))


def _stack(part: Energy) -> tuple[float, float]:
    """What the home used of its own sun, and what it took from the grid [kWh]."""
    return part.own or 0.0, part.imported or 0.0


def _bar(label: str, title: str, part: Energy, x: float, slot: float, zero: float, scale: float, now: datetime) -> Bar:
    wide = max(1.0, slot * 0.72)
    left = x + (slot - wide) / 2
    if not part.metered:
        unknown = (Box("missing", left, zero - 6, wide, 6),) if part.begin < now else ()
        return Bar(x + slot / 2, label, title, unknown)
    own, grid = _stack(part)
    boxes = [
        Box("own", left, zero - own * scale, wide, own * scale),
        Box("grid", left, zero - (own + grid) * scale, wide, grid * scale),
        Box("fed", left, zero, wide, (part.exported or 0.0) * scale),
    ]
    return Bar(x + slot / 2, label, title, tuple(box for box in boxes if box.height > 0))


def _step(rough: float) -> float:
    """The round number that is next above a rough one."""
    size = 10.0 ** math.floor(math.log10(rough))
    return next(size * each for each in _STEPS if size * each >= rough - 1e-12)
