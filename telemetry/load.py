"""Readings from a CSV file into the graph: another cooperative's history, or what a box could not send."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, datetime
from typing import TextIO

from mappers import csv
from mappers.records import Refusal, Series
from telemetry.writer import Outcome, ReadingWriter

_BATCH = 50_000  # readings in one transaction
_LISTED = 1000


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
    closed_days
        Days packed at the end.
    """

    accepted: int = 0
    duplicates: int = 0
    superseded: int = 0
    flagged: int = 0
    refused: int = 0
    sentences: tuple[str, ...] = ()
    closed_days: int = 0

    def plus(self, outcome: Outcome, refused: list[Refusal]) -> "Loaded":
        """Add one portion of the file."""
        every = [*refused, *outcome.refused]
        room = max(0, _LISTED - len(self.sentences))
        return Loaded(
            self.accepted + outcome.accepted,
            self.duplicates + outcome.duplicates,
            self.superseded + outcome.superseded,
            self.flagged + outcome.flagged,
            self.refused + len(every),
            self.sentences + tuple(refusal.sentence for refusal in every[:room]),
        )


def load_csv(
    file: TextIO,
    writer: ReadingWriter,
    *,
    base: str,
    received: datetime,
    progress: Callable[[Loaded], None] | None = None,
) -> Loaded:
    """Load a file of readings; loading it again adds nothing, so that an interrupted load is simply repeated.

    Parameters
    ----------
    file
        Columns `channel,timestamp,value,unit`, one reading a row, opened with `newline=""`.
    writer
        Where they go. The days that the file touched are closed at the end, if they are before `received`; other open days stay open.
    base
        Our address without a slash at its end; channels may be written relative to `{base}/id/`.
    received
        Now.
    progress
        Told after each portion of about 50,000 readings.

    Raises
    ------
    mappers.errors.MappingError
        If the file is not such a table; what came before the fault is stored.
    kg.errors.StoreError
        If the store fails; load the file again then.
    """
    loaded = Loaded()
    touched: set[tuple[str, date]] = set()
    for series, refused in _portions(csv.lift(file, base=f"{base}/id/")):
        loaded = loaded.plus(writer.write(series, received=received), refused)
        touched.update((each.channel, each.start.date()) for each in series)
        if progress is not None:
            progress(loaded)
    closed = writer.close_days(received.date(), only=touched)
    return Loaded(**{**vars(loaded), "closed_days": closed})


def _portions(lifted: Iterator[Series | Refusal]) -> Iterator[tuple[list[Series], list[Refusal]]]:
    series: list[Series] = []
    refused: list[Refusal] = []
    size = 0
    for each in lifted:
        if isinstance(each, Refusal):
            refused.append(each)
            size += 1
        else:
            series.append(each)
            size += len(each.values)
        if size >= _BATCH:
            yield series, refused
            series, refused, size = [], [], 0
    if series or refused:
        yield series, refused
