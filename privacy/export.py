"""Everything that is held about a member, as one ZIP for the member: triples, readings, accounts, looks, refused messages."""

import csv
import io
import json
import zipfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, BinaryIO
from urllib.parse import unquote
from zoneinfo import ZoneInfo

import pyoxigraph as ox
from pyoxigraph import NamedNode, Quad

from kg import queries
from kg.iris import Iris
from kg.prefixes import prefixes
from kg.store import Store
from privacy.erasure import Tell, untold
from privacy.errors import UnknownMemberError
from privacy.pseudonyms import Keys, things_of
from telemetry.channels import Channel, Channels
from telemetry.readings import Readings

Stop = Callable[[], bool]
SHARED = ("people", "registry", "market", "policy", "audit", "edits", "imports")
_DAYS_AT_ONCE = timedelta(days=31)
_README = """What the cooperative's platform holds about {member}, as of {at}.

{member}.trig      everything in the graph that is about you: what you said, what your box says, contracts, forecasts, events, statements,
                   readings as they are stored, and what other parts of the graph say of you. Any RDF tool opens it.
readings/*.csv     your readings, one file a channel: begin of the interval in UTC and in your local time, value, unit, flags.
accounts.json      the accounts and tokens that act for you; passwords and secrets are not kept readable, so they are not here.
looked.json        who looked at your data, when and for what.
refused.json       messages of your box that were refused, and why.
notices.json       what you were told of events, when, and at which address.

Times are UTC unless said otherwise. A missing value is missing, not zero.
"""


@dataclass(frozen=True)
class Holdings:
    """Where else than in the graph something may be held about a member; each a list of JSON objects."""

    accounts: Sequence[dict[str, Any]] = ()
    looked: Sequence[dict[str, Any]] = ()
    refused: Sequence[dict[str, Any]] = ()
    notices: Sequence[dict[str, Any]] = ()


def keys_of(store: Store, iris: Iris, member: str, accounts: Iterable[str] = ()) -> Keys:
    """Find a member by key, with the boxes that they claim.

    Parameters
    ----------
    accounts
        Keys of the principals that act for the member.

    Raises
    ------
    UnknownMemberError
        If no facts are held of such a member.
    """
    family = iris.graph("member", member) + "/"
    if not any(graph.startswith(family) for graph in store.graphs()):
        raise UnknownMemberError(f"nothing is held about a member {member!r}; the members are listed at /members")
    rows = queries.rows(store, queries.load("privacy", "boxes_of_member"), member=iris.id("member", member))
    boxes = {row.get("identifier", f"osb-{iris.key(row['osb'])}") for row in rows}
    return Keys(iris, member, things_of(store, iris, member), tuple(sorted(boxes)), tuple(sorted(set(accounts))))


def editors(store: Store, iris: Iris, member: str) -> list[str]:
    """Keys of all who have edited what is said of a member, as its record has them."""
    agents, graph = iris.id("agent", ""), iris.graph("member", member, "edits")
    named = {getattr(triple.object, "value", "") for triple in store.graph(graph)}
    return sorted(unquote(each.removeprefix(agents)) for each in named if each.startswith(agents))


def write(
    target: BinaryIO,
    store: Store,
    channels: Channels,
    readings: Readings,
    keys: Keys,
    *,
    at: datetime,
    zone: ZoneInfo,
    holdings: Holdings | None = None,
    tell: Tell = untold,
    stop: Stop = lambda: False,
) -> dict[str, int]:
    """Write the ZIP.

    Parameters
    ----------
    at
        As of when, for its first page.
    zone
        Of the member's local times.
    tell, stop
        Told how far it is; asked whether to end, which leaves an unfinished file and raises `InterruptedError`.

    Returns
    -------
    How many triples, channels and readings are in it.
    """
    held = holdings or Holdings()
    own = [channel for channel in channels.all() if channel.graph.startswith(keys.family)]
    counts = {"triples": 0, "channels": len(own), "readings": 0}
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("README.txt", _README.format(member=keys.member, at=at.astimezone(UTC).isoformat()))
        for name in ("accounts", "looked", "refused", "notices"):
            archive.writestr(f"{name}.json", json.dumps(list(getattr(held, name)), ensure_ascii=False, indent=1, default=str))
        quads = list(_quads(store, keys))
        counts["triples"] = len(quads)
        archive.writestr(f"{keys.member}.trig", ox.serialize(quads, format=ox.RdfFormat.TRIG, prefixes=dict(prefixes())))  # type: ignore[arg-type]
        for number, channel in enumerate(own):
            if stop():
                raise InterruptedError(
                    f"the export of {keys.member} was stopped after {number} of {len(own)} channels; nothing was changed"
                )
            tell(number / len(own), f"{channel.iri}, {number + 1} of {len(own)}")
            with archive.open(f"readings/{_name(keys.iris, channel)}.csv", "w") as file:
                counts["readings"] += _csv(io.TextIOWrapper(file, encoding="utf-8", newline=""), store, readings, channel, zone)
    return counts


def _quads(store: Store, keys: Keys) -> Iterator[Quad]:
    """The member's own graphs whole, and what shared graphs say of the member."""
    settlement = keys.iris.graph("settlement") + "/"
    for graph in store.graphs():
        own = graph.startswith(keys.family)
        if own or graph.startswith(settlement) or graph in {keys.iris.graph(name) for name in SHARED}:
            name = NamedNode(graph)
            yield from (
                Quad(triple.subject, triple.predicate, triple.object, name) for triple in store.graph(graph) if own or keys.speaks(triple)
            )


def _csv(file: io.TextIOWrapper, store: Store, readings: Readings, channel: Channel, zone: ZoneInfo) -> int:
    rows = csv.writer(file)
    rows.writerow(("utc", "local", "value", "unit", "flags"))
    count = 0
    for begin, end in _windows(store, channel):
        flags: dict[datetime, list[str]] = {}
        for at, flag in readings.flags(channel.iri, begin, end):
            flags.setdefault(at, []).append(str(flag.reason).rsplit("/", 1)[-1])
        series = readings.frame([channel.iri], begin, end)[channel.iri].dropna()
        for stamp, value in series.items():
            instant = stamp.to_pydatetime()  # type: ignore[attr-defined]
            rows.writerow(
                (
                    f"{instant:%Y-%m-%dT%H:%M:%SZ}",
                    instant.astimezone(zone).isoformat(),
                    repr(float(value)),
                    channel.unit,
                    " ".join(flags.get(instant, ())),
                )
            )
        count += len(series)
    file.flush()
    file.detach()
    return count


def _windows(store: Store, channel: Channel) -> Iterable[tuple[datetime, datetime]]:
    """The months in which the channel has readings."""
    family = channel.graph.partition("/osb/")[0] + "/telemetry/"
    for graph in store.graphs():
        if graph.startswith(family):
            year, month = (int(part) for part in graph[len(family) :].split("-"))
            begin = datetime(year, month, 1, tzinfo=UTC)
            yield begin, (begin + _DAYS_AT_ONCE).replace(day=1)


def _name(iris: Iris, channel: Channel) -> str:
    return iris.channel_path(channel.iri).replace("/", "-")
