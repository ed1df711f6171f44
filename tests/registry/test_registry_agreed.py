"""What was agreed, at the gate: no way in changes a signed contract, a consent, a grant, or takes a signature or a withdrawal away."""

from datetime import date, time, timedelta
from decimal import Decimal

import pytest
from pyoxigraph import Literal, NamedNode, Quad

from access.terms import end as withdrawn
from kg.embedded import EmbeddedStore
from kg.iris import Iris
from kg.terms import describe, iri, literal
from market import contracts
from ontology.names import DPV, FC, FCV, ODRL, RDF, SAREF
from registry.edits import Delta
from registry.errors import RefusedEditError
from registry.gate import Gate
from tests.registry.conftest import AT

TERMS = contracts.Terms(
    2.0, timedelta(minutes=15), timedelta(hours=1), 3, timedelta(days=7), timedelta(minutes=30), time(16), time(22), Decimal("0.30")
)


@pytest.fixture
def places(store: EmbeddedStore, iris: Iris) -> tuple[str, str]:
    """A home with a contract that both have signed and a consent that was withdrawn: their IRIs."""
    buyer, member, facts = iris.id("cooperative", "demo"), iris.id("member", "h01"), iris.graph("member", "h01", "facts")
    drafted = contracts.draft(
        iris,
        member,
        buyer=buyer,
        covers=[iris.id("device", "h01-battery")],
        valid_from=date(2026, 1, 1),
        valid_to=date(2026, 12, 31),
        baseline_method=str(FCV.TenOfTen),
        terms=TERMS,
    )
    store.apply(insert=contracts.countersigned(iris, drafted, AT))
    contract, consent = iris.id("contract", "h01", "r1"), iris.id("consent", "h01-p1")
    said = {
        RDF.type: FC.DataConsent,
        ODRL.assigner: iri(member),
        ODRL.assignee: iri(iris.id("partner", "p1")),
        ODRL.target: iri(member),
        FC.dataCategory: FCV.TelemetryData,
        FC.purpose: DPV.ResearchAndDevelopment,
        FC.validFrom: date(2026, 1, 1),
        FC.validTo: date(2026, 12, 31),
    }
    store.apply(insert=describe(facts, consent, said))
    return contract, consent


def refused(gate: Gate, insert: list[Quad] = [], delete: list[Quad] = []) -> str:  # noqa: B006  (never changed)
    with pytest.raises(RefusedEditError) as told:
        gate.apply(Delta(frozenset(delete), frozenset(insert)), by="clerk", why="try")
    return told.value.sentences[0]  # before what the shapes say


def about(store: EmbeddedStore, graph: str, *paths: str, subject: str = "") -> list[Quad]:
    return [
        Quad(each.subject, each.predicate, each.object, NamedNode(graph))
        for each in store.graph(graph)
        if (not paths or each.predicate.value in paths) and (not subject or each.subject.value == subject)
    ]


def test_a_signed_contract_changes_in_no_way_but_those_of_the_market(
    gate: Gate, store: EmbeddedStore, iris: Iris, places: tuple[str, str]
) -> None:
    contract, _ = places
    graph, member = iris.graph("member", "h01", "contracts"), iris.id("member", "h01")
    price = about(store, graph, str(SAREF.hasValue), subject=f"{contract}#price")
    cheaper = [Quad(price[0].subject, price[0].predicate, literal(Decimal("0.01")), NamedNode(graph))]
    signature = about(store, graph, str(FC.hasSignature))
    for status in ("offered", "active"):
        assert refused(gate, cheaper, price).startswith("This contract is signed."), status
        assert refused(gate, [], about(store, graph)).startswith("This contract is signed.")
        assert refused(gate, [], signature).startswith("This contract is signed.")
        assert refused(gate, describe(iris.graph("registry"), contract, {FC.status: FCV.ContractEnded})).startswith(
            "This contract is signed."
        )
        if status == "offered":
            gate.apply(contracts.sign(store, iris, contract, member, AT), by="h01", why="accepted")
            assert contracts.read(store, contract).status == contracts.ACTIVE
    back = contracts.end(store, iris, contract)
    gate.apply(back, by="clerk", why="The member moves away.")
    assert refused(gate, list(back.delete), list(back.insert)).startswith("This contract has ended")
    assert contracts.verify_signatures(store.graph(graph)) == []


def test_a_draft_that_nobody_signed_is_edited(gate: Gate, store: EmbeddedStore, iris: Iris, places: tuple[str, str]) -> None:
    contract, graph = places[0], iris.graph("member", "h01", "contracts")
    signature = {quad.object.value for quad in about(store, graph, str(FC.hasSignature))}
    store.apply(
        delete=[each for each in about(store, graph) if each.subject.value in signature or each.predicate.value == str(FC.hasSignature)]
    )

    gate.apply(Delta(delete=frozenset(about(store, graph, subject=contract))), by="clerk", why="not offered after all")

    assert not about(store, graph, subject=contract)


def test_a_consent_is_withdrawn_and_stays_withdrawn(gate: Gate, store: EmbeddedStore, iris: Iris, places: tuple[str, str]) -> None:
    _, consent = places
    graph = iris.graph("member", "h01", "facts")
    wider = describe(graph, consent, {FC.dataCategory: FCV.FactsData})
    longer = describe(graph, consent, {FC.validTo: date(2036, 12, 31)})
    assert refused(gate, wider).startswith("A consent is the member's own word")
    assert refused(gate, longer, about(store, graph, str(FC.validTo))).startswith("A consent is the member's own word")

    gate.apply(Delta(insert=withdrawn(store, iris, graph, consent, str(FC.DataConsent), AT).insert), by="h01", why="withdrawn")

    for gone in (about(store, graph, str(FC.withdrawnAt)), about(store, graph, subject=consent)):
        assert refused(gate, [], gone).startswith("This consent was withdrawn.")
    with pytest.raises(RefusedEditError, match="This consent was withdrawn"):
        gate.replace(graph, [each.triple for each in about(store, graph) if each.predicate.value != str(FC.withdrawnAt)], by="a", why="PUT")
    later = Quad(NamedNode(consent), NamedNode(str(FC.withdrawnAt)), Literal("2036"), NamedNode(graph))
    assert refused(gate, [later]).startswith("This consent was withdrawn.")
