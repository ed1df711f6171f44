"""Whose a box is: one claim at most, among the facts of the member whose it is; and the change that moves a box to another member.

What a box measured stays with the member for whom it spoke, and its topics on the broker go by its identifier. So a box that has announced
itself in one home is never claimed for another, and one with a certificate, or a code for one, is neither let go nor claimed before that has
been ended.
"""

from collections.abc import Callable, Iterable, Sequence, Set
from dataclasses import dataclass

from pyoxigraph import NamedNode, Quad, Triple

from kg import queries
from kg.iris import Iris
from kg.store import Store
from kg.terms import canonical
from ontology.names import FC, RDF
from registry.edits import Delta
from registry.errors import RefusedEditError
from registry.naming import Refusal
from registry.naming_checks import family_of
from registry.record import thing_of
from shapes import Finding

_CLAIMED, _AT, _MANAGED = (NamedNode(str(each)) for each in (FC.claimedBy, FC.locatedAt, FC.managedBy))
_TYPE, _SITE = NamedNode(str(RDF.type)), NamedNode(str(FC.Site))
_PREFIX = "osb-"  # of identifiers at the broker


@dataclass(frozen=True, order=True)
class _Claim:
    """Who claims a box, and in which graph."""

    osb: str
    graph: str
    owner: str


def findings(store: Store, iris: Iris, delete: Sequence[Quad], insert: Sequence[Quad], certified: Callable[[str], bool]) -> list[Finding]:
    """Say which boxes can't be claimed, or let go, as an edit does it.

    Parameters
    ----------
    delete, insert
        What really goes and comes.
    certified
        Whether the box with an identifier (`osb-h01`) has a certificate, or a code for which it is given one.
    """
    new, old = _claims(insert), _claims(delete)
    if not new and not old:
        return []
    before = _known(store, sorted({each.osb for each in new | old}))
    after = before - set(delete) | set(insert)
    held, holds = ({(each.osb, each.owner) for each in _claims(said)} for said in (before, after))
    told = {}
    for claim in sorted(old):  # who has the box's key would go on to speak, and for whoever claims it next
        if (claim.osb, claim.owner) not in holds and certified(_identifier(iris, claim)):
            told[claim.osb] = "certificate"
    for claim in sorted(new):
        reason = _wrong(iris, claim, after)
        if reason is None and (claim.osb, claim.owner) not in held and certified(_identifier(iris, claim)):
            reason = "certificate"
        if reason is not None:
            told[claim.osb] = reason
    return [
        Refusal(reason, {"key": iris.key(osb), "identifier": _PREFIX + iris.key(osb)}).finding(osb, _CLAIMED.value)
        for osb, reason in sorted(told.items())
    ]


def moved(store: Store, iris: Iris, delta: Delta) -> Delta:
    """Complete a change that names another member for a box than the one in whose facts it stands: what is said of the box goes over.

    It goes to the facts of the member who is named, but for what speaks of things of the first; the site becomes theirs.

    Raises
    ------
    RefusedEditError
        If the member has several sites, and none of them is chosen.
    """
    for claim in sorted(_claims(delta.insert)):
        first, then = family_of(iris, claim.graph), _member(iris, claim.owner)
        if first and then and first != then:
            delta = _moved(store, iris, delta, claim)
    return delta


def _moved(store: Store, iris: Iris, delta: Delta, claim: _Claim) -> Delta:
    there, here = claim.graph, iris.graph("member", _member(iris, claim.owner), "facts")
    content = set(store.graph(there))
    goes, comes = delta.within(there)
    own = {triple for triple in content - goes | comes if _is_about(triple, claim.osb)}
    theirs = {triple.subject for triple in content if not _is_about(triple, claim.osb)}
    kept = {triple for triple in own if triple.predicate != _AT and triple.object not in theirs}
    kept |= _site(store, iris, claim, here, own)
    leaving = _quads((triple for triple in content if _is_about(triple, claim.osb)), there)
    staying = {quad for quad in delta.insert if not (quad.graph_name == NamedNode(there) and _is_about(quad.triple, claim.osb))}
    return Delta(delta.delete | leaving, frozenset(staying) | _quads(kept, here))


def _site(store: Store, iris: Iris, claim: _Claim, facts: str, own: Set[Triple]) -> set[Triple]:
    """Where the box stands now: at the site that was chosen, if it is one of the new member's, else at their only one."""
    stated = {triple.object for triple in own if triple.predicate == _AT}
    sites = {triple.subject for triple in store.graph(facts) if triple.predicate == _TYPE and triple.object == _SITE}
    if not stated or not sites:
        return set()
    chosen = stated & sites or sites
    if len(chosen) > 1:
        told = Refusal("site", {"member": _member(iris, claim.owner)}).finding(claim.osb, _AT.value)
        raise RefusedEditError([told.sentence], [told])
    return {Triple(NamedNode(claim.osb), _AT, chosen.pop())}


def _wrong(iris: Iris, claim: _Claim, after: Set[Quad]) -> str | None:
    """Which of `naming.SENTENCES` tells why a claim can't be, if one does."""
    member = _member(iris, claim.owner)
    if (member or family_of(iris, claim.graph)) and claim.graph != iris.graph("member", member, "facts"):
        return "claimant"
    if _others(claim, _claims(after)):
        return "box"
    home = iris.graph("member", member) if member else iris.graph("feed")
    about = [quad for quad in after if quad.subject == NamedNode(claim.osb)]
    if any("/osb/" in (graph := _graph(quad)) and graph.partition("/osb/")[0] != home for quad in about):
        return "spoken"
    hanging = (quad for quad in after if quad.predicate == _MANAGED and quad.object == NamedNode(claim.osb))
    return "hanging" if any(family_of(iris, _graph(quad)) not in ("", member) for quad in hanging) else None


def _others(claim: _Claim, claims: Set[_Claim]) -> bool:
    return any(each.osb == claim.osb and each.graph != claim.graph for each in claims)


def _claims(quads: Iterable[Quad]) -> set[_Claim]:
    """Who claims what; what a box says of itself is no claim."""
    return {
        _Claim(quad.subject.value, graph, quad.object.value)
        for quad in quads
        if quad.predicate == _CLAIMED
        and isinstance(quad.subject, NamedNode)
        and isinstance(quad.object, NamedNode)
        and "/osb/" not in (graph := _graph(quad))
    }


def _known(store: Store, boxes: Sequence[str]) -> set[Quad]:
    """What all graphs say of some boxes, and which devices they say are reached through them."""
    said = store.select(queries.load("registry", "statements_of").bind_columns(subject=boxes))
    devices = store.select(queries.load("registry", "box_devices").bind_columns(osb=boxes))
    return {Quad(row["subject"], row["predicate"], canonical(row["object"]), row["graph"]) for row in said} | {  # type: ignore[arg-type]
        Quad(row["device"], _MANAGED, row["osb"], row["graph"])  # type: ignore[arg-type]
        for row in devices
    }


def _is_about(triple: Triple, osb: str) -> bool:
    return isinstance(triple.subject, NamedNode) and thing_of(triple.subject.value) == osb


def _quads(triples: Iterable[Triple], graph: str) -> frozenset[Quad]:
    return frozenset(Quad(each.subject, each.predicate, each.object, NamedNode(graph)) for each in triples)


def _member(iris: Iris, owner: str) -> str:
    """The key of a member; empty for who is none."""
    prefix = iris.id("member", "")
    return owner.removeprefix(prefix) if owner.startswith(prefix) else ""


def _identifier(iris: Iris, claim: _Claim) -> str:
    return _PREFIX + iris.key(claim.osb)


def _graph(quad: Quad) -> str:
    return str(getattr(quad.graph_name, "value", ""))
