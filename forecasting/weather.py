"""Weather as it was known: measured up to the issue time, forecast after it, the day before where nobody forecast."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np

from forecasting import series
from forecasting.grid import Grid
from forecasting.series import Forecast
from forecasting.window import Array, Window
from kg import queries
from kg.iris import Iris
from kg.store import Store
from telemetry.readings import Readings


@dataclass(frozen=True)
class Weather:
    """The weather channels of the feed on one grid.

    Parameters
    ----------
    channels
        IRIs by row, air temperature [°C] before irradiance [W/m²].
    measured
        (channels, T), NaN where missing.
    forecasts
        By channel, in the order of their issue times.
    """

    channels: tuple[str, ...]
    measured: Array
    forecasts: Mapping[str, Sequence[Forecast]]

    def foreseen(self, grid: Grid, window: Window) -> tuple[Array, int]:
        """Tell the weather of a window as it was known at the window's issue time.

        Returns
        -------
        tuple
            (channels, steps), and in how many steps any channel had no forecast, so that the same time of the latest known day stands in.
        """
        issued = grid.at(window.known)
        end = window.first + window.steps
        whole = np.full((len(self.channels), end), np.nan)
        whole[:, : window.known] = self.measured[:, : window.known]
        for row, channel in enumerate(self.channels):
            in_time = [forecast for forecast in self.forecasts.get(channel, ()) if forecast.issued <= issued]
            whole[row, window.known :] = series.compose(in_time, issued, end - window.known, grid.step)
        gaps = np.isnan(whole[:, window.first :]).any(axis=0)
        for at in range(window.known, end, window.per_day):
            block = slice(at, min(at + window.per_day, end))
            before = whole[:, at - window.per_day : block.stop - window.per_day]
            whole[:, block] = np.where(np.isnan(whole[:, block]), before, whole[:, block])
        return whole[:, window.first :], int(gaps.sum())

    def used(self, issued: datetime) -> list[str]:
        """The IRIs of what a run at that time drew on: the channels and the latest forecast of each."""
        latest = [
            [forecast.iri for forecast in self.forecasts.get(channel, ()) if forecast.issued <= issued][-1:] for channel in self.channels
        ]
        return [*self.channels, *(iri for found in latest for iri in found)]


def read(store: Store, iris: Iris, readings: Readings, grid: Grid, issued: datetime) -> Weather:
    """Read what the feed measured and foresaw over a grid, and nothing that was issued later."""
    graph = iris.graph("feed", "osb", "feed")
    rows = queries.rows(store, queries.load("forecasting", "weather_channels"), graph=graph)
    channels = tuple(str(row["channel"]) for row in rows)
    frame = readings.frame(channels, grid.begin, grid.at(grid.known), grid.step) if channels else None
    measured = frame.to_numpy().T if frame is not None else np.empty((0, grid.known))
    forecasts: dict[str, list[Forecast]] = {}
    since = grid.begin - timedelta(days=2)
    for forecast in series.known(store, channels, at=issued, since=since) if channels else []:
        forecasts.setdefault(forecast.channel, []).append(forecast)
    return Weather(channels, measured, forecasts)
