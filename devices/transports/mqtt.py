"""Devices that speak on the box's own broker: plugs, sensors, thermostats, gateways to radio networks."""

from decimal import Decimal

from devices.errors import ConfigError, DeviceReadError
from devices.transports import identity, setpoints
from devices.transports.address import Address
from devices.transports.deadline import Deadline
from devices.transports.topics import Document, Topics
from mappers import flat
from mappers.points import Profile, Send

OLDEST_S = 900.0


class MqttDevice:
    """One device by its name on the broker; fulfils `devices.transports.Device`.

    `read` gives what the device said last. A device that hasn't said anything for `maximum_age` seconds counts as unreachable; what the
    broker had kept from before is no sign of life.
    """

    def __init__(self, profile: Profile, address: Address) -> None:
        self._profile = profile
        self._name = address.text("name")
        if set(self._name) & set("+#\0"):
            raise ConfigError(
                f"the address of {profile.id} says name = {self._name!r}, and a device has a name of its own; write it without + and #"
            )
        self._timeout_s = address.timeout()
        self._oldest_s = address.seconds("maximum_age", OLDEST_S, 7 * 86_400)
        host, port = address.text("host", "127.0.0.1"), address.integer("port", 1883, 1, 65_535)
        login = (address.text("username"), address.text("password")) if "username" in address else None
        address.done()
        topics = {self._topic(topic): short for short, topic in profile.topics.items()}
        self._topics = Topics(host, port, topics, login)

    def read(self) -> Document:
        """See `Device.read`."""
        return self._recognised(Deadline(self._timeout_s))

    def write(self, command: str, value: Decimal) -> None:
        """See `Device.write`; done when the device itself has said that it holds the value."""
        told = setpoints.command(self._profile, command, value)
        assert isinstance(told.target, Send)  # noqa: S101 - the profile's reader sees to it
        payload = setpoints.in_words_of_the_device(lambda: flat.payload(told, value))
        deadline = Deadline(self._timeout_s)
        try:
            self._recognised(deadline)
            before = self._topics.count
            self._topics.publish(self._topic(told.target.to), payload, deadline)
            if not self._topics.wait_for(lambda said: flat.held(told, said) == value, before, deadline):
                raise setpoints.not_taken(command, value, flat.held(told, self._topics.latest(self._oldest_s, Deadline(0))))
        except DeviceReadError as error:
            raise setpoints.failed(command, error) from error

    def read_back(self, command: str) -> Decimal | None:
        """See `Device.read_back`."""
        return flat.held(self._profile.command(command), self._topics.latest(self._oldest_s, Deadline(self._timeout_s)))

    def restore(self, command: str) -> None:
        """See `Device.restore`."""
        self.write(command, self._profile.command(command).restore)

    def close(self) -> None:
        """See `Device.close`."""
        self._topics.close()

    def _recognised(self, deadline: Deadline) -> Document:
        said = self._topics.latest(self._oldest_s, deadline)
        identity.check(flat.lift(self._profile, said), f"{self._profile.id} {self._name}")
        return said

    def _topic(self, template: str) -> str:
        return template.replace("{name}", self._name)
