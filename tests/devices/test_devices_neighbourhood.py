"""Many boxes in one process, on a real broker: what is acknowledged is forgotten, what isn't is sent again, whatever dies."""

import os
import signal
import sqlite3
import subprocess
import sys
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from devices_fixtures import QUARTER, START, home, replay
from devices_platform import FakePlatform, mosquitto
from patience import PATIENCE_S, until
from servers import ROOT, Child, start

from devices import config
from devices.messages import TICK_TOPIC, instant, stamp

BOXES = ("osb-feed", "osb-h01", "osb-h02")


@pytest.fixture
def broker(tmp_path: Path):
    child, port = mosquitto(tmp_path)
    yield child, port
    child.stop()


@pytest.fixture
def platform(broker):
    made = FakePlatform(broker[1])
    yield made
    made.close()


@pytest.fixture
def settings(tmp_path: Path, broker) -> Path:
    replay().write(tmp_path / "series.npz")
    given = config.Neighbourhood(
        base="http://127.0.0.1:8080",
        state=tmp_path / "boxes.sqlite",
        series=tmp_path / "series.npz",
        broker=config.Broker(port=broker[1]),
        homes=(home("h01"), home("h02", seed=2, source=1)),
        feed=config.Feed(),
    )
    config.dump(given, tmp_path / "homes.json")
    return tmp_path / "homes.json"


@pytest.fixture
def boxes(settings: Path):
    started: list[Child] = []

    def run() -> Child:
        started.append(start([sys.executable, "-m", "devices.neighbourhood", "--config", settings]))
        return started[-1]

    yield run
    for child in started:
        child.stop()


def tick(platform: FakePlatform, since: datetime, to: datetime) -> set[str]:
    """Ask for readings; returns the ids that must come."""
    platform.say(TICK_TOPIC, {"tick": 1, "from": instant(since), "to": instant(to)})
    return {f"http://127.0.0.1:8080/id/message/{osb}/{stamp(to)}" for osb in BOXES}


def waiting(settings: Path, kind: str) -> int:
    """Messages of a kind that no acknowledgement has come for."""
    db = sqlite3.connect(f"file:{settings.with_name('boxes.sqlite')}?mode=ro", uri=True)
    try:
        return int(db.execute("SELECT COUNT(*) FROM message WHERE acked = 0 AND topic LIKE ?", (f"%/{kind}",)).fetchone()[0])
    finally:
        db.close()


def wait_until_empty(settings: Path, kind: str = "%") -> None:
    assert until(lambda: waiting(settings, kind) == 0), f"{waiting(settings, kind)} messages still wait"


def test_acknowledged_messages_leave_the_outbox(platform: FakePlatform, settings: Path, boxes) -> None:
    child = boxes()
    announced = platform.hear(3)

    platform.hear_until(tick(platform, START, START + QUARTER))
    platform.hear_until(tick(platform, START + QUARTER, START + timedelta(days=1)))
    wait_until_empty(settings)
    child.process.terminate()

    assert [(osb, verb) for osb, verb, _, _ in announced] == [(osb, "announce") for osb in BOXES]
    assert child.process.wait(PATIENCE_S) == 0
    assert child.output == ""


def test_kill_9_of_the_boxes_loses_no_reading(platform: FakePlatform, settings: Path, boxes) -> None:
    platform.acking = False
    child = boxes()
    platform.hear(3)
    first = tick(platform, START, START + QUARTER)
    platform.hear_until(first)
    child.kill()

    platform.acking = True
    boxes()

    platform.hear_until(first)
    platform.hear_until(tick(platform, START + QUARTER, START + 2 * QUARTER))
    wait_until_empty(settings)


def test_kill_9_of_the_broker_loses_no_reading(tmp_path: Path, broker, platform: FakePlatform, settings: Path, boxes) -> None:
    boxes()
    platform.hear(3)
    wait_until_empty(settings)
    platform.acking = False
    first = tick(platform, START, START + QUARTER)
    platform.hear_until(first)

    broker[0].kill()
    platform.acking = True
    again, _ = mosquitto(tmp_path, broker[1])

    platform.ready.get(timeout=PATIENCE_S)
    second = tick(platform, START + QUARTER, START + 2 * QUARTER)
    platform.hear_until(first | second)  # what the broker lost with its memory comes again with the next readings
    wait_until_empty(settings, "telemetry")
    again.stop()


def test_a_dispatch_while_the_boxes_are_down_is_found_on_return(platform: FakePlatform, settings: Path, boxes) -> None:
    child = boxes()
    platform.hear(3)
    platform.hear_until(tick(platform, START, START + QUARTER))
    wait_until_empty(settings)
    child.kill()
    base = "http://127.0.0.1:8080/id/"

    platform.say(
        "flexcoop/osb/osb-h01/dispatch",
        {
            "instruction": base + "instruction/i1",
            "event": base + "event/e1",
            "device": base + "device/h01-battery",
            "start": instant(START + QUARTER),
            "end": instant(START + 2 * QUARTER),
            "step": "PT15M",
            "notAfter": instant(START + QUARTER),
            "limit": [-1.0],
        },
    )
    boxes()

    platform.hear_until({base + "message/osb-h01/report/i1/Accepted"})


def test_the_boxes_end_with_the_process_that_started_them(settings: Path) -> None:
    parent = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "import subprocess, sys\n"
            f"child = subprocess.Popen([sys.executable, '-m', 'devices.neighbourhood', '--config', {str(settings)!r}, '--die-with-parent', '--verbose'],"
            " stderr=subprocess.PIPE)\n"
            "print(child.pid, flush=True)\n"
            "sys.stdin.read()\n",
        ],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    )
    assert parent.stdout is not None
    pid = int(parent.stdout.readline())
    state = settings.with_name("boxes.sqlite")
    assert until(lambda: state.exists() and state.stat().st_size > 0)

    parent.kill()
    parent.communicate()

    assert until(lambda: not _runs(pid))


def _runs(pid: int) -> bool:
    try:
        return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False


def test_a_configuration_that_does_not_fit_ends_with_its_sentence(tmp_path: Path) -> None:
    missing = tmp_path / "none.json"

    ended = subprocess.run(
        [sys.executable, "-m", "devices.neighbourhood", "--config", missing], capture_output=True, text=True, cwd=ROOT, check=False
    )

    assert ended.returncode == 1
    assert ended.stderr.startswith(f"the configuration {missing} can't be read")


def test_sigint_ends_the_boxes_cleanly(platform: FakePlatform, boxes) -> None:
    child = boxes()
    platform.hear(3)

    os.kill(child.process.pid, signal.SIGINT)

    assert child.process.wait(PATIENCE_S) == 0
