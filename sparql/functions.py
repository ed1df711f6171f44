"""The functions that the worker lends to rewritten queries: packed days, opened once and cut into texts of fixed width.

A custom function costs 5 µs a call, most of it for handing terms over. So none is called for each reading: `chunk` gives the texts of 48 slots
at once, padded to one width, from which the query takes each slot by `SUBSTR`, inside the store.
"""

from collections import OrderedDict
from collections.abc import Callable
from functools import lru_cache

from pyoxigraph import BlankNode, Literal, NamedNode, Triple

from ontology.names import XSD
from sparql.observation_terms import FUNCTIONS

SLOTS_A_CHUNK = 48
_DAY_S = 86400
_DECIMAL = NamedNode(str(XSD.decimal))
_KEPT_BYTES = 32 << 20
Given = NamedNode | BlankNode | Literal | Triple
Function = Callable[..., Literal | None]


class _Day:
    """One packed day: its step [s], its texts, and these as chunks."""

    __slots__ = ("chunks", "size", "step", "texts")

    def __init__(self, array: str) -> None:
        self.texts = [entry.strip() for entry in array.strip()[1:-1].split(",")]
        self.step = _DAY_S // len(self.texts)
        filled = ["" if entry == "null" else entry for entry in self.texts]
        width = max(1, *map(len, filled))
        blank = " " * width
        padded = [_zeros(entry, width) if entry else blank for entry in filled]
        padded += [blank] * (-len(padded) % SLOTS_A_CHUNK)
        starts = range(0, len(padded), SLOTS_A_CHUNK)
        self.chunks = [Literal("".join(padded[first : first + SLOTS_A_CHUNK])) for first in starts]
        self.size = 60 * len(self.texts) + len(padded) * width + len(array)


def _zeros(entry: str, width: int) -> str:
    """A decimal with zeros before its digits: blanks beside a number are none that the store can read."""
    return f"-{entry[1:].rjust(width - 1, '0')}" if entry.startswith("-") else entry.rjust(width, "0")


@lru_cache(1024)
def _clocks(step: int, chunk: int) -> Literal:
    begun = [step * (chunk * SLOTS_A_CHUNK + place) % _DAY_S for place in range(SLOTS_A_CHUNK)]
    return Literal("".join(f"{each // 3600:02}:{each // 60 % 60:02}:{each % 60:02}" for each in begun))


class PackedDays:
    """The days that queries opened lately, by the text of their arrays, within a bound of memory."""

    def __init__(self, most_bytes: int = _KEPT_BYTES) -> None:
        self._most = most_bytes
        self._size = 0
        self._days: OrderedDict[str, _Day] = OrderedDict()

    def step(self, array: Given) -> Literal | None:
        """How long a slot of the array is [s]."""
        day = self._day(array)
        return None if day is None else Literal(day.step)

    def chunk(self, array: Given, number: Given) -> Literal | None:
        """The texts of 48 slots, each padded with zeros to the same width; a missing one is all blanks."""
        day = self._day(array)
        return None if day is None or not isinstance(number, Literal) else day.chunks[int(number.value)]

    def clocks(self, step: Given, number: Given) -> Literal | None:
        """The times of day, `00:15:00`, at which the 48 slots of a chunk begin, one after the other."""
        if not isinstance(step, Literal) or not isinstance(number, Literal):
            return None
        return _clocks(int(step.value), int(number.value))

    def at(self, array: Given, seconds: Given) -> Literal | None:
        """The value of the slot that begins so many seconds after midnight, if there is one."""
        day = self._day(array)
        if day is None or not isinstance(seconds, Literal):
            return None
        number, rest = divmod(int(seconds.value), day.step)
        entry = "null" if rest or not 0 <= number < len(day.texts) else day.texts[number]
        return None if entry == "null" else Literal(entry, datatype=_DECIMAL)

    def _day(self, array: Given) -> _Day | None:
        if not isinstance(array, Literal):
            return None
        found = self._days.get(array.value)
        if found is not None:
            self._days.move_to_end(array.value)
            return found
        made = self._days[array.value] = _Day(array.value)
        self._size += made.size
        while self._size > self._most and len(self._days) > 1:
            self._size -= self._days.popitem(last=False)[1].size
        return made


def custom(days: PackedDays | None = None) -> dict[NamedNode, Function]:
    """Return the functions by their IRIs, for `pyoxigraph.Store.query(custom_functions=…)`.

    Parameters
    ----------
    days
        What they open days with; give the same to every query of a process, so that its cache serves them all.
    """
    opened = PackedDays() if days is None else days
    return {NamedNode(FUNCTIONS + name): getattr(opened, name) for name in ("step", "chunk", "clocks", "at")}
