"""Who may see which named graphs: the one function that decides it, read live (docs/policy.md).

Everything that answers somebody — SPARQL, linked data, REST, dumps, pages — goes by `Policy.scope`. What it does not name, nobody sees.
"""

from collections.abc import Callable
from datetime import datetime

from access import layout
from access.known import Known, make_room
from access.principal import Principal, Role
from kg.embedded import EmbeddedStore
from kg.iris import Iris
from kg.store import Store
from sparql.scope import EVERYTHING, NOTHING, Scope


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
        # nobody tells what others write to a remote store: it is asked each time
        self._known = Known(store, iris, self._public) if isinstance(store, EmbeddedStore) else None
        self._purposes: dict[str, tuple[str, ...]] = {}  # as the last question has found them, where it is asked each time

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
                return self._public if key is None else layout.joined((self._public, layout.own(self._iris, key)))
            case Role.OSB:
                return self._of_box(principal.subject)
            case Role.PARTNER:
                return self._of_partner(principal.subject)
            case _:
                return self._wider.get(principal.role, NOTHING)

    def purposes(self, partner: str) -> tuple[str, ...]:
        """What a partner's grants are for: IRIs, empty if nothing is granted; costs no query after a question for its scope.

        Raises
        ------
        StoreError
            If the store can't be asked.
        """
        if layout.key_of(self._iris, "partner", partner) is None:
            return ()
        if self._known is not None:
            return self._known.purposes(partner)
        if partner not in self._purposes:
            self._of_partner(partner)
        return self._purposes[partner]

    def _of_box(self, subject: str | None) -> Scope:
        if subject is None or layout.key_of(self._iris, "osb", subject) is None:
            return self._public
        return (self._known or Known(self._store, self._iris, self._public)).box(subject)

    def _of_partner(self, subject: str | None) -> Scope:
        if subject is None or layout.key_of(self._iris, "partner", subject) is None:
            return self._public
        if self._known is not None:
            return self._known.partner(subject, self._now)
        once = Known(self._store, self._iris, self._public)
        seen = once.partner(subject, self._now)
        make_room(self._purposes)
        self._purposes[subject] = once.purposes(subject)
        return seen
