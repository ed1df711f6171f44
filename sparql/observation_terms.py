"""What an observation says of itself, how its IRI is spelt, and how the variables that stand for its parts are named.

The one rule for all who present readings as observations: the endpoint (`sparql.observations`), the pages, the dumps.
"""

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, fields, is_dataclass
from datetime import UTC, date, datetime
from functools import cache
from typing import Any

from ontology import names
from ontology.names import FC, PROV, QUDT, RDF, SAREF, SOSA, XSD
from sparql.nodes import Aggregate, Call, Exists, Expression, Iri, Lit, Operation, Term, Triple, Values, Var

TYPE, OBSERVES, AT = Iri(str(RDF.type)), Iri(str(SAREF.observes)), Iri(str(SAREF.hasTimestamp))
RESULT, UNIT, DERIVED = Iri(str(SOSA.hasSimpleResult)), Iri(str(QUDT.hasUnit)), Iri(str(PROV.wasDerivedFrom))
TYPES = (Iri(str(SAREF.Observation)), Iri(str(SOSA.Observation)))
PROPERTIES = (TYPE, OBSERVES, AT, RESULT, UNIT, DERIVED)
"""Everything an observation says; the unit only where the channel's own is visible."""

CHANNEL, DAY, ARRAY = Iri(str(FC.forProperty)), Iri(str(FC.day)), Iri(str(FC["values"]))
SLOT = f"{names.SLOT}s"
FUNCTIONS = str(FC) + "function-"
_SIGNS = (TYPES[0].value, TYPES[1].value, AT.value, RESULT.value)
_INTEGER = str(XSD.integer)
_TAIL = re.compile(r"(?P<path>.+)/(?P<at>\d{8}T\d{6}Z)")


def marks(triple: Triple) -> bool:
    """Whether a triple says that its subject is an observation: by its type, a time or a result."""
    return triple.verb in (AT, RESULT) or (triple.verb == TYPE and triple.object in TYPES)


@dataclass(frozen=True, slots=True)
class Known:
    """An observation by its IRI: the day that holds it and its offset [s]."""

    day: Iri
    date: date
    seconds: int


@dataclass(frozen=True, slots=True)
class Spelling:
    """How IRIs below one base are spelt (docs/data-model.md §2)."""

    base: str

    @property
    def series(self) -> str:
        """What stands before the path of a day."""
        return f"{self.base}/id/series/"

    @property
    def observations(self) -> str:
        """What stands before the path of an observation."""
        return f"{self.base}/id/obs/"

    @property
    def things(self) -> str:
        """What stands before the path of a thing."""
        return f"{self.base}/id/"

    def day(self, channel: str, day: date) -> Iri | None:
        """The node of a channel's day; `None` for a channel of somebody else."""
        if not channel.startswith(self.things):
            return None
        return Iri(f"{self.series}{channel[len(self.things) :].replace('#', '/')}/{day:%Y%m%d}")

    def observation(self, iri: Term | None) -> Known | None:
        """Read the IRI of an observation; `None` if it is none."""
        if not isinstance(iri, Iri) or not iri.value.startswith(self.observations):
            return None
        match = _TAIL.fullmatch(iri.value, len(self.observations))
        if match is None:
            return None
        try:
            at = datetime.strptime(match["at"], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
        except ValueError:
            return None
        day = Iri(f"{self.series}{match['path']}/{at:%Y%m%d}")
        return Known(day, at.date(), at.hour * 3600 + at.minute * 60 + at.second)


def mentioned(tree: object, spelling: Spelling) -> bool:
    """Whether anything in a query is about observations."""
    return any(isinstance(node, Iri) and (node.value in _SIGNS or node.value.startswith(spelling.observations)) for node in walk(tree))


def walk(tree: object) -> Iterator[Any]:
    """Every node of a tree, from the outside inwards."""
    todo = [tree]
    while todo:
        node = todo.pop()
        if isinstance(node, tuple):
            todo.extend(node)
        elif is_dataclass(node) and not isinstance(node, type):
            yield node
            todo.extend([getattr(node, name) for name in _parts(type(node))])


@cache
def _parts(kind: type) -> tuple[str, ...]:
    """Where nodes of a kind may have nodes within."""
    return () if kind in (Var, Iri, Lit) else tuple(field.name for field in fields(kind))


def variables(tree: object) -> set[Var]:
    """All variables that occur."""
    return set(_variables(tree))


def occurrences(tree: object) -> Counter[Var]:
    """How often each variable occurs."""
    return Counter(_variables(tree))


def _variables(tree: object) -> Iterator[Var]:
    todo = [tree]
    while todo:
        node = todo.pop()
        if isinstance(node, Var):
            yield node
        elif isinstance(node, tuple):
            todo.extend(node)
        elif isinstance(node, Values):
            todo.append(node.variables)
        elif is_dataclass(node) and not isinstance(node, type):
            todo.extend([getattr(node, name) for name in _parts(type(node))])


def has_exists(tree: object) -> bool:
    """Whether there is an EXISTS within."""
    return any(isinstance(node, Exists | Aggregate) for node in walk(tree))


def part(of: Term, name: str) -> Var:
    """The hidden variable of one part of an observation: the same wherever the query speaks of that observation.

    What depends on the observation alone (its day), or on its time alone (its date), may carry one name everywhere: where the
    observation or the time is the same, so is this, and stores join on it before they have worked out the rest.
    """
    if isinstance(of, Var):
        return Var(f"obs{int(of.hidden)}_{name}_{of.name}", hidden=True)
    return Var(f"obs2_{name}_{sum(ord(c) * 31**i for i, c in enumerate(str(of))) % 10**12}", hidden=True)


def integer(number: int) -> Lit:
    """A whole number."""
    return Lit(str(number), _INTEGER)


def text(of: Expression) -> Call:
    """`STR(of)`."""
    return Call("STR", (of,))


def concat(*parts: Expression | str) -> Call:
    """`CONCAT(…)`."""
    return Call("CONCAT", tuple(Lit(each) if isinstance(each, str) else each for each in parts))


def op(sign: str, *operands: Expression) -> Operation:
    """An operator on its operands."""
    return Operation(sign, operands)


def cast(kind: str, of: Expression) -> Call:
    """A cast to a datatype of XML Schema."""
    return Call(Iri(str(XSD[kind])), (of,))


def own(name: str, *arguments: Expression) -> Call:
    """One of the worker's own functions (`sparql.functions`)."""
    return Call(Iri(FUNCTIONS + name), arguments)
