"""Boxes that the benchmarks of telemetry share: who they are, what they measure, what they say, and what must be in the store after."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import orjson
from pyoxigraph import Quad

from kg.iris import Iris
from kg.terms import Value, describe, iri
from ontology.names import FC, FCV, QUDT, RDF, S4ENER, SAREF, UNIT

BASE = "http://127.0.0.1:8080"
DAY, QUARTER, MINUTE = timedelta(days=1), timedelta(minutes=15), timedelta(minutes=1)
START = datetime(2016, 8, 1, tzinfo=UTC)
_STEPS = {QUARTER: "PT15M", MINUTE: "PT1M"}


@dataclass(frozen=True)
class Channel:
    """One channel of a box; `seed` makes its values its own."""

    path: str
    step: timedelta
    seed: int

    def value(self, at: datetime) -> str:
        """What it measured in the interval from `at` [kW]: three decimals, different from slot to slot."""
        slot = (at - START) // self.step
        return f"{((slot * 37 + self.seed * 101) % 20011) / 1000 - 5:.3f}"


@dataclass(frozen=True)
class Box:
    """One Open Smart Box with its channels."""

    key: str
    channels: tuple[Channel, ...]

    @property
    def osb(self) -> str:
        """Its identifier on the broker."""
        return f"osb-{self.key}"

    def topic(self, kind: str) -> str:
        """A topic of this box."""
        return f"flexcoop/osb/{self.osb}/{kind}"

    def quads(self, iris: Iris) -> list[Quad]:
        """Its channels, as it would have announced them, and the claim to it."""
        graph = iris.graph("member", self.key, "osb", self.key)
        claim = describe(
            iris.graph("member", self.key, "facts"), iris.id("osb", self.key), {FC.claimedBy: iri(iris.id("member", self.key))}
        )
        return claim + [quad for channel in self.channels for quad in describe(graph, f"{BASE}/id/{channel.path}", _said(channel))]

    def message(self, name: str, runs: Iterable[tuple[Channel, datetime, Sequence[str]]], sent: datetime) -> tuple[str, bytes, int]:
        """Spell a message: its id, its body, and how many readings it holds. A run of one value becomes an observation."""
        runs = list(runs)
        readings = [_reading(channel, start, values) for channel, start, values in runs]
        key = f"message/{self.osb}/{name}"
        body = {
            "@context": ["https://w3id.org/flexcoop/context/v1.jsonld", {"@base": f"{BASE}/id/"}],
            "@id": key,
            "@type": "Message",
            "madeBy": f"osb/{self.key}",
            "sent": spell(sent),
            "readings": readings,
        }
        return f"{BASE}/id/{key}", orjson.dumps(body), sum(len(values) for _, _, values in runs)

    def span(self, start: datetime, end: datetime) -> list[tuple[Channel, datetime, list[str]]]:
        """All that it measured in `[start, end)`: one run a channel, from the first interval that ends within."""
        found = []
        for channel in self.channels:
            first = start - (start - START) % channel.step
            count = (end - first) // channel.step
            if count:
                found.append((channel, first, [channel.value(first + i * channel.step) for i in range(count)]))
        return found

    def live(self, start: datetime, end: datetime) -> Iterator[tuple[str, bytes, int]]:
        """What it sends while time passes: a message a minute with what has just been measured."""
        at = start + MINUTE
        while at <= end:
            runs = [
                (channel, at - channel.step, [channel.value(at - channel.step)])
                for channel in self.channels
                if not (at - START) % channel.step and at - channel.step >= start
            ]
            if runs:
                yield self.message(f"{at:%Y%m%dT%H%M}", runs, at)
            at += MINUTE


def spell(at: datetime) -> str:
    """An instant as it stands in a message."""
    return at.isoformat().replace("+00:00", "Z")


def neighbourhood(boxes: int, quarter_hours: int, minutes: int) -> list[Box]:
    """Boxes with so many 15-minute and 1-minute channels each."""
    return [Box(f"b{number}", tuple(_channels(number, quarter_hours, minutes))) for number in range(boxes)]


def _channels(box: int, quarter_hours: int, minutes: int) -> Iterator[Channel]:
    for number in range(quarter_hours + minutes):
        yield Channel(f"device/b{box}-{number}#activePower", QUARTER if number < quarter_hours else MINUTE, box * 100 + number)


def _said(channel: Channel) -> dict[str, Value | Iterable[Value] | None]:
    return {
        RDF.type: [iri(str(FC.Channel)), iri(str(SAREF.PropertyOfInterest))],
        SAREF.isPropertyOfInterestOf: iri(f"{BASE}/id/{channel.path.partition('#')[0]}"),
        SAREF.hasPropertyKind: iri(str(FCV.ActivePower)),
        QUDT.hasUnit: iri(str(UNIT.KiloW)),
        FC.signConvention: iri(str(FCV.ConsumptionPositive)),
        S4ENER.hasTemporalResolution: channel.step,
        FC.minimum: -25.0,
        FC.maximum: 25.0,
    }


def _reading(channel: Channel, start: datetime, values: Sequence[str]) -> dict[str, object]:
    about = {"observes": channel.path, "unit": "unit:KiloW"}
    if len(values) == 1:
        return {"@type": "Observation", "at": spell(start), "value": values[0], **about}
    return {"@type": "TimeSeries", "start": spell(start), "step": _STEPS[channel.step], "values": values, **about}
