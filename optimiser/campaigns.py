"""Campaigns: scheduled, started, repaired when somebody drops out, finished or stopped.

Nothing is kept here between two calls: every step reads the graph, writes one transaction, and sends messages only after its commit. So
a platform that was killed goes on where it stopped, and a step taken twice changes nothing. Messages may be lost or doubled: an
instruction that nobody acknowledged is sent again at each `advance`, and the box executes it once by its id.
"""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from threading import RLock
from typing import Any, Concatenate, ParamSpec, TypeVar

import numpy as np
from pyoxigraph import Quad

from kg import provenance, queries
from kg.iris import Iris
from kg.store import Store
from kg.terms import Lang, describe, instant, plain
from market import requests
from market.errors import RequestError
from ontology.names import FC, FCV, RDFS, S4ENER
from optimiser import planning, records, statements
from optimiser.errors import CampaignError, ReportError
from optimiser.planning import Candidate, Plan
from optimiser.records import LIVE_EVENTS, LIVE_INSTRUCTIONS, OPEN_EVENTS, Campaign, Event, Instruction, Pause
from optimiser.solve import Floats, Limits
from optimiser.statements import Change

LOG = logging.getLogger(__name__)
REQUESTED, SCHEDULED, ONGOING, PAUSED, FINISHED, SETTLED, ABORTED = (
    str(FCV[f"Campaign{name}"]) for name in ("Requested", "Scheduled", "Ongoing", "Paused", "Finished", "Settled", "Aborted")
)
TRANSITIONS: Mapping[str, frozenset[str]] = {
    REQUESTED: frozenset({SCHEDULED, ABORTED}),
    SCHEDULED: frozenset({ONGOING, PAUSED, ABORTED}),
    ONGOING: frozenset({PAUSED, FINISHED, ABORTED}),
    PAUSED: frozenset({SCHEDULED, ONGOING, FINISHED, ABORTED}),
    FINISHED: frozenset({SETTLED}),
    SETTLED: frozenset(),
    ABORTED: frozenset(),
}
REASONS = {name: str(FCV[name]) for name in ("MemberChoice", "ManualOverride", "DeviceOffline")}
WORTH_REPLACING_KW = 0.05
_RANK = {
    str(S4ENER[name]): rank
    for rank, names in enumerate([["New"], ["Accepted"], ["Started"], ["Succeeded", "Rejected", "Aborted", "Revoked"]])
    for name in names
}
_LAST_RANK = max(_RANK.values())
_REPORTED = frozenset({"Accepted", "Started", "Succeeded", "Rejected", "Aborted"})
_SEND_STATUS = str(S4ENER.hasInstructionStatus)
_P = ParamSpec("_P")
_R = TypeVar("_R")
Send = Callable[[str, dict[str, Any]], None]


@dataclass(frozen=True)
class Schedule:
    """What was agreed for a campaign: asked and promised [kW a slot], who delivers, who stands by, and the selection's own sentence."""

    campaign: str
    asked_kw: tuple[float, ...]
    promised_kw: tuple[float, ...]
    primaries: tuple[str, ...]
    backups: tuple[str, ...]
    sentence: str


def _one_at_a_time(method: "Callable[Concatenate[Campaigns, _P], _R]") -> "Callable[Concatenate[Campaigns, _P], _R]":
    """Reports come from the broker's thread and commands from others: a step reads and writes without another in between."""

    def locked(self: "Campaigns", /, *args: _P.args, **kwargs: _P.kwargs) -> _R:
        with self._lock:
            return method(self, *args, **kwargs)

    locked.__name__, locked.__doc__ = method.__name__, method.__doc__
    return locked


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
        self._reserve, self._limits = reserve_share, limits or Limits()
        self._market = iris.graph("market")
        self._lock = RLock()

    @_one_at_a_time
    def request(
        self, key: str, start: datetime, end: datetime, kw: float, price: Decimal, at: datetime, *, requester: str | None = None
    ) -> str:
        """Write a request for a load reduction and its campaign; return the campaign's IRI. See `market.requests.create`."""
        asks = requester or self._grid_operator()
        return requests.create(self._store, self._iris, key, start=start, end=end, kw=kw, price_eur_per_kwh=price, requester=asks, at=at)

    def _grid_operator(self) -> str:
        found = [str(row["operator"]) for row in queries.rows(self._store, queries.load("market", "grid_operators"))]
        if len(found) != 1:
            raise RequestError(
                f"the registry has {len(found)} grid operators ({', '.join(found)}), so it isn't clear who asks; name the requester"
            )
        return found[0]

    @_one_at_a_time
    def schedule(self, campaign: str, at: datetime) -> Schedule:
        """Select who delivers and who stands by, write it, and send the instructions. A campaign that is scheduled already stays as it is.

        Raises
        ------
        CampaignError
            If there is no such campaign, or it is over.
        """
        given = records.one_campaign(self._store, campaign)
        if given.status == REQUESTED:
            self._commit(self._scheduled(given, at))
        elif given.status not in (SCHEDULED, ONGOING):
            raise CampaignError(f"{campaign} is {_name(given.status)} and can't be scheduled any more; ask for a new campaign")
        return self._schedule(records.one_campaign(self._store, campaign))

    def _schedule(self, campaign: Campaign) -> Schedule:
        events = records.events(self._store, campaign.iri)
        return Schedule(
            campaign=campaign.iri,
            asked_kw=tuple(campaign.asked_kw.tolist()),
            promised_kw=tuple(campaign.promised_kw.tolist()) if campaign.promised_kw is not None else (),
            primaries=tuple(event.site for event in events if event.role == str(FCV.Primary)),
            backups=tuple(event.site for event in events if event.role == str(FCV.Backup)),
            sentence=campaign.sentence,
        )

    @_one_at_a_time
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
        """
        slots = (end - start) // requests.STEP
        campaign = Campaign(
            iri=self._iris.id("campaign", "preview"),
            request=self._iris.id("request", "preview"),
            cooperative=requests.cooperative(self._store),
            status=REQUESTED,
            start=start,
            end=end,
            step=requests.STEP,
            asked_kw=np.full(max(slots, 0), kw),
            price=price,
            direction=str(FCV.LoadReduction),
            promised_kw=None,
            sentence="",
        )
        if not slots > 0:
            raise CampaignError(f"{instant(start)} to {instant(end)} holds no quarter-hour; give an end after the start")
        primary, backup, candidates = self._pick(campaign, at)
        return Schedule(
            campaign=campaign.iri,
            asked_kw=tuple(campaign.asked_kw.tolist()),
            promised_kw=tuple(primary.promised_kw().tolist()),
            primaries=tuple(sorted({share.candidate.site for share in primary.shares})),
            backups=tuple(sorted({share.candidate.site for share in backup.shares})),
            sentence=_account(campaign, primary, backup, candidates),
        )

    def _pick(self, campaign: Campaign, at: datetime) -> tuple[Plan, Plan, int]:
        """Choose who delivers and, among the others, who stands by; and count who could have been asked."""
        found = planning.candidates(self._store, self._iris, campaign, campaign.start, at, ())
        price = float(campaign.price)
        primary = planning.plan(found, campaign.asked_kw, campaign.step, price, self._limits)
        taken = {share.candidate.site for share in primary.shares}
        rest = [one for one in found if one.site not in taken]
        backup = planning.plan(rest, (campaign.asked_kw * self._reserve).round(4), campaign.step, price, self._limits, explain=False)
        return primary, backup, len(found)

    def _scheduled(self, campaign: Campaign, at: datetime) -> Change:
        primary, backup, candidates = self._pick(campaign, at)
        run = self._iris.id("run", f"select-{self._iris.key(campaign.iri)}")
        change = Change()
        change.move(self._market, campaign.iri, campaign.status, SCHEDULED)
        change.insert += statements.promise(self._market, campaign, primary.promised_kw())
        change.insert += provenance.activity(
            self._iris,
            self._market,
            run,
            at=at,
            used=[campaign.request, *statements.sources([*primary.shares, *backup.shares])],
            generated=[campaign.iri],
            on_behalf_of=campaign.cooperative,
        )
        change.insert += describe(self._market, run, {RDFS.comment: Lang(_account(campaign, primary, backup, candidates))})
        for share in primary.shares:
            window = (campaign.start + share.first * campaign.step, campaign.start + share.last * campaign.step)
            change.insert += statements.event(
                self._iris, campaign, share, window, role=str(FCV.Primary), status=str(FCV.EventScheduled), notified=at
            )
        for share in backup.shares:
            change.insert += statements.event(
                self._iris,
                campaign,
                share,
                _callable_in(campaign, share.candidate),
                role=str(FCV.Backup),
                status=str(FCV.EventStandby),
                notified=at,
            )
        self._instruct(change, campaign, primary, campaign.start, at, run)
        return change

    def _instruct(self, change: Change, campaign: Campaign, plan: Plan, start: datetime, at: datetime, run: str) -> None:
        numbers: dict[str, int] = {}
        for one in records.instructions(self._store, campaign.iri):
            numbers[one.der] = numbers.get(one.der, 0) + 1
        boxes = {row["der"]: row["identifier"] for row in records.available(self._store, campaign.cooperative)}
        for share in plan.shares:
            quads, made = statements.instruct(self._iris, campaign, share, start, run=run, at=at, numbers=numbers, boxes=boxes)
            change.insert += quads
            for one in made:
                change.dispatch(one)

    @_one_at_a_time
    def opt_out(self, event: str, at: datetime, reason: str = "MemberChoice", *, known: datetime | None = None) -> None:
        """Let a site withdraw: release it, end its instructions, and let others take its place from the next slot on.

        The slot in which it withdraws doesn't count for it any more. Withdrawing twice changes nothing.

        Parameters
        ----------
        at
            When it withdrew.
        reason
            `MemberChoice`, `ManualOverride` or `DeviceOffline`.
        known
            When the platform learnt of it, if later: the others can start only after that.

        Raises
        ------
        CampaignError
            If there is no such event, or it is over.
        """
        if reason not in REASONS:
            raise CampaignError(f"{reason!r} is no reason for an opt-out; give one of {', '.join(sorted(REASONS))}")
        campaign, found = self._event(event)
        if found.status == str(FCV.EventOptedOut):
            return
        if found.status not in OPEN_EVENTS or campaign.status not in (SCHEDULED, ONGOING, PAUSED):
            raise CampaignError(
                f"{event} is {_name(found.status)} (its campaign {_name(campaign.status)}), so nobody can opt out of it any more; nothing needs to be done"
            )
        change = Change()
        self._leave(change, campaign, found, at, reason)
        if campaign.status != PAUSED:  # then nobody is called; who is missing is seen at its end
            self._replace(change, campaign, max(at, known or at), cause=found.iri, gone={found.iri})
        self._commit(change)

    def _event(self, event: str) -> tuple[Campaign, Event]:
        rows = queries.rows(self._store, queries.load("optimiser", "event_boxes"), event=event)
        if not rows:
            raise CampaignError(f"there is no event {event}; events are named event/{{campaign}}-{{site}}, see the operator's page")
        campaign = records.one_campaign(self._store, rows[0]["campaign"])
        return campaign, next(one for one in records.events(self._store, campaign.iri) if one.iri == event)

    def _leave(self, change: Change, campaign: Campaign, event: Event, at: datetime, reason: str) -> None:
        change.insert += statements.opt_out(self._iris, event, at, REASONS[reason])
        change.move(event.graph, event.iri, event.status, str(FCV.EventOptedOut))
        self._release(change, campaign, event, at)
        for one in records.instructions(self._store, campaign.iri):
            if one.event == event.iri and one.status in LIVE_INSTRUCTIONS:
                change.move(one.graph, one.iri, one.status, str(S4ENER.Aborted), of=_SEND_STATUS)
                change.revoke(one, at)

    @staticmethod
    def _release(change: Change, campaign: Campaign, event: Event, at: datetime) -> None:
        """Release an event that has begun: the slot that holds `at` doesn't count any more."""
        begun = event.activated
        if begun is None and event.status in LIVE_EVENTS and event.start <= at and campaign.status != PAUSED:
            begun = event.start
            change.insert += statements.activate(event, begun)
        if begun is not None:
            change.insert += statements.release(event, max(campaign.slot(at), begun))

    def _replace(
        self, change: Change, campaign: Campaign, at: datetime, *, cause: str, gone: set[str], made: Sequence[Instruction] = ()
    ) -> None:
        """Fill what is missing from the next slot on: first by those who stand by, then by others whose notice still fits.

        `gone` are events and instructions that this change ends, whatever the graph still says of them; `made` are instructions of this
        change that the graph doesn't know yet.
        """
        start = max(campaign.next_slot(at), campaign.start)
        events = records.events(self._store, campaign.iri)
        missing = self._missing(campaign, events, start, gone, made)
        if not missing.size or missing.max() < WORTH_REPLACING_KW:
            return
        standby = {event.site for event in events if event.status == str(FCV.EventStandby) and event.iri not in gone}
        taken = {event.site for event in events} - standby
        found = planning.candidates(
            self._store, self._iris, campaign, start, at, [event for event in events if event.site in standby], taken
        )
        first = self._plan([one for one in found if one.site in standby], campaign, missing)
        second = self._plan(
            [one for one in found if one.site not in standby],
            campaign,
            np.where(first.shortfall_kw < WORTH_REPLACING_KW, 0.0, first.shortfall_kw),
        )
        run = self._iris.id("run", f"redispatch-{self._iris.key(cause)}")
        shares = [*first.shares, *second.shares]
        change.insert += provenance.activity(
            self._iris, self._market, run, at=at, used=[campaign.iri, cause, *statements.sources(shares)], on_behalf_of=campaign.cooperative
        )
        change.insert += describe(
            self._market, run, {RDFS.comment: Lang(_repair(campaign, cause, start, missing, shares, second.shortfall_kw))}
        )
        by_site = {event.site: event for event in events}
        for share in shares:
            self._call(change, campaign, share, by_site.get(share.candidate.site), start, at)
        for part in (first, second):
            self._instruct(change, campaign, part, start, at, run)

    def _plan(self, candidates: list[Candidate], campaign: Campaign, target_kw: Floats) -> Plan:
        return planning.plan(candidates, target_kw, campaign.step, float(campaign.price), self._limits, explain=False)

    def _call(self, change: Change, campaign: Campaign, share: planning.Share, event: Event | None, start: datetime, at: datetime) -> None:
        begin, end = start + share.first * campaign.step, start + share.last * campaign.step
        if event is None:
            change.insert += statements.event(
                self._iris, campaign, share, (begin, end), role=str(FCV.Backup), status=str(FCV.EventActive), notified=at, activated=begin
            )
        else:
            change.move(event.graph, event.iri, event.status, str(FCV.EventActive))
            change.insert += statements.activate(event, begin)

    def _missing(
        self, campaign: Campaign, events: list[Event], start: datetime, gone: set[str], made: Sequence[Instruction] = ()
    ) -> Floats:
        """What is asked for and not instructed, from a slot to the end [kW]."""
        live = {event.iri for event in events if event.status in LIVE_EVENTS and event.iri not in gone}
        told = np.zeros_like(campaign.asked_kw)
        for one in (*records.instructions(self._store, campaign.iri), *made):
            if one.event in live and one.status in LIVE_INSTRUCTIONS and one.iri not in gone:
                first = (one.start - campaign.start) // campaign.step
                told[first : first + len(one.reduction_kw)] += one.reduction_kw
        left = (campaign.asked_kw - told).clip(min=0.0)[(start - campaign.start) // campaign.step :]
        return np.where(left < WORTH_REPLACING_KW, 0.0, left).round(4)

    @_one_at_a_time
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
        when = _time(osb, payload, at)
        if "optOut" in payload:
            self._report_opt_out(osb, str(payload["optOut"]), when, str(payload.get("reason", "MemberChoice")), at)
        elif "instruction" in payload:
            self._report_status(osb, str(payload["instruction"]), str(payload.get("status")), str(payload.get("reason") or ""), when, at)
        else:
            raise ReportError(
                f"{osb} reports {sorted(payload)}, which names neither an instruction nor an optOut; send one of the forms in docs/data-model.md §4"
            )

    def _report_opt_out(self, osb: str, event: str, when: datetime, reason: str, at: datetime) -> None:
        self._require_own(osb, event, "event_boxes", "event")
        if reason not in REASONS:
            raise ReportError(f"{osb} opts out of {event} for {reason!r}; give one of {', '.join(sorted(REASONS))}")
        _, found = self._event(event)
        if found.status in OPEN_EVENTS:
            self.opt_out(event, when, reason, known=at)

    def _report_status(self, osb: str, instruction: str, status: str, said: str, when: datetime, at: datetime) -> None:
        row = self._require_own(osb, instruction, "instruction_boxes", "instruction")
        if status not in _REPORTED:
            raise ReportError(f"{osb} reports status {status!r} of {instruction}; give one of {', '.join(sorted(_REPORTED))}")
        before, after = row["status"], str(S4ENER[status])
        if _RANK[before] == _LAST_RANK or _RANK[after] <= _RANK[before]:
            return
        change = Change()
        change.move(row["graph"], instruction, before, after, of=_SEND_STATUS)
        if status == "Succeeded" and said:  # the window is over; whether the device kept its limit all the time is another matter
            change.insert += statements.remark(row["graph"], instruction, said)
        if status in ("Rejected", "Aborted"):
            self._without(change, row["campaign"], instruction, when, at, "DeviceOffline" if status == "Rejected" else "ManualOverride")
        self._commit(change)

    def _without(self, change: Change, campaign: str, instruction: str, when: datetime, at: datetime, reason: str) -> None:
        """Do without an instruction whose campaign still runs."""
        given = records.one_campaign(self._store, campaign)
        if given.status in (SCHEDULED, ONGOING):
            all_of = records.instructions(self._store, campaign)
            lost = next(each for each in all_of if each.iri == instruction)
            self._lose(change, given, lost, all_of, when, at, reason)

    def _lose(
        self, change: Change, campaign: Campaign, lost: Instruction, all_of: list[Instruction], when: datetime, at: datetime, reason: str
    ) -> None:
        """Do without an instruction; an event that has no other left is opted out of."""
        event = next(one for one in records.events(self._store, campaign.iri) if one.iri == lost.event)
        if event.status not in LIVE_EVENTS:
            return
        gone = {lost.iri}
        if not any(one.event == event.iri and one.iri != lost.iri and one.status in LIVE_INSTRUCTIONS for one in all_of):
            change.insert += statements.opt_out(self._iris, event, when, REASONS[reason])
            change.move(event.graph, event.iri, event.status, str(FCV.EventOptedOut))
            self._release(change, campaign, event, when)
            gone.add(event.iri)
        self._replace(change, campaign, max(when, at), cause=lost.iri, gone=gone)

    def _require_own(self, osb: str, thing: str, query: str, name: str) -> dict[str, Any]:
        try:
            rows = queries.rows(self._store, queries.load("optimiser", query), [{name: thing}])
        except ValueError as error:
            raise ReportError(f"{osb} reports on {thing!r}, which is no IRI ({error}); send the one from the dispatch message") from error
        own = [row for row in rows if row.get("identifier") == osb]
        if not own:
            raise ReportError(f"{osb} reports on {thing}, which isn't one of its own; a box reports only on what it was told itself")
        return own[0]

    @_one_at_a_time
    def advance(self, now: datetime) -> None:
        """Bring every campaign up to date: start, replace who is offline, finish, and send again what nobody acknowledged."""
        for campaign in records.campaigns(self._store):
            if campaign.status in (SCHEDULED, ONGOING):
                self._advance(campaign, now)
            elif campaign.status == PAUSED and campaign.end <= now:
                self._commit(self._over(campaign))
            elif campaign.status in (PAUSED, ABORTED) and now < campaign.end:
                self._commit(self._again(campaign, now))

    def _advance(self, campaign: Campaign, now: datetime) -> None:
        if campaign.start <= now < campaign.end:
            self._commit(self._begun(campaign, now))
            for event in self._offline(campaign, now):
                LOG.warning("%s acknowledged nothing by %s, so others take its place", event, instant(now))
                self.opt_out(event, now, "DeviceOffline")
        elif campaign.end <= now:
            self._commit(self._over(campaign))
            return
        self._commit(self._again(campaign, now))

    def _begun(self, campaign: Campaign, now: datetime) -> Change:
        change = Change()
        change.move(self._market, campaign.iri, campaign.status, ONGOING)
        ends = self._ends(campaign)
        for event in records.events(self._store, campaign.iri):
            status = event.status
            if status == str(FCV.EventScheduled) and event.start <= now:
                change.insert += statements.activate(event, event.start)
                status = str(FCV.EventActive)
            if status == str(FCV.EventActive) and (end := ends.get(event.iri, event.end)) <= now:
                change.insert += statements.release(event, end)
                status = str(FCV.EventCompleted)
            change.move(event.graph, event.iri, event.status, status)
        return change

    def _over(self, campaign: Campaign) -> Change:
        change = Change()
        change.move(self._market, campaign.iri, campaign.status, FINISHED)
        ends = self._ends(campaign)
        stopped = campaign.slot(records.pauses(self._store, campaign.iri)[-1].paused) if campaign.status == PAUSED else campaign.end
        for event in records.events(self._store, campaign.iri):
            if campaign.status == PAUSED and event.status in LIVE_EVENTS:
                self._stop(change, event, min(stopped, ends.get(event.iri, event.end)))
            elif event.status in LIVE_EVENTS:
                if event.activated is None:
                    change.insert += statements.activate(event, event.start)
                change.insert += statements.release(event, ends.get(event.iri, event.end))
                change.move(event.graph, event.iri, event.status, str(FCV.EventCompleted))
            elif event.status == str(FCV.EventStandby):
                change.move(event.graph, event.iri, event.status, str(FCV.EventCancelled))
        return change

    @staticmethod
    def _stop(change: Change, event: Event, at: datetime) -> None:
        """End an event that a pause has held since `at`: completed as far as it went, cancelled where it never began."""
        if event.activated is None:
            change.move(event.graph, event.iri, event.status, str(FCV.EventCancelled))
        else:
            change.insert += statements.release(event, max(at, event.activated))
            change.move(event.graph, event.iri, event.status, str(FCV.EventCompleted))

    def _ends(self, campaign: Campaign) -> dict[str, datetime]:
        """When each event's last instruction ends."""
        ends: dict[str, datetime] = {}
        for one in records.instructions(self._store, campaign.iri):
            ends[one.event] = max(one.end, ends.get(one.event, one.end))
        return ends

    def _offline(self, campaign: Campaign, now: datetime) -> list[str]:
        """Events that should deliver for a slot already, and whose box has acknowledged nothing."""
        of: dict[str, list[Instruction]] = {}
        for one in records.instructions(self._store, campaign.iri):
            if one.status != str(S4ENER.Revoked):  # of before a pause
                of.setdefault(one.event, []).append(one)
        return [
            event.iri
            for event in records.events(self._store, campaign.iri)
            if event.status == str(FCV.EventActive)
            and (own := of.get(event.iri))
            and all(one.status == str(S4ENER.New) for one in own)
            and min(one.start for one in own) + campaign.step <= now
        ]

    def _again(self, campaign: Campaign, now: datetime) -> Change:
        """Messages that may have been lost: instructions without an answer, and the end of those that were taken back."""
        change = Change()
        for one in records.instructions(self._store, campaign.iri):
            if one.status in (str(S4ENER.Aborted), str(S4ENER.Revoked)) and now < one.end:
                change.revoke(one, now)
            elif one.status == str(S4ENER.New) and now < one.not_after:
                change.dispatch(one)
        return change

    @_one_at_a_time
    def pause(self, campaign: str, at: datetime) -> None:
        """Let a campaign rest: every home goes back to normal, and nobody is called, until it is resumed. Pausing twice changes nothing.

        S2 and OpenADR know no pause: instructions are revoked (S2: `RevokeObject`), and resuming sends others for what is left. The slots
        that a pause touches are neither asked for nor delivered; members stay in the campaign, and may opt out of it meanwhile.

        Raises
        ------
        CampaignError
            If there is no such campaign, or it is not scheduled or under way.
        """
        given = records.one_campaign(self._store, campaign)
        if given.status == PAUSED:
            return
        if PAUSED not in TRANSITIONS[given.status] or given.end <= at:
            raise CampaignError(
                f"{campaign} is {_name(given.status)}, so there is nothing to pause; only what is scheduled or under way can be"
            )
        if given.start <= at:
            self._commit(self._begun(given, at))  # what began since the last round has begun
            given = records.one_campaign(self._store, campaign)
        number = len(records.pauses(self._store, campaign)) + 1
        change = Change()
        change.move(self._market, given.iri, given.status, PAUSED)
        change.insert += statements.pause(self._market, given.iri, number, at)
        change.insert += self._run(given, f"pause-{self._iris.key(campaign)}-{number}", at)
        for one in records.instructions(self._store, campaign):
            if one.status in LIVE_INSTRUCTIONS and at < one.end:
                change.move(one.graph, one.iri, one.status, str(S4ENER.Revoked), of=_SEND_STATUS)
                change.revoke(one, at)
        self._commit(change)

    def _run(self, campaign: Campaign, key: str, at: datetime) -> list[Quad]:
        run = self._iris.id("run", key)
        return provenance.activity(self._iris, self._market, run, at=at, used=[campaign.iri], on_behalf_of=campaign.cooperative)

    @_one_at_a_time
    def resume(self, campaign: str, at: datetime) -> None:
        """Let a paused campaign go on: what is left of the instructions is sent anew from the next slot on, and who left is replaced.

        Resuming what is not paused changes nothing.

        Raises
        ------
        CampaignError
            If there is no such campaign, or it is over.
        """
        given = records.one_campaign(self._store, campaign)
        if given.status in (SCHEDULED, ONGOING):
            return
        if given.status != PAUSED or given.end <= at:
            raise CampaignError(
                f"{campaign} is {_name(given.status)} and ends at {instant(given.end)}, so it can't go on; ask for a new campaign"
            )
        pauses = records.pauses(self._store, campaign)
        last, start = pauses[-1], max(given.next_slot(at), given.start)
        change = Change()
        change.move(self._market, given.iri, given.status, ONGOING if given.start <= at else SCHEDULED)
        change.insert += describe(self._market, last.iri, {FC.resumedAt: at})
        name = f"resume-{self._iris.key(campaign)}-{len(pauses)}"
        change.insert += self._run(given, name, at)
        made, gone = self._go_on(change, given, last, start, at, self._iris.id("run", name))
        self._replace(change, given, at, cause=self._iris.id("run", name), gone=gone, made=made)
        self._commit(change)

    def _go_on(
        self, change: Change, campaign: Campaign, pause: Pause, start: datetime, at: datetime, run: str
    ) -> tuple[list[Instruction], set[str]]:
        """Take up the events that still have something to do from a slot on, and end the others where the pause began.

        Returns the instructions made, and the events that ended.
        """
        told = records.instructions(self._store, campaign.iri)
        numbers: dict[str, int] = {}
        for one in told:
            numbers[one.der] = numbers.get(one.der, 0) + 1
        ends, made, gone = self._ends(campaign), [], set()
        for event in records.events(self._store, campaign.iri):
            if event.status not in LIVE_EVENTS:
                continue
            held = [
                one
                for one in told
                if one.event == event.iri and one.status == str(S4ENER.Revoked) and start < one.end and _is_last(one, told)
            ]
            for one in held:
                numbers[one.der] += 1
                quads, anew = statements.again(self._iris, campaign, one, start, number=numbers[one.der], at=at, run=run)
                change.insert += quads
                change.dispatch(anew)
                made.append(anew)
            if not held:
                self._stop(change, event, min(campaign.slot(pause.paused), ends.get(event.iri, event.end)))
                gone.add(event.iri)
            elif event.activated is None and event.start <= start and campaign.start <= at:
                change.insert += statements.activate(event, start)
                change.move(event.graph, event.iri, event.status, str(FCV.EventActive))
        return made, gone

    @_one_at_a_time
    def abort(self, campaign: str, at: datetime) -> None:
        """Stop a campaign: revoke every instruction, release who was delivering, cancel the rest. Stopping twice changes nothing.

        Raises
        ------
        CampaignError
            If there is no such campaign, or it is over.
        """
        given = records.one_campaign(self._store, campaign)
        if given.status == ABORTED:
            return
        if ABORTED not in TRANSITIONS[given.status]:
            raise CampaignError(f"{campaign} is {_name(given.status)} and can't be stopped any more; nothing needs to be done")
        change = Change()
        change.move(self._market, given.iri, given.status, ABORTED)
        for event in records.events(self._store, campaign):
            if event.status in OPEN_EVENTS:
                self._release(change, given, event, at)
                change.move(event.graph, event.iri, event.status, str(FCV.EventCancelled))
        for one in records.instructions(self._store, campaign):
            if one.status in LIVE_INSTRUCTIONS:
                change.move(one.graph, one.iri, one.status, str(S4ENER.Revoked), of=_SEND_STATUS)
                change.revoke(one, at)
        self._commit(change)

    def _commit(self, change: Change) -> None:
        if change.delete or change.insert:
            self._store.apply(delete=change.delete, insert=change.insert)
        for identifier, message in change.messages:
            self._send(identifier, message)


def _is_last(told: Instruction, all_of: list[Instruction]) -> bool:
    """Tell whether no later instruction of the same event to the same device has taken an instruction's place."""
    return not any(one.event == told.event and one.der == told.der and _number(one) > _number(told) for one in all_of)


def _number(instruction: Instruction) -> int:
    return int(instruction.iri.rsplit("-", 1)[1])


def _callable_in(campaign: Campaign, candidate: Candidate) -> tuple[datetime, datetime]:
    """The part of the window in which a backup may be called."""
    slots = np.flatnonzero(candidate.allowed)
    return campaign.start + int(slots[0]) * campaign.step, campaign.start + (int(slots[-1]) + 1) * campaign.step


def _time(osb: str, payload: Mapping[str, Any], at: datetime) -> datetime:
    """When a report's news happened; never later than it came."""
    try:
        when = datetime.fromisoformat(str(payload["at"]))
    except (KeyError, ValueError) as error:
        raise ReportError(
            f"{osb} reports without a readable time ({payload.get('at')!r}); give one like 2016-08-31T00:30:00Z (at)"
        ) from error
    if when.tzinfo is None:
        raise ReportError(f"{osb} reports at {payload['at']}, which has no offset; give one like 2016-08-31T00:30:00Z (at)")
    return min(when.astimezone(UTC), at)


def _name(status: str) -> str:
    return status.rsplit("/", 1)[-1].removeprefix("Campaign").removeprefix("Event").lower()


def _kwh(kw: Floats, campaign: Campaign) -> str:
    return plain(round(float(kw.sum()) * campaign.step.total_seconds() / 3600, 3))


def _account(campaign: Campaign, primary: Plan, backup: Plan, asked: int) -> str:
    """What the selection says of itself, for people."""
    told = (
        f"{_kwh(campaign.asked_kw, campaign)} kWh asked, {_kwh(primary.promised_kw(), campaign)} kWh promised by {len(primary.shares)} of {asked} sites, "
        f"{len(backup.shares)} stand by for {_kwh(backup.promised_kw(), campaign)} kWh"
    )
    if primary.shortfall_kw.any():
        told += f"; {_kwh(primary.shortfall_kw, campaign)} kWh are missing because of {', '.join(primary.binding)}"
    return told + f" (gap {primary.gap:.1%})" if primary.gap > 1e-3 else told


def _repair(campaign: Campaign, cause: str, start: datetime, missing: Floats, shares: list[planning.Share], left: Floats) -> str:
    told = f"After {cause}: {_kwh(missing, campaign)} kWh missing from {instant(start)} on, {len(shares)} site(s) called"
    return told + (f", {_kwh(left, campaign)} kWh can't be replaced" if left.any() else "")
