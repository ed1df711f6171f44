"""Every profile against its simulator on a real wire: what it says, and what it does when something is wrong."""

import time
from decimal import Decimal

import pytest
from devices_wire import LATE_S, PROFILES, TIMEOUT_S, fails, given, wired
from patience import wait_for

from devices.errors import DeviceReadError
from devices.transports import lift
from ontology.names import FCV

UNREACHABLE, FAULT, MISMATCH = str(FCV.DeviceUnreachable), str(FCV.DeviceFault), str(FCV.RegisterMismatch)
EXPECTED = {
    "modbus": {"hang": UNREACHABLE, "slow": UNREACHABLE, "drop": UNREACHABLE, "exception": FAULT, "unit": FAULT, "shift": MISMATCH},
    "http": {"hang": UNREACHABLE, "slow": UNREACHABLE, "drop": UNREACHABLE, "exception": FAULT},
    "mqtt": {"hang": UNREACHABLE},
}
EXPECTED["sunspec"] = EXPECTED["modbus"]
CASES = [(id, fault) for id, profile in PROFILES.items() for fault in EXPECTED[profile.transport]]
every_profile = pytest.mark.parametrize("id", PROFILES)


def values(profile, raw) -> dict[str, Decimal]:
    samples = lift(profile, raw)
    assert [(sample.point, sample.reason, sample.comment) for sample in samples if sample.reason] == []
    return {sample.point: Decimal(sample.value) for sample in samples}


@every_profile
def test_what_is_read_is_what_was_simulated(id):
    profile = PROFILES[id]
    with wired(profile) as (_, device):
        assert values(profile, device.read()) == given(profile)


@pytest.mark.parametrize(("id", "fault"), CASES)
def test_a_fault_has_its_reason_in_time_and_is_over_when_it_is_over(id, fault):
    profile = PROFILES[id]
    with wired(profile, maximum_age=0.5, timeout=TIMEOUT_S) as (simulated, device):
        device.read()
        simulated.faults.named(fault)
        if profile.transport == "mqtt":
            wait_for(lambda: fails(device))
        started = time.monotonic()
        with pytest.raises(DeviceReadError) as caught:
            device.read()
        assert time.monotonic() - started < TIMEOUT_S + LATE_S
        assert caught.value.reason == EXPECTED[profile.transport][fault], caught.value.sentence
        simulated.faults.none()
        wait_for(lambda: not fails(device))
        assert values(profile, device.read()) == given(profile)


@pytest.mark.parametrize(("id", "fault"), CASES)
def test_a_device_that_is_wrong_from_the_beginning_has_the_same_reason(id, fault):
    profile = PROFILES[id]
    with wired(profile, fault=fault, timeout=TIMEOUT_S) as (_, device):
        started = time.monotonic()
        with pytest.raises(DeviceReadError) as caught:
            device.read()
        assert time.monotonic() - started < TIMEOUT_S + LATE_S
        assert caught.value.reason == EXPECTED[profile.transport][fault], caught.value.sentence


@pytest.mark.parametrize("id", [id for id, profile in PROFILES.items() if profile.transport in ("http", "mqtt")])
def test_the_document_of_another_device_is_a_mismatch_or_gives_no_value(id):
    profile = PROFILES[id]
    with wired(profile) as (simulated, device):
        device.read()
        simulated.faults.named("shift")
        wait_for(lambda: fails(device) or not any(sample.value for sample in lift(profile, device.read())))


@every_profile
def test_a_sentinel_is_no_value_and_the_other_points_keep_theirs(id):
    profile = PROFILES[id]
    silent = profile.points[0].name
    with wired(profile) as (simulated, device):
        device.read()
        simulated.faults.sentinel = frozenset({silent})
        wait_for(lambda: lift(profile, device.read())[0].value is None)
        first, *others = lift(profile, device.read())
        assert (first.point, first.reason) == (silent, str(FCV.SentinelValue))
        expected = given(profile)
        assert {sample.point: Decimal(sample.value) for sample in others if sample.value} == {
            sample.point: expected[sample.point] for sample in others
        }
