"""What a box asserts of itself, its devices and its channels, as JSON-LD (docs/data-model.md §3)."""

import json
from collections.abc import Iterator, Sequence
from hashlib import sha256
from typing import Any

from devices import config
from devices.channels import KILOWATT, PERCENT, SHARE, Channel
from devices.messages import Identity
from devices.outbox import Outgoing

KILOWATT_HOUR, KELVIN_PER_WATT, MEGAJOULE_PER_KELVIN = "unit:KiloW-HR", "unit:K-PER-W", "unit:MegaJ-PER-K"
MEGAJOULE_PER_KWH = 3.6

Node = dict[str, Any]


def of_home(me: Identity, home: config.Home, channels: Sequence[Channel]) -> Outgoing:
    """The announcement of a home's box."""
    nodes = [_box(me), *_meter(me, home), *_devices(me, home), *(_channel(channel) for channel in channels)]
    return message(me, nodes)


def of_feed(me: Identity, feed: config.Feed, channels: Sequence[Channel]) -> Outgoing:
    """The announcement of the feed gateway: a weather station and a tariff."""
    station = {"@id": f"station/{feed.station}", "@type": "fc:WeatherStation", "label": "Weather station"}
    tariff = {"@id": f"tariff/{feed.tariff}", "@type": "fc:Tariff", "label": "Tariff"}
    return message(me, [_box(me), station, tariff, *(_channel(channel) for channel in channels)])


def message(me: Identity, nodes: list[Node], *name: str) -> Outgoing:
    """Spell an announcement; the id names the content, so that the same announcement is the same message, unless it gets a name of its own."""
    digest = sha256(json.dumps(nodes, sort_keys=True).encode()).hexdigest()[:16]
    id = me.message_iri("announce", digest, *name)
    head = {"@id": id, "@type": "Message", "madeBy": f"osb/{me.key}"}
    body = {"@context": me.context(), "@graph": [head, *nodes]}
    return Outgoing(id, me.topic("announce"), json.dumps(body).encode())


def _box(me: Identity) -> Node:
    return {
        "@id": f"osb/{me.key}",
        "@type": "fc:OpenSmartBox",
        "label": f"OSB {me.key}",
        "identifier": me.osb,
        "manufacturer": "FLEXCoop",
        "model": "simulated OSB",
    }


def _meter(me: Identity, home: config.Home) -> Iterator[Node]:
    yield {
        "@id": f"device/{home.key}-meter",
        "@type": "fc:SmartMeter",
        "label": "Smart meter",
        "managedBy": f"osb/{me.key}",
        "observes": f"connection/{home.key}#activePower",
    }


def _devices(me: Identity, home: config.Home) -> Iterator[Node]:
    if home.pv:
        yield from _device(me, home, "pv", "fc:PVSystem", "PV system", "fcv:PEBC", {"RatedPower": (home.pv.rated_kw, KILOWATT)})
    if home.battery:
        yield from _device(me, home, "battery", "fc:BatterySystem", "Battery", "fcv:FRBC", _battery(home.battery))
    if home.ev:
        departure = {"departureTime": home.ev.departure.isoformat()}
        yield from _device(me, home, "ev", "fc:EVCharger", "EV charger", "fcv:FRBC", _ev(home.ev), departure)
    if home.heat_pump:
        controls = {"controls": f"zone/{home.key}-living#airTemperature"}
        yield from _device(me, home, "heatpump", "fc:HeatPump", "Heat pump", "fcv:FRBC", _heat_pump(home.heat_pump), controls)


def _battery(given: config.Battery) -> dict[str, tuple[float, str]]:
    return {
        "RatedPower": (given.rated_kw, KILOWATT),
        "StorageCapacity": (given.capacity_kwh, KILOWATT_HOUR),
        "RoundTripEfficiency": (given.round_trip_efficiency, SHARE),
        "MinimumStateOfCharge": (given.minimum_soc_percent, PERCENT),
    }


def _ev(given: config.ElectricVehicle) -> dict[str, tuple[float, str]]:
    return {
        "RatedPower": (given.rated_kw, KILOWATT),
        "StorageCapacity": (given.capacity_kwh, KILOWATT_HOUR),
        "ChargingEfficiency": (given.charging_efficiency, SHARE),
        "TargetStateOfCharge": (given.target_soc_percent, PERCENT),
    }


def _heat_pump(given: config.HeatPump) -> dict[str, tuple[float, str]]:
    return {
        "RatedPower": (given.rated_kw, KILOWATT),
        "CoefficientOfPerformance": (given.cop, SHARE),
        "ThermalResistance": (round(given.resistance_k_per_kw / 1000, 9), KELVIN_PER_WATT),
        "ThermalCapacitance": (round(given.capacitance_kwh_per_k * MEGAJOULE_PER_KWH, 6), MEGAJOULE_PER_KELVIN),
    }


def _device(
    me: Identity,
    home: config.Home,
    name: str,
    kind: str,
    label: str,
    control: str,
    ratings: dict[str, tuple[float, str]],
    more: Node | None = None,
) -> Iterator[Node]:
    path = f"device/{home.key}-{name}"
    rated = {rating: f"{path}#{rating[0].lower()}{rating[1:]}" for rating in ratings}
    yield {
        "@id": path,
        "@type": kind,
        "label": label,
        "locatedAt": f"site/{home.key}",
        "connectedVia": f"connection/{home.key}",
        "managedBy": f"osb/{me.key}",
        "controlType": control,
        "ratings": list(rated.values()),
    } | (more or {})
    for rating, (amount, unit) in ratings.items():
        yield {
            "@id": rated[rating],
            "@type": "saref:PropertyValue",
            "rates": f"fcv:{rating}",
            "amount": _number(amount),
            "measuredIn": unit,
        }


def _channel(channel: Channel) -> Node:
    return {
        "@id": channel.path,
        "@type": ["fc:Channel", "saref:PropertyOfInterest"],
        "propertyOf": channel.feature,
        "kind": channel.kind,
        "unit": channel.unit,
        "sign": channel.sign,
        "step": "PT15M",
        "minimum": _number(channel.minimum),
        "maximum": _number(channel.maximum),
    } | ({"spreadFrom": channel.spread_from} if channel.spread_from else {})


def _number(value: float) -> str:
    """A decimal without exponent, as text: JSON-LD processors rewrite bare numbers."""
    return f"{value:.9f}".rstrip("0").rstrip(".")
