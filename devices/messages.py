"""The words of a box: how its messages are spelt (docs/data-model.md §4)."""

import gzip
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from typing import Any

import orjson

from devices.aggregation import Reading, runs
from devices.channels import Channel
from devices.outbox import Outgoing
from devices.replay import STEP
from mappers.kinds import short

COMPRESSED_FROM = 1024  # bytes: below, gzip gains nothing
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
        """A topic of this box: announce, telemetry, report, ack, dispatch or comfort."""
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
    try:
        return at.astimezone(UTC)
    except OverflowError as error:
        raise ValueError(f"{text!r} lies outside the years 1 to 9999; write it like 2016-08-29T19:00:00Z") from error


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


def step_text(step: timedelta) -> str:
    """Spell the step of a channel: `PT15M`, `PT1H`."""
    hours, minutes = divmod(step // timedelta(minutes=1), 60)
    return "PT" + (f"{hours}H" if hours else "") + (f"{minutes}M" if minutes or not hours else "")


def readings(me: Identity, name: str, sent: datetime, given: Sequence[Reading], offset: str | None) -> Outgoing:
    """Spell readings of any length and step, gzipped where that is worth it.

    Runs of values become series that lie within one UTC day each, lone values observations, doubts flags; equal flags of neighbouring
    intervals become one.

    Parameters
    ----------
    name
        Last part of the message's id.
    given
        Readings in any order.
    offset
        What the message states of the box's clock, decimal seconds; `None` before it was compared.
    """
    id = me.message_iri(name)
    head = {"@context": me.context(), "@id": id, "@type": "Message", "madeBy": f"osb/{me.key}", "sent": instant(sent)}
    if offset is not None:
        head["clockOffset"] = offset
    ordered = sorted(given, key=lambda one: (one.channel, one.start))
    body = orjson.dumps(head | {"readings": [*_values(ordered), *_flags(ordered)]})
    if len(body) > COMPRESSED_FROM:
        body = gzip.compress(body, 6, mtime=0)
    return Outgoing(id, me.topic("telemetry"), body)


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


def _values(ordered: Sequence[Reading]) -> Iterator[dict[str, object]]:
    valued: dict[tuple[str, str], list[Reading]] = {}
    for one in ordered:
        if one.value is not None:
            valued.setdefault((one.channel, one.unit), []).append(one)
    for (channel, unit), of_one in valued.items():
        for run in runs(of_one):
            what: dict[str, object] = {"observes": channel, "unit": short(unit)}
            if len(run) == 1:
                yield {"@type": "Observation", **what, "at": instant(run[0].start), "value": run[0].value}
                continue
            numbers = "[" + ",".join(one.value or "null" for one in run) + "]"  # exact: no float in between
            when = {"start": instant(run[0].start), "step": step_text(run[0].step)}
            yield {"@type": "TimeSeries", **what, **when, "values": orjson.Fragment(numbers)}


def _flags(ordered: Sequence[Reading]) -> Iterator[dict[str, object]]:
    doubts: dict[tuple[str, str, str], list[Reading]] = {}
    for one in ordered:
        if one.reason is not None:
            doubts.setdefault((one.channel, one.reason, one.comment), []).append(one)
    for (channel, reason, comment), of_one in doubts.items():
        for start, until in _stretches(of_one):
            what = {"@type": "QualityFlag", "observes": channel, "at": instant(start), "until": instant(until)}
            yield {**what, "reason": short(reason), "comment": comment}


def _stretches(of_one: Sequence[Reading]) -> Iterator[tuple[datetime, datetime]]:
    """Join what touches, then cut at UTC midnights."""
    joined: list[tuple[datetime, datetime]] = []
    for one in of_one:
        until = one.until or one.start + one.step
        if joined and joined[-1][1] >= one.start:
            joined[-1] = (joined[-1][0], max(until, joined[-1][1]))
        else:
            joined.append((one.start, until))
    for start, until in joined:
        while (midnight := datetime.combine(start.date(), time(0), UTC) + timedelta(days=1)) < until:
            yield start, midnight
            start = midnight
        yield start, until


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
