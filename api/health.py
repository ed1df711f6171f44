"""Data health: what each box sends, what is missing, doubtful or refused; and the same for Prometheus.

References
----------
Prometheus, text-based exposition format 0.0.4.
"""

from collections.abc import Iterable, Iterator
from typing import Any

from flask import Blueprint, Response, jsonify, render_template, request

from api import look_up
from api.errors import NotFoundError
from api.guard import rule
from api.services import services
from telemetry.alarms import BoxHealth, Health
from telemetry.health import Coverage, Monitor

pages = Blueprint("health", __name__)
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
    return Response(render_template("health.html", health=health, zone=look_up.zone()))


@pages.get("/api/health/day")
@rule.operator
def day() -> Response:
    """The readings of the last day by quarter-hour: how many are stored, and how many there would be without gaps."""
    found: Coverage = _monitor().coverage()
    series = [
        {"label": "Readings stored", "unit": "readings", "values": found.present},
        {"label": "Without gaps", "unit": "readings", "values": found.expected, "dash": True},
    ]
    return jsonify({"zone": look_up.zone(), "t": [int(at.timestamp()) for at in found.at], "series": series})


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
        raise NotFoundError("This platform does not survey its data; start it with `flex serve`")
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
