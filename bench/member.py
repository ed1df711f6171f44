"""A member's own pages over years of readings: server time of the history by year, month, week and day, beside a bare page in the same run.

`python -m bench member [--json] [--rounds 15]`: a home with a solar roof, and the tariff, two years of quarter-hours each (packed days, as
the writer leaves them), asked for as the member through the whole application but without a network. `cold_ms` is the first year with readings that an
application made anew is asked for (median of three), `after_write_ms` the year after a day of its last month was corrected (of five). Then
rounds over all pages in turn: median and 95th percentile [ms], and the processor's own time [ms], which other work on the machine does not
lengthen. The last line is one JSON object.
"""

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyoxigraph as ox
from argon2 import PasswordHasher
from flask.testing import FlaskClient

from access.opened import Access, open_access
from access.principal import Role
from api import ApiSettings, Services, create_app
from bench._cooperative import PER_HOME, Said, homes, quads
from kg.bootstrap import load_public
from kg.embedded import EmbeddedStore
from kg.iris import Iris
from kg.terms import Json, describe, iri
from ontology.names import FC, FCV, QUDT, RDF, S4ENER, SAREF
from sparql.answers import Answer
from telemetry.channels import Channels
from telemetry.readings import Readings
from telemetry.refused import DeadLetters

IRIS = Iris("http://127.0.0.1:8080")
NOW = datetime(2016, 12, 31, 12, tzinfo=UTC)
FIRST, LAST = date(2014, 12, 31), date(2016, 12, 31)
STEP, DAY, SLOTS = timedelta(minutes=15), timedelta(days=1), 96
HOMES, ROUNDS, COLD_ROUNDS = 20, 15, 3
FLOOR = "/health"
LIMIT_MS = 150.0
TARIFF = f"{IRIS.id('cooperative', 'demo')}#energyPrice"


class _NoEndpoint:
    """Pages ask the store, not the endpoint."""

    def run(self, *given: object, **named: object) -> Answer:
        raise RuntimeError(f"no page of this benchmark asks the endpoint, but {given} {named} came; measure it with `bench access`")


def addresses(key: str) -> dict[str, str]:
    """What is asked for."""
    history = f"/members/{key}/history?date=2016-12-30&span="
    return {"floor": FLOOR, **{span: history + span for span in ("year", "month", "week", "day")}, "today": f"/members/{key}"}


def readings(key: str) -> Iterator[ox.Quad]:
    """Two years of a home's grid connection and solar roof, and of the tariff: packed days with three decimals."""
    rng = np.random.default_rng(7)
    member = IRIS.graph("member", key, "telemetry")
    described: Said = {
        RDF.type: [iri(str(FC.Channel)), iri(str(SAREF.PropertyOfInterest))],
        SAREF.isPropertyOfInterestOf: iri(IRIS.id("cooperative", "demo")),
        SAREF.hasPropertyKind: FCV.EnergyPrice,
        QUDT.hasUnit: S4ENER.EuroPerKilowattHour,
        S4ENER.hasTemporalResolution: STEP,
    }
    yield from describe(IRIS.graph("feed", "osb", "tariff"), TARIFF, described)
    for channel, prefix, low, high in (
        (IRIS.id("connection", f"{key}#activePower"), member, -4.0, 6.0),
        (IRIS.id("device", f"{key}-pv#activePower"), member, 0.0, 5.0),
        (TARIFF, IRIS.graph("feed", "telemetry"), 0.05, 0.4),
    ):
        for number in range((LAST - FIRST).days + 1):
            day = FIRST + number * DAY
            values = ",".join(f"{value:.3f}" for value in rng.uniform(low, high, SLOTS))
            packed: Said = {
                FC.forProperty: iri(channel),
                FC.day: day,
                S4ENER.hasTemporalResolution: STEP,
                FC["values"]: Json(f"[{values}]"),
            }
            yield from describe(f"{prefix}/{day:%Y-%m}", IRIS.day(channel, day), packed)


def measure(say: Callable[[str], None], rounds: int = ROUNDS) -> dict[str, Any]:
    """Build the home and ask for every page."""
    key = homes(HOMES * PER_HOME)[0]
    with tempfile.TemporaryDirectory(prefix="flexcoop-bench-") as name:
        folder = Path(name)
        raw = ox.Store(str(folder / "store"))
        raw.bulk_extend(quads(IRIS, HOMES * PER_HOME))
        raw.bulk_extend(readings(key))
        raw.flush()
        del raw
        store = EmbeddedStore(folder / "store")
        load_public(store, IRIS)
        quick = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
        access = open_access(folder / "access", store, IRIS, now=lambda: NOW, wall=lambda: NOW, hasher=quick)
        letters = DeadLetters(folder / "refused.sqlite")
        account = access.accounts.add(key, Role.MEMBER, IRIS.id("member", key))
        token = access.tokens.create("bench", account)[0]
        try:
            found = _asked(lambda: _client(store, access, letters, token), store, key, rounds)
        finally:
            access.close()
            letters.close()
            store.close()
    for page, told in found["pages"].items():
        late = "  ABOVE THE LIMIT" if told["median_ms"] > LIMIT_MS else ""
        say(f"{page:8} median {told['median_ms']:>7.1f} ms  p95 {told['p95_ms']:>7.1f} ms  processor {told['cpu_ms']:>7.1f} ms{late}")
    for name in ("cold", "after_write"):
        say(f"year, {name}: {found[f'{name}_ms']:.0f} ms, processor {found[f'{name}_cpu_ms']:.0f} ms")
    return found


def _client(store: EmbeddedStore, access: Access, letters: DeadLetters, token: str) -> FlaskClient:
    channels = Channels(store, IRIS)
    services = Services(
        store=store,
        iris=IRIS,
        channels=channels,
        readings=Readings(store, IRIS, channels),
        endpoint=_NoEndpoint(),
        dead_letters=letters,
        commands={},
        now=lambda: NOW,
        status=lambda: {"ok": True, "telemetry": {}, "scenario": {}},
        access=access,
    )
    client = create_app(ApiSettings(shown_settings=()), services).test_client()
    client.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {token}"
    return client


def _asked(made: Callable[[], FlaskClient], store: EmbeddedStore, key: str, rounds: int) -> dict[str, Any]:
    pages = addresses(key)
    cold = []
    for _ in range(COLD_ROUNDS):
        client = made()
        _timed(client, pages["year"].replace("2016-12-30", "2030-01-01"))  # no readings then: templates are compiled, words are read
        cold.append(_timed(client, pages["year"]))
    times: dict[str, list[tuple[float, float]]] = {page: [] for page in pages}
    for _ in range(rounds):
        for page, address in pages.items():
            times[page].append(_timed(client, address))
    after = []
    for number in range(5):
        _correct(store, key, number)
        after.append(_timed(client, pages["year"]))
    return {**_middle(cold, "cold_"), **_middle(after, "after_write_"), "pages": {page: _told(taken) for page, taken in times.items()}}


def _told(taken: Sequence[tuple[float, float]]) -> dict[str, float]:
    middle = _middle(taken)
    return {
        "median_ms": middle["ms"],
        "p95_ms": round(statistics.quantiles([wall for wall, _ in taken], n=20)[-1], 2),
        "cpu_ms": middle["cpu_ms"],
    }


def _middle(taken: Sequence[tuple[float, float]], name: str = "") -> dict[str, float]:
    walls, cpus = zip(*taken, strict=True)
    return {f"{name}ms": round(statistics.median(walls), 2), f"{name}cpu_ms": round(statistics.median(cpus), 2)}


def _correct(store: EmbeddedStore, key: str, number: int) -> None:
    """Have the last day but one hold other readings."""
    channel, day = IRIS.id("connection", f"{key}#activePower"), LAST - DAY
    graph, node = IRIS.graph("member", key, "telemetry", f"{day:%Y-%m}"), IRIS.day(channel, day)
    about, values = ox.NamedNode(node), ox.NamedNode(str(FC["values"]))
    old = [each for each in store.graph(graph) if (each.subject, each.predicate) == (about, values)]
    store.apply(
        delete=[ox.Quad(each.subject, each.predicate, each.object, ox.NamedNode(graph)) for each in old],
        insert=describe(graph, node, {FC["values"]: Json(f"[{','.join([str(number + 1)] * SLOTS)}]")}),
    )


def _timed(client: FlaskClient, address: str) -> tuple[float, float]:
    """Time by the wall and of the processor [ms]."""
    begun, begun_cpu = time.perf_counter(), time.process_time()
    answer = client.get(address, headers={"Accept": "text/html, application/json;q=0.5"})
    body = answer.get_data()
    taken = (time.perf_counter() - begun) * 1000, (time.process_time() - begun_cpu) * 1000
    if answer.status_code != 200:
        raise RuntimeError(
            f"{address} was answered with {answer.status_code}: {body[:300]!r}; mend the page, or the address in bench/member.py"
        )
    return taken


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="print only the JSON object")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    given = parser.parse_args()
    say: Callable[[str], None] = (lambda _: None) if given.json else print
    print(json.dumps({"bench": "member", "unit": "ms", "limit": LIMIT_MS, **measure(say, given.rounds)}))


if __name__ == "__main__":
    main()
