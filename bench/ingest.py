"""Ingest: many boxes over a real broker with TLS into the graph, acknowledged after the commit, beside SQLite and DuckDB.

`python -m bench ingest [--json] [--boxes 200] [--quarter-hours 10] [--minutes 5] [--hours 2] [--store embedded|URL] [--plain]`

The boxes run in a process of their own, each a client with its own certificate, and send what a box sends: every minute a message with
what it has just measured, 15-minute and 1-minute channels mixed. Three runs: *flood* as fast as everything is acknowledged, *paced* at a
given rate (for the lag), *backfill* a day of every channel in one message a box. The last line of the output is one JSON object; rates
are readings a second, acknowledged and durable; `lost` counts what was sent and is not in the store with its value.
"""

import argparse
import contextlib
import json
import os
import resource
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import orjson

from bench._boxes import BASE, DAY, MINUTE, START, Box, neighbourhood
from kg.embedded import EmbeddedStore
from kg.iris import Iris
from kg.remote import RemoteStore
from kg.store import Store
from telemetry import Channels, DeadLetters, Readings, ReadingWriter
from telemetry.authority import Authority
from telemetry.broker import Broker, start_broker
from telemetry.ingest import Ingest
from telemetry.processes import collect_seldom
from telemetry.tls import ServerTls

BATCH = 1000  # messages of a transaction, for the floors as for ours


class Platform:
    """Store, writer and ingest in this process, a broker beside."""

    def __init__(self, directory: Path, store: Store, boxes: Sequence[Box], tls: bool) -> None:
        self.directory, self.store, self.iris = directory, store, Iris(BASE)
        for box in boxes:
            store.apply(insert=box.quads(self.iris))
        self.boxes = boxes
        self.channels = Channels(store, self.iris)
        self.writer = ReadingWriter(store, self.iris, self.channels)
        self.readings = Readings(store, self.iris, self.channels)
        self.letters = DeadLetters(directory / "dead.sqlite")
        self.now = START
        self.tls = tls
        authority = Authority(directory / "authority", lambda: datetime.fromtimestamp(time.time(), UTC)) if tls else None
        listens = ServerTls(authority.server_files(["127.0.0.1"]), authority.crl) if authority else None
        if authority:
            for box in boxes:
                authority.issue_to(directory / "certificates", box.osb)
        self.broker: Broker = start_broker("127.0.0.1", 0, directory / "broker", "mosquitto", tls=listens)
        self.ingest = Ingest(
            "127.0.0.1",
            self.broker.port,
            self.iris,
            store,
            self.writer,
            self.letters,
            channels=self.channels,
            clock=lambda: self.now,
            on_report=lambda *_: None,
            tls=authority.platform_files() if authority else None,
        )
        collect_seldom()  # as the service does
        self.ingest.start()

    def run(self, start: datetime, end: datetime, *, rate: float = 0.0, window: int = 4000, whole: bool = False) -> dict[str, Any]:
        """Let the boxes send what they measured in `[start, end)`; what they and the platform saw."""
        self.now = end + MINUTE
        job = {
            "host": "127.0.0.1",
            "port": self.broker.port,
            "certificates": str(self.directory / "certificates") if self.tls else None,
            "boxes": len(self.boxes),
            "quarter_hours": sum(channel.step != MINUTE for channel in self.boxes[0].channels),
            "minutes": sum(channel.step == MINUTE for channel in self.boxes[0].channels),
            "start": start.isoformat(),
            "end": end.isoformat(),
            "rate": rate,
            "window": window,
            "whole": whole,
        }
        file = self.directory / "job.json"
        file.write_text(json.dumps(job), encoding="utf-8")
        cpu, broker_cpu = time.process_time(), _cpu_of(self.broker)
        found = subprocess.run([sys.executable, "-m", "bench._fleet", str(file)], check=True, stdout=subprocess.PIPE, text=True).stdout
        seen: dict[str, Any] = json.loads(found.splitlines()[-1])
        if self.letters.count():
            raise RuntimeError(f"the benchmark's own readings were refused: {self.letters.list(1)[0].sentence}; mend bench/ingest.py")
        return {
            "readings_per_s": round(seen["readings"] / seen["seconds"]),
            **seen,
            "platform_cpu_s": round(time.process_time() - cpu, 2),
            "broker_cpu_s": round(_cpu_of(self.broker) - broker_cpu, 2),
            "lost": self.lost(start, end),
        }

    def lost(self, start: datetime, end: datetime) -> int:
        """How many of the readings of a window are not in the store with their value."""
        missing = 0
        for step in sorted({channel.step for box in self.boxes for channel in box.channels}):
            sent = {f"{BASE}/id/{c.path}": c for box in self.boxes for c in box.channels if c.step == step}
            frame = self.readings.frame(list(sent), start, end, step)
            for iri, channel in sent.items():
                found = frame[iri].to_numpy()
                missing += sum(float(channel.value(start + i * step)) != value for i, value in enumerate(found.tolist()))
        return missing

    def close(self) -> None:
        """Stop everything."""
        self.ingest.stop()
        self.broker.stop()
        self.letters.close()
        self.store.close()


def floors(directory: Path, boxes: Sequence[Box], start: datetime, end: datetime) -> dict[str, int]:
    """The same messages, decoded and put into one table by SQLite and DuckDB, as many messages a durable transaction as ours; readings a second."""
    bodies = [body for box in boxes for _, body, _ in box.live(start, end)]
    readings = sum(len(orjson.loads(body)["readings"]) for body in bodies)
    rates = {}
    with contextlib.closing(sqlite3.connect(directory / "floor.sqlite", isolation_level=None)) as sqlite:
        sqlite.execute("pragma journal_mode=wal")
        sqlite.execute("create table reading (channel text, at integer, value real, primary key (channel, at)) without rowid")
        rates["sqlite"] = _fill(sqlite, "insert or replace into reading values (?, ?, ?)", bodies)
    with contextlib.closing(duckdb.connect(str(directory / "floor.duckdb"))) as duck:
        duck.execute("create table reading (channel text, begun bigint, value double)")
        rates["duckdb"] = _append(duck, bodies)
    return {name: round(readings / seconds) for name, seconds in rates.items()}


def _fill(db: sqlite3.Connection, insert: str, bodies: Sequence[bytes]) -> float:
    begun = time.perf_counter()
    for first in range(0, len(bodies), BATCH):
        db.execute("begin")
        db.executemany(insert, [row for body in bodies[first : first + BATCH] for row in _rows(body)])
        db.execute("commit")
    return time.perf_counter() - begun


def _append(db: duckdb.DuckDBPyConnection, bodies: Sequence[bytes]) -> float:
    """Row-wise inserts would be DuckDB's worst way: a batch goes in as columns."""
    begun = time.perf_counter()
    for first in range(0, len(bodies), BATCH):
        columns = list(zip(*[row for body in bodies[first : first + BATCH] for row in _rows(body)], strict=True))
        db.execute("insert into reading select unnest(?), unnest(?), unnest(?)", [list(column) for column in columns])
    return time.perf_counter() - begun


def _rows(body: bytes) -> Iterator[tuple[str, int, float]]:
    for reading in orjson.loads(body)["readings"]:
        yield reading["observes"], int(datetime.fromisoformat(reading["at"]).timestamp()), float(reading["value"])


def _cpu_of(broker: Broker) -> float:
    """Processor time that the broker's process has used [s]."""
    pid = getattr(broker, "pid", None)
    if pid is None:
        return 0.0
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _size(directory: Path) -> int:
    return sum(file.stat().st_size for file in directory.rglob("*") if file.is_file())


def _store(address: str, directory: Path) -> Store:
    """The embedded store, or an empty dataset of a server (`python scripts/fuseki.py serve --location …`)."""
    if address == "embedded":
        return EmbeddedStore(directory / "store")
    store = RemoteStore(f"{address}/query", f"{address}/update", f"{address}/data")
    if store.graphs():
        raise SystemExit(f"{address} holds data already; give the benchmark an empty dataset")
    return store


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="print only the JSON object")
    parser.add_argument("--boxes", type=int, default=200)
    parser.add_argument("--quarter-hours", type=int, default=10, help="15-minute channels of a box")
    parser.add_argument("--minutes", type=int, default=5, help="1-minute channels of a box")
    parser.add_argument("--hours", type=int, default=2, help="length of the flood, in the boxes' time")
    parser.add_argument("--rate", type=float, default=5000, help="readings a second of the paced run")
    parser.add_argument("--store", default="embedded", help="`embedded`, or the address of an empty dataset: http://127.0.0.1:3030/flex")
    parser.add_argument("--plain", action="store_true", help="without TLS, to see what it costs")
    given = parser.parse_args()
    boxes = neighbourhood(given.boxes, given.quarter_hours, given.minutes)
    hours = timedelta(hours=given.hours)
    result: dict[str, Any] = {"boxes": given.boxes, "channels": sum(len(box.channels) for box in boxes), "tls": not given.plain}
    with tempfile.TemporaryDirectory(prefix="flexcoop-bench-") as folder:
        platform = Platform(Path(folder), _store(given.store, Path(folder)), boxes, tls=not given.plain)
        result["flood"] = platform.run(START, START + hours)
        result["paced"] = platform.run(START + hours, START + 2 * hours, rate=given.rate)
        result["backfill"] = platform.run(START + DAY, START + 2 * DAY, whole=True, window=100_000)
        begun = time.perf_counter()
        result["packed_days"] = platform.writer.close_days((START + 3 * DAY).date())
        result["packing_s"] = round(time.perf_counter() - begun, 2)
        result["lost_after_packing"] = platform.lost(START, START + 2 * hours) + platform.lost(START + DAY, START + 2 * DAY)
        result["memory_mb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
        result["floor_readings_per_s"] = floors(Path(folder), boxes, START, START + hours)
        platform.close()
        if given.store == "embedded":
            result["store_mb"] = round(_size(Path(folder) / "store") / 1e6, 1)
    print(json.dumps(result))


if __name__ == "__main__":
    main()
