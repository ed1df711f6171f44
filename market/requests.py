"""Requests for flexibility, and the campaign that answers one."""

import math
from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal

import orjson

from kg import queries
from kg.iris import Iris
from kg.store import Store
from kg.terms import Json, Lang, describe, instant, iri
from market.errors import RequestError
from ontology.names import FC, FCV, PROV, QUDT, RDF, RDFS, S4ENER, SAREF, UNIT

STEP = timedelta(minutes=15)


def create(
    store: Store,
    iris: Iris,
    key: str,
    *,
    start: datetime,
    end: datetime,
    kw: float | Sequence[float],
    price_eur_per_kwh: Decimal,
    requester: str,
    recipient: str | None = None,
    at: datetime,
    step: timedelta = STEP,
) -> str:
    """Write a request for a load reduction and its campaign in the state Requested, in one transaction; return the campaign's IRI.

    Creating the same request again changes nothing.

    Parameters
    ----------
    start, end
        UTC, whole slots, half-open.
    kw
        What is asked for in each slot [kW, ≥ 0]; one number for all slots.
    price_eur_per_kwh
        What the requester pays for delivered energy.
    requester, recipient
        IRIs of who asks and of the cooperative that is asked; without a recipient, the one cooperative of the registry.
    at
        When it was asked.

    Raises
    ------
    RequestError
        If the window is empty, past or off the grid, a figure is negative or no number, or the key names another request.
    """
    values = _values(start, end, step, kw)
    if start < at:
        raise RequestError(f"the request begins at {instant(start)}, before it is made ({instant(at)}); ask for a later window")
    if not price_eur_per_kwh.is_finite() or price_eur_per_kwh < 0:
        raise RequestError(
            f"the price is {price_eur_per_kwh} EUR/kWh; a request pays for a reduction, so give a finite price that isn't negative"
        )
    request, campaign = iris.id("request", key), iris.id("campaign", key)
    asked = {"start": start, "end": end, "values": values, "price": price_eur_per_kwh}
    known = queries.rows(store, queries.load("market", "requests"), request=request)
    if known:
        if any(known[0][name] != value for name, value in asked.items()):
            raise RequestError(f"{request} exists already and asks for something else; choose another key")
        return campaign
    asked_of = iri(recipient or cooperative(store))
    graph, hours = iris.graph("market"), (end - start) / timedelta(hours=1)
    quads = describe(
        graph,
        request,
        {
            RDF.type: FC.FlexibilityRequest,
            S4ENER.producedBy: iri(requester),
            S4ENER.hasRecipient: asked_of,
            S4ENER.hasCreationTime: at,
            FC.start: start,
            FC.end: end,
            FC.direction: FCV.LoadReduction,
            S4ENER.hasTemporalResolution: step,
            QUDT.hasUnit: UNIT.KiloW,
            FC.values: Json(values),
            FC.hasPrice: iri(f"{request}#price"),
        },
    )
    quads += describe(
        graph,
        f"{request}#price",
        {
            RDF.type: SAREF.PropertyValue,
            SAREF.isValueOfProperty: FCV.ActivationPrice,
            SAREF.hasValue: price_eur_per_kwh,
            SAREF.isMeasuredIn: S4ENER.EuroPerKilowattHour,
        },
    )
    quads += describe(
        graph,
        campaign,
        {
            RDF.type: FC.DRCampaign,
            RDFS.label: Lang(f"Load reduction for {hours:g} h from {instant(start)}"),
            FC.respondsTo: iri(request),
            PROV.wasAttributedTo: asked_of,
            S4ENER.hasCreationTime: at,
            FC.start: start,
            FC.end: end,
            FC.status: FCV.CampaignRequested,
        },
    )
    store.apply(insert=quads)
    return campaign


def cooperative(store: Store) -> str:
    """Find the one cooperative of this deployment.

    Raises
    ------
    RequestError
        If there is none or more than one.
    """
    found = [str(row["cooperative"]) for row in queries.rows(store, queries.load("market", "cooperatives"))]
    if len(found) != 1:
        raise RequestError(
            f"the registry has {len(found)} cooperatives ({', '.join(found)}), but one deployment is one cooperative; name the recipient"
        )
    return found[0]


def _values(start: datetime, end: datetime, step: timedelta, kw: float | Sequence[float]) -> str:
    if end <= start or (end - start) % step:
        raise RequestError(
            f"the request runs from {instant(start)} to {instant(end)}, which isn't a whole number of slots of {step}; choose slot boundaries"
        )
    if start.timestamp() % step.total_seconds():
        raise RequestError(f"the request begins at {instant(start)}, which isn't a slot boundary of {step}; choose one")
    slots = (end - start) // step
    values = [float(kw)] * slots if isinstance(kw, (int, float)) else [float(one) for one in kw]
    if len(values) != slots:
        raise RequestError(f"{len(values)} values are given for {slots} slots; give one number, or one for each slot")
    if not all(math.isfinite(one) and one >= 0 for one in values):
        raise RequestError(f"{values} kW is asked for; a reduction is a finite number that isn't negative")
    return orjson.dumps([round(one, 4) for one in values]).decode()
