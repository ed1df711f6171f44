"""The directories of a store on disk: one takes the place of another, and a kill at any moment leaves one that is whole."""

import shutil
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

Watch = Callable[[str, int], None]


def log_size(path: Path) -> int:
    """Tell how long the logs of a store on disk are, in bytes."""
    size = 0
    for log in path.glob("*.log"):
        with suppress(FileNotFoundError):  # RocksDB has just removed it
            size += log.stat().st_size
    return size


class Watched:
    """A file whose reader or writer tells how far it has come."""

    def __init__(self, file: BinaryIO, phase: str, watch: Watch | None) -> None:
        self._file, self._phase, self._watch, self._done = file, phase, watch, 0

    def write(self, data: bytes) -> int:
        """Write, and tell of it."""
        self._tell(len(data))
        return self._file.write(data)

    def flush(self) -> None:
        """Hand on what was written."""
        self._file.flush()

    def read(self, size: int = -1) -> bytes:
        """Read, and tell of it."""
        data = self._file.read(size)
        self._tell(len(data))
        return data

    def _tell(self, size: int) -> None:
        self._done += size
        if self._watch is not None:
            self._watch(self._phase, self._done)


def _before(path: Path) -> Path:
    return path.with_name(path.name + ".before")


def aside(path: Path) -> Path:
    """Where the store that is to take the place of the one at `path` is filled."""
    return path.with_name(path.name + ".restoring")


def dump(path: Path) -> Path:
    """Where the content of the store at `path` is written when it is built anew."""
    return path.with_name(path.name + ".dump")


def swap(fresh: Path, path: Path) -> None:
    """Put one directory in the place of another; `finish_swap` mends what a kill in between leaves."""
    old = _before(path)
    shutil.rmtree(old, ignore_errors=True)
    path.rename(old)
    try:
        fresh.rename(path)
    except OSError:
        old.rename(path)  # else an empty store would be opened there, and the old one taken for a leftover
        raise
    shutil.rmtree(old, ignore_errors=True)


def finish_swap(path: Path) -> None:
    """Put the former directory back if a kill came between the two steps of `swap`; to be called before the store is opened."""
    if not path.exists() and _before(path).exists():
        _before(path).rename(path)


def clear_away(path: Path) -> None:
    """Remove what a kill in the middle of a restore or rebuild has left; the store is open, so that no other process is at it."""
    for left in (_before(path), aside(path)):
        shutil.rmtree(left, ignore_errors=True)
    dump(path).unlink(missing_ok=True)
