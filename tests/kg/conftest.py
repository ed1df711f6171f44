"""The four stores that the graph's tests run on, each empty."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import servers
from kg_stores import KINDS, AnyStore, remote

from kg.embedded import EmbeddedStore


@pytest.fixture
def open_store(tmp_path: Path) -> Iterator[Callable[[str], AnyStore]]:
    """Open an empty store of a kind; all are closed afterwards."""
    opened: list[AnyStore] = []

    def make(kind: str) -> AnyStore:
        made: AnyStore
        if kind == "memory":
            made = EmbeddedStore()
        elif kind == "disk":
            made = EmbeddedStore(tmp_path / f"store-{len(opened)}")
        else:
            made = remote(servers.oxigraph() if kind == "oxigraph" else servers.fuseki())
            made.update("DROP ALL")
        opened.append(made)
        return made

    yield make
    for each in opened:
        each.close()


@pytest.fixture(params=KINDS)
def any_store(request: pytest.FixtureRequest, open_store: Callable[[str], AnyStore]) -> AnyStore:
    """One empty store of each kind."""
    return open_store(request.param)
