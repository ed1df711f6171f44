"""Parts of homes in campaigns, made by hand: 30 August 2016, 18:00 to 20:00 in Los Angeles, planned the day before."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from notices.events import Part
from ontology.names import FCV

BASE = "http://127.0.0.1:8080"
START, END = datetime(2016, 8, 31, 1, tzinfo=UTC), datetime(2016, 8, 31, 3, tzinfo=UTC)
PLANNED_AT = START - timedelta(hours=6)
HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)


def part(**change: object) -> Part:
    """A primary that is scheduled, with an hour's notice promised."""
    plain = Part(
        event=f"{BASE}/id/event/c1-h01",
        member=f"{BASE}/id/member/h01",
        campaign=f"{BASE}/id/campaign/c1",
        site=f"{BASE}/id/site/h01",
        contract=f"{BASE}/id/contract/h01/r1",
        zone="America/Los_Angeles",
        campaign_status=str(FCV.CampaignScheduled),
        role=str(FCV.Primary),
        status=str(FCV.EventScheduled),
        start=START,
        end=END,
        notified=PLANNED_AT,
        min_notice=HOUR,
    )
    return replace(plain, **change)  # type: ignore[arg-type]


def standby(**change: object) -> Part:
    """A backup that may be called."""
    return part(role=str(FCV.Backup), status=str(FCV.EventStandby), **change)


def called(**change: object) -> Part:
    """A backup that takes another's place from 18:45 on."""
    usual = {"role": str(FCV.Backup), "status": str(FCV.EventActive), "campaign_status": str(FCV.CampaignOngoing)}
    return part(**({**usual, "activated": START + 45 * MINUTE} | change))


def cancelled(**change: object) -> Part:
    """What a campaign that was stopped leaves."""
    return part(status=str(FCV.EventCancelled), campaign_status=str(FCV.CampaignAborted), **change)


def settled(**change: object) -> Part:
    """What it was worth."""
    return part(
        status=str(FCV.EventCompleted),
        campaign_status=str(FCV.CampaignSettled),
        activated=START,
        released=END,
        delivered_kwh=Decimal("4.1"),
        earned_eur=Decimal("1.03"),
        **change,
    )
