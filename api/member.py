"""What a member looks at: today, events with opt-out, and each statement opened step by step."""

from zoneinfo import ZoneInfo

from flask import Blueprint, Response, make_response, redirect, render_template, request
from werkzeug.wrappers import Response as BaseResponse

from access import consents
from access.layout import CATEGORIES
from access.principal import Role
from api import look_up
from api.audited import looks_at
from api.charts import local_day
from api.consents import labels_of
from api.errors import NotFoundError
from api.guard import principal, rule
from api.services import services
from kg import queries
from settlement.errors import SettlementError
from settlement.statements import statement as read_statement

pages = Blueprint("member", __name__)


@pages.get("/members")
@rule.operator
def everyone() -> Response:
    """List the members."""
    known = services()
    return make_response(
        render_template("members.html", homes=queries.rows(known.store, queries.load("api", "portfolio")), key=known.iris.key)
    )


@pages.get("/members/<key>")
@rule.member("key")
def today(key: str) -> Response:
    """Show a member's day, events, contract and devices."""
    known = services()
    iri = known.iris.id("member", key)
    home = look_up.home(key)
    zone = home["zone"]
    begin, end = local_day(zone, request.args.get("date"), known.now())
    return make_response(
        render_template(
            "member.html",
            key=key,
            home=home,
            zone=zone,
            day=begin.astimezone(ZoneInfo(zone)).date(),
            begin=begin,
            end=end,
            energy=_energies(key, begin, end),
            devices=look_up.of_member("member_devices", key, "facts", "asserted"),
            events=look_up.of_member("member_events", key, "facts", "events", "statements"),
            contracts=look_up.of_member("member_contract", key, "contracts"),
            last=known.iris.key,
            consents=consents.given(known.store, known.iris, iri),
            partners=consents.parties(known.store, known.iris),
            categories=sorted(CATEGORIES),
            labels=labels_of(known.iris, known.store),
            looks=looks_at(key, 20),
            operator=principal().role is Role.OPERATOR,
        )
    )


def _energies(key: str, begin: object, end: object) -> dict[str, object]:
    """Energy of the day so far [kWh] with its count of readings: consumed, produced, imported and exported."""
    known = services()
    channel = known.iris.id("connection", f"{key}#activePower")
    frame = known.readings.frame([channel, known.iris.id("device", f"{key}-pv#activePower")], begin, end)  # type: ignore[arg-type]
    net, pv = (frame.iloc[:, 0] * 0.25).dropna(), (frame.iloc[:, 1] * 0.25).dropna()
    imported, exported, produced = net.clip(lower=0).sum(), (-net).clip(lower=0).sum() + 0.0, pv.sum()
    own = produced - exported if produced > 0 else 0.0
    return {
        "readings": len(net),
        "imported": imported,
        "exported": exported,
        "produced": produced,
        "self_share": max(0.0, own) / produced * 100 if produced > 0.01 else None,
    }


@pages.post("/members/<key>/events/<event>/opt-out")
@rule.member("key")
def opt_out(key: str, event: str) -> BaseResponse:
    """Let a member leave an event; the home returns to normal at once and another takes its place."""
    known = services()
    known.commands["opt-out"]({"event": known.iris.id("event", event), "member": known.iris.id("member", key)})
    return redirect(f"/members/{key}#events", code=303)


@pages.get("/members/<key>/statements/<campaign>")
@rule.member("key")
def statement(key: str, campaign: str) -> Response:
    """Show how a member's payment for one campaign was computed, from the graph alone."""
    known = services()
    member = known.iris.id("member", key)
    try:
        found = read_statement(known.store, known.iris, known.iris.id("campaign", campaign), member)
    except SettlementError as error:
        raise NotFoundError(str(error)) from error
    payment = known.iris.id("remuneration", campaign, key)
    chain = queries.rows(known.store, queries.load("settlement", "readings_behind_payment"), remuneration=payment)
    return make_response(
        render_template(
            "statement.html", key=key, campaign=campaign, statement=found, chain=chain, zone=look_up.home(key)["zone"], payment=payment
        )
    )
