"""The simulated side of the demo: the configuration of every box, and the series that they replay."""

from datetime import time
from pathlib import Path

from devices.config import Battery, Broker, ElectricVehicle, Feed, HeatPump, Home, Neighbourhood, PVSystem, dump
from devices.replay import Replay
from scenario.cooperative import FEED, ZONE, HomePlan
from scenario.dataset import Dataset

MINIMUM_SOC_PERCENT = 10.0


def write_neighbourhood(
    homes: list[HomePlan],
    dataset: Dataset,
    *,
    base: str,
    broker: tuple[str, int],
    certificates: Path | None = None,
    folder: Path,
    seed: int,
) -> Path:
    """Write the configuration and the replayed series to `folder`; returns the configuration's path.

    `certificates` is where each box finds `ca.pem`, `{osb}.pem` and `{osb}.key`, if the broker wants certificates.
    """
    folder.mkdir(parents=True, exist_ok=True)
    series = folder / "series.npz"
    Replay(
        start=dataset.first,
        load_kw=dataset.load_kw,
        pv_kw_per_kw=dataset.pv_kw_per_kw,
        air_temperature_c=dataset.weather["airTemperature"],
        direct_w_m2=dataset.weather["directIrradiance"],
        diffuse_w_m2=dataset.weather["diffuseIrradiance"],
        price_eur_per_kwh=dataset.price,
    ).write(series)
    config = Neighbourhood(
        base=base,
        state=folder / "boxes.sqlite",
        series=series,
        broker=_broker(broker, certificates),
        homes=tuple(_home(home, dataset, seed * 1000 + number) for number, home in enumerate(homes)),
        feed=Feed(key=FEED),
        spread_from="PT1H",
    )
    path = folder / "neighbourhood.json"
    dump(config, path)
    return path


def _broker(address: tuple[str, int], certificates: Path | None) -> Broker:
    if certificates is None:
        return Broker(*address)
    where = certificates.absolute()
    return Broker(*address, ca=where / "ca.pem", certificate=where / "{osb}.pem", key=where / "{osb}.key")


def _home(home: HomePlan, dataset: Dataset, seed: int) -> Home:
    row = home.source - 1
    return Home(
        key=home.key,
        osb=f"osb-{home.key}",
        source=row,
        seed=seed,
        time_zone=ZONE,
        pv=PVSystem(float(dataset.pv_rated_kw[row])),
        battery=Battery(
            capacity_kwh=float(dataset.battery_kwh[row]),
            rated_kw=float(dataset.battery_kw[row]),
            round_trip_efficiency=float(dataset.battery_efficiency[row]),
            minimum_soc_percent=MINIMUM_SOC_PERCENT,
        ),
        ev=_car(home) if home.ev_kw else None,
        heat_pump=_heat_pump(home) if home.heatpump_kw else None,
    )


def _car(home: HomePlan) -> ElectricVehicle:
    return ElectricVehicle(
        rated_kw=home.ev_kw,
        capacity_kwh=home.ev_kwh,
        departure=time.fromisoformat(home.ev_departure),
        drive_kwh_least=round(home.ev_daily_kwh * 0.8, 1),
        drive_kwh_most=round(home.ev_daily_kwh * 1.2, 1),
    )


def _heat_pump(home: HomePlan) -> HeatPump:
    return HeatPump(
        rated_kw=home.heatpump_kw,
        cop=home.cop,
        resistance_k_per_kw=home.resistance_k_per_kw,
        capacitance_kwh_per_k=home.capacitance_kwh_per_k,
        minimum_c=home.comfort[0],
        maximum_c=home.comfort[1],
    )
