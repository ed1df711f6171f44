"""Rebuild: give back the room that dropped and rewritten data keeps on the disk; a job that can be interrupted.

The embedded store is written anew beside itself and changes places when it is whole: readers go on, writers wait. A remote store is
asked to do it itself.
"""

import shutil
import time
from datetime import datetime
from pathlib import Path
from typing import Any

from kg.embedded import EmbeddedStore
from kg.errors import StoreError
from kg.remote import RemoteStore
from telemetry.jobs import Job, JobStoppedError, Report, Stop

_TELL_S = 1.0
_ROOM = 2.5  # dump and fresh store beside the old one, as a multiple of its size


def rebuild(
    store: EmbeddedStore | RemoteStore,
    folder: Path,
    *,
    now: datetime,
    stop: Stop | None = None,
    report: Report | None = None,
) -> dict[str, Any]:
    """Write the store anew.

    If it is interrupted, everything is as it was, and the next run begins from the start: the store has moved on meanwhile.

    Parameters
    ----------
    folder
        Where the job's record is kept.

    Returns
    -------
    The job's record; `counts` holds the bytes on the disk before and after where the store is embedded.

    Raises
    ------
    JobStoppedError
        If it was asked to stop.
    kg.errors.StoreError
        If there is no room on the disk, or a remote server can't do it.
    """
    job = Job(folder, "rebuild", "all", now, stop=stop, report=report)
    if isinstance(store, EmbeddedStore):
        _embedded(store, job)
    else:
        job.tell("compact", 0, 0, "the server of the store compacts it")
        store.compact(lambda sentence: job.tell("compact", 0, 0, sentence))
    return job.finish(now)


def _embedded(store: EmbeddedStore, job: Job) -> None:
    if store.path is None:
        return
    before = size(store.path)
    free = shutil.disk_usage(store.path).free
    if free < _ROOM * before:
        raise StoreError(
            f"a rebuild of {before >> 20} MB needs {int(_ROOM * before) >> 20} MB free beside it, and there are {free >> 20} MB; "
            "make room, or move FLEX_DATA_DIR to a larger disk"
        )
    last = [time.monotonic() - _TELL_S]
    stopped: list[JobStoppedError] = []

    def watch(phase: str, done: int) -> None:
        if time.monotonic() - last[0] < _TELL_S and not job.asked_to_stop():
            return
        last[0] = time.monotonic()
        try:
            job.tell(phase, done, 0, f"{phase}: {done >> 20} MB")
        except JobStoppedError as error:
            stopped.append(error)
            raise

    try:
        store.rebuild(watch)
    except StoreError:
        if stopped:  # the store wraps what its file raised
            raise stopped[0] from None
        raise
    job.count(bytes_before=before, bytes_after=size(store.path))


def size(folder: Path) -> int:
    """Bytes of the files in a folder; one that vanishes meanwhile counts nothing."""
    total = 0
    for file in folder.glob("**/*"):
        try:
            total += file.stat().st_size if file.is_file() else 0
        except FileNotFoundError:
            continue
    return total
