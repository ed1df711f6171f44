"""SunSpec devices over Modbus TCP or RTU: their models are found, not configured."""

from collections import defaultdict
from collections.abc import Iterable
from decimal import Decimal

from devices.errors import DeviceReadError, DeviceWriteError
from devices.transports import identity, setpoints, sunspec_map
from devices.transports.address import Address
from devices.transports.deadline import MISMATCH, Deadline, mismatch
from devices.transports.modbus import place
from devices.transports.modbus_line import Conversation, RefusedRequestError, leave_line, take_line
from mappers import sunspec
from mappers.points import Profile, SunSpecPoint


class SunSpecDevice:
    """One SunSpec device; fulfils `devices.transports.Device`. The map is walked once and again after a mismatch."""

    def __init__(self, profile: Profile, address: Address) -> None:
        self._profile = profile
        self._unit = address.integer("unit", 1, 0, 255)
        self._timeout_s = address.timeout()
        where = place(address)
        address.done()
        self._line = take_line(where)
        self._who = f"{profile.id} at {where}"
        self._map: dict[int, sunspec_map.Found] = {}
        self._identity = [check.source for check in profile.identity if isinstance(check.source, SunSpecPoint)]
        points = [point.source for point in profile.points if isinstance(point.source, SunSpecPoint)]
        self._wanted = [*self._identity, *points]

    def read(self) -> dict[str, object]:
        """See `Device.read`. A model that the device refuses to give is left out, unless it refuses every one."""
        with self._line.conversation(self._unit, Deadline(self._timeout_s)) as line:
            raw = self._points(line, self._wanted)
        identity.check(sunspec.lift(self._profile, raw), self._who)
        return raw

    def write(self, command: str, value: Decimal) -> None:
        """See `Device.write`."""
        told = setpoints.command(self._profile, command, value)
        needed = sunspec.command_points(told)
        deadline = Deadline(self._timeout_s)
        try:
            with self._line.conversation(self._unit, deadline) as line:
                before = self._points(line, [*self._identity, *needed])
                identity.check(sunspec.lift(self._profile, before), self._who, whole=False)
                steps = setpoints.in_words_of_the_device(lambda: sunspec.writes(told, value, before))
                for target, raw in steps:
                    sunspec_map.write_point(line, self._map[target.model], target.name, raw)
                wanted = sunspec.held(told, before | {target.key: raw for target, raw in steps})
                setpoints.confirm(command, wanted, lambda: sunspec.held(told, self._points(line, needed)), deadline)
                presets = {preset.target for preset in told.presets}
                after = self._points(line, [target for target, _ in steps if target in presets])
                for target, raw in [step for step in steps if step[0] in presets]:
                    if after.get(target.key) != raw:
                        raise DeviceWriteError(
                            f"{command}: {target} holds {after.get(target.key)} after {raw} was written; is the control locked?"
                        )
        except DeviceReadError as error:
            raise setpoints.failed(command, error) from error

    def read_back(self, command: str) -> Decimal | None:
        """See `Device.read_back`."""
        told = self._profile.command(command)
        with self._line.conversation(self._unit, Deadline(self._timeout_s)) as line:
            return sunspec.held(told, self._points(line, sunspec.command_points(told)))

    def restore(self, command: str) -> None:
        """See `Device.restore`."""
        self.write(command, self._profile.command(command).restore)

    def close(self) -> None:
        """See `Device.close`."""
        leave_line(self._line)

    def _points(self, line: Conversation, wanted: Iterable[SunSpecPoint]) -> dict[str, object]:
        """Raw values by `model.point`, with the scale factors that the points need."""
        if not self._map:
            self._map = self._discovered(line)
        names: defaultdict[int, set[str]] = defaultdict(set)
        for point in wanted:
            names[point.model] |= {point.name, *([point.scale_factor] if point.scale_factor else [])}
        raw: dict[str, object] = {}
        refused: RefusedRequestError | None = None
        for model, some in sorted(names.items()):
            try:
                found = sunspec_map.read_points(line, self._map[model], some)
            except RefusedRequestError as error:
                refused = error
                continue
            except DeviceReadError as error:
                if error.reason == MISMATCH:
                    self._map = {}
                raise
            raw |= {f"{model}.{name}": value for name, value in found.items()}
        if refused is not None and not raw:
            self._map = {}
            raise refused
        return raw

    def _discovered(self, line: Conversation) -> dict[int, sunspec_map.Found]:
        found = sunspec_map.discover(line)
        if missing := [model for model in sunspec.models(self._profile) if model not in found]:
            raise mismatch(
                f"the device at {self._line.place} has the SunSpec models {_listed(found)}, and {self._profile.id} needs {_listed(missing)} too; "
                "choose another profile, or switch them on at the device"
            )
        return found


def _listed(models: Iterable[int]) -> str:
    return ", ".join(map(str, sorted(models)))
