"""How a packed day becomes rows: with the worker's own functions, or with those that every SPARQL 1.1 server has.

Both count the slots of a day in chunks of 48: thirty chunk numbers are tried for each day, and those beyond its end fall away before
anything is multiplied with them, so that a quarter-hourly day costs 96 rows and one by the minute 1,440.
"""

from dataclasses import dataclass
from typing import Protocol

from sparql.functions import SLOTS_A_CHUNK
from sparql.nodes import Bind, Call, Expression, Filter, Lit, Pattern, Term, Values, Var
from sparql.observation_terms import cast, concat, integer, op, own, part, text

_DAY_S = 86400
_MOST_CHUNKS = 30  # of days by the minute, the finest step there is


class Engine(Protocol):
    """The part of the rewriting that depends on what the server can compute."""

    def unpacked(self, of: Term, array: Var, value: Var, timed: "Timed | None") -> list[Pattern]:
        """Bind the value of every filled slot of an array and, if wanted, its time and its offset [s]."""
        ...

    def looked_up(self, of: Term, array: Var, value: Var, seconds: Expression) -> list[Pattern]:
        """Bind the value of the slot that begins at an offset [s]; no row where there is none."""
        ...


@dataclass(frozen=True, slots=True)
class Timed:
    """The variables of a day's date, and of the offset [s] and the time of a slot; and whether the offset is needed for more than the time."""

    date: Var
    seconds: Var
    moment: Var
    counts: bool


def moment(date: Expression, seconds: Expression) -> Expression:
    """The `xsd:dateTime` of an offset [s] in a day.

    It is spelt, not added: adding a duration to a time is an extension, and pyoxigraph 0.5.13 gives no value for it in some joins.
    """
    hours, minutes = (Call("FLOOR", (op("/", seconds, integer(n)),)) for n in (3600, 60))
    minute = op("-", minutes, op("*", hours, integer(60)))
    second = op("-", seconds, op("*", minutes, integer(60)))
    return _spelt(date, _two(hours), ":", _two(minute), ":", _two(second))


def _spelt(date: Expression, *clock: Expression | str) -> Expression:
    return cast("dateTime", concat(text(date), "T", *clock, "Z"))


def _bind(expression: Expression, variable: Var) -> Bind:
    return Bind(expression, variable)


def _bound(variable: Var) -> Filter:
    return Filter(Call("BOUND", (variable,)))


def _numbers(variable: Var, count: int) -> Values:
    return Values((variable,), tuple((integer(number),) for number in range(count)))


@dataclass(frozen=True)
class Embedded:
    """pyoxigraph with `sparql.functions`: two calls and one cut for each 48 readings, the rest within the store."""

    def unpacked(self, of: Term, array: Var, value: Var, timed: Timed | None) -> list[Pattern]:
        """See `Engine.unpacked`."""
        names = ("step", "chunk", "texts", "width", "clocks", "place")
        step, chunk, texts, width, clocks, place = (part(of, name) for name in names)
        first = op("*", chunk, integer(SLOTS_A_CHUNK))
        found: list[Pattern] = [
            _bind(own("step", array), step),
            _numbers(chunk, _MOST_CHUNKS),
            Filter(op("<", op("*", first, step), integer(_DAY_S))),
            _bind(own("chunk", array, chunk), texts),
            _bind(cast("integer", op("/", Call("STRLEN", (texts,)), integer(SLOTS_A_CHUNK))), width),
        ]
        if timed is not None:
            found.append(_bind(own("clocks", step, chunk), clocks))
        found.append(_numbers(place, SLOTS_A_CHUNK))
        if timed is not None:
            if timed.counts:
                found.append(_bind(op("*", op("+", first, place), step), timed.seconds))
            found.append(_bind(_spelt(timed.date, _cut(clocks, place, integer(len("00:00:00")))), timed.moment))
        cut = _cut(texts, place, width)
        return [*found, _bind(cast("decimal", cut), value), _bound(value)]

    def looked_up(self, of: Term, array: Var, value: Var, seconds: Expression) -> list[Pattern]:
        """See `Engine.looked_up`."""
        del of
        return [_bind(own("at", array, seconds), value), _bound(value)]


@dataclass(frozen=True)
class Standard:
    """Any SPARQL 1.1 server: regular expressions pick the chunk of an array and the slot of a chunk, arithmetic spells the time."""

    def unpacked(self, of: Term, array: Var, value: Var, timed: Timed | None) -> list[Pattern]:
        """See `Engine.unpacked`."""
        names = ("count", "chunk", "skip", "texts", "place", "pick", "text")
        count, chunk, skip, texts, place, pick, cut = (part(of, name) for name in names)
        found: list[Pattern] = [
            _bind(self._count(array), count),
            Values((chunk, skip), tuple((integer(n), Lit(_skip(n))) for n in range(_MOST_CHUNKS))),
            Filter(op("<", op("*", chunk, integer(SLOTS_A_CHUNK)), count)),
            _bind(Call("REPLACE", (text(array), skip, Lit("$1"))), texts),
            Values((place, pick), tuple((integer(n), Lit(_pick(n))) for n in range(SLOTS_A_CHUNK))),
            Filter(op("<", self._number(chunk, place), count)),
            _bind(Call("REPLACE", (texts, pick, Lit("$1"))), cut),
            Filter(op("!=", cut, Lit("null"))),
        ]
        if timed is not None:
            step = op("/", integer(_DAY_S), count)
            found.append(_bind(cast("integer", op("*", self._number(chunk, place), step)), timed.seconds))
            found.append(_bind(moment(timed.date, timed.seconds), timed.moment))
        return [*found, _bind(_number_of(cut), value)]

    def looked_up(self, of: Term, array: Var, value: Var, seconds: Expression) -> list[Pattern]:
        """See `Engine.looked_up`."""
        number, cut = part(of, "number"), part(of, "text")
        place = op("/", op("*", seconds, self._count(array)), integer(_DAY_S))
        pick = concat(f"^[\\[](?:{_ENTRY},){{", text(cast("integer", number)), "} *([-0-9a-z.]*).*$")
        return [
            _bind(place, number),
            Filter(op("=", number, Call("FLOOR", (number,)))),
            _bind(Call("REPLACE", (text(array), pick, Lit("$1"))), cut),
            Filter(op("!=", cut, Lit("null"))),
            _bind(_number_of(cut), value),
        ]

    @staticmethod
    def _count(array: Expression) -> Expression:
        """How many entries an array has: one more than it has commas."""
        bare = Call("REPLACE", (text(array), Lit(","), Lit("")))
        return op("+", op("-", Call("STRLEN", (text(array),)), Call("STRLEN", (bare,))), integer(1))

    @staticmethod
    def _number(chunk: Var, place: Var) -> Expression:
        return op("+", op("*", chunk, integer(SLOTS_A_CHUNK)), place)


_ENTRY = "[-0-9a-z. ]*"  # no `[^,]*`: of a class of Unicode, a thousand repetitions are more than oxigraph's engine takes


def _skip(chunk: int) -> str:
    """What finds one chunk of an array."""
    return f"^[\\[](?:{_ENTRY},){{{chunk * SLOTS_A_CHUNK}}}((?:{_ENTRY},){{0,{SLOTS_A_CHUNK - 1}}}{_ENTRY}).*$"


def _pick(place: int) -> str:
    """What finds one entry of a chunk."""
    return f"^(?:{_ENTRY},){{{place}}} *([-0-9a-z.]*).*$"


def _number_of(entry: Expression) -> Expression:
    """An entry as the platform writes numbers to servers, `4.0`: Fuseki joins numbers by how they are spelt."""
    whole = Call("IF", (Call("CONTAINS", (entry, Lit("."))), entry, concat(entry, ".0")))
    return cast("decimal", whole)


def _cut(texts: Var, place: Var, width: Expression) -> Expression:
    """One of several texts of one width."""
    return Call("SUBSTR", (texts, op("+", op("*", place, width), integer(1)), width))


def _two(number: Expression) -> Expression:
    """A number below a hundred in two digits, whether the server writes it as `7`, `7.0` or `07`."""
    return Call("SUBSTR", (text(op("+", number, integer(100))), integer(2), integer(2)))


def engine(name: str) -> Engine:
    """Return the engine of a name.

    Raises
    ------
    ValueError
        If there is none.
    """
    if name == "embedded":
        return Embedded()
    if name == "standard":
        return Standard()
    raise ValueError(f"{name!r} is no engine for observations; choose 'embedded' or 'standard'")
