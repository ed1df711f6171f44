"""The series behind the charts, as JSON: `{"zone", "t": [unix seconds], "series": [{"label", "unit", "values", …}], "words": {…}}`.

A value is `null` where there is none. Powers are means over the quarter-hour that begins at `t`, in kW. Labels and `words` (what the
script itself says) are in the language of whoever asks.
"""

from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import orjson
import pandas as pd
from flask import Blueprint, Response, jsonify, request

from api import delivery, kept, live, look_up
from api.errors import NotFoundError
from api.guard import rule, scope
from api.languages import _
from api.services import services
from kg import queries
from ontology.names import FCV

pages = Blueprint("charts", __name__)
STEP = timedelta(minutes=15)
FIRST_YEAR, LAST_YEAR = 1970, 2200


def home_channels() -> tuple[tuple[str, str], ...]:
    """Label and path of a home's power channels; `{}` stands for the member's key."""
    return (
        (_("Import from the grid"), "connection/{}#activePower"),
        (_("Everything else in the home"), "site/{}#loadPower"),
        (_("Solar production"), "device/{}-pv#activePower"),
        (_("Battery (charging +)"), "device/{}-battery#activePower"),
        (_("Heat pump"), "device/{}-heatpump#activePower"),
        (_("Electric car"), "device/{}-ev#activePower"),
    )


def local_day(zone: str, given: str | None, now: datetime) -> tuple[datetime, datetime]:
    """The window of one local day: 92, 96 or 100 quarter-hours.

    Raises
    ------
    NotFoundError
        If the given date is none.
    """
    area = ZoneInfo(zone)
    try:
        day = date.fromisoformat(given) if given else now.astimezone(area).date()
        if not FIRST_YEAR <= day.year <= LAST_YEAR:
            raise ValueError
    except (ValueError, OverflowError) as error:
        raise NotFoundError(_("%(text)s is not a date; write it like 2016-08-30", text=repr(given))) from error
    begin = datetime(day.year, day.month, day.day, tzinfo=area)
    following = day + timedelta(days=1)
    end = datetime(following.year, following.month, following.day, tzinfo=area)
    return begin.astimezone(UTC), end.astimezone(UTC)


def chart(zone: str, index: Iterable[datetime], series: Iterable[dict[str, Any]]) -> Response:
    """Answer with the series of a chart, and with what charts.js says."""
    words = {
        "nothing": _("Nothing has been measured in this time."),
        "band": _("10 % to 90 % of outcomes"),
        "table": _("As a table"),
        "time": _("Time"),
    }
    return jsonify({"zone": zone, "t": [int(at.timestamp()) for at in index], "series": list(series), "words": words})


def plain(column: Iterable[float]) -> list[float | None]:
    """Numbers as JSON has them: to 0.1 W, `None` where missing."""
    return [round(float(value), 4) if np.isfinite(value) else None for value in column]


def visible_channel(channel: str) -> bool:
    """Tell whether there is such a channel, and whoever asks may see who describes it."""
    known = services().channels.get(channel)
    return known is not None and scope().allows(known.graph)


@pages.get("/api/members/<key>/day")
@rule.member("key")
def member_day(key: str) -> Response:
    """One local day of a home: every power channel it has, and the forecast of its grid connection."""
    known = services()
    zone = look_up.home(key)["zone"]
    begin, end = local_day(zone, request.args.get("date"), known.now())
    wanted = [(label, known.iris.id(*path.format(key).split("/", 1))) for label, path in home_channels()]
    present = [(label, channel) for label, channel in wanted if visible_channel(channel)]
    frame = known.readings.frame([channel for _, channel in present], begin, end)
    index = pd.date_range(begin, end, freq=STEP, inclusive="left")
    frame = frame.reindex(index)
    series = [{"label": label, "unit": "kW", "values": plain(frame[channel])} for label, channel in present]
    series += _band(wanted[0][1], index)
    return chart(zone, list(index), series)


@pages.get("/api/members/<key>/comfort")
@rule.member("key")
def member_comfort(key: str) -> Response:
    """One local day of a home's room temperature and its battery's and car's state of charge."""
    known = services()
    zone = look_up.home(key)["zone"]
    begin, end = local_day(zone, request.args.get("date"), known.now())
    wanted = (
        (_("Living room"), "°C", "zone", f"{key}-living#airTemperature"),
        (_("Battery"), "%", "device", f"{key}-battery#stateOfCharge"),
        (_("Car"), "%", "device", f"{key}-ev#stateOfCharge"),
    )
    present = [(label, unit, channel) for label, unit, kind, local in wanted if visible_channel(channel := known.iris.id(kind, local))]
    index = pd.date_range(begin, end, freq=STEP, inclusive="left")
    frame = known.readings.frame([channel for _, _, channel in present], begin, end).reindex(index)
    return chart(
        zone,
        list(index),
        [{"label": label, "unit": unit, "values": plain(frame[channel])} for label, unit, channel in present],
    )


@pages.get("/api/portfolio/day")
@rule.operator
def portfolio_day() -> Response:
    """One local day of all grid connections together, with the forecast and its band."""
    known = services()
    homes = kept.rows("connections")
    zone = homes[0]["zone"] if homes else "UTC"
    begin, end = local_day(zone, request.args.get("date"), known.now())
    index = pd.date_range(begin, end, freq=STEP, inclusive="left")
    frame = known.readings.frame([home["channel"] for home in homes], begin, end).reindex(index) if homes else pd.DataFrame(index=index)
    complete = frame.sum(axis=1, min_count=len(homes)) if homes else pd.Series(np.nan, index=index)  # a sum without one home is no sum
    pv = [channel.iri for channel in known.channels.of_kind(FCV.ActivePower) if channel.iri.endswith("-pv#activePower")]
    produced = known.readings.frame(pv, begin, end).reindex(index).sum(axis=1, min_count=len(pv)) if pv else pd.Series(np.nan, index=index)
    series = [
        {"label": _("Import from the grid, all homes"), "unit": "kW", "values": plain(complete)},
        {"label": _("PV production, all homes"), "unit": "kW", "values": plain(produced)},
        *_band(known.iris.id("vpp", "demo#activePower"), index),
    ]
    return chart(zone, list(index), series)


def _band(channel: str, index: pd.DatetimeIndex) -> list[dict[str, Any]]:
    """The forecast that was latest for each quarter-hour of the window, and its 10 % and 90 % quantiles."""
    known = services()
    rows = queries.rows(known.store, queries.load("api", "forecasts"), property=channel, end=index[-1].to_pydatetime())
    lines = {"expected": pd.Series(np.nan, index=index), "p10": pd.Series(np.nan, index=index), "p90": pd.Series(np.nan, index=index)}
    for row in reversed(rows):  # oldest first: a later forecast replaces an earlier one
        for name, column in (("expected", "values"), ("p10", "lowest"), ("p90", "highest")):
            if column in row:
                values = orjson.loads(row[column])
                own = pd.Series(values, index=pd.date_range(row["start"], periods=len(values), freq=row["step"]), dtype=float)
                lines[name].update(own[own.index.isin(index)])
    return forecast_lines(lines["expected"], lines["p10"], lines["p90"])


def forecast_lines(expected: Iterable[float], low: Iterable[float], high: Iterable[float]) -> list[dict[str, Any]]:
    """A forecast of power [kW] and its 10 % and 90 % quantiles as series; none where there is no forecast."""
    middle = plain(expected)
    if all(value is None for value in middle):
        return []
    return [
        {"label": _("Forecast"), "unit": "kW", "values": middle, "dash": True},
        {"label": _("Forecast, lowest of ten"), "unit": "kW", "values": plain(low), "band": "low"},
        {"label": _("Forecast, highest of ten"), "unit": "kW", "values": plain(high), "band": "high"},
    ]


@pages.get("/api/campaigns/<key>/series")
@rule.operator
def campaign_series(key: str) -> Response:
    """What was asked, promised, called and delivered in a campaign, a value a step [kW reduction]; while it runs, delivered by estimate."""
    row = look_up.campaign(key)
    estimate = live.estimate(row)
    slots = delivery.slots(row, estimate)
    whole = [slot.delivered if slot.come == slot.due else np.nan for slot in slots]
    short = [slot.delivered if slot.come < slot.due else np.nan for slot in slots]
    series = [
        {"label": _("Asked"), "unit": "kW", "values": plain(slot.asked for slot in slots), "look": "area"},
        {"label": _("Delivered so far, estimated") if estimate else _("Delivered"), "unit": "kW", "values": plain(whole), "look": "bars"},
        {"label": _("Delivered, as far as readings have come"), "unit": "kW", "values": plain(short), "look": "hollow"},
        {"label": _("Called and accepted"), "unit": "kW", "values": plain(slot.called for slot in slots), "look": "wide"},
        {"label": _("Promised"), "unit": "kW", "values": plain(slot.promised for slot in slots), "look": "dots"},
    ]
    index = [slot.at for slot in slots]
    return chart(look_up.zone(), index, [one for one in series if any(value is not None for value in one["values"])])
