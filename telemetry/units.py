"""Units of readings: which measure the same, and by how much they differ."""

from decimal import Decimal
from functools import cache
from typing import Any

import pint

from ontology.names import S4ENER, UNIT
from telemetry.days import canonical

_QUDT = str(UNIT.W).removesuffix("W")

# Unit IRI → how pint calls it. QUDT 3.1; the prices are SAREF4ENER's, QUDT has no unit of money per energy.
_PINT = {
    _QUDT + name: called
    for name, called in {
        "W": "watt",
        "KiloW": "kilowatt",
        "MegaW": "megawatt",
        "V-A": "apparent_watt",
        "KiloV-A": "kiloapparent_watt",
        "V-A_Reactive": "reactive_watt",
        "KiloV-A_Reactive": "kiloreactive_watt",
        "W-HR": "watt_hour",
        "KiloW-HR": "kilowatt_hour",
        "MegaW-HR": "megawatt_hour",
        "W-SEC": "watt_second",
        "J": "joule",
        "KiloJ": "kilojoule",
        "MegaJ": "megajoule",
        "GigaJ": "gigajoule",
        "V": "volt",
        "MilliV": "millivolt",
        "KiloV": "kilovolt",
        "A": "ampere",
        "MilliA": "milliampere",
        "HZ": "hertz",
        "MilliHZ": "millihertz",
        "KiloHZ": "kilohertz",
        "DEG_C": "degree_Celsius",
        "DEG_F": "degree_Fahrenheit",
        "K": "kelvin",
        "PERCENT": "percent",
        "PERCENT_RH": "percent",
        "UNITLESS": "dimensionless",
        "NUM": "dimensionless",
        "W-PER-M2": "watt / meter ** 2",
        "KiloW-PER-M2": "kilowatt / meter ** 2",
    }.items()
} | {str(S4ENER.EuroPerKilowattHour): "EUR / kilowatt_hour"}


@cache
def _registry() -> "pint.UnitRegistry[Any]":
    registry: pint.UnitRegistry[Any] = pint.UnitRegistry(non_int_type=Decimal)
    registry.define("EUR = [currency]")
    # A volt-ampere is no watt: pint would turn one into the other, so apparent and reactive power have dimensions of their own.
    registry.define("apparent_watt = [apparent_power]")
    registry.define("reactive_watt = [reactive_power]")
    return registry


@cache
def linear(given: str, wanted: str) -> tuple[Decimal, Decimal] | None:
    """Factor and offset that turn numbers in one unit (IRI) into another; `None` where the units don't measure the same."""
    if given not in _PINT or wanted not in _PINT:
        return None
    unit = _registry().Unit
    source, target = unit(_PINT[given]), unit(_PINT[wanted])
    if not source.is_compatible_with(target):
        return None
    zero, one = (Decimal(_registry().Quantity(Decimal(n), source).to(target).magnitude) for n in (0, 1))
    return one - zero, zero


def factor(given: str, wanted: str) -> float | None:
    """What a number in one unit (IRI) is multiplied with to be in another; `None` where the units don't measure the same."""
    found = linear(given, wanted)
    return None if found is None else float(found[0])


def convert(text: str, given: str, wanted: str) -> str:
    """Carry a decimal text from one unit (IRI) to another, exact to 12 decimals."""
    if given == wanted:
        return text
    found = linear(given, wanted)
    if found is None:
        raise ValueError(f"{short(given)} can't be converted to {short(wanted)}; send it in {short(wanted)}")
    return canonical(format(round(Decimal(text) * found[0] + found[1], 12), "f"))


def short(unit: str) -> str:
    """A unit as people write it: the last part of its IRI."""
    return unit.rsplit("/", 1)[-1].rsplit("#", 1)[-1]
