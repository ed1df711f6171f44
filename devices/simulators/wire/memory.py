"""The registers of a simulated Modbus or SunSpec device: its points as they are now, and the set-points that were written to it."""

from collections.abc import Iterable, Mapping
from decimal import Decimal
from threading import Lock

from sunspec2 import device as definitions

from devices.simulators.wire.behaviour import Behaviour
from devices.simulators.wire.faults import Faults
from devices.transports import sunspec_map
from mappers import registers, sunspec
from mappers.points import Command, Point, Profile, Register, SunSpecPoint

Words = dict[tuple[str, int], int]
NOT_A_NUMBER = {"float32": [0x7FC0, 0], "float64": [0x7FF8, 0, 0, 0]}
MAKER = {"Mn": "FLEXCoop", "Md": "simulated device", "SN": "1"}
PERCENT_SCALE = -2


class RegisterMemory:
    """What a profile with registers describes. Addresses between its registers hold zero, as in most devices, or don't exist."""

    def __init__(self, profile: Profile, behaviour: Behaviour, faults: Faults, *, gaps: bool = True) -> None:
        self._profile, self._behaviour, self._faults, self._gaps = profile, behaviour, faults, gaps
        self._lock = Lock()
        self._written: Words = {}
        for command in profile.commands:
            for register, words in registers.writes(command, command.restore):
                self._written |= _places(register, words)

    def read(self, table: str) -> dict[int, int]:
        """See `Memory.read`."""
        with self._lock:
            all_words = registers.encode(self._profile, self._behaviour.values()) | self._written | self._silenced()
        found = {address: word for (where, address), word in all_words.items() if where == table}
        between = dict.fromkeys(range(min(found), max(found)), 0) if found and self._gaps else {}
        return between | found

    def write(self, table: str, address: int, values: list[int]) -> bool:
        """See `Memory.write`."""
        places = {(table, address + at): value for at, value in enumerate(values)}
        with self._lock:
            if not places.keys() <= self._written.keys():
                return False
            if self._faults.locked:
                return True
            before = {command.name: registers.held(command, self._written) for command in self._profile.commands}
            self._written |= places
            for command in self._profile.commands:
                held = registers.held(command, self._written)
                if held is not None and held != before[command.name]:
                    self._behaviour.obey(command.name, held)
        return True

    def _silenced(self) -> Words:
        words: Words = {}
        for point in self._profile.points:
            if self._faults.silences(point.name) and isinstance(point.source, Register):
                words |= _places(point.source, _sentinel(point, point.source))
        return words


class SunSpecMemory:
    """A SunSpec map with the models that a profile needs, at one of the base addresses; `writable` has the addresses of its set-points."""

    def __init__(
        self, profile: Profile, behaviour: Behaviour, faults: Faults, *, rated_kw: Decimal, base: int = sunspec_map.BASES[0]
    ) -> None:
        self._profile, self._behaviour, self._faults, self._base = profile, behaviour, faults, base
        self._lock = Lock()
        self._written: dict[str, float] = {}
        self._fixed: dict[str, object] = {f"1.{name}": text for name, text in MAKER.items()}
        for command in profile.commands:
            self._prepare(command, rated_kw)
        self.writable = {point: address for point, address in self._places() if point.key in self._written}

    def read(self, table: str) -> dict[int, int]:
        """See `Memory.read`."""
        if table != "holding":
            return {}
        with self._lock:
            return dict(enumerate(self._map(), self._base))

    def write(self, table: str, address: int, values: list[int]) -> bool:
        """See `Memory.write`: one point at a time, and whole."""
        point = next((point for point, at in self.writable.items() if at == address), None)
        if table != "holding" or point is None or sunspec_map.places(point.model)[point.name].words != len(values):
            return False
        if self._faults.locked:
            return True
        data = b"".join(value.to_bytes(2, "big") for value in values)
        with self._lock:
            before = {command.name: self._held(command) for command in self._profile.commands}
            self._written[point.key] = int.from_bytes(data, "big", signed=point.type.startswith("int"))
            for command in self._profile.commands:
                held = self._held(command)
                if held is not None and held != before[command.name]:
                    self._behaviour.obey(command.name, held)
        return True

    def _held(self, command: Command) -> Decimal | None:
        return sunspec.held(command, self._fixed | self._written)

    def _prepare(self, command: Command, rated_kw: Decimal) -> None:
        for point in sunspec.command_points(command):
            if point.scale_key:
                self._fixed[point.scale_key] = PERCENT_SCALE if point == command.target and command.share_of else 0
        if command.share_of:
            self._fixed[command.share_of.key] = int(rated_kw * 1000)
        for point, raw in sunspec.writes(command, command.restore, self._fixed):
            self._written[point.key] = raw

    def _places(self) -> Iterable[tuple[SunSpecPoint, int]]:
        start = self._base + len(sunspec_map.MARK)
        starts = {}
        for model in self._models():
            starts[model] = start
            start += len(_empty(model).get_mb()) // 2
        for command in self._profile.commands:
            targets = [preset.target for preset in command.presets] + ([command.enable.target] if command.enable else [])
            for point in (command.target, *targets):
                if isinstance(point, SunSpecPoint):
                    yield point, starts[point.model] + sunspec_map.places(point.model)[point.name].offset

    def _models(self) -> list[int]:
        return sorted({1, *sunspec.models(self._profile)})

    def _map(self) -> list[int]:
        raw: Mapping[str, object] = self._fixed | sunspec.encode(self._profile, self._behaviour.values()) | self._written
        silent = {
            point.source.key
            for point in self._profile.points
            if isinstance(point.source, SunSpecPoint) and self._faults.silences(point.name)
        }
        words = list(sunspec_map.MARK)
        for model in self._models():
            filled = _empty(model)
            for key, value in raw.items():
                number, _, name = key.partition(".")
                if int(number) == model and name not in ("ID", "L"):
                    filled.points[name].value = None if key in silent else value
            words += sunspec_map.words_of(filled.get_mb())
        return [*words, sunspec_map.END, 0]


def _empty(model: int) -> "definitions.Model":
    return definitions.Model(model_id=model)


def _places(register: Register, words: Iterable[int]) -> Words:
    return {(register.table, register.address + at): word for at, word in enumerate(words)}


def _sentinel(point: Point, register: Register) -> list[int]:
    """The words that mean "no value": the profile's sentinel, not-a-number for floats, and what is there for those that have neither."""
    if register.type in NOT_A_NUMBER:
        return NOT_A_NUMBER[register.type]
    if not point.sentinels:
        return []
    bits = 16 * register.count
    data = (int(point.sentinels[0]) % 2**bits).to_bytes(bits // 8, "big")
    words = sunspec_map.words_of(data)
    return words[::-1] if register.word_order == "little" else words
