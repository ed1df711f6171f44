"""What is due once a day: pack the days that are over, publish what everybody may know, and let go of what is no longer kept."""

import logging
import threading
from collections.abc import Callable
from datetime import date, datetime, timedelta

from kg.iris import Iris
from kg.store import Store
from privacy.aggregates import publish, publish_campaigns
from telemetry.channels import Channels
from telemetry.jobs import JobStoppedError, Stop
from telemetry.readings import Readings
from telemetry.writer import ReadingWriter

log = logging.getLogger("flexcoop")
CLOSED_AFTER = timedelta(hours=2)  # a UTC day is packed once late readings have had this long
CAUGHT_UP = timedelta(days=7)  # days without published sums that a start makes up for


class Housekeeping:
    """The daily round; one at a time.

    Parameters
    ----------
    k
        The smallest number of homes whose sum is published.
    describe
        Writes the public catalogue, given the time.
    clear
        Thins and drops what is no longer kept, given the time and whether to stop; it runs beside everything else.
    """

    def __init__(
        self,
        store: Store,
        iris: Iris,
        channels: Channels,
        readings: Readings,
        writer: ReadingWriter,
        *,
        k: int,
        describe: Callable[[datetime], object],
        clear: Callable[[datetime, Stop], object],
    ) -> None:
        self._store, self._iris, self._channels, self._readings, self._writer = store, iris, channels, readings, writer
        self._k, self._describe, self._clear = k, describe, clear
        self._closed = date.min
        self._closing = threading.Event()
        self._keeper: threading.Thread | None = None

    def advance(self, now: datetime) -> None:
        """Do what is due, if a day has ended since the last round; a start counts as such."""
        packed_before = (now - CLOSED_AFTER).date()
        if packed_before <= self._closed:
            return
        self._writer.close_days(packed_before)
        self._publish_sums(packed_before, now)
        self._closed = packed_before
        self._publish_catalogue(now)
        self._keep_house(now)

    def stop(self) -> None:
        """Tell what runs beside everything else to end soon."""
        self._closing.set()

    def join(self) -> None:
        """Wait until it has ended."""
        if self._keeper is not None:
            self._keeper.join()

    def _publish_sums(self, packed_before: date, now: datetime) -> None:
        """Publish the sums of the days that were packed since the last round, after a start those of the last week; each once."""
        first = max(self._closed, packed_before - CAUGHT_UP)
        for number in range((packed_before - first).days):
            publish(self._store, self._iris, self._channels, self._readings, first + timedelta(days=number), k=self._k, now=now)
        publish_campaigns(self._store, self._iris, k=self._k, now=now)

    def _publish_catalogue(self, now: datetime) -> None:
        try:
            self._describe(now)
        except Exception:  # the former one stays, and the market must not wait for it
            log.exception("the catalogue could not be published; it is tried again tomorrow")

    def _keep_house(self, now: datetime) -> None:
        """Thin and drop old readings, once a day beside everything else; what is not finished is gone on with the next day."""
        if self._keeper is not None and self._keeper.is_alive():
            return

        def work() -> None:
            try:
                self._clear(now, self._closing.is_set)
            except JobStoppedError as stopped:
                log.info("%s", stopped)
            except Exception:  # the readings stay as they are, and the next day tries again
                log.exception("old readings could not be thinned or dropped; it is tried again tomorrow")

        self._keeper = threading.Thread(target=work, name="retention", daemon=True)
        self._keeper.start()
