"""Mosquitto as a child of the platform: its configuration, its access list, its life.

Facts about 2.0.11 that are relied on, each held by a test in tests/telemetry/test_telemetry_broker_hostile.py: SIGHUP reads certificates and
the revocation list anew but leaves living connections alone; a subscription is granted whatever it asks for, and the access list is held
against each message before it is handed over.
"""

import contextlib
import logging
import os
import pwd
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

from telemetry import tethered
from telemetry.authority import PLATFORM
from telemetry.errors import BrokerError
from telemetry.processes import wait_until_open, write_pid
from telemetry.tls import ServerTls

_LOG = logging.getLogger(__name__)
_EXTRA_PATH = "/usr/sbin:/usr/local/sbin:/opt/homebrew/sbin"
_READY_S = 15.0
_STOP_S = 10.0
_PAUSE_S = 1.0
_LOG_LOOKED_AFTER_S = 30.0

# A stranger makes Mosquitto write a line with each handshake that fails, and could so fill the disk.
MAX_LOG_BYTES = 8 << 20

# The largest packet that is taken over TLS, with its header and topic. A box cuts its batches at 64 kB compressed; an announcement has about
# 650 bytes a channel (6.6 kB for the ten of a demo home). Whoever sends more is disconnected, so that it notices: with message_size_limit
# instead, a message of QoS 1 would be confirmed and thrown away.
MAX_PACKET_BYTES = 128 * 1024
MAX_CONNECTIONS = 4000
PLATFORM_PROCESSES = 8

_COMMON = """\
user {user}
persistence true
persistence_location {directory}/
autosave_interval 5
max_inflight_messages 1000
max_inflight_bytes 0
persistent_client_expiration 14d
log_dest stdout
log_type error
log_type warning
log_type notice
connection_messages false
"""

# Nothing is dropped for being too much: what a box has sent waits on disk until the platform takes it. Not 0, which means without end, but
# made 2.0.16 to 2.0.21 drop every message or disconnect the clients (issues 2879 and 3244 of eclipse-mosquitto/mosquitto).
_LOOPBACK = """\
listener {port} {host}
allow_anonymous true
max_queued_messages 100000000
max_queued_bytes 0
message_size_limit 4194304
"""

# What the limits drop is not lost: a box keeps each message until the platform's own acknowledgement, and sends it again.
# - use_identity_as_username: who a client is, is the CN of its certificate and nothing that it says.
# - use_username_as_clientid: the client id, too. The broker ends a connection when another comes with the same id; were the id free, any
#   box could end any other's, and take over the session in which its dispatches wait.
# - retain_available: nothing here is retained, and a retained message would come again at every new subscription.
# - max_keepalive: an MQTT 5 client that is gone is noticed within half as much again (2.0.11 doesn't hold 3.1.1 clients to it).
# - max_queued_*: what waits for a client that is away: for the platform some minutes of many boxes, then the boxes' outboxes hold it.
_TLS = """\
listener {port} {host}
cafile {ca}
certfile {certificate}
keyfile {key}
crlfile {crl}
tls_version tlsv1.2
require_certificate true
use_identity_as_username true
use_username_as_clientid true
max_connections {connections}
allow_anonymous false
acl_file {acl}
max_packet_size {packet}
retain_available false
max_keepalive 300
max_queued_messages 20000
max_queued_bytes 268435456
"""


def mosquitto_program() -> str | None:
    """Where Mosquitto is installed; system directories count even if they are not on the PATH."""
    return shutil.which("mosquitto") or shutil.which("mosquitto", path=_EXTRA_PATH)


def configuration(host: str, port: int, directory: Path, tls: ServerTls | None, user: str) -> str:
    """Write the configuration as a text; with `tls` it names the access list in the same directory."""
    common = _COMMON.format(directory=directory, user=user)
    if tls is None:
        return _LOOPBACK.format(port=port, host=host) + common
    return (
        _TLS.format(
            port=port,
            host=host,
            ca=tls.files.ca,
            certificate=tls.files.certificate,
            key=tls.files.key,
            crl=tls.crl,
            acl=directory / "acl",
            connections=MAX_CONNECTIONS,
            packet=MAX_PACKET_BYTES,
        )
        + common
    )


def access_list() -> str:
    """Say who may do what, as a text: each box on its own topics (`%u` is the CN of its certificate), the platform on all."""
    platform = [PLATFORM, *(f"{PLATFORM}-{number}" for number in range(1, PLATFORM_PROCESSES + 1))]
    lines = [line for name in platform for line in (f"user {name}", "topic readwrite flexcoop/#", "")]
    lines += [f"pattern write flexcoop/osb/%u/{verb}" for verb in ("announce", "telemetry", "report", "renew")]
    lines += [f"pattern read flexcoop/osb/%u/{verb}" for verb in ("ack", "dispatch", "comfort", "certificate")]
    lines += ["pattern read flexcoop/scenario/tick"]
    return "\n".join(lines) + "\n"


class Mosquitto:
    """Mosquitto as a child that ends with this process, and is started again should it end by itself."""

    kind = "mosquitto"

    def __init__(self, program: str, host: str, port: int, state_dir: Path, tls: ServerTls | None) -> None:
        self.host, self.port, self.tls = host, port, tls
        self._directory = state_dir
        directory = state_dir.absolute()
        config = directory / "mosquitto.conf"
        (directory / "acl").write_text(access_list(), encoding="utf-8")
        (directory / "acl").chmod(0o600)
        config.write_text(configuration(host, port, directory, tls, _user()), encoding="utf-8")
        self._command = [program, "-c", str(config)]
        self._stopping, self._restarting = threading.Event(), threading.Event()
        self._process: subprocess.Popen[bytes] | None = None
        # The kernel ties a child to the thread that started it: this one lives as long as the process.
        self._keeper = threading.Thread(target=self._keep, name="mosquitto-keeper", daemon=True)
        self._keeper.start()
        if not wait_until_open(host, port, _READY_S, self._keeper.is_alive):
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

    def reload(self) -> None:
        """Have it read its certificates, revocation list and access list anew; connections stay."""
        process = self._process
        if process is not None and process.poll() is None:
            process.send_signal(signal.SIGHUP)

    def restart(self) -> None:
        """End it and wait until it listens again; every client has to connect anew."""
        process = self._process
        if process is None or self._stopping.is_set():
            return
        _LOG.warning("mosquitto is restarted")
        self._restarting.set()
        process.terminate()
        until = time.monotonic() + _STOP_S + _READY_S
        while self._process is process and time.monotonic() < until:
            time.sleep(0.02)
        if not wait_until_open(self.host, self.port, _READY_S, self._keeper.is_alive):
            raise BrokerError(f"mosquitto did not open port {self.port} again; its log is in {self._directory}")

    def _keep(self) -> None:
        """Have it run until told to stop. Whatever the disk says, this thread goes on: the kernel would end the child with it."""
        while not self._stopping.is_set():
            try:
                self._process = process = self._started()
            except OSError as error:
                _LOG.error("mosquitto can't be started (%s); it is tried again", error)
                self._stopping.wait(_PAUSE_S)
                continue
            try:
                write_pid(self._directory / "broker.pid", process.pid)
            except OSError as error:
                _LOG.warning("mosquitto's pid can't be noted (%s); should this platform be killed, end %d by hand", error, process.pid)
            if self._stopping.is_set():
                process.terminate()
            code = self._ended(process)
            if self._restarting.is_set():
                self._restarting.clear()
            elif not self._stopping.wait(_PAUSE_S):
                _LOG.error("mosquitto ended by itself with %d: started again; its log is in %s", code, self._directory)

    def _started(self) -> subprocess.Popen[bytes]:
        tether = [sys.executable, "-I", str(Path(tethered.__file__).absolute()), str(os.getpid())]
        with (self._directory / "mosquitto.log").open("ab") as log:
            return subprocess.Popen(  # noqa: S603 - our own configuration, no shell
                tether + self._command, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT
            )

    def _ended(self, process: subprocess.Popen[bytes]) -> int:
        """Wait for its end, and keep its log small meanwhile."""
        while True:
            cut(self._directory / "mosquitto.log")
            with contextlib.suppress(subprocess.TimeoutExpired):
                return process.wait(_LOG_LOOKED_AFTER_S)


def cut(log: Path) -> None:
    """Put a log that has grown beyond `MAX_LOG_BYTES` aside, in place of the one before; who appends to it goes on at its beginning."""
    try:
        if log.stat().st_size > MAX_LOG_BYTES:
            shutil.copyfile(log, log.with_name(f"{log.name}.1"))
            os.truncate(log, 0)
    except OSError as error:  # no room for a copy: the next time then
        _LOG.warning("%s can't be cut (%s)", log, error)


def _user() -> str:
    """As whom Mosquitto runs when started by root; a container may give us a number without a name, and then it doesn't matter."""
    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        return "nobody"
