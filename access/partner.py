"""What one partner may see, kept while the store changes: of a write only the members it touched are looked at again."""

from collections.abc import Iterable
from datetime import UTC, datetime, tzinfo

from access import agreed, layout
from access.agreed import UTC_ONLY, Granted, Zones
from access.days import Days, Term
from kg.iris import Iris
from kg.store import Store
from sparql.scope import NOTHING, Scope

MOST_READ = 500  # graphs of facts in one question; for more of them all are read


class Partner:
    """A partner's grants, the consents given to it, and the scope that follows. Not safe from several threads: the policy takes turns.

    Parameters
    ----------
    partner
        Its IRI.
    public
        What everybody sees.
    """

    def __init__(self, store: Store, iris: Iris, partner: str, public: Scope) -> None:
        self._store, self._iris, self._partner, self._public = store, iris, partner, public
        self._known: Granted | None = None  # unless it was written since
        self._used: Granted | None = None  # what the scope follows from
        self._consents: dict[str, tuple[Term, ...]] | None = None  # by the graph of the member's facts
        self._opened: dict[str, Scope] = {}  # what each of these graphs opens
        self._graphs: set[str] = set()
        self._families: set[str] = set()
        self._unread: set[str] = set()  # written since the consents were read
        self._pending: set[str] = set()  # read since the scope was worked out
        self._scope: Scope | None = None
        self._since = self._until = datetime.min.replace(tzinfo=UTC)

    @property
    def granted(self) -> Granted:
        """Its grants."""
        if self._known is None:
            self._known = agreed.granted(self._store, self._iris, self._partner)
            if self._known != self._used:
                self._used, self._scope = self._known, None
        return self._known

    def notice(self, grants: bool, facts: Iterable[str]) -> None:
        """Take note that grants, or these graphs of members' facts, were written; they are read when it is asked for."""
        if grants:
            self._known = None
        if self._consents is not None:
            self._unread.update(facts)

    def needs_zones(self) -> bool:
        """Read what is to be read, and tell whether anybody's local days matter."""
        if not self.granted.categories:
            return False
        if self._consents is None or len(self._unread) > MOST_READ:
            self._consents = dict(agreed.consents(self._store, self._iris, self._partner))
            self._unread.clear()
            self._scope = None
        elif self._unread:
            now = agreed.consents(self._store, self._iris, self._partner, self._unread)
            concerned = self._unread & (self._consents.keys() | now.keys())  # the others did not consent, and don't
            for graph in self._unread:
                self._consents.pop(graph, None)
            self._consents.update(now)
            self._pending |= concerned
            self._unread.clear()
        return bool(self._consents or self._pending)

    def scope(self, now: datetime, zones: Zones) -> Scope:
        """What it may see at a moment: datasets by their grants, members' data where grant and consent share category and purpose."""
        if self._scope is None or not self._since <= now < self._until:
            self._begin(now, zones)
        elif self._pending:
            days = Days(now)
            changed = [self._open(graph, days, zones) for graph in self._pending]
            self._close(days, anew=any(changed))
        assert self._scope is not None  # noqa: S101
        return self._scope

    def _begin(self, now: datetime, zones: Zones) -> None:
        """Work everything out anew from what is known: at first, after other grants, and when a day has begun somewhere."""
        self._scope = None  # whatever fails now, the former one holds no more
        self._opened.clear()
        self._since, self._until = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)
        days = Days(now)
        targets = [layout.grantable(self._iris, grant.what) for grant in self.granted.targets if days.hold(grant, UTC_ONLY)]
        base = layout.joined((self._public, *targets))
        self._graphs, self._families = set(base.graphs), set(base.families)
        for graph in self._consents or ():
            self._open(graph, days, zones)
        self._close(days, anew=True)

    def _open(self, graph: str, days: Days, zones: Zones) -> bool:
        """Put right what one member opens; tells whether it is something else than before."""
        local = zones.get(graph, UTC_ONLY)
        consents = (self._consents or {}).get(graph, ())
        chosen = {each.what for each in consents if days.hold(each, local) and self._grants(each, days, local)}
        opens = layout.categories(self._iris, self._iris.key(consents[0].holder), chosen) if chosen else NOTHING
        before = self._opened.pop(graph, NOTHING)
        if opens != NOTHING:
            self._opened[graph] = opens
        if opens == before:
            self._add(opens)
            return False
        self._graphs -= before.graphs
        self._families -= before.families
        self._add(opens)
        return True

    def _add(self, opens: Scope) -> None:
        self._graphs |= opens.graphs
        self._families |= opens.families

    def _grants(self, consent: Term, days: Days, local: frozenset[tzinfo]) -> bool:
        return any(
            (grant.what, grant.purpose) == (consent.what, consent.purpose) and days.hold(grant, local) for grant in self.granted.categories
        )

    def _close(self, days: Days, *, anew: bool) -> None:
        self._pending.clear()
        self._since, self._until = max(self._since, days.since), min(self._until, days.until)
        if anew:
            self._scope = Scope(graphs=frozenset(self._graphs), families=frozenset(self._families))
