"""What the owner and a box say of the same thing, kept apart so that the two together have one value: the owner's (docs/onboarding.md).

The unit is a *word*: one property of one thing, with the whole of the part that it leads to (a rating with its number and unit). A box's
word on what the owner has spoken of is withheld: it is kept as statements about statements, which no pattern of a query mistakes for facts.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass

from pyoxigraph import NamedNode, Triple

from kg.store import Term
from kg.terms import canonical
from ontology.names import FC, RDF, SAREF
from shapes.single import single

Word = tuple[str, str, str]  # IRI of the thing, IRI of the property, IRI of the kind of value or nothing
_TYPE, _LINK, _KIND = str(RDF.type), str(SAREF.hasPropertyValue), str(SAREF.isValueOfProperty)
_CHANNEL, _OURS = NamedNode(str(FC.Channel)), str(FC._NS)
_SUBJECT, _PREDICATE, _OBJECT = (NamedNode(str(RDF[name])) for name in ("subject", "predicate", "object"))
_STATEMENT, _VALUE = NamedNode(str(RDF.Statement)), NamedNode(str(SAREF.PropertyValue))
# Of these one of the two alone may speak. Where both do and differ, the shapes refuse whoever comes second.
_NOT_WITHHELD = frozenset(map(str, (FC.ownedBy, FC.claimedBy, FC.availableForDR, SAREF.hasIdentifier)))


@dataclass(frozen=True)
class Apart:
    """What a box says, divided.

    Attributes
    ----------
    kept : what goes into the box's own graph
    withheld : what it says of something that the owner has spoken of, the same or otherwise
    lacking : of what is kept, what the owner's facts lack of a part that they state in part only
    """

    kept: frozenset[Triple]
    withheld: frozenset[Triple]
    lacking: frozenset[Triple]


class Said:
    """What one side says, looked at as words."""

    def __init__(self, triples: Iterable[Triple]) -> None:
        self.triples = frozenset(triples)
        self._kinds: dict[object, str] = {t.subject: _text(t.object) for t in self.triples if _text(t.predicate) == _KIND}
        described = {t.subject for t in self.triples}
        self.channels = {t.subject for t in self.triples if t.object == _CHANNEL and _text(t.predicate) == _TYPE}
        self.parts: dict[object, Word] = {}
        self._links: dict[object, Triple] = {}
        for triple in self.triples:
            word = self._own_word(triple)
            if word is not None and triple.object in described - self.channels and _is_part(triple):
                self.parts[triple.object] = word
                self._links[triple.object] = triple

    def word(self, triple: Triple) -> Word | None:
        """Which word a statement belongs to; `None` where a thing may have several values, or the statement is about a channel."""
        if triple.subject in self.channels:
            return None
        return self.parts.get(triple.subject) or self._own_word(triple)

    def words(self) -> dict[Word, set[Triple]]:
        """All statements by the word they belong to."""
        found: dict[Word, set[Triple]] = {}
        for triple in self.triples:
            word = self.word(triple)
            if word is not None:
                found.setdefault(word, set()).add(triple)
        return found

    def link(self, part: object) -> Triple | None:
        """The statement that leads to a part."""
        return self._links.get(part)

    def _own_word(self, triple: Triple) -> Word | None:
        thing, path = _text(triple.subject), _text(triple.predicate)
        if path == _TYPE:
            return (thing, path, "") if _text(triple.object).startswith(_OURS) else None
        if path in single().by_kind:
            kind = self._kinds.get(triple.object)
            return (thing, path, kind) if kind else None
        return (thing, path, "") if path in single().plain and path not in _NOT_WITHHELD else None


def apart(box: Iterable[Triple], facts: Iterable[Triple]) -> Apart:
    """Divide what a box says by what the owner has spoken of."""
    says, owner = Said(box), Said(facts)
    spoken = set(owner.words())
    lacking: set[Triple] = set()
    for part in {t.subject for t in owner.triples} & set(says.parts) - set(owner.parts):  # a number without what it is the number of
        spoken.add(says.parts[part])
        stated = {t.predicate for t in owner.triples if t.subject == part}
        link = says.link(part)
        lacking |= {t for t in says.triples if t.subject == part and t.predicate not in stated} | ({link} if link else set())
    withheld = frozenset(t for t in says.triples if says.word(t) in spoken and t not in lacking)
    return Apart(says.triples - withheld, withheld, frozenset(lacking))


def noted(osb: str, withheld: Iterable[Triple]) -> list[Triple]:
    """Spell withheld statements so that they are no facts: what graph `…/differing/{osb}` holds."""
    return [spelt for triple in withheld for spelt in _note(osb, triple)]


def _note(osb: str, triple: Triple) -> Iterable[Triple]:
    text = f"{triple.subject} {triple.predicate} {canonical(triple.object)}"  # type: ignore[arg-type]
    node = NamedNode(f"{osb}#said-{hashlib.sha256(text.encode()).hexdigest()[:24]}")
    yield Triple(node, NamedNode(_TYPE), _STATEMENT)
    yield Triple(node, _SUBJECT, triple.subject)
    yield Triple(node, _PREDICATE, triple.predicate)
    yield Triple(node, _OBJECT, triple.object)


def meant(notes: Iterable[Triple]) -> frozenset[Triple]:
    """The inverse of `noted`; notes that are not whole are left out."""
    found: dict[object, dict[object, object]] = {}
    for triple in notes:
        found.setdefault(triple.subject, {})[triple.predicate] = triple.object
    whole = (each for each in found.values() if {_SUBJECT, _PREDICATE, _OBJECT} <= set(each))
    return frozenset(Triple(each[_SUBJECT], each[_PREDICATE], each[_OBJECT]) for each in whole)  # type: ignore[arg-type]


def differing_graph(graph: str) -> str:
    """Where the withheld words of a box are kept: `…/osb/h01` → `…/differing/h01`."""
    prefix, _, key = graph.rpartition("/osb/")
    return f"{prefix}/differing/{key}"


def core(word: Iterable[Triple]) -> frozenset[tuple[str, Term]]:
    """What a word comes to, apart from how its parts are named: predicates with their values, for comparing two."""
    return frozenset(
        (_text(t.predicate), canonical(t.object))  # type: ignore[arg-type]
        for t in word
        if not (_is_part(t) or t.object == _VALUE)
    )


def _is_part(triple: Triple) -> bool:
    return isinstance(triple.object, NamedNode) and triple.object.value.startswith(f"{_text(triple.subject)}#")


def _text(term: object) -> str:
    return str(getattr(term, "value", term))
