"""Simulated devices on real wires, one for every profile: pymodbus's server over TCP or a serial line, a SunSpec map, an HTTP meter, and
a client on a real broker.

`WireDevice(profile)` starts one on loopback and says at which address a box finds it; `python -m devices.simulators.wire PROFILE` does so
for people. They obey commands, count energy exactly, and have faults that can be switched while they run (`Faults`). They are made from
the same profiles as the box's transports, by the inverse of the mappers.
"""

from devices.simulators.wire.behaviour import Behaviour, Given, Simulated
from devices.simulators.wire.device import WireDevice
from devices.simulators.wire.faults import Faults

__all__ = ["Behaviour", "Faults", "Given", "Simulated", "WireDevice"]
