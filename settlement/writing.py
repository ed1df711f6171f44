"""A settlement as triples (docs/data-model.md §3), all of it before anything is written."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

import numpy as np
from pyoxigraph import Quad

from kg.iris import Iris
from kg.provenance import activity
from kg.terms import Json, Lang, Value, describe, iri, plain
from ontology.names import FC, FCV, PROV, QUDT, RDF, RDFS, S4ENER, SAREF, SEAS, UNIT
from settlement.baselines.method import Array
from settlement.findings import Finding
from settlement.records import Campaign, Event
from settlement.remuneration import Money, Shares, energy
from settlement.verification import Interval
from telemetry.used import UsedDay

_Properties = dict[str, Value | Iterable[Value] | None]
_KWH: _Properties = {QUDT.hasUnit: UNIT["KiloW-HR"]}
_EUR: _Properties = {QUDT.hasUnit: UNIT.CCY_EUR}
SETTLED = FCV.CampaignSettled


@dataclass(frozen=True)
class MemberBooks:
    """What is written of one member: energies in books' decimals [kWh], arrays [kW], lineage."""

    event: Event
    start: datetime
    method: str
    baseline_kw: Array
    adjustment_kw: float
    baseline_days: tuple[UsedDay, ...]
    event_days: tuple[UsedDay, ...]
    baseline_kwh: Decimal
    metered_kwh: Decimal
    instructed_kwh: Decimal
    interval: Interval
    price: Decimal
    findings: tuple[Finding, ...]

    @property
    def measured_kwh(self) -> Decimal:
        """Baseline minus metered, exactly as both are written [kWh]."""
        return self.baseline_kwh - self.metered_kwh


@dataclass(frozen=True)
class Books:
    """All of one settlement, ready to be written; `members`, `shares.members` and `money.members` go in one order."""

    campaign: Campaign
    members: tuple[MemberBooks, ...]
    promised_kwh: Decimal
    interval: Interval
    shares: Shares
    money: Money
    findings: tuple[Finding, ...]


class Scribe:
    """Spells the books of one campaign as quads."""

    def __init__(self, iris: Iris, books: Books, at: datetime) -> None:
        self._iris, self._books, self._at = iris, books, at
        self._key = iris.key(books.campaign.iri)
        self._run = iris.id("settlement", self._key)
        self._activity = iris.id("run", f"settle-{self._key}")
        self._graph = iris.graph("settlement", self._key)

    def quads(self) -> list[Quad]:
        """Spell everything but the campaign's new status."""
        quads = self._settlement() + self._portfolio() + self._money() + _findings(self._graph, self._run, self._books.findings)
        for member, delivered, amount in zip(self._books.members, self._books.shares.members, self._books.money.members, strict=True):
            quads += self._member(member, delivered, amount)
        return quads

    def _settlement(self) -> list[Quad]:
        books, run = self._books, self._run
        stated: _Properties = {
            RDF.type: [FC.SettlementRun, PROV.Activity],
            FC.forCampaign: iri(books.campaign.iri),
            PROV.startedAtTime: self._at,
            PROV.wasAssociatedWith: iri(self._iris.id("software", "flexcoop-0.1.0")),
            FC.hasPortfolioResult: iri(f"{run}#portfolio"),
            FC.hasIncome: [iri(f"{run}#{part}") for part in ("income", "cooperative", "members")],
        }
        used = [books.campaign.iri]
        for member in books.members:
            used += [member.event.iri, member.event.contract]
        lineage = activity(
            self._iris,
            self._graph,
            self._activity,
            at=self._at,
            used=used,
            generated=[run],
            on_behalf_of=books.campaign.cooperative,
        )
        return describe(self._graph, run, stated) + lineage

    def _portfolio(self) -> list[Quad]:
        books, result = self._books, f"{self._run}#portfolio"
        stated: _Properties = {
            RDF.type: FC.PortfolioResult,
            **_KWH,
            FC.requestedEnergy: energy(float(books.campaign.asked_kw.sum()) * books.campaign.hours),
            FC.promisedEnergy: books.promised_kwh,
            FC.baselineEnergy: sum((member.baseline_kwh for member in books.members), Decimal(0)),
            FC.meteredEnergy: sum((member.metered_kwh for member in books.members), Decimal(0)),
            FC.measuredReduction: sum((member.measured_kwh for member in books.members), Decimal(0)),
            FC.deliveredEnergy: books.shares.delivered,
            **_bounds(books.interval, books.shares.delivered),
            SAREF.hasPropertyValue: iri(f"{self._run}#sharing"),
        }
        sharing: _Properties = {
            RDF.type: SAREF.PropertyValue,
            SAREF.isValueOfProperty: FCV.SharingFactor,
            SAREF.hasValue: books.shares.factor,
            SAREF.isMeasuredIn: UNIT.UNITLESS,
        }
        return describe(self._graph, result, stated) + describe(self._graph, f"{self._run}#sharing", sharing)

    def _money(self) -> list[Quad]:
        money = self._books.money
        parts = (
            ("income", FCV.MarketIncome, money.income),
            ("cooperative", FCV.CooperativeShare, money.cooperative),
            ("members", FCV.MemberShare, money.paid),
        )
        return [
            quad
            for part, role, amount in parts
            for quad in describe(
                self._graph,
                f"{self._run}#{part}",
                {RDF.type: FC.MoneyAmount, FC.moneyRole: role, FC.amount: amount.quantize(Decimal("0.01")), **_EUR},
            )
        ]

    def _member(self, member: MemberBooks, delivered: Decimal, amount: Decimal) -> list[Quad]:
        key = self._iris.key(member.event.member)
        graph = self._iris.graph("member", key, "statements")
        baseline = self._iris.id("baseline", f"{self._key}-{key}")
        result = self._iris.id("settlement", self._key, key)
        remuneration: _Properties = {
            RDF.type: FC.Remuneration,
            SEAS.buyer: iri(self._books.campaign.cooperative),
            SEAS.seller: iri(member.event.member),
            PROV.wasDerivedFrom: iri(result),
            FC.amount: amount,
            **_EUR,
        }
        return (
            describe(graph, baseline, self._baseline(member))
            + describe(graph, result, self._result(member, baseline, delivered))
            + _findings(graph, result, member.findings)
            + describe(graph, self._iris.id("remuneration", self._key, key), remuneration)
            + [quad for day in member.baseline_days for quad in day.quads(graph, baseline)]
            + [quad for day in member.event_days for quad in day.quads(graph, result)]
        )

    def _baseline(self, member: MemberBooks) -> _Properties:
        return {
            RDF.type: FC.Baseline,
            FC.forEvent: iri(member.event.iri),
            FC.forProperty: iri(member.event.channel),
            FC.baselineMethod: iri(member.method),
            S4ENER.hasCreationTime: self._at,
            FC.start: member.start,
            S4ENER.hasTemporalResolution: self._books.campaign.step,
            QUDT.hasUnit: UNIT.KiloW,
            FC["values"]: packed(member.baseline_kw),
            FC.sameDayAdjustment: round(member.adjustment_kw, 4) + 0.0,
            PROV.wasDerivedFrom: [iri(day.iri) for day in member.baseline_days],
            PROV.wasGeneratedBy: iri(self._activity),
        }

    def _result(self, member: MemberBooks, baseline: str, delivered: Decimal) -> _Properties:
        return {
            RDF.type: FC.SettlementResult,
            FC.forEvent: iri(member.event.iri),
            FC.underContract: iri(member.event.contract),
            FC.hasBaseline: iri(baseline),
            **_KWH,
            FC.baselineEnergy: member.baseline_kwh,
            FC.meteredEnergy: member.metered_kwh,
            FC.promisedEnergy: member.instructed_kwh,
            FC.measuredReduction: member.measured_kwh,
            FC.deliveredEnergy: delivered,
            **_bounds(member.interval, delivered),
            PROV.wasDerivedFrom: [iri(day.iri) for day in member.event_days],
            PROV.wasGeneratedBy: iri(self._activity),
        }


def status_change(iris: Iris, campaign: Campaign) -> tuple[list[Quad], list[Quad]]:
    """Spell the campaign's step from its status to Settled: what to delete, what to insert."""
    graph = iris.graph("market")
    return (
        describe(graph, campaign.iri, {FC.status: iri(campaign.status)}),
        describe(graph, campaign.iri, {FC.status: iri(SETTLED)}),
    )


def packed(values: Array) -> Json:
    """Pack numbers to 0.1 W as one JSON array, null where missing."""
    return Json("[" + ",".join("null" if np.isnan(value) else plain(round(float(value), 4) + 0.0) for value in values) + "]")


def _bounds(interval: Interval, delivered: Decimal) -> _Properties:
    """Spell an interval; it holds the delivered energy, which capping and sharing may move to its edge."""
    lower, upper = energy(interval.lower), energy(interval.upper)
    return {
        FC.deliveredLower: min(lower, delivered),
        FC.deliveredUpper: max(upper, delivered),
        FC.confidence: Decimal(repr(interval.confidence)),
        FC.placeboBias: energy(interval.bias),
    }


def _findings(graph: str, about: str, found: Sequence[Finding]) -> list[Quad]:
    quads = []
    for number, finding in enumerate(found, 1):
        node = f"{about}#finding-{number}"
        quads += describe(graph, about, {FC.hasFinding: iri(node)})
        quads += describe(graph, node, {RDF.type: FC.Finding, FC.reason: iri(finding.code), RDFS.comment: Lang(finding.sentence)})
    return quads
