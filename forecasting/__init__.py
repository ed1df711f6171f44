"""Forecasting: what every power channel will do, and by how much every device could do otherwise.

Reads from the graph: readings, channels, ratings, comfort bands and departures, and the feed's weather as it was known at issue time.
Writes, one transaction a run: `fc:ForecastSeries` and `fc:FlexibilityForecast` with their lineage and findings, in `…/plans` of each
owner and of the portfolio. `models`, `intervals`, `ders` and `delivery` are pure arithmetic over arrays; `forecast` and `flexibility`
read, call and write; `series` is the triples. It must not know contracts, events or money: those ask, forecasts don't care.
"""

from forecasting.backtest import Score
from forecasting.delivery import violations
from forecasting.errors import ForecastError
from forecasting.findings import Finding
from forecasting.forecast import ForecastReport, KindReport
from forecasting.series import Flexibility, Forecast, compose, known, read_flexibility, read_latest

__all__ = [
    "Finding",
    "Flexibility",
    "Forecast",
    "ForecastError",
    "ForecastReport",
    "KindReport",
    "Score",
    "compose",
    "known",
    "read_flexibility",
    "read_latest",
    "violations",
]
