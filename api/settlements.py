"""Settlement: what every campaign came to, money in and out, each member's part, and whether the books close."""

import csv
import io
from decimal import Decimal
from typing import Any

from flask import Blueprint, Response, make_response, render_template, request

from api import kept, look_up, running
from api.errors import NotFoundError
from api.guard import rule
from api.languages import _
from api.present import euro, number
from api.services import services
from kg import queries
from kg.terms import instant
from settlement.errors import SettlementError
from settlement.summary import MemberSummary, SettlementSummary, summary

pages = Blueprint("settlements", __name__)
LIST_COLUMNS = (
    "campaign",
    "start",
    "end",
    "asked_kwh",
    "promised_kwh",
    "delivered_kwh",
    "lower_kwh",
    "upper_kwh",
    "income_eur",
    "members_eur",
    "cooperative_eur",
)
MEMBER_COLUMNS = ("member", "promised_kwh", "measured_kwh", "delivered_kwh", "lower_kwh", "upper_kwh", "amount_eur")


@pages.get("/settlements")
@rule.operator
def all_of_them() -> Response:
    """List the settled campaigns with their sums, and those that wait to be settled; `?format=csv` for a spreadsheet."""
    known = services()
    rows = kept.rows("settlements", kept.MARKET)
    if request.args.get("format") == "csv":
        lines = [
            (
                known.iris.key(row["campaign"]),
                instant(row["start"]),
                instant(row["end"]),
                *(row[name] for name in ("asked", "promised", "delivered", "lower", "upper", "income", "members", "cooperative")),
            )
            for row in rows
        ]
        return _csv("settlements.csv", LIST_COLUMNS, lines)
    waiting = [row for row in running.campaigns(known.now()) if row["status"].endswith("Finished")]
    sums = {name: sum((row[name] for row in rows), Decimal(0)) for name in ("asked", "delivered", "income", "members", "cooperative")}
    return make_response(
        render_template("settlements.html", rows=rows, sums=sums, waiting=waiting, key=known.iris.key, zone=look_up.zone())
    )


@pages.get("/settlements/<key>")
@rule.operator
def one(key: str) -> Response:
    """Show what one campaign came to: every member, the money, and the checks; `?format=csv` for a spreadsheet."""
    known = services()
    row = look_up.campaign(key)
    try:
        found = summary(known.store, row["campaign"])
    except SettlementError as error:
        raise NotFoundError(
            _("Campaign %(key)s is not settled; its state is: %(state)s.", key=key, state=running.state(row["status"]))
        ) from error
    if request.args.get("format") == "csv":
        return _csv(f"settlement-{key}.csv", MEMBER_COLUMNS, [_line(member) for member in found.members])
    return make_response(
        render_template(
            "settlement.html",
            key=key,
            campaign=row,
            found=found,
            checks=_checks(row, found),
            member_key=known.iris.key,
            zone=look_up.zone(),
        )
    )


def _line(member: MemberSummary) -> tuple[Any, ...]:
    key = services().iris.key(member.member)
    return key, member.promised_kwh, member.measured_kwh, member.delivered_kwh, member.lower, member.upper, member.amount_eur


def _checks(row: dict[str, Any], found: SettlementSummary) -> list[dict[str, Any]]:
    """Whether energy and money balance, each as a sentence with both sides of it."""
    rows = queries.rows(services().store, queries.load("settlement", "money_identity"), campaign=row["campaign"])
    delivered = sum((member.delivered_kwh for member in found.members), Decimal(0))
    paid = sum((member.amount_eur for member in found.members), Decimal(0))
    income = (found.delivered_kwh * row["price"]).quantize(Decimal("0.01"))
    checks = [
        (
            delivered == found.delivered_kwh,
            _(
                "The members' energies add up to what the campaign delivered: %(one)s and %(other)s kWh.",
                one=number(delivered, 3),
                other=number(found.delivered_kwh, 3),
            ),
        ),
        (
            paid == found.paid_eur,
            _(
                "The members' payments add up to what was paid to members: %(one)s and %(other)s.",
                one=euro(paid),
                other=euro(found.paid_eur),
            ),
        ),
        (
            found.paid_eur + found.cooperative_eur == found.income_eur,
            _(
                "Members and cooperative together get what came in: %(members)s + %(cooperative)s and %(income)s.",
                members=euro(found.paid_eur),
                cooperative=euro(found.cooperative_eur),
                income=euro(found.income_eur),
            ),
        ),
        (
            abs(income - found.income_eur) <= Decimal("0.01"),
            _(
                "What came in is the energy at the price of the request: %(one)s and %(other)s.",
                one=euro(income),
                other=euro(found.income_eur),
            ),
        ),
        (
            found.delivered_kwh <= found.asked_kwh,
            _(
                "No more counts as delivered than was asked: %(one)s of %(other)s kWh.",
                one=number(found.delivered_kwh, 3),
                other=number(found.asked_kwh, 3),
            ),
        ),
    ]
    if rows:
        checks.append((bool(rows[0]["holds"]), _("The graph's own sums say the same.")))
    return [{"holds": holds, "text": text} for holds, text in checks]


def _csv(name: str, columns: tuple[str, ...], rows: list[tuple[Any, ...]]) -> Response:
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(columns)
    writer.writerows(rows)
    answer = Response(text.getvalue(), content_type="text/csv; charset=utf-8; header=present")
    answer.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return answer
