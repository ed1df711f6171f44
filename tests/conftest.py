"""Fixtures that several packages' tests share."""

from collections.abc import Iterator

import pytest

from kg.embedded import EmbeddedStore
from kg.iris import Iris


@pytest.fixture
def iris() -> Iris:
    return Iris("http://127.0.0.1:8080")


@pytest.fixture
def store() -> Iterator[EmbeddedStore]:
    """An empty store in memory."""
    with_store = EmbeddedStore()
    yield with_store
    with_store.close()
