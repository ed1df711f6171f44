"""A cooperative of five homes with a battery each, in memory, and its campaigns under a fake clock."""

from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal

import agreements
import orjson

from kg.embedded import EmbeddedStore
from kg.iris import Iris, stamp
from kg.terms import Json, describe, iri
from market import contracts
from market.contracts import Terms
from ontology.names import DPV, FC, FCV, ODRL, QUDT, RDF, S4ENER, SAREF, UNIT
from optimiser import records
from optimiser.campaigns import Campaigns

IRIS = Iris("http://127.0.0.1:8080")
START = datetime(2026, 6, 10, 16, tzinfo=UTC)  # 18:00 in Madrid
END = START + timedelta(hours=1)
SLOT = timedelta(minutes=15)
AT = START - timedelta(hours=3)
ISSUED = AT - timedelta(hours=1)
HOMES = ("h01", "h02", "h03", "h04", "h05")
C1, E = IRIS.id("campaign", "c1"), {home: IRIS.id("event", f"c1-{home}") for home in HOMES}
PRICE = Decimal("0.40")
TERMS = Terms(
    capacity_kw=2.0,
    min_duration=SLOT,
    max_duration=timedelta(hours=2),
    max_activations=1,
    per_period=timedelta(days=1),
    min_notice=timedelta(hours=1),
    window_start=time(16),
    window_end=time(22),
    price_eur_per_kwh=Decimal("0.25"),
)


def minutes(count):
    """So many minutes after the start."""
    return START + timedelta(minutes=count)


def keys(sites):
    """The homes of some sites."""
    return [site[-3:] for site in sites]


def name(status):
    return status.rsplit("/", 1)[1].removeprefix("Campaign").removeprefix("Event")


def home(key, *, available=True):
    """What owner and box say of one home."""
    member, site, osb, device = (IRIS.id(*pair) for pair in (("member", key), ("site", key), ("osb", key), ("device", f"{key}-battery")))
    owned, asserted = IRIS.graph("member", key, "facts"), IRIS.graph("member", key, "osb", key)
    quads = describe(owned, member, {RDF.type: FC.Member})
    quads += describe(owned, site, {RDF.type: FC.Site, FC.ownedBy: iri(member), FC.timeZone: "Europe/Madrid"})
    quads += describe(owned, osb, {FC.claimedBy: iri(member), FC.locatedAt: iri(site)})
    quads += describe(owned, device, {FC.ownedBy: iri(member), FC.availableForDR: available})
    quads += describe(asserted, osb, {RDF.type: FC.OpenSmartBox, SAREF.hasIdentifier: f"osb-{key}"})
    battery = {RDF.type: FC.BatterySystem, FC.managedBy: iri(osb), FC.locatedAt: iri(site), FC.controlType: FCV.FRBC}
    return quads + describe(asserted, device, battery)


def consent(key, until=date(2026, 12, 31)):
    return describe(
        IRIS.graph("member", key, "facts"),
        IRIS.id("consent", key),
        {
            RDF.type: FC.DataConsent,
            ODRL.assigner: iri(IRIS.id("member", key)),
            ODRL.assignee: iri(IRIS.id("cooperative", "demo")),
            FC.purpose: DPV.ServiceProvision,
            FC.validFrom: date(2026, 1, 1),
            FC.validTo: until,
        },
    )


def withdrawn(key):
    """The consent's end."""
    return describe(IRIS.graph("member", key, "facts"), IRIS.id("consent", key), {FC.withdrawnAt: ISSUED})


def flexibility(key, *, kw=2.0, issued=ISSUED):
    """A battery that takes half a kilowatt and can do with so much less, from an hour before the start on, six hours long."""
    graph, node = IRIS.graph("member", key, "plans"), IRIS.id("flexibility", f"{key}-battery", stamp(issued))
    parts = {"baseline": (FCV.BaselinePower, 0.5), "reduction": (FCV.LoadReduction, kw), "increase": (FCV.LoadIncrease, 0.0)}
    quads = describe(
        graph,
        node,
        {
            RDF.type: FC.FlexibilityForecast,
            FC.forDER: iri(IRIS.id("device", f"{key}-battery")),
            S4ENER.hasCreationTime: issued,
            FC.start: START - timedelta(hours=1),
            S4ENER.hasTemporalResolution: SLOT,
            FC.hasSeries: [iri(f"{node}#{part}") for part in parts],
            FC.reductionEnergy: iri(f"{node}#energy"),
        },
    )
    for part, (role, value) in parts.items():
        values = Json(orjson.dumps([value] * 24).decode())
        series = {RDF.type: S4ENER.TimeSeries, FC.seriesRole: role, QUDT.hasUnit: UNIT.KiloW, FC["values"]: values}
        quads += describe(graph, f"{node}#{part}", series)
    return quads + describe(graph, f"{node}#energy", {SAREF.hasValue: 10.0, SAREF.isMeasuredIn: UNIT["KiloW-HR"]})


def sign(store, key):
    member, buyer = IRIS.id("member", key), IRIS.id("cooperative", "demo")
    draft = contracts.draft(
        IRIS,
        member,
        buyer=buyer,
        covers=[IRIS.id("device", f"{key}-battery")],
        valid_from=date(2026, 1, 1),
        valid_to=date(2026, 12, 31),
        baseline_method=str(FCV.TenOfTen),
        terms=TERMS,
    )
    store.apply(insert=draft)
    agreements.sign(store, IRIS, IRIS.id("contract", key, "r1"), (member, buyer), ISSUED)


def found(file):
    """Write the cooperative to a file."""
    store = EmbeddedStore()
    registry = IRIS.graph("registry")
    store.apply(insert=describe(registry, IRIS.id("cooperative", "demo"), {RDF.type: FC.Cooperative}))
    store.apply(insert=describe(registry, IRIS.id("dso", "demo"), {RDF.type: FC.GridOperator}))
    for key in HOMES:
        store.apply(insert=home(key) + consent(key) + flexibility(key))
        sign(store, key)
    store.backup(file)
    store.close()


class World:
    """The cooperative, its boxes' mailbox, and verbs that tell the platform something."""

    def __init__(self, file, *, fresh=False):
        self.store, self.sent, self.fresh = EmbeddedStore(), [], fresh
        self.store.restore(file)
        self._campaigns = None

    @property
    def campaigns(self):
        """The platform; a new one at each call if it is killed after every step."""
        if self._campaigns is None or self.fresh:
            self._campaigns = Campaigns(self.store, IRIS, lambda box, payload: self.sent.append((box, payload)))
        return self._campaigns

    def request(self, kw=4.0):
        return self.campaigns.request("c1", START, END, kw, PRICE, AT)

    def scheduled(self, kw=4.0):
        self.request(kw)
        return self.campaigns.schedule(C1, AT)

    def accept(self, *homes, number=1, at=AT, status="Accepted"):
        for key in homes:
            instruction = IRIS.id("instruction", f"c1-{key}-battery-{number}")
            self.campaigns.report(f"osb-{key}", {"instruction": instruction, "status": status, "at": at.isoformat(), "message": "m"}, at)

    def bring_to(self, state):
        """Bring a campaign to a state, with every instruction accepted."""
        self.request()
        if state == "Requested":
            return
        if state == "Aborted":
            self.campaigns.abort(C1, AT)
            return
        self.accept(*keys(self.campaigns.schedule(C1, AT).primaries))
        if state in ("Ongoing", "Finished", "Settled"):
            self.campaigns.advance(START)
        if state in ("Finished", "Settled"):
            self.campaigns.advance(END)
        if state == "Settled":
            market = IRIS.graph("market")
            self.store.apply(
                delete=describe(market, C1, {FC.status: FCV.CampaignFinished}),
                insert=describe(market, C1, {FC.status: FCV.CampaignSettled}),
            )

    def status(self):
        return name(records.one_campaign(self.store, C1).status)

    def events(self):
        return {one.site[-3:]: one for one in records.events(self.store, C1)}

    def states(self):
        return {key: name(event.status) for key, event in self.events().items()}

    def instructions(self):
        return {one.iri.rsplit("/", 1)[1]: one for one in records.instructions(self.store, C1)}

    def graph(self):
        return sorted(f"{graph} {triple}" for graph in self.store.graphs() for triple in self.store.graph(graph))

    def written(self):
        """The triples that campaigns write."""
        graphs = [IRIS.graph("market"), *(IRIS.graph("member", key, "events") for key in HOMES)]
        return [triple for graph in graphs for triple in self.store.graph(graph)]

    def mail(self):
        """What the boxes were sent since this was last asked: (box, the instruction's name or `revoke`), sorted."""
        sent, self.sent[:] = list(self.sent), []
        return sorted((box, "revoke" if "revoke" in payload else payload["instruction"].rsplit("/", 1)[1]) for box, payload in sent)
