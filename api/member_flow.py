"""The power of a home right now as a picture: the sun, the grid and the devices around the home, and what flows between them."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from api.languages import _, later
from api.member_devices import Device, devices, now_kw
from api.present import number
from api.services import services

STALE = timedelta(hours=1)
NOTHING_KW = 0.005


@dataclass(frozen=True)
class Node:
    """One thing of the picture.

    Attributes
    ----------
    kind : `sun`, `grid`, `battery`, `car`, `heatpump`, `home`
    kw : from it into the home; negative: the home gives to it; `None`: not known. Of `home`: what everything else uses
    name, sentence : for people
    """

    kind: str
    kw: float | None
    name: str
    sentence: str

    @property
    def way(self) -> str:
        """`in` to the home, `out` of it, `none` where nothing flows, `unknown`."""
        if self.kw is None:
            return "unknown"
        return "none" if abs(self.kw) < NOTHING_KW else "in" if self.kw > 0 else "out"


@dataclass(frozen=True)
class Flow:
    """The picture: when it was so, and its nodes; `stale` if that is long ago."""

    at: datetime | None
    stale: bool
    nodes: tuple[Node, ...]


def flow(key: str, now: datetime) -> Flow:
    """Read what flows in a home; devices that the home does not have are left out."""
    iris = services().iris
    own = devices(key)
    meter, rest = iris.id("connection", f"{key}#activePower"), iris.id("site", f"{key}#loadPower")
    at, kw = now_kw([meter, rest, *(each.channel for each in own)])
    nodes = [_node("grid", kw.get(meter))]
    for kind in ("sun", "battery", "car", "heatpump"):
        of_kind = [each for each in own if each.kind == kind]
        if of_kind:
            power = _sum(of_kind, kw)
            nodes.append(_node(kind, power if kind == "sun" or power is None else -power))
    nodes.append(_node("home", kw.get(rest)))
    return Flow(at, at is None or now - at > STALE, tuple(nodes))


def sentence(device: Device, kw: float | None) -> str:
    """What one device does, by the power of its own channel [kW]; empty for kinds that are not in the picture."""
    if device.kind not in _NAMES:
        return ""
    return _node(device.kind, kw if device.kind == "sun" or kw is None else -kw).sentence


def _sum(of_kind: Iterable[Device], kw: dict[str, float]) -> float | None:
    found = [kw.get(each.channel) for each in of_kind]
    there = [each for each in found if each is not None]
    return sum(there) if len(there) == len(found) else None


def _node(kind: str, kw: float | None) -> Node:
    made = Node(kind, kw, _(_NAMES[kind]), "")
    return Node(kind, kw, made.name, _sentence(made))


_NAMES = {
    "sun": later("Sun"),
    "grid": later("Grid"),
    "battery": later("Battery"),
    "car": later("Car"),
    "heatpump": later("Heat pump"),
    "home": later("Home"),
}
_SENTENCES = {
    ("sun", "in"): later("The sun gives %(kw)s kW."),
    ("sun", "none"): later("The sun gives nothing right now."),
    ("grid", "in"): later("%(kw)s kW come from the grid."),
    ("grid", "out"): later("%(kw)s kW go into the grid."),
    ("grid", "none"): later("Nothing is taken from the grid, and nothing fed in."),
    ("battery", "in"): later("The battery gives %(kw)s kW."),
    ("battery", "out"): later("The battery charges with %(kw)s kW."),
    ("battery", "none"): later("The battery rests."),
    ("car", "in"): later("The car gives %(kw)s kW."),
    ("car", "out"): later("The car charges with %(kw)s kW."),
    ("car", "none"): later("The car does not charge."),
    ("heatpump", "out"): later("The heat pump uses %(kw)s kW."),
    ("heatpump", "none"): later("The heat pump rests."),
    ("home", "in"): later("Everything else in the home uses %(kw)s kW."),
    ("home", "none"): later("Nothing else in the home uses power."),
}


def _sentence(node: Node) -> str:
    if node.way == "unknown":
        return _("%(name)s: not known right now.", name=node.name)
    kw = number(abs(node.kw or 0.0), 1)
    said = _SENTENCES.get((node.kind, node.way))
    return f"{node.name}: {kw} kW" if said is None else _(said, kw=kw)
