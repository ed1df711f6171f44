"""Devices that answer a GET with a JSON document, and take set-points by PUT."""

from decimal import Decimal
from urllib.parse import SplitResult, urlsplit

from devices.errors import ConfigError, DeviceReadError
from devices.transports import fetch, identity, setpoints
from devices.transports.address import Address
from devices.transports.deadline import Deadline, fault
from mappers import flat
from mappers.document import Json
from mappers.errors import MappingError
from mappers.points import Command, Profile, Send


class HttpDevice:
    """One device at a URL; fulfils `devices.transports.Device`."""

    def __init__(self, profile: Profile, address: Address) -> None:
        self._profile = profile
        self._url = address.text("url").rstrip("/")
        parts = _parts(self._url)
        if parts is None or parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
            raise ConfigError(
                f"the address of {profile.id} says url = {self._url!r}, which is no address of a device; write it like http://192.168.1.20"
            )
        if parts.username is not None or parts.password is not None:
            raise ConfigError(
                f"the address of {profile.id} says a login in its url, which would stand in every message; use username and password"
            )
        self._timeout_s = address.timeout()
        login = (address.text("username"), address.text("password")) if "username" in address else None
        address.done()
        self._http = fetch.client(login)

    def read(self) -> Json:
        """See `Device.read`."""
        return self._recognised(Deadline(self._timeout_s))

    def write(self, command: str, value: Decimal) -> None:
        """See `Device.write`."""
        told = setpoints.command(self._profile, command, value)
        body = setpoints.in_words_of_the_device(lambda: flat.payload(told, value))
        deadline = Deadline(self._timeout_s)
        try:
            self._recognised(deadline)
            fetch.request(self._http, "PUT", self._url + _path(told), deadline, body)
            setpoints.confirm(command, value, lambda: flat.held(told, self._document(deadline)), deadline)
        except DeviceReadError as error:
            raise setpoints.failed(command, error) from error

    def read_back(self, command: str) -> Decimal | None:
        """See `Device.read_back`."""
        return flat.held(self._profile.command(command), self._document(Deadline(self._timeout_s)))

    def restore(self, command: str) -> None:
        """See `Device.restore`."""
        self.write(command, self._profile.command(command).restore)

    def close(self) -> None:
        """See `Device.close`."""
        self._http.close()

    def _recognised(self, deadline: Deadline) -> Json:
        said = self._document(deadline)
        identity.check(flat.lift(self._profile, said), f"{self._profile.id} at {self._url}")
        return said

    def _document(self, deadline: Deadline) -> Json:
        url = self._url + (self._profile.path or "")
        body = fetch.request(self._http, "GET", url, deadline)
        try:
            return flat.parse(body)
        except MappingError as error:
            raise fault(f"{url} answers what is no JSON document ({error}); check the address and the device's firmware") from error


def _parts(url: str) -> SplitResult | None:
    """The parts of a URL; `None` where host or port can't be."""
    try:
        parts = urlsplit(url)
        return parts if parts.port != 0 else None
    except ValueError:
        return None


def _path(told: Command) -> str:
    assert isinstance(told.target, Send)  # noqa: S101 - the profile's reader sees to it
    return told.target.to
