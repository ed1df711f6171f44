"""What the cooperative lets partners see: kept in the graph `policy`, which nobody but the operator writes (docs/policy.md).

What is to be written is returned; it passes the gate, in the name of whoever asked.
"""

from datetime import datetime

from access import layout, terms
from access.errors import AccessError
from access.terms import Change, Stated, Terms
from kg import queries
from kg.iris import Iris
from kg.store import Store
from kg.terms import Lang, describe, iri
from ontology.names import FC, ODRL, RDF, RDFS


def register(iris: Iris, key: str, label: str, *, at: datetime) -> Change:
    """Spell a partner, as the registry has it; what is granted to it is another step.

    Raises
    ------
    AccessError
        If the key can't be one.
    """
    partner = iris.id("partner", key)
    if layout.key_of(iris, "partner", partner) is None:
        raise AccessError(f"{key!r} can't be a partner's key: 1 to 64 letters, digits and . _ ~ -, no name of a person")
    quads = describe(iris.graph("registry"), partner, {RDF.type: FC.Partner, RDFS.label: Lang(label)})
    return Change(partner, at, frozenset(quads))


def give(store: Store, iris: Iris, partner: str, agreed: Terms, *, at: datetime) -> Change:
    """Spell a grant to a partner.

    Raises
    ------
    AccessError
        If there is no such partner, or a dataset is named that can't be granted.
    """
    rows = queries.rows(store, queries.load("access", "parties"), registry=iris.graph("registry"))
    if not any(row["party"] == partner and row["kind"] == str(FC.Partner) for row in rows):
        raise AccessError(f"{partner} is no partner of this cooperative; register it first")
    for target in agreed.targets:
        if not (opened := layout.grantable(iris, target)).graphs | opened.families:
            raise AccessError(
                f"{target} can't be granted as a whole; datasets that are nobody's in particular are the settlement runs and the portfolio's "
                "series. Of members' data, grant categories"
            )
    graph = iris.graph("policy")
    grant = iris.id("grant", terms.free_key(store, iris, "grant", graph, iris.key(partner), at))
    quads = describe(
        graph,
        grant,
        {
            RDF.type: FC.DataGrant,
            ODRL.assignee: iri(partner),
            ODRL.target: [iri(each) for each in agreed.targets],
            FC.dataCategory: [iri(each) for each in agreed.categories],
            FC.purpose: [iri(each) for each in agreed.purposes],
            FC.validFrom: agreed.first,
            FC.validTo: agreed.last,
        },
    )
    return Change(grant, at, frozenset(quads))


def withdraw(store: Store, iris: Iris, grant: str, *, at: datetime) -> Change:
    """End a grant, from the next request on.

    Raises
    ------
    NoSuchTermError
        If there is no such grant.
    """
    return terms.end(store, iris, iris.graph("policy"), grant, str(FC.DataGrant), at)


def given(store: Store, iris: Iris, partner: str) -> list[Stated]:
    """All grants to a partner, newest first, withdrawn ones too."""
    rows = queries.rows(store, queries.load("access", "grants_given"), policy=iris.graph("policy"), party=partner)
    return terms.gathered(rows, "grant", partner)
