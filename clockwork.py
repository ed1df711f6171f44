"""The platform's clockwork: what is due at a moment, in its order."""

import logging
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from forecasting.foresight import Foresight
from kg import queries
from kg.iris import Iris
from kg.store import Store
from notices import Desk
from ontology.names import FCV
from optimiser.campaigns import Campaigns
from optimiser.refresh import Refresh
from privacy.housekeeping import Housekeeping
from settlement.errors import NotYetError, SettlementError
from settlement.run import settle
from telemetry.channels import Channels
from telemetry.readings import Readings

log = logging.getLogger("flexcoop")

GATE_HOUR = 12  # local: the day-ahead market closes, so tomorrow is forecast


def campaigns_in(store: Store, status: str) -> list[str]:
    """Return the IRIs of the campaigns in a state (its IRI)."""
    rows = queries.rows(store, queries.load("optimiser", "campaigns"), campaign=None)
    return [row["campaign"] for row in rows if row["status"] == status]


class Clockwork:
    """Does what is due; one at a time, which is its caller's to see to.

    Parameters
    ----------
    foresight
        Forecasts tomorrow, and what requests need that were left over.
    housekeeping
        What is due once a day.
    """

    def __init__(
        self,
        store: Store,
        iris: Iris,
        channels: Channels,
        readings: Readings,
        *,
        foresight: Foresight,
        campaigns: Campaigns,
        housekeeping: Housekeeping,
        notices: Desk,
    ) -> None:
        self._store, self._iris, self._channels, self._readings = store, iris, channels, readings
        self._foresight, self._campaigns, self._housekeeping, self._notices = foresight, campaigns, housekeeping, notices
        self._refresh = Refresh(store, iris, channels, readings)
        self._forecast_days: set[date] = set()

    def advance(self, now: datetime, *, planning: bool = True) -> None:
        """Pack days, keep house, forecast tomorrow (if `planning`), move campaigns on, settle those that are over, write to members."""
        self._housekeeping.advance(now)
        if planning:
            self._forecast_at_gate(now)
        self._take_up_requests(now)
        self._refresh.advance(now)
        self._campaigns.advance(now)
        for campaign in campaigns_in(self._store, str(FCV.CampaignFinished)):
            self._try_to_settle(campaign, now)
        self._notices.advance(now)

    def _forecast_at_gate(self, now: datetime) -> None:
        zone = self._zone()
        local = now.astimezone(zone)
        tomorrow = local.date() + timedelta(days=1)
        # marked as done only when it is: a failed forecast is tried again in the next round
        if local.hour < GATE_HOUR or tomorrow in self._forecast_days or not self._channels.all():
            return
        # local midnights: 23, 24 or 25 hours
        start, end = (datetime.combine(day, time(), zone).astimezone(UTC) for day in (tomorrow, tomorrow + timedelta(days=1)))
        self._foresight.forecast(now, start, end)
        self._forecast_days.add(tomorrow)

    def _take_up_requests(self, now: datetime) -> None:
        """Schedule what was asked for before the platform was stopped, and end what nobody can answer any more."""
        for row in queries.rows(self._store, queries.load("optimiser", "campaigns"), campaign=None):
            if row["status"] != str(FCV.CampaignRequested):
                continue
            if row["start"] > now:
                self._foresight.plan(now, row["start"], row["end"])
                self._campaigns.schedule(row["campaign"], now)
            else:
                log.warning("%s was never scheduled and its window has begun; it is aborted", row["campaign"])
                self._campaigns.abort(row["campaign"], now)

    def _try_to_settle(self, campaign: str, now: datetime) -> None:
        try:
            settle(self._store, self._iris, self._channels, self._readings, campaign, now)
        except NotYetError as reason:
            log.info("not settled yet: %s", reason)
        except SettlementError:  # one campaign that can't be settled must not hold up the others
            log.exception("%s can't be settled; flex settle says why, once it is mended", campaign)

    def _zone(self) -> ZoneInfo:
        rows = queries.rows(self._store, queries.load("api", "time_zones"))
        return ZoneInfo(rows[0]["zone"]) if rows else ZoneInfo("UTC")
