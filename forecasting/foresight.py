"""What is known ahead of a window: the forecast of every power channel and of the portfolio, and what every device could do otherwise."""

from datetime import UTC, datetime
from typing import Any

from forecasting import flexibility, forecast
from forecasting.ahead import FURTHEST_AHEAD, LONGEST_WINDOW, STEP, refuse_unless_near
from kg.iris import Iris
from kg.store import Store
from telemetry.channels import Channels
from telemetry.readings import Readings


class Foresight:
    """Forecasts of whole windows, over one store."""

    def __init__(self, store: Store, iris: Iris, channels: Channels, readings: Readings) -> None:
        self._store, self._iris, self._channels, self._readings = store, iris, channels, readings

    def forecast(self, issued: datetime, start: datetime, end: datetime) -> dict[str, Any]:
        """Forecast every power channel and the portfolio over `[start, end)`, as known at `issued`.

        Raises
        ------
        WindowError
            If the window is off the grid, begins before it is issued, or is too long or too far ahead.
        """
        refuse_unless_near(issued, start, end, longest=FURTHEST_AHEAD + LONGEST_WINDOW)
        steps = (end - start) // STEP
        report = forecast.run(
            self._store,
            self._iris,
            self._channels,
            self._readings,
            issued=issued,
            start=start,
            steps=steps,
            portfolio=self._portfolio(),
        )
        return {"start": start.isoformat(), "steps": steps, "report": report}

    def plan(self, at: datetime, start: datetime, end: datetime) -> None:
        """Forecast and compute the flexibility of a window, as known at `at`; the forecast begins no later than the quarter-hour after it."""
        begin = at - (at - datetime.min.replace(tzinfo=UTC)) % STEP + STEP
        self.forecast(at, min(begin, start), end)
        flexibility.run(self._store, self._iris, self._channels, self._readings, issued=at, start=start, steps=(end - start) // STEP)

    def _portfolio(self) -> str | None:
        channel = self._iris.id("vpp", "demo#activePower")
        return channel if self._channels.get(channel) else None
