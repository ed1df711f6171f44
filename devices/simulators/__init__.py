"""Simulated devices: physics by the quarter-hour, one class a file, each stepping from one state to the next.

A device reads its part of the configuration and, each step, the weather, the load or the limit that a dispatch sets; it answers with the
mean power of the step in kW, consumption positive, and says so when comfort, a departure or physics kept it from obeying. Its state is a
JSON-able dictionary. It must not know messages, clocks or other devices.
"""

from devices.simulators.battery import Battery
from devices.simulators.ev import ElectricVehicle
from devices.simulators.heat_pump import HeatPumpHouse, Weather
from devices.simulators.step import Step

__all__ = ["Battery", "ElectricVehicle", "HeatPumpHouse", "Step", "Weather"]
