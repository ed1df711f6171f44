"""pymodbus's server over TCP or a serial port, in a thread of its own, before a memory that somebody else keeps."""

import asyncio
from threading import Event, Thread
from typing import Protocol, cast

from pymodbus import FramerType
from pymodbus.constants import ExcCodes
from pymodbus.pdu import ModbusPDU
from pymodbus.server import ModbusSerialServer, ModbusTcpServer
from pymodbus.simulator import DataType, SimData, SimDevice

from devices.simulators.wire.faults import Faults
from devices.simulators.wire.relay import LOOPBACK

ACCEPTING_S = 0.01
BIT_FUNCTIONS = (1, 2, 5, 15)
TABLES = {1: "coil", 2: "discrete", 3: "holding", 4: "input", 5: "coil", 6: "holding", 15: "coil", 16: "holding"}


class Memory(Protocol):
    """What stands behind the server."""

    def read(self, table: str) -> dict[int, int]:
        """All registers (0 to 65,535) or bits (0, 1) of a table that exist, by address."""
        ...

    def write(self, table: str, address: int, values: list[int]) -> bool:
        """Take values; false if one of them can't be written there."""
        ...


class ModbusServer:
    """Serves one unit until `close`; `place` is a TCP port (0: any free one) or the path of a serial port."""

    def __init__(self, memory: Memory, faults: Faults, unit: int, place: int | str) -> None:
        self._memory, self._faults, self._unit, self._place = memory, faults, unit, place
        self.port = 0
        self._ready = Event()
        self._error: Exception | None = None
        self._thread = Thread(target=lambda: asyncio.run(self._serve()), name="modbus server", daemon=True)
        self._thread.start()
        self._ready.wait()
        if self._error is not None:
            self._thread.join()
            raise self._error

    def close(self) -> None:
        """Stop listening and wait until the thread has ended."""
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()

    async def _serve(self) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        server = self._server()
        try:
            await server.serve_forever(background=True)
            if isinstance(self._place, int):
                self.port = cast(asyncio.Server, server.transport).sockets[0].getsockname()[1]
        except (OSError, RuntimeError) as error:
            self._error = error
            return
        finally:
            self._ready.set()
        await self._stop.wait()
        await self._finish_accepting()
        await server.shutdown()  # type: ignore[no-untyped-call]
        await asyncio.sleep(0)  # closing takes a turn of the loop

    async def _finish_accepting(self) -> None:
        """Let asyncio finish the connections that it is just making: once its listener is closed it forgets them without closing them."""
        await asyncio.sleep(ACCEPTING_S)
        if others := asyncio.all_tasks() - {asyncio.current_task()}:
            await asyncio.wait(others, timeout=1)

    def _server(self) -> ModbusTcpServer | ModbusSerialServer:
        whole = [SimData(0, count=65_536, datatype=DataType.REGISTERS)]
        bits = [SimData(0, values=[False] * 4_096, datatype=DataType.BITS)]
        device = SimDevice(self._unit, (bits, bits, whole, whole), action=self._act)
        if isinstance(self._place, str):
            return ModbusSerialServer(
                device, framer=FramerType.RTU, port=self._place, baudrate=115_200, trace_pdu=self._trace, ignore_missing_devices=True
            )
        return ModbusTcpServer(device, address=(LOOPBACK, self._place), trace_pdu=self._trace)

    async def _act(
        self, function: int, start: int, address: int, count: int, registers: list[int], values: list[int] | list[bool] | None
    ) -> ExcCodes | None:
        """What pymodbus asks before it reads or writes; `registers` is its own copy of the table."""
        if self._faults.exception:
            return ExcCodes(self._faults.exception)
        table = TABLES[function]
        address -= self._faults.shift
        if values is not None and not self._memory.write(table, address, [int(value) for value in values]):
            return ExcCodes.ILLEGAL_ADDRESS
        held = self._memory.read(table)
        if function in BIT_FUNCTIONS:
            return self._bits(held, address, count, registers)
        if any(at not in held for at in range(address, address + count)):
            return ExcCodes.ILLEGAL_ADDRESS
        shifted = address + self._faults.shift - start
        registers[shifted : shifted + count] = [held[at] for at in range(address, address + count)]
        return None

    def _bits(self, held: dict[int, int], address: int, count: int, registers: list[int]) -> ExcCodes | None:
        """Bits lie sixteen to a register; `count` counts registers."""
        if address not in held:
            return ExcCodes.ILLEGAL_ADDRESS
        for word in range(address // 16, address // 16 + count):
            registers[word] = sum(held.get(16 * word + bit, 0) << bit for bit in range(16))
        return None

    def _trace(self, sending: bool, pdu: ModbusPDU) -> ModbusPDU:
        if sending and self._faults.unit:
            pdu.dev_id = self._faults.unit
        return pdu
