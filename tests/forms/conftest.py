"""A store with a home."""

from collections.abc import Callable

import pytest
from stated_home import PLACES, turtle

from forms import things
from forms.things import Thing
from kg.embedded import EmbeddedStore
from kg.iris import Iris


@pytest.fixture
def home(store: EmbeddedStore, iris: Iris) -> EmbeddedStore:
    """A store with one home, its box, its contract and the registry."""
    store.apply(insert=[quad for place, text in PLACES.items() for quad in turtle(text, iris.graph(place))])
    return store


@pytest.fixture
def thing(home: EmbeddedStore, iris: Iris) -> Callable[[str], Thing]:
    """Read a thing by its key."""

    def read(key: str) -> Thing:
        found = things.read(home, iris, f"{iris.base}/id/{key}")
        assert found is not None
        return found

    return read
