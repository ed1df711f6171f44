"""Campaigns as the operator's pages show them: what was asked, promised and delivered, how far each is, and who does what in them."""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import numpy as np
import orjson

from api import kept
from api.delivery import Slot
from api.languages import _
from api.services import services
from kg import queries
from ontology.names import FCV

HOUR = timedelta(hours=1)
UNDER_WAY = frozenset(str(FCV[f"Campaign{name}"]) for name in ("Scheduled", "Ongoing", "Paused"))
STOPPABLE = UNDER_WAY | {str(FCV.CampaignRequested)}


def campaigns(now: datetime) -> list[dict[str, Any]]:
    """All campaigns, newest first, with energies [kWh] and how much of the window is over [%]."""
    rows = kept.rows("campaigns", kept.MARKET)
    money = {row["campaign"]: row for row in kept.rows("settlements", kept.MARKET)}
    return [row | figures(row, now) | {"money": money.get(row["campaign"])} for row in rows]


def figures(row: dict[str, Any], now: datetime) -> dict[str, Any]:
    """Energies of one campaign [kWh]: what was settled, else what its series say; and its progress [%]."""
    asked = row.get("askedKwh") or _kwh(row["asked"], row["step"])
    promised = _kwh(row["promised"], row["step"]) if "promised" in row else None
    share = (now - row["start"]) / (row["end"] - row["start"])
    return {
        "key": services().iris.key(row["campaign"]),
        "asked_kwh": asked,
        "promised_kwh": promised,
        "progress": round(100 * min(max(share, 0.0), 1.0)),
        "under_way": row["status"] in UNDER_WAY,
        "state": state(row["status"]),
        "style": style(row["status"]),
    }


def sums(slots: Sequence[Slot], step: timedelta) -> dict[str, float]:
    """Add slots up: asked, promised, called and delivered [kWh], and readings due and come."""
    kwh = {
        name: float(np.nansum([getattr(slot, name) for slot in slots])) * (step / HOUR)
        for name in ("asked", "promised", "called", "delivered")
    }
    return kwh | {"due": sum(slot.due for slot in slots), "come": sum(slot.come for slot in slots)}


def _kwh(values: str, step: timedelta) -> Decimal:
    total = sum(value or 0 for value in orjson.loads(values)) * (step / HOUR)
    return Decimal(repr(round(float(total), 3)))


def style(status: str) -> str:
    """The word of a status that the style sheets know: `ongoing`, `opted-out`."""
    name = status.rsplit("/", 1)[-1].removeprefix("Campaign").removeprefix("Event")
    return "".join(f"-{letter.lower()}" if letter.isupper() and at else letter.lower() for at, letter in enumerate(name))


def state(status: str) -> str:
    """A campaign's state in words."""
    return {
        "requested": _("requested"),
        "scheduled": _("scheduled"),
        "ongoing": _("under way"),
        "paused": _("paused"),
        "finished": _("finished, not settled yet"),
        "settled": _("settled"),
        "aborted": _("aborted"),
    }.get(style(status), style(status))


def part(status: str, role: str = "") -> str:
    """What a home does in a campaign, in words."""
    if role.endswith("Backup") and status.endswith("Cancelled"):
        return _("not needed")
    return {
        "scheduled": _("waits for its beginning"),
        "standby": _("stands by"),
        "active": _("delivers"),
        "opted-out": _("opted out"),
        "completed": _("done"),
        "cancelled": _("cancelled"),
    }.get(style(status), style(status))


def reason(iri: str) -> str:
    """Why a home left, in words."""
    return {
        "MemberChoice": _("the member's choice"),
        "ManualOverride": _("switched by hand at the device"),
        "DeviceOffline": _("the box did not answer"),
    }.get(iri.rsplit("/", 1)[-1], iri.rsplit("/", 1)[-1])


def parts() -> list[dict[str, Any]]:
    """Who takes part in what is not over yet."""
    return queries.rows(services().store, queries.load("api", "running_parts"))


def doing() -> dict[str, str]:
    """What each member of a running campaign does, as the style sheets name it: the most telling of several."""
    order = {"opted-out": 3, "active": 2, "scheduled": 1, "standby": 0}
    found: dict[str, str] = {}
    for row in parts():
        word = style(row["status"])
        if row["state"].endswith("CampaignPaused") and word == "active":
            word = "scheduled"
        if order.get(word, -1) > order.get(found.get(row["member"], ""), -1):
            found[row["member"]] = word
    return found


def counted(rows: list[dict[str, Any]]) -> dict[str, Counter[str]]:
    """How many homes do what, by campaign."""
    found: dict[str, Counter[str]] = {}
    for row in rows:
        found.setdefault(row["campaign"], Counter())[style(row["status"])] += 1
    return found
