"""Forecast against actual: of the portfolio, a home or a device, with the band and how good the forecasts were."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
from flask import Blueprint, Response, make_response, render_template, request

from api import audited, kept, look_up
from api.charts import chart, forecast_lines, local_day, plain
from api.errors import NotFoundError
from api.guard import rule
from api.languages import _
from api.services import services
from forecasting.accuracy import Accuracy, accuracy, by_horizon
from forecasting.intervals import LEVELS
from forecasting.series import Forecast, compose, known
from kg import queries
from ontology.names import FC

pages = Blueprint("outlook", __name__)
STEP = timedelta(minutes=15)
DAYS = 7
_BEFORE = timedelta(days=3)  # a forecast of a day was issued at most so long before it


@dataclass(frozen=True)
class Compared:
    """A window of one channel: what was measured and expected (steps,), quantiles (levels, steps) [kW], and the forecasts behind it."""

    begin: datetime
    measured: np.ndarray[Any, np.dtype[np.float64]]
    expected: np.ndarray[Any, np.dtype[np.float64]]
    quantiles: np.ndarray[Any, np.dtype[np.float64]]
    forecasts: tuple[Forecast, ...]

    def part(self, begin: datetime, end: datetime) -> Accuracy:
        """How good the forecasts were in a part of the window."""
        cut = slice((begin - self.begin) // STEP, (end - self.begin) // STEP)
        return accuracy(self.measured[cut], self.expected[cut], self.quantiles[:, cut])


def compare(channel: str, begin: datetime, end: datetime) -> Compared:
    """Read a window of a channel and the forecasts of it; the one that was issued last is on top, as nothing is known before it is issued.

    A forecast counts for the steps after its issue time only.
    """
    site = services()
    steps = (end - begin) // STEP
    forecasts = tuple(known(site.store, [channel], at=end, since=begin - _BEFORE))
    levels = [compose(forecasts, begin, steps, STEP, level) for level in LEVELS]
    return Compared(begin, _measured(channel, begin, end), compose(forecasts, begin, steps, STEP), np.stack(levels), forecasts)


def _measured(channel: str, begin: datetime, end: datetime) -> np.ndarray[Any, np.dtype[np.float64]]:
    """What was measured; of the portfolio, whose channel has no readings of its own, the sum of all connections where none is missing."""
    site = services()
    index = pd.date_range(begin, end, freq=STEP, inclusive="left")
    if channel != portfolio():
        frame = site.readings.frame([channel], begin, end)
        return np.asarray(frame[channel].reindex(index).to_numpy(), dtype=np.float64)
    homes = [row["channel"] for row in kept.rows("connections")]
    if not homes:
        return np.full(len(index), np.nan)
    total = site.readings.frame(homes, begin, end).reindex(index).sum(axis=1, min_count=len(homes))
    return np.asarray(total.to_numpy(), dtype=np.float64)


def portfolio() -> str:
    """The portfolio's power channel."""
    return services().iris.id("vpp", "demo#activePower")


@pages.get("/forecasts")
@rule.operator
def page() -> Response:
    """Show a day's forecast against what was measured, and how good a week of forecasts was."""
    site = services()
    channel, member, choices = _wanted()
    zone, begin, end = _day(member)
    day = begin.astimezone(ZoneInfo(zone)).date()
    first, _end = local_day(zone, (day - timedelta(days=DAYS - 1)).isoformat(), site.now())
    found = compare(channel, first, end)
    return make_response(
        render_template(
            "forecasts.html",
            channel=site.iris.key(channel.partition("#")[0])
            if "#" not in channel
            else channel[len(site.iris.id("", "").rstrip("/")) + 1 :],
            member=member or "",
            choices=choices,
            chosen=channel,
            day=day,
            yesterday=day - timedelta(days=1),
            tomorrow=day + timedelta(days=1),
            zone=zone,
            today=found.part(begin, end),
            week=found.part(first, end),
            days=_by_day(found, zone, day),
            horizons=by_horizon(found.forecasts, found.measured, first, STEP),
            issued=max(
                (one.issued for one in found.forecasts if one.start < end and begin < one.start + len(one.values) * one.step), default=None
            ),
            rows=_rows(found, begin, end),
        )
    )


def _by_day(found: Compared, zone: str, last: date) -> list[dict[str, Any]]:
    days = []
    for back in range(DAYS):
        day = last - timedelta(days=back)
        begin, end = local_day(zone, day.isoformat(), services().now())
        days.append({"day": day, "measures": found.part(begin, end)})
    return days


def _rows(found: Compared, begin: datetime, end: datetime) -> list[dict[str, Any]]:
    """The day by hours, for the table behind the chart; an hour of which a part is missing is missing."""
    first, steps = (begin - found.begin) // STEP, (end - begin) // STEP
    hours = []
    for hour in range(0, steps, 4):
        cut = slice(first + hour, first + min(hour + 4, steps))
        low, _middle, high = (float(row[cut].mean()) for row in found.quantiles)
        hours.append(
            {
                "at": begin + hour * STEP,
                "measured": float(found.measured[cut].mean()),
                "expected": float(found.expected[cut].mean()),
                "low": low,
                "high": high,
            }
        )
    return hours


def _day(member: str | None) -> tuple[str, datetime, datetime]:
    """The day that is asked for, in the zone of the member or of most homes."""
    zone = look_up.zone() if member is None else str(look_up.home(member)["zone"])
    return (zone, *local_day(zone, request.args.get("date"), services().now()))


def _wanted() -> tuple[str, str | None, list[dict[str, str]]]:
    """Which channel is asked for: the portfolio's, or one of a member's; and which others that member has."""
    site, member = services(), request.args.get("member", "").strip()
    if not member:
        return portfolio(), None, []
    audited.concerns(member)
    look_up.home(member)
    rows = queries.rows(site.store, queries.load("api", "forecast_channels"), member=site.iris.id("member", member))
    choices = _choices(rows)
    if not choices:
        raise NotFoundError(_("Member %(member)s has no channel of power yet; its box has not announced any.", member=member))
    asked = request.args.get("of", "")
    chosen = next((one["channel"] for one in choices if one["of"] == asked), choices[0]["channel"])
    return chosen, member, choices


def _choices(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, str]]:
    names = {
        str(FC.GridConnectionPoint): _("Grid connection"),
        str(FC.Site): _("Everything else in the home"),
        str(FC.PVSystem): _("Solar system"),
        str(FC.BatterySystem): _("Battery"),
        str(FC.EVCharger): _("Car charger"),
        str(FC.HeatPump): _("Heat pump"),
    }
    order = list(names)
    found: dict[str, dict[str, str]] = {}
    for row in sorted(rows, key=lambda row: order.index(str(row["type"])) if str(row["type"]) in names else len(order)):
        channel = str(row["channel"])
        if str(row["type"]) in names and services().channels.get(channel) is not None:
            found.setdefault(
                channel, {"channel": channel, "of": channel[len(services().iris.base) + 4 :], "label": names[str(row["type"])]}
            )
    return list(found.values())


@pages.get("/api/forecasts/day")
@rule.operator
def day_series() -> Response:
    """One local day of one channel: measured, expected, and the band."""
    channel, member, _others = _wanted()
    zone, begin, end = _day(member)
    found = compare(channel, begin, end)
    index = [begin + n * STEP for n in range(len(found.measured))]
    lines = forecast_lines(found.expected, found.quantiles[0], found.quantiles[-1])
    return chart(zone, index, [{"label": _("Measured"), "unit": "kW", "values": plain(found.measured)}, *lines])
