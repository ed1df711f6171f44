"""Everything that recognises people and programs, over a database of its own and a clock that stands still."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from argon2 import PasswordHasher

from access.opened import Access, open_access
from kg.embedded import EmbeddedStore
from kg.iris import Iris

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.fixture
def wall() -> list[datetime]:
    """The wall clock: set its one element to move it."""
    return [NOW]


@pytest.fixture
def access(store: EmbeddedStore, iris: Iris, tmp_path: Path, wall: list[datetime]) -> Iterator[Access]:
    quick = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
    opened = open_access(tmp_path / "access", store, iris, now=lambda: wall[0], wall=lambda: wall[0], hasher=quick)
    yield opened
    opened.close()
