"""Fixtures of the forecasting tests."""

import pytest
from forecasting_coop import Coop, build, foresee, live

from kg.embedded import EmbeddedStore
from kg.iris import Iris


@pytest.fixture
def bare(store: EmbeddedStore, iris: Iris) -> Coop:
    """Two homes and a station that nobody has measured yet."""
    return build(store, iris)


@pytest.fixture
def coop(bare: Coop) -> Coop:
    """Two homes with four weeks of readings and a weather forecast."""
    live(bare)
    foresee(bare)
    return bare
