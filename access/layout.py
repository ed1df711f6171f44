"""Which named graphs there are, for those who decide who may see them (docs/data-model.md §2)."""

import re
from collections.abc import Iterable, Mapping

from kg.iris import Iris
from ontology.names import FCV
from sparql.scope import Scope

KEY = re.compile(r"[A-Za-z0-9][A-Za-z0-9._~-]{0,63}")

# category → graphs and families of graphs below `member/{m}/`
CATEGORIES: Mapping[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    str(FCV.FactsData): (("facts",), ("osb",)),
    str(FCV.TelemetryData): ((), ("telemetry",)),
    str(FCV.LatestData): (("latest",), ()),
    str(FCV.PlansData): (("plans",), ()),
    str(FCV.ContractsData): (("contracts",), ()),
    str(FCV.EventsData): (("events",), ()),
    str(FCV.StatementsData): (("statements",), ()),
}
AGGREGATES = ("load", "production", "flexibility")
_PUBLIC = ("ontology", "shapes", "catalogue", "feed/facts", "feed/latest", "feed/plans", "aggregates/facts")
_PUBLIC_FAMILIES = ("feed/osb", "feed/telemetry", *(f"aggregates/{kind}" for kind in AGGREGATES))
_GRANTABLE = ("portfolio/plans", "portfolio/latest")  # nobody's in particular, yet not for everyone
_GRANTABLE_FAMILIES = ("settlement", "portfolio/osb", "portfolio/telemetry")


def scope(iris: Iris, graphs: Iterable[str] = (), families: Iterable[str] = ()) -> Scope:
    """Spell a scope from paths below `{BASE}/graph/`: graphs as they are, families without their last slash."""
    return Scope(graphs=frozenset(map(iris.graph, graphs)), families=frozenset(f"{iris.graph(path)}/" for path in families))


def public(iris: Iris) -> Scope:
    """What everyone may see."""
    return scope(iris, _PUBLIC, _PUBLIC_FAMILIES)


def settlements(iris: Iris) -> Scope:
    """The runs of settlement with the portfolio's figures; no member's."""
    return scope(iris, families=("settlement",))


def categories(iris: Iris, member: str, chosen: Iterable[str] = tuple(CATEGORIES)) -> Scope:
    """The graphs of one member that belong to categories of data.

    Parameters
    ----------
    member
        Its key.
    chosen
        IRIs of concepts of `fcv:DataCategories`; one that is not known covers nothing.
    """
    known = [CATEGORIES[each] for each in chosen if each in CATEGORIES]
    return scope(
        iris,
        (f"member/{member}/{graph}" for graphs, _ in known for graph in graphs),
        (f"member/{member}/{family}" for _, families in known for family in families),
    )


def own(iris: Iris, member: str) -> Scope:
    """All graphs of a member, for that member: of every category; and what edits have changed, and boxes say otherwise, told to nobody else."""
    return joined((categories(iris, member), scope(iris, (f"member/{member}/edits",), (f"member/{member}/differing",))))


def grantable(iris: Iris, target: str) -> Scope:
    """What a grant of a whole dataset opens: a graph, or a family by its name with a slash at its end; nothing if it can't be granted."""
    if target in map(iris.graph, _GRANTABLE) or any(_is_in(target, f"{iris.graph(path)}/") for path in _GRANTABLE_FAMILIES):
        return Scope(graphs=frozenset({target}))
    if target in {f"{iris.graph(path)}/" for path in _GRANTABLE_FAMILIES}:
        return Scope(families=frozenset({target}))
    return Scope()


def joined(scopes: Iterable[Scope]) -> Scope:
    """What any of them allows; none of them may be of everything."""
    parts = list(scopes)
    return Scope(graphs=frozenset().union(*(each.graphs for each in parts)), families=frozenset().union(*(each.families for each in parts)))


def key_of(iris: Iris, kind: str, thing: str | None) -> str | None:
    """The key of a member's, box's or partner's IRI; `None` if it is not exactly such a thing's."""
    prefix = iris.id(kind, "")
    key = thing[len(prefix) :] if thing is not None and thing.startswith(prefix) else ""
    return key if KEY.fullmatch(key) else None


def facts_of(iris: Iris, graph: str) -> str | None:
    """The IRI of the member whose own facts lie in a graph; `None` for any other graph."""
    prefix = f"{iris.graph('member')}/"
    key, slash, leaf = graph[len(prefix) :].partition("/") if graph.startswith(prefix) else ("", "", "")
    return iris.id("member", key) if slash and leaf == "facts" and KEY.fullmatch(key) else None


def _is_in(graph: str, family: str) -> bool:
    return graph.startswith(family) and graph != family and "/" not in graph[len(family) :]
