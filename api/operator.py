"""What the cooperative's operator looks at: the portfolio now, and each campaign."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from flask import Blueprint, Response, make_response, redirect, render_template, request
from werkzeug.wrappers import Response as BaseResponse

from api import look_up
from api.charts import local_day
from api.guard import rule
from api.services import services
from kg import queries

pages = Blueprint("operator", __name__)


class FormError(ValueError):
    """A form was filled in with something that can't be used."""


@pages.get("/")
@rule.operator
def portfolio() -> Response:
    """Show the portfolio now, the campaigns, and the form that asks for a new one."""
    known = services()
    homes = queries.rows(known.store, queries.load("api", "portfolio"))
    devices = queries.rows(known.store, queries.load("api", "device_counts"))
    campaigns = queries.rows(known.store, queries.load("api", "campaigns"))
    latest = known.readings.latest([home["channel"] for home in homes])
    newest = max((at for at, _ in latest.values()), default=None)
    current = [value for at, value in latest.values() if at == newest]  # a home that is behind is not in the sum
    zone = homes[0]["zone"] if homes else "UTC"
    day, _ = local_day(zone, request.args.get("date"), known.now())
    return make_response(
        render_template(
            "portfolio.html",
            homes=[home | {"latest": latest.get(home["channel"])} for home in homes],
            devices=devices,
            campaigns=campaigns,
            total=sum(current) if current else None,
            current=len(current),
            zone=zone,
            day=day.astimezone(ZoneInfo(zone)).date(),
            suggestion=_suggestion(known.now(), zone, len(homes)),
            key=known.iris.key,
        )
    )


def _suggestion(now: datetime, zone: str, homes: int) -> dict[str, Any]:
    """An evening peak that every contract's notice still allows: today's, or tomorrow's after mid-afternoon."""
    local = now.astimezone(ZoneInfo(zone))
    day = local.date() if local.hour < 15 else local.date() + timedelta(days=1)
    return {"date": day.isoformat(), "start": "18:00", "end": "20:00", "kw": round(1.0 * homes), "price": "0.40"}


@pages.post("/campaigns")
@rule.operator
def start_campaign() -> BaseResponse:
    """Take the request of the DSO from the form and start a campaign on it."""
    known, form = services(), request.form
    try:
        zone = ZoneInfo(form.get("zone", "UTC"))
        begin = datetime.fromisoformat(f"{form['date']}T{form['start']}").replace(tzinfo=zone)
        end = datetime.fromisoformat(f"{form['date']}T{form['end']}").replace(tzinfo=zone)
    except (KeyError, ValueError, ZoneInfoNotFoundError) as error:
        raise FormError(
            "The campaign needs a date, a start, an end and a time zone, like 2016-08-30, 18:00, 20:00 and Europe/Madrid"
        ) from error
    try:
        kw, price = Decimal(form["kw"]), Decimal(form["price"])
    except (KeyError, InvalidOperation) as error:
        raise FormError("The campaign needs the power asked for in kW and the price in EUR/kWh as numbers, like 25 and 0.40") from error
    done = known.commands["campaign"](
        {"start": begin.astimezone(UTC).isoformat(), "end": end.astimezone(UTC).isoformat(), "kw": float(kw), "price": str(price)}
    )
    return redirect(f"/campaigns/{known.iris.key(done['campaign'])}", code=303)


@pages.get("/campaigns/<key>")
@rule.operator
def campaign(key: str) -> Response:
    """Show one campaign: asked, promised, delivered, and every home's part in it."""
    known = services()
    row = look_up.campaign(key)
    return make_response(
        render_template(
            "campaign.html",
            key=key,
            campaign=row,
            zone=look_up.zone(),
            events=queries.rows(known.store, queries.load("api", "campaign_events"), campaign=row["campaign"]),
            money=queries.rows(known.store, queries.load("api", "campaign_money"), campaign=row["campaign"]),
            member_key=known.iris.key,
        )
    )


@pages.post("/campaigns/<key>/abort")
@rule.operator
def abort_campaign(key: str) -> BaseResponse:
    """Stop a campaign: every home returns to normal."""
    known = services()
    known.commands["abort"]({"campaign": known.iris.id("campaign", key)})
    return redirect(f"/campaigns/{key}", code=303)
