"""One observation of a query: what is said of it, and the triples and computations that give the same from the stored days."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from ontology.names import XSD
from sparql.nodes import Bind, Call, Expression, Filter, Group, InGraph, Iri, Lit, Optional, Pattern, Term, Triple, Triples, Values, Var
from sparql.observation_engines import Engine, Timed, moment
from sparql.observation_limits import Limits, Span, moments
from sparql.observation_terms import (
    ARRAY,
    AT,
    CHANNEL,
    DAY,
    DERIVED,
    OBSERVES,
    PROPERTIES,
    RESULT,
    SLOT,
    TYPE,
    TYPES,
    UNIT,
    Spelling,
    cast,
    concat,
    integer,
    occurrences,
    op,
    part,
    text,
)

Graph = Var | Iri | None
MOST_NODES = 4000  # day nodes that are named one by one
_MOST_DATES = 400  # days that are named for each channel that the query finds
_MOST_PLAIN_DATES = 31  # days that are named where nothing is known of the channel
_DATE = str(XSD.date)


@dataclass
class Star:
    """All that one group says of one observation, and in which graph (`None`: the group's own)."""

    subject: Var | Iri
    graph: Graph
    said: dict[Iri, list[Term]] = field(default_factory=dict)
    spelt: list[tuple[Var, Term]] = field(default_factory=list)
    own: Counter[Var] = field(default_factory=Counter)

    def add(self, triple: Triple) -> None:
        """Say one more thing of it."""
        self.own += occurrences(triple)
        if isinstance(triple.verb, Var):
            self.spelt.append((triple.verb, triple.object))
        elif isinstance(triple.verb, Iri):
            objects = self.said.setdefault(triple.verb, [])
            if triple.object not in objects:
                objects.append(triple.object)

    @property
    def time(self) -> Var | None:
        """The variable of its time."""
        return next((each for each in self.said.get(AT, ()) if isinstance(each, Var)), None)


@dataclass(frozen=True)
class World:
    """What the writing of all observations of a query has in common; `shared` are the times that are said more than once."""

    spelling: Spelling
    engine: Engine
    counts: Counter[Var]
    shared: frozenset[Var] = frozenset()


class Writer:
    """Writes one observation in one of its two forms.

    Parameters
    ----------
    limits
        What the query says of the variables around it.
    named
        Whether the group around it lies in a named graph, so that the channel's description lies in another.
    led
        Times whose offset another observation of the group has worked out already, with that offset [s].
    bound
        Variables that are bound before it.
    """

    def __init__(self, world: World, star: Star, limits: Limits, *, named: bool, led: Mapping[Var, Var], bound: Iterable[Var]) -> None:
        self._world, self._star, self._limits, self._named = world, star, limits, named or star.graph is not None
        self._bound = set(bound)
        subject = star.subject
        self._known = world.spelling.observation(subject)
        derived = star.said.get(DERIVED, [])
        self._day: Term = self._known.day if self._known else derived[0] if derived else part(subject, "day")
        self._channel: Term = next(iter(star.said.get(OBSERVES, ())), part(subject, "channel"))
        time = star.time
        self.date = part(time or subject, "date")
        self._array = part(subject, "array")
        self._led = led[time] if time is not None and time in led else None
        self._seconds: Expression = integer(self._known.seconds) if self._known else self._led or part(subject, "seconds")
        self._columns: set[Term] = {subject, self._channel, self._day}
        timed = time is not None and (self._led is not None or self._wanted(time))
        self._moment = self._column(time if timed else None, "time")
        results = star.said.get(RESULT, [])
        self._value = self._column(results[0] if results and isinstance(results[0], Var) and self._wanted(results[0]) else None, "value")

    @property
    def seconds(self) -> Var | None:
        """The variable of its offset, where it works one out that others of the same time may use."""
        return self._seconds if isinstance(self._seconds, Var) and self._led is None and self._star.time in self._world.shared else None

    def written(self, form: str) -> list[Pattern]:
        """Return the patterns, in the order in which they depend on each other.

        Parameters
        ----------
        form
            `closed` or `open`.
        """
        head = Triple(self._day, CHANNEL, self._channel), Triple(self._day, DAY, self.date)
        more = [Triple(self._day, CHANNEL, each) for each in self._star.said.get(OBSERVES, [])[1:]]
        timed = self._timed()
        found: list[Pattern] = self._chosen()
        if form == "closed":
            found.append(self._stored((*head, *more, Triple(self._day, ARRAY, self._array))))
            found += self._units()
            found += self._unpacked(timed)
        else:
            slot: Var | Iri = part(self._star.subject, "slot")
            if self._known:
                slot = Iri(f"{SLOT}{self._known.seconds}")
            elif self._led is not None:
                found.append(Bind(Call("IRI", (concat(SLOT, text(self._led)),)), part(self._star.subject, "slot")))
            found.append(self._stored((*head, *more, Triple(self._day, slot, self._value))))
            found += self._units()
            if isinstance(slot, Var) and self._led is None:
                found.append(Filter(Call("STRSTARTS", (text(slot), Lit(SLOT)))))
                found += self._offset(slot) + timed
            elif self._known:
                found += timed
        return found + self._compared()

    def _unpacked(self, timed: list[Pattern]) -> list[Pattern]:
        subject, engine = self._star.subject, self._world.engine
        if self._known or self._led is not None:
            return [*engine.looked_up(subject, self._array, self._value, self._seconds), *(timed if self._known else ())]
        clock = Timed(self.date, part(subject, "seconds"), self._moment, self.seconds is not None) if self._needs_moment else None
        return engine.unpacked(subject, self._array, self._value, clock)

    def _offset(self, slot: Var) -> list[Pattern]:
        if not self._needs_moment or not isinstance(self._seconds, Var):
            return []
        return [Bind(cast("integer", Call("STRAFTER", (text(slot), Lit(SLOT)))), self._seconds)]

    @property
    def _needs_moment(self) -> bool:
        star, times = self._star, self._star.said.get(AT, [])
        return (
            bool(star.spelt)
            or len(times) > 1
            or any(not isinstance(each, Var) or self._wanted(each) for each in times)
            or (isinstance(star.subject, Var) and self._wanted(star.subject))
        )

    def _column(self, wanted: Term | None, name: str) -> Var:
        """A variable of the query for one part of the observation, or one of our own where there is none or it is taken."""
        if not isinstance(wanted, Var) or wanted in self._columns:
            return part(self._star.subject, name)
        self._columns.add(wanted)
        return wanted

    def _wanted(self, variable: Var) -> bool:
        """Whether a variable occurs anywhere but in what is said of this observation."""
        return self._world.counts[variable] > self._star.own[variable]

    def _timed(self) -> list[Pattern]:
        if not self._needs_moment or self._led is not None:
            return []
        return [Bind(moment(self.date, self._seconds), self._moment)]

    def _stored(self, triples: tuple[Triple, ...]) -> Pattern:
        pattern = Triples(triples)
        return pattern if self._star.graph is None else InGraph(self._star.graph, Group((pattern,)))

    def _units(self) -> list[Pattern]:
        subject = self._star.subject
        found: list[Pattern] = [self.unit(each, number) for number, each in enumerate(self._star.said.get(UNIT, ()))]
        if self._star.spelt:
            found.append(Optional(Group((self.unit(part(subject, "unit"), -1),))))
        return found

    def unit(self, unit: Term, number: int) -> Pattern:
        """The triple of the channel's unit, which lies in the graph of whoever described the channel."""
        pattern = Triples((Triple(self._channel, UNIT, unit),))
        return InGraph(part(self._star.subject, f"unitgraph{number + 1}"), Group((pattern,))) if self._named else pattern

    # --- which days ------------------------------------------------------------------------------------------------------------------

    def _chosen(self) -> list[Pattern]:
        """Name the days, where the query says enough."""
        if self._known:
            return []
        span, day = self._span(), self._day
        if isinstance(day, Var) and (nodes := self._nodes(span)) is not None:
            if isinstance(self._channel, Var) and all(channel is not None for channel, _ in nodes):
                return [Values((self._channel, day), tuple(nodes))]
            return [Values((day,), tuple((node,) for _, node in nodes))]
        found: list[Pattern] = []
        bound = isinstance(self._channel, Var) and self._channel in self._bound
        count = span.days
        if count is not None and count <= (_MOST_DATES if bound else _MOST_PLAIN_DATES):
            found.append(Values((self.date,), tuple((Lit(str(each), _DATE),) for each in span.each())))
            if bound and isinstance(day, Var) and day not in self._bound:
                found.append(Bind(self._day_of(self._channel), day))
            return found
        for sign, limit in ((">=", span.first), ("<=", span.last)):
            if limit is not None:
                found.append(Filter(op(sign, self.date, Lit(str(limit), _DATE))))
        return found

    def _span(self) -> Span:
        span = Span()
        for each in self._star.said.get(AT, ()):
            if isinstance(each, Var):
                span = span.met(self._limits.spans.get(each, Span()))
            elif isinstance(each, Lit) and (times := moments(each)) is not None:
                span = span.met(Span(times[0].date(), times[1].date()))
        return span

    def _nodes(self, span: Span) -> list[tuple[Iri | None, Iri]] | None:
        """The day nodes that it can come from, each with its channel where that is known; `None` where the query says too little."""
        spelling, subject = self._world.spelling, self._star.subject
        if isinstance(subject, Var) and subject in self._limits.choices:
            known = [spelling.observation(each) for each in self._limits.choices[subject]]
            return [(None, day) for day in dict.fromkeys(each.day for each in known if each is not None)]
        channels: tuple[Term, ...] = self._limits.choices.get(self._channel, ()) if isinstance(self._channel, Var) else (self._channel,)
        count = span.days
        if not channels or count is None or len(channels) * count > MOST_NODES:
            return None
        pairs = [(one, spelling.day(one.value, each)) for one in channels if isinstance(one, Iri) for each in span.each()]
        found = [(one, node) for one, node in pairs if node is not None]
        return found if len(found) == len(channels) * count else None  # type: ignore[return-value]

    def _day_of(self, channel: Term) -> Expression:
        spelling = self._world.spelling
        assert not isinstance(channel, Iri) and isinstance(channel, Var)  # noqa: S101, PT018 - for mypy: only a variable comes here
        path = Call("REPLACE", (Call("STRAFTER", (text(channel), Lit(spelling.things))), Lit("#"), Lit("/")))
        return Call("IRI", (concat(spelling.series, path, "/", Call("REPLACE", (text(self.date), Lit("-"), Lit("")))),))

    # --- what else is said -----------------------------------------------------------------------------------------------------------

    def _compared(self) -> list[Pattern]:
        star = self._star
        found: list[Pattern] = []
        moment, value, day = self._moment, self._value, self._day
        for column, property_ in ((moment, AT), (value, RESULT), (day, DERIVED)):
            for each in star.said.get(property_, ()):
                if each == column or (isinstance(each, Var) and not self._wanted(each)):
                    continue
                assert isinstance(column, Var | Iri) and isinstance(each, Var | Iri | Lit)  # noqa: S101, PT018 - templates alone have blanks
                fresh = isinstance(each, Var) and each not in self._columns
                self._columns.add(each)
                found.append(Bind(column, each) if fresh else Filter(_same(column, each)))  # type: ignore[arg-type]
        if isinstance(star.subject, Var) and self._wanted(star.subject):
            found.append(Bind(self._iri(), star.subject))
        for each in star.said.get(TYPE, ()):
            if isinstance(each, Var):
                found.append(Values((each,), tuple((kind,) for kind in TYPES)))
        for number, (verb, value_term) in enumerate(star.spelt):
            found += self._spelt(verb, value_term, number)
        return found

    def _iri(self) -> Expression:
        spelling = self._world.spelling
        assert isinstance(self._day, Var | Iri)  # noqa: S101 - for mypy
        path = Call("STRAFTER", (text(self._day), Lit(spelling.series)))
        clock = Call("REPLACE", (Call("SUBSTR", (text(self._moment), integer(12), integer(8))), Lit(":"), Lit("")))
        return Call("IRI", (concat(spelling.observations, path, "T", clock, "Z"),))

    def _spelt(self, verb: Var, term: Term, number: int) -> list[Pattern]:
        """Whatever is said, for a variable in the place of the property."""
        subject = self._star.subject
        which = part(subject, f"which{number}")
        columns = {OBSERVES: self._channel, AT: self._moment, RESULT: self._value, UNIT: part(subject, "unit"), DERIVED: self._day}
        said: list[tuple[Iri, Term]] = [(TYPE, kind) for kind in TYPES] + [(each, columns[each]) for each in PROPERTIES if each in columns]
        expression: Expression = said[-1][1]  # type: ignore[assignment]
        for place in range(len(said) - 2, -1, -1):
            expression = Call("IF", (op("=", which, integer(place)), said[place][1], expression))  # type: ignore[arg-type]
        rows = tuple((each, integer(place)) for place, (each, _) in enumerate(said))
        target = term if isinstance(term, Var) else part(subject, f"said{number}")
        found: list[Pattern] = [Values((verb, which), rows), Bind(expression, target), Filter(Call("BOUND", (target,)))]
        if not isinstance(term, Var):
            found.append(Filter(_same(target, term)))  # type: ignore[arg-type]
        return found


def _same(one: Expression, other: Expression) -> Expression:
    """Whether two terms are the same; of decimals, whether they are equal, because stores keep one spelling of each."""
    if isinstance(other, Lit) and other.datatype == str(XSD.decimal):
        return op("=", one, other)
    return Call("SAMETERM", (one, other))
