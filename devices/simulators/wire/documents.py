"""The JSON documents of a simulated device, and the set-points that it understands."""

import re
from decimal import Decimal, InvalidOperation
from threading import Lock

from devices.simulators.wire.behaviour import Behaviour
from devices.simulators.wire.faults import Faults
from mappers import flat, paths
from mappers.document import Json, Number
from mappers.points import Command, JsonPath, Profile, Send

ANOTHER_DEVICE: Json = {"product": "kettle"}


class Documents:
    """What the device says now, as its profile describes it, and what it was told last."""

    def __init__(self, profile: Profile, behaviour: Behaviour, faults: Faults) -> None:
        self._profile, self._behaviour, self._faults = profile, behaviour, faults
        self._lock = Lock()
        self._held = {command.name: command.restore for command in profile.commands}

    @property
    def targets(self) -> set[str]:
        """Topics or paths where set-points are taken."""
        return {command.target.to for command in self._profile.commands if isinstance(command.target, Send)}

    def now(self) -> Json:
        """The whole document; with MQTT it has one member for each topic."""
        with self._lock:
            if self._faults.shift:
                return dict.fromkeys(self._profile.topics, ANOTHER_DEVICE) or ANOTHER_DEVICE
            said = flat.encode(self._profile, self._behaviour.values())
            for command in self._profile.commands:
                said = self._with_held(said, command)
            for point in self._profile.points:
                if self._faults.silences(point.name) and isinstance(point.source, JsonPath):
                    said = paths.put(said, point.source.path, _json(point.sentinels[0]) if point.sentinels else None)
            return said

    def tell(self, to: str, payload: bytes) -> bool:
        """Take a set-point; false if the device doesn't understand it."""
        for command in self._profile.commands:
            if isinstance(command.target, Send) and command.target.to == to:
                value = _value(command, command.target, payload)
                if self._faults.locked:
                    return True
                if value is not None and command.limited(value) == value:
                    with self._lock:
                        self._held[command.name] = value
                        self._behaviour.obey(command.name, value)
                    return True
        return False

    def _with_held(self, said: Json, command: Command) -> Json:
        """The field in which the device says what it holds, unless a point says it already."""
        target = command.target
        if not isinstance(target, Send) or any(
            isinstance(one.source, JsonPath) and one.source.path == target.read.path for one in self._profile.points
        ):
            return said
        value = self._held[command.name]
        word = next((word for word, number in (command.words or {}).items() if number == value), None)
        return paths.put(said, target.read.path, _json(word) if word is not None else Number(format(value / command.scale, "f")))


def _value(command: Command, target: Send, payload: bytes) -> Decimal | None:
    """The value in a payload of the command's form."""
    before, _, after = target.payload.partition("{value}")
    found = re.fullmatch(re.escape(before) + r"(.*)" + re.escape(after), payload.decode("utf-8", "replace"))
    if found is None:
        return None
    if command.words is not None:
        return command.words.get(found[1])
    try:
        return Decimal(found[1]) * command.scale
    except InvalidOperation:
        return None


def _json(word: str) -> Json:
    if word in ("true", "false"):
        return word == "true"
    try:
        return Number(format(Decimal(word), "f"))
    except InvalidOperation:
        return word
