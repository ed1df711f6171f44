"""Measured series that the simulated homes repeat: one `.npz` for a whole neighbourhood, on one grid of quarter-hours."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from devices.errors import ReplayError

STEP = timedelta(minutes=15)
Numbers = NDArray[np.float64]


@dataclass(frozen=True)
class Replay:
    """Series that begin at `start` (aware UTC) and go on in quarter-hours, each value the mean over `[t, t + 15 min)`.

    Attributes
    ----------
    load_kw
        Uncontrolled load, shape (sources, steps) [kW].
    pv_kw_per_kw
        PV production per kW of rated power, shape (sources, steps).
    air_temperature_c, direct_w_m2, diffuse_w_m2, price_eur_per_kwh
        Weather and tariff, shape (steps,).

    In the file the start is `start_s`, seconds since 1970 in UTC; the other arrays bear the names above.

    Raises
    ------
    ReplayError
        If the shapes don't fit each other.
    """

    start: datetime
    load_kw: Numbers
    pv_kw_per_kw: Numbers
    air_temperature_c: Numbers
    direct_w_m2: Numbers
    diffuse_w_m2: Numbers
    price_eur_per_kwh: Numbers

    def __post_init__(self) -> None:
        if self.load_kw.ndim != 2 or self.load_kw.shape != self.pv_kw_per_kw.shape:
            raise ReplayError(
                f"load_kw has the shape {self.load_kw.shape} and pv_kw_per_kw {self.pv_kw_per_kw.shape}; both must be (sources, steps)"
            )
        for name in ("air_temperature_c", "direct_w_m2", "diffuse_w_m2", "price_eur_per_kwh"):
            if getattr(self, name).shape != (self.steps,):
                raise ReplayError(f"{name} has the shape {getattr(self, name).shape}; it must be ({self.steps},) like the load's steps")

    @property
    def steps(self) -> int:
        """Number of quarter-hours."""
        return int(self.load_kw.shape[1])

    @property
    def end(self) -> datetime:
        """The moment after the last quarter-hour."""
        return self.start + self.steps * STEP

    def index(self, at: datetime) -> int:
        """The column of the quarter-hour that begins at `at`.

        Raises
        ------
        ReplayError
            If `at` is off the grid or outside the series.
        """
        steps, rest = divmod(at - self.start, STEP)
        if rest:
            raise ReplayError(f"{at.isoformat()} is not the begin of a quarter-hour of the series; use a multiple of 15 minutes")
        if not 0 <= steps < self.steps:
            raise ReplayError(
                f"{at.isoformat()} is outside the replayed series, which goes from {self.start.isoformat()} to {self.end.isoformat()}; "
                "choose a time in between"
            )
        return steps

    def write(self, path: Path) -> None:
        """Write the `.npz` that `read` understands; the file appears whole or not at all."""
        arrays = {name: getattr(self, name) for name in _ARRAYS}
        part = path.with_name(path.name + ".part")
        with part.open("wb") as file:
            np.savez(file, start_s=np.int64(self.start.timestamp()), **arrays)
        part.replace(path)

    @classmethod
    def read(cls, path: Path) -> "Replay":
        """Read a `.npz`.

        Raises
        ------
        ReplayError
            If the file is missing, lacks an array, or the shapes don't fit.
        """
        try:
            with np.load(path, allow_pickle=False) as file:
                start = datetime.fromtimestamp(int(file["start_s"]), UTC)
                arrays = {name: file[name].astype(np.float64) for name in _ARRAYS}
        except (OSError, KeyError, ValueError) as error:
            raise ReplayError(f"the series in {path} can't be read ({error}); it needs the arrays start_s, {', '.join(_ARRAYS)}") from error
        return cls(start, **arrays)


_ARRAYS = ("load_kw", "pv_kw_per_kw", "air_temperature_c", "direct_w_m2", "diffuse_w_m2", "price_eur_per_kwh")
