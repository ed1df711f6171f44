"""Make the cooperative: which home has which devices, and what its clerk and members would enter about them."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, time, timedelta
from decimal import Decimal

import numpy as np
from pyoxigraph import Quad

from kg.iris import Iris
from kg.terms import Lang, Value, describe
from kg.terms import iri as _iri
from market.contracts import Terms, draft
from ontology.names import DCAT, DCTERMS, DPV, FC, FCV, ODRL, ORG, PROV, QUDT, RDF, RDFS, S4ENER, S4SYST, SAREF, UNIT, WGS84
from scenario.dataset import HOMES

ZONE = "America/Los_Angeles"
COOPERATIVE, DSO, PORTFOLIO, FEEDER, FEED = "demo", "demo", "demo", "feeder-1", "feed"
CONTRACT_YEAR = (date(2016, 8, 1), date(2017, 7, 31))
CONSENT_YEARS = (date(2016, 8, 1), date(2017, 12, 31))
IMPORT_LIMIT_KW = 25.0
EXPORT_LIMIT_KW = 12.0
SUBSTATION = (34.0966, -117.7198)  # where the demo's feeder begins on the map [°]: a place in the time zone of its homes
HOMES_A_CABINET, BRANCHES = 4, 5
CABINETS_APART = 0.0016  # [°], about 180 m


@dataclass(frozen=True)
class HomePlan:
    """What one home has. Powers in kW (electric), energies in kWh, temperatures in °C; a rating of 0 means the home has none."""

    key: str
    source: int
    copy_of: str | None
    heatpump_kw: float
    cop: float
    resistance_k_per_kw: float
    capacitance_kwh_per_k: float
    comfort: tuple[float, float]
    ev_kw: float
    ev_kwh: float
    ev_departure: str
    ev_daily_kwh: float
    capacity_kw: float
    price_eur_per_kwh: Decimal
    min_notice: timedelta
    max_duration: timedelta

    @property
    def devices(self) -> list[str]:
        """Suffixes of the home's controllable devices."""
        return ["pv", "battery"] + ["heatpump"] * (self.heatpump_kw > 0) + ["ev"] * (self.ev_kw > 0)

    @property
    def flexible(self) -> list[str]:
        """Those that a contract covers: what can reduce the home's import."""
        return [device for device in self.devices if device != "pv"]


def keys(homes: int) -> list[str]:
    """Name the homes: h01 … h17, with as many digits as it takes."""
    width = max(2, len(str(homes)))
    return [f"h{number:0{width}d}" for number in range(1, homes + 1)]


def plan(homes: int, seed: int) -> list[HomePlan]:
    """Draw every home's devices and terms from one seed; home *i* is the same however many follow it."""
    names = keys(homes)
    return [_home(names, index, np.random.default_rng((seed, index))) for index in range(homes)]


def _home(names: list[str], index: int, rng: np.random.Generator) -> HomePlan:
    has_heatpump, has_ev = rng.random() < 0.7, rng.random() < 0.5
    middle = round(float(rng.uniform(22.5, 24.0)), 1)
    return HomePlan(
        key=names[index],
        source=index % HOMES + 1,
        copy_of=names[index % HOMES] if index >= HOMES else None,
        heatpump_kw=round(float(rng.uniform(2.0, 3.0)), 1) * has_heatpump,
        cop=round(float(rng.uniform(2.8, 3.4)), 1),
        resistance_k_per_kw=round(float(rng.uniform(3.5, 5.0)), 2),
        capacitance_kwh_per_k=round(float(rng.uniform(4.0, 7.0)), 2),
        comfort=(round(middle - 2.0, 1), round(middle + 2.0, 1)),
        ev_kw=7.4 * has_ev,
        ev_kwh=float(rng.choice([40.0, 52.0, 60.0, 75.0])) * has_ev,
        ev_departure=f"0{rng.integers(6, 9)}:{rng.choice(['00', '15', '30', '45'])}:00",
        ev_daily_kwh=round(float(rng.uniform(8.0, 15.0)), 1) * has_ev,
        capacity_kw=round(float(rng.uniform(5.0, 9.0)), 1),
        price_eur_per_kwh=Decimal(int(rng.integers(18, 31))) / 100,
        min_notice=timedelta(minutes=int(rng.choice([30, 60, 120]))),
        max_duration=timedelta(minutes=int(rng.choice([120, 120, 180]))),
    )


def facts(homes: list[HomePlan], iris: Iris) -> list[Quad]:
    """State what the registry and the owners know, before any box has spoken."""
    owners = (_owner(home, iris, cabinet(index)) for index, home in enumerate(homes))
    return [quad for part in (_registry(iris), _grid(len(homes), iris), *owners) for quad in part]


def cabinet(home: int) -> int:
    """Number of the cabinet, from 1, at which the home of an index is connected."""
    return home // HOMES_A_CABINET + 1


def _grid(homes: int, iris: Iris) -> Iterator[Quad]:
    """Place the feeder's cabinets on the map: in branches about the substation, each fed by the one before it."""
    graph = iris.graph("registry")
    for number in range(1, cabinet(homes - 1) + 1):
        branch, depth = (number - 1) % BRANCHES, (number - 1) // BRANCHES + 1
        bend = np.sin(depth * 0.9 + branch) * 0.35
        angle, reach = 2 * np.pi * branch / BRANCHES + 0.5 + bend / depth, depth * CABINETS_APART
        above = FEEDER if depth == 1 else f"cabinet-{number - BRANCHES}"
        yield from describe(
            graph,
            iris.id("node", f"cabinet-{number}"),
            {
                RDF.type: FC.GridNode,
                RDFS.label: Lang(f"Cabinet {number}"),
                FC.fedBy: _iri(iris.id("node", above)),
                WGS84.lat: _degrees(SUBSTATION[0] + reach * float(np.sin(angle))),
                WGS84.long: _degrees(SUBSTATION[1] + reach * float(np.cos(angle)) / float(np.cos(np.radians(SUBSTATION[0])))),
            },
        )


def _degrees(value: float) -> Decimal:
    return Decimal(f"{value:.5f}")


def contract(home: HomePlan, iris: Iris) -> list[Quad]:
    """Draft the contract that the cooperative offers to a home's member."""
    return draft(
        iris,
        iris.id("member", home.key),
        buyer=iris.id("cooperative", COOPERATIVE),
        covers=[iris.id("device", f"{home.key}-{device}") for device in home.flexible],
        valid_from=CONTRACT_YEAR[0],
        valid_to=CONTRACT_YEAR[1],
        baseline_method=str(FCV.TenOfTen),
        terms=Terms(
            capacity_kw=home.capacity_kw,
            min_duration=timedelta(minutes=15),
            max_duration=home.max_duration,
            max_activations=1,
            per_period=timedelta(days=1),
            min_notice=home.min_notice,
            window_start=time(15),
            window_end=time(22),
            price_eur_per_kwh=home.price_eur_per_kwh,
        ),
    )


def _registry(iris: Iris) -> Iterator[Quad]:
    graph, i = iris.graph("registry"), iris.id
    yield from describe(graph, i("cooperative", COOPERATIVE), {RDF.type: FC.Cooperative, RDFS.label: Lang("Demo cooperative")})
    yield from describe(graph, i("dso", DSO), {RDF.type: FC.GridOperator, RDFS.label: Lang("Demo distribution system operator")})
    yield from describe(
        graph,
        i("node", FEEDER),
        {
            RDF.type: FC.GridNode,
            RDFS.label: Lang("Low-voltage feeder 1"),
            WGS84.lat: _degrees(SUBSTATION[0]),
            WGS84.long: _degrees(SUBSTATION[1]),
        },
    )
    yield from describe(graph, i("vpp", PORTFOLIO), {RDF.type: FC.VirtualPowerPlant, RDFS.label: Lang("Portfolio of the demo cooperative")})
    for source in range(1, HOMES + 1):
        yield from describe(
            graph,
            i("dataset", "citylearn-2022", f"building-{source}"),
            {
                RDF.type: DCAT.Dataset,
                RDFS.label: Lang(f"CityLearn 2022 challenge, building {source}"),
                DCTERMS.source: "Python package citylearn 1.8.0, citylearn_challenge_2022_phase_all; licence MIT",
            },
        )
    yield from describe(
        iris.graph("feed", "facts"),
        i("osb", FEED),
        {FC.claimedBy: _iri(i("cooperative", COOPERATIVE))},
    )
    portfolio = iris.graph("portfolio", "osb", "platform")
    yield from describe(
        portfolio,
        i("vpp", PORTFOLIO) + "#activePower",
        {
            RDF.type: [FC.Channel, SAREF.PropertyOfInterest],
            RDFS.label: Lang("Power of all members' grid connections"),
            SAREF.isPropertyOfInterestOf: _iri(i("vpp", PORTFOLIO)),
            SAREF.hasPropertyKind: FCV.ActivePower,
            QUDT.hasUnit: UNIT.KiloW,
            FC.signConvention: FCV.ImportPositive,
            S4ENER.hasTemporalResolution: timedelta(minutes=15),
            FC.minimum: Decimal(-100000),
            FC.maximum: Decimal(100000),
        },
    )


def _owner(home: HomePlan, iris: Iris, at_cabinet: int) -> Iterator[Quad]:
    key, i = home.key, iris.id
    graph = iris.graph("member", key, "facts")

    def state(subject: str, properties: dict[str, Value | list[Value] | None]) -> list[Quad]:
        return describe(graph, subject, properties)

    member, site, connection = i("member", key), i("site", key), i("connection", key)
    owned = _iri(member)
    yield from state(member, {RDF.type: FC.Member, RDFS.label: Lang(f"Member {key}"), ORG.memberOf: _iri(i("cooperative", COOPERATIVE))})
    yield from state(
        site,
        {
            RDF.type: FC.Site,
            RDFS.label: Lang(f"Home {key}"),
            FC.ownedBy: owned,
            FC.timeZone: ZONE,
            PROV.wasDerivedFrom: _iri(i("dataset", "citylearn-2022", f"building-{home.source}")),
            FC.copyOf: _iri(i("site", home.copy_of)) if home.copy_of else None,
        },
    )
    yield from state(i("zone", f"{key}-living"), {RDF.type: FC.ThermalZone, RDFS.label: Lang("Living room"), FC.locatedAt: _iri(site)})
    yield from state(
        connection,
        {
            RDF.type: FC.GridConnectionPoint,
            RDFS.label: Lang(f"Grid connection of {key}"),
            FC.locatedAt: _iri(site),
            FC.ownedBy: owned,
            S4SYST.connectionPointOf: _iri(i("node", FEEDER)),
            FC.nearestNode: _iri(i("node", f"cabinet-{at_cabinet}")),
            SAREF.hasPropertyValue: [_iri(f"{connection}#importLimit"), _iri(f"{connection}#exportLimit")],
        },
    )
    for name, kind, kw in (("importLimit", FCV.ImportLimit, IMPORT_LIMIT_KW), ("exportLimit", FCV.ExportLimit, EXPORT_LIMIT_KW)):
        yield from state(
            f"{connection}#{name}",
            {RDF.type: SAREF.PropertyValue, SAREF.isValueOfProperty: kind, SAREF.hasValue: kw, SAREF.isMeasuredIn: UNIT.KiloW},
        )
    if home.heatpump_kw:  # nobody measures the room of a home without
        yield from state(
            i("comfort", key),
            {
                RDF.type: FC.ComfortProfile,
                FC.ownedBy: owned,
                FC.forProperty: _iri(i("zone", f"{key}-living") + "#airTemperature"),
                FC.minimum: home.comfort[0],
                FC.maximum: home.comfort[1],
                QUDT.hasUnit: UNIT.DEG_C,
            },
        )
    yield from state(i("osb", key), {FC.claimedBy: owned, FC.locatedAt: _iri(site)})
    for device in home.devices:
        yield from state(i("device", f"{key}-{device}"), {FC.ownedBy: owned, FC.availableForDR: True})
    yield from state(
        i("consent", key),
        {
            RDF.type: FC.DataConsent,
            ODRL.assigner: owned,
            ODRL.assignee: _iri(i("cooperative", COOPERATIVE)),
            ODRL.target: owned,
            FC.purpose: DPV.ServiceProvision,
            FC.validFrom: CONSENT_YEARS[0],
            FC.validTo: CONSENT_YEARS[1],
        },
    )
