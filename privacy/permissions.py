"""Consents, grants and partners written through the gate: who gave or ended them, when and why stands in the history of each."""

from collections.abc import Callable

from access.terms import Change
from registry.edits import Delta
from registry.gate import Gate


def write(gate: Gate, make: Callable[[], Change], *, by: str, why: str) -> Change:
    """Write what is given or ended; nobody takes its key between its making and its writing.

    Parameters
    ----------
    make
        One of the verbs of `access.consents` and `access.grants`.
    by
        Key of the principal who wants it.
    why
        In words, for its history.

    Raises
    ------
    RefusedEditError
        If it breaks its shape; nothing is written then.
    """
    with gate.held():
        change = make()
        gate.apply(Delta(insert=change.insert), by=by, why=why)
    return change
