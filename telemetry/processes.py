"""Ports and processes of this machine: is it free, does it listen yet, is it still the same process, and how does it clean up?"""

import contextlib
import gc
import logging
import os
import signal
import socket
import time
from collections.abc import Callable
from pathlib import Path

from telemetry.errors import BrokerError

_LOG = logging.getLogger(__name__)
_STOP_S = 10.0


def collect_seldom() -> None:
    """Let this process look for cycles of dead objects seldom.

    A batch of readings makes tens of thousands of objects that live for the length of a transaction and form no cycles; looking through
    them again and again took a seventh of the processor time of a reading.
    """
    gc.set_threshold(50_000, 20, 50)


def family(host: str) -> socket.AddressFamily:
    """Tell IPv6 addresses from IPv4 addresses and names."""
    return socket.AF_INET6 if ":" in host else socket.AF_INET


def reachable(host: str) -> str:
    """Where this machine itself reaches what listens on `host`."""
    return {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104  (compared with, not listened on)


def free_port(host: str) -> int:
    """Find a port that nothing listens on."""
    with socket.socket(family(host)) as probe:
        probe.bind((host, 0))
        return int(probe.getsockname()[1])


def refuse_taken(host: str, port: int) -> None:
    """Find out before a program is started whether its port is free.

    Raises
    ------
    BrokerError
        If another program has it, or the address is not this machine's.
    """
    with socket.socket(family(host)) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise BrokerError(
                f"port {port} on {host} is taken by another program ({error}); stop that one, or set another port (FLEX_BROKER_PORT)"
            ) from error


def wait_until_open(host: str, port: int, within_s: float, alive: Callable[[], bool]) -> bool:
    """Wait until something accepts connections; gives up after the time, or when `alive` tells that it won't."""
    until = time.monotonic() + within_s
    while time.monotonic() < until and alive():
        try:
            socket.create_connection((reachable(host), port), timeout=1.0).close()
        except OSError:
            time.sleep(0.02)
        else:
            return True
    return False


def started_at(pid: int) -> str | None:
    """Start time of a process in clock ticks since boot; `None` if it is gone or the system does not tell."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8")
    except OSError:
        return None
    fields = stat.rpartition(")")[2].split()
    return None if fields[0] == "Z" else fields[19]


def write_pid(path: Path, pid: int) -> None:
    """Note a process so that it is found again, and mistaken for no other: by number and start time."""
    path.write_text(f"{pid} {started_at(pid) or ''}", encoding="utf-8")


def end_stale(path: Path) -> None:
    """End a broker that a killed platform left behind: only the very process whose number and start time we wrote down."""
    if not path.exists():
        return
    pid, _, started = path.read_text(encoding="utf-8").partition(" ")
    if pid.isdigit() and started and started_at(int(pid)) == started:
        _LOG.warning("a broker of an earlier run is still there (pid %s): it is ended", pid)
        for number in (signal.SIGTERM, signal.SIGKILL):
            with contextlib.suppress(ProcessLookupError):
                os.kill(int(pid), number)
            until = time.monotonic() + _STOP_S
            while started_at(int(pid)) == started and time.monotonic() < until:
                time.sleep(0.02)
    path.unlink()
