"""Hostile queries beside good clients: what good ones notice of them, when hostile ones end, and what memory they leave.

`python -m bench hostile [--json] [--seconds 8] [--good 20] [--killers 10] [--deadline 2]`

Good clients send small queries, each in a thread of its own, one after the other: first alone, then beside killers, each of which sends
the next hostile query as soon as the last was ended. *Late* is how long after its deadline a hostile query ended. The last line of the
output is one JSON object.
"""

import argparse
import json
import random
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import cycle
from pathlib import Path
from typing import Any

import pyoxigraph as ox
from pyoxigraph import NamedNode, Quad

from kg.embedded import EmbeddedStore
from sparql.service import QueryService

BASE = "http://127.0.0.1:8080"
MEMBERS, DAYS = 500, 60
GOOD = (
    "SELECT ?p ?o {{ <{base}/id/member/{m}> ?p ?o }}",
    "SELECT ?day ?v {{ ?day <{base}/id/of> <{base}/id/member/{m}> ; <{base}/id/value> ?v }} ORDER BY ?day LIMIT 20",
    "ASK {{ <{base}/id/day/{m}/{d}> <{base}/id/of> ?x }}",
    "SELECT (SUM(?v) AS ?sum) {{ ?day <{base}/id/of> <{base}/id/member/{m}> ; <{base}/id/value> ?v }}",
    "CONSTRUCT {{ ?s ?p ?o }} WHERE {{ GRAPH <{base}/graph/member/{m}/facts> {{ ?s ?p ?o }} }}",
)
HOSTILE = (
    "SELECT (COUNT(*) AS ?n) { ?a ?b ?c . ?d ?e ?f . ?g ?h ?i FILTER(?c = ?i && ?f = -1) }",
    "SELECT * { ?a ?b ?c . ?d ?e ?f } ORDER BY DESC(CONCAT(STR(?f), STR(?a)))",
    "SELECT (GROUP_CONCAT(?x) AS ?y) { ?a ?b ?x . ?d ?e ?f }",
    f"SELECT * {{ ?a (<{BASE}/id/of>|^<{BASE}/id/of>)* ?b . ?b (<{BASE}/id/of>|^<{BASE}/id/of>)* ?c }}",
    "SELECT * { ?a ?b ?c . ?d ?e ?f FILTER(REGEX(STR(?a), CONCAT('(.*)(.*)(.*)', STR(?f), '$'))) }",
)


@dataclass
class Tally:
    """What a group of clients saw."""

    times: list[float] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)

    def told(self) -> dict[str, float]:
        """Milliseconds and counts."""
        ordered = sorted(self.times)

        def at(share: float) -> float:
            return round(1000 * ordered[min(int(share * len(ordered)), len(ordered) - 1)], 2) if ordered else 0.0

        return {
            "queries": len(ordered),
            "p50_ms": at(0.5),
            "p95_ms": at(0.95),
            "p99_ms": at(0.99),
            "max_ms": at(1.0),
            "failures": len(self.failures),
        }


def fill(store: EmbeddedStore) -> None:
    """Members with a label and some days each."""
    of, value, label = (NamedNode(f"{BASE}/id/{name}") for name in ("of", "value", "label"))
    quads = []
    for m in range(MEMBERS):
        member, graph = NamedNode(f"{BASE}/id/member/{m}"), NamedNode(f"{BASE}/graph/member/{m}/facts")
        quads.append(Quad(member, label, ox.Literal(f"Member {m}"), graph))
        for d in range(DAYS):
            day = NamedNode(f"{BASE}/id/day/{m}/{d}")
            quads += [Quad(day, of, member, graph), Quad(day, value, ox.Literal((m * d) % 97), graph)]
    store.apply(insert=quads)


def good(service: QueryService, number: int, tally: Tally, stop: threading.Event) -> None:
    """One good client."""
    rng = random.Random(number)  # noqa: S311 - no secret
    while not stop.is_set():
        text = rng.choice(GOOD).format(base=BASE, m=rng.randrange(MEMBERS), d=rng.randrange(DAYS))
        started = time.perf_counter()
        answer = service.run(text, "*/*", client=f"good-{number}")
        tally.times.append(time.perf_counter() - started)
        if answer.status != 200:
            tally.failures.append(answer.body.decode())


def killer(service: QueryService, number: int, tally: Tally, stop: threading.Event) -> None:
    """One hostile client."""
    for text in cycle((*HOSTILE[number % len(HOSTILE) :], *HOSTILE[: number % len(HOSTILE)])):
        if stop.is_set():
            return
        started = time.perf_counter()
        answer = service.run(text, "*/*", client=f"killer-{number}")
        tally.times.append(time.perf_counter() - started)
        tally.failures.append(str(answer.status))


def beside(
    seconds: float, groups: Sequence[tuple[int, Callable[[QueryService, int, Tally, threading.Event], None]]], service: QueryService
) -> list[Tally]:
    """Let groups of clients work at the same time."""
    stop = threading.Event()
    tallies = [Tally() for _ in groups]
    threads = [
        threading.Thread(target=run, args=(service, number, tally, stop))
        for (count, run), tally in zip(groups, tallies, strict=True)
        for number in range(count)
    ]
    for thread in threads:
        thread.start()
    time.sleep(seconds)
    stop.set()
    for thread in threads:
        thread.join()
    return tallies


def resident_mb(pids: Sequence[int | str]) -> float:
    """Memory of processes [MiB]; a page that several share counts once."""
    total = 0
    for pid in pids:
        rollup = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii")
        total += next(int(line.split()[1]) for line in rollup.splitlines() if line.startswith("Pss:"))
    return round(total / 1024, 1)


def single(service: QueryService, store: EmbeddedStore) -> dict[str, float]:
    """One small query after the other, by one client: through a worker and in process [ms]."""
    text = GOOD[0].format(base=BASE, m=7)
    found: dict[str, float] = {}
    for name, ask in (
        ("worker", lambda: service.run(text, "*/*")),
        ("in_process", lambda: store.select(f"SELECT ?p ?o {{ GRAPH ?g {{ <{BASE}/id/member/7> ?p ?o }} }}")),
    ):
        times = []
        for _ in range(500):
            started = time.perf_counter()
            ask()
            times.append(time.perf_counter() - started)
        found[f"{name}_ms"] = round(1000 * sorted(times)[250], 3)
    return found


def measure(options: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """All of it."""
    store = EmbeddedStore(folder / "store")
    fill(store)
    service = QueryService(store, folder / "cache", deadline_s=options.deadline, max_rows=100_000, max_bytes=32 << 20, memory_mb=2048)
    try:
        found: dict[str, Any] = {"one_client": single(service, store)}
        before = resident_mb(["self", *service.workers])
        (alone,) = beside(options.seconds, [(options.good, good)], service)
        mixed, hostile = beside(options.seconds, [(options.good, good), (options.killers, killer)], service)
        time.sleep(1.0)
        found |= {"idle": alone.told(), "beside": mixed.told(), "why": sorted(set(mixed.failures))[:3]}
        found["ratio_p99"] = round(found["beside"]["p99_ms"] / found["idle"]["p99_ms"], 2)
        found["hostile"] = {
            "ended": len(hostile.times),
            "late_ms": round(1000 * (max(hostile.times) - options.deadline)),
            "answered": sorted(set(hostile.failures)),
        }
        found["memory_mb"] = {"before": before, "after": resident_mb(["self", *service.workers])}
    finally:
        service.close()
        store.close()
    return found


def main() -> None:
    """Measure and tell."""
    parser = argparse.ArgumentParser(
        prog="python -m bench hostile", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--json", action="store_true", help="print the JSON object alone")
    parser.add_argument("--seconds", type=float, default=8.0)
    parser.add_argument("--good", type=int, default=20)
    parser.add_argument("--killers", type=int, default=10)
    parser.add_argument("--deadline", type=float, default=2.0)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        found = measure(options, Path(folder))
    if not options.json:
        for name, value in found.items():
            print(f"{name:12} {value}")
    print(json.dumps(found))


if __name__ == "__main__":
    main()
