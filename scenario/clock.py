"""The scenario's clock: history as fast as the machine allows, in lock-step, and then live at a chosen speed.

A tick asks every box for the readings up to an instant and ends when all of them are committed in the store. A box hears its dispatches
and the next tick on one connection, in the order in which the platform sent them. So the same seed gives the same figures, however fast or slow the machine is. The clock's own place in
time is one small file; a tick that was cut off is run again, and nothing of it counts twice, because boxes send the same messages and
the platform stores a reading once.
"""

import json
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from time import monotonic
from typing import Any, Protocol

from kg.iris import stamp
from kg.terms import instant

TICK_TOPIC = "flexcoop/scenario/tick"
QUARTER = timedelta(minutes=15)
PATIENCE_S = 120.0
FIRST_PATIENCE_S = 0.5  # doubled each time: a box that is just starting has not heard the first call


class ClockError(RuntimeError):
    """Boxes or platform did not keep step."""


class Conductor(Protocol):
    """What the clock needs of the platform."""

    def publish(self, topic: str, payload: dict[str, Any]) -> None:
        """Send a message to the boxes."""
        ...

    def wait_for(self, messages: Sequence[str], timeout_s: float) -> list[str]:
        """Wait until these messages are committed; returns those that are not."""
        ...

    def advance(self, now: datetime, *, planning: bool) -> None:
        """Do what is due."""
        ...


@dataclass
class SteppedTime:
    """The time as the platform is told it: stands still between ticks."""

    value: datetime

    def __call__(self) -> datetime:
        """Read it."""
        return self.value


@dataclass
class Clock:
    """Moves scenario time.

    Parameters
    ----------
    boxes : identifiers of all boxes that must answer a tick
    base : base address of IRIs
    state : file that keeps the time; absent on the first run
    before : told of each instant before the platform does what is due then
    time : what the platform reads as its clock; its value at the start is where time begins on the first run
    """

    conductor: Conductor
    boxes: Sequence[str]
    base: str
    state: Path
    time: SteppedTime
    stop: threading.Event
    before: Callable[[datetime], None]

    def __post_init__(self) -> None:
        self.now = self.time.value
        if self.state.exists():
            kept = json.loads(self.state.read_text())
            self.now = datetime.fromisoformat(kept["now"])
            # a tick that was cut off has readings on their way: for the platform its time has come already
            self.time.value = datetime.fromisoformat(kept["to"])
        self._ticks = 0

    def tick(self, to: datetime, *, planning: bool = True) -> None:
        """Run one tick, from now to `to`.

        Raises
        ------
        ClockError
            If a box does not deliver its readings in time.
        """
        self._ticks += 1
        waited = [f"{self.base}/id/message/{box}/{stamp(to)}" for box in self.boxes]
        begun, pause = monotonic(), FIRST_PATIENCE_S
        self.time.value = to  # what the boxes are about to send was measured before this instant
        self._keep(self.now, to)
        while waited:
            # asked again after a while: a box that was just starting may have missed it; it answers a known tick with what it sent before
            self.conductor.publish(TICK_TOPIC, {"tick": self._ticks, "from": instant(self.now), "to": instant(to)})
            waited, pause = self.conductor.wait_for(waited, timeout_s=pause), 2 * pause
            if self.stop.is_set():
                return
            if waited and monotonic() - begun > PATIENCE_S:
                raise ClockError(
                    f"{len(waited)} boxes sent no readings up to {instant(to)} within {PATIENCE_S:g} s, first {waited[0]}; is their process running?"
                )
        if planning:
            self.before(to)
        self.conductor.advance(to, planning=planning)
        self.now = to
        self._keep(to, to)

    def _keep(self, now: datetime, to: datetime) -> None:
        part = self.state.with_suffix(".part")
        part.write_text(json.dumps({"now": instant(now), "to": instant(to)}))
        part.replace(self.state)

    def run_until(
        self,
        end: datetime,
        step: Callable[[datetime], timedelta],
        *,
        planning: Callable[[datetime], bool],
        seen: Callable[[datetime], None],
    ) -> None:
        """Run ticks as fast as they go until `end`; `step` says how long the next one is, `seen` is told of each."""
        while self.now < end and not self.stop.is_set():
            to = min(end, self.now + step(self.now))
            self.tick(to, planning=planning(to))
            seen(self.now)

    def run_live(self, end: datetime, speed: float, seen: Callable[[datetime], None]) -> None:
        """Run quarter-hours at `speed` times the wall clock until `end`; 0 stands still."""
        while self.now < end and speed and not self.stop.is_set():
            begun = monotonic()
            self.tick(self.now + QUARTER)
            seen(self.now)
            self.stop.wait(max(0.0, QUARTER.total_seconds() / speed - (monotonic() - begun)))
