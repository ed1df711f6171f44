"""Contracts: drafted, signed, revised, ended; and what happens when somebody tampers."""

from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal

import agreements
import pytest
from pyoxigraph import Literal, NamedNode, Quad

import shapes
from kg.terms import describe, iri
from market import contracts
from market.contracts import ACTIVE, DRAFT, ENDED, Terms
from market.errors import ContractError, TransitionError
from ontology.names import FC, FCV, RDF
from registry.edits import Delta

AT = datetime(2026, 5, 1, 10, tzinfo=UTC)
DECIMAL = NamedNode("http://www.w3.org/2001/XMLSchema#decimal")
TERMS = Terms(
    capacity_kw=6.0,
    min_duration=timedelta(minutes=15),
    max_duration=timedelta(hours=2),
    max_activations=1,
    per_period=timedelta(days=1),
    min_notice=timedelta(hours=1),
    window_start=time(16),
    window_end=time(22),
    price_eur_per_kwh=Decimal("0.250"),
)


def drafted(store, iris, **changes):
    given = {
        "buyer": iris.id("cooperative", "demo"),
        "covers": [iris.id("device", "h01-ev"), iris.id("device", "h01-battery")],
        "valid_from": date(2026, 6, 1),
        "valid_to": date(2026, 12, 31),
        "baseline_method": str(FCV.TenOfTen),
        "terms": TERMS,
        **changes,
    }
    quads = contracts.draft(iris, iris.id("member", "h01"), **given)
    site = iris.id("site", "h01")
    facts = {RDF.type: FC.Site, FC.ownedBy: iri(iris.id("member", "h01")), FC.timeZone: "America/Los_Angeles"}
    store.apply(insert=quads + describe(iris.graph("member", "h01", "facts"), site, facts))
    return iris.id("contract", "h01", "r1")


def signed(store, iris, contract=None):
    contract = contract or drafted(store, iris)
    agreements.sign(store, iris, contract, [iris.id("cooperative", "demo")], AT)
    agreements.sign(store, iris, contract, [iris.id("member", "h01")], AT + timedelta(hours=1))
    return contract


def everything(store):
    return sorted(str(triple) for graph in store.graphs() for triple in store.graph(graph))


def test_a_draft_reads_back_as_it_was_agreed(store, iris):
    contract = contracts.read(store, drafted(store, iris))

    assert contract.status == DRAFT
    assert contract.covers == (iris.id("device", "h01-battery"), iris.id("device", "h01-ev"))
    assert {name: getattr(contract, name) for name in Terms.__dataclass_fields__} == vars(TERMS)
    assert (contract.valid_from, contract.valid_to) == (date(2026, 6, 1), date(2026, 12, 31))
    assert contract.zone == "America/Los_Angeles"
    assert contract.signatures == ()


def test_a_contract_that_ends_before_it_starts_is_refused_with_its_sentence(store, iris):
    with pytest.raises(shapes.InvalidGraphError, match=r"r1.*2026-05-31|2026-05-31.*r1"):
        drafted(store, iris, valid_to=date(2026, 5, 31))

    assert store.count() == 0


@pytest.mark.parametrize("one_first", [0, 1])
def test_it_becomes_active_when_both_have_signed_and_not_before(store, iris, one_first):
    contract = drafted(store, iris)
    parties = [iris.id("cooperative", "demo"), iris.id("member", "h01")]

    agreements.sign(store, iris, contract, [parties[one_first]], AT)
    first = contracts.read(store, contract)
    agreements.sign(store, iris, contract, [parties[1 - one_first]], AT)
    second = contracts.read(store, contract)

    assert (first.status, second.status) == (DRAFT, ACTIVE)
    assert {signature.digest for signature in second.signatures} == {second.digest}


def test_an_offer_is_written_with_the_buyers_signature_of_its_text(store, iris):
    quads = contracts.draft(
        iris,
        iris.id("member", "h01"),
        buyer=iris.id("cooperative", "demo"),
        covers=[iris.id("device", "h01-ev")],
        valid_from=date(2026, 6, 1),
        valid_to=date(2026, 12, 31),
        baseline_method=str(FCV.TenOfTen),
        terms=TERMS,
    )

    store.apply(insert=contracts.countersigned(iris, quads, AT))

    offered = contracts.read(store, iris.id("contract", "h01", "r1"))
    assert offered.status == DRAFT
    assert [(each.party, each.at, each.digest) for each in offered.signatures] == [(offered.buyer, AT, offered.digest)]
    assert contracts.verify_signatures(store.graph(iris.graph("member", "h01", "contracts"))) == []


def test_verbs_say_what_to_write_and_write_nothing_themselves(store, iris):
    contract = signed(store, iris)
    before = everything(store)

    following, revised = contracts.revise(store, iris, contract, capacity_kw=4.0)
    ended = contracts.end(store, iris, contract)

    assert everything(store) == before
    assert following == iris.id("contract", "h01", "r2")
    assert (len(revised.delete), len(ended.delete), len(ended.insert)) == (0, 1, 1)


def test_what_is_written_keeps_to_the_shapes(store, iris):
    signed(store, iris)

    report = shapes.validate(store.graph(iris.graph("member", "h01", "contracts")))

    assert report.sentences == ()


def test_signing_twice_changes_nothing(store, iris):
    contract = signed(store, iris)
    before = everything(store)

    again = contracts.sign(store, iris, contract, iris.id("member", "h01"), AT + timedelta(days=1))

    assert (again, everything(store)) == (Delta(), before)


def test_a_stranger_cannot_sign(store, iris):
    contract = drafted(store, iris)

    with pytest.raises(ContractError, match="its parties are"):
        contracts.sign(store, iris, contract, iris.id("member", "h02"), AT)


@pytest.mark.parametrize(("day", "held"), [(date(2026, 5, 31), 0), (date(2026, 6, 1), 1), (date(2026, 12, 31), 1), (date(2027, 1, 1), 0)])
def test_a_contract_is_active_on_the_local_days_of_its_validity(store, iris, day, held):
    signed(store, iris)
    evening = datetime(day.year, day.month, day.day, 18, tzinfo=UTC) + timedelta(
        hours=12
    )  # late evening in California: the next day in UTC

    assert len(contracts.active(store, iris, evening)) == held


def test_a_draft_is_not_active(store, iris):
    drafted(store, iris)

    assert contracts.active(store, iris, datetime(2026, 7, 1, tzinfo=UTC)) == []


@pytest.mark.parametrize(("part", "old", "new"), [("#price", "0.25", "0.35"), ("#capacity", "6.0", "60.0")])
def test_a_revision_that_was_tampered_with_is_never_active_and_named(store, iris, caplog, part, old, new):
    contract = signed(store, iris)
    graph = iris.graph("member", "h01", "contracts")
    node, value = NamedNode(contract + part), NamedNode("https://saref.etsi.org/core/hasValue")
    store.apply(
        delete=[Quad(node, value, Literal(old, datatype=DECIMAL), NamedNode(graph))],
        insert=[Quad(node, value, Literal(new, datatype=DECIMAL), NamedNode(graph))],
    )

    held, found = contracts.active(store, iris, datetime(2026, 7, 1, tzinfo=UTC)), contracts.tampered(store)

    assert held == []
    assert [one.contract for one in found] == [contract]
    assert f"{contract} was changed after it was agreed" in found[0].sentence
    assert "left out of dispatch" in caplog.text


def test_a_draft_that_was_changed_cannot_be_signed(store, iris):
    contract = drafted(store, iris)
    graph = iris.graph("member", "h01", "contracts")
    store.apply(insert=describe(graph, contract, {FC.covers: iri(iris.id("device", "h02-battery"))}))

    with pytest.raises(ContractError, match="changed after it was agreed"):
        contracts.sign(store, iris, contract, iris.id("member", "h01"), AT)


def test_the_digest_does_not_depend_on_order_or_spelling_of_numbers(iris):
    graph, node = iris.graph("member", "h01", "contracts"), "http://127.0.0.1:8080/id/contract/h01/r1#price"
    triples = [
        quad.triple for quad in describe(graph, node, {"http://x/a": Literal("0.40", datatype=DECIMAL), "http://x/b": timedelta(hours=1)})
    ]
    other = [
        quad.triple for quad in describe(graph, node, {"http://x/b": timedelta(minutes=60), "http://x/a": Literal("0.4", datatype=DECIMAL)})
    ]

    assert contracts.digest(triples) == contracts.digest(other)
    assert contracts.digest(triples) != contracts.digest(triples[:1])


def test_a_revision_takes_over_only_when_both_have_signed_it(store, iris):
    first = signed(store, iris)

    second = agreements.revise(store, iris, first, capacity_kw=4.0)
    during = [contracts.read(store, one).status for one in (first, second)]
    signed(store, iris, second)

    assert second == iris.id("contract", "h01", "r2")
    assert during == [ACTIVE, DRAFT]
    assert [contracts.read(store, one).status for one in (first, second)] == [ENDED, ACTIVE]
    assert [one.capacity_kw for one in contracts.active(store, iris, datetime(2026, 7, 1, tzinfo=UTC))] == [4.0]
    assert contracts.read(store, first).capacity_kw == 6.0


def test_a_revision_cannot_change_what_a_contract_does_not_have(store, iris):
    first = signed(store, iris)

    with pytest.raises(ContractError, match="a contract has no colour"):
        contracts.revise(store, iris, first, colour="red")


def test_a_contract_is_revised_once(store, iris):
    first = signed(store, iris)
    agreements.revise(store, iris, first, capacity_kw=4.0)

    with pytest.raises(TransitionError, match="revise that one"):
        contracts.revise(store, iris, first, capacity_kw=5.0)


@pytest.mark.parametrize("before", [DRAFT, ACTIVE, ENDED])
@pytest.mark.parametrize("after", [DRAFT, ACTIVE, ENDED])
def test_the_full_matrix_of_transitions(before, after):
    allowed = {(DRAFT, ACTIVE), (DRAFT, ENDED), (ACTIVE, ENDED)}

    if (before, after) in allowed:
        contracts.require_transition("the contract", before, after)
    else:
        with pytest.raises(TransitionError, match="can't become"):
            contracts.require_transition("the contract", before, after)


def test_what_has_ended_is_neither_signed_nor_revised_nor_ended_again(store, iris):
    contract = drafted(store, iris)
    agreements.write(store, contracts.end(store, iris, contract))
    before = everything(store)

    for verb in (
        lambda: contracts.sign(store, iris, contract, iris.id("member", "h01"), AT),
        lambda: contracts.revise(store, iris, contract, capacity_kw=1.0),
        lambda: contracts.end(store, iris, contract),
    ):
        with pytest.raises(TransitionError):
            verb()

    assert everything(store) == before


def test_an_unknown_contract_is_named(store):
    with pytest.raises(ContractError, match="there is no contract http://x/none"):
        contracts.read(store, "http://x/none")
