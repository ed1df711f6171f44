"""What the graph says of one thing, to whoever asks: the thing, its parts, what refers to it; from which named graph each comes."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from pyoxigraph import Literal, NamedNode, Quad

from api import visible
from api.services import services
from api.terms import vocabulary
from kg.store import Term

MOST_INCOMING = 5000
PAGE = 50
_ROUNDS = 3  # parts of parts of parts; nothing of ours goes deeper
_TOGETHER = 500  # IRIs in one query


@dataclass(frozen=True)
class Reference:
    """One statement that refers to a thing.

    Attributes
    ----------
    target : the thing, or the part of it that is meant
    """

    subject: str
    predicate: str
    target: str
    graph: str

    @property
    def quad(self) -> Quad:
        """The statement itself."""
        return Quad(NamedNode(self.subject), NamedNode(self.predicate), NamedNode(self.target), NamedNode(self.graph))


def statements(iri: str) -> list[Quad]:
    """Everything that may be seen of a thing and of its parts (IRIs that begin with its own and a `#`)."""
    wanted = {iri, *_linked_parts(iri), *_channels(iri)}
    found: dict[str, list[Quad]] = {}
    for _ in range(_ROUNDS):
        new = sorted(wanted - found.keys())
        for start in range(0, len(new), _TOGETHER):
            chunk = new[start : start + _TOGETHER]
            found.update({each: [] for each in chunk})
            for quad in visible.quads(visible.terms("resource", resource=chunk)):
                found[quad.subject.value].append(quad)  # type: ignore[union-attr]
        wanted |= {value for each in new for quad in found[each] if (value := getattr(quad.object, "value", "")).startswith(f"{iri}#")}
        if wanted == found.keys():
            break
    return [quad for each in sorted(found) for quad in found[each]]


def _linked_parts(iri: str) -> list[str]:
    return [row["part"] for row in visible.rows("parts", resource=iri)]


def _channels(iri: str) -> list[str]:
    """Channels that are known to be its own, though no other statement need link them to it."""
    return [channel.iri for channel in services().channels.of_feature(iri)]


def references(iri: str, parts: Iterable[str] = ()) -> tuple[list[Reference], bool]:
    """What refers to a thing from outside, and whether there is more than was looked at."""
    targets = [iri, *sorted({*parts, *_channels(iri)} - {iri})][:_TOGETHER]  # a channel's readings may be seen where itself may not
    rows = visible.rows("incoming", resource=targets, graph=visible.narrowing())
    own = (iri, f"{iri}#")
    found = [
        Reference(row["subject"], row["property"], row["resource"], row["graph"])
        for row in rows[:MOST_INCOMING]
        if row["subject"] != own[0] and not row["subject"].startswith(own[1])
    ]
    return found, len(rows) > MOST_INCOMING


def labels(iris: Iterable[str], language: str) -> dict[str, str]:
    """Labels of things in the reader's language where there is one: of our vocabulary, or from graphs that may be seen."""
    asked = set(iris)
    known = {iri: term.label(language) for iri in asked if (term := vocabulary().terms.get(iri)) is not None}
    rest = sorted(iri for iri in asked - known.keys() if iri.startswith(services().iris.base))
    texts: dict[str, list[Literal]] = {}
    for start in range(0, len(rest), _TOGETHER):
        for row in visible.terms("labels", resource=rest[start : start + _TOGETHER]):
            texts.setdefault(row["resource"].value, []).append(row["label"])  # type: ignore[arg-type]
    return {**{iri: label for iri, label in known.items() if label}, **{iri: visible.literal_in(language, of) for iri, of in texts.items()}}


def sections(iri: str, quads: Sequence[Quad], hidden: str = "") -> list[dict[str, Any]]:
    """Statements for a page: by subject, then by the graph that says so, then by property.

    Parameters
    ----------
    hidden
        Namespace of properties that the page shows in another way.
    """
    grouped: dict[str, dict[str, dict[str, list[Term]]]] = {}
    for quad in quads:
        if hidden and quad.predicate.value.startswith(hidden):
            continue
        by_graph = grouped.setdefault(quad.subject.value, {}).setdefault(quad.graph_name.value, {})  # type: ignore[union-attr]
        by_graph.setdefault(quad.predicate.value, []).append(quad.object)  # type: ignore[arg-type]
    ordered = sorted(grouped, key=lambda subject: (subject != iri, subject))
    return [{"subject": subject, "part": subject.partition("#")[2], "graphs": grouped[subject]} for subject in ordered]


def mentioned(quads: Iterable[Quad], links: Iterable[Reference] = ()) -> set[str]:
    """The IRIs that a page shows, which may have labels."""
    found = {term.value for quad in quads for term in (quad.subject, quad.predicate, quad.object) if isinstance(term, NamedNode)}
    return found | {text for link in links for text in (link.subject, link.predicate)}
