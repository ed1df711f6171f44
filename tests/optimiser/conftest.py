"""The cooperative whose campaigns the tests of the optimiser run."""

import pytest
from optimiser_world import World, found


@pytest.fixture(scope="session")
def signed_homes(tmp_path_factory):
    """The cooperative on file, made once: pyshacl takes its time with contracts."""
    file = tmp_path_factory.mktemp("homes") / "homes.nq"
    found(file)
    return file


@pytest.fixture
def world(signed_homes):
    return World(signed_homes)
