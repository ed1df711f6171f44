"""Who delivers in a campaign and who stands by: chosen, looked at beforehand, written with the first instructions."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

import numpy as np

from kg.iris import Iris
from kg.store import Store
from kg.terms import instant
from market import requests
from ontology.names import FCV
from optimiser import dispatch, planning, records, sentences, statements
from optimiser.change import Change
from optimiser.errors import CampaignError
from optimiser.planning import Candidate, Plan
from optimiser.records import Campaign
from optimiser.solve import Limits
from optimiser.states import REQUESTED, SCHEDULED


@dataclass(frozen=True)
class Schedule:
    """What was agreed for a campaign: asked and promised [kW a slot], who delivers, who stands by, and the selection's own sentence."""

    campaign: str
    asked_kw: tuple[float, ...]
    promised_kw: tuple[float, ...]
    primaries: tuple[str, ...]
    backups: tuple[str, ...]
    sentence: str


def agreed(store: Store, campaign: str) -> Schedule:
    """Read what was agreed for a campaign."""
    given, events = records.one_campaign(store, campaign), records.events(store, campaign)
    return Schedule(
        campaign=given.iri,
        asked_kw=tuple(given.asked_kw.tolist()),
        promised_kw=tuple(given.promised_kw.tolist()) if given.promised_kw is not None else (),
        primaries=tuple(event.site for event in events if event.role == str(FCV.Primary)),
        backups=tuple(event.site for event in events if event.role == str(FCV.Backup)),
        sentence=given.sentence,
    )


class Scheduler:
    """Chooses among the sites that the graph knows.

    Parameters
    ----------
    reserve_share
        Part of the target that sites stand by for, beside those that deliver.
    limits
        When the solver stops.
    """

    def __init__(self, store: Store, iris: Iris, *, reserve_share: float, limits: Limits) -> None:
        self._store, self._iris, self._reserve, self._limits = store, iris, reserve_share, limits

    def preview(self, start: datetime, end: datetime, kw: float, price: Decimal, at: datetime) -> Schedule:
        """Say who would deliver and who would stand by in a campaign that nobody has asked for.

        Raises
        ------
        CampaignError
            If the window holds no slot.
        """
        slots = (end - start) // requests.STEP
        if not slots > 0:
            raise CampaignError(f"{instant(start)} to {instant(end)} holds no quarter-hour; give an end after the start")
        campaign = Campaign(
            iri=self._iris.id("campaign", "preview"),
            request=self._iris.id("request", "preview"),
            cooperative=requests.cooperative(self._store),
            status=REQUESTED,
            start=start,
            end=end,
            step=requests.STEP,
            asked_kw=np.full(slots, kw),
            price=price,
            direction=str(FCV.LoadReduction),
            promised_kw=None,
            sentence="",
        )
        primary, backup, candidates = self._pick(campaign, at)
        return Schedule(
            campaign=campaign.iri,
            asked_kw=tuple(campaign.asked_kw.tolist()),
            promised_kw=tuple(primary.promised_kw().tolist()),
            primaries=tuple(sorted({share.candidate.site for share in primary.shares})),
            backups=tuple(sorted({share.candidate.site for share in backup.shares})),
            sentence=sentences.selected(campaign, primary, backup, candidates),
        )

    def schedule(self, campaign: Campaign, at: datetime) -> Change:
        """Choose for a campaign that was asked for; write the promise and every part in it, and instruct those that deliver."""
        primary, backup, candidates = self._pick(campaign, at)
        market, run = self._iris.graph("market"), self._iris.id("run", f"select-{self._iris.key(campaign.iri)}")
        change = Change()
        change.move(market, campaign.iri, campaign.status, SCHEDULED)
        change.insert += statements.promise(market, campaign, primary.promised_kw())
        change.insert += statements.decision(
            self._iris,
            campaign,
            run,
            at,
            used=[campaign.request, *statements.sources([*primary.shares, *backup.shares])],
            generated=[campaign.iri],
            told=sentences.selected(campaign, primary, backup, candidates),
        )
        for share in primary.shares:
            window = (campaign.start + share.first * campaign.step, campaign.start + share.last * campaign.step)
            change.insert += statements.event(
                self._iris, campaign, share, window, role=str(FCV.Primary), status=str(FCV.EventScheduled), notified=at
            )
        for share in backup.shares:
            window = _callable_in(campaign, share.candidate)
            change.insert += statements.event(
                self._iris, campaign, share, window, role=str(FCV.Backup), status=str(FCV.EventStandby), notified=at
            )
        dispatch.instruct(self._store, self._iris, change, campaign, primary.shares, start=campaign.start, at=at, run=run)
        return change

    def _pick(self, campaign: Campaign, at: datetime) -> tuple[Plan, Plan, int]:
        """Choose who delivers and, among the others, who stands by; and count who could have been asked."""
        found = planning.candidates(self._store, self._iris, campaign, campaign.start, at, ())
        price = float(campaign.price)
        primary = planning.plan(found, campaign.asked_kw, campaign.step, price, self._limits)
        taken = {share.candidate.site for share in primary.shares}
        rest = [one for one in found if one.site not in taken]
        backup = planning.plan(rest, (campaign.asked_kw * self._reserve).round(4), campaign.step, price, self._limits, explain=False)
        return primary, backup, len(found)


def _callable_in(campaign: Campaign, candidate: Candidate) -> tuple[datetime, datetime]:
    """The part of the window in which a backup may be called."""
    slots = np.flatnonzero(candidate.allowed)
    return campaign.start + int(slots[0]) * campaign.step, campaign.start + (int(slots[-1]) + 1) * campaign.step
