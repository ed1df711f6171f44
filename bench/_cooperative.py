"""A cooperative made of nothing: so many homes with four controllable devices each, whole enough for every page."""

from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal

import pyoxigraph as ox

from kg.iris import Iris
from kg.terms import Lang, Value, describe, iri
from ontology.names import FC, FCV, ORG, QUDT, RDF, RDFS, S4ENER, S4SYST, SAREF, SEAS, UNIT

Said = dict[str, Value | Iterable[Value] | None]
FEEDERS, PER_HOME = 12, 4
_KINDS = {
    "pv": (FC.PVSystem, "Solar roof", FCV.PEBC, {FCV.RatedPower: UNIT.KiloW}),
    "battery": (
        FC.BatterySystem,
        "Battery",
        FCV.FRBC,
        {
            FCV.RatedPower: UNIT.KiloW,
            FCV.StorageCapacity: UNIT["KiloW-HR"],
            FCV.RoundTripEfficiency: UNIT.UNITLESS,
            FCV.MinimumStateOfCharge: UNIT.PERCENT,
        },
    ),
    "ev": (
        FC.EVCharger,
        "EV charger",
        FCV.FRBC,
        {FCV.RatedPower: UNIT.KiloW, FCV.StorageCapacity: UNIT["KiloW-HR"], FCV.ChargingEfficiency: UNIT.UNITLESS},
    ),
    "heatpump": (
        FC.HeatPump,
        "Heat pump",
        FCV.OMBC,
        {
            FCV.RatedPower: UNIT.KiloW,
            FCV.CoefficientOfPerformance: UNIT.UNITLESS,
            FCV.ThermalResistance: UNIT["K-PER-W"],
            FCV.ThermalCapacitance: UNIT["MegaJ-PER-K"],
        },
    ),
}
_VALUES = {
    FCV.ThermalResistance: Decimal("0.005"),
    FCV.ThermalCapacitance: Decimal("20"),
    FCV.RoundTripEfficiency: Decimal("0.9"),
    FCV.ChargingEfficiency: Decimal("0.92"),
    FCV.CoefficientOfPerformance: Decimal("3.2"),
}


def homes(devices: int) -> list[str]:
    """Keys of the members of a cooperative with so many devices."""
    return [f"m{number:05}" for number in range(-(-devices // PER_HOME))]


def quads(iris: Iris, devices: int) -> Iterator[ox.Quad]:
    """All of it."""
    registry = iris.graph("registry")
    for kind, thing, label in (
        (FC.Cooperative, iris.id("cooperative", "demo"), "Demo cooperative"),
        (FC.VirtualPowerPlant, iris.id("vpp", "demo"), "Demo portfolio"),
        *((FC.GridNode, iris.id("node", f"feeder-{n}"), f"Feeder {n}") for n in range(1, FEEDERS + 1)),
    ):
        yield from describe(registry, thing, {RDF.type: kind, RDFS.label: Lang(label)})
    for number, key in enumerate(homes(devices)):
        yield from _facts(iris, key, number)
        yield from _asserted(iris, key, number)
        yield from _contract(iris, key)


def _value(graph: str, thing: str, name: str, kind: Value, amount: Decimal, unit: Value) -> list[ox.Quad]:
    node = f"{thing}#{name}"
    said: Said = {RDF.type: SAREF.PropertyValue, SAREF.isValueOfProperty: kind, SAREF.hasValue: amount, SAREF.isMeasuredIn: unit}
    return [*describe(graph, thing, {SAREF.hasPropertyValue: iri(node)}), *describe(graph, node, said)]


def _facts(iris: Iris, key: str, number: int) -> Iterator[ox.Quad]:
    graph, member, site, connection = (
        iris.graph("member", key, "facts"),
        iris.id("member", key),
        iris.id("site", key),
        iris.id("connection", key),
    )
    owner: Said = {FC.ownedBy: iri(member)}
    place: Said = {FC.locatedAt: iri(site)}
    described: dict[str, Said] = {
        member: {RDF.type: FC.Member, RDFS.label: Lang(f"Member {key}"), ORG.memberOf: iri(iris.id("cooperative", "demo"))},
        site: {RDF.type: FC.Site, RDFS.label: Lang(f"Home {key}"), FC.timeZone: "Europe/Madrid", **owner},
        iris.id("zone", f"{key}-living"): {RDF.type: FC.ThermalZone, RDFS.label: Lang("Living room"), **place},
        connection: {
            RDF.type: FC.GridConnectionPoint,
            RDFS.label: Lang(f"Grid connection of {key}"),
            S4SYST.connectionPointOf: iri(iris.id("node", f"feeder-{number % FEEDERS + 1}")),
            **owner,
            **place,
        },
        iris.id("osb", key): {FC.claimedBy: iri(member), **place},
    }
    for thing, said in described.items():
        yield from describe(graph, thing, said)
    for name, limit in (("importLimit", FCV.ImportLimit), ("exportLimit", FCV.ExportLimit)):
        yield from _value(graph, connection, name, limit, Decimal("17.2"), UNIT.KiloW)
    for index, kind in enumerate(_KINDS):
        offered: Said = {FC.availableForDR: (number + index) % 7 != 0, **owner}
        yield from describe(graph, iris.id("device", f"{key}-{kind}"), offered)


def _asserted(iris: Iris, key: str, number: int) -> Iterator[ox.Quad]:
    graph, site, connection, box = (
        iris.graph("member", key, "osb", key),
        iris.id("site", key),
        iris.id("connection", key),
        iris.id("osb", key),
    )
    about: Said = {RDF.type: FC.OpenSmartBox, RDFS.label: Lang(f"OSB {key}"), SAREF.hasIdentifier: f"osb-{key}"}
    yield from describe(graph, box, about | {SAREF.hasManufacturer: "FLEXCoop", SAREF.hasModel: "simulated OSB"})
    for name, (cls, label, control, ratings) in _KINDS.items():
        thing = iris.id("device", f"{key}-{name}")
        yield from describe(
            graph,
            thing,
            {
                RDF.type: cls,
                RDFS.label: Lang(f"{label} {key}"),
                FC.locatedAt: iri(site),
                FC.connectedVia: iri(connection),
                FC.managedBy: iri(box),
                FC.controlType: control,
                S4SYST.subSystemOf: iri(iris.id("vpp", "demo")),
            },
        )
        for kind, unit in ratings.items():
            amount = _VALUES.get(kind, Decimal(number % 90 + 10) / 10)
            yield from _value(graph, thing, str(kind).rsplit("/", 1)[-1], kind, amount, unit)
        if name == "heatpump":
            yield from describe(graph, thing, {SAREF.controls: iri(f"{iris.id('zone', f'{key}-living')}#airTemperature")})
        yield from _channel(graph, thing, FCV.ProductionPositive if name == "pv" else FCV.ConsumptionPositive)
    yield from _channel(graph, connection, FCV.ImportPositive)
    yield from _channel(graph, site, FCV.ConsumptionPositive, "loadPower")


def _channel(graph: str, thing: str, sign: Value, name: str = "activePower") -> list[ox.Quad]:
    said: Said = {
        RDF.type: [iri(str(FC.Channel)), iri(str(SAREF.PropertyOfInterest))],
        RDFS.label: Lang(f"Power {thing.rsplit('/', 1)[-1]}"),
        SAREF.isPropertyOfInterestOf: iri(thing),
        SAREF.hasPropertyKind: iri(str(FCV.ActivePower)),
        QUDT.hasUnit: iri(str(UNIT.KiloW)),
        FC.signConvention: sign,
        S4ENER.hasTemporalResolution: timedelta(minutes=15),
    }
    return describe(graph, f"{thing}#{name}", said)


def _contract(iris: Iris, key: str) -> Iterator[ox.Quad]:
    graph, thing, member, buyer = (
        iris.graph("member", key, "contracts"),
        iris.id("contract", key, "r1"),
        iris.id("member", key),
        iris.id("cooperative", "demo"),
    )
    digest = f"sha256:{'a1' * 32}"
    parts: dict[str, Said] = {
        "capacity": {RDF.type: [FC.CapacityTerm, SAREF.PropertyValue], FC.direction: FCV.LoadReduction, **_amount("6", UNIT.KiloW)},
        "duration": {RDF.type: FC.DurationTerm, FC.minDuration: timedelta(minutes=15), FC.maxDuration: timedelta(hours=2)},
        "frequency": {RDF.type: FC.FrequencyTerm, FC.maxActivations: 1, FC.perPeriod: timedelta(days=1)},
        "notice": {RDF.type: FC.NoticeTerm, FC.minNotice: timedelta(hours=1)},
        "price": {RDF.type: [FC.RemunerationTerm, SAREF.PropertyValue], **_amount("0.25", S4ENER.EuroPerKilowattHour)},
        "window": {RDF.type: FC.WindowTerm, FC.windowStart: time(16), FC.windowEnd: time(22)},
    }
    signatures: dict[str, Said] = {
        f"signature-{name}": {
            RDF.type: FC.Signature,
            FC.signedBy: iri(who),
            FC.signedAt: datetime(2016, 7, 31, tzinfo=UTC),
            FC.digest: digest,
        }
        for name, who in (("buyer", buyer), ("seller", member))
    }
    said: Said = {
        RDF.type: FC.FlexibilityContract,
        SEAS.buyer: iri(buyer),
        SEAS.seller: iri(member),
        FC.covers: [iri(iris.id("device", f"{key}-{name}")) for name in ("battery", "ev", "heatpump")],
        FC.validFrom: date(2016, 8, 1),
        FC.validTo: date(2017, 7, 31),
        FC.baselineMethod: FCV.TenOfTen,
        FC.hasTerm: [iri(f"{thing}#{name}") for name in parts],
        FC.status: FCV.ContractActive,
        FC.digest: digest,
        FC.hasSignature: [iri(f"{thing}#{name}") for name in signatures],
    }
    yield from describe(graph, thing, said)
    for name, part in (parts | signatures).items():
        yield from describe(graph, f"{thing}#{name}", part)


def _amount(text: str, unit: Value) -> Said:
    return {SAREF.hasValue: Decimal(text), SAREF.isMeasuredIn: unit}
