"""A simulated device as a process: `python -m devices.simulators.wire`."""

import json
import subprocess
import sys
from decimal import Decimal

import pytest
from devices_wire import PROFILES, broker
from patience import PATIENCE_S
from servers import ROOT, running

from devices.errors import DeviceReadError
from devices.transports import lift, open_device

COMMAND = [sys.executable, "-m", "devices.simulators.wire"]


def read_from(profile: str, *more: str, timeout: float = 5) -> dict[str, str | None]:
    """Start it, read it once, end it, and see that it ended well."""
    with running([*COMMAND, profile, *more]) as child:
        child.wait_until(lambda: "\n" in child.output)
        address = json.loads(child.output.partition(" listens at ")[2])
        device = open_device(PROFILES[profile], address | {"timeout": timeout})
        try:
            return {sample.point: sample.value for sample in lift(PROFILES[profile], device.read())}
        finally:
            device.close()
            child.stop()
            assert child.process.returncode == 0, child.output


def test_it_listens_says_where_and_ends_on_sigterm():
    assert read_from("sunspec_pv-inverter", "--power", "3.5")["activePower"] == "3500"
    assert read_from("homewizard_p1", "--power", "-2")["activePower"] == "-2000"
    assert read_from("generic_sgready-heat-pump", "--serial", "--power", "1")["activePower"] == "1000"
    assert read_from("zigbee2mqtt_plug", "--broker", f"127.0.0.1:{broker()[1]}", "--name", "lamp", "--rated", "2")["activePower"] == "200"


def test_it_starts_with_a_fault():
    with pytest.raises(DeviceReadError, match="didn't answer"):
        read_from("eastron_sdm630", "--fault", "hang", timeout=0.5)


@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [
        (["kettle"], 1, "there is no device profile 'kettle'; choose from eastron_sdm120, eastron_sdm630"),
        (["zigbee2mqtt_plug"], 1, "speaks on a broker, and none was named"),
        (["zigbee2mqtt_plug", "--broker", "here"], 2, "'here' is no HOST:PORT"),
        (["eastron_sdm630", "--power", "much"], 2, "'much' is no number"),
        (["eastron_sdm630", "--fault", "fire"], 2, "invalid choice: 'fire'"),
    ],
)
def test_what_cannot_be_started_is_refused_with_a_sentence(arguments, status, words):
    ended = subprocess.run([*COMMAND, *arguments], capture_output=True, text=True, timeout=PATIENCE_S, check=False, cwd=ROOT)
    assert ended.returncode == status
    assert words in ended.stderr
    assert "Traceback" not in ended.stderr


def test_a_port_that_is_taken_is_refused_with_a_sentence():
    with running([*COMMAND, "eastron_sdm630"]) as child:
        child.wait_until(lambda: "\n" in child.output)
        port = json.loads(child.output.partition(" listens at ")[2])["port"]
        ended = subprocess.run(
            [*COMMAND, "homewizard_p1", "--port", str(port)], capture_output=True, text=True, timeout=PATIENCE_S, check=False, cwd=ROOT
        )
    assert ended.returncode == 1
    assert "in use" in ended.stderr


def test_energy_of_a_process_is_decimal_on_the_wire():
    values = read_from("ocpp_ev-charger", "--broker", f"127.0.0.1:{broker()[1]}", "--name", "wallbox", "--power", "7.4")
    assert Decimal(values["consumedEnergy"] or "NaN") >= 0
