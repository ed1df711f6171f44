"""What a box says beside its readings, over the broker: gaps with their reasons, its clock, compressed messages; and what is told of it."""

import gzip
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from patience import until
from telemetry_box import Box, box, id_of, message, observation
from telemetry_home import RECEIVED, Home, furnish

from kg.embedded import EmbeddedStore
from kg.iris import Iris
from ontology.names import FCV
from telemetry import Channels, DeadLetters, Readings, ReadingWriter
from telemetry.broker import start_broker
from telemetry.days import Flag
from telemetry.ingest import Ingest

START = datetime(2016, 8, 12, tzinfo=UTC)
AT = "2016-08-12T00:00:00Z"


class Clock:
    """A clock that goes on by a quarter of a second whenever it is asked."""

    def __init__(self) -> None:
        self.now = RECEIVED

    def __call__(self) -> datetime:
        self.now += timedelta(milliseconds=250)
        return self.now


class Platform:
    """Everything between a broker and a store."""

    def __init__(self, port: int, iris: Iris, home: Home, directory: Path) -> None:
        self.store = EmbeddedStore()
        furnish(self.store, iris, home)
        channels = Channels(self.store, iris)
        self.readings = Readings(self.store, iris, channels)
        self.letters = DeadLetters(directory / "dead.sqlite")
        writer = ReadingWriter(self.store, iris, channels)
        self.ingest = Ingest(
            "127.0.0.1", port, iris, self.store, writer, self.letters, channels=channels, clock=Clock(), on_report=lambda *_: None
        )
        self.port = port

    def flags(self, channel: str) -> list[Flag]:
        return [flag for _, flag in self.readings.flags(channel, START, START + timedelta(days=1))]


@pytest.fixture
def platform(iris: Iris, home: Home, tmp_path: Path) -> Iterator[Platform]:
    broker = start_broker("127.0.0.1", 0, tmp_path / "broker", "auto")
    made = Platform(broker.port, iris, home, tmp_path)
    made.ingest.start()
    yield made
    made.ingest.stop()
    broker.stop()
    made.letters.close()


@pytest.fixture
def h01(platform: Platform) -> Iterator[Box]:
    with box(platform.port) as connected:
        yield connected


def quality_flag(until: str | None, reason: str = "fcv:DeviceUnreachable", channel: str = "connection/h01#activePower") -> dict[str, Any]:
    said = {"@type": "QualityFlag", "observes": channel, "at": AT, "reason": reason, "comment": "No answer to three questions."}
    return said if until is None else {**said, "until": until}


def test_gaps_arrive_with_their_reason_and_count_as_accepted(platform: Platform, h01: Box, home: Home) -> None:
    h01.send(message("m1", quality_flag("2016-08-12T01:00:00Z"), observation("2016-08-12T01:00:00Z", "1")))

    assert (h01.ack(id_of("m1"))["accepted"], h01.ack(id_of("m1"))["refused"]) == (2, [])
    (flag,) = platform.flags(home.power)
    assert (flag.reason, flag.offset, flag.end) == (str(FCV.DeviceUnreachable), 0, 3600)
    assert flag.comment == "No answer to three questions."


def test_a_flag_on_another_boxs_channel_is_refused(platform: Platform, h01: Box, home: Home) -> None:
    h01.send(message("m1", quality_flag(None, channel="connection/h02#activePower"), observation(AT, "1")))
    ack = h01.ack(id_of("m1"))

    assert ack["accepted"] == 1
    assert ["may not speak for it" in each["sentence"] for each in ack["refused"]] == [True]
    assert platform.flags(home.other) == []


def test_a_compressed_message_is_read_and_a_broken_one_refused(platform: Platform, h01: Box, home: Home) -> None:
    packed = gzip.compress(json.dumps(message("m1", observation(AT, "1.5"))).encode())
    h01.send(packed)
    assert h01.ack(id_of("m1"))["accepted"] == 1
    h01.send(packed[:-20])
    assert "ends too early" in h01.ack(None)["refused"][0]["sentence"]
    assert platform.readings.latest([home.power]) == {home.power: (START, 1.5)}


def test_senml_is_read(platform: Platform, h01: Box, home: Home) -> None:
    pack = [{"bn": "connection/h01/", "bt": START.timestamp(), "bu": "kW", "n": "activePower", "v": 2.5}]
    h01.send(json.dumps(pack).encode())

    ack = h01.ack_of_any()
    assert ack["accepted"] == 1
    assert platform.readings.latest([home.power]) == {home.power: (START, 2.5)}


def test_a_box_learns_the_platforms_times_and_the_platform_the_boxs(platform: Platform, h01: Box, home: Home) -> None:
    h01.send({**message("m1", observation(AT, "1"), observation(AT, "x")), "sent": "2016-09-29T23:59:58Z", "clockOffset": "-86400.5"})
    ack = h01.ack(id_of("m1"))
    received, sent = (datetime.fromisoformat(ack[name]) for name in ("received", "sent"))

    assert (received, sent) == (RECEIVED + timedelta(milliseconds=250), RECEIVED + timedelta(milliseconds=500))
    state = platform.ingest.boxes()["osb-h01"]
    assert (state.last_seen, state.lag_s, state.clock_offset_s) == (received, 2.25, -86400.5)
    assert (state.messages, state.accepted, state.refused) == (1, 1, 1)
    assert until(lambda: platform.ingest.metrics()["backlog"] == 0)  # the ack leaves the moment before its message is let go
    metrics = platform.ingest.metrics()
    assert (metrics["lag_p50_s"], metrics["lag_p99_s"], metrics["ack_p50_s"]) == (2.25, 2.25, 0.25)
    assert (metrics["trouble"], metrics["boxes"]) == (0.0, 1.0)
    assert platform.ingest.trouble is None
    (flag,) = platform.flags(home.power)
    assert flag.reason == str(FCV.ClockSkew)
