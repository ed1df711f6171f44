"""What the pages are given to work with."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from flask import current_app

from kg.iris import Iris
from kg.store import Store
from telemetry.channels import Channels
from telemetry.health import Monitor
from telemetry.readings import Readings
from telemetry.refused import DeadLetters


class Answer(Protocol):
    """What the endpoint answers to an untrusted query."""

    @property
    def status(self) -> int: ...
    @property
    def media_type(self) -> str: ...
    @property
    def body(self) -> bytes: ...
    @property
    def as_of(self) -> datetime | None: ...


class Endpoint(Protocol):
    """Runs untrusted queries outside this process (`sparql.service.QueryService`)."""

    def run(self, query: str, accept: str) -> Answer:
        """Answer one query in one of the media types that `accept` names."""
        ...


@dataclass(frozen=True)
class ApiSettings:
    """Limits and what introspection shows."""

    shown_settings: tuple[tuple[str, str, str, str], ...]
    max_body_bytes: int = 64 << 20


@dataclass(frozen=True)
class Services:
    """The platform as the pages see it.

    Attributes
    ----------
    commands : verb → function from its arguments (JSON) to its result (JSON); they write, everything else reads
    now : the platform's time, which in a scenario is the scenario's
    status : figures for `/health` and the header of every page
    monitor : surveys the data, for the health page and `/metrics`
    enrol : OSB, claim code and certificate request → what the box is given (JSON)
    """

    store: Store
    iris: Iris
    channels: Channels
    readings: Readings
    endpoint: Endpoint
    dead_letters: DeadLetters
    commands: Mapping[str, Callable[[dict[str, Any]], dict[str, Any]]]
    now: Callable[[], datetime]
    status: Callable[[], dict[str, Any]]
    enrol: Callable[[str, str, bytes], dict[str, Any]] | None = None
    monitor: Monitor | None = None


def services() -> Services:
    """Return the services of the application that handles this request."""
    found: Services = current_app.extensions["flexcoop"]
    return found
