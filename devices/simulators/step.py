"""What a simulated device answers to one step."""

from dataclasses import dataclass

TOLERANCE_KW = 1e-6


@dataclass(frozen=True, slots=True)
class Step:
    """The mean power of one step [kW], consumption positive, and why a limit wasn't kept, if it wasn't.

    `loss_kwh` is the energy that became heat in the device's conversion (zero or more).
    """

    power_kw: float
    loss_kwh: float = 0.0
    beyond_limit: str | None = None


def beyond(power_kw: float, limit_kw: float | None, reason: str) -> str | None:
    """The reason, if the power lies above the limit."""
    return reason if limit_kw is not None and power_kw > limit_kw + TOLERANCE_KW else None
