"""Readings into the graph: idempotent, one transaction a call, the open day slot by slot and the closed day packed."""

import threading
from collections import OrderedDict
from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from pyoxigraph import Quad

from kg import queries
from kg.iris import Iris
from kg.store import Store
from kg.terms import duration
from kg.terms import instant as spell
from mappers.records import Message, Refusal, Series
from ontology.names import FCV
from telemetry import days, quality
from telemetry.channels import Channel, Channels
from telemetry.days import Day
from telemetry.edits import Arrival, Edit, Tally
from telemetry.latest import instant
from telemetry.plausibility import Before

_CLOCK_SKEW = str(FCV.ClockSkew)
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
    reported
        Flags that the box itself sent, stored now or before.
    """

    accepted: int = 0
    duplicates: int = 0
    superseded: int = 0
    flagged: int = 0
    refused: tuple[Refusal, ...] = ()
    reported: int = 0

    def __add__(self, other: "Outcome") -> "Outcome":
        return Outcome(
            self.accepted + other.accepted,
            self.duplicates + other.duplicates,
            self.superseded + other.superseded,
            self.flagged + other.flagged,
            self.refused + other.refused,
            self.reported + other.reported,
        )


@dataclass(frozen=True, slots=True)
class _Checked:
    """A message, judged by itself: what of it can be stored."""

    runs: list[tuple[Key, quality.Run]]
    spans: list[quality.Span]
    refused: list[Refusal]
    arrival: Arrival
    clock: str | None = None

    def keys(self) -> list[Key]:
        """The days that it touches."""
        return [key for key, run in self.runs if run.says_anything] + [(span.channel.iri, span.date) for span in self.spans]

    def brought(self, wanted: Key) -> dict[int, str]:
        """The values that it gives for one day, by offset [s]."""
        runs = [run for key, run in self.runs if key == wanted]
        return {
            run.first + position * run.channel.step_s: text for run in runs for position, text in enumerate(run.values) if text is not None
        }


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
        self._grown = 0
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

    def write_many(self, messages: Sequence[Sequence[Series] | Message], *, received: datetime) -> list[Outcome]:
        """Store several messages in one transaction, and tell the outcome of each.

        A `Message` also brings its flags, when it was sent, and by how much its box's clock was off; bare series bring none of these.
        """
        with self._lock:
            checked = [self._check(message, received) for message in messages]
            self._load(dict.fromkeys(key for each in checked for key in each.keys()))  # noqa: SIM118 - not a dictionary
            edits: dict[Key, Edit] = {}
            tallies = [self._plan(each, edits) for each in checked]
            self._judge(edits)
            self._commit(edits, received)
            return [_outcome(tally, each.refused) for tally, each in zip(tallies, checked, strict=True)]

    def behind_its_back(self, change: Callable[[], None], *, before: date | None = None) -> None:
        """Run something that replaces what the store holds, such as a restore; nobody writes meanwhile, and the cache is forgotten.

        With `before`, the change touches no days from this date on, and only earlier ones are forgotten.
        """
        with self._lock:
            try:
                change()
            finally:
                for key in [key for key in self._cache if before is None or key[1] < before]:
                    del self._cache[key]

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
        open_days = [(row["channel"], row["date"]) for row in found if only is None or (row["channel"], row["date"]) in only]
        packed = 0
        for first in range(0, len(open_days), slice_size):
            if stop():
                break
            with self._lock:
                packed += self._pack(open_days[first : first + slice_size])
        return packed

    def _check(self, message: Sequence[Series] | Message, received: datetime) -> _Checked:
        runs: list[tuple[Key, quality.Run]] = []
        spans: list[quality.Span] = []
        refused: list[Refusal] = []
        channel_of, limits = self._channels.get, self._limits
        for one in message.series if isinstance(message, Message) else message:
            good, bad = quality.check(channel_of(one.channel), one, received=received, limits=limits)
            for run in good:
                runs.append(((one.channel, run.date), run))
            refused += bad
        if not isinstance(message, Message):
            return _Checked(runs, spans, refused, Arrival(received))
        for flag in message.flags:
            said, problem = quality.check_flag(self._channels.get(flag.channel), flag, received=received, limits=self._limits)
            spans += said
            refused += [] if problem is None else [problem]
        # A time from a clock that runs ahead would win for ever.
        sent = message.sent if message.sent is not None and message.sent <= received + self._limits.skew else None
        return _Checked(runs, spans, refused, Arrival(received, sent), quality.clock_comment(message.clock_offset, self._limits))

    def _plan(self, message: _Checked, edits: dict[Key, Edit]) -> Tally:
        tally = Tally()
        for key, run in message.runs:
            edit = edits.get(key) or self._edit(key, edits, tally)
            if edit is not None:
                self._put(run, edit, message, tally)
        for span in message.spans:
            key = span.channel.iri, span.date
            edit = edits.get(key) or self._edit(key, edits, tally)
            if edit is not None:
                tally.reported += 1
                brought = message.brought(key)
                edit.report(span.first, span.end, span.reason, span.comment, brought=brought, arrival=message.arrival)
        return tally

    def _edit(self, key: Key, edits: dict[Key, Edit], tally: Tally) -> Edit | None:
        """Begin the change of a day; `None` for a run that says nothing."""
        day = self._cache.get(key)
        if day is None:
            return None
        edit = edits[key] = Edit(day, tally)
        return edit

    def _put(self, run: quality.Run, edit: Edit, message: _Checked, tally: Tally) -> None:
        if edit.day.array is not None and edit.day.step_s > run.channel.step_s:
            message.refused.append(_too_late(run, edit.day))
            return
        edit.tally = tally
        edit.whole = edit.whole or run.covers_day
        step_s, offset, doubts, arrival, put = run.channel.step_s, run.first, run.doubts, message.arrival, edit.put
        clock = message.clock
        for text in run.values:
            if text is not None:
                if put(offset, text, doubts.get(offset, ()) if doubts else (), arrival, tally) and clock is not None:
                    edit.cover(offset, offset + step_s, _CLOCK_SKEW, clock)
            elif offset in doubts:
                for doubt in doubts[offset]:
                    edit.report(offset, offset + step_s, doubt.reason, doubt.comment, brought={}, arrival=arrival)
                    tally.flagged += 1
            offset += step_s

    def _judge(self, edits: Mapping[Key, Edit]) -> None:
        """Hold readings against their neighbours, the earlier days first, as the later ones rest on them."""
        watched = [(key, edit) for key, edit in edits.items() if edit.new and edit.day.channel.sequential]
        for key, edit in sorted(watched, key=lambda each: each[0][1]):
            edit.judge(lambda key=key: self._before(key, edits))  # type: ignore[misc]

    def _before(self, key: Key, edits: Mapping[Key, Edit]) -> Before | None:
        """The last reading before a day: of the day before, or the latest where that is all there is."""
        channel, yesterday = key[0], key[1] - timedelta(days=1)
        if (channel, yesterday) in edits:
            return edits[channel, yesterday].last()
        known, midnight = self._channels.latest.peek(channel), instant(key[1], 0)
        if (channel, yesterday) not in self._cache and (known is None or known[0] >= midnight):
            self._load([(channel, yesterday)])  # history, or the first reading since the start
        day = self._cache.get((channel, yesterday))
        if day is not None and day.values:
            return Edit(day, Tally()).last()
        if known is None or known[0] >= midnight:
            return None
        return Before(days.canonical(repr(known[1])), -int((midnight - known[0]).total_seconds()))

    def _commit(self, edits: dict[Key, Edit], received: datetime) -> None:
        changed = {key: edit for key, edit in edits.items() if edit.changes}
        delete: list[Quad] = []
        insert: list[Quad] = []
        for edit in changed.values():
            gone, added = edit.quads(received)
            delete += gone
            insert += added
        self._apply(changed, delete, insert)
        for key, edit in changed.items():
            edit.settle(received)
            self._grown += len(edit.new)
            good = edit.last_good() if edit.new else None
            if good is not None:
                self._channels.latest.offer(key[0], instant(key[1], good[0]), good[1])
            if edit.whole and edit.day.array is not None:  # it came at once: nobody is writing it
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
        if missing:
            found = days.read(self._store, self._iris, missing)
            self._cache.update(found)
            self._grown += sum(len(day.values) for day in found.values())

    def _pack(self, keys: list[Key]) -> int:
        self._load(keys)
        delete: list[Quad] = []
        insert: list[Quad] = []
        arrays: dict[Key, str] = {}
        for key in keys:
            day = self._cache[key]
            if not day.closed and day.exists:  # else packed meanwhile, or in the graph of another owner
                arrays[key] = days.pack(day.values, day.channel.step_s)
                delete += day.slot_quads(day.values)
                insert.append(day.array_quad(arrays[key]))
        self._apply(arrays, delete, insert)
        for key in keys:
            del self._cache[key]
        return len(arrays)

    def _trim(self) -> None:
        """Keep to the bound; counted anew only when about a sixteenth of it may have been added, as counting takes time."""
        if self._grown * 16 < self._bound:
            return
        self._grown = 0
        held = sum(len(day.values) for day in self._cache.values())
        while held > self._bound and self._cache:
            _, day = self._cache.popitem(last=False)
            held -= len(day.values)


def _outcome(tally: Tally, refused: list[Refusal]) -> Outcome:
    return Outcome(tally.accepted, tally.duplicates, tally.superseded, tally.flagged, tuple(refused), tally.reported)


def _too_late(run: quality.Run, day: Day) -> Refusal:
    """A reading finer than what is kept of its day: a mean can't take it in."""
    value = next((text for text in run.values if text is not None), "null")
    return Refusal(
        point=f"{run.channel.iri} at {spell(instant(run.date, run.first))}",
        value=value,
        reason=f"comes for a day that is kept at {duration(timedelta(seconds=day.step_s))} only, as old days are (telemetry.retention)",
        remedy="leave it out, or restore a backup of before the day was thinned",
    )
