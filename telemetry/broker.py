"""The MQTT broker that the platform brings along: Mosquitto where it is installed, amqtt in this process otherwise.

Loopback only, and open to every process of this machine: certificates per box come with the access rules.
"""

import asyncio
import contextlib
import logging
import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from amqtt.broker import Broker as AmqttServer

from telemetry import tethered
from telemetry.errors import BrokerError

_LOG = logging.getLogger(__name__)
_LOOPBACK = ("127.0.0.1", "localhost", "::1")
_READY_S = 15.0
_STOP_S = 10.0
_EXTRA_PATH = "/usr/sbin:/usr/local/sbin:/opt/homebrew/sbin"

# Nothing is dropped for being too much: what a box has sent waits on disk until the platform takes it.
_MOSQUITTO = """\
listener {port} {host}
allow_anonymous true
user {user}
persistence true
persistence_location {directory}/
autosave_interval 5
max_queued_messages 0
max_queued_bytes 0
max_inflight_messages 1000
max_inflight_bytes 0
message_size_limit 4194304
persistent_client_expiration 14d
log_dest stdout
log_type error
log_type warning
log_type notice
connection_messages false
"""


class Broker(Protocol):
    """A running broker: `kind` is `mosquitto` or `amqtt`."""

    kind: str
    host: str
    port: int

    def stop(self) -> None:
        """End it and wait until its port is free; a second call does nothing."""
        ...


def mosquitto_program() -> str | None:
    """Where Mosquitto is installed; system directories count even if they are not on the PATH."""
    return shutil.which("mosquitto") or shutil.which("mosquitto", path=_EXTRA_PATH)


def start_broker(host: str, port: int, state_dir: Path, kind: str = "auto") -> Broker:
    """Start a broker and wait until it accepts connections.

    Parameters
    ----------
    host
        A loopback address.
    port
        TCP port; 0 takes a free one.
    state_dir
        Where Mosquitto keeps its sessions, queued messages, configuration, log and pid; each broker needs its own.
    kind
        `auto`, `mosquitto` or `amqtt`.

    Raises
    ------
    BrokerError
        If the address is not loopback, the port is taken, the kind isn't there, or the broker does not start.
    """
    if host not in _LOOPBACK:
        raise BrokerError(f"a broker on {host} would be open to the network without a password; use 127.0.0.1")
    program = mosquitto_program() if kind in ("auto", "mosquitto") else None
    if kind == "mosquitto" and program is None:
        raise BrokerError("mosquitto is wanted as broker but not installed; install it, or choose auto or amqtt")
    if kind not in ("auto", "mosquitto", "amqtt"):
        raise BrokerError(f"{kind!r} is not a kind of broker; choose auto, mosquitto or amqtt")
    state_dir.mkdir(parents=True, exist_ok=True)
    _end_stale(state_dir / "broker.pid")
    chosen = port or _free_port(host)
    _refuse_taken(host, chosen)
    return _Mosquitto(program, host, chosen, state_dir) if program else _Amqtt(host, chosen)


class _Mosquitto:
    """Mosquitto as a child that ends with this process, and is started again should it end by itself."""

    kind = "mosquitto"

    def __init__(self, program: str, host: str, port: int, state_dir: Path) -> None:
        self.host, self.port = host, port
        self._directory = state_dir
        self._config = state_dir / "mosquitto.conf"
        self._config.write_text(
            _MOSQUITTO.format(port=port, host=host, directory=state_dir.absolute(), user=pwd.getpwuid(os.geteuid()).pw_name),
            encoding="utf-8",
        )
        self._command = [program, "-c", str(self._config.absolute())]
        self._stopping = threading.Event()
        self._process: subprocess.Popen[bytes] | None = None
        # The kernel ties a child to the thread that started it: this one lives as long as the process.
        self._keeper = threading.Thread(target=self._keep, name="mosquitto-keeper", daemon=True)
        self._keeper.start()
        if not _wait_until_open(host, port, self._keeper.is_alive):
            self.stop()
            log = (state_dir / "mosquitto.log").read_text(encoding="utf-8", errors="replace")[-500:]
            raise BrokerError(f"mosquitto did not open port {port} in {_READY_S:.0f} s; its log ends with: {log}")

    @property
    def pid(self) -> int | None:
        """Process id of the child, while it runs."""
        return None if self._process is None else self._process.pid

    def stop(self) -> None:
        """See `Broker.stop`."""
        self._stopping.set()
        process = self._process
        if process is not None and process.poll() is None:
            process.terminate()
            try:
                process.wait(_STOP_S)
            except subprocess.TimeoutExpired:
                process.kill()
        self._keeper.join(_STOP_S)
        (self._directory / "broker.pid").unlink(missing_ok=True)

    def _keep(self) -> None:
        tether = [sys.executable, "-I", str(Path(tethered.__file__).absolute()), str(os.getpid())]
        while not self._stopping.is_set():
            with (self._directory / "mosquitto.log").open("ab") as log:
                self._process = subprocess.Popen(  # noqa: S603 - our own configuration, no shell
                    tether + self._command, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT
                )
            _write_pid(self._directory / "broker.pid", self._process.pid)
            if self._stopping.is_set():
                self._process.terminate()
            code = self._process.wait()
            if not self._stopping.wait(1.0):
                _LOG.error("mosquitto ended by itself with %d: started again; its log is in %s", code, self._directory)


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
        server = AmqttServer(
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


def _free_port(host: str) -> int:
    with socket.socket() as probe:
        probe.bind((host, 0))
        return int(probe.getsockname()[1])


def _refuse_taken(host: str, port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise BrokerError(
                f"port {port} on {host} is taken by another program ({error}); stop that one, or set another port (FLEX_BROKER_PORT)"
            ) from error


def _wait_until_open(host: str, port: int, alive: Callable[[], bool]) -> bool:
    until = time.monotonic() + _READY_S
    while time.monotonic() < until and alive():
        try:
            socket.create_connection((host, port), timeout=1.0).close()
        except OSError:
            time.sleep(0.02)
        else:
            return True
    return False


def _write_pid(path: Path, pid: int) -> None:
    path.write_text(f"{pid} {_started(pid) or ''}", encoding="utf-8")


def _end_stale(path: Path) -> None:
    """End a broker that a killed platform left behind: only the very process whose number and start time we wrote down."""
    if not path.exists():
        return
    pid, _, started = path.read_text(encoding="utf-8").partition(" ")
    if pid.isdigit() and started and _started(int(pid)) == started:
        _LOG.warning("a broker of an earlier run is still there (pid %s): it is ended", pid)
        for number in (signal.SIGTERM, signal.SIGKILL):
            with contextlib.suppress(ProcessLookupError):
                os.kill(int(pid), number)
            until = time.monotonic() + _STOP_S
            while _started(int(pid)) == started and time.monotonic() < until:
                time.sleep(0.02)
    path.unlink()


def _started(pid: int) -> str | None:
    """Start time of a process in clock ticks since boot; `None` if it is gone or the system does not tell."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8")
    except OSError:
        return None
    fields = stat.rpartition(")")[2].split()
    return None if fields[0] == "Z" else fields[19]
