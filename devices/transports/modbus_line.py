"""A Modbus connection, TCP or serial, on which every request is bounded in time and every fault has a reason.

pymodbus waits for each piece of an answer anew, so that a device which sends one byte now and then is waited for longer than the time
given; here the time that is left is set before each wait. Devices behind one serial port share its line, one conversation at a time.
"""

import contextlib
import logging
import os
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from threading import Lock

from pymodbus import FramerType
from pymodbus.client import ModbusSerialClient, ModbusTcpClient
from pymodbus.client.base import ModbusBaseSyncClient
from pymodbus.exceptions import ConnectionException, ModbusException
from pymodbus.pdu import ExceptionResponse, ModbusPDU

from devices.errors import ConfigError, DeviceReadError
from devices.transports.deadline import Deadline, fault, unreachable

logging.getLogger("pymodbus.logging").setLevel(logging.CRITICAL)  # what it reports becomes a sentence here

MOST_WORDS = 123  # in one request: 125 may be read and 123 written
EXCEPTIONS = {
    1: "illegal function",
    2: "illegal data address",
    3: "illegal data value",
    4: "device failure",
    5: "acknowledged, still working",
    6: "device busy",
    8: "memory parity error",
    10: "gateway has no path to the device",
    11: "gateway's device doesn't respond",
}
NO_SUCH_UNIT = (10, 11)


class _Bounded(ModbusBaseSyncClient):
    deadline = Deadline(0)

    def recv(self, size: int | None) -> bytes:
        """Wait for a piece of the answer, no longer than the conversation may still take."""
        if self.deadline.passed:
            return b""
        self.comm_params.timeout_connect = self.deadline.left
        return super().recv(size)  # type: ignore[safe-super]  # the real client comes next in the order of classes


class _TcpClient(_Bounded, ModbusTcpClient):
    pass


class _SerialClient(_Bounded, ModbusSerialClient):
    pass


@dataclass(frozen=True)
class TcpPlace:
    """Where a Modbus TCP device, or a gateway to a serial bus, listens."""

    host: str
    port: int = 502
    framing: str = "tcp"

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


@dataclass(frozen=True)
class SerialPlace:
    """A serial port with Modbus RTU devices on it; parity N, E or O."""

    path: str
    baudrate: int = 9600
    parity: str = "N"
    stopbits: int = 1

    def __str__(self) -> str:
        return self.path


class ModbusLine:
    """One connection; `conversation` gives it to one device at a time."""

    def __init__(self, place: TcpPlace | SerialPlace) -> None:
        self.place = place
        self.lock = Lock()
        self.users = 0
        self._last_unit: int | None = None
        self._ended = False
        self._serial = isinstance(place, SerialPlace) or place.framing == "rtu"
        self._client = self._make(place)

    def _make(self, place: TcpPlace | SerialPlace) -> _TcpClient | _SerialClient:
        if isinstance(place, SerialPlace):
            return _SerialClient(
                place.path, baudrate=place.baudrate, parity=place.parity, stopbits=place.stopbits, retries=0, trace_packet=self._listen
            )
        framer = FramerType.RTU if self._serial else FramerType.SOCKET
        return _TcpClient(place.host, port=place.port, framer=framer, retries=0, trace_packet=self._listen)

    def _listen(self, sending: bool, packet: bytes) -> bytes:
        """Note who answers: pymodbus passes over what another unit says, and would only report silence."""
        at = 0 if self._serial else 6
        if not sending and len(packet) > at:
            self._last_unit = packet[at]
        return packet

    @contextlib.contextmanager
    def conversation(self, unit: int, deadline: Deadline) -> Iterator["Conversation"]:
        """Have the line for several requests to one unit; it is closed after a fault, so that nothing late is taken for the next answer.

        Raises
        ------
        DeviceReadError
            If other devices on the line take all the time, and whatever the requests raise.
        """
        if not self.lock.acquire(timeout=deadline.left):
            raise unreachable(
                f"{self.place} was busy with other devices for {deadline.seconds:g} s; poll less often or lower their timeout"
            )
        try:
            yield Conversation(self, unit, deadline)
        except RefusedRequestError:
            raise
        except BaseException:
            self._hang_up()
            raise
        finally:
            self.lock.release()

    def ask(self, unit: int, deadline: Deadline, what: str, request: Callable[[_TcpClient | _SerialClient], ModbusPDU]) -> ModbusPDU:
        """Send one request and wait for its answer; an idle connection that the device has closed meanwhile is made anew, once."""
        client = self._client
        client.deadline = deadline
        fresh = not client.connected
        for last in (False, True):
            self._connect(deadline)
            self._last_unit = None
            try:
                return self._checked(request(client), unit, what)
            except ConnectionException as error:
                self._hang_up()
                if fresh or last or deadline.passed:
                    raise unreachable(
                        f"unit {unit} at {self.place} closed the connection when asked for {what}; is another client connected?"
                    ) from error
            except (ModbusException, OSError, struct.error, IndexError, ValueError) as error:
                raise self._silence(unit, deadline, what, error) from error
        raise AssertionError("unreachable code")

    def close(self) -> None:
        """End the connection for good, as soon as the conversation that has it is over."""
        with self.lock:
            self._ended = True
            self._hang_up()

    def _hang_up(self) -> None:
        self._client.close()  # type: ignore[no-untyped-call]

    def _connect(self, deadline: Deadline) -> None:
        if self._ended:
            raise unreachable(f"the box has ended its connection to {self.place}; open the device again")
        self._client.comm_params.timeout_connect = deadline.left
        if deadline.passed or not self._client.connect():
            raise unreachable(f"no connection to {self.place} in {deadline.seconds:g} s; check power, cable and address")

    def _checked(self, answer: ModbusPDU, unit: int, what: str) -> ModbusPDU:
        if not isinstance(answer, ExceptionResponse):
            return answer
        code = answer.exception_code
        remedy = "check the unit id" if code in NO_SUCH_UNIT else "check the unit id, the profile and the device's firmware"
        raise RefusedRequestError(
            fault(
                f"unit {unit} at {self.place} answers exception {code} ({EXCEPTIONS.get(code, 'unknown')}) when asked for {what}; {remedy}"
            ),
            code,
        )

    def _silence(self, unit: int, deadline: Deadline, what: str, error: Exception) -> DeviceReadError:
        if self._last_unit is None:
            return unreachable(
                f"unit {unit} at {self.place} didn't answer in {deadline.seconds:g} s when asked for {what}; check power and unit id"
            )
        if self._last_unit != unit:
            return fault(f"unit {self._last_unit} at {self.place} answers for unit {unit} when asked for {what}; check the unit id")
        if deadline.passed:
            return unreachable(
                f"unit {unit} at {self.place} didn't answer whole in {deadline.seconds:g} s when asked for {what}; check the line"
            )
        return fault(
            f"unit {unit} at {self.place} answers what is no Modbus when asked for {what} ({error}); check the framing and the line"
        )


class RefusedRequestError(DeviceReadError):
    """The device answered with an exception code; the line is fine."""

    def __init__(self, error: DeviceReadError, code: int) -> None:
        super().__init__(error.reason, error.sentence)
        self.code = code


class Conversation:
    """The line, for one unit and until a deadline."""

    def __init__(self, line: ModbusLine, unit: int, deadline: Deadline) -> None:
        self._line, self._unit, self._deadline = line, unit, deadline

    def read(self, table: str, address: int, count: int) -> list[int]:
        """Read words (0 to 65,535) of `holding` or `input`, or bits (0, 1) of `coil` or `discrete`; addresses count from 0.

        Raises
        ------
        DeviceReadError
            With the reason: silence, an exception code, an answer of another unit.
        """
        what = f"{table} registers {address}–{address + count - 1}"

        def request(client: _TcpClient | _SerialClient) -> ModbusPDU:
            functions = {"coil": client.read_coils, "discrete": client.read_discrete_inputs, "input": client.read_input_registers}
            return functions.get(table, client.read_holding_registers)(address, count=count, device_id=self._unit)

        answer = self._line.ask(self._unit, self._deadline, what, request)
        words = [int(bit) for bit in answer.bits[:count]] if table in ("coil", "discrete") else list(answer.registers)
        if len(words) != count:
            raise fault(
                f"unit {self._unit} at {self._line.place} gives {len(words)} words when asked for {what}; check the device's firmware"
            )
        return words

    def write(self, table: str, address: int, words: list[int]) -> None:
        """Write holding registers, one by function 6 and several by function 16, or one coil.

        Raises
        ------
        DeviceReadError
            As `read` does.
        """
        what = f"writing {words} to {table} register {address}"

        def request(client: _TcpClient | _SerialClient) -> ModbusPDU:
            if table == "coil":
                return client.write_coil(address, bool(words[0]), device_id=self._unit)
            if len(words) == 1:
                return client.write_register(address, words[0], device_id=self._unit)
            return client.write_registers(address, words, device_id=self._unit)

        self._line.ask(self._unit, self._deadline, what, request)


_serial_lines: dict[SerialPlace, ModbusLine] = {}
_serial_lines_lock = Lock()


def take_line(place: TcpPlace | SerialPlace) -> ModbusLine:
    """A line to a place: a connection of its own on TCP, so that nobody waits for a device that hangs, and the shared one of a serial port.

    Raises
    ------
    ConfigError
        If another device has the same serial port with another speed, parity or number of stop bits.
    """
    if isinstance(place, TcpPlace):
        return ModbusLine(place)
    with _serial_lines_lock:
        for other in _serial_lines:
            if other != place and os.path.realpath(other.path) == os.path.realpath(place.path):
                raise ConfigError(
                    f"two devices want the serial port {place.path} with {_settings(place)} and {_settings(other)}; give all its devices the same"
                )
        line = _serial_lines.setdefault(place, ModbusLine(place))
        line.users += 1
        return line


def _settings(place: SerialPlace) -> str:
    return f"{place.baudrate} 8{place.parity}{place.stopbits}"


def leave_line(line: ModbusLine) -> None:
    """Give a line back; the last one closes it."""
    if isinstance(line.place, SerialPlace):
        with _serial_lines_lock:
            line.users -= 1
            if line.users > 0:
                return
            _serial_lines.pop(line.place, None)
    line.close()
