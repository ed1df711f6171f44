"""Retention: fine readings are kept for a time and then thinned, everything is dropped after another; a job that can be resumed.

The same triples on every store: a thinned day is a closed day of a longer step, one revision later; a month that is over is a graph
that is dropped. What a store keeps of dropped text is given back by `telemetry.rebuild`.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

from kg import queries
from kg.iris import Iris, stamp
from kg.provenance import activity
from kg.store import Store
from telemetry import days, revisions, thinning
from telemetry.channels import Channel, Channels
from telemetry.errors import TelemetryError, UnknownChannelError
from telemetry.jobs import Job, Report, Stop
from telemetry.windows import utc
from telemetry.writer import ReadingWriter

_MONTH = re.compile(r"(.+/telemetry)/(\d{4})-(\d{2})")
_SLICE = 100  # days thinned in one transaction: writers wait for no longer than that
_DAY = timedelta(days=1)


@dataclass(frozen=True)
class Policy:
    """How long readings are kept.

    Parameters
    ----------
    fine_days
        Days for which readings of a step shorter than `thinned_to` are kept as they are; `None`: for ever.
    kept_days
        Days after which everything is dropped; `None`: never.
    thinned_to
        Step of thinned days; divides a day.
    """

    fine_days: int | None = 90
    kept_days: int | None = None
    thinned_to: timedelta = timedelta(minutes=15)

    def __post_init__(self) -> None:
        for days_, name in ((self.fine_days, "fine_days"), (self.kept_days, "kept_days")):
            if days_ is not None and days_ < 2:
                raise TelemetryError(f"{name}={days_} would take away days that are still being written; keep readings for 2 days or more")
        if self.thinned_to <= timedelta(0) or _DAY % self.thinned_to:
            raise TelemetryError(f"a step of {self.thinned_to} does not divide a day; thin to 15 minutes or an hour")

    def task(self, today: date) -> str:
        """What a run on this day does, by which an interrupted one is known again."""
        return f"{today} fine {self.fine_days} kept {self.kept_days} to {self.thinned_to}"


def retain(
    store: Store,
    iris: Iris,
    channels: Channels,
    writer: ReadingWriter,
    policy: Policy,
    folder: Path,
    *,
    now: datetime,
    stop: Stop | None = None,
    report: Report | None = None,
) -> dict[str, Any]:
    """Thin and drop what the policy says, as of the UTC day of `now`.

    Parameters
    ----------
    folder
        Where the job's record is kept; a run that was interrupted is gone on with.

    Returns
    -------
    The job's record: `counts` of the graphs and days that were dropped, packed and thinned, and of those that stay fine because nobody
    describes their channel any more.

    Raises
    ------
    JobStoppedError
        If it was asked to stop; what is done stays done.
    kg.errors.StoreError
        If the store fails; start it again then.
    """
    today = utc(now).date()
    job = Job(folder, "retain", policy.task(today), now, stop=stop, report=report)
    run = _Run(store, iris, channels, writer, policy, job, today, now)
    run.drop()
    run.pack()
    run.thin()
    return job.finish(now)


@dataclass(frozen=True)
class _Run:
    store: Store
    iris: Iris
    channels: Channels
    writer: ReadingWriter
    policy: Policy
    job: Job
    today: date
    now: datetime

    def drop(self) -> None:
        """Whole months where possible, else the days of a month that are too old."""
        if self.policy.kept_days is None:
            return
        before = self.today - self.policy.kept_days * _DAY
        graphs = [graph for graph in self._months() if _begin(graph) < before]
        for number, graph in enumerate(graphs):
            self.job.tell("drop", number, len(graphs), f"readings before {before} are dropped: {graph}")
            if not self.job.passed("drop", graph):
                whole = _end(graph) <= before
                self.writer.behind_its_back(lambda graph=graph, whole=whole: self._drop(graph, before, whole), before=before)  # type: ignore[misc]
                self.job.finish_portion("drop", graph, **{"graphs_dropped" if whole else "graphs_cut": 1})
        if graphs:
            self.channels.latest.forget()

    def _drop(self, graph: str, before: date, whole: bool) -> None:
        if whole:
            self.store.drop([graph])
        else:
            self.store.update(queries.load("telemetry", "retention_removal").bind(graph=graph, before=before))

    def pack(self) -> None:
        """Days that were left open: only closed ones can be thinned."""
        if self.policy.fine_days is not None:
            self.job.tell("pack", 0, 0, "days that were left open are packed")
            self.job.count(packed=self.writer.close_days(self._fine_before, stop=self.job.asked_to_stop))

    def thin(self) -> None:
        """Fine readings that are old enough."""
        if self.policy.fine_days is None:
            return
        graphs = [graph for graph in self._months() if _begin(graph) < self._fine_before]
        for number, graph in enumerate(graphs):
            self.job.tell("thin", number, len(graphs), f"readings before {self._fine_before} are thinned: {graph}")
            if not self.job.passed("thin", graph):
                self._thin(graph)
                self.job.finish_portion("thin", graph)

    @property
    def _fine_before(self) -> date:
        return self.today - (self.policy.fine_days or 0) * _DAY

    def _months(self) -> list[str]:
        return [graph for graph in self.store.graphs() if _MONTH.fullmatch(graph)]

    def _thin(self, graph: str) -> None:
        found = queries.rows(self.store, queries.load("telemetry", "retention_days"), graph=graph, before=self._fine_before)
        step = self.policy.thinned_to
        fine = [(row["channel"], row["date"]) for row in found if row["step"] < step and not step % row["step"]]
        for first in range(0, len(fine), _SLICE):
            if first:
                self.job.tell("thin", first, len(fine), f"{first} of {len(fine)} days of {graph} are thinned")
            known = [(channel, day) for name, day in fine[first : first + _SLICE] if (channel := self._channel(name)) is not None]
            self.writer.behind_its_back(lambda known=known: self._thin_slice(graph, known), before=self._fine_before)  # type: ignore[misc]
            self.job.count(days_thinned=len(known), days_of_unknown_kind=len(fine[first : first + _SLICE]) - len(known))

    def _thin_slice(self, graph: str, known: Sequence[tuple[Channel, date]]) -> None:
        read = days.read(self.store, self.iris, known)
        wanted = [day for day in read.values() if day.closed and day.graph == graph and day.step_s < self.policy.thinned_to.total_seconds()]
        earlier = revisions.history(self.store, wanted)
        run = self.iris.id("run", f"retain-{stamp(self.now)}")
        delete, insert = [], activity(self.iris, graph, run, at=self.now)
        for day in wanted:
            gone, come = thinning.change(day, earlier.get(day.iri, ()), self.policy.thinned_to, self.now, run)
            delete += gone
            insert += come
        if wanted:
            self.store.apply(delete=delete, insert=insert)

    def _channel(self, name: str) -> Channel | None:
        """The channel, if its kind is known: the mean of a counter that nobody describes any more would be lost readings."""
        try:
            channel = self.channels.known(name)
        except UnknownChannelError:
            return None
        return channel if channel.kind else None


def _begin(graph: str) -> date:
    found = _MONTH.fullmatch(graph)
    assert found is not None  # noqa: S101  (only such graphs are listed)
    return date(int(found[2]), int(found[3]), 1)


def _end(graph: str) -> date:
    """First day of the month after."""
    begin = _begin(graph)
    return date(begin.year + begin.month // 12, begin.month % 12 + 1, 1)
