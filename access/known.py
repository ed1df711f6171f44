"""What is known of grants, consents and claims, kept true while the store changes: only the graphs that were written are read again."""

import threading
from collections.abc import Callable, Iterable
from datetime import datetime, tzinfo
from typing import Any

from access import agreed, layout
from access.agreed import Zones
from access.partner import MOST_READ, Partner
from kg.embedded import EmbeddedStore
from kg.iris import Iris
from kg.store import Store
from sparql.scope import Scope

_MOST_KEPT = 1024


class Known:
    """Scopes of boxes and partners, safe from every thread. Of a remote store it knows what is so now: make a new one for each question.

    Parameters
    ----------
    public
        What everybody sees.
    """

    def __init__(self, store: Store, iris: Iris, public: Scope) -> None:
        self._store, self._iris, self._public = store, iris, public
        self._partners: dict[str, Partner] = {}
        self._boxes: dict[str, Scope] = {}
        self._zones: dict[str, frozenset[tzinfo]] | None = None  # by the graph of a member's facts; not read before somebody consents
        self._turn = threading.Lock()  # whoever comes while something is being found waits for it, rather than find it too
        self._news = _News(iris)
        if isinstance(store, EmbeddedStore):
            store.watch(self._news.written)

    def box(self, osb: str) -> Scope:
        """What a box may see of the one member who claims it."""
        with self._turn:
            self._catch_up()
            if osb not in self._boxes:
                make_room(self._boxes)
                self._boxes[osb] = self._found_of_box(osb)
            return self._boxes[osb]

    def partner(self, partner: str, now: Callable[[], datetime]) -> Scope:
        """What grants and consents let a partner see."""
        with self._turn:
            self._catch_up()
            found = self._partner(partner)
            return found.scope(now(), self._all_zones() if found.needs_zones() else {})

    def purposes(self, partner: str) -> tuple[str, ...]:
        """What a partner's grants are for."""
        with self._turn:
            self._catch_up()
            return self._partner(partner).granted.purposes

    def _found_of_box(self, osb: str) -> Scope:
        claimed_by = agreed.owners(self._store, self._iris, osb)
        if len(claimed_by) != 1:
            return self._public
        member = layout.key_of(self._iris, "member", claimed_by.pop())
        graphs = [f"member/{member}/{leaf}" for leaf in (f"osb/{self._iris.key(osb)}", "latest", "plans", "events")]
        return layout.joined((self._public, layout.scope(self._iris, graphs, [f"member/{member}/telemetry"])))

    def _partner(self, partner: str) -> Partner:
        if partner not in self._partners:
            make_room(self._partners)
            self._partners[partner] = Partner(self._store, self._iris, partner, self._public)
        return self._partners[partner]

    def _all_zones(self) -> Zones:
        if self._zones is None:
            self._zones = dict(agreed.zones(self._store, self._iris))
        return self._zones

    def _catch_up(self) -> None:
        """Look at what was written since the last question.

        The news are taken before the store is read: what is written meanwhile is news for the next question. A store tells of a write
        after it is committed and before the call returns, so that a question asked after that finds it here.
        """
        everything, grants, facts = self._news.taken()
        if everything or len(facts) > MOST_READ:
            self._forget()
            return
        if facts:
            self._boxes.clear()
        for partner in self._partners.values():
            partner.notice(grants, facts)
        if facts and self._zones is not None:
            try:
                zones = agreed.zones(self._store, self._iris, facts)
            except BaseException:  # the news are taken, so that nobody would look again
                self._forget()
                raise
            for graph in facts:
                self._zones.pop(graph, None)
            self._zones.update(zones)

    def _forget(self) -> None:
        self._partners.clear()
        self._boxes.clear()
        self._zones = None


class _News:
    """Which graphs that decide were written since somebody asked; safe from every thread, and never in a writer's way."""

    def __init__(self, iris: Iris) -> None:
        self._deciding = {iris.graph("policy"), iris.graph("registry")}
        self._members = iris.graph("member") + "/"
        self._lock = threading.Lock()
        self._everything = self._grants = False
        self._facts: set[str] = set()

    def written(self, graphs: Iterable[str] | None) -> None:
        """Notice a write, before whoever wrote goes on; `None` is a write to nobody knows where."""
        if graphs is None:
            with self._lock:
                self._everything = True
            return
        facts = {graph for graph in graphs if graph.endswith("/facts") and graph.startswith(self._members)}
        grants = not self._deciding.isdisjoint(graphs)
        if facts or grants:
            with self._lock:
                self._facts |= facts
                self._grants |= grants

    def taken(self) -> tuple[bool, bool, frozenset[str]]:
        """Whether anything may be otherwise, whether grants may be, and the graphs of facts that may be; then there is no news."""
        with self._lock:
            news = self._everything, self._grants, frozenset(self._facts)
            self._everything = self._grants = False
            self._facts.clear()
            return news


def make_room(kept: dict[str, Any]) -> None:
    """Forget everything that is kept, if that has become much."""
    if len(kept) >= _MOST_KEPT:
        kept.clear()
