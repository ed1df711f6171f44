"""The box: announces, measures, obeys once, reports, opts out, and forgets nothing when it starts again."""

import json
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from devices_fixtures import ME, QUARTER, START, home, replay

from devices import announcement
from devices.config import Feed, OptOut
from devices.gateway import RecordingGateway
from devices.home import FeedModel, HomeModel
from devices.messages import TICK_TOPIC, Identity, instant
from devices.osb import OpenSmartBox
from devices.outbox import Outbox
from mappers import jsonld

REPLAY = replay()
HOME = replace(home(), ev=None)  # a car would empty the battery before the evening
EVENING = START + timedelta(hours=18)  # 18:00 local
BATTERY = ME.iri("device/h01-battery")
INSTRUCTION, EVENT = ME.iri("instruction/c1-h01-battery-1"), ME.iri("event/c1-h01")


class Bench:
    """A box on a bench: its gateway records, its outbox is a file."""

    def __init__(self, path: Path, opt_outs: tuple[OptOut, ...] = ()) -> None:
        self.path, self.opt_outs, self.gateway = path, opt_outs, RecordingGateway()
        self.outbox = Outbox(path, durable=False)
        self.start()

    def start(self) -> None:
        model = HomeModel(HOME, REPLAY, "PT1H")
        said = announcement.of_home(ME, HOME, model.channels)
        self.box = OpenSmartBox(ME, model, said, self.gateway, self.outbox, self.opt_outs)

    def restart(self) -> None:
        """As after kill -9: nothing but the file is left."""
        self.outbox.close()
        self.outbox, self.gateway = Outbox(self.path, durable=False), RecordingGateway()
        self.start()

    def tell(self, topic: str, body: object) -> list[dict]:
        """Let the box take in a message; returns what it sends."""
        before = len(self.gateway.sent)
        with self.outbox.transaction():
            self.box.receive(topic, body if isinstance(body, bytes) else json.dumps(body).encode())
        self.box.flush()
        return [json.loads(payload) for _, payload in self.gateway.sent[before:]]

    def tick(self, to: datetime, since: datetime | None = None) -> list[dict]:
        since = since or self.box.now or START
        sent = self.tell(TICK_TOPIC, {"tick": 1, "from": instant(since), "to": instant(to)})
        for body in sent:
            self.ack(body)
        return sent

    def ack(self, body: dict) -> None:
        self.tell(ME.topic("ack"), {"message": body.get("message") or body["@id"], "accepted": 1, "refused": []})

    def dispatch(self, **change: object) -> list[dict]:
        sent = self.tell(ME.topic("dispatch"), dispatch(**change))
        for body in sent:
            self.ack(body)
        return sent


@pytest.fixture
def bench(tmp_path: Path):
    made = Bench(tmp_path / "box.sqlite")
    yield made
    made.outbox.close()


def dispatch(**change: object) -> dict:
    return {
        "instruction": INSTRUCTION,
        "event": EVENT,
        "device": BATTERY,
        "start": instant(EVENING),
        "end": instant(EVENING + 4 * QUARTER),
        "step": "PT15M",
        "notAfter": instant(EVENING),
        "limit": [-2.0, -2.0, -1.0, -1.0],
    } | change


def statuses(sent: list[dict]) -> list[str]:
    return [body.get("status") or body.get("reason") or "readings" for body in sent]


def power(sent: list[dict], channel: str = "device/h01-battery#activePower") -> list[float]:
    """The battery's values in the messages."""
    found = []
    for message in sent:
        for reading in message.get("readings", ()):
            if reading["observes"] == channel:
                found += reading["values"] if "values" in reading else [float(reading["value"])]
    return found


# --- telemetry
def test_a_tick_of_a_quarter_hour_sends_one_observation_a_channel(bench: Bench) -> None:
    (sent,) = bench.tick(START + QUARTER)

    read = jsonld.lift(json.dumps(sent).encode())
    assert sent["@id"] == "http://127.0.0.1:8080/id/message/osb-h01/20160801T071500Z"
    assert read.made_by == ME.iri("osb/h01")
    assert read.refused == ()
    assert [one.channel for one in read.series] == [ME.iri(channel.path) for channel in HomeModel(HOME, REPLAY).channels]
    assert {(one.start, one.step, len(one.values)) for one in read.series} == {(START, None, 1)}


def test_a_longer_tick_sends_series_cut_at_utc_midnight(bench: Bench) -> None:
    (sent,) = bench.tick(START + timedelta(days=1))

    read = jsonld.lift(json.dumps(sent).encode())
    assert read.refused == ()
    assert {(one.start, len(one.values)) for one in read.series} == {
        (START, 17 * 4),
        (START + timedelta(hours=17), 7 * 4),
    }


def test_a_day_in_quarter_hours_and_a_day_at_once_read_the_same(bench: Bench, tmp_path: Path) -> None:
    other = Bench(tmp_path / "other.sqlite")

    steps = [body for i in range(96) for body in bench.tick(START + (i + 1) * QUARTER)]
    at_once = other.tick(START + timedelta(days=1))

    assert power(steps) == power(at_once)
    other.outbox.close()


def test_a_tick_that_is_already_measured_is_answered_with_the_same_message(bench: Bench) -> None:
    first = bench.tick(START + QUARTER)

    assert bench.tick(START + QUARTER, since=START) == first
    bench.restart()
    assert bench.tick(START + QUARTER, since=START) == first


def test_what_was_not_acknowledged_is_sent_again_after_a_restart(bench: Bench) -> None:
    sent = bench.tell(TICK_TOPIC, {"tick": 1, "from": instant(START), "to": instant(START + QUARTER)})

    bench.restart()
    bench.box.resend()

    topics = [topic.rsplit("/", 1)[1] for topic, _ in bench.gateway.sent]
    assert topics == ["announce", "telemetry"]
    assert json.loads(bench.gateway.sent[1][1]) == sent[0]


def test_what_stays_unanswered_is_sent_again_after_a_while(bench: Bench) -> None:
    bench.box.resend()
    bench.box.retry()
    assert len(bench.gateway.sent) == 1

    bench.box.retry()
    assert [topic for topic, _ in bench.gateway.sent] == [ME.topic("announce")] * 2

    bench.ack({"message": jsonld.announcement(bench.gateway.sent[0][1]).id})
    bench.box.retry()
    assert len(bench.gateway.sent) == 2


def test_a_box_announces_itself_at_each_connection(bench: Bench) -> None:
    bench.box.resend()
    bench.ack({"message": jsonld.announcement(bench.gateway.sent[0][1]).id})

    bench.box.resend()

    assert [topic for topic, _ in bench.gateway.sent] == [ME.topic("announce")] * 2


def test_missed_ticks_are_made_up_for(bench: Bench) -> None:
    bench.tick(START + QUARTER)

    sent = bench.tick(START + 4 * QUARTER, since=START + 3 * QUARTER)

    assert len(power(sent)) == 3


def test_without_connection_everything_stays_in_the_outbox(bench: Bench) -> None:
    bench.gateway.connected = False

    assert bench.tell(TICK_TOPIC, {"tick": 1, "from": instant(START), "to": instant(START + QUARTER)}) == []
    assert len(bench.outbox.waiting("osb-h01")) == 1


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"[]",
        b"[" * 100_000,
        b'{"from": 1}',
        b'{"from": "2016-08-01T07:00:00", "to": "x"}',
        b'{"tick": 1, "from": "2016-08-01T07:00:00Z", "to": "2016-08-01T07:07:00Z"}',
    ],
)
def test_a_tick_that_can_not_be_read_changes_nothing(bench: Bench, payload: bytes) -> None:
    assert bench.tell(TICK_TOPIC, payload) == []
    assert bench.box.now is None


def test_a_tick_past_the_end_of_the_series_leaves_the_box_as_it_was(bench: Bench) -> None:
    bench.tick(EVENING)

    assert bench.tick(REPLAY.end + QUARTER) == []
    assert bench.box.now == EVENING
    assert len(power(bench.tick(EVENING + QUARTER))) == 1


# --- announcement
def test_the_announcement_says_what_the_data_model_asks_for() -> None:
    channels = HomeModel(home(), REPLAY, "PT1H").channels

    said = jsonld.announcement(announcement.of_home(ME, home(), channels).payload)

    types = {
        t.subject.value.removeprefix(ME.iri("")): t.object.value.rpartition("#")[2]
        for t in said.triples
        if t.predicate.value.endswith("#type")
    }
    assert said.made_by == ME.iri("osb/h01")
    assert {
        name: types[name]
        for name in ("osb/h01", "device/h01-meter", "device/h01-pv", "device/h01-battery", "device/h01-ev", "device/h01-heatpump")
    } == {
        "osb/h01": "OpenSmartBox",
        "device/h01-meter": "SmartMeter",
        "device/h01-pv": "PVSystem",
        "device/h01-battery": "BatterySystem",
        "device/h01-ev": "EVCharger",
        "device/h01-heatpump": "HeatPump",
    }
    spread = {t.subject.value.removeprefix(ME.iri("")) for t in said.triples if t.predicate.value.endswith("spreadFrom")}
    assert spread == {"connection/h01#activePower", "site/h01#loadPower", "device/h01-pv#activePower"}


def test_every_term_of_the_announcements_is_in_the_ontology() -> None:
    from ontology import names

    known = {
        str(getattr(names, prefix)[term])
        for prefix in ("FC", "FCV", "SAREF", "S4ENER", "QUDT", "UNIT", "RDFS", "RDF")
        for term in _terms(getattr(names, prefix))
    }
    feed = Identity("http://127.0.0.1:8080", "osb-feed", "feed")
    said = (
        announcement.of_feed(feed, Feed(), FeedModel(Feed(), REPLAY, "PT1H").channels),
        announcement.of_home(ME, home(), HomeModel(home(), REPLAY).channels),
    )

    for message in said:
        for triple in jsonld.describe(message.payload):
            used = {triple.predicate.value} | (
                {triple.object.value} if hasattr(triple.object, "value") and not hasattr(triple.object, "datatype") else set()
            )
            assert {iri for iri in used if not iri.startswith("http://127.0.0.1")} <= known


def _terms(namespace: type) -> list[str]:
    return [*(name for name in namespace.__annotations__ if not name.startswith("_")), *getattr(namespace, "_extras", [])]


def test_the_thermal_ratings_are_announced_in_their_units() -> None:
    said = announcement.of_home(ME, home(), HomeModel(home(), REPLAY).channels)
    amounts = {
        t.subject.value.partition("#")[2]: t.object.value for t in jsonld.describe(said.payload) if t.predicate.value.endswith("hasValue")
    }

    assert amounts["thermalResistance"] == "0.004"  # 4 K/kW
    assert amounts["thermalCapacitance"] == "18"  # 5 kWh/K


# --- dispatch
def test_an_instruction_is_accepted_started_kept_and_finished(bench: Bench) -> None:
    bench.tick(EVENING)

    accepted = bench.dispatch()
    steps = [bench.tick(EVENING + (i + 1) * QUARTER) for i in range(5)]

    assert statuses(accepted) == ["Accepted"]
    assert [statuses(sent) for sent in steps] == [
        ["Started", "readings"],
        ["readings"],
        ["readings"],
        ["Succeeded", "readings"],
        ["readings"],
    ]
    assert [max(power(sent)) <= limit for sent, limit in zip(steps, [-2, -2, -1, -1], strict=False)] == [True] * 4
    assert steps[3][0]["at"] == instant(EVENING + 4 * QUARTER)


def test_a_limit_that_can_not_be_kept_is_reported_with_its_reason(bench: Bench) -> None:
    bench.tick(EVENING)

    bench.dispatch(limit=[-5.0] * 4, end=instant(EVENING + 4 * QUARTER))
    sent = bench.tick(EVENING + 4 * QUARTER)

    done = next(body for body in sent if body.get("status") == "Succeeded")
    assert "quarter-hours: the battery had no more to give" in done["reason"]


def test_an_instruction_runs_once_however_often_it_comes(bench: Bench) -> None:
    bench.tick(EVENING)

    assert statuses(bench.dispatch()) == ["Accepted"]
    assert bench.dispatch() == []
    bench.tick(EVENING + 4 * QUARTER)
    assert bench.dispatch() == []
    bench.restart()
    assert bench.dispatch() == []


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"notAfter": instant(EVENING - QUARTER)}, f"it came at {instant(EVENING)}, after its last moment {instant(EVENING - QUARTER)}"),
        ({"device": ME.iri("device/h02-battery")}, f"this box controls no device {ME.iri('device/h02-battery')}"),
        ({"device": ME.iri("device/h01-pv")}, f"this box controls no device {ME.iri('device/h01-pv')}"),
        ({"limit": [1.0]}, "the instruction has 1 limits for 4 slots; send one for each"),
        (
            {"limit": ["x"] * 4},
            "the instruction can't be read: limit is ['x', 'x', 'x', 'x'], where a list of numbers in kW is needed; send one for each slot",
        ),
        ({"end": instant(EVENING)}, f"the instruction ends at {instant(EVENING)}, not after it starts; send a later end"),
        ({"step": "PT7M"}, "the instruction can't be read: step is 'PT7M', which is no multiple of 15 minutes; write it like PT15M"),
        (
            {"start": "2016-08-02T01:00:00"},
            "the instruction can't be read: '2016-08-02T01:00:00' is not an instant with an offset; write it like 2016-08-29T19:00:00Z",
        ),
    ],
)
def test_an_instruction_that_can_not_be_followed_is_rejected(bench: Bench, change: dict, reason: str) -> None:
    bench.tick(EVENING)

    (sent,) = bench.dispatch(**change)

    assert (sent["status"], sent["reason"]) == ("Rejected", reason)
    assert -2.0 < power(bench.tick(EVENING + QUARTER))[0] < 0.0


def test_an_instruction_survives_a_restart(bench: Bench) -> None:
    bench.tick(EVENING)
    bench.dispatch()
    bench.tick(EVENING + QUARTER)

    bench.restart()
    sent = bench.tick(EVENING + 4 * QUARTER)

    assert statuses(sent) == ["Succeeded", "readings"]
    assert all(value <= -1 for value in power(sent))


def test_a_revoked_instruction_ends_and_stays_ended(bench: Bench) -> None:
    bench.tick(EVENING)
    bench.dispatch()
    bench.tick(EVENING + QUARTER)

    sent = bench.tell(ME.topic("dispatch"), {"revoke": INSTRUCTION, "at": instant(EVENING + QUARTER)})

    bench.ack(sent[0])
    assert statuses(sent) == ["Aborted"]
    assert bench.dispatch() == []
    assert statuses(bench.tick(EVENING + 4 * QUARTER)) == ["readings"]


def test_after_an_event_the_box_returns_to_normal(bench: Bench, tmp_path: Path) -> None:
    other = Bench(tmp_path / "other.sqlite")
    for one in (bench, other):
        one.tick(EVENING)
    bench.dispatch(device=ME.iri("device/h01-heatpump"), limit=[0.0] * 4)

    bound = bench.tick(EVENING + 12 * QUARTER)
    free = other.tick(EVENING + 12 * QUARTER)

    pump = "device/h01-heatpump#activePower"
    assert power(bound, pump)[:4] == [0.0] * 4
    assert power(bound, pump)[-1] == power(free, pump)[-1]
    other.outbox.close()


def test_a_home_opts_out_once_and_is_not_asked_again(tmp_path: Path) -> None:
    bench = Bench(tmp_path / "box.sqlite", (OptOut("h01", after_minutes=30),))
    bench.tick(EVENING)
    bench.dispatch()

    steps = [bench.tick(EVENING + (i + 1) * QUARTER) for i in range(4)]
    again = bench.dispatch(instruction=INSTRUCTION + "-2")

    assert [statuses(sent) for sent in steps] == [
        ["Started", "readings"],
        ["readings"],
        ["ManualOverride", "Aborted", "readings"],
        ["readings"],
    ]
    assert steps[2][0]["optOut"] == EVENT
    assert steps[2][0]["at"] == instant(EVENING + 2 * QUARTER)
    assert again[0]["status"] == "Rejected"
    bench.outbox.close()


def test_another_event_is_not_opted_out_of(tmp_path: Path) -> None:
    bench = Bench(tmp_path / "box.sqlite", (OptOut("h01", after_minutes=0, event=ME.iri("event/c2-h01")),))
    bench.tick(EVENING)
    bench.dispatch()

    assert statuses(bench.tick(EVENING + 4 * QUARTER)) == ["Started", "Succeeded", "readings"]
    bench.outbox.close()
