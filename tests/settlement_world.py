"""A small cooperative in the graph: homes with a meter, signed contracts, a campaign that has finished, readings of a month.

Every evening of the month a home draws its level; in the event it draws what the test says. So each figure can be worked by hand.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal

import agreements
import numpy as np

from kg.embedded import EmbeddedStore
from kg.iris import Iris
from kg.terms import Json, Lang, describe, iri
from mappers.records import Series
from market import contracts, requests
from ontology.names import FC, FCV, ORG, PROV, QUDT, RDF, RDFS, S4ENER, SAREF, UNIT
from settlement.run import settle
from settlement.summary import SettlementSummary
from telemetry.channels import Channels
from telemetry.readings import Readings
from telemetry.writer import ReadingWriter

START = datetime(2016, 8, 31, 0, 0, tzinfo=UTC)  # Tuesday 30 August, 17:00 in California
END = START + timedelta(hours=1)
FIRST = datetime(2016, 8, 1, 7, 0, tzinfo=UTC)  # local midnight of Monday 1 August
SETTLED_AT = START + timedelta(days=2)
QUARTER = timedelta(minutes=15)
KILOWATT = str(UNIT.KiloW)


@dataclass
class Home:
    """What a test wants of a home: kW on ordinary days, kW in the event's slots (`None` missing), kW it was told to reduce."""

    level: float
    metered: Sequence[float | None]
    told: float
    price: str = "0.25"
    method: str = str(FCV.TenOfTen)
    status: str = str(FCV.EventCompleted)
    role: str = str(FCV.Primary)
    activated: datetime | None = None
    released: datetime | None = None
    instruction: str = str(S4ENER.Succeeded)
    days: int = 30
    noise: float = 0.0
    capacity: float = 6.0


@dataclass
class World:
    """The graph with its campaign, and the readers over it."""

    store: EmbeddedStore
    iris: Iris
    homes: Mapping[str, Home]
    asked: float | Sequence[float] = 20.0
    price: str = "0.40"
    hours: int = 1
    notified: datetime = START - timedelta(days=1)
    campaign: str = field(init=False)

    def __post_init__(self) -> None:
        self._registry()
        for key, home in self.homes.items():
            self._home(key)
            self._contract(key, home)
        self.channels = Channels(self.store, self.iris)
        self.writer = ReadingWriter(self.store, self.iris, self.channels)
        for key, home in self.homes.items():
            self._readings(key, home)
        self.campaign = self._campaign()
        for key, home in self.homes.items():
            self._event(key, home)
        self.readings = Readings(self.store, self.iris, self.channels)

    @property
    def end(self) -> datetime:
        return START + timedelta(hours=self.hours)

    def settle(self, at: datetime = SETTLED_AT) -> SettlementSummary:
        return settle(self.store, self.iris, self.channels, self.readings, self.campaign, at)

    def member(self, key: str) -> str:
        return self.iris.id("member", key)

    def _registry(self) -> None:
        graph = self.iris.graph("registry")
        coop, dso = self.iris.id("cooperative", "demo"), self.iris.id("dso", "demo")
        quads = describe(graph, coop, {RDF.type: FC.Cooperative, RDFS.label: Lang("Demo")})
        quads += describe(graph, dso, {RDF.type: FC.GridOperator, RDFS.label: Lang("DSO")})
        self.store.apply(insert=quads)

    def _home(self, key: str) -> None:
        facts, osb = self.iris.graph("member", key, "facts"), self.iris.graph("member", key, "osb", key)
        site, connection = self.iris.id("site", key), self.iris.id("connection", key)
        quads = describe(facts, self.member(key), {RDF.type: FC.Member, ORG.memberOf: iri(self.iris.id("cooperative", "demo"))})
        quads += describe(
            facts,
            site,
            {RDF.type: FC.Site, RDFS.label: Lang(f"Home {key}"), FC.ownedBy: iri(self.member(key)), FC.timeZone: "America/Los_Angeles"},
        )
        quads += describe(
            facts,
            connection,
            {RDF.type: FC.GridConnectionPoint, FC.locatedAt: iri(site), FC.ownedBy: iri(self.member(key))},
        )
        box = self.iris.id("osb", key)
        quads += describe(facts, box, {FC.claimedBy: iri(self.member(key)), FC.locatedAt: iri(site)})
        quads += describe(osb, box, {RDF.type: FC.OpenSmartBox, SAREF.hasIdentifier: f"osb-{key}"})
        quads += describe(
            osb,
            self.channel(key),
            {
                RDF.type: [FC.Channel, SAREF.PropertyOfInterest],
                SAREF.isPropertyOfInterestOf: iri(connection),
                SAREF.hasPropertyKind: FCV.ActivePower,
                QUDT.hasUnit: UNIT.KiloW,
                FC.signConvention: FCV.ImportPositive,
                S4ENER.hasTemporalResolution: QUARTER,
                FC.minimum: -25.0,
                FC.maximum: 25.0,
            },
        )
        self.store.apply(insert=quads)

    def channel(self, key: str) -> str:
        return self.iris.id("connection", key) + "#activePower"

    def _contract(self, key: str, home: Home) -> None:
        coop = self.iris.id("cooperative", "demo")
        terms = contracts.Terms(
            home.capacity, QUARTER, timedelta(hours=2), 1, timedelta(days=1), timedelta(hours=1), time(16), time(22), Decimal(home.price)
        )
        self.store.apply(
            insert=contracts.draft(
                self.iris,
                self.member(key),
                buyer=coop,
                covers=[self.iris.id("device", f"{key}-battery")],
                valid_from=date(2016, 8, 1),
                valid_to=date(2017, 7, 31),
                baseline_method=home.method,
                terms=terms,
            )
        )
        agreements.sign(self.store, self.iris, self.iris.id("contract", key, "r1"), (coop, self.member(key)), FIRST)

    def _readings(self, key: str, home: Home) -> None:
        first = START - timedelta(days=home.days)
        rng = np.random.default_rng(sum(key.encode()))
        values = home.level + home.noise * rng.standard_normal(home.days * 96 + 4 * self.hours)
        texts: list[str | None] = [f"{value:.4f}" for value in values]
        texts[-4 * self.hours :] = [None if value is None else str(value) for value in home.metered]
        self.writer.write([Series(self.channel(key), first, QUARTER, tuple(texts), KILOWATT)], received=self.end)

    def _campaign(self) -> str:
        campaign = requests.create(
            self.store,
            self.iris,
            "c1",
            start=START,
            end=self.end,
            kw=self.asked,
            price_eur_per_kwh=Decimal(self.price),
            requester=self.iris.id("dso", "demo"),
            at=self.notified,
        )
        graph = self.iris.graph("market")
        promised = [sum(home.told for home in self.homes.values())] * 4 * self.hours
        self.store.apply(
            delete=describe(graph, campaign, {FC.status: FCV.CampaignRequested}),
            insert=describe(
                graph,
                campaign,
                {
                    FC.status: FCV.CampaignFinished,
                    FC.hasSeries: iri(f"{campaign}#promised"),
                    PROV.wasGeneratedBy: iri(self.iris.id("run", "select-c1")),
                },
            )
            + describe(
                graph,
                f"{campaign}#promised",
                {
                    RDF.type: S4ENER.TimeSeries,
                    FC.seriesRole: FCV.LoadReduction,
                    QUDT.hasUnit: UNIT.KiloW,
                    FC["values"]: Json(str(promised).replace(" ", "")),
                },
            ),
        )
        return campaign

    def _event(self, key: str, home: Home) -> None:
        graph, event = self.iris.graph("member", key, "events"), self.iris.id("event", f"c1-{key}")
        instruction = self.iris.id("instruction", f"c1-{key}-battery-1")
        quads = describe(
            graph,
            event,
            {
                RDF.type: FC.DREvent,
                FC.partOfCampaign: iri(self.iris.id("campaign", "c1")),
                FC.forSite: iri(self.iris.id("site", key)),
                FC.underContract: iri(self.iris.id("contract", key, "r1")),
                FC.role: iri(home.role),
                FC.status: iri(home.status),
                FC.start: START,
                FC.end: self.end,
                FC.notifiedAt: self.notified,
                FC.activatedAt: home.activated,
                FC.releasedAt: home.released,
            },
        )
        quads += describe(
            graph,
            instruction,
            {
                RDF.type: FC.DispatchInstruction,
                FC.partOfEvent: iri(event),
                FC.forDER: iri(self.iris.id("device", f"{key}-battery")),
                S4ENER.hasCreationTime: self.notified,
                FC.start: START,
                FC.end: self.end,
                FC.notAfter: self.end,
                S4ENER.hasTemporalResolution: QUARTER,
                S4ENER.hasInstructionStatus: iri(home.instruction),
                FC.hasSeries: iri(f"{instruction}#reduction"),
            },
        )
        quads += describe(
            graph,
            f"{instruction}#reduction",
            {
                RDF.type: S4ENER.TimeSeries,
                FC.seriesRole: FCV.LoadReduction,
                QUDT.hasUnit: UNIT.KiloW,
                FC["values"]: Json(str([home.told] * 4 * self.hours).replace(" ", "")),
            },
        )
        self.store.apply(insert=quads)
