"""The state of the data in figures, and the alarms that follow from it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

SILENT = timedelta(hours=1)
CLOCK_OFF_S = 10.0
DISK_SHARE = 0.10
_HOUR = timedelta(hours=1)


@dataclass(frozen=True)
class Alarm:
    """Something that an operator must look at: a word for it, what it is about, and the sentence."""

    kind: str
    subject: str
    sentence: str


@dataclass(frozen=True)
class BoxHealth:
    """How one OSB does.

    Parameters
    ----------
    osb
        Its identifier.
    channels
        How many channels it has announced.
    last_seen
        When its last message arrived; `None` where none has since the platform started.
    last_reading
        End of the last interval of which a reading is stored.
    lag_s
        From the sending of its last message to the arrival [s].
    clock_offset_s
        By how much its clock is behind (+) or ahead (−) of the platform's [s], as it says itself.
    readings_last_hour, expected_last_hour
        Intervals of the last hour with a value, and all of them.
    gaps_last_day, expected_last_day
        Intervals of the last 24 hours without a value, and all of them.
    flags
        Quality flags of today and yesterday (UTC), by reason.
    refused
        Open dead letters.
    """

    osb: str
    channels: int = 0
    last_seen: datetime | None = None
    last_reading: datetime | None = None
    lag_s: float | None = None
    clock_offset_s: float | None = None
    readings_last_hour: int = 0
    expected_last_hour: int = 0
    gaps_last_day: int = 0
    expected_last_day: int = 0
    flags: Mapping[str, int] = field(default_factory=dict)
    refused: int = 0

    @property
    def heard(self) -> datetime | None:
        """When anything was heard of it last."""
        return max((at for at in (self.last_seen, self.last_reading) if at is not None), default=None)


@dataclass(frozen=True)
class Health:
    """The state of all data at one moment; sizes in bytes, `None` where it can't be known.

    Parameters
    ----------
    backlog
        Messages that wait for the writer.
    store_failures
        Writes that the store has refused lately (five minutes).
    store_trouble
        Why nothing can be stored at the moment; `None` while all is well.
    open_days, oldest_open_day
        Days of channels, of this month and the last, that are over and wait to be packed.
    notes
        What can't be said, and why.
    """

    at: datetime
    boxes: tuple[BoxHealth, ...]
    flags: Mapping[str, int]
    refused: Mapping[str, int]
    letters: int
    backlog: int | None
    store_failures: int | None
    store_trouble: str | None
    open_days: int
    oldest_open_day: date | None
    store_bytes: int | None
    disk_free_bytes: int
    disk_total_bytes: int
    alarms: tuple[Alarm, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether nothing needs to be looked at."""
        return not self.alarms


def alarms(health: Health, *, growing: bool) -> Iterator[Alarm]:
    """What an operator must look at.

    Parameters
    ----------
    health
        The figures.
    growing
        Whether the backlog has only grown lately.
    """
    for box in health.boxes:
        yield from _box_alarms(box, health.at)
    free = health.disk_free_bytes / health.disk_total_bytes
    if free < DISK_SHARE:
        left = f"{health.disk_free_bytes / 1e9:.1f} GB of {health.disk_total_bytes / 1e9:.1f} GB"
        yield Alarm(
            "disk-low", "disk", f"Only {100 * free:.0f} % of the disk is free ({left}); free some, or drop old months (docs/operations.md)."
        )
    if health.store_trouble:
        yield Alarm("store-refuses", "store", health.store_trouble[:1].upper() + health.store_trouble[1:] + ".")
    elif health.store_failures:
        yield Alarm(
            "store-refuses",
            "store",
            f"The store has refused {health.store_failures} writes in the last five minutes; the boxes keep their readings. Look at the log: is the disk full?",
        )
    if growing and health.backlog is not None:
        yield Alarm(
            "backlog-grows",
            "ingest",
            f"{health.backlog} messages wait for the writer and they grow more; look at the store's disk and at long jobs.",
        )


def _box_alarms(box: BoxHealth, at: datetime) -> Iterator[Alarm]:
    if box.heard is None:
        yield Alarm(
            "box-never", box.osb, f"{box.osb} is claimed and has never sent anything; is it switched on, and does it have its certificate?"
        )
    elif at - box.heard > SILENT:
        hours = (at - box.heard) / _HOUR
        yield Alarm("box-silent", box.osb, f"{box.osb} has been silent for {hours:.1f} hours; is it switched on and connected?")
    if box.clock_offset_s is not None and abs(box.clock_offset_s) > CLOCK_OFF_S:
        way = "behind" if box.clock_offset_s > 0 else "ahead"
        yield Alarm(
            "clock-off",
            box.osb,
            f"The clock of {box.osb} is {abs(box.clock_offset_s):.0f} s {way}; it corrects its times by that, but set its clock (NTP).",
        )
