"""Day-ahead forecasts of 17 measured homes by rolling origin over a year: ours beside the 7-day mean and the seasonal naive.

Issued at 12:00 local standard time for the next local day at 15 min, from the 28 days before; weather is known exactly for 24 h, the day
before's after that. The model is chosen anew at each origin by its backtest, as `forecasting.forecast` does; p10 … p90 are judged on the
day itself, which no residual has seen. Time is processor time, backtest and choice included. `python -m bench forecast [--data DIR] [--every DAYS]`; the last line is one JSON object.
"""

import argparse
import json
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd

from forecasting.backtest import backtest, measured, origins
from forecasting.intervals import coverage, pinball
from forecasting.models import Data, RidgeRegression, SeasonalNaive, SevenDayMean
from forecasting.portfolio import QuantileRegression, trial, widened
from forecasting.window import Array, Window

ROOT = Path(__file__).parents[1]
FIRST_UTC = "2016-08-01T07:00Z"  # row 0
ZONE = "Etc/GMT+8"  # local standard time all year, as the files keep it
PER_HOUR, HISTORY_DAYS, DAY = 4, 28, 96
GATE = Window(known=HISTORY_DAYS * DAY + DAY // 2, first=(HISTORY_DAYS + 1) * DAY, steps=DAY, per_day=DAY)
LOAD, SOLAR = 7, 11  # columns of the files, whose names differ between releases
WEATHER = (0, 3, 2)  # air temperature, direct and diffuse irradiance


@dataclass
class Tally:
    """Errors on the days that were forecast [kW], by model, and what the intervals and the clock said."""

    errors: dict[str, list[Array]] = field(default_factory=dict)
    covered: list[float] = field(default_factory=list)
    backtested: list[float] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    chosen: list[str] = field(default_factory=list)

    def add(self, name: str, error: Array) -> None:
        """Keep one day's errors."""
        self.errors.setdefault(name, []).append(error)

    def rmse(self, name: str) -> float:
        """Root mean square over all days and homes [kW]."""
        return round(float(np.sqrt(np.mean(np.concatenate(self.errors[name]) ** 2))), 4)

    def summary(self, homes: int) -> dict[str, object]:
        """What the last line of output says."""
        return {
            "rmse_kw": {name: self.rmse(name) for name in self.errors},
            "ridge_chosen": round(self.chosen.count("RidgeRegression") / len(self.chosen), 2),
            "coverage": round(float(np.mean(self.covered)), 3),
            "backtest_coverage": round(float(np.mean(self.backtested)), 3),
            "cpu_ms_per_home": round(1000 * float(np.median(self.seconds)) / homes, 3),
        }


def folder(given: Path | None) -> Path:
    """Find the data: as given, as `make setup` leaves it, or beside the project.

    Raises
    ------
    FileNotFoundError
        If it is in none of these places.
    """
    places = [given] if given else [ROOT / "scenario" / "data", ROOT.parent / "shared" / "data" / "citylearn_2022"]
    for place in places:
        if any(place.glob("Building_1.csv*")):
            return place
    raise FileNotFoundError(f"no Building_1.csv in {', '.join(map(str, places))}: run `make setup` or give --data")


def read(place: Path) -> tuple[Array, Array, Array]:
    """Load [kW] and PV [kW/kW] of 17 homes, and weather (3), at 15 min from row 0, a local midnight, on."""
    homes = [_table(place, f"Building_{home}") for home in range(1, 18)]
    load, solar = (np.array([home[:, column] for home in homes]) for column in (LOAD, SOLAR))
    weather = _table(place, "weather")[:, WEATHER].T
    # row 0 ends the day before: dropping it makes every day begin at local midnight
    return tuple(np.repeat(values[:, 1:], PER_HOUR, axis=1) for values in (load, solar / 1000, weather))  # type: ignore[return-value]


def _table(place: Path, name: str) -> Array:
    file = next(path for path in (place / f"{name}.csv", place / f"{name}.csv.gz") if path.is_file())
    table: Array = pd.read_csv(file).to_numpy(dtype=np.float64)
    return table


def days(values: Array, weather: Array, every: int) -> Iterator[tuple[Data, Array]]:
    """The data of each origin as they were known then, and what came."""
    start = pd.Timestamp(FIRST_UTC) + pd.Timedelta(hours=1)
    for day in range(HISTORY_DAYS + 1, values.shape[1] // DAY, every):
        begin = day * DAY - GATE.first
        local = (pd.date_range(start, periods=GATE.first + DAY, freq="15min") + begin * pd.Timedelta(minutes=15)).tz_convert(ZONE)
        calendar = np.array([local.hour + local.minute / 60 + 0.125, local.day_of_week >= 5], dtype=np.float64)
        foreseen = {window: _foreseen(weather, window, begin) for window in [GATE, *origins(GATE)]}
        past = slice(begin, begin + GATE.known)
        yield Data(values[:, past], calendar, weather[:, past], foreseen), values[:, day * DAY : (day + 1) * DAY]


def _foreseen(weather: Array, window: Window, begin: int) -> Array:
    at = window.targets + begin
    covered = window.targets < window.known + DAY
    return weather[:, np.where(covered, at, at - DAY)]


def homes(values: Array, weather: Array, every: int, floor: float) -> dict[str, object]:
    """Measure a batch of homes."""
    tally = Tally()
    for data, came in days(values, weather, every):
        begin = time.process_time()
        found = backtest("home", data, GATE, floor=floor)
        ours = np.maximum(found.chosen.predict(data, [GATE])[:, 0], floor)
        tally.seconds.append(time.process_time() - begin)
        tally.add("ours", came - ours)
        for model in (RidgeRegression(), SevenDayMean(), SeasonalNaive()):
            tally.add(type(model).__name__, came - np.maximum(model.predict(data, [GATE])[:, 0], floor))
        tally.chosen.append(type(found.chosen).__name__)
        tally.covered.append(coverage(came - ours, found.offsets))
        tally.backtested.append(found.coverage)
    return tally.summary(values.shape[0])


def portfolio(values: Array, weather: Array, every: int) -> dict[str, object]:
    """Measure the sum of the homes: conformal bands beside quantile regression, and the better one by backtest."""
    losses: dict[str, list[float]] = {"ours": [], "conformal": [], "quantile_regression": []}
    covered: dict[str, list[float]] = {name: [] for name in losses}
    errors: list[Array] = []
    for data, came in days(values.sum(axis=0, keepdims=True), weather, every):
        found, tried = backtest("portfolio", data, GATE), trial(data, GATE)
        conformal = found.chosen.predict(data, [GATE])[:, 0] + found.offsets
        regression = widened(QuantileRegression().quantiles(data, [GATE])[:, 0], tried.widen_kw)[:, None]
        ours = regression if tried.pinball_kw < found.pinball_kw else conformal
        for name, bands in (("ours", ours), ("conformal", conformal), ("quantile_regression", regression)):
            losses[name].append(pinball(came, bands))
            covered[name].append(coverage(came, bands))
        errors.append(came - ours[1])
    return {
        "pinball_kw": {name: round(float(np.mean(loss)), 4) for name, loss in losses.items()},
        "coverage": {name: round(float(np.mean(share)), 3) for name, share in covered.items()},
        "rmse_kw": round(float(np.sqrt(np.mean(np.concatenate(errors) ** 2))), 3),
        "mean_kw": round(float(values.sum(axis=0).mean()), 2),
    }


def main(arguments: list[str] | None = None) -> int:
    """Run the benchmark and print its figures."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", type=Path)
    parser.add_argument(
        "--every", type=int, default=10, help="days from one origin to the next; not a multiple of 7, or all are the same weekday"
    )
    parser.add_argument("--json", action="store_true", help="print the JSON line alone")
    given = parser.parse_args(arguments)
    load, solar, weather = read(folder(given.data))
    figures = {
        "load": homes(load, weather, given.every, 0.0),
        "pv": homes(solar, weather, given.every, 0.0),
        "portfolio_load": portfolio(load, weather, given.every),
    }
    truth = measured(next(days(load, weather, given.every))[0], origins(GATE), GATE.known)
    if not given.json:
        print(f"{load.shape[0]} homes, {truth.shape[1]} backtest days at each origin")
        for name, row in figures.items():
            print(name, row)
    print(json.dumps(figures))
    return 0


if __name__ == "__main__":
    sys.exit(main())
