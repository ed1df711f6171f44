"""A small history in three owners' graphs, packed as the platform stores it, and once more with every reading as an observation of its own."""

import json
import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pyoxigraph as ox
from pyoxigraph import Literal, NamedNode, Quad

from kg.iris import Iris
from kg.prefixes import prefixes
from kg.remote import RemoteStore
from kg.terms import describe, iri
from ontology.names import FC, FCV, PROV, QUDT, RDF, RDFS, S4ENER, SAREF, SOSA, UNIT, XSD
from sparql.functions import PackedDays, custom
from sparql.observations import face
from sparql.parser import parse
from sparql.printer import text
from telemetry.days import slot, unpack

BASE = "http://127.0.0.1:8080"
IRIS = Iris(BASE)
DAYS = PackedDays()
CUSTOM = custom(DAYS)
_NUMBER = re.compile(r'\\*"(-?[0-9.]+(?:[eE][-+]?[0-9]+)?)\\*"\^\^<http://www\.w3\.org/2001/XMLSchema#(?:decimal|integer|double)>')
DATATYPE_DECIMAL = NamedNode(str(XSD.decimal))


@dataclass(frozen=True)
class Channel:
    """A channel of the little world."""

    owner: str
    path: str
    minutes: int
    unit: str
    kind: str = "ActivePower"

    @property
    def iri(self) -> str:
        return f"{BASE}/id/{self.path}"

    def graph(self, day: date) -> str:
        return f"{BASE}/graph/{self.owner}/telemetry/{day:%Y-%m}"


GRID = Channel("member/h01", "connection/h01#activePower", 15, str(UNIT.KiloW))
PV = Channel("member/h01", "device/h01-pv#activePower", 15, str(UNIT.KiloW))
FAST = Channel("member/h01", "device/h01-plug#activePower", 1, str(UNIT.KiloW))
OTHER = Channel("member/h02", "connection/h02#activePower", 15, str(UNIT.KiloW))
AIR = Channel("feed", "station/demo#airTemperature", 60, str(UNIT.DEG_C), "AirTemperature")
CHANNELS = (GRID, PV, FAST, OTHER, AIR)
FIRST, SECOND, CHANGE = date(2016, 10, 31), date(2016, 11, 1), date(2016, 11, 6)
EDGES = ("0.1", "-0.05", "0", "12345.678901", "-3", "0.000001")


def values(channel: Channel, day: date) -> list[str | None]:
    """The texts of one day: few different ones, so that joins on values meet, with gaps."""
    count = 1440 // channel.minutes
    seed = CHANNELS.index(channel) * 7 + day.day
    found: list[str | None] = [str(Decimal((seed * 31 + n * 17) % 40 - 8) / 10) for n in range(count)]
    found = [None if (n + seed) % 11 == 0 else each.removesuffix(".0") for n, each in enumerate(found) if each is not None]
    found[: len(EDGES)] = EDGES
    return ["0" if each == "-0" else each for each in found]


STORED = (
    (GRID, FIRST, True),
    (GRID, SECOND, True),
    (GRID, CHANGE, False),
    (PV, SECOND, False),
    (PV, CHANGE, True),
    (FAST, SECOND, True),
    (OTHER, FIRST, True),
    (OTHER, CHANGE, True),
    (AIR, SECOND, True),
    (AIR, CHANGE, False),
)


def _channel(channel: Channel) -> list[Quad]:
    box = channel.owner.rsplit("/", 1)[-1]
    graph = f"{BASE}/graph/{channel.owner}/osb/{box}"
    feature = channel.iri.split("#")[0]
    said = {
        RDF.type: [iri(str(FC.Channel)), iri(str(SAREF.PropertyOfInterest))],
        SAREF.isPropertyOfInterestOf: iri(feature),
        SAREF.hasPropertyKind: iri(str(FCV[channel.kind])),
        QUDT.hasUnit: iri(channel.unit),
        S4ENER.hasTemporalResolution: timedelta(minutes=channel.minutes),
    }
    meter = {RDF.type: iri(str(FC.SmartMeter)), SAREF.observes: iri(channel.iri), RDFS.label: f"Meter of {feature.rsplit('/', 1)[-1]}"}
    return describe(graph, channel.iri, said) + describe(graph, f"{feature}-meter", meter)


def packed() -> list[Quad]:
    """The history as the platform stores it."""
    found = [quad for channel in CHANNELS for quad in _channel(channel)]
    for channel, day, closed in STORED:
        graph, node = channel.graph(day), IRIS.day(channel.iri, day)
        step = timedelta(minutes=channel.minutes)
        found += describe(graph, node, {FC.forProperty: iri(channel.iri), FC.day: day, S4ENER.hasTemporalResolution: step})
        texts = values(channel, day)
        if closed:
            array = f"[{','.join(each or 'null' for each in texts)}]"
            found.append(_quad(node, str(FC["values"]), Literal(array, datatype=NamedNode(str(RDF.JSON))), graph))
            continue
        for number, each in enumerate(texts):
            if each is not None:
                predicate = slot(number * channel.minutes * 60)
                found.append(Quad(NamedNode(node), predicate, Literal(each, datatype=DATATYPE_DECIMAL), NamedNode(graph)))
    flag = {
        RDF.type: iri(str(FC.QualityFlag)),
        FC.flagOf: iri(IRIS.day(GRID.iri, SECOND)),
        FC.offset: 900,
        FC.reason: iri(str(FCV.OutOfRange)),
    }
    found += describe(GRID.graph(SECOND), f"{IRIS.day(GRID.iri, SECOND)}#s900-OutOfRange", flag)
    empty = {FC.forProperty: iri(PV.iri), FC.day: FIRST, S4ENER.hasTemporalResolution: timedelta(minutes=15)}
    return found + describe(PV.graph(FIRST), IRIS.day(PV.iri, FIRST), empty)


def _quad(subject: str, predicate: str, value: NamedNode | Literal, graph: str) -> Quad:
    return Quad(NamedNode(subject), NamedNode(predicate), value, NamedNode(graph))


def materialised(quads: Iterable[Quad]) -> list[Quad]:
    """The same with an observation beside every filled slot, in the graph of its day."""
    stored = list(quads)
    about: dict[tuple[str, str], dict[str, Any]] = {}
    units: dict[str, NamedNode] = {}
    slots: list[tuple[str, str, int, str]] = []
    for quad in stored:
        subject, predicate, value, graph = quad.subject.value, quad.predicate.value, quad.object, quad.graph_name.value
        if predicate == str(QUDT.hasUnit):
            units[subject] = value
        elif predicate in (str(FC.forProperty), str(FC.day)):
            about.setdefault((graph, subject), {})[predicate] = value
        elif predicate == str(FC["values"]):
            slots += [(graph, subject, offset, spelt) for offset, spelt in unpack(value.value).items()]
        elif predicate.startswith(slot(0).value[:-1]):
            slots.append((graph, subject, int(predicate.rsplit("s", 1)[1]), value.value))
    made = list(stored)
    for graph, day, offset, spelt in slots:
        channel, on = (about[graph, day][str(name)] for name in (FC.forProperty, FC.day))
        at = datetime.fromisoformat(f"{on.value}T00:00:00+00:00") + timedelta(seconds=offset)
        node = IRIS.observation(channel.value, at)
        said: list[tuple[Any, NamedNode | Literal]] = [
            (RDF.type, NamedNode(str(SAREF.Observation))),
            (RDF.type, NamedNode(str(SOSA.Observation))),
            (SAREF.observes, channel),
            (SAREF.hasTimestamp, Literal(at.astimezone(UTC).isoformat().replace("+00:00", "Z"), datatype=NamedNode(str(XSD.dateTime)))),
            (SOSA.hasSimpleResult, Literal(spelt, datatype=DATATYPE_DECIMAL)),
            (PROV.wasDerivedFrom, NamedNode(day)),
        ]
        if channel.value in units:
            said.append((QUDT.hasUnit, units[channel.value]))
        made += [_quad(node, str(predicate), value, graph) for predicate, value in said]
    return made


def store(quads: Iterable[Quad]) -> ox.Store:
    """A store that holds them."""
    made = ox.Store()
    made.bulk_extend(quads)
    return made


def known_prefixes() -> dict[str, str]:
    """The prefixes that need no declaration."""
    return dict(prefixes())


def rewritten(query: str, engine: str = "embedded") -> str:
    """The text of a query as the endpoint would put it to its store."""
    return text(face(parse(query, prefixes=prefixes()), iris_base=BASE, engine=engine))


def as_written(query: str) -> str:
    """The text of a query, unchanged but for its spelling."""
    return text(parse(query, prefixes=prefixes()))


def answers(found: Any) -> Counter[Any]:
    """What a query found, without order: solutions with their number, triples as a set."""
    if isinstance(found, ox.QueryBoolean):
        return Counter([bool(found)])
    if isinstance(found, ox.QueryTriples | list):
        return Counter({str(triple): 1 for triple in found})
    names = [variable.value for variable in found.variables]
    return Counter(json.dumps([str(row[name]) if row[name] is not None else None for name in names]) for row in found)


def expected(oracle: ox.Store, query: str) -> Counter[Any]:
    """What the query finds where observations are triples."""
    return answers(oracle.query(as_written(query), use_default_graph_as_union=True))


def presented(history: ox.Store, query: str) -> Counter[Any]:
    """What the rewritten query finds where days are packed."""
    return answers(history.query(rewritten(query), use_default_graph_as_union=True, custom_functions=CUSTOM))


def asked(server: RemoteStore, query: str) -> Counter[Any]:
    """What a server finds, its default graph being the union of all."""
    tabular = not query.lstrip().startswith("CONSTRUCT")
    return comparable(answers(server.untrusted(query, tabular=tabular, has_dataset=False, deadline_s=120, max_bytes=1 << 28)))


def comparable(found: Counter[Any]) -> Counter[Any]:
    """Answers with numbers spelt one way: servers differ in the digits of a mean and in whether 4 is written 4.0."""
    spelt: Counter[Any] = Counter()
    for row, count in found.items():
        spelt[_NUMBER.sub(_plain, row) if isinstance(row, str) else row] += count
    return spelt


def _plain(match: re.Match[str]) -> str:
    return f"{float(match[1]):.9g}"
