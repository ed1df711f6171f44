"""Which channels a home and a feed have: the table of docs/data-model.md §3, as data."""

from dataclasses import dataclass

from devices import config

POWER, CHARGE, PLUGGED, TEMPERATURE = "fcv:ActivePower", "fcv:StateOfCharge", "fcv:PluggedIn", "fcv:AirTemperature"
IRRADIANCE, PRICE = "fcv:Irradiance", "fcv:EnergyPrice"
KILOWATT, PERCENT, SHARE, CELSIUS = "unit:KiloW", "unit:PERCENT", "unit:UNITLESS", "unit:DEG_C"
WATT_PER_M2, EURO_PER_KWH = "unit:W-PER-M2", "s4ener:EuroPerKilowattHour"
CONSUMPTION, PRODUCTION, IMPORT = "fcv:ConsumptionPositive", "fcv:ProductionPositive", "fcv:ImportPositive"
SIGNED, UNSIGNED = "fcv:Signed", "fcv:Unsigned"
HEADROOM = 1.01  # a meter may read a little above the plate


@dataclass(frozen=True, slots=True)
class Channel:
    """One channel: its path below `{BASE}/id/`, and what the box announces of it (terms in the bundled context's prefixes)."""

    path: str
    kind: str
    unit: str
    sign: str
    minimum: float
    maximum: float
    spread_from: str | None = None

    @property
    def feature(self) -> str:
        """What the channel is a property of: the path without its last part."""
        return self.path.partition("#")[0]


def of_home(home: config.Home, spread_from: str | None) -> tuple[Channel, ...]:
    """The channels of a home, in the order in which `HomeModel` gives their values."""
    connection, load = home.connection_limit_kw, home.load_limit_kw
    channels = [
        Channel(f"connection/{home.key}#activePower", POWER, KILOWATT, IMPORT, -connection, connection, spread_from),
        Channel(f"site/{home.key}#loadPower", POWER, KILOWATT, CONSUMPTION, 0.0, load, spread_from),
    ]
    device = f"device/{home.key}"
    if home.pv:
        most = round(home.pv.rated_kw * HEADROOM, 3)
        channels.append(Channel(f"{device}-pv#activePower", POWER, KILOWATT, PRODUCTION, 0.0, most, spread_from))
    if home.battery:
        most = round(home.battery.rated_kw * HEADROOM, 3)
        channels.append(Channel(f"{device}-battery#activePower", POWER, KILOWATT, CONSUMPTION, -most, most))
        channels.append(Channel(f"{device}-battery#stateOfCharge", CHARGE, PERCENT, UNSIGNED, 0.0, 100.0))
    if home.ev:
        most = round(home.ev.rated_kw * HEADROOM, 3)
        channels.append(Channel(f"{device}-ev#activePower", POWER, KILOWATT, CONSUMPTION, 0.0, most))
        channels.append(Channel(f"{device}-ev#stateOfCharge", CHARGE, PERCENT, UNSIGNED, 0.0, 100.0))
        channels.append(Channel(f"{device}-ev#plugged", PLUGGED, SHARE, UNSIGNED, 0.0, 1.0))
    if home.heat_pump:
        most = round(home.heat_pump.rated_kw * HEADROOM, 3)
        channels.append(Channel(f"{device}-heatpump#activePower", POWER, KILOWATT, CONSUMPTION, 0.0, most))
        channels.append(Channel(f"zone/{home.key}-living#airTemperature", TEMPERATURE, CELSIUS, SIGNED, -20.0, 60.0))
    return tuple(channels)


def of_feed(feed: config.Feed, spread_from: str | None) -> tuple[Channel, ...]:
    """The channels of the feed gateway, in the order in which `FeedModel` gives their values; a tariff is never spread."""
    station, tariff = f"station/{feed.station}", f"tariff/{feed.tariff}"
    return (
        Channel(f"{station}#airTemperature", TEMPERATURE, CELSIUS, SIGNED, -50.0, 60.0, spread_from),
        Channel(f"{station}#directIrradiance", IRRADIANCE, WATT_PER_M2, UNSIGNED, 0.0, 1500.0, spread_from),
        Channel(f"{station}#diffuseIrradiance", IRRADIANCE, WATT_PER_M2, UNSIGNED, 0.0, 1500.0, spread_from),
        Channel(f"{tariff}#energyPrice", PRICE, EURO_PER_KWH, SIGNED, -1.0, 10.0),
    )
