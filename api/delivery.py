"""What was asked, promised, called and delivered in each quarter-hour of a campaign: as it was settled, else as it is estimated so far."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray

from api import kept
from api.languages import _
from api.live import Estimate
from api.services import services
from kg import queries
from ontology.names import FCV
from settlement import records
from settlement.calls import called_kw, calls
from settlement.verification import delivered

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Slot:
    """One slot of a campaign [kW], NaN where there is nothing to say.

    Attributes
    ----------
    called : what boxes have accepted to reduce
    measured : Σ baseline − metered of the homes with a reading
    delivered : what of it counts: not below zero, not above what was asked
    due, come : homes of which a reading is due, and of which one has come
    """

    at: datetime
    asked: float
    promised: float
    called: float
    measured: float
    delivered: float
    due: int
    come: int


@dataclass(frozen=True)
class Home:
    """One home over the slots of a campaign [kW], NaN where there is nothing to say."""

    baseline_kw: Array
    metered_kw: Array


@dataclass(frozen=True)
class _Delivery:
    called_kw: Array
    homes: Mapping[str, Home]

    @property
    def reductions(self) -> Array:
        """Baseline − metered, shape (homes, slots)."""
        return np.array([home.baseline_kw - home.metered_kw for home in self.homes.values()]).reshape(-1, len(self.called_kw))


def slots(row: Mapping[str, Any], live: Estimate | None) -> list[Slot]:
    """Every slot of a campaign, a row of `api/campaigns`."""
    found = live.found if live else None
    campaign = found.campaign if found else records.campaign(services().store, row["campaign"])
    count = len(campaign.asked_kw)
    nothing = np.full(count, np.nan)
    promised = nothing if campaign.promised_kw is None else campaign.promised_kw
    called = measured = counted = nothing
    due, come = (0,) * count, (0,) * count
    if found:
        called, measured, counted, due, come = found.called_kw, found.reduction_kw, found.delivered_kw, found.due, found.come
    elif "deliveredKwh" in row:
        settled = _settled(row)
        each = settled.reductions
        called, due = settled.called_kw, tuple(_present([home.baseline_kw for home in settled.homes.values()], count))
        come = tuple((~np.isnan(each)).sum(axis=0).tolist())
        measured = np.where(np.array(come) == 0, np.nan, np.nansum(each, axis=0))
        counted = delivered(measured, campaign.asked_kw)
    return [
        Slot(
            campaign.start + campaign.step * n,
            float(campaign.asked_kw[n]),
            float(promised[n]),
            float(called[n]),
            float(measured[n]),
            float(counted[n]),
            due[n],
            come[n],
        )
        for n in range(count)
    ]


def _present(lines: list[Array], count: int) -> list[int]:
    values: list[int] = (~np.isnan(np.array(lines).reshape(-1, count))).sum(axis=0).tolist()
    return values


def home(row: Mapping[str, Any], event: str, live: Estimate | None) -> Home | None:
    """What one home would have drawn and has drawn; `None` where nothing is known of it."""
    if live:
        found = live.found.homes.get(event) if live.found else None
        return Home(found.baseline_kw, found.metered_kw) if found else None
    return _settled(row).homes.get(event) if "deliveredKwh" in row else None


def _settled(row: Mapping[str, Any]) -> _Delivery:
    return kept.kept(("delivery", row["campaign"]), lambda: _read(row["campaign"]), kept.MARKET)


def _read(iri: str) -> _Delivery:
    """Read the baselines that a settlement has written, and what was metered beside them."""
    known = services()
    campaign = records.campaign(known.store, iri)
    count = len(campaign.asked_kw)
    rows = queries.rows(known.store, queries.load("api", "campaign_baselines"), campaign=iri)
    channels = list(dict.fromkeys(row["channel"] for row in rows if known.channels.get(row["channel"])))
    frame = known.readings.frame(channels, campaign.start, campaign.end, campaign.step) if channels else None
    counting = {call.event.iri: call for call in calls(known.store, campaign)[0]}
    homes = {}
    for row in rows:
        baseline_kw = np.full(count, np.nan)
        first, values = (row["start"] - campaign.start) // campaign.step, np.array(orjson.loads(row["values"]), dtype=np.float64)
        baseline_kw[first : first + len(values)] = values
        if (call := counting.get(row["event"])) is not None:
            baseline_kw[call.first : call.first + len(call.slots)][~call.inside.counts] = np.nan
        metered_kw = np.full(count, np.nan) if frame is None or row["channel"] not in frame else frame[row["channel"]].to_numpy()
        homes[row["event"]] = Home(baseline_kw, metered_kw)
    return _Delivery(called_kw(known.store, campaign), homes)


def doubt(code: str) -> str:
    """Why nothing can be measured of a home, in words."""
    return {
        str(FCV.ShortHistory): _("too few days like this one to tell what it would have drawn"),
        str(FCV.MissingWeather): _("the weather that its baseline needs has not come"),
        str(FCV.NotAccepted): _("its box has accepted no instruction"),
        str(FCV.SignatureMismatch): _("its contract can't be read"),
    }.get(code, _("its baseline can't be computed"))
