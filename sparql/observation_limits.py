"""What a query says beforehand about its variables: between which days a time lies, and which terms a variable may be."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta

from ontology.names import XSD
from sparql.nodes import Bind, Call, Expression, Filter, Group, Iri, Lit, OneOf, Operation, Pattern, Values, Var

_AT = str(XSD.dateTime)
_FLIPPED = {"<": ">", ">": "<", "<=": ">=", ">=": "<=", "=": "="}
_TICK = timedelta(microseconds=1)
_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Span:
    """UTC days from `first` to `last`, both included; `None` where it has no end."""

    first: date | None = None
    last: date | None = None

    def met(self, other: "Span") -> "Span":
        """The days of both."""
        firsts = [one for one in (self.first, other.first) if one is not None]
        lasts = [one for one in (self.last, other.last) if one is not None]
        return Span(max(firsts, default=None), min(lasts, default=None))

    @property
    def days(self) -> int | None:
        """How many days there are; `None` without end."""
        return None if self.first is None or self.last is None else max(0, (self.last - self.first).days + 1)

    def each(self) -> Iterator[date]:
        """Every day of a span that has both ends."""
        for number in range(self.days or 0):
            assert self.first is not None  # noqa: S101 - for mypy: days says so
            yield self.first + number * _DAY


@dataclass(frozen=True)
class Limits:
    """What holds of variables in a group; whatever it says, the query still says itself, so it only ever saves work."""

    spans: Mapping[Var, Span] = field(default_factory=dict)
    choices: Mapping[Var, tuple[Iri | Lit, ...]] = field(default_factory=dict)

    def narrowed(self, group: Group) -> "Limits":
        """The limits within a group: those around it and what its own filters, values and constants say."""
        choices = dict(self.choices)
        for variable, terms in _constants(group.elements):
            choices[variable] = tuple(term for term in choices[variable] if term in terms) if variable in choices else terms
        spans = dict(self.spans)
        for variable, terms in choices.items():
            _narrow(spans, variable, _around([time for term in terms if (time := moments(term)) is not None], len(terms)))
        for part in _conditions(group.elements):
            for variable, span in _compared(part, choices):
                _narrow(spans, variable, span)
        return Limits(spans, choices)

    def projected(self, names: Iterable[Var]) -> "Limits":
        """The limits of some variables alone."""
        kept = set(names)
        return Limits(
            {name: span for name, span in self.spans.items() if name in kept},
            {name: terms for name, terms in self.choices.items() if name in kept},
        )


def _narrow(spans: dict[Var, Span], variable: Var, span: Span | None) -> None:
    if span is not None:
        spans[variable] = spans.get(variable, Span()).met(span)


def _constants(elements: Iterable[Pattern]) -> Iterator[tuple[Var, tuple[Iri | Lit, ...]]]:
    for element in elements:
        match element:
            case Bind(Iri() | Lit() as term, variable):
                yield variable, (term,)
            case Values(variables, rows):
                for place, variable in enumerate(variables):
                    listed = [row[place] for row in rows]
                    if all(each is not None for each in listed):
                        yield variable, tuple(dict.fromkeys(each for each in listed if each is not None))
            case Filter(expression):
                for part in _parts(expression):
                    match part:
                        case Operation("=", (Var() as variable, Iri() as term)) | Operation("=", (Iri() as term, Var() as variable)):
                            yield variable, (term,)
                        case OneOf(Var() as variable, terms, False) if all(isinstance(term, Iri) for term in terms):
                            yield variable, tuple(term for term in terms if isinstance(term, Iri))


def _conditions(elements: Iterable[Pattern]) -> Iterator[Expression]:
    for element in elements:
        if isinstance(element, Filter):
            yield from _parts(element.expression)


def _parts(expression: Expression) -> Iterator[Expression]:
    """The conditions that must all hold."""
    if isinstance(expression, Operation) and expression.sign == "&&":
        for operand in expression.operands:
            yield from _parts(operand)
    else:
        yield expression


def _compared(condition: Expression, choices: Mapping[Var, tuple[Iri | Lit, ...]]) -> Iterator[tuple[Var, Span]]:
    match condition:
        case Operation(sign, (left, right)) if sign in _FLIPPED:
            for variable, mark, other in ((left, sign, right), (right, _FLIPPED[sign], left)):
                span = _beyond(mark, other, choices) if isinstance(variable, Var) else None
                if span is not None and isinstance(variable, Var):
                    yield variable, span
        case OneOf(Var() as variable, terms, False):
            found = [time for term in terms if (time := moments(_literal(term))) is not None]
            span = _around(found, len(terms))
            if span is not None:
                yield variable, span


def _beyond(sign: str, other: Expression, choices: Mapping[Var, tuple[Iri | Lit, ...]]) -> Span | None:
    """The days of the times that compare so with something whose value is known beforehand."""
    terms = choices.get(other, ()) if isinstance(other, Var) else (_literal(other),)
    times = [moments(term) for term in terms]
    known = [time for time in times if time is not None]
    if not known or len(known) < len(times):
        return None
    earliest, latest = min(low for low, _ in known), max(high for _, high in known)
    first = None if sign in ("<", "<=") else earliest.date()
    last = None if sign in (">", ">=") else (latest - _TICK if sign == "<" else latest).date()
    return Span(first, last)


def _around(times: list[tuple[datetime, datetime]], wanted: int) -> Span | None:
    """The days of some times, where all of them are known."""
    if not times or len(times) < wanted:
        return None
    return Span(min(low for low, _ in times).date(), max(high for _, high in times).date())


def _literal(expression: Expression) -> Lit | Iri | None:
    match expression:
        case Lit() | Iri():
            return expression
        case Call(Iri(kind), (Lit(given),)) if kind == _AT:
            return Lit(given, _AT)
    return None


def moments(term: Iri | Lit | None) -> tuple[datetime, datetime] | None:
    """The earliest and the latest instant that a literal may mean: one, unless it has no time zone; `None` for anything else."""
    if not isinstance(term, Lit) or term.datatype != _AT:
        return None
    try:
        at = datetime.fromisoformat(term.text)
        if at.tzinfo is None:
            return at.replace(tzinfo=UTC) - _DAY, at.replace(tzinfo=UTC) + _DAY
        return at.astimezone(UTC), at.astimezone(UTC)
    except (ValueError, OverflowError):
        return None
