"""Sums for everybody: numbers by hand, k-1 withheld and k shown, once and for all, and nothing of anybody in the public graphs."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import orjson
import pytest

import shapes
from access import layout
from kg.terms import Json, Lang, describe, iri
from ontology.names import FC, FCV, ORG, QUDT, RDF, RDFS, S4ENER, S4SYST, SAREF, UNIT
from privacy import aggregates
from privacy.disclosure import PrivacyError
from telemetry.channels import Channels
from telemetry.readings import Readings

DAY = date(2016, 8, 30)
NEXT = date(2016, 8, 31)
NOW = datetime(2016, 9, 2, tzinfo=UTC)


class Coop:
    """Homes on feeders, each with a meter and, if wanted, solar cells; days are packed."""

    def __init__(self, store, iris):
        self.store, self.iris = store, iris

    def home(self, key, node, copy_of=None, kw=1.0, pv=None, days=(DAY, NEXT)):
        i, graph = self.iris.id, self.iris.graph("member", key, "facts")
        member, site, connection = i("member", key), i("site", key), i("connection", key)
        quads = describe(graph, member, {RDF.type: FC.Member, RDFS.label: key, ORG.memberOf: iri(i("cooperative", "demo"))})
        copied = iri(i("site", copy_of)) if copy_of else None
        quads += describe(graph, site, {RDF.type: FC.Site, FC.ownedBy: iri(member), FC.copyOf: copied, FC.timeZone: "UTC"})
        where = {FC.locatedAt: iri(site), FC.ownedBy: iri(member), S4SYST.connectionPointOf: iri(i("node", node))}
        quads += describe(graph, connection, {RDF.type: FC.GridConnectionPoint, **where})
        quads += self.channel(key, connection, FCV.ImportPositive) + self.days(key, connection, kw, days)
        if pv is not None:
            quads += self.channel(key, i("device", f"{key}-pv"), FCV.ProductionPositive) + self.days(
                key, i("device", f"{key}-pv"), pv, days
            )
        self.store.apply(insert=quads)

    def channel(self, key, feature, sign):
        said = {
            RDF.type: [FC.Channel, SAREF.PropertyOfInterest],
            SAREF.isPropertyOfInterestOf: iri(feature),
            SAREF.hasPropertyKind: FCV.ActivePower,
            QUDT.hasUnit: UNIT.KiloW,
            FC.signConvention: sign,
            S4ENER.hasTemporalResolution: timedelta(minutes=15),
        }
        return describe(self.iris.graph("member", key, "osb", key), f"{feature}#activePower", said)

    def days(self, key, feature, kw, days):
        quads = []
        for day in days:
            values = [f"{kw}"] * 95 + [f"{kw * 2}"] if not isinstance(kw, list) else kw
            node = self.iris.day(f"{feature}#activePower", day)
            said = {FC.forProperty: iri(f"{feature}#activePower"), FC.day: day, S4ENER.hasTemporalResolution: timedelta(minutes=15)}
            packed = Json(f"[{','.join(values)}]")
            quads += describe(self.iris.graph("member", key, "telemetry", f"{day:%Y-%m}"), node, said | {FC["values"]: packed})
        return quads

    def publish(self, day=DAY, k=10):
        channels = Channels(self.store, self.iris)
        return aggregates.publish(self.store, self.iris, channels, Readings(self.store, self.iris, channels), day, k=k, now=NOW)

    def values(self, group, day=DAY, kind="load", name="activePower"):
        node = self.iris.day(f"{self.iris.base}/id/{group}#{name}", day)
        graph = self.store.graph(self.iris.graph("aggregates", kind, f"{day:%Y-%m}"))
        texts = [t.object.value for t in graph if t.subject.value == node and t.predicate.value == str(FC["values"])]
        return orjson.loads(texts[0]) if texts else None

    def reasons(self, day=DAY):
        graph = self.store.graph(self.iris.graph("aggregates", "load", f"{day:%Y-%m}"))
        days = {t.subject: t.object.value for t in graph if t.predicate.value == str(FC.flagOf)}
        found = {days[t.subject]: t.object.value.rpartition("/")[2] for t in graph if t.predicate.value == str(FC.reason)}
        return {self.iris.local(node).removeprefix("series/").partition("/activePower")[0]: reason for node, reason in found.items()}


@pytest.fixture
def coop(store, iris):
    return Coop(store, iris)


def test_ten_homes_are_summed_and_nine_are_not(coop):
    """Feeder 1 has ten homes: 1 + 2 + … + 10 = 55 kW, and twice that in the last quarter-hour; feeder 2, elsewhere, has nine."""
    for n in range(1, 11):
        coop.home(f"a{n:02}", "feeder-1", kw=float(n))

    assert coop.publish().withheld == ()
    assert coop.values("node/feeder-1") == coop.values("cooperative/demo") == [55] * 95 + [110]

    other = Coop(type(coop.store)(), coop.iris)
    for n in range(9):
        other.home(f"b{n:02}", "feeder-2")
    done = other.publish()

    assert done.shown == ()
    assert other.values("node/feeder-2") is None
    assert other.reasons() == {"node/feeder-2": "TooFewMembers", "cooperative/demo": "TooFewMembers"}


def test_what_a_difference_would_tell_is_withheld_with_its_reason(coop):
    for n in range(12):
        coop.home(f"a{n:02}", "feeder-1")
    for n in range(4):
        coop.home(f"b{n:02}", "feeder-2")

    coop.publish()

    assert coop.values("cooperative/demo") == [16] * 95 + [32]
    assert coop.values("node/feeder-1") is None
    assert coop.reasons() == {"node/feeder-1": "WithheldWithAnother", "node/feeder-2": "TooFewMembers"}


def test_production_counts_those_who_produce(coop):
    for n in range(12):
        coop.home(f"a{n:02}", "feeder-1", pv=0.25 if n < 10 else None)

    coop.publish()
    assert coop.values("node/feeder-1", kind="production", name="productionPower") == [2.5] * 95 + [5]

    other = Coop(type(coop.store)(), coop.iris)
    for n in range(12):
        other.home(f"a{n:02}", "feeder-1", pv=0.25 if n < 9 else None)
    other.publish()
    assert other.values("node/feeder-1", kind="production", name="productionPower") is None
    assert other.values("node/feeder-1") is not None


def test_copies_of_one_home_count_once(coop):
    for n in range(9):
        coop.home(f"a{n:02}", "feeder-1")
    coop.home("a09", "feeder-1", copy_of="a00")

    assert coop.publish().shown == ()

    coop.home("a10", "feeder-1")
    assert coop.publish(date(2016, 9, 1)).shown == (("load", "cooperative/demo"), ("load", "node/feeder-1"))


def test_a_quarter_hour_without_one_of_them_is_missing_not_less(coop):
    for n in range(9):
        coop.home(f"a{n:02}", "feeder-1")
    coop.home("a09", "feeder-1", kw=["null", *["1"] * 94, "2"])

    coop.publish()

    assert coop.values("node/feeder-1") == [None, *[10] * 94, 20]


def test_a_published_day_stays_as_it_is(coop):
    for n in range(10):
        coop.home(f"a{n:02}", "feeder-1")
    coop.publish()
    before = set(coop.store.graph(coop.iris.graph("aggregates/load/2016-08")))

    coop.home("late", "feeder-1", kw=100.0)
    again = coop.publish()

    assert again.shown == again.withheld == ()
    assert set(coop.store.graph(coop.iris.graph("aggregates/load/2016-08"))) == before


def test_who_joins_waits_for_the_next_month(coop):
    for n in range(10):
        coop.home(f"a{n:02}", "feeder-1")
    coop.publish(DAY)
    coop.home("new", "feeder-1", kw=100.0, days=(DAY, NEXT, date(2016, 9, 1)))

    coop.publish(NEXT)

    assert coop.values("node/feeder-1", NEXT) == [10] * 95 + [20]
    coop.publish(date(2016, 9, 1))
    assert coop.values("node/feeder-1", date(2016, 9, 1)) is not None  # the new one among them: ten have no reading
    assert set(coop.values("node/feeder-1", date(2016, 9, 1))) == {None}


@pytest.mark.parametrize("erased", [False, True])
def test_who_leaves_takes_the_group_out_for_the_rest_of_the_month(coop, erased):
    for n in range(12):
        coop.home(f"a{n:02}", "feeder-1")
    coop.publish(DAY)
    if erased:
        aggregates.forget(coop.store, coop.iris.id("member", "a00"), NOW)
    coop.store.drop([coop.iris.graph("member", "a00", leaf) for leaf in ("facts", "osb/a00", "telemetry/2016-08")])

    coop.publish(NEXT)

    assert coop.values("node/feeder-1", DAY) == [12] * 95 + [24]
    assert coop.values("node/feeder-1", NEXT) is None
    assert coop.reasons(NEXT) == {"node/feeder-1": "MembershipChanged", "cooperative/demo": "MembershipChanged"}
    if erased:
        left = coop.store.graph(coop.iris.graph("aggregation/2016-08"))
        assert not any("a00" in str(triple) for triple in left)


def test_the_public_graphs_name_nobody_and_keep_their_shapes(coop):
    for n in range(12):
        coop.home(f"canary{n:02}", "feeder-1")
    for n in range(3):
        coop.home(f"canary{n + 50:02}", "feeder-2")
    coop.publish()

    public = [graph for graph in coop.store.graphs() if layout.public(coop.iris).allows(graph)]

    assert {graph.partition("/graph/")[2] for graph in public} == {"aggregates/facts", "aggregates/load/2016-08"}
    triples = [triple for graph in public for triple in coop.store.graph(graph)]
    assert not any("canary" in str(triple) for triple in triples)
    assert shapes.validate(triples).sentences == ()
    assert any("/graph/aggregation/" in graph for graph in coop.store.graphs())


def test_a_day_that_is_not_over_is_refused(coop):
    with pytest.raises(PrivacyError, match="is not over"):
        coop.publish(date(2016, 9, 2))


def settle(coop, members):
    i = coop.iris.id
    coop.store.apply(
        insert=[
            *describe(
                coop.iris.graph("market"), i("campaign", "c1"), {RDF.type: FC.DRCampaign, FC.start: NOW, FC.end: NOW + timedelta(hours=2)}
            ),
            *describe(
                coop.iris.graph("settlement", "c1"),
                i("settlement", "c1"),
                {
                    RDF.type: FC.SettlementRun,
                    FC.forCampaign: iri(i("campaign", "c1")),
                    FC.hasPortfolioResult: iri(i("settlement", "c1#portfolio")),
                },
            ),
            *describe(
                coop.iris.graph("settlement", "c1"),
                i("settlement", "c1#portfolio"),
                {RDF.type: FC.PortfolioResult, FC.deliveredEnergy: Decimal("5.4"), QUDT.hasUnit: UNIT["KiloW-HR"]},
            ),
        ]
    )
    for key in members:
        event = i("event", f"c1-{key}")
        said = {RDF.type: FC.DREvent, FC.partOfCampaign: iri(i("campaign", "c1")), FC.forSite: iri(i("site", key)), RDFS.label: Lang(key)}
        coop.store.apply(insert=describe(coop.iris.graph("member", key, "events"), event, said))
        result = {RDF.type: FC.SettlementResult, FC.forEvent: iri(event)}
        coop.store.apply(insert=describe(coop.iris.graph("member", key, "statements"), i("settlement", "c1", key), result))


@pytest.mark.parametrize(("taking_part", "shown"), [(9, False), (10, True)])
def test_what_a_campaign_delivered_is_shown_when_enough_took_part(coop, taking_part, shown):
    for n in range(12):
        coop.home(f"canary{n:02}", "feeder-1")
    settle(coop, [f"canary{n:02}" for n in range(taking_part)])

    (thing,) = aggregates.publish_campaigns(coop.store, coop.iris, k=10, now=NOW)

    said = coop.store.graph(coop.iris.graph("aggregates/flexibility/2016-09"))
    numbers = [triple.object.value for triple in said if triple.predicate.value == str(FC.deliveredEnergy)]
    reasons = [triple.object.value for triple in said if triple.predicate.value == str(FC.reason)]
    assert (numbers, reasons) == ((["5.4"], []) if shown else ([], [str(FCV.TooFewMembers)]))
    assert not any("canary" in str(triple) for triple in said)
    assert thing == coop.iris.id("aggregate", "flexibility-c1")
    assert aggregates.publish_campaigns(coop.store, coop.iris, k=10, now=NOW) == []
