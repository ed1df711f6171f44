"""Whose triples are whose, and how a member's IRIs become a pseudonym's: the key in them is replaced, and nobody keeps by what."""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from pyoxigraph import Literal, NamedNode, Quad, Triple

from kg.iris import Iris

PREFIX = "x-"
Term = NamedNode | Literal


@dataclass(frozen=True)
class Keys:
    """What tells a member's things: their key, and those of their boxes, where they differ.

    Attributes
    ----------
    member : key of the member
    boxes : keys of the OSBs that the member claims
    """

    iris: Iris
    member: str
    boxes: tuple[str, ...] = ()

    @property
    def iri(self) -> str:
        """The member's IRI."""
        return self.iris.id("member", self.member)

    @property
    def family(self) -> str:
        """What the IRIs of the member's graphs begin with."""
        return self.iris.graph("member", self.member) + "/"

    def matches(self) -> re.Pattern[str]:
        """Find a key where it stands alone: between signs that no key may hold, or a hyphen."""
        names = "|".join(re.escape(each) for each in sorted({self.member, *self.boxes}, key=len, reverse=True))
        return re.compile(rf"(?<![A-Za-z0-9_.~])(?:{names})(?![A-Za-z0-9_.~])")

    def mentioned(self) -> Callable[[Quad | Triple], bool]:
        """Tell whether a quad or triple speaks of the member: an IRI of ours, or a text, has one of the keys in it."""
        pattern, ours = self.matches(), self.iris.base + "/"

        def speaks(said: Quad | Triple) -> bool:
            return any(_speaks(term, pattern, ours) for term in (said.subject, said.predicate, said.object))

        return speaks

    def pseudonymised(self, quads: Iterable[Quad], pseudonym: str) -> list[Quad]:
        """Say the same of the pseudonym: in IRIs of ours (graphs too) and in texts."""
        pattern, ours = self.matches(), self.iris.base + "/"

        def spelt(term: Term) -> Term:
            if isinstance(term, NamedNode):
                return NamedNode(ours + pattern.sub(pseudonym, term.value[len(ours) :])) if term.value.startswith(ours) else term
            if not _is_text(term):
                return term
            return (
                Literal(pattern.sub(pseudonym, term.value), language=term.language)
                if term.language
                else Literal(pattern.sub(pseudonym, term.value))
            )

        return [
            Quad(spelt(quad.subject), quad.predicate, spelt(quad.object), spelt(quad.graph_name))  # type: ignore[arg-type]
            for quad in quads
        ]


def _speaks(term: object, pattern: re.Pattern[str], ours: str) -> bool:
    if isinstance(term, NamedNode):
        return term.value.startswith(ours) and pattern.search(term.value, len(ours)) is not None
    return isinstance(term, Literal) and _is_text(term) and pattern.search(term.value) is not None


def _is_text(term: Literal) -> bool:
    return term.language is not None or term.datatype.value == "http://www.w3.org/2001/XMLSchema#string"
