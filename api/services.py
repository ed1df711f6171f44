"""What the pages are given to work with."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, BinaryIO, Protocol

from flask import current_app

from access.audit import AuditLog
from access.opened import Access
from kg.iris import Iris
from kg.store import Store
from notices import Desk
from registry.gate import Gate
from registry.updates import Updates
from sparql.intake import Intake
from sparql.scope import Scope
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
    @property
    def age_s(self) -> float: ...
    @property
    def retry_after_s(self) -> int | None: ...
    @property
    def length(self) -> int: ...
    def chunks(self) -> Iterator[bytes]: ...
    def close(self) -> None: ...


class Endpoint(Protocol):
    """Runs untrusted queries outside this process (`sparql.service.QueryService`)."""

    def run(
        self,
        query: str,
        accept: str,
        *,
        scope: Scope,
        client: str,
        default_graphs: tuple[str, ...] | None = None,
        named_graphs: tuple[str, ...] | None = None,
        gone: Callable[[], bool] | None = None,
    ) -> Answer:
        """Answer one query, within a scope, in one of the media types that `accept` names."""
        ...


class Rights(Protocol):
    """What members may ask about their data."""

    def export(self, member: str, target: BinaryIO) -> dict[str, int]:
        """Write everything that is held about a member as a ZIP."""
        ...

    def erase(self, member: str, confirmed: str) -> dict[str, Any]:
        """Forget a member whose key was given once more."""
        ...

    def was_erased(self, member: str) -> bool:
        """Tell whether a member with this key was erased once."""
        ...


@dataclass(frozen=True)
class ApiSettings:
    """Limits, what introspection shows, and the host names that requests may carry beside loopback and that of the base."""

    shown_settings: tuple[tuple[str, str, str, str], ...]
    max_body_bytes: int = 16 << 20
    names: tuple[str, ...] = ()


@dataclass(frozen=True)
class Services:
    """The platform as the pages see it.

    Attributes
    ----------
    commands : verb → function from its arguments (JSON) to its result (JSON); they write, everything else reads
    now : the platform's time, which in a scenario is the scenario's
    status : figures for `/health` and the header of every page
    notices : tells members of events, and keeps their calendars; `None`: nobody is told
    monitor : surveys the data, for the health page and `/metrics`
    access : who is known here; without it everything is refused but what is public
    audit : keeps who looked at what; without it nothing is kept, and nobody can be told
    dumps : directory of the files that were made for `/dumps/…`; `None`: one that ends with the process
    enrol : OSB, claim code and certificate request → what the box is given (JSON)
    gate : what edits pass; without it, `/rdf-graph-store` only reads
    intake : reads RDF that is sent
    rights : exports and erases members
    updates : runs the texts of SPARQL Updates; `None` while `/update` is off
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
    access: Access | None = None
    audit: AuditLog | None = None
    dumps: Path | None = None
    gate: Gate | None = None
    intake: Intake | None = None
    notices: Desk | None = None
    rights: Rights | None = None
    updates: Updates | None = None


def services() -> Services:
    """Return the services of the application that handles this request."""
    found: Services = current_app.extensions["flexcoop"]
    return found
