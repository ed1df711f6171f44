"""Reading back at scale: packed days in per-member graphs, beside DuckDB and SQLite on the same readings in the same run.

`python -m bench query [--json] [--readings N]`: builds 1,000,000 and N (10,000,000) readings and asks five questions with random keys,
each at least 20 times after a warm-up: the last value of 1,000 channels, a day of 100 and of 1,000, a year of one, and what a baseline
asks (100 sites × 8 days × 16 slots); and history as SAREF observations (`bench.observations`). Milliseconds until the numbers stand in numpy or pandas; the last line is one JSON object.
"""

import argparse
import json
import resource
import sqlite3
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, Protocol

import duckdb
import numpy as np
import pandas as pd
import pyoxigraph as ox
from numpy.typing import NDArray

from bench import observations
from kg.embedded import EmbeddedStore
from kg.iris import Iris
from kg.terms import Value, describe, iri
from ontology.names import FC, FCV, QUDT, RDF, S4ENER, SAREF, UNIT
from telemetry import Channels, Readings

BASE = "http://127.0.0.1:8080"
CHANNELS, PER_BOX, SLOTS, STEP_S = 1000, 5, 96, 900
LONG = 6  # channels with more than a year, for the year of one
LONG_DAYS = 400
EVENING = slice(64, 80)  # 16:00–20:00, 16 slots
BASELINE_DAYS = 8
STEP, DAY = timedelta(minutes=15), timedelta(days=1)
OBSERVATION_REPETITIONS = 10
LAST = date(2017, 12, 31)
MIDNIGHT = datetime(LAST.year, LAST.month, LAST.day, tzinfo=UTC)
QUESTIONS = ("latest_1000", "day_100_channels", "day_1000_channels", "year_of_one", "baseline")
Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class World:
    """What all three hold: `days` before and including LAST of every channel, LONG_DAYS of the first LONG; thousandths of a kW."""

    days: int
    seed: int = 7

    @property
    def readings(self) -> int:
        """How many there are."""
        return SLOTS * sum(self.span(channel) for channel in range(CHANNELS))

    def span(self, channel: int) -> int:
        """Days of one channel."""
        return max(self.days, LONG_DAYS) if channel < LONG else self.days

    def values(self, channel: int) -> Ints:
        """Thousandths of a kW, days × slots, the last day last; the same at every call."""
        rng = np.random.default_rng((self.seed, channel))
        return rng.integers(0, 5000, (self.span(channel), SLOTS))


def world(readings: int) -> World:
    """The world of about so many readings."""
    extra = LONG * LONG_DAYS
    return World(max(BASELINE_DAYS + 1, round((readings / SLOTS - extra) / (CHANNELS - LONG))))


@dataclass(frozen=True)
class Key:
    """One question: whose and when; `day` counts back from LAST."""

    channels: Sequence[int]
    day: int


def keys(question: str, world: World, count: int) -> list[Key]:
    """Draw the keys of one question, the same for everybody."""
    rng = np.random.default_rng((11, QUESTIONS.index(question)))
    wanted = {"latest_1000": CHANNELS, "day_1000_channels": CHANNELS, "year_of_one": 1}.get(question, 100)
    drawn = []
    for _ in range(count):
        channels = rng.permutation(LONG if question == "year_of_one" else CHANNELS)[:wanted].tolist()
        latest = {"year_of_one": LONG_DAYS - 365, "baseline": world.days - BASELINE_DAYS}.get(question, world.days)
        drawn.append(Key(channels, int(rng.integers(0, latest))))
    return drawn


def channel_quads(iris: Iris, channel: str, box: str) -> list[ox.Quad]:
    """A channel as its box describes it."""
    said: dict[str, Value | Iterable[Value] | None] = {
        RDF.type: [iri(str(FC.Channel)), iri(str(SAREF.PropertyOfInterest))],
        SAREF.isPropertyOfInterestOf: iri(channel.split("#")[0]),
        SAREF.hasPropertyKind: iri(str(FCV.ActivePower)),
        QUDT.hasUnit: iri(str(UNIT.KiloW)),
        FC.signConvention: iri(str(FCV.ConsumptionPositive)),
        S4ENER.hasTemporalResolution: STEP,
    }
    return describe(iris.graph("member", box, "osb", box), channel, said)


class Engine(Protocol):
    """One of the three; each answer is an array, channel by channel, in the order asked."""

    def latest(self, key: Key) -> Floats:
        """Last value of each."""
        ...

    def window(self, key: Key, days: int) -> Floats:
        """All slots of `days` days that end with the key's."""
        ...

    def evening(self, key: Key) -> Floats:
        """16 slots of 8 days that end with the key's."""
        ...


def ask(engine: Engine, question: str, key: Key) -> Floats:
    """Put one question."""
    match question:
        case "latest_1000":
            return engine.latest(key)
        case "year_of_one":
            return engine.window(key, 365)
        case "baseline":
            return engine.evening(key)
    return engine.window(key, 1)


class Ours:
    """The platform's own reader over the embedded store."""

    def __init__(self, folder: Path, world: World) -> None:
        self.iris = Iris(BASE)
        self.names = [f"{self.iris.id('device', f'b{n // PER_BOX}-{n % PER_BOX}')}#activePower" for n in range(CHANNELS)]
        self.store = EmbeddedStore(folder / "store")
        self.store.apply(insert=[q for n, name in enumerate(self.names) for q in channel_quads(self.iris, name, f"b{n // PER_BOX}")])
        self._load(folder / "readings.nq", world)
        self.channels = Channels(self.store, self.iris)
        self.readings = Readings(self.store, self.iris, self.channels)

    def _load(self, file: Path, world: World) -> None:
        """Packed days as the writer leaves them, the bulk way."""
        spelt = np.array([f"{n / 1000:.3f}".rstrip("0").rstrip(".") for n in range(5000)], dtype=object)
        fc, xsd, rdf = "https://w3id.org/flexcoop/ns#", "http://www.w3.org/2001/XMLSchema#", "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
        step = f'<https://saref.etsi.org/saref4ener/hasTemporalResolution> "PT15M"^^<{xsd}dayTimeDuration>'
        with file.open("w", encoding="utf-8") as out:
            for number, name in enumerate(self.names):
                texts = spelt[world.values(number)].tolist()
                prefix = self.iris.graph("member", f"b{number // PER_BOX}", "telemetry")
                for back, row in enumerate(reversed(texts)):
                    day = LAST - back * DAY
                    node, graph = self.iris.day(name, day), f"<{prefix}/{day:%Y-%m}> ."
                    out.write(f'<{node}> <{fc}forProperty> <{name}> {graph}\n<{node}> <{fc}day> "{day}"^^<{xsd}date> {graph}\n')
                    out.write(f'<{node}> {step} {graph}\n<{node}> <{fc}values> "[{",".join(row)}]"^^<{rdf}JSON> {graph}\n')
        self.store.close()
        bulk = ox.Store(str(self.store.path))
        bulk.bulk_load(path=str(file), format=ox.RdfFormat.N_QUADS)
        bulk.flush()
        del bulk
        file.unlink()
        self.store = EmbeddedStore(self.store.path)

    def latest(self, key: Key) -> Floats:
        wanted = [self.names[n] for n in key.channels]
        found = self.readings.latest(wanted)
        return np.array([found[name][1] for name in wanted])

    def cold(self, key: Key) -> Floats:
        """The same in a process that has just begun."""
        return _cold(self, key)

    def window(self, key: Key, days: int) -> Floats:
        end = MIDNIGHT - (key.day - 1) * DAY
        frame = self.readings.frame([self.names[n] for n in key.channels], end - days * DAY, end)
        return frame.to_numpy().T

    def evening(self, key: Key) -> Floats:
        return (
            self.window(key, BASELINE_DAYS).reshape(len(key.channels), BASELINE_DAYS, SLOTS)[:, :, EVENING].reshape(len(key.channels), -1)
        )


def _cold(ours: Ours, key: Key) -> Floats:
    wanted = [ours.names[n] for n in key.channels]
    found = Readings(ours.store, ours.iris, Channels(ours.store, ours.iris)).latest(wanted)
    return np.array([found[name][1] for name in wanted])


def _rows(world: World, channel: int) -> tuple[Ints, Floats]:
    """Times (seconds since 1970) and values of one channel."""
    span = world.span(channel)
    first = int(MIDNIGHT.timestamp()) - (span - 1) * 86400
    return first + STEP_S * np.arange(span * SLOTS), world.values(channel).ravel() / 1000


class _Sql:
    """What both SQL engines share: one table `reading (channel, ts, value)`, sorted."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def rows(self, text: str, given: Sequence[int]) -> tuple[Ints, Floats]:
        """Run a query for channel and value."""
        raise NotImplementedError

    def latest(self, key: Key) -> Floats:
        raise NotImplementedError

    def window(self, key: Key, days: int) -> Floats:
        end = int(MIDNIGHT.timestamp()) - (key.day - 1) * 86400
        return self._between(key, end - days * 86400, end, "")

    def evening(self, key: Key) -> Floats:
        end = int(MIDNIGHT.timestamp()) - (key.day - 1) * 86400
        within = f"and ts % 86400 between {EVENING.start * STEP_S} and {(EVENING.stop - 1) * STEP_S}"
        return self._between(key, end - BASELINE_DAYS * 86400, end, within)

    def _between(self, key: Key, start: int, end: int, more: str) -> Floats:
        marks = ",".join("?" * len(key.channels))
        text = f"select channel, value from reading where channel in ({marks}) and ts >= ? and ts < ? {more} order by channel, ts"  # noqa: S608
        found, values = self.rows(text, [*key.channels, start, end])
        order = np.argsort(np.argsort(key.channels))
        del found
        return values.reshape(len(key.channels), -1)[order]


class Duck(_Sql):
    """DuckDB: a columnar file, sorted by channel and time."""

    def __init__(self, folder: Path, world: World) -> None:
        super().__init__(folder)
        self.db = duckdb.connect(str(folder / "readings.duckdb"))
        self.db.execute("create table reading (channel integer, ts bigint, value double)")
        for first in range(0, CHANNELS, 100):
            parts = [(n, *_rows(world, n)) for n in range(first, first + 100)]
            channel = np.concatenate([np.full(len(at), n, np.int32) for n, at, _ in parts])
            at, value = np.concatenate([p[1] for p in parts]), np.concatenate([p[2] for p in parts])
            self.db.register("part", pd.DataFrame({"channel": channel, "ts": at, "value": value}))
            self.db.execute("insert into reading select channel, ts, value from part")
            self.db.unregister("part")
        self.db.execute("checkpoint")

    def rows(self, text: str, given: Sequence[int]) -> tuple[Ints, Floats]:
        found = self.db.execute(text, given).fetchnumpy()
        return found["channel"], found["value"]

    def latest(self, key: Key) -> Floats:
        marks = ",".join("?" * len(key.channels))
        text = f"select channel, arg_max(value, ts) as value from reading where channel in ({marks}) group by channel order by channel"  # noqa: S608
        return self.rows(text, key.channels)[1][np.argsort(np.argsort(key.channels))]

    def close(self) -> None:
        self.db.close()


class Lite(_Sql):
    """SQLite: a table clustered by channel and time."""

    def __init__(self, folder: Path, world: World) -> None:
        super().__init__(folder)
        self.db = sqlite3.connect(folder / "readings.sqlite", isolation_level=None)
        self.db.execute("pragma journal_mode=wal")
        self.db.execute("create table reading (channel integer, ts integer, value real, primary key (channel, ts)) without rowid")
        for n in range(CHANNELS):
            at, value = _rows(world, n)
            self.db.execute("begin")
            self.db.executemany("insert into reading values (?, ?, ?)", zip([n] * len(at), at.tolist(), value.tolist(), strict=True))
            self.db.execute("commit")
        self.db.execute("pragma wal_checkpoint(truncate)")

    def rows(self, text: str, given: Sequence[int]) -> tuple[Ints, Floats]:
        found = self.db.execute(text, given).fetchall()
        return np.array([row[0] for row in found]), np.array([row[1] for row in found])

    def latest(self, key: Key) -> Floats:
        text = "select value from reading where channel = ? order by ts desc limit 1"
        return np.array([self.db.execute(text, (n,)).fetchone()[0] for n in key.channels])

    def close(self) -> None:
        self.db.close()


def timed(run: Callable[[Key], Floats], drawn: Sequence[Key]) -> dict[str, float]:
    """p50 and p95 of a question [ms], the first two keys being the warm-up."""
    spent = []
    for key in drawn:
        begun = time.perf_counter()
        run(key)
        spent.append((time.perf_counter() - begun) * 1000)
    p50, p95 = np.percentile(spent[2:], [50, 95])
    return {"p50": round(float(p50), 2), "p95": round(float(p95), 2)}


def size(folder: Path, pattern: str) -> int:
    """Bytes on disk."""
    return sum(file.stat().st_size for file in folder.glob(pattern) if file.is_file())


def measure(readings: int, repetitions: int, say: Callable[[str], None]) -> dict[str, Any]:
    """Build one size and ask everything."""
    built = world(readings)
    with tempfile.TemporaryDirectory(prefix="flexcoop-bench-") as name:
        folder = Path(name)
        result: dict[str, Any] = {"readings": built.readings, "days": built.days}
        engines: dict[str, Any] = {}
        for label, make in (("ours", Ours), ("duckdb", Duck), ("sqlite", Lite)):
            begun = time.perf_counter()
            engines[label] = make(folder, built)
            result[f"build_{label}_s"] = round(time.perf_counter() - begun, 1)
            say(f"{label}: {built.readings} readings in {result[f'build_{label}_s']} s")
        patterns = (("ours", "store/*"), ("duckdb", "*.duckdb*"), ("sqlite", "*.sqlite*"))
        result["bytes_per_reading"] = {label: round(size(folder, pattern) / built.readings, 2) for label, pattern in patterns}
        for question in QUESTIONS:
            result[question] = compare(engines, question, keys(question, built, repetitions + 2))
            say(f"{question}: {result[question]}")
        result["latest_1000_after_restart"] = timed(engines["ours"].cold, keys("latest_1000", built, 7))
        peers = {"packed": engines["ours"], "duckdb": engines["duckdb"]}
        result["observations"] = observations.measure(
            engines["ours"].store, engines["ours"].names, MIDNIGHT, peers, Key, OBSERVATION_REPETITIONS
        )
        say(f"observations: {result['observations']}")
        result["peak_memory_mb"] = round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
        engines["duckdb"].close()
        engines["sqlite"].close()
        engines["ours"].store.close()
        return result


def compare(engines: dict[str, Any], question: str, drawn: Sequence[Key]) -> dict[str, Any]:
    """One question to all three, which must agree."""
    expected = ask(engines["ours"], question, drawn[0])
    for label in ("duckdb", "sqlite"):
        if not np.array_equal(ask(engines[label], question, drawn[0]), expected):
            raise RuntimeError(f"{label} gives other numbers than the platform for {question}; mend bench/query.py or telemetry.readings")
    found: dict[str, Any] = {label: timed(lambda key, e=engine: ask(e, question, key), drawn) for label, engine in engines.items()}  # type: ignore[misc]
    found["ratio_duckdb"] = round(found["ours"]["p50"] / found["duckdb"]["p50"], 2)
    found["ratio_sqlite"] = round(found["ours"]["p50"] / found["sqlite"]["p50"], 2)
    return found


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="print only the JSON object")
    parser.add_argument("--readings", type=int, default=10_000_000)
    parser.add_argument("--repetitions", type=int, default=20)
    given = parser.parse_args()
    say = (lambda _: None) if given.json else print
    sizes = dict.fromkeys((min(1_000_000, given.readings), given.readings))
    found = [measure(readings, max(20, given.repetitions), say) for readings in sizes]
    largest, smallest = found[-1], found[0]
    flat = {question: round(largest[question]["ours"]["p50"] / smallest[question]["ours"]["p50"], 2) for question in QUESTIONS}
    result = {
        "unit": "ms",
        "latest_1000_ms": largest["latest_1000"]["ours"]["p50"],
        "day_100_channels_ms": largest["day_100_channels"]["ours"]["p50"],
        "growth": flat,
        "sizes": found,
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main()
