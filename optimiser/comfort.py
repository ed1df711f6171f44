"""The boxes are told what is wanted of the rooms in their homes: when they announce themselves, and whenever it changes.

Nothing is retained by the broker, so that nobody but the platform can leave a word there: a box that was away announces itself when it is
back, and is told again.
"""

import threading
from collections.abc import Callable, Sequence
from typing import Any

from kg import queries
from kg.iris import Iris
from kg.store import Store
from mappers import comfort
from registry.comfort import Profile, profiles

Tell = Callable[[str, dict[str, Any]], None]


class Comfort:
    """Tells boxes.

    Parameters
    ----------
    tell
        Called with a box's identifier (`osb-h01`) and the message for its topic `comfort`.
    """

    def __init__(self, store: Store, iris: Iris, tell: Tell) -> None:
        self._store, self._iris, self._tell = store, iris, tell
        self._told: dict[str, str] = {}  # box → the tag of what it was told last
        self._lock = threading.Lock()

    def announced(self, identifier: str) -> None:
        """Tell a box that has just announced itself, whatever it was told before."""
        osb = self._iris.id("osb", identifier.removeprefix("osb-"))
        for box, member in self._boxes(osb=osb):
            self._say(box, profiles(self._store, self._iris, member), again=True)

    def edited(self, graphs: Sequence[str]) -> None:
        """Tell the boxes of the members whose facts were edited, where that changed what is wanted."""
        family = self._iris.graph("member", "")
        keys = sorted({graph[len(family) :].split("/")[0] for graph in graphs if graph.startswith(family) and graph.endswith("/facts")})
        members = [self._iris.id("member", key) for key in keys]
        wanted = _by_owner(profiles(self._store, self._iris, members))
        for box, member in self._boxes(member=members) if members else ():
            self._say(box, wanted.get(member, ()), again=False)

    def everybody(self) -> None:
        """Tell every box in whose home something is wanted: at the start, as what was said before may be lost."""
        wanted = _by_owner(profiles(self._store, self._iris, None))
        for box, member in self._boxes(member=sorted(wanted)) if wanted else ():
            self._say(box, wanted[member], again=True)

    def _boxes(self, *, osb: str | None = None, member: Sequence[str] | None = None) -> list[tuple[str, str]]:
        found = queries.rows(self._store, queries.load("optimiser", "comfort_boxes"), osb=osb, member=member)
        return [(str(row["osb"]), str(row["member"])) for row in found]

    def _say(self, osb: str, wanted: Sequence[Profile], *, again: bool) -> None:
        key = self._iris.key(osb)
        message = comfort.message(self._iris.base, key, wanted)
        with self._lock:
            if not again and self._told.get(osb) == message["tag"]:
                return
            self._told[osb] = message["tag"]
            self._tell(f"osb-{key}", message)


def _by_owner(found: Sequence[Profile]) -> dict[str, list[Profile]]:
    of: dict[str, list[Profile]] = {}
    for one in found:
        of.setdefault(one.owner, []).append(one)
    return of
