"""A member's devices: what they are, whether they may be called, and what they do right now."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from api import look_up
from api.charts import visible_channel
from api.guard import scope
from api.member_page import names
from api.services import services
from kg import queries
from ontology.names import FC

FRESH = timedelta(minutes=30)
SUN, BATTERY, CAR, HEAT_PUMP = (str(FC[name]) for name in ("PVSystem", "BatterySystem", "EVCharger", "HeatPump"))
KINDS = {SUN: "sun", BATTERY: "battery", CAR: "car", HEAT_PUMP: "heatpump"}


@dataclass(frozen=True)
class Device:
    """One device of a home.

    Attributes
    ----------
    kind : `sun`, `battery`, `car`, `heatpump`, or empty for any other
    type, label : its class and itself, in the reader's language; `label` falls back to the key
    kw : rated power
    available : whether the owner lets it take part; `None`: nobody has said, or it is nothing that can be called
    """

    iri: str
    key: str
    kind: str
    type: str
    label: str
    kw: Decimal | None
    available: bool | None
    osb: str | None

    @property
    def channel(self) -> str:
        """Of its power."""
        return f"{self.iri}#activePower"


def devices(key: str) -> list[Device]:
    """List a member's devices, those that can be called first."""
    found = sorted({row["device"] for row in look_up.of_member("member_things", key, "graph")})
    if not found:
        return []
    said: dict[str, dict[str, list[object]]] = {iri: {} for iri in found}
    allows = scope().allows
    for row in queries.rows(services().store, queries.load("api", "member_thing_details"), device=found):
        if allows(row["graph"]):
            for name in row.keys() - {"graph", "device"}:
                said[row["device"]].setdefault(name, []).append(row[name])
    calls = names([*found, *(str(kind) for each in said.values() for kind in each.get("type", ()))])
    made = [_device(iri, each, calls) for iri, each in said.items()]
    return sorted(made, key=lambda each: (each.available is None, each.label, each.iri))


def _device(iri: str, said: dict[str, list[object]], calls: dict[str, str]) -> Device:
    key = iri.partition("/id/device/")[2] or iri.rsplit("/", 1)[-1]
    types = [str(kind) for kind in said.get("type", ())]
    kind = next((kind for kind in types if kind in KINDS), next((kind for kind in types if kind in calls), ""))
    kw, available, osb = (said.get(name, [None])[0] for name in ("kw", "available", "osb"))
    return Device(
        iri=iri,
        key=key,
        kind=KINDS.get(kind, ""),
        type=calls.get(kind, ""),
        label=calls.get(iri, key),
        kw=kw if isinstance(kw, Decimal) else None,
        available=available if isinstance(available, bool) else None,
        osb=str(osb) if osb else None,
    )


def now_kw(channels: Iterable[str]) -> tuple[datetime | None, dict[str, float]]:
    """The latest power of channels [kW] that were read at about the same time, and the end of that quarter-hour."""
    known = services()
    asked = [channel for channel in dict.fromkeys(channels) if visible_channel(channel)]
    latest = known.readings.latest(asked) if asked else {}
    newest = max((at for at, _ in latest.values()), default=None)
    if newest is None:
        return None, {}
    return newest + timedelta(minutes=15), {channel: value for channel, (at, value) in latest.items() if newest - at <= FRESH}
