"""What the cooperative's operator looks at first: the portfolio now, what runs, and what needs a look."""

from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from flask import Blueprint, Response, make_response, redirect, render_template, request
from werkzeug.wrappers import Response as BaseResponse

from api import attention, kept, look_up, running
from api.charts import local_day
from api.flexible import flexible, next_slot
from api.guard import rule
from api.languages import _
from api.services import services
from kg.terms import instant

pages = Blueprint("operator", __name__)
AHEAD = timedelta(hours=4)
MOST_ALARMS, MOST_CAMPAIGNS = 12, 6


@pages.get("/")
@rule.operator
def portfolio() -> Response:
    """Show the portfolio now: power, flexibility, campaigns, and what needs a look."""
    known = services()
    now = known.now()
    homes = kept.rows("connections")
    latest = known.readings.latest([home["channel"] for home in homes])
    newest = max((at for at, _value in latest.values()), default=None)
    current = [value for at, value in latest.values() if at == newest]  # a home that is behind is not in the sum
    zone = look_up.zone()
    day, _end = local_day(zone, request.args.get("date"), now)
    health = attention.survey()
    alarms = attention.sentences(health, MOST_ALARMS)
    campaigns = running.campaigns(now)
    return make_response(
        render_template(
            "portfolio.html",
            homes=len({home["member"] for home in homes}),
            current=len(current),
            total=sum(current) if current else None,
            newest=newest,
            behind=len(homes) - len(current),
            flexible=flexible(now) if homes else None,
            names=_names(),
            devices=kept.rows("device_counts"),
            device_name=device_name,
            running=[row for row in campaigns if row["under_way"]][:MOST_CAMPAIGNS],
            past=[row for row in campaigns if not row["under_way"]][:MOST_CAMPAIGNS],
            counted=running.counted(running.parts()),
            part=running.part,
            alarms=alarms,
            more_alarms=len(health.alarms) - len(alarms) if health else 0,
            attention=attention.homes(alarms),
            surveyed=health is not None,
            zone=zone,
            day=day.astimezone(ZoneInfo(zone)).date(),
            suggestion=suggestion(now, zone, len(homes)),
        )
    )


def _names() -> dict[str, str]:
    """The labels of the grid's nodes."""
    return {row["node"]: row["label"] for row in kept.rows("grid_nodes")}


def device_name(kind: str) -> str:
    """A class of devices, in the plural and the reader's language."""
    return {
        "PVSystem": _("Solar systems"),
        "BatterySystem": _("Batteries"),
        "EVCharger": _("Car chargers"),
        "HeatPump": _("Heat pumps"),
        "SmartPlug": _("Smart plugs"),
    }.get(kind.rsplit("#", 1)[-1], kind.rsplit("#", 1)[-1])


def suggestion(now: datetime, zone: str, homes: int) -> dict[str, Any]:
    """An evening peak that every contract's notice still allows: today's, or tomorrow's after mid-afternoon."""
    local = now.astimezone(ZoneInfo(zone))
    day = local.date() if local.hour < 15 else local.date() + timedelta(days=1)
    return {"date": day.isoformat(), "start": "18:00", "end": "20:00", "kw": round(1.0 * homes)}


@pages.post("/flexibility")
@rule.operator
def compute() -> BaseResponse:
    """Forecast the next hours and compute by how much every device can change in them; nobody is told."""
    known = services()
    start = next_slot(known.now())
    known.commands["flexibility"]({"start": instant(start), "end": instant(start + AHEAD)})
    flexible(known.now())  # adding it all up takes a while, once: better for whoever asked for it than for who looks next
    return redirect("/#flexibility", code=303)
