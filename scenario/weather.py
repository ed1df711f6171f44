"""The demo's weather service: what the data set says it would have forecast, published as forecasts of the feed's channels.

The data set gives forecasts for 6, 12 and 24 h ahead, issued every hour; together they tell every hour of the next day, and they equal
the later measurement. They are published like that, up to 24 h ahead and no further.
"""

from datetime import datetime, timedelta

import numpy as np

from forecasting.series import Forecast, forecast_quads
from kg import provenance
from kg.iris import Iris, stamp
from kg.store import Store
from ontology.names import S4ENER, UNIT
from scenario.dataset import STEP, Dataset

AHEAD = timedelta(hours=24)
CHANNELS = {
    ("station", "airTemperature"): str(UNIT.DEG_C),
    ("station", "directIrradiance"): str(UNIT["W-PER-M2"]),
    ("station", "diffuseIrradiance"): str(UNIT["W-PER-M2"]),
    ("tariff", "energyPrice"): str(S4ENER.EuroPerKilowattHour),
}


def publish(store: Store, iris: Iris, data: Dataset, issued: datetime) -> None:
    """Write the forecasts issued at an instant; writing them again changes nothing."""
    graph = iris.graph("feed", "plans")
    run = iris.id("run", f"weather-{stamp(issued)}")
    first = (issued - data.first) // STEP
    window = slice(first, first + AHEAD // STEP)
    quads, made = [], []
    for (kind, name), unit in CHANNELS.items():
        values = (data.price if name == "energyPrice" else data.weather[name])[window]
        channel = iris.id(kind, f"demo#{name}")
        forecast = Forecast(iris.forecast(channel, issued), channel, graph, issued, issued, STEP, None, np.asarray(values), {})
        quads += forecast_quads(forecast, run, unit)
        made.append(forecast.iri)
    quads += provenance.activity(iris, graph, run, at=issued, generated=made)
    store.apply(insert=quads)
