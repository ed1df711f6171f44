"""What consents and grants have in common: who gets what, for what, from when to when; written once, ended by being withdrawn.

Nothing is written here: what comes is returned, and passes the gate (`registry.gate`), which holds it against its shape and keeps who, when
and why.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from pyoxigraph import Literal, NamedNode, Quad, Triple

from access.errors import AccessError
from kg import queries
from kg.iris import Iris, stamp
from kg.store import Store
from kg.terms import iri, literal
from ontology.names import FC, RDF


@dataclass(frozen=True)
class Terms:
    """What is agreed.

    Attributes
    ----------
    purposes : IRIs of DPV, at least one
    first, last : local days of the member's sites (of a dataset that is nobody's: UTC days), both included
    categories : IRIs of concepts of `fcv:DataCategories`
    targets : IRIs of datasets, for grants
    """

    purposes: Sequence[str]
    first: date
    last: date
    categories: Sequence[str] = ()
    targets: Sequence[str] = ()


@dataclass(frozen=True)
class Stated:
    """A consent or grant as the graph has it.

    Attributes
    ----------
    iri, party : what it is, and who gets the data
    terms : what is agreed
    withdrawn : since when it holds no more
    """

    iri: str
    party: str
    terms: Terms
    withdrawn: datetime | None = None


@dataclass(frozen=True)
class Change:
    """What is to be written so that a consent, a grant or a partner begins, or ends.

    Attributes
    ----------
    thing : its IRI
    at : when it was given; of an end, since when it holds no more
    insert : what comes; nothing where it held no more before
    """

    thing: str
    at: datetime
    insert: frozenset[Quad]


@dataclass
class _Sheet:
    party: str
    first: date
    last: date
    purposes: dict[str, None] = field(default_factory=dict)
    categories: dict[str, None] = field(default_factory=dict)
    targets: dict[str, None] = field(default_factory=dict)
    withdrawn: datetime | None = None


def gathered(rows: Iterable[dict[str, Any]], name: str, party: str | None = None) -> list[Stated]:
    """Put the rows of one of our queries together, one entry a consent or grant, in their order."""
    sheets: dict[str, _Sheet] = {}
    for row in rows:
        sheet = sheets.setdefault(row[name], _Sheet(party or row["assignee"], row["from"], row["to"]))
        sheet.purposes[row["purpose"]] = None
        sheet.withdrawn = row.get("withdrawn", sheet.withdrawn)
        for kept, column in ((sheet.categories, "category"), (sheet.targets, "target")):
            if column in row:
                kept[row[column]] = None
    return [
        Stated(
            key, each.party, Terms(list(each.purposes), each.first, each.last, list(each.categories), list(each.targets)), each.withdrawn
        )
        for key, each in sheets.items()
    ]


def free_key(store: Store, iris: Iris, kind: str, graph: str, key: str, at: datetime) -> str:
    """A key that nothing has yet: who to whom, and when."""
    stem = f"{key}-{stamp(at)}"
    spelt = (stem if n == 1 else f"{stem}-{n}" for n in range(1, 1000))
    for each in spelt:
        if not _statements(store, graph, iris.id(kind, each)):
            return each
    raise AccessError(f"A thousand of these were made at {at.isoformat()} already; wait a second")


def end(store: Store, iris: Iris, graph: str, thing: str, kind: str, at: datetime) -> Change:
    """Find what makes a consent or grant hold no more; one that was withdrawn before stays as it is.

    Raises
    ------
    LookupError
        If the graph has no such consent or grant.
    """
    said = _statements(store, graph, thing)
    if Triple(iri(thing), NamedNode(str(RDF.type)), iri(kind)) not in said:
        raise NoSuchTermError(f"There is no {kind.rpartition('#')[2]} {iris.local(thing) if thing.startswith(iris.base) else thing} here")
    before = [triple.object for triple in said if triple.predicate.value == str(FC.withdrawnAt)]
    if before:
        return Change(thing, datetime.fromisoformat(before[0].value), frozenset())  # type: ignore[union-attr]
    return Change(thing, at, frozenset({Quad(iri(thing), NamedNode(str(FC.withdrawnAt)), literal(at), NamedNode(graph))}))


class NoSuchTermError(LookupError):
    """There is no such consent or grant."""


def _statements(store: Store, graph: str, thing: str) -> list[Triple]:
    rows = store.select(queries.load("access", "statements").bind(graph=graph, thing=thing))
    return [Triple(iri(thing), row["property"], row["value"]) for row in rows if isinstance(row["value"], (NamedNode, Literal))]  # type: ignore[arg-type]
