"""Refuse what another device says."""

from collections.abc import Sequence

from devices.errors import DeviceReadError
from devices.transports.deadline import FAULT, MISMATCH
from mappers.points import Sample


def check(samples: Sequence[Sample], who: str, *, whole: bool = True) -> None:
    """Refuse a device whose samples say that it isn't the one of its profile or, where the whole of it was read, that none of it can be used.

    Raises
    ------
    DeviceReadError
        With the reason and the words of the samples.
    """
    reasons = {sample.reason if sample.value is None else None for sample in samples}
    if reasons == {MISMATCH} or (whole and reasons == {FAULT}):
        raise DeviceReadError(reasons.pop() or FAULT, f"{who}: {samples[0].comment} Check address and profile")
