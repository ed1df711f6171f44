"""The gate that edits made on the pages pass."""

from api.languages import _
from api.services import services
from registry.gate import Gate


class NoGateError(RuntimeError):
    """This platform takes no edits."""


def gate() -> Gate:
    """Give the gate.

    Raises
    ------
    NoGateError
        If the platform takes no edits.
    """
    found = services().gate
    if found is None:
        raise NoGateError(_("This platform takes no edits."))
    return found
