"""Devices on the box's own broker: the latest document, how old it is, and what is no sign of life."""

import json
import time
from decimal import Decimal

import pytest
from devices_platform import mosquitto
from devices_wire import PROFILES, TIMEOUT_S, broker, fails, given, wired
from paho.mqtt.client import Client, MQTTv311
from paho.mqtt.enums import CallbackAPIVersion
from patience import wait_for
from servers import free_port

from devices.errors import ConfigError, DeviceReadError, DeviceWriteError
from devices.simulators.wire import Simulated
from devices.transports import lift, open_device
from devices.transports.deadline import Deadline
from ontology.names import FCV

PLUG, CHARGER = PROFILES["zigbee2mqtt_plug"], PROFILES["ocpp_ev-charger"]
UNREACHABLE, FAULT = str(FCV.DeviceUnreachable), str(FCV.DeviceFault)
SAID = {"state": "ON", "power": 12.5, "energy": 3.21, "voltage": 231}


@pytest.fixture
def radio():
    """A client that says what a device would."""
    client = Client(CallbackAPIVersion.VERSION2, protocol=MQTTv311)
    client.connect(*broker())
    client.loop_start()
    yield client
    client.disconnect()
    client.loop_stop()


@pytest.fixture
def name() -> str:
    return f"plug-{time.monotonic_ns()}"


@pytest.fixture
def plug(name):
    host, port = broker()
    device = open_device(PLUG, {"host": host, "port": port, "name": name, "timeout": TIMEOUT_S})
    yield device
    device.close()


def say(radio, name: str, said: object, retain: bool = False) -> None:
    payload = said if isinstance(said, bytes) else json.dumps(said)
    radio.publish(f"zigbee2mqtt/{name}", payload, qos=1, retain=retain).wait_for_publish(5)


def listening(plug) -> None:
    """Wait until the box has subscribed: what is said before goes to nobody."""
    wait_for(lambda: not plug._topics._trouble)


def test_the_latest_document_counts(radio, plug, name):
    listening(plug)
    say(radio, name, SAID)
    say(radio, name, SAID | {"power": 99})
    wait_for(lambda: plug._topics.count == 2)
    assert {sample.point: sample.value for sample in lift(PLUG, plug.read())} == {
        "activePower": "99",
        "consumedEnergy": "3.21",
        "voltage": "231",
        "switchState": "1",
    }


def test_what_the_broker_had_kept_is_no_sign_of_life(radio, plug, name):
    """A plug that was unplugged weeks ago still has its last words kept on the broker."""
    say(radio, name, SAID, retain=True)
    host, port = broker()
    late = open_device(PLUG, {"host": host, "port": port, "name": name, "timeout": 0.5})
    with pytest.raises(DeviceReadError, match="nothing came") as caught:
        late.read()
    assert caught.value.reason == UNREACHABLE
    say(radio, name, SAID | {"power": 1})
    wait_for(lambda: late._topics.count == 1)
    assert lift(PLUG, late.read())[0].value == "1"
    late.close()
    say(radio, name, b"", retain=True)


@pytest.mark.parametrize("said", [b"", b"hello", b"\xff\xfe\x00", b"[]", b"12.5", b"{", b'{"state": "ON", "power": NaN}', b"[" * 5000])
def test_garbage_is_never_a_number(radio, plug, name, said):
    listening(plug)
    say(radio, name, said)
    wait_for(lambda: plug._topics.count == 1)
    try:
        samples = lift(PLUG, plug.read())
    except DeviceReadError:
        return
    assert [sample.value for sample in samples if sample.point != "switchState"] == [None] * 3


def test_a_message_that_is_too_large_is_passed_over(radio, plug, name, caplog):
    listening(plug)
    say(radio, name, SAID)
    wait_for(lambda: plug._topics.count == 1)
    say(radio, name, b'{"state": "ON", "power": 1, "x": "' + b"y" * 70_000 + b'"}')
    wait_for(lambda: "more than the 65536" in caplog.text)
    assert lift(PLUG, plug.read())[0].value == "12.5"


def test_a_broker_that_is_not_there_is_unreachable_in_time():
    device = open_device(PLUG, {"port": free_port(), "name": "p", "timeout": 0.5})
    started = time.monotonic()
    with pytest.raises(DeviceReadError, match="can't be heard") as caught:
        device.read()
    assert time.monotonic() - started < 1.5
    assert caught.value.reason == UNREACHABLE
    with pytest.raises(DeviceWriteError):
        device.write("switch", Decimal(1))
    device.close()


def test_a_broker_that_comes_back_is_found_again(tmp_path):
    child, port = mosquitto(tmp_path)
    with wired(PLUG, broker=("127.0.0.1", port)) as (_, device):
        device.read()
        child.stop()
        wait_for(lambda: fails(device))
        child, _ = mosquitto(tmp_path, port)
        wait_for(lambda: not fails(device))
        assert {sample.point: Decimal(sample.value or "NaN") for sample in lift(PLUG, device.read())} == given(PLUG)
    child.stop()


def test_what_no_broker_took_is_not_sent_when_one_comes_back(tmp_path):
    """The write failed and said so: a plug that is switched minutes later is switched by nobody."""
    child, port = mosquitto(tmp_path)
    told = []
    witness = Client(CallbackAPIVersion.VERSION2, protocol=MQTTv311)
    witness.on_message = lambda _client, _data, message: told.append(message.payload)
    with wired(PLUG, Simulated(PLUG), broker=("127.0.0.1", port)) as (simulated, device):
        topic = f"zigbee2mqtt/{simulated.address['name']}/set"
        device.read()
        child.stop()
        wait_for(lambda: fails(device))
        with pytest.raises(DeviceReadError, match="can't be told anything"):
            device._topics.publish(topic, b'{"state":"OFF"}', Deadline(0.1))
        child, _ = mosquitto(tmp_path, port)
        witness.connect("127.0.0.1", port)
        witness.subscribe(topic, 1)
        witness.loop_start()
        wait_for(lambda: not fails(device))
        device.write("switch", Decimal(1))
        wait_for(lambda: told)
        assert told == [b'{"state":"ON"}']
    witness.disconnect()
    witness.loop_stop()
    child.stop()


def test_a_member_who_switches_the_plug_by_hand_is_noticed():
    with wired(PLUG, Simulated(PLUG)) as (simulated, device):
        device.write("switch", Decimal(0))
        assert lift(PLUG, device.read())[0].value == "0"
        simulated.behaviour.obey("switch", Decimal(1))
        wait_for(lambda: device.read_back("switch") == 1)


def test_a_topic_that_never_spoke_costs_only_its_own_points(radio, name):
    host, port = broker()
    device = open_device(CHARGER, {"host": host, "port": port, "name": name, "timeout": 4.0})
    wait_for(lambda: not device._topics._trouble)
    radio.publish(f"ocpp/{name}/StatusNotification", json.dumps({"connectorId": 1, "status": "Charging"}), qos=1).wait_for_publish(5)
    samples = {sample.point: sample for sample in lift(CHARGER, device.read())}
    assert (samples["plugged"].value, samples["activePower"].reason) == ("1", FAULT)
    started = time.monotonic()
    device.read()
    assert time.monotonic() - started < 2.0  # it has had its time
    assert device.read_back("powerLimit") is None
    device.close()


@pytest.mark.parametrize("name", ["+", "zigbee/#", "a+b"])
def test_a_name_that_means_many_devices_is_refused(name):
    with pytest.raises(ConfigError, match="a device has a name of its own"):
        open_device(PLUG, {"name": name})


def test_a_name_is_needed():
    with pytest.raises(ConfigError, match="says no name"):
        open_device(PLUG, {})
