"""Bias and error of the baseline methods on days without an event, where the true reduction is zero.

17 measured homes, one year, each working day from the third month on; load alone (what a home without PV draws) and net load behind
its PV (what its meter sees). `python -m bench baseline [--data DIR]`; the last line is one JSON object.
"""

import argparse
import json
import re
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pandas as pd

from settlement.baselines import METHODS, History, Method
from settlement.baselines.method import Array
from settlement.verification import Case, baseline_on, interval, placebo_errors

ROOT = Path(__file__).parents[1]
FIRST = date(2016, 8, 1)  # row 0 of the files ends at its midnight
FIRST_JUDGED = 60  # days of history before the first day that counts
HOURS = (17, 19)
INFLATION_KW = 10.0
COLUMNS = {  # the wheel's names to those of the later releases
    "Equipment Electric Power [kWh]": "non_shiftable_load",
    "Solar Generation [W/kW]": "solar_generation",
    "Outdoor Drybulb Temperature [C]": "outdoor_dry_bulb_temperature",
    "Direct Solar Radiation [W/m2]": "direct_solar_irradiance",
    "Diffuse Solar Radiation [W/m2]": "diffuse_solar_irradiance",
}


@dataclass(frozen=True)
class Home:
    """Hourly means of a year [kW]: shape (days, 24), local standard time."""

    load_kw: Array
    pv_kw: Array


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


def read(place: Path) -> tuple[list[Home], Array]:
    """Read homes and weather: quantities temperature [°C], direct and diffuse irradiance [W/m²], shape (days, 24, 3)."""
    schema = json.loads((place / "schema.json").read_text(encoding="utf-8"))["buildings"]
    paths = sorted(place.glob("Building_*.csv*"), key=lambda path: int(re.sub(r"\D", "", path.name)))
    homes = []
    for path in paths:
        rows = pd.read_csv(path).rename(columns=COLUMNS)
        rated_kw = schema[path.name.split(".")[0]]["pv"]["attributes"]["nominal_power"]
        pv_kw = _days(rows["solar_generation"].to_numpy(float)) * rated_kw / 1000
        homes.append(Home(_days(rows["non_shiftable_load"].to_numpy(float)), pv_kw))
    weather = pd.read_csv(next(place.glob("weather.csv*"))).rename(columns=COLUMNS)
    names = ["outdoor_dry_bulb_temperature", "direct_solar_irradiance", "diffuse_solar_irradiance"]
    return homes, np.stack([_days(weather[name].to_numpy(float)) for name in names], axis=2)


def _days(hourly: Array) -> Array:
    return hourly[1:8737].reshape(364, 24)  # hour-ending rows: row 1 is the first hour of the first day


def table(kw: Array, weather: Array, hours: tuple[int, int] = HOURS) -> History:
    """Lay out a home's year as days of one window."""
    start, end = hours
    days = np.array([(FIRST + timedelta(days=n)).toordinal() for n in range(len(kw))], dtype=np.int64)
    return History(days, kw[:, start:end], kw[:, start - 4 : start - 1], weather[:, start:end])


def errors(method: Method, tables: Sequence[History]) -> tuple[Array, Array]:
    """Baseline − metered and metered, summed over the window [kWh]: shape (homes, days)."""
    wrong, metered = [], []
    for home in tables:
        last = int(home.days[-1]) + 1  # a Monday: working days are judged
        found = placebo_errors(Case("home", method, home, last, 0), count=len(home.days))
        judged = {day: kw for day, kw in found.items() if day >= int(home.days[0]) + FIRST_JUDGED}
        rows = {int(day): row for row, day in enumerate(home.days)}
        wrong.append([judged[day].sum() for day in sorted(judged)])
        metered.append([home.window_kw[rows[day]].sum() for day in sorted(judged)])
    return np.array(wrong), np.array(metered)


def figures(wrong: Array, metered: Array) -> dict[str, float]:
    """Sum a method up: relative to the mean of |metered| of the homes or of the portfolio."""
    size = np.abs(metered).mean(axis=1)
    total, total_size = wrong.sum(axis=0), float(np.abs(metered.sum(axis=0)).mean())
    covered = [
        bounds.lower <= 0.0 <= bounds.upper
        for n in range(20, len(total))
        if (bounds := interval(float(total[n]), [float(e) for e in total[n - 20 : n]]))
    ]
    return {
        "bias": float(wrong.sum() / np.abs(metered).sum()),
        "home_rrmse_median": float(np.median(np.sqrt((wrong**2).mean(axis=1)) / size)),
        "portfolio_bias": float(total.mean() / total_size),
        "portfolio_rrmse": float(np.sqrt((total**2).mean()) / total_size),
        "paid_for_nothing_homes": float(np.maximum(wrong, 0.0).sum() / np.abs(metered).sum()),
        "paid_for_nothing_portfolio": float(np.maximum(total, 0.0).mean() / total_size),
        "coverage_80": float(np.mean(covered)),
        "days": float(wrong.shape[1]),
    }


def gaming(method: Method, tables: Sequence[History]) -> float:
    """Tell what 10 kW of useless load before every event adds to the baseline, relative to |metered|."""
    gained, size = 0.0, 0.0
    for home in tables:
        last = int(home.days[-1])
        inflated = History(home.days, home.window_kw, home.before_kw + INFLATION_KW * (home.days == last)[:, None], home.weather)
        honest_kw, inflated_kw = (_last_baseline(method, each) for each in (home, inflated))
        gained += float((inflated_kw - honest_kw).sum())
        size += float(np.abs(honest_kw).sum())
    return gained / size


def _last_baseline(method: Method, home: History) -> Array:
    return baseline_on(Case("home", method, home, int(home.days[-1]), 0), int(home.days[-1])).kw


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print a table and one line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path)
    parser.add_argument("--json", action="store_true", help="only the line of JSON")
    options = parser.parse_args(arguments)
    homes, weather = read(folder(options.data))
    quantities: dict[str, Callable[[Home], Array]] = {"load": lambda h: h.load_kw, "net": lambda h: h.load_kw - h.pv_kw}
    result: dict[str, dict[str, dict[str, float]]] = {}
    for quantity, of in quantities.items():
        tables = [table(of(home), weather) for home in homes]
        for iri, method in METHODS.items():
            began = time.perf_counter()
            row = figures(*errors(method, tables))
            row["ms_per_baseline"] = (time.perf_counter() - began) * 1000 / (row["days"] * len(homes))
            row["gaming_gain"] = gaming(method, tables)
            result.setdefault(quantity, {})[iri.rsplit("/", 1)[-1]] = {name: round(value, 4) for name, value in row.items()}
    if not options.json:
        for quantity, rows in result.items():
            print(f"\n{quantity}, {HOURS[0]}:00 to {HOURS[1]}:00, {len(homes)} homes")
            print(pd.DataFrame(rows).T.to_string())
    print(json.dumps({"bench": "baseline", "homes": len(homes), "hours": HOURS, "methods": result}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
