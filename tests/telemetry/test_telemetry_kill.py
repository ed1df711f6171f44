"""kill -9 of the platform while messages stream in: every acknowledged reading is there, once."""

import random
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from patience import PATIENCE_S
from servers import ROOT, Child, require, start
from telemetry_box import Box, box, id_of, message, observation
from telemetry_home import Home, furnish, quads, run

from kg.embedded import EmbeddedStore
from kg.iris import Iris
from telemetry import Channels, Readings, ReadingWriter
from telemetry.broker import mosquitto_program, start_broker

START = datetime(2016, 8, 12, tzinfo=UTC)
COUNT, KILLS = 400, 4
RECEIVED = datetime(2016, 9, 30, tzinfo=UTC)


def platform(directory: Path, port: int) -> Child:
    script = Path(__file__).with_name("telemetry_platform.py")
    command = [sys.executable, script, directory / "store", str(port), directory / "dead.sqlite"]
    child = start(command, env={"PYTHONPATH": str(ROOT)})
    return child.wait_until(lambda: "ready" in child.output)


def send(client: Box, numbers: list[int]) -> None:
    for n in numbers:
        at = (START + n * timedelta(minutes=15)).isoformat().replace("+00:00", "Z")
        client.send(message(f"m{n}", observation(at, str(n / 16))))


@pytest.mark.parametrize("kind", ["mosquitto", "amqtt"])
def test_every_acknowledged_reading_survives_kills_of_the_platform_once(iris: Iris, home: Home, tmp_path: Path, kind: str) -> None:
    require(kind != "mosquitto" or mosquitto_program() is not None, "mosquitto is not installed")
    prepared = EmbeddedStore(tmp_path / "store")
    furnish(prepared, iris, home)
    prepared.close()
    broker = start_broker("127.0.0.1", 0, tmp_path / "broker", kind)
    rng = random.Random(7)  # noqa: S311 - where to kill is no secret

    with box(broker.port) as client:
        waiting = list(range(COUNT))
        for turn in range(KILLS + 1):
            running = platform(tmp_path, broker.port)
            send(client, waiting)
            until = id_of(f"m{rng.choice(waiting[: max(1, len(waiting) // 2)])}") if turn < KILLS else id_of(f"m{waiting[-1]}")
            client.ack(until, timeout=PATIENCE_S)
            if turn < KILLS:
                running.kill()
            else:
                acked = [client.ack(id_of(f"m{n}"), timeout=PATIENCE_S) for n in waiting]
                assert all(ack["accepted"] == 1 for ack in acked)
                running.stop()
            waiting = [n for n in waiting if id_of(f"m{n}") not in client.acks] or [COUNT - 1]
    broker.stop()

    store = EmbeddedStore(tmp_path / "store")
    channels = Channels(store, iris)
    column = Readings(store, iris, channels).frame([home.power], START, START + COUNT * timedelta(minutes=15))[home.power]
    assert list(column) == [n / 16 for n in range(COUNT)]
    # In one quiet go the same readings make the very same quads.
    quiet = EmbeddedStore()
    furnish(quiet, iris, home)
    for n in range(COUNT):
        ReadingWriter(quiet, iris, channels).write([run(home.power, START + n * timedelta(minutes=15), [n / 16])], received=RECEIVED)
    assert quads(store) == quads(quiet)
    store.close()
