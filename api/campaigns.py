"""Campaigns: the list, one to watch, what each member does in it, and the forms that start, pause, resume and stop one."""

from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import numpy as np
import orjson
import pandas as pd
from flask import Blueprint, Response, make_response, redirect, render_template, request
from werkzeug.wrappers import Response as BaseResponse

from api import audited, delivery, kept, live, look_up, running
from api.errors import NotFoundError
from api.guard import rule
from api.languages import _, language
from api.operator import suggestion
from api.services import services
from forms.errors import UnreadableError
from forms.filled import decimal_of
from kg import queries
from settlement.so_far import HomeSoFar

pages = Blueprint("campaigns", __name__)
MOST_SHOWN = 100
MOST_NAMED = 12  # homes within a sentence


class FormError(ValueError):
    """A form was filled in with something that can't be used."""


@pages.get("/campaigns")
@rule.operator
def all_of_them() -> Response:
    """List the campaigns, newest first, and offer the form that starts one."""
    known = services()
    now, zone = known.now(), look_up.zone()
    homes = kept.rows("connections")
    found = running.campaigns(now)
    wanted = request.args.get("state", "")
    chosen = [row for row in found if not wanted or row["style"] == wanted]
    page = max(request.args.get("page", 1, type=int), 1)
    shown = chosen[(page - 1) * MOST_SHOWN : page * MOST_SHOWN]
    watched = [row for row in shown if live.begun(row)][: live.MOST_KEPT]
    return make_response(
        render_template(
            "campaigns.html",
            campaigns=shown,
            estimates={row["key"]: live.estimate(row, len(watched)) for row in watched},
            total=len(chosen),
            page=page,
            pages=max(-(-len(chosen) // MOST_SHOWN), 1),
            states=sorted({(row["style"], row["state"]) for row in found}),
            wanted=wanted,
            zone=zone,
            suggestion=suggestion(now, zone, len(homes)),
        )
    )


@pages.post("/campaigns")
@rule.operator
def start() -> BaseResponse:
    """Take the request of the DSO from the form and start a campaign on it."""
    known, form = services(), request.form
    try:
        zone = ZoneInfo(form.get("zone", "UTC"))
        begin = datetime.fromisoformat(f"{form['date']}T{form['start']}").replace(tzinfo=zone)
        end = datetime.fromisoformat(f"{form['date']}T{form['end']}").replace(tzinfo=zone)
    except (KeyError, ValueError, ZoneInfoNotFoundError) as error:
        raise FormError(
            _("The campaign needs a date, a start, an end and a time zone, like 2016-08-30, 18:00, 20:00 and Europe/Madrid.")
        ) from error
    kw, price = _number("kw", _("Reduction asked, kW")), _number("price", _("Price, EUR/kWh"))
    if kw <= 0 or price < 0:
        raise FormError(_("The power asked for must be above zero, and the price not below; write them like 25 and 0.40."))
    done = known.commands["campaign"](
        {"start": begin.astimezone(UTC).isoformat(), "end": end.astimezone(UTC).isoformat(), "kw": float(kw), "price": str(price)}
    )
    return redirect(f"/campaigns/{known.iris.key(done['campaign'])}", code=303)


def _number(field: str, name: str) -> Decimal:
    try:
        return decimal_of(request.form.get(field, ""), language())
    except UnreadableError as error:
        raise FormError(f"{name}: {error}") from error


@pages.get("/campaigns/<key>")
@rule.operator
def campaign(key: str) -> Response:
    """Show one campaign: asked, promised, delivered, every home's part in it, and who took over from whom."""
    known = services()
    row = look_up.campaign(key)
    now = known.now()
    iri = row["campaign"]
    events = kept.rows("campaign_events", kept.EVENTS, campaign=iri)
    took_over = _took_over(iri)
    estimate = live.estimate(row)
    found = estimate.found if estimate else None
    slots = delivery.slots(row, estimate)
    labels = {one["event"]: one["label"] for one in events}
    return make_response(
        render_template(
            "campaign.html",
            key=key,
            campaign=row | running.figures(row, now),
            stoppable=row["status"] in running.STOPPABLE,
            pausable=row["status"] in running.UNDER_WAY and not row["status"].endswith("Paused") and now < row["end"],
            resumable=row["status"].endswith("Paused") and now < row["end"],
            zone=look_up.zone(),
            events=events[:MOST_SHOWN] if "all" not in request.args else events,
            total=len(events),
            left=[one | {"replaced": took_over.get(one["event"], [])} for one in events if "optedOut" in one],
            counted=running.counted([{"campaign": iri, "status": one["status"]} for one in events]).get(iri, {}),
            money=queries.rows(known.store, queries.load("api", "campaign_money"), campaign=iri),
            pauses=queries.rows(known.store, queries.load("api", "campaign_pauses"), campaign=iri),
            member_key=known.iris.key,
            part=running.part,
            style=running.style,
            reason=running.reason,
            said=_said(iri),
            now=now,
            live=estimate,
            so_far=found,
            slots=slots,
            over=running.sums(slots[: found.over], row["step"]) if found else None,
            behind=[_named(labels, one) for one in found.behind] if found else [],
            silent=[_named(labels, one) for one in found.silent] if found else [],
            unmeasured=[_named(labels, one) for one in found.unmeasured] if found else [],
            most_named=MOST_NAMED,
        )
    )


def _named(labels: Mapping[str, str], home: HomeSoFar) -> dict[str, Any]:
    return {
        "key": services().iris.key(home.member),
        "label": labels.get(home.event, ""),
        "come": home.come,
        "due": home.due,
        "why": delivery.doubt(home.doubt) if home.doubt else "",
    }


def _said(campaign: str) -> str:
    """What the selection said of itself when it was made."""
    rows = queries.rows(services().store, queries.load("optimiser", "campaigns"), campaign=campaign)
    return str(rows[0].get("sentence", "")) if rows else ""


def _took_over(campaign: str) -> dict[str, list[dict[str, Any]]]:
    """By the event that ended early: who took its place, from when, and with how much [kW at most]."""
    known = services()
    found: dict[str, dict[str, dict[str, Any]]] = {}
    for row in queries.rows(known.store, queries.load("api", "campaign_replacements"), campaign=campaign):
        kw = max((value or 0.0 for value in orjson.loads(row["values"])), default=0.0)
        by_member = found.setdefault(str(row.get("left", row["cause"])), {})
        one = by_member.setdefault(row["member"], {"key": known.iris.key(row["member"]), "start": row["start"], "kw": 0.0})
        one["kw"] += kw
        one["start"] = min(one["start"], row["start"])
    return {event: list(members.values()) for event, members in found.items()}


@pages.get("/campaigns/<key>/members/<member>")
@rule.operator
def part(key: str, member: str) -> Response:
    """Show what one member was told in a campaign, what came of it slot by slot, and where the money is."""
    audited.concerns(member)
    known = services()
    row, home = look_up.campaign(key), look_up.home(member)
    told = queries.rows(known.store, queries.load("api", "campaign_part"), campaign=row["campaign"], member=known.iris.id("member", member))
    events = kept.rows("campaign_events", kept.EVENTS, campaign=row["campaign"])
    event = next((one for one in events if one["member"] == known.iris.id("member", member)), None)
    if event is None:
        raise NotFoundError(_("%(member)s takes no part in campaign %(campaign)s; see who does on its page.", member=member, campaign=key))
    estimate = live.estimate(row)
    found = estimate.found.homes.get(event["event"]) if estimate and estimate.found else None
    return make_response(
        render_template(
            "campaign_part.html",
            key=key,
            member=member,
            home=home,
            campaign=row | running.figures(row, known.now()),
            event=event,
            told=[one | {"limits": orjson.loads(one["limits"]), "reductions": orjson.loads(one["reductions"])} for one in told],
            slots=_slots(row, delivery.home(row, event["event"], estimate), told),
            live=estimate,
            so_far=found,
            why=delivery.doubt(found.doubt) if found and found.doubt else "",
            device_state=device_state,
            zone=home["zone"],
            part=running.part,
            style=running.style,
            reason=running.reason,
        )
    )


def _slots(row: dict[str, Any], home: delivery.Home | None, told: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """What a home promised, and delivered against its baseline, in each slot of the campaign [kW]."""
    index = pd.date_range(row["start"], row["end"], freq=row["step"], inclusive="left")
    promised = pd.DataFrame(index=index)
    for one in told:  # oldest first: a later instruction to a device takes the place of the earlier one
        values = pd.Series(orjson.loads(one["reductions"]), dtype=float)
        values.index = pd.date_range(one["start"], periods=len(values), freq=one["step"])
        column = promised.get(one["device"], pd.Series(np.nan, index=index))
        promised[one["device"]] = values.reindex(index).combine_first(column)
    total = promised.sum(axis=1, min_count=1) if len(promised.columns) else pd.Series(np.nan, index=index)
    nothing = np.full(len(index), np.nan)
    baseline, metered = (home.baseline_kw, home.metered_kw) if home else (nothing, nothing)
    return [
        {
            "at": at.to_pydatetime(),
            "promised": total[at],
            "baseline": baseline[n],
            "metered": metered[n],
            "delivered": baseline[n] - metered[n],
        }
        for n, at in enumerate(index)
    ]


def device_state(status: str) -> str:
    """The state of an instruction, in words."""
    return {
        "New": _("sent, not answered yet"),
        "Accepted": _("accepted"),
        "Started": _("being carried out"),
        "Succeeded": _("carried out"),
        "Rejected": _("rejected by the box"),
        "Aborted": _("ended early"),
        "Revoked": _("taken back"),
    }.get(status.rsplit("/", 1)[-1].rsplit("#", 1)[-1], status.rsplit("/", 1)[-1])


@pages.post("/campaigns/<key>/pause")
@rule.operator
def pause(key: str) -> BaseResponse:
    """Let a campaign rest: every home goes back to normal until it is resumed."""
    return _told("pause", key)


@pages.post("/campaigns/<key>/resume")
@rule.operator
def resume(key: str) -> BaseResponse:
    """Let a paused campaign go on."""
    return _told("resume", key)


@pages.post("/campaigns/<key>/abort")
@rule.operator
def abort(key: str) -> BaseResponse:
    """Stop a campaign for good, once it was said that it is meant."""
    if request.form.get("sure") != "yes":
        raise FormError(_("Aborting can't be undone. Tick the box that says so, or pause the campaign instead."))
    return _told("abort", key)


def _told(verb: str, key: str) -> BaseResponse:
    known = services()
    known.commands[verb]({"campaign": known.iris.id("campaign", key)})
    return redirect(f"/campaigns/{key}", code=303)
