"""The certificates of the boxes, as the running platform has to do with them: given, ended, listed, and the broker's own kept valid."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

from kg.iris import Iris
from kg.store import Store
from telemetry.announce import home_of, osb_iri
from telemetry.authority import Authority, ClaimCode, Given
from telemetry.broker import Broker
from telemetry.errors import BrokerError
from telemetry.issued import Certificate
from telemetry.mosquitto import Mosquitto
from telemetry.processes import reachable
from telemetry.renewal import renewals
from telemetry.revocation import enforce
from telemetry.tls import ServerTls, TlsFiles

_LOG = logging.getLogger("flexcoop")


@dataclass(frozen=True)
class Reached:
    """Where the boxes find the broker.

    Attributes
    ----------
    host : of a broker elsewhere; empty if the platform runs its own
    port : of either
    listen : what a broker of ours listens on
    names : by which else the broker is known
    """

    host: str
    port: int
    listen: str
    names: Sequence[str] = ()


class Boxes:
    """What a platform does with certificates; where the broker wants none, only `equip` and the files for connecting may be asked for.

    Parameters
    ----------
    wall
        The time on the wall, which certificates are compared with.
    folder
        The authority's; `None` if the broker wants no certificates.
    days
        How long a box's certificate is valid.
    running
        The broker that the platform runs at this moment, if any.
    """

    def __init__(
        self,
        store: Store,
        iris: Iris,
        wall: Callable[[], datetime],
        reached: Reached,
        running: Callable[[], Broker | None],
        *,
        folder: Path | None,
        days: int,
    ) -> None:
        self._store, self._iris, self._wall, self._reached, self._running = store, iris, wall, reached, running
        self._authority = (
            Authority(folder, wall, days=days, claimed=self._claimed, on_revoked=self._revoked) if folder is not None else None
        )
        self._seen = date.min

    @property
    def authority(self) -> Authority:
        """Who signs the boxes' certificates.

        Raises
        ------
        BrokerError
            If the broker wants no certificates.
        """
        if self._authority is None:
            raise BrokerError("the broker wants no certificates (FLEX_BROKER_SECURITY=loopback); set it to tls and start the platform anew")
        return self._authority

    def claim(self, osb: str) -> ClaimCode:
        """Make the code for which an OSB is given its certificate, once, within a day."""
        return self.authority.claim(osb)

    def enrol(self, osb: str, code: str, request: bytes) -> tuple[Given, str, int]:
        """Give a box its certificate for its claim code, and the address of the broker."""
        given = self.authority.enrol(osb, code, request)
        broker = self._running()
        host = (self._reached.names or (self._address(),))[0]
        return given, host, broker.port if broker else self._reached.port

    def knows(self, osb: str) -> bool:
        """Whether an OSB has a certificate that is valid, or a claim code for one; never where the broker wants none."""
        return self._authority is not None and self._authority.knows(osb)

    def revoke(self, osb: str) -> tuple[list[str], str]:
        """End an OSB's certificates; returns their serials, and from when on the broker refuses them."""
        serials = self.authority.revoke(osb)
        if isinstance(self._running(), Mosquitto):
            return serials, "now"
        external = self._reached.host
        return serials, f"when the broker at {external} has read {self.authority.crl} again" if external else "when the broker starts"

    def certificates(self) -> list[tuple[Certificate, str]]:
        """List what was given to the boxes, each with its state."""
        now = self._wall()
        return [(each, each.state(now)) for each in self.authority.certificates()]

    def equip(self, boxes: Sequence[str], folder: Path) -> bool:
        """Write a certificate for each simulated box to a folder; returns `False`, and does nothing, where the broker wants none."""
        if self._authority is None:
            return False
        for osb in boxes:
            self._authority.issue_to(folder, osb)
        return True

    # --- for the broker and the platform's own connection

    def server_tls(self) -> ServerTls | None:
        """Files for a broker of ours; `None` where it wants no certificates."""
        authority = self._authority
        return ServerTls(authority.server_files(self._names()), authority.crl) if authority else None

    def platform_files(self) -> TlsFiles | None:
        """Files for the platform's own connection; `None` where the broker wants no certificates."""
        return self._authority.platform_files() if self._authority else None

    def renewals(self) -> Callable[[str, bytes], bytes] | None:
        """What answers a box that asks for its next certificate; `None` where the broker wants none."""
        return renewals(self._authority) if self._authority else None

    def renew_server_certificate(self) -> None:
        """Look once a day whether the broker's certificate is about to end, that of a broker elsewhere, too."""
        today = self._wall().date()
        if self._authority is None or today == self._seen:
            return
        self._authority.server_files(self._names())
        broker = self._running()
        if isinstance(broker, Mosquitto):
            broker.reload()
        self._seen = today

    def close(self) -> None:
        """Release the register."""
        if self._authority is not None:
            self._authority.close()

    def _names(self) -> list[str]:
        return [*self._reached.names, self._address()]

    def _address(self) -> str:
        return self._reached.host or reachable(self._reached.listen)

    def _claimed(self, osb: str) -> None:
        home_of(self._store, self._iris, osb_iri(self._iris, osb))

    def _revoked(self, osb: str) -> None:
        broker = self._running()
        if isinstance(broker, Mosquitto) and self._authority is not None:
            enforce(broker, self._authority, osb)
        else:
            _LOG.warning("no broker of ours is running; one that is must read %s again to refuse %s", self.authority.crl, osb)
