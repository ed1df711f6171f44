"""Copies of the store that worker processes may open: the newest, and older ones while somebody reads them."""

import shutil
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from kg.embedded import EmbeddedStore

_AHEAD = 0.6  # of the staleness: a checkpoint is renewed before anybody has to wait for it
_DEMAND_S = 30.0


@dataclass(frozen=True)
class Checkpoint:
    """One copy.

    Attributes
    ----------
    path : a folder of hard links; the file of a dump for a store in memory
    changes : the store's count of changes when it was made
    made : when it was begun (`time.monotonic`)
    as_of : when it was begun, by the platform's clock; `None` without one
    """

    path: Path
    changes: int
    made: float
    as_of: datetime | None


class Checkpoints:
    """Make checkpoints when they are needed, and clear them away.

    Parameters
    ----------
    store
        The platform's store.
    folder
        Where they go, on the same file system as the store; emptied at start.
    staleness_s
        How old one may be once the store has changed [s].
    now
        The platform's clock, for `Checkpoint.as_of`.
    """

    def __init__(self, store: EmbeddedStore, folder: Path, staleness_s: float, now: Callable[[], datetime] | None) -> None:
        self._store = store
        self._folder = folder
        self._staleness_s = staleness_s
        self._now = now
        self._lock = threading.Lock()
        self._making = threading.Lock()
        self._number = 0
        self._newest: Checkpoint | None = None
        self._asked = 0.0
        self._readers: Counter[Path] = Counter()
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True, mode=0o700)

    @property
    def is_dump(self) -> bool:
        """Whether they are files of N-Quads, because the store has no files of its own."""
        return self._store.path is None

    @contextmanager
    def reading(self) -> Iterator[Checkpoint]:
        """Lend the newest one, made anew if it is too old and the store has changed.

        Raises
        ------
        StoreError
            If it can't be made.
        """
        lent = self._lend()
        try:
            yield lent
        finally:
            with self._lock:
                self._readers[lent.path] -= 1
                unread = self._readers[lent.path] == 0 and lent is not self._newest
            if unread:
                self._sweep()

    def age_s(self, checkpoint: Checkpoint) -> float:
        """How far a checkpoint may be behind the store [s]; 0 if nothing was written since."""
        return 0.0 if checkpoint.changes == self._store.changes else time.monotonic() - checkpoint.made

    def renew(self) -> Checkpoint | None:
        """Make a new one if somebody asked lately and the newest will soon be too old; returns it, or `None`."""
        newest = self._newest
        if self.is_dump:  # that takes long, and is for small stores
            return None
        if newest is None or time.monotonic() - self._asked > _DEMAND_S or not self._older(newest, _AHEAD * self._staleness_s):
            return None
        with self._making:
            return self._made() if self._newest is newest else None

    def forget(self) -> None:
        """Make a new one now, so that the old goes as soon as nobody reads it."""
        with self._making:
            self._made()

    def close(self) -> None:
        """Remove all."""
        shutil.rmtree(self._folder, ignore_errors=True)

    def _lend(self) -> Checkpoint:
        self._asked = time.monotonic()
        while True:
            with self._lock:
                newest = self._newest
                if newest is not None and not self._older(newest, self._staleness_s):
                    self._readers[newest.path] += 1
                    return newest
            with self._making:
                if self._newest is newest:
                    newest = self._made()
                    with self._lock:  # as it was made after the question came, it is fresh enough, whatever is written meanwhile
                        self._readers[newest.path] += 1
                    return newest

    def _older(self, checkpoint: Checkpoint, seconds: float) -> bool:
        return checkpoint.changes != self._store.changes and time.monotonic() - checkpoint.made >= seconds

    def _made(self) -> Checkpoint:
        """Make one; only one thread does so at a time."""
        self._number += 1
        path = self._folder / f"checkpoint-{self._number}"
        made = Checkpoint(path, self._store.changes, time.monotonic(), self._now() if self._now else None)
        if self.is_dump:
            self._store.backup(path)
        else:
            self._store.checkpoint(path)
        self._newest = made
        self._sweep()
        return made

    def _sweep(self) -> None:
        with self._lock:
            kept = {path for path, readers in self._readers.items() if readers} | ({self._newest.path} if self._newest else set())
            for path in [path for path, readers in self._readers.items() if not readers]:
                del self._readers[path]
            old = [path for path in self._folder.glob("checkpoint-*") if path not in kept and 0 < _number(path) < self._number]
        for path in old:
            if path.is_dir():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink(missing_ok=True)


def _number(path: Path) -> int:
    digits = path.name.rpartition("-")[2]
    return int(digits) if digits.isdecimal() else 0  # a dump that is still being written has another name
