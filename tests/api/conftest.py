"""The application over the competency data set, without a server."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pyoxigraph as ox
import pytest
from flask.testing import FlaskClient

from api import ApiSettings, Services, create_app
from kg.embedded import EmbeddedStore
from kg.iris import Iris
from sparql.service import QueryService
from telemetry.channels import Channels
from telemetry.readings import Readings
from telemetry.refused import DeadLetters

NOW = datetime(2016, 8, 31, 12, tzinfo=UTC)


@pytest.fixture
def calls() -> list[tuple[str, dict]]:
    """What the pages asked the platform to do."""
    return []


@pytest.fixture
def services(store: EmbeddedStore, iris: Iris, tmp_path: Path, calls) -> Iterator[Services]:
    with (Path(__file__).parents[1] / "data" / "competency.trig").open("rb") as file:
        store.apply(insert=list(ox.parse(file, format=ox.RdfFormat.TRIG)))
    channels = Channels(store, iris)
    endpoint = QueryService(store, tmp_path / "reader", deadline_s=10, max_rows=1000, max_bytes=1 << 20, memory_mb=1024, workers=1)
    letters = DeadLetters(tmp_path / "refused.sqlite")

    def command(name):
        def run(arguments):
            calls.append((name, arguments))
            return {"campaign": iris.id("campaign", "c1")}

        return run

    yield Services(
        store=store,
        iris=iris,
        channels=channels,
        readings=Readings(store, iris, channels),
        endpoint=endpoint,
        dead_letters=letters,
        commands={name: command(name) for name in ("campaign", "abort", "opt-out")},
        now=lambda: NOW,
        status=lambda: {"ok": True, "telemetry": {"accepted": 3}, "scenario": {}},
    )
    endpoint.close()
    letters.close()


@pytest.fixture
def client(services: Services) -> FlaskClient:
    app = create_app(ApiSettings(shown_settings=(("FLEX_BASE", "x", "y", "z"),)), services)
    return app.test_client()
