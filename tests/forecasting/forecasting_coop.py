"""Two homes whose days repeat, described and measured as docs/data-model.md says, with a weather station that forecasts."""

from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta

import numpy as np
from pyoxigraph import NamedNode, Quad

from forecasting.series import Forecast, forecast_quads
from kg.embedded import EmbeddedStore
from kg.iris import Iris
from kg.terms import describe, iri
from mappers.records import Series
from ontology.names import FC, FCV, QUDT, RDF, S4ENER, SAREF, UNIT
from telemetry import Channels, Readings, ReadingWriter

STEP = timedelta(minutes=15)
ZONE = "America/Los_Angeles"  # UTC−7 in summer
BEGIN = datetime(2016, 8, 1, tzinfo=UTC)
ISSUED = datetime(2016, 8, 29, 19, tzinfo=UTC)  # 12:00 local, the gate of the day ahead
START = datetime(2016, 8, 30, 7, tzinfo=UTC)  # local midnight
PORTFOLIO = "http://127.0.0.1:8080/id/vpp/demo#activePower"
_DEVICES = {
    "pv": (FC.PVSystem, "PEBC", {"RatedPower": (4.0, UNIT.KiloW)}),
    "battery": (
        FC.BatterySystem,
        "FRBC",
        {
            "RatedPower": (5.0, UNIT.KiloW),
            "StorageCapacity": (6.4, UNIT["KiloW-HR"]),
            "RoundTripEfficiency": (0.81, UNIT.UNITLESS),
            "MinimumStateOfCharge": (10.0, UNIT.PERCENT),
        },
    ),
    "ev": (
        FC.EVCharger,
        "PEBC",
        {
            "RatedPower": (7.4, UNIT.KiloW),
            "StorageCapacity": (60.0, UNIT["KiloW-HR"]),
            "ChargingEfficiency": (0.9, UNIT.UNITLESS),
        },
    ),
    "heatpump": (
        FC.HeatPump,
        "DDBC",
        {
            "RatedPower": (2.0, UNIT.KiloW),
            "CoefficientOfPerformance": (3.0, UNIT.UNITLESS),
            "ThermalResistance": (0.004, NamedNode("http://qudt.org/vocab/unit/K-PER-W")),
            "ThermalCapacitance": (18.0, NamedNode("http://qudt.org/vocab/unit/MegaJ-PER-K")),
        },
    ),
}


@dataclass(frozen=True)
class Coop:
    """The store with everything in it, and what reads it."""

    store: EmbeddedStore
    iris: Iris
    channels: Channels
    readings: Readings
    writer: ReadingWriter

    def channel(self, feature: str, what: str = "activePower") -> str:
        """`channel("device/h01-ev", "plugged")`."""
        return f"{self.iris.base}/id/{feature}#{what}"

    def measure(self, channel: str, values: np.ndarray, begin: datetime = BEGIN) -> None:
        """Store values from `begin` on, in the channel's own unit."""
        known = self.channels.known(channel)
        texts = tuple(None if np.isnan(value) else repr(round(float(value), 4)) for value in values)
        outcome = self.writer.write([Series(channel, begin, STEP, texts, known.unit)], received=begin + len(values) * STEP)
        assert not outcome.refused


def hours(steps: int, begin: datetime = BEGIN) -> np.ndarray:
    """Local hour of each step's beginning."""
    return ((begin.hour - 7) + np.arange(steps) / 4) % 24


def between(hour: np.ndarray, first: float, last: float) -> np.ndarray:
    """1.0 within `[first, last)`, 0.0 elsewhere."""
    return ((hour >= first) & (hour < last)).astype(float)


def build(store: EmbeddedStore, iris: Iris, homes: tuple[str, ...] = ("h01", "h02")) -> Coop:
    """Describe the homes and the station; nothing is measured yet."""
    quads = _station(iris)
    for home in homes:
        quads += _home(iris, home)
    store.apply(insert=quads)
    channels = Channels(store, iris)
    return Coop(store, iris, channels, Readings(store, iris, channels), ReadingWriter(store, iris, channels))


def live(coop: Coop, homes: tuple[str, ...] = ("h01", "h02"), until: datetime = ISSUED) -> None:
    """Measure days that repeat, the second home's load twice the first's; noise of 50 W so that intervals have a width."""
    steps = int((until - BEGIN) / STEP)
    hour, rng = hours(steps), np.random.default_rng(7)
    sun = np.clip(np.sin((hour - 6) / 12 * np.pi), 0, None) * between(hour, 6, 18)
    for number, home in enumerate(homes, 1):
        load = number * (0.5 + 2 * between(hour, 17, 22)) + rng.normal(0, 0.05, steps).clip(-0.2, 0.2)
        pv = 3 * sun * (1 + rng.normal(0, 0.05, steps))
        ev, heat = 3.7 * between(hour, 18, 22), 1.0 * between(hour, 14, 22)
        battery = 1.0 * between(hour, 10, 14) - 0.5 * between(hour, 18, 22)
        charge = np.where(hour < 10, 20.0, np.where(hour < 14, 20 + 15 * (hour - 10), np.where(hour < 18, 80.0, 50.0)))
        values = {
            f"site/{home}#loadPower": load,
            f"device/{home}-pv#activePower": pv,
            f"device/{home}-ev#activePower": ev,
            f"device/{home}-heatpump#activePower": heat,
            f"device/{home}-battery#activePower": battery,
            f"connection/{home}#activePower": load + ev + heat + battery - pv,
            f"device/{home}-battery#stateOfCharge": charge,
            f"device/{home}-ev#stateOfCharge": np.where(hour < 7.5, 80.0, 60.0),
            f"device/{home}-ev#plugged": 1 - between(hour, 7.5, 18),
            f"zone/{home}-living#airTemperature": np.full(steps, 23.5),
        }
        for name, series in values.items():
            coop.measure(f"{coop.iris.base}/id/{name}", series)
    for name, series in weather(steps).items():
        coop.measure(coop.channel("station/demo", name), series)


def weather(steps: int, begin: datetime = BEGIN) -> dict[str, np.ndarray]:
    """Warm afternoons, the same every day."""
    hour = hours(steps, begin)
    sun = np.clip(np.sin((hour - 6) / 12 * np.pi), 0, None)
    return {
        "airTemperature": 24 + 6 * np.sin((hour - 9) / 12 * np.pi),
        "directIrradiance": 700 * sun,
        "diffuseIrradiance": 100 * sun,
    }


def foresee(coop: Coop, issued: datetime = ISSUED, steps: int = 144, add_k: float = 0.0) -> None:
    """Let the station forecast from an issue time on."""
    quads: list[Quad] = []
    for name, values in weather(steps, issued).items():
        channel = coop.channel("station/demo", name)
        forecast = Forecast(
            iri=coop.iris.forecast(channel, issued),
            channel=channel,
            graph=coop.iris.graph("feed", "plans"),
            issued=issued,
            start=issued,
            step=STEP,
            model=None,
            values=values + (add_k if name == "airTemperature" else 0.0),
            quantiles={},
        )
        unit = str(UNIT.DEG_C) if name == "airTemperature" else "http://qudt.org/vocab/unit/W-PER-M2"
        quads += forecast_quads(forecast, coop.iris.id("run", "feed"), unit)
    coop.store.apply(insert=quads)


def _home(iris: Iris, home: str) -> list[Quad]:
    facts, osb = iris.graph("member", home, "facts"), iris.graph("member", home, "osb", home)
    member, site, connection = iris.id("member", home), iris.id("site", home), iris.id("connection", home)
    zone = iris.id("zone", f"{home}-living") + "#airTemperature"
    quads = describe(facts, member, {RDF.type: FC.Member})
    quads += describe(facts, site, {RDF.type: FC.Site, FC.ownedBy: iri(member), FC.timeZone: ZONE})
    quads += describe(facts, connection, {RDF.type: FC.GridConnectionPoint, FC.locatedAt: iri(site)})
    comfort = {RDF.type: FC.ComfortProfile, FC.forProperty: iri(zone), FC.minimum: 21.0, FC.maximum: 26.0}
    quads += describe(facts, iris.id("comfort", home), comfort)
    quads += _channel(osb, f"{site}#loadPower", FCV.ActivePower, UNIT.KiloW)
    quads += _channel(osb, f"{connection}#activePower", FCV.ActivePower, UNIT.KiloW)
    quads += _channel(osb, zone, FCV.AirTemperature, UNIT.DEG_C)
    for name, (kind, control, ratings) in _DEVICES.items():
        device = iris.id("device", f"{home}-{name}")
        quads += describe(facts, device, {FC.ownedBy: iri(member), FC.availableForDR: True})
        quads += describe(osb, device, {RDF.type: kind, FC.locatedAt: iri(site), FC.controlType: FCV[control]})
        quads += _channel(osb, f"{device}#activePower", FCV.ActivePower, UNIT.KiloW)
        for rating, (value, unit) in ratings.items():
            node = f"{device}#{rating[0].lower()}{rating[1:]}"
            quads += describe(osb, device, {SAREF.hasPropertyValue: iri(node)})
            quads += describe(osb, node, {SAREF.isValueOfProperty: FCV[rating], SAREF.hasValue: value, SAREF.isMeasuredIn: unit})
    ev, battery, pump = (iris.id("device", f"{home}-{name}") for name in ("ev", "battery", "heatpump"))
    node = f"{ev}#targetStateOfCharge"
    quads += describe(osb, ev, {FC.departureTime: time(7, 30), FC.targetStateOfCharge: iri(node)})
    target = {SAREF.isValueOfProperty: FCV.TargetStateOfCharge, SAREF.hasValue: 80.0, SAREF.isMeasuredIn: UNIT.PERCENT}
    quads += describe(osb, node, target)
    quads += describe(osb, pump, {SAREF.controls: iri(zone)})
    quads += _channel(osb, f"{ev}#plugged", FCV.PluggedIn, UNIT.UNITLESS)
    for device in (ev, battery):
        quads += _channel(osb, f"{device}#stateOfCharge", FCV.StateOfCharge, UNIT.PERCENT)
    return quads


def _station(iris: Iris) -> list[Quad]:
    graph, station = iris.graph("feed", "osb", "feed"), iris.id("station", "demo")
    irradiance = NamedNode("http://qudt.org/vocab/unit/W-PER-M2")
    return [
        *_channel(graph, f"{station}#airTemperature", FCV.AirTemperature, UNIT.DEG_C),
        *_channel(graph, f"{station}#directIrradiance", FCV.Irradiance, irradiance),
        *_channel(graph, f"{station}#diffuseIrradiance", FCV.Irradiance, irradiance),
    ]


def _channel(graph: str, channel: str, kind: object, unit: object) -> list[Quad]:
    properties = {
        RDF.type: [FC.Channel, SAREF.PropertyOfInterest],
        SAREF.isPropertyOfInterestOf: iri(channel.split("#")[0]),
        SAREF.hasPropertyKind: kind,
        QUDT.hasUnit: unit,
        S4ENER.hasTemporalResolution: STEP,
    }
    return describe(graph, channel, properties)
