"""The list of dead letters, and what becomes of a letter that is mended and replayed."""

import gzip
import json
import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from telemetry_box import message, observation
from telemetry_home import KW, RECEIVED, Home, quads

from commands import letters as letter_verbs
from kg.embedded import EmbeddedStore
from kg.errors import StoreError
from kg.iris import Iris
from telemetry import Channels, DeadLetters, Readings, ReadingWriter
from telemetry.load import Loader
from telemetry.refused import DROPPED, MENDED, OPEN, OTHER, Mending, UnknownLetterError, reason_of
from telemetry.replay import NotReplayableError, Replay

AT = datetime(2016, 8, 12, tzinfo=UTC)
TOPIC = "flexcoop/osb/osb-h01/telemetry"


@pytest.fixture
def letters(tmp_path: Path) -> Iterator[DeadLetters]:
    made = DeadLetters(tmp_path / "new" / "dead.sqlite")
    yield made
    made.close()


@pytest.fixture
def reports() -> list[tuple[str, dict[str, Any]]]:
    return []


@pytest.fixture
def replay(store: EmbeddedStore, iris: Iris, channels: Channels, writer: ReadingWriter, letters: DeadLetters, reports) -> Replay:
    def take(osb: str, report: dict[str, Any]) -> None:
        if "instruction" not in report:
            raise ValueError("the report names no instruction; add it")
        reports.append((osb, report))

    return Replay(store, iris, channels, writer, letters, take)


def payload(*readings: dict[str, Any], **more: Any) -> bytes:
    return json.dumps(message("m1", *readings) | more).encode()


def test_letters_are_listed_newest_first_and_survive_a_restart(tmp_path: Path) -> None:
    letters = DeadLetters(tmp_path / "dead.sqlite")
    first = letters.add(AT, "topic/a", b"\x00payload", "why a")
    letters.add(AT, "topic/b", b"{}", "why b", "[]")
    letters.close()

    again = DeadLetters(tmp_path / "dead.sqlite")
    listed = again.list()
    assert [(letter.source, letter.sentence, letter.detail) for letter in listed] == [("topic/b", "why b", "[]"), ("topic/a", "why a", "")]
    found = again.known(first)
    assert (found.payload, found.at, found.times) == (b"\x00payload", AT, 1)
    again.close()


def test_the_same_letter_again_only_counts_and_an_erased_one_is_gone(letters: DeadLetters) -> None:
    number = letters.add(AT, "topic", b"{}", "why")

    assert letters.add(AT + timedelta(hours=1), "topic", b"{}", "why") == number
    assert [(letter.times, letter.at, letter.last) for letter in letters.list()] == [(2, AT, AT + timedelta(hours=1))]
    assert letters.remove(number)
    assert not letters.remove(number)
    assert letters.get(number) is None
    with pytest.raises(UnknownLetterError, match="no dead letter"):
        letters.known(number)


def test_the_oldest_letters_make_room_and_mended_ones_first(tmp_path: Path) -> None:
    letters = DeadLetters(tmp_path / "dead.sqlite", limit=3)
    numbers = [letters.add(AT, "topic", str(n).encode(), "why") for n in range(3)]
    letters.record(numbers[2], Mending(AT, None, 1, ""))
    letters.add(AT, "topic", b"3", "why")
    assert [letter.payload for letter in letters.list(state="")] == [b"3", b"1", b"0"]
    letters.add(AT, "topic", b"4", "why")

    assert [letter.payload for letter in letters.list()] == [b"4", b"3", b"1"]
    assert letters.count() == 3
    letters.close()


def test_the_list_is_filtered_by_source_reason_time_and_state(letters: DeadLetters) -> None:
    unknown = letters.add(AT, TOPIC, b"1", "x: y is not a channel that any OSB has described; describe it")
    number = letters.add(
        AT + timedelta(days=1), TOPIC.replace("h01", "h02"), b"2", "a: b is not a number; send one\nc: d has no unit; send it"
    )
    letters.record(letters.add(AT, "file x.csv", b"3", "z: is not a number"), Mending(AT, None, 1, ""))

    def found(**filters: Any) -> list[int]:
        return [letter.id for letter in letters.list(**filters)]

    assert found(source="osb-h02") == found(reason="no-unit") == found(reason="not-a-number") == [number]
    assert found(reason="describe it") == found(until=AT + timedelta(days=1)) == [unknown]
    assert found(since=AT + timedelta(days=1)) == [number]
    assert len(found(state="")) == 3
    assert found(before=number) == [unknown]
    assert letters.reasons() == {"no-unit": 1, "not-a-number": 1, "unknown-channel": 1}
    assert letters.sources() == {TOPIC: 1, TOPIC.replace("h01", "h02"): 1}


def test_a_list_of_an_earlier_version_is_taken_over(tmp_path: Path) -> None:
    db = sqlite3.connect(tmp_path / "old.sqlite")
    db.execute(
        "create table letter (id integer primary key, digest text not null unique, at text not null, source text not null, "
        "payload blob not null, sentence text not null, detail text not null, times integer not null default 1) strict"
    )
    db.execute("insert into letter values (7, 'd', '2016-08-12T00:00:00Z', 'topic', x'7b7d', 'a: b has no unit; c', '', 3)")
    db.commit()
    db.close()

    letters = DeadLetters(tmp_path / "old.sqlite")

    (found,) = letters.list()
    assert (found.id, found.times, found.last, found.reasons, found.state) == (7, 3, AT, ("no-unit",), OPEN)
    letters.close()


REFUSED = [
    ({"observes": "connection/h01#nonsense"}, "unknown-channel"),
    ({"observes": "connection/h02#activePower"}, "foreign-channel"),
    ({"unit": "unit:DEG_C"}, "wrong-unit"),
    ({"value": "NaN"}, "not-a-number"),
    ({"value": "1e17"}, "not-a-number"),
    ({"at": "2016-08-12T00:07:00Z"}, "off-grid"),
    ({"at": "2016-08-12T00:00:00"}, "no-offset"),
    ({"at": "yesterday"}, "not-a-time"),
    ({"at": "1999-08-12T00:00:00Z"}, "time-too-early"),
    ({"at": "2030-08-12T00:00:00Z"}, "time-too-late"),
]


@pytest.mark.parametrize(("wrong", "reason"), REFUSED, ids=[reason for _, reason in REFUSED])
def test_what_is_refused_has_a_word_for_its_reason(wrong: dict[str, Any], reason: str, replay: Replay, letters: DeadLetters) -> None:
    letters.add(AT, TOPIC, payload(observation("2016-08-12T00:00:00Z", "1") | wrong), "unread")

    (sentence,) = replay.replay(1, now=RECEIVED).refused

    assert reason_of(sentence) == reason


def test_a_sentence_of_no_known_form_is_other() -> None:
    assert reason_of("the cat sat on the meter") == OTHER


def test_a_mended_letter_is_stored_and_leaves_the_list_with_what_it_was(
    replay: Replay, letters: DeadLetters, readings: Readings, home: Home
) -> None:
    wrong = payload(observation("2016-08-12T00:00:00Z", "1.5", unit="unit:DEG_C"))
    number = letters.add(AT, TOPIC, wrong, "why")
    mended = wrong.replace(b"DEG_C", b"KiloW")

    done = replay.replay(number, now=RECEIVED, payload=mended)

    assert (done.ok, done.accepted, done.state) == (True, 1, MENDED)
    assert readings.latest([home.power]) == {home.power: (AT, 1.5)}
    letter = letters.known(number)
    assert (letter.payload, letter.at, letter.state) == (wrong, AT, MENDED)
    assert letter.mendings == (Mending(RECEIVED, mended, 1, ""),)
    assert letters.list() == []
    with pytest.raises(NotReplayableError, match="mended, not open"):
        replay.replay(number, now=RECEIVED)


def test_a_letter_stays_open_while_anything_is_refused(replay: Replay, letters: DeadLetters, store: EmbeddedStore) -> None:
    both = payload(observation("2016-08-12T00:00:00Z", "1"), observation("2016-08-12T00:15:00Z", "lots"))
    number = letters.add(AT, TOPIC, both, "why")

    first = replay.replay(number, now=RECEIVED)
    stored = quads(store)
    second = replay.replay(number, now=RECEIVED)

    assert (first.accepted, len(first.refused), first.state) == (1, 1, OPEN)
    assert "'lots' is not a number" in first.refused[0]
    assert (second.accepted, quads(store)) == (1, stored)  # known already: nothing is added
    assert [one.payload for one in letters.known(number).mendings] == [None, None]
    assert letters.count() == 1  # a replay makes no new letter
    assert replay.replay(number, now=RECEIVED, payload=both.replace(b"lots", b"2")).ok


def test_a_replay_goes_on_from_the_last_mending(replay: Replay, letters: DeadLetters) -> None:
    number = letters.add(AT, TOPIC, b"{", "why")
    still_wrong = payload(observation("2016-08-12T00:00:00Z", "1", channel="connection/h01#nonsense"))
    replay.replay(number, now=RECEIVED, payload=still_wrong)

    assert letters.known(number).latest_payload == still_wrong
    assert letters.known(number).payload == b"{"


def test_a_mended_letter_can_not_speak_for_another_box(replay: Replay, letters: DeadLetters, store: EmbeddedStore) -> None:
    before = quads(store)
    number = letters.add(AT, TOPIC, b"{}", "why")

    foreign = replay.replay(
        number, now=RECEIVED, payload=payload(observation("2016-08-12T00:00:00Z", "1", channel="connection/h02#activePower"))
    )
    forged = replay.replay(number, now=RECEIVED, payload=payload(observation("2016-08-12T00:00:00Z", "1"), madeBy="osb/h02"))

    assert "may not speak for it" in foreign.refused[0]
    assert "own topic" in forged.refused[0]
    assert quads(store) == before


def test_an_announcement_is_taken_in_once_the_box_is_claimed(
    replay: Replay, letters: DeadLetters, store: EmbeddedStore, iris: Iris
) -> None:
    said = {
        "@context": message("x")["@context"],
        "@graph": [{"@id": "message/a1", "@type": "Message", "madeBy": "osb/h09"}, {"@id": "osb/h09", "@type": "OpenSmartBox"}],
    }
    number = letters.add(AT, "flexcoop/osb/osb-h09/announce", json.dumps(said).encode(), "why")

    done = replay.replay(number, now=RECEIVED)

    assert (done.ok, done.state) == (False, OPEN)
    assert reason_of(done.refused[0]) == "unclaimed-box"


def test_a_report_reaches_who_waits_for_it(replay: Replay, letters: DeadLetters, reports: list) -> None:
    topic = "flexcoop/osb/osb-h01/report"
    number = letters.add(AT, topic, b'{"message": "m"}', "why")

    assert "names no instruction" in replay.replay(number, now=RECEIVED).refused[0]
    assert replay.replay(number, now=RECEIVED, payload=b'{"message": "m", "instruction": "i"}').ok
    assert reports == [("osb-h01", {"message": "m", "instruction": "i"})]


def test_rows_of_a_file_are_mended_and_replayed(
    replay: Replay,
    letters: DeadLetters,
    store: EmbeddedStore,
    iris: Iris,
    channels: Channels,
    writer: ReadingWriter,
    readings: Readings,
    home: Home,
    tmp_path: Path,
) -> None:
    file = tmp_path / "meters.csv"
    file.write_text(
        f'channel,timestamp,value,unit\n{home.power},2016-08-12T00:00:00Z,"1,5",{KW}\n{home.power},2016-08-12T00:15:00Z,2,{KW}\n'
    )
    Loader(store, iris, channels, writer, letters).load(file, received=RECEIVED)
    (letter,) = letters.list()

    done = replay.replay(letter.id, now=RECEIVED, payload=letter.payload.replace(b'"1,5"', b"1.5"))

    assert (done.ok, done.accepted) == (True, 1)
    assert readings.frame([home.power], AT, AT + timedelta(minutes=30)).iloc[:, 0].tolist() == [1.5, 2.0]


@pytest.mark.parametrize(("source", "body"), [("elsewhere", b"x"), (TOPIC, b""), ("flexcoop/osb/osb-h01/ack", b"x")])
def test_what_came_from_nowhere_known_is_not_replayed(source: str, body: bytes, replay: Replay, letters: DeadLetters) -> None:
    number = letters.add(AT, source, body, "why")

    with pytest.raises(NotReplayableError, match="--drop"):
        replay.replay(number, now=RECEIVED)
    assert letters.drop(number)
    assert not letters.drop(number)
    assert letters.known(number).state == DROPPED


def test_a_dropped_letter_that_comes_again_is_open_again(letters: DeadLetters) -> None:
    number = letters.add(AT, TOPIC, b"{}", "why")
    letters.drop(number)
    letters.add(AT, TOPIC, b"{}", "why")

    assert [letter.id for letter in letters.list()] == [number]


def test_a_store_that_fails_leaves_the_letter_as_it_was(replay: Replay, letters: DeadLetters, store: EmbeddedStore) -> None:
    number = letters.add(AT, TOPIC, payload(observation("2016-08-12T00:00:00Z", "1")), "why")
    store.close()

    with pytest.raises(StoreError):
        replay.replay(number, now=RECEIVED)
    assert letters.known(number).mendings == ()
    assert letters.known(number).state == OPEN


def test_compressed_messages_and_senml_are_replayed_too(replay: Replay, letters: DeadLetters, readings: Readings, home: Home) -> None:
    packed = letters.add(AT, TOPIC, gzip.compress(payload(observation("2016-08-12T00:00:00Z", "1.5"))), "why")
    relative = letters.add(AT + timedelta(hours=1), TOPIC, json.dumps([{"n": home.power, "u": "kW", "v": 2.5, "t": -900}]).encode(), "why")

    assert replay.replay(packed, now=RECEIVED).ok
    assert replay.replay(relative, now=RECEIVED).refused == ()

    frame = readings.frame([home.power], AT, AT + timedelta(hours=1))
    assert frame.iloc[[0, 3], 0].tolist() == [1.5, 2.5]  # "a quarter of an hour ago" is meant from when it came, not from now


def test_a_letter_mended_into_nothing_stays_open(replay: Replay, letters: DeadLetters) -> None:
    number = letters.add(AT, TOPIC, payload(observation("2016-08-12T00:00:00Z", "lots")), "why")

    done = replay.replay(number, now=RECEIVED, payload=payload())

    assert (done.accepted, done.state) == (0, "open")
    assert "nothing in it is a reading" in done.refused[0]
    assert letters.known(number).payload != letters.known(number).latest_payload


def test_rows_mended_away_stay_open(replay: Replay, letters: DeadLetters) -> None:
    number = letters.add(AT, "file history.csv", b"channel,timestamp,value,unit\nx,y,z,\n", "why")

    assert replay.replay(number, now=RECEIVED, payload=b"channel,timestamp,value,unit\n").state == "open"


def test_one_letter_that_can_not_be_replayed_does_not_end_the_others(replay: Replay, letters: DeadLetters) -> None:
    nowhere = letters.add(AT, "somewhere/else", b"{}", "why")
    good = letters.add(AT, TOPIC, payload(observation("2016-08-12T00:00:00Z", "1")), "why")
    platform: Any = SimpleNamespace(replay=replay, dead_letters=letters, now=lambda: RECEIVED)

    done = letter_verbs.verbs(platform)["refused"]({"replay": "all"})

    assert done == {"ok": False, "replayed": 1, "accepted": 1, "still_open": [nowhere]}
    assert letters.known(good).state == "mended"
