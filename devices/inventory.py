"""What a live box has and says of itself: its channels, made of the profiles' points, and its announcement."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal

from devices import box_config
from devices.aggregation import plain
from devices.announcement import Node, message
from devices.box_config import Box, comfort_source
from devices.errors import ConfigError
from devices.messages import Identity, step_text
from devices.outbox import Outgoing
from mappers.kinds import short
from mappers.points import Point, Profile
from ontology.names import FCV


@dataclass(frozen=True)
class LiveChannel:
    """One channel of a live box: which point of which device, under which path below `{BASE}/id/`, at which step."""

    device: str
    point: Point
    path: str
    step: timedelta

    @property
    def feature(self) -> str:
        """What it is a property of."""
        return self.path.partition("#")[0]


@dataclass(frozen=True)
class Inventory:
    """A configuration with its profiles."""

    box: Box
    profiles: Mapping[str, Profile]  # by the name of the device

    @property
    def me(self) -> Identity:
        """Who the box is."""
        return Identity(self.box.base, self.box.osb, self.box.key)

    def channels(self) -> tuple[LiveChannel, ...]:
        """Every channel.

        Raises
        ------
        ConfigError
            If two devices measure the same thing.
        """
        found: dict[str, LiveChannel] = {}
        for device in self.box.devices:
            for point in self.profiles[device.name].points:
                channel = LiveChannel(device.name, point, f"{self._feature(device, point)}#{point.name}", device.step_of(point.name))
                if channel.path in found:
                    raise ConfigError(
                        f"{device.name} and {found[channel.path].device} both measure {channel.path}; only one device may, take the other out"
                    )
                found[channel.path] = channel
        return tuple(found.values())

    def announcement(self, name: str) -> Outgoing:
        """What the box says of itself, under an id with this name."""
        channels = self.channels()
        nodes = [self._itself()]
        for device in self.box.devices:
            nodes += self._device(device, [channel for channel in channels if channel.device == device.name])
        return message(self.me, nodes + [_channel(channel) for channel in channels], name)

    def iri(self, device: str) -> str:
        """The IRI of a device."""
        return self.me.iri(self.path(device))

    def path(self, device: str) -> str:
        """The path of a device below `{BASE}/id/`."""
        return f"device/{self.box.key}-{device}"

    def _feature(self, device: box_config.Device, point: Point) -> str:
        return self.path(device.name) if point.of == "device" else f"{point.of}/{getattr(self.box, point.of)}"

    def _itself(self) -> Node:
        return {
            "@id": f"osb/{self.box.key}",
            "@type": "fc:OpenSmartBox",
            "label": f"OSB {self.box.key}",
            "identifier": self.box.osb,
            "manufacturer": "FLEXCoop",
            "model": "OSB",
        }

    def _device(self, device: box_config.Device, channels: Sequence[LiveChannel]) -> Iterator[Node]:
        profile, path = self.profiles[device.name], self.path(device.name)
        ratings = {name: f"{path}#{name}" for name in profile.ratings}
        node: Node = {
            "@id": path,
            "@type": short(profile.device_class),
            "label": device.label or profile.label,
            "managedBy": f"osb/{self.box.key}",
            "deviceProfile": profile.id,
            "manufacturer": profile.manufacturer,
            "model": profile.model,
            "observes": [channel.path for channel in channels],
        }
        steered = not profile.device_class.endswith(("SmartMeter", "Thermostat"))  # the others are DERs
        if steered and profile.control_type is not None:
            node["controlType"] = short(profile.control_type)
        if self.box.site is not None:
            node["locatedAt"] = f"site/{self.box.site}"
        if steered and self.box.connection is not None:
            node["connectedVia"] = f"connection/{self.box.connection}"
        if ratings:
            node["ratings"] = list(ratings.values())
        if device.departure is not None:
            node["departureTime"] = device.departure.isoformat()
        if controlled := self._controlled(device, channels):
            node["controls"] = controlled
        yield node
        for name, iri in ratings.items():
            yield {
                "@id": iri,
                "@type": "saref:PropertyValue",
                "rates": f"fcv:{name[0].upper()}{name[1:]}",
                "amount": plain(device.ratings[name]),
                "measuredIn": short(profile.ratings[name]),
            }

    def _controlled(self, device: box_config.Device, channels: Sequence[LiveChannel]) -> str | None:
        """The temperature channel that a heat pump or a thermostat answers for."""
        profile = self.profiles[device.name]
        if not profile.device_class.endswith(("HeatPump", "Thermostat")):
            return None
        own = next((channel.path for channel in channels if channel.point.kind == str(FCV.AirTemperature)), None)
        if own or device.comfort is None:
            return own
        other, point = comfort_source(device)
        return next((one.path for one in self.channels() if one.device == other and one.point.name == point), None)


def _channel(channel: LiveChannel) -> Node:
    point = channel.point
    node: Node = {
        "@id": channel.path,
        "@type": ["fc:Channel", "saref:PropertyOfInterest"],
        "propertyOf": channel.feature,
        "kind": short(point.kind),
        "unit": short(point.channel_unit),
        "sign": short(point.sign),
        "step": step_text(channel.step),
    }
    bounds: dict[str, Decimal | None] = {
        "minimum": point.minimum,
        "maximum": point.maximum,
        "maximumChange": point.maximum_change,
        "rollsOverAt": point.rolls_over_at,
    }
    node |= {name: plain(value) for name, value in bounds.items() if value is not None}
    if point.stuck_after is not None:
        node["stuckAfter"] = step_text(point.stuck_after)
    return node
