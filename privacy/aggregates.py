"""Datasets without personal data, for everybody: load and production of grid nodes and cooperatives, delivery of campaigns (docs/policy.md).

Writes graphs `aggregates/…`, which everybody may see, and `aggregation/{yyyy-mm}`, the operator's: who stood behind them. A day that is
published, or withheld, stays as it is.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta

import numpy as np
import pandas as pd
from pyoxigraph import Quad

from kg import queries
from kg.iris import Iris
from kg.provenance import activity
from kg.store import Store
from kg.terms import Json, Lang, Value, describe, iri
from ontology.names import FC, FCV, PROV, QUDT, RDF, RDFS, S4ENER, SAREF, UNIT
from privacy.disclosure import Homes, Verdict, judged
from privacy.errors import PrivacyError
from telemetry.channels import Channels
from telemetry.days import Flag, canonical
from telemetry.readings import Readings

K = 10
STEP = timedelta(minutes=15)
_DAY = timedelta(days=1)
_DAY_S = 86400
# kind → property of the channel, sign, what the channel's label says
KINDS = {
    "load": ("activePower", str(FCV.ImportPositive), "Power of all grid connections"),
    "production": ("productionPower", str(FCV.ProductionPositive), "Solar power of all members"),
}
SENTENCES = {
    Verdict.TOO_FEW: "Fewer than {k} homes stand behind this sum, so it is left out; it is not zero.",
    Verdict.WITH_ANOTHER: "This sum, taken from the one of the whole, would leave that of fewer than {k} homes, so it is left out; it is not zero.",
    Verdict.CHANGED: "Somebody has left this group since the month's first day, so it is left out until the next month; it is not zero.",
}


@dataclass(frozen=True)
class Published:
    """What a job did: groups shown and withheld, by kind and group; empty if all was published before."""

    shown: tuple[tuple[str, str], ...]
    withheld: tuple[tuple[str, str, str], ...]


@dataclass
class _Place:
    """Who is behind which node: members by group, and each one's connections and copies."""

    groups: dict[str, set[str]] = field(default_factory=dict)
    parents: dict[str, str] = field(default_factory=dict)
    connections: dict[str, set[str]] = field(default_factory=dict)
    copy_of: dict[str, str] = field(default_factory=dict)


def publish(store: Store, iris: Iris, channels: Channels, readings: Readings, day: date, *, k: int = K, now: datetime) -> Published:
    """Publish one UTC day, once it is packed: power a quarter-hour [kW] of each grid node and cooperative.

    Doing it again changes nothing. A quarter-hour in which one of the group has no reading is missing, as a sum without one is no sum.

    Parameters
    ----------
    k
        The smallest number of different homes that a sum may be of.
    now
        The platform's time.

    Raises
    ------
    PrivacyError
        If `k` is below 2, or the day is not over.
    """
    if now < datetime(day.year, day.month, day.day, tzinfo=UTC) + _DAY:
        raise PrivacyError(f"{day} is not over at {now.isoformat()}, and what is published stays as it is; wait for the next day")
    place = _homes(store, iris)
    quads: list[Quad] = []
    shown: list[tuple[str, str]] = []
    withheld: list[tuple[str, str, str]] = []
    for kind in KINDS:
        made, verdicts = _kind(store, iris, channels, readings, place, kind, day, k)
        quads += made
        shown += [(kind, iris.local(group)) for group, verdict in verdicts.items() if verdict is Verdict.SHOWN]
        withheld += [(kind, iris.local(group), verdict.name) for group, verdict in verdicts.items() if verdict is not Verdict.SHOWN]
    if quads:
        run = iris.id("run", f"aggregate-{day:%Y%m%d}")
        store.apply(insert=[*quads, *activity(iris, iris.graph("aggregates", "facts"), run, at=now)])
    return Published(tuple(shown), tuple(withheld))


def publish_campaigns(store: Store, iris: Iris, *, k: int = K, now: datetime) -> list[str]:
    """Publish what each settled campaign delivered in all, or that too few took part; a campaign is published once.

    Returns
    -------
    IRIs of what was published now.
    """
    homes = Homes(_homes(store, iris).copy_of)
    rows = queries.rows(store, queries.load("privacy", "settled_campaigns"))
    taking_part: dict[str, set[str]] = {}
    for row in rows:
        taking_part.setdefault(row["run"], set()).add(row["member"])
    done = []
    for run, row in {row["run"]: row for row in rows}.items():
        graph, thing = (
            iris.graph("aggregates", "flexibility", f"{row['start']:%Y-%m}"),
            iris.id("aggregate", f"flexibility-{iris.key(run)}"),
        )
        if any(triple.subject.value == thing for triple in store.graph(graph)):  # type: ignore[union-attr]
            continue
        enough = homes.count(taking_part[run]) >= k
        quads = _campaign(store, graph, thing, row) if enough else _withheld_campaign(graph, thing, row, k)
        made = activity(iris, graph, iris.id("run", f"aggregate-{iris.key(run)}"), at=now, generated=[thing])
        store.apply(insert=[*quads, *made])
        done.append(thing)
    return done


def forget(store: Store, member: str, now: datetime) -> None:
    """Take a member who is erased out of the rosters; the groups it was in stay withheld for the rest of their month."""
    rows = queries.rows(store, queries.load("privacy", "rosters_of_member"), member=member)
    gone = [quad for row in rows for quad in describe(row["graph"], row["roster"], {PROV.hadMember: iri(member)})]
    ended = [quad for row in rows for quad in describe(row["graph"], row["roster"], {PROV.invalidatedAtTime: now})]
    if rows:
        store.apply(delete=gone, insert=ended)


def _kind(
    store: Store, iris: Iris, channels: Channels, readings: Readings, place: _Place, kind: str, day: date, k: int
) -> tuple[list[Quad], dict[str, Verdict]]:
    """All groups of one kind of sum on one day."""
    graph = iris.graph("aggregates", kind, f"{day:%Y-%m}")
    own = _channels(channels, place, kind)
    groups, changed, roster = _roster(store, iris, place, kind, day, {member for member in own if own[member]})
    verdicts = judged(groups, {part: whole for part, whole in place.parents.items() if part in groups}, Homes(place.copy_of), k, changed)
    days = {group: iris.day(f"{group}#{KINDS[kind][0]}", day) for group in groups}
    found = queries.rows(store, queries.load("privacy", "days_published"), graph=graph, day=sorted(days.values())) if days else []
    there = {row["day"] for row in found}
    if there:
        return [], {}  # one transaction wrote all of them
    wanted = [group for group, verdict in verdicts.items() if verdict is Verdict.SHOWN]
    sums = _sums(
        readings, {group: [channel for member in sorted(groups[group]) for channel in own.get(member, [])] for group in wanted}, day
    )
    quads = list(roster)
    for group, verdict in verdicts.items():
        quads += _described(iris, group, kind)
        quads += _day(graph, days[group], f"{group}#{KINDS[kind][0]}", day, sums.get(group))
        if verdict is not Verdict.SHOWN:
            name = verdict.value.rpartition("/")[2]
            flag = Flag(f"{days[group]}#s0-{name}", 0, verdict.value, SENTENCES[verdict].format(k=k), end=_DAY_S)
            quads += flag.quads(graph, days[group])
    return quads, verdicts


def _homes(store: Store, iris: Iris) -> _Place:
    """Groups as the members' own facts have them today."""
    place, owners, copies = _Place(), {}, []
    for row in queries.rows(store, queries.load("privacy", "homes")):
        member = row["member"]
        if row["facts"] != iris.graph("member", iris.key(member), "facts"):
            continue
        owners[row["site"]] = member
        place.connections.setdefault(member, set()).add(row["connection"])
        place.groups.setdefault(row["cooperative"], set()).add(member)
        if "node" in row:
            place.groups.setdefault(row["node"], set()).add(member)
            place.parents[row["node"]] = row["cooperative"]
        if "copyOf" in row:
            copies.append((member, row["copyOf"]))
    place.copy_of = {member: owners.get(site, site) for member, site in copies}
    return place


def _channels(channels: Channels, place: _Place, kind: str) -> dict[str, list[str]]:
    """The channels of each member that a kind of sum adds up."""
    found: dict[str, list[str]] = {member: [] for member in place.connections}
    for channel in channels.of_kind(str(FCV.ActivePower)):
        member = channel.owner_member
        if member not in found or channel.sign != KINDS[kind][1] or STEP % channel.step:
            continue
        if kind != "load" or channel.feature in place.connections[member]:
            found[member].append(channel.iri)
    return found


def _roster(
    store: Store, iris: Iris, place: _Place, kind: str, day: date, able: set[str]
) -> tuple[dict[str, set[str]], set[str], list[Quad]]:
    """The groups of a day: as they were on the first day that its month published, so that nobody's joining or leaving shows.

    Returns
    -------
    Members by group, the groups that somebody has left since, and what is to be stated if this is the month's first day.
    """
    graph, stem = iris.graph("aggregation", f"{day:%Y-%m}"), f"{iris.id('roster', kind, f'{day:%Y%m}')}/"
    groups: dict[str, set[str]] = {}
    changed: set[str] = set()
    for row in queries.rows(store, queries.load("privacy", "rosters"), graph=graph):
        if row["roster"].startswith(stem):
            group = f"{iris.base}/id/{row['roster'][len(stem) :]}"
            members = groups.setdefault(group, set())
            if "member" in row:
                members.add(row["member"])
            if "ended" in row or ("member" in row and row["member"] not in able):
                changed.add(group)
    if groups:
        return groups, changed, []
    groups = {group: members & able for group, members in place.groups.items() if members & able}
    stated = [
        quad
        for group, members in groups.items()
        for quad in describe(
            graph, stem + iris.local(group), {RDF.type: PROV.Collection, PROV.hadMember: [iri(member) for member in sorted(members)]}
        )
    ]
    return groups, set(), stated


def _sums(readings: Readings, wanted: Mapping[str, list[str]], day: date) -> dict[str, str]:
    """The sums as packed arrays, to a watt; null where one of the group has no reading."""
    every = sorted({channel for channels in wanted.values() for channel in channels})
    if not every:
        return {}
    begin = datetime(day.year, day.month, day.day, tzinfo=UTC)
    frame = readings.frame(every, begin, begin + _DAY, STEP)
    return {group: _packed(frame[channels]) for group, channels in wanted.items() if channels}


def _packed(frame: pd.DataFrame) -> str:
    sums = np.round(frame.to_numpy(dtype=float).sum(axis=1), 3)
    return f"[{','.join('null' if math.isnan(value) else canonical(f'{value:.3f}') for value in sums)}]"


def _day(graph: str, node: str, channel: str, day: date, values: str | None) -> list[Quad]:
    """The node of a day, with values or, where it is withheld, without."""
    return describe(
        graph,
        node,
        {
            RDF.type: S4ENER.TimeSeries,
            FC.forProperty: iri(channel),
            FC.day: day,
            S4ENER.hasTemporalResolution: STEP,
            FC["values"]: None if values is None else Json(values),
        },
    )


def _described(iris: Iris, group: str, kind: str) -> Iterable[Quad]:
    """What a sum's channel is: as every channel, but in the graph that everybody may see."""
    name, sign, label = KINDS[kind]
    return describe(
        iris.graph("aggregates", "facts"),
        f"{group}#{name}",
        {
            RDF.type: [FC.Channel, SAREF.PropertyOfInterest],
            RDFS.label: Lang(f"{label}, {iris.local(group)}"),
            SAREF.isPropertyOfInterestOf: iri(group),
            SAREF.hasPropertyKind: FCV.ActivePower,
            QUDT.hasUnit: UNIT.KiloW,
            FC.signConvention: iri(sign),
            S4ENER.hasTemporalResolution: STEP,
        },
    )


def _campaign(store: Store, graph: str, thing: str, row: Mapping[str, object]) -> list[Quad]:
    found = store.select(queries.load("privacy", "portfolio_result").bind(portfolio=str(row["portfolio"])))
    figures = [each for each in found if each["property"].value.startswith((str(FC._NS), str(QUDT._NS))) and _is_plain(each["value"])]
    quads = [Quad(iri(thing), each["property"], each["value"], iri(graph)) for each in figures]  # type: ignore[arg-type]
    return [*quads, *describe(graph, thing, {RDF.type: FC.PortfolioResult, **_window(row)})]


def _withheld_campaign(graph: str, thing: str, row: Mapping[str, object], k: int) -> list[Quad]:
    finding = f"{thing}#finding-1"
    said: dict[str, Value] = {
        RDF.type: FC.Finding,
        FC.reason: FCV.TooFewMembers,
        RDFS.comment: Lang(SENTENCES[Verdict.TOO_FEW].format(k=k)),
    }
    return [*describe(graph, thing, {FC.hasFinding: iri(finding), **_window(row)}), *describe(graph, finding, said)]


def _window(row: Mapping[str, object]) -> dict[str, datetime]:
    start, end = row["start"], row["end"]
    assert isinstance(start, datetime)  # noqa: S101  (the query says so)
    assert isinstance(end, datetime)  # noqa: S101
    return {str(FC.start): start, str(FC.end): end}


def _is_plain(value: object) -> bool:
    """Figures and their unit; what a figure refers to may not be everybody's."""
    text = getattr(value, "datatype", None)
    return text is not None or getattr(value, "value", "").startswith(str(UNIT._NS))
