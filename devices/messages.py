"""The words of a box: how its messages are spelt (docs/data-model.md §4)."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from typing import Any

from devices.channels import Channel
from devices.outbox import Outgoing
from devices.replay import STEP

CONTEXT = "https://w3id.org/flexcoop/context/v1.jsonld"
TICK_TOPIC = "flexcoop/scenario/tick"


@dataclass(frozen=True, slots=True)
class Identity:
    """Who a box is: base address without slash at its end, identifier on the broker, and key in its IRI."""

    base: str
    osb: str
    key: str

    def iri(self, path: str) -> str:
        """A thing of this deployment: `iri("device/h01-pv")`."""
        return f"{self.base}/id/{path}"

    def topic(self, kind: str) -> str:
        """A topic of this box: announce, telemetry, report, ack or dispatch."""
        return f"flexcoop/osb/{self.osb}/{kind}"

    def message_iri(self, *parts: str) -> str:
        """The id of a message."""
        return self.iri("/".join(("message", self.osb, *parts)))

    def context(self) -> list[Any]:
        """The context of this box's JSON-LD."""
        return [CONTEXT, {"@base": f"{self.base}/id/"}]


def stamp(at: datetime) -> str:
    """Spell an instant inside an IRI: `20160829T190000Z`."""
    return at.astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")


def instant(at: datetime) -> str:
    """Spell an instant in a message: `2016-08-29T19:00:00Z`."""
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")


def parse_instant(text: object) -> datetime:
    """Read an instant.

    Raises
    ------
    ValueError
        If it is none, or has no offset.
    """
    at = datetime.fromisoformat(text) if isinstance(text, str) else None
    if at is None or at.tzinfo is None:
        raise ValueError(f"{text!r} is not an instant with an offset; write it like 2016-08-29T19:00:00Z")
    return at.astimezone(UTC)


def telemetry(me: Identity, channels: Sequence[Channel], start: datetime, rows: Sequence[Sequence[float]]) -> Outgoing:
    """Spell the readings of one tick.

    One quarter-hour becomes an observation a channel; more become series, cut at UTC midnights so that each lies within one day.

    Parameters
    ----------
    start
        Begin of the first quarter-hour.
    rows
        Values by quarter-hour, each in the order of the channels.
    """
    end = start + len(rows) * STEP
    if len(rows) == 1:
        readings = [_observation(channel, start, value) for channel, value in zip(channels, rows[0], strict=True)]
    else:
        columns = list(zip(*rows, strict=True))
        readings = [
            _series(channel, start + first * STEP, column[first:last])
            for first, last in _days(start, len(rows))
            for channel, column in zip(channels, columns, strict=True)
        ]
    id = me.message_iri(stamp(end))
    body = {"@context": me.context(), "@id": id, "@type": "Message", "madeBy": f"osb/{me.key}", "sent": instant(end), "readings": readings}
    return Outgoing(id, me.topic("telemetry"), json.dumps(body, separators=(",", ":")).encode())


def report(me: Identity, instruction: str, status: str, at: datetime, reason: str | None = None) -> Outgoing:
    """Spell what became of an instruction; the same status of the same instruction is the same message."""
    id = me.message_iri("report", instruction.rsplit("/", 1)[-1], status)
    body = {"message": id, "instruction": instruction, "status": status, "at": instant(at)} | ({"reason": reason} if reason else {})
    return Outgoing(id, me.topic("report"), json.dumps(body).encode())


def opt_out(me: Identity, event: str, at: datetime, reason: str) -> Outgoing:
    """Spell that the people in the home don't want to go on with an event."""
    id = me.message_iri("report", event.rsplit("/", 1)[-1], "OptOut")
    body = {"message": id, "optOut": event, "at": instant(at), "reason": reason}
    return Outgoing(id, me.topic("report"), json.dumps(body).encode())


def _observation(channel: Channel, at: datetime, value: float) -> dict[str, object]:
    return {"@type": "Observation", "observes": channel.path, "at": instant(at), "value": _plain(value), "unit": channel.unit}


def _series(channel: Channel, start: datetime, values: Sequence[float]) -> dict[str, object]:
    return {
        "@type": "TimeSeries",
        "observes": channel.path,
        "start": instant(start),
        "step": "PT15M",
        "values": list(values),
        "unit": channel.unit,
    }


def _plain(value: float) -> str:
    """Values are rounded to four decimals, so that their shortest text never has an exponent."""
    return repr(value)


def _days(start: datetime, count: int) -> list[tuple[int, int]]:
    """Cut `count` quarter-hours at UTC midnights: pairs of first and last (excluded) index."""
    midnight = datetime.combine(start.date(), time(0), UTC) + timedelta(days=1)
    cuts, first = [], 0
    while first < count:
        last = min(count, (midnight - start) // STEP)
        cuts.append((first, last))
        first, midnight = last, midnight + timedelta(days=1)
    return cuts
