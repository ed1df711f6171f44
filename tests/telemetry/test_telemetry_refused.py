"""The list of dead letters, and files of readings."""

import io
from datetime import UTC, datetime
from pathlib import Path

import pytest
from telemetry_home import KW, RECEIVED, Home, quads

from kg.embedded import EmbeddedStore
from telemetry import DeadLetters, Readings, ReadingWriter
from telemetry.load import Loaded, load_csv

AT = datetime(2016, 8, 12, tzinfo=UTC)
BASE = "http://127.0.0.1:8080"


def test_letters_are_listed_newest_first_and_survive_a_restart(tmp_path: Path) -> None:
    letters = DeadLetters(tmp_path / "new" / "dead.sqlite")
    first = letters.add(AT, "topic/a", b"\x00payload", "why a")
    letters.add(AT, "topic/b", b"{}", "why b", "[]")
    letters.close()

    again = DeadLetters(tmp_path / "new" / "dead.sqlite")
    listed = again.list()
    assert [(letter.source, letter.sentence, letter.detail) for letter in listed] == [("topic/b", "why b", "[]"), ("topic/a", "why a", "")]
    found = again.get(first)
    assert found is not None
    assert (found.payload, found.at, found.times) == (b"\x00payload", AT, 1)
    again.close()


def test_the_same_letter_again_only_counts_and_a_removed_one_is_gone(tmp_path: Path) -> None:
    letters = DeadLetters(tmp_path / "dead.sqlite")
    number = letters.add(AT, "topic", b"{}", "why")

    assert letters.add(AT, "topic", b"{}", "why") == number
    assert [letter.times for letter in letters.list()] == [2]
    assert letters.remove(number)
    assert not letters.remove(number)
    assert letters.get(number) is None
    letters.close()


def test_the_oldest_letters_make_room(tmp_path: Path) -> None:
    letters = DeadLetters(tmp_path / "dead.sqlite", limit=3)
    for n in range(5):
        letters.add(AT, "topic", str(n).encode(), "why")

    assert [letter.payload for letter in letters.list()] == [b"4", b"3", b"2"]
    assert letters.count() == 3
    letters.close()


def rows(*lines: str) -> io.StringIO:
    return io.StringIO("channel,timestamp,value,unit\n" + "\n".join(lines) + "\n")


def test_a_file_loads_its_days_closed_and_names_what_it_refused(
    store: EmbeddedStore, writer: ReadingWriter, readings: Readings, home: Home
) -> None:
    day = [f"connection/h01#activePower,2016-08-12T{n // 4:02d}:{n % 4 * 15:02d}:00Z,{n / 8},unit:KiloW" for n in range(96)]
    bad = ["connection/h01#activePower,2016-08-13T00:00:00,1,unit:KiloW", "connection/h01#nonsense,2016-08-13T00:00:00Z,1,unit:KiloW"]
    told: list[Loaded] = []

    loaded = load_csv(rows(*day, *bad), writer, base=BASE, received=RECEIVED, progress=told.append)

    assert (loaded.accepted, loaded.refused, len(loaded.sentences)) == (96, 2, 2)
    assert told
    assert "2016-08-13T00:00:00" in loaded.sentences[0]
    assert len(store.select("SELECT ?v { GRAPH ?g { ?d <https://w3id.org/flexcoop/ns#values> ?v } }")) == 1
    assert readings.energy(home.power, AT, AT.replace(day=13)).kwh == pytest.approx(sum(n / 8 for n in range(96)) / 4)


def test_a_file_loaded_twice_adds_nothing(store: EmbeddedStore, writer: ReadingWriter) -> None:
    lines = [f"connection/h01#activePower,2016-08-12T00:{n * 15:02d}:00Z,{n},{KW}" for n in range(4)]
    load_csv(rows(*lines), writer, base=BASE, received=RECEIVED)
    first = quads(store)

    again = load_csv(rows(*lines), writer, base=BASE, received=RECEIVED)

    assert (again.accepted, again.duplicates) == (0, 4)
    assert quads(store) == first
