"""What needs a look, in the reader's language: the alarms of the data's health, and the homes that they are about."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from api.languages import _
from api.present import number
from api.services import services
from kg import queries
from telemetry.alarms import SILENT, Alarm, BoxHealth, Health

_BOX = ("box-never", "box-silent", "clock-off")


@dataclass(frozen=True)
class Sentence:
    """An alarm in words, and whose home it is about, if it is about one."""

    kind: str
    subject: str
    text: str
    member: str | None = None


def survey() -> Health | None:
    """The state of the data; `None` where nobody surveys them."""
    monitor = services().monitor
    return None if monitor is None else monitor.survey()


def sentences(health: Health | None, most: int | None = None) -> list[Sentence]:
    """Say each alarm in words; those of the platform itself first."""
    if health is None:
        return []
    boxes = {box.osb: box for box in health.boxes}
    alarms = sorted(health.alarms, key=lambda alarm: (alarm.kind in _BOX, alarm.kind, alarm.subject))[:most]
    owners = owners_of(alarm.subject for alarm in alarms if alarm.kind in _BOX)
    return [
        Sentence(alarm.kind, alarm.subject, _said(alarm, boxes.get(alarm.subject), health), owners.get(alarm.subject)) for alarm in alarms
    ]


def owners_of(boxes: Iterable[str]) -> dict[str, str]:
    """The key of the member who claims each box, by the box's identifier."""
    asked = sorted(set(boxes))
    if not asked:
        return {}
    known = services()
    rows = queries.rows(known.store, queries.load("api", "boxes_of"), identifier=asked)
    return {row["identifier"]: known.iris.key(row["member"]) for row in rows}


def silent(health: Health | None) -> list[str]:
    """Identifiers of the boxes of which nothing was heard for an hour, or ever."""
    if health is None:
        return []
    return [box.osb for box in health.boxes if box.heard is None or health.at - box.heard > SILENT]


def _said(alarm: Alarm, box: BoxHealth | None, health: Health) -> str:
    match alarm.kind:
        case "box-never":
            return _(
                "%(box)s is claimed and has never sent anything; is it switched on, and does it have its certificate?", box=alarm.subject
            )
        case "box-silent" if box is not None and box.heard is not None:
            hours = (health.at - box.heard) / timedelta(hours=1)
            return _(
                "%(box)s has been silent for %(hours)s hours; is it switched on and connected?", box=alarm.subject, hours=number(hours, 1)
            )
        case "clock-off" if box is not None and box.clock_offset_s is not None:
            seconds = number(abs(float(box.clock_offset_s)), 0)
            if box.clock_offset_s > 0:
                return _(
                    "The clock of %(box)s is %(seconds)s s behind; it corrects its times by that, but set its clock (NTP).",
                    box=alarm.subject,
                    seconds=seconds,
                )
            return _(
                "The clock of %(box)s is %(seconds)s s ahead; it corrects its times by that, but set its clock (NTP).",
                box=alarm.subject,
                seconds=seconds,
            )
        case "disk-low":
            share = number(100 * health.disk_free_bytes / health.disk_total_bytes, 0)
            return _(
                "Only %(share)s %% of the disk is free (%(free)s GB). Free some, or let old months go.",
                share=share,
                free=number(health.disk_free_bytes / 1e9, 1),
            )
        case "store-refuses" if not health.store_trouble:
            return _(
                "The store has refused %(count)s writes in the last five minutes. The boxes keep their readings. Is the disk full?",
                count=health.store_failures,
            )
        case "store-refuses":
            return _("Nothing can be stored at the moment: %(trouble)s", trouble=health.store_trouble)
        case "backlog-grows":
            return _(
                "%(count)s messages wait to be written, and there are more and more. Look at the disk and at long jobs.",
                count=health.backlog,
            )
    return alarm.sentence


def homes(found: Sequence[Sentence], most: int = 10) -> list[dict[str, Any]]:
    """The homes that need a look, each with what is said of it."""
    by_home: dict[str, list[str]] = {}
    for one in found:
        if one.member is not None:
            by_home.setdefault(one.member, []).append(one.text)
    return [{"key": key, "texts": texts} for key, texts in sorted(by_home.items())[:most]]
