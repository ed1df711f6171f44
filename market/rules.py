"""The rules of a contract, each a pure function: dispatch asks before an activation, settlement after it.

An activation is `[start, end)`. Dates, windows and whole-day periods are local to the site, so that a day of 92 or 100 quarter-hours
is one day.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

from kg.terms import duration, plain
from market.contracts import Contract
from ontology.names import FCV

DAY = timedelta(days=1)
_SLACK_KW = 1e-6  # rounding of a sum of floats, not a licence


@dataclass(frozen=True)
class Breach:
    """A rule of the contract that an activation breaks, and the sentence that says how."""

    rule: str
    sentence: str


def breaches(
    contract: Contract,
    *,
    start: datetime,
    end: datetime,
    kw: float,
    notified: datetime,
    site_zone: str,
    earlier_activations: Sequence[datetime] = (),
    direction: str = str(FCV.LoadReduction),
) -> list[Breach]:
    """List the rules that an activation would break.

    Parameters
    ----------
    contract
        The contract revision.
    start, end
        The activation, UTC, half-open.
    kw
        The most power by which the site's load is changed in it [kW, ≥ 0].
    notified
        When the member was told.
    site_zone
        IANA zone of the site.
    earlier_activations
        Starts of the site's other activations, in any order, earlier or later.
    direction
        IRI of the direction that is asked for.

    Returns
    -------
    list of Breach
        In the order direction, validity, window, duration, capacity, notice, frequency; empty if the contract allows it.
    """
    zone = ZoneInfo(site_zone)
    found = [
        _direction(contract, direction),
        _validity(contract, start, end, zone),
        _window(contract, start, end, zone),
        _min_duration(contract, end - start),
        _max_duration(contract, end - start),
        _capacity(contract, kw),
        _notice(contract, start, notified),
        _frequency(contract, start, zone, earlier_activations),
    ]
    return [breach for breach in found if breach is not None]


def _direction(contract: Contract, direction: str) -> Breach | None:
    if direction == contract.direction:
        return None
    asked, sold = (one.rsplit("/", 1)[-1] for one in (direction, contract.direction))
    return Breach("direction", f"{contract.iri} sells {sold}, but {asked} is asked for; ask a member whose contract has that direction")


def _validity(contract: Contract, start: datetime, end: datetime, zone: ZoneInfo) -> Breach | None:
    first, last = start.astimezone(zone).date(), (end - timedelta(microseconds=1)).astimezone(zone).date()
    if contract.valid_from <= first and last <= contract.valid_to:
        return None
    return Breach(
        "validity",
        f"{contract.iri} holds from {contract.valid_from} to {contract.valid_to}, but the activation is on {first}; agree a contract for that day",
    )


def _window(contract: Contract, start: datetime, end: datetime, zone: ZoneInfo) -> Breach | None:
    if any(opens <= start and end <= closes for opens, closes in _windows(contract, start, zone)):
        return None
    local_start, local_end = start.astimezone(zone), end.astimezone(zone)
    return Breach(
        "window",
        f"{contract.iri} allows activations from {contract.window_start:%H:%M} to {contract.window_end:%H:%M} local time, "
        f"but this one runs from {local_start:%H:%M} to {local_end:%H:%M} ({zone.key}); choose slots inside the window",
    )


def _windows(contract: Contract, start: datetime, zone: ZoneInfo) -> list[tuple[datetime, datetime]]:
    """The window of the local day of `start` and of the day before (one that passes midnight), in UTC."""
    today = start.astimezone(zone).date()
    over_midnight = DAY if contract.window_end <= contract.window_start else timedelta()
    days = (today - DAY, today)
    # an ambiguous hour belongs to the window whole: it opens at its first passing and closes at its second
    return [(_utc(day, contract.window_start, zone, fold=0), _utc(day + over_midnight, contract.window_end, zone, fold=1)) for day in days]


def _utc(day: object, at: time, zone: ZoneInfo, fold: int) -> datetime:
    return datetime.combine(day, at, zone).replace(fold=fold).astimezone(UTC)  # type: ignore[arg-type]


def _min_duration(contract: Contract, length: timedelta) -> Breach | None:
    if length >= contract.min_duration:
        return None
    return Breach(
        "minimum duration",
        f"{contract.iri} allows no activation shorter than {duration(contract.min_duration)}, but this one lasts {duration(length)}; lengthen it",
    )


def _max_duration(contract: Contract, length: timedelta) -> Breach | None:
    if length <= contract.max_duration:
        return None
    return Breach(
        "maximum duration",
        f"{contract.iri} allows no activation longer than {duration(contract.max_duration)}, but this one lasts {duration(length)}; shorten it",
    )


def _capacity(contract: Contract, kw: float) -> Breach | None:
    if kw <= contract.capacity_kw + _SLACK_KW:
        return None
    return Breach(
        "capacity", f"{contract.iri} allows {plain(contract.capacity_kw)} kW, but {plain(round(kw, 4))} kW is asked for; ask for less"
    )


def _notice(contract: Contract, start: datetime, notified: datetime) -> Breach | None:
    if start - notified >= contract.min_notice:
        return None
    given = max(start - notified, timedelta())
    return Breach(
        "notice",
        f"{contract.iri} needs {duration(contract.min_notice)} notice, but {duration(given)} was given; start later or notify earlier",
    )


def _frequency(contract: Contract, start: datetime, zone: ZoneInfo, others: Sequence[datetime]) -> Breach | None:
    """Count in every period that holds the new activation, whether it begins with this or with an earlier one."""
    starts = [start, *others]
    heads = [one for one in starts if _within(one, start, contract.per_period, zone)]
    most = max(sum(_within(head, one, contract.per_period, zone) for one in starts) for head in heads)
    if most <= contract.max_activations:
        return None
    return Breach(
        "frequency",
        f"{contract.iri} allows {contract.max_activations} activation(s) per {duration(contract.per_period)}, but this would be number {most}; ask another member",
    )


def _within(head: datetime, one: datetime, period: timedelta, zone: ZoneInfo) -> bool:
    """Tell whether `one` lies in the period that begins with `head`; whole days are local calendar days."""
    if period % DAY:
        return timedelta() <= one - head < period
    between = one.astimezone(zone).date() - head.astimezone(zone).date()
    return timedelta() <= between < period
