"""Long jobs that can be interrupted at any moment and resumed: how far each has come stands in a file beside the data.

A job does its work in portions, each one transaction of the store; a kill loses at most the portion under way, which is done again.
"""

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from kg.terms import instant


@dataclass(frozen=True)
class Progress:
    """How far a job has come.

    Parameters
    ----------
    job, phase
        What is being done, and which part of it.
    done, total
        Portions of the phase; `total` is 0 where it isn't known.
    sentence
        The same for people.
    """

    job: str
    phase: str
    done: int
    total: int
    sentence: str


Report = Callable[[Progress], None]
Stop = Callable[[], bool]


class JobStoppedError(RuntimeError):
    """A job was asked to stop; what is done stays done, and the next run goes on from there."""


@dataclass
class Record:
    """What is known of a job from one process to the next.

    Parameters
    ----------
    job
        Its name.
    task
        What exactly it was asked to do; another task begins anew.
    begun, ended
        When; `ended` is empty until it is done.
    phase, after
        How far it came: the phase, and the last portion of it that is done.
    counts
        What it has done so far.
    """

    job: str
    task: str
    begun: str
    ended: str = ""
    phase: str = ""
    after: str = ""
    counts: dict[str, int] = field(default_factory=dict)


class Job:
    """One run of a job: keeps its record, tells its progress, and ends when it is asked to.

    Parameters
    ----------
    folder
        Where the records lie.
    name, task
        What is done; if the last run of the same task was not finished, this one goes on from there.
    now
        When it begins.
    stop, report
        Asked and told between portions.
    """

    def __init__(
        self, folder: Path, name: str, task: str, now: datetime, *, stop: Stop | None = None, report: Report | None = None
    ) -> None:
        self._file = folder / f"{name}.json"
        self._stop = stop
        self._report = report
        last = read(folder, name)
        self.resumed = last is not None and not last.ended and last.task == task
        self.record = last if last is not None and self.resumed else Record(name, task, instant(now))
        self._save()

    def asked_to_stop(self) -> bool:
        """Whether somebody wants it to end."""
        return self._stop is not None and self._stop()

    def passed(self, phase: str, portion: str) -> bool:
        """Whether an earlier run has done this portion; portions of a phase are in order."""
        return self.record.phase == phase and portion <= self.record.after

    def tell(self, phase: str, done: int, total: int, sentence: str) -> None:
        """Say how far it is.

        Raises
        ------
        JobStoppedError
            If it is asked to stop.
        """
        if self._report is not None:
            self._report(Progress(self.record.job, phase, done, total, sentence))
        if self.asked_to_stop():
            raise JobStoppedError(
                f"{self.record.job} was stopped in {phase} after {done} of {total or '?'}; start it again, and it goes on from there"
            )

    def finish_portion(self, phase: str, portion: str, **counts: int) -> None:
        """Note that a portion is done."""
        self.record.phase, self.record.after = phase, portion
        self.count(**counts)

    def count(self, **counts: int) -> None:
        """Add to what it has done."""
        for name, number in counts.items():
            self.record.counts[name] = self.record.counts.get(name, 0) + number
        self._save()

    def finish(self, now: datetime) -> dict[str, Any]:
        """Note that all is done; returns the record."""
        self.record.ended = instant(now)
        self._save()
        return asdict(self.record)

    def _save(self) -> None:
        self._file.parent.mkdir(parents=True, exist_ok=True)
        part = self._file.with_suffix(".part")
        part.write_text(json.dumps(asdict(self.record)), encoding="utf-8")
        part.replace(self._file)


def read(folder: Path, name: str) -> Record | None:
    """Return what is known of the last run of a job; `None` if it never ran, or its record can't be read."""
    try:
        return Record(**json.loads((folder / f"{name}.json").read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None
