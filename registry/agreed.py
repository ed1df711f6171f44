"""What was agreed stays as it was agreed, whatever way an edit comes in: signed contracts, consents and grants.

A contract that somebody signed gets the other signature, and its status goes on; a consent or grant is withdrawn. Nothing else of them comes
or goes, in no graph; one that still holds may be taken away as a whole. An erasure passes no gate.
"""

from collections.abc import Iterable, Mapping, Sequence, Set

from pyoxigraph import NamedNode, Quad, Triple

from kg import queries
from kg.iris import Iris
from kg.store import Store
from kg.terms import canonical
from ontology.names import FC, FCV, RDF
from registry.naming import Refusal
from registry.record import thing_of
from shapes import Finding

_TYPE, _STATUS, _SIGNED, _WITHDRAWN = (NamedNode(str(each)) for each in (RDF.type, FC.status, FC.hasSignature, FC.withdrawnAt))
_CONTRACT, _CONSENT, _GRANT = (NamedNode(str(each)) for each in (FC.FlexibilityContract, FC.DataConsent, FC.DataGrant))
_DRAFT, _ACTIVE, _ENDED = (NamedNode(str(each)) for each in (FCV.ContractDraft, FCV.ContractActive, FCV.ContractEnded))
_MOVES = {(_DRAFT, _ACTIVE), (_DRAFT, _ENDED), (_ACTIVE, _ENDED)}  # as `market.contracts.TRANSITIONS` has them
_PREFIXES = ("contract", "consent", "grant")


def fixed(iri: str, quads: Iterable[Quad]) -> Refusal | None:
    """Say why a thing stays as it is; nothing where it may be edited.

    Parameters
    ----------
    quads
        What is said of it: now, or of one that is gone, what an undo would bring back.
    """
    about = NamedNode(iri)
    said = {(quad.predicate, quad.object) for quad in quads if quad.subject == about}
    paths = {path for path, _value in said}
    if (_TYPE, _CONSENT) in said:
        return Refusal("withdrawn" if _WITHDRAWN in paths else "consent", {"key": iri})
    if (_TYPE, _GRANT) in said:
        return Refusal("grant", {"key": iri})
    if (_TYPE, _CONTRACT) not in said:
        return None
    if (_STATUS, _ENDED) in said:
        return Refusal("ended", {"key": iri})
    return Refusal("signed", {"key": iri}) if (_STATUS, _ACTIVE) in said or _SIGNED in paths else None


def findings(store: Store, iris: Iris, before: Mapping[str, Set[Triple]], delete: Sequence[Quad], insert: Sequence[Quad]) -> list[Finding]:
    """Say what of an edit would change what was agreed.

    Parameters
    ----------
    before
        What the graphs that the edit touches hold.
    delete, insert
        What really goes and comes.
    """
    starts = tuple(iris.id(each, "") for each in _PREFIXES)
    typed = {
        triple.subject.value  # type: ignore[union-attr]
        for content in before.values()
        for triple in content
        if triple.predicate == _TYPE and triple.object in (_CONTRACT, _CONSENT, _GRANT)
    }
    touched = {_thing(quad) for quad in (*delete, *insert)}
    things = {each for each in touched if each in typed or each.startswith(starts)}
    found = []
    for thing, said in sorted(_said(store, things).items()):
        refused = fixed(thing, said)
        gone, come = ({quad for quad in side if _thing(quad) == thing} for side in (delete, insert))
        if refused is not None and not _goes_on(thing, refused.reason, said, gone, come):
            found.append(refused.finding(thing))
    return found


def _goes_on(thing: str, reason: str, said: Set[Quad], gone: Set[Quad], come: Set[Quad]) -> bool:
    """Whether a change of what was agreed is one of those that are foreseen."""
    about = NamedNode(thing)
    if reason in ("consent", "grant"):
        withdrawn = any(quad.predicate == _WITHDRAWN for quad in said)
        ends = not gone and {(quad.subject, quad.predicate) for quad in come} == {(about, _WITHDRAWN)}
        return not withdrawn and (ends or (not come and {quad for quad in said if quad.subject == about} <= gone))
    if reason != "signed":
        return False
    left, got = ([quad for quad in side if (quad.subject, quad.predicate) == (about, _STATUS)] for side in (gone, come))
    moves = [(one.object, other.object) for one in left for other in got if one.graph_name == other.graph_name]
    if gone != set(left) or len(left) != len(got) or len(moves) != len(left) or not set(moves) <= _MOVES:
        return False
    draft = Triple(about, _STATUS, _DRAFT) in {quad.triple for quad in said}
    known = {quad.object for quad in said if quad.predicate == _SIGNED}
    new = {quad.object for quad in come if (quad.subject, quad.predicate) == (about, _SIGNED)} - known if draft else set()
    return all(quad in got or quad.subject in new or (quad.predicate == _SIGNED and quad.object in new) for quad in come)


def _said(store: Store, things: Iterable[str]) -> dict[str, set[Quad]]:
    found: dict[str, set[Quad]] = {each: set() for each in things}
    if found:
        for row in store.select(queries.load("registry", "statements_of").bind_columns(subject=sorted(found))):
            found[row["subject"].value].add(Quad(row["subject"], row["predicate"], canonical(row["object"]), row["graph"]))  # type: ignore[arg-type]
    return found


def _thing(quad: Quad) -> str:
    return thing_of(str(getattr(quad.subject, "value", "")))
