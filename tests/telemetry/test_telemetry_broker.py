"""The broker that the platform brings along, both kinds."""

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from patience import PATIENCE_S, until
from servers import ROOT, free_port, listens, require
from telemetry_box import box

from telemetry.broker import mosquitto_program, start_broker
from telemetry.errors import BrokerError
from telemetry.mosquitto import cut

KINDS = ["mosquitto", "amqtt"]
_HOLD = """
import sys, time
from pathlib import Path
from telemetry.broker import start_broker
broker = start_broker("127.0.0.1", int(sys.argv[1]), Path(sys.argv[2]), "mosquitto")
print("ready", broker.pid, flush=True)
time.sleep(60)
"""


def needed(kind: str) -> None:
    require(kind != "mosquitto" or mosquitto_program() is not None, "mosquitto is not installed")


@pytest.mark.parametrize("kind", KINDS)
def test_a_broker_starts_on_a_free_loopback_port_and_frees_it(kind: str, tmp_path: Path) -> None:
    needed(kind)
    broker = start_broker("127.0.0.1", 0, tmp_path, kind)

    with box(broker.port) as client:
        client.send({"message": "m1"}, verb="ack")  # a box hears its own acknowledgement topic
        heard = client.ack("m1")
    broker.stop()
    broker.stop()

    assert heard == {"message": "m1"}
    assert broker.kind == kind
    assert not listens(broker.port)


@pytest.mark.parametrize("kind", KINDS)
def test_a_taken_port_is_named(kind: str, tmp_path: Path) -> None:
    needed(kind)
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]

        with pytest.raises(BrokerError, match=f"port {port} on 127.0.0.1 is taken by another program"):
            start_broker("127.0.0.1", port, tmp_path, kind)


def test_an_address_of_the_network_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BrokerError, match=r"a broker on 192\.0\.2\.1 would be open to the network without a password; use 127\.0\.0\.1"):
        start_broker("192.0.2.1", 0, tmp_path)


def start_and_kill(port: int, directory: Path) -> int:
    """A platform that is killed while its broker runs; returns the pid of the broker."""
    holder = subprocess.Popen([sys.executable, "-c", _HOLD, str(port), str(directory)], stdout=subprocess.PIPE, cwd=ROOT)
    assert holder.stdout is not None
    pid = int(holder.stdout.readline().split()[1])
    holder.kill()
    holder.wait()
    holder.stdout.close()
    return pid


def test_the_broker_of_a_killed_platform_ends_and_the_port_can_be_used_again(tmp_path: Path) -> None:
    needed("mosquitto")
    port = free_port()
    start_and_kill(port, tmp_path)
    assert until(lambda: not listens(port))

    start_broker("127.0.0.1", port, tmp_path, "mosquitto").stop()


def test_a_broker_left_behind_is_ended_only_if_it_is_the_one_written_down(tmp_path: Path) -> None:
    sleeper = subprocess.Popen(["sleep", "60"])
    stranger = subprocess.Popen(["sleep", "60"])
    started = Path(f"/proc/{sleeper.pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[19]
    try:
        for pid, ticks in ((sleeper.pid, started), (stranger.pid, "1")):
            (tmp_path / "broker.pid").write_text(f"{pid} {ticks}", encoding="utf-8")
            start_broker("127.0.0.1", 0, tmp_path, "amqtt").stop()

        assert sleeper.wait(PATIENCE_S) == -signal.SIGTERM
        assert stranger.poll() is None
    finally:
        for process in (sleeper, stranger):
            process.kill()
            process.wait()


def test_a_broker_that_is_killed_comes_back_with_its_port(tmp_path: Path) -> None:
    needed("mosquitto")
    broker = start_broker("127.0.0.1", 0, tmp_path, "mosquitto")
    first = broker.pid  # type: ignore[attr-defined]
    os.kill(first, signal.SIGKILL)
    assert until(lambda: broker.pid != first and listens(broker.port))  # type: ignore[attr-defined]

    with box(broker.port):
        broker.stop()


def test_a_broker_whose_pid_cannot_be_noted_is_kept_all_the_same(tmp_path: Path) -> None:
    """As on a full disk: the kernel would end it with the thread that started it."""
    needed("mosquitto")
    broker = start_broker("127.0.0.1", 0, tmp_path, "mosquitto")
    first = broker.pid  # type: ignore[attr-defined]
    (tmp_path / "broker.pid").unlink()
    (tmp_path / "broker.pid").mkdir()
    os.kill(first, signal.SIGKILL)
    assert until(lambda: broker.pid != first and listens(broker.port))  # type: ignore[attr-defined]

    with box(broker.port) as client:
        client.send({"message": "m1"}, verb="ack")
        assert client.ack("m1") == {"message": "m1"}
    (tmp_path / "broker.pid").rmdir()
    broker.stop()


def test_the_brokers_log_does_not_fill_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each handshake that fails is a line, and whoever reaches the port can let one fail."""
    monkeypatch.setattr("telemetry.mosquitto.MAX_LOG_BYTES", 1000)
    log = tmp_path / "mosquitto.log"
    with log.open("ab", buffering=0) as mosquittos:
        mosquittos.write(b"a" * 1001)
        cut(log)
        mosquittos.write(b"b" * 1000)
        cut(log)

    assert log.read_bytes() == b"b" * 1000
    assert (tmp_path / "mosquitto.log.1").read_bytes() == b"a" * 1001


def test_a_user_without_a_name_can_run_a_broker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A container may be run with a number that no file names."""
    needed("mosquitto")
    monkeypatch.setattr("telemetry.mosquitto.os.geteuid", lambda: 4_000_000)

    start_broker("127.0.0.1", 0, tmp_path, "mosquitto").stop()
