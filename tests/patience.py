"""How long a test waits for what happens by itself: long, as a machine may be busy with something else, and it costs nothing where all is well."""

import time
from collections.abc import Callable

PATIENCE_S = 120.0


def until(true: Callable[[], bool], patience_s: float = PATIENCE_S) -> bool:
    """Wait for something to come true; tells whether it did."""
    end = time.monotonic() + patience_s
    while not true() and time.monotonic() < end:
        time.sleep(0.01)
    return true()


def wait_for(true: Callable[[], bool], what: str = "it didn't come true") -> None:
    """Return when something has come true; fail with a sentence when it takes too long."""
    assert until(true), what
