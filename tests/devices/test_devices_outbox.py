"""The outbox keeps messages and state together, whatever ends the process."""

import os
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from devices.outbox import Outbox, Outgoing

ROOT = Path(__file__).parents[2]


def message(id: str, topic: str = "t") -> Outgoing:
    return Outgoing(id, topic, id.encode())


@pytest.fixture
def outbox(tmp_path: Path):
    box = Outbox(tmp_path / "box.sqlite", durable=False)
    yield box
    box.close()


def test_a_message_waits_until_its_acknowledgement(outbox: Outbox) -> None:
    outbox.add("a", message("1"))
    outbox.add("a", message("2"))

    assert outbox.acknowledge("a", "1")
    assert outbox.waiting("a") == [message("2")]


def test_an_acknowledgement_counts_once_and_for_its_box_only(outbox: Outbox) -> None:
    outbox.add("a", message("1"))

    assert not outbox.acknowledge("b", "1")
    assert outbox.acknowledge("a", "1")
    assert not outbox.acknowledge("a", "1")


def test_the_same_message_twice_is_one(outbox: Outbox) -> None:
    outbox.add("a", message("1"))
    outbox.acknowledge("a", "1")
    outbox.add("a", message("1"))

    assert outbox.waiting("a") == []


def test_an_announcement_is_sent_at_each_start(outbox: Outbox) -> None:
    outbox.add("a", message("1"), again=True)
    outbox.acknowledge("a", "1")
    outbox.add("a", message("1"), again=True)

    assert outbox.waiting("a") == [message("1")]


def test_only_the_last_acknowledged_message_can_be_recalled(outbox: Outbox) -> None:
    for id in ("1", "2"):
        outbox.add("a", message(id))
        outbox.acknowledge("a", id)

    assert not outbox.recall("a", "1")
    assert outbox.recall("a", "2")
    assert outbox.waiting("a") == [message("2")]


def test_a_failed_transaction_leaves_nothing(outbox: Outbox) -> None:
    def fail() -> None:
        with outbox.transaction():
            outbox.add("a", message("1"))
            outbox.save("a", {"now": 1})
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()

    assert outbox.waiting("a") == []
    assert outbox.load("a") is None


def test_a_failed_part_is_undone_alone(outbox: Outbox) -> None:
    with outbox.transaction():
        outbox.add("a", message("1"))
        with suppress(ZeroDivisionError), outbox.transaction():
            outbox.add("a", message("2"))
            raise ZeroDivisionError

    assert outbox.waiting("a") == [message("1")]


def test_kill_9_loses_no_commit_and_keeps_no_half(tmp_path: Path) -> None:
    path = tmp_path / "box.sqlite"
    child = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "import sys, pathlib; from devices.outbox import *\n"
            f"box = Outbox(pathlib.Path({str(path)!r}), durable=False)\n"
            "for n in range(1_000_000):\n"
            "    with box.transaction():\n"
            "        box.add('a', Outgoing(f'{n}', 't', b'x')); box.save('a', {'n': n})\n"
            "    print(n, flush=True)\n",
        ],
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    )
    assert child.stdout is not None
    for line in child.stdout:
        if int(line) >= 200:
            break
    os.kill(child.pid, signal.SIGKILL)
    told = [200, *(int(line) for line in child.stdout.read().splitlines() if line.isdigit())][-1]
    child.stdout.close()
    child.wait()

    outbox = Outbox(path, durable=False)

    state = outbox.load("a")
    assert state is not None
    assert state["n"] >= told
    assert [m.id for m in outbox.waiting("a")] == [str(n) for n in range(state["n"] + 1)]
    outbox.close()
