"""Who sends what, and how long it takes: the counts, lags and clocks of the boxes, in memory since the start."""

import threading
from collections import deque
from dataclasses import dataclass, field, replace
from datetime import datetime

import numpy as np

from mappers.records import Message
from telemetry.writer import Outcome

_MEASURED = 4096


@dataclass
class BoxState:
    """What the platform knows of one OSB's traffic since it started.

    Parameters
    ----------
    last_seen
        When its last message was received.
    lag_s
        From when its last telemetry message was sent, by its own clock, to when it was received [s]; `None` where it says no time.
    clock_offset_s
        By how much the box found its clock behind (+) or ahead (−) of the platform's [s]; `None` where it has said nothing.
    messages
        Messages of every kind.
    accepted, duplicates, superseded, flagged, reported, refused
        Readings and flags, as in `telemetry.writer.Outcome`; `refused` counts whole messages, too.
    """

    last_seen: datetime
    lag_s: float | None = None
    clock_offset_s: float | None = None
    messages: int = 0
    accepted: int = 0
    duplicates: int = 0
    superseded: int = 0
    flagged: int = 0
    reported: int = 0
    refused: int = 0


@dataclass
class Traffic:
    """The traffic of all boxes; safe from every thread."""

    _boxes: dict[str, BoxState] = field(default_factory=dict)
    _lags: deque[float] = field(default_factory=lambda: deque(maxlen=_MEASURED))
    _delays: deque[float] = field(default_factory=lambda: deque(maxlen=_MEASURED))
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def seen(self, osb: str, received: datetime) -> None:
        """Note that a message of a box was received."""
        with self._lock:
            box = self._box(osb, received)
            box.last_seen = received
            box.messages += 1

    def stored(self, osb: str, received: datetime, message: Message, outcome: Outcome, refused: int) -> None:
        """Note what became of a telemetry message."""
        with self._lock:
            box = self._box(osb, received)
            box.accepted += outcome.accepted
            box.duplicates += outcome.duplicates
            box.superseded += outcome.superseded
            box.flagged += outcome.flagged
            box.reported += outcome.reported
            box.refused += refused
            if message.sent is not None:
                box.lag_s = (received - message.sent).total_seconds()
                self._lags.append(box.lag_s)
            if message.clock_offset is not None:
                box.clock_offset_s = float(message.clock_offset)

    def refused(self, osb: str, received: datetime) -> None:
        """Note that a whole message was refused."""
        with self._lock:
            self._box(osb, received).refused += 1

    def acknowledged(self, received: datetime, sent: datetime) -> None:
        """Note when an acknowledgement was handed over."""
        with self._lock:
            self._delays.append((sent - received).total_seconds())

    def _box(self, osb: str, received: datetime) -> BoxState:
        box = self._boxes.get(osb)
        if box is None:
            box = self._boxes[osb] = BoxState(received)
        return box

    def boxes(self) -> dict[str, BoxState]:
        """The state of each box by its identifier, as copies."""
        with self._lock:
            return {osb: replace(state) for osb, state in self._boxes.items()}

    def metrics(self) -> dict[str, float]:
        """Median and 99th percentile of the last 4,096 lags (sent to received) and delays (received to acknowledged) [s]; absent where there is none."""
        with self._lock:
            series = {"lag": list(self._lags), "ack": list(self._delays)}
            count = len(self._boxes)
        found = {"boxes": float(count)}
        for name, values in series.items():
            if values:
                p50, p99 = np.percentile(values, (50, 99))
                found |= {f"{name}_p50_s": float(p50), f"{name}_p99_s": float(p99)}
        return found
