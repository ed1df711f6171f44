"""Readings into the graph: idempotent, one transaction a call, the open day slot by slot and the closed day packed."""

import threading
from collections import OrderedDict
from collections.abc import Callable, Container, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime

from pyoxigraph import Quad

from kg import queries
from kg.iris import Iris
from kg.store import Store
from kg.terms import instant as spell
from mappers.records import Refusal, Series
from ontology.names import FCV
from telemetry import days, quality
from telemetry.channels import Channel, Channels
from telemetry.days import Day, Flag
from telemetry.latest import instant, last_good

_SUPERSEDED, _LATE = str(FCV.Superseded), str(FCV.LateArrival)
Key = tuple[str, date]


@dataclass(frozen=True)
class Outcome:
    """What became of readings.

    Parameters
    ----------
    accepted
        Stored by this call, those that supersede or are flagged included.
    duplicates
        Known before with the same value, or superseded before: nothing was added.
    superseded
        Slots whose earlier, different value moved to a flag.
    flagged
        Stored with a doubt about the value or its time.
    refused
        What can't be a reading, with its sentence.
    """

    accepted: int = 0
    duplicates: int = 0
    superseded: int = 0
    flagged: int = 0
    refused: tuple[Refusal, ...] = ()

    def __add__(self, other: "Outcome") -> "Outcome":
        return Outcome(
            self.accepted + other.accepted,
            self.duplicates + other.duplicates,
            self.superseded + other.superseded,
            self.flagged + other.flagged,
            self.refused + other.refused,
        )


@dataclass(slots=True)
class _Tally:
    accepted: int = 0
    duplicates: int = 0
    superseded: int = 0
    flagged: int = 0


@dataclass(slots=True)
class _Edit:
    """What one call changes on one day; the cached day itself changes only once the store has agreed."""

    day: Day
    new: dict[int, str] = field(default_factory=dict)
    flags: dict[str, Flag] = field(default_factory=dict)
    gone: dict[str, Flag] = field(default_factory=dict)
    whole: bool = False

    def put(self, offset: int, text: str, doubts: Sequence[quality.Doubt], received: datetime, tally: _Tally) -> None:
        known = self.new.get(offset) or self.day.values.get(offset)
        if known == text or (known is not None and text in self._history(offset)):
            tally.duplicates += 1
            return
        tally.accepted += 1
        if known is not None:
            tally.superseded += 1
            self._supersede(offset, known, received)
        elif self.day.closed:
            self._flag(offset, _LATE, f"It arrived at {spell(received)}, after its day had been closed.")
        self.new[offset] = text
        tally.flagged += bool(doubts)
        for doubt in doubts:
            self._flag(offset, doubt.reason, doubt.comment)

    def _history(self, offset: int) -> list[str]:
        if not self.flags and not self.day.flags:
            return []
        mine = [flag.superseded for flag in self.flags.values() if flag.offset == offset and flag.superseded is not None]
        return mine + self.day.superseded(offset)

    def _supersede(self, offset: int, known: str, received: datetime) -> None:
        """Keep the old value and end the doubts about it."""
        doubts = [flag for flag in (*self.day.flags.values(), *self.flags.values()) if flag.offset == offset and flag.reason in days.DOUBTS]
        said = "".join(f" It was flagged: {flag.comment}" for flag in doubts)
        for flag in doubts:
            if self.flags.pop(flag.iri, None) is None:
                self.gone[flag.iri] = flag
        self._flag(offset, _SUPERSEDED, f"{known} was replaced at {spell(received)}.{said}", known)

    def _flag(self, offset: int, reason: str, comment: str, superseded: str | None = None) -> None:
        name = self.day.flag_iri(offset, reason.rsplit("/", 1)[-1], taken=self.flags)
        self.flags[name] = Flag(name, offset, reason, comment, superseded)

    def closes(self, received: datetime) -> bool:
        """Whether the whole day came at once, and nothing of it can still come in time."""
        if self.day.exists or not self.whole:
            return False
        return len(self.new) == self.day.channel.slots or received.astimezone(UTC).date() > self.day.date

    def quads(self, received: datetime) -> tuple[list[Quad], list[Quad]]:
        """What to delete and what to insert."""
        day = self.day
        delete = [quad for flag in self.gone.values() for quad in flag.quads(day.graph, day.iri)]
        insert = [quad for flag in self.flags.values() for quad in flag.quads(day.graph, day.iri)]
        if not day.exists:
            insert += day.header()
        if day.array is not None:
            delete.append(day.array_quad(day.array))
        if day.closed or self.closes(received):
            insert.append(day.array_quad(self.packed()))
        else:
            delete += day.slot_quads({offset: day.values[offset] for offset in self.new.keys() & day.values.keys()})
            insert += day.slot_quads(self.new)
        return delete, insert

    def packed(self) -> str:
        return days.pack(self.day.values | self.new, self.day.channel.step_s)

    def settle(self, received: datetime) -> None:
        """Carry the change into the cached day."""
        if self.day.closed or self.closes(received):
            self.day.array = self.packed()
        self.day.values |= self.new
        for name in self.gone:
            self.day.flags.pop(name, None)
        self.day.flags |= self.flags


class ReadingWriter:
    """The one writer of readings.

    Days that are being written are cached, at most about `cached_readings` values; the cache is only ever a copy of what the store
    has committed, so that nothing is lost or doubled when the process is killed. Calls are serialised by a lock.

    Parameters
    ----------
    store, iris, channels
        The graph, the minting of IRIs, and the registry of channels; `channels.latest` is kept up to date.
    limits
        When a reading's time is doubtful or impossible.
    cached_readings
        Bound of the cache.
    """

    def __init__(
        self,
        store: Store,
        iris: Iris,
        channels: Channels,
        *,
        limits: quality.Limits | None = None,
        cached_readings: int = 1_000_000,
    ) -> None:
        self._store = store
        self._iris = iris
        self._channels = channels
        self._limits = limits or quality.Limits()
        self._bound = cached_readings
        self._cache: OrderedDict[Key, Day] = OrderedDict()
        self._lock = threading.RLock()

    def write(self, series: Sequence[Series], *, received: datetime) -> Outcome:
        """Store readings, all in one transaction.

        Parameters
        ----------
        series
            Runs of readings or single ones, of any channels and times.
        received
            When they reached the platform.

        Raises
        ------
        kg.errors.StoreError
            If the store did not take them; then none is stored, and the call may be repeated.
        """
        return self.write_many([series], received=received)[0]

    def write_many(self, messages: Sequence[Sequence[Series]], *, received: datetime) -> list[Outcome]:
        """Store the readings of several messages in one transaction, and tell the outcome of each message."""
        with self._lock:
            checked = [self._check(series, received) for series in messages]
            keys = dict.fromkeys(
                (run.channel.iri, run.date) for runs, _ in checked for run in runs if any(v is not None for v in run.values)
            )
            self._load(keys)
            edits: dict[Key, _Edit] = {}
            outcomes = [self._plan(runs, refused, edits, received) for runs, refused in checked]
            self._commit(edits, received)
            return outcomes

    def behind_its_back(self, change: Callable[[], None]) -> None:
        """Run something that replaces what the store holds, such as a restore; nobody writes meanwhile, and the cache is forgotten."""
        with self._lock:
            change()
            self._cache.clear()

    def close_days(
        self, before: date, *, only: Container[Key] | None = None, slice_size: int = 100, stop: Callable[[], bool] = lambda: False
    ) -> int:
        """Pack the open days earlier than `before`, a slice in a transaction, so that writers wait for no longer than one slice.

        Parameters
        ----------
        before
            UTC date; this day itself and later ones stay open.
        only
            Channels with the days to pack; everything that is open where absent.
        slice_size
            Days packed in one transaction.
        stop
            Asked between slices; what is packed by then stays packed.

        Returns
        -------
        How many days were packed.
        """
        found = queries.rows(self._store, queries.load("telemetry", "days_open"), before=before)
        open_days = [(row["channel"], row["date"]) for row in found if self._channels.get(row["channel"]) is not None]
        open_days = [key for key in open_days if only is None or key in only]
        packed = 0
        for first in range(0, len(open_days), slice_size):
            if stop():
                break
            with self._lock:
                packed += self._pack(open_days[first : first + slice_size])
        return packed

    def _check(self, series: Sequence[Series], received: datetime) -> tuple[list[quality.Run], list[Refusal]]:
        runs: list[quality.Run] = []
        refused: list[Refusal] = []
        for one in series:
            good, bad = quality.check(self._channels.get(one.channel), one, received=received, limits=self._limits)
            runs += good
            refused += bad
        return runs, refused

    def _plan(self, runs: Iterable[quality.Run], refused: list[Refusal], edits: dict[Key, _Edit], received: datetime) -> Outcome:
        tally = _Tally()
        for run in runs:
            key = run.channel.iri, run.date
            day = self._cache.get(key)
            if day is None:
                continue  # only nulls: nothing to store
            edit = edits.get(key)
            if edit is None:
                edit = edits[key] = _Edit(day)
            edit.whole |= run.covers_day
            step_s = run.channel.step_s
            for position, text in enumerate(run.values):
                if text is not None:
                    offset = run.first + position * step_s
                    edit.put(offset, text, run.doubts.get(offset, ()), received, tally)
        return Outcome(tally.accepted, tally.duplicates, tally.superseded, tally.flagged, tuple(refused))

    def _commit(self, edits: dict[Key, _Edit], received: datetime) -> None:
        changed = {key: edit for key, edit in edits.items() if edit.new}
        delete: list[Quad] = []
        insert: list[Quad] = []
        for edit in changed.values():
            gone, added = edit.quads(received)
            delete += gone
            insert += added
        self._apply(changed, delete, insert)
        for key, edit in changed.items():
            edit.settle(received)
            good = last_good(edit.day)
            if good is not None:
                self._channels.latest.offer(key[0], instant(key[1], good[0]), good[1])
        for key, edit in edits.items():
            if edit.day.closed:
                del self._cache[key]
        self._trim()

    def _apply(self, keys: Iterable[Key], delete: list[Quad], insert: list[Quad]) -> None:
        if not delete and not insert:
            return
        try:
            self._store.apply(delete=delete, insert=insert)
        except Exception:
            for key in keys:  # a remote store may have committed before it failed: look again next time
                self._cache.pop(key, None)
            raise

    def _load(self, keys: Iterable[Key]) -> None:
        missing: list[tuple[Channel, date]] = []
        for key in keys:
            channel, day = self._channels.known(key[0]), self._cache.get(key)
            if day is not None and day.channel is channel:  # else never seen, or the channel was described anew
                self._cache.move_to_end(key)
            else:
                missing.append((channel, key[1]))
        self._cache.update(days.read(self._store, self._iris, missing))

    def _pack(self, keys: list[Key]) -> int:
        self._load(keys)
        delete: list[Quad] = []
        insert: list[Quad] = []
        arrays: dict[Key, str] = {}
        for key in keys:
            day = self._cache[key]
            if not day.closed and day.values:
                arrays[key] = days.pack(day.values, day.channel.step_s)
                delete += day.slot_quads(day.values)
                insert.append(day.array_quad(arrays[key]))
        self._apply(arrays, delete, insert)
        for key in keys:
            del self._cache[key]
        return len(arrays)

    def _trim(self) -> None:
        held = sum(len(day.values) for day in self._cache.values())
        while held > self._bound and self._cache:
            _, day = self._cache.popitem(last=False)
            held -= len(day.values)
