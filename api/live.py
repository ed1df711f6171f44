"""Estimates of what campaigns under way have delivered so far, made beside the requests: no page waits for one longer than a moment."""

import threading
import time
from collections import OrderedDict
from collections.abc import Hashable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from flask import current_app

from api.background import Background, BusyError
from api.services import services
from kg.embedded import EmbeddedStore
from ontology.names import FCV
from settlement.so_far import Running, SoFar

WATCHED = frozenset(str(FCV[f"Campaign{name}"]) for name in ("Scheduled", "Ongoing", "Paused", "Finished"))
PATIENCE_S = 0.1  # before a page shows the last estimate, or says that the first is being computed
RESTS = 4.0  # times as long as an estimate took, before the next: a fifth of one core at most, however many watch
UNTOLD_S = 5.0  # how long an estimate holds where the store tells nobody of writes by others
MOST_KEPT = 8


@dataclass(frozen=True)
class Estimate:
    """What is known of a campaign under way: the newest estimate, `None` while the first is being made; whether making it failed."""

    found: SoFar | None
    failed: bool = False


class _Watched:
    """One campaign: its newest estimate, and what it rests on."""

    def __init__(self, running: Running) -> None:
        self.running = running
        self.newest = Estimate(None)
        self._state: Hashable = None
        self._rests_until = 0.0

    def stale(self, state: Hashable) -> bool:
        return state != self._state and time.monotonic() >= self._rests_until

    def make(self, at: datetime, state: Hashable) -> None:
        begun = time.monotonic()
        try:
            self.newest = Estimate(self.running.so_far(at))
        except Exception:
            self.newest = Estimate(self.newest.found, failed=True)
            raise
        finally:
            ended = time.monotonic()
            self._state, self._rests_until = state, ended + RESTS * (ended - begun)


class _Estimates:
    """The campaigns that somebody has watched last."""

    def __init__(self) -> None:
        self._watched: OrderedDict[str, _Watched] = OrderedDict()
        self._turn = threading.Lock()
        self._background = Background()

    def of(self, campaign: str, step: timedelta, patience_s: float) -> Estimate:
        """Give the newest estimate; where something has changed since, have the next one made and wait for it a moment."""
        known, watched = services(), self._of(campaign)
        at = known.now()
        changes = known.store.changes if isinstance(known.store, EmbeddedStore) else int(time.monotonic() / UNTOLD_S)
        state = (changes, (at - datetime.min.replace(tzinfo=UTC)) // step)
        if watched.stale(state):
            with suppress(BusyError):  # many are made just now: this page shows what is known, the next look has it made
                self._background.start(campaign, "", lambda _told: watched.make(at, state)).wait(patience_s)
        return watched.newest

    def _of(self, campaign: str) -> _Watched:
        with self._turn:
            found = self._watched.get(campaign)
            if found is None:
                known = services()
                running = Running(known.store, known.iris, known.channels, known.readings, campaign)
                found = self._watched[campaign] = _Watched(running)
            self._watched.move_to_end(campaign)
            if len(self._watched) > MOST_KEPT:
                self._watched.popitem(last=False)
            return found


def begun(row: Mapping[str, Any]) -> bool:
    """Whether a campaign, a row of `api/campaigns`, is one to be estimated: its window has begun, it is neither settled nor aborted."""
    return row["status"] in WATCHED and bool(row["start"] <= services().now())


def estimate(row: Mapping[str, Any], among: int = 1) -> Estimate | None:
    """Estimate a campaign, a row of `api/campaigns`; `None` for one that is not to be estimated.

    Parameters
    ----------
    among
        How many are asked for by the same page, which waits for all of them together as long as for one.
    """
    if not begun(row):
        return None
    found: _Estimates = current_app.extensions.setdefault("flexcoop.estimates", _Estimates())
    return found.of(row["campaign"], row["step"], PATIENCE_S / among)
