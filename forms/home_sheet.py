"""The sheet “members with home”: a row is a member with site, zone, grid connection, box, and the devices whose ratings it states.

An empty cell leaves what is there as it is. Of a new member, what the row does not name is called after the member.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from pyoxigraph import NamedNode, Quad

from forms.bulk import SENTENCES, Row, Wish
from forms.changes import Place
from forms.made import form
from forms.sheets import Sheet, SheetError
from forms.told import say
from forms.world import World
from ontology.names import FC, FCV
from registry import naming

MEMBER = "member"
# column → slug of the form, name of the input
COLUMNS: Mapping[str, tuple[str, str]] = {
    "name": ("member", "label"),
    "home": ("site", "label"),
    "time_zone": ("site", "Site-timeZone"),
    "zone": ("thermal-zone", "label"),
    "feeder": ("grid-connection-point", "GridConnectionPoint-node"),
    "import_limit_kw": ("grid-connection-point", "GridConnectionPoint-importLimit"),
    "export_limit_kw": ("grid-connection-point", "GridConnectionPoint-exportLimit"),
    "latitude": ("grid-connection-point", "latitude"),
    "longitude": ("grid-connection-point", "longitude"),
    "pv_kw": ("pv-system", "PVSystem-ratedPower"),
    "battery_kw": ("battery-system", "BatterySystem-ratedPower"),
    "battery_kwh": ("battery-system", "BatterySystem-storageCapacity"),
    "battery_efficiency": ("battery-system", "BatterySystem-roundTripEfficiency"),
    "battery_minimum_percent": ("battery-system", "BatterySystem-minimumStateOfCharge"),
    "heatpump_kw": ("heat-pump", "HeatPump-ratedPower"),
    "heatpump_cop": ("heat-pump", "HeatPump-coefficientOfPerformance"),
    "heatpump_k_per_w": ("heat-pump", "HeatPump-thermalResistance"),
    "heatpump_mj_per_k": ("heat-pump", "HeatPump-thermalCapacitance"),
}
BOX, AVAILABLE = "box", "available"
HEAD = (MEMBER, *COLUMNS, BOX, AVAILABLE)
DEVICES = {"pv-system": ("pv", FCV.PEBC), "battery-system": ("battery", FCV.FRBC), "heat-pump": ("heatpump", FCV.OMBC)}
_EXAMPLE = "h01"


@dataclass(frozen=True)
class _Home:
    """The IRIs of one row."""

    world: World
    key: str
    box: str

    def iri(self, kind: str, ending: str = "") -> str:
        return self.world.iris.id(kind, f"{self.key}{ending}")

    @property
    def graph(self) -> str:
        return self.world.iris.graph("member", self.key, "facts")

    def linked(self, slug: str) -> dict[str, str]:
        """What a new thing of the row says besides what its cells do."""
        owner, site, connection = self.iri("member"), self.iri("site"), self.iri("connection")
        cooperative = self.world.only_one(str(FC.Cooperative))
        match slug:
            case "member":
                return {"label": self.key, "Member-memberOf": cooperative}
            case "site":
                return {"label": self.key, "ownedBy": owner}
            case "thermal-zone":
                return {"label": self.key, "locatedAt": site}
            case "grid-connection-point":
                return {"label": self.key, "ownedBy": owner, "locatedAt": site}
        name, control = DEVICES[slug]
        heated = {"HeatPump-controls": f"{self.iri('zone', '-living')}#airTemperature"} if slug == "heat-pump" else {}
        return heated | {
            "label": f"{name} {self.key}",
            "ownedBy": owner,
            "locatedAt": site,
            "connectedVia": connection,
            "managedBy": self.box,
            "DER-controlType": str(control),
            "OfferedDER-available": "false",  # no device is called without its owner's clear yes
        }

    def where(self, slug: str) -> Place:
        """Where a thing of the row is written."""
        kind, ending = {
            "member": ("member", ""),
            "site": ("site", ""),
            "thermal-zone": ("zone", "-living"),
            "grid-connection-point": ("connection", ""),
        }.get(slug, ("device", f"-{DEVICES.get(slug, ('', ''))[0]}"))
        return Place(self.graph, self.iri(kind, ending))


def rows(world: World, sheet: Sheet, reader: str) -> list[Row]:
    """Read a sheet of members with their homes.

    Raises
    ------
    SheetError
        If a column is not known, or none says which members are meant.
    """
    strange = [name[:80] for name in sheet.head if name and name not in (*HEAD, SENTENCES)]
    if strange:
        raise SheetError("unknown-columns", names=", ".join(strange), known=", ".join(HEAD))
    if MEMBER not in sheet.head:
        raise SheetError("no-key-column", name=MEMBER)
    return [_row(world, number, dict(zip(sheet.head, cells, strict=True)), reader) for number, cells in sheet.rows]


def _row(world: World, number: int, given: Mapping[str, str], reader: str) -> Row:
    key = given[MEMBER].removeprefix("member/")
    if not key:
        return Row(number, "", errors=((MEMBER, say("row-key-missing", reader, example=_EXAMPLE)),))
    named = given.get(BOX, "").removeprefix("osb/")
    refused = {MEMBER: None if world.has_member(key) else world.refusal(key), BOX: naming.of_thing(named) if named else None}
    if errors := tuple((column, each.said(reader)) for column, each in refused.items() if each is not None):
        return Row(number, "", errors=errors)
    claimed = world.claimed_by(world.iris.id("member", key))
    box = world.iris.id("osb", named) if named else claimed or world.iris.id("osb", key)
    home = _Home(world, key, box)
    asked = {
        slug: {name: text for column, (of, name) in COLUMNS.items() if of == slug and (text := given.get(column, ""))} for slug in _slugs()
    }
    wanted = [slug for slug in _slugs() if slug in ("member", "site", "grid-connection-point") or asked[slug] or _needs_zone(slug, asked)]
    wants_box = bool(named) or (not claimed and any(slug in DEVICES for slug in wanted))
    takes = wants_box and claimed != box
    if takes and world.owner(box) not in (None, key):
        return Row(number, "", errors=((BOX, naming.Refusal("box", {"key": world.iris.key(box)}).said(reader)),))
    extra = _claim(home) if takes else ()
    wishes = [_wish(home, slug, asked[slug], given, extra if slug == "member" else ()) for slug in wanted]
    return Row(number, key, tuple(wish for wish in wishes if wish is not None))


def _slugs() -> tuple[str, ...]:
    return ("member", "site", "thermal-zone", "grid-connection-point", *DEVICES)


def _needs_zone(slug: str, asked: Mapping[str, Mapping[str, str]]) -> bool:
    return slug == "thermal-zone" and bool(asked["heat-pump"])


def _wish(home: _Home, slug: str, asked: Mapping[str, str], given: Mapping[str, str], extra: tuple[Quad, ...]) -> Wish | None:
    where = home.where(slug)
    known = home.world.owner(where.iri) is not None
    data = dict(asked)
    columns = {name: column for column, (of, name) in COLUMNS.items() if of == slug}
    if slug in DEVICES and given.get(AVAILABLE):
        data["OfferedDER-available"] = given[AVAILABLE]
        columns["OfferedDER-available"] = AVAILABLE
    if not known:
        data = home.linked(slug) | data
    elif not data and not extra:
        return Wish(form(slug), where, {}, columns, frozenset()) if slug == MEMBER else None
    only = frozenset(data) if known else None
    return Wish(form(slug), where, {name: [text] for name, text in data.items()}, columns, only, extra)


def _claim(home: _Home) -> tuple[Quad, ...]:
    said = ((FC.claimedBy, home.iri("member")), (FC.locatedAt, home.iri("site")))
    return tuple(Quad(NamedNode(home.box), NamedNode(str(name)), NamedNode(value), NamedNode(home.graph)) for name, value in said)
