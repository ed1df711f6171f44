"""From a box over a real broker into the graph: committed before acknowledged, refused with a sentence, nothing lost."""

import json
import threading
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from patience import PATIENCE_S
from pyoxigraph import Quad
from servers import require
from telemetry_box import BASE, CONTEXT, box, id_of, message, observation
from telemetry_home import RECEIVED, Home, furnish, quads

from kg.embedded import EmbeddedStore
from kg.errors import StoreError
from kg.iris import Iris
from telemetry import Channels, DeadLetters, Readings, ReadingWriter
from telemetry.broker import Broker, mosquitto_program, start_broker
from telemetry.errors import BrokerError
from telemetry.ingest import Ingest, Limits

START = datetime(2016, 8, 12, tzinfo=UTC)
AT = "2016-08-12T00:00:00Z"


class Store(EmbeddedStore):
    """An embedded store whose writes fail on demand: a full disk can't be had on a test machine."""

    fails = False
    breaks_on: str | None = None
    failures = 0

    def apply(self, *, delete: Iterable[Quad] = (), insert: Iterable[Quad] = ()) -> None:
        added = list(insert)
        if self.fails:
            self.failures += 1
            raise StoreError("the store refused a write: no space left; free some")
        if self.breaks_on is not None and any(self.breaks_on in str(quad) for quad in added):
            raise RuntimeError("a mistake of ours")
        super().apply(delete=delete, insert=added)


class Platform:
    """What a platform has of telemetry, on one broker."""

    def __init__(self, broker: Broker, store: Store, iris: Iris, directory: Path) -> None:
        self.port, self.store = broker.port, store
        self.reports: list[tuple[str, dict[str, Any]]] = []
        self.report_failures: list[Exception] = []
        self.channels = Channels(store, iris)
        self.writer = ReadingWriter(store, iris, self.channels)
        self.readings = Readings(store, iris, self.channels)
        self.letters = DeadLetters(directory / "dead.sqlite")
        self.ingest = Ingest(
            "127.0.0.1",
            broker.port,
            iris,
            store,
            self.writer,
            self.letters,
            channels=self.channels,
            clock=lambda: RECEIVED,
            on_report=self._report,
            limits=Limits(retry_s=0.05, retry_max_s=0.05),
        )

    def _report(self, osb: str, report: dict[str, Any]) -> None:
        if self.report_failures:
            raise self.report_failures.pop()
        self.reports.append((osb, report))

    def value(self, channel: str, at: datetime = START) -> float:
        return float(self.readings.frame([channel], at, at + timedelta(minutes=15))[channel].iloc[0])

    def stop(self) -> None:
        self.ingest.stop()
        self.letters.close()


@pytest.fixture(params=["mosquitto", "amqtt"])
def broker(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Broker]:
    require(request.param != "mosquitto" or mosquitto_program() is not None, "mosquitto is not installed")
    started = start_broker("127.0.0.1", 0, tmp_path / "broker", request.param)
    yield started
    started.stop()


@pytest.fixture
def platform(broker: Broker, iris: Iris, home: Home, tmp_path: Path) -> Iterator[Platform]:
    store = Store()
    furnish(store, iris, home)
    made = Platform(broker, store, iris, tmp_path)
    made.ingest.start()
    yield made
    made.stop()


def test_a_message_is_acknowledged_once_its_readings_are_in_the_graph(platform: Platform, home: Home) -> None:
    with box(platform.port) as h01:
        h01.send(message("m1", observation(AT, "1.234")))
        ack = h01.ack(id_of("m1"))

    now = "2016-09-30T00:00:00Z"
    assert ack == {"message": id_of("m1"), "accepted": 1, "refused": [], "received": now, "sent": now}
    assert platform.value(home.power) == 1.234
    assert platform.ingest.wait_for([id_of("m1")], PATIENCE_S) == set()
    assert platform.ingest.wait_for([id_of("never")], 0.01) == {id_of("never")}


REMOTE = {**message("m1"), "@context": ["https://evil.example/context.jsonld"]}


@pytest.mark.parametrize(
    ("bad", "sentence"),
    [
        (
            observation(AT, "20", unit="unit:DEG_C"),
            f"{BASE}/id/connection/h01#activePower at {AT}: DEG_C can't be converted to KiloW, the unit of the channel; send the reading in KiloW",
        ),
        (
            observation(AT, "20", channel="connection/h01#nonsense"),
            f"{BASE}/id/connection/h01#nonsense at {AT}: {BASE}/id/connection/h01#nonsense is not a channel that any OSB has described; "
            "describe it in the announcement, or correct its name",
        ),
        (
            observation(AT, "20", channel="connection/h02#activePower"),
            f"{id_of('m1')}: {BASE}/id/connection/h02#activePower is a channel of another OSB, and osb-h01 may not speak for it; "
            "send only readings of the channels you have announced",
        ),
        (
            observation("2016-08-12T00:07:00Z", "20"),
            f"{BASE}/id/connection/h01#activePower at 2016-08-12T00:07:00Z: 2016-08-12T00:07:00Z is off the grid of the channel, whose intervals "
            "begin every PT15M from 00:00 UTC; send the mean of each interval under the time at which it begins",
        ),
        (observation("2016-08-12T00:00:00", "20"), "2016-08-12T00:00:00"),
        (observation(AT, "abc"), "abc"),
        (observation(AT, "NaN"), "NaN"),
    ],
    ids=["unit", "unknown", "foreign", "grid", "naive", "word", "nan"],
)
def test_a_reading_that_is_none_is_refused_with_its_sentence_and_the_others_are_stored(
    platform: Platform, home: Home, bad: dict[str, Any], sentence: str
) -> None:
    good = observation("2016-08-12T00:15:00Z", "2.5")
    with box(platform.port) as h01:
        h01.send(message("m1", bad, good))
        ack = h01.ack(id_of("m1"))

    (letter,) = platform.letters.list()
    assert ack["accepted"] == 1
    assert [sentence in each["sentence"] for each in ack["refused"]] == [True]
    assert sentence in letter.sentence
    assert json.loads(letter.payload)["@id"] == "message/osb-h01/m1"
    assert letter.source == "flexcoop/osb/osb-h01/telemetry"
    assert platform.value(home.power, START + timedelta(minutes=15)) == 2.5


@pytest.mark.parametrize(
    ("payload", "key", "sentence"),
    [
        (REMOTE, id_of("m1"), "no context is ever fetched"),
        (message("m1", observation(AT, "1"), home="h02"), id_of("m1"), "came on the topic of osb-h01; send it on the sender's own topic"),
        (b"{not json", None, "is not JSON"),
        (b"\xff\x00", None, "is not JSON"),
    ],
    ids=["remote-context", "impostor", "not-json", "binary"],
)
def test_a_message_of_no_use_is_refused_acknowledged_and_listed(
    platform: Platform, payload: bytes | dict[str, Any], key: str | None, sentence: str
) -> None:
    before = quads(platform.store)
    with box(platform.port) as h01:
        h01.send(payload)
        ack = h01.ack(key)

    (letter,) = platform.letters.list()
    assert (ack["accepted"], len(ack["refused"])) == (0, 1)
    assert sentence in ack["refused"][0]["sentence"]
    assert sentence in letter.sentence
    assert quads(platform.store) == before


def test_the_same_message_three_times_gives_the_same_quads(platform: Platform) -> None:
    sent = message("m1", observation(AT, "1.5"), observation("2016-08-12T00:15:00Z", "99"), observation(AT, "x"))
    with box(platform.port) as h01:
        h01.send(sent)
        first_ack = h01.ack(id_of("m1"))
        first = quads(platform.store)
        for _ in range(3):
            h01.acks.clear()
            h01.send(sent)
            assert h01.ack(id_of("m1")) == first_ack

    assert quads(platform.store) == first
    assert [letter.times for letter in platform.letters.list()] == [4]


def test_nothing_is_acknowledged_while_the_store_fails_and_nothing_is_lost(platform: Platform, home: Home) -> None:
    platform.store.fails = True
    with box(platform.port) as h01:
        for n in range(5):
            h01.send(message(f"m{n}", observation(f"2016-08-12T0{n}:00:00Z", n)))
        assert not h01.has_ack(id_of("m0"), 0.5)
        assert platform.store.failures > 0
        platform.store.fails = False
        accepted = [h01.ack(id_of(f"m{n}"))["accepted"] for n in range(5)]

    assert accepted == [1] * 5
    assert [platform.value(home.power, START + timedelta(hours=n)) for n in range(5)] == [0.0, 1.0, 2.0, 3.0, 4.0]
    assert platform.ingest.metrics()["store_failures"] >= 1


def test_a_message_that_breaks_our_code_spoils_no_other(platform: Platform, home: Home) -> None:
    platform.store.breaks_on = '"13.13"'
    with box(platform.port) as h01:
        h01.send(message("good", observation(AT, "1")))
        h01.send(message("bad", observation("2016-08-12T00:15:00Z", "13.13")))
        h01.send(message("also", observation("2016-08-12T00:30:00Z", "3")))
        acks = [h01.ack(id_of(key))["accepted"] for key in ("good", "bad", "also")]

    assert acks == [1, 0, 1]
    assert "a mistake of ours" in platform.letters.list()[0].sentence
    assert platform.value(home.power, START + timedelta(minutes=30)) == 3.0


def test_a_report_reaches_its_handler_and_is_acknowledged(platform: Platform) -> None:
    report = {"message": id_of("r1"), "instruction": f"{BASE}/id/instruction/i1", "status": "Accepted", "at": AT}
    with box(platform.port) as h01:
        h01.send(report, verb="report")
        ack = h01.ack(id_of("r1"))

    assert ack["accepted"] == 1
    assert platform.reports == [("osb-h01", report)]


def test_a_report_waits_for_the_store_and_a_wrong_one_is_refused(platform: Platform) -> None:
    platform.report_failures += [StoreError("the store is away; wait")]
    with box(platform.port) as h01:
        h01.send({"message": id_of("r1"), "status": "Accepted"}, verb="report")
        assert h01.ack(id_of("r1"))["accepted"] == 1
        platform.report_failures += [ValueError("instruction/i9 is unknown; report only what was sent")]
        h01.send({"message": id_of("r2"), "status": "Accepted"}, verb="report")
        refused = h01.ack(id_of("r2"))["refused"]

    assert [each["sentence"] for each in refused] == ["instruction/i9 is unknown; report only what was sent"]
    assert [report["message"] for _, report in platform.reports] == [id_of("r1")]


def announcement(key: str, osb: str = "h01", channel: str = "connection/h01#activePower", **more: Any) -> dict[str, Any]:
    described = {
        "@id": channel,
        "@type": ["fc:Channel", "saref:PropertyOfInterest"],
        "saref:isPropertyOfInterestOf": {"@id": channel.split("#")[0]},
        "saref:hasPropertyKind": {"@id": "fcv:ActivePower"},
        "qudt:hasUnit": {"@id": "http://qudt.org/vocab/unit/KiloW"},
        "fc:signConvention": {"@id": "fcv:ImportPositive"},
        "s4ener:hasTemporalResolution": {"@value": "PT15M", "@type": "xsd:dayTimeDuration"},
        "fc:minimum": -10,
        "fc:maximum": 10.5,
        **more,
    }
    sender = {"@id": f"message/osb-h01/{key}", "@type": "Message", "madeBy": f"osb/{osb}"}
    return {"@context": CONTEXT, "@graph": [sender, described]}


def test_an_announcement_replaces_the_boxs_own_graph_and_its_channels(platform: Platform, iris: Iris, home: Home) -> None:
    facts = platform.store.graph(iris.graph("member", "h01", "facts"))
    with box(platform.port) as h01:
        h01.send(announcement("a1"), verb="announce")
        ack = h01.ack(id_of("a1"))

    channel = platform.channels.known(home.power)
    assert ack["refused"] == []
    assert (channel.minimum, channel.maximum) == (-10.0, 10.5)
    assert [each.iri for each in platform.channels.in_graph(channel.graph)] == [home.power]
    assert platform.channels.get(home.other) is not None
    assert platform.store.graph(iris.graph("member", "h01", "facts")) == facts


@pytest.mark.parametrize(
    ("payload", "sentence"),
    [
        (announcement("a1", osb="h02"), "came on the topic of osb-h01"),
        (
            announcement("a1", channel="connection/h02#activePower"),
            "is described in http://127.0.0.1:8080/graph/member/h02/osb/h02 already",
        ),
        (announcement("a1", channel="https://evil.example/x#y"), "is not below http://127.0.0.1:8080/id/"),
        (announcement("a1", **{"qudt:hasUnit": []}), "The announcement of osb-h01 was refused"),
    ],
    ids=["impostor", "foreign", "outside", "shape"],
)
def test_an_announcement_that_is_not_the_boxs_to_make_changes_nothing(platform: Platform, payload: dict[str, Any], sentence: str) -> None:
    before = quads(platform.store)
    with box(platform.port) as h01:
        h01.send(payload, verb="announce")
        ack = h01.ack(id_of("a1"))

    assert sentence in ack["refused"][0]["sentence"]
    assert sentence in platform.letters.list()[0].sentence
    assert quads(platform.store) == before


def test_a_box_that_nobody_claimed_is_not_heard(platform: Platform) -> None:
    payload = announcement("a1", osb="h99", channel="connection/h99#activePower")
    with box(platform.port, "osb-h99") as h99:
        h99.send(payload, verb="announce")
        ack = h99.ack(id_of("a1"))

    assert "nobody has claimed it" in ack["refused"][0]["sentence"]


def test_messages_sent_while_the_platform_was_away_are_taken_in_after_its_return(
    broker: Broker, platform: Platform, iris: Iris, home: Home, tmp_path: Path
) -> None:
    platform.ingest.stop()
    sent = {id_of(f"m{n}"): message(f"m{n}", observation(f"2016-08-12T{n:02d}:00:00Z", n)) for n in range(24)}
    with box(platform.port) as h01:
        for each in sent.values():
            h01.send(each)
        again = Platform(broker, platform.store, iris, tmp_path)
        again.ingest.start()
        try:
            if broker.kind == "amqtt":  # it loses what it was just handing over, so the box's outbox has to send again
                for each in sent.values():
                    h01.send(each)
            assert [h01.ack(key)["accepted"] for key in sent] == [1] * 24
            assert again.value(home.power, START + timedelta(hours=23)) == 23.0
        finally:
            again.stop()


def test_a_broker_that_is_not_there_is_named(iris: Iris, home: Home, tmp_path: Path, nothing_listens: int) -> None:
    store = Store()

    class Nowhere:
        kind, host, port = "none", "127.0.0.1", nothing_listens

        def stop(self) -> None: ...

    platform = Platform(Nowhere(), store, iris, tmp_path)
    with pytest.raises(BrokerError, match=f"the MQTT broker at 127.0.0.1:{nothing_listens} can't be reached"):
        platform.ingest.start()
    platform.letters.close()


@pytest.fixture
def nothing_listens() -> int:
    from servers import free_port

    return free_port()


def test_waiting_ends_with_the_commit_and_not_with_the_timeout(platform: Platform) -> None:
    missing: list[set[str]] = []
    waiter: Callable[[], None] = lambda: missing.append(platform.ingest.wait_for([id_of("w0"), id_of("w1")], 30))  # noqa: E731
    thread = threading.Thread(target=waiter)
    thread.start()
    with box(platform.port) as h01:
        for n in range(2):
            h01.send(message(f"w{n}", observation(AT, "1")))
        thread.join(20)

    assert missing == [set()]
