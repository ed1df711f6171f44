"""Fixtures that several packages' tests share."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import hypothesis
import pytest
import servers
from kg_stores import KINDS, AnyStore, remote

from kg.embedded import EmbeddedStore
from kg.iris import Iris

# A slow machine is no counterexample; and CI tries the same examples each time, so that it fails for the change under test alone.
hypothesis.settings.register_profile("flexcoop", deadline=None, derandomize=os.environ.get("CI") == "true")
hypothesis.settings.load_profile("flexcoop")


@pytest.fixture
def iris() -> Iris:
    return Iris("http://127.0.0.1:8080")


@pytest.fixture
def store() -> Iterator[EmbeddedStore]:
    """An empty store in memory."""
    with_store = EmbeddedStore()
    yield with_store
    with_store.close()


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
