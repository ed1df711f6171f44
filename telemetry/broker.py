"""The MQTT broker that the platform brings along: Mosquitto where it is installed, amqtt in this process otherwise.

Without TLS it listens on loopback only and is open to every process of this machine. With TLS every client shows a certificate of the
platform's authority, and may do what its name allows (`telemetry.mosquitto.access_list`); only Mosquitto can do that.
"""

import asyncio
import contextlib
import logging
import threading
import weakref
from pathlib import Path
from typing import Protocol

from amqtt.broker import Broker as AmqttServer

from telemetry.errors import BrokerError
from telemetry.mosquitto import Mosquitto, mosquitto_program
from telemetry.processes import end_stale, free_port, refuse_taken
from telemetry.tls import ServerTls

__all__ = ["Broker", "mosquitto_program", "start_broker"]

_LOG = logging.getLogger(__name__)
_LOOPBACK = ("127.0.0.1", "localhost", "::1")
_READY_S = 15.0
_STOP_S = 10.0
_CLOSE_S = 1.0


class Broker(Protocol):
    """A running broker: `kind` is `mosquitto` or `amqtt`."""

    kind: str
    host: str
    port: int

    def stop(self) -> None:
        """End it and wait until its port is free; a second call does nothing."""
        ...


def start_broker(host: str, port: int, state_dir: Path, kind: str = "auto", tls: ServerTls | None = None) -> Broker:
    """Start a broker and wait until it accepts connections.

    Parameters
    ----------
    host
        A loopback address; with TLS any address of this machine.
    port
        TCP port; 0 takes a free one.
    state_dir
        Where Mosquitto keeps its sessions, queued messages, configuration, log and pid; each broker needs its own.
    kind
        `auto`, `mosquitto` or `amqtt`.
    tls
        The broker's certificate and the revocation list; then every client needs a certificate of the same authority.

    Raises
    ------
    BrokerError
        If the address is not loopback and there is no TLS, the port is taken, the kind isn't there or can't do TLS, or it does not start.
    """
    if tls is None and host not in _LOOPBACK:
        raise BrokerError(
            f"a broker on {host} would be open to the network without a password; use 127.0.0.1, or certificates: FLEX_BROKER_SECURITY=tls"
        )
    if kind not in ("auto", "mosquitto", "amqtt"):
        raise BrokerError(f"{kind!r} is not a kind of broker; choose auto, mosquitto or amqtt")
    program = mosquitto_program() if kind in ("auto", "mosquitto") else None
    if kind == "mosquitto" and program is None:
        raise BrokerError("mosquitto is wanted as broker but not installed; install it, or choose auto or amqtt")
    if tls is not None and program is None:
        raise BrokerError(
            "a broker with certificates has to be Mosquitto, and "
            + (
                "amqtt is asked for; set FLEX_BROKER_KIND=mosquitto"
                if kind == "amqtt"
                else "it is not installed; on Debian: apt install mosquitto"
            )
            + ", or FLEX_BROKER_SECURITY=loopback for a demo on this machine"
        )
    state_dir.mkdir(parents=True, exist_ok=True)
    end_stale(state_dir / "broker.pid")
    chosen = port or free_port(host)
    refuse_taken(host, chosen)
    return Mosquitto(program, host, chosen, state_dir, tls) if program else _Amqtt(host, chosen)


class _Server(AmqttServer):  # type: ignore[misc]
    """amqtt's broker; closes the connections that it was still taking up when it was told to end, which it would leave open."""

    def __init__(self, config: dict[str, object]) -> None:
        super().__init__(config)
        self._writers: weakref.WeakSet[asyncio.StreamWriter] = weakref.WeakSet()

    async def stream_connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, listener_name: str) -> None:
        """Take up a connection."""
        self._writers.add(writer)
        await super().stream_connected(reader, writer, listener_name)

    async def shutdown(self) -> None:
        """End, and close what is open."""
        await super().shutdown()
        for writer in list(self._writers):
            writer.close()
            with contextlib.suppress(OSError, TimeoutError):
                await asyncio.wait_for(writer.wait_closed(), _CLOSE_S)


class _Amqtt:
    """amqtt in a thread of this process; it keeps nothing on disk, so that only the outboxes of the boxes survive a restart."""

    kind = "amqtt"

    def __init__(self, host: str, port: int) -> None:
        self.host, self.port = host, port
        self._loop: asyncio.AbstractEventLoop | None = None
        self._finish: asyncio.Event | None = None
        self._failure: Exception | None = None
        self._decided = threading.Event()
        for name in ("amqtt", "transitions"):
            logging.getLogger(name).setLevel(logging.ERROR)  # they tell of every packet
        self._thread = threading.Thread(target=self._run, name="amqtt", daemon=True)
        self._thread.start()
        if not self._decided.wait(_READY_S) or self._failure is not None:
            self.stop()
            raise BrokerError(f"amqtt did not open port {port} in {_READY_S:.0f} s ({self._failure}); choose another port")

    def stop(self) -> None:
        """See `Broker.stop`."""
        if self._loop is not None and self._finish is not None and self._thread.is_alive():
            with contextlib.suppress(RuntimeError):  # the loop ended in between
                self._loop.call_soon_threadsafe(self._finish.set)
        self._thread.join(_STOP_S)

    def _run(self) -> None:
        try:
            asyncio.run(self._serve())
        except Exception as error:  # noqa: BLE001 - whatever ends the thread is told to who waits for the port
            self._failure = error
            _LOG.exception("amqtt ended")
        finally:
            self._decided.set()

    async def _serve(self) -> None:
        self._loop, self._finish = asyncio.get_running_loop(), asyncio.Event()
        server = _Server(
            {
                "listeners": {"default": {"type": "tcp", "bind": f"{self.host}:{self.port}"}},
                "timeout_disconnect_delay": 30,
                "plugins": {"amqtt.plugins.authentication.AnonymousAuthPlugin": {"allow_anonymous": True}},
            }
        )
        await server.start()
        self._decided.set()
        await self._finish.wait()
        await server.shutdown()
