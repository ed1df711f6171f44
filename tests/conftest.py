"""Fixtures that several packages' tests share."""

import os
from collections.abc import Iterator

import hypothesis
import pytest

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
