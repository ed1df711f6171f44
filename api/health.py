"""Data health: what each box sends, what is missing, doubtful or refused; and the same for Prometheus.

References
----------
Prometheus, text-based exposition format 0.0.4.
"""

import time
from collections.abc import Iterable, Iterator
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from flask import Blueprint, Response, current_app, jsonify, render_template, request

from api import attention, audited, look_up
from api.charts import chart, local_day
from api.errors import NotFoundError
from api.guard import rule
from api.languages import _
from api.services import services
from telemetry.alarms import BoxHealth, Health
from telemetry.channels import Channel
from telemetry.health import Coverage, Monitor

pages = Blueprint("health", __name__)
MOST_BOXES, MOST_ALARMS, DAYS = 100, 25, 14
COUNTED_ANEW = timedelta(minutes=1)
TYPE = "text/plain; version=0.0.4; charset=utf-8"
Labels = tuple[tuple[str, str], ...]
Value = float | int | None


@pages.get("/-/health")
@rule.operator
def data_health() -> Response:
    """Show how well the data flow, box by box, and what needs a look."""
    health = _monitor().survey()
    if request.accept_mimetypes.best_match(["application/json", "text/html"]) == "application/json":
        return jsonify(_json(health))
    wanted = request.args.get("q", "").strip().lower()
    alarmed = {alarm.subject for alarm in health.alarms}
    boxes = sorted((box for box in health.boxes if wanted in box.osb), key=lambda box: (box.osb not in alarmed, box.osb))
    page = max(request.args.get("page", 1, type=int), 1)
    shown = boxes[(page - 1) * MOST_BOXES : page * MOST_BOXES]
    return Response(
        render_template(
            "health.html",
            health=health,
            alarms=attention.sentences(health, MOST_ALARMS),
            boxes=shown,
            owners=attention.owners_of(box.osb for box in shown),
            alarmed=alarmed,
            hours=_hours(_coverage()),
            wanted=wanted,
            found=len(boxes),
            page=page,
            pages=max(-(-len(boxes) // MOST_BOXES), 1),
            zone=look_up.zone(),
        )
    )


def _coverage() -> Coverage:
    """The readings of the last day by quarter-hour, at most a minute old: of very many channels they take a while to count."""
    monitor, now = _monitor(), services().now()
    kept = current_app.extensions.get("flexcoop.coverage")
    if (
        kept is None
        or kept[0] is not monitor
        or not timedelta(0) <= now - kept[1] < COUNTED_ANEW
        or time.monotonic() - kept[2] > COUNTED_ANEW.total_seconds()
    ):
        kept = current_app.extensions["flexcoop.coverage"] = (monitor, now, time.monotonic(), monitor.coverage())
    found: Coverage = kept[3]
    return found


def _hours(found: Coverage) -> list[dict[str, Any]]:
    """The last day by hours: when each begins, how many readings there are, and how many are missing."""
    return [
        {
            "at": found.at[n],
            "present": sum(found.present[n : n + 4]),
            "missing": sum(found.expected[n : n + 4]) - sum(found.present[n : n + 4]),
        }
        for n in range(0, len(found.at), 4)
    ]


@pages.get("/-/health/<osb>")
@rule.operator
def box(osb: str) -> Response:
    """Show one box: when it was heard, its clock, and the gaps of its channels on each of the last fourteen days."""
    known = services()
    health = _monitor().survey()
    found = next((one for one in health.boxes if one.osb == osb), None)
    if found is None:
        raise NotFoundError(_("No box %(box)s is claimed; all boxes are in data health.", box=osb))
    owner = attention.owners_of([osb]).get(osb)
    audited.concerns(*([owner] if owner else []))
    zone = look_up.zone()
    return Response(
        render_template(
            "health_box.html",
            box=found,
            owner=owner,
            alarms=[one for one in attention.sentences(health) if one.subject == osb],
            days=(days := _gap_days(zone, known.now())),
            channels=_gaps([one for one in known.channels.all() if f"osb-{one.graph.rpartition('/osb/')[2]}" == osb], days),
            zone=zone,
        )
    )


def _gap_days(zone: str, now: datetime) -> list[tuple[date, datetime, datetime]]:
    """The last fourteen local days with their beginnings and ends; today's end is the last whole hour."""
    today = now.astimezone(ZoneInfo(zone)).date()
    days = [today - timedelta(days=back) for back in range(DAYS)]
    hour = now.replace(minute=0, second=0, microsecond=0)
    found = []
    for day in reversed(days):
        begin, end = local_day(zone, day.isoformat(), now)
        found.append((day, begin, max(min(end, hour), begin)))
    return found


def _gaps(channels: list[Channel], days: list[tuple[date, datetime, datetime]]) -> list[dict[str, Any]]:
    """What is missing of each channel on each day [% of its intervals], from its first reading in these days on."""
    found = []
    for channel in channels:
        frame = services().readings.frame([channel.iri], days[0][1], days[-1][2]) if days[0][1] < days[-1][2] else None
        there = frame[channel.iri].notna() if frame is not None else None
        begun: Any = there.idxmax() if there is not None and there.any() else None
        shares = []
        for _day, begin, end in days:
            own = None if there is None or begun is None or begin >= end else there[(there.index >= begin) & (there.index < end)]
            shares.append(None if own is None or not len(own) or begun >= end else round(100 * (1 - float(own.mean()))))
        found.append({"iri": channel.iri, "shares": shares, "silent": begun is None})
    return found


@pages.get("/api/health/day")
@rule.operator
def day() -> Response:
    """The readings of the last day by quarter-hour: how many are stored, and how many there would be without gaps."""
    found = _coverage()
    series: list[dict[str, Any]] = [
        {"label": _("Readings stored"), "unit": _("readings"), "values": found.present},
        {"label": _("Without gaps"), "unit": _("readings"), "values": found.expected, "dash": True},
    ]
    return chart(look_up.zone(), found.at, series)


@pages.get("/metrics")
@rule.operator
def metrics() -> Response:
    """Give the figures of `/health` and of the data's health in the text format of Prometheus."""
    lines = [f"flexcoop_{name} {value}" for name, value in _flat(services().status())]
    if services().monitor is not None:
        lines += _exposed(_monitor().survey())
    return Response("\n".join(lines) + "\n", content_type=TYPE)


def _monitor() -> Monitor:
    found = services().monitor
    if found is None:
        raise NotFoundError(_("This platform does not survey its data; start it with `flex serve`"))
    return found


def _json(health: Health) -> dict[str, Any]:
    boxes = [vars(box) | {"last_seen": _when(box.last_seen), "last_reading": _when(box.last_reading)} for box in health.boxes]
    shown = vars(health) | {
        "at": _when(health.at),
        "boxes": boxes,
        "oldest_open_day": health.oldest_open_day and health.oldest_open_day.isoformat(),
        "alarms": [vars(alarm) for alarm in health.alarms],
    }
    return {"ok": health.ok, **shown}


def _when(at: Any) -> str | None:  # noqa: ANN401  (a datetime or nothing)
    return None if at is None else at.isoformat()


def _flat(figures: dict[str, Any], prefix: str = "") -> list[tuple[str, float]]:
    found: list[tuple[str, float]] = []
    for name, value in figures.items():
        if isinstance(value, dict):
            found += _flat(value, f"{prefix}{name}_")
        elif isinstance(value, (int, float)):
            found.append((f"{prefix}{name}", float(value)))
    return found


def _exposed(health: Health) -> Iterator[str]:
    at = health.at
    per_box: tuple[tuple[str, str, Any], ...] = (
        ("box_silent_seconds", "Seconds since anything was heard of the box.", lambda b: b.heard and (at - b.heard).total_seconds()),
        ("box_last_seen_timestamp_seconds", "When the last message of the box arrived.", lambda b: b.last_seen and b.last_seen.timestamp()),
        ("box_lag_seconds", "From sending to arrival of the box's last message.", lambda b: b.lag_s),
        ("box_clock_offset_seconds", "By how much the box's clock is behind (+) or ahead (-).", lambda b: b.clock_offset_s),
        ("box_readings_last_hour", "Readings of the last hour that are stored.", lambda b: b.readings_last_hour),
        ("box_gaps_last_day", "Intervals of the last 24 hours without a value.", lambda b: b.gaps_last_day),
        ("box_dead_letters", "Open dead letters of the box.", lambda b: b.refused),
    )
    for name, help_, value_of in per_box:
        yield from _gauge(name, help_, (((("osb", box.osb),), value_of(box)) for box in health.boxes))
    yield from _gauge("quality_flags", "Quality flags of today and yesterday.", _flags(health.boxes))
    yield from _gauge(
        "dead_letters", "Open dead letters by reason.", ((_label("reason", word), number) for word, number in health.refused.items())
    )
    single: tuple[tuple[str, str, Value], ...] = (
        ("backlog_messages", "Messages that wait for the writer.", health.backlog),
        ("store_failures_recent", "Writes that the store refused in the last five minutes.", health.store_failures),
        ("open_days", "Days of channels that are over and wait to be packed.", health.open_days),
        ("store_size_bytes", "Size of the store on disk.", health.store_bytes),
        ("disk_free_bytes", "Free bytes of the disk that the data lie on.", health.disk_free_bytes),
        ("disk_size_bytes", "Size of that disk.", health.disk_total_bytes),
    )
    for name, help_, value in single:
        yield from _gauge(name, help_, [((), value)])
    yield from _gauge("alarms", "What an operator must look at.", (((("kind", a.kind), ("subject", a.subject)), 1) for a in health.alarms))


def _flags(boxes: Iterable[BoxHealth]) -> Iterator[tuple[Labels, Value]]:
    for box in boxes:
        for reason, number in box.flags.items():
            yield (("osb", box.osb), ("reason", reason)), number


def _label(name: str, value: str) -> Labels:
    return ((name, value),)


def _gauge(name: str, help_: str, samples: Iterable[tuple[Labels, Value]]) -> Iterator[str]:
    """One metric with all its samples; a value that is not known has no sample."""
    yield f"# HELP flexcoop_{name} {help_}"
    yield f"# TYPE flexcoop_{name} gauge"
    for labels, value in samples:
        if value is not None:
            spelt = ",".join(f'{key}="{_escaped(text)}"' for key, text in labels)
            yield f"flexcoop_{name}{{{spelt}}} {value}" if spelt else f"flexcoop_{name} {value}"


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
