"""kill -9 of platform, broker and box while a box sends, a full disk, a clock that is a day wrong: nothing is lost, nothing doubled.

`bench/kill.py` at a smaller scale; `test_telemetry_kill.py` holds the platform's side alone against every single acknowledgement.
"""

from pathlib import Path

import pytest
from servers import require

from bench import kill
from telemetry.broker import mosquitto_program

KILLS, SPEED, SEED = 4, 60.0, 7


@pytest.fixture(autouse=True)
def _mosquitto() -> None:
    require(mosquitto_program() is not None, "mosquitto is not installed")


def held(found: dict) -> dict[str, int]:
    outcome = found["outcome"]
    assert outcome["stored"] >= outcome["readings"] > 20
    return {name: outcome[name] for name in ("lost", "doubled", "misplaced", "waiting", "refused")}


NONE = {"lost": 0, "doubled": 0, "misplaced": 0, "waiting": 0, "refused": 0}


@pytest.mark.parametrize("part", ["platform", "broker", "box"])
def test_what_the_box_has_taken_over_survives_kills(tmp_path: Path, part: str) -> None:
    found = kill.run(tmp_path, KILLS, SPEED, SEED, [part])

    assert held(found) == NONE
    assert found[part]["times"] >= KILLS
    assert set(found["outcome"]["flags"]) <= {
        "PartialInterval",
        "DeviceUnreachable",
    }  # of minutes in which the box did not run, or was late


def test_a_full_disk_holds_readings_up_and_loses_none(tmp_path: Path) -> None:
    found = kill.run(tmp_path, 0, SPEED, SEED, ["disk"])
    require("skipped" not in found["disk"], f"a small file system can't be mounted here: {found['disk'].get('skipped')}")

    assert held(found) == NONE


def test_a_clock_that_is_set_wrong_by_a_day_moves_no_reading_and_is_flagged(tmp_path: Path) -> None:
    found = kill.run(tmp_path, 0, SPEED, SEED, ["clock"])

    assert held(found) == NONE
    assert found["outcome"]["flags"]["ClockSkew"] >= 2 * len(kill.CHANNELS)  # a day ahead, and a day behind
