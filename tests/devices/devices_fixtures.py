"""A small neighbourhood to test with: made-up series of four days, and homes with every device."""

from datetime import UTC, datetime, timedelta

import numpy as np

from devices import config
from devices.messages import Identity
from devices.replay import Replay

START = datetime(2016, 8, 1, 7, tzinfo=UTC)
QUARTER = timedelta(minutes=15)
ME = Identity("http://127.0.0.1:8080", "osb-h01", "h01")


def replay(days: int = 4, sources: int = 2) -> Replay:
    """Load between 0.3 and 1.5 kW, sun from 6 to 18 local, a warm day and a cool night."""
    steps = np.arange(days * 96)
    hour = (steps % 96) / 4
    sun = np.clip(np.sin((hour - 6) / 12 * np.pi), 0, None)
    evening = np.exp(-(((hour - 19) / 2.5) ** 2))
    load = np.array([0.3 + 1.2 * evening * (1 + 0.1 * source) for source in range(sources)])
    return Replay(
        start=START,
        load_kw=load,
        pv_kw_per_kw=np.tile(0.8 * sun, (sources, 1)),
        air_temperature_c=20 + 10 * np.sin((hour - 9) / 12 * np.pi),
        direct_w_m2=600 * sun,
        diffuse_w_m2=100 * sun,
        price_eur_per_kwh=np.where((hour >= 16) & (hour < 21), 0.54, 0.22),
    )


def home(key: str = "h01", *, seed: int = 1, source: int = 0) -> config.Home:
    """A home with every device."""
    return config.Home(
        key=key,
        osb=f"osb-{key}",
        source=source,
        seed=seed,
        pv=config.PVSystem(4.0),
        battery=config.Battery(6.4, 5.0, 0.9, minimum_soc_percent=10.0),
        ev=config.ElectricVehicle(),
        heat_pump=config.HeatPump(2.5),
    )
