"""From samples to the reading of an interval, exactly: decimals in, decimals out, and a flag where samples are missing.

A sample stands from its moment until the next one, but no longer than its device takes from one poll to the next. What isn't covered by any
sample counts for nothing: it is neither zero nor guessed. Below nine tenths of the interval the reading says so.
"""

from collections.abc import Iterator
from copy import copy
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_EVEN, Decimal, localcontext
from enum import Enum

from devices.model import State
from mappers.lexical import decimal_text
from ontology.names import FCV

COVERED = Decimal("0.9")
LATENESS, JITTER = Decimal("1.1"), timedelta(seconds=0.5)  # a sample may come a tenth of the poll interval late before a gap is seen
GRACE = timedelta(seconds=2)  # how long a finished interval waits for a sample that is on its way
MORE_DIGITS, MOST_DIGITS = 3, 9  # a mean is finer than its samples, by so many digits, up to so many
MICROSECOND = timedelta(microseconds=1)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
PARTIAL, UNREACHABLE = str(FCV.PartialInterval), str(FCV.DeviceUnreachable)


class Rule(Enum):
    """How samples become the value of an interval."""

    MEAN = "mean"  # weighted with time
    LAST = "last"
    FIRST = "first"  # of a counter: what it read at the interval's beginning
    SUM = "sum"


_RULES = {
    str(FCV.StateOfCharge): Rule.LAST,
    str(FCV.TemperatureSetpoint): Rule.LAST,
    str(FCV.SGReadyState): Rule.LAST,
    str(FCV.EnergyRegister): Rule.FIRST,
    str(FCV.ActiveEnergy): Rule.SUM,
}


def rule(kind: str) -> Rule:
    """The rule of a kind of channel (IRI): the mean, which for a switch is the share of time, unless the kind has another."""
    return _RULES.get(kind, Rule.MEAN)


@dataclass(frozen=True, slots=True)
class Reading:
    """What is to be said of one channel and one interval: a value, a reason for doubt, or both; `comment` belongs to the reason.

    `channel` is the path below `{BASE}/id/`, `value` a plain decimal in `unit` (IRI), `reason` an IRI. Without a value, `until` may lie
    beyond one step: then the reason holds for the whole run.
    """

    channel: str
    unit: str
    start: datetime
    step: timedelta
    value: str | None
    reason: str | None = None
    comment: str = ""
    until: datetime | None = None


def grid(at: datetime, step: timedelta) -> datetime:
    """The begin of the interval of a UTC day in which a moment lies."""
    return at - (at - EPOCH) % step


class Aggregator:
    """The intervals of one channel.

    Parameters
    ----------
    channel, unit
        See `Reading`.
    kind
        IRI of its kind, which decides on the rule.
    step, poll
        Length of the intervals, and time between two samples.
    begin
        When the box begins to listen.
    """

    def __init__(self, channel: str, unit: str, kind: str, step: timedelta, poll: timedelta, begin: datetime) -> None:
        self.channel, self.unit, self.rule, self.step = channel, unit, rule(kind), step
        self._hold = max(_times(poll, LATENESS), poll + JITTER)
        self._held: tuple[datetime, Decimal] | None = None  # the newest sample, while it stands
        self._counted = begin  # up to where it has been counted
        self._done: list[Reading] = []
        self._first: tuple[datetime, Decimal] | None = None
        self._last, self._total = Decimal(0), Decimal(0)
        self._flags: dict[str, str] = {}
        self._open(grid(begin, step))

    def take(self, at: datetime, value: Decimal) -> None:
        """Take a sample in; one that comes after its interval was closed counts from the begin of the open one."""
        at = max(at, self._start)
        self._roll(at)
        self._stand_until(at)
        self._held, self._counted = (at, value), max(at, self._counted)  # a clock that was put back must not count time twice
        self._first = self._first or (at, value)
        self._last, self._total = value, self._total + value

    def fault(self, at: datetime, reason: str, comment: str) -> None:
        """Note that there was no sample at a moment, and why."""
        self._roll(max(at, self._start))
        self._stand_until(max(at, self._start))
        self._held = None
        self._reason, self._comment = reason, comment

    def doubt(self, reason: str, comment: str) -> None:
        """Flag the open interval, whatever its samples are."""
        self._flags[reason] = comment

    def close(self, now: datetime) -> list[Reading]:
        """The readings of all intervals that are over."""
        self._roll(now - GRACE)
        done, self._done = self._done, []
        return done

    def jump(self, now: datetime) -> None:
        """Go on at another time, after a correction of the clock: the open interval ends as it is, nothing is said of the time between."""
        self._finish()
        self._held = None
        self._open(grid(now, self.step))

    def save(self, now: datetime) -> State:
        """The open interval as far as it has come, for JSON."""
        seen = copy(self)  # what the newest sample stood for so far counts in what is saved, and once here
        seen._stand_until(now)
        return {
            "of": self._of(),
            "start": seen._start.isoformat(),
            "first": None if seen._first is None else [seen._first[0].isoformat(), str(seen._first[1])],
            "sums": [str(seen._last), str(seen._total), str(seen._weighted), seen._covered // MICROSECOND, seen._finest],
            "why": [seen._reason, seen._comment],
            "flags": dict(seen._flags),
        }

    def resume(self, saved: State, *, whole: bool) -> None:
        """Take up an interval that was open when the box ended.

        If it is still open it goes on, and what lay between counts as not covered. If it is over it is said now, flagged with what it lacks:
        all of it where the box had ended in good order (`whole`), else only a counter's reading, as the rest may have been said since.

        Parameters
        ----------
        saved
            What `save` made.
        whole
            Whether nothing was said after it.
        """
        here, start = self._start, datetime.fromisoformat(saved["start"])
        if saved["of"] != self._of() or start > here or (start < here and not whole and self.rule is not Rule.FIRST):
            return
        self._open(start)
        if saved["first"] is not None:
            at, value = saved["first"]
            self._first = (datetime.fromisoformat(at), Decimal(value))
        last, total, weighted, covered, self._finest = saved["sums"]
        self._last, self._total, self._weighted, self._covered = Decimal(last), Decimal(total), Decimal(weighted), covered * MICROSECOND
        self._reason, self._comment = saved["why"]
        self._flags = dict(saved["flags"])
        if start < here:
            if self._first is not None or self._covered:
                self._finish()
            self._open(here)

    def _of(self) -> list[object]:
        """What a saved interval must agree with: the configuration may have changed."""
        return [self.unit, self.rule.value, self.step // MICROSECOND]

    def _open(self, start: datetime) -> None:
        self._start = start
        self._first = None
        self._last, self._total = Decimal(0), Decimal(0)
        self._weighted, self._covered = Decimal(0), timedelta(0)  # value × microseconds, and the time that samples stood for
        self._finest = 0
        self._reason, self._comment = "", ""
        self._flags = {}

    def _roll(self, to: datetime) -> None:
        while self._start + self.step <= to:
            self._stand_until(self._start + self.step)
            self._finish()
            self._open(self._start + self.step)

    def _stand_until(self, until: datetime) -> None:
        if self._held is None:
            return
        since, value = self._held
        begin, end = max(since, self._counted, self._start), min(until, since + self._hold)
        if end <= begin:
            return
        with localcontext() as context:
            context.prec = 60
            self._weighted += value * ((end - begin) // MICROSECOND)
        self._covered += end - begin
        exponent = value.as_tuple().exponent
        self._finest = min(self._finest, exponent if isinstance(exponent, int) else 0)
        self._counted = end

    def _finish(self) -> None:
        value, late = self._value(), self._late()
        share = Decimal(self._covered // MICROSECOND) / (self.step // MICROSECOND)
        if value is None and not late:
            self._say(None, self._reason or UNREACHABLE, self._comment or "no sample came in this interval")
            return
        doubts = dict(self._flags)
        if why := late or ("" if self.rule is Rule.FIRST or share >= COVERED else f"samples cover {share:.0%} of the interval"):
            doubts[PARTIAL] = f"{why}; {self._comment}" if self._comment else why
        first, *more = doubts.items() or [(None, "")]
        self._say(None if late else value, *first)
        for reason, comment in more:
            self._say(None, reason, comment)

    def _late(self) -> str:
        """Why a counter's reading isn't the one of the interval's beginning: at another time it would be a wrong one."""
        if self.rule is not Rule.FIRST or self._first is None or self._first[0] - self._start <= self._hold:
            return ""
        late = (self._first[0] - self._start).total_seconds()
        return f"the counter was first read {late:.0f} s after the interval's beginning, which says nothing of that"

    def _value(self) -> str | None:
        if self.rule is Rule.MEAN:
            return self._mean()
        if self._first is None:
            return None
        return plain({Rule.SUM: self._total, Rule.FIRST: self._first[1]}.get(self.rule, self._last))

    def _mean(self) -> str | None:
        if not self._covered:
            return None
        with localcontext() as context:
            context.prec = 60
            mean = self._weighted / (self._covered // MICROSECOND)
            return plain(mean.quantize(Decimal(1).scaleb(max(self._finest - MORE_DIGITS, -MOST_DIGITS)), ROUND_HALF_EVEN))

    def _say(self, value: str | None, reason: str | None, comment: str) -> None:
        self._done.append(Reading(self.channel, self.unit, self._start, self.step, value, reason, comment))


def plain(value: Decimal) -> str:
    """Spell a decimal as messages do: no exponent, no needless zeros."""
    return decimal_text(f"{value:f}")


def runs(readings: list[Reading]) -> Iterator[list[Reading]]:
    """Part readings of one channel, ordered by time, into runs without gap that each lie in one UTC day."""
    run: list[Reading] = []
    for one in readings:
        if run and (one.start != run[-1].start + one.step or one.step != run[-1].step or one.start.date() != run[-1].start.date()):
            yield run
            run = []
        run.append(one)
    if run:
        yield run


def _times(span: timedelta, factor: Decimal) -> timedelta:
    return timedelta(microseconds=int(span // MICROSECOND * factor))
