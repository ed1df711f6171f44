"""A home's energy and money by day, week, month and year, beside the period before and the same one a year earlier."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from flask import Blueprint, Response, request

from api import look_up
from api.charts import FIRST_YEAR, LAST_YEAR
from api.errors import NotFoundError
from api.guard import rule
from api.languages import _
from api.member_bars import Picture, picture
from api.member_energy import Energy, Measured, measured
from api.member_page import shown
from api.member_parts import rows
from api.member_periods import SPANS, Period, labels, period, span_names
from api.services import services

pages = Blueprint("member_history", __name__)


@dataclass(frozen=True)
class Column:
    """One period of the comparison; `earned` is EUR of its settled events, `None` where there were none."""

    name: str
    energy: Energy
    earned: Decimal | None
    span: str
    first: date


@dataclass(frozen=True)
class Line:
    """One figure in all periods; `change` in % of this period against each of the others, `None` where one of them is not complete."""

    name: str
    unit: str
    digits: int
    values: tuple[float | Decimal | None, ...]
    changes: tuple[float | None, ...]


@pages.get("/members/<key>/history")
@rule.member("key")
def history(key: str) -> Response:
    """Show a period (`?span=day|week|month|year&date=…`) in its parts, and what there was before."""
    now = services().now()
    home = look_up.home(key)
    zone = ZoneInfo(home["zone"])
    whole = _asked(now.astimezone(zone).date())
    edges = whole.edges(zone)
    own = measured(key)
    parts = own.energies(edges)
    events = rows(key)
    columns = _columns(own, whole, now, zone, events)
    names = labels(whole, edges, zone)
    return shown(
        "member_history.html",
        key,
        "history",
        home,
        whole=whole,
        spans=span_names(),
        parts=[(long, part) for (_short, long), part in zip(names, parts, strict=True) if part.begin < now],
        picture=_picture(names, parts, now),
        columns=columns,
        lines=_lines(columns),
        running=edges[0] < now < edges[-1],
        future=edges[-1] > now,
        solar=any(part.solar for part in parts),
        today=now.astimezone(zone).date(),
    )


def _asked(today: date) -> Period:
    span = request.args.get("span", "week")
    if span not in SPANS:
        raise NotFoundError(_("%(given)s is no span of time; there are day, week, month and year.", given=repr(span[:20])))
    given = request.args.get("date", "")
    try:
        day = date.fromisoformat(given) if given else today
        if not FIRST_YEAR + 2 <= day.year <= LAST_YEAR:
            raise ValueError
    except ValueError as error:
        raise NotFoundError(_("%(given)s is not a date; write it like 2016-08-30", given=repr(given[:20]))) from error
    return period(span, day)


def _columns(own: Measured, whole: Period, now: datetime, zone: ZoneInfo, events: Sequence[dict[str, Any]]) -> list[Column]:
    asked = [(_("This period"), whole), (_("The one before"), whole.before())]
    earlier = whole.year_before()
    if earlier is not None:
        asked.append((_("A year earlier"), earlier))
    found = []
    for name, each in asked:
        begin, end = each.until(whole, now, zone)
        (energy,) = own.energies([begin, end])
        paid = [row["amount"] for row in events if "amount" in row and begin <= row["start"] < end]
        found.append(Column(name, energy, sum(paid, Decimal(0)) if paid else None, each.name, each.first))
    return found


def _lines(columns: Sequence[Column]) -> list[Line]:
    wanted = (
        (_("Taken from the grid"), "kWh", 1, [each.energy.imported for each in columns]),
        (_("Fed into the grid"), "kWh", 1, [each.energy.exported for each in columns]),
        (_("Solar production"), "kWh", 1, [each.energy.produced for each in columns]),
        (_("Used by the home"), "kWh", 1, [each.energy.consumed for each in columns]),
        (_("Own sun used at home"), "%", 0, [each.energy.self_consumption for each in columns]),
        (_("Independence from the grid"), "%", 0, [each.energy.self_sufficiency for each in columns]),
        (_("Cost of what was taken, by the tariff"), "EUR", 2, [each.energy.cost for each in columns]),
        (_("Earned with events"), "EUR", 2, [each.earned for each in columns]),
    )
    return [
        Line(name, unit, digits, tuple(values), tuple(_change(values, columns, n, unit) for n in range(1, len(columns))))
        for name, unit, digits, values in wanted
        if any(value is not None for value in values)
    ]


def _change(values: Sequence[float | Decimal | None], columns: Sequence[Column], n: int, unit: str) -> float | None:
    """Against another period, in % of that; two shares, and periods that are not whole, are not compared."""
    mine, its = values[0], values[n]
    if unit != "kWh" or mine is None or its is None or not columns[0].energy.complete or not columns[n].energy.complete or its < 0.05:
        return None
    return (float(mine) - float(its)) / float(its) * 100


def _picture(names: Sequence[tuple[str, str]], parts: Sequence[Energy], now: datetime) -> Picture:
    return picture([(short, long, part) for (short, long), part in zip(names, parts, strict=True)], now)
