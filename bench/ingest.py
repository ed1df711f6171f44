"""Ingest: N boxes × M channels × days of quarter-hours, in process and over a real broker, beside SQLite as the floor.

`python -m bench ingest [--json] [--boxes N] [--channels M] [--days D] [--broker mosquitto|amqtt]`: the last line is one JSON object,
rates in readings a second. *days* sends a day of a channel as one TimeSeries, *chunks* four hours, *single* one observation each.
"""

import argparse
import json
import sqlite3
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson
import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion
from pyoxigraph import Quad

from kg.embedded import EmbeddedStore
from kg.iris import Iris
from kg.terms import Value, describe, iri
from mappers import jsonld
from ontology.names import FC, FCV, QUDT, RDF, S4ENER, SAREF, UNIT
from telemetry import Channels, DeadLetters, Readings, ReadingWriter
from telemetry.broker import start_broker
from telemetry.ingest import Ingest

BASE = "http://127.0.0.1:8080"
STEP, DAY = timedelta(minutes=15), timedelta(days=1)
START = datetime(2016, 8, 1, tzinfo=UTC)
LENGTHS = {"days": 96, "chunks": 16, "single": 1}


def channel_quads(iris: Iris, box: int, number: int) -> list[Quad]:
    """One channel of one box, and the claim to it."""
    feature = iris.id("device", f"b{box}-{number}")
    said: dict[str, Value | Iterable[Value] | None] = {
        RDF.type: [iri(str(FC.Channel)), iri(str(SAREF.PropertyOfInterest))],
        SAREF.isPropertyOfInterestOf: iri(feature),
        SAREF.hasPropertyKind: iri(str(FCV.ActivePower)),
        QUDT.hasUnit: iri(str(UNIT.KiloW)),
        FC.signConvention: iri(str(FCV.ConsumptionPositive)),
        S4ENER.hasTemporalResolution: STEP,
        FC.minimum: -25.0,
        FC.maximum: 25.0,
    }
    return describe(iris.graph("member", f"b{box}", "osb", f"b{box}"), f"{feature}#activePower", said)


def payloads(boxes: int, channels: int, days: int, length: int) -> Iterator[tuple[str, str, bytes, int]]:
    """Messages in the order of time: topic, id, body, readings; one message a box and span."""
    for first in range(0, 96 * days, length):
        at = (START + first * STEP).isoformat().replace("+00:00", "Z")
        for box in range(boxes):
            key = f"message/osb-b{box}/{length}-{first}"
            readings = [_reading(box, number, at, first, length) for number in range(channels)]
            body = {
                "@context": ["https://w3id.org/flexcoop/context/v1.jsonld", {"@base": f"{BASE}/id/"}],
                "@id": key,
                "@type": "Message",
                "madeBy": f"osb/b{box}",
                "sent": at,
                "readings": readings,
            }
            yield f"flexcoop/osb/osb-b{box}/telemetry", f"{BASE}/id/{key}", orjson.dumps(body), channels * length


def _reading(box: int, number: int, at: str, first: int, length: int) -> dict[str, Any]:
    about = {"observes": f"device/b{box}-{number}#activePower", "unit": "unit:KiloW"}
    values = [round(((first + i) * 37 + box * 11 + number) % 2000 / 100 - 5, 3) for i in range(length)]
    if length == 1:
        return {"@type": "Observation", "at": at, "value": str(values[0]), **about}
    return {"@type": "TimeSeries", "start": at, "step": "PT15M", "values": values, **about}


class Bench:
    """One store on disk with its channels."""

    def __init__(self, directory: Path, boxes: int, channels: int) -> None:
        self.directory = directory
        self.iris = Iris(BASE)
        self.store = EmbeddedStore(directory / "store")
        self.store.apply(insert=[q for box in range(boxes) for n in range(channels) for q in channel_quads(self.iris, box, n)])
        self.channels = Channels(self.store, self.iris)
        self.writer = ReadingWriter(self.store, self.iris, self.channels)

    def in_process(self, messages: Sequence[tuple[str, str, bytes, int]], received: datetime) -> float:
        """Lift and write, up to 200 messages a transaction as the ingest does; seconds."""
        begun = time.perf_counter()
        for first in range(0, len(messages), 200):
            lifted = [jsonld.lift(body).series for _, _, body, _ in messages[first : first + 200]]
            for outcome in self.writer.write_many(lifted, received=received):
                if outcome.refused:
                    raise RuntimeError(f"the benchmark's own reading was refused: {outcome.refused[0].sentence}; mend bench/ingest.py")
        return time.perf_counter() - begun

    def over_broker(self, messages: Sequence[tuple[str, str, bytes, int]], received: datetime, kind: str) -> float:
        """Publish at QoS 1 and wait until each message is acknowledged by the platform; seconds."""
        broker = start_broker("127.0.0.1", 0, self.directory / f"broker-{kind}", kind)
        letters = DeadLetters(self.directory / "dead.sqlite")
        ingest = Ingest(
            "127.0.0.1",
            broker.port,
            self.iris,
            self.store,
            self.writer,
            letters,
            channels=self.channels,
            clock=lambda: received,
            on_report=lambda *_: None,
        )
        ingest.start()
        sender = _Sender(broker.port)
        try:
            return sender.run(messages)
        finally:
            sender.stop()
            ingest.stop()
            broker.stop()
            if letters.count():
                raise RuntimeError(f"refused: {letters.list(1)[0].sentence}; mend bench/ingest.py")
            letters.close()


class _Sender:
    """All boxes in one client, counting their acknowledgements."""

    def __init__(self, port: int) -> None:
        self._waiting: set[str] = set()
        self._done = threading.Event()
        self._ready = threading.Event()
        self._client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id="bench")
        self._client.max_inflight_messages_set(1000)
        self._client.on_connect = lambda client, *_: client.subscribe("flexcoop/osb/+/ack", qos=1)
        self._client.on_subscribe = lambda *_: self._ready.set()
        self._client.on_message = self._received
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()
        self._ready.wait(10)

    def run(self, messages: Sequence[tuple[str, str, bytes, int]]) -> float:
        self._waiting = {key for _, key, _, _ in messages}
        begun = time.perf_counter()
        for topic, _, body, _ in messages:
            self._client.publish(topic, body, qos=1)
        if not self._done.wait(600):
            raise RuntimeError(f"{len(self._waiting)} messages were not acknowledged in 600 s; see the log of the broker")
        return time.perf_counter() - begun

    def stop(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()
        self._client.reinitialise()

    def _received(self, _: mqtt.Client, __: object, message: mqtt.MQTTMessage) -> None:
        self._waiting.discard(orjson.loads(message.payload)["message"])
        if not self._waiting:
            self._done.set()


def sqlite_floor(directory: Path, messages: Sequence[tuple[str, str, bytes, int]]) -> float:
    """The same messages, decoded and put into one table, 200 messages a durable transaction; seconds."""
    db = sqlite3.connect(directory / "floor.sqlite", isolation_level=None)
    db.execute("pragma journal_mode=wal")
    db.execute("create table if not exists reading (channel text, at integer, value real, primary key (channel, at)) without rowid")
    begun = time.perf_counter()
    for first in range(0, len(messages), 200):
        rows = [row for _, _, body, _ in messages[first : first + 200] for row in _rows(body)]
        db.execute("begin")
        db.executemany("insert or replace into reading values (?, ?, ?)", rows)
        db.execute("commit")
    seconds = time.perf_counter() - begun
    db.close()
    return seconds


def _rows(body: bytes) -> Iterator[tuple[str, int, float]]:
    for reading in orjson.loads(body)["readings"]:
        at = int(datetime.fromisoformat(reading.get("at") or reading["start"]).timestamp())
        for i, value in enumerate(reading.get("values") or [float(reading["value"])]):
            yield reading["observes"], at + 900 * i, value


def rate(seconds: Callable[[Path], float], readings: int) -> int:
    """Readings a second of a run in a directory of its own."""
    with tempfile.TemporaryDirectory(prefix="flexcoop-bench-") as folder:
        return round(readings / seconds(Path(folder)))


def read_back(directory: Path, boxes: int, channels: int, days: int) -> dict[str, float]:
    """Seconds to close the open days and milliseconds to read, after single observations."""
    bench = Bench(directory, boxes, channels)
    bench.in_process(list(payloads(boxes, channels, days, 16)), START + (days + 1) * DAY)
    names = [channel.iri for channel in bench.channels.all()]
    readings = Readings(bench.store, bench.iris, bench.channels)
    timed: dict[str, float] = {}
    for state in ("open", "closed"):
        begun = time.perf_counter()
        frame = readings.frame(names, START, START + DAY)
        timed[f"{state}_day_ms"] = round((time.perf_counter() - begun) * 1000, 1)
        if int(frame.isna().sum().sum()):
            raise RuntimeError("readings are missing from what was just written; see telemetry.writer")
        if state == "open":
            begun = time.perf_counter()
            bench.writer.close_days((START + (days + 1) * DAY).date())
            timed["closing_readings_per_s"] = round(len(names) * days * 96 / (time.perf_counter() - begun))
    fresh = Readings(bench.store, bench.iris, Channels(bench.store, bench.iris))
    begun = time.perf_counter()
    fresh.latest(names)
    timed["latest_rebuilt_ms"] = round((time.perf_counter() - begun) * 1000, 1)
    begun = time.perf_counter()
    fresh.latest(names)
    return timed | {"latest_ms": round((time.perf_counter() - begun) * 1000, 2), "channels": len(names)}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="print only the JSON object")
    parser.add_argument("--boxes", type=int, default=10)
    parser.add_argument("--channels", type=int, default=10)
    parser.add_argument("--days", type=int, default=5)
    parser.add_argument("--broker", choices=("mosquitto", "amqtt", "auto"), default="auto")
    given = parser.parse_args()
    result: dict[str, Any] = {"boxes": given.boxes, "channels": given.channels, "days": given.days, "unit": "readings/s"}
    for name, length in LENGTHS.items():
        days = given.days if length > 1 else max(1, given.days // 5)
        messages = list(payloads(given.boxes, given.channels, days, length))
        readings, received = sum(n for *_, n in messages), START + (days + 1) * DAY

        def ours(folder: Path, messages: list[tuple[str, str, bytes, int]] = messages, received: datetime = received) -> float:
            return Bench(folder, given.boxes, given.channels).in_process(messages, received)

        def brokered(folder: Path, messages: list[tuple[str, str, bytes, int]] = messages, received: datetime = received) -> float:
            return Bench(folder, given.boxes, given.channels).over_broker(messages, received, given.broker)

        def floor(folder: Path, messages: list[tuple[str, str, bytes, int]] = messages) -> float:
            return sqlite_floor(folder, messages)

        rates = {"in_process": rate(ours, readings), "over_broker": rate(brokered, readings), "sqlite": rate(floor, readings)}
        result[name] = {"readings": readings, "messages": len(messages), **rates, "ratio": round(rates["in_process"] / rates["sqlite"], 3)}
        if not given.json:
            print(f"{name}: {result[name]}")
    with tempfile.TemporaryDirectory(prefix="flexcoop-bench-") as folder:
        result["read"] = read_back(Path(folder), given.boxes, given.channels, 1)
    print(json.dumps(result))


if __name__ == "__main__":
    main()
