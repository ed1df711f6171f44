"""What access costs: the same questions for the operator, a member, and partners who were granted 10 to 10,000 graphs.

`python -m bench access [--json] [--members N]`: builds a cooperative of N (1,010) members with ten graphs each (devices, latest values, eight
months of days) and asks, as texts through the endpoint's workers (`service`), and in this process confined by a list of graphs (`list`), by
a filter (`filter`), and not at all (`unscoped`): 100 days by their IRIs, devices by type, the latest values, and devices below a class by a
path over the class tree. Milliseconds of the best of some rounds, rows, and ratios to `unscoped`; the last line is one JSON object.
A list of more than `--most-listed` graphs is left out: it takes seconds to minutes.
"""

import argparse
import json
import random
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import pyoxigraph as ox

from kg.embedded import EmbeddedStore
from kg.iris import Iris
from kg.terms import iri, literal
from ontology.names import FC, RDF, RDFS, SAREF
from sparql import scoping
from sparql.nodes import Aggregate, Group, Iri, Named, Query, Repeat, Triple, Triples, Values, Var
from sparql.nodes import Sequence as Steps
from sparql.printer import text
from sparql.scope import EVERYTHING, Scope
from sparql.service import QueryService

IRIS = Iris("http://127.0.0.1:8080")
MONTHS, DAYS, DEVICES, ROUNDS = 8, 6, 3, 5
GRANTED = (10, 100, 1000, 10_000)
PER_MEMBER = MONTHS + 2
CLASSES = (str(FC.PVSystem), str(FC.BatterySystem), str(FC.HeatPump))
ASKED_DAYS = 100
SERVICE_DEADLINE_S = 60.0
_YES, _NO = ox.Literal(True), ox.Literal(False)


def members(count: int) -> list[str]:
    """Their keys."""
    return [f"m{number:04}" for number in range(count)]


def graphs_of(member: str) -> list[str]:
    """Graphs of one member."""
    months = [IRIS.graph("member", member, "telemetry", f"2016-{month:02}") for month in range(1, MONTHS + 1)]
    return [IRIS.graph("member", member, "osb", member), IRIS.graph("member", member, "latest"), *months]


def channel(member: str, device: int) -> str:
    """The power of one device."""
    return f"{IRIS.id('device', f'{member}-{device}')}#activePower"


def quads(count: int) -> Iterator[ox.Quad]:
    """Everything: classes, devices, latest values, days."""
    for each in CLASSES:
        yield ox.Quad(iri(each), iri(str(RDFS.subClassOf)), iri(str(SAREF.Device)), iri(IRIS.graph("ontology")))
    values = ox.Literal("[" + ",".join(["1.25"] * 24) + "]", datatype=iri(str(RDF.JSON)))
    for member in members(count):
        asserted, latest, *months = map(iri, graphs_of(member))
        for device in range(DEVICES):
            power = iri(channel(member, device))
            yield ox.Quad(iri(IRIS.id("device", f"{member}-{device}")), iri(str(RDF.type)), iri(CLASSES[device]), asserted)
            yield ox.Quad(power, iri(str(FC.latestValue)), literal(device), latest)
            yield ox.Quad(power, iri(str(FC.latestAt)), literal(date(2016, 8, 12)), latest)
            for month, graph in enumerate(months, 1):
                for day in range(1, DAYS + 1):
                    node = iri(IRIS.day(channel(member, device), date(2016, month, day)))
                    yield ox.Quad(node, iri(str(FC.forProperty)), power, graph)
                    yield ox.Quad(node, iri(str(FC.values)), values, graph)


def questions(count: int) -> dict[str, Query]:
    """The same for everybody; the days are the first member's, whom all of them may see."""
    thing, kind, value, at, number = (Var(name) for name in ("thing", "kind", "value", "at", "number"))
    first = members(count)[0]
    days = [
        Iri(IRIS.day(channel(first, device), date(2016, month, day)))
        for month in range(1, MONTHS + 1)
        for day in range(1, DAYS + 1)
        for device in range(DEVICES)
    ]
    chosen = random.Random(3).sample(days, ASKED_DAYS)  # noqa: S311 - the same at every run
    below = Steps((Iri(str(RDF.type)), Repeat(Iri(str(RDFS.subClassOf)), "*")))
    counted = (kind, Named(Aggregate("COUNT", None), number))
    listed = Values((thing,), tuple((each,) for each in chosen))
    return {
        "days_100": _select((listed, Triples((Triple(thing, Iri(str(FC.values)), value),))), thing, value),
        "devices_by_type": Query(
            "SELECT", Group((Triples((Triple(thing, Iri(str(RDF.type)), kind),)),)), projection=counted, group_by=(kind,)
        ),
        "latest": _select(
            (Triples((Triple(thing, Iri(str(FC.latestValue)), value), Triple(thing, Iri(str(FC.latestAt)), at))),), thing, value, at
        ),
        "below_class": _select((Triples((Triple(thing, below, Iri(str(SAREF.Device))),)),), thing),
    }


def _select(elements: tuple[Values | Triples, ...], *columns: Var) -> Query:
    return Query("SELECT", Group(elements), projection=columns)


@dataclass(frozen=True)
class Asker:
    """Somebody, and how many graphs they may see."""

    scope: Scope
    graphs: int


def askers(count: int) -> dict[str, Asker]:
    """The operator, a member by families as the policy tells, and partners by the graph."""
    everybody = members(count)
    base = f"{IRIS.graph('member')}/{everybody[0]}/"
    public = frozenset({IRIS.graph("ontology")})
    member = Scope(graphs=public | {base + "latest"}, families=frozenset({base + "osb/", base + "telemetry/"}))
    found = {"operator": Asker(EVERYTHING, count * PER_MEMBER + 1), "member": Asker(member, PER_MEMBER + 1)}
    for granted in GRANTED:
        graphs = [graph for each in everybody[: granted // PER_MEMBER] for graph in graphs_of(each)]
        found[f"partner_{granted}"] = Asker(Scope(graphs=public | frozenset(graphs)), len(graphs) + 1)
    return found


def in_process(store: ox.Store, query: Query, scope: Scope, graphs: Sequence[str], most_listed: int) -> Callable[[], int]:
    """Ask as a worker does; the text is written and the graphs are found before, as they are kept between queries."""
    ready = scoping.confined(query, scope, default_graphs=None, named_graphs=None, graphs=graphs, most_listed=most_listed)
    words, allowed = text(ready.query), ready.allowed
    lists: list[Any] = [
        None if each is None else [ox.NamedNode(graph) for graph in each] for each in (ready.default_graph, ready.named_graphs)
    ]

    def tell(graph: ox.NamedNode) -> ox.Literal:
        return _YES if allowed is not None and allowed(graph.value) else _NO

    def ask() -> int:
        found = store.query(
            words,
            use_default_graph_as_union=ready.union,
            default_graph=lists[0],
            named_graphs=lists[1],
            custom_functions={ox.NamedNode(scoping.ALLOWED): tell},
        )
        assert isinstance(found, ox.QuerySolutions)  # noqa: S101 - for mypy: all questions are SELECTs
        return len(list(found))

    return ask


def through(service: QueryService, words: str, scope: Scope) -> Callable[[], int]:
    """Ask as a client does, and count the lines of a CSV."""

    def ask() -> int:
        answer = service.run(words, "text/csv", scope=scope, client="bench")
        if answer.status != 200:
            raise RuntimeError(f"the service answered {answer.status}: {answer.body[:300]!r}; give it more time or mend the query")
        return answer.body.count(b"\n") - 1

    return ask


def timed(ask: Callable[[], int]) -> dict[str, float]:
    """Best time [ms] of some rounds, of one round if that takes more than a second; and the rows."""
    best = float("inf")
    rows = 0
    for _ in range(ROUNDS):
        begun = time.perf_counter()
        rows = ask()
        best = min(best, (time.perf_counter() - begun) * 1000)
        if best > 1000:
            break
    return {"ms": round(best, 2), "rows": rows}


def measure(count: int, most_listed: int, say: Callable[[str], None]) -> dict[str, Any]:
    """Build the store and let everybody ask everything."""
    with tempfile.TemporaryDirectory(prefix="flexcoop-bench-") as name:
        begun = time.perf_counter()
        raw = ox.Store(str(Path(name) / "store"))
        raw.bulk_extend(quads(count))
        raw.flush()
        result: dict[str, Any] = {"quads": len(raw), "graphs": count * PER_MEMBER + 1}
        del raw
        say(f"{result['quads']} quads in {result['graphs']} graphs, built in {time.perf_counter() - begun:.1f} s")
        store = EmbeddedStore(Path(name) / "store")
        service = QueryService(
            store,
            Path(name) / "cache",
            deadline_s=SERVICE_DEADLINE_S,
            max_rows=1_000_000,
            max_bytes=1 << 28,
            memory_mb=1024,
            base=IRIS.base,
        )
        try:
            copy = Path(name) / "copy"
            store.checkpoint(copy)
            result["askers"] = everybody(service, ox.Store.read_only(str(copy)), count, most_listed, say)
        finally:
            service.close()
            store.close()
        return result


def everybody(service: QueryService, engine: ox.Store, count: int, most_listed: int, say: Callable[[str], None]) -> dict[str, Any]:
    """Each asker's times for each question, in each way, in one run."""
    graphs = tuple(graph.value for graph in engine.named_graphs())
    asked = questions(count)
    unscoped = {name: timed(in_process(engine, query, EVERYTHING, graphs, 0)) for name, query in asked.items()}
    result: dict[str, Any] = {}
    for name, asker in askers(count).items():
        result[name] = {"graphs": asker.graphs}
        for question, query in asked.items():
            found = {"unscoped": unscoped[question], "service": timed(through(service, text(query), asker.scope))}
            if not asker.scope.everything:
                if asker.graphs <= most_listed:
                    found["list"] = timed(in_process(engine, query, asker.scope, graphs, asker.graphs))
                found["filter"] = timed(in_process(engine, query, asker.scope, graphs, -1))
            rows = {way["rows"] for label, way in found.items() if label != "unscoped" or asker.scope.everything}
            if len(rows) != 1:
                raise RuntimeError(f"{name} gets {rows} rows for {question}, depending on the way; mend sparql.scoping")
            ratios = {f"{way}_ratio": round(told["ms"] / unscoped[question]["ms"], 2) for way, told in found.items() if way != "unscoped"}
            result[name][question] = {**found, **ratios}
            say(
                f"{name:14} {question:16} "
                + "  ".join(f"{way} {told['ms']:.2f} ms" for way, told in found.items())
                + f"  {rows.pop()} rows"
            )
    return result


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="print only the JSON object")
    parser.add_argument("--members", type=int, default=1010)
    parser.add_argument("--most-listed", type=int, default=150)
    given = parser.parse_args()
    if given.members < max(GRANTED) // PER_MEMBER:
        parser.error(f"--members {given.members} have fewer than {max(GRANTED)} graphs to grant; say {max(GRANTED) // PER_MEMBER} or more")
    begun = time.perf_counter()
    found = measure(given.members, given.most_listed, (lambda _: None) if given.json else print)
    print(json.dumps({"unit": "ms", "listed_up_to": scoping.LISTED, "seconds": round(time.perf_counter() - begun, 1), **found}))


if __name__ == "__main__":
    main()
