"""The grid as a tree of nodes, with the homes behind each: what the map draws and its list says."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from api import kept
from kg.iris import Iris

State = Literal["delivering", "waiting", "left", "offline", "normal"]
STATES: tuple[State, ...] = ("delivering", "waiting", "left", "offline", "normal")
MOST_NODES = 150


@dataclass
class Node:
    """A node, its place [°], what feeds it, and how many homes do what at it (`own`) and behind it with all it feeds (`counts`)."""

    iri: str
    key: str
    label: str
    place: tuple[float, float] | None
    above: str | None
    below: list[str] = field(default_factory=list)
    own: Counter[State] = field(default_factory=Counter)
    counts: Counter[State] = field(default_factory=Counter)

    @property
    def homes(self) -> int:
        """How many homes are behind it."""
        return sum(self.counts.values())


@dataclass(frozen=True)
class Grid:
    """All nodes, and at which of them each member is connected; `unplaced` are members at a node that nobody described."""

    nodes: Mapping[str, Node]
    node_of: Mapping[str, str]
    states: Mapping[str, State]
    unplaced: tuple[str, ...]

    def all_counts(self) -> Counter[State]:
        """How many homes do what, in all."""
        return Counter(self.states.get(member, "normal") for member in self.node_of)

    def roots(self) -> list[str]:
        """Nodes that no known node feeds."""
        return [iri for iri, node in self.nodes.items() if node.above is None]

    def behind(self, iri: str) -> list[str]:
        """A node and all that it feeds, nearest first."""
        found, at = [iri], 0
        while at < len(found):
            found += self.nodes[found[at]].below
            at += 1
        return found

    def shown(self, chosen: str | None) -> list[str]:
        """The nodes to draw: from the top, or from a chosen one, as deep as a page can hold."""
        if chosen is not None:
            return self.behind(chosen)[:MOST_NODES]
        level, found = self.roots(), list[str]()
        while level and len(found) + len(level) <= MOST_NODES:
            found += level
            level = [below for iri in level for below in self.nodes[iri].below]
        return found or self.roots()[:MOST_NODES]

    def members_behind(self, iri: str) -> list[str]:
        """The members at a node and at all that it feeds, in the order of their keys."""
        nodes = set(self.behind(iri))
        return sorted(member for member, node in self.node_of.items() if node in nodes)


def read(iris: Iris, states: Mapping[str, State]) -> Grid:
    """Read the grid, and count the homes behind each node."""
    nodes: dict[str, Node] = {}
    for row in kept.rows("grid_nodes"):
        place = (float(row["latitude"]), float(row["longitude"])) if "latitude" in row else None
        nodes.setdefault(row["node"], Node(row["node"], iris.key(row["node"]), row["label"], place, row.get("above")))
    for node in nodes.values():
        if node.above not in nodes or _in_a_ring(nodes, node.iri):
            node.above = None
    for node in nodes.values():
        if node.above is not None:
            nodes[node.above].below.append(node.iri)
    node_of: dict[str, str] = {}
    for row in kept.rows("homes_by_node"):
        nearest = row.get("nearest")
        node_of[row["member"]] = nearest if nearest in nodes else row["node"]
    for member, iri in node_of.items():
        if iri in nodes:
            state = states.get(member, "normal")
            nodes[iri].own[state] += 1
            up: str | None = iri
            while up is not None:
                nodes[up].counts[state] += 1
                up = nodes[up].above
    return Grid(nodes, node_of, states, tuple(member for member, iri in node_of.items() if iri not in nodes))


def _in_a_ring(nodes: Mapping[str, Node], iri: str) -> bool:
    """Tell whether a node feeds itself by others, which only a mistake in the registry can make it do."""
    seen, at = {iri}, nodes[iri].above
    while at is not None and at in nodes:
        if at in seen:
            return True
        seen.add(at)
        at = nodes[at].above
    return False
