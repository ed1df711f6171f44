"""A box speaks of what the owner has spoken of: the owner's word holds, and the box's is kept beside it."""

import itertools
import threading
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from pyoxigraph import NamedNode, Quad, Triple

from devices import announcement, config
from devices.channels import of_home
from devices.messages import Identity
from forms import changes, filled, things
from kg import queries
from kg.embedded import EmbeddedStore
from kg.iris import Iris
from kg.terms import Lang, describe
from kg.terms import iri as term
from ontology.names import FC, FCV, RDF, RDFS, SAREF, UNIT
from registry import owners_word
from registry.edits import Delta
from registry.gate import Gate
from scenario import cooperative
from settlement.books import check
from shapes import InvalidGraphError
from telemetry.announce import register
from telemetry.channels import Channels

AT = datetime(2026, 1, 2, 3, tzinfo=UTC)
ME = Identity("http://127.0.0.1:8080", "osb-h01", "h01")


def spoken(capacity: float = 10.0) -> bytes:
    """What the box of home h01 announces."""
    home = config.Home(
        osb="osb-h01",
        key="h01",
        source=1,
        pv=config.PVSystem(4.0),
        battery=config.Battery(capacity, 5.0),
        heat_pump=config.HeatPump(2.5, 3.0, 4.0, 5.0),
    )
    return announcement.of_home(ME, home, of_home(home, None)).payload


@pytest.fixture
def channels(store: EmbeddedStore, iris: Iris) -> Channels:
    store.apply(insert=cooperative.facts(cooperative.plan(2, 1), iris))
    return Channels(store, iris)


@pytest.fixture
def gate(store: EmbeddedStore, iris: Iris) -> Gate:
    numbers = itertools.count(1)
    return Gate(store, iris, lambda: AT, lambda: f"t{next(numbers)}")


def facts(iris: Iris) -> str:
    return iris.graph("member", "h01", "facts")


def rating(iris: Iris, kwh: Decimal, *, whole: bool = True) -> list[Quad]:
    """The owner's word on the capacity of the battery."""
    battery = iris.id("device", "h01-battery")
    part = f"{battery}#storageCapacity"
    rest = {
        RDF.type: term(str(SAREF.PropertyValue)),
        SAREF.isValueOfProperty: term(str(FCV.StorageCapacity)),
        SAREF.isMeasuredIn: term(str(UNIT["KiloW-HR"])),
    }
    link = describe(facts(iris), battery, {SAREF.hasPropertyValue: term(part)})
    return describe(facts(iris), part, {SAREF.hasValue: kwh, **(rest if whole else {})}) + (link if whole else [])


def capacities(store: EmbeddedStore, iris: Iris) -> list[float]:
    """What the forecasts take for the capacity of the battery."""
    rows = queries.rows(store, queries.load("forecasting", "der_ratings"), der=[iris.id("device", "h01-battery")])
    return [float(row["value"]) for row in rows if row["kind"] == str(FCV.StorageCapacity)]


def everything(store: EmbeddedStore) -> set[tuple[str, Triple]]:
    return {(graph, triple) for graph in store.graphs() for triple in store.graph(graph)}


def said(store: EmbeddedStore, iris: Iris) -> list[tuple[str, str, list[str], list[str]]]:
    """The differences, short."""

    def numbers(triples: frozenset[Triple]) -> list[str]:
        return sorted(t.object.value for t in triples if t.predicate.value in (str(SAREF.hasValue), str(RDFS.label), str(FC.controlType)))

    return [(iris.local(d.thing), d.kind or d.path, numbers(d.owner), numbers(d.box)) for d in owners_word.differences(store, iris, "h01")]


def test_a_box_of_an_owner_who_has_said_nothing_has_its_graph_word_for_word(store: EmbeddedStore, iris: Iris, channels: Channels) -> None:
    before = store.graph(facts(iris))
    register(store, iris, channels, "osb-h01", spoken())
    own = set(store.graph(iris.graph("member", "h01", "osb", "h01")))

    assert {str(t.predicate) for t in own} >= {f"<{FC.controlType}>", f"<{SAREF.hasValue}>"}
    assert store.graph(iris.graph("member", "h01", "differing", "h01")) == []
    assert store.graph(facts(iris)) == before
    assert capacities(store, iris) == [10.0]


def test_what_a_clerk_corrects_holds_and_the_box_can_speak_again_without_changing_it(
    store: EmbeddedStore, iris: Iris, channels: Channels, gate: Gate
) -> None:
    register(store, iris, channels, "osb-h01", spoken())
    gate.apply(
        owners_word.overrule(store, iris, iris.id("member", "h01"), rating(iris, Decimal("8.5"))), by="operator", why="the plate says so"
    )
    corrected = set(store.graph(facts(iris)))

    assert capacities(store, iris) == [8.5]
    assert said(store, iris) == [("device/h01-battery", str(FCV.StorageCapacity), ["8.5"], ["10"])]

    register(store, iris, channels, "osb-h01", spoken(12.0))
    assert set(store.graph(facts(iris))) == corrected
    assert capacities(store, iris) == [8.5]
    assert said(store, iris) == [("device/h01-battery", str(FCV.StorageCapacity), ["8.5"], ["12"])]

    again = everything(store)
    register(store, iris, channels, "osb-h01", spoken(12.0))
    assert everything(store) == again

    register(store, iris, channels, "osb-h01", spoken(8.5))  # the box has learned it
    assert said(store, iris) == []
    assert capacities(store, iris) == [8.5]


def test_taking_the_boxs_word_again_brings_back_what_it_said_last(store: EmbeddedStore, iris: Iris, channels: Channels, gate: Gate) -> None:
    register(store, iris, channels, "osb-h01", spoken())
    before = everything(store)
    gate.apply(owners_word.overrule(store, iris, "h01", rating(iris, Decimal("8.5"))), by="operator", why="")
    [difference] = owners_word.differences(store, iris, "h01")
    gate.apply(owners_word.take_the_boxs_word(store, iris, "h01", [difference.word]), by="operator", why="")

    audits = {iris.graph("audit"), iris.graph("member", "h01", "edits")}
    assert {each for each in everything(store) if each[0] not in audits} == before

    with pytest.raises(ValueError, match="No box of member/h01 says anything of"):
        owners_word.take_the_boxs_word(store, iris, "h01", [(iris.id("site", "h01"), str(FC.timeZone), "")])


def test_a_number_alone_takes_its_kind_and_unit_from_the_box(store: EmbeddedStore, iris: Iris, channels: Channels, gate: Gate) -> None:
    register(store, iris, channels, "osb-h01", spoken())
    gate.apply(Delta(insert=frozenset(rating(iris, Decimal(9), whole=False))), by="operator", why="by an Update")

    assert capacities(store, iris) == [9.0]
    assert said(store, iris) == [("device/h01-battery", str(FCV.StorageCapacity), ["9"], ["10"])]
    assert check(store, iris, channels, [])["findings"] == []


def test_any_edit_of_the_facts_lets_the_boxs_word_give_way_in_the_same_transaction(
    store: EmbeddedStore, iris: Iris, channels: Channels, gate: Gate
) -> None:
    register(store, iris, channels, "osb-h01", spoken())
    battery = iris.id("device", "h01-battery")
    words = describe(facts(iris), battery, {RDFS.label: Lang("Battery in the cellar"), FC.controlType: term(str(FCV.PEBC))})
    gate.apply(Delta(insert=frozenset(words)), by="operator", why="as a form without any idea of boxes would")

    assert said(store, iris) == [
        ("device/h01-battery", str(RDFS.label), ["Battery in the cellar"], ["Battery"]),
        ("device/h01-battery", str(FC.controlType), [str(FCV.PEBC)], [str(FCV.FRBC)]),
    ]
    [row] = [row for row in queries.rows(store, queries.load("forecasting", "ders"), type=[str(FC.BatterySystem)]) if row["der"] == battery]
    assert row["control"] == str(FCV.PEBC)
    assert check(store, iris, channels, [])["findings"] == []

    gate.apply(Delta(delete=frozenset(words)), by="operator", why="on second thoughts")
    assert said(store, iris) == []
    assert store.graph(iris.graph("member", "h01", "differing", "h01")) == []
    [row] = [row for row in queries.rows(store, queries.load("forecasting", "ders"), type=[str(FC.BatterySystem)]) if row["der"] == battery]
    assert row["control"] == str(FCV.FRBC)


def test_a_device_that_was_entered_before_its_box_spoke_is_there_once_afterwards(
    store: EmbeddedStore, iris: Iris, channels: Channels, gate: Gate
) -> None:
    register(store, iris, channels, "osb-h01", spoken())
    box = iris.graph("member", "h01", "osb", "h01")
    battery = iris.id("device", "h01-battery")
    whole = {
        t
        for t in store.graph(box)
        if t.subject.value.split("#")[0] == battery and not t.subject.value.endswith(("#activePower", "#stateOfCharge"))
    }
    for graph in (box, facts(iris)):  # as if the clerk had entered all of it, and no box had ever spoken
        before = store.graph(graph)
        store.replace_graph(graph, [] if graph == box else [*before, *whole])

    register(store, iris, channels, "osb-h01", spoken(11.0))
    assert capacities(store, iris) == [10.0]
    assert said(store, iris) == [("device/h01-battery", str(FCV.StorageCapacity), ["10"], ["11"])]
    counted = {row["type"]: row["devices"] for row in queries.rows(store, queries.load("api", "device_counts"))}
    assert counted == {str(FC.BatterySystem): 1, str(FC.HeatPump): 1, str(FC.PVSystem): 1}
    coop = iris.id("cooperative", "demo")
    takes_part = [row["der"] for row in queries.rows(store, queries.load("optimiser", "available_ders"), cooperative=coop)]
    assert takes_part.count(battery) == 1
    assert check(store, iris, channels, [])["findings"] == []


def test_a_box_can_not_take_a_device_from_its_owner_by_saying_so(store: EmbeddedStore, iris: Iris, channels: Channels) -> None:
    document = spoken().replace(b'"label": "Battery"', b'"label": "Battery", "fc:ownedBy": {"@id": "member/h02"}')
    before = everything(store)
    with pytest.raises(InvalidGraphError, match="exactly one member"):
        register(store, iris, channels, "osb-h01", document)
    assert everything(store) == before


def test_a_form_that_corrects_the_boxs_number_leaves_one_number_and_the_boxs_beside_it(
    store: EmbeddedStore, iris: Iris, channels: Channels, gate: Gate
) -> None:
    register(store, iris, channels, "osb-h01", spoken())
    battery = iris.id("device", "h01-battery")
    thing = things.read(store, iris, battery)
    assert thing is not None
    typed = {
        name: [text]
        for field in thing.form.fields
        for entry in thing.values.get(field.key, ())
        for name, text in filled.raw(field, entry, "en").items()
    }
    read = filled.read(thing.form, typed | {"BatterySystem-storageCapacity": ["8.5"], "label": ["In the cellar"]}, "en", existing=thing)
    assert read.errors == {}
    gate.apply(changes.delta(iris, thing, read, changes.place_of(iris, thing)), by="operator", why="")

    assert capacities(store, iris) == [8.5]
    assert said(store, iris) == [
        ("device/h01-battery", str(RDFS.label), ["In the cellar"], ["Battery"]),
        ("device/h01-battery", str(FCV.StorageCapacity), ["8.5"], ["10"]),
    ]
    notes = store.graph(iris.graph("member", "h01", "differing", "h01"))
    assert {t.predicate for t in notes} == {NamedNode(str(RDF[name])) for name in ("type", "subject", "predicate", "object")}
    again = things.read(store, iris, battery)
    assert again is not None
    [capacity] = again.values["BatterySystem-storageCapacity"]
    assert capacity.graph == facts(iris)
    assert check(store, iris, channels, [])["findings"] == []


def test_what_is_withheld_is_no_fact_that_a_pattern_finds(store: EmbeddedStore, iris: Iris, channels: Channels, gate: Gate) -> None:
    register(store, iris, channels, "osb-h01", spoken())
    gate.apply(owners_word.overrule(store, iris, "h01", rating(iris, Decimal("8.5"))), by="operator", why="")
    notes = store.graph(iris.graph("member", "h01", "differing", "h01"))

    assert {t.predicate for t in notes} == {NamedNode(str(RDF[name])) for name in ("type", "subject", "predicate", "object")}
    assert len(notes) == 4 * 5  # the link, and type, kind, number and unit of the part


class Slow:
    """A store under which a clerk begins to write right after a box's announcement has read the owner's facts."""

    def __init__(self, store: EmbeddedStore, after: str, clerk: threading.Thread) -> None:
        self._store, self._after, self._clerk = store, after, clerk

    def graph(self, name: str) -> list[Triple]:
        found = self._store.graph(name)
        if name == self._after and self._clerk.ident is None:
            self._clerk.start()
            self._clerk.join(0.5)  # done by then, if nothing keeps it out
        return found

    def __getattr__(self, name: str) -> object:
        return getattr(self._store, name)


def test_a_clerk_who_writes_while_the_box_announces_itself_leaves_one_value(
    store: EmbeddedStore, iris: Iris, channels: Channels, gate: Gate
) -> None:
    register(store, iris, channels, "osb-h01", spoken())
    said_so = Delta(frozenset(), frozenset(rating(iris, Decimal("8.5"))))
    clerk = threading.Thread(target=lambda: gate.apply(said_so, by="operator", why="the plate says so"))

    register(Slow(store, facts(iris), clerk), iris, channels, "osb-h01", spoken(12.0), gate.held)
    clerk.join()

    assert capacities(store, iris) == [8.5]
    assert [box for _, kind, _, box in said(store, iris) if kind == str(FCV.StorageCapacity)] == [["12"]]
