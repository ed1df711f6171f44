"""Channels as an OSB would have described them, and what writes and reads their readings."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from pyoxigraph import NamedNode, Quad

from kg.embedded import EmbeddedStore
from kg.iris import Iris
from kg.store import Store
from kg.terms import Value, describe, iri
from mappers.records import Message, ReportedFlag, Series
from ontology.names import FC, FCV, QUDT, RDF, S4ENER, SAREF, UNIT
from telemetry import Channels, Readings, ReadingWriter

QUARTER = timedelta(minutes=15)
RECEIVED = datetime(2016, 9, 30, tzinfo=UTC)
KW, DEG_C = str(UNIT.KiloW), str(UNIT.DEG_C)
MakeSeries = Callable[..., Series]


def channel_quads(
    iris: Iris,
    channel: str,
    *,
    member: str = "h01",
    kind: str = "ActivePower",
    unit: str = KW,
    step: timedelta = QUARTER,
    states: Mapping[str, Value] | None = None,
) -> list[Quad]:
    """A channel as docs/data-model.md shows it; `states` replaces what it says, by property."""
    feature = channel.split("#")[0]
    properties = {
        RDF.type: [iri(str(FC.Channel)), iri(str(SAREF.PropertyOfInterest))],
        SAREF.isPropertyOfInterestOf: iri(feature),
        SAREF.hasPropertyKind: iri(str(FCV[kind])),
        QUDT.hasUnit: iri(unit),
        FC.signConvention: iri(str(FCV.ImportPositive)),
        S4ENER.hasTemporalResolution: step,
        FC.minimum: -25.0,
        FC.maximum: 25.0 if unit == KW else 100.0,
        **(states or {}),
    }
    return describe(iris.graph("member", member, "osb", member), channel, properties)


def described(store: Store, iris: Iris, channels: Channels, channel: str, **properties: Any) -> None:
    """Describe a channel (anew), as if its box had announced it; see `channel_quads`."""
    graph = iris.graph("member", properties.get("member", "h01"), "osb", properties.get("member", "h01"))
    about = NamedNode(channel)
    known = [Quad(t.subject, t.predicate, t.object, NamedNode(graph)) for t in store.graph(graph) if t.subject == about]
    store.apply(delete=known, insert=channel_quads(iris, channel, **properties))
    channels.reload(graph)


def claim_quads(iris: Iris, member: str) -> list[Quad]:
    """The owner's claim to a box."""
    return describe(iris.graph("member", member, "facts"), iris.id("osb", member), {FC.claimedBy: iri(iris.id("member", member))})


@dataclass(frozen=True)
class Home:
    """The channels of the fixture."""

    power: str
    battery: str
    soc: str
    zone: str
    other: str


@pytest.fixture
def home(iris: Iris) -> Home:
    return Home(
        power=iris.id("connection", "h01") + "#activePower",
        battery=iris.id("device", "h01-battery") + "#activePower",
        soc=iris.id("device", "h01-battery") + "#stateOfCharge",
        zone=iris.id("zone", "h01-living") + "#airTemperature",
        other=iris.id("connection", "h02") + "#activePower",
    )


def furnish(store: Store, iris: Iris, home: Home) -> None:
    """Describe the channels and the claims in a store."""
    quads = [
        *channel_quads(iris, home.power),
        *channel_quads(iris, home.battery),
        *channel_quads(iris, home.soc, kind="StateOfCharge", unit=str(UNIT.PERCENT)),
        *channel_quads(iris, home.zone, kind="AirTemperature", unit=DEG_C),
        *channel_quads(iris, home.other, member="h02"),
        *claim_quads(iris, "h01"),
        *claim_quads(iris, "h02"),
    ]
    store.apply(insert=quads)


@pytest.fixture
def channels(store: EmbeddedStore, iris: Iris, home: Home) -> Channels:
    furnish(store, iris, home)
    return Channels(store, iris)


@pytest.fixture
def writer(store: EmbeddedStore, iris: Iris, channels: Channels) -> ReadingWriter:
    return ReadingWriter(store, iris, channels)


@pytest.fixture
def readings(store: EmbeddedStore, iris: Iris, channels: Channels) -> Readings:
    return Readings(store, iris, channels)


def run(channel: str, start: datetime, values: Sequence[float | str | None], unit: str | None = KW) -> Series:
    """A run of quarter-hours."""
    return Series(channel, start, QUARTER, tuple(None if v is None else str(v) for v in values), unit)


def one(channel: str, at: datetime, value: float | str, unit: str | None = KW) -> Series:
    """A single observation."""
    return Series(channel, at, None, (str(value),), unit)


def message(
    *series: Series, flags: Sequence[ReportedFlag] = (), sent: datetime | None = RECEIVED, clock_offset: float | None = None
) -> Message:
    """A message with an id of no importance."""
    offset = None if clock_offset is None else Decimal(str(clock_offset))
    return Message("urn:message", "urn:osb", sent, series, (), tuple(flags), offset)


def reported(
    channel: str, start: datetime, end: datetime | None, reason: str = "DeviceUnreachable", comment: str = "No answer."
) -> ReportedFlag:
    """What a box says of a channel's slots."""
    return ReportedFlag(channel, start, end, str(FCV[reason]), comment)


def quads(store: Store) -> set[str]:
    """Everything in a store, to compare."""
    return {f"{graph} {triple}" for graph in store.graphs() for triple in store.graph(graph)}
