"""What the store says of grants and consents, as the policy needs it: whose word counts is decided here, who sees what elsewhere."""

from collections.abc import Hashable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, date, tzinfo
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pyoxigraph import NamedNode

from access import layout
from access.days import Term
from kg import queries
from kg.iris import Iris
from kg.store import Row, Store
from kg.terms import python

Zones = Mapping[str, frozenset[tzinfo]]
Consents = Mapping[str, tuple[Term, ...]]
UTC_ONLY: frozenset[tzinfo] = frozenset({UTC})  # of a member without a site


@dataclass(frozen=True)
class Granted:
    """What a partner is granted: categories of members' data, datasets that are nobody's, and for which purposes."""

    categories: tuple[Term, ...]
    targets: tuple[Term, ...]
    purposes: tuple[str, ...]


def granted(store: Store, iris: Iris, partner: str) -> Granted:
    """The grants to a partner that stands in the registry, without those that were withdrawn."""
    registry, policy = iris.graph("registry"), iris.graph("policy")
    rows = _rows(store, "grants", registry=registry, policy=policy, party=partner)
    terms = [[{**row, "what": row[name]} for row in rows if name in row] for name in ("category", "target")]
    by_category, by_target = (tuple(_terms(each, "grant", partner)) for each in terms)
    return Granted(by_category, by_target, tuple(dict.fromkeys(row["purpose"] for row in rows)))


def consents(store: Store, iris: Iris, partner: str, graphs: Iterable[str] | None = None) -> Consents:
    """The consents to a partner that the person concerned gave — those in the graph of its own facts — by that graph.

    Parameters
    ----------
    graphs
        Read these graphs of facts only.
    """
    found: dict[str, list[dict[str, Any]]] = {}
    for row in _rows_in(store, "consents", graphs, party=partner):
        if layout.facts_of(iris, row["facts"]) == row["member"]:
            found.setdefault(row["facts"], []).append({**row, "what": row["category"]})
    return {graph: tuple(_terms(rows, "consent")) for graph, rows in found.items()}


def zones(store: Store, iris: Iris, graphs: Iterable[str] | None = None) -> Zones:
    """The time zones of members' sites by the graph of facts; none of a member with a site of which the zone is not known.

    Parameters
    ----------
    graphs
        Read these graphs of facts only.
    """
    found: dict[str, set[tzinfo]] = {}
    unknown: set[str] = set()
    for row in _rows_in(store, "zones", graphs):
        if layout.facts_of(iris, row["facts"]) == row["member"]:
            try:
                found.setdefault(row["facts"], set()).add(ZoneInfo(str(row["zone"])))
            except (ZoneInfoNotFoundError, ValueError, OSError):
                unknown.add(row["facts"])
    return {graph: frozenset() if graph in unknown else frozenset(each) for graph, each in found.items()}


def owners(store: Store, iris: Iris, osb: str) -> set[str]:
    """The members who claim a box; the box's own word does not count."""
    return {row["owner"] for row in _rows(store, "claims", osb=osb) if layout.facts_of(iris, row["facts"]) == row["owner"]}


def _rows_in(store: Store, name: str, graphs: Iterable[str] | None, **values: str) -> list[dict[str, Any]]:
    """Run a query over all graphs, or its twin `…_in` over some."""
    if graphs is None:
        return _rows(store, name, **values)
    some = sorted(graphs)
    return _rows(store, f"{name}_in", facts=some, **values) if some else []


def _rows(store: Store, name: str, **values: str | list[str]) -> list[dict[str, Any]]:
    """Run one of our queries; a row that can't be read grants nothing, and takes nothing from the others."""
    decoded: dict[Hashable, Any] = {}  # the same few days, purposes and categories stand in thousands of rows
    found = []
    for row in store.select(queries.load("access", name).bind(None, **values)):
        with suppress(ValueError):
            found.append(_read(row, decoded))
    return found


def _read(row: Row, decoded: dict[Hashable, Any]) -> dict[str, Any]:
    read: dict[str, Any] = {}
    for variable, term in row.items():
        if isinstance(term, NamedNode):
            read[variable] = term.value
            continue
        if term not in decoded:
            decoded[term] = python(term)
        read[variable] = decoded[term]
        if variable in ("from", "to") and type(read[variable]) is not date:
            raise ValueError(f"{term} is no day")
    return read


def _terms(rows: Iterable[dict[str, Any]], name: str, holder: str | None = None) -> list[Term]:
    """One term for each purpose and category or dataset; of several first or last days the narrowest count."""
    found: dict[Hashable, Term] = {}
    for row in rows:
        term = Term(holder or row["member"], row["what"], row["purpose"], row["from"], row["to"])
        key = (term.holder, row[name], term.what, term.purpose)
        other = found.get(key)
        found[key] = term if other is None else replace(term, first=max(term.first, other.first), last=min(term.last, other.last))
    return list(found.values())
