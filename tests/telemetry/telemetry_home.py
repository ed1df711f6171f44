"""Channels as an OSB would have described them, and what writes and reads their readings."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest
from pyoxigraph import Quad

from kg.embedded import EmbeddedStore
from kg.iris import Iris
from kg.store import Store
from kg.terms import describe, iri
from mappers.records import Series
from ontology.names import FC, FCV, QUDT, RDF, S4ENER, SAREF, UNIT
from telemetry import Channels, Readings, ReadingWriter

QUARTER = timedelta(minutes=15)
RECEIVED = datetime(2016, 9, 30, tzinfo=UTC)
KW, DEG_C = str(UNIT.KiloW), str(UNIT.DEG_C)
MakeSeries = Callable[..., Series]


def channel_quads(
    iris: Iris, channel: str, *, member: str = "h01", kind: str = "ActivePower", unit: str = KW, step: timedelta = QUARTER
) -> list[Quad]:
    """A channel as docs/data-model.md shows it."""
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
    }
    return describe(iris.graph("member", member, "osb", member), channel, properties)


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


def quads(store: Store) -> set[str]:
    """Everything in a store, to compare."""
    return {f"{graph} {triple}" for graph in store.graphs() for triple in store.graph(graph)}
