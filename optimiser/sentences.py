"""What a selection and a replacement say of themselves, for people."""

from datetime import datetime

from kg.terms import instant, plain
from optimiser.planning import Plan
from optimiser.records import Campaign
from optimiser.solve import Floats


def selected(campaign: Campaign, primary: Plan, backup: Plan, candidates: int) -> str:
    """Say how much is asked, promised and standing by, and why something is missing."""
    told = (
        f"{_kwh(campaign.asked_kw, campaign)} kWh asked, {_kwh(primary.promised_kw(), campaign)} kWh promised by {len(primary.shares)} of {candidates} sites, "
        f"{len(backup.shares)} stand by for {_kwh(backup.promised_kw(), campaign)} kWh"
    )
    if primary.shortfall_kw.any():
        told += f"; {_kwh(primary.shortfall_kw, campaign)} kWh are missing because of {', '.join(primary.binding)}"
    return told + f" (gap {primary.gap:.1%})" if primary.gap > 1e-3 else told


def replaced(campaign: Campaign, cause: str, start: datetime, missing: Floats, called: int, left: Floats) -> str:
    """Say how much was missing from when on, how many sites were called, and how much nobody could take over."""
    told = f"After {cause}: {_kwh(missing, campaign)} kWh missing from {instant(start)} on, {called} site(s) called"
    return told + (f", {_kwh(left, campaign)} kWh can't be replaced" if left.any() else "")


def _kwh(kw: Floats, campaign: Campaign) -> str:
    return plain(round(float(kw.sum()) * campaign.step.total_seconds() / 3600, 3))
