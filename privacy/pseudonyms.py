"""Which IRIs are a member's, and how the books come to speak of a pseudonym instead.

What is owned is told by the graph, not by how an IRI is spelt: what the member's own graphs speak of, and what is computed from that
(series, forecasts, flexibility). A pseudonym's IRIs keep nothing of the old ones but their kind.
"""

import hmac
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property
from urllib.parse import quote

from pyoxigraph import Literal, NamedNode, Quad, Triple

from kg.iris import Iris
from kg.store import Store

PREFIX = "x-"
FILES = "(?i:csv|tsv|txt|xlsx)"  # what names of files that were sent in end with
OWNED_KINDS = frozenset(
    [
        "member",
        "site",
        "zone",
        "connection",
        "comfort",
        "consent",
        "osb",
        "device",
        "event",
        "instruction",
        "optout",
        "contract",
        "baseline",
        "settlement",
        "remuneration",
    ]
)
_NESTED_KINDS = {"series": 2, "forecast": 2, "obs": 2}  # …/{kind of feature}/{key of feature}/…
_XSD_STRING = "http://www.w3.org/2001/XMLSchema#string"
Said = Quad | Triple


@dataclass(frozen=True)
class Keys:
    """A member's key, their things, and what the broker calls their boxes.

    Attributes
    ----------
    things : IRIs without fragment
    boxes : identifiers at the broker, for messages that were refused
    accounts : keys of the principals that acted for the member, who stand in the records of edits
    """

    iris: Iris
    member: str
    things: frozenset[str] = field(default=frozenset(), repr=False)
    boxes: tuple[str, ...] = ()
    accounts: tuple[str, ...] = ()

    @property
    def iri(self) -> str:
        """The member's IRI."""
        return self.iris.id("member", self.member)

    @property
    def family(self) -> str:
        """What the IRIs of the member's graphs begin with."""
        return self.iris.graph("member", self.member) + "/"

    def owns(self, iri: str) -> bool:
        """Tell whether an IRI is of the member, of a thing of theirs, or of a graph of theirs."""
        if iri.startswith(self.family):
            return True
        whole = iri.split("#")[0]
        if whole == self.iri or whole in self.things or whole in self.agents:
            return True
        parts = whole[len(self._ids) :].split("/") if whole.startswith(self._ids) else [""]
        if parts[0] in _NESTED_KINDS and len(parts) > 2:
            return self.iris.id(parts[1], parts[2]) in self.things
        return parts[0] == "flexibility" and len(parts) > 1 and self.iris.id("device", parts[1]) in self.things

    def speaks(self, said: Said) -> bool:
        """Tell whether a quad or triple speaks of the member: by an IRI, or by a text that names one or a key of theirs."""
        return any(
            self.owns(term.value) if isinstance(term, NamedNode) else _is_text(term) and self.text.search(term.value) is not None
            for term in (said.subject, said.object)
            if isinstance(term, (NamedNode, Literal))
        )

    @cached_property
    def text(self) -> re.Pattern[str]:
        """Find the member's things in words: their IRIs, and their keys where they stand alone."""
        keys = {self.member, *(self.iris.key(thing) for thing in self.things if self.member in self.iris.key(thing))}
        alone = "|".join(re.escape(each) for each in sorted(keys, key=len, reverse=True))
        iris = "|".join(re.escape(each) for each in sorted({self.iri, *self.things}, key=len, reverse=True))
        return re.compile(rf"(?:{iris})(?![\w-])|(?<![\w/~-])(?:{alone})(?![\w~-]|\.(?!{FILES}\b)\w)")

    @cached_property
    def agents(self) -> frozenset[str]:
        """IRIs under which records of edits know whoever acted for the member; by their key, where a link in a letter did."""
        return frozenset(self.iris.id("agent", quote(account, safe="")) for account in (*self.accounts, self.member))

    @cached_property
    def _ids(self) -> str:
        return f"{self.iris.base}/id/"


class Pseudonym:
    """Says of a pseudonym what was said of a member.

    Parameters
    ----------
    name
        The pseudonym's key.
    secret
        From which the new IRIs are made: with the same one the same, so that a rewriting can be repeated; nobody finds the way back without.
    """

    def __init__(self, keys: Keys, name: str, secret: str) -> None:
        self._keys, self.name, self._secret = keys, name, secret.encode()

    def quads(self, quads: Iterable[Quad]) -> list[Quad]:
        """Spell quads anew."""
        return [
            Quad(self._term(quad.subject), quad.predicate, self._term(quad.object), self._term(quad.graph_name))  # type: ignore[arg-type]
            for quad in quads
        ]

    def _term(self, term: object) -> object:
        if isinstance(term, NamedNode):
            return NamedNode(self._iri(term.value)) if self._keys.owns(term.value) else term
        if not isinstance(term, Literal) or not _is_text(term) or self._keys.text.search(term.value) is None:
            return term
        words = self._keys.text.sub(self._in_words, term.value)
        return Literal(words, language=term.language) if term.language else Literal(words)

    def _in_words(self, found: re.Match[str]) -> str:
        return self._iri(found[0]) if found[0].startswith(self._keys.iris.base) else self.name

    def _iri(self, iri: str) -> str:
        keys = self._keys
        if iri.startswith(keys.family):
            return keys.iris.graph("member", self.name, iri[len(keys.family) :])
        whole, hash_, fragment = iri.partition("#")
        if whole == keys.iri:
            return keys.iris.id("member", self.name) + hash_ + fragment
        mark = hmac.new(self._secret, whole.encode(), "sha256").hexdigest()[:12]
        return keys.iris.id(keys.iris.local(whole).split("/")[0], f"{self.name}-{mark}") + hash_ + fragment


def things_of(store: Store, iris: Iris, member: str) -> frozenset[str]:
    """What a member's own graphs describe, without fragments; what the cooperative's graphs describe too is not the member's."""
    family, ids = iris.graph("member", member) + "/", f"{iris.base}/id/"
    shared = tuple(iris.graph(name) for name in ("market", "registry", "settlement/", "portfolio/"))
    found: set[str] = set()
    others: set[str] = set()
    for graph in store.graphs():
        if graph.startswith((family, *shared)) and "/telemetry/" not in graph:
            subjects = {getattr(triple.subject, "value", "").split("#")[0] for triple in store.graph(graph)}
            (found if graph.startswith(family) else others).update(subjects)
    return frozenset(each for each in found - others if each.startswith(ids) and each[len(ids) :].split("/")[0] in OWNED_KINDS)


def _is_text(term: object) -> bool:
    return isinstance(term, Literal) and (term.language is not None or term.datatype.value == _XSD_STRING)
