"""Comfort at a live box: which band each steered device keeps now, by what the members want and by what the box was set up with.

What the platform says (docs/data-model.md §4) goes before the configuration, and is kept: without connection, the last word counts. A room
takes time to follow a band that has moved: one that the earlier band allowed to be warmer may stay so until it has cooled down, as nobody is
made uncomfortable by an instruction that lets it.
"""

import logging
from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

from devices.box_config import Device, comfort_source
from devices.control import Comfort, Control, Latest
from devices.inventory import Inventory
from devices.outbox import Outbox
from mappers import comfort
from mappers.comfort import Profile, band_at
from mappers.errors import MappingError
from ontology.names import FCV

log = logging.getLogger(__name__)

KEPT = "#comfort"  # after the box's name: where the last word of the platform is kept
WARMING = ("sgReady", "temperature")  # what only devices that heat or cool are steered by


class Rooms:
    """What is wanted of the rooms of one box.

    Parameters
    ----------
    controls
        The steered devices by their IRI; their `comfort` is set.
    outbox
        Where the platform's last word is kept.
    """

    def __init__(self, inventory: Inventory, controls: Mapping[str, Control], outbox: Outbox) -> None:
        self._me, self._outbox = inventory.me, outbox
        self._tag, self._profiles = "", dict[str, Profile]()
        self._places = [
            _Place(controls[inventory.iri(device.name)], source, inventory.me.iri(path))
            for device in inventory.box.devices
            if inventory.iri(device.name) in controls and (source := _source(device, inventory, controls)) is not None
            for path in [next((one.path for one in inventory.channels() if (one.device, one.point.name) == source), "")]
        ]
        if (saved := outbox.load(self._me.osb + KEPT)) is not None:
            self._take(saved)

    def receive(self, body: dict[str, Any]) -> None:
        """Take in what the platform says is wanted; what can't be read is logged and dropped."""
        if self._take(body):
            self._outbox.save(self._me.osb + KEPT, body)

    def apply(self, now: datetime, latest: Latest) -> None:
        """Have each device keep the band that is in force now."""
        for place in self._places:
            place.apply(self._profiles.get(place.channel), now, latest)

    def _take(self, body: Mapping[str, Any]) -> bool:
        try:
            tag, profiles = comfort.read(body)
        except MappingError as error:
            log.warning("%s: %s; what was wanted before still counts", self._me.osb, error)
            return False
        if tag == self._tag:
            return False
        self._tag, self._profiles = tag, {one.channel: one for one in profiles}
        return True


class _Place:
    """A device, where its room is measured, and the band that it keeps."""

    def __init__(self, control: Control, source: tuple[str, str], channel: str) -> None:
        self.channel = channel
        self._control, self._source, self._configured = control, source, control.comfort
        self._band: tuple[Decimal, Decimal] | None = None
        self._spared: Decimal | None = None  # how warm the room may still be, as the band before allowed it

    def apply(self, profile: Profile | None, now: datetime, latest: Latest) -> None:
        if profile is None:
            self._control.comfort, self._band, self._spared = self._configured, None, None
            return
        band = band_at(profile, now)
        if self._band is not None and band != self._band:
            allowed = max(self._band[1], self._spared or self._band[1])
            self._spared = allowed if allowed > band[1] else None
        self._band = band
        _, celsius = latest.get(self._source, (0.0, None))
        if self._spared is not None and celsius is not None and celsius <= band[1]:
            self._spared = None
        self._control.comfort = Comfort(band[0], self._spared or band[1], *self._source)


def _source(device: Device, inventory: Inventory, controls: Mapping[str, Control]) -> tuple[str, str] | None:
    """Which point of which device measures the room: as configured, or the one thermometer of the zone for a device that heats or cools."""
    if device.comfort is not None:
        return comfort_source(device)
    if controls[inventory.iri(device.name)].command.name not in WARMING:
        return None
    zone = [
        (one.device, one.point.name) for one in inventory.channels() if one.point.of == "zone" and one.point.kind == str(FCV.AirTemperature)
    ]
    found = [source for source in zone if source[0] == device.name] or zone
    return found[0] if found else None
