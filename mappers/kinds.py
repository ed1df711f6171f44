"""What a channel may be: units and signs of each kind, and of each command. Tables only; names are prefixed as in the bundled context.

Units of one quantity convert into each other; the first is the one that the platform stores (docs/data-model.md §1).
"""

from dataclasses import dataclass

from mappers.document import prefixes

QUANTITIES: dict[str, tuple[str, ...]] = {
    "power": ("unit:KiloW", "unit:W", "unit:MegaW"),
    "energy": ("unit:KiloW-HR", "unit:W-HR", "unit:MegaW-HR"),
    "temperature": ("unit:DEG_C", "unit:DEG_F", "unit:K"),
    "percentage": ("unit:PERCENT", "unit:UNITLESS"),
    "share": ("unit:UNITLESS", "unit:PERCENT"),
    "state": ("unit:UNITLESS",),
    "voltage": ("unit:V",),
    "current": ("unit:A",),
    "frequency": ("unit:HZ",),
    "irradiance": ("unit:W-PER-M2",),
}

_FLOW = ("fcv:ImportPositive", "fcv:ExportPositive", "fcv:ProductionPositive", "fcv:ConsumptionPositive")


@dataclass(frozen=True)
class Kind:
    """What may be said of a channel of this kind: the name of its quantity, and the sign conventions it can have."""

    quantity: str
    signs: tuple[str, ...]

    @property
    def units(self) -> tuple[str, ...]:
        """The units that a device may state, prefixed; the first is the channel's."""
        return QUANTITIES[self.quantity]


KINDS: dict[str, Kind] = {
    "fcv:ActivePower": Kind("power", ("fcv:ImportPositive", "fcv:ProductionPositive", "fcv:ConsumptionPositive")),
    "fcv:EnergyRegister": Kind("energy", _FLOW),
    "fcv:ActiveEnergy": Kind("energy", _FLOW),
    "fcv:StateOfCharge": Kind("percentage", ("fcv:Unsigned",)),
    "fcv:PluggedIn": Kind("share", ("fcv:Unsigned",)),
    "fcv:AirTemperature": Kind("temperature", ("fcv:Signed",)),
    "fcv:WaterTemperature": Kind("temperature", ("fcv:Signed",)),
    "fcv:TemperatureSetpoint": Kind("temperature", ("fcv:Signed",)),
    "fcv:RelativeHumidity": Kind("percentage", ("fcv:Unsigned",)),
    "fcv:Voltage": Kind("voltage", ("fcv:Unsigned",)),
    "fcv:Current": Kind("current", ("fcv:Signed", "fcv:Unsigned")),
    "fcv:Frequency": Kind("frequency", ("fcv:Unsigned",)),
    "fcv:Irradiance": Kind("irradiance", ("fcv:Unsigned",)),
    "fcv:SwitchState": Kind("share", ("fcv:Unsigned",)),
    "fcv:SGReadyState": Kind("state", ("fcv:Unsigned",)),
}

# whose property a point may be, and the signs of power and energy that make sense there (docs/data-model.md §1.2)
OWNERS: dict[str, tuple[str, ...]] = {
    "device": ("fcv:ConsumptionPositive", "fcv:ProductionPositive"),
    "connection": ("fcv:ImportPositive", "fcv:ExportPositive"),
    "site": ("fcv:ConsumptionPositive", "fcv:ProductionPositive"),
    "zone": (),
}

# what may be commanded, and the unit in which the box says it
COMMANDS: dict[str, str] = {
    "powerLimit": "unit:KiloW",
    "switch": "unit:UNITLESS",
    "sgReady": "unit:UNITLESS",
    "temperature": "unit:DEG_C",
}

RATINGS: dict[str, str] = {
    "ratedPower": "unit:KiloW",
    "storageCapacity": "unit:KiloW-HR",
    "roundTripEfficiency": "unit:UNITLESS",
    "minimumStateOfCharge": "unit:PERCENT",
    "chargingEfficiency": "unit:UNITLESS",
    "targetStateOfCharge": "unit:PERCENT",
    "coefficientOfPerformance": "unit:UNITLESS",
    "thermalResistance": "unit:K-PER-W",
    "thermalCapacitance": "unit:MegaJ-PER-K",
}

CLASSES = ("fc:PVSystem", "fc:BatterySystem", "fc:SmartMeter", "fc:SmartPlug", "fc:HeatPump", "fc:EVCharger", "fc:Thermostat")
CONTROL_TYPES = ("fcv:PEBC", "fcv:PPBC", "fcv:OMBC", "fcv:FRBC", "fcv:DDBC")


def iri(name: str) -> str:
    """Write a prefixed name of these tables whole: `iri("unit:KiloW")`."""
    prefix, _, rest = name.partition(":")
    return prefixes()[prefix] + rest


def short(term: str) -> str:
    """A whole IRI as these tables write it; an IRI of no known vocabulary stays as it is."""
    return next((f"{prefix}:{term.removeprefix(whole)}" for prefix, whole in prefixes().items() if term.startswith(whole)), term)
