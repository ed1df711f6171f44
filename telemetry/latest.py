"""The latest value of each channel: a projection in memory, rebuilt from the graph when a process starts, and its face in the graph."""

import logging
import re
import threading
from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING

from pyoxigraph import NamedNode, Quad

from kg import queries
from kg.errors import GraphError
from kg.iris import Iris
from kg.store import Row, Store
from kg.terms import describe
from ontology.names import FC
from telemetry import days

if TYPE_CHECKING:
    from telemetry.channels import Channel, Channels

_LOG = logging.getLogger(__name__)
_CHANNELS_A_WRITE = 500  # some 60 ms: readings wait for no longer than that
_MONTH = re.compile(r"(.+/telemetry)/\d{4}-\d{2}")


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

    def peek(self, channel: str) -> tuple[datetime, float] | None:
        """Return what is in memory of a channel, without asking the graph."""
        with self._lock:
            return self._values.get(channel)

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
        last = self._good(keys)
        empty = [{"graph": channel.month_graph(day), "channel": channel.iri} for channel, day in keys if channel.iri not in last]
        if empty:  # the last day holds flags only, or times ahead of the clock: an earlier one of the month may hold more
            rows = queries.rows(self._store, queries.load("telemetry", "channel_days"), empty)
            last |= self._good([(wanted[row["channel"]], row["date"]) for row in rows])
        return [(channel, at, value) for channel, (at, value) in last.items()]

    def _good(self, keys: "list[tuple[Channel, date]]") -> dict[str, tuple[datetime, float]]:
        """The last good reading of each channel on these days."""
        states = days.read(self._store, self._iris, keys)
        found: dict[str, tuple[datetime, float]] = {}
        for channel, day in sorted(keys, key=lambda each: each[1]):
            good = last_good(states[channel.iri, day])
            if good is not None:
                found[channel.iri] = instant(day, good[0]), good[1]
        return found


def last_good(day: "days.Day") -> tuple[int, float] | None:
    """The last reading of a day whose time was not ahead of the clock: offset [s] and value."""
    skewed = {flag.offset for flag in day.flags.values() if flag.ahead}
    offsets = day.values.keys() - skewed
    return (max(offsets), float(day.values[max(offsets)])) if offsets else None


def instant(day: date, offset: int) -> datetime:
    """The time of a slot."""
    return datetime(day.year, day.month, day.day, tzinfo=UTC) + timedelta(seconds=offset)


class Publisher:
    """Writes the latest value of each channel into `{prefix}/latest`, every few seconds and only what has changed.

    The graph is a projection: what it says is some seconds old, and it is put right when the platform starts. In the transaction of
    the readings it would cost more than the readings do.

    Parameters
    ----------
    store, channels
        The graph, and the registry whose `latest` is published.
    every_s
        Seconds between two rounds.
    """

    def __init__(self, store: Store, channels: "Channels", *, every_s: float = 5.0) -> None:
        self._store = store
        self._channels = channels
        self._every_s = every_s
        self._published: dict[str, list[Quad]] | None = None
        self._spelt: dict[str, tuple[datetime, float]] = {}
        self._writing = threading.Lock()
        self._stopped = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin to publish in a thread of its own; a round that fails is logged and tried again."""
        self._stopped.clear()
        self._thread = threading.Thread(target=self._run, name="latest", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Publish a last time and end; call it before the store is closed."""
        self._stopped.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None

    def forget(self) -> None:
        """Look again at what the graph says: it was replaced, as by a restore."""
        with self._writing:
            self._published = None

    def publish(self) -> int:
        """Write what has changed since the last round; returns of how many channels.

        Raises
        ------
        kg.errors.StoreError
            If the store did not take it; the next round looks again.
        """
        with self._writing:
            known = {channel.iri: channel for channel in self._channels.all()}
            values = self._channels.latest.of(known.values())
            if self._published is None:
                self._published, self._spelt = self._recover(), {}
            changed = [iri for iri, value in values.items() if self._spelt.get(iri) != value]
            gone = [iri for iri in self._published if iri not in values]
            wanted = {iri: _said(known[iri], values[iri]) if iri in values else [] for iri in (*changed, *gone)}
            different = [iri for iri, quads in wanted.items() if self._published.get(iri, []) != quads]
            try:
                for first in range(0, len(different), _CHANNELS_A_WRITE):
                    self._write(different[first : first + _CHANNELS_A_WRITE], wanted, self._published)
            except Exception:
                self._published = None  # a remote store may have committed before it failed
                raise
            self._spelt = dict(values)
            return len(different)

    def _write(self, channels: list[str], wanted: dict[str, list[Quad]], published: dict[str, list[Quad]]) -> None:
        delete = [quad for iri in channels for quad in published.get(iri, ())]
        self._store.apply(delete=delete, insert=[quad for iri in channels for quad in wanted[iri]])
        for iri in channels:
            if wanted[iri]:
                published[iri] = wanted[iri]
            else:
                del published[iri]

    def _recover(self) -> dict[str, list[Quad]]:
        """What the graph says now, exactly as it is spelt there."""
        found: dict[str, list[Quad]] = {}
        for row in self._store.select(queries.load("telemetry", "latest_published").bind()):
            found.setdefault(row["channel"].value, []).extend(_as_read(row))
        return found

    def _run(self) -> None:
        while True:
            last = self._stopped.wait(self._every_s)
            try:
                self.publish()
            except GraphError:
                _LOG.exception("the latest values could not be written; they are written again in %s s", self._every_s)
            if last:
                return


def _said(channel: "Channel", last: tuple[datetime, float]) -> list[Quad]:
    graph = f"{channel.telemetry_prefix.removesuffix('/telemetry')}/latest"
    return describe(graph, channel.iri, {FC.latestValue: last[1], FC.latestAt: last[0]})


def _as_read(row: Row) -> list[Quad]:
    channel, graph = NamedNode(row["channel"].value), NamedNode(row["graph"].value)
    return [
        Quad(channel, NamedNode(str(FC.latestValue)), row["value"], graph),
        Quad(channel, NamedNode(str(FC.latestAt)), row["at"], graph),
    ]
