"""The application over the competency data set, without a server."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pyoxigraph as ox
import pytest
from argon2 import PasswordHasher
from flask import Flask
from flask.testing import FlaskClient

from access.opened import Access, open_access
from access.principal import Role
from api import ApiSettings, Services, create_app
from kg.embedded import EmbeddedStore
from kg.iris import Iris
from sparql.service import QueryService
from telemetry.channels import Channels
from telemetry.readings import Readings
from telemetry.refused import DeadLetters

NOW = datetime(2016, 8, 31, 12, tzinfo=UTC)


class LateEndpoint:
    """The real endpoint with its processes, started when the first query comes: most tests send none."""

    def __init__(self, store: EmbeddedStore, folder: Path) -> None:
        self._store, self._folder = store, folder
        self._started: QueryService | None = None

    def run(self, *given, **named):
        if self._started is None:
            limits = {"deadline_s": 10, "max_rows": 1000, "max_bytes": 1 << 20, "memory_mb": 1024, "workers": 1}
            self._started = QueryService(self._store, self._folder, **limits)
        return self._started.run(*given, **named)

    def close(self) -> None:
        if self._started is not None:
            self._started.close()


@pytest.fixture
def calls() -> list[tuple[str, dict]]:
    """What the pages asked the platform to do."""
    return []


@pytest.fixture
def services(store: EmbeddedStore, iris: Iris, tmp_path: Path, calls, access) -> Iterator[Services]:
    with (Path(__file__).parents[1] / "data" / "competency.trig").open("rb") as file:
        store.apply(insert=list(ox.parse(file, format=ox.RdfFormat.TRIG)))
    channels = Channels(store, iris)
    endpoint = LateEndpoint(store, tmp_path / "reader")
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
        commands={name: command(name) for name in ("campaign", "abort", "pause", "resume", "flexibility", "opt-out")},
        now=lambda: NOW,
        status=lambda: {"ok": True, "telemetry": {"accepted": 3}, "scenario": {}},
        access=access,
    )
    endpoint.close()
    letters.close()


@pytest.fixture
def wall() -> list[datetime]:
    """The wall clock, by which sign-ins expire: set its one element to move it."""
    return [NOW]


@pytest.fixture
def access(store: EmbeddedStore, iris: Iris, tmp_path: Path, wall) -> Iterator[Access]:
    quick = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
    opened = open_access(tmp_path / "access", store, iris, now=lambda: NOW, wall=lambda: wall[0], hasher=quick)
    yield opened
    opened.close()


@pytest.fixture
def signed_in(access: Access) -> Callable[..., FlaskClient]:
    """Make a client of an application whose requests all carry a token: the operator's, if none is named."""

    def make(app: Flask, token: str = access.machine) -> FlaskClient:
        made = app.test_client()
        made.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {token}"
        return made

    return make


@pytest.fixture
def app(services: Services) -> Flask:
    return create_app(ApiSettings(shown_settings=(("FLEX_BASE", "x", "y", "z"),)), services)


@pytest.fixture
def client(app: Flask, signed_in) -> FlaskClient:
    """The operator."""
    return signed_in(app)


@pytest.fixture
def anonymous(app: Flask) -> FlaskClient:
    """Somebody who is not signed in."""
    return app.test_client()


@pytest.fixture
def as_member(app: Flask, access: Access, iris: Iris, signed_in) -> Callable[[str], FlaskClient]:
    """A member by the key in their IRI: `as_member("h01")`."""

    def make(key: str) -> FlaskClient:
        account = access.accounts.find(key) or access.accounts.add(key, Role.MEMBER, iris.id("member", key))
        return signed_in(app, access.tokens.create("test", account)[0])

    return make


@pytest.fixture
def as_partner(app: Flask, access: Access, iris: Iris, signed_in) -> Callable[..., FlaskClient]:
    """A partner's program with a JWT: `as_partner("p1")`; also a grid operator's or an auditor's: `as_partner("dso", Role.GRID_OPERATOR)`."""

    def make(key: str, role: Role = Role.PARTNER) -> FlaskClient:
        if access.clients.find(key) is None:
            access.clients.add(key, iris.id("partner", key), role)
        return signed_in(app, access.jwts.issue(access.clients.find(key))[0])

    return make
