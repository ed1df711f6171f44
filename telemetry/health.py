"""How well the data flow: what each box sends, what is missing, doubtful or refused, and what an operator must look at now."""

import shutil
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import pandas as pd

from kg import queries
from kg.iris import Iris
from kg.store import Store
from telemetry.alarms import BoxHealth, Health, alarms
from telemetry.announce import osb_identifier
from telemetry.channels import Channel, Channels
from telemetry.readings import Readings
from telemetry.refused import DeadLetters

GRACE = timedelta(minutes=15)  # a reading may be this late before it counts as missing
PACKED_AFTER = timedelta(hours=2)  # as privacy.housekeeping.CLOSED_AFTER: a UTC day is packed this long after its end
GROWING = 5  # samples in a row, each with a longer backlog than the one before
BACKLOG = 100
RECENT_S = 300.0
SAMPLE_S = 5.0
KEPT_S = 10.0
REST = 20  # a survey is kept at least this many times as long as it took: of very many channels it must not take a processor for itself
_DAY, _HOUR = timedelta(days=1), timedelta(hours=1)
_BIN = timedelta(minutes=15)


class Listener(Protocol):
    """What is asked of the ingest (`telemetry.ingest.Ingest`)."""

    def metrics(self) -> Mapping[str, float]:
        """Counts since the start, and `queued`."""
        ...

    def boxes(self) -> Mapping[str, Any]:
        """By identifier of the OSB: `last_seen` (datetime), `lag_s`, `clock_offset_s`, and counts."""
        ...


@dataclass(frozen=True)
class Coverage:
    """Readings by quarter-hour of the last day: how many there are, and how many there would be without gaps."""

    at: list[datetime]
    present: list[int]
    expected: list[int]


@dataclass(frozen=True)
class _Sample:
    elapsed: float
    backlog: int
    failures: int


class Monitor:
    """Surveys the data; safe from every thread.

    Parameters
    ----------
    store, iris, channels, readings, letters
        What is surveyed.
    data_dir, store_dir
        The disk that must not become full, and the store's own directory; `None` for a store on a server.
    now
        The platform's time.
    listener
        The ingest, or `None` where none runs.
    elapsed
        Seconds since any moment, rising.
    """

    def __init__(
        self,
        store: Store,
        iris: Iris,
        channels: Channels,
        readings: Readings,
        letters: DeadLetters,
        *,
        data_dir: Path,
        store_dir: Path | None,
        now: Callable[[], datetime],
        listener: Callable[[], Listener | None] = lambda: None,
        elapsed: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store = store
        self._iris = iris
        self._channels = channels
        self._readings = readings
        self._letters = letters
        self._data_dir = data_dir
        self._store_dir = store_dir
        self._now = now
        self._listener = listener
        self._elapsed = elapsed
        self._samples: deque[_Sample] = deque(maxlen=int(RECENT_S / SAMPLE_S) + 1)
        self._lock = threading.Lock()
        self._known: tuple[float, Health] | None = None

    def sample(self) -> None:
        """Remember backlog and failures, so that the next survey can tell what has become of them; call it every few seconds."""
        listener = self._listener()
        if listener is None:
            return
        figures, at = listener.metrics(), self._elapsed()
        if not self._samples or at - self._samples[-1].elapsed >= SAMPLE_S:
            self._samples.append(_Sample(at, int(figures.get("queued", 0)), int(figures.get("store_failures", 0))))

    def survey(self) -> Health:
        """Look at everything; the answer is at most ten seconds old, or twenty times as old as a survey takes.

        While somebody surveys, the others get the last answer.

        Raises
        ------
        kg.errors.StoreError
            If the store can't be read.
        """
        self.sample()
        known = self._known
        if known is not None and (self._elapsed() < known[0] or not self._lock.acquire(blocking=False)):
            return known[1]
        if known is None:
            self._lock.acquire()
        try:
            if self._known is None or self._elapsed() >= self._known[0]:
                begun = self._elapsed()
                found = self._survey()
                took = self._elapsed() - begun
                self._known = self._elapsed() + max(KEPT_S, REST * took), found
            return self._known[1]
        finally:
            self._lock.release()

    def coverage(self) -> Coverage:
        """Count the readings of the last day by quarter-hour."""
        end = _floor(self._now() - GRACE, _BIN)
        index = pd.date_range(end - _DAY, end, freq=_BIN, inclusive="left")
        present, expected = np.zeros(len(index), dtype=int), np.zeros(len(index), dtype=int)
        for step, group in _by_step(self._boxed()):
            if step > _BIN:
                continue  # an hourly reading belongs to no one quarter-hour
            frame = self._readings.frame([one.iri for one in group], end - _DAY, end)
            place = np.arange(len(frame)) * (step // timedelta(minutes=1)) // (_BIN // timedelta(minutes=1))
            np.add.at(present, place, frame.notna().sum(axis=1).to_numpy())
            np.add.at(expected, place, len(group))
        return Coverage([at.to_pydatetime() for at in index], present.tolist(), expected.tolist())

    def _survey(self) -> Health:
        at, listener = self._now(), self._listener()
        flags = self._flags(at)
        found = {box.osb: box for box in self._boxes(at, listener, flags)}
        open_days = queries.rows(self._store, queries.load("telemetry", "health_open_days"), self._recent(at, before=_closed_before(at)))
        disk = shutil.disk_usage(self._data_dir)
        health = Health(
            at=at,
            boxes=tuple(found[osb] for osb in sorted(found)),
            flags=_sum(box.flags for box in found.values()),
            refused=self._letters.reasons(),
            letters=self._letters.count(),
            backlog=int(listener.metrics().get("queued", 0)) if listener is not None else None,
            store_failures=self._failures() if listener is not None else None,
            store_trouble=getattr(listener, "trouble", None),
            open_days=sum(int(row["days"]) for row in open_days),
            oldest_open_day=min((row["date"] for row in open_days), default=None),
            store_bytes=_size(self._store_dir),
            disk_free_bytes=disk.free,
            disk_total_bytes=disk.total,
            notes=tuple(self._notes(listener)),
        )
        return Health(**(vars(health) | {"alarms": tuple(alarms(health, growing=self._growing()))}))

    def _notes(self, listener: Listener | None) -> Iterator[str]:
        if listener is None:
            yield "No ingest runs here, so nothing is known of connections, lag, clocks and backlog; the rest is from the store."
        elif not hasattr(listener, "boxes"):
            yield "The ingest does not tell boxes apart, so lag and clocks are not known; when a box was last seen is from its readings."
        if self._store_dir is None:
            yield "The store is on a server, so its size on disk is not known here."

    def _boxes(self, at: datetime, listener: Listener | None, flags: Mapping[str, Counter[str]]) -> Iterator[BoxHealth]:
        told = listener.boxes() if listener is not None and hasattr(listener, "boxes") else {}
        by_box: dict[str, list[Channel]] = {osb: [] for osb in (*self._claimed(), *told)}
        for channel in self._boxed():
            by_box.setdefault(_box_of(channel), []).append(channel)
        counts = self._counts(at, [channel for group in by_box.values() for channel in group])
        latest = self._readings.latest([channel.iri for group in by_box.values() for channel in group])
        refused: Counter[str] = Counter()
        for source, number in self._letters.sources().items():
            refused[source.removeprefix("flexcoop/osb/").partition("/")[0]] += number
        for osb, group in by_box.items():
            mine = [counts[channel.iri] for channel in group]
            ends = [latest[channel.iri][0] + channel.step for channel in group if channel.iri in latest]
            yield BoxHealth(
                osb=osb,
                channels=len(group),
                last_seen=_of(told.get(osb), "last_seen"),
                last_reading=max(ends, default=None),
                lag_s=_of(told.get(osb), "lag_s"),
                clock_offset_s=_of(told.get(osb), "clock_offset_s"),
                readings_last_hour=sum(one.hour for one in mine),
                expected_last_hour=sum(one.expected_hour for one in mine),
                gaps_last_day=sum(one.expected_day - one.day for one in mine),
                expected_last_day=sum(one.expected_day for one in mine),
                flags=dict(_sum(flags.get(channel.iri, Counter()) for channel in group)),
                refused=refused[osb],
            )

    def _claimed(self) -> list[str]:
        rows = queries.rows(self._store, queries.load("telemetry", "osb_claims"), osb=None)
        return sorted({osb_identifier(self._iris, row["osb"]) for row in rows if "/osb/" not in row["graph"]})

    def _boxed(self) -> list[Channel]:
        """Channels of boxes; the platform's own sums are no readings of anybody."""
        claimed = set(self._claimed())
        return [channel for channel in self._channels.all() if _box_of(channel) in claimed]

    def _counts(self, at: datetime, channels: Iterable[Channel]) -> dict[str, "_Count"]:
        found: dict[str, _Count] = {}
        for step, group in _by_step(channels):
            end = _floor(at - GRACE, step)
            frame = self._readings.frame([channel.iri for channel in group], end - _DAY, end)
            recent = frame[frame.index >= end - max(step, _HOUR)]
            day, hour = frame.notna().sum(), recent.notna().sum()
            for channel in group:
                found[channel.iri] = _Count(int(day[channel.iri]), len(frame), int(hour[channel.iri]), len(recent))
        return found

    def _flags(self, at: datetime) -> dict[str, Counter[str]]:
        today = at.astimezone(UTC).date()
        days = {(channel.month_graph(day), day) for channel in self._channels.all() for day in (today - _DAY, today)}
        asked: list[dict[str, Any]] = [{"graph": graph, "date": day} for graph, day in sorted(days)]
        found: dict[str, Counter[str]] = {}
        for row in queries.rows(self._store, queries.load("telemetry", "health_flags"), asked):
            found.setdefault(row["channel"], Counter())[row["reason"].rsplit("/", 1)[-1]] += int(row["flags"])
        return found

    def _recent(self, at: datetime, **more: date) -> list[dict[str, Any]]:
        """Rows that name the telemetry graphs of this month and the last."""
        today = at.astimezone(UTC).date()
        months = (today, today.replace(day=1) - _DAY)
        graphs = sorted({channel.month_graph(day) for channel in self._channels.all() for day in months})
        return [{"graph": graph, **more} for graph in graphs]

    def _failures(self) -> int:
        return self._samples[-1].failures - self._samples[0].failures if self._samples else 0

    def _growing(self) -> bool:
        last = [sample.backlog for sample in list(self._samples)[-GROWING:]]
        return len(last) == GROWING and last[-1] >= BACKLOG and all(later > earlier for earlier, later in pairwise(last))


@dataclass(frozen=True)
class _Count:
    """Readings of one channel, and how many there would be without gaps: of the last day, of the last hour."""

    day: int
    expected_day: int
    hour: int
    expected_hour: int


def _closed_before(at: datetime) -> date:
    return (at.astimezone(UTC) - PACKED_AFTER).date()


def _box_of(channel: Channel) -> str:
    return "osb-" + channel.graph.rpartition("/osb/")[2]


def _by_step(channels: Iterable[Channel]) -> Iterator[tuple[timedelta, list[Channel]]]:
    groups: dict[timedelta, list[Channel]] = {}
    for channel in channels:
        groups.setdefault(channel.step, []).append(channel)
    yield from sorted(groups.items())


def _floor(at: datetime, step: timedelta) -> datetime:
    at = at.astimezone(UTC)
    return at - (at - datetime.min.replace(tzinfo=UTC)) % step


def _of(told: Any, name: str) -> Any:  # noqa: ANN401  (what the ingest tells of a box, as object or mapping)
    return told.get(name) if isinstance(told, Mapping) else getattr(told, name, None)


def _sum(counts: Iterable[Mapping[str, int]]) -> Counter[str]:
    total: Counter[str] = Counter()
    for each in counts:
        total.update(each)
    return total


def _size(folder: Path | None) -> int | None:
    """Bytes of a directory whose files may come and go meanwhile."""
    if folder is None:
        return None
    total = 0
    for file in folder.rglob("*"):
        try:
            total += file.stat().st_size if file.is_file() else 0
        except FileNotFoundError:
            continue
    return total
