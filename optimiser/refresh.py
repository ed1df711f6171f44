"""Keep the flexibility of running campaigns fresh, so that whoever has to take a place is chosen by what the devices can do now."""

from datetime import UTC, datetime, timedelta

from forecasting import flexibility
from kg import queries
from kg.iris import Iris
from kg.store import Store
from optimiser.states import RUNNING
from telemetry.channels import Channels
from telemetry.readings import Readings

STEP = timedelta(minutes=15)
FRESH = timedelta(minutes=30)


class Refresh:
    """Looks again at what is left of the campaigns that are scheduled or under way."""

    def __init__(self, store: Store, iris: Iris, channels: Channels, readings: Readings) -> None:
        self._store, self._iris, self._channels, self._readings = store, iris, channels, readings
        self._looked: set[datetime] = set()

    def advance(self, now: datetime) -> None:
        """Compute the flexibility of what is left of a campaign anew, every half hour from shortly before it begins: whoever has to
        take a place is then chosen by what the devices can do now, not by what was expected of them the day before."""
        half_hour = now - (now - datetime.min.replace(tzinfo=UTC)) % FRESH
        if now - half_hour >= STEP or half_hour in self._looked:
            return
        for row in queries.rows(self._store, queries.load("optimiser", "campaigns"), campaign=None):
            if row["status"] in RUNNING and row["start"] - FRESH <= now < row["end"]:
                begin = max(row["start"], half_hour)
                steps = (row["end"] - begin) // STEP
                flexibility.run(self._store, self._iris, self._channels, self._readings, issued=now, start=begin, steps=steps)
                self._looked.add(half_hour)
