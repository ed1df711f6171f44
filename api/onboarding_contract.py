"""The contract that a home is offered: usual terms, the text to read before, the signatures of both (docs/onboarding.md)."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from pyoxigraph import Quad

import shapes
from api.errors import NotFoundError
from api.guard import principal
from api.languages import _, language
from api.onboarding_state import Device, Home
from api.onboarding_writes import Entered, alone, apply, parties, tried
from api.present import number
from api.services import services
from forms.errors import UnreadableError
from forms.filled import decimal_of
from kg import queries
from market import contracts
from market.contracts import Contract, Terms
from market.errors import MarketError
from ontology.names import FC, FCV
from registry.edits import Delta
from registry.errors import RefusedEditError
from shapes import sentences

_LEAST_KW = Decimal("0.1")
_MINUTE = timedelta(minutes=1)


@dataclass(frozen=True)
class Offer:
    """What a form of an offer holds, understood."""

    covers: tuple[str, ...]
    first: date
    last: date
    terms: Terms


def exact(value: Decimal | float) -> str:
    """A number of a contract with all its decimals: nobody signs what was rounded."""
    places = Decimal(str(value)).normalize().as_tuple().exponent
    return number(value, max(2 if isinstance(value, Decimal) else 1, -int(places)))


def local_today(zone: str) -> date:
    """The day at the site."""
    return services().now().astimezone(ZoneInfo(zone)).date()


def usual(devices: Sequence[Device], zone: str) -> dict[str, Any]:
    """What the form offers at first: all that can reduce the home's load, for a year from today."""
    today = local_today(zone)
    flexible = [each for each in devices if each.available and each.can_be_called and each.type != str(FC.PVSystem)]
    kw = max(sum((Decimal(each.kw) for each in flexible if each.kw is not None), Decimal(0)), _LEAST_KW)
    sign = "." if language() == "en" else ","
    last = date(today.year + 1, today.month, min(today.day, 28)) - timedelta(days=1)
    return {
        "kw": f"{kw.quantize(_LEAST_KW)}".replace(".", sign),
        "price": "0.20".replace(".", sign),
        "longest": "120",
        "times": "1",
        "notice": "60",
        "start": "15:00",
        "end": "22:00",
        "first": today.isoformat(),
        "last": last.isoformat(),
        "covers": [each.iri for each in flexible],
    }


def as_agreed(contract: Contract) -> dict[str, Any]:
    """What the form offers where a contract is in force: its terms, from today on."""
    today, comma = local_today(contract.zone), language() != "en"

    def spelt(value: object) -> str:
        text = f"{Decimal(str(value)).normalize():f}"
        return text.replace(".", ",") if comma else text

    return {
        "kw": spelt(contract.capacity_kw),
        "price": spelt(contract.price_eur_per_kwh),
        "longest": str(contract.max_duration // _MINUTE),
        "times": str(contract.max_activations),
        "notice": str(contract.min_notice // _MINUTE),
        "start": f"{contract.window_start:%H:%M}",
        "end": f"{contract.window_end:%H:%M}",
        "first": max(today, contract.valid_from).isoformat(),
        "last": contract.valid_to.isoformat(),
        "covers": list(contract.covers),
    }


def understood(form: Mapping[str, str], covers: Iterable[str], devices: Sequence[Device]) -> tuple[Offer | None, Entered]:
    """Read a form of an offer."""
    found, values = Entered(), _Values(form)
    kw, price = values.number("kw"), values.number("price")
    longest, notice, times = values.whole("longest"), values.whole("notice"), values.whole("times")
    start, end = values.clock("start"), values.clock("end")
    first, last = values.day("first"), values.day("last")
    found.errors |= values.errors
    chosen = tuple(dict.fromkeys(covers))
    offered = {each.iri for each in devices if each.available and each.can_be_called}
    if not chosen:
        found.errors["covers"] = _("A contract covers at least one device; choose which.")
    elif not set(chosen) <= offered:
        found.errors["covers"] = _("Only devices of this home that its owner lets be called can be under contract; choose among them.")
    if "longest" not in found.errors and longest < 15:
        found.errors["longest"] = _("An event takes at least a quarter of an hour; write 15 minutes or more.")
    if not found.ok:
        return None, found
    terms = Terms(
        capacity_kw=float(kw),
        min_duration=timedelta(minutes=15),
        max_duration=timedelta(minutes=longest),
        max_activations=times,
        per_period=timedelta(days=1),
        min_notice=timedelta(minutes=notice),
        window_start=start,
        window_end=end,
        price_eur_per_kwh=price,
    )
    return Offer(chosen, first, last, terms), found


class _Values:
    """Reads inputs; gathers what is wrong."""

    def __init__(self, form: Mapping[str, str]) -> None:
        self._form = form
        self.errors: dict[str, str] = {}

    def number(self, name: str) -> Decimal:
        try:
            found = decimal_of(self._form.get(name, ""), language())
        except UnreadableError as error:
            self.errors[name] = error.sentence
            return Decimal(0)
        if found < 0 or found.as_tuple().exponent < -6:  # type: ignore[operator]
            self.errors[name] = _("Write a number from 0 upwards, with at most six decimals.")
        return found

    def whole(self, name: str) -> int:
        text = self._form.get(name, "").strip()
        if not (text.isascii() and text.isdigit() and len(text) <= 6):
            self.errors[name] = _("Write a whole number from 0 upwards.")
            return 0
        return int(text)

    def clock(self, name: str) -> time:
        try:
            return time.fromisoformat(self._form.get(name, "").strip()).replace(tzinfo=None)
        except ValueError:
            self.errors[name] = _("Write a time of day like 15:00.")
            return time(0)

    def day(self, name: str) -> date:
        return day_of(self._form.get(name, ""), name, self.errors)


def day_of(text: str, name: str, errors: dict[str, str]) -> date:
    """Read a day, or say what is wrong."""
    try:
        return date.fromisoformat(text.strip())
    except ValueError:
        errors[name] = _("Write a day like 2026-08-31.")
        return date.min


# --- what is written


def _drafted(home: Home, offer: Offer) -> list[Quad]:
    known = services()
    numbers = [int(contract.rpartition("/r")[2]) for contract in home.contracts if contract.rpartition("/r")[2].isdigit()]
    return contracts.draft(
        known.iris,
        home.member,
        buyer=parties(str(FC.Cooperative))[0][0],
        covers=offer.covers,
        valid_from=offer.first,
        valid_to=offer.last,
        baseline_method=str(FCV.TenOfTen),
        terms=offer.terms,
        revision=max(numbers, default=0) + 1,
        revision_of=next((contract for contract, status in sorted(home.contracts.items()) if status == contracts.ACTIVE), None),
    )


def previewed(home: Home, offer: Offer, zone: str) -> tuple[Contract | None, Entered]:
    """What the contract would be, without writing anything."""
    try:
        quads = _drafted(home, offer)
    except shapes.InvalidGraphError as error:
        return None, Entered(general=list(dict.fromkeys(sentences.for_people(each, language()) for each in error.findings)))
    contract = next(quad.subject.value for quad in quads if quad.object.value == str(FC.FlexibilityContract))  # type: ignore[union-attr]
    terms = offer.terms
    return Contract(
        iri=contract,
        member=home.member,
        buyer=parties(str(FC.Cooperative))[0][0],
        covers=offer.covers,
        valid_from=offer.first,
        valid_to=offer.last,
        status=contracts.DRAFT,
        baseline_method=str(FCV.TenOfTen),
        zone=zone,
        **vars(terms),
    ), Entered()


def offered(home: Home, offer: Offer) -> Entered:
    """Write the draft with the cooperative's signature: from then on the member can accept it; where a contract is in force, its revision."""
    if any(status == contracts.DRAFT for status in home.contracts.values()):
        return Entered(general=[_("An offer is waiting for the member's signature; withdraw it before you make another one.")])
    try:
        quads = _drafted(home, offer)
    except shapes.InvalidGraphError as error:
        return Entered(general=[sentences.for_people(each, language()) for each in error.findings])
    known = services()
    signed = contracts.countersigned(known.iris, quads, known.now())
    why = f"Onboarding: a contract was offered to member {home.key}, signed for the cooperative by {principal().key}"
    return tried(Delta(insert=frozenset(signed)), why)


def sign(contract: str, party: str, why: str) -> None:
    """Sign for one party, through the gate; with both signatures the contract is in force.

    Raises
    ------
    market.errors.MarketError
        As `market.contracts.sign` says.
    RefusedEditError
        As the gate says.
    """
    known = services()
    with alone():
        apply(contracts.sign(known.store, known.iris, contract, party, known.now()), why)


def end(contract: str, why: str) -> None:
    """End a contract, or take an offer back, through the gate.

    Raises
    ------
    market.errors.MarketError
        If it has ended already.
    """
    known = services()
    with alone():
        apply(contracts.end(known.store, known.iris, contract), why)


def of_member(key: str) -> list[Contract]:
    """All revisions of a member's contracts, the newest first, as far as they can be read."""
    known = services()
    graph = known.iris.graph("member", key, "contracts")
    rows = queries.rows(known.store, queries.load("api", "onboarding_contracts"), member=known.iris.id("member", key))
    named = [row["contract"] for row in rows if row["graph"] == graph]
    found = {each.iri: each for each in contracts.read_all(known.store, named)} if named else {}
    return [found[each] for each in sorted(named, key=_number, reverse=True)]


def _number(contract: str) -> int:
    number = contract.rpartition("/r")[2]
    return int(number) if number.isdigit() else 0


def contract_of(key: str, revision: str) -> Contract:
    """One revision of a member's contract.

    Raises
    ------
    NotFoundError
        If this member has no such revision.
    """
    wanted = services().iris.id("contract", key, revision)
    for each in of_member(key):
        if each.iri == wanted:
            return each
    raise NotFoundError(f"Member {key} has no contract revision {revision}")


def signed_by(contract: Contract, party: str) -> datetime | None:
    """When a party signed; nothing as long as it has not."""
    return next((each.at for each in contract.signatures if each.party == party), None)


REFUSALS = (MarketError, RefusedEditError)
