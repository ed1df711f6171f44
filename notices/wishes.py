"""Where, in which language and of what members want to be written to: personal data, in graph `people` and nowhere else.

It is a part of the member (`member/h01#notices`), so that it is erased, and what was edited in it, with the member.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import quote, unquote

from pyoxigraph import NamedNode, Quad

from kg import queries
from kg.iris import Iris
from kg.store import Store
from kg.terms import describe, iri
from notices.due import CONCEPTS, Kind
from notices.errors import WishError
from ontology.names import FC, FOAF, RDF
from registry.edits import Delta

LANGUAGES = ("en", "es", "nl")
USUAL = frozenset({Kind.PLANNED, Kind.CHANGED, Kind.CANCELLED})
LONGEST = 254  # RFC 5321 §4.5.3.1.3, less the angle brackets
# what mail servers everywhere take, and nothing that could end a line or a header
_ADDRESS = re.compile(
    r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*@(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)+[A-Za-z][A-Za-z0-9-]{0,61}[A-Za-z0-9]"
)
_IN_MAILTO = "@!$&'*+-.=_~"  # RFC 6068 §2
_KINDS = {concept: kind for kind, concept in CONCEPTS.items()}


@dataclass(frozen=True)
class Wish:
    """What a member wants.

    Attributes
    ----------
    member : IRI
    address : of the e-mail; empty: none, so that they are told on their page and in their calendar alone
    language : `en`, `es` or `nl`
    kinds : what they want a letter of
    """

    member: str
    address: str = ""
    language: str = "en"
    kinds: frozenset[Kind] = USUAL


def node(member: str) -> str:
    """The wish of a member, as a part of them."""
    return f"{member}#notices"


def read(store: Store, member: str | None = None) -> dict[str, Wish]:
    """What members want, by their IRI; those who never said anything are not in it.

    Parameters
    ----------
    member
        IRI of one; `None`: everybody.
    """
    found: dict[str, Wish] = {}
    for row in queries.rows(store, queries.load("notices", "wishes"), member=member):
        name = str(row["member"])
        known = found.get(name) or Wish(
            name, unquote(str(row.get("address", "")).removeprefix("mailto:")), str(row["language"]), frozenset()
        )
        kind = _KINDS.get(str(row.get("kind", "")))
        found[name] = Wish(name, known.address, known.language, known.kinds | {kind}) if kind else known
    return found


def of(store: Store, member: str) -> Wish:
    """What a member wants, or what is usual where they never said."""
    return read(store, member).get(member, Wish(member))


def checked(address: str) -> str:
    """An e-mail address without blanks around it, or nothing.

    Raises
    ------
    WishError
        If it is none.
    """
    given = address.strip()
    if given and (len(given) > LONGEST or _ADDRESS.fullmatch(given) is None):
        raise WishError("“%(value)s” is not an e-mail address that can be written to; write it like name@example.org", given[:LONGEST])
    return given


def change(store: Store, iris: Iris, member: str, *, address: str, language: str, kinds: Iterable[Kind]) -> Delta:
    """The edit after which a member wants this; `registry.gate` makes it.

    Parameters
    ----------
    member
        IRI.
    address
        Empty: no letters.

    Raises
    ------
    WishError
        If the address or the language can't be.
    """
    if language not in LANGUAGES:
        raise WishError("there are no letters in “%(value)s”; choose en, es or nl", language[:20])
    where, mailbox = checked(address), iris.graph("people")
    wanted = set(
        describe(
            mailbox,
            node(member),
            {
                str(RDF.type): FC.NoticeWish,
                str(FC.ownedBy): iri(member),
                str(FOAF.mbox): iri(f"mailto:{quote(where, safe=_IN_MAILTO)}") if where else None,
                str(FC.languageTag): language,
                str(FC.wantsNotice): [iri(CONCEPTS[kind]) for kind in sorted(set(kinds))],
            },
        )
    )
    there = _there(store, mailbox, member)
    return Delta(frozenset(there - wanted), frozenset(wanted - there))


def withdraw(store: Store, iris: Iris, member: str) -> Delta:
    """The edit after which nothing is known of what a member wants."""
    return Delta(frozenset(_there(store, iris.graph("people"), member)), frozenset())


def _there(store: Store, graph: str, member: str) -> set[Quad]:
    subject, where = NamedNode(node(member)), NamedNode(graph)
    return {Quad(each.subject, each.predicate, each.object, where) for each in store.graph(graph) if each.subject == subject}
