"""What can be wrong with a simulated device, switched while it runs."""

from dataclasses import dataclass, fields

from devices.errors import ConfigError

NAMES = ("hang", "slow", "drop", "exception", "unit", "shift", "sentinel", "locked")


@dataclass
class Faults:
    """The faults of one device; all of them off at first.

    Attributes
    ----------
    hang
        Takes connections and requests, and never answers (MQTT: says nothing any more).
    slow
        Seconds between two bytes of an answer; zero is off.
    drop
        Ends the connection when a request comes.
    exception
        Modbus: answers every request with this exception code. HTTP: answers status 503. Zero is off.
    unit
        Modbus: answers under this unit id. Zero is off.
    shift
        Modbus: all registers lie this many addresses higher than they should. HTTP, MQTT: the document is another device's.
    sentinel
        Names of the points for which the device says that it has no value; `*` means all that have a sentinel.
    locked
        Takes set-points politely and does nothing about them.
    """

    hang: bool = False
    slow: float = 0.0
    drop: bool = False
    exception: int = 0
    unit: int = 0
    shift: int = 0
    sentinel: frozenset[str] = frozenset()
    locked: bool = False

    def none(self) -> None:
        """Switch all of them off."""
        for field in fields(self):
            setattr(self, field.name, field.default)

    def named(self, name: str) -> None:
        """Switch one on by its name, with an ordinary value.

        Raises
        ------
        ConfigError
            If there is none of this name.
        """
        usual: dict[str, object] = {
            "hang": True,
            "slow": 0.2,
            "drop": True,
            "exception": 4,
            "unit": 247,
            "shift": 1,
            "sentinel": frozenset("*"),
            "locked": True,
        }
        if name not in usual:
            raise ConfigError(f"there is no fault {name!r}; choose from {', '.join(NAMES)}")
        setattr(self, name, usual[name])

    def silences(self, point: str) -> bool:
        """Whether the device has no value for a point."""
        return "*" in self.sentinel or point in self.sentinel
