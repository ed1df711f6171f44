"""A member's events, the way out of them, and what they earned, opened step by step."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any
from urllib.parse import quote
from zoneinfo import ZoneInfo

from flask import Blueprint, Response, redirect, request
from werkzeug.wrappers import Response as BaseResponse

from api import look_up, member_words
from api.errors import NotFoundError
from api.guard import rule
from api.languages import _
from api.member_page import names, shown
from api.member_parts import OPEN, Part, parts, replaced_by, rows
from api.member_periods import month_name
from api.member_statement import steps
from api.services import services
from kg import queries
from settlement.errors import SettlementError
from settlement.statements import statement as read_statement

pages = Blueprint("member_money", __name__)
A_PAGE = 20


@dataclass(frozen=True)
class Sum:
    """What the events of a month or year brought: `paid` of those that are settled [EUR, kWh], `waiting` that are not yet."""

    name: str
    first: date
    paid: tuple[Part, ...]
    waiting: tuple[Part, ...]

    @property
    def amount(self) -> Decimal | None:
        """EUR; `None` where nothing is settled yet."""
        return sum((each.amount for each in self.paid if each.amount is not None), Decimal(0)) if self.paid else None

    @property
    def delivered(self) -> Decimal | None:
        """The energy that was paid for [kWh]."""
        return sum((each.delivered_kwh for each in self.paid if each.delivered_kwh is not None), Decimal(0)) if self.paid else None


@pages.get("/members/<key>/events")
@rule.member("key")
def events(key: str) -> Response:
    """List a member's events, newest first, with what was asked, delivered and paid."""
    found = rows(key)
    count = max(1, -(-len(found) // A_PAGE))
    page = _page(count)
    return shown(
        "member_events.html",
        key,
        "events",
        words=member_words,
        parts=parts(key, found[(page - 1) * A_PAGE : page * A_PAGE]),
        page=page,
        count=count,
        total=len(found),
    )


def _page(count: int) -> int:
    given = request.args.get("page", "1")
    if not given.isascii() or not given.isdigit() or not 1 <= int(given[:9]) <= count:
        raise NotFoundError(_("There is no page %(given)s; the pages are 1 to %(count)s.", given=given[:20], count=count))
    return int(given)


@pages.get("/members/<key>/events/<event>")
@rule.member("key")
def event(key: str, event: str) -> Response:
    """Show one event: why, what the devices do, what came of it; and how to leave it."""
    part = _part(key, event)
    return shown(
        "member_event.html",
        key,
        "events",
        words=member_words,
        part=part,
        others=replaced_by(part.iri) if part.left else 0,
    )


@pages.get("/members/<key>/events/<event>/opt-out")
@rule.member("key")
def ask_opt_out(key: str, event: str) -> BaseResponse:
    """Say what leaving an event means, before it is done."""
    part = _part(key, event)
    if not part.open:
        return redirect(f"/members/{quote(key)}/events/{quote(event)}", code=303)
    return shown("member_opt_out.html", key, "events", words=member_words, part=part)


@pages.post("/members/<key>/events/<event>/opt-out")
@rule.member("key")
def opt_out(key: str, event: str) -> BaseResponse:
    """Let a member leave an event; the home returns to normal at once and another takes its place."""
    known = services()
    known.commands["opt-out"]({"event": known.iris.id("event", event), "member": known.iris.id("member", key)})
    return redirect(f"/members/{quote(key)}/events/{quote(event)}", code=303)


def _part(key: str, event: str) -> Part:
    iri = services().iris.id("event", event)
    found = [row for row in rows(key) if row["event"] == iri]
    if not found:
        look_up.home(key)
        raise NotFoundError(_("There is no event %(event)s of this home; all of them are on the page Events.", event=event[:80]))
    return parts(key, found[:1])[0]


@pages.get("/members/<key>/earnings")
@rule.member("key")
def earnings(key: str) -> Response:
    """Add up what a member earned, by year and month, each payment with its statement."""
    home = look_up.home(key)
    found = rows(key)
    counted = [row for row in found if "amount" in row or row["status"] not in OPEN]
    zone = ZoneInfo(home["zone"])
    waiting = [row for row in counted if "amount" not in row and row.get("activated") is not None]
    paid = [row for row in counted if "amount" in row]
    taken = parts(key, sorted([*paid, *waiting], key=lambda row: (row["start"], row["event"]), reverse=True))
    years = [
        (year, _sums(of_year, zone))
        for year, of_year in _grouped(taken, lambda part: Sum(str(_day(part, zone).year), date(_day(part, zone).year, 1, 1), (), ()))
    ]
    return shown("member_earnings.html", key, "earnings", home, words=member_words, years=years, planned=_planned(key, found))


def _planned(key: str, found: Sequence[dict[str, Any]]) -> list[Part]:
    return parts(key, [row for row in found if row["status"] in OPEN])


def _day(part: Part, zone: ZoneInfo) -> date:
    return part.start.astimezone(zone).date()


def _sums(taken: Iterable[Part], zone: ZoneInfo) -> list[Sum]:
    """Months, newest first."""

    def month(part: Part) -> Sum:
        first = _day(part, zone).replace(day=1)
        return Sum(month_name(first), first, (), ())

    return [whole for whole, _parts in _grouped(taken, month)]


def _grouped(taken: Iterable[Part], whole: Any) -> list[tuple[Sum, list[Part]]]:  # noqa: ANN401
    groups: dict[date, tuple[Sum, list[Part]]] = {}
    for part in taken:
        empty = whole(part)
        groups.setdefault(empty.first, (empty, []))[1].append(part)
    return [
        (Sum(empty.name, empty.first, tuple(p for p in of if p.amount is not None), tuple(p for p in of if p.amount is None)), of)
        for empty, of in groups.values()
    ]


@pages.get("/members/<key>/statements/<campaign>")
@rule.member("key")
def statement(key: str, campaign: str) -> Response:
    """Show how a member's payment for one campaign was computed, from the graph alone."""
    known = services()
    home = look_up.home(key)
    member = known.iris.id("member", key)
    try:
        found = read_statement(known.store, known.iris, known.iris.id("campaign", campaign), member)
    except SettlementError as error:
        raise NotFoundError(str(error)) from error
    payment = known.iris.id("remuneration", campaign, key)
    chain = queries.rows(known.store, queries.load("settlement", "readings_behind_payment"), remuneration=payment)
    calls = names([found.method, *(finding.code for finding in found.findings)])
    return shown(
        "statement.html",
        key,
        "earnings",
        home,
        campaign=campaign,
        statement=found,
        steps=steps(found, calls),
        slots=[
            (found.start + number * found.step, baseline, metered)
            for number, (baseline, metered) in enumerate(zip(found.baseline_kw, found.metered_kw, strict=True))
        ],
        chain=chain,
        payment=payment,
        calls=calls,
        event=known.iris.key(found.event),
    )
