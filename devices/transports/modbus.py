"""Modbus TCP and RTU devices whose registers a profile names."""

from collections.abc import Sequence
from decimal import Decimal

from devices.errors import DeviceReadError, DeviceWriteError
from devices.transports import identity, setpoints
from devices.transports.address import Address
from devices.transports.deadline import Deadline, mismatch
from devices.transports.modbus_line import Conversation, RefusedRequestError, SerialPlace, TcpPlace, leave_line, take_line
from mappers import registers
from mappers.points import Profile, Register

ILLEGAL_ADDRESS = 2


def place(address: Address) -> TcpPlace | SerialPlace:
    """Where a Modbus device is: `serial` with its parameters, or `host` and `port`.

    Raises
    ------
    ConfigError
        If the address says neither, or says it wrongly.
    """
    if "serial" in address:
        parity = address.choice("parity", ("N", "E", "O"))
        return SerialPlace(
            address.text("serial"), address.integer("baudrate", 9600, 300, 1_000_000), parity, address.integer("stopbits", 1, 1, 2)
        )
    return TcpPlace(address.text("host"), address.integer("port", 502, 1, 65_535), address.choice("framing", ("tcp", "rtu")))


class ModbusDevice:
    """One unit on a Modbus line; fulfils `devices.transports.Device`."""

    def __init__(self, profile: Profile, address: Address) -> None:
        self._profile = profile
        self._unit = address.integer("unit", 1, 0, 255)
        self._timeout_s = address.timeout()
        self._blocks = registers.blocks(profile)
        where = place(address)
        address.done()
        self._line = take_line(where)

    def read(self) -> dict[tuple[str, int], int]:
        """See `Device.read`. What the device refuses to give is left out, unless it refuses everything."""
        with self._line.conversation(self._unit, Deadline(self._timeout_s)) as line:
            raw = self._words(line)
        self._recognise(raw, whole=True)
        return raw

    def write(self, command: str, value: Decimal) -> None:
        """See `Device.write`."""
        told = setpoints.command(self._profile, command, value)
        steps = setpoints.in_words_of_the_device(lambda: registers.writes(told, value))
        deadline = Deadline(self._timeout_s)
        wanted = _by_place([(register.table, register.address, words) for register, words in steps])
        try:
            with self._line.conversation(self._unit, deadline) as line:
                self._recognise(self._read(line, registers.runs(_identity(self._profile))), whole=False)
                for register, words in steps:
                    line.write(register.table, register.address, list(words))
                confirmed = registers.runs([*registers.command_registers(told), *(register for register, _ in steps)])
                setpoints.confirm(
                    command, registers.held(told, wanted), lambda: registers.held(told, self._read(line, confirmed)), deadline
                )
                presets = {preset.target for preset in told.presets}
                for register, words in [step for step in steps if step[0] in presets]:
                    found = line.read(register.table, register.address, register.count)
                    if found != list(words):
                        raise DeviceWriteError(
                            f"{command}: {register} holds {found} after {list(words)} was written; is the control locked?"
                        )
        except DeviceReadError as error:
            raise setpoints.failed(command, error) from error

    def read_back(self, command: str) -> Decimal | None:
        """See `Device.read_back`."""
        told = self._profile.command(command)
        with self._line.conversation(self._unit, Deadline(self._timeout_s)) as line:
            return registers.held(told, self._read(line, registers.runs(registers.command_registers(told))))

    def restore(self, command: str) -> None:
        """See `Device.restore`."""
        self.write(command, self._profile.command(command).restore)

    def close(self) -> None:
        """See `Device.close`."""
        leave_line(self._line)

    def _words(self, line: Conversation) -> dict[tuple[str, int], int]:
        raw: dict[tuple[str, int], int] = {}
        refused: RefusedRequestError | None = None
        waiting = list(self._blocks)
        while waiting:
            block = waiting.pop(0)
            try:
                raw |= self._read(line, [block])
            except RefusedRequestError as error:
                parts = self._parts(block) if error.code == ILLEGAL_ADDRESS else []
                if parts:  # it has no registers between those that are wanted: from now on they are asked for one by one
                    self._blocks = [part for one in self._blocks for part in (parts if one == block else [one])]
                    waiting = parts + waiting
                refused = error
        if refused is not None and not raw:
            raise refused
        if refused is not None and (absent := [one for one in _identity(self._profile) if (one.table, one.address) not in raw]):
            raise mismatch(
                f"{self._profile.id} is recognised by {absent[0]}, which the device doesn't have; check the profile ({refused.sentence})"
            )
        return raw

    def _parts(self, block: registers.Block) -> list[registers.Block]:
        table, start, count = block
        sources = [*(point.source for point in self._profile.points), *(check.source for check in self._profile.identity)]
        wanted = {source for source in sources if isinstance(source, Register)}
        inside = sorted(
            (one.address, one.count)
            for one in wanted
            if one.table == table and start <= one.address and one.address + one.count <= start + count
        )
        return [(table, address, words) for address, words in inside] if len(inside) > 1 else []

    def _read(self, line: Conversation, blocks: Sequence[registers.Block]) -> dict[tuple[str, int], int]:
        return {(table, start + at): word for table, start, count in blocks for at, word in enumerate(line.read(table, start, count))}

    def _recognise(self, raw: dict[tuple[str, int], int], *, whole: bool) -> None:
        identity.check(registers.lift(self._profile, raw), f"{self._profile.id} at {self._line.place}", whole=whole)


def _identity(profile: Profile) -> list[Register]:
    return [check.source for check in profile.identity if isinstance(check.source, Register)]


def _by_place(steps: Sequence[tuple[str, int, Sequence[int]]]) -> dict[tuple[str, int], int]:
    return {(table, address + at): word for table, address, words in steps for at, word in enumerate(words)}
