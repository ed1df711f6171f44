"""Readings from a CSV or Parquet file into the graph: another cooperative's history, or what a box could not send.

The file is read in portions of columns (`mappers`), stored by whole days (`telemetry.bulk`), and what is refused is kept as dead letters
that are small CSV files themselves: an operator mends and replays them like any other.
"""

import csv
import io
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from kg.iris import Iris
from kg.store import Store
from kg.terms import instant
from mappers.columns import ReadingsFile, RefusedRow
from mappers.csvfile import CsvFile
from mappers.parquet import ParquetFile
from telemetry.bulk import Bulk, RefusedReadings
from telemetry.channels import Channels
from telemetry.refused import DeadLetters
from telemetry.writer import Outcome, ReadingWriter

_LISTED = 1000
_ROWS_A_LETTER = 2000
_ROWS_KEPT = 100_000
_SENTENCES = 20
_INTERRUPTED = "it was stopped before its end; what is counted here is stored, load the file again to go on"
COLUMNS = ("channel", "timestamp", "value", "unit")


@dataclass(frozen=True)
class Loaded:
    """What became of a file so far.

    Parameters
    ----------
    accepted, duplicates, superseded, flagged
        Readings, as in `telemetry.writer.Outcome`.
    refused
        Readings and runs of readings that were refused.
    sentences
        Why, at most 1,000 of them.
    letters
        Dead letters in which the refused rows are kept.
    closed_days
        Days packed at the end, beside those that were stored packed.
    share
        How much of the file has been read (0–1).
    seconds, readings_per_s
        How long it has taken, and how many readings were stored or found stored in a second.
    interrupted
        What to do, where it was told to stop before the end; empty otherwise.
    """

    accepted: int = 0
    duplicates: int = 0
    superseded: int = 0
    flagged: int = 0
    refused: int = 0
    sentences: tuple[str, ...] = ()
    letters: int = 0
    closed_days: int = 0
    share: float = 0.0
    seconds: float = 0.0
    readings_per_s: int = 0
    interrupted: str = ""

    @property
    def remaining_s(self) -> float | None:
        """How long it will still take at this rate [s]; `None` before anything is known."""
        return self.seconds * (1 - self.share) / self.share if self.share else None

    @property
    def sentence(self) -> str:
        """How far it has come, for people."""
        left = "" if self.remaining_s is None else f", about {_span(self.remaining_s)} left"
        readings = f"{self.accepted:,} readings stored, {self.duplicates:,} known before, {self.refused:,} refused"
        return f"{100 * self.share:3.0f} %, {readings}, {self.readings_per_s:,} a second{left}"

    def plus(self, outcome: Outcome) -> "Loaded":
        """Add what became of some readings."""
        return replace(
            self,
            accepted=self.accepted + outcome.accepted,
            duplicates=self.duplicates + outcome.duplicates,
            superseded=self.superseded + outcome.superseded,
            flagged=self.flagged + outcome.flagged,
        ).refusing([one.sentence for one in outcome.refused])

    def refusing(self, sentences: Sequence[str]) -> "Loaded":
        """Add refusals that were met while reading."""
        room = max(0, _LISTED - len(self.sentences))
        return replace(self, refused=self.refused + len(sentences), sentences=self.sentences + tuple(sentences[:room]))


@dataclass
class Loader:
    """Loads files of readings.

    Parameters
    ----------
    store, iris, channels, writer
        Where readings go.
    letters
        Where refused rows are kept; they are only counted where absent.
    elapsed
        Seconds since any moment, rising; for rate and remaining time.
    """

    store: Store
    iris: Iris
    channels: Channels
    writer: ReadingWriter
    letters: DeadLetters | None = None
    elapsed: Callable[[], float] = time.monotonic

    def load(
        self,
        path: Path,
        *,
        received: datetime,
        progress: Callable[[Loaded], None] = lambda _: None,
        stop: Callable[[], bool] = lambda: False,
        bury: bool = True,
    ) -> Loaded:
        """Load a file; loading it again adds nothing, so that a load that was interrupted is simply repeated.

        Parameters
        ----------
        path
            `….parquet`, or anything else for CSV: columns channel, timestamp, value and, if wanted, unit. Channels may be written relative
            to `{base}/id/`.
        received
            Now. Days before it that the file touched are packed at the end; other open days stay open.
        progress
            Told after each transaction.
        stop
            Asked between transactions; what is stored by then stays.
        bury
            Whether refused rows become dead letters.

        Raises
        ------
        mappers.errors.MappingError
            If the file is not such a table; what came before the fault is stored.
        kg.errors.StoreError
            If the store fails; load the file again then.
        """
        base = f"{self.iris.base}/id/"
        file: ReadingsFile = ParquetFile(path, base=base) if path.suffix == ".parquet" else CsvFile(path, base=base)
        cemetery = _Cemetery(self.letters if bury else None, f"file {path.name}", received)
        bulk = Bulk(self.store, self.iris, self.channels, self.writer, file.channels, file.units, received, cemetery.readings)
        loaded, begun = Loaded(), self.elapsed()
        try:
            for loaded in _steps(file, bulk, cemetery):
                loaded = self._timed(loaded, begun, cemetery)
                progress(loaded)
                if stop():
                    break
        finally:
            cemetery.close()
        closed = self.writer.close_days(received.date(), only=bulk.touched) if bulk.touched else 0
        return replace(self._timed(loaded, begun, cemetery), closed_days=closed, interrupted=_INTERRUPTED if stop() else "")

    def _timed(self, loaded: Loaded, begun: float, cemetery: "_Cemetery") -> Loaded:
        seconds = self.elapsed() - begun
        rate = round((loaded.accepted + loaded.duplicates) / seconds) if seconds > 0 else 0
        return replace(loaded, seconds=round(seconds, 3), readings_per_s=rate, letters=cemetery.buried)


def _steps(file: ReadingsFile, bulk: Bulk, cemetery: "_Cemetery") -> Iterator[Loaded]:
    """Read and store a file; yields how far it has come after each portion and each transaction."""
    loaded = Loaded()
    for portion in file.portions():
        cemetery.rows(portion.refused)
        loaded = replace(loaded.refusing([row.refusal.sentence for row in portion.refused]), share=portion.share)
        for outcome in bulk.add(portion.columns):
            loaded = loaded.plus(outcome)
            yield loaded
        yield loaded
    for outcome in bulk.finish():
        loaded = loaded.plus(outcome)
        yield loaded


class _Cemetery:
    """Collects refused rows into dead letters, each a CSV file with its header."""

    def __init__(self, letters: DeadLetters | None, source: str, received: datetime) -> None:
        self._letters = letters
        self._source = source
        self._received = received
        self._rows: list[tuple[str, ...]] = []
        self._sentences: list[str] = []
        self._kept = 0
        self.buried = 0

    def rows(self, refused: Iterable[RefusedRow]) -> None:
        """Keep rows that could not be read."""
        for one in refused:
            self._keep([tuple(one.cells.get(name, "") for name in COLUMNS)], [one.refusal.sentence])

    def readings(self, refused: RefusedReadings) -> None:
        """Keep readings of channel-days in which something was refused."""
        self._keep(
            [(channel, instant(at), value, unit or "") for channel, at, value, unit in refused.readings],
            [one.sentence for one in refused.refused],
        )

    def close(self) -> None:
        """Write the last letter."""
        if self._letters is not None and (self._rows or self._sentences):
            distinct = list(dict.fromkeys(self._sentences))
            more = [f"… and {len(distinct) - _SENTENCES} more"] if len(distinct) > _SENTENCES else []
            self._letters.add(self._received, self._source, _csv(self._rows), "\n".join(distinct[:_SENTENCES] + more))
            self.buried += 1
        self._rows, self._sentences = [], []

    def _keep(self, rows: list[tuple[str, ...]], sentences: list[str]) -> None:
        if self._letters is None or self._kept >= _ROWS_KEPT:
            return
        for first in range(0, len(rows), _ROWS_A_LETTER):
            self._rows += rows[first : first + _ROWS_A_LETTER]
            self._sentences += sentences if not first else sentences[:1]
            if len(self._rows) >= _ROWS_A_LETTER:
                self.close()
        self._kept += len(rows)
        if self._kept >= _ROWS_KEPT:
            self._sentences.append(
                f"{self._source}: more than {_ROWS_KEPT:,} rows were refused, and the rest is not kept here; correct the file and load it again"
            )


def _csv(rows: Sequence[tuple[str, ...]]) -> bytes:
    text = io.StringIO(newline="")
    out = csv.writer(text, lineterminator="\n")
    out.writerow(COLUMNS)
    out.writerows(rows)
    return text.getvalue().encode()


def _span(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s" if minutes else f"{rest} s"
