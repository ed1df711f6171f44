"""What a simulated device does physically: follows its power, obeys its commands, and counts its energy exactly.

Power is constant within a second (of the clock given), so that its integral has no error but the last digit of the register that shows
it. Signs are those of the profile's points; the power limit is "at most", in the sign of the device's activePower.
"""

from collections.abc import Callable, Mapping
from decimal import Decimal
from threading import Lock
from time import monotonic
from typing import Protocol

from mappers import kinds
from mappers.points import Point, Profile

STEP_S = 1
UNITS = {  # from our unit into the device's: factor, and what is added
    ("unit:KiloW", "unit:W"): (Decimal(1000), Decimal(0)),
    ("unit:KiloW", "unit:MegaW"): (Decimal("0.001"), Decimal(0)),
    ("unit:KiloW-HR", "unit:W-HR"): (Decimal(1000), Decimal(0)),
    ("unit:KiloW-HR", "unit:MegaW-HR"): (Decimal("0.001"), Decimal(0)),
    ("unit:DEG_C", "unit:K"): (Decimal(1), Decimal("273.15")),
    ("unit:DEG_C", "unit:DEG_F"): (Decimal("1.8"), Decimal(32)),
    ("unit:PERCENT", "unit:UNITLESS"): (Decimal("0.01"), Decimal(0)),
    ("unit:UNITLESS", "unit:PERCENT"): (Decimal(100), Decimal(0)),
}
AS_IT_IS = (Decimal(1), Decimal(0))
OUT = ("fcv:ProductionPositive", "fcv:ExportPositive")
VOLT, HERTZ, PHASES = Decimal(230), Decimal(50), 3
KELVIN_PER_S = Decimal("0.0005")  # 1.8 K an hour towards the set-point
RATED_KW, CAPACITY_KWH = Decimal(10), Decimal(20)
USUAL_SHARE = {"fc:PVSystem": "0.6", "fc:BatterySystem": "-0.2", "fc:HeatPump": "0.3", "fc:EVCharger": "1", "fc:SmartPlug": "0.1"}

Power = Callable[[int], Decimal]  # kW in each second since the start


class Behaviour(Protocol):
    """What stands behind a simulated device's registers or documents."""

    def values(self) -> Mapping[str, Decimal]:
        """The value of every point now, by its name, in the point's unit."""
        ...

    def obey(self, command: str, value: Decimal) -> None:
        """Take a set-point, in the command's unit."""
        ...


class Given:
    """Values as they are given; commands are noted in `obeyed`."""

    def __init__(self, values: Mapping[str, Decimal]) -> None:
        self.given = dict(values)
        self.obeyed: dict[str, Decimal] = {}

    def values(self) -> Mapping[str, Decimal]:
        """See `Behaviour.values`."""
        return self.given

    def obey(self, command: str, value: Decimal) -> None:
        """See `Behaviour.obey`."""
        self.obeyed[command] = value


class Simulated:
    """A device with a power of its own choice, within what it is allowed.

    Parameters
    ----------
    power
        What it would like to do in each second since the start [kW, in the sign of its activePower]; constant by its class if not given.
    clock
        Seconds, never going back.
    rated_kw, capacity_kwh, state_of_charge
        Its plate, and how full its battery is at the start [%].

    Attributes
    ----------
    commands
        The set-points that it obeys now, in the units of the commands.
    """

    def __init__(
        self,
        profile: Profile,
        power: Power | None = None,
        clock: Callable[[], float] = monotonic,
        *,
        rated_kw: Decimal = RATED_KW,
        capacity_kwh: Decimal = CAPACITY_KWH,
        state_of_charge: Decimal = Decimal(50),
    ) -> None:
        self._points = {point.name: point for point in profile.points}
        self._rated, self._capacity = rated_kw, capacity_kwh
        usual = Decimal(USUAL_SHARE.get(kinds.short(profile.device_class), "0.1")) * rated_kw
        self._power = power if power is not None else lambda _: usual
        self._clock, self._begin = clock, Decimal(str(clock()))
        self._at = Decimal(0)
        self.commands = {command.name: command.restore for command in profile.commands}
        self._sign = -1 if "activePower" in self._points and _goes_out(self._points["activePower"]) else 1
        self._charge_kwh = capacity_kwh * state_of_charge / 100
        self._has_battery = any(kinds.short(point.kind) == "fcv:StateOfCharge" for point in profile.points)
        self._kilojoules = {"in": Decimal(0), "out": Decimal(0)}
        self._room_c, self._water_c = Decimal("20.5"), Decimal(35)
        self._lock = Lock()

    def values(self) -> Mapping[str, Decimal]:
        """See `Behaviour.values`."""
        with self._lock:
            self._advance()
            return {name: _stated(point, self._value(point)) for name, point in self._points.items()}

    def obey(self, command: str, value: Decimal) -> None:
        """See `Behaviour.obey`; it has effect from this moment on."""
        with self._lock:
            self._advance()
            self.commands[command] = value

    @property
    def power_kw(self) -> Decimal:
        """What it does in this second, in the sign of its activePower."""
        wanted = min(max(self._power(int(self._at)), -self._rated), self._rated)
        wanted = min(wanted, self.commands.get("powerLimit", wanted))
        match int(self.commands.get("sgReady", 2)):
            case 1:
                wanted = Decimal(0)
            case 3:
                wanted = max(wanted, self._rated * Decimal("0.6"))
            case 4:
                wanted = self._rated
        if not self.commands.get("switch", 1):
            wanted = Decimal(0)
        full, empty = self._charge_kwh >= self._capacity, self._charge_kwh <= 0
        inward = wanted * self._sign
        return Decimal(0) if self._has_battery and ((full and inward > 0) or (empty and inward < 0)) else wanted

    def _advance(self) -> None:
        now = Decimal(str(self._clock())) - self._begin
        while self._at < now:
            until = min(self._at - self._at % STEP_S + STEP_S, now)
            span = until - self._at
            inward = self.power_kw * self._sign * span
            self._kilojoules["in" if inward > 0 else "out"] += abs(inward)
            self._charge_kwh = min(max(self._charge_kwh + inward / 3600, Decimal(0)), self._capacity)
            gap = self.commands.get("temperature", self._room_c) - self._room_c
            self._room_c += max(min(gap, KELVIN_PER_S * span), -KELVIN_PER_S * span)
            self._at = until

    def _value(self, point: Point) -> Decimal:
        power = self.power_kw
        match kinds.short(point.kind):
            case "fcv:ActivePower":
                return power
            case "fcv:EnergyRegister":
                return self._kilojoules["out" if _goes_out(point) else "in"] / 3600
            case "fcv:StateOfCharge":
                return 100 * self._charge_kwh / self._capacity
            case "fcv:Current":
                current = power * 1000 / PHASES / VOLT
                return abs(current) if kinds.short(point.sign) == "fcv:Unsigned" else current
            case "fcv:AirTemperature":
                return self._room_c
            case "fcv:TemperatureSetpoint":
                return self.commands.get("temperature", self._room_c)
            case "fcv:SwitchState":
                return self.commands.get("switch", Decimal(1))
            case "fcv:SGReadyState":
                return self.commands.get("sgReady", Decimal(2))
        constant = {
            "fcv:Voltage": VOLT,
            "fcv:Frequency": HERTZ,
            "fcv:WaterTemperature": self._water_c,
            "fcv:PluggedIn": Decimal(1),
            "fcv:RelativeHumidity": Decimal(50),
        }
        return constant.get(kinds.short(point.kind), Decimal(0))


def _stated(point: Point, value: Decimal) -> Decimal:
    """A value of ours in the unit in which the device states it."""
    factor, added = UNITS.get((kinds.short(point.channel_unit), kinds.short(point.unit)), AS_IT_IS)
    return value * factor + added


def _goes_out(point: Point) -> bool:
    return kinds.short(point.sign) in OUT
