"""Owner and box speak of the same things: together they have one value, nothing that either said is lost, and other graphs stay."""

import itertools
from collections.abc import Iterable
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyoxigraph import Literal, NamedNode, Quad, Triple

from kg import words
from kg.embedded import EmbeddedStore
from kg.iris import Iris
from kg.terms import canonical, describe, literal
from kg.terms import iri as term
from kg.words import Said
from ontology.names import FC, FCV, ODRL, RDF, RDFS, SAREF, UNIT
from registry import owners_word
from registry.edits import Delta
from registry.gate import Gate
from shapes.single import single

IRIS = Iris("http://127.0.0.1:8080")
BATTERY, PUMP = IRIS.id("device", "h01-battery"), IRIS.id("device", "h01-heatpump")
OSB, FACTS, BOX = IRIS.id("osb", "h01"), IRIS.graph("member", "h01", "facts"), IRIS.graph("member", "h01", "osb", "h01")
NOTES = words.differing_graph(BOX)
KINDS = ("RatedPower", "StorageCapacity", "RoundTripEfficiency")


def t(subject: str, predicate: object, value: object) -> Triple:
    return Triple(NamedNode(subject), NamedNode(str(predicate)), canonical(literal(value)))  # type: ignore[arg-type]


def rated(device: str, kind: str, number: Decimal, name: str = "") -> set[Triple]:
    """A rating with its part."""
    part = f"{device}#{name or kind[0].lower() + kind[1:]}"
    return {
        t(device, SAREF.hasPropertyValue, term(part)),
        t(part, RDF.type, term(str(SAREF.PropertyValue))),
        t(part, SAREF.isValueOfProperty, term(str(FCV[kind]))),
        t(part, SAREF.hasValue, number),
        t(part, SAREF.isMeasuredIn, term(str(UNIT.KiloW))),
    }


def quads(triples: Iterable[Triple], graph: str) -> list[Quad]:
    return [Quad(each.subject, each.predicate, each.object, NamedNode(graph)) for each in triples]


CLAIM = {t(OSB, FC.claimedBy, term(IRIS.id("member", "h01")))}
numbers = st.integers(1, 5).map(Decimal)
devices = st.sampled_from([BATTERY, PUMP])
statements = st.one_of(
    st.builds(lambda d, k, n, name: rated(d, k, n, name), devices, st.sampled_from(KINDS), numbers, st.sampled_from(["", "other"])),
    st.builds(
        lambda d, text, tag: {t(d, RDFS.label, Literal(text, language=tag))},
        devices,
        st.sampled_from(["a", "b"]),
        st.sampled_from(["en", "es"]),
    ),
    st.builds(lambda d, kind: {t(d, FC.controlType, term(str(FCV[kind])))}, devices, st.sampled_from(["FRBC", "PEBC"])),
    st.builds(lambda d, cls: {t(d, RDF.type, term(str(FC[cls])))}, devices, st.sampled_from(["BatterySystem", "HeatPump"])),
    st.builds(lambda d, end: {t(d, SAREF.observes, term(f"{d}#{end}"))}, devices, st.sampled_from(["activePower", "stateOfCharge"])),
    st.builds(lambda d: {t(f"{d}#activePower", RDF.type, term(str(FC.Channel))), t(f"{d}#activePower", FC.minimum, Decimal(0))}, devices),
)


@st.composite
def sides(draw: st.DrawFn) -> set[Triple]:
    """What one side says: of each word one value."""
    said: dict[object, set[Triple]] = {}
    for group in draw(st.lists(statements, max_size=6)):
        for word, triples in Said(group).words().items():
            said[word] = triples
        loose = group - {triple for triples in Said(group).words().values() for triple in triples}
        for triple in loose:
            said[triple] = {triple}
    named = {triple for group in said.values() for triple in group}
    parts = [triple for triple in named if str(triple.predicate.value) == str(SAREF.hasValue)]
    crowded = {p.subject for p in parts if sum(q.subject == p.subject for q in parts) > 1}  # one part of two kinds is nobody's word
    return {triple for triple in named if triple.subject not in crowded and triple.object not in crowded}


@given(sides(), sides())
def test_together_owner_and_box_have_one_value_and_nothing_said_is_lost(box: set[Triple], facts: set[Triple]) -> None:
    divided = words.apart(box, facts)
    assert divided.kept | divided.withheld == box
    assert not divided.kept & divided.withheld
    assert set(Said(divided.kept).words()).isdisjoint(Said(facts).words())
    assert words.meant(words.noted(OSB, divided.withheld)) == divided.withheld
    assert words.apart(divided.kept, facts).withheld == frozenset()
    assert words.apart(box, set()).kept == box


@settings(max_examples=40)
@given(sides(), sides(), sides())
def test_whatever_is_edited_the_boxs_graph_and_its_notes_are_as_if_it_had_spoken_last(
    box: set[Triple], before: set[Triple], after: set[Triple]
) -> None:
    store = EmbeddedStore()
    first = words.apart(box, before | CLAIM)
    store.apply(insert=[*quads(before | CLAIM, FACTS), *quads(first.kept, BOX), *quads(words.noted(OSB, first.withheld), NOTES)])
    change = owners_word.settled(store, IRIS, Delta(frozenset(quads(before - after, FACTS)), frozenset(quads(after - before, FACTS))))
    gone = change.delete - change.insert
    store.apply(delete=gone, insert=change.insert)

    facts = set(store.graph(FACTS))
    again = words.apart(box, facts)
    assert set(store.graph(BOX)) == again.kept
    assert words.meant(store.graph(NOTES)) == again.withheld
    assert facts >= after | CLAIM
    store.close()


def test_the_shapes_say_of_what_a_thing_has_one_value() -> None:
    found = single()
    assert {str(FC.controlType), str(FC.deviceProfile), str(FC.locatedAt), str(RDFS.label), str(SAREF.hasValue)} <= found.plain
    assert str(SAREF.hasPropertyValue) in found.by_kind
    assert {str(SAREF.observes), str(FC.covers), str(ODRL.target)}.isdisjoint(found.plain)


@pytest.fixture
def gate(store: EmbeddedStore, iris: Iris) -> Gate:
    count = itertools.count(1)
    return Gate(store, iris, lambda: datetime(2026, 1, 2, 3, tzinfo=UTC), lambda: f"t{next(count)}")


def test_an_edit_of_others_and_of_members_without_boxes_stays_as_it_is(store: EmbeddedStore, iris: Iris) -> None:
    delta = Delta(insert=frozenset(quads(rated(BATTERY, "RatedPower", Decimal(3)), FACTS) + quads(CLAIM, IRIS.graph("registry"))))
    assert owners_word.settled(store, iris, delta) == delta
    assert owners_word.differences(store, iris, "h01") == []


def test_overruling_replaces_the_owners_own_earlier_word_also_under_another_name(store: EmbeddedStore, iris: Iris) -> None:
    store.apply(insert=quads(CLAIM | rated(BATTERY, "RatedPower", Decimal(3), "old"), FACTS))
    change = owners_word.overrule(store, iris, "h01", quads(rated(BATTERY, "RatedPower", Decimal(4)), FACTS))
    store.apply(delete=change.delete, insert=change.insert)
    assert set(store.graph(FACTS)) == CLAIM | rated(BATTERY, "RatedPower", Decimal(4))


def test_the_boxs_word_under_another_name_of_the_part_gives_way_too(store: EmbeddedStore, iris: Iris) -> None:
    store.apply(insert=[*quads(CLAIM, FACTS), *quads(rated(BATTERY, "RatedPower", Decimal(3), "value-1"), BOX)])
    change = owners_word.overrule(store, iris, iris.id("member", "h01"), quads(rated(BATTERY, "RatedPower", Decimal(4)), FACTS))
    store.apply(delete=change.delete, insert=change.insert)
    assert store.graph(BOX) == []
    [difference] = owners_word.differences(store, iris, "h01")
    assert difference.word == (BATTERY, str(SAREF.hasPropertyValue), str(FCV.RatedPower))
    assert {each.object.value for each in difference.box if str(each.predicate.value) == str(SAREF.hasValue)} == {"3"}


def test_channels_and_identifiers_are_the_boxs_own_and_a_contradiction_is_refused(store: EmbeddedStore, iris: Iris, gate: Gate) -> None:
    box = describe(
        BOX,
        OSB,
        {
            RDF.type: FC.OpenSmartBox,
            RDFS.label: literal("OSB"),
            SAREF.hasIdentifier: "osb-h01",
            SAREF.hasManufacturer: "x",
            SAREF.hasModel: "y",
        },
    )
    store.apply(insert=[*quads(CLAIM, FACTS), *box])
    before = set(store.graph(FACTS))
    with pytest.raises(ValueError, match="exactly one of letters"):
        gate.apply(Delta(insert=frozenset(describe(FACTS, OSB, {SAREF.hasIdentifier: "osb-else"}))), by="operator", why="")
    assert set(store.graph(FACTS)) == before
    gate.apply(Delta(insert=frozenset(describe(FACTS, OSB, {SAREF.hasModel: "z"}))), by="operator", why="")
    assert [each.path for each in owners_word.differences(store, iris, "h01")] == [str(SAREF.hasModel)]
