"""Versions: what edits changed is kept beside what they touched, and leads back to every earlier state."""

import itertools
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyoxigraph import Literal, NamedNode, Quad

import shapes
from kg.embedded import EmbeddedStore
from kg.iris import Iris
from kg.terms import Lang, describe, literal
from ontology.names import FC, FCV, ORG, RDF, RDFS, S4SYST, SAREF, UNIT
from registry import versions
from registry.edits import Delta
from registry.errors import RefusedEditError, UnknownVersionError
from registry.gate import Gate

AT = datetime(2026, 1, 2, 3, tzinfo=UTC)
EX = "http://example.org/"
P, Q = NamedNode(EX + "p"), NamedNode(EX + "q")


def delta(delete=(), insert=()) -> Delta:
    return Delta(frozenset(delete), frozenset(insert))


def said(subject: str, value: object, graph: str) -> Quad:
    return Quad(NamedNode(EX + subject), P, literal(value), NamedNode(graph))


def texts(store: EmbeddedStore, graph: str) -> str:
    return "\n".join(map(str, store.graph(graph)))


def test_an_edit_keeps_what_was_before_and_after_beside_what_it_touched(gate: Gate, store: EmbeddedStore, iris: Iris) -> None:
    facts, market = iris.graph("member", "h01", "facts"), iris.graph("market")
    store.apply(insert=[said("a", 1, facts)])

    receipt = gate.apply(delta([said("a", 1, facts)], [said("a#part", 2, facts), said("b", 3, market)]), by="clerk 7", why=" Exchanged. ")

    (own,) = versions.history(store, iris, EX + "a")
    assert (own.number, own.run, own.at, own.by, own.why) == (1, receipt.activity, AT, "clerk 7", "Exchanged.")
    assert (own.deleted, own.inserted) == ({said("a", 1, facts)}, {said("a#part", 2, facts)})
    assert EX + "b" not in texts(store, iris.graph("member", "h01", "edits"))
    assert EX + "a" not in texts(store, iris.graph("edits"))
    assert EX not in texts(store, iris.graph("audit"))  # counts and graphs, so that what is erased does not live on there
    assert versions.history(store, iris, EX + "a#part") == [own]


def test_what_people_is_told_of_a_member_is_recorded_with_the_member(gate: Gate, store: EmbeddedStore, iris: Iris) -> None:
    people, member = iris.graph("people"), iris.id("member", "h01")
    name = Quad(NamedNode(member), P, Literal("canary-name"), NamedNode(people))
    other = Quad(NamedNode(EX + "clerk"), P, Literal("canary-other"), NamedNode(people))

    gate.apply(delta(insert=[name, other]), by="clerk", why="")

    assert "canary-name" in texts(store, iris.graph("member", "h01", "edits"))
    assert "canary" not in texts(store, iris.graph("edits"))  # nobody would find it there to erase it
    (version,) = versions.history(store, iris, EX + "clerk")
    assert (version.kept, version.why) == (False, "")


@pytest.mark.parametrize("place", ["edits", "Edits", "member/h01/edits", "member/h01/Edits"])
def test_the_record_of_edits_is_not_edited_by_hand(place: str, gate: Gate, store: EmbeddedStore, iris: Iris) -> None:
    with pytest.raises(RefusedEditError, match="is written by the platform itself"):
        gate.apply(delta(insert=[said("a", 1, iris.graph(place))]), by="clerk", why="")
    assert store.graphs() == []


def test_a_thing_goes_back_to_a_version_and_nothing_else_does(gate: Gate, store: EmbeddedStore, iris: Iris) -> None:
    here, there = iris.graph("member", "h01", "facts"), iris.graph("member", "h01", "osb", "h01")
    foreign = said("a", "by the box", there)
    store.apply(insert=[foreign])
    gate.apply(delta(insert=[said("a", 1, here), said("a#x", 1, here)]), by="c", why="one")
    gate.apply(delta([said("a", 1, here), said("a#x", 1, here)], [said("a", 2, here), said("b", 1, here)]), by="c", why="two")

    gate.apply(versions.back_to(store, iris, EX + "a", 1), by="c", why="undo")

    assert versions.content(store, iris, EX + "a") == {said("a", 1, here), said("a#x", 1, here), foreign}
    assert said("b", 1, here).triple in store.graph(here)
    assert [each.why for each in versions.history(store, iris, EX + "a")] == ["undo", "two", "one"]

    gate.apply(versions.back_to(store, iris, EX + "a", 2), by="c", why="undo of the undo")

    assert versions.content(store, iris, EX + "a") == {said("a", 2, here), foreign}
    assert versions.content(store, iris, EX + "a", 0) == {foreign}  # what was there before edits were recorded


def test_every_kind_of_store_leads_back(any_store, iris: Iris) -> None:
    numbers = itertools.count()
    gate = Gate(any_store, iris, lambda: AT, lambda: f"k{next(numbers)}")
    decimal, where = NamedNode("http://www.w3.org/2001/XMLSchema#decimal"), NamedNode(iris.graph("registry"))
    first = [
        Quad(NamedNode(EX + "a"), P, value, where) for value in (Literal("4.0", datatype=decimal), Literal('né "x"\n', language="en-GB"))
    ]
    second = [Quad(NamedNode(EX + "a#part"), P, Literal("0.950", datatype=decimal), where)]
    gate.apply(delta(insert=first), by="c", why="one")
    begun = versions.content(any_store, iris, EX + "a")
    gate.apply(delta(first, second), by="c", why="two")

    gate.apply(versions.back_to(any_store, iris, EX + "a", 1), by="c", why="back")

    assert versions.content(any_store, iris, EX + "a") == begun == versions.content(any_store, iris, EX + "a", 1)
    assert [(each.number, each.why) for each in versions.history(any_store, iris, EX + "a")] == [(3, "back"), (2, "two"), (1, "one")]


def test_a_version_that_never_was_is_told_so(gate: Gate, store: EmbeddedStore, iris: Iris) -> None:
    gate.apply(delta(insert=[said("a", 1, EX + "g")]), by="c", why="")
    with pytest.raises(UnknownVersionError, match="has no version 7: 1 edits of it are recorded; choose one of its history"):
        versions.back_to(store, iris, EX + "a", 7)
    assert versions.history(store, iris, EX + "never") == []


GRAPHS = (
    "http://127.0.0.1:8080/graph/registry",
    "http://127.0.0.1:8080/graph/member/h01/facts",
    "http://127.0.0.1:8080/graph/member/h02/facts",
)
VALUES = (
    literal(1),
    literal(True),
    Literal("4.0", datatype=NamedNode("http://www.w3.org/2001/XMLSchema#decimal")),
    Literal('a "b"\n\\ ñ <script>'),
)
UNIVERSE = [
    Quad(NamedNode(EX + subject), predicate, value, NamedNode(graph))
    for subject, predicate, value, graph in itertools.product(("a", "a#x", "a#y", "b"), (P, Q), (*VALUES, NamedNode(EX + "a#x")), GRAPHS)
]
EDITS = st.one_of(
    st.tuples(st.sets(st.sampled_from(UNIVERSE), max_size=6), st.sets(st.sampled_from(UNIVERSE), max_size=6)), st.integers(0, 7)
)


@settings(max_examples=60)
@given(started=st.sets(st.sampled_from(UNIVERSE), max_size=5), edits=st.lists(EDITS, max_size=8))
def test_going_back_to_a_version_gives_exactly_the_content_of_then(started: set[Quad], edits: list) -> None:
    store, iris, numbers = EmbeddedStore(), Iris("http://127.0.0.1:8080"), itertools.count(1)
    store.apply(insert=started)
    gate = Gate(store, iris, lambda: AT, lambda: f"k{next(numbers)}")
    things = (EX + "a", EX + "b")

    def all_of(thing: str) -> set[str]:
        return {
            f"{triple} {graph}"
            for graph in GRAPHS
            for triple in store.graph(graph)
            if triple.subject.value.split("#")[0] == thing  # type: ignore[union-attr]
        }

    states = {thing: [all_of(thing)] for thing in things}
    for edit in edits:
        wanted = delta(*edit) if isinstance(edit, tuple) else versions.back_to(store, iris, things[0], edit % len(states[things[0]]))
        gate.apply(wanted, by="clerk", why="because")
        for thing in things:
            if (now := all_of(thing)) != states[thing][-1]:
                states[thing].append(now)

    for thing in things:
        assert [each.number for each in versions.history(store, iris, thing)] == list(range(len(states[thing]) - 1, 0, -1))
        for number, then in enumerate(states[thing]):
            last = gate.apply(versions.back_to(store, iris, thing, number), by="clerk", why="back")
            assert all_of(thing) == then
            others = {each: all_of(each) for each in things if each != thing}
            assert all(others[each] == states[each][-1] for each in others)
            assert last.activity is None or versions.history(store, iris, thing)[0].run == last.activity
        if states[thing][-1] != all_of(thing):
            gate.apply(versions.back_to(store, iris, thing, len(states[thing]) - 1), by="clerk", why="as it was")
    store.close()


def home(iris: Iris, key: str) -> list[Quad]:
    graph, member, site, connection = (
        iris.graph("member", key, "facts"),
        iris.id("member", key),
        iris.id("site", key),
        iris.id("connection", key),
    )
    described = {
        member: {RDF.type: FC.Member, ORG.memberOf: NamedNode(iris.id("cooperative", "demo"))},
        site: {RDF.type: FC.Site, FC.ownedBy: NamedNode(member), FC.timeZone: "Europe/Madrid"},
        connection: {
            RDF.type: FC.GridConnectionPoint,
            FC.locatedAt: NamedNode(site),
            FC.ownedBy: NamedNode(member),
            S4SYST.connectionPointOf: NamedNode(iris.id("node", "feeder-1")),
            SAREF.hasPropertyValue: NamedNode(f"{connection}#importLimit"),
        },
        f"{connection}#importLimit": {
            RDF.type: SAREF.PropertyValue,
            SAREF.isValueOfProperty: FCV.ImportLimit,
            SAREF.hasValue: 17.0,
            SAREF.isMeasuredIn: UNIT.KiloW,
        },
    }
    named = {each: {RDFS.label: Lang(f"Home {key}")} for each in (member, site, connection)}
    return [quad for about, properties in described.items() for quad in describe(graph, about, {**properties, **named.get(about, {})})]


def test_an_edit_of_five_hundred_homes_is_bounded(gate: Gate, store: EmbeddedStore, iris: Iris) -> None:
    quads = [quad for number in range(500) for quad in home(iris, f"m{number:03}")]

    receipt = gate.apply(delta(insert=quads), by="clerk", why="The list of the new feeder")

    assert receipt.inserted == len(quads)
    kept = sum(len(store.graph(graph)) for graph in store.graphs() if graph.endswith("/edits"))
    assert kept <= 500 * (3 * 6 + 8)  # three things a home, six statements each, and who, when and why once a home


def test_a_refusal_says_where_the_shapes_found_what(gate: Gate, iris: Iris) -> None:
    quads = [quad for quad in home(iris, "h07") if quad.predicate.value != str(FC.timeZone)]

    with pytest.raises(RefusedEditError) as refused:
        gate.apply(delta(insert=quads), by="clerk", why="")

    (finding,) = refused.value.findings
    assert (finding.focus, finding.path) == (iris.id("site", "h07"), str(FC.timeZone))
    assert refused.value.sentences == (finding.sentence,)


def test_of_very_many_findings_all_are_there_and_the_first_sentences() -> None:
    found = [shapes.Finding(f"urn:{number}", "", "", "", "Violation", f"Sentence {number}.") for number in range(50)]
    refused = RefusedEditError([each.sentence for each in found], found)
    assert (len(refused.findings), len(refused.sentences)) == (50, 21)
    assert refused.sentences[-1] == "… and 30 more."
