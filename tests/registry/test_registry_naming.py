"""Keys at the gate: what nobody may be called, whatever way it came in; and whose a box is."""

import itertools
from collections.abc import Iterable

import pytest
from pyoxigraph import NamedNode, Quad

from kg.embedded import EmbeddedStore
from kg.iris import Iris
from kg.terms import Lang, describe
from ontology.names import FC, ORG, RDF, RDFS, SAREF
from registry import naming, versions
from registry.claims import moved
from registry.edits import Delta
from registry.errors import RefusedEditError
from registry.gate import Gate
from tests.registry.conftest import AT

NO_MEMBER = (
    "“{}” can't be the key of a new member. Write one that nobody has or had: small letters, digits and dashes, at most 32, like h18."
)
NO_KEY = "“{}” can't be a key. Use letters, digits, dots, dashes and underscores, at most 64."


@pytest.fixture
def gate(store: EmbeddedStore, iris: Iris) -> Gate:
    numbers = itertools.count(1)
    return Gate(store, iris, lambda: AT, lambda: f"t{next(numbers)}", erased="h77".__eq__, certified="osb-b7".__eq__)


def member(iris: Iris, key: str, graph: str | None = None) -> list[Quad]:
    said = {RDF.type: FC.Member, RDFS.label: Lang("Somebody"), ORG.memberOf: NamedNode(iris.id("cooperative", "demo"))}
    return list(describe(graph or iris.graph("member", key, "facts"), iris.id("member", key), said))


def site(iris: Iris, key: str, owner: str, graph: str | None = None, iri: str = "") -> list[Quad]:
    said = {
        RDF.type: FC.Site,
        RDFS.label: Lang("Home"),
        FC.ownedBy: NamedNode(iris.id("member", owner)),
        FC.timeZone: "Europe/Madrid",
    }
    return list(describe(graph or iris.graph("member", owner, "facts"), iri or iris.id("site", key), said))


def claim(iris: Iris, box: str, owner: str, graph: str | None = None, at: str = "") -> list[Quad]:
    said = {FC.claimedBy: NamedNode(iris.id("member", owner)), **({FC.locatedAt: NamedNode(iris.id("site", at))} if at else {})}
    return list(describe(graph or iris.graph("member", owner, "facts"), iris.id("osb", box), said))


def sentences(gate: Gate, insert: Iterable[Quad], delete: Iterable[Quad] = ()) -> tuple[str, ...]:
    with pytest.raises(RefusedEditError) as refused:
        gate.apply(Delta(frozenset(delete), frozenset(insert)), by="clerk", why="try")
    assert [finding.messages["en"] for finding in refused.value.findings] == list(refused.value.sentences)
    return refused.value.sentences


@pytest.mark.parametrize("key", ["H01", "x-1", "h.9", "h_9", "h" * 33, "-h", "h77", "h%20a"])
def test_a_new_member_has_a_key_that_nobody_has_or_had(gate: Gate, store: EmbeddedStore, iris: Iris, key: str) -> None:
    assert sentences(gate, [*member(iris, key), *site(iris, key, key)]) == (NO_MEMBER.format(key),)
    assert sentences(gate, member(iris, key, iris.graph("registry"))) == (NO_MEMBER.format(key),)
    assert sentences(gate, site(iris, "a", "h01", iris.graph("member", key, "plans"))[1:2]) == (NO_MEMBER.format(key),)
    assert store.count() == 0


def test_a_member_whose_key_was_once_allowed_is_still_edited(gate: Gate, store: EmbeddedStore, iris: Iris) -> None:
    store.apply(insert=member(iris, "H01"))
    old = next(each for each in member(iris, "H01") if each.predicate.value == str(RDFS.label))

    gate.apply(
        Delta(frozenset([old]), frozenset(describe(old.graph_name.value, old.subject.value, {RDFS.label: Lang("Else")}))), by="c", why=""
    )

    assert sentences(gate, member(iris, "h01")) == (NO_MEMBER.format("h01"),)  # the same in another spelling


def test_things_are_called_as_their_shape_and_their_member_say(gate: Gate, store: EmbeddedStore, iris: Iris) -> None:
    store.apply(insert=[*member(iris, "h01"), *member(iris, "h02"), *site(iris, "h02", "h02")])
    foreign = "http://example.org/site"

    assert sentences(gate, site(iris, "zz", "h01")) == ("“zz” is not a key of member h01. Begin it with h01-.",)
    assert sentences(gate, site(iris, "h02", "h01", iris.graph("member", "h01", "facts")))[0].startswith(
        "“h02” is not a key of member h01."
    )
    assert sentences(gate, site(iris, "h01-ñ", "h01")) == (NO_KEY.format("h01-ñ"),)
    assert sentences(gate, site(iris, "", "h01", iri=f"{iris.base}/id/site/h01#x")) == (NO_KEY.format("h01#x"),)
    assert sentences(gate, site(iris, "", "h01", iri=foreign)) == (
        f"“{foreign}” is not what such a thing is called here. Begin its address with {iris.id('site', '')}.",
    )
    assert sentences(gate, member(iris, "h02", iris.graph("member", "h01", "facts"))) == (
        "“h02” is not the member in whose graph this is said. State it among the facts of that member.",
    )
    node = describe(iris.graph("registry"), iris.id("node", "feeder 1".replace(" ", "%20")), {RDF.type: FC.GridNode, RDFS.label: Lang("x")})
    assert sentences(gate, node) == (NO_KEY.format("feeder%201"),)
    gate.apply(Delta(insert=frozenset(site(iris, "h01-barn", "h01"))), by="clerk", why="")  # what is right passes


def test_a_key_that_is_another_members_thing_is_in_use(gate: Gate, store: EmbeddedStore, iris: Iris) -> None:
    store.apply(insert=[*member(iris, "a"), *member(iris, "a-b"), *site(iris, "a-b-barn", "a-b")])

    assert sentences(gate, site(iris, "a-b-barn", "a")) == ("“a-b-barn” is in use. Choose another key.",)


def test_what_a_box_has_named_may_be_spoken_of_by_its_owner(gate: Gate, store: EmbeddedStore, iris: Iris) -> None:
    device = {
        RDF.type: FC.SmartMeter,
        RDFS.label: Lang("Meter"),
        FC.managedBy: NamedNode(iris.id("osb", "h01")),
        SAREF.observes: NamedNode(iris.id("connection", "h01#activePower")),
    }
    store.apply(insert=[*member(iris, "h01"), *claim(iris, "h01", "h01")])
    store.apply(insert=describe(iris.graph("member", "h01", "osb", "h01"), iris.id("device", "shelly-1"), device))

    gate.apply(
        Delta(insert=frozenset(describe(iris.graph("member", "h01", "facts"), iris.id("device", "shelly-1"), {RDF.type: FC.SmartMeter}))),
        by="clerk",
        why="",
    )


def test_every_rule_is_told_in_each_language() -> None:
    for reason, told in naming.SENTENCES.items():
        assert set(told) == {"en", "es", "nl"}, reason
        fields = {
            language: sorted(part for part in text.split("{")[1:] for part in [part.split("}")[0]]) for language, text in told.items()
        }
        assert fields["es"] == fields["nl"] == fields["en"], reason


# --- whose a box is


@pytest.fixture
def homes(store: EmbeddedStore, iris: Iris) -> EmbeddedStore:
    quads = [quad for key in ("h01", "h02") for quad in (*member(iris, key), *site(iris, key, key))]
    store.apply(insert=[*quads, *claim(iris, "b9", "h01", at="h01"), *claim(iris, "b7", "h01")])
    return store


def over(store: EmbeddedStore, iris: Iris, box: str, other: str = "h02") -> Delta:
    """What the form says that names another member: the claim in the same graph, and what follows from it."""
    facts = iris.graph("member", "h01", "facts")
    return moved(store, iris, Delta(frozenset(claim(iris, box, "h01", facts)), frozenset(claim(iris, box, other, facts))))


def test_a_box_is_claimed_once_and_where_its_member_speaks(gate: Gate, homes: EmbeddedStore, iris: Iris) -> None:
    assert sentences(gate, claim(iris, "b9", "h02")) == (
        "The box b9 belongs to somebody else. Look at its label again, or have it let go there first.",
    )
    elsewhere = "is claimed here for somebody else. State the claim among the facts of the member whose it is."
    for graph in (iris.graph("registry"), iris.graph("member", "h01", "facts"), iris.graph("posted", "1"), iris.graph("member/h02/plans")):
        assert sentences(gate, claim(iris, "b8", "h02", graph)) == (f"The box b8 {elsewhere}",)


def test_a_box_moves_with_all_that_was_said_of_it_in_one_edit_and_back(gate: Gate, homes: EmbeddedStore, iris: Iris) -> None:
    first, then, box = iris.graph("member", "h01", "facts"), iris.graph("member", "h02", "facts"), iris.id("osb", "b9")
    homes.apply(
        insert=describe(first, box, {RDFS.label: Lang("Gateway"), SAREF.hasModel: "B", FC.ownedBy: NamedNode(iris.id("member", "h01"))})
    )
    before = versions.content(homes, iris, box)

    receipt = gate.apply(over(homes, iris, "b9"), by="clerk", why="It hung at the neighbour's of h01.")

    said = {(quad.predicate.value, str(quad.object), quad.graph_name.value) for quad in versions.content(homes, iris, box)}
    assert said == {
        (str(FC.claimedBy), f"<{iris.id('member', 'h02')}>", then),
        (str(FC.locatedAt), f"<{iris.id('site', 'h02')}>", then),  # the site of the new home, not of the old
        (str(RDFS.label), '"Gateway"@en', then),
        (str(SAREF.hasModel), '"B"', then),
    }
    assert receipt.activity is not None
    own, others = ("\n".join(map(str, homes.graph(iris.graph("member", key, "edits")))) for key in ("h01", "h02"))
    assert "h02" not in own
    assert "h01" not in others  # neither in what came nor in the words
    assert "neighbour" in own
    (version,) = versions.history(homes, iris, box)
    assert version.why == "It hung at the neighbour's of h01."

    gate.apply(versions.back_to(homes, iris, box, 0), by="clerk", why="back")

    assert versions.content(homes, iris, box) == before
    gate.apply(versions.back_to(homes, iris, box, 1), by="clerk", why="and forth")
    assert iris.id("member", "h02") in {str(getattr(each.object, "value", "")) for each in versions.content(homes, iris, box)}


def test_a_box_that_has_spoken_or_is_in_use_stays(gate: Gate, homes: EmbeddedStore, iris: Iris) -> None:
    device = describe(iris.graph("member", "h01", "facts"), iris.id("device", "h01-pv"), {FC.managedBy: NamedNode(iris.id("osb", "b9"))})
    homes.apply(insert=device)
    move = over(homes, iris, "b9")
    assert sentences(gate, move.insert, move.delete) == (
        "The box b9 still has devices of another home. Name another box for them there, or take them away, first.",
    )
    homes.apply(
        delete=device, insert=describe(iris.graph("member", "h01", "osb", "b9"), iris.id("osb", "b9"), {SAREF.hasIdentifier: "osb-b9"})
    )
    assert sentences(gate, move.insert, move.delete) == (
        "The box b9 has announced itself in another home, and what it measured stays there. Give it a new identifier and claim that one here.",
    )
    certified = over(homes, iris, "b7")
    assert sentences(gate, certified.insert, certified.delete) == (
        "The box b7 has a certificate, or a claim code for one, from the home it was claimed for. End them first (flex revoke osb-b7); "
        "then it can be claimed anew.",
    )


def test_a_box_with_a_certificate_is_neither_let_go_nor_claimed(store: EmbeddedStore, homes: EmbeddedStore, iris: Iris) -> None:
    numbers, valid = itertools.count(1), {"osb-b7"}
    gate = Gate(store, iris, lambda: AT, lambda: f"t{next(numbers)}", certified=valid.__contains__)
    told = (
        "The box b7 has a certificate, or a claim code for one, from the home it was claimed for. End them first (flex revoke osb-b7); "
        "then it can be claimed anew.",
    )
    first, then = claim(iris, "b7", "h01"), claim(iris, "b7", "h02", at="h02")
    assert sentences(gate, [], first) == told
    said = [triple for triple in homes.graph(iris.graph("member", "h01", "facts")) if triple.subject != NamedNode(iris.id("osb", "b7"))]
    with pytest.raises(RefusedEditError):
        gate.replace(iris.graph("member", "h01", "facts"), said, by="clerk", why="Graph Store PUT")
    gate.apply(Delta(insert=frozenset(claim(iris, "b7", "h01", at="h01"))), by="clerk", why="its site")  # the claim itself stays

    valid.clear()
    gate.apply(Delta(delete=frozenset(claim(iris, "b7", "h01", at="h01"))), by="clerk", why="let go")
    valid.add("osb-b7")
    assert sentences(gate, then) == told
    valid.clear()
    gate.apply(Delta(insert=frozenset(then)), by="clerk", why="claimed anew")
    assert (NamedNode(iris.id("member", "h02"))) in {triple.object for triple in homes.graph(iris.graph("member", "h02", "facts"))}


def test_of_several_sites_one_must_be_chosen(homes: EmbeddedStore, iris: Iris) -> None:
    homes.apply(insert=site(iris, "h02-barn", "h02"))

    with pytest.raises(RefusedEditError) as refused:
        over(homes, iris, "b9")

    (finding,) = refused.value.findings
    assert (finding.path, finding.sentence) == (str(FC.locatedAt), "Member h02 has several sites. Choose the one at which the box stands.")
