"""The latest value of each channel: a projection in memory, rebuilt from the graph when a process starts."""

import re
import threading
from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING

from kg import queries
from kg.iris import Iris
from kg.store import Store
from ontology.names import FCV
from telemetry import days

if TYPE_CHECKING:
    from telemetry.channels import Channel

_MONTH = re.compile(r"(.+/telemetry)/\d{4}-\d{2}")
_CLOCK_SKEW = str(FCV.ClockSkew)


class Latest:
    """Last time and value by channel; safe from every thread.

    A reading whose time lies ahead of the clock (`fcv:ClockSkew`) never counts as the latest.
    """

    def __init__(self, store: Store, iris: Iris) -> None:
        self._store = store
        self._iris = iris
        self._lock = threading.Lock()
        self._values: dict[str, tuple[datetime, float]] = {}
        self._sought: set[str] = set()

    def offer(self, channel: str, at: datetime, value: float) -> None:
        """Take a stored reading into account; an earlier one than the known changes nothing."""
        with self._lock:
            known = self._values.get(channel)
            if known is None or at >= known[0]:
                self._values[channel] = (at, value)

    def forget(self) -> None:
        """Know nothing: what the graph holds was replaced, and is looked up again when somebody asks."""
        with self._lock:
            self._values.clear()
            self._sought.clear()

    def of(self, channels: Iterable["Channel"]) -> dict[str, tuple[datetime, float]]:
        """Return time and value, in the channel's unit, of those channels that have any."""
        wanted = list(channels)
        self.rebuild(wanted)
        with self._lock:
            return {channel.iri: self._values[channel.iri] for channel in wanted if channel.iri in self._values}

    def rebuild(self, channels: Iterable["Channel"]) -> None:
        """Look up, once a process, what the graph knows of these channels."""
        with self._lock:
            missing = {channel.iri: channel for channel in channels if channel.iri not in self._sought}
        if not missing:
            return
        sought = set(missing)
        for months in self._months(missing.values()):
            if not missing:
                break
            for channel, at, value in self._last_of(months, missing):
                self.offer(channel, at, value)
                missing.pop(channel)
        with self._lock:
            self._sought |= sought

    def _months(self, channels: Iterable["Channel"]) -> list[list[str]]:
        """Rounds of month graphs, the newest of each prefix first."""
        prefixes = {channel.telemetry_prefix for channel in channels}
        by_prefix: dict[str, list[str]] = {}
        for graph in reversed(self._store.graphs()):
            match = _MONTH.fullmatch(graph)
            if match and match[1] in prefixes:
                by_prefix.setdefault(match[1], []).append(graph)
        rounds = max((len(months) for months in by_prefix.values()), default=0)
        return [[months[i] for months in by_prefix.values() if i < len(months)] for i in range(rounds)]

    def _last_of(self, graphs: list[str], wanted: dict[str, "Channel"]) -> list[tuple[str, datetime, float]]:
        found = queries.rows(self._store, queries.load("telemetry", "channel_last_days"), graph=graphs)
        keys = [(wanted[row["channel"]], row["last"]) for row in found if row["channel"] in wanted]
        states = days.read(self._store, self._iris, keys)
        last = [(channel.iri, day, last_good(states[channel.iri, day])) for channel, day in keys]
        return [(channel, instant(day, good[0]), good[1]) for channel, day, good in last if good is not None]


def last_good(day: "days.Day") -> tuple[int, float] | None:
    """The last reading of a day whose time was not ahead of the clock: offset [s] and value."""
    skewed = {flag.offset for flag in day.flags.values() if flag.reason == _CLOCK_SKEW}
    offsets = day.values.keys() - skewed
    return (max(offsets), float(day.values[max(offsets)])) if offsets else None


def instant(day: date, offset: int) -> datetime:
    """The time of a slot."""
    return datetime(day.year, day.month, day.day, tzinfo=UTC) + timedelta(seconds=offset)
