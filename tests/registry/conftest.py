"""A gate over an empty store, and what evaluates Updates for it."""

import itertools
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from kg.embedded import EmbeddedStore
from kg.iris import Iris
from registry.gate import Gate
from registry.updates import Updates

AT = datetime(2026, 1, 2, 3, tzinfo=UTC)


@pytest.fixture
def mint() -> Callable[[], str]:
    numbers = itertools.count(1)
    return lambda: f"t{next(numbers)}"


@pytest.fixture
def written() -> list[list[str]]:
    """What the gate told of graphs that it wrote."""
    return []


@pytest.fixture
def gate(store: EmbeddedStore, iris: Iris, mint: Callable[[], str], written: list[list[str]]) -> Gate:
    return Gate(store, iris, lambda: AT, mint, lambda graphs: written.append(list(graphs)))


@pytest.fixture(params=["memory", "disk"])
def updated(request: pytest.FixtureRequest, tmp_path: Path, iris: Iris, mint: Callable[[], str]) -> Iterator[tuple[EmbeddedStore, Updates]]:
    """A store and its Updates, in memory and on disk."""
    store = EmbeddedStore(tmp_path / "store" if request.param == "disk" else None)
    gate = Gate(store, iris, lambda: AT, mint)
    yield store, Updates(store, gate, tmp_path / "updates", deadline_s=20.0, memory_mb=1024, mint=mint, base="http://127.0.0.1:8080/update")
    store.close()
