"""Pages of a large cooperative: server time of lists, searches and pick lists, beside a bare page in the same run.

`python -m bench pages [--json] [--devices 1000 10000] [--import 500]`: builds cooperatives with so many controllable devices in an embedded store, four a
home, and asks for each page as the operator, through the whole application but without a network. No box has spoken there, so the portfolio is not asked for. `cold_ms` is the first request of the
process, which reads the registry into memory; `after_edit_ms` the first one after a device was renamed. Then rounds over all pages in
turn: median and 95th percentile [ms], bytes, and how many times the median of the floor, which is `/health`. `findings_ms_a_home` is the first
look for everything that is wrong. `import`: so many new homes are imported, and all the while another clerk saves a form again and again,
as before it alone; how long each save took. The last line is one JSON object.
"""

import argparse
import io
import itertools
import json
import re
import statistics
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyoxigraph as ox
from argon2 import PasswordHasher
from flask.testing import FlaskClient

from access.opened import open_access
from api import ApiSettings, Services, create_app
from bench._cooperative import homes, quads
from kg.bootstrap import load_public
from kg.embedded import EmbeddedStore
from kg.iris import Iris
from ontology.names import RDFS
from registry.gate import Gate
from sparql.answers import Answer
from telemetry.channels import Channels
from telemetry.readings import Readings
from telemetry.refused import DeadLetters

IRIS = Iris("http://127.0.0.1:8080")
NOW = datetime(2016, 8, 31, 12, tzinfo=UTC)
ROUNDS = 15
FLOOR = "/health"
LIMIT_MS = 200.0


class _NoEndpoint:
    """Pages ask the store, not the endpoint."""

    def run(self, *given: object, **named: object) -> Answer:
        raise RuntimeError(f"no page of this benchmark asks the endpoint, but {given} {named} came; measure it with `bench access`")


def addresses(devices: int) -> dict[str, str]:
    """What is asked for."""
    last = -(-devices // 50)
    one = homes(devices)[-1]
    return {
        "floor": FLOOR,
        "ders_first": "/ders",
        "ders_search": f"/ders?q={one}+battery",
        "ders_filtered": "/ders?sort=-kw&feeder=http%3A%2F%2F127.0.0.1%3A8080%2Fid%2Fnode%2Ffeeder-3",
        "ders_last": f"/ders?sort=name&page={last}",
        "members_first": "/members",
        "batteries_first": "/registry/battery-system",
        "registry": "/registry",
        "options": f"/registry/options?form=battery-system&field=locatedAt&q={one}",
    }


def measure(devices: int, say: Callable[[str], None], rounds: int = ROUNDS, imported: int = 0) -> dict[str, Any]:
    """Build a cooperative and ask for every page."""
    with tempfile.TemporaryDirectory(prefix="flexcoop-bench-") as name:
        folder = Path(name)
        raw = ox.Store(str(folder / "store"))
        raw.bulk_extend(quads(IRIS, devices))
        raw.flush()
        del raw
        store = EmbeddedStore(folder / "store")
        load_public(store, IRIS)
        client, close = _client(store, folder)
        try:
            found = {"devices": devices, "homes": len(homes(devices)), "triples": store.count(), **_asked(client, store, devices, rounds)}
            if imported:
                found["findings_ms_a_home"] = round(_awaited(client, "/registry/findings") * 1000 / len(homes(devices)), 1)
                found["import"] = _imported(client, imported)
        finally:
            close()
            store.close()
        for page, told in found["pages"].items():
            late = "  ABOVE THE LIMIT" if told["median_ms"] > LIMIT_MS else ""
            say(f"{devices:>6} {page:16} median {told['median_ms']:>7.1f} ms  p95 {told['p95_ms']:>7.1f} ms  ×{told['ratio']:<6}{late}")
        say(f"{devices:>6} cold {found['cold_ms']:.0f} ms, after an edit {found['after_edit_ms']:.0f} ms")
        if imported:
            say(f"{devices:>6} findings {found['findings_ms_a_home']} ms a home; import {found['import']}")
        return found


def _client(store: EmbeddedStore, folder: Path) -> tuple[FlaskClient, Callable[[], None]]:
    channels = Channels(store, IRIS)
    letters = DeadLetters(folder / "refused.sqlite")
    numbers = itertools.count(1)
    quick = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
    access = open_access(folder / "access", store, IRIS, now=lambda: NOW, wall=lambda: NOW, hasher=quick)
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
        gate=Gate(store, IRIS, lambda: NOW, lambda: f"b{next(numbers)}"),
    )
    client = create_app(ApiSettings(shown_settings=()), services).test_client()
    client.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {access.machine}"

    def close() -> None:
        access.close()
        letters.close()

    return client, close


def _asked(client: FlaskClient, store: EmbeddedStore, devices: int, rounds: int) -> dict[str, Any]:
    pages = addresses(devices)
    _timed(client, FLOOR)
    cold, _ = _timed(client, pages["ders_first"])
    times: dict[str, list[float]] = {page: [] for page in pages}
    sizes: dict[str, int] = {}
    for each in pages.values():
        _timed(client, each)
    for _ in range(rounds):
        for page, address in pages.items():
            taken, sizes[page] = _timed(client, address)
            times[page].append(taken)
    edited = []
    for number in range(5):
        _rename(store, homes(devices)[number], number)
        edited.append(_timed(client, pages["ders_first"])[0])
    return {"cold_ms": round(cold, 1), "after_edit_ms": round(statistics.median(edited), 1), "pages": _told(times, sizes)}


def _awaited(client: FlaskClient, address: str) -> float:
    """How long it takes until the work that a page waits for has ended [s]."""
    begun = time.perf_counter()
    while "data-progress" in client.get(address, headers={"Accept": "text/html"}).get_data(as_text=True):
        pass
    return time.perf_counter() - begun


def _imported(client: FlaskClient, count: int) -> dict[str, float]:
    """Import homes while another clerk saves a form."""
    head = "member,time_zone,feeder,import_limit_kw,pv_kw,battery_kw,battery_kwh,battery_efficiency,battery_minimum_percent\n"
    sheet = head + "".join(f"i{number:05},Europe/Madrid,node/feeder-1,5.75,4,3,6.5,0.9,10\n" for number in range(count))
    begun = time.perf_counter()
    sent = client.post("/registry/home/import", data={"file": (io.BytesIO(sheet.encode()), "homes.csv")})
    _awaited(client, sent.location)
    preview = time.perf_counter() - begun
    alone = [_saved(client, number) for number in range(20)]
    begun = time.perf_counter()
    client.post(sent.location)
    page = client.get(sent.location, headers={"Accept": "text/html"}).get_data(as_text=True)
    beside = [_saved(client, 0)]
    under_way = re.search(r'data-progress="([^"]+)"', page)
    while under_way is not None and not client.get(under_way[1]).get_json()["ended"]:
        beside.append(_saved(client, len(beside)))
    return {
        "rows": count,
        "preview_s": round(preview, 1),
        "write_s": round(time.perf_counter() - begun, 1),
        "saves": len(beside),
        "save_alone_median_ms": round(statistics.median(alone), 1),
        "save_beside_median_ms": round(statistics.median(beside), 1),
        "save_beside_most_ms": round(max(beside), 1),
    }


def _saved(client: FlaskClient, number: int) -> float:
    """How long a save of a form takes [ms]."""
    address = "/things/node/feeder-2/edit"
    fields = dict(re.findall(r'<input[^>]* name="([^"]+)"[^>]* value="([^"]*)"', client.get(address).get_data(as_text=True)))
    begun = time.perf_counter()
    answer = client.post(address, data=fields | {"label": f"Feeder {number} of {time.perf_counter_ns()}"})
    taken = (time.perf_counter() - begun) * 1000
    if answer.status_code != 303:
        raise RuntimeError(f"{address} was answered with {answer.status_code} instead of being saved; mend the fields in bench/pages.py")
    return taken


def _told(times: Mapping[str, Sequence[float]], sizes: Mapping[str, int]) -> dict[str, dict[str, float]]:
    floor = statistics.median(times["floor"])
    return {
        page: {
            "median_ms": round(statistics.median(taken), 2),
            "p95_ms": round(statistics.quantiles(taken, n=20)[-1], 2),
            "ratio": round(statistics.median(taken) / floor, 1),
            "bytes": sizes[page],
        }
        for page, taken in times.items()
    }


def _timed(client: FlaskClient, address: str) -> tuple[float, int]:
    begun = time.perf_counter()
    answer = client.get(address, headers={"Accept": "text/html, application/json;q=0.5"})
    body = answer.get_data()
    taken = (time.perf_counter() - begun) * 1000
    if answer.status_code != 200:
        raise RuntimeError(
            f"{address} was answered with {answer.status_code}: {body[:300]!r}; mend the page, or the address in bench/pages.py"
        )
    return taken, len(body)


def _rename(store: EmbeddedStore, home: str, number: int) -> None:
    graph, thing = ox.NamedNode(IRIS.graph("member", home, "osb", home)), ox.NamedNode(IRIS.id("device", f"{home}-pv"))
    label = ox.NamedNode(str(RDFS.label))
    old = [each for each in store.graph(graph.value) if each.subject == thing and each.predicate == label]
    store.apply(
        delete=[ox.Quad(thing, label, each.object, graph) for each in old],
        insert=[ox.Quad(thing, label, ox.Literal(f"Roof {number}", language="en"), graph)],
    )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="print only the JSON object")
    parser.add_argument("--devices", type=int, nargs="+", default=[1000, 10_000])
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument(
        "--import", type=int, default=0, dest="imported", metavar="HOMES", help="also look for findings and import so many homes"
    )
    given = parser.parse_args()
    say: Callable[[str], None] = (lambda _: None) if given.json else print
    print(
        json.dumps(
            {
                "bench": "pages",
                "unit": "ms",
                "limit": LIMIT_MS,
                "rows": [measure(each, say, given.rounds, given.imported) for each in given.devices],
            }
        )
    )


if __name__ == "__main__":
    main()
