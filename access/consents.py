"""What members let others see of them: said by them, kept among their own facts, ended by them at once (docs/policy.md).

What is to be written is returned; it passes the gate, in the name of whoever asked.
"""

from collections.abc import Sequence
from datetime import datetime

from access import layout, terms
from access.errors import AccessError
from access.terms import Change, Stated, Terms
from kg import queries
from kg.iris import Iris
from kg.store import Store
from kg.terms import describe, iri
from ontology.names import FC, ODRL, RDF


def give(store: Store, iris: Iris, member: str, party: str, agreed: Terms, *, at: datetime) -> Change:
    """Spell a member's consent.

    Parameters
    ----------
    member, party
        IRIs of the member and of the partner, or of the cooperative.
    at
        The platform's time.

    Raises
    ------
    AccessError
        If there is no such member or party, or a partner would be let see no category of data.
    """
    key, graph = _own(iris, member)
    if not store.select(queries.load("access", "statements").bind(graph=graph, thing=member)):
        raise AccessError(f"There is no member {key}, so nobody can consent for it")
    kind = _kind(store, iris, party)
    if kind == str(FC.Partner) and not agreed.categories:
        raise AccessError("A consent without categories of data lets a partner see nothing; name what it may see, like fcv:TelemetryData")
    consent = iris.id("consent", terms.free_key(store, iris, "consent", graph, f"{key}-{iris.key(party)}", at))
    quads = describe(
        graph,
        consent,
        {
            RDF.type: FC.DataConsent,
            ODRL.assigner: iri(member),
            ODRL.assignee: iri(party),
            ODRL.target: iri(member),
            FC.dataCategory: [iri(each) for each in agreed.categories],
            FC.purpose: [iri(each) for each in agreed.purposes],
            FC.validFrom: agreed.first,
            FC.validTo: agreed.last,
        },
    )
    return Change(consent, at, frozenset(quads))


def withdraw(store: Store, iris: Iris, member: str, consent: str, *, at: datetime) -> Change:
    """End a member's consent: from the next request on, nobody sees anything by it.

    Raises
    ------
    NoSuchTermError
        If the member has given no such consent.
    """
    _, graph = _own(iris, member)
    return terms.end(store, iris, graph, consent, str(FC.DataConsent), at)


def given(store: Store, iris: Iris, member: str) -> list[Stated]:
    """All consents of a member, newest first, withdrawn ones too."""
    _, graph = _own(iris, member)
    return terms.gathered(queries.rows(store, queries.load("access", "consents_given"), facts=graph, member=member), "consent")


def parties(store: Store, iris: Iris) -> Sequence[tuple[str, str]]:
    """The partners that a member can consent to: IRI and label."""
    rows = queries.rows(store, queries.load("access", "parties"), registry=iris.graph("registry"))
    return [(row["party"], row["label"]) for row in rows if row["kind"] == str(FC.Partner)]


def _own(iris: Iris, member: str) -> tuple[str, str]:
    key = layout.key_of(iris, "member", member)
    if key is None:
        raise AccessError(f"{member} is no member of this cooperative")
    return key, iris.graph("member", key, "facts")


def _kind(store: Store, iris: Iris, party: str) -> str:
    rows = queries.rows(store, queries.load("access", "parties"), registry=iris.graph("registry"))
    kinds = [str(row["kind"]) for row in rows if row["party"] == party]
    if not kinds:
        known = ", ".join(iris.local(row["party"]) for row in rows) or "none yet"
        raise AccessError(f"{party} is no partner of this cooperative; it has {known}. The operator registers partners")
    return kinds[0]
