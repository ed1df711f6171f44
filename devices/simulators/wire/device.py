"""Put a simulated device together: behaviour, memory or documents, the server of its transport, and the wire before it."""

from contextlib import ExitStack
from decimal import Decimal
from types import TracebackType
from typing import Protocol, TypeVar

from devices.errors import ConfigError
from devices.simulators.wire.behaviour import RATED_KW, Behaviour, Simulated
from devices.simulators.wire.documents import Documents
from devices.simulators.wire.faults import Faults
from devices.simulators.wire.http_server import HttpServer
from devices.simulators.wire.memory import RegisterMemory, SunSpecMemory
from devices.simulators.wire.modbus_server import ModbusServer
from devices.simulators.wire.mqtt_client import MqttSimulator
from devices.simulators.wire.relay import LOOPBACK, SerialRelay, TcpRelay
from devices.transports import sunspec_map
from mappers.points import Profile

BAUDRATE = 115_200
UNIT = 1
EVERY_S = 1.0


class _Closable(Protocol):
    def close(self) -> None: ...


Part = TypeVar("Part", bound=_Closable)


class WireDevice:
    """A simulated device on a real wire, from its construction until `close`; also a context manager.

    Parameters
    ----------
    profile
        Its type; fitted to ratings or not.
    behaviour
        What it does physically; by default what a device of its class usually does.
    port
        TCP port on loopback; 0 takes a free one. Not used on serial lines and MQTT.
    serial
        Modbus and SunSpec: a pseudo-terminal instead of TCP.
    broker, name
        MQTT: host and port of the broker, and the device's name there.
    every_s
        MQTT: how often it speaks without being asked [s].
    gaps
        Modbus: whether addresses between its registers can be read, as in most devices.
    base
        SunSpec: where the map begins.
    faults
        Switches that are on from its first word; all off if not given.

    Attributes
    ----------
    address
        What `devices.transports.open_device` needs to reach it.
    faults
        Its switches; they may be changed at any moment.
    behaviour
        As given.
    memory
        The registers of a Modbus or SunSpec device.
    """

    def __init__(
        self,
        profile: Profile,
        behaviour: Behaviour | None = None,
        *,
        port: int = 0,
        unit: int = UNIT,
        serial: bool = False,
        broker: tuple[str, int] | None = None,
        name: str = "device-1",
        rated_kw: Decimal = RATED_KW,
        every_s: float = EVERY_S,
        gaps: bool = True,
        base: int = sunspec_map.BASES[0],
        faults: Faults | None = None,
    ) -> None:
        self.profile = profile
        self.behaviour: Behaviour = behaviour if behaviour is not None else Simulated(profile, rated_kw=rated_kw)
        self.faults = faults if faults is not None else Faults()
        self.address: dict[str, object] = {}
        self.memory: RegisterMemory | SunSpecMemory | None = None
        self._mqtt: MqttSimulator | None = None
        self._closing = ExitStack()
        with ExitStack() as opened:
            match profile.transport:
                case "modbus":
                    self._modbus(opened, RegisterMemory(profile, self.behaviour, self.faults, gaps=gaps), unit, port, serial)
                case "sunspec":
                    self._modbus(
                        opened, SunSpecMemory(profile, self.behaviour, self.faults, rated_kw=rated_kw, base=base), unit, port, serial
                    )
                case "http":
                    self._http(opened, port)
                case "mqtt":
                    self._on_broker(opened, broker, name, every_s)
            self._closing = opened.pop_all()

    def say(self) -> None:
        """MQTT: speak now; the others only answer."""
        if self._mqtt is not None:
            self._mqtt.say()

    def close(self) -> None:
        """End it, its server and its wire."""
        self._closing.close()

    def __enter__(self) -> "WireDevice":
        return self

    def __exit__(self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None) -> None:
        self.close()

    def _modbus(self, opened: ExitStack, memory: RegisterMemory | SunSpecMemory, unit: int, port: int, serial: bool) -> None:
        self.memory = memory
        if serial:
            cable = _closed(opened, SerialRelay(self.faults))
            _closed(opened, ModbusServer(memory, self.faults, unit, cable.inner_path))
            self.address = {"serial": cable.path, "baudrate": BAUDRATE, "unit": unit}
            return
        server = _closed(opened, ModbusServer(memory, self.faults, unit, 0))
        relay = _closed(opened, TcpRelay(self.faults, port, server.port))
        self.address = {"host": LOOPBACK, "port": relay.port, "unit": unit}

    def _http(self, opened: ExitStack, port: int) -> None:
        documents = Documents(self.profile, self.behaviour, self.faults)
        server = _closed(opened, HttpServer(documents, self.faults, self.profile.path or "/"))
        relay = _closed(opened, TcpRelay(self.faults, port, server.port))
        self.address = {"url": f"http://{LOOPBACK}:{relay.port}"}

    def _on_broker(self, opened: ExitStack, broker: tuple[str, int] | None, name: str, every_s: float) -> None:
        if broker is None:
            raise ConfigError(f"{self.profile.id} speaks on a broker, and none was named; say its host and port")
        documents = Documents(self.profile, self.behaviour, self.faults)
        self._mqtt = _closed(opened, MqttSimulator(documents, self.faults, name, self.profile.topics, broker, every_s))
        self.address = {"host": broker[0], "port": broker[1], "name": name}


def _closed(opened: ExitStack, part: Part) -> Part:
    """Have a part closed at the end, in the reverse order of their making."""
    opened.callback(part.close)
    return part
