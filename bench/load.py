"""Load a history of quarter-hours from Parquet and CSV, beside DuckDB's COPY and SQLite's insert of the same file.

`python -m bench load [--json] [--channels N] [--days D]`: the last line is one JSON object, rates in readings a second. *sorted* holds
one channel after the other, *by time* all channels of each quarter-hour; *again* loads a file that is stored already.
"""

import argparse
import csv
import json
import os
import resource
import sqlite3
import tempfile
import time
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet as pq
from pyoxigraph import Quad

from kg.embedded import EmbeddedStore
from kg.iris import Iris
from kg.terms import Value, describe, iri
from ontology.names import FC, FCV, QUDT, RDF, S4ENER, SAREF, UNIT
from telemetry import Channels, Readings, ReadingWriter
from telemetry.load import Loaded, Loader

BASE = "http://127.0.0.1:8080"
START = datetime(2016, 1, 1, tzinfo=UTC)
QUARTER = timedelta(minutes=15)
KW = str(UNIT.KiloW)


def write_files(folder: Path, channels: int, days: int) -> int:
    """Write the same readings as Parquet (two orders) and CSV; returns how many there are."""
    slots = 96 * days
    names = np.array([f"{BASE}/id/device/b{number // 10}-{number % 10}#activePower" for number in range(channels)])
    times = np.datetime64(START.replace(tzinfo=None), "us") + np.arange(slots) * np.timedelta64(900_000_000, "us")
    values = np.round(np.random.default_rng(7).normal(2, 3, (channels, slots)).clip(-25, 25), 3)
    for order in ("sorted", "by-time"):
        turned = order == "by-time"
        code = np.tile(np.arange(channels), slots) if turned else np.repeat(np.arange(channels), slots)
        at = np.repeat(times, channels) if turned else np.tile(times, channels)
        table = pa.table(
            {
                "channel": pa.DictionaryArray.from_arrays(code.astype(np.int32), pa.array(names)),
                "timestamp": pa.array(at, pa.timestamp("us", "UTC")),
                "value": (values.T if turned else values).ravel(),
                "unit": pa.array([KW]).take(pa.array(np.zeros(len(code), dtype=np.int64))),
            }
        )
        pq.write_table(table, folder / f"{order}.parquet", row_group_size=1 << 20)
        if not turned:
            _write_csv(folder / "sorted.csv", table)
    return channels * slots


def channel_quads(iris: Iris, number: int) -> list[Quad]:
    """One of ten channels of a box."""
    box, feature = f"b{number // 10}", iris.id("device", f"b{number // 10}-{number % 10}")
    said: dict[str, Value | Iterable[Value] | None] = {
        RDF.type: [iri(str(FC.Channel)), iri(str(SAREF.PropertyOfInterest))],
        SAREF.isPropertyOfInterestOf: iri(feature),
        SAREF.hasPropertyKind: iri(str(FCV.ActivePower)),
        QUDT.hasUnit: iri(KW),
        FC.signConvention: iri(str(FCV.ConsumptionPositive)),
        S4ENER.hasTemporalResolution: QUARTER,
        FC.minimum: -25.0,
        FC.maximum: 25.0,
    }
    return describe(iris.graph("member", box, "osb", box), f"{feature}#activePower", said)


def _write_csv(path: Path, table: pa.Table) -> None:
    spelt = table.column("timestamp").cast(pa.timestamp("s", "UTC")).cast(pa.timestamp("s")).cast(pa.string())
    spelt = pc.binary_join_element_wise(pc.replace_substring(spelt, " ", "T"), "Z", "")
    table = table.set_column(1, "timestamp", spelt).set_column(0, "channel", table.column("channel").cast(pa.string()))
    pa.csv.write_csv(table, path, pa.csv.WriteOptions(quoting_style="none"))


def ours(folder: Path, file: Path, channels: int, *, again: bool = False) -> dict[str, Any]:
    """Load a file into a store of its own on disk."""
    iris = Iris(BASE)
    store = EmbeddedStore(folder / "store")
    store.apply(insert=[quad for number in range(channels) for quad in channel_quads(iris, number)])
    known = Channels(store, iris)
    loader = Loader(store, iris, known, ReadingWriter(store, iris, known))
    found = _checked(loader.load(file, received=START + timedelta(days=4000)))
    if again:
        found = _checked(loader.load(file, received=START + timedelta(days=4000)))
    readings = Readings(store, iris, known)
    sum_kw = float(readings.frame([one.iri for one in known.all()][:50], START, START + timedelta(days=1)).sum().sum())
    store.close()
    return {
        "readings_per_s": round((found.accepted + found.duplicates) / found.seconds),
        "seconds": found.seconds,
        "sum_kw": round(sum_kw, 3),
    }


def _checked(loaded: Loaded) -> Loaded:
    if loaded.refused or loaded.flagged:
        raise RuntimeError(f"the benchmark's own readings were refused or flagged: {loaded.sentences[:1]}; mend bench/load.py")
    return loaded


def duck(folder: Path, file: Path) -> None:
    """Copy the file into a DuckDB table on disk, with the key that makes loading again add nothing."""
    with duckdb.connect(str(folder / "peer.duckdb")) as db:
        db.execute("create table reading (channel varchar, timestamp timestamptz, value double, unit varchar)")
        db.execute(f"copy reading from '{file}' ({'format parquet' if file.suffix == '.parquet' else 'header true'})")
        db.execute("checkpoint")


def sqlite(folder: Path, file: Path) -> None:
    """Insert the rows of the CSV file into an SQLite table keyed by channel and time."""
    db = sqlite3.connect(folder / "peer.sqlite", isolation_level=None)
    db.execute("pragma journal_mode=wal")
    db.execute("create table reading (channel text, at text, value real, unit text, primary key (channel, at)) without rowid")
    with file.open(encoding="utf-8", newline="") as text:
        rows = csv.reader(text)
        next(rows)
        db.execute("begin")
        db.executemany("insert or replace into reading values (?, ?, ?, ?)", rows)
        db.execute("commit")
    db.close()


def rate(work: Callable[[Path], object], readings: int) -> int:
    """Readings a second of a peer, in a directory of its own."""
    with tempfile.TemporaryDirectory(prefix="flexcoop-bench-") as folder:
        begun = time.perf_counter()
        work(Path(folder))
        return round(readings / (time.perf_counter() - begun))


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="print only the JSON object")
    parser.add_argument("--channels", type=int, default=200)
    parser.add_argument("--days", type=int, default=100)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="flexcoop-bench-") as folder:
        files = Path(folder)
        readings = write_files(files, given.channels, given.days)
        result: dict[str, Any] = {"channels": given.channels, "days": given.days, "readings": readings, "unit": "readings/s"}
        for name, file, again in (
            ("parquet", "sorted.parquet", False),
            ("parquet_by_time", "by-time.parquet", False),
            ("parquet_again", "sorted.parquet", True),
            ("csv", "sorted.csv", False),
        ):
            with tempfile.TemporaryDirectory(prefix="flexcoop-bench-") as place:
                result[name] = ours(Path(place), files / file, given.channels, again=again)
            if not given.json:
                print(f"{name}: {result[name]}")
        result["duckdb"] = {kind: rate(partial(duck, file=files / f"sorted.{kind}"), readings) for kind in ("parquet", "csv")}
        result["sqlite"] = {"csv": rate(partial(sqlite, file=files / "sorted.csv"), readings)}
        result["ratio_to_duckdb"] = {kind: round(result[kind]["readings_per_s"] / result["duckdb"][kind], 3) for kind in ("parquet", "csv")}
        result["ratio_to_sqlite"] = {"csv": round(result["csv"]["readings_per_s"] / result["sqlite"]["csv"], 3)}
        result["peak_memory_mb"] = round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
        result["cpus"] = os.cpu_count()
        print(json.dumps(result))


if __name__ == "__main__":
    main()
