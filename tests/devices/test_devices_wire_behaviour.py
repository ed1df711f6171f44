"""The physics of simulated devices: energy is the exact integral of power, commands have their effect."""

from dataclasses import replace
from decimal import Decimal

import pytest
from devices_wire import PROFILES

from devices.errors import ConfigError
from devices.simulators.wire import Faults, Simulated
from devices.simulators.wire.faults import NAMES
from mappers.kinds import iri

METER, PV, EV, BATTERY = (PROFILES[id] for id in ("eastron_sdm630", "sunspec_pv-inverter", "ocpp_ev-charger", "sunspec_battery"))
HEAT_PUMP, PLUG = PROFILES["generic_sgready-heat-pump"], PROFILES["zigbee2mqtt_plug"]
QUARTER_S = 900


class Clock:
    def __init__(self) -> None:
        self.seconds = 1000.25

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def clock() -> Clock:
    return Clock()


def simulated(profile, power, clock, **more) -> Simulated:
    return Simulated(profile, power, clock, rated_kw=Decimal(22), **more)


def test_ninety_minutes_at_18_kw_are_27_kwh(clock):
    device = simulated(EV, lambda _: Decimal(18), clock, capacity_kwh=Decimal(100), state_of_charge=Decimal(10))
    clock.seconds += 90 * 60
    assert device.values()["consumedEnergy"] == 27_000
    assert device.values()["stateOfCharge"] == 37


def test_half_of_each_quarter_at_20_kw_is_10_kw_on_average(clock):
    device = simulated(METER, lambda second: Decimal(20) if second % QUARTER_S < QUARTER_S / 2 else Decimal(0), clock)
    read = []
    for _ in range(4):
        clock.seconds += QUARTER_S
        read.append(device.values()["importedEnergy"])
    assert read == [Decimal("2.5"), 5, Decimal("7.5"), 10]


def test_looking_more_often_changes_nothing(clock):
    power = lambda second: Decimal(second % 7) - 3  # noqa: E731
    often, once = simulated(METER, power, clock), simulated(METER, power, clock)
    for _ in range(700):
        clock.seconds += 0.37
        often.values()
    assert often.values() == once.values()
    assert often.values()["importedEnergy"] > 0
    assert often.values()["exportedEnergy"] > 0


def test_import_and_export_are_counted_apart(clock):
    device = simulated(METER, lambda second: Decimal(3) if second < 3600 else Decimal(-6), clock)
    clock.seconds += 7200
    assert (device.values()["importedEnergy"], device.values()["exportedEnergy"]) == (3, 6)


def test_a_limit_has_effect_from_the_moment_it_is_given(clock):
    device = simulated(PV, lambda _: Decimal(8), clock)
    clock.seconds += 1800.5
    device.obey("powerLimit", Decimal(2))
    clock.seconds += 1799.5
    assert device.values()["producedEnergy"] * 3600 == 1000 * (Decimal("1800.5") * 8 + Decimal("1799.5") * 2)
    assert device.values()["activePower"] == 2000


def test_a_full_battery_takes_no_more_and_an_empty_one_gives_none(clock):
    full = simulated(BATTERY, lambda _: Decimal(5), clock, capacity_kwh=Decimal(10), state_of_charge=Decimal(95))
    empty = simulated(BATTERY, lambda _: Decimal(-5), clock, capacity_kwh=Decimal(10), state_of_charge=Decimal(5))
    clock.seconds += 3600
    assert (full.values()["stateOfCharge"], full.values()["activePower"]) == (100, 0)
    assert (empty.values()["stateOfCharge"], empty.values()["activePower"]) == (0, 0)
    assert full.values()["consumedEnergy"] == pytest.approx(Decimal(500), abs=Decimal(2))  # the last second isn't cut


@pytest.mark.parametrize(("state", "kw"), [(1, "0"), (2, "5"), (3, "13.2"), (4, "22")])
def test_sg_ready_blocks_recommends_and_orders(clock, state, kw):
    device = simulated(HEAT_PUMP, lambda _: Decimal(5), clock)
    device.obey("sgReady", Decimal(state))
    assert device.power_kw == Decimal(kw)
    assert device.values()["sgReady"] == state


def test_a_plug_that_is_off_takes_nothing(clock):
    device = simulated(PLUG, lambda _: Decimal(1), clock)
    device.obey("switch", Decimal(0))
    assert (device.values()["activePower"], device.values()["switchState"]) == (0, 0)


def test_a_room_follows_its_set_point(clock):
    device = simulated(PROFILES["zigbee2mqtt_thermostat"], None, clock)
    device.obey("temperature", Decimal(22))
    clock.seconds += 600
    assert device.values()["airTemperature"] == Decimal("20.8")
    clock.seconds += 86_400
    assert device.values()["airTemperature"] == 22


@pytest.mark.parametrize("id", PROFILES)
def test_every_profile_has_a_usual_behaviour_for_every_point(id, clock):
    values = Simulated(PROFILES[id], clock=clock).values()
    assert values.keys() == {point.name for point in PROFILES[id].points}


@pytest.mark.parametrize("name", NAMES)
def test_every_fault_can_be_named_and_switched_off(name):
    faults = Faults()
    faults.named(name)
    assert faults != Faults()
    faults.none()
    assert faults == Faults()


def test_a_fault_that_there_is_not_is_refused():
    with pytest.raises(ConfigError, match="no fault 'fire'"):
        Faults().named("fire")


@pytest.mark.parametrize(
    ("id", "name", "unit", "value"),
    [
        ("zigbee2mqtt_thermostat", "airTemperature", "unit:K", "293.65"),
        ("zigbee2mqtt_thermostat", "airTemperature", "unit:DEG_F", "68.9"),
        ("sunspec_battery", "stateOfCharge", "unit:UNITLESS", "0.5"),
        ("zigbee2mqtt_plug", "switchState", "unit:PERCENT", "100"),
        ("zigbee2mqtt_plug", "activePower", "unit:MegaW", "0.0022"),
    ],
)
def test_a_device_says_its_values_in_its_own_units(id, name, unit, value, clock):
    """20.5 °C are 293.65 K and 68.9 °F, half full is a share of 0.5."""
    profile = PROFILES[id]
    points = tuple(replace(point, unit=iri(unit)) if point.name == name else point for point in profile.points)

    assert simulated(replace(profile, points=points), None, clock).values()[name] == Decimal(value)


def test_a_current_without_sign_is_no_less_than_zero_while_power_is_exported(clock):
    values = simulated(METER, lambda _: Decimal("-6.9"), clock).values()

    assert (values["activePower"], values["current1"]) == (-6900, 10)
