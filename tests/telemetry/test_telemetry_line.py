"""The line to the broker: acknowledgements that may be lost without harm, transactions that wait a moment, and a socket that reads ahead."""

import ssl
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from telemetry_box import Box, box, id_of, message, observation
from telemetry_home import RECEIVED, Home, furnish

from kg.embedded import EmbeddedStore
from kg.iris import Iris
from telemetry import Channels, DeadLetters, Readings, ReadingWriter
from telemetry.broker import Broker, start_broker
from telemetry.ingest import Ingest, Limits
from telemetry.line import ReadingAhead

START = datetime(2016, 8, 12, tzinfo=UTC)
SLOTS = [f"2016-08-12T{n // 4:02}:{n % 4 * 15:02}:00Z" for n in range(40)]


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Broker]:
    started = start_broker("127.0.0.1", 0, tmp_path / "broker")
    yield started
    started.stop()


@pytest.fixture
def ingest(broker: Broker, store: EmbeddedStore, iris: Iris, home: Home, tmp_path: Path) -> Iterator[Ingest]:
    furnish(store, iris, home)
    channels = Channels(store, iris)
    letters = DeadLetters(tmp_path / "dead.sqlite")
    made = Ingest(
        "127.0.0.1",
        broker.port,
        iris,
        store,
        ReadingWriter(store, iris, channels),
        letters,
        channels=channels,
        clock=lambda: RECEIVED,
        on_report=lambda *_: None,
        limits=Limits(spacing_s=0.3),
    )
    made.start()
    yield made
    made.stop()
    letters.close()


def test_many_messages_of_a_moment_share_a_transaction(broker: Broker, ingest: Ingest) -> None:
    with box(broker.port) as h01:
        for number, at in enumerate(SLOTS):
            h01.send(message(f"m{number}", observation(at, "1.5")))
        for number in range(len(SLOTS)):
            h01.ack(id_of(f"m{number}"))

    counts = ingest.metrics()
    assert (counts["messages"], counts["accepted"]) == (40, 40)
    assert counts["batches"] <= 10


def test_a_box_that_was_away_when_it_was_acknowledged_sends_again_and_doubles_nothing(
    broker: Broker, ingest: Ingest, store: EmbeddedStore, iris: Iris, home: Home
) -> None:
    sent = message("m1", observation(SLOTS[0], "1.5"))
    gone = Box(broker.port, "osb-h01")
    gone.send(sent)
    assert ingest.wait_for([id_of("m1")], 20) == set()
    gone.stop()

    with box(broker.port) as h01:
        h01.send(sent)
        ack = h01.ack(id_of("m1"))

    assert (ack["accepted"], ack["refused"]) == (1, [])
    counts = ingest.metrics()
    assert (counts["accepted"], counts["duplicates"], counts["superseded"]) == (1, 1, 0)
    channels = Channels(store, iris)
    frame = Readings(store, iris, channels).frame([home.power], START, datetime(2016, 8, 13, tzinfo=UTC))
    assert frame[home.power].dropna().tolist() == [1.5]


class _Wire(ssl.SSLSocket):
    """What a connection would hand out, record by record; asked for nothing else."""

    records: list[bytes]

    @classmethod
    def of(cls, records: list[bytes]) -> "_Wire":
        wire = cls.__new__(cls)
        wire.records = records
        return wire

    def recv(self, buflen: int = 1024, flags: int = 0) -> bytes:
        if not self.records:
            raise ssl.SSLWantReadError
        assert len(self.records[0]) <= buflen
        return self.records.pop(0)

    def pending(self) -> int:
        return len(self.records[0]) if self.records else 0


class _Ahead(ReadingAhead, _Wire):
    """The reader on such a wire."""


def test_a_socket_that_reads_ahead_loses_no_byte_and_knows_what_it_holds() -> None:
    socket = _Ahead.of([b"abcdef", b"g", b""])
    held = [socket.recv(1), socket.pending(), socket.recv(3), socket.pending(), socket.recv(10), socket.recv(10), socket.recv(10)]

    assert held == [b"a", 5, b"bcd", 2, b"ef", b"g", b""]
    assert socket.pending() == 0
    with pytest.raises(ssl.SSLWantReadError):
        socket.recv(1)
