"""The verbs on campaigns, and the two rules that each of them keeps.

One at a time: reports come from the broker's thread and commands from others, so a verb holds the lock from its first look at the graph to
its last message. Commit, then send: a step (`scheduling`, `opt_outs`, `reports`, `pauses`, `course`) reads the graph and hands back a
`Change`; it is written here, in one transaction, and its messages leave only after that.

Nothing is kept between two calls. So a platform that was killed goes on where it stopped, and a step taken twice changes nothing. Messages
may be lost or doubled: an instruction that nobody acknowledged is sent again at each `advance`, and the box executes it once by its id.
"""

import logging
from collections.abc import Callable, Mapping
from datetime import datetime
from decimal import Decimal
from threading import RLock
from typing import Any

from kg import queries
from kg.iris import Iris
from kg.store import Store
from kg.terms import instant
from market import requests
from market.errors import RequestError
from optimiser import course, dispatch, records, scheduling, states
from optimiser.change import Change
from optimiser.errors import CampaignError
from optimiser.opt_outs import OptOuts
from optimiser.pauses import Pauses
from optimiser.records import Campaign
from optimiser.replacement import Replacement
from optimiser.reports import Reports
from optimiser.scheduling import Schedule, Scheduler
from optimiser.solve import Limits
from optimiser.states import ABORTED, ONGOING, PAUSED, REQUESTED, SCHEDULED, TRANSITIONS

LOG = logging.getLogger(__name__)
Send = Callable[[str, dict[str, Any]], None]


class Campaigns:
    """The verbs on campaigns.

    Parameters
    ----------
    send
        Called after each commit with a box's identifier (`osb-h01`) and a dispatch or revoke message (docs/data-model.md §4).
    reserve_share
        Part of the target that sites stand by for, beside those that deliver.
    limits
        When the solver stops.
    """

    def __init__(self, store: Store, iris: Iris, send: Send, *, reserve_share: float = 0.3, limits: Limits | None = None) -> None:
        self._store, self._iris, self._send = store, iris, send
        self._lock = RLock()  # `send` may come back with a report at once
        limits = limits or Limits()
        replacement = Replacement(store, iris, limits)
        self._scheduler = Scheduler(store, iris, reserve_share=reserve_share, limits=limits)
        self._opt_outs = OptOuts(store, iris, replacement)
        self._reports = Reports(store, self._opt_outs)
        self._pauses = Pauses(store, iris, replacement)

    def request(
        self, key: str, start: datetime, end: datetime, kw: float, price: Decimal, at: datetime, *, requester: str | None = None
    ) -> str:
        """Write a request for a load reduction and its campaign; return the campaign's IRI. See `market.requests.create`."""
        with self._lock:
            asks = requester or self._grid_operator()
            return requests.create(
                self._store, self._iris, key, start=start, end=end, kw=kw, price_eur_per_kwh=price, requester=asks, at=at
            )

    def schedule(self, campaign: str, at: datetime) -> Schedule:
        """Select who delivers and who stands by, write it, and send the instructions. A campaign that is scheduled already stays as it is.

        Raises
        ------
        CampaignError
            If there is no such campaign, or it is over.
        """
        with self._lock:
            given = records.one_campaign(self._store, campaign)
            if given.status == REQUESTED:
                self._commit(self._scheduler.schedule(given, at))
            elif given.status not in (SCHEDULED, ONGOING):
                raise CampaignError(f"{campaign} is {states.name(given.status)} and can't be scheduled any more; ask for a new campaign")
            return scheduling.agreed(self._store, campaign)

    def preview(self, start: datetime, end: datetime, kw: float, price: Decimal, at: datetime) -> Schedule:
        """Say who would deliver and who would stand by; writes nothing and tells nobody.

        Parameters
        ----------
        start, end
            UTC, whole slots, half-open.
        kw
            What would be asked for in each slot [kW].
        price
            What would be paid for delivered energy [EUR/kWh].

        Raises
        ------
        CampaignError
            If the window holds no slot.
        """
        with self._lock:
            return self._scheduler.preview(start, end, kw, price, at)

    def opt_out(self, event: str, at: datetime, reason: str = "MemberChoice") -> None:
        """Let a site withdraw: release it, end its instructions, and let others take its place from the next slot on.

        The slot in which it withdraws doesn't count for it any more. Withdrawing twice changes nothing.

        Parameters
        ----------
        at
            When it withdrew.
        reason
            `MemberChoice`, `ManualOverride` or `DeviceOffline`.

        Raises
        ------
        CampaignError
            If there is no such event, or it is over.
        """
        with self._lock:
            self._commit(self._opt_outs.opt_out(event, at, reason, known=at))

    def report(self, osb: str, payload: Mapping[str, Any], at: datetime) -> None:
        """Take a box's report on an instruction, or an opt-out that it passes on (docs/data-model.md §4).

        A status only moves forward; a late or repeated report changes nothing. A rejected instruction is replaced like an opt-out.

        Parameters
        ----------
        osb
            The identifier of the box that reports, as the topic says.
        at
            When the platform got the report.

        Raises
        ------
        ReportError
            If the report has no known form, or is about something that isn't this box's.
        """
        with self._lock:
            self._commit(self._reports.report(osb, payload, at))

    def advance(self, now: datetime) -> None:
        """Bring every campaign up to date: start, replace who is offline, finish, and send again what nobody acknowledged."""
        with self._lock:
            for campaign in records.campaigns(self._store):
                if campaign.status in (SCHEDULED, ONGOING):
                    self._advance(campaign, now)
                elif campaign.status == PAUSED and campaign.end <= now:
                    self._commit(course.over(self._store, self._iris, campaign))
                elif campaign.status in (PAUSED, ABORTED) and now < campaign.end:
                    self._commit(dispatch.repeated(records.instructions(self._store, campaign.iri), now))

    def pause(self, campaign: str, at: datetime) -> None:
        """Let a campaign rest: every home goes back to normal, and nobody is called, until it is resumed. Pausing twice changes nothing.

        The slots that a pause touches are neither asked for nor delivered; members stay in the campaign, and may opt out of it meanwhile.

        Raises
        ------
        CampaignError
            If there is no such campaign, or it is not scheduled or under way.
        """
        with self._lock:
            given = records.one_campaign(self._store, campaign)
            if given.status == PAUSED:
                return
            if PAUSED not in TRANSITIONS[given.status] or given.end <= at:
                raise CampaignError(
                    f"{campaign} is {states.name(given.status)}, so there is nothing to pause; only what is scheduled or under way can be"
                )
            if given.start <= at:  # what began since the last round has begun
                self._commit(course.begun(self._store, self._iris, given, at))
                given = records.one_campaign(self._store, campaign)
            self._commit(self._pauses.pause(given, at))

    def resume(self, campaign: str, at: datetime) -> None:
        """Let a paused campaign go on: what is left of the instructions is sent anew from the next slot on, and who left is replaced.

        Resuming what is not paused changes nothing.

        Raises
        ------
        CampaignError
            If there is no such campaign, or it is over.
        """
        with self._lock:
            given = records.one_campaign(self._store, campaign)
            if given.status in (SCHEDULED, ONGOING):
                return
            if given.status != PAUSED or given.end <= at:
                raise CampaignError(
                    f"{campaign} is {states.name(given.status)} and ends at {instant(given.end)}, so it can't go on; ask for a new campaign"
                )
            self._commit(self._pauses.resume(given, at))

    def abort(self, campaign: str, at: datetime) -> None:
        """Stop a campaign: revoke every instruction, release who was delivering, cancel the rest. Stopping twice changes nothing.

        Raises
        ------
        CampaignError
            If there is no such campaign, or it is over.
        """
        with self._lock:
            given = records.one_campaign(self._store, campaign)
            if given.status == ABORTED:
                return
            if ABORTED not in TRANSITIONS[given.status]:
                raise CampaignError(f"{campaign} is {states.name(given.status)} and can't be stopped any more; nothing needs to be done")
            self._commit(course.aborted(self._store, self._iris, given, at))

    def _advance(self, campaign: Campaign, now: datetime) -> None:
        """Each step reads what the one before it has committed."""
        if campaign.end <= now:
            self._commit(course.over(self._store, self._iris, campaign))
            return
        if campaign.start <= now:
            self._commit(course.begun(self._store, self._iris, campaign, now))
            for event in course.silent(self._store, campaign, now):
                LOG.warning("%s acknowledged nothing by %s, so others take its place", event, instant(now))
                self._commit(self._opt_outs.opt_out(event, now, "DeviceOffline", known=now))
        self._commit(dispatch.repeated(records.instructions(self._store, campaign.iri), now))

    def _grid_operator(self) -> str:
        found = [str(row["operator"]) for row in queries.rows(self._store, queries.load("market", "grid_operators"))]
        if len(found) != 1:
            raise RequestError(
                f"the registry has {len(found)} grid operators ({', '.join(found)}), so it isn't clear who asks; name the requester"
            )
        return found[0]

    def _commit(self, change: Change) -> None:
        if change.delete or change.insert:
            self._store.apply(delete=change.delete, insert=change.insert)
        for identifier, message in change.messages:
            self._send(identifier, message)
