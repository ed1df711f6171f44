"""A live box as a process where the field is unkind: a broker that says nothing, a second box, a broken card, a certificate that ended."""

import logging
import os
import socket
import time
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from devices_box_child import FastTime, battery
from devices_memory import MemoryDevice, inventory
from patience import until
from test_devices_box import Running, run
from test_devices_enrol import NOW, Authority

from devices import box, enrol
from devices.box import BoxProcess
from devices.errors import ConfigError
from devices.inventory import Inventory
from devices.mqtt import Delivery
from devices.outbox import Outbox
from devices.polling import Polled
from mappers.points import Sample

__all__ = ["run"]
NOBODY = 9  # the discard port: nobody listens


def environment():
    return FastTime(1.0, time.time()).environment(MemoryDevice(lambda: {"activePower": "1.5"}, powerLimit=Decimal(5)))


def test_a_broker_that_answers_no_handshake_holds_up_neither_the_box_nor_its_end(tmp_path, run, monkeypatch) -> None:
    monkeypatch.setattr("devices.mqtt.HANDSHAKE_S", 0.5)
    made = Authority()
    (tmp_path / "ca.pem").write_text(made.pem)
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        found = inventory(tmp_path, battery(), port=deaf.getsockname()[1])
        broker = replace(found.box.broker, ca=tmp_path / "ca.pem")
        running: Running = run(Inventory(replace(found.box, broker=broker), found.profiles), environment())
        connection, _ = deaf.accept()  # and never says a word
        with connection:
            begun = time.monotonic()
            running.stop()

    assert time.monotonic() - begun < 5


def test_two_boxes_do_not_share_a_state_file(tmp_path) -> None:
    first = BoxProcess(inventory(tmp_path, battery(), port=NOBODY), environment())
    with pytest.raises(ConfigError, match="another box is working with"):
        BoxProcess(inventory(tmp_path, battery(), port=NOBODY), environment())
    first.stop()
    first.run()
    again = BoxProcess(inventory(tmp_path, battery(), port=NOBODY), environment())
    again.stop()
    again.run()


@pytest.mark.parametrize("how", ["no database", "torn"])
def test_a_broken_state_file_is_set_aside_and_devices_are_brought_to_rest(tmp_path, caplog, run, how: str) -> None:
    state = tmp_path / "box.sqlite"
    if how == "no database":
        state.write_bytes(b"\xff" * 8192)
    else:
        outbox = Outbox(state)
        outbox.connection.execute("CREATE TABLE filler (x)")
        outbox.connection.executemany("INSERT INTO filler VALUES (?)", [(os.urandom(500),) for _ in range(200)])
        outbox.close()
        whole = bytearray(state.read_bytes())
        whole[8192 : len(whole) - 4096] = os.urandom(len(whole) - 12288)
        state.write_bytes(whole)
    device = MemoryDevice(lambda: {"activePower": "1.5"}, powerLimit=Decimal(1))  # the crashed box had limited it
    given = FastTime(1.0, time.time()).environment(device)
    running = run(inventory(tmp_path, battery(), port=NOBODY), given)
    assert until(lambda: device.held["powerLimit"] == Decimal(5))
    running.stop()

    assert "is broken" in caplog.text
    assert (tmp_path / "box.sqlite.broken").exists()


def test_a_state_file_that_cannot_be_opened_is_said_with_a_remedy(tmp_path) -> None:
    (tmp_path / "box.sqlite").mkdir()
    with pytest.raises(ConfigError, match="can't be opened"):
        BoxProcess(inventory(tmp_path, battery(), port=NOBODY), environment())
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="can't be written"):
        BoxProcess(inventory(tmp_path / "file", battery(), port=NOBODY), environment())


def test_more_devices_than_an_announcement_holds_are_refused_at_the_start(tmp_path: Path) -> None:
    meters = "\n".join(
        f'[[devices]]\nname = "plug{number}"\nprofile = "shelly_plus-plug-s"\naddress = {{ host = "h", name = "p{number}" }}\n'
        "ratings = { ratedPower = 2 }"
        for number in range(120)
    )
    path = tmp_path / "box.toml"
    path.write_text(f'base = "http://x"\nosb = "osb-h01"\nkey = "h01"\nsite = "h01"\nstate = "s"\n[broker]\nport = 1883\n{meters}\n')

    with pytest.raises(ConfigError, match="share them among several boxes"):
        box.inventory(path)


def test_a_certificate_that_ended_is_said_once_an_hour(tmp_path, caplog) -> None:
    made = Authority()
    key = enrol.private_key(tmp_path / "box.key")
    (tmp_path / "ca.pem").write_text(made.pem)
    (tmp_path / "box.pem").write_text(made.sign(enrol.request(key, "osb-h01")))

    assert enrol.expired(tmp_path / "box.pem", NOW + timedelta(days=29)) is None
    assert enrol.expired(tmp_path / "box.pem", NOW + timedelta(days=31)) == NOW + timedelta(days=30)
    assert enrol.expired(tmp_path / "none.pem", NOW) is None
    found = inventory(tmp_path, battery(), port=NOBODY)
    broker = replace(found.box.broker, ca=tmp_path / "ca.pem", certificate=tmp_path / "box.pem", key=tmp_path / "box.key")
    process = BoxProcess(Inventory(replace(found.box, broker=broker), found.profiles), environment())
    for _ in range(5):
        process.work(0.01)
    process.stop()
    process.run()
    assert caplog.text.count("get a new one with --enrol") == 1


def test_an_answer_that_is_no_certificate_text_does_not_end_the_box(tmp_path, caplog) -> None:
    made = Authority()
    key = enrol.private_key(tmp_path / "box.key")
    pem = made.sign(enrol.request(key, "osb-h01"))
    (tmp_path / "ca.pem").write_text(made.pem)
    (tmp_path / "box.pem").write_text(pem)
    found = inventory(tmp_path, battery(), port=NOBODY)
    broker = replace(found.box.broker, ca=tmp_path / "ca.pem", certificate=tmp_path / "box.pem", key=tmp_path / "box.key")
    process = BoxProcess(Inventory(replace(found.box, broker=broker), found.profiles), environment())
    confirmed = []
    process._renewed(Delivery("…/certificate", ("zertifiziert für ein Jahr\n" + pem).encode(), lambda: confirmed.append(True)))
    process.stop()
    process.run()

    assert confirmed == [True]
    assert (tmp_path / "box.pem").read_text() == pem
    assert "is not renewed" in caplog.text


def test_what_one_device_says_cannot_end_the_box(tmp_path, caplog) -> None:
    process = BoxProcess(inventory(tmp_path, battery(), port=NOBODY), environment())
    with caplog.at_level(logging.ERROR):
        process._report(Polled("battery", 1.0, (Sample("activePower", "no number"),)))
        process._take_found()
    process.stop()
    process.run()

    assert "can't be taken in" in caplog.text


@pytest.mark.parametrize(
    ("was", "written", "words"),
    [
        (
            "maximum = 24 }",
            'maximum = 24, point = "thermostat.airTemperature" }',
            "no device of the file has; name one as point: heatpump.airT",
        ),
        ('key = "h01"', 'key = "H01"', "in small letters"),
    ],
)
def test_what_would_only_fail_in_the_field_is_refused_at_the_start(tmp_path: Path, was: str, written: str, words: str) -> None:
    whole = f"""
base = "https://coop.example"
osb = "osb-{"H01" if "H01" in written else "h01"}"
key = "h01"
site = "h01"
zone = "h01-living"
state = "s"
[broker]
port = 1883
[[devices]]
name = "heatpump"
profile = "generic_sgready-heat-pump"
address = {{ host = "192.168.1.21" }}
ratings = {{ ratedPower = 3, coefficientOfPerformance = 3.2, thermalResistance = 0.004, thermalCapacitance = 18 }}
comfort = {{ minimum = 20, maximum = 24 }}
"""
    path = tmp_path / "box.toml"
    if "H01" not in written:
        path.write_text(whole)
        assert box.inventory(path).box.key == "h01"
    path.write_text(whole.replace(was, written))

    with pytest.raises(ConfigError, match=words):
        box.inventory(path)
