"""What one call of the writer changes on one day: values, flags, form and revision, kept apart from the day until the store agrees."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from pyoxigraph import Quad

from kg.terms import describe
from kg.terms import instant as spell
from ontology.names import FC, FCV
from telemetry import days, plausibility
from telemetry.days import Day, Flag
from telemetry.flags import FlagEdit
from telemetry.plausibility import Before, Finding, View
from telemetry.quality import Doubt
from telemetry.revisions import Revision

_SUPERSEDED, _LATE, _CLOCK_SKEW = str(FCV.Superseded), str(FCV.LateArrival), str(FCV.ClockSkew)
_JUDGED = frozenset(
    {
        plausibility.IMPLAUSIBLE,
        plausibility.STUCK,
        plausibility.RESET,
        plausibility.ROLLOVER,
        plausibility.SWAP,
    }
)
_PASSAGES = (plausibility.RESET, plausibility.ROLLOVER, plausibility.SWAP)
_REPORTED = "-reported"
_DAY_S = 86400


@dataclass(slots=True)
class Tally:
    """Counts of one message."""

    accepted: int = 0
    duplicates: int = 0
    superseded: int = 0
    flagged: int = 0
    reported: int = 0


@dataclass(frozen=True, slots=True)
class Arrival:
    """When a message was received, and when it was sent, as far as that can be believed."""

    received: datetime
    sent: datetime | None = None


@dataclass(slots=True)
class Edit:
    """What one call changes on one day; the cached day itself changes only once the store has agreed."""

    day: Day
    tally: Tally
    new: dict[int, str] = field(default_factory=dict)
    whole: bool = False
    _replaces: bool = False
    _flags: FlagEdit | None = None
    _packed: str | None = None

    @property
    def flags(self) -> FlagEdit:
        """The flags as they are about to stand; made when they are asked for first, as most readings have none."""
        if self._flags is None:
            self._flags = FlagEdit(self.day)
        return self._flags

    @property
    def _flagged(self) -> bool:
        """Whether the day has a flag, or gets one."""
        return bool(self.day.flags) or (self._flags is not None and bool(self._flags.new))

    @property
    def changes(self) -> bool:
        """Whether anything is to be written."""
        return bool(self.new) or (self._flags is not None and self._flags.changes)

    def value(self, offset: int) -> str | None:
        """What the slot is about to hold."""
        return self.new.get(offset) or self.day.values.get(offset)

    def last(self) -> Before | None:
        """The last reading of the day, as the day after it sees it."""
        slots = self.day.values.keys() | self.new.keys()
        if not slots:
            return None
        offset, step_s = max(slots), self.day.channel.step_s
        text, first = self.value(offset), max(slots)
        while self.value(first - step_s) == text:
            first -= step_s
        doubtful = any(self._doubted(offset, reason) for reason in (plausibility.IMPLAUSIBLE, plausibility.OUT_OF_RANGE))
        return Before(str(text), offset - _DAY_S, doubtful, offset + step_s - first)

    # --- values

    def put(self, offset: int, text: str, doubts: Sequence[Doubt], arrival: Arrival, tally: Tally) -> bool:
        """Take one reading; whether it was news."""
        known = self.new.get(offset) or self.day.values.get(offset)
        if known == text:
            tally.duplicates += 1
            return False
        if known is not None:
            if self._flagged and self._outdated(offset, text, known, arrival):
                tally.duplicates += 1
                return False
            tally.superseded += 1
            self._replaces = True
            self._supersede(offset, known, arrival)
        else:
            if self._flagged:
                self._fill(offset, arrival)
            if self.day.array is not None:
                self._late(offset, f"It arrived at {spell(arrival.received)}, after its day had been closed.", arrival)
        tally.accepted += 1
        self.new[offset] = text
        if doubts:
            tally.flagged += 1
            for doubt in doubts:
                self._note(offset, doubt.reason, doubt.comment)
        return True

    def _outdated(self, offset: int, text: str, known: str, arrival: Arrival) -> bool:
        """Whether a slot with a history keeps its value: what was sent last stands, and a replay adds nothing."""
        about = self.flags.covering(offset)
        told = any(flag.superseded == text for flag in about)
        last = max((flag.sent for flag in about if flag.superseded is not None and flag.sent is not None), default=None)
        late = max((flag.sent for flag in about if flag.superseded is None and flag.sent is not None), default=None)
        if arrival.sent is None or (last is None and late is None):
            return told
        if (last is None or arrival.sent > last) and (late is None or arrival.sent >= late):
            return False
        if not told:
            last = max(time for time in (last, late) if time is not None)
            said = f"{text} arrived at {spell(arrival.received)}, but was sent at {spell(arrival.sent)}, before {known}, which stands."
            self._note(offset, _SUPERSEDED, said, superseded=text, sent=last)
        return True

    def _supersede(self, offset: int, known: str, arrival: Arrival) -> None:
        """Keep the old value and end the doubts about it."""
        said = self._end_doubts(offset, days.DOUBTS)
        comment = f"{known} was replaced at {spell(arrival.received)}.{said}"
        self._note(offset, _SUPERSEDED, comment, superseded=known, sent=arrival.sent)

    def _fill(self, offset: int, arrival: Arrival) -> None:
        """End what said that the slot is empty, and keep that it was said."""
        said = self._end_doubts(offset, days.GAPS)
        if said:
            self._late(offset, f"It arrived at {spell(arrival.received)}, after the slot had been called empty.{said}", arrival)

    def _late(self, offset: int, comment: str, arrival: Arrival) -> None:
        """Keep that the value came late, and when it was sent: an earlier one may be on its way still."""
        self.cover(offset, offset + self.day.channel.step_s, _LATE, comment, sent=arrival.sent)

    # --- flags

    def cover(self, first: int, end: int, reason: str, comment: str, *, sent: datetime | None = None) -> None:
        """Flag the slots in `[first, end)`; a flag of equal words and time that touches them grows instead."""
        step_s, said = self.day.channel.step_s, (reason, comment, sent)
        alike = [flag for flag in self.flags.touching(first, end, step_s) if (flag.reason, flag.comment, flag.sent) == said]
        spans = [(flag.offset, flag.offset + step_s if flag.end is None else flag.end, flag) for flag in alike if flag.superseded is None]
        if any(begin <= first and end <= last for begin, last, _ in spans):
            return
        first, end = min([first, *(begin for begin, _, _ in spans)]), max([end, *(last for _, last, _ in spans)])
        name = next((flag.iri for begin, _, flag in spans if begin == first), None)
        for _, _, flag in spans:
            self.flags.drop(flag.iri)
        one = end == first + step_s and reason != _CLOCK_SKEW
        self.flags.put(Flag(name or self._name(first, reason), first, reason, comment, end=None if one else end, sent=sent))

    def report(self, first: int, end: int, reason: str, comment: str, *, brought: dict[int, str], arrival: Arrival) -> None:
        """Flag what a box says of its slots in `[first, end)`.

        What says that slots are empty passes over those that hold a value, unless the same message (`brought`) gave it; and nothing
        is said any more of a value that a later message replaced.
        """
        step_s = self.day.channel.step_s
        begun: int | None = None
        for offset in range(first, end, step_s):
            if self._speaks_of(offset, reason, brought, arrival):
                begun = offset if begun is None else begun
            elif begun is not None:
                self.cover(begun, offset, reason, comment)
                begun = None
        if begun is not None:
            self.cover(begun, end, reason, comment)

    def _speaks_of(self, offset: int, reason: str, brought: dict[int, str], arrival: Arrival) -> bool:
        known = self.value(offset)
        if known is None or brought.get(offset) == known:
            return True
        if reason in days.GAPS or offset in brought:
            return False
        replaced = [flag.sent for flag in self.flags.covering(offset) if flag.superseded is not None and flag.sent is not None]
        return not (arrival.sent is not None and replaced and arrival.sent <= max(replaced))

    def _end_doubts(self, offset: int, reasons: frozenset[str]) -> str:
        """Take a slot out of the flags with these reasons; what they said, to be kept."""
        ended = [flag for flag in self.flags.covering(offset) if flag.reason in reasons]
        for flag in ended:
            self._cut(flag, offset)
        return "".join(f" It was flagged: {flag.comment}" for flag in ended)

    def _cut(self, flag: Flag, offset: int) -> None:
        """Take one slot out of a flag."""
        self.flags.drop(flag.iri)
        after = offset + self.day.channel.step_s
        if flag.end is None:
            return
        if flag.offset < offset:
            self.flags.put(replace(flag, end=offset))
        if after < flag.end:
            name = self._name(after, flag.reason, reported=_REPORTED in flag.iri)
            self.flags.put(replace(flag, iri=name, offset=after))

    def _note(self, offset: int, reason: str, comment: str, *, superseded: str | None = None, sent: datetime | None = None) -> None:
        name = self._name(offset, reason, reported=False)
        self.flags.put(Flag(name, offset, reason, comment, superseded, sent=sent))

    def _name(self, offset: int, reason: str, *, reported: bool = True) -> str:
        """IRI of a new flag; a slot that is flagged again for the same reason gets the next number.

        What the platform judges by itself has the plain name, so that it finds its own judgement again.
        """
        first = f"{self.day.iri}#s{offset}-{reason.rsplit('/', 1)[-1]}{_REPORTED if reported and reason in _JUDGED else ''}"
        number, name = 1, first
        while self.flags.get(name) is not None:
            number += 1
            name = f"{first}-{number}"
        return name

    # --- judged by the neighbours

    def judge(self, before: Callable[[], Before | None]) -> None:
        """Flag what the new values are beside their neighbours, and take back what no longer holds."""
        view = View(self.day.channel, self.value, self._doubted, self._stood, before)
        if self.day.channel.counter:
            for finding in plausibility.passages(view, self.new):
                self._find(finding, _PASSAGES)
        else:
            for finding in plausibility.jumps(view, self.new):
                self._find(finding, (plausibility.IMPLAUSIBLE,))
        stood = plausibility.standstill(view, self.new)
        if stood is not None:
            self._stand_still(stood)

    def _doubted(self, offset: int, reason: str) -> bool:
        return self.flags.get(self._judged(offset, reason)) is not None

    def _stood(self, offset: int) -> tuple[int, int] | None:
        """The run of a standstill that was found before; a value that changes within is taken out of it first."""
        runs = (flag for flag in self.flags.runs() if flag.reason == plausibility.STUCK and _REPORTED not in flag.iri)
        return next(((flag.offset, flag.end) for flag in runs if flag.end is not None and flag.covers(offset)), None)

    def _judged(self, offset: int, reason: str) -> str:
        return f"{self.day.iri}#s{offset}-{reason.rsplit('/', 1)[-1]}"

    def _find(self, finding: Finding, reasons: Iterable[str]) -> None:
        for reason in reasons:
            if reason != finding.reason:
                self.flags.drop(self._judged(finding.offset, reason))
        if finding.reason is not None:
            self._judge(Flag(self._judged(finding.offset, finding.reason), finding.offset, finding.reason, finding.comment))

    def _stand_still(self, stood: plausibility.Standstill) -> None:
        runs = [flag for flag in self.flags.runs() if flag.reason == plausibility.STUCK and _REPORTED not in flag.iri]
        standing = {flag.iri for flag in runs if stood.low <= flag.offset < stood.high}
        found = {self._judged(first, plausibility.STUCK): (first, end) for first, end in stood.runs}
        for name in standing - found.keys():
            self.flags.drop(name)
        for name, (first, end) in found.items():
            self._judge(Flag(name, first, plausibility.STUCK, stood.comment, end=end))

    def _judge(self, flag: Flag) -> None:
        stands = self.flags.get(flag.iri)
        if stands != flag:
            self.tally.flagged += stands is None
            self.flags.put(flag)

    # --- into the store

    def closes(self, received: datetime) -> bool:
        """Whether the whole day came at once, and nothing of it can still come in time."""
        if not self.whole or not self.new or self.day.closed or self.day.values:
            return False
        return len(self.new) == self.day.channel.slots or received.astimezone(UTC).date() > self.day.date

    def quads(self, received: datetime) -> tuple[list[Quad], list[Quad]]:
        """What to delete and what to insert."""
        day = self.day
        delete, insert = ([], []) if self._flags is None else self._flag_quads(self._flags)
        if not day.exists:
            insert += day.header()
        if day.array is not None:
            if self.new:
                delete.append(day.array_quad(day.array))
                insert.append(day.array_quad(self.packed()))
                self._revise(delete, insert, received)
        elif self.closes(received):
            insert.append(day.array_quad(self.packed()))
        else:
            if self._replaces:
                delete += day.slot_quads({offset: day.values[offset] for offset in self.new.keys() & day.values.keys()})
            insert += day.slot_quads(self.new)
        return delete, insert

    def _flag_quads(self, flags: FlagEdit) -> tuple[list[Quad], list[Quad]]:
        delete = [quad for flag in flags.gone.values() for quad in flag.quads(self.day.graph, self.day.iri)]
        insert = [quad for flag in flags.new.values() for quad in flag.quads(self.day.graph, self.day.iri)]
        if delete and insert:  # a flag that grows changes one triple
            both = set(delete) & set(insert)
            return [quad for quad in delete if quad not in both], [quad for quad in insert if quad not in both]
        return delete, insert

    def _revise(self, delete: list[Quad], insert: list[Quad], received: datetime) -> None:
        """Keep what the revision that ends held in the slots that change."""
        day = self.day
        held = {offset: day.values.get(offset) for offset in self.new}
        insert += Revision(day.revision, day.digest, held, received).quads(day.graph, day.iri)
        insert += describe(day.graph, day.iri, {FC.revision: day.revision + 1})
        if day.revision > 1:
            delete += describe(day.graph, day.iri, {FC.revision: day.revision})

    def packed(self) -> str:
        """The array of the day as it is about to stand, on the grid in which it is stored already."""
        if self._packed is None:
            self._packed = days.pack(self.day.values | self.new, self.day.step_s)
        return self._packed

    def last_good(self) -> tuple[int, float] | None:
        """The last reading that this change brought and that may be the channel's latest: offset [s] and value."""
        offsets: Iterable[int] = (max(self.new),) if self._flags is None and not self.day.flags else sorted(self.new, reverse=True)
        for offset in offsets:
            if not self._flagged or not any(flag.ahead for flag in self.flags.covering(offset)):
                return offset, float(self.new[offset])
        return None

    def settle(self, received: datetime) -> None:
        """Carry the change into the cached day."""
        day = self.day
        if self.new and (day.closed or self.closes(received)):
            day.array = self.packed()
            day.revision += 1
        day.values |= self.new
        if self._flags is not None:
            self._flags.settle()
