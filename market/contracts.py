"""Contracts: drafted, revised, signed by both parties, and never changed afterwards.

What drafting, revising, signing and ending change is returned and written by nobody here: it passes the gate (`registry.gate`), which keeps
who, when and why. A revision is immutable; only its status moves (`TRANSITIONS`). Its digest covers every triple but status, digest and signatures, over
canonical literals, so that a store which writes `0.40` as `0.4` gives the same digest. A signature names the digest it was given for;
a revision whose triples no longer give that digest is never active.
"""

import hashlib
import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import TypeVar
from zoneinfo import ZoneInfo

from pyoxigraph import Literal, NamedNode, Quad, Triple

import shapes
from kg import queries
from kg.iris import Iris
from kg.store import Store
from kg.terms import Value, describe, iri, literal, python
from market.errors import ContractError, TransitionError
from ontology.names import FC, FCV, PROV, RDF, S4ENER, SAREF, SEAS, UNIT
from registry.edits import Delta

_T = TypeVar("_T")
LOG = logging.getLogger(__name__)
DRAFT, ACTIVE, ENDED = str(FCV.ContractDraft), str(FCV.ContractActive), str(FCV.ContractEnded)
TRANSITIONS: Mapping[str, frozenset[str]] = {
    DRAFT: frozenset({ACTIVE, ENDED}),  # signed by both; withdrawn
    ACTIVE: frozenset({ENDED}),  # replaced by a revision, terminated, expired
    ENDED: frozenset(),
}
_UNDIGESTED = {str(FC.status), str(FC.digest), str(FC.hasSignature)}


@dataclass(frozen=True)
class Signature:
    """One party's agreement to the text that the digest stands for."""

    party: str
    at: datetime
    digest: str


@dataclass(frozen=True)
class Terms:
    """What a contract limits and pays; times of the window are local times of the site, which may pass midnight."""

    capacity_kw: float
    min_duration: timedelta
    max_duration: timedelta
    max_activations: int
    per_period: timedelta
    min_notice: timedelta
    window_start: time
    window_end: time
    price_eur_per_kwh: Decimal
    direction: str = str(FCV.LoadReduction)


@dataclass(frozen=True)
class Contract:
    """One revision of a contract as the graph holds it.

    `capacity_kw` is the most power [kW, ≥ 0] by which the site's load may be changed in `direction`; both validity dates belong to the
    contract, and so do the local times `[window_start, window_end)`. IRIs are texts; `zone` is the IANA zone of the member's site.
    """

    iri: str
    member: str
    buyer: str
    covers: tuple[str, ...]
    valid_from: date
    valid_to: date
    status: str
    baseline_method: str
    capacity_kw: float
    direction: str
    min_duration: timedelta
    max_duration: timedelta
    max_activations: int
    per_period: timedelta
    min_notice: timedelta
    window_start: time
    window_end: time
    price_eur_per_kwh: Decimal
    digest: str | None = None
    signatures: tuple[Signature, ...] = ()
    zone: str = "UTC"


@dataclass(frozen=True)
class Tampered:
    """A revision whose triples are not what was signed."""

    contract: str
    sentence: str


def draft(
    iris: Iris,
    member: str,
    *,
    buyer: str,
    covers: Sequence[str],
    valid_from: date,
    valid_to: date,
    baseline_method: str,
    terms: Terms,
    revision: int = 1,
    revision_of: str | None = None,
) -> list[Quad]:
    """Spell a contract revision as a draft that nobody has signed.

    Parameters
    ----------
    member
        The selling member's IRI; its key names the contract `contract/{key}/r{revision}`.
    covers
        IRIs of the devices whose flexibility is sold.
    valid_from, valid_to
        Local dates of the site, both included.
    baseline_method
        IRI of the method that settlement uses.

    Raises
    ------
    shapes.InvalidGraphError
        If the contract breaks its shape, with the shape's sentence: for example if it ends before it starts.
    """
    key = iris.key(member)
    graph, contract = iris.graph("member", key, "contracts"), iris.id("contract", key, f"r{revision}")
    parts = _parts(contract, terms)
    quads = describe(
        graph,
        contract,
        {
            RDF.type: FC.FlexibilityContract,
            SEAS.buyer: iri(buyer),
            SEAS.seller: iri(member),
            FC.covers: [iri(device) for device in sorted(covers)],
            FC.validFrom: valid_from,
            FC.validTo: valid_to,
            FC.baselineMethod: iri(baseline_method),
            FC.hasTerm: [iri(part) for part in parts],
            FC.status: FCV.ContractDraft,
            PROV.wasRevisionOf: iri(revision_of) if revision_of else None,
        },
    )
    quads += [quad for part, properties in parts.items() for quad in describe(graph, part, properties)]
    quads += describe(graph, contract, {FC.digest: digest(quad.triple for quad in quads)})
    shapes.refuse_unless_valid([quad.triple for quad in quads], what=f"The contract {contract}")
    return quads


def _parts(contract: str, terms: Terms) -> dict[str, dict[str, Value | Iterable[Value] | None]]:
    value = SAREF.PropertyValue
    return {
        f"{contract}#capacity": {
            RDF.type: [FC.CapacityTerm, value],
            FC.direction: iri(terms.direction),
            SAREF.hasValue: terms.capacity_kw,
            SAREF.isMeasuredIn: UNIT.KiloW,
        },
        f"{contract}#duration": {RDF.type: FC.DurationTerm, FC.minDuration: terms.min_duration, FC.maxDuration: terms.max_duration},
        f"{contract}#frequency": {RDF.type: FC.FrequencyTerm, FC.maxActivations: terms.max_activations, FC.perPeriod: terms.per_period},
        f"{contract}#notice": {RDF.type: FC.NoticeTerm, FC.minNotice: terms.min_notice},
        f"{contract}#window": {RDF.type: FC.WindowTerm, FC.windowStart: terms.window_start, FC.windowEnd: terms.window_end},
        f"{contract}#price": {
            RDF.type: [FC.RemunerationTerm, value],
            SAREF.hasValue: terms.price_eur_per_kwh,
            SAREF.isMeasuredIn: S4ENER.EuroPerKilowattHour,
        },
    }


def digest(triples: Iterable[Triple]) -> str:
    """Return the SHA-256 of a revision's N-Triples, sorted, without status, digest and signatures, as `sha256:…`."""
    given = list(triples)
    signatures = {str(triple.object) for triple in given if triple.predicate.value == str(FC.hasSignature)}
    lines = sorted({_line(t) for t in given if t.predicate.value not in _UNDIGESTED and str(t.subject) not in signatures})
    return "sha256:" + hashlib.sha256("\n".join(lines).encode()).hexdigest()


def _line(triple: Triple) -> str:
    return f"{triple.subject} {triple.predicate} {_canonical(triple.object)} ."


def _canonical(term: object) -> object:
    if not isinstance(term, Literal) or term.language:
        return term
    value = python(term)
    if isinstance(value, Decimal):
        return Literal(f"{value.normalize():f}", datatype=term.datatype)
    return literal(value) if not isinstance(value, str) else term


def _text(term: object) -> str:
    return str(getattr(term, "value", term))


def verify_signatures(triples: Iterable[Triple]) -> list[str]:
    """Hold a revision's digest and signatures against its triples; each finding is a sentence, none means that all is well."""
    given = list(triples)
    found = digest(given)
    contract = next((_text(t.subject) for t in given if t.object == NamedNode(str(FC.FlexibilityContract))), "the contract")
    findings = []
    for triple in given:
        if triple.predicate.value != str(FC.digest) or _text(triple.object) == found:
            continue
        what = "its digest" if _text(triple.subject) == contract else f"the digest that {_text(triple.subject)} signed"
        findings.append(
            f"{contract} was changed after it was agreed: {what} is {_text(triple.object)}, but its terms now give {found}; "
            "restore the revision from a backup, or agree a new revision"
        )
    return sorted(findings)


def revise(store: Store, iris: Iris, contract: str, **changes: object) -> tuple[str, Delta]:
    """Draft the next revision of a contract, with some terms changed: its IRI, and what is to be written.

    The present revision stays as it is, and in force, until both parties have signed the new one.

    Parameters
    ----------
    changes
        Fields of `Terms` (such as `capacity_kw`) or `covers`, `valid_from`, `valid_to`, `baseline_method`.

    Raises
    ------
    ContractError
        If there is no such contract or no such term.
    TransitionError
        If the contract has ended, or has been revised already.
    shapes.InvalidGraphError
        If the changed contract breaks its shape.
    """
    old = read(store, contract)
    if old.status == ENDED:
        raise TransitionError(f"{contract} has ended, so it can't be revised; draft a new contract instead")
    number = int(contract.rsplit("/r", 1)[1]) + 1
    following = iris.id("contract", iris.key(old.member), f"r{number}")
    if _triples(store, [following]):
        raise TransitionError(f"{contract} is revised by {following} already; revise that one")
    unknown = set(changes) - set(Terms.__dataclass_fields__) - {"covers", "valid_from", "valid_to", "baseline_method"}
    if unknown:
        raise ContractError(
            f"a contract has no {', '.join(sorted(unknown))}; change one of {', '.join(sorted(Terms.__dataclass_fields__))}"
        )
    terms = Terms(**{name: changes.get(name, getattr(old, name)) for name in Terms.__dataclass_fields__})  # type: ignore[arg-type]
    rest = {name: changes.get(name, getattr(old, name)) for name in ("covers", "valid_from", "valid_to", "baseline_method")}
    quads = draft(iris, old.member, buyer=old.buyer, terms=terms, revision=number, revision_of=contract, **rest)  # type: ignore[arg-type]
    return following, Delta(insert=frozenset(quads))


def sign(store: Store, iris: Iris, contract: str, party: str, at: datetime) -> Delta:
    """Find what one party's signature of a draft changes: with both it becomes active, and the revision it replaces ends.

    Signing twice changes nothing.

    Raises
    ------
    ContractError
        If there is no such contract, the party is none of its two, or the draft was changed since it was written.
    TransitionError
        If the contract has ended.
    """
    found = read(store, contract)
    if party not in (found.buyer, found.member):
        raise ContractError(f"{party} can't sign {contract}: its parties are {found.buyer} and {found.member}; one of them must sign")
    if any(signature.party == party for signature in found.signatures):
        return Delta()
    if found.status != DRAFT:
        raise TransitionError(f"{contract} is {_name(found.status)}, so {party} can't sign it any more; only a draft can be signed")
    triples = _triples(store, [contract])[contract]
    if findings := verify_signatures(triples):
        raise ContractError("; ".join(findings))
    inserted, deleted = _signature(iris, found, party, at, digest(triples)), list[Quad]()
    if found.signatures:
        replaced = [_text(t.object) for t in triples if t.predicate.value == str(PROV.wasRevisionOf)]
        moves = [(contract, DRAFT, ACTIVE)] + [(one, status, ENDED) for one in replaced if (status := read(store, one).status) != ENDED]
        for one, before, after in moves:
            removed, added = _move(iris, found.member, one, before, after)
            deleted += removed
            inserted += added
    return Delta(frozenset(deleted), frozenset(inserted))


def _signature(iris: Iris, contract: Contract, party: str, at: datetime, text: str) -> list[Quad]:
    graph = iris.graph("member", iris.key(contract.member), "contracts")
    node = f"{contract.iri}#signature-{'buyer' if party == contract.buyer else 'seller'}"
    return describe(graph, contract.iri, {FC.hasSignature: iri(node)}) + describe(
        graph, node, {RDF.type: FC.Signature, FC.signedBy: iri(party), FC.signedAt: at, FC.digest: text}
    )


def countersigned(iris: Iris, draft: Sequence[Quad], at: datetime) -> list[Quad]:
    """Add the buyer's signature to a draft that is not written yet, so that both are written at once.

    Parameters
    ----------
    draft
        What `draft` spelt.
    """
    triples = [quad.triple for quad in draft]
    contract = next(_text(triple.subject) for triple in triples if triple.object == NamedNode(str(FC.FlexibilityContract)))
    found = _contract(contract, triples, "UTC")
    return [*draft, *_signature(iris, found, found.buyer, at, digest(triples))]


def end(store: Store, iris: Iris, contract: str) -> Delta:
    """Find what ending a contract, or withdrawing a draft, changes; from the next dispatch on it isn't used.

    Raises
    ------
    TransitionError
        If it has ended already.
    """
    found = read(store, contract)
    removed, added = _move(iris, found.member, contract, found.status, ENDED)
    return Delta(frozenset(removed), frozenset(added))


def require_transition(contract: str, before: str, after: str) -> None:
    """Refuse a change of status that the table doesn't have.

    Raises
    ------
    TransitionError
        With what the contract may become instead.
    """
    allowed = TRANSITIONS.get(before, frozenset())
    if after not in allowed:
        may = " or ".join(sorted(_name(one) for one in allowed)) or "nothing else"
        raise TransitionError(
            f"{contract} is {_name(before)} and can't become {_name(after)}: it may become {may}; draft a new contract instead"
        )


def _move(iris: Iris, member: str, contract: str, before: str, after: str) -> tuple[list[Quad], list[Quad]]:
    require_transition(contract, before, after)
    graph = iris.graph("member", iris.key(member), "contracts")
    return describe(graph, contract, {FC.status: iri(before)}), describe(graph, contract, {FC.status: iri(after)})


def _name(status: str) -> str:
    return status.rsplit("/", 1)[-1].removeprefix("Contract").lower()


def read(store: Store, contract: str) -> Contract:
    """Read one revision with its terms, whatever its status.

    Raises
    ------
    ContractError
        If there is no such contract, or a part of it is missing.
    """
    found = read_all(store, [contract])
    if not found:
        raise ContractError(f"there is no contract {contract}; see which there are at /sparql or on the operator's page")
    return found[0]


def read_all(store: Store, contracts: Sequence[str]) -> list[Contract]:
    """Read several revisions, ordered by IRI; those that don't exist are absent."""
    return _contracts(store, _triples(store, contracts))


def _contracts(store: Store, triples: Mapping[str, Sequence[Triple]]) -> list[Contract]:
    query = queries.load("market", "contract_zones")
    zones = {row["contract"]: row["zone"] for row in queries.rows(store, query, contract=list(triples))} if triples else {}
    return [_contract(one, found, zones.get(one, "UTC")) for one, found in sorted(triples.items())]


def active(store: Store, iris: Iris, at: datetime) -> list[Contract]:
    """Read the contracts in force at an instant: active, within their local dates, and untampered, ordered by IRI.

    A revision that was tampered with is left out and logged; `tampered` lists them.
    """
    del iris  # the graph knows where contracts lie; the parameter keeps the signature of the other verbs
    triples = _active_triples(store)
    for contract in list(triples):
        if findings := verify_signatures(triples[contract]):
            LOG.warning("contract left out of dispatch: %s", "; ".join(findings))
            del triples[contract]
    return [one for one in _contracts(store, triples) if one.valid_from <= at.astimezone(ZoneInfo(one.zone)).date() <= one.valid_to]


def tampered(store: Store) -> list[Tampered]:
    """List the active contracts whose triples are not what was signed."""
    return [
        Tampered(one, "; ".join(found)) for one, triples in sorted(_active_triples(store).items()) if (found := verify_signatures(triples))
    ]


def _active_triples(store: Store) -> dict[str, list[Triple]]:
    rows = queries.rows(store, queries.load("market", "contracts_by_status"), status=ACTIVE)
    return _triples(store, [row["contract"] for row in rows])


def _triples(store: Store, contracts: Sequence[str]) -> dict[str, list[Triple]]:
    if not contracts:
        return {}
    grouped: dict[str, list[Triple]] = {}
    query = queries.load("market", "contract_triples")
    for row in store.select(query.bind(contract=list(contracts))):
        subject, predicate = row["subject"], row["predicate"]
        if isinstance(subject, NamedNode) and isinstance(predicate, NamedNode):
            grouped.setdefault(row["contract"].value, []).append(Triple(subject, predicate, row["object"]))
    return grouped


class _Facts:
    """Values by subject and predicate, of one revision."""

    def __init__(self, contract: str, triples: Iterable[Triple]) -> None:
        self.contract = contract
        self._values: dict[tuple[str, str], list[object]] = {}
        for triple in triples:
            self._values.setdefault((triple.subject.value, triple.predicate.value), []).append(python(triple.object))  # type: ignore[union-attr, arg-type]

    def all(self, predicate: str, part: str = "") -> list[object]:
        return self._values.get((self.contract + part, str(predicate)), [])

    def one(self, kind: type[_T], predicate: str, part: str = "") -> _T:
        values = self.all(predicate, part)
        if len(values) != 1 or not isinstance(values[0], kind):
            name = f"{self.contract}{part}"
            raise ContractError(
                f"{name} has {len(values)} values of {predicate}, but a contract needs one {kind.__name__}; agree a new revision that has it"
            )
        return values[0]


def _contract(contract: str, triples: Sequence[Triple], zone: str) -> Contract:
    facts = _Facts(contract, triples)
    nodes = sorted(str(node) for node in facts.all(FC.hasSignature))
    parts = [node.removeprefix(contract) for node in nodes]
    return Contract(
        iri=contract,
        member=facts.one(str, SEAS.seller),
        buyer=facts.one(str, SEAS.buyer),
        covers=tuple(sorted(str(device) for device in facts.all(FC.covers))),
        valid_from=facts.one(date, FC.validFrom),
        valid_to=facts.one(date, FC.validTo),
        status=facts.one(str, FC.status),
        baseline_method=facts.one(str, FC.baselineMethod),
        capacity_kw=float(facts.one(Decimal, SAREF.hasValue, "#capacity")),
        direction=facts.one(str, FC.direction, "#capacity"),
        min_duration=facts.one(timedelta, FC.minDuration, "#duration"),
        max_duration=facts.one(timedelta, FC.maxDuration, "#duration"),
        max_activations=facts.one(int, FC.maxActivations, "#frequency"),
        per_period=facts.one(timedelta, FC.perPeriod, "#frequency"),
        min_notice=facts.one(timedelta, FC.minNotice, "#notice"),
        window_start=facts.one(time, FC.windowStart, "#window"),
        window_end=facts.one(time, FC.windowEnd, "#window"),
        price_eur_per_kwh=facts.one(Decimal, SAREF.hasValue, "#price"),
        digest=next((str(value) for value in facts.all(FC.digest)), None),
        signatures=tuple(
            Signature(
                facts.one(str, FC.signedBy, part), facts.one(datetime, FC.signedAt, part).astimezone(UTC), facts.one(str, FC.digest, part)
            )
            for part in parts
        ),
        zone=zone,
    )
