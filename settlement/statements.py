"""What a member is shown for one campaign, rebuilt from the graph alone: each figure, each step, and a check to the cent."""

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import numpy as np
import orjson

from kg import queries
from kg.iris import Iris
from kg.store import Store
from kg.terms import instant, plain
from settlement.errors import SettlementError
from settlement.findings import Finding
from settlement.remuneration import KWH, cents, energy, entitlement, weight
from telemetry.channels import Channels
from telemetry.readings import Readings

_Row = dict[str, Any]


@dataclass(frozen=True)
class Statement:
    """One member's payment for one campaign and everything behind it.

    Energies kWh, powers kW (import positive, one entry a slot from `start`, `None` where missing), money EUR. `baseline_days` and
    `event_days` are the IRIs of the days of readings. `pool_kwh` is what the portfolio delivered and `factor` what a member's own
    measurement was multiplied by, so that the shares add up. `lines` tell the calculation step by step; `digest` covers them.
    """

    campaign: str
    member: str
    event: str
    role: str
    start: datetime
    end: datetime
    notified: datetime | None
    contract: str
    contract_digest: str
    method: str
    baseline: str
    result: str
    remuneration: str
    step: timedelta
    baseline_kw: tuple[Decimal | None, ...]
    metered_kw: tuple[Decimal | None, ...]
    adjustment_kw: Decimal
    baseline_days: tuple[str, ...]
    event_days: tuple[str, ...]
    baseline_kwh: Decimal
    metered_kwh: Decimal
    measured_kwh: Decimal
    promised_kwh: Decimal
    delivered_kwh: Decimal
    lower: Decimal
    upper: Decimal
    confidence: Decimal
    pool_kwh: Decimal
    factor: Decimal
    price_eur_per_kwh: Decimal
    amount_eur: Decimal
    findings: tuple[Finding, ...]
    lines: tuple[str, ...]
    digest: str


def statement(store: Store, iris: Iris, campaign: str, member: str) -> Statement:
    """Build a member's statement for a settled campaign.

    Raises
    ------
    SettlementError
        If the campaign is not settled, or this member has no result in it.
    """
    found = queries.rows(store, queries.load("settlement", "statement"), campaign=campaign, member=member)
    if len(found) != 1:
        raise SettlementError(
            f"{member} has {len(found)} results in {campaign}, so there is no statement; see whether it was called and is settled"
        )
    row = found[0]
    behind = queries.rows(store, queries.load("settlement", "readings_behind_payment"), remuneration=row["remuneration"])
    said = queries.rows(store, queries.load("settlement", "findings"), campaign=campaign)
    findings = tuple(Finding(each["code"], each["sentence"]) for each in said if each["focus"] == row["result"])
    baseline_kw = _decimals(row["values"])
    metered_kw = _metered(store, iris, row, len(baseline_kw))
    lines = _lines(row, findings)
    return Statement(
        campaign=campaign,
        member=member,
        event=row["event"],
        role=row["role"],
        start=row["baseline_start"],
        end=row["baseline_start"] + row["step"] * len(baseline_kw),
        notified=row.get("notified"),
        contract=row["contract"],
        contract_digest=row["digest"],
        method=row["method"],
        baseline=row["baseline"],
        result=row["result"],
        remuneration=row["remuneration"],
        step=row["step"],
        baseline_kw=baseline_kw,
        metered_kw=metered_kw,
        adjustment_kw=row["adjustment"],
        baseline_days=tuple(each["day"] for each in behind if each["role"] == "baseline"),
        event_days=tuple(each["day"] for each in behind if each["role"] == "delivery"),
        baseline_kwh=row["baseline_kwh"],
        metered_kwh=row["metered_kwh"],
        measured_kwh=row["measured"],
        promised_kwh=row["promised"],
        delivered_kwh=row["delivered"],
        lower=row["lower"],
        upper=row["upper"],
        confidence=row["confidence"],
        pool_kwh=row["pool"],
        factor=row["factor"],
        price_eur_per_kwh=row["price"],
        amount_eur=row["amount"],
        findings=findings,
        lines=lines,
        digest="sha256:" + hashlib.sha256("\n".join((member, row["remuneration"], *lines)).encode()).hexdigest(),
    )


def recompute(given: Statement) -> Decimal:
    """Compute the amount [EUR] again from the statement's parts: series to energies, energies to a share, the share to cents.

    Raises
    ------
    SettlementError
        If a step does not give what the graph holds, with both figures.
    """
    counted = [(b, m) for b, m in zip(given.baseline_kw, given.metered_kw, strict=True) if b is not None and m is not None]
    hours = given.step / timedelta(hours=1)
    if not _partial(given):
        _hold("baseline energy", energy(float(np.sum([float(b) for b, _ in counted])) * hours), given.baseline_kwh, given)
        _hold("metered energy", energy(float(np.sum([float(m) for _, m in counted])) * hours), given.metered_kwh, given)
    if given.baseline_kwh - given.metered_kwh != given.measured_kwh:
        _fail("measured reduction", given.baseline_kwh - given.metered_kwh, given.measured_kwh, given)
    _hold("share", entitlement(given.measured_kwh, given.promised_kwh, given.factor), given.delivered_kwh, given)
    return Decimal("0.00") if _unpaid(given) else cents(given.delivered_kwh, given.price_eur_per_kwh)


def _partial(given: Statement) -> bool:
    """A breach of the contract leaves slots out that have readings: the sums are then of fewer slots than the series."""
    return any(finding.code.endswith("/ContractBreach") for finding in given.findings)


def _unpaid(given: Statement) -> bool:
    refused = any(finding.code.endswith("/SignatureMismatch") for finding in given.findings)
    return given.amount_eur == 0 and (refused or _partial(given))


def _hold(what: str, again: Decimal, stored: Decimal, given: Statement) -> None:
    """Baselines are written to 0.1 W, so a sum of n slots may differ by n half units; shares are cut to 0.1 Wh."""
    if abs(again - stored) > KWH * max(1, len(given.baseline_kw)) / 2 + KWH:
        _fail(what, again, stored, given)


def _fail(what: str, again: Decimal, stored: Decimal, given: Statement) -> None:
    raise SettlementError(
        f"{given.result}: the {what} comes to {again} kWh, but the graph holds {stored} kWh; readings or results changed after settling"
    )


def _metered(store: Store, iris: Iris, row: _Row, slots: int) -> tuple[Decimal | None, ...]:
    """Read what the meter said in the baseline's slots."""
    readings = Readings(store, iris, Channels(store, iris))
    start, step = row["baseline_start"], row["step"]
    values = readings.frame([row["channel"]], start, start + step * slots, step)[row["channel"]].to_numpy()
    return tuple(None if np.isnan(value) else Decimal(plain(float(value))) for value in values)


def _decimals(text: str) -> tuple[Decimal | None, ...]:
    return tuple(None if value is None else Decimal(repr(value)) for value in orjson.loads(text))


def _lines(row: _Row, findings: tuple[Finding, ...]) -> tuple[str, ...]:
    """Tell the calculation, one line a step."""
    method, slots = row["method"].rsplit("/", 1)[-1], len(orjson.loads(row["values"]))
    own = weight(row["measured"], row["promised"])
    return (
        f"event {row['event']}: {instant(row['baseline_start'])} to {instant(row['baseline_start'] + row['step'] * slots)}, "
        f"contract {row['contract']} ({row['digest']})",
        f"baseline by {method}: {row['baseline_kwh']} kWh, with a same-day adjustment of {row['adjustment']} kW in each slot",
        f"metered: {row['metered_kwh']} kWh",
        f"measured reduction: {row['baseline_kwh']} − {row['metered_kwh']} = {row['measured']} kWh",
        f"counts for sharing: {own} kWh (not below zero, not above the {row['promised']} kWh that were instructed)",
        f"the portfolio delivered {row['pool']} kWh; own part × {row['factor']} = {row['delivered']} kWh delivered",
        f"in {row['confidence'] * 100:.0f} % of cases the true reduction lies between {row['lower']} and {row['upper']} kWh",
        f"{row['delivered']} kWh × {row['price']} EUR/kWh = {row['amount']} EUR, rounded once, half to even",
        *(finding.sentence for finding in findings),
    )
