"""Where everything goes in the map's picture: coordinates of the grid to units of an SVG."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from api.grid import Grid, Node, State

WIDTH, HEIGHT, MARGIN = 1000.0, 640.0, 110.0
_HOME = 42.0  # between the rings of homes about their node
# the most urgent first: a cluster is coloured by it
_URGENT: tuple[State, ...] = ("offline", "left", "delivering", "waiting", "normal")


_Project = Callable[[tuple[float, float]], tuple[float, float]]


@dataclass(frozen=True)
class Mark:
    """A node or a home in the picture."""

    x: float
    y: float
    size: float
    state: State
    node: Node | None
    home: dict[str, Any] | None


@dataclass(frozen=True)
class Picture:
    """Lines of the grid as (x1, y1, x2, y2), nodes and homes; empty where nothing has a place."""

    width: float
    height: float
    lines: tuple[tuple[float, float, float, float], ...]
    nodes: tuple[Mark, ...]
    homes: tuple[Mark, ...]


def draw(grid: Grid, shown: Sequence[str], homes: Sequence[dict[str, Any]]) -> Picture:
    """Lay nodes and homes out; a node without a place of its own is left to the list, and its homes to the nearest node above that has one."""
    placed = [grid.nodes[iri] for iri in shown if grid.nodes[iri].place is not None]
    points = [node.place for node in placed if node.place] + [home["place"] for home in homes if home["place"]]
    if not points:
        return Picture(WIDTH, HEIGHT, (), (), ())
    project = _projection(points)
    at = {node.iri: project(node.place) for node in placed if node.place}
    lines = [(*at[node.above], *at[node.iri]) for node in placed if node.above in at]
    largest = max((node.homes for node in placed), default=1) or 1
    nodes = tuple(
        Mark(
            *at[node.iri],
            11 + 17 * math.sqrt((node.homes if not homes else sum(node.own.values())) / largest),
            _worst(node, bool(homes)),
            node,
            None,
        )
        for node in placed
    )
    return Picture(WIDTH, HEIGHT, tuple(lines), nodes, tuple(_homes(grid, homes, at, project)))


def _worst(node: Node, own: bool) -> State:
    counts = node.own if own else node.counts
    return next((state for state in _URGENT if counts[state]), "normal")


def _projection(points: Sequence[tuple[float, float]]) -> _Project:
    """Equirectangular about the middle: at the size of a feeder as good as any."""
    lats, longs = [lat for lat, _ in points], [long for _, long in points]
    middle = math.radians((min(lats) + max(lats)) / 2)
    wide, high = (max(longs) - min(longs)) * math.cos(middle), max(lats) - min(lats)
    scale = min((WIDTH - 2 * MARGIN) / max(wide, 1e-4), (HEIGHT - 2 * MARGIN) / max(high, 1e-4))
    left, top = (WIDTH - wide * scale) / 2, (HEIGHT - high * scale) / 2

    def project(point: tuple[float, float]) -> tuple[float, float]:
        return round(left + (point[1] - min(longs)) * math.cos(middle) * scale, 1), round(top + (max(lats) - point[0]) * scale, 1)

    return project


def _homes(grid: Grid, homes: Sequence[dict[str, Any]], at: dict[str, tuple[float, float]], project: _Project) -> list[Mark]:
    """Homes at their own place, or in rings about their node."""
    marks: list[Mark] = []
    about: dict[str, list[dict[str, Any]]] = {}
    for home in homes:
        node: str | None = home["node"]
        while node is not None and node not in at:
            node = grid.nodes[node].above if node in grid.nodes else None
        if home["place"] is not None:
            x, y = project(home["place"])
            marks.append(Mark(x, y, 9, home["state"], None, home))
        elif node is not None:
            about.setdefault(node, []).append(home)
    for node, own in about.items():
        for home, (x, y) in zip(own, _rings(at[node], len(own)), strict=True):
            marks.append(Mark(x, y, 9, home["state"], None, home))
    return marks


def _rings(middle: tuple[float, float], homes: int) -> list[tuple[float, float]]:
    """Places about a node, in arcs that leave the room below it to its name: 6 in the first, 4 more in each that follows."""
    places: list[tuple[float, float]] = []
    ring = 1
    while homes > 0:
        own = min(homes, 2 + 4 * ring)
        for number in range(own):
            angle = math.radians(270 + 240 * ((number + 0.5) / own - 0.5))
            radius = 18 + _HOME * ring
            places.append((round(middle[0] + radius * math.cos(angle), 1), round(middle[1] + radius * math.sin(angle), 1)))
        homes, ring = homes - own, ring + 1
    return places
