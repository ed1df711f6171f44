"""The platform's faces over an empty store, on a port of loopback, for tests that speak HTTP to it.

Whoever sends `Authorization: Bearer operator` is an operator with a token, `Bearer session` one who signed in; anybody else is the
public, who sees the graphs named in `public`. Run as a program it serves until it is ended: `python tests/api_server.py PORT`.
"""

import contextlib
import itertools
import logging
import sys
import tempfile
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from flask import Flask
from patience import PATIENCE_S
from waitress import create_server

from access.principal import PUBLIC, Principal, Role
from api import ApiSettings, Services, create_app
from kg.embedded import EmbeddedStore
from kg.iris import Iris
from registry.gate import Gate
from registry.updates import Updates
from sparql.intake import Intake
from sparql.scope import EVERYTHING, Scope
from sparql.service import QueryService
from telemetry.channels import Channels
from telemetry.readings import Readings
from telemetry.refused import DeadLetters

NOW = datetime(2026, 8, 31, 12, tzinfo=UTC)
OPERATOR = {"Authorization": "Bearer operator"}
SESSION = {"Authorization": "Bearer session"}


@dataclass
class Faces:
    """The application and what it stands on."""

    app: Flask
    store: EmbeddedStore
    iris: Iris
    gate: Gate
    public: set[str]


class NoSessions:
    """Nobody has signed in."""

    def find(self, cookie: str) -> None:
        """Find nobody."""


class Doorman:
    """Stands in for sign-in, which has tests of its own."""

    def __init__(self) -> None:
        self.public: set[str] = set()
        self.sessions = NoSessions()

    def recognise(self, header: str) -> Principal:
        """Know an operator by token, and one who came by a session."""
        via = {OPERATOR["Authorization"]: "token", SESSION["Authorization"]: "session"}.get(header)
        return PUBLIC if via is None else Principal(Role.OPERATOR, "clerk", via=via)

    def scope(self, principal: Principal) -> Scope:
        """An operator sees everything, the public what the test says."""
        return EVERYTHING if principal.role is Role.OPERATOR else Scope(graphs=frozenset(self.public))


@contextlib.contextmanager
def faces(folder: Path, base: str, *, updates: bool = True, on_disk: bool = False) -> Iterator[Faces]:
    """Assemble an application over an empty store."""
    numbers = itertools.count(1)

    def mint() -> str:
        return f"t{next(numbers)}"

    store, iris = EmbeddedStore(folder / "store" if on_disk else None), Iris(base)
    gate, intake, letters = Gate(store, iris, lambda: NOW, mint), Intake(), DeadLetters(folder / "refused.sqlite")
    limits = {"deadline_s": 10.0, "max_rows": 1000, "max_bytes": 4 << 20, "memory_mb": 1024, "staleness_s": 0.0, "workers": 1}
    endpoint = QueryService(store, folder / "reader", now=lambda: NOW, **limits)  # type: ignore[arg-type]
    channels = Channels(store, iris)
    evaluated = Updates(store, gate, folder / "updates", deadline_s=10.0, memory_mb=1024, mint=mint, base=f"{base}/update")
    doorman = Doorman()
    services = Services(
        store=store,
        iris=iris,
        channels=channels,
        readings=Readings(store, iris, channels),
        endpoint=endpoint,
        dead_letters=letters,
        commands={},
        now=lambda: NOW,
        status=lambda: {"ok": True, "telemetry": {}, "scenario": {}},
        gate=gate,
        intake=intake,
        updates=evaluated if updates else None,
        access=doorman,  # type: ignore[arg-type]
    )
    made = Faces(create_app(ApiSettings(shown_settings=()), services), store, iris, gate, doorman.public)
    try:
        yield made
    finally:
        endpoint.close()
        intake.close()
        letters.close()
        store.close()


@contextlib.contextmanager
def served(made: Faces, port: int) -> Iterator[str]:
    """Serve an application; gives its address."""
    logging.getLogger("waitress").setLevel(logging.ERROR)
    server = create_server(made.app, host="127.0.0.1", port=port, threads=4)
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        server.close()
        thread.join(PATIENCE_S)


def main(port: int) -> None:
    """Serve until ended."""
    with tempfile.TemporaryDirectory() as folder, faces(Path(folder), f"http://127.0.0.1:{port}") as made, served(made, port):
        threading.Event().wait()


if __name__ == "__main__":
    main(int(sys.argv[1]))
