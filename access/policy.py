"""Who may see which named graphs: the one function that decides it, read live (docs/policy.md).

Everything that answers somebody — SPARQL, linked data, REST, dumps, pages — goes by `Policy.scope`. What it does not name, nobody sees.
"""

import threading
from collections.abc import Callable, Collection, Hashable, Iterable
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta, tzinfo
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from access import layout
from access.principal import Principal, Role
from kg import queries
from kg.embedded import EmbeddedStore
from kg.iris import Iris
from kg.store import Store
from kg.terms import python
from sparql.scope import EVERYTHING, NOTHING, Scope

_MOST_KEPT = 1024
_FOREVER = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True)
class Answer:
    """A scope, and from when to when it holds if nothing is written (half-open)."""

    scope: Scope
    since: datetime
    until: datetime


@dataclass(frozen=True)
class _Term:
    """A consent or grant: one purpose, one category or dataset, first and last day."""

    holder: str
    what: str
    purpose: str
    first: date
    last: date


class Policy:
    """Decides who may see what, from the registry, the grants and the members' own consents.

    Parameters
    ----------
    now
        The platform's time, by which consents and grants hold; in a scenario the scenario's.
    clock
        The time by which sign-ins expire; the same where not given.
    """

    def __init__(self, store: Store, iris: Iris, now: Callable[[], datetime], clock: Callable[[], datetime] | None = None) -> None:
        self._store, self._iris, self._now, self._clock = store, iris, now, clock or now
        self._public = layout.public(iris)
        self._wider = {
            Role.PUBLIC: self._public,
            Role.GRID_OPERATOR: layout.joined((self._public, layout.settlements(iris))),
            Role.AUDITOR: layout.joined((self._public, layout.settlements(iris))),
            Role.OPERATOR: EVERYTHING,
        }
        self._kept: dict[str, tuple[int, Answer]] = {}
        self._lock = threading.Lock()
        self._edits: int | None = None  # of the graphs that decide; unknown on a remote store
        if isinstance(store, EmbeddedStore):
            self._edits = 0
            store.watch(self._written)

    def scope(self, principal: Principal) -> Scope:
        """What somebody may see at this moment.

        A role or subject that is not known, and a sign-in that has expired, see nothing more than anybody, or nothing at all.

        Raises
        ------
        StoreError
            If the store can't be asked: then nobody is let in on a guess.
        """
        if principal.expires is not None and principal.expires <= self._clock():
            return NOTHING
        match principal.role:
            case Role.MEMBER:
                key = layout.key_of(self._iris, "member", principal.subject)
                return self._public if key is None else layout.joined((self._public, layout.categories(self._iris, key)))
            case Role.OSB:
                return self._current("osb", principal.subject, self._of_box)
            case Role.PARTNER:
                return self._current("partner", principal.subject, self._of_partner)
            case _:
                return self._wider.get(principal.role, NOTHING)

    def _current(self, kind: str, subject: str | None, decide: Callable[[str, datetime], Answer]) -> Scope:
        """The answer that was found before if nothing that decides was written since, and no day has begun; else a new one."""
        now = self._now()
        if subject is None or layout.key_of(self._iris, kind, subject) is None:
            return self._public
        if self._edits is None:
            return decide(subject, now).scope
        with self._lock:  # whoever comes while it is being found waits for it, rather than find it too
            found = self._kept.get(subject)
            edits = self._edits  # before the store is read: what is written meanwhile makes this one old
            if found is None or found[0] != edits or not found[1].since <= now < found[1].until:
                if len(self._kept) >= _MOST_KEPT:
                    self._kept.clear()
                found = edits, decide(subject, now)
                self._kept[subject] = found
            return found[1].scope

    def _written(self, graphs: frozenset[str] | None) -> None:
        """Notice a write, if it may have changed what decides."""
        deciding = (self._iris.graph("policy"), self._iris.graph("registry"))
        if graphs is None or any(graph in deciding or graph.endswith("/facts") for graph in graphs):
            assert self._edits is not None  # noqa: S101  (watched stores alone call this)
            self._edits += 1

    def _of_box(self, osb: str, now: datetime) -> Answer:
        """What a box may see of the one member who claims it; the box's own word does not count."""
        rows = self._rows("claims", osb=osb)
        owners = {row["owner"] for row in rows if layout.facts_of(self._iris, row["facts"]) == row["owner"]}
        own = Scope()
        if len(owners) == 1:
            member = layout.key_of(self._iris, "member", owners.pop())
            graphs = [f"member/{member}/{leaf}" for leaf in (f"osb/{self._iris.key(osb)}", "latest", "plans", "events")]
            own = layout.scope(self._iris, graphs, [f"member/{member}/telemetry"])
        return Answer(layout.joined((self._public, own)), now, _FOREVER)

    def _of_partner(self, partner: str, now: datetime) -> Answer:
        """What grants open: datasets at once, members' data where the member consents to the same category and purpose."""
        categories, targets = self._grants(partner)
        zones: dict[str, set[tzinfo]] = {}
        consents: list[_Term] = []
        if categories:
            consents = self._consents(partner, {grant.what for grant in categories})
            zones = self._zones() if consents else {}
        days = _Days(now)
        allowed = [layout.grantable(self._iris, grant.what) for grant in targets if days.hold(grant, [UTC])]
        per_member: dict[str, set[str]] = {}
        for consent in consents:
            local = zones.get(consent.holder, {UTC})
            if days.hold(consent, local) and any(
                (grant.what, grant.purpose) == (consent.what, consent.purpose) and days.hold(grant, local) for grant in categories
            ):
                per_member.setdefault(consent.holder, set()).add(consent.what)
        allowed += [layout.categories(self._iris, self._iris.key(member), chosen) for member, chosen in per_member.items()]
        return Answer(layout.joined((self._public, *allowed)), now, days.until)

    def _grants(self, partner: str) -> tuple[list[_Term], list[_Term]]:
        registry, policy = self._iris.graph("registry"), self._iris.graph("policy")
        rows = self._rows("grants", registry=registry, policy=policy, party=partner)
        terms = [[{**row, "what": row[name]} for row in rows if name in row] for name in ("category", "target")]
        by_category, by_target = (_terms(each, "grant", partner) for each in terms)
        return by_category, by_target

    def _consents(self, partner: str, categories: Iterable[str]) -> list[_Term]:
        """Consents that the person concerned gave: those in the graph of its own facts."""
        rows = self._rows("consents", party=partner, category=sorted(categories))
        own = [{**row, "what": row["category"]} for row in rows if layout.facts_of(self._iris, row["facts"]) == row["member"]]
        return _terms(own, "consent")

    def _zones(self) -> dict[str, set[tzinfo]]:
        """The time zones of each member's sites; none of a member with a site of which the zone is not known."""
        found: dict[str, set[tzinfo]] = {}
        unknown: set[str] = set()
        for row in self._rows("zones"):
            if layout.facts_of(self._iris, row["facts"]) == row["member"]:
                try:
                    found.setdefault(row["member"], set()).add(ZoneInfo(row["zone"]))
                except (ZoneInfoNotFoundError, ValueError, OSError):
                    unknown.add(row["member"])
        return found | {member: set() for member in unknown}

    def _rows(self, name: str, **values: str | list[str]) -> list[dict[str, Any]]:
        """Run one of our queries; a row that can't be read grants nothing, and takes nothing from the others."""
        found = []
        for row in self._store.select(queries.load("access", name).bind(None, **values)):
            with suppress(ValueError):
                found.append({variable: python(term) for variable, term in row.items()})
        return found


class _Days:
    """Local days of one moment, and when the next of them begins."""

    def __init__(self, now: datetime) -> None:
        self._now = now
        self._today: dict[tzinfo, date] = {UTC: now.astimezone(UTC).date()}
        self.until = _midnight(now, UTC)

    def hold(self, term: _Term, zones: Collection[tzinfo]) -> bool:
        """Tell whether it is one of a term's days in every zone there is; without any it can't be told, so it is not."""
        return bool(zones) and all(term.first <= self._day(zone) <= term.last for zone in zones)

    def _day(self, zone: tzinfo) -> date:
        if zone not in self._today:
            self._today[zone] = self._now.astimezone(zone).date()
            self.until = min(self.until, _midnight(self._now, zone))
        return self._today[zone]


def _midnight(now: datetime, zone: tzinfo) -> datetime:
    local = now.astimezone(zone)
    return datetime.combine(local.date() + timedelta(days=1), datetime.min.time(), zone).astimezone(UTC)


def _terms(rows: Iterable[dict[str, Any]], name: str, holder: str | None = None) -> list[_Term]:
    """One term for each purpose and category or dataset; of several first or last days the narrowest count."""
    found: dict[Hashable, _Term] = {}
    for row in rows:
        term = _Term(holder or row["member"], row["what"], row["purpose"], row["from"], row["to"])
        key = (term.holder, row[name], term.what, term.purpose)
        other = found.get(key, term)
        found[key] = replace(term, first=max(term.first, other.first), last=min(term.last, other.last))
    return list(found.values())
